//! What is in front of the clusters: boot sector, FSInfo, their copies, and the two entries of the
//! FAT that are no cluster's. FAT specification, `Boot Sector and BPB Structure`, `FAT32 FSInfo
//! Sector Structure and Backup Boot Sector`, `FAT Volume Initialization`.

use std::io;
use std::mem::offset_of;

use nanovhd_tree::{Findings, ReadAt};
use zerocopy::{FromZeros, IntoBytes};

use super::Checker;
use crate::fat::format::{
    BootSector, ENTRY, EXTENDED_SIGNATURE, Extended, FS_INFO_SIGNATURES, Fat32, FsInfo, STATE_DIRTY,
};
use crate::fat::geometry::{FatKind, Geometry};
use crate::fat::rule::FatRule;
use crate::fat::table::bad_mark;

/// Where FAT32's own fields are, and the others behind them.
const FAT32: u64 = offset_of!(BootSector, rest) as u64;

/// The fields that don't matter for reading.
pub(super) fn fields(boot: &BootSector, first_sector: Option<u64>, findings: &mut Findings) {
    if !matches!(boot.jump, [0xeb, _, 0x90] | [0xe9, ..]) {
        let detail = format_args!("the boot sector starts with {:02x?}, expected eb xx 90 or e9 xx xx", boot.jump);
        findings.add(FatRule::BootSignature, 0, detail);
    }
    if !matches!(boot.media, 0xf0 | 0xf8..) {
        let detail = format_args!("the media byte is {:#04x}, expected 0xf0 or 0xf8 to 0xff", boot.media);
        findings.add(FatRule::Media, offset_of!(BootSector, media) as u64, detail);
    }
    let hidden = boot.hidden_sectors.get();
    if first_sector.is_some_and(|first| first != u64::from(hidden)) {
        let detail = format_args!(
            "the boot sector says {hidden} sectors in front of the volume, expected {}",
            first_sector.unwrap_or_default()
        );
        findings.add(FatRule::HiddenSectors, offset_of!(BootSector, hidden_sectors) as u64, detail);
    }
    let (short, long) = (boot.total_sectors_16.get(), boot.total_sectors_32.get());
    if short != 0 && (boot.is_fat32() || long != 0) {
        let detail = format_args!("the boot sector says {short} sectors in 16 bits and {long} in 32");
        findings.add(FatRule::VolumeSize, offset_of!(BootSector, total_sectors_16) as u64, detail);
    }
    root_entries(boot, findings);
}

/// The root directory fills whole sectors, and on FAT32 it is not here.
fn root_entries(boot: &BootSector, findings: &mut Findings) {
    let (entries, sector) = (boot.root_entries.get(), usize::from(boot.sector_size.get()));
    let at = offset_of!(BootSector, root_entries) as u64;
    if boot.is_fat32() && entries != 0 {
        let detail = format_args!("the boot sector of FAT32 says {entries} root entries, expected 0");
        findings.add(FatRule::RootDirectory, at, detail);
    }
    if !boot.is_fat32() && sector != 0 && !(usize::from(entries) * ENTRY).is_multiple_of(sector) {
        let detail = format_args!("{entries} root entries don't fill sectors of {sector} bytes");
        findings.add(FatRule::RootDirectory, at, detail);
    }
}

