//! Write-behind: the bytes of the output go to the disk while more of them come.
//!
//! ```text
//!   file:   ├──────┼──────┼──────┼──────┼──────┼──────┼──────┤   windows of 4 MiB
//!           dropped dropped  started …  started  full    open
//!             ◄───────── LAG windows ──────────►      ◄─ being written ─►
//! ```
//!
//! Left to itself, a system keeps what is written in memory until it runs short of that or half a
//! minute is over. The memory has to be found page by page, which takes longer than the copy into
//! it (far longer in a virtual machine, whose host takes unused pages back), other programs' files are
//! driven out of it, and in the end the sync waits for all of it at once. So as soon as a window of
//! the file is written, its write-back is started, and some windows later, when that is done, its
//! pages are given up and used again for what comes next. The sync then finds nearly nothing to do.
//!
//! Linux has no call with that name for it, but giving advice that pages are not needed does both: on
//! dirty pages it starts the write-back, on clean ones it gives them up. Advice changes no byte, and
//! where it is refused or means nothing, as on other systems or in memory file systems, all is as
//! without. Errors of the write-back are kept by the system for the sync, which has to come.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nanovhd_tree::WriteAt;

/// Bytes of a window: enough for long requests to the disk and one extent of a file system, and so few
/// that the sync finds little of them.
const WINDOW: u64 = 4 << 20;

/// Windows between the one whose write-back is started and the one whose pages are given up: time for
/// the disk to write them.
const LAG: usize = 8;

/// As [`LAG`], for the case that the disk had not written them by then: they are given up once more.
const LATE: usize = 4 * LAG;

/// Windows that may be half written. Writers keep within a few; in more there are holes, and no more
/// comes.
const OPEN: usize = 32;

/// The longest output whose pages are kept if it is read back. To read a longer one from the disk takes
/// less than to find memory for all of it.
const KEPT: u64 = 1 << 30;

/// What becomes of pages that are on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pages {
    /// They are given up and used again.
    Drop,
    /// They stay, for they are read soon.
    Keep,
}

impl Pages {
    /// What is best for an output of that many bytes.
    pub(crate) fn of(written: u64, read_back: bool) -> Self {
        if read_back && written <= KEPT { Self::Keep } else { Self::Drop }
    }
}

/// A file whose write-back is started right behind the writers. Threads may share it.
#[derive(Debug)]
pub(crate) struct Behind<'f> {
    file: &'f File,
    pages: Pages,
    windows: Mutex<Windows>,
}

/// What the windows of the file are up to. At most [`OPEN`] of them are written and not given to the disk.
#[derive(Debug, Default)]
struct Windows {
    /// Number of the window and bytes written to it; the one that was written last is the last.
    open: Vec<(u64, u64)>,
    /// Those whose write-back was started, in that order.
    started: VecDeque<u64>,
}

impl Windows {
    /// Takes down a write, and adds the windows to `due` that are to be given to the system: full ones
    /// first, then those that it has had long enough to give them up.
    fn wrote(&mut self, mut offset: u64, mut len: u64, pages: Pages, due: &mut Vec<u64>) {
        while len > 0 {
            let window = offset / WINDOW;
            let piece = len.min(WINDOW - offset % WINDOW);
            // The one that was written last is nearly always the one.
            let known = self.open.iter().rposition(|&(number, _)| number == window);
            let before = known.map_or(0, |at| self.open.remove(at).1);
            // No byte is written twice, so a window with that many bytes is complete.
            if before + piece >= WINDOW {
                self.start(window, pages, due);
            } else {
                self.open.push((window, before + piece));
            }
            offset += piece;
            len -= piece;
        }
        if self.open.len() > OPEN {
            let (window, _) = self.open.remove(0);
            self.start(window, pages, due);
        }
    }

    fn start(&mut self, window: u64, pages: Pages, due: &mut Vec<u64>) {
        due.push(window);
        if pages == Pages::Keep {
            return;
        }
        self.started.push_back(window);
        let count = self.started.len();
        due.extend(count.checked_sub(LAG + 1).map(|at| self.started[at]));
        if count > LATE {
            due.extend(self.started.pop_front());
        }
    }
}

impl<'f> Behind<'f> {
    pub(crate) fn new(file: &'f File, pages: Pages) -> Self {
        Self { file, pages, windows: Mutex::default() }
    }

