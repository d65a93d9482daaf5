//! What the tests share: programs of others, lists of files, and an image that counts.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nanovhd_iso::{FileKind, Iso};
use nanovhd_tree::ReadAt;
use sha2::{Digest, Sha256};

pub(crate) fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(name)
}

/// Runs a program. Without it there is nothing to see, unless the environment says that it must be there.
#[expect(clippy::print_stdout, reason = "the one who runs the tests should know what was not tested")]
pub(crate) fn tool<S: AsRef<OsStr>>(name: &str, arguments: impl IntoIterator<Item = S>) -> Option<Output> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let Some(program) = folders.map(|folder| folder.join(name)).find(|program| program.is_file()) else {
        assert!(std::env::var_os("NANOVHD_REQUIRE_TOOLS").is_none_or(|value| value != "1"), "{name} not found");
        println!("skipped: {name} not found");
        return None;
    };
    // Some of them take names for what the locale says.
    let output = Command::new(program).args(arguments).env("LC_ALL", "C.UTF-8").env("TZ", "UTC").output();
    Some(output.unwrap())
}

/// As [`tool`], which must succeed; what it prints on its standard output.
pub(crate) fn check<S: AsRef<OsStr>>(name: &str, arguments: impl IntoIterator<Item = S>) -> Option<Vec<u8>> {
    let output = tool(name, arguments)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {text}");
    Some(output.stdout)
}

/// What is at a path: of a file digest, length and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    Directory,
    File { sha256: String, len: u64, modified: Option<i64> },
}

pub(crate) type Listing = BTreeMap<String, Item>;

/// Reads a list as the makers of images write it.
pub(crate) fn expected(path: &Path) -> Listing {
    let text = std::fs::read_to_string(path).unwrap();
    let items = text.lines().map(|line| {
        let [sha256, len, time, path] = line.splitn(4, ' ').collect::<Vec<_>>().try_into().unwrap();
        match path.strip_suffix('/') {
            Some(path) => (path.to_owned(), Item::Directory),
            None => {
                let (len, modified) = (len.parse().unwrap(), Some(time.parse().unwrap()));
                (path.to_owned(), Item::File { sha256: sha256.to_owned(), len, modified })
            }
        }
    });
    items.collect()
}

/// What we read, without what only file systems are interested in.
pub(crate) fn ours<R: ReadAt>(iso: &Iso<R>) -> Listing {
    let mut list = Listing::new();
    for step in iso.walk(&iso.root()) {
        let (path, entry) = step.unwrap();
        assert_eq!(entry.name().check(), Ok(()));
        let stat = iso.stat(&entry).unwrap_or_else(|error| panic!("{path}: {error}"));
        let system = ["lost+found", "Non-Allocatable Space", "rr_moved"].contains(&path.as_str());
        let item = match stat.kind {
            _ if system => continue,
            FileKind::Directory => Item::Directory,
            FileKind::File => {
                let file = iso.file(&entry).unwrap_or_else(|error| panic!("{path}: {error}"));
                assert_eq!(ReadAt::len(&file).unwrap(), stat.len);
                assert_eq!(file.modified(), stat.modified);
                let modified = stat.modified.map(nanovhd_tree::Filetime::unix_seconds);
                Item::File { sha256: digest(&content(&file)), len: stat.len, modified }
            }
            _ => continue,
        };
        assert_eq!(list.insert(path.clone(), item), None, "{path} is there twice");
    }
    list
}

pub(crate) fn content(file: &impl ReadAt) -> Vec<u8> {
    let mut bytes = vec![0xd1; usize::try_from(file.len().unwrap()).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The files below a folder of the host.
pub(crate) fn on_host(folder: &Path) -> Listing {
    fn walk(folder: &Path, prefix: &str, list: &mut Listing) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                walk(&entry.path(), &format!("{path}/"), list);
                list.insert(path, Item::Directory);
            } else if kind.is_file() {
                let bytes = std::fs::read(entry.path()).unwrap();
                let (sha256, len) = (digest(&bytes), bytes.len() as u64);
                list.insert(path, Item::File { sha256, len, modified: None });
            }
        }
    }
    let mut list = Listing::new();
    walk(folder, "", &mut list);
    list
}

/// A list whose times don't count.
pub(crate) fn timeless(mut list: Listing) -> Listing {
    for item in list.values_mut() {
        if let Item::File { modified, .. } = item {
            *modified = None;
        }
    }
    list
}

/// Compares two lists, and names what differs instead of printing both.
pub(crate) fn assert_same(found: &Listing, expected: &Listing, what: &str) {
    for (path, item) in expected {
        assert_eq!(found.get(path), Some(item), "{what}: {path}");
    }
    let more: Vec<_> = found.keys().filter(|path| !expected.contains_key(*path)).collect();
    assert!(more.is_empty(), "{what}: {more:?}");
}

/// An image that counts what is read of it.
#[derive(Debug)]
pub(crate) struct Counted<R> {
    inner: R,
    bytes: AtomicU64,
}

impl<R> Counted<R> {
    pub(crate) fn new(inner: R) -> Arc<Self> {
        Arc::new(Self { inner, bytes: AtomicU64::new(0) })
    }

    /// Bytes since the last time.
    pub(crate) fn take(&self) -> u64 {
        self.bytes.swap(0, Ordering::Relaxed)
    }
}

impl<R: ReadAt> ReadAt for Counted<R> {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> std::io::Result<usize> {
        let read = self.inner.read_at(buf, offset)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }

    fn len(&self) -> std::io::Result<u64> {
        self.inner.len()
    }
}

/// Makes one of the images of `make_iso.py`.
pub(crate) fn make(variant: &str, folder: &Path) -> Option<PathBuf> {
    let image = folder.join(format!("{variant}.img"));
    let script = testdata("tools/make_iso.py");
    check("python3", [script.as_os_str(), variant.as_ref(), image.as_os_str()])?;
    Some(image)
}

pub(crate) fn open(path: &Path) -> Iso<std::fs::File> {
    Iso::open(std::fs::File::open(path).unwrap()).unwrap()
}
