//! Files, directories and their names.

use std::collections::btree_map::Entry as BTreeEntry;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use thiserror::Error;

use crate::case::CaseIndexes;
use crate::{Attributes, Content, Name, NameError, Times};

/// A file of a [`Tree`]: a directory or a file with data, apart from its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

impl FileId {
    /// A number that is different for each file of a tree; the root is 0 and numbers follow the
    /// order in which files were added.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A security descriptor of a [`Tree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecurityId(u32);

impl SecurityId {
    /// A number that is different for each descriptor of a tree, in the order of their coming.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The object id of a file: its own GUID and the three that say where it was born, each 16 bytes
/// as they lie on disk. [MS-FSCC] 2.4.29.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectId {
    /// The file's own identifier.
    pub object: [u8; 16],
    /// Birth volume, birth object and domain, when they are known.
    pub birth: Option<[[u8; 16]; 3]>,
}

/// A reparse point. [MS-FSCC] 2.1.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reparse {
    /// The reparse tag.
    pub tag: u32,
    /// The two bytes that Windows keeps reserved, as they were found.
    pub reserved: u16,
    /// What follows the eight header bytes: the data, preceded by a GUID if the tag is not
    /// Microsoft's.
    pub data: Content,
}

/// A named data stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// The stream's name.
    pub name: Name,
    /// Its bytes.
    pub content: Content,
}

/// An extended attribute, as OS/2 had them and Windows keeps some of its own. [MS-FSCC] 2.4.15.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtendedAttribute {
    /// 0x80 if a program that doesn't know the attribute should leave the file alone, else 0.
    pub flags: u8,
    /// The name: one-byte characters, without the null that ends it on disk.
    pub name: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
}

/// What a file or directory has besides names and data. What few files have is in [`Rare`], whose
/// fields read as if they were of this structure: `metadata.streams`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// Attribute bits. Whether the file is a directory is said by [`Kind`], not here.
    pub attributes: Attributes,
    /// The four times.
    pub times: Times,
    /// The security descriptor, if the file has one of its own.
    pub security: Option<SecurityId>,
    /// The rest.
    pub rare: RareBox,
}

/// What few files have: streams with names, reparse points and so on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rare {
    /// The object id.
    pub object_id: Option<ObjectId>,
    /// The reparse point.
    pub reparse: Option<Reparse>,
    /// Named streams.
    pub streams: Vec<Stream>,
    /// Extended attributes, in their order.
    pub extended_attributes: Vec<ExtendedAttribute>,
}

/// A [`Rare`] that takes a pointer's place as long as there is nothing in it: of a million files hardly
/// any has more, and the structure is larger than all else that is kept of a file.
#[derive(Clone, Default)]
pub struct RareBox(Option<Box<Rare>>);

static NOTHING_RARE: Rare =
    Rare { object_id: None, reparse: None, streams: Vec::new(), extended_attributes: Vec::new() };

impl From<Rare> for RareBox {
    fn from(rare: Rare) -> Self {
        Self((rare != NOTHING_RARE).then(|| Box::new(rare)))
    }
}

impl Deref for RareBox {
    type Target = Rare;

    fn deref(&self) -> &Rare {
        self.0.as_deref().unwrap_or(&NOTHING_RARE)
    }
}

impl DerefMut for RareBox {
    fn deref_mut(&mut self) -> &mut Rare {
        self.0.get_or_insert_default()
    }
}

impl Deref for Metadata {
    type Target = Rare;

    fn deref(&self) -> &Rare {
        &self.rare
    }
}

impl DerefMut for Metadata {
    fn deref_mut(&mut self) -> &mut Rare {
        &mut self.rare
    }
}

/// Whether there is a box with nothing in it or none at all makes no difference.
impl PartialEq for RareBox {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for RareBox {}

impl fmt::Debug for RareBox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A directory's entries, each under its name.
pub type Directory = BTreeMap<Name, Entry>;

/// One name of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The file that is named.
    pub file: FileId,
    /// The 8.3 name that goes with this name.
    pub short_name: Option<Name>,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Other files.
    Directory(Directory),
    /// An unnamed data stream.
    Data(Content),
}

/// A file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Attributes, times, security and so on.
    pub metadata: Metadata,
    kind: Kind,
    names: u32,
}

impl File {
    /// What the file holds.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The entries, if this is a directory.
    pub fn directory(&self) -> Option<&Directory> {
        match &self.kind {
            Kind::Directory(entries) => Some(entries),
            Kind::Data(_) => None,
        }
    }

