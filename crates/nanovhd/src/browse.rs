//! Looking into a volume: its directories and files.

use std::fmt;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use nanovhd_tree::{Attributes, Content, Entry, File, FileId, Name, Source, Tree, visible};
use nanovhd_wim::BlobSink;
use serde::{Serialize, Serializer};
use thiserror::Error;

use crate::volume::{ContentError, Origin, Receiver, StreamFailure};
use crate::{Outline, Size, Utc, Volume};

/// The entries of a directory, or one file.
#[derive(Debug, Clone, Serialize)]
pub struct Listing {
    /// Raised when a member of this structure changes its meaning or goes away.
    pub schema: u32,
    /// The number of the image, if a WIM was looked into.
    pub image: Option<u32>,
    /// The number of the partition, if a disk with partitions was.
    pub partition: Option<u32>,
    /// The path that was listed, as the volume spells it.
    pub path: String,
    /// The entries in the order in which Windows shows them.
    pub entries: Vec<Listed>,
}

/// One entry of a [`Listing`].
#[derive(Debug, Clone, Serialize)]
pub struct Listed {
    /// The name. Lone surrogates are replaced by U+FFFD.
    pub name: String,
    /// The 8.3 name that goes with it.
    pub short_name: Option<String>,
    /// Whether it is a directory.
    pub directory: bool,
    /// The attribute word, the directory bit included.
    #[serde(serialize_with = "word")]
    pub attributes: Attributes,
    /// Bytes of the unnamed stream.
    pub size: Size,
    /// When the data were last written.
    pub written: Utc,
    /// When the file was made.
    pub created: Utc,
    /// How many names the file has.
    pub links: u32,
    /// The tag of its reparse point.
    pub reparse_tag: Option<u32>,
    /// Its named streams.
    pub streams: Vec<ListedStream>,
}

/// A named stream of a [`Listed`] file.
#[derive(Debug, Clone, Serialize)]
pub struct ListedStream {
    /// The name.
    pub name: String,
    /// Its bytes.
    pub size: Size,
}

fn word<S: Serializer>(attributes: &Attributes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u32(attributes.0)
}

/// Why there is nothing to show.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BrowseError {
    /// There is no such file.
    #[error("{origin} has no `{path}`: there is no {missing:?} in `{folder}`")]
    NotFound {
        /// The volume.
        origin: Box<Origin>,
        /// The path.
        path: String,
        /// The last directory of it that there is.
        folder: String,
        /// The name that it has not.
        missing: String,
    },
    /// The path leads through a file.
    #[error("{origin} has no `{path}`: `{file}` is a file")]
    NotADirectory {
        /// The volume.
        origin: Box<Origin>,
        /// The path.
        path: String,
        /// The part of it that is a file.
        file: String,
    },
    /// The content of a directory was asked for.
    #[error("`{path}` is a directory")]
    Directory {
        /// The path.
        path: String,
    },
    /// The file has no such stream.
    #[error("`{path}` has no stream {stream:?}")]
    NoStream {
        /// The path of the file.
        path: String,
        /// The stream's name.
        stream: String,
    },
    /// The content is damaged or can't be read.
    #[error("can't unpack `{path}` from `{}`", container.display())]
    Content {
        /// The path in the volume.
        path: String,
        /// The file that holds the volume.
        container: PathBuf,
        /// What is wrong, and where.
        source: ContentError,
    },
    /// The output fails.
    #[error("can't write the content of `{path}`")]
    Write {
        /// The path in the volume.
        path: String,
        /// What the output reports.
        source: io::Error,
    },
}

impl BrowseError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { folder, .. } => Some(format!("see what there is: nanovhd ls IMAGE '{folder}'")),
            Self::Directory { path } => Some(format!("list it: nanovhd ls IMAGE '{path}'")),
            _ => None,
        }
    }
}

/// Where a path led.
pub(crate) struct Found<'t> {
    /// The path as the volume spells it.
    pub(crate) path: String,
    /// The directories between the root and it.
    pub(crate) via: Vec<(&'t Name, FileId)>,
    pub(crate) id: FileId,
    /// The name and entry by which it was reached; the root has none.
    pub(crate) by: Option<(&'t Name, &'t Entry)>,
}

