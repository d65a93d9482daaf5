//! What the tests of this crate share: sample trees, writing a volume to a file, running checkers.
#![expect(
    clippy::cast_possible_truncation,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "test support: small numbers of our own, and a failure is a failed test"
)]
#![allow(clippy::allow_attributes, dead_code, unreachable_pub, reason = "each test file uses a part")]

use std::fs::File;
use std::process::{Command, Output};
use std::sync::Arc;

use nanovhd_ntfs::{Target, Volume, VolumeOptions};
use nanovhd_tree::{
    Attributes, BlobId, Content, ExtendedAttribute, FileId, Filetime, Metadata, Name, ObjectId, Reparse, Source,
    SourceId, Stream, Times, Tree, WriteAt,
};

/// Whether a checker is there. Says so if not, and fails if checkers are required.
pub fn have(tool: &str) -> bool {
    let found = std::env::var_os("PATH").is_some_and(|path| {
        // The checkers of file systems are often outside a user's path.
        std::env::split_paths(&path).chain(["/sbin".into(), "/usr/sbin".into()]).any(|dir| dir.join(tool).is_file())
    });
    if !found {
        assert!(
            std::env::var_os("NANOVHD_REQUIRE_TOOLS").is_none_or(|v| v != "1"),
            "{tool} is required but not found"
        );
        eprintln!("skipped: {tool} not found");
    }
    found
}

/// Runs a checker and gives what it said; it must succeed.
pub fn run(tool: &str, args: &[&str]) -> String {
    let output = try_run(tool, args);
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{tool} {args:?}: {}\n{text}", output.status);
    text
}

/// Runs a checker and gives its result, whatever it is.
pub fn try_run(tool: &str, args: &[&str]) -> Output {
    let path = std::env::var("PATH").unwrap_or_default() + ":/sbin:/usr/sbin";
    Command::new(tool).args(args).env("PATH", path).output().unwrap_or_else(|e| panic!("{tool}: {e}"))
}

/// The bytes of blob `index`: recognisable, and not zero.
pub fn blob_bytes(index: u32, len: u64) -> Vec<u8> {
    let mut state = u64::from(index).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8 | 1
        })
        .collect()
}

pub fn content_bytes(content: &Content) -> Vec<u8> {
    match content.source() {
        Source::Bytes(bytes) => bytes.to_vec(),
        Source::Blob(id) => blob_bytes(id.index, content.len()),
        Source::HostFile(path) => std::fs::read(path).unwrap(),
    }
}

/// Lays a tree out and writes the whole volume, as a caller of the library does.
pub fn write_volume(tree: &Tree, options: &VolumeOptions, out: &File) {
    let volume = Volume::lay_out(tree, options).unwrap_or_else(|e| panic!("{e}"));
    out.set_len(options.size).unwrap();
    for placement in volume.placements() {
        if let Target::Extent { offset } = placement.target {
            out.write_all_at(&content_bytes(placement.content), offset).unwrap();
        }
    }
    let resident = |i: usize| {
        let placement = &volume.placements()[i];
        assert_eq!(placement.target, Target::Resident);
        Some(Arc::from(content_bytes(placement.content)))
    };
    volume.write_metadata(&resident, out).unwrap();
}

pub fn options(size: u64) -> VolumeOptions {
    VolumeOptions {
        size,
        serial: 0x1234_5678_9abc_def0,
        label: "Nano Server".into(),
        time: Filetime::from_unix(1_500_000_000),
        hidden_sectors: 2048,
        ..VolumeOptions::default()
    }
}

/// Builds trees with contents that are numbered blobs.
pub struct Builder {
    pub tree: Tree,
    next: u32,
}

impl Builder {
    pub fn new() -> Self {
        let mut tree = Tree::new();
        let root = metadata(&mut tree, 0);
        *tree.metadata_mut(Tree::ROOT) = root;
        Self { tree, next: 0 }
    }

    pub fn blob(&mut self, len: u64) -> Content {
        self.next += 1;
        Content::blob(BlobId { source: SourceId(0), index: self.next - 1 }, len)
    }

