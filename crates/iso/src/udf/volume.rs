//! An open UDF volume.

use nanovhd_tree::ReadAt;
use zerocopy::FromBytes;

use super::format::{FileSet, file_type, tag_id};
use super::icb::Icb;
use super::partition::{IcbAddress, Partition, Space};
use super::sequence::Sequence;
use super::{cs0, directory, maps};
use crate::entry::{Entry, FileKind, Stat};
use crate::error::{IsoError, Structure};
use crate::input::Input;
use crate::iso::Described;

/// A volume: its partitions, and where the root is.
#[derive(Debug)]
pub(crate) struct Volume {
    space: Space,
    pub(crate) root: IcbAddress,
    pub(crate) label: String,
    /// Such as `0x102`. OSTA UDF 2.60, 2.1.5.3.
    pub(crate) revision: u16,
}

impl Volume {
    pub(crate) fn open<R: ReadAt>(input: &Input<R>) -> Result<Self, IsoError> {
        let sequence = Sequence::find(input)?;
        let space = maps::open(input, &sequence)?;
        // The first of the sequence: more than one is for discs that are written once. OSTA UDF 2.60, 2.3.2.
        let location = sequence.volume.file_set.location;
        let address = (location.partition.get(), location.block.get());
        let what = Structure::FileSet;
        let (offset, bytes) = space.read_descriptor(input, what, address, tag_id::FILE_SET)?;
        let Ok((file_set, _)) = FileSet::read_from_prefix(&bytes) else {
            return Err(IsoError::Missing { what, offset });
        };
        let [low, high, ..] = sequence.volume.domain.suffix;
        Ok(Self {
            space,
            root: file_set.root.icb(),
            label: cs0::dstring(&sequence.volume.identifier),
            revision: u16::from_le_bytes([low, high]),
        })
    }

    /// Where the last partition ends. What a disc has behind it, such as a second anchor, no file needs.
    pub(crate) fn len(&self) -> u64 {
        let ends = self.space.partitions.iter().filter_map(|partition| match partition {
            Partition::Physical(physical) => Some(u64::from(physical.start) + u64::from(physical.blocks)),
            Partition::Metadata(_) => None,
        });
        ends.max().unwrap_or(0) * u64::from(self.space.block_size)
    }

    pub(crate) fn list<R: ReadAt>(
        &self,
        input: &Input<R>,
        address: &IcbAddress,
    ) -> Result<(Vec<Entry>, u64), IsoError> {
        directory::list(input, &self.space, address)
    }

    pub(crate) fn describe<R: ReadAt>(
        &self,
        input: &Input<R>,
        address: &IcbAddress,
        is_dir: bool,
    ) -> Result<Described, IsoError> {
        let icb = Icb::read(input, &self.space, *address)?;
        let kind = match icb.file_type {
            file_type::UNSPECIFIED | file_type::FILE | file_type::REAL_TIME => FileKind::File,
            file_type::DIRECTORY => FileKind::Directory,
            file_type::SYMBOLIC_LINK => FileKind::SymbolicLink,
            _ => FileKind::Other,
        };
        if (kind == FileKind::Directory) != is_dir {
            let (what, offset, field) = (Structure::FileEntry, icb.offset, "file type");
            let (found, expected) = (icb.file_type.into(), "what the directory says of it");
            return Err(IsoError::Field { what, offset, field, found, expected });
        }
        let stat = Stat { kind, len: icb.len, modified: icb.modified };
        Ok(Described { stat, runs: icb.map(input, &self.space)?.runs })
    }
}
