//! Files that wimlib makes of a folder, with every compression and chunk size that it knows, and of
//! a file with everything in it that an image can have.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use nanovhd_tree::{ObjectId, ReadAt, Source, SourceId, Tree};
use nanovhd_wim::{BlobSink, Compression, EntryError, ImageSelector, Integrity, MetadataError, Wim};
use tempfile::TempDir;

use crate::builder::{self, Image, Node, noise};
use crate::listing;
use crate::tool::{is_there, wimlib};

/// Numbered lines: compressible, and nowhere the same.
pub(crate) fn text(len: usize) -> Vec<u8> {
    let mut text: Vec<u8> =
        (0u64..).flat_map(|n| format!("line {n} of {}\n", n * n % 977).into_bytes()).take(len).collect();
    // Something like calls, which LZX treats in its own way.
    text.chunks_mut(50).for_each(|line| line[0] = 0xe8);
    text
}

/// A folder with files of many sizes, the same content twice, and (on Unix) links.
pub(crate) fn folder() -> (TempDir, PathBuf, BTreeMap<String, Vec<u8>>) {
    let temp = TempDir::new().unwrap();
    let root = temp.path().join("in");
    let mut files = BTreeMap::new();
    for len in [0, 1, 2, 100, 4095, 4096, 4097, 32_767, 32_768, 32_769, 65_536, 200_000, 2_200_000] {
        files.insert(format!("text/{len}.txt"), text(len));
    }
    files.insert("noise".to_owned(), noise(5, 100_000));
    files.insert("mixed".to_owned(), [text(50_000), noise(6, 50_000), text(60_000)].concat());
    files.insert("zeros".to_owned(), vec![0; 300_000]);
    files.insert("deep/er/and/d\u{e9}eper \u{10400}/copy of noise".to_owned(), noise(5, 100_000));
    for (path, content) in &files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    fs::create_dir(root.join("empty folder")).unwrap();
    #[cfg(unix)]
    {
        fs::hard_link(root.join("noise"), root.join("text/linked noise")).unwrap();
        files.insert("text/linked noise".to_owned(), files["noise"].clone());
        std::os::unix::fs::symlink("noise", root.join("symbolic")).unwrap();
    }
    (temp, root, files)
}

#[derive(Default)]
pub(crate) struct Keep(pub(crate) Mutex<BTreeMap<u32, Vec<u8>>>);

impl BlobSink for Keep {
    fn write(&self, index: u32, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut blobs = self.0.lock().unwrap();
        let content = blobs.entry(index).or_default();
        assert_eq!(content.len() as u64, offset);
        content.extend_from_slice(bytes);
        Ok(())
    }
}

/// Streams everything and compares each file with the one that was captured.
pub(crate) fn compare_contents<R: ReadAt>(wim: &Wim<R>, tree: &Tree, files: &BTreeMap<String, Vec<u8>>) {
    let sink = Keep::default();
    let all: Vec<u32> = (0..).take(wim.blobs().len()).collect();
    wim.stream(&all, NonZeroUsize::new(2).unwrap(), &sink).unwrap();
    let blobs = sink.0.into_inner().unwrap();
    for (path, content) in files {
        let file = tree.file(tree.lookup(path).unwrap_or_else(|| panic!("{path}")));
        match file.content().unwrap().source() {
            Source::Blob(id) => assert!(&blobs[&id.index] == content, "{path}"),
            _ => assert!(content.is_empty(), "{path}"),
        }
    }
}

pub(crate) fn open(path: &Path) -> Wim<File> {
    Wim::open(File::open(path).unwrap()).unwrap()
}

