//! Builds the tree from the entries.

use std::collections::{HashMap, HashSet};

use nanovhd_tree::{
    Attributes, BlobId, Content, FileId, Metadata, Name, Rare, Reparse, SecurityId, SourceId, Stream, Tree, upcase,
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
        group_ids: HashSet::new(),
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
    /// All groups that came, those of directories too.
    group_ids: HashSet<u64>,
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
                let next = entry.range.end;
                self.entry(directory, entry).map_err(|cause| {
                    let entry = DirEntry::parse(self.metadata, at).ok().flatten();
                    self.error(self.path(directory, entry.as_ref().map(|entry| &entry.name)), at, cause)
                })?;
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
        let short = entry.short_name.take().map(|short| (entry.name.clone(), short));
        if entry.is_directory() {
            let name = std::mem::take(&mut entry.name);
            if content.is_some_and(|(sha1, _)| sha1 != NO_DIGEST) {
                self.note(NoteKind::DirectoryData, directory, &name);
            }
            if entry.link_group != 0 && !self.group_ids.insert(entry.link_group) {
                self.note(NoteKind::LinkedDirectory, directory, &name);
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
                self.note(NoteKind::EntriesUnderFile, directory, &entry.name);
            }
            self.file(directory, entry, metadata, content.unwrap_or((NO_DIGEST, Content::empty())))?;
        }
        if let Some((name, short)) = short {
            self.tree.set_short_name(parent, &name, Some(short))?;
        }
        Ok(())
    }

    /// Adds a file, or a name of a file that is there already.
    fn file(
        &mut self,
        directory: usize,
        entry: DirEntry,
        metadata: Metadata,
        (sha1, content): (Sha1Digest, Content),
    ) -> Result<(), EntryError> {
        let parent = self.directories[directory].id;
        if entry.link_group == 0 {
            self.tree.add_file(parent, entry.name, metadata, content)?;
            return Ok(());
        }
        let name = entry.name.clone();
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
        if !self.group_ids.insert(entry.link_group) {
            self.note(NoteKind::LinksWithOtherData, directory, &entry.name);
        }
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
            rare: Rare {
                object_id: entry.object_id,
                reparse,
                streams: self.named_streams(entry)?,
                extended_attributes: entry.extended_attributes.clone(),
            }
            .into(),
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
        let (mut unit, end) = (range.start / 8, range.end.div_ceil(8));
        while unit < end {
            // As many as are in the word: mostly all.
            let count = (64 - unit % 64).min(end - unit);
            let bits = (u64::MAX >> (64 - count)) << (unit % 64);
            let word = &mut self.bits[unit / 64];
            if *word & bits != 0 {
                return Err(EntryError::Shared);
            }
            *word |= bits;
            unit += count;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use nanovhd_tree::{ExtendedAttribute, File, Filetime, Source, TreeError};

    use super::*;
    use crate::Wim;
    use crate::format::item_tags;
    use crate::testing::{self, ARCHIVE, DIRECTORY, Image, Node, REPARSE, sha1};

    const BLOBS: [&[u8]; 3] = [b"one", b"two, longer", b"three"];

    fn open(image: &Image) -> Wim<Vec<u8>> {
        Wim::open(testing::File::of(image, &BLOBS).build().bytes).unwrap()
    }

    fn read(image: &Image) -> (Tree, Vec<Note>) {
        open(image).tree_with_notes(1, SourceId(7)).unwrap()
    }

    /// The path and the cause of the error that an image gives.
    fn fault(image: &Image) -> (String, EntryError) {
        match open(image).tree(1, SourceId(7)) {
            Err(MetadataError::Entry { path, cause, image: 1, .. }) => (path, cause),
            other => panic!("{other:?}"),
        }
    }

    fn file<'t>(tree: &'t Tree, path: &str) -> &'t File {
        tree.file(tree.lookup(path).unwrap_or_else(|| panic!("{path}")))
    }

    /// The number of the blob that a content refers to, or none if it is empty.
    fn blob(content: &Content) -> Option<u32> {
        match content.source() {
            Source::Blob(id) => {
                assert_eq!(id.source, SourceId(7));
                assert_eq!(content.len(), BLOBS[id.index as usize].len() as u64);
                Some(id.index)
            }
            _ => {
                assert!(content.is_empty());
                None
            }
        }
    }

    #[test]
    fn names_times_attributes_and_contents_are_kept() {
        let mut image = Image::new();
        image.nodes[0].times = [11, 12, 13];
        let windows = image.add(Node::directory(0, "Windows"));
        let node = Node {
            attributes: ARCHIVE | 2,
            short_name: vec![65; 12],
            ..Node::file(windows, "ä\u{10400}.txt", BLOBS[1])
        };
        image.add(node);
        image.add(Node { name: vec![0xd800, 0x41], ..Node::file(windows, "", b"") });
        let (tree, notes) = read(&image);
        assert_eq!(notes, []);
        let paths: Vec<_> = tree.walk().map(|step| step.path()).collect();
        assert_eq!(paths, ["\\Windows", "\\Windows\\ä\u{10400}.txt", "\\Windows\\\u{fffd}A"]);
        let root = &tree.file(Tree::ROOT).metadata.times;
        assert_eq!((root.created, root.accessed, root.written), (Filetime(11), Filetime(12), Filetime(13)));
        assert_eq!(root.changed, root.written);
        let text = file(&tree, "windows\\ä\u{10400}.txt");
        assert_eq!(text.metadata.attributes, Attributes(ARCHIVE | 2));
        assert_eq!(blob(text.content().unwrap()), Some(1));
        let step = tree.walk().find(|step| step.entry.short_name.is_some()).unwrap();
        assert_eq!(step.entry.short_name, Some(Name::from("AAAAAAAAAAAA")));
        assert_eq!(blob(tree.walk().last().unwrap().file.content().unwrap()), None, "no digest, no bytes");
    }

    #[test]
    fn security_descriptors_in_use_are_kept_once() {
        let mut image = Image::new();
        image.descriptors = vec![vec![1; 20], vec![], vec![2; 30], vec![1; 20]];
        for (name, id) in [("a", 2), ("b", 0), ("c", 3), ("d", 1), ("e", u32::MAX), ("f", 0x8000_0000)] {
            image.add(Node { security_id: id, ..Node::file(0, name, b"") });
        }
        let (tree, _) = read(&image);
        let bytes = |path: &str| file(&tree, path).metadata.security.map(|id| tree.descriptor(id)[0]);
        assert_eq!(["a", "b", "c", "d", "e", "f"].map(bytes), [Some(2), Some(1), Some(1), None, None, None]);
        assert_eq!(tree.descriptors().len(), 2);
        image.nodes[2].security_id = 4;
        assert_eq!(fault(&image), ("\\b".to_owned(), EntryError::SecurityId { id: 4, count: 4 }));
    }

    #[test]
    fn names_of_one_group_are_one_file() {
        let mut image = Image::new();
        let other = image.add(Node::directory(0, "dir"));
        for (parent, name, group) in [(0, "a", 5), (other, "b", 5), (0, "c", 0), (other, "d", 0), (0, "e", 6)] {
            image.add(Node { group, ..Node::file(parent, name, BLOBS[0]) });
        }
        let (tree, notes) = read(&image);
        assert_eq!(notes, []);
        assert_eq!(tree.lookup("a"), tree.lookup("dir\\b"));
        assert_eq!(tree.file_count(), 2 + 4);
        assert_eq!(file(&tree, "a").names(), 2);
        let singles = ["c", "dir\\d", "e"].map(|path| file(&tree, path).names());
        assert_eq!(singles, [1, 1, 1]);
    }

    #[test]
    fn members_of_a_group_that_disagree_are_settled_and_noted() {
        let mut image = Image::new();
        image.add(Node { group: 5, ..Node::file(0, "a", BLOBS[0]) });
        image.add(Node { group: 5, times: [1, 99, 3], ..Node::file(0, "b", BLOBS[0]) });
        image.add(Node { group: 5, ..Node::file(0, "c", BLOBS[1]) });
        image.add(Node { group: 5, ..Node::file(0, "d", BLOBS[1]) });
        image.add(Node { group: 5, ..Node::directory(0, "e") });
        let (tree, notes) = read(&image);
        assert_eq!(tree.lookup("a"), tree.lookup("b"));
        assert_eq!(file(&tree, "b").metadata.times.accessed, Filetime(2), "the first name counts");
        assert_eq!(tree.lookup("c"), tree.lookup("d"));
        assert_ne!(tree.lookup("a"), tree.lookup("c"), "other data are another file");
        assert!(file(&tree, "e").is_directory());
        let kinds: Vec<_> = notes.iter().map(|note| (note.kind, note.count, note.first.as_str())).collect();
        let expected = [
            (NoteKind::LinksWithOtherData, 1, "\\c"),
            (NoteKind::LinksWithOtherMetadata, 1, "\\b"),
            (NoteKind::LinkedDirectory, 1, "\\e"),
        ];
        assert_eq!(kinds, expected);
        assert_eq!(
            notes[0].to_string(),
            "taken as different files: hard links that have different data in 1 entries, first \\c"
        );
    }

    #[test]
    fn streams_with_names_are_kept_on_files_and_directories() {
        let mut image = Image::new();
        image.nodes[0] = image.nodes[0].clone().stream("root", BLOBS[2]);
        image.add(Node::file(0, "f", BLOBS[0]).stream("s", BLOBS[1]).stream("empty", b""));
        image.add(Node::directory(0, "d").stream("s", BLOBS[1]));
        let (tree, _) = read(&image);
        let streams = |file: &File| -> Vec<_> {
            file.metadata.streams.iter().map(|s| (s.name.to_string(), blob(&s.content))).collect()
        };
        assert_eq!(streams(file(&tree, "f")), [("s".to_owned(), Some(1)), ("empty".to_owned(), None)]);
        assert_eq!(streams(file(&tree, "d")), [("s".to_owned(), Some(1))]);
        assert_eq!(streams(tree.file(Tree::ROOT)), [("root".to_owned(), Some(2))]);

        image.add(Node::file(0, "twice", b"").stream("S\u{e4}", b"").stream("x", b"").stream("s\u{c4}", b""));
        let (path, cause) = fault(&image);
        assert!(path == "\\twice" && matches!(cause, EntryError::StreamTwice { .. }), "{path} {cause}");
        image.nodes.pop();
        image.add(Node::file(0, "bad", b"").stream("a:b", b""));
        assert!(matches!(fault(&image).1, EntryError::Tree(TreeError::Name(_))));
    }

    /// A file with this own digest and these streams without a name; which of the blobs are its
    /// data and its reparse data.
    fn unnamed(attributes: u32, own: &[u8], streams: &[&[u8]]) -> (Option<u32>, Option<Option<u32>>) {
        let mut image = Image::new();
        let node = Node { attributes, group: 0x8000_0017, ..Node::file(0, "f", own) };
        image.add(streams.iter().fold(node, |node, content| node.stream("", content)));
        let (tree, _) = read(&image);
        let file = file(&tree, "f");
        let reparse = file.metadata.reparse.as_ref();
        assert!(reparse.is_none_or(|reparse| reparse.tag == 0x8000_0017));
        (file.content().and_then(blob), reparse.map(|reparse| blob(&reparse.data)))
    }

    #[test]
    fn unnamed_data_and_reparse_data_are_told_apart() {
        let [one, two, _] = BLOBS;
        for (attributes, own, streams, expected) in [
            (ARCHIVE, one, &[][..], (Some(0), None)),
            (ARCHIVE, b"", &[one], (Some(0), None)),
            (ARCHIVE, one, &[b""], (Some(0), None)),
            (ARCHIVE, one, &[one], (Some(0), None)),
            (ARCHIVE, b"", &[b""], (None, None)),
            (REPARSE, one, &[], (None, Some(Some(0)))),
            (REPARSE, b"", &[], (None, Some(None))),
            (REPARSE, b"", &[one], (None, Some(Some(0)))),
            (REPARSE, b"", &[one, two], (Some(1), Some(Some(0)))),
            (REPARSE, one, &[two], (Some(1), Some(Some(0)))),
            (REPARSE, b"", &[b"", two], (Some(1), Some(None))),
            (REPARSE | DIRECTORY, one, &[], (None, Some(Some(0)))),
            (REPARSE | DIRECTORY, b"", &[one], (None, Some(Some(0)))),
        ] {
            assert_eq!(unnamed(attributes, own, streams), expected, "{attributes:#x} {own:?} {streams:?}");
        }
        let mut image = Image::new();
        image.add(Node::file(0, "f", one).stream("", two));
        assert_eq!(fault(&image), ("\\f".to_owned(), EntryError::UnnamedTwice));
    }

    #[test]
    fn reparse_points_keep_tag_and_reserved_word_and_have_bounds() {
        let blobs: [&[u8]; 4] = [&[1; 16_376], &[2; 16_377], &[3; 16], &[4; 15]];
        let read = |tag: u32, content: &[u8]| {
            let mut image = Image::new();
            let group = u64::from(tag) | 0xbeef << 32 | 1 << 48;
            image.add(Node { attributes: REPARSE, group, ..Node::file(0, "f", content) });
            let wim = Wim::open(testing::File::of(&image, &blobs).build().bytes).unwrap();
            match wim.tree(1, SourceId(7)) {
                Ok(tree) => Ok(file(&tree, "f").metadata.reparse.clone().unwrap()),
                Err(MetadataError::Entry { cause, .. }) => Err(cause),
                Err(error) => panic!("{error}"),
            }
        };
        let reparse = read(0xa000_0003, blobs[0]).unwrap();
        assert_eq!((reparse.tag, reparse.reserved, reparse.data.len()), (0xa000_0003, 0xbeef, 16_376));
        assert_eq!(read(0xa000_0003, blobs[1]), Err(EntryError::ReparseLong { len: 16_377 }));
        assert_eq!(read(0x0000_0017, blobs[2]).unwrap().data.len(), 16, "a GUID and nothing else");
        assert_eq!(read(0x0000_0017, blobs[3]), Err(EntryError::ReparseShort { tag: 0x17, len: 15 }));
        assert_eq!(read(0x0000_0017, b""), Err(EntryError::ReparseShort { tag: 0x17, len: 0 }));
    }

    #[test]
    fn items_behind_the_names_are_kept_or_noted() {
        let long: Vec<u8> = (0..64).collect();
        let mut image = Image::new();
        image.add(Node::file(0, "long", b"").item(item_tags::PADDING, b"").item(item_tags::OBJECT_ID, &long));
        image.add(Node::file(0, "short", b"").item(item_tags::OBJECT_ID, &long[..16]));
        image.add(Node::file(0, "too short", b"").item(item_tags::OBJECT_ID, &long[..15]));
        image.add(Node::file(0, "xattrs", b"").item(item_tags::XATTRS, b"abc").item(item_tags::UNIX_DATA, b"abc"));
        let xattr = b"\x01\0\x01\x80A\0v";
        image.add(Node::file(0, "kept xattrs", b"").item(item_tags::XATTRS, xattr).item(item_tags::XATTRS, xattr));
        image.add(Node::file(0, "old xattrs", b"").item(item_tags::LINUX_XATTRS, b"user.x\0y"));
        image.add(Node::file(0, "unknown", b"").item(0x1234, b"").item(0x1234, b"abc"));
        image.add(Node { items: vec![0xff; 16], ..Node::file(0, "malformed", b"") });
        image.add(Node { items: vec![0; 8], ..Node::file(0, "padded", b"") });
        let (tree, notes) = read(&image);
        let id = |path: &str| file(&tree, path).metadata.object_id;
        let birth = Some([1, 2, 3].map(|n: usize| <[u8; 16]>::try_from(&long[n * 16..n * 16 + 16]).unwrap()));
        let object = <[u8; 16]>::try_from(&long[..16]).unwrap();
        assert_eq!(id("long"), Some(nanovhd_tree::ObjectId { object, birth }));
        assert_eq!(id("short"), Some(nanovhd_tree::ObjectId { object, birth: None }));
        assert_eq!(id("too short"), None);
        let xattr = ExtendedAttribute { flags: 0x80, name: b"A".to_vec(), value: b"v".to_vec() };
        assert_eq!(file(&tree, "kept xattrs").metadata.extended_attributes, [xattr.clone(), xattr]);
        assert_eq!(file(&tree, "xattrs").metadata.extended_attributes, []);
        let kinds: Vec<_> = notes.iter().map(|note| (note.kind, note.count, note.first.as_str())).collect();
        let expected = [
            (NoteKind::MalformedExtendedAttributes, 1, "\\xattrs"),
            (NoteKind::LinuxExtendedAttributes, 1, "\\old xattrs"),
            (NoteKind::UnixData, 1, "\\xattrs"),
            (NoteKind::UnknownItem, 2, "\\unknown"),
            (NoteKind::MalformedItems, 1, "\\malformed"),
            (NoteKind::ShortObjectId, 1, "\\too short"),
        ];
        assert_eq!(kinds, expected);
    }

    #[test]
    fn what_a_tree_cannot_have_is_noted() {
        let mut image = Image::new();
        image.nodes[0].name = vec![65];
        let f = image.add(Node::file(0, "f", b""));
        image.add(Node::file(f, "below", b""));
        image.add(Node { sha1: sha1(BLOBS[0]), ..Node::directory(0, "d") });
        let (tree, notes) = read(&image);
        assert_eq!(tree.walk().count(), 2);
        let kinds: Vec<_> = notes.iter().map(|note| (note.kind, note.first.as_str())).collect();
        let expected =
            [(NoteKind::DirectoryData, "\\d"), (NoteKind::EntriesUnderFile, "\\f"), (NoteKind::RootName, "\\")];
        assert_eq!(kinds, expected);
    }

    #[test]
    fn contents_that_cannot_be_had_are_refused() {
        let mut image = Image::new();
        let d = image.add(Node::directory(0, "d"));
        image.add(Node::file(d, "missing", b"not in the file"));
        let expected = EntryError::MissingBlob { sha1: Sha1Hex(sha1(b"not in the file")) };
        assert_eq!(fault(&image), ("\\d\\missing".to_owned(), expected));
        image.nodes[2] = Node::file(d, "stream", b"").stream("s", b"not in the file");
        assert!(matches!(fault(&image).1, EntryError::MissingBlob { .. }));
        image.nodes[2] = Node { attributes: ARCHIVE | 0x4000, ..Node::file(d, "secret", BLOBS[0]) };
        assert_eq!(fault(&image), ("\\d\\secret".to_owned(), EntryError::Encrypted));
        image.nodes[2] = Node { attributes: DIRECTORY | 0x4000, ..Node::directory(d, "new files will be") };
        assert_eq!(read(&image).0.walk().count(), 2);
    }
}