impl<R: ReadAt> Checker<'_, R> {
    /// The entries 0 and 1 of the FAT, and the state of the volume.
    pub(super) fn first_entries(&mut self) -> io::Result<()> {
        let kind = self.geometry.kind;
        let clusters = u64::from(self.geometry.clusters);
        if kind == FatKind::Fat32 && clusters <= FatKind::Fat16.max_clusters() {
            let detail = format_args!("FAT32 has {clusters} clusters, which is a number of FAT12 or FAT16");
            self.findings.add(FatRule::ClusterCount, FAT32, detail);
        }
        let (media, mark) = (self.fat.value(0)?, self.fat.value(1)?);
        // All bits above the media byte are set, as in an end mark.
        let expected = bad_mark(kind) & !0xff | u32::from(self.boot.media);
        if media != expected {
            let detail = format_args!("the FAT starts with {media:#x}, expected {expected:#x}");
            self.findings.add(FatRule::Media, self.geometry.fat_entry(0), detail);
        }
        // Windows clears these bits while the volume is mounted, and after an error of the disk.
        let (clean, sound) = match kind {
            FatKind::Fat12 => (0, 0),
            FatKind::Fat16 => (0x8000, 0x4000),
            FatKind::Fat32 => (0x0800_0000, 0x0400_0000),
        };
        if mark | clean | sound <= bad_mark(kind) {
            let detail = format_args!("the second entry of the FAT is {mark:#x}, expected an end mark");
            self.findings.add(FatRule::EndMark, self.geometry.fat_entry(1), detail);
        } else if mark & clean != clean || mark & sound != sound {
            let detail =
                format_args!("the second entry of the FAT is {mark:#x}, with bits of a clean volume cleared");
            self.findings.add(FatRule::Dirty, self.geometry.fat_entry(1), detail);
        }
        self.state();
        Ok(())
    }

    fn state(&mut self) {
        let extended = self.boot.extended();
        if extended.signature == EXTENDED_SIGNATURE && extended.state & STATE_DIRTY != 0 {
            let from = if self.boot.is_fat32() { size_of::<Fat32>() } else { 0 };
            let at = FAT32 + (from + offset_of!(Extended, state)) as u64;
            let detail = format_args!("the boot sector has state {:#04x}: not unmounted", extended.state);
            self.findings.add(FatRule::Dirty, at, detail);
        }
    }

    /// The sectors that FAT32 has in front of the FATs. Returns FSInfo and its offset, if it is one.
    pub(super) fn reserved_sectors(&mut self) -> io::Result<Option<(FsInfo, u64)>> {
        if !self.boot.is_fat32() {
            return Ok(None);
        }
        let (info, backup) = (self.boot.fat32().fs_info.get(), self.boot.fat32().backup.get());
        let found = self.info(info.into(), FatRule::InfoSignature, offset_of!(Fat32, fs_info))?;
        // 0 and all ones say that there is no copy.
        if !matches!(backup, 0 | u16::MAX) {
            self.backup(backup.into())?;
            self.info(u64::from(backup) + u64::from(info), FatRule::InfoBackup, offset_of!(Fat32, backup))?;
        }
        Ok(found)
    }

    /// FSInfo at a sector, which a field of FAT32's at `said` says.
    fn info(&mut self, sector: u64, rule: FatRule, said: usize) -> io::Result<Option<(FsInfo, u64)>> {
        if !self.is_reserved(sector) {
            let detail = format_args!("FSInfo would be in sector {sector}, which is not between boot sector and FAT");
            self.findings.add(rule, FAT32 + said as u64, detail);
            return Ok(None);
        }
        let offset = sector * u64::from(self.geometry.sector_size);
        let mut info = FsInfo::new_zeroed();
        self.volume.read_exact_at(info.as_mut_bytes(), offset)?;
        let signatures = [info.lead, info.structure, info.trail];
        if signatures == FS_INFO_SIGNATURES {
            return Ok(Some((info, offset)));
        }
        let detail = format_args!("FSInfo has the signatures {signatures:02x?}, expected {FS_INFO_SIGNATURES:02x?}");
        self.findings.add(rule, offset, detail);
        Ok(None)
    }

    fn backup(&mut self, sector: u64) -> io::Result<()> {
        if !self.is_reserved(sector) {
            let detail = format_args!(
                "the boot sector's copy would be in sector {sector}, which is not between boot sector and FAT"
            );
            self.findings.add(FatRule::BackupBoot, FAT32 + offset_of!(Fat32, backup) as u64, detail);
            return Ok(());
        }
        let offset = sector * u64::from(self.geometry.sector_size);
        let mut copy = BootSector::new_zeroed();
        self.volume.read_exact_at(copy.as_mut_bytes(), offset)?;
        // The state is that of the first only.
        let state = size_of::<Fat32>() + offset_of!(Extended, state);
        copy.rest[state] = self.boot.rest[state];
        let mut pairs = copy.as_bytes().iter().zip(self.boot.as_bytes());
        if let Some(at) = pairs.position(|(a, b)| a != b) {
            let (found, expected) = (copy.as_bytes()[at], self.boot.as_bytes()[at]);
            let detail = format_args!("the boot sector's copy has {found:#04x}, the boot sector has {expected:#04x}");
            self.findings.add(FatRule::BackupBoot, offset + at as u64, detail);
        }
        Ok(())
    }

    fn is_reserved(&self, sector: u64) -> bool {
        let Geometry { sector_size, fat_offset, .. } = self.geometry;
        sector > 0 && sector * u64::from(*sector_size) < *fat_offset
    }
}
