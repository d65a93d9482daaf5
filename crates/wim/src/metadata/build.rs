//! Builds the tree from the entries.

use std::collections::HashMap;

use nanovhd_tree::{
    Attributes, BlobId, Content, FileId, Metadata, Name, Reparse, SecurityId, SourceId, Stream, Tree, upcase,
};

use super::entry::DirEntry;
use super::notes::{Note, NoteKind, Notes};
use super::security::SecurityTable;
use super::{EntryError, MAX_DEPTH, MAX_REPARSE, MetadataError};
use crate::blob_table::{BlobTable, Sha1Hex};
use crate::format::{NO_DIGEST, Sha1Digest};

/// Tags with this bit are Microsoft's; the others are told apart by a GUID before the data.
const MICROSOFT_TAG: u32 = 0x8000_0000;

/// The tree of an image, and what could not be kept of it. `image` is for messages.
pub(crate) fn build(
    image: u32,
    metadata: &[u8],
    blobs: &BlobTable,
    source: SourceId,
) -> Result<(Tree, Vec<Note>), MetadataError> {
    let security = SecurityTable::parse(metadata).map_err(|cause| MetadataError::Security { image, cause })?;
    let root_at = security.end;
    let mut builder = Builder {
        image,
        metadata,
        blobs,
        source,
        tree: Tree::new(),
        security_ids: vec![None; security.descriptors.len()],
        security,
        taken: Taken::new(metadata.len()),
        directories: Vec::new(),
        groups: HashMap::new(),
        notes: Notes::default(),
    };
    builder.root(root_at)?;
    builder.walk()?;
    Ok((builder.tree, builder.notes.finish()))
}

/// A directory that was read, or whose entries are still to be read.
struct DirectoryNode {
    id: FileId,
    /// Its name and the place of its parent in the list of directories; the root has none.
    parent: Option<(usize, Name)>,
    depth: u32,
    /// Where its entries start.
    entries: usize,
}

struct Builder<'b> {
    image: u32,
    metadata: &'b [u8],
    blobs: &'b BlobTable,
    source: SourceId,
    tree: Tree,
    security: SecurityTable,
    /// The tree's numbers of the descriptors that are used so far.
    security_ids: Vec<Option<SecurityId>>,
    taken: Taken,
    /// Directories with entries, the root first.
    directories: Vec<DirectoryNode>,
    /// Files with a hard link group. The digest is part of the key because Windows takes names as
    /// links only if their data are the same too.
    groups: HashMap<(u64, Sha1Digest), FileId>,
    notes: Notes,
}