impl Volume<'_> {
    /// Lists a directory, or shows one file. Paths are separated by `\` or `/`, and case is ignored
    /// where no name fits to the letter.
    ///
    /// # Errors
    /// [`BrowseError`]: no such path.
    pub fn list(&self, path: &str) -> Result<Listing, BrowseError> {
        let tree = self.tree();
        let found = find(tree, self.origin(), path)?;
        let entries = match (tree.file(found.id).directory(), found.by) {
            (Some(directory), _) => {
                let mut names: Vec<_> = directory.iter().collect();
                names.sort_by(|(a, _), (b, _)| a.cmp_ignore_case(b).then_with(|| a.cmp(b)));
                names.into_iter().map(|(name, entry)| Listed::new(tree, name, entry)).collect()
            }
            (None, by) => by.into_iter().map(|(name, entry)| Listed::new(tree, name, entry)).collect(),
        };
        let &Origin { image, partition, .. } = self.origin();
        Ok(Listing { schema: Outline::SCHEMA, image, partition, path: found.path, entries })
    }

    /// Writes the content of a file to `out`; `path:stream` means a named stream. What a WIM holds is
    /// known to be right only when this returns without an error.
    ///
    /// # Errors
    /// [`BrowseError`]: no such file, damaged content, or an output that fails.
    pub fn cat(&self, path: &str, out: &mut (dyn Write + Send)) -> Result<Size, BrowseError> {
        let (path, stream) = path.split_once(':').map_or((path, None), |(path, stream)| (path, Some(stream)));
        let found = find(self.tree(), self.origin(), path)?;
        let content = content(self.tree().file(found.id), &found.path, stream)?;
        let write = |source| BrowseError::Write { path: found.path.clone(), source };
        match content.source() {
            Source::Bytes(bytes) => out.write_all(bytes).map_err(write)?,
            Source::Blob(_) if content.is_empty() => {}
            Source::Blob(id) => {
                let result = self.stream(&[id.index], NonZeroUsize::MIN, &Pipe(Mutex::new(&mut *out)));
                result.map_err(|e| match e {
                    StreamFailure::Receiver(source) => write(source),
                    StreamFailure::Content { error, .. } => BrowseError::Content {
                        path: found.path.clone(),
                        container: self.path().to_owned(),
                        source: error,
                    },
                })?;
            }
            Source::HostFile(_) => unreachable!("a volume holds no files of this machine"),
        }
        out.flush().map_err(write)?;
        Ok(Size(content.len()))
    }
}

fn content<'t>(file: &'t File, path: &str, stream: Option<&str>) -> Result<&'t Content, BrowseError> {
    match stream {
        Some(stream) => {
            let name = Name::from(stream);
            let found = file.metadata.streams.iter().find(|s| s.name.eq_ignore_case(&name));
            let missing = || BrowseError::NoStream { path: path.to_owned(), stream: stream.to_owned() };
            found.map(|s| &s.content).ok_or_else(missing)
        }
        None => file.content().ok_or_else(|| BrowseError::Directory { path: path.to_owned() }),
    }
}

/// The file at a path.
pub(crate) fn find<'t>(tree: &'t Tree, origin: &Origin, path: &str) -> Result<Found<'t>, BrowseError> {
    let mut at = Found { path: String::new(), via: Vec::new(), id: Tree::ROOT, by: None };
    for part in path.split(['\\', '/']).filter(|part| !part.is_empty()) {
        if !tree.file(at.id).is_directory() {
            let origin = Box::new(origin.clone());
            return Err(BrowseError::NotADirectory { origin, path: path.to_owned(), file: at.path });
        }
        let Some((name, entry)) = tree.child(at.id, &Name::from(part)) else {
            let folder = if at.path.is_empty() { "\\".to_owned() } else { at.path };
            let (origin, path, missing) = (Box::new(origin.clone()), path.to_owned(), part.to_owned());
            return Err(BrowseError::NotFound { origin, path, folder, missing });
        };
        if let Some((name, _)) = at.by {
            at.via.push((name, at.id));
        }
        at = Found { path: format!("{}\\{name}", at.path), via: at.via, id: entry.file, by: Some((name, entry)) };
    }
    if at.path.is_empty() {
        at.path.push('\\');
    }
    Ok(at)
}

impl Receiver for Pipe<'_> {}

/// Hands a content's bytes on as they come.
struct Pipe<'w>(Mutex<&'w mut (dyn Write + Send)>);

impl BlobSink for Pipe<'_> {
    fn write(&self, _: u32, _: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(bytes)
    }
}

