//! Files that mean harm: each test is one way to lie, and says what has to come of it.

mod packed;

use std::io;
use std::num::NonZeroUsize;
use std::sync::Mutex;

use nanovhd_tree::{SourceId, Tree};
use proptest::prelude::*;

use crate::testing::{BlobEntry, Built, DIRECTORY, File, Image, Node, Random, blob_entry, noise, put, sha1};
use crate::{
    BlobSink, BlobTableError, ChunkError, EntryError, HeaderError, MetadataError, OpenError, Region, RegionError,
    ResourceError, SolidError, Wim, XmlError,
};

const ONE: NonZeroUsize = NonZeroUsize::MIN;
const TWO: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

/// All that a file holds: trees and contents.
#[derive(Debug, PartialEq)]
struct Everything {
    trees: Vec<Tree>,
    contents: Vec<Vec<u8>>,
}

#[derive(Default)]
struct Contents(Mutex<Vec<Vec<u8>>>);

impl BlobSink for Contents {
    fn write(&self, index: u32, _: u64, bytes: &[u8]) -> io::Result<()> {
        let mut contents = self.0.lock().unwrap();
        let needed = contents.len().max(index as usize + 1);
        contents.resize(needed, Vec::new());
        contents[index as usize].extend_from_slice(bytes);
        Ok(())
    }
}

/// Reads whatever can be read of a file.
fn read_everything(bytes: Vec<u8>) -> Result<Everything, Box<dyn std::error::Error>> {
    let wim = Wim::open(bytes)?;
    let mut trees = Vec::new();
    for image in wim.images() {
        trees.push(wim.tree(image.index, SourceId(0))?);
    }
    let sink = Contents::default();
    wim.stream(&(0..).take(wim.blobs().len()).collect::<Vec<_>>(), TWO, &sink)?;
    wim.check_integrity(&mut |_| {})?;
    Ok(Everything { trees, contents: sink.0.into_inner().unwrap() })
}

fn open_error(bytes: Vec<u8>) -> OpenError {
    Wim::open(bytes).unwrap_err()
}

/// The error that an image gives whose metadata are these.
fn tree_error(metadata: Vec<u8>) -> MetadataError {
    let file = File { images: vec![metadata], ..File::new(&[]) };
    Wim::open(file.build().bytes).unwrap().tree(1, SourceId(0)).unwrap_err()
}

fn entry_error(metadata: Vec<u8>) -> (String, EntryError) {
    match tree_error(metadata) {
        MetadataError::Entry { path, cause, .. } => (path, cause),
        error => panic!("{error}"),
    }
}

/// A file with two images, several blobs and an integrity table, stored as chunks.
fn sample(chunk_size: Option<u32>) -> Built {
    let blobs: Vec<Vec<u8>> = (1..6).map(|n| noise(n, 1000 * usize::try_from(n).unwrap())).collect();
    let blobs: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
    let mut image = Image::new();
    image.descriptors = vec![vec![7; 24], vec![8; 36]];
    let dir = image.add(Node { security_id: 1, ..Node::directory(0, "dir") });
    for (n, blob) in blobs.iter().enumerate() {
        let node = Node { group: 9 + n as u64, security_id: 0, ..Node::file(dir, &format!("file {n}"), blob) };
        image.add(Node { parent: 0, ..node.clone() });
        image.add(node.stream("stream", blobs[0]).item(1, &[5; 64]));
    }
    let second = Image { nodes: image.nodes[..4].to_vec(), ..image.clone() };
    let mut file = File { chunk_size, integrity: Some(4096), ..File::of(&image, &blobs) };
    file.images.push(second.metadata().bytes);
    file.build()
}

// The whole file.

#[test]
fn every_cut_is_an_error() {
    for built in [sample(None), sample(Some(4096))] {
        read_everything(built.bytes.clone()).unwrap();
        let step = built.bytes.len() / 400;
        let cuts = (0..300).chain((300..built.bytes.len()).step_by(step));
        for cut in cuts.chain([built.blob_table.start, built.blob_table.end, built.bytes.len() - 1]) {
            assert!(read_everything(built.bytes[..cut].to_vec()).is_err(), "cut at {cut}");
        }
        assert!(matches!(open_error(Vec::new()), OpenError::Header(HeaderError::TooShort { len: 0 })));
    }
}