    pub fn dir(&mut self, parent: FileId, name: impl Into<Name>) -> FileId {
        let number = self.tree.file_count() as u32;
        let metadata = metadata(&mut self.tree, number);
        self.tree.add_directory(parent, name.into(), metadata).unwrap()
    }

    pub fn file(&mut self, parent: FileId, name: impl Into<Name>, len: u64) -> FileId {
        let content = self.blob(len);
        self.file_of(parent, name, content)
    }

    pub fn file_of(&mut self, parent: FileId, name: impl Into<Name>, content: Content) -> FileId {
        let number = self.tree.file_count() as u32;
        let metadata = metadata(&mut self.tree, number);
        self.tree.add_file(parent, name.into(), metadata, content).unwrap()
    }

    pub fn stream(&mut self, file: FileId, name: impl Into<Name>, len: u64) {
        let content = self.blob(len);
        self.tree.metadata_mut(file).streams.push(Stream { name: name.into(), content });
    }

    pub fn reparse(&mut self, file: FileId, tag: u32, data: Vec<u8>) {
        self.tree.metadata_mut(file).reparse = Some(Reparse { tag, reserved: 0, data: Content::bytes(data) });
    }

    /// A directory symbolic link, [MS-FSCC] 2.1.2.4.
    pub fn symlink(&mut self, parent: FileId, name: &str, target: &str) -> FileId {
        let link = self.file_of(parent, name, Content::empty());
        let units: Vec<u8> = target.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut data = Vec::new();
        for word in [0, units.len() as u16, units.len() as u16, units.len() as u16] {
            data.extend(word.to_le_bytes());
        }
        data.extend(1u32.to_le_bytes());
        data.extend(&units);
        data.extend(&units);
        self.reparse(link, 0xa000_000c, data);
        link
    }
}

/// Metadata that differ from file to file.
fn metadata(tree: &mut Tree, number: u32) -> Metadata {
    let time = |n: u64| Filetime(131_000_000_000_000_000 + u64::from(number) * 1_000_003 + n * 77_000_001);
    let times = Times { created: time(0), written: time(1), changed: time(2), accessed: time(3) };
    let bits = [0, 1, 2, 4, 0x20, 0x21, 0x26, 0x2000][number as usize % 8];
    let security = Some(tree.add_descriptor(&descriptor(number % 50)));
    Metadata { attributes: Attributes(bits), times, security, ..Metadata::default() }
}

/// Takes the attribute from files that say they are compressed if clusters are too large for it.
pub fn uncompress_for(tree: &mut Tree, options: &VolumeOptions) {
    let files: Vec<FileId> = tree.files().map(|(id, _)| id).collect();
    for id in files.into_iter().filter(|_| options.cluster_size > 4096) {
        let attributes = &mut tree.metadata_mut(id).attributes;
        *attributes = attributes.without(Attributes::COMPRESSED);
    }
}

/// A descriptor whose one entry names user `number`.
pub fn descriptor(number: u32) -> Vec<u8> {
    let sid = |sub: u32| {
        let mut sid = vec![1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0];
        sid.extend(sub.to_le_bytes());
        sid
    };
    let mut sd = vec![1, 0, 4, 0x80];
    for offset in [52u32, 68, 0, 20] {
        sd.extend(offset.to_le_bytes());
    }
    sd.extend([2, 0, 32, 0, 1, 0, 0, 0]);
    sd.extend([0, 0, 24, 0, 0xff, 1, 0x1f, 0]);
    sd.extend(sid(1000 + number));
    sd.extend(sid(544));
    sd.extend(sid(545));
    sd
}

