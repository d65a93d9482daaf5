//! The files of NTFS itself: their places, names and contents.

use std::io;

use nanovhd_tree::{Name, ReadAt, UPCASE_UNITS, upcase_table};
use zerocopy::FromBytes;

use crate::format::{BOOT_BYTES, VOLUME_DIRTY, VolumeInformation};
use crate::read::files::{self, Value as ReadValue};
use crate::read::record::{Record, Reference, name_is, units};
use crate::read::stream::Stream;
use crate::rule::Rule;
use crate::system::{SystemFile, upcase_checksum, wide};
use crate::units::Lcn;

use super::Checker;
use super::file::File;
use super::stream::Value;

/// Bytes of the table of upper-case units.
const UPCASE_BYTES: usize = 2 * UPCASE_UNITS;
/// The name of the stream beside the table.
const INFO: [u16; 5] = wide(b"$Info");
/// The name of the stream that takes the bad clusters.
const BAD: [u16; 4] = wide(b"$Bad");
/// Records that have no name: four that are kept for later, eight for what the MFT itself needs.
const NAMELESS: std::ops::Range<u64> = 12..24;
/// Bytes of a definition in `$AttrDef`, and where its type is.
const DEFINITION: (usize, usize) = (160, 128);
/// The longest `$AttrDef` that is looked at; Windows' has 2560 bytes.
const MAX_DEFINITIONS: usize = 1 << 16;
/// Bytes of `$LogFile` that are looked at in one go.
const LOG_WINDOW: usize = 1 << 16;

