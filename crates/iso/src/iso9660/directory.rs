//! Directories: records, sector by sector. ECMA-119 6.8 and 9.1.

use nanovhd_tree::{Filetime, Name, ReadAt};
use zerocopy::FromBytes;

use super::format::{RECORD_LEN, Record, SECTOR, record_flags};
use super::rock_ridge::{Attributes, Fields};
use super::volume::other_disc;
use crate::entry::{Entry, FileKind, Stat};
use crate::error::{IsoError, Structure, Unsupported};
use crate::input::Input;
use crate::iso::Described;
use crate::runs::Runs;

const WHAT: Structure = Structure::DirectoryRecord;
/// The longest directory that is read: 200,000 entries with the longest of names.
const MAX_DIRECTORY: u64 = 64 << 20;

/// A file or directory, of which the record says all.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    kind: FileKind,
    runs: Runs,
    modified: Option<Filetime>,
    /// Where the first of its records is.
    record: u64,
    /// Why the content can't be read.
    refusal: Option<Unsupported>,
    disc: u16,
}

/// How names are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// Few characters, and whatever writers put there.
    Plain,
    /// In system use, by `NM`.
    RockRidge,
    /// Big-endian UCS-2.
    Joliet,
}

/// What it takes to list directories.
pub(crate) struct Lister<'i, R> {
    pub(crate) input: &'i Input<R>,
    pub(crate) block_size: u32,
    pub(crate) names: Names,
    /// Bytes of system use in front of Rock Ridge's.
    pub(crate) skip: u8,
    /// The disc that this is.
    pub(crate) disc: u16,
}

impl Node {
    /// A directory; that one is wanted is known already.
    pub(crate) fn directory(record: &Record, block_size: u32, offset: u64) -> Self {
        let mut node = Self::new(record, block_size, offset);
        node.kind = FileKind::Directory;
        node
    }

    fn new(record: &Record, block_size: u32, offset: u64) -> Self {
        let is_dir = record.flags & record_flags::DIRECTORY != 0;
        let mut runs = Runs::default();
        let (place, len) = content(record, block_size);
        // Sums of 32 bits don't reach 2^64.
        let _ = runs.push(Some(place), len);
        Self {
            kind: if is_dir { FileKind::Directory } else { FileKind::File },
            runs,
            modified: record.time.filetime(),
            record: offset,
            refusal: (record.unit != 0 || record.gap != 0).then_some(Unsupported::Interleaved),
            disc: record.disc.le.get(),
        }
    }

    /// Adds a further extent. 6.5.1.
    fn extend(&mut self, record: &Record, block_size: u32) {
        let (place, len) = content(record, block_size);
        let _ = self.runs.push(Some(place), len);
        if record.unit != 0 || record.gap != 0 {
            self.refusal = Some(Unsupported::Interleaved);
        }
    }

    /// Where the content begins.
    pub(crate) fn place(&self) -> u64 {
        self.runs.at(0).and_then(|run| run.place).unwrap_or(self.record)
    }

    pub(crate) fn describe(&self) -> Result<Described, IsoError> {
        if let Some(reason) = self.refusal.clone() {
            return Err(IsoError::Unsupported { what: Structure::Content, offset: self.place(), reason });
        }
        let stat = Stat { kind: self.kind, len: self.runs.len(), modified: self.modified };
        Ok(Described { stat, runs: self.runs.clone() })
    }
}

/// Place and length of an extent, whose first blocks may be extended attributes. 9.1.2 to 9.1.4.
fn content(record: &Record, block_size: u32) -> (u64, u64) {
    let block = u64::from(record.block.get()) + u64::from(record.attribute_blocks);
    (block * u64::from(block_size), record.content_len.get().into())
}

/// Lists a directory, and says how many bytes of the image that took.
pub(crate) fn list<R: ReadAt>(lister: &Lister<'_, R>, node: &Node) -> Result<(Vec<Entry>, u64), IsoError> {
    let (bytes, place) = lister.read(node)?;
    let mut entries = Vec::new();
    // A file whose records are not all read, and its name as stored.
    let mut unfinished: Option<(Entry, Node, Vec<u8>)> = None;
    let mut at = 0;
    while let Some(&len) = bytes.get(at) {
        if len == 0 {
            // 6.8.1.1: a record that doesn't fit into the sector is in the next.
            at = (at + 1).next_multiple_of(SECTOR as usize);
            continue;
        }
        let offset = place + at as u64;
        let raw = Raw::parse(&bytes[at..], offset)?;
        at += usize::from(len);
        if raw.is_self_or_parent() || raw.record.flags & record_flags::ASSOCIATED != 0 {
            continue;
        }
        let more = raw.record.flags & record_flags::MORE != 0;
        let (entry, node, stored) = match unfinished.take() {
            Some((entry, mut node, stored)) if stored == raw.name => {
                node.extend(raw.record, lister.block_size);
                (entry, node, stored)
            }
            Some(_) => return Err(broken_off(offset)),
            None => match lister.entry(&raw, offset)? {
                Some((entry, node)) => (entry, node, raw.name.to_vec()),
                None => continue,
            },
        };
        if more {
            unfinished = Some((entry, node, stored));
        } else {
            entries.push(Entry { node: crate::entry::Node::Iso9660(node), ..entry });
        }
    }
    match unfinished {
        Some(_) => Err(broken_off(place + bytes.len() as u64)),
        None => Ok((entries, bytes.len() as u64)),
    }
}