/// A tree with some of everything; `many` is how often a file is linked, and a fifth of it how many
/// streams another has.
pub fn varied(many: u64) -> Builder {
    let mut b = Builder::new();
    let root = Tree::ROOT;
    // More than the root's record holds: the records after it belong to others.
    for i in 0..40 {
        b.stream(root, format!("of the root {i}").as_str(), i * 30);
    }
    let windows = b.dir(root, "Windows");
    let system32 = b.dir(windows, "System32");
    let winsxs = b.dir(windows, "WinSxS");
    b.dir(root, "Empty folder");
    for (i, len) in
        [0, 1, 100, 500, 690, 700, 720, 730, 740, 4095, 4096, 4097, 70_000, 1 << 20].into_iter().enumerate()
    {
        let file = b.file(system32, format!("file{i:02}.dll").as_str(), len);
        if i % 2 == 0 {
            let component = b.dir(winsxs, format!("amd64_component_{i}_31bf3856ad364e35_10.0.14393.0_none").as_str());
            b.tree.link(component, format!("file{i:02}.dll").as_str().into(), file).unwrap();
        }
    }
    let full = b.dir(root, "Many entries");
    for i in 0..3_000u32 {
        b.file(full, format!("entry number {i:05} with a long name.txt").as_str(), u64::from(i % 40) * 25);
    }
    let linked = b.file(root, "linked often.bin", 9_000);
    let links = b.dir(root, "Links");
    for i in 0..many {
        b.tree.link(links, format!("hard link {i}").as_str().into(), linked).unwrap();
    }
    let streams = b.file(root, "streams.txt", 300);
    for i in 0..many / 5 {
        b.stream(streams, format!("stream {i}").as_str(), i * 40);
    }
    b.stream(full, "on a directory", 5_000);
    let program = b.dir(root, "Program Files");
    b.tree.set_short_name(root, &"Program Files".into(), Some("PROGRA~1".into())).unwrap();
    let long = b.file(program, "A long file name.html", 10);
    b.tree.set_short_name(program, &"A long file name.html".into(), Some("ALONGF~1.HTM".into())).unwrap();
    b.tree.metadata_mut(long).object_id = Some(ObjectId { object: [7; 16], birth: None });
    b.tree.metadata_mut(program).object_id =
        Some(ObjectId { object: [3; 16], birth: Some([[1; 16], [2; 16], [0; 16]]) });
    b.symlink(root, "link to Windows", "Windows");
    for i in 0..300 {
        b.symlink(full, &format!("link {i}"), "..\\Windows");
    }
    let unicode = b.dir(root, "Unicode");
    for name in ["日本語.txt", "ελληνικά", "עברית", "e\u{301}", "😀 surrogates", "ß", "twin", "TWIN", "Twin"]
    {
        b.file(unicode, name, 50);
    }
    b.file(unicode, Name::from_units([0xd800, 0x61]), 5);
    b.file(unicode, "x".repeat(255).as_str(), 5);
    let mut at = b.dir(root, "Deep");
    for i in 0..60 {
        at = b.dir(at, format!("level {i}").as_str());
    }
    b.file(at, "bottom", 12);
    let marked = b.dir(root, "Marked");
    b.tree.metadata_mut(marked).attributes = Attributes::COMPRESSED;
    for (name, bits) in [("compressed", 0x820), ("sparse", 0x220), ("both", 0xa20), ("pinned", 0x8_0020)] {
        for len in [0, 300, 5_000, 65_536, 70_000] {
            let file = b.file(marked, format!("{name} {len}").as_str(), len);
            b.tree.metadata_mut(file).attributes = Attributes(bits);
        }
    }
    for (name, sizes) in [("few", &[0, 1, 17][..]), ("many", &[900, 3_000, 20_000, 255])] {
        let file = b.file(marked, format!("{name} extended attributes").as_str(), 10);
        let attribute = |(i, &size): (usize, &u16)| ExtendedAttribute {
            flags: if i == 1 { 0x80 } else { 0 },
            name: format!("ATTRIBUTE.{i}").into(),
            value: blob_bytes(i as u32, size.into()),
        };
        b.tree.metadata_mut(file).extended_attributes = sizes.iter().enumerate().map(attribute).collect();
    }
    let memory = Content::bytes(vec![0x5a; 20_000]);
    b.file_of(root, "from memory", memory);
    b
}
