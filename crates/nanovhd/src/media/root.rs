//! The files of a media, whether it is a folder or a disc image.
//!
//! Media for Windows are made for a system that ignores case, so that names are compared in that way here too,
//! whatever the file system below does: a name that is the same to the letter goes before one in another case.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nanovhd_iso::{Entry, Iso};
use nanovhd_tree::Name;

use super::error::{MediaError, MediaKind};
use super::file::MediaFile;
use super::recognise::{Found, recognise};
use crate::Size;

/// The files of a media: a folder of this machine, or a disc image, which is read where it is.
///
/// ```no_run
/// use nanovhd::MediaRoot;
///
/// let media = MediaRoot::open("WindowsServer2016.iso")?;
/// if let Some(folder) = media.find("nanoserver/packages")? {
///     for entry in media.list(&folder)? {
///         println!("{}: {}", entry.path().display(), media.size(&entry)?);
///     }
/// }
/// # Ok::<(), nanovhd::MediaError>(())
/// ```
#[derive(Debug)]
pub struct MediaRoot {
    /// The folder, or the image.
    host: PathBuf,
    top: Arc<MediaEntry>,
    /// `None`: a folder.
    disc: Option<Iso<MediaFile>>,
}

/// A file or folder of a [`MediaRoot`].
#[derive(Debug, Clone)]
pub struct MediaEntry {
    name: String,
    path: PathBuf,
    is_dir: bool,
    /// Where it is on the disc, if the media is one.
    on_disc: Option<Entry>,
    /// The folder that has it; `None` for the top of the media.
    folder: Option<Arc<MediaEntry>>,
}

impl MediaEntry {
    /// Its name, as the media spells it. Lone surrogates are replaced by U+FFFD.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is: on this machine, or behind the path of the disc image and a colon, as in
    /// `server.iso:/sources/install.wim`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is a folder.
    pub fn is_dir(&self) -> bool {
        self.is_dir
    }

    /// Whether it is a file with bytes, and not a pipe or the like.
    pub fn is_file(&self) -> bool {
        self.on_disc.as_ref().map_or_else(|| self.path.is_file(), |entry| !entry.is_dir())
    }

    /// A file or folder of this machine, with the folder that it is in.
    pub(super) fn on_host(path: &Path) -> Self {
        let folder = path.parent().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
        Self::host(path.to_owned(), folder.map(|folder| Arc::new(Self::host(folder.to_owned(), None))))
    }

    fn host(path: PathBuf, folder: Option<Arc<Self>>) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self { name, is_dir: path.is_dir(), path, on_disc: None, folder }
    }

    fn disc(entry: Entry, folder: &Arc<Self>) -> Self {
        let name = entry.name().to_string();
        let is_top = folder.on_disc.as_ref().is_some_and(|folder| folder.name().is_empty());
        let mut path = folder.path.clone().into_os_string();
        path.push(if is_top { ":/" } else { "/" });
        path.push(&name);
        Self {
            name,
            path: path.into(),
            is_dir: entry.is_dir(),
            on_disc: Some(entry),
            folder: Some(Arc::clone(folder)),
        }
    }
}

