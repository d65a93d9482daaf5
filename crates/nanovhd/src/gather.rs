//! Gathering pieces that are neighbours on the disk, so that the system sees few and long writes.
//!
//! ```text
//!   pieces:  ├── a ──┤·├─ b ─┤···├──── c, first piece ────┼─ c, second ─ …      · rest of a cluster
//!   writes:  ├────────────── 1 MiB ─────────────┼────────────── 1 MiB ─────── …
//! ```
//!
//! Most files are a few KiB long. A write costs the system the more for each byte the shorter it is:
//! it finds memory, takes locks and keeps accounts for each write and for each page, but for long writes
//! it takes pages that are as long. So pieces come into buffers, and a buffer is written when it
//! reaches a boundary of 1 MiB, or is needed for another place of the disk. What lies between two
//! pieces is filled with zeros if it is the rest of a cluster that the first one began, and no more than
//! would be stored anyway; wider gaps stay unwritten, and so holes.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nanovhd_tree::WriteAt;

/// The length of a write, and what its end is aligned to: long pages have to be aligned.
const LONG: usize = 1 << 20;

/// Bytes of all buffers: with very many threads, each is shorter.
const BUDGET: usize = 32 << 20;

/// What file systems store at once. Within that, zeros cost nothing.
const ZEROS: [u8; 4096] = [0; 4096];

/// A disk that is written in long pieces. Threads may share it: each write goes on with the buffer that
/// ends where it begins, whichever thread began it. What was written is only on the disk after
/// [`Gather::flush`]; dropping it leaves that out.
pub(crate) struct Gather<'d> {
    disk: &'d dyn WriteAt,
    /// Where the clusters begin.
    start: u64,
    /// The smaller of a cluster and a page.
    grain: u64,
    /// The length of a write.
    long: usize,
    /// How many buffers there may be.
    most: usize,
    buffers: Mutex<Buffers>,
}

#[derive(Default)]
struct Buffers {
    /// Those that no thread writes to; the one that was used last is the last.
    idle: Vec<Buffer>,
    made: usize,
}

#[derive(Default)]
struct Buffer {
    offset: u64,
    bytes: Vec<u8>,
}

impl Buffer {
    fn end(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }
}

impl<'d> Gather<'d> {
    /// Gathers for so many threads what goes to a volume of such clusters that begins at `start`.
    pub(crate) fn new(disk: &'d dyn WriteAt, start: u64, cluster: u32, threads: usize) -> Self {
        // One more than there are writers, so that a buffer can wait for the neighbour of what it has.
        let most = threads.saturating_add(1);
        let share = (BUDGET / most).clamp(64 << 10, LONG);
        let grain = u64::from(cluster).min(ZEROS.len() as u64);
        Self { disk, start, grain, long: 1 << share.ilog2(), most, buffers: Mutex::default() }
    }

    /// Writes what is still in buffers.
    pub(crate) fn flush(&self) -> io::Result<()> {
        let idle = std::mem::take(&mut self.lock().idle);
        idle.into_iter().try_for_each(|mut buffer| self.write(&mut buffer))
    }

    /// The buffer that a write to `offset` continues, else one without content.
    fn buffer(&self, offset: u64) -> io::Result<Buffer> {
        let mut buffers = self.lock();
        let neighbour = buffers.idle.iter().rposition(|buffer| self.continues(buffer, offset));
        if let Some(at) = neighbour {
            return Ok(buffers.idle.remove(at));
        }
        if buffers.made < self.most || buffers.idle.is_empty() {
            buffers.made += 1;
            return Ok(Buffer::default());
        }
        let empty = buffers.idle.iter().position(|buffer| buffer.bytes.is_empty());
        let mut oldest = buffers.idle.remove(empty.unwrap_or(0));
        drop(buffers);
        self.write(&mut oldest)?;
        Ok(oldest)
    }

    /// Whether between the bytes of the buffer and `offset` there is at most the rest of a cluster.
    fn continues(&self, buffer: &Buffer, offset: u64) -> bool {
        let end = buffer.end();
        let within = end.wrapping_sub(self.start) % self.grain;
        let gap = if within == 0 { 0 } else { self.grain - within };
        offset.checked_sub(end).is_some_and(|distance| distance == 0 || distance == gap)
    }

    /// Adds bytes to what the buffer has, and writes that whenever it is long.
    fn add(&self, buffer: &mut Buffer, mut bytes: &[u8], offset: u64) -> io::Result<()> {
        if buffer.bytes.is_empty() {
            buffer.offset = offset;
            buffer.bytes.reserve_exact(self.long + ZEROS.len());
        }
        let gap = usize::try_from(offset - buffer.end()).unwrap_or(usize::MAX);
        buffer.bytes.extend_from_slice(&ZEROS[..gap]);
        loop {
            let long = self.long as u64;
            let room = usize::try_from(buffer.end().next_multiple_of(long) - buffer.end()).unwrap_or(usize::MAX);
            if room == 0 && !buffer.bytes.is_empty() {
                self.write(buffer)?;
            }
            if bytes.is_empty() {
                return Ok(());
            }
            let room = if room == 0 { self.long } else { room };
            let (piece, rest) = bytes.split_at(room.min(bytes.len()));
            buffer.bytes.extend_from_slice(piece);
            bytes = rest;
        }
    }