    /// Starts the write-back of all that is left. A sync that follows waits for it.
    pub(crate) fn finish(self) {
        let windows = self.windows.into_inner().unwrap_or_else(PoisonError::into_inner);
        for (window, _) in windows.open {
            advise(self.file, window);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Windows> {
        // Whoever panicked left a list that is whole, or at worst short of a window.
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WriteAt for Behind<'_> {
    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(buf, offset)?;
        let mut due = Vec::new();
        self.lock().wrote(offset, buf.len() as u64, self.pages, &mut due);
        // Starting a write-back takes a moment, in which others may write.
        due.iter().for_each(|&window| advise(self.file, window));
        Ok(())
    }
}

/// Says that the pages of a window are not needed.
#[cfg(target_os = "linux")]
fn advise(file: &File, window: u64) {
    use rustix::fs::{Advice, fadvise};
    // Refused where pages are no such thing; nothing depends on it.
    let _ = fadvise(file, window * WINDOW, std::num::NonZeroU64::new(WINDOW), Advice::DontNeed);
}

/// The systems without such advice write back in their own time.
#[cfg(not(target_os = "linux"))]
fn advise(_: &File, _: u64) {}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is due after each of these writes: offset and length.
    fn due(windows: &mut Windows, pages: Pages, writes: &[(u64, u64)]) -> Vec<Vec<u64>> {
        let one = |&(offset, len): &(u64, u64)| {
            let mut due = Vec::new();
            windows.wrote(offset, len, pages, &mut due);
            due
        };
        writes.iter().map(one).collect()
    }

    #[test]
    fn a_window_is_due_when_it_is_full_whoever_wrote_it() {
        let mut windows = Windows::default();
        let half = WINDOW / 2;
        let writes = [(half, half), (3 * half, WINDOW), (2 * half, half), (0, half - 1), (half - 1, 1)];
        assert_eq!(due(&mut windows, Pages::Drop, &writes), [vec![], vec![], vec![1], vec![], vec![0]]);
        assert_eq!(windows.open, [(2, half)]);
        // One write may fill several.
        assert_eq!(due(&mut windows, Pages::Drop, &[(5 * half, half + 2 * WINDOW)]), [[2, 3, 4]]);
        assert!(windows.open.is_empty());
    }

    #[test]
    fn pages_are_given_up_some_windows_later_if_at_all() {
        let lag = LAG as u64;
        let late = LATE as u64;
        let writes: Vec<_> = (0..late + 2).map(|n| (n * WINDOW, WINDOW)).collect();
        let drops = due(&mut Windows::default(), Pages::Drop, &writes);
        assert!(drops[..LAG].iter().zip(0..).all(|(due, n)| *due == [n]));
        assert!(drops[LAG..LATE].iter().zip(0..).all(|(due, n)| *due == [lag + n, n]));
        assert_eq!(drops[LATE..], [[late, late - lag, 0], [late + 1, late + 1 - lag, 1]]);
        let keeps = due(&mut Windows::default(), Pages::Keep, &writes);
        assert!(keeps.iter().zip(0..).all(|(due, n)| *due == [n]));
    }

    #[test]
    fn the_number_of_half_written_windows_is_bounded() {
        let mut windows = Windows::default();
        let count = OPEN as u64;
        let writes: Vec<_> = (0..count).map(|n| (n * WINDOW, 1)).collect();
        assert!(due(&mut windows, Pages::Drop, &writes).concat().is_empty());
        // The one that was not written for the longest time has to go.
        assert_eq!(due(&mut windows, Pages::Drop, &[(5, 1), (count * WINDOW, 1)]), [vec![], vec![1]]);
        assert_eq!(windows.open.len(), OPEN);
    }

    #[test]
    fn bytes_are_as_they_were_written() {
        use std::io::Read;
        let mut file = tempfile::tempfile().unwrap();
        let behind = Behind::new(&file, Pages::Drop);
        let piece: Vec<u8> = (0..WINDOW / 2).map(|n| (n % 251) as u8).collect();
        for n in (0..8).rev() {
            behind.write_all_at(&piece, n * WINDOW / 2).unwrap();
        }
        behind.finish();
        file.sync_all().unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        assert!(bytes.len() == 8 * piece.len() && bytes.chunks(piece.len()).all(|found| found == piece));
    }
}
