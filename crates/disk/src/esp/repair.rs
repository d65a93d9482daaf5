//! What the `fatfs` crate, release 0.3.6, leaves to be put right:
//!
//! - `.` and `..` have long names, which makes the directory invalid: checkers expect `.` to be
//!   the first entry and `..` the second.
//! - `..` of a directory in the root names the root's cluster where it must be 0.
//! - The boot sectors say that no sectors are in front of the partition.
//! - There is no copy of the FSInfo sector behind the copy of the boot sector.
//! - Attributes can't be set, and times come from a clock.
//!
//! It also finds out where the library has put each file, which it does not say.
//!
//! The pass walks the directories beside the [`Model`], whose order they have, so it needs to know
//! neither names nor how they are encoded.

use std::io;

use nanovhd_tree::{Attributes, Filetime};
use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, FromZeros, IntoBytes};

use super::model::{Child, Model};
use super::{EspError, EspFile};
use crate::fat::format::{BootSector, DIRECTORY, DOT, DOT_DOT, END, ENTRY, Entry, FREE, FsInfo, LABEL};
use crate::fat::time::DosTime;
use crate::sparse::SparseDisk;

/// The attributes that FAT and Windows have in common, with the same bits.
const SETTABLE: u32 = Attributes::READONLY.0 | Attributes::HIDDEN.0 | Attributes::SYSTEM.0 | Attributes::ARCHIVE.0;

impl Entry {
    fn stamp(&mut self, time: DosTime) {
        self.created_hundredths = time.hundredths;
        self.created_time = time.time.into();
        self.created_date = time.date.into();
        self.accessed_date = time.date.into();
        self.written_time = time.time.into();
        self.written_date = time.date.into();
    }

    /// An entry whose place is free.
    fn free() -> Self {
        let mut entry = Self::new_zeroed();
        entry.name[0] = FREE;
        entry
    }
}

/// The volume while it is put right.
struct Volume<'d> {
    disk: &'d mut SparseDisk,
    sector: u64,
    cluster: u64,
    fat: u64,
    fat_entries: u64,
    data: u64,
    /// Where the content of each file begins; 0 for none.
    places: Vec<u64>,
}

/// A directory to be walked.
struct Pending {
    /// Its number in the model.
    directory: usize,
    /// Its first cluster.
    cluster: u32,
    /// What its `..` says: the cluster of the directory it is in, 0 for the root.
    parent: Option<u32>,
}

/// Puts the volume right, and says where the content of each file begins.
pub(super) fn repair(
    disk: &mut SparseDisk,
    model: &Model,
    files: &[EspFile],
    hidden_sectors: u32,
    time: Filetime,
) -> Result<Vec<u64>, EspError> {
    let boot: BootSector = read(disk, 0);
    let sector = u64::from(boot.sector_size.get());
    let fat = u64::from(boot.reserved_sectors.get()) * sector;
    let fat_len = u64::from(boot.fat32().fat_sectors.get()) * sector;
    let cluster = sector * u64::from(boot.cluster_sectors);
    let data = fat + u64::from(boot.fats) * fat_len;
    let places = vec![0; files.len()];
    let mut volume = Volume { disk, sector, cluster, fat, fat_entries: fat_len / 4, data, places };

    volume.boot_sectors(boot.fat32().fs_info.get(), boot.fat32().backup.get(), hidden_sectors);
    let time = DosTime::new(time);
    let mut pending = vec![Pending { directory: 0, cluster: boot.fat32().root_cluster.get(), parent: None }];
    while let Some(next) = pending.pop() {
        pending.extend(volume.directory(&next, model, files, time)?);
    }
    Ok(volume.places)
}

