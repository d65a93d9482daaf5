//! A whole volume as a tree.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use nanovhd_tree::{
    BlobId, Content, FileId, Metadata, Name, NameError, ReadAt, SecurityId, SourceId, Stream as NamedStream, Tree,
    TreeError,
};

use crate::format::attribute_flags;
use crate::names::Namespace;
use crate::read::files::{self, FileFacts, NameFact, Security, Value, is_dos};
use crate::read::mft::Mft;
use crate::read::record::{Record, Reference};
use crate::read::runs::Extent;
use crate::read::stream::{Stream, read_extents};
use crate::read::{ReadError, index, lznt1, security};
use crate::rule::{Fault, Rule};

/// The MFT record of the root directory.
pub(crate) const ROOT: u64 = 5;
/// The MFT record of `$Extend`, whose files are NTFS's own.
pub(crate) const EXTEND: u64 = 11;
/// Records below this are NTFS's own, the root excepted.
pub(crate) const FIRST_USER: u64 = 24;

/// A volume's files, and where their streams lie.
#[derive(Debug)]
pub struct Snapshot {
    /// Every file and directory that a path leads to, but NTFS's own.
    pub tree: Tree,
    /// The streams that the tree's contents refer to.
    pub streams: Streams,
    /// What is odd about the volume but doesn't keep it from being read.
    pub notes: Vec<Note>,
    /// The MFT record of each file, by its index in the tree.
    records: Vec<u64>,
}

impl Snapshot {
    /// The number of a file's MFT record.
    pub fn record(&self, file: FileId) -> u64 {
        self.records[file.index()]
    }
}

/// Something odd about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The file's MFT record.
    pub record: u64,
    /// What it is.
    pub kind: NoteKind,
}

/// What is odd about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoteKind {
    /// No path leads to the file.
    Unreachable,
    /// A stream is encrypted by EFS, so its bytes can't be read.
    Encrypted,
    /// A name can't name a file and was left out.
    Name(NameError),
    /// Another file of the directory has this name already, or the file is a directory with a
    /// second name, so the name was left out.
    NameTaken(Name),
    /// There is no descriptor with the id that the file names.
    NoDescriptor(u32),
}

/// Where the streams of a snapshot lie, in the order of their first clusters.
#[derive(Debug, Default)]
pub struct Streams {
    list: Vec<Stored>,
    /// The extents of all streams, one stream's after another's.
    extents: Vec<Extent>,
}

/// A stream in clusters: [`Stream`] with its extents put with those of others.
#[derive(Debug, Clone)]
struct Stored {
    record: u64,
    size: u64,
    initialized: u64,
    flags: u16,
    /// Clusters of a compression unit.
    unit: u64,
    extents: Range<usize>,
}

impl Streams {
    /// How many streams there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is no stream.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn push(&mut self, record: u64, stream: Stream) {
        let start = self.extents.len();
        self.extents.extend(stream.extents);
        let Stream { size, initialized, flags, unit, .. } = stream;
        self.list.push(Stored { record, size, initialized, flags, unit, extents: start..self.extents.len() });
    }

    /// Sorts the streams by place and says which number each has now.
    fn sort(&mut self) -> Vec<u32> {
        let place = |stored: &Stored| self.extents[stored.extents.clone()].iter().find_map(|e| e.lcn);
        let mut order: Vec<usize> = (0..self.list.len()).collect();
        order.sort_by_key(|&i| place(&self.list[i]));
        let mut numbers = vec![0; order.len()];
        for (number, &i) in (0..).zip(&order) {
            numbers[i] = number;
        }
        self.list = order.into_iter().map(|i| self.list[i].clone()).collect();
        numbers
    }

    pub(crate) fn read(
        &self,
        volume: &impl ReadAt,
        mft: &Mft,
        index: u32,
        offset: u64,
        buf: &mut [u8],
    ) -> Result<usize, ReadError> {
        let stored = usize::try_from(index).ok().and_then(|i| self.list.get(i)).ok_or(ReadError::NoStream(index))?;
        if stored.flags & attribute_flags::ENCRYPTED != 0 {
            return Err(ReadError::Encrypted { record: stored.record });
        }
        let left = usize::try_from(stored.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = left.min(buf.len());
        let written = usize::try_from(stored.initialized.saturating_sub(offset)).unwrap_or(usize::MAX).min(length);
        let extents = &self.extents[stored.extents.clone()];
        buf[written..length].fill(0);
        if stored.flags & attribute_flags::COMPRESSED_MASK != 0 {
            read_compressed(volume, mft, stored, extents, offset, &mut buf[..written])?;
        } else {
            read_extents(volume, extents, mft.boot.cluster, offset, &mut buf[..written]).map_err(|source| {
                let lcn = extents.first().and_then(|e| e.lcn);
                ReadError::Io { offset: lcn.map_or(0, |lcn| mft.boot.cluster.offset(lcn)), source }
            })?;
        }
        Ok(length)
    }
}