impl Builder<'_> {
    fn root(&mut self, at: usize) -> Result<(), MetadataError> {
        let read = DirEntry::parse(self.metadata, at).and_then(|entry| {
            let entry = entry.filter(DirEntry::is_directory).ok_or(EntryError::Root)?;
            self.taken.take(0..entry.range.end)?;
            let (metadata, _) = self.metadata_of(&entry)?;
            *self.tree.metadata_mut(Tree::ROOT) = metadata;
            Ok((entry.subdir_offset, entry.name, entry.short_name, entry.notes))
        });
        let (subdir_offset, name, short_name, notes) =
            read.map_err(|cause| self.error("\\".to_owned(), at, cause))?;
        if !name.is_empty() || short_name.is_some() {
            self.notes.add(NoteKind::RootName, || "\\".to_owned());
        }
        for kind in notes {
            self.notes.add(kind, || "\\".to_owned());
        }
        let entries = self.subdir(subdir_offset).map_err(|cause| self.error("\\".to_owned(), at, cause))?;
        if let Some(entries) = entries {
            self.directories.push(DirectoryNode { id: Tree::ROOT, parent: None, depth: 0, entries });
        }
        Ok(())
    }

    /// Reads the entries of all directories, those of one after the other before those of any in
    /// it, so that files are numbered as they would be listed.
    fn walk(&mut self) -> Result<(), MetadataError> {
        let mut left: Vec<usize> = (0..self.directories.len()).collect();
        while let Some(directory) = left.pop() {
            let first_child = self.directories.len();
            let mut at = self.directories[directory].entries;
            loop {
                let read = DirEntry::parse(self.metadata, at);
                let Some(entry) = read.map_err(|cause| self.error(self.path(directory, None), at, cause))? else {
                    break;
                };
                let (name, next) = (entry.name.clone(), entry.range.end);
                self.entry(directory, entry)
                    .map_err(|cause| self.error(self.path(directory, Some(&name)), at, cause))?;
                at = next;
            }
            left.extend((first_child..self.directories.len()).rev());
        }
        Ok(())
    }

    /// Puts an entry into the tree.
    fn entry(&mut self, directory: usize, mut entry: DirEntry) -> Result<(), EntryError> {
        self.taken.take(entry.range.clone())?;
        let (metadata, content) = self.metadata_of(&entry)?;
        let DirectoryNode { id: parent, depth, .. } = self.directories[directory];
        for kind in std::mem::take(&mut entry.notes) {
            self.note(kind, directory, &entry.name);
        }
        let name = entry.name.clone();
        if entry.is_directory() {
            if content.is_some_and(|(sha1, _)| sha1 != NO_DIGEST) {
                self.note(NoteKind::DirectoryData, directory, &name);
            }
            let id = self.tree.add_directory(parent, name.clone(), metadata)?;
            if let Some(entries) = self.subdir(entry.subdir_offset)? {
                if depth >= MAX_DEPTH {
                    return Err(EntryError::TooDeep);
                }
                let parent = Some((directory, name.clone()));
                self.directories.push(DirectoryNode { id, parent, depth: depth + 1, entries });
            }
        } else {
            if entry.subdir_offset != 0 {
                self.note(NoteKind::EntriesUnderFile, directory, &name);
            }
            self.file(directory, &entry, metadata, content.unwrap_or((NO_DIGEST, Content::empty())))?;
        }
        if entry.short_name.is_some() {
            self.tree.set_short_name(parent, &name, entry.short_name)?;
        }
        Ok(())
    }

    /// Adds a file, or a name of a file that is there already.
    fn file(
        &mut self,
        directory: usize,
        entry: &DirEntry,
        metadata: Metadata,
        (sha1, content): (Sha1Digest, Content),
    ) -> Result<(), EntryError> {
        let (parent, name) = (self.directories[directory].id, entry.name.clone());
        if entry.link_group == 0 {
            self.tree.add_file(parent, name, metadata, content)?;
            return Ok(());
        }
        let key = (entry.link_group, sha1);
        if let Some(&file) = self.groups.get(&key) {
            if self.tree.file(file).metadata != metadata {
                self.note(NoteKind::LinksWithOtherMetadata, directory, &entry.name);
            }
            self.tree.link(parent, name, file)?;
            return Ok(());
        }
        let file = self.tree.add_file(parent, name, metadata, content)?;
        self.groups.insert(key, file);
        Ok(())
    }

    /// What the tree keeps of an entry, and the unnamed stream if it has one.
    fn metadata_of(&mut self, entry: &DirEntry) -> Result<(Metadata, Option<(Sha1Digest, Content)>), EntryError> {
        if entry.attributes.contains(Attributes::ENCRYPTED) && !entry.is_directory() {
            return Err(EntryError::Encrypted);
        }
        let unnamed = Unnamed::of(entry)?;
        let reparse = match (entry.reparse, unnamed.reparse) {
            (Some((tag, reserved)), Some(sha1)) => {
                Some(Reparse { tag, reserved, data: self.reparse_data(tag, sha1)? })
            }
            _ => None,
        };
        let content = unnamed.data.map(|sha1| Ok::<_, EntryError>((sha1, self.content(sha1)?))).transpose()?;
        let metadata = Metadata {
            attributes: entry.attributes,
            times: entry.times,
            security: entry.security_id.map(|id| self.descriptor(id)).transpose()?.flatten(),
            object_id: entry.object_id,
            reparse,
            streams: self.named_streams(entry)?,
        };
        Ok((metadata, content))
    }

    fn named_streams(&self, entry: &DirEntry) -> Result<Vec<Stream>, EntryError> {
        let mut streams = Vec::new();
        for stream in entry.streams.iter().filter(|stream| !stream.name.is_empty()) {
            stream.name.check().map_err(nanovhd_tree::TreeError::from)?;
            streams.push(Stream { name: stream.name.clone(), content: self.content(stream.sha1)? });
        }
        // Stream names are the same to Windows if they differ only in case.
        let mut folded: Vec<(Vec<u16>, &Name)> =
            streams.iter().map(|s| (s.name.units().iter().copied().map(upcase).collect(), &s.name)).collect();
        folded.sort();
        match folded.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(EntryError::StreamTwice { name: format!("{:?}", pair[1].1) }),
            None => Ok(streams),
        }
    }

    fn reparse_data(&self, tag: u32, sha1: Sha1Digest) -> Result<Content, EntryError> {
        let data = self.content(sha1)?;
        let len = data.len();
        if len > MAX_REPARSE {
            return Err(EntryError::ReparseLong { len });
        }
        if tag & MICROSOFT_TAG == 0 && len < 16 {
            return Err(EntryError::ReparseShort { tag, len });
        }
        Ok(data)
    }

    fn content(&self, sha1: Sha1Digest) -> Result<Content, EntryError> {
        if sha1 == NO_DIGEST {
            return Ok(Content::empty());
        }
        let (index, blob) = self.blobs.find(&sha1).ok_or(EntryError::MissingBlob { sha1: Sha1Hex(sha1) })?;
        Ok(Content::blob(BlobId { source: self.source, index }, blob.len))
    }

    /// The tree's number of a descriptor; none if it is empty.
    fn descriptor(&mut self, id: u32) -> Result<Option<SecurityId>, EntryError> {
        let count = self.security_ids.len();
        let range = self.security.descriptors.get(id as usize).ok_or(EntryError::SecurityId { id, count })?;
        let known = &mut self.security_ids[id as usize];
        if known.is_none() && !range.is_empty() {
            *known = Some(self.tree.add_descriptor(&self.metadata[range.clone()]));
        }
        Ok(*known)
    }

    /// Where the entries of a directory start; none if it has none.
    fn subdir(&self, offset: u64) -> Result<Option<usize>, EntryError> {
        if offset == 0 {
            return Ok(None);
        }
        let end = self.metadata.len();
        let at = usize::try_from(offset).ok().filter(|at| at.is_multiple_of(8) && *at < end);
        at.map(Some).ok_or(EntryError::SubdirOffset { offset, end })
    }

    fn note(&mut self, kind: NoteKind, directory: usize, name: &Name) {
        let directories = &self.directories;
        self.notes.add(kind, || path(directories, directory, Some(name)));
    }

    fn path(&self, directory: usize, name: Option<&Name>) -> String {
        path(&self.directories, directory, name)
    }

    fn error(&self, path: String, at: usize, cause: EntryError) -> MetadataError {
        MetadataError::Entry { image: self.image, path, offset: at as u64, cause }
    }
}