#[test]
fn trailing_garbage_changes_nothing() {
    let built = sample(None);
    let mut longer = built.bytes.clone();
    longer.extend(noise(3, 5000));
    assert_eq!(read_everything(longer).unwrap(), read_everything(built.bytes).unwrap());
}

#[test]
fn a_file_that_claims_to_be_endless_takes_no_memory() {
    struct Endless(Vec<u8>);
    impl nanovhd_tree::ReadAt for Endless {
        fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
            buf.fill(0);
            self.0.read_at(buf, offset).map(|n| n.max(buf.len()))
        }
        fn len(&self) -> io::Result<u64> {
            Ok(u64::MAX >> 1)
        }
    }
    let built = sample(None);
    // A blob table and XML data of 2^40 bytes are within such a file, but not read.
    for (field, region) in [(0x30, Region::BlobTable), (0x48, Region::Xml)] {
        let mut bytes = built.bytes.clone();
        put(&mut bytes, field, &(1u64 << 40).to_le_bytes()[..7]);
        put(&mut bytes, field + 16, &(1u64 << 40).to_le_bytes());
        let error = Wim::open(Endless(bytes)).unwrap_err();
        assert!(matches!(error, OpenError::TooLong { region: found, .. } if found == region), "{error}");
    }
}

#[test]
fn two_hundred_flipped_bits_are_noticed_or_change_nothing() {
    for (seed, built) in [(1, sample(None)), (2, sample(Some(4096)))] {
        let original = read_everything(built.bytes.clone()).unwrap();
        let mut random = Random(seed);
        for _ in 0..200 {
            let (at, bit) = (random.below(built.bytes.len()), random.below(8));
            let flipped = built.with(at, &[built.bytes[at] ^ 1 << bit]);
            if let Ok(result) = read_everything(flipped) {
                assert_eq!(result, original, "bit {bit} of byte {at:#x}");
            }
        }
    }
}

#[test]
fn every_flipped_bit_of_header_and_tables_is_noticed_or_changes_nothing() {
    let built = sample(Some(4096));
    let original = read_everything(built.bytes.clone()).unwrap();
    for at in (0..208).chain(built.blob_table.start..built.bytes.len()) {
        for bit in 0..8 {
            if let Ok(result) = read_everything(built.with(at, &[built.bytes[at] ^ 1 << bit])) {
                assert_eq!(result, original, "bit {bit} of byte {at:#x}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn mutated_files_never_panic(
        compressed: bool,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = sample(compressed.then_some(4096)).bytes;
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = read_everything(bytes);
    }

    #[test]
    fn mutated_metadata_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u64>(), 0..4usize), 1..8),
    ) {
        // The digest is made after the damage, so that the damage is what is read.
        let mut image = Image::new();
        image.descriptors = vec![vec![7; 24]];
        let dir = image.add(Node { security_id: 0, ..Node::directory(0, "dir") });
        image.add(Node::file(dir, "file", b"one").stream("stream", b"one").item(1, &[5; 16]));
        image.add(Node { group: 3, ..Node::file(0, "other", b"one") });
        let mut bytes = image.metadata().bytes;
        for (at, value, width) in changes {
            let width = 1 << width;
            let at = at.index(bytes.len() - width);
            // Small values are the ones that look like offsets and lengths.
            let value = if width > 2 { value % 1024 } else { value };
            bytes[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
        }
        let file = File { images: vec![bytes], ..File::new(&[b"one"]) };
        let wim = Wim::open(file.build().bytes).unwrap();
        if let Ok(tree) = wim.tree(1, SourceId(0)) {
            prop_assert!(tree.walk().count() <= 8);
        }
    }

    #[test]
    fn any_bytes_behind_a_magic_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let magic = b"MSWIM\0\0\0\xd0\0\0\0\0\x0d\x01\0";
        let n = magic.len().min(bytes.len());
        bytes[..n].copy_from_slice(&magic[..n]);
        let _ = read_everything(bytes);
    }
}

// Header and tables.