impl MediaRoot {
    /// Opens a folder, a disc image, or a folder in a disc image (`server.iso:/NanoServer`). For a WIM, and for a
    /// file in a disc image, it is what the media are that have it: the folder or the disc.
    ///
    /// # Errors
    /// [`MediaError`] says what stands against it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, MediaError> {
        Ok(Self::locate(path.as_ref())?.0)
    }

    /// Also says which file of the media was meant, if it was one.
    pub(super) fn locate(path: &Path) -> Result<(Self, Option<MediaEntry>), MediaError> {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(source) => {
                let Some((disc, place)) = on_disc(path) else { return Err(MediaError::io(path)(source)) };
                return match Self::locate(disc) {
                    Ok((root, None)) if root.disc.is_some() => root.within(place),
                    Err(error @ MediaError::Disc { .. }) => Err(error),
                    _ => Err(MediaError::io(path)(source)),
                };
            }
        };
        if metadata.is_dir() {
            return Ok((Self::folder(path), None));
        }
        let file = File::open(path).map_err(MediaError::io(path))?;
        match recognise(&file).map_err(MediaError::io(path))? {
            Found::Iso => Ok((Self::disc(path, MediaFile::new(file))?, None)),
            Found::Wim => {
                let wim = MediaEntry::on_host(path);
                let folder = wim.folder.as_ref().map_or(Path::new("."), |folder| folder.path());
                Ok((Self::folder(folder), Some(wim)))
            }
            found => Err(MediaError::NotAWim { path: path.to_owned(), found: found.name() }),
        }
    }

    /// A folder of it, or it with one of its files.
    fn within(mut self, place: &str) -> Result<(Self, Option<MediaEntry>), MediaError> {
        let found = self.find(place)?;
        let entry =
            found.ok_or_else(|| MediaError::NotOnDisc { disc: self.host.clone(), place: place.to_owned() })?;
        if entry.is_dir {
            self.top = Arc::new(entry);
            return Ok((self, None));
        }
        Ok((self, Some(entry)))
    }

    pub(super) fn folder(path: &Path) -> Self {
        Self { host: path.to_owned(), top: Arc::new(MediaEntry::host(path.to_owned(), None)), disc: None }
    }

    /// A disc image, whose path is for messages.
    pub(super) fn disc(path: &Path, image: MediaFile) -> Result<Self, MediaError> {
        let disc = Iso::open(image).map_err(MediaError::disc(path))?;
        let top = MediaEntry {
            name: String::new(),
            path: path.to_owned(),
            is_dir: true,
            on_disc: Some(disc.root()),
            folder: None,
        };
        Ok(Self { host: path.to_owned(), top: Arc::new(top), disc: Some(disc) })
    }

    /// Where it is: the folder; the disc image, perhaps with a folder in it.
    pub fn path(&self) -> &Path {
        self.top.path()
    }

    /// Of what kind it is.
    pub fn kind(&self) -> MediaKind {
        if self.disc.is_some() { MediaKind::Disc } else { MediaKind::Folder }
    }

    /// The file of this machine that all of it is read from, if it is a disc image.
    pub(super) fn image(&self) -> Option<&Path> {
        self.disc.is_some().then_some(&*self.host)
    }

    /// Looks up a file or folder by its path from the top, with `/` or `\` between names. `None`: there is no
    /// such one.
    ///
    /// # Errors
    /// A folder on the way can't be read.
    pub fn find(&self, place: &str) -> Result<Option<MediaEntry>, MediaError> {
        let mut at = MediaEntry::clone(&self.top);
        for name in place.split(['/', '\\']).filter(|name| !name.is_empty() && *name != ".") {
            at = match self.child(&Arc::new(at), name)? {
                Some(entry) => entry,
                None => return Ok(None),
            };
        }
        Ok(Some(at))
    }

    /// A file beside another one.
    pub(super) fn beside(&self, entry: &MediaEntry, name: &str) -> Result<Option<MediaEntry>, MediaError> {
        entry.folder.as_ref().map_or(Ok(None), |folder| self.child(folder, name))
    }

    fn child(&self, folder: &Arc<MediaEntry>, name: &str) -> Result<Option<MediaEntry>, MediaError> {
        let wanted = Name::from(name);
        // `..` and the like would lead out of the media.
        if !folder.is_dir || wanted.check().is_err() {
            return Ok(None);
        }
        if let Some((disc, entry)) = self.disc.as_ref().zip(folder.on_disc.as_ref()) {
            let child = disc.child(entry, &wanted).map_err(MediaError::disc(folder.path()))?;
            return Ok(child.map(|child| MediaEntry::disc(child, folder)));
        }
        let exact = folder.path.join(name);
        if exact.exists() {
            return Ok(Some(MediaEntry::host(exact, Some(Arc::clone(folder)))));
        }
        // The order of a folder's entries is not the same everywhere.
        Ok(self.list(folder)?.into_iter().find(|entry| Name::from(entry.name()).eq_ignore_case(&wanted)))
    }

    /// What a folder holds, by names.
    ///
    /// # Errors
    /// The folder can't be read.
    pub fn list(&self, folder: &MediaEntry) -> Result<Vec<MediaEntry>, MediaError> {
        let within = Arc::new(folder.clone());
        let mut entries = Vec::new();
        if let Some((disc, entry)) = self.disc.as_ref().zip(folder.on_disc.as_ref()) {
            let found = disc.read_dir(entry).map_err(MediaError::disc(folder.path()))?;
            entries.extend(found.into_iter().map(|entry| MediaEntry::disc(entry, &within)));
        } else {
            for entry in fs::read_dir(&folder.path).map_err(MediaError::io(&folder.path))? {
                let entry = entry.map_err(MediaError::io(&folder.path))?;
                entries.push(MediaEntry::host(entry.path(), Some(Arc::clone(&within))));
            }
        }
        entries.sort_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
        Ok(entries)
    }

    /// The length of a file.
    ///
    /// # Errors
    /// What says it can't be read.
    pub fn size(&self, file: &MediaEntry) -> Result<Size, MediaError> {
        Ok(Size(match self.disc.as_ref().zip(file.on_disc.as_ref()) {
            Some((disc, entry)) => disc.stat(entry).map_err(MediaError::disc(&file.path))?.len,
            None => fs::metadata(&file.path).map_err(MediaError::io(&file.path))?.len(),
        }))
    }

    /// Opens a file.
    ///
    /// # Errors
    /// The system can't open it, or it does not lie in the image as a whole.
    pub fn file(&self, file: &MediaEntry) -> Result<MediaFile, MediaError> {
        Ok(match self.disc.as_ref().zip(file.on_disc.as_ref()) {
            Some((disc, entry)) => MediaFile::new(disc.file(entry).map_err(MediaError::disc(&file.path))?),
            None => MediaFile::new(File::open(&file.path).map_err(MediaError::io(&file.path))?),
        })
    }
}