fn broken_off(offset: u64) -> IsoError {
    let (field, expected) = ("record of another file", "0, the next extent of the file before");
    IsoError::Field { what: WHAT, offset, field, found: 1, expected }
}

/// A record and what follows it.
struct Raw<'b> {
    record: &'b Record,
    name: &'b [u8],
    system_use: &'b [u8],
}

impl<'b> Raw<'b> {
    fn parse(bytes: &'b [u8], offset: u64) -> Result<Self, IsoError> {
        let whole = Record::ref_from_prefix(bytes).ok().and_then(|(record, _)| {
            let rest = bytes.get(RECORD_LEN..usize::from(record.len))?;
            let (name, system_use) = rest.split_at_checked(usize::from(record.name_len))?;
            // 9.1.12: a byte makes the length even.
            let padding = usize::from(name.len().is_multiple_of(2)).min(system_use.len());
            (!name.is_empty()).then_some(Self { record, name, system_use: &system_use[padding..] })
        });
        whole.ok_or(IsoError::Field {
            what: WHAT,
            offset,
            field: "length",
            found: bytes.first().copied().unwrap_or_default().into(),
            expected: "that of the record with a name, within the directory",
        })
    }

    /// 6.8.2.2: names of one byte 0 or 1 are for the directory and its parent.
    fn is_self_or_parent(&self) -> bool {
        matches!(self.name, [0 | 1])
    }
}

impl<R: ReadAt> Lister<'_, R> {
    fn read(&self, node: &Node) -> Result<(Vec<u8>, u64), IsoError> {
        let Described { stat, runs } = node.describe()?;
        let (what, place, len) = (Structure::Directory, node.place(), runs.len());
        if stat.kind != FileKind::Directory || runs.iter().count() > 1 {
            let (offset, field) = (node.record, "number of extents of a directory");
            return Err(IsoError::Field { what: WHAT, offset, field, found: 2, expected: "1" });
        }
        if node.disc != self.disc {
            return Err(other_disc(node.record, node.disc));
        }
        let most = MAX_DIRECTORY;
        let size = usize::try_from(len).ok().filter(|_| len <= most);
        let size = size.ok_or(IsoError::TooLong { what, offset: place, len, most })?;
        Ok((self.input.read_vec(what, place, size)?, place))
    }

    /// The entry of a record, unless it is one that Rock Ridge has moved elsewhere.
    fn entry(&self, raw: &Raw<'_>, offset: u64) -> Result<Option<(Entry, Node)>, IsoError> {
        let mut node = Node::new(raw.record, self.block_size, offset);
        if node.disc != self.disc {
            node.refusal = Some(Unsupported::OtherDisc(node.disc));
        }
        let mut long_name = None;
        if self.names == Names::RockRidge {
            let area = raw.system_use.get(usize::from(self.skip)..).unwrap_or_default();
            let attributes = Attributes::read(Fields::new(self.input, self.block_size, area, offset))?;
            if attributes.is_relocated {
                return Ok(None);
            }
            if let Some(block) = attributes.child {
                node = self.relocated(block, offset)?;
            }
            if let (FileKind::File, Some(kind)) = (node.kind, attributes.kind) {
                node.kind = kind;
            }
            if attributes.is_compressed {
                node.refusal = Some(Unsupported::Zisofs);
            }
            long_name = attributes.name;
        }
        let name = match long_name {
            Some(name) => name,
            None => self.name(raw, offset)?,
        };
        let entry = Entry {
            name,
            is_dir: node.kind == FileKind::Directory,
            is_hidden: raw.record.flags & record_flags::HIDDEN != 0,
            node: crate::entry::Node::Iso9660(node.clone()),
        };
        Ok(Some((entry, node)))
    }

    fn name(&self, raw: &Raw<'_>, offset: u64) -> Result<Name, IsoError> {
        self.names.decode(raw.name).ok_or(IsoError::Field {
            what: WHAT,
            offset,
            field: "length of the name",
            found: raw.record.name_len.into(),
            expected: "an even number of bytes",
        })
    }

    /// The directory that a record stands for, whose own first record has its length. RRIP 4.1.5.1.
    fn relocated(&self, block: u32, offset: u64) -> Result<Node, IsoError> {
        let place = u64::from(block) * u64::from(self.block_size);
        let record: Record = self.input.read_one(WHAT, place)?;
        if record.block.get() != block || record.flags & record_flags::DIRECTORY == 0 {
            let (field, found) = ("block of a relocated directory", record.block.get().into());
            return Err(IsoError::Field { what: WHAT, offset, field, found, expected: "the one it is at" });
        }
        Ok(Node::directory(&record, self.block_size, place))
    }
}