#[test]
fn a_header_of_another_size_part_version_or_state_is_refused() {
    let built = sample(None);
    for (at, new) in [
        (0x08, &[207u8, 0, 0, 0][..]),
        (0x0c, &[0, 0, 0, 0]),
        (0x10, &[0x40]),
        (0x13, &[0x80]),
        (0x28, &[0, 0, 1, 0]),
        (0x28, &[2, 0, 1, 0]),
        (0x28, &[1, 0, 2, 0]),
        (0x2c, &[0, 0, 1, 0]),
        (0x78, &[3, 0, 0, 0]),
    ] {
        let error = open_error(built.with(at, new));
        assert!(matches!(error, OpenError::Header(_)), "{at:#x}: {error}");
    }
}

#[test]
fn a_part_alone_is_refused_with_what_to_do() {
    let message = open_error(sample(None).with(0x28, &[2, 0, 3, 0])).to_string();
    assert!(message.contains("part 2 of a split WIM of 3 parts") && message.contains("join"), "{message}");
}

#[test]
fn a_solid_blob_without_a_resource_is_refused() {
    let built = sample(None);
    let mut bytes = built.with(0x0c, &0xe00u32.to_le_bytes());
    assert!(Wim::open(bytes.clone()).is_ok(), "the newer version by itself is no hindrance");
    bytes[built.entry(1) + 7] |= 0x10;
    let error = open_error(bytes);
    let OpenError::BlobTable(BlobTableError::Solid { entry: 1, cause }) = error else { panic!("{error}") };
    assert_eq!(cause, SolidError::NoResource);
}

#[test]
fn another_number_of_images_than_are_described_is_refused() {
    let built = sample(None);
    assert!(matches!(open_error(built.with(0x2c, &[1, 0, 0, 0])), OpenError::Xml(XmlError::Index { .. })));
    assert!(matches!(open_error(built.with(0x2c, &[3, 0, 0, 0])), OpenError::Xml(XmlError::Images { .. })));
    // The metadata of the second image become a left-over.
    let references = built.entry(6) + 0x1a;
    let error = open_error(built.with(references, &[0; 4]));
    assert!(matches!(error, OpenError::BlobTable(BlobTableError::Images { found: 1, expected: 2 })), "{error}");
}

#[test]
fn tables_outside_of_the_file_or_inside_of_the_header_are_refused() {
    let built = sample(None);
    for field in [0x30, 0x48, 0x7c] {
        for (offset, inside) in [(207u64, true), (0, true), (u64::MAX, false), (1 << 40, false)] {
            let error = open_error(built.with(field + 8, &offset.to_le_bytes()));
            match error {
                OpenError::Region(RegionError::InHeader { .. }) => assert!(inside),
                OpenError::Region(RegionError::PastEnd { .. }) => assert!(!inside),
                error => panic!("{field:#x} {offset:#x}: {error}"),
            }
        }
    }
}

#[test]
fn tables_larger_than_the_file_are_refused() {
    let built = sample(None);
    for field in [0x30, 0x48, 0x7c] {
        let mut bytes = built.bytes.clone();
        let len = bytes.len() as u64;
        put(&mut bytes, field, &len.to_le_bytes()[..7]);
        put(&mut bytes, field + 16, &len.to_le_bytes());
        assert!(matches!(open_error(bytes), OpenError::Region(RegionError::PastEnd { .. })));
    }
}

#[test]
fn a_blob_table_of_half_an_entry_is_refused() {
    let built = sample(None);
    let len = built.blob_table.len() as u64 - 25;
    let mut bytes = built.with(0x30, &len.to_le_bytes()[..7]);
    put(&mut bytes, 0x40, &len.to_le_bytes());
    assert!(matches!(open_error(bytes), OpenError::BlobTable(BlobTableError::Length { .. })));
}

#[test]
fn resources_inside_of_each_other_are_refused() {
    let built = sample(None);
    let (first, second) = (&built.blobs[3], &built.blobs[4]);
    assert_eq!(first.end, second.start);
    let error = open_error(built.with(built.entry(4) + 8, &(first.start as u64 + 100).to_le_bytes()));
    let OpenError::Region(RegionError::Overlap { region, other, .. }) = error else { panic!("{error}") };
    assert_eq!((region, other), (Region::BlobEntry(4), Region::BlobEntry(3)));
    // In the tables too.
    let error = open_error(built.with(built.entry(0) + 8, &(built.blob_table.start as u64 - 900).to_le_bytes()));
    assert!(matches!(error, OpenError::Region(RegionError::Overlap { .. })), "{error}");
}