    /// The unnamed stream, if this is not a directory.
    pub fn content(&self) -> Option<&Content> {
        match &self.kind {
            Kind::Directory(_) => None,
            Kind::Data(content) => Some(content),
        }
    }

    /// Whether this is a directory.
    pub fn is_directory(&self) -> bool {
        self.directory().is_some()
    }

    /// How many names the file has, short names not counted; the root and removed files have none.
    pub fn names(&self) -> u32 {
        self.names
    }
}

/// Why an edit of a tree was refused. The tree is as it was.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TreeError {
    /// The name can't name a file.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The directory has this name already.
    #[error("the directory has two entries with the name {0:?}")]
    Exists(Name),
    /// The directory has no such name.
    #[error("the directory has no entry with the name {0:?}")]
    Missing(Name),
    /// Entries were to be put under a file with data.
    #[error("{0:?} can't be put under a file that is not a directory")]
    NotADirectory(Name),
    /// A directory was to get a second name.
    #[error("the directory can't get the second name {0:?}: only files have hard links")]
    DirectoryLink(Name),
    /// Data were to be given to a directory, or a directory that still has entries removed.
    #[error("{0:?} is a directory that has entries")]
    NotEmpty(Name),
    /// There are more files than can be numbered.
    #[error("the tree has more files than 32 bits can number")]
    TooMany,
}

/// A step of [`Tree::walk`].
#[derive(Clone)]
pub struct WalkEntry<'t> {
    /// The directory that holds the name.
    pub parent: FileId,
    /// The name.
    pub name: &'t Name,
    /// The entry under it.
    pub entry: &'t Entry,
    /// The file that is named.
    pub file: &'t File,
    /// The directory's own name and what is above it; nothing for the root.
    above: Option<Arc<PathLink<'t>>>,
}

struct PathLink<'t> {
    name: &'t Name,
    parent: Option<Arc<PathLink<'t>>>,
}

impl WalkEntry<'_> {
    /// The path from the root, with backslashes, for messages.
    pub fn path(&self) -> String {
        let mut names = vec![self.name.to_string()];
        let mut link = self.above.as_ref();
        while let Some(l) = link {
            names.push(l.name.to_string());
            link = l.parent.as_ref();
        }
        names.iter().rev().fold(String::new(), |path, name| path + "\\" + name)
    }
}

impl fmt::Debug for WalkEntry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {:?}", self.path(), self.entry.file)
    }
}

/// A tree of directories and files. See the [crate] for what it promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    files: Vec<File>,
    descriptors: Vec<Arc<[u8]>>,
    descriptor_ids: HashMap<Arc<[u8]>, SecurityId>,
    cases: CaseIndexes,
}

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}

impl Tree {
    /// The root directory of every tree.
    pub const ROOT: FileId = FileId(0);

    /// A tree of an empty root directory without metadata.
    pub fn new() -> Self {
        let root = File { metadata: Metadata::default(), kind: Kind::Directory(Directory::new()), names: 0 };
        Self {
            files: vec![root],
            descriptors: Vec::new(),
            descriptor_ids: HashMap::new(),
            cases: CaseIndexes::default(),
        }
    }

    /// The file with this id, which came from this tree.
    pub fn file(&self, id: FileId) -> &File {
        &self.files[id.index()]
    }

    /// The metadata of a file, to change them.
    pub fn metadata_mut(&mut self, id: FileId) -> &mut Metadata {
        &mut self.files[id.index()].metadata
    }

    /// How many files and directories were ever added, the root included: ids are below it.
    pub fn file_count(&self) -> usize {
        self.files.len()
    }

    /// The root and every file that has a name, in the order of their ids.
    pub fn files(&self) -> impl Iterator<Item = (FileId, &File)> {
        let numbered = self.files.iter().enumerate();
        numbered
            .filter(|(i, file)| *i == Self::ROOT.index() || file.names > 0)
            .map(|(i, file)| (FileId(u32::try_from(i).expect("ids are 32 bits wide")), file))
    }

    /// The id for a security descriptor; the same for equal bytes.
    pub fn add_descriptor(&mut self, bytes: &[u8]) -> SecurityId {
        if let Some(&id) = self.descriptor_ids.get(bytes) {
            return id;
        }
        let id = SecurityId(u32::try_from(self.descriptors.len()).expect("descriptors are fewer than files"));
        let bytes: Arc<[u8]> = bytes.into();
        self.descriptors.push(Arc::clone(&bytes));
        self.descriptor_ids.insert(bytes, id);
        id
    }

    /// The bytes of a descriptor: self-relative, [MS-DTYP] 2.4.6.
    pub fn descriptor(&self, id: SecurityId) -> &[u8] {
        &self.descriptors[id.index()]
    }