/// Fills `buf` from byte `offset` of a compressed stream on, unit by unit.
fn read_compressed(
    volume: &impl ReadAt,
    mft: &Mft,
    stored: &Stored,
    extents: &[Extent],
    mut offset: u64,
    mut buf: &mut [u8],
) -> Result<(), ReadError> {
    let cluster = mft.boot.cluster;
    let unit_bytes = stored.unit * cluster.bytes();
    let size = usize::try_from(unit_bytes).expect("a unit has at most 16 clusters of 2 MiB");
    let (mut packed, mut plain) = (vec![0; size], vec![0; size]);
    while !buf.is_empty() {
        let unit = offset / unit_bytes;
        let io = |source| ReadError::Io { offset: mft.offset(stored.record), source };
        read_extents(volume, extents, cluster, unit * unit_bytes, &mut packed).map_err(io)?;
        // The clusters of a unit that compressed well are fewer; all of them mean stored as it is,
        // none of them zeros, which the reading above has given already.
        let allocated = allocated_clusters(extents, unit * stored.unit, stored.unit);
        let bytes = if allocated == 0 || allocated == stored.unit {
            &packed
        } else {
            let length = usize::try_from(allocated * cluster.bytes()).expect("less than a unit");
            lznt1::expand(&packed[..length], &mut plain).map_err(|damaged| {
                let detail = format!(
                    "unit {unit} of a stream of record {}, byte {:#x}: {}",
                    stored.record, damaged.at, damaged.what
                );
                ReadError::Corrupt(mft.finding(stored.record, Fault::new(Rule::CompressionUnit, 0, detail)))
            })?;
            &plain
        };
        let from = usize::try_from(offset % unit_bytes).expect("less than a unit");
        let take = buf.len().min(size - from);
        let (now, later) = buf.split_at_mut(take);
        now.copy_from_slice(&bytes[from..from + take]);
        buf = later;
        offset += take as u64;
    }
    Ok(())
}

/// How many of `count` virtual clusters from `vcn` on are allocated.
pub(crate) fn allocated_clusters(extents: &[Extent], vcn: u64, count: u64) -> u64 {
    let end = vcn + count;
    let first = extents.partition_point(|e| e.vcn + e.clusters <= vcn);
    let inside = extents[first..].iter().take_while(|e| e.vcn < end).filter(|e| e.lcn.is_some());
    inside.map(|e| end.min(e.vcn + e.clusters) - vcn.max(e.vcn)).sum()
}

/// Reads the shape of the volume.
pub(crate) fn read(volume: &impl ReadAt, mft: &Mft, source: SourceId) -> Result<Snapshot, ReadError> {
    let mut files: Vec<FileFacts> = Vec::new();
    let mut streams = Streams::default();
    let mut values = Values { source, numbers: Vec::new(), notes: Vec::new() };
    mft.scan(volume, |number, bytes| -> Result<(), ReadError> {
        if number < FIRST_USER && number != ROOT && number != EXTEND {
            return Ok(());
        }
        let record = Record::parse(bytes, number).map_err(|fault| ReadError::Corrupt(mft.finding(number, fault)))?;
        if record.in_use() && record.is_base() {
            let mut facts = files::read(volume, mft, &record)?;
            values.stow(&mut facts, &mut streams);
            files.push(facts);
        }
        Ok(())
    })?;
    values.numbers = streams.sort();
    add_births(volume, mft, &mut files)?;
    let builder = Builder::new(volume, mft, files, values)?;
    let (tree, records, notes) = builder.build()?;
    Ok(Snapshot { tree, streams, notes, records })
}