/// The path of a directory, or of what has this name in it.
fn path(directories: &[DirectoryNode], directory: usize, name: Option<&Name>) -> String {
    let mut names: Vec<&Name> = name.into_iter().collect();
    let mut at = &directories[directory];
    while let Some((parent, name)) = &at.parent {
        names.push(name);
        at = &directories[*parent];
    }
    if names.is_empty() {
        return "\\".to_owned();
    }
    names.iter().rev().fold(String::new(), |path, name| path + "\\" + &name.to_string())
}

/// Which of an entry's digests are those of its unnamed stream and of its reparse data.
///
/// The format does not say. What Microsoft's tools do, as wimlib found out: reparse data come
/// before the unnamed stream, the digest in the entry itself before those of stream entries
/// without a name, and a digest of zeros in the entry itself counts only if nothing else is there.
struct Unnamed {
    data: Option<Sha1Digest>,
    reparse: Option<Sha1Digest>,
}

impl Unnamed {
    fn of(entry: &DirEntry) -> Result<Self, EntryError> {
        let is_reparse = entry.reparse.is_some();
        let mut this = Self { data: None, reparse: None };
        let own = Some(entry.sha1).filter(|&sha1| sha1 != NO_DIGEST);
        let unnamed = entry.streams.iter().filter(|stream| stream.name.is_empty()).map(|stream| stream.sha1);
        for sha1 in own.into_iter().chain(unnamed) {
            if is_reparse && this.reparse.is_none() {
                this.reparse = Some(sha1);
            } else if this.data.is_none() {
                this.data = Some(sha1);
            } else if sha1 != NO_DIGEST && this.data != Some(sha1) {
                return Err(EntryError::UnnamedTwice);
            }
        }
        match (is_reparse, &this) {
            (true, Self { data: None, reparse: None }) => this.reparse = Some(NO_DIGEST),
            (false, Self { data: None, .. }) => this.data = Some(NO_DIGEST),
            _ => {}
        }
        Ok(this)
    }
}

/// Which bytes of the metadata belong to an entry, in units of eight.
struct Taken {
    bits: Vec<u64>,
}

impl Taken {
    fn new(len: usize) -> Self {
        Self { bits: vec![0; len.div_ceil(8 * 64)] }
    }

    /// Takes a range that starts at a multiple of 8, all of it or an error.
    fn take(&mut self, range: std::ops::Range<usize>) -> Result<(), EntryError> {
        for unit in range.start / 8..range.end.div_ceil(8) {
            let (word, bit) = (unit / 64, 1 << (unit % 64));
            if self.bits[word] & bit != 0 {
                return Err(EntryError::Shared);
            }
            self.bits[word] |= bit;
        }
        Ok(())
    }
}
