//! Reading the contents of a disk's volume on several threads.
//!
//! The contents are numbered by place, and the workers take them in that order, a few at a time: the
//! disk is read from front to back, and each worker has one buffer.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::Builder;

use crate::volume::{ContentError, Receiver, StreamFailure};

/// What is read at once.
const BUFFER: usize = 1 << 20;
/// Contents that a worker takes at once: most are small, and lie side by side.
const BATCH: usize = 8;

/// Reads bytes of a content from an offset on; fewer than there is room for only at its end.
pub(crate) type Read<'r> = dyn Fn(u32, u64, &mut [u8]) -> Result<usize, ContentError> + Sync + 'r;

/// Hands the contents to the receiver. Of several failures the one of the first content counts.
pub(crate) fn stream(
    read: &Read<'_>,
    contents: &[u32],
    threads: NonZeroUsize,
    receiver: &dyn Receiver,
) -> Result<(), StreamFailure> {
    let pool = Pool {
        read,
        contents,
        receiver,
        next: AtomicUsize::new(0),
        stop: AtomicBool::new(false),
        failure: Mutex::default(),
    };
    let threads = threads.get().min(contents.len().div_ceil(BATCH));
    std::thread::scope(|scope| {
        for _ in 1..threads {
            // With fewer workers than were asked for it is done as well, only later.
            if Builder::new().spawn_scoped(scope, || pool.work()).is_err() {
                break;
            }
        }
        pool.work();
    });
    let failure = pool.failure.into_inner().unwrap_or_else(PoisonError::into_inner);
    failure.map_or(Ok(()), |(_, failure)| Err(failure))
}

struct Pool<'p> {
    read: &'p Read<'p>,
    contents: &'p [u32],
    receiver: &'p dyn Receiver,
    next: AtomicUsize,
    stop: AtomicBool,
    /// With the place of its content.
    failure: Mutex<Option<(usize, StreamFailure)>>,
}

impl Pool<'_> {
    fn work(&self) {
        let mut buffer = vec![0; BUFFER];
        while !self.stop.load(Ordering::Relaxed) {
            let start = self.next.fetch_add(BATCH, Ordering::Relaxed);
            let Some(rest) = self.contents.get(start..).filter(|rest| !rest.is_empty()) else { break };
            for (place, &content) in (start..).zip(rest.iter().take(BATCH)) {
                if let Err(failure) = self.one(content, &mut buffer) {
                    self.fail(place, failure);
                    return;
                }
            }
        }
    }

    fn one(&self, content: u32, buffer: &mut [u8]) -> Result<(), StreamFailure> {
        let mut offset = 0;
        loop {
            let n = match (self.read)(content, offset, buffer) {
                Ok(n) => n,
                Err(error) => {
                    let failed = self.receiver.failed(content, error);
                    return failed.map_err(|error| StreamFailure::Content { index: Some(content), error });
                }
            };
            if n > 0 {
                self.receiver.write(content, offset, &buffer[..n]).map_err(StreamFailure::Receiver)?;
                offset += n as u64;
            }
            if n < buffer.len() {
                return self.receiver.finish(content).map_err(StreamFailure::Receiver);
            }
        }
    }

    fn fail(&self, place: usize, failure: StreamFailure) {
        self.stop.store(true, Ordering::Relaxed);
        let mut first = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if first.as_ref().is_none_or(|(other, _)| place < *other) {
            *first = Some((place, failure));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io;

    use nanovhd_wim::BlobSink;

    use super::*;

    #[derive(Default)]
    struct Taken {
        bytes: Mutex<BTreeMap<u32, (u64, bool)>>,
        refuse: Option<u32>,
    }

    impl BlobSink for Taken {
        fn write(&self, index: u32, offset: u64, bytes: &[u8]) -> io::Result<()> {
            if self.refuse == Some(index) {
                return Err(io::Error::other("refused"));
            }
            let mut taken = self.bytes.lock().unwrap();
            let (len, _) = taken.entry(index).or_default();
            assert_eq!(*len, offset);
            *len += bytes.len() as u64;
            Ok(())
        }

        fn finish(&self, index: u32) -> io::Result<()> {
            self.bytes.lock().unwrap().entry(index).or_default().1 = true;
            Ok(())
        }
    }

    impl Receiver for Taken {}

    /// Content `n` has so many half buffers.
    fn read(content: u32, offset: u64, buf: &mut [u8]) -> Result<usize, ContentError> {
        let len = u64::from(content) * (BUFFER as u64 / 2);
        let n = len.saturating_sub(offset).min(buf.len() as u64);
        Ok(usize::try_from(n).unwrap())
    }

    #[test]
    fn every_content_comes_whole_and_in_order() {
        for threads in [1, 3] {
            let contents: Vec<u32> =
                (0..30).map(|n| n % 5).collect::<std::collections::BTreeSet<_>>().into_iter().collect();
            let taken = Taken::default();
            stream(&read, &contents, NonZeroUsize::new(threads).unwrap(), &taken).unwrap();
            let expected = contents.iter().map(|&n| (n, (u64::from(n) * (BUFFER as u64 / 2), true))).collect();
            assert_eq!(taken.bytes.into_inner().unwrap(), expected);
        }
    }

    #[test]
    fn a_receiver_that_fails_stops_the_reading() {
        let taken = Taken { refuse: Some(3), ..Taken::default() };
        let failure = stream(&read, &[1, 2, 3, 4], NonZeroUsize::MIN, &taken).unwrap_err();
        assert!(matches!(failure, StreamFailure::Receiver(_)), "{failure:?}");
        assert!(!taken.bytes.into_inner().unwrap().contains_key(&4));
    }
}