/// Completes the object ids: where each was born is told by the index `$O` of `$Extend\\$ObjId`.
fn add_births(volume: &impl ReadAt, mft: &Mft, files: &mut [FileFacts]) -> Result<(), ReadError> {
    let own = |name: &NameFact| name.parent.record == EXTEND && name.name == Name::from("$ObjId");
    let Some(number) = files.iter().find(|f| f.names.iter().any(own)).map(|f| f.reference.record) else {
        return Ok(());
    };
    let mut bytes = mft.read_record(volume, number)?;
    let base = Record::parse(&mut bytes, number).map_err(|fault| ReadError::Corrupt(mft.finding(number, fault)))?;
    let extensions = mft.extensions(volume, &base)?;
    let attributes = files::attributes(mft, &base, &extensions)?;
    index::each_entry(volume, mft, &attributes, &[u16::from(b'$'), u16::from(b'O')], |entry| {
        let Some((reference, births)) = entry.data().and_then(|data| data.split_first_chunk::<8>()) else { return };
        let reference = Reference::from_disk(u64::from_le_bytes(*reference));
        let file = files.binary_search_by_key(&reference.record, |f| f.reference.record);
        let id = file.ok().and_then(|i| files[i].metadata.object_id.as_mut()).filter(|id| entry.key == id.object);
        if let (Some(id), [volume, object, domain]) = (id, births.as_chunks::<16>().0) {
            // This is how a file that was never moved says it.
            let unmoved = (*volume, *domain) == Default::default() && [[0; 16], id.object].contains(object);
            id.birth = (!unmoved).then_some([*volume, *object, *domain]);
        }
    })
}

/// Values of streams on their way from records to contents.
struct Values {
    source: SourceId,
    /// The number of each stream by the order in which the records name them.
    numbers: Vec<u32>,
    notes: Vec<Note>,
}

impl Values {
    /// Moves the streams of a file that lie in clusters to `streams`; what is left of each is its size
    /// and its number.
    fn stow(&mut self, facts: &mut FileFacts, streams: &mut Streams) {
        let named = facts.streams.iter_mut().map(|(_, value)| value);
        for value in facts.data.iter_mut().chain(named) {
            let Value::Stream(stream) = value else { continue };
            if stream.flags & attribute_flags::ENCRYPTED != 0 {
                self.notes.push(Note { record: facts.reference.record, kind: NoteKind::Encrypted });
            }
            let number = streams.len() as u64;
            let kept = Stream { size: stream.size, allocated: number, ..Stream::default() };
            streams.push(facts.reference.record, std::mem::replace(stream, kept));
        }
    }

    fn content(&self, value: Value) -> Content {
        match value {
            Value::Resident(bytes) => Content::bytes(bytes),
            Value::Stream(Stream { size: 0, .. }) => Content::empty(),
            Value::Stream(stream) => {
                let number = usize::try_from(stream.allocated).expect("a position in a list");
                Content::blob(BlobId { source: self.source, index: self.numbers[number] }, stream.size)
            }
        }
    }
}

/// Joins files to paths, from the root down.
struct Builder {
    tree: Tree,
    /// In the order of their records.
    files: Vec<FileFacts>,
    values: Values,
    /// What each file became.
    ids: Vec<Option<FileId>>,
    /// Ids of the tree's descriptors by those of `$Secure`.
    descriptors: HashMap<u32, SecurityId>,
    /// The names in each file that is a directory: the file named and which of its names, sorted by
    /// directory.
    children: Vec<(usize, usize, usize)>,
    records: Vec<u64>,
}

impl Builder {
    fn new(volume: &impl ReadAt, mft: &Mft, files: Vec<FileFacts>, values: Values) -> Result<Self, ReadError> {
        let mut tree = Tree::new();
        let mut descriptors = HashMap::new();
        security::each_descriptor(volume, mft, |id, bytes| {
            descriptors.insert(id, tree.add_descriptor(bytes));
        })?;
        let ids = vec![None; files.len()];
        let mut this = Self { tree, files, values, ids, descriptors, children: Vec::new(), records: Vec::new() };
        let root = this.position(ROOT).filter(|&i| this.files[i].directory);
        let root = root.ok_or_else(|| {
            let fault = Fault::new(Rule::RootDirectory, 0x16, "the record is not that of a directory");
            ReadError::Corrupt(mft.finding(ROOT, fault))
        })?;
        this.find_children();
        *this.tree.metadata_mut(Tree::ROOT) = this.metadata(root);
        this.ids[root] = Some(Tree::ROOT);
        this.records.push(ROOT);
        Ok(this)
    }

    fn position(&self, record: u64) -> Option<usize> {
        self.files.binary_search_by_key(&record, |facts| facts.reference.record).ok()
    }

    /// Lists under each directory the names that say they are in it.
    fn find_children(&mut self) {
        for (i, facts) in self.files.iter().enumerate() {
            // The root names itself, in itself.
            if facts.reference.record == ROOT {
                continue;
            }
            for (n, name) in facts.names.iter().enumerate() {
                if let Some(parent) = self.directory(name.parent).filter(|_| !is_dos(name.namespace)) {
                    self.children.push((parent, i, n));
                }
            }
        }
        self.children.sort_unstable();
    }

