//! A file on the disc.

use std::fmt;
use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;

use nanovhd_tree::{Filetime, ReadAt};

use crate::input::Input;
use crate::runs::Runs;

/// The content of a file on the disc, by [`ReadAt`]. Reads go straight to the image; nothing is kept and
/// nothing is copied in between. A clone is cheap, and an `IsoFile` needs no [`Iso`](crate::Iso) to live on.
pub struct IsoFile<R> {
    input: Arc<Input<R>>,
    runs: Arc<Runs>,
    len: u64,
    modified: Option<Filetime>,
}

impl<R> IsoFile<R> {
    /// `runs` lie in the image.
    pub(crate) fn new(input: Arc<Input<R>>, runs: Runs, modified: Option<Filetime>) -> Self {
        let len = runs.len();
        Self { input, runs: Arc::new(runs), len, modified }
    }

    /// When the content was last written, if the disc says it.
    pub fn modified(&self) -> Option<Filetime> {
        self.modified
    }
}

impl<R> Clone for IsoFile<R> {
    fn clone(&self) -> Self {
        Self { input: Arc::clone(&self.input), runs: Arc::clone(&self.runs), ..*self }
    }
}

/// In short: the image may be in memory, and nobody wants to see its bytes.
impl<R> fmt::Debug for IsoFile<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (len, modified) = (self.len, self.modified);
        f.debug_struct("IsoFile").field("len", &len).field("modified", &modified).finish_non_exhaustive()
    }
}

impl<R: ReadAt> ReadAt for IsoFile<R> {
    /// Reads as much as there is: less than `buf` only at the end of the file. An image that has got shorter
    /// since it was opened is an error.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        let rest = self.len.saturating_sub(offset);
        let len = usize::try_from(rest).unwrap_or(usize::MAX).min(buf.len());
        let mut done = 0;
        while done < len {
            let at = offset + done as u64;
            let run = self.runs.at(at).ok_or(ErrorKind::UnexpectedEof)?;
            let skip = at - run.start;
            let piece = usize::try_from(run.len - skip).unwrap_or(usize::MAX).min(len - done);
            let piece = &mut buf[done..done + piece];
            match run.place {
                None => piece.fill(0),
                Some(place) => self.input.file().read_exact_at(piece, place + skip).map_err(cut_short)?,
            }
            done += piece.len();
        }
        Ok(len)
    }

    fn len(&self) -> Result<u64> {
        Ok(self.len)
    }
}

fn cut_short(error: Error) -> Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => Error::new(ErrorKind::UnexpectedEof, "the disc image ends within the file"),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_cross_the_borders_of_runs() {
        let image: Vec<u8> = (0..100).collect();
        let mut runs = Runs::default();
        for (place, len) in [(Some(90), 5), (None, 3), (Some(10), 4)] {
            runs.push(place, len).unwrap();
        }
        let file = IsoFile::new(Arc::new(Input::new(image).unwrap()), runs, None);
        let expected = [90, 91, 92, 93, 94, 0, 0, 0, 10, 11, 12, 13];
        for from in 0..13 {
            for len in 0..14 {
                let mut buf = vec![0xd1; len];
                let end = (from + len).min(12);
                assert_eq!(file.read_at(&mut buf, from as u64).unwrap(), end.saturating_sub(from));
                assert_eq!(buf[..end.saturating_sub(from)], expected[from.min(end)..end]);
            }
        }
        assert_eq!(file.read_at(&mut [0; 4], u64::MAX).unwrap(), 0);
        assert_eq!(ReadAt::len(&file.clone()).unwrap(), 12);
    }

    #[test]
    fn an_image_that_got_shorter_is_an_error() {
        let mut runs = Runs::default();
        runs.push(Some(5), 10).unwrap();
        let file = IsoFile::new(Arc::new(Input::new(vec![1; 10]).unwrap()), runs, None);
        assert_eq!(file.read_at(&mut [0; 10], 0).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }
}
