//! The files of an image, read and written by their paths.
//!
//! A file that takes the place of another keeps its name, attributes, access rights and time of making. A new
//! one has the rights that it inherits from its folder, as Windows gives them. Folders are made as needed.

use std::fs::File;
use std::io::{self, Read};

use nanovhd_tree::{Attributes, Content, FileId, Filetime, Metadata, Name, Rare, Source, Times, Tree, TreeError};

use super::CustomizeError;
use super::rights::{self, Child};
use crate::Media;

/// Attributes that belong to the bytes which a file had.
const OF_THE_BYTES: [Attributes; 5] = [
    Attributes::READONLY,
    Attributes::SPARSE_FILE,
    Attributes::ENCRYPTED,
    Attributes::OFFLINE,
    Attributes::REPARSE_POINT,
];

/// A tree and where its contents come from.
pub(crate) struct Files<'c> {
    pub(crate) tree: &'c mut Tree,
    media: &'c Media,
    time: Filetime,
}

impl<'c> Files<'c> {
    /// `time` is that of every file that is made or changed.
    pub(crate) fn new(tree: &'c mut Tree, media: &'c Media, time: Filetime) -> Self {
        Self { tree, media, time }
    }

    /// The file at a path, in any case; directories are none.
    pub(crate) fn find(&self, path: &str) -> Option<FileId> {
        self.tree.lookup(path).filter(|&id| !self.tree.file(id).is_directory())
    }

    /// The bytes of the file at a path; nothing if there is none.
    ///
    /// # Errors
    /// It has more than `most` bytes, or can't be read.
    pub(crate) fn read(&self, path: &str, most: u64) -> Result<Option<Vec<u8>>, CustomizeError> {
        self.find(path).map(|id| self.read_file(id, path, most)).transpose()
    }

    fn read_file(&self, id: FileId, path: &str, most: u64) -> Result<Vec<u8>, CustomizeError> {
        let path = || path.to_owned();
        let file = self.tree.file(id);
        let Some(content) = file.content().filter(|content| !content.is_empty()) else { return Ok(Vec::new()) };
        if file.metadata.attributes.contains(Attributes::ENCRYPTED) {
            return Err(CustomizeError::Encrypted { path: path() });
        }
        if content.len() > most {
            return Err(CustomizeError::TooLong { path: path(), len: content.len(), most });
        }
        match content.source() {
            Source::Bytes(bytes) => Ok(bytes.to_vec()),
            Source::HostFile(host) => read_host(host, most).map_err(|source| CustomizeError::Host {
                setting: "copy",
                path: host.to_path_buf(),
                source,
            }),
            Source::Blob(blob) => {
                let bytes = self.media.wim().read_blob(blob.index);
                bytes.map_err(|source| CustomizeError::Read { path: path(), source: Box::new(source) })
            }
        }
    }

    /// Puts a file at a path, in the place of what is there. Other names of a file that gives way keep it.
    ///
    /// # Errors
    /// Something that can't be replaced is in the way, or the path can't be.
    pub(crate) fn write(&mut self, path: &str, content: Content) -> Result<FileId, CustomizeError> {
        let (folder, name) = split(path);
        let parent = self.folder(folder)?;
        let found = self.tree.child(parent, &name).map(|(name, entry)| (name.clone(), entry.clone()));
        let Some((name, entry)) = found else {
            let metadata = self.inherited(parent, Child::File, Attributes::ARCHIVE);
            return self.tree.add_file(parent, name, metadata, content).map_err(|e| tree_error(path, e));
        };
        let file = self.tree.file(entry.file);
        if file.is_directory() {
            return Err(CustomizeError::InTheWay { path: path.to_owned(), what: "a directory" });
        }
        let metadata = self.replaced(&file.metadata);
        if file.names() == 1 {
            *self.tree.metadata_mut(entry.file) = metadata;
            self.tree.set_content(entry.file, content);
            return Ok(entry.file);
        }
        let tree = &mut self.tree;
        tree.remove(parent, &name)
            .and_then(|_| tree.add_file(parent, name.clone(), metadata, content))
            .and_then(|id| tree.set_short_name(parent, &name, entry.short_name).map(|()| id))
            .map_err(|e| tree_error(path, e))
    }

    /// The folder at a path, with those above it; made where there is none.
    ///
    /// # Errors
    /// Something else is there, or the path can't be.
    pub(crate) fn folder(&mut self, path: &str) -> Result<FileId, CustomizeError> {
        let names = path.split(['\\', '/']).filter(|name| !name.is_empty());
        names.map(Name::from).try_fold(Tree::ROOT, |parent, name| {
            let Some((_, entry)) = self.tree.child(parent, &name) else {
                let metadata = self.inherited(parent, Child::Folder, Attributes::default());
                return self.tree.add_directory(parent, name, metadata).map_err(|e| tree_error(path, e));
            };
            let file = self.tree.file(entry.file);
            let in_the_way = |what| Err(CustomizeError::InTheWay { path: path.to_owned(), what });
            match (file.is_directory(), &file.metadata.reparse) {
                (true, None) => Ok(entry.file),
                (false, _) => in_the_way("a file"),
                (true, Some(_)) => in_the_way("a reparse point"),
            }
        })
    }

    /// What a new file or folder has.
    fn inherited(&mut self, parent: FileId, child: Child, attributes: Attributes) -> Metadata {
        let above = self.tree.file(parent).metadata.security.map(|id| self.tree.descriptor(id).to_vec());
        let rights = rights::inherited(above.as_deref().unwrap_or_default(), child);
        let security = Some(self.tree.add_descriptor(&rights));
        Metadata { attributes, times: Times::all(self.time), security, ..Metadata::default() }
    }

    /// What a file has whose bytes are others now.
    fn replaced(&self, old: &Metadata) -> Metadata {
        let attributes = OF_THE_BYTES.into_iter().fold(old.attributes, Attributes::without);
        let times = Times { created: old.times.created, ..Times::all(self.time) };
        let rare = Rare { object_id: old.object_id, ..Rare::default() };
        Metadata { attributes, times, security: old.security, rare: rare.into() }
    }
}

/// The bytes of a file of this machine.
///
/// # Errors
/// What the operating system reports; a file of more than `most` bytes is one that can't be read.
pub(crate) fn read_host(path: &std::path::Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {most} bytes")));
    }
    Ok(bytes)
}

/// The path of a folder, and the name in it.
fn split(path: &str) -> (&str, Name) {
    let (folder, name) = path.rsplit_once(['\\', '/']).unwrap_or(("", path));
    (folder, Name::from(name))
}

fn tree_error(path: &str, source: TreeError) -> CustomizeError {
    CustomizeError::Tree { path: path.to_owned(), source }
}
