//! A read-ahead buffer over a part of a file.

use std::io::Result;

use nanovhd_tree::ReadAt;

/// How much is read at once: enough that the calls cost nothing beside the decoding, small enough
/// to stay in the caches between reading and decoding.
const READ: usize = 1 << 20;

/// Bytes of a file around the place that is being read. The buffer is kept from one read to the
/// next, because memory that was never touched costs more than the copy into it.
#[derive(Debug, Default)]
pub(crate) struct Window {
    buf: Vec<u8>,
    /// Where the first byte of the buffer lies in the file.
    start: u64,
    /// How many bytes of the buffer are read.
    len: usize,
}

impl Window {
    /// The `len` bytes of `file` at `at`. Reads on as far as the buffer goes, but not beyond
    /// `limit`, where the bytes end that will be asked for.
    ///
    /// # Errors
    /// What the file reports. The window is empty then.
    pub(crate) fn bytes<R: ReadAt>(&mut self, file: &R, at: u64, len: usize, limit: u64) -> Result<&[u8]> {
        let within = at.checked_sub(self.start).and_then(|n| usize::try_from(n).ok()).filter(|&n| n <= self.len);
        let from = match within {
            Some(from) if self.len - from >= len => from,
            Some(from) => {
                self.buf.copy_within(from..self.len, 0);
                self.fill(file, at, self.len - from, len, limit)?;
                0
            }
            None => {
                self.fill(file, at, 0, len, limit)?;
                0
            }
        };
        Ok(&self.buf[from..from + len])
    }

    /// Forgets what was read, because what comes is of another file.
    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    /// Makes the window start at `at`, where its first `kept` bytes are in place already.
    fn fill<R: ReadAt>(&mut self, file: &R, at: u64, kept: usize, len: usize, limit: u64) -> Result<()> {
        let useful = usize::try_from(limit.saturating_sub(at)).unwrap_or(usize::MAX);
        let wanted = useful.min(READ).max(len);
        if self.buf.len() < wanted {
            self.buf.resize(wanted, 0);
        }
        self.len = 0;
        file.read_exact_at(&mut self.buf[kept..wanted], at + kept as u64)?;
        (self.start, self.len) = (at, wanted);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Counted(Vec<u8>, AtomicUsize);

    impl ReadAt for Counted {
        fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
            self.1.fetch_add(buf.len(), Ordering::Relaxed);
            self.0.read_at(buf, offset)
        }

        fn len(&self) -> Result<u64> {
            Ok(self.0.len() as u64)
        }
    }

    #[test]
    fn sequential_reading_reads_every_byte_once() {
        let bytes: Vec<u8> = (0..3 * READ + 17).map(|i| (i % 251).to_le_bytes()[0]).collect();
        let file = Counted(bytes.clone(), AtomicUsize::new(0));
        let mut window = Window::default();
        let mut at = 0;
        for len in [1, 5000, 70_000, 0, 333].into_iter().cycle() {
            let len = len.min(bytes.len() - at);
            let got = window.bytes(&file, at as u64, len, bytes.len() as u64).unwrap();
            assert_eq!(got, &bytes[at..at + len]);
            at += len;
            if at == bytes.len() {
                break;
            }
        }
        assert_eq!(file.1.load(Ordering::Relaxed), bytes.len());
    }

    #[test]
    fn nothing_beyond_the_limit_is_read_ahead() {
        let file = Counted(vec![7; 1000], AtomicUsize::new(0));
        let mut window = Window::default();
        window.bytes(&file, 100, 10, 150).unwrap();
        assert_eq!(file.1.load(Ordering::Relaxed), 50);
        assert_eq!(window.bytes(&file, 50, 10, 60).unwrap(), [7; 10], "going back reads again");
    }

    #[test]
    fn a_failed_read_leaves_no_stale_bytes() {
        let file = vec![1u8; 100];
        let mut window = Window::default();
        window.bytes(&file, 0, 50, 50).unwrap();
        assert!(window.bytes(&file, 40, 100, 140).is_err());
        assert_eq!(window.bytes(&file, 90, 10, 100).unwrap(), [1; 10]);
        assert!(window.bytes(&file, u64::MAX - 5, 3, u64::MAX).is_err());
    }
}