/// A path as messages show it: a disc image, a colon, and a path from its root. The image is a file that is there.
fn on_disc(path: &Path) -> Option<(&Path, &str)> {
    let text = path.to_str()?;
    text.match_indices(":/").chain(text.match_indices(":\\")).find_map(|(at, _)| {
        let (disc, place) = (Path::new(&text[..at]), &text[at + 1..]);
        disc.is_file().then_some((disc, place))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_nowhere_else() {
        let outer = tempfile::tempdir().unwrap();
        let inner = outer.path().join("media");
        fs::create_dir_all(inner.join("NanoServer/Packages")).unwrap();
        fs::write(outer.path().join("secret"), b"x").unwrap();
        fs::write(inner.join("NanoServer/file"), b"x").unwrap();
        let root = MediaRoot::open(&inner).unwrap();
        for place in ["../secret", "NanoServer/../../secret", "NanoServer/file/x", "C:x", "nothing"] {
            assert!(root.find(place).unwrap().is_none(), "{place}");
        }
        for place in ["", "/", "nanoserver\\PACKAGES", "./NanoServer//packages/"] {
            assert!(root.find(place).unwrap().unwrap().is_dir(), "{place}");
        }
        let file = root.find("NANOSERVER/FILE").unwrap().unwrap();
        assert_eq!((file.name(), file.path()), ("file", &*inner.join("NanoServer/file")));
        assert_eq!(root.size(&file).unwrap(), Size(1));
    }

    #[test]
    fn the_image_in_a_path_is_a_file_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let iso = folder.path().join("a.iso");
        fs::write(&iso, b"").unwrap();
        let text = |end: &str| PathBuf::from(format!("{}{end}", iso.display()));
        for (end, place) in [(":/x/y.wim", Some("/x/y.wim")), (":\\x", Some("\\x")), (":x", None), ("", None)] {
            let path = text(end);
            assert_eq!(on_disc(&path), place.map(|place| (&*iso, place)), "{end}");
        }
        assert_eq!(on_disc(Path::new("C:/x.iso")), None);
    }
}