#[test]
fn every_compression_and_chunk_size_is_read() {
    if !is_there() {
        return;
    }
    let (temp, root, files) = folder();
    let sizes = |orders: std::ops::RangeInclusive<u32>| orders.map(|order| Some(1 << order));
    let xpress = sizes(12..=16).map(|size| (Compression::Xpress, size));
    let lzx = sizes(15..=21).map(|size| (Compression::Lzx, size));
    let lzms = [15, 16, 17, 20, 23, 26].map(|order| (Compression::Lzms, Some(1 << order)));
    for (compression, chunk_size) in xpress.chain(lzx).chain(lzms).chain([(Compression::None, None)]) {
        let out = temp.path().join("out.wim");
        let _ = fs::remove_file(&out);
        let mut arguments = vec!["capture".into(), root.clone().into_os_string(), out.clone().into_os_string()];
        arguments.push(format!("--compress={compression}").into());
        arguments.extend(chunk_size.map(|size: u32| format!("--chunk-size={size}").into()));
        arguments.push("--check".into());
        wimlib(&arguments);
        let wim = open(&out);
        assert_eq!((wim.header().compression, wim.header().chunk_size), (compression, chunk_size.unwrap_or(0)));
        listing::compare(&out, &wim, 1);
        compare_contents(&wim, &wim.tree(1, SourceId(0)).unwrap(), &files);
        let integrity = wim.check_integrity(&mut |_| {}).unwrap();
        assert!(matches!(integrity, Integrity::Intact { chunks: 1.., .. }), "{integrity:?}");
    }
}

#[test]
fn files_that_were_appended_to_exported_and_shortened_are_read() {
    if !is_there() {
        return;
    }
    let (temp, root, files) = folder();
    let path = |name: &str| temp.path().join(name).into_os_string();
    let (first, second) = (path("first.wim"), path("second.wim"));
    wimlib(&[
        "capture".into(),
        root.clone().into_os_string(),
        first.clone(),
        "one".into(),
        "--compress=XPRESS".into(),
    ]);
    fs::write(root.join("later"), b"only in the second image").unwrap();
    wimlib(&["append".into(), root.clone().into_os_string(), first.clone(), "two".into(), "about two".into()]);
    let wim = open(Path::new(&first));
    let names: Vec<_> = wim.images().iter().map(|image| image.name.clone().unwrap()).collect();
    assert_eq!(names, ["one", "two"]);
    let two = wim.select(&ImageSelector::Name("TWO".to_owned())).unwrap();
    assert_eq!((two.index, two.description.as_deref()), (2, Some("about two")));
    for image in [1, 2] {
        listing::compare(Path::new(&first), &wim, image);
        let tree = wim.tree(image, SourceId(0)).unwrap();
        assert_eq!(tree.lookup("later").is_some(), image == 2);
    }
    assert_ne!(wim.metadata_digest(1), wim.metadata_digest(2));

    // The first image goes, but its bytes stay; then a copy in another compression.
    wimlib(&["delete".into(), first.clone(), "1".into(), "--soft".into()]);
    let wim = open(Path::new(&first));
    assert_eq!(wim.images().len(), 1);
    listing::compare(Path::new(&first), &wim, 1);
    wimlib(&["export".into(), first.clone(), "1".into(), second.clone(), "--compress=LZX".into()]);
    let copy = open(Path::new(&second));
    listing::compare(Path::new(&second), &copy, 1);
    assert_eq!(copy.tree(1, SourceId(0)).unwrap().file_count(), wim.tree(1, SourceId(0)).unwrap().file_count());
    compare_contents(&copy, &copy.tree(1, SourceId(0)).unwrap(), &files);
}