#[test]
fn offsets_and_lengths_that_overflow_are_refused() {
    let built = sample(None);
    for offset in [u64::MAX, u64::MAX - 3999, 1 << 63] {
        let error = open_error(built.with(built.entry(3) + 8, &offset.to_le_bytes()));
        assert!(matches!(error, OpenError::Region(RegionError::PastEnd { .. })), "{error}");
    }
    let mut bytes = built.with(built.entry(3), &[0xff; 7]);
    put(&mut bytes, built.entry(3) + 16, &((1u64 << 56) - 1).to_le_bytes());
    assert!(matches!(open_error(bytes), OpenError::Region(RegionError::PastEnd { .. })));
}

#[test]
fn one_digest_with_two_lengths_is_refused() {
    let built = sample(None);
    let digest = built.bytes[built.entry(0) + 0x1e..][..20].to_vec();
    let error = open_error(built.with(built.entry(1) + 0x1e, &digest));
    assert!(matches!(error, OpenError::BlobTable(BlobTableError::SameDigest { entry: 1, .. })), "{error}");
}

#[test]
fn xml_data_that_are_no_utf_16_or_no_xml_are_refused() {
    let xml = |bytes: &[u8]| open_error(File { xml: Some(bytes.to_vec()), ..File::new(&[]) }.build().bytes);
    assert!(matches!(xml(b"\xff\xfe<\0W\0>"), OpenError::Xml(XmlError::Encoding { .. })));
    assert!(matches!(xml(b"\xff\xfe"), OpenError::Xml(XmlError::Syntax(_))));
    assert!(matches!(xml(b""), OpenError::Xml(XmlError::Syntax(_))));
}

// Contents.

#[test]
fn a_content_that_changed_is_refused_with_both_digests() {
    let built = sample(None);
    let wim = Wim::open(built.with(built.blobs[2].start + 5, &[!built.bytes[built.blobs[2].start + 5]])).unwrap();
    let message = wim.stream(&[0, 1, 2, 3], ONE, &Contents::default()).unwrap_err().to_string();
    let expected = crate::Sha1Hex(sha1(&noise(3, 3000))).to_string();
    assert!(message.starts_with("blob 2 at ") && message.ends_with(&format!("expected {expected}")), "{message}");
}

#[test]
fn a_chunk_that_cannot_be_decoded_is_refused_with_its_place() {
    let built = sample(Some(4096));
    // The fifth blob has two chunks; the second is made to seem compressed.
    let (blob, entry) = (&built.blobs[4], built.entry(4));
    let mut bytes = built.with(entry + 16, &5001u64.to_le_bytes());
    put(&mut bytes, blob.start + 4 + 4096, &[0xff; 32]);
    let wim = Wim::open(bytes).unwrap();
    let error = wim.read_blob(4).unwrap_err();
    let crate::BlobError::Corrupt { blob: 4, chunk: 1, offset, cause, .. } = error else { panic!("{error}") };
    assert_eq!(offset, blob.start as u64 + 4 + 4096);
    assert!(matches!(cause, ChunkError::Decode(_)), "{cause}");
}

#[test]
fn a_content_that_claims_more_than_its_bytes_can_hold_is_refused_at_once() {
    let built = sample(Some(4096));
    for len in [1u64 << 62, u64::MAX, 1 << 40] {
        let error = Wim::open(built.with(built.entry(4) + 16, &len.to_le_bytes())).unwrap_err();
        assert!(error.to_string().contains("blob table entry 4"), "{error}");
        assert!(error.to_string().contains("too few for the"), "{error}");
    }
}

// Metadata.

