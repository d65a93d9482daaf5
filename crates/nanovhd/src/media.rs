//! Where Windows comes from: a WIM file or a split set of them, or a folder laid out like the installation
//! media.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use nanovhd_tree::{ReadAt, SourceId, Tree};
use nanovhd_wim::{ImageInfo, MetadataError, OpenError, Wim};
use thiserror::Error;

use crate::store::HIVE;

/// The number under which the trees of a media refer to its WIM.
pub(crate) const WIM: SourceId = SourceId(0);

/// Where a media folder keeps its WIM, in the order of preference. The short forms are for those who
/// point at the inner folder.
const PLACES: [&[&str]; 6] = [
    &["NanoServer", "NanoServer.wim"],
    &["NanoServer.wim"],
    &["sources", "install.wim"],
    &["install.wim"],
    &["sources", "install.esd"],
    &["sources", "install.swm"],
];

/// Installation media whose WIM is open. Only its tables have been read.
#[derive(Debug)]
pub struct Media {
    path: PathBuf,
    wim_path: PathBuf,
    /// The other parts of a split set.
    siblings: Vec<PathBuf>,
    wim: Wim<File>,
}

/// Why media can't be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MediaError {
    /// The operating system can't read it.
    #[error("can't read the media `{}`", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system reports.
        source: io::Error,
    },
    /// The folder has no WIM where media have one.
    #[error("the folder `{}` holds no Windows image; looked for {}", folder.display(), looked_for())]
    NothingFound {
        /// The folder.
        folder: PathBuf,
    },
    /// The file is something else than a WIM.
    #[error("`{}` is {found}, not a Windows image (WIM)", path.display())]
    NotAWim {
        /// The file.
        path: PathBuf,
        /// What its first bytes say it is.
        found: &'static str,
    },
    /// The file is an optical disc image.
    #[error("`{}` is an ISO image, which is not supported yet", path.display())]
    Iso {
        /// The file.
        path: PathBuf,
    },
    /// The WIM can't be opened.
    #[error("can't open `{}`", path.display())]
    Wim {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: OpenError,
    },
}

fn looked_for() -> String {
    PLACES.map(|place| place.join("/")).join(", ")
}

impl MediaError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NothingFound { .. } => {
                Some("give a .wim file, or the folder of the Windows Server 2016 media".to_owned())
            }
            Self::Iso { path } => {
                Some(format!("unpack it first, then give the folder: 7z x \"{}\" -omedia", path.display()))
            }
            Self::NotAWim { .. } => Some("give a .wim file or a media folder".to_owned()),
            Self::Io { .. } | Self::Wim { .. } => None,
        }
    }
}

impl Media {
    /// Opens a WIM file, or the WIM in a folder: `NanoServer/NanoServer.wim`, else
    /// `sources/install.wim`, in any case. What a file is, its first bytes say; its name does not
    /// matter, but for a part of a split set (`.swm`): by it the others are found, in the same folder.
    ///
    /// # Errors
    /// [`MediaError`] says what stands against it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, MediaError> {
        let path = path.as_ref();
        let fail = |path: &Path| {
            let path = path.to_owned();
            move |source| MediaError::Io { path, source }
        };
        let wim_path = if fs::metadata(path).map_err(fail(path))?.is_dir() {
            find(path).map_err(fail(path))?.ok_or_else(|| MediaError::NothingFound { folder: path.to_owned() })?
        } else {
            path.to_owned()
        };
        let file = File::open(&wim_path).map_err(fail(&wim_path))?;
        match recognise(&file).map_err(fail(&wim_path))? {
            Found::Wim => {}
            Found::Iso => return Err(MediaError::Iso { path: wim_path }),
            Found::Hive => return Err(MediaError::NotAWim { path: wim_path, found: "a registry hive" }),
            Found::Disk(found) | Found::Other(found) => return Err(MediaError::NotAWim { path: wim_path, found }),
        }
        let (wim, siblings) =
            open_set(file, &wim_path).map_err(|source| MediaError::Wim { path: wim_path.clone(), source })?;
        Ok(Self { path: path.to_owned(), wim_path, siblings, wim })
    }

    /// The path that was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The WIM file: the path itself, or what was found in the folder.
    pub fn wim_path(&self) -> &Path {
        &self.wim_path
    }

    /// All files of the WIM: the one at [`Media::wim_path`] first, then the other parts of a split set.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(self.wim_path()).chain(self.siblings.iter().map(PathBuf::as_path))
    }

    /// The WIM.
    pub fn wim(&self) -> &Wim<File> {
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

/// Opens a WIM, and the other parts if it is one of a split set. Says where those are.
fn open_set(file: File, path: &Path) -> Result<(Wim<File>, Vec<PathBuf>), OpenError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut siblings = Vec::new();
    let wim = Wim::open_with_siblings(file, &name, |name| {
        let path = child(folder, name)?.ok_or(io::ErrorKind::NotFound)?;
        let file = File::open(&path)?;
        siblings.push(path);
        Ok(file)
    })?;
    Ok((wim, siblings))
}