    fn directory(&self, reference: Reference) -> Option<usize> {
        self.position(reference.record).filter(|&i| self.files[i].reference == reference && self.files[i].directory)
    }

    /// Adds everything that the root leads to; what `$Extend` leads to is not part of the tree.
    fn build(mut self) -> Result<(Tree, Vec<u64>, Vec<Note>), ReadError> {
        let mut own = vec![false; self.files.len()];
        let mut queue: VecDeque<usize> = [EXTEND, ROOT].into_iter().filter_map(|r| self.position(r)).collect();
        if let Some(extend) = self.position(EXTEND) {
            own[extend] = true;
        }
        while let Some(directory) = queue.pop_front() {
            let start = self.children.partition_point(|child| child.0 < directory);
            let end = self.children.partition_point(|child| child.0 <= directory);
            for i in start..end {
                let (_, file, name) = self.children[i];
                let known = own[file] || self.ids[file].is_some();
                if own[directory] {
                    own[file] = true;
                } else if !own[file] {
                    self.add(directory, file, name);
                }
                if !known && (own[file] || self.ids[file].is_some()) && self.files[file].directory {
                    queue.push_back(file);
                }
            }
        }
        for (i, facts) in self.files.iter().enumerate() {
            if self.ids[i].is_none() && !own[i] {
                self.values.notes.push(Note { record: facts.reference.record, kind: NoteKind::Unreachable });
            }
        }
        self.values.notes.sort_by_key(|note| note.record);
        Ok((self.tree, self.records, self.values.notes))
    }

    /// Gives a file a name in a directory that is in the tree; the first time, the file itself comes
    /// with it.
    fn add(&mut self, directory: usize, file: usize, name: usize) {
        let parent = self.ids[directory].expect("directories are in the tree before what they hold");
        let fact = self.files[file].names[name].clone();
        let short = self.short_name(file, &fact);
        let record = self.files[file].reference.record;
        let added = match self.ids[file] {
            Some(id) => self.tree.link(parent, fact.name.clone(), id),
            None => self.add_file(parent, fact.name.clone(), file),
        };
        let added = added.and_then(|()| match short {
            Some(short) => self.tree.set_short_name(parent, &fact.name, Some(short)),
            None => Ok(()),
        });
        if let Err(error) = added {
            let kind = match error {
                TreeError::Name(error) => NoteKind::Name(error),
                _ => NoteKind::NameTaken(fact.name),
            };
            self.values.notes.push(Note { record, kind });
        }
    }

    fn add_file(&mut self, parent: FileId, name: Name, file: usize) -> Result<(), TreeError> {
        name.check()?;
        if self.tree.file(parent).directory().is_some_and(|entries| entries.contains_key(&name)) {
            return Err(TreeError::Exists(name));
        }
        let metadata = self.metadata(file);
        let id = if self.files[file].directory {
            self.tree.add_directory(parent, name, metadata)?
        } else {
            let content =
                self.files[file].data.take().map_or_else(Content::empty, |value| self.values.content(value));
            self.tree.add_file(parent, name, metadata, content)?
        };
        self.ids[file] = Some(id);
        self.records.push(self.files[file].reference.record);
        Ok(())
    }

    /// The 8.3 name that goes with a Win32 name of the file.
    fn short_name(&self, file: usize, fact: &NameFact) -> Option<Name> {
        let names = &self.files[file].names;
        let is_partner = |other: &&NameFact| is_dos(other.namespace) && other.parent == fact.parent;
        let win32 = fact.namespace == Namespace::Win32 as u8;
        names.iter().find(is_partner).filter(|_| win32).map(|dos| dos.name.clone())
    }

    /// Takes the metadata out of a file's facts.
    fn metadata(&mut self, file: usize) -> Metadata {
        let facts = &mut self.files[file];
        let mut metadata = std::mem::take(&mut facts.metadata);
        let streams = std::mem::take(&mut facts.streams);
        metadata.security = match &facts.security {
            Security::None => None,
            Security::Own(bytes) => Some(self.tree.add_descriptor(bytes)),
            Security::Shared(id) => {
                let known = self.descriptors.get(id).copied();
                if known.is_none() {
                    let record = facts.reference.record;
                    self.values.notes.push(Note { record, kind: NoteKind::NoDescriptor(*id) });
                }
                known
            }
        };
        if !streams.is_empty() {
            let named = |(name, value)| NamedStream { name, content: self.values.content(value) };
            metadata.streams = streams.into_iter().map(named).collect();
        }
        metadata
    }
}