    /// All descriptors in the order of their ids.
    pub fn descriptors(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.descriptors.iter().map(AsRef::as_ref)
    }

    /// Adds an empty directory under `parent`.
    ///
    /// # Errors
    /// [`TreeError`] says what stands against it.
    pub fn add_directory(&mut self, parent: FileId, name: Name, metadata: Metadata) -> Result<FileId, TreeError> {
        self.add(parent, name, metadata, Kind::Directory(Directory::new()))
    }

    /// Adds a file with data under `parent`.
    ///
    /// # Errors
    /// [`TreeError`] says what stands against it.
    pub fn add_file(
        &mut self,
        parent: FileId,
        name: Name,
        metadata: Metadata,
        content: Content,
    ) -> Result<FileId, TreeError> {
        self.add(parent, name, metadata, Kind::Data(content))
    }

    /// Gives a file with data one more name.
    ///
    /// # Errors
    /// [`TreeError`] says what stands against it.
    pub fn link(&mut self, parent: FileId, name: Name, file: FileId) -> Result<(), TreeError> {
        if self.file(file).is_directory() {
            return Err(TreeError::DirectoryLink(name));
        }
        self.insert(parent, name, file)
    }

    /// Sets or takes away the 8.3 name that goes with an entry.
    ///
    /// # Errors
    /// [`TreeError::Missing`] without such an entry, [`TreeError::Name`] for a name that can't be.
    pub fn set_short_name(&mut self, parent: FileId, name: &Name, short: Option<Name>) -> Result<(), TreeError> {
        short.as_ref().map_or(Ok(()), Name::check)?;
        let entry = match &mut self.files[parent.index()].kind {
            Kind::Directory(entries) => entries.get_mut(name),
            Kind::Data(_) => return Err(TreeError::NotADirectory(name.clone())),
        };
        entry.ok_or_else(|| TreeError::Missing(name.clone()))?.short_name = short;
        Ok(())
    }

    /// Replaces the unnamed stream of a file.
    ///
    /// # Panics
    /// When `file` is a directory.
    pub fn set_content(&mut self, file: FileId, content: Content) {
        let kind = &mut self.files[file.index()].kind;
        assert!(matches!(kind, Kind::Data(_)), "a directory has no unnamed stream");
        *kind = Kind::Data(content);
    }

    /// Takes a name away. A file without names is no longer part of the tree.
    ///
    /// # Errors
    /// [`TreeError`]: no such name, or a directory that has entries.
    pub fn remove(&mut self, parent: FileId, name: &Name) -> Result<FileId, TreeError> {
        let entries = self.file(parent).directory().ok_or_else(|| TreeError::NotADirectory(name.clone()))?;
        let id = entries.get(name).ok_or_else(|| TreeError::Missing(name.clone()))?.file;
        if self.file(id).directory().is_some_and(|d| !d.is_empty()) {
            return Err(TreeError::NotEmpty(name.clone()));
        }
        if let Kind::Directory(entries) = &mut self.files[parent.index()].kind {
            entries.remove(name);
        }
        self.cases.removed(parent, name);
        self.files[id.index()].names -= 1;
        Ok(id)
    }

    /// The entry of a directory with this name: to the letter if there is one, else ignoring case.
    pub fn child(&self, directory: FileId, name: &Name) -> Option<(&Name, &Entry)> {
        let entries = self.file(directory).directory()?;
        entries.get_key_value(name).or_else(|| self.cases.find(directory, entries, name))
    }

    /// The file at a path from the root, with `\` or `/` between names; case is ignored where no
    /// name fits to the letter. Empty parts are skipped, so `\`, `/` and an empty path are the root.
    pub fn lookup(&self, path: &str) -> Option<FileId> {
        let mut names = path.split(['\\', '/']).filter(|part| !part.is_empty());
        names.try_fold(Self::ROOT, |at, part| Some(self.child(at, &Name::from(part))?.1.file))
    }