impl<R: ReadAt> Checker<'_, R> {
    /// The volume's own table of upper-case units, or the usual one if it can't be read. What is
    /// wrong with it is told when its record's turn comes.
    pub(super) fn upcase_table(&mut self) -> io::Result<Vec<u16>> {
        let table = match self.upcase_stream() {
            Err(crate::read::ReadError::Io { source, .. }) => return Err(source),
            Err(_) => None,
            Ok(stream) => stream,
        };
        let bytes = match table {
            Some(stream) => stream.read_all(self.volume, self.mft.boot.cluster, UPCASE_BYTES)?,
            None => None,
        };
        let own = bytes.filter(|bytes| bytes.len() == UPCASE_BYTES).map(|bytes| units(&bytes).collect());
        Ok(own.unwrap_or_else(|| upcase_table().to_vec()))
    }

    fn upcase_stream(&self) -> Result<Option<Stream>, crate::read::ReadError> {
        let number = SystemFile::UpCase as u64;
        if number >= self.mft.records() {
            return Ok(None);
        }
        let mut bytes = self.mft.read_record(self.volume, number)?;
        let record = Record::parse(&mut bytes, number)
            .map_err(|f| crate::read::ReadError::Corrupt(self.mft.finding(number, f)))?;
        Ok(match files::read(self.volume, &self.mft, &record)?.data {
            Some(ReadValue::Stream(stream)) => Some(stream),
            Some(ReadValue::Resident(_)) | None => None,
        })
    }

    /// Checks what the records of a system file say.
    pub(super) fn check_system_file(&mut self, file: &File<'_>) {
        let number = file.base.number();
        self.check_system_name(file);
        let boot = self.mft.boot;
        let place = |this: &mut Self, rule, expected: Lcn| this.check_place(file, rule, expected);
        const MFT: u64 = SystemFile::Mft as u64;
        const MIRROR: u64 = SystemFile::MftMirr as u64;
        const VOLUME: u64 = SystemFile::Volume as u64;
        const BOOT: u64 = SystemFile::Boot as u64;
        const UPCASE: u64 = SystemFile::UpCase as u64;
        const BAD_CLUSTERS: u64 = SystemFile::BadClus as u64;
        match number {
            MFT => place(self, Rule::MftPlace, boot.mft),
            MIRROR => place(self, Rule::MirrorPlace, boot.mirror),
            BOOT => {
                place(self, Rule::BootFile, Lcn(0));
                let size = file.data.as_ref().map_or(0, |(value, _)| value.size());
                if size < BOOT_BYTES as u64 {
                    let detail = format!("$Boot has {size} bytes, expected {BOOT_BYTES}");
                    self.report.broken(Rule::BootFile, Some(number), self.mft.offset(number), detail);
                }
            }
            VOLUME => self.check_volume_information(file),
            BAD_CLUSTERS => self.check_bad_clusters(file),
            UPCASE => self.check_upcase_info(file),
            _ => {}
        }
    }

    fn check_system_name(&mut self, file: &File<'_>) {
        let number = file.base.number();
        let offset = self.mft.offset(number);
        if NAMELESS.contains(&number) && !file.names.is_empty() {
            self.report.broken(Rule::SystemReserved, Some(number), offset, "a record that is kept free has a name");
        }
        if number >= NAMELESS.start {
            return;
        }
        let root = Reference { record: 5, sequence: 5 };
        let own = SystemFile::ALL.into_iter().find(|system| *system as u64 == number);
        let expected: Name = own.and_then(SystemFile::name).map_or(".", |(name, _)| name).into();
        let found = file.names.iter().any(|name| name.parent == root && name_is(name.name, expected.units()));
        if !found {
            let detail = format!("the record is not named {expected} in the root directory");
            self.report.broken(Rule::SystemFile, Some(number), offset, detail);
        }
        if number == root.record && !file.base.is_directory() {
            self.report.broken(Rule::RootDirectory, Some(number), offset, "the record is not that of a directory");
        }
    }

    /// The unnamed stream must begin at this cluster.
    fn check_place(&mut self, file: &File<'_>, rule: Rule, expected: Lcn) {
        let stream = file.data.as_ref().and_then(|(value, _)| value.stream());
        let found = stream.and_then(|stream| stream.extents.first()?.lcn);
        if found != Some(expected) {
            let number = file.base.number();
            let detail = format!("it begins at cluster {:?}, expected {}", found.map(|lcn| lcn.0), expected.0);
            self.report.broken(rule, Some(number), self.mft.offset(number), detail);
        }
    }

    fn check_volume_information(&mut self, file: &File<'_>) {
        let number = Some(file.base.number());
        let offset = self.mft.offset(file.base.number());
        let Some(information) =
            file.volume_information.and_then(|value| VolumeInformation::read_from_bytes(value).ok())
        else {
            let detail = "there is no $VOLUME_INFORMATION of 12 bytes";
            self.report.broken(Rule::VolumeInformation, number, offset, detail);
            return;
        };
        let version = (information.major, information.minor);
        if version.0 != 3 || version.1 > 1 {
            let detail = format!("the version is {}.{}", version.0, version.1);
            self.report.broken(Rule::VolumeVersion, number, offset, detail);
        }
        if information.flags.get() & VOLUME_DIRTY != 0 {
            self.report.broken(Rule::VolumeDirty, number, offset, "the volume asks for a check");
        }
    }

    fn check_bad_clusters(&mut self, file: &File<'_>) {
        let number = file.base.number();
        let stream = file.named.iter().find(|(name, _)| name_is(name, &BAD)).and_then(|(_, value)| value.stream());
        let found = stream.and_then(|stream| stream.extents.last()).map_or(0, |last| last.vcn + last.clusters);
        let expected = self.mft.boot.clusters();
        if found != expected {
            let detail = format!("$Bad has {found} clusters, and the volume {expected}");
            self.report.broken(Rule::BadClusters, Some(number), self.mft.offset(number), detail);
        }
    }

    /// Checks that all system files were there, and what is in those that have clusters.
    pub(super) fn check_system_files(&mut self) -> io::Result<()> {
        for number in 0..NAMELESS.start {
            if self.facts.file(super::facts::narrow(number)).is_none() {
                let detail = "there is no system file in the record";
                self.report.broken(Rule::SystemFile, Some(number), self.mft.offset(number), detail);
            }
        }
        if let Some(stream) = self.system_stream(SystemFile::LogFile) {
            self.check_log(&stream)?;
        }
        if let Some(stream) = self.system_stream(SystemFile::AttrDef) {
            self.check_definitions(&stream)?;
        }
        if let Some(stream) = self.system_stream(SystemFile::UpCase) {
            self.check_upcase(&stream);
        }
        Ok(())
    }

    fn system_stream(&mut self, file: SystemFile) -> Option<Stream> {
        self.facts.system[file as usize].take()
    }

    /// The journal is empty, or was closed: nothing is left to be done again or undone.
    fn check_log(&mut self, stream: &Stream) -> io::Result<()> {
        let number = Some(SystemFile::LogFile as u64);
        let offset = self.volume_offset(&stream.extents, 0);
        let mut bytes = vec![0; LOG_WINDOW];
        for start in (0..stream.size).step_by(LOG_WINDOW) {
            let length = usize::try_from(stream.size - start).unwrap_or(LOG_WINDOW).min(LOG_WINDOW);
            stream.read_at(self.volume, self.mft.boot.cluster, start, &mut bytes[..length])?;
            if start == 0 && bytes[..length].iter().any(|byte| *byte != 0xff) {
                match restart(&bytes[..length]) {
                    Some(true) => {}
                    Some(false) => {
                        let detail = "the journal holds changes that are not yet made";
                        self.report.broken(Rule::LogClean, number, offset, detail);
                    }
                    None => {
                        let detail = "neither 0xff all over nor a restart page";
                        self.report.broken(Rule::LogForm, number, offset, detail);
                    }
                }
                return Ok(());
            }
            if let Some(at) = bytes[..length].iter().position(|byte| *byte != 0xff) {
                let offset = self.volume_offset(&stream.extents, start + at as u64);
                let detail = "the empty journal is not 0xff all over";
                self.report.broken(Rule::LogForm, number, offset, detail);
                return Ok(());
            }
        }
        Ok(())
    }

    fn check_definitions(&mut self, stream: &Stream) -> io::Result<()> {
        let number = Some(SystemFile::AttrDef as u64);
        let offset = self.volume_offset(&stream.extents, 0);
        let table = stream.read_all(self.volume, self.mft.boot.cluster, MAX_DEFINITIONS)?.unwrap_or_default();
        let types = table
            .chunks_exact(DEFINITION.0)
            .filter_map(|definition| definition[DEFINITION.1..].first_chunk().map(|kind| u32::from_le_bytes(*kind)));
        let types: Vec<u32> = types.take_while(|kind| *kind != 0).collect();
        if types.first() != Some(&0x10) || types.windows(2).any(|pair| pair[0] >= pair[1]) {
            let detail = format!("the types are {types:x?}");
            self.report.broken(Rule::AttributeDefinitions, number, offset, detail);
        }
        Ok(())
    }

    fn check_upcase(&mut self, stream: &Stream) {
        let number = Some(SystemFile::UpCase as u64);
        let offset = self.volume_offset(&stream.extents, 0);
        if stream.size != UPCASE_BYTES as u64 {
            let detail = format!("{} bytes, expected {UPCASE_BYTES}", stream.size);
            self.report.broken(Rule::UpcaseSize, number, offset, detail);
            return;
        }
        let table = &self.upcase;
        // Versions of Windows differ in the letters that Unicode got later, but not in this.
        let wrong = table.iter().enumerate().find(|&(unit, upper)| {
            let ascii = unit < 0x80 && *upper != upcase_table()[unit];
            ascii || table.get(usize::from(*upper)) != Some(upper)
        });
        if let Some((unit, upper)) = wrong {
            let detail = format!("{unit:#06x} becomes {upper:#06x}, which is no upper-case unit of it");
            let at = self.volume_offset(&stream.extents, 2 * unit as u64);
            self.report.broken(Rule::UpcaseTable, number, at, detail);
        }
    }

    /// Compares the checksum beside the table with that of the table.
    fn check_upcase_info(&mut self, file: &File<'_>) {
        let number = file.base.number();
        let info = file.named.iter().find(|(name, _)| name_is(name, &INFO));
        let Some((_, Value::Resident(info))) = info else { return };
        let stated = info.get(8..).and_then(|rest| rest.first_chunk()).map(|crc| u64::from_le_bytes(*crc));
        let found = upcase_checksum(&self.upcase);
        if stated != Some(found) {
            let detail = format!("the table has the checksum {found:#x}, but $Info says {stated:x?}");
            self.report.broken(Rule::UpcaseInfo, Some(number), self.mft.offset(number), detail);
        }
    }
}

/// Whether the newer of the two restart pages of a journal says that it was closed; none if there is
/// no restart page.
fn restart(log: &[u8]) -> Option<bool> {
    /// Bit of the restart area's flags: the volume was closed.
    const CLEAN: u16 = 2;
    /// No client uses the journal.
    const NO_CLIENT: u16 = 0xffff;
    let word = |at: usize| log.get(at..)?.first_chunk().map(|b| u16::from_le_bytes(*b));
    let long = |at: usize| log.get(at..)?.first_chunk().map(|b| u64::from_le_bytes(*b));
    let page_size = usize::from(word(0x10)?);
    let state = |page: usize| {
        let magic = log.get(page..page + 4)?;
        if magic != b"RSTR" && magic != b"CHKD" {
            return None;
        }
        let area = page + usize::from(word(page + 0x18)?);
        let clean = word(area + 0xc)? == NO_CLIENT || word(area + 0xe)? & CLEAN != 0;
        Some((long(area)?, clean))
    };
    [0, page_size].into_iter().filter_map(state).max_by_key(|(lsn, _)| *lsn).map(|(_, clean)| clean)
}