/// The first of [`PLACES`] that is in the folder.
fn find(folder: &Path) -> io::Result<Option<PathBuf>> {
    for place in PLACES {
        let mut at = Some(folder.to_owned());
        for name in place {
            at = match at {
                Some(folder) => child(&folder, name)?,
                None => None,
            };
        }
        if at.as_ref().is_some_and(|path| path.is_file()) {
            return Ok(at);
        }
    }
    Ok(None)
}

/// What `folder` calls `name`: to the letter if it does, else in another case.
fn child(folder: &Path, name: &str) -> io::Result<Option<PathBuf>> {
    if !folder.is_dir() {
        return Ok(None);
    }
    let exact = folder.join(name);
    if exact.exists() {
        return Ok(Some(exact));
    }
    let mut like = Vec::new();
    for entry in fs::read_dir(folder)? {
        let found = entry?.file_name();
        if found.eq_ignore_ascii_case(name) {
            like.push(folder.join(found));
        }
    }
    // The order of a folder's entries is not the same everywhere.
    Ok(like.into_iter().min())
}

/// What a file is.
pub(crate) enum Found {
    Wim,
    Iso,
    Disk(&'static str),
    /// A registry hive, which a store of boot configuration data is.
    Hive,
    Other(&'static str),
}

/// First bytes of disks.
const DISKS: [(&[u8], &str); 2] = [(b"vhdxfile", "a VHDX disk"), (VHD_COOKIE, "a VHD disk")];

/// What the footer of a VHD begins with.
const VHD_COOKIE: &[u8] = b"conectix";

/// First bytes that tell what a file is.
const MAGIC: [(&[u8], &str); 6] = [
    (b"MSCF", "a cabinet (CAB)"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"MZ", "a Windows program"),
    (b"QFI\xfb", "a QCOW2 disk"),
    (b"\x1f\x8b", "a gzip file"),
];

/// Where ISO 9660 and UDF have their volume descriptors, each with a five-byte name after one byte.
const ISO_DESCRIPTORS: u64 = 0x8001;

/// Says what a file is by its bytes.
pub(crate) fn recognise(file: &File) -> io::Result<Found> {
    let mut head = [0; 8];
    let n = read_up_to(file, &mut head, 0)?;
    let head = &head[..n];
    // The two magics of WIM files, the second for those made to be piped; the reader tells them apart.
    if head.starts_with(b"MSWIM\0\0\0") || head.starts_with(b"WLPWM\0\0\0") {
        return Ok(Found::Wim);
    }
    if head.starts_with(HIVE) {
        return Ok(Found::Hive);
    }
    if let Some((_, found)) = DISKS.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Ok(Found::Disk(found));
    }
    if let Some((_, found)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Ok(Found::Other(found));
    }
    let mut name = [0; 5];
    let n = read_up_to(file, &mut name, ISO_DESCRIPTORS)?;
    Ok(match &name[..n] {
        b"CD001" | b"BEA01" => Found::Iso,
        _ if is_fixed_vhd(file)? => Found::Disk("a VHD disk"),
        _ if is_raw_disk(file)? => Found::Disk("a raw disk"),
        _ if head.is_empty() => Found::Other("an empty file"),
        _ => Found::Other("a file of an unknown kind"),
    })
}

/// Whether the file ends in the footer of a VHD.
fn is_fixed_vhd(file: &File) -> io::Result<bool> {
    let Some(footer) = ReadAt::len(file)?.checked_sub(512) else { return Ok(false) };
    let mut cookie = [0; 8];
    Ok(read_up_to(file, &mut cookie, footer)? == 8 && cookie == *VHD_COOKIE)
}

/// Whether the file starts with what partition tables and volumes start with: the mark at the end of
/// the first 512 bytes, or a GPT header in the second sector.
fn is_raw_disk(file: &File) -> io::Result<bool> {
    const SECTORS: usize = 4096 + 8;
    let mut start = vec![0; SECTORS];
    let n = read_up_to(file, &mut start, 0)?;
    let has = |at: usize, mark: &[u8]| at + mark.len() <= n && start[at..].starts_with(mark);
    Ok(has(510, &[0x55, 0xaa]) || has(512, b"EFI PART") || has(4096, b"EFI PART"))
}

fn read_up_to(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buf.len() {
        match file.read_at(&mut buf[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
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
            let found = find(dir.path()).unwrap();
            assert_eq!(found, expected.map(|e| dir.path().join(e)), "{files:?}");
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
        assert!(matches!(Media::open(&path), Err(MediaError::Iso { .. })));
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
