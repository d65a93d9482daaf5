//! An open ISO 9660 volume.

use nanovhd_tree::{Name, ReadAt};
use zerocopy::FromBytes;

use super::directory::{self, Lister, Names, Node};
use super::format::{Descriptor, RECORD_LEN, Record, SECTOR};
use super::rock_ridge::{self, Fields};
use crate::entry::Entry;
use crate::error::{IsoError, Structure, Unsupported};
use crate::input::Input;
use crate::name;

/// A volume: where the root is, and what its names are.
#[derive(Debug)]
pub(crate) struct Volume {
    pub(crate) root: Node,
    pub(crate) label: String,
    /// Bytes.
    pub(crate) len: u64,
    names: Names,
    /// Bytes to skip of system use, where Rock Ridge is.
    rock_ridge: Option<u8>,
    pub(crate) block_size: u32,
    disc: u16,
}

impl Volume {
    /// The volume of a primary volume descriptor, which is at `offset`.
    pub(crate) fn primary<R: ReadAt>(
        input: &Input<R>,
        offset: u64,
        descriptor: &Descriptor,
    ) -> Result<Self, IsoError> {
        let label = name::label(&name::from_bytes(&descriptor.volume));
        let mut volume = Self::new(offset, descriptor, Names::Plain, label)?;
        // What is wrong with the root directory shows when that is listed.
        volume.rock_ridge = volume.find_rock_ridge(input).ok().flatten();
        Ok(volume)
    }

    /// The volume of a supplementary volume descriptor of Joliet's, which is at `offset`.
    pub(crate) fn joliet(offset: u64, descriptor: &Descriptor) -> Result<Self, IsoError> {
        let label = name::label(&name::from_ucs2(&descriptor.volume).unwrap_or_default());
        Self::new(offset, descriptor, Names::Joliet, label)
    }

    fn new(offset: u64, descriptor: &Descriptor, names: Names, label: String) -> Result<Self, IsoError> {
        let what = Structure::VolumeDescriptor;
        // 6.2.2: a power of two from 512 up to the size of a sector.
        let block_size = descriptor.block_size.le.get();
        if ![512, 1024, 2048].contains(&block_size) {
            let (field, found) = ("block size", block_size.into());
            return Err(IsoError::Field { what, offset, field, found, expected: "512, 1024 or 2048" });
        }
        let block_size = u32::from(block_size);
        Ok(Self {
            root: Node::directory(&descriptor.root, block_size, offset),
            label,
            len: u64::from(descriptor.blocks.get()) * u64::from(block_size),
            names,
            rock_ridge: None,
            block_size,
            disc: descriptor.disc.le.get(),
        })
    }

    pub(crate) fn has_rock_ridge(&self) -> bool {
        self.rock_ridge.is_some()
    }

    /// Whether Rock Ridge names are to be used, if there are any.
    pub(crate) fn use_rock_ridge(&mut self, yes: bool) {
        if yes && self.rock_ridge.is_some() {
            self.names = Names::RockRidge;
        }
    }

    /// Looks for the mark of Rock Ridge in the first record of the root directory, that for itself. SUSP 5.3.
    fn find_rock_ridge<R: ReadAt>(&self, input: &Input<R>) -> Result<Option<u8>, IsoError> {
        let (what, offset) = (Structure::DirectoryRecord, self.root.place());
        let bytes = input.read_vec(what, offset, usize::from(u8::MAX).min(SECTOR as usize))?;
        let Ok((record, _)) = Record::ref_from_prefix(&bytes) else {
            return Ok(None);
        };
        let end = usize::from(record.len);
        let Some(area) = bytes.get(RECORD_LEN + usize::from(record.name_len)..end) else {
            return Ok(None);
        };
        rock_ridge::find(Fields::new(input, self.block_size, area, offset))
    }

    pub(crate) fn list<R: ReadAt>(&self, input: &Input<R>, node: &Node) -> Result<(Vec<Entry>, u64), IsoError> {
        let skip = self.rock_ridge.unwrap_or_default();
        directory::list(
            &Lister { input, block_size: self.block_size, names: self.names, skip, disc: self.disc },
            node,
        )
    }
}

impl Names {
    /// The name of a record, which isn't empty.
    pub(crate) fn decode(self, stored: &[u8]) -> Option<Name> {
        let mut units = match self {
            Self::Joliet => name::from_ucs2(stored)?,
            Self::Plain | Self::RockRidge => name::from_bytes(stored),
        };
        name::without_version(&mut units);
        Some(name::safe(units))
    }
}

/// Content on another disc of the set.
pub(crate) fn other_disc(offset: u64, disc: u16) -> IsoError {
    let (what, reason) = (Structure::DirectoryRecord, Unsupported::OtherDisc(disc));
    IsoError::Unsupported { what, offset, reason }
}