#[test]
fn metadata_that_changed_are_refused() {
    let built = sample(None);
    let at = built.images[1].start + 60;
    let wim = Wim::open(built.with(at, &[built.bytes[at] ^ 4])).unwrap();
    assert!(wim.tree(1, SourceId(0)).is_ok());
    assert!(matches!(wim.tree(2, SourceId(0)), Err(MetadataError::Digest { image: 2, .. })));
    for image in [0, 3, u32::MAX] {
        assert!(matches!(wim.tree(image, SourceId(0)), Err(MetadataError::NoSuchImage { images: 2, .. })));
        assert_eq!(wim.metadata_digest(image), None);
    }
    assert_ne!(wim.metadata_digest(1), wim.metadata_digest(2));
}

#[test]
fn metadata_far_longer_than_the_file_are_refused() {
    // Large chunks, so that there is room for as many as such a length needs.
    let built = sample(Some(0x1_0000));
    let file_len = built.bytes.len() as u64;
    let entry = built.entry(5);
    let wim = Wim::open(built.with(entry + 16, &(512 * file_len + 1).to_le_bytes())).unwrap();
    assert!(matches!(wim.tree(1, SourceId(0)), Err(MetadataError::TooLong { image: 1, .. })));
    // Less than that is believed as far as there are chunks.
    let wim = Wim::open(built.with(entry + 16, &(512 * file_len).to_le_bytes())).unwrap();
    let error = wim.tree(1, SourceId(0)).unwrap_err();
    let MetadataError::Resource { cause: ResourceError::Corrupt { .. }, .. } = error else { panic!("{error}") };
}

/// An image of directories in each other and a file in the last, with the place of every entry.
fn nested() -> (Image, crate::testing::Metadata) {
    let mut image = Image::new();
    let outer = image.add(Node::directory(0, "outer"));
    let inner = image.add(Node::directory(outer, "inner"));
    image.add(Node::file(inner, "file", b""));
    image.add(Node::directory(0, "other"));
    let metadata = image.metadata();
    (image, metadata)
}

const SUBDIR: usize = 0x10;

#[test]
fn cyclic_directories_are_refused() {
    let (_, metadata) = nested();
    let [root, outer, inner, ..] = metadata.entries[..] else { unreachable!() };
    // A directory that holds itself, its parent, the root, and a list that starts half-way.
    for (holder, held) in
        [(inner, inner), (inner, outer), (outer, outer), (inner, root), (outer, metadata.entries[4])]
    {
        let mut bytes = metadata.bytes.clone();
        put(&mut bytes, holder + SUBDIR, &(held as u64).to_le_bytes());
        let (path, cause) = entry_error(bytes);
        assert_eq!(cause, EntryError::Shared, "{path}");
    }
}

#[test]
fn directories_that_share_entries_are_refused_but_may_share_their_end() {
    let (_, metadata) = nested();
    let [_, outer, inner, file, other] = metadata.entries[..] else { unreachable!() };
    let mut bytes = metadata.bytes.clone();
    put(&mut bytes, other + SUBDIR, &(file as u64).to_le_bytes());
    // The later directory is read first or second; either way its entry is taken.
    assert_eq!(entry_error(bytes).1, EntryError::Shared);
    let mut bytes = metadata.bytes.clone();
    let end = metadata.bytes.len() as u64 - 8;
    for directory in [outer, inner, other] {
        put(&mut bytes, directory + SUBDIR, &end.to_le_bytes());
    }
    let file = File { images: vec![bytes], ..File::new(&[]) };
    let tree = Wim::open(file.build().bytes).unwrap().tree(1, SourceId(0)).unwrap();
    assert_eq!(tree.walk().count(), 2);
}

#[test]
fn entries_that_start_where_none_can_are_refused() {
    let (_, metadata) = nested();
    let outer = metadata.entries[1];
    let end = metadata.bytes.len() as u64;
    for offset in [1, 4, metadata.entries[2] as u64 + 4, end, end + 8, u64::MAX, u64::MAX - 7, 1 << 63] {
        let mut bytes = metadata.bytes.clone();
        put(&mut bytes, outer + SUBDIR, &offset.to_le_bytes());
        let (path, cause) = entry_error(bytes);
        assert_eq!(path, "\\outer");
        assert!(matches!(cause, EntryError::SubdirOffset { .. }), "{cause}");
    }
}