/// An image with one of everything.
fn everything() -> (Image, Vec<Vec<u8>>) {
    let contents = vec![text(100_000), noise(8, 5000), b"[ZoneTransfer]\r\nZoneId=3\r\n".to_vec(), vec![0; 90]];
    let mut image = Image::new();
    // Two self-relative descriptors, the second with an empty list of access rights.
    let header = |control: u8, dacl: u8| vec![1, 0, control, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, dacl, 0, 0, 0];
    image.descriptors = vec![header(0, 0), [header(4, 20), vec![2, 0, 8, 0, 0, 0, 0, 0]].concat()];
    image.nodes[0] = Node { security_id: 0, times: [1 << 56, 2 << 56, 3 << 55], ..image.nodes[0].clone() };
    image.nodes[0] = image.nodes[0].clone().stream("on the root", &contents[2]);
    let windows =
        image.add(Node { short_name: "WINDOW~1".encode_utf16().collect(), ..Node::directory(0, "Windows of old") });
    let text = Node { group: 77, security_id: 1, ..Node::file(windows, "text", &contents[0]) };
    image.add(Node { parent: 0, ..text.clone() });
    image.add(Node {
        short_name: "TEXT~1.TXT".encode_utf16().collect(),
        name: "text two.txt".encode_utf16().collect(),
        ..text
    });
    let zone = Node::file(0, "download", &contents[1]).stream("Zone.Identifier", &contents[2]).stream("none", b"");
    image.add(zone.item(1, &[0x42; 64]));
    let junction = Node { attributes: 0x410, group: 0xa000_0003, ..Node::file(0, "junction", &contents[3]) };
    image.add(junction.clone());
    let reparse_with_data = Node { sha1: [0; 20], attributes: 0x420, group: 0x8000_0017, ..junction };
    let name = "reparse with data".encode_utf16().collect();
    image.add(Node { name, ..reparse_with_data }.stream("", &contents[3]).stream("", &contents[1]));
    image.add(Node::file(windows, "empty", b""));
    image.add(Node::directory(windows, "empty folder").stream("but a stream", &contents[2]));
    (image, contents)
}

#[test]
fn everything_that_an_image_can_have_is_read_as_wimlib_reads_it() {
    if !is_there() {
        return;
    }
    let (image, contents) = everything();
    let contents: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
    let temp = TempDir::new().unwrap();
    let path = temp.path().join("built.wim");
    fs::write(&path, builder::File { integrity: Some(4096), ..builder::File::of(&image, &contents) }.build().bytes)
        .unwrap();
    wimlib(&["verify".as_ref(), path.as_os_str()]);
    let wim = open(&path);
    listing::compare(&path, &wim, 1);
    // What the listing does not show.
    let rest = |wim: &Wim<File>| {
        let tree = wim.tree(1, SourceId(0)).unwrap();
        let file = |path: &str| tree.file(tree.lookup(path).unwrap());
        let data = file("reparse with data").content().unwrap().len();
        (file("download").metadata.object_id.unwrap(), data)
    };
    let object_id = ObjectId { object: [0x42; 16], birth: Some([[0x42; 16]; 3]) };
    assert_eq!(rest(&wim), (object_id, 5000));
    for compression in ["NONE", "XPRESS", "LZX", "LZMS"] {
        let copy = temp.path().join(format!("{compression}.wim"));
        let option = format!("--compress={compression}");
        wimlib(&["export".as_ref(), path.as_os_str(), "1".as_ref(), copy.as_os_str(), option.as_ref()]);
        let copied = open(&copy);
        listing::compare(&copy, &copied, 1);
        assert_eq!(rest(&copied), rest(&wim));
    }
}

#[test]
fn kinds_that_are_not_supported_are_refused_by_name() {
    if !is_there() {
        return;
    }
    let (temp, root, _) = folder();
    let path = |name: &str| temp.path().join(name).into_os_string();
    let out = path("pipable.wim");
    wimlib(&["capture".into(), root.clone().into_os_string(), out.clone(), "--pipable".into()]);
    let message = Wim::open(File::open(&out).unwrap()).unwrap_err().to_string();
    assert!(message.contains("pipable WIMs"), "{message}");
    // A delta holds only what its base lacks.
    let whole = path("whole.wim");
    wimlib(&["capture".into(), root.clone().into_os_string(), whole.clone(), "--compress=NONE".into()]);
    fs::write(root.join("later"), b"only in the delta").unwrap();
    let mut delta_from = std::ffi::OsString::from("--delta-from=");
    delta_from.push(&whole);
    let delta = path("delta.wim");
    wimlib(&["capture".into(), root.into_os_string(), delta.clone(), delta_from]);
    let error = open(Path::new(&delta)).tree(1, SourceId(0)).unwrap_err();
    assert!(matches!(error, MetadataError::Entry { cause: EntryError::MissingBlob { .. }, .. }), "{error}");
}
