//! Where Windows comes from: a WIM file or a split set of them, or what is laid out like the installation media,
//! be it a folder or a disc image.
//!
//! ```text
//!  folder ─────┐                            ┌─► MediaFile ──► Wim: read at random, in place
//!              ├─► MediaRoot ──► MediaEntry ┤
//!  disc image ─┘   find, list               └─► packages
//! ```
//!
//! Nothing is extracted from a disc image: a file in it is read at the places where it lies.

#[cfg(test)]
mod counted;
mod error;
mod file;
mod recognise;
mod root;

use std::io;
use std::path::{Path, PathBuf};

use nanovhd_tree::{SourceId, Tree};
use nanovhd_wim::{ImageInfo, MetadataError, OpenError, Wim};

pub use error::{MediaError, MediaKind};
pub use file::MediaFile;
pub(crate) use recognise::{Found, recognise};
pub use root::{MediaEntry, MediaRoot};

/// The number under which the trees of a media refer to its WIM.
pub(crate) const WIM: SourceId = SourceId(0);

/// Where media keep their WIM, in the order of preference. The short forms are for those who
/// point at the inner folder.
const PLACES: [&str; 6] = [
    "NanoServer/NanoServer.wim",
    "NanoServer.wim",
    "sources/install.wim",
    "install.wim",
    "sources/install.esd",
    "sources/install.swm",
];

/// Installation media whose WIM is open. Only its tables have been read.
#[derive(Debug)]
pub struct Media {
    path: PathBuf,
    root: MediaRoot,
    wim_path: PathBuf,
    /// Of this machine.
    files: Vec<PathBuf>,
    wim: Wim<MediaFile>,
}

fn looked_for() -> String {
    PLACES.join(", ")
}

impl Media {
    /// Opens a WIM file, or the WIM in a folder or a disc image (ISO): `NanoServer/NanoServer.wim`, else
    /// `sources/install.wim`, in any case. `server.iso:/sources/install.wim` means that file of the image. What a
    /// file is, its first bytes say; its name does not matter, but for a part of a split set (`.swm`): by it the
    /// others are found, in the same folder.
    ///
    /// # Errors
    /// [`MediaError`] says what stands against it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, MediaError> {
        let path = path.as_ref();
        let (root, given) = MediaRoot::locate(path)?;
        let wim = match given {
            Some(wim) => wim,
            None => root.wim()?,
        };
        let file = root.file(&wim)?;
        Self::with(path, root, &wim, file)
    }

    /// Opens the WIM of these media, whose bytes are `file`.
    fn with(path: &Path, root: MediaRoot, entry: &MediaEntry, file: MediaFile) -> Result<Self, MediaError> {
        let wim_path = entry.path().to_owned();
        match recognise(&file).map_err(MediaError::io(&wim_path))? {
            Found::Wim => {}
            found => return Err(MediaError::NotAWim { path: wim_path, found: found.name() }),
        }
        let (wim, siblings) = match open_set(&root, entry, file) {
            Ok(opened) => opened,
            Err(source) => return Err(MediaError::Wim { path: wim_path, source }),
        };
        let files = match root.image() {
            Some(image) => vec![image.to_owned()],
            None => std::iter::once(wim_path.clone()).chain(siblings).collect(),
        };
        Ok(Self { path: path.to_owned(), root, wim_path, files, wim })
    }

    /// The path that was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All files of the media, those that have nothing to do with the WIM too. For a WIM file they are those of
    /// the folder that it is in.
    pub fn root(&self) -> &MediaRoot {
        &self.root
    }

    /// The WIM file, as [`MediaEntry::path`] has it: the path itself, or what was found in the folder or in the
    /// disc image.
    pub fn wim_path(&self) -> &Path {
        &self.wim_path
    }

    /// The files of this machine that the WIM is read from: the disc image; or else the file at
    /// [`Media::wim_path`] first, then the other parts of a split set.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(PathBuf::as_path)
    }

    /// The WIM.
    pub fn wim(&self) -> &Wim<MediaFile> {
        &self.wim
    }

    /// The images of the WIM, in the order of their numbers.
    pub fn images(&self) -> &[ImageInfo] {
        self.wim.images()
    }

    /// Reads the metadata of an image.
    ///
    /// # Errors
    /// What is wrong with the metadata.
    pub fn tree(&self, image: u32) -> Result<Tree, MetadataError> {
        self.wim.tree(image, WIM)
    }
}