    /// Writes the buffer, and makes it begin where it ended.
    fn write(&self, buffer: &mut Buffer) -> io::Result<()> {
        let end = buffer.end();
        if !buffer.bytes.is_empty() {
            self.disk.write_all_at(&buffer.bytes, buffer.offset)?;
        }
        buffer.bytes.clear();
        buffer.offset = end;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Buffers> {
        // Buffers are taken out while they change, so those that are here are whole.
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WriteAt for Gather<'_> {
    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        let mut buffer = self.buffer(offset)?;
        self.add(&mut buffer, buf, offset)?;
        self.lock().idle.push(buffer);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps the writes, and their bytes at their places.
    #[derive(Default)]
    struct Disk {
        writes: Mutex<Vec<(u64, usize)>>,
        bytes: Mutex<Vec<u8>>,
    }

    impl Disk {
        fn writes(&self) -> Vec<(u64, usize)> {
            std::mem::take(&mut *self.writes.lock().unwrap())
        }
    }

    impl WriteAt for Disk {
        fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
            let mut bytes = self.bytes.lock().unwrap();
            let start = usize::try_from(offset).unwrap();
            let len = bytes.len().max(start + buf.len());
            bytes.resize(len, 0xd1);
            assert!(bytes[start..][..buf.len()].iter().all(|&byte| byte == 0xd1), "no byte is written twice");
            bytes[start..][..buf.len()].copy_from_slice(buf);
            self.writes.lock().unwrap().push((offset, buf.len()));
            Ok(())
        }
    }

    const MIB: usize = 1 << 20;

    #[test]
    fn neighbours_are_written_together_and_the_rest_of_a_cluster_with_them() {
        let disk = Disk::default();
        let gather = Gather::new(&disk, 512, 4096, 1);
        let at = |clusters: u64| 512 + clusters * 4096;
        for (offset, len) in [(at(0), 100), (at(1), 4096), (at(2), 5000), (at(4), 1)] {
            gather.write_all_at(&vec![1; len], offset).unwrap();
        }
        assert_eq!(disk.writes(), []);
        // A cluster that nobody has a byte of stays as it is.
        gather.write_all_at(&[2; 10], at(6)).unwrap();
        gather.flush().unwrap();
        assert_eq!(disk.writes(), [(at(0), 4 * 4096 + 1), (at(6), 10)]);
        let bytes = disk.bytes.lock().unwrap();
        assert!(bytes[612..512 + 4096].iter().all(|&byte| byte == 0));
        assert_eq!(bytes[512 + 4 * 4096..][..2], [1, 0xd1]);
    }

    #[test]
    fn of_large_clusters_no_more_than_a_page_is_filled_and_of_small_ones_no_more_than_one() {
        let disk = Disk::default();
        for (cluster, pieces) in [(65536, [0, 65536, 65636]), (512, [0, 1024, 1536])] {
            let gather = Gather::new(&disk, 0, cluster, 1);
            for offset in pieces {
                gather.write_all_at(&[1; 100], offset).unwrap();
            }
            gather.flush().unwrap();
            disk.bytes.lock().unwrap().clear();
        }
        assert_eq!(disk.writes(), [(0, 100), (65536, 200), (0, 100), (1024, 612)]);
    }

    #[test]
    fn writes_end_at_boundaries() {
        let disk = Disk::default();
        let gather = Gather::new(&disk, 0, 4096, 1);
        gather.write_all_at(&vec![1; 3 * MIB], 4096).unwrap();
        assert_eq!(disk.writes(), [(4096, MIB - 4096), (MIB as u64, MIB), (2 * MIB as u64, MIB)]);
        // A cluster that ends there is filled up and gone.
        gather.write_all_at(&vec![1; MIB - 4096 - 96], 3 * MIB as u64 + 4096).unwrap();
        gather.write_all_at(&[1], 4 * MIB as u64).unwrap();
        gather.flush().unwrap();
        assert_eq!(disk.writes(), [(3 * MIB as u64, MIB), (4 * MIB as u64, 1)]);
    }

    #[test]
    fn places_that_are_written_by_turns_have_a_buffer_each() {
        let disk = Disk::default();
        let gather = Gather::new(&disk, 0, 4096, 2);
        for n in 0..10 {
            for place in 0..3 {
                gather.write_all_at(&[7; 50], place * 100_000 + n * 50).unwrap();
            }
        }
        assert_eq!(disk.writes(), []);
        // There is no fourth: the one that was not written for the longest time has to go.
        gather.write_all_at(&[7; 50], 300_000).unwrap();
        assert_eq!(disk.writes(), [(0, 500)]);
        gather.flush().unwrap();
        assert_eq!(disk.writes(), [(100_000, 500), (200_000, 500), (300_000, 50)]);
    }

    #[test]
    fn many_threads_share_the_budget() {
        let disk = Disk::default();
        for threads in [1, 8, 31, 64, 1000] {
            let gather = Gather::new(&disk, 0, 4096, threads);
            assert!(gather.long * gather.most <= BUDGET || gather.long == 64 << 10, "{threads}");
            assert!(gather.long.is_power_of_two() && (threads > 31 || gather.long == LONG));
        }
    }
}