    /// Every name in the tree, parents before what they hold, each directory in the order of its
    /// names.
    pub fn walk(&self) -> impl Iterator<Item = WalkEntry<'_>> {
        let mut stack: Vec<WalkEntry<'_>> = Vec::new();
        self.push_entries(&mut stack, Self::ROOT, None);
        std::iter::from_fn(move || {
            let step = stack.pop()?;
            if step.file.is_directory() {
                let above = Arc::new(PathLink { name: step.name, parent: step.above.clone() });
                self.push_entries(&mut stack, step.entry.file, Some(&above));
            }
            Some(step)
        })
    }

    fn push_entries<'t>(
        &'t self,
        stack: &mut Vec<WalkEntry<'t>>,
        directory: FileId,
        above: Option<&Arc<PathLink<'t>>>,
    ) {
        for (name, entry) in self.file(directory).directory().into_iter().flatten().rev() {
            let file = self.file(entry.file);
            stack.push(WalkEntry { parent: directory, name, entry, file, above: above.cloned() });
        }
    }

    fn add(&mut self, parent: FileId, name: Name, metadata: Metadata, kind: Kind) -> Result<FileId, TreeError> {
        let id = FileId(u32::try_from(self.files.len()).map_err(|_| TreeError::TooMany)?);
        self.files.push(File { metadata, kind, names: 0 });
        self.insert(parent, name, id).inspect_err(|_| {
            self.files.pop();
        })?;
        Ok(id)
    }

    fn insert(&mut self, parent: FileId, name: Name, file: FileId) -> Result<(), TreeError> {
        name.check()?;
        let Kind::Directory(entries) = &mut self.files[parent.index()].kind else {
            return Err(TreeError::NotADirectory(name));
        };
        match entries.entry(name) {
            BTreeEntry::Occupied(taken) => return Err(TreeError::Exists(taken.key().clone())),
            BTreeEntry::Vacant(place) => {
                self.cases.added(parent, place.key());
                place.insert(Entry { file, short_name: None });
            }
        }
        self.files[file.index()].names += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Tree, FileId, FileId) {
        let mut tree = Tree::new();
        let windows = tree.add_directory(Tree::ROOT, "Windows".into(), Metadata::default()).unwrap();
        let file = tree.add_file(windows, "a.txt".into(), Metadata::default(), Content::bytes(*b"abc")).unwrap();
        tree.link(Tree::ROOT, "b.txt".into(), file).unwrap();
        (tree, windows, file)
    }

    #[test]
    fn hard_links_are_one_file_with_several_names() {
        let (mut tree, windows, file) = sample();
        assert_eq!(tree.file(file).names(), 2);
        assert_eq!(tree.lookup("\\windows\\A.TXT"), Some(file));
        assert_eq!(tree.lookup("b.txt"), Some(file));
        tree.remove(windows, &"a.txt".into()).unwrap();
        assert_eq!(tree.file(file).names(), 1);
        assert_eq!(tree.lookup("Windows/a.txt"), None);
    }

    #[test]
    fn refused_edits_leave_the_tree_as_it_was() {
        let (mut tree, windows, file) = sample();
        let before = tree.clone();
        let meta = Metadata::default;
        assert_eq!(tree.link(Tree::ROOT, "w2".into(), windows), Err(TreeError::DirectoryLink("w2".into())));
        assert_eq!(tree.add_directory(file, "x".into(), meta()), Err(TreeError::NotADirectory("x".into())));
        assert_eq!(
            tree.add_file(windows, "a.txt".into(), meta(), Content::empty()),
            Err(TreeError::Exists("a.txt".into()))
        );
        assert!(matches!(tree.add_directory(windows, "..".into(), meta()), Err(TreeError::Name(_))));
        assert_eq!(tree.remove(Tree::ROOT, &"Windows".into()), Err(TreeError::NotEmpty("Windows".into())));
        assert_eq!(tree, before);
    }

    #[test]
    fn case_twins_are_found_to_the_letter_first() {
        let (mut tree, windows, file) = sample();
        let twin = tree.add_file(windows, "A.TXT".into(), Metadata::default(), Content::empty()).unwrap();
        assert_eq!(tree.lookup("Windows\\a.txt"), Some(file));
        assert_eq!(tree.lookup("Windows\\A.TXT"), Some(twin));
    }

    #[test]
    fn walking_visits_parents_first_and_names_in_order() {
        let (tree, ..) = sample();
        let paths: Vec<_> = tree.walk().map(|step| step.path()).collect();
        assert_eq!(paths, ["\\Windows", "\\Windows\\a.txt", "\\b.txt"]);
    }

    #[test]
    fn equal_descriptors_are_kept_once() {
        let mut tree = Tree::new();
        let first = tree.add_descriptor(&[1, 2]);
        assert_ne!(first, tree.add_descriptor(&[1]));
        assert_eq!(first, tree.add_descriptor(&[1, 2]));
        assert_eq!(tree.descriptors().len(), 2);
    }

    #[test]
    fn a_deep_tree_is_walked_without_recursion() {
        let mut tree = Tree::new();
        let mut at = Tree::ROOT;
        for _ in 0..50_000 {
            at = tree.add_directory(at, "d".into(), Metadata::default()).unwrap();
        }
        assert_eq!(tree.walk().count(), 50_000);
    }
}