#[test]
fn entries_inside_of_a_security_descriptor_are_refused() {
    let mut hidden = Image::new();
    hidden.add(Node::file(0, "hidden", b""));
    let hidden = hidden.metadata();
    let mut image = Image::new();
    image.descriptors = vec![hidden.bytes[hidden.entries[1]..].to_vec()];
    image.add(Node::directory(0, "d"));
    let metadata = image.metadata();
    let mut bytes = metadata.bytes;
    // The one descriptor starts behind the eight bytes of the table and its length.
    put(&mut bytes, metadata.entries[1] + SUBDIR, &16u64.to_le_bytes());
    assert_eq!(entry_error(bytes), ("\\d\\hidden".to_owned(), EntryError::Shared));
}

#[test]
fn a_root_that_is_no_directory_or_not_there_is_refused() {
    let mut image = Image::new();
    image.nodes[0].attributes = 0x20;
    assert_eq!(entry_error(image.metadata().bytes), ("\\".to_owned(), EntryError::Root));
    assert_eq!(entry_error(vec![0; 64]).1, EntryError::Root);
    assert!(matches!(entry_error(vec![8, 0, 0, 0, 0, 0, 0, 0]).1, EntryError::Unterminated { end: 8 }));
}

#[test]
fn a_directory_without_end_is_refused() {
    let (_, metadata) = nested();
    let cut = metadata.bytes[..metadata.bytes.len() - 8].to_vec();
    let (path, cause) = entry_error(cut);
    assert_eq!(path, "\\outer\\inner");
    assert!(matches!(cause, EntryError::Unterminated { .. }));
}

#[test]
fn names_that_escape_are_refused() {
    let mut image = Image::new();
    let dir = image.add(Node::directory(0, "dir"));
    for name in ["..", ".", "", "a/b", "a\\b", "a:b", "a\0b", &"x".repeat(256)] {
        let mut image = image.clone();
        image.add(Node::file(dir, name, b""));
        let (path, cause) = entry_error(image.metadata().bytes);
        assert!(path.starts_with("\\dir"), "{path}");
        assert!(matches!(cause, EntryError::Tree(nanovhd_tree::TreeError::Name(_))), "{name:?}: {cause}");
    }
    image.add(Node { short_name: vec![46, 46], ..Node::file(dir, "name", b"") });
    assert!(matches!(entry_error(image.metadata().bytes).1, EntryError::Tree(_)));
}

#[test]
fn a_name_that_comes_twice_is_refused_unless_the_case_differs() {
    let mut image = Image::new();
    image.add(Node::file(0, "name", b""));
    image.add(Node::file(0, "NAME", b""));
    let file = File::of(&image, &[]);
    assert_eq!(Wim::open(file.build().bytes).unwrap().tree(1, SourceId(0)).unwrap().walk().count(), 2);
    image.add(Node::directory(0, "name"));
    let (path, cause) = entry_error(image.metadata().bytes);
    assert_eq!(path, "\\name");
    assert!(matches!(cause, EntryError::Tree(nanovhd_tree::TreeError::Exists(_))));
}

#[test]
fn long_names_and_paths_are_read() {
    let mut image = Image::new();
    let mut at = 0;
    for _ in 0..300 {
        at = image.add(Node::directory(at, &"n".repeat(255)));
    }
    let wim = Wim::open(File::of(&image, &[]).build().bytes).unwrap();
    let tree = wim.tree(1, SourceId(0)).unwrap();
    assert_eq!(tree.walk().last().unwrap().path().len(), 300 * 256);
}

/// A chain of so many directories in each other.
fn chain(depth: usize) -> Image {
    let mut image = Image::new();
    let mut at = 0;
    for _ in 0..depth {
        at = image.add(Node::directory(at, "d"));
    }
    image
}

#[test]
fn directories_ten_thousand_deep_are_read_and_deeper_than_any_path_are_refused() {
    let wim = Wim::open(File::of(&chain(10_000), &[]).build().bytes).unwrap();
    assert_eq!(wim.tree(1, SourceId(0)).unwrap().walk().count(), 10_000);
    let (path, cause) = entry_error(chain(20_000).metadata().bytes);
    assert_eq!(cause, EntryError::TooDeep);
    assert_eq!(path.len(), 2 * 16_385);
}