impl MediaRoot {
    /// The first of [`PLACES`] that there is.
    fn wim(&self) -> Result<MediaEntry, MediaError> {
        for place in PLACES {
            if let Some(entry) = self.find(place)?.filter(MediaEntry::is_file) {
                return Ok(entry);
            }
        }
        Err(MediaError::NothingFound { path: self.path().to_owned(), kind: self.kind() })
    }
}

/// Opens a WIM, and the other parts if it is one of a split set. Says where those are.
fn open_set(
    root: &MediaRoot,
    entry: &MediaEntry,
    file: MediaFile,
) -> Result<(Wim<MediaFile>, Vec<PathBuf>), OpenError> {
    let mut siblings = Vec::new();
    let wim = Wim::open_with_siblings(file, entry.name(), |name| {
        let sibling = root.beside(entry, name).map_err(system_error)?.ok_or(io::ErrorKind::NotFound)?;
        let file = root.file(&sibling).map_err(system_error)?;
        siblings.push(sibling.path().to_owned());
        Ok(file)
    })?;
    Ok((wim, siblings))
}

/// What the operating system reports, if it does; its message goes behind one that names the file.
fn system_error(error: MediaError) -> io::Error {
    match error {
        MediaError::Io { source, .. } => source,
        error => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"").unwrap();
        }
        dir
    }

    #[test]
    fn the_wim_is_found_in_any_case_and_nano_first() {
        for (files, expected) in [
            (&["SOURCES/INSTALL.WIM", "nanoserver/NANOSERVER.wim"][..], Some("nanoserver/NANOSERVER.wim")),
            (&["SOURCES/INSTALL.WIM", "NanoServer/readme.txt"], Some("SOURCES/INSTALL.WIM")),
            (&["NanoServer.wim"], Some("NanoServer.wim")),
            (&["sources/install.esd"], Some("sources/install.esd")),
            (&["sources/Install.WIM", "sources/install.wim"], Some("sources/install.wim")),
            (&["NanoServer/NanoServer.wim/x"], None),
            (&["sources/boot.wim"], None),
        ] {
            let dir = folder(files);
            let found = MediaRoot::open(dir.path()).unwrap().wim().ok();
            assert_eq!(found.map(|e| e.path().to_owned()), expected.map(|e| dir.path().join(e)), "{files:?}");
        }
    }

    #[test]
    fn other_files_are_refused_by_their_bytes() {
        let dir = tempfile::tempdir().unwrap();
        // Also under a name that promises a WIM.
        let path = dir.path().join("x.wim");
        let mut iso = vec![0; 0x9000];
        iso[0x8001..0x8006].copy_from_slice(b"CD001");
        fs::write(&path, &iso).unwrap();
        assert!(matches!(Media::open(&path), Err(MediaError::Disc { path: named, .. }) if named == path));
        let sync = [&[0][..], &[0xff; 10], &[0], &[0; 2340]].concat();
        fs::write(&path, sync.repeat(20)).unwrap();
        let error = crate::text::causes(&Media::open(&path).unwrap_err());
        assert!(error.contains("x.wim`: this is an image of raw CD sectors of 2352 bytes"), "{error}");
        for (bytes, expected) in [
            (&b""[..], "an empty file"),
            (b"M", "a file of an unknown kind"),
            (b"MZ\x90\0\x03\0\0\0", "a Windows program"),
            (b"vhdxfile", "a VHDX disk"),
            (b"regf\0\0\0\0", "a registry hive"),
        ] {
            fs::write(&path, bytes).unwrap();
            let error = Media::open(&path).unwrap_err();
            assert!(matches!(error, MediaError::NotAWim { found, .. } if found == expected), "{bytes:?}: {error}");
        }
    }

    #[test]
    fn errors_say_what_was_looked_for() {
        let dir = tempfile::tempdir().unwrap();
        let error = Media::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("NanoServer/NanoServer.wim, ") && error.contains("sources/install.wim"), "{error}");
        let missing = Media::open(dir.path().join("no.wim")).unwrap_err();
        assert!(missing.to_string().contains("no.wim"), "{missing}");
    }
}