impl Volume<'_> {
    fn boot_sectors(&mut self, fs_info: u16, backup: u16, hidden_sectors: u32) {
        for sector in [0, backup] {
            let offset = u64::from(sector) * self.sector + std::mem::offset_of!(BootSector, hidden_sectors) as u64;
            self.disk.write_at(&hidden_sectors.to_le_bytes(), offset);
        }
        let mut info = [0; size_of::<FsInfo>()];
        self.disk.read_at(&mut info, u64::from(fs_info) * self.sector);
        self.disk.write_at(&info, u64::from(backup + fs_info) * self.sector);
    }

    /// Puts one directory right and says which directories are in it.
    fn directory(
        &mut self,
        this: &Pending,
        model: &Model,
        files: &[EspFile],
        time: DosTime,
    ) -> Result<Vec<Pending>, EspError> {
        let mut places = self.entries(this.cluster)?.into_iter();
        if let Some(parent) = this.parent {
            let dots: Vec<_> = places.by_ref().take(4).collect();
            self.dot_entries(&dots, parent, time)?;
        }
        let mut children = model.children(this.directory).iter();
        let mut found = Vec::new();
        for place in places {
            let mut entry: Entry = read(self.disk, place);
            if entry.is_long_name() {
                continue;
            }
            entry.stamp(time);
            if entry.attributes != LABEL {
                match children.next() {
                    Some(&Child::File(index)) if entry.attributes & DIRECTORY == 0 => {
                        let file = &files[index];
                        // A bit mask of six bits, which are those of a byte.
                        entry.attributes = (file.attributes.0 & SETTABLE) as u8;
                        if let Some(written) = file.written.map(DosTime::new) {
                            entry.written_time = written.time.into();
                            entry.written_date = written.date.into();
                        }
                        self.places[index] = self.place(entry.cluster(), file.data.len())?;
                    }
                    Some(&Child::Directory(directory)) if entry.attributes & DIRECTORY != 0 => {
                        let parent = Some(if this.parent.is_some() { this.cluster } else { 0 });
                        found.push(Pending { directory, cluster: entry.cluster(), parent });
                    }
                    _ => return Err(unexpected("a directory entry that was not asked for")),
                }
            }
            self.disk.write_at(entry.as_bytes(), place);
        }
        match children.next() {
            None => Ok(found),
            Some(_) => Err(unexpected("no directory entry for something that was asked for")),
        }
    }

    /// Where the `len` bytes of a file begin. They are in one piece.
    fn place(&self, first: u32, len: u64) -> Result<u64, EspError> {
        if len == 0 {
            return Ok(0);
        }
        let scattered = || unexpected("a file in several pieces");
        let count = u32::try_from(len.div_ceil(self.cluster)).map_err(|_| scattered())?;
        let last = first.checked_add(count - 1).filter(|_| first >= 2).ok_or_else(scattered)?;
        let is_one_piece = (first..last).all(|cluster| self.next(cluster) == cluster + 1);
        if !is_one_piece || u64::from(self.next(last)) < self.fat_entries {
            return Err(scattered());
        }
        Ok(self.data + u64::from(first - 2) * self.cluster)
    }

    /// The cluster that follows in a chain.
    fn next(&self, cluster: u32) -> u32 {
        // The upper four bits are not part of the number.
        read::<U32>(self.disk, self.fat + u64::from(cluster) * 4).get() & 0x0fff_ffff
    }

    /// From `LFN, ., LFN, ..` to `., ..` and two free places.
    fn dot_entries(&mut self, places: &[u64], parent: u32, time: DosTime) -> Result<(), EspError> {
        let &[first, second, third, fourth] = places else {
            return Err(unexpected("a directory without its first entries"));
        };
        let mut dot: Entry = read(self.disk, second);
        let mut dots: Entry = read(self.disk, fourth);
        if &dot.name != DOT || &dots.name != DOT_DOT {
            return Err(unexpected("first entries of a directory that are not its own"));
        }
        dot.stamp(time);
        dots.stamp(time);
        dots.cluster_high = ((parent >> 16) as u16).into();
        dots.cluster_low = ((parent & 0xffff) as u16).into();
        for (entry, place) in [(dot, first), (dots, second), (Entry::free(), third), (Entry::free(), fourth)] {
            self.disk.write_at(entry.as_bytes(), place);
        }
        Ok(())
    }

    /// Where the entries of a directory are that are in use.
    fn entries(&self, first: u32) -> Result<Vec<u64>, EspError> {
        let mut places = Vec::new();
        let mut cluster = first;
        // A chain has no more links than there are clusters, so this ends whatever is on the disk.
        for _ in 0..self.fat_entries {
            if cluster < 2 || u64::from(cluster) >= self.fat_entries {
                // Past the last cluster: the mark that ends a chain.
                return Ok(places);
            }
            let start = self.data + u64::from(cluster - 2) * self.cluster;
            for place in (start..start + self.cluster).step_by(ENTRY) {
                match read::<[u8; 1]>(self.disk, place) {
                    [END] => return Ok(places),
                    [FREE] => {}
                    _ => places.push(place),
                }
            }
            cluster = self.next(cluster);
        }
        Err(unexpected("a chain of clusters that goes round"))
    }
}

fn read<T: FromBytes + IntoBytes>(disk: &SparseDisk, offset: u64) -> T {
    let mut value = T::new_zeroed();
    disk.read_at(value.as_mut_bytes(), offset);
    value
}

/// The library has written something else than this pass knows it to write.
fn unexpected(what: &str) -> EspError {
    EspError::Fat(io::Error::other(format!("the FAT library wrote {what}")))
}