impl Listed {
    fn new(tree: &Tree, name: &Name, entry: &Entry) -> Self {
        let file = tree.file(entry.file);
        let meta = &file.metadata;
        let bit = if file.is_directory() { Attributes::DIRECTORY } else { Attributes::default() };
        let stream =
            |s: &nanovhd_tree::Stream| ListedStream { name: s.name.to_string(), size: Size(s.content.len()) };
        Self {
            name: name.to_string(),
            short_name: entry.short_name.as_ref().map(ToString::to_string),
            directory: file.is_directory(),
            attributes: meta.attributes.with(bit),
            size: Size(file.content().map_or(0, Content::len)),
            written: Utc(meta.times.written),
            created: Utc(meta.times.created),
            links: file.names(),
            reparse_tag: meta.reparse.as_ref().map(|r| r.tag),
            streams: meta.streams.iter().map(stream).collect(),
        }
    }

    /// The attributes that PowerShell shows, with its letters.
    fn mode(&self) -> String {
        let letters = [
            (Attributes::DIRECTORY, 'd'),
            (Attributes::ARCHIVE, 'a'),
            (Attributes::READONLY, 'r'),
            (Attributes::HIDDEN, 'h'),
            (Attributes::SYSTEM, 's'),
            (Attributes::REPARSE_POINT, 'l'),
        ];
        letters.iter().map(|&(bit, letter)| if self.attributes.contains(bit) { letter } else { '-' }).collect()
    }
}

/// `mode  links  size  time  name`, one entry a line.
impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = |e: &Listed| if e.directory { String::new() } else { e.size.0.to_string() };
        let width = self.entries.iter().map(|e| size(e).len()).max().unwrap_or(0);
        let links = self.entries.iter().map(|e| e.links.to_string().len()).max().unwrap_or(0);
        for entry in &self.entries {
            let (mode, time, name) = (entry.mode(), entry.written, visible(&entry.name));
            writeln!(f, "{mode}  {:>links$}  {:>width$}  {time}  {name}", entry.links, size(entry))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use nanovhd_tree::{Filetime, Metadata, Stream, Times};

    use super::*;

    fn origin() -> Origin {
        Origin { path: "a.wim".into(), image: Some(1), partition: None }
    }

    fn tree() -> Tree {
        let mut tree = Tree::new();
        let meta = |attributes| Metadata {
            attributes,
            times: Times::all(Filetime::from_unix(1_468_675_137)),
            ..Metadata::default()
        };
        let windows = tree.add_directory(Tree::ROOT, "Windows".into(), meta(Attributes::SYSTEM)).unwrap();
        let mut file = meta(Attributes::ARCHIVE.with(Attributes::READONLY));
        file.streams.push(Stream { name: "Zone".into(), content: Content::bytes(*b"[z]") });
        let file = tree.add_file(windows, "a\u{1b}[2J.txt".into(), file, Content::bytes(vec![0; 1234])).unwrap();
        tree.link(Tree::ROOT, "b.txt".into(), file).unwrap();
        tree
    }

    #[test]
    fn a_listing_shows_modes_links_sizes_and_times() {
        let tree = tree();
        let entries = tree.file(Tree::ROOT).directory().unwrap();
        let entries = entries.iter().map(|(name, entry)| Listed::new(&tree, name, entry)).collect();
        let listing = Listing { schema: 1, image: Some(1), partition: None, path: "\\".to_owned(), entries };
        assert_eq!(
            listing.to_string(),
            "d---s-  1        2016-07-16 13:18:57  Windows\n-ar---  2  1234  2016-07-16 13:18:57  b.txt\n"
        );
    }

    #[test]
    fn a_path_that_leads_nowhere_says_where_it_ended() {
        let tree = tree();
        let fail = |path| find(&tree, &origin(), path).err().unwrap().to_string();
        assert_eq!(fail("\\windows\\x\\y"), "image 1 has no `\\windows\\x\\y`: there is no \"x\" in `\\Windows`");
        assert_eq!(fail("x"), "image 1 has no `x`: there is no \"x\" in `\\`");
        assert_eq!(fail("B.txt/x"), "image 1 has no `B.txt/x`: `\\b.txt` is a file");
        assert_eq!(find(&tree, &origin(), "//").unwrap().path, "\\");
        assert_eq!(find(&tree, &origin(), "WINDOWS/").unwrap().path, "\\Windows");
    }

    #[test]
    fn streams_are_found_by_name() {
        let tree = tree();
        let file = tree.file(find(&tree, &origin(), "b.txt").unwrap().id);
        assert_eq!(content(file, "b.txt", Some("zone")).unwrap().len(), 3);
        assert_eq!(content(file, "b.txt", None).unwrap().len(), 1234);
        assert!(matches!(content(file, "b.txt", Some("x")), Err(BrowseError::NoStream { .. })));
        let root = tree.file(Tree::ROOT);
        assert!(matches!(content(root, "\\", None), Err(BrowseError::Directory { .. })));
    }
}