#[test]
fn security_ids_out_of_range_and_lying_tables_are_refused() {
    let mut image = Image::new();
    image.descriptors = vec![vec![1; 20]];
    image.add(Node { security_id: 1, ..Node::file(0, "f", b"") });
    assert_eq!(entry_error(image.metadata().bytes).1, EntryError::SecurityId { id: 1, count: 1 });
    let mut bytes = image.metadata().bytes;
    put(&mut bytes, 8, &[255]);
    assert!(matches!(tree_error(bytes), MetadataError::Security { image: 1, .. }));
}

#[test]
fn an_empty_acl_is_a_descriptor_like_any_other() {
    // Self-relative, with a discretionary list of no entries.
    let mut descriptor = vec![1, 0, 4, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0];
    descriptor.extend([2, 0, 8, 0, 0, 0, 0, 0]);
    let mut image = Image::new();
    image.descriptors = vec![descriptor.clone()];
    image.add(Node { security_id: 0, ..Node::file(0, "f", b"") });
    let wim = Wim::open(File::of(&image, &[]).build().bytes).unwrap();
    let tree = wim.tree(1, SourceId(0)).unwrap();
    let id = tree.file(tree.lookup("f").unwrap()).metadata.security.unwrap();
    assert_eq!(tree.descriptor(id), descriptor);
}

#[test]
fn the_most_streams_a_file_can_have_are_read_in_linear_time() {
    let mut node = Node::file(0, "f", b"");
    for number in 0..65_535 {
        node = node.stream(&number.to_string(), b"");
    }
    let mut image = Image::new();
    image.add(node);
    let wim = Wim::open(File::of(&image, &[]).build().bytes).unwrap();
    let tree = wim.tree(1, SourceId(0)).unwrap();
    assert_eq!(tree.file(tree.lookup("f").unwrap()).metadata.streams.len(), 65_535);
}

#[test]
fn a_hundred_thousand_links_to_one_byte_are_one_file() {
    let mut image = Image::new();
    let dirs: Vec<usize> = (0..100).map(|n| image.add(Node::directory(0, &format!("{n}")))).collect();
    for n in 0..100_000 {
        image.add(Node { group: 1, ..Node::file(dirs[n % 100], &format!("{n}"), b"x") });
    }
    let wim = Wim::open(File::of(&image, &[b"x"]).build().bytes).unwrap();
    let tree = wim.tree(1, SourceId(0)).unwrap();
    assert_eq!(tree.file_count(), 1 + 100 + 1);
    assert_eq!(tree.file(tree.lookup("7\\7").unwrap()).names(), 100_000);
}

#[test]
fn many_empty_files_in_one_directory_are_read() {
    let mut image = Image::new();
    for n in 0..200_000 {
        image.add(Node::file(0, &format!("{n}"), b""));
    }
    let wim = Wim::open(File::of(&image, &[]).build().bytes).unwrap();
    assert_eq!(wim.tree(1, SourceId(0)).unwrap().walk().count(), 200_000);
}

#[test]
fn a_content_with_the_digest_of_metadata_is_missing() {
    // Metadata are no content of files, whatever their digest.
    let mut image = Image::new();
    let inner = image.metadata().bytes;
    image.add(Node { sha1: sha1(&inner), attributes: 0x20, ..Node::directory(0, "f") });
    let mut file = File::of(&image, &[]);
    file.images.push(inner);
    let wim = Wim::open(file.build().bytes).unwrap();
    let error = wim.tree(1, SourceId(0)).unwrap_err();
    assert!(matches!(error, MetadataError::Entry { cause: EntryError::MissingBlob { .. }, .. }), "{error}");
    assert_eq!(image.nodes[0].attributes, DIRECTORY);
}

#[test]
fn table_entries_without_digest_count_for_nothing() {
    let built = File::new(&[b"abc"]).build();
    let nothing = BlobEntry { sha1: [0; 20], ..blob_entry(0, 0, 1 << 50) };
    let wim = Wim::open(built.with(built.entry(0), &nothing.bytes())).unwrap();
    assert!(wim.blobs().is_empty());
}
