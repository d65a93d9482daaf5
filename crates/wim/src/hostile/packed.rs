//! The same for solid resources and split sets.

use super::*;
use crate::testing::Solid;
use crate::{BlobError, InFile, SetError, StreamError};

const LZMS: u32 = 3;

/// Bytes of the entry of a solid resource before those of its blobs, and of its header.
const HEADER: usize = 16;

/// Five blobs in two solid resources with chunks of 32 KiB, and an image that has them.
fn solid() -> Built {
    let blobs: Vec<Vec<u8>> = (1..6).map(|n| noise(n, 20_000 * usize::try_from(n).unwrap())).collect();
    let blobs: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
    let mut image = Image::new();
    for (n, blob) in blobs.iter().enumerate() {
        image.add(Node::file(0, &format!("file {n}"), blob));
    }
    let solid = Some(Solid { chunk_size: 0x8000, format: LZMS, blobs: 3 });
    File { solid, ..File::of(&image, &blobs) }.build()
}

/// Where a solid resource starts: with its header, then the lengths of its chunks.
fn resource(built: &Built, number: usize) -> usize {
    // The second has its entry after those of the first and three blobs.
    let entry = built.entry(number * 4);
    usize::try_from(u64::from_le_bytes(*built.bytes[entry + 8..].first_chunk().unwrap())).unwrap()
}

fn solid_error(bytes: Vec<u8>) -> (usize, SolidError) {
    match open_error(bytes) {
        OpenError::BlobTable(BlobTableError::Solid { entry, cause }) => (entry, cause),
        error => panic!("{error}"),
    }
}

/// What reading the blob gives, by itself and when all are streamed.
fn blob_errors(bytes: Vec<u8>, blob: u32) -> [BlobError; 2] {
    let wim = Wim::open(bytes).unwrap();
    let all: Vec<u32> = (0..5).collect();
    let StreamError::Blob(streamed) = wim.stream(&all, TWO, &Contents::default()).unwrap_err() else {
        panic!("another error")
    };
    assert_eq!(streamed.blob(), blob);
    [wim.read_blob(blob).unwrap_err(), streamed]
}

#[test]
fn every_cut_of_a_solid_file_is_an_error() {
    let built = solid();
    let original = read_everything(built.bytes.clone()).unwrap();
    assert_eq!(original.contents.iter().map(Vec::len).sum::<usize>(), 300_000);
    let step = built.bytes.len() / 100;
    for cut in (0..built.bytes.len()).step_by(step).chain([built.bytes.len() - 1]) {
        assert!(read_everything(built.bytes[..cut].to_vec()).is_err(), "cut at {cut}");
    }
}

#[test]
fn every_flipped_bit_of_solid_tables_is_noticed_or_changes_nothing() {
    let built = solid();
    let original = read_everything(built.bytes.clone()).unwrap();
    let tables = [0, 1].map(|number| resource(&built, number)).map(|start| start..start + HEADER + 5 * 4);
    let [first, second] = tables;
    for at in (0..208).chain(first).chain(second).chain(built.blob_table.clone()) {
        for bit in 0..8 {
            if let Ok(result) = read_everything(built.with(at, &[built.bytes[at] ^ 1 << bit])) {
                assert_eq!(result, original, "bit {bit} of byte {at:#x}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn mutated_solid_files_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..10),
        tables: bool,
    ) {
        let built = solid();
        let mut bytes = built.bytes.clone();
        let start = resource(&built, 0);
        for (at, value) in changes {
            let at = if tables { start + at.index(HEADER + 16) } else { at.index(bytes.len()) };
            bytes[at] = value;
        }
        let _ = read_everything(bytes);
    }
}

#[test]
fn a_solid_resource_that_claims_more_than_its_bytes_can_hold_is_refused_at_once() {
    let built = solid();
    let start = resource(&built, 0);
    for len in [u64::MAX, 1 << 62, 1 << 40] {
        let (entry, cause) = solid_error(built.with(start, &len.to_le_bytes()));
        assert!(matches!(cause, SolidError::Chunks { .. }) && entry == 0, "{cause}");
    }
    for (at, new) in [(8, 0u32), (8, 0x9000), (8, 0x800_0000), (8, 0x1000), (12, 0), (12, 4), (12, u32::MAX)] {
        let (_, cause) = solid_error(built.with(start + at, &new.to_le_bytes()));
        assert!(matches!(cause, SolidError::ChunkSize { .. } | SolidError::Format { .. }), "{cause}");
    }
}

#[test]
fn a_few_bytes_that_claim_a_long_chunk_are_an_error_and_no_hang() {
    // All of the content becomes one chunk of 64 MiB that only ten bytes are stored of.
    let built =
        File { solid: Some(Solid { chunk_size: 0x400_0000, format: LZMS, blobs: 1 }), ..File::new(&[&[7; 10]]) }
            .build();
    let start = resource(&built, 0);
    let mut bytes = built.with(start, &(64u64 << 20).to_le_bytes());
    let entry = built.entry(1);
    put(&mut bytes, entry, &(64u64 << 20).to_le_bytes()[..7]);
    for content in [[0; 10], [0xff; 10], [7; 10]] {
        put(&mut bytes, built.blobs[0].start, &content);
        let wim = Wim::open(bytes.clone()).unwrap();
        assert_eq!(wim.blobs()[0].len, 64 << 20);
        assert!(wim.read_blob(0).is_err());
        assert!(wim.stream(&[0], TWO, &Contents::default()).is_err());
    }
}

#[test]
fn chunk_tables_of_solid_resources_that_lie_are_refused() {
    let built = solid();
    let sizes = resource(&built, 0) + HEADER;
    // The first resource has blobs of 20,000, 40,000 and 60,000 bytes, so its third chunk is of
    // blob 2 alone.
    for (chunk, blob, value) in
        [(0, 0, 0u32), (0, 0, u32::MAX), (0, 0, 0x8001), (2, 2, 0), (2, 2, 0xffff), (3, 2, 99_999)]
    {
        let bytes = built.with(sizes + 4 * chunk, &value.to_le_bytes());
        for error in blob_errors(bytes, blob) {
            let BlobError::Corrupt { chunk: found, cause, .. } = error else { panic!("{error}") };
            assert_eq!(found, chunk as u64);
            assert!(matches!(cause, ChunkError::Table { .. } | ChunkError::StoredLen { .. }), "{cause}");
        }
    }
    // A shorter chunk moves those after it, and is no chunk.
    for error in blob_errors(built.with(sizes + 4, &1000u32.to_le_bytes()), 1) {
        let BlobError::Corrupt { chunk: 1, file, cause, .. } = error else { panic!("{error}") };
        assert!(matches!(cause, ChunkError::Decode(_)), "{cause}");
        assert_eq!(file, InFile { part: None });
    }
}

#[test]
fn solid_resources_that_share_bytes_are_refused() {
    let built = solid();
    let stored_len = resource(&built, 1) - resource(&built, 0);
    let longer = (stored_len as u64 + 1).to_le_bytes();
    let error = open_error(built.with(built.entry(0), &longer[..7]));
    assert!(matches!(error, OpenError::Region(RegionError::Overlap { .. })), "{error}");
    for offset in [0u64, 100, u64::MAX] {
        let error = open_error(built.with(built.entry(0) + 8, &offset.to_le_bytes()));
        assert!(matches!(error, OpenError::Region(_)), "{error}");
    }
}

#[test]
fn solid_blobs_that_are_not_where_they_should_be_are_refused() {
    let built = solid();
    // The second blob overlaps the first; lies outside of all; goes over the end of its resource.
    let error = open_error(built.with(built.entry(2) + 8, &19_999u64.to_le_bytes()));
    assert!(matches!(error, OpenError::BlobTable(BlobTableError::SolidOverlap { offset: 19_999, .. })), "{error}");
    for offset in [300_000, 119_999, u64::MAX] {
        let (entry, cause) = solid_error(built.with(built.entry(2) + 8, &u64::to_le_bytes(offset)));
        assert!(matches!(cause, SolidError::Outside { .. }) && entry == 2, "{cause}");
    }
    // It is another's bytes that come then.
    let error = read_everything(built.with(built.entry(2), &40_001u64.to_le_bytes()[..7])).unwrap_err();
    assert!(error.to_string().contains("does not end before"), "{error}");
}

#[test]
fn an_encrypted_file_is_refused_with_its_reason() {
    let text = "\u{feff}<WIM><ESD><ENCRYPTED><KEY>x</KEY></ENCRYPTED></ESD></WIM>";
    let xml: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    // What is encrypted makes no sense, but the reason is found first.
    let built = File { xml: Some(xml), ..File::new(&[b"abc"]) }.build();
    let mut bytes = built.bytes.clone();
    bytes[built.blob_table.clone()].copy_from_slice(&noise(1, built.blob_table.len()));
    let error = open_error(bytes);
    assert!(matches!(error, OpenError::Xml(XmlError::Encrypted)), "{error}");
    assert!(error.to_string().contains("encrypted ESD"), "{error}");
}

/// A set of three parts; the image is in the first.
fn set() -> [Vec<u8>; 3] {
    let blobs: Vec<Vec<u8>> = (1..8).map(|n| noise(n, 1000 * usize::try_from(n).unwrap())).collect();
    let mut image = Image::new();
    for (n, blob) in blobs.iter().enumerate() {
        image.add(Node::file(0, &format!("file {n}"), blob));
    }
    let part = |part: u16, blobs: &[Vec<u8>]| {
        let blobs: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
        let file = if part == 1 { File::of(&image, &blobs) } else { File::new(&blobs) };
        File { part: (part, 3), integrity: (part != 2).then_some(4096), ..file }.build().bytes
    };
    [part(1, &blobs[..0]), part(2, &blobs[..4]), part(3, &blobs[4..])]
}

#[test]
fn a_set_is_read_as_one() {
    let parts = set();
    let wim = Wim::open_parts(parts.iter().rev().collect()).unwrap();
    let tree = wim.tree(1, SourceId(0)).unwrap();
    assert_eq!(tree.walk().count(), 7);
    assert_eq!(wim.blobs().iter().map(|blob| blob.part).collect::<Vec<_>>(), [2, 2, 2, 2, 3, 3, 3]);
    let sink = Contents::default();
    wim.stream(&(0..7).collect::<Vec<_>>(), TWO, &sink).unwrap();
    for (n, content) in sink.0.into_inner().unwrap().iter().enumerate() {
        assert_eq!(content, &noise(n as u64 + 1, 1000 * (n + 1)));
        assert_eq!(&wim.read_blob(u32::try_from(n).unwrap()).unwrap(), content);
    }
    let crate::Integrity::Intact { chunks, .. } = wim.check_integrity(&mut |_| {}).unwrap() else { panic!() };
    assert_eq!(chunks, 1 + 5, "of the first and the third part");
}

#[test]
fn errors_in_a_set_name_the_part() {
    let mut parts = set();
    let wim = Wim::open_parts(parts.iter().collect()).unwrap();
    let place = usize::try_from(wim.blobs()[5].offset).unwrap();
    parts[2][place] ^= 1;
    let wim = Wim::open_parts(parts.iter().collect()).unwrap();
    let message = wim.stream(&[0, 5, 6], TWO, &Contents::default()).unwrap_err().to_string();
    assert!(message.starts_with("blob 5 at ") && message.contains("of part 3 of the WIM is damaged"), "{message}");
    let error = wim.check_integrity(&mut |_| {}).unwrap_err();
    assert!(matches!(error, crate::IntegrityError::Part { part: 3, .. }), "{error}");
    // A table of one part that speaks of another.
    let [one, two, three] = set();
    let table = two.len() - 4 * 50 - 38;
    let mut other = two.clone();
    let number = (table..two.len() - 50).find(|&at| two[at..at + 6] == [2, 0, 1, 0, 0, 0]).unwrap();
    other[number] = 3;
    let error = Wim::open_parts(vec![one, other, three]).unwrap_err();
    let OpenError::Part { part: 2, source } = error else { panic!("{error}") };
    assert!(matches!(*source, OpenError::BlobTable(BlobTableError::Part { part: 3, expected: 2, .. })), "{source}");
}

#[test]
fn sets_that_are_none_are_refused() {
    let [one, two, three] = set();
    let error = |parts: Vec<Vec<u8>>| match Wim::open_parts(parts).unwrap_err() {
        OpenError::Set(error) => error,
        error => panic!("{error}"),
    };
    let mut foreign = two.clone();
    foreign[0x18] ^= 1;
    assert!(matches!(error(vec![one.clone(), foreign, three.clone()]), SetError::Guid { part: 2, .. }));
    let mut five = three.clone();
    five[0x2a] = 5;
    assert!(matches!(
        error(vec![one.clone(), two.clone(), five]),
        SetError::Count { part: 3, parts: 5, expected: 3 }
    ));
    assert!(matches!(error(vec![three.clone(), one.clone()]), SetError::Missing { part: 2, .. }));
    assert!(matches!(error(vec![one.clone(), two.clone(), two.clone(), three.clone()]), SetError::Twice { part: 2 }));
    for (part, parts) in [(0u16, 3u16), (4, 3), (1, 0)] {
        let mut wrong = three.clone();
        put(&mut wrong, 0x28, &part.to_le_bytes());
        put(&mut wrong, 0x2a, &parts.to_le_bytes());
        let error = Wim::open_parts(vec![one.clone(), two.clone(), wrong]).unwrap_err();
        assert!(matches!(error, OpenError::Header(HeaderError::Part { .. })), "{error}");
    }
    // One digest with two lengths, in two parts.
    let short = File { part: (3, 3), ..File::new(&[b"abc"]) }.build();
    let digest = sha1(&noise(1, 1000));
    let short = short.with(short.entry(0) + 0x1e, &digest);
    let error = Wim::open_parts(vec![one, two, short]).unwrap_err();
    let OpenError::Part { part: 3, source } = error else { panic!("{error}") };
    assert!(matches!(*source, OpenError::BlobTable(BlobTableError::SameDigest { .. })), "{source}");
}

#[test]
fn siblings_are_asked_for_by_name_and_errors_say_which() {
    let [one, two, three] = set();
    let parts = [("a.swm", &one), ("a2.swm", &two), ("a3.swm", &three)];
    let open = |name: &str| match parts.iter().find(|(known, _)| *known == name) {
        Some((_, part)) => Ok((*part).clone()),
        None => Err(io::ErrorKind::NotFound.into()),
    };
    for (name, part) in parts {
        let wim = Wim::open_with_siblings(part.clone(), name, open).unwrap();
        assert_eq!(wim.blobs().len(), 7, "{name}");
    }
    let error = Wim::open_with_siblings(two.clone(), "b2.swm", open).unwrap_err();
    let OpenError::Set(SetError::Missing { part: 1, parts: 3, name: Some(name) }) = error else { panic!("{error}") };
    assert_eq!(name, "b.swm");
    let denied = |_: &str| Err(io::ErrorKind::PermissionDenied.into());
    let error = Wim::open_with_siblings(one.clone(), "a.swm", denied).unwrap_err();
    assert!(matches!(error, OpenError::Set(SetError::Open { part: 2, .. })), "{error}");
    let damaged = |_: &str| Ok(Vec::new());
    let error = Wim::open_with_siblings(one, "a.swm", damaged).unwrap_err();
    assert!(matches!(error, OpenError::Part { part: 2, .. }), "{error}");
}

/// A file whose one image has its metadata in a solid resource, between two blobs.
fn metadata_in_solid() -> (Built, Vec<u8>) {
    let blobs = [noise(7, 50_000), noise(8, 40_000)];
    let mut image = Image::new();
    image.add(Node::file(0, "first", &blobs[0]));
    image.add(Node::file(0, "second", &blobs[1]));
    let metadata = image.metadata().bytes;
    let solid = Some(Solid { chunk_size: 0x8000, format: LZMS, blobs: 3 });
    // The metadata begin in the second chunk.
    let xml = "\u{feff}<WIM><IMAGE INDEX=\"1\"><NAME>image</NAME></IMAGE></WIM>";
    let xml = Some(xml.encode_utf16().flat_map(u16::to_le_bytes).collect());
    let file = File { solid, xml, ..File::new(&[&blobs[0], &metadata, &blobs[1]]) };
    let mut built = file.build();
    put(&mut built.bytes, 0x2c, &1u32.to_le_bytes());
    // After the entry of the resource and that of the first blob: solid, and metadata.
    let flags = built.entry(2) + 7;
    assert_eq!(built.bytes[flags], 0x10);
    built.bytes[flags] |= 2;
    (built, metadata)
}

#[test]
fn metadata_may_lie_in_a_solid_resource() {
    let (built, metadata) = metadata_in_solid();
    let everything = read_everything(built.bytes.clone()).unwrap();
    assert_eq!(everything.trees[0].walk().count(), 2);
    assert_eq!(everything.contents, [noise(7, 50_000), noise(8, 40_000)]);
    let step = metadata.len() / 10;
    for at in built.blobs[1].clone().step_by(step) {
        let damaged = built.with(at, &[built.bytes[at] ^ 1]);
        let wim = Wim::open(damaged).unwrap();
        let error = wim.tree(1, SourceId(0)).unwrap_err();
        assert!(matches!(error, MetadataError::Digest { image: 1, .. }), "{error}");
        // The blobs beside it are whole.
        wim.stream(&[0, 1], TWO, &Contents::default()).unwrap();
    }
    let sizes = resource(&built, 0) + HEADER;
    let wim = Wim::open(built.with(sizes + 4, &0xffff_u32.to_le_bytes())).unwrap();
    let error = wim.tree(1, SourceId(0)).unwrap_err();
    let MetadataError::Resource { image: 1, cause: ResourceError::Corrupt { chunk: 1, .. } } = error else {
        panic!("{error}")
    };
}

#[test]
fn a_solid_resource_may_lie_in_any_part_of_a_set() {
    let blobs: Vec<Vec<u8>> = (1..5).map(|n| noise(n, 30_000 * usize::try_from(n).unwrap())).collect();
    let slices: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
    let mut image = Image::new();
    for (n, blob) in blobs.iter().enumerate() {
        image.add(Node::file(0, &format!("file {n}"), blob));
    }
    for format in 1..=LZMS {
        let solid = Some(Solid { chunk_size: 0x8000, format, blobs: 2 });
        let first = File { part: (1, 2), solid, ..File::of(&image, &[]) }.build().bytes;
        let second = File { part: (2, 2), solid, ..File::new(&slices) }.build();
        let wim = Wim::open_parts(vec![&first, &second.bytes]).unwrap();
        assert_eq!(wim.solid_resources().iter().map(|resource| resource.part).collect::<Vec<_>>(), [2, 2]);
        assert_eq!(wim.tree(1, SourceId(0)).unwrap().walk().count(), 4);
        let sink = Contents::default();
        wim.stream(&[0, 1, 2, 3], TWO, &sink).unwrap();
        assert_eq!(sink.0.into_inner().unwrap(), blobs);
        let place = second.blobs[2].start;
        let damaged = second.with(place, &[second.bytes[place] ^ 1]);
        let wim = Wim::open_parts(vec![&first, &damaged]).unwrap();
        for error in [wim.read_blob(2).unwrap_err(), stream_error(&wim, ONE), stream_error(&wim, TWO)] {
            let BlobError::Digest { blob: 2, file, .. } = error else { panic!("{error}") };
            assert_eq!(file, InFile { part: Some(2) });
        }
    }
}

fn stream_error<R: nanovhd_tree::ReadAt>(wim: &Wim<R>, threads: NonZeroUsize) -> BlobError {
    let all: Vec<u32> = (0..).take(wim.blobs().len()).collect();
    match wim.stream(&all, threads, &Contents::default()).unwrap_err() {
        StreamError::Blob(error) => error,
        error => panic!("{error}"),
    }
}

#[test]
fn a_solid_resource_that_nothing_refers_to_is_only_read_when_asked_for() {
    let blobs: Vec<Vec<u8>> = (1..6).map(|n| noise(n, 50_000)).collect();
    let slices: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
    let mut image = Image::new();
    image.add(Node::file(0, "used", &blobs[0]));
    let solid = Some(Solid { chunk_size: 0x8000, format: LZMS, blobs: 3 });
    let built = File { solid, ..File::of(&image, &slices) }.build();
    // The table of the second resource, and what is in it, are damaged.
    let sizes = resource(&built, 1) + HEADER;
    let mut bytes = built.with(sizes, &u32::MAX.to_le_bytes());
    bytes[built.blobs[4].start] ^= 1;
    let wim = Wim::open(bytes).unwrap();
    wim.tree(1, SourceId(0)).unwrap();
    let sink = Contents::default();
    wim.stream(&[0, 1, 2], TWO, &sink).unwrap();
    assert_eq!(sink.0.into_inner().unwrap(), blobs[..3]);
    assert_eq!(stream_error(&wim, TWO).blob(), 3);
}

#[test]
fn of_two_faults_of_a_blob_the_first_is_told_with_any_number_of_threads() {
    let blobs: Vec<Vec<u8>> = (1..4).map(|n| noise(n, 300_000)).collect();
    let slices: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
    let solid = Some(Solid { chunk_size: 0x8000, format: LZMS, blobs: 3 });
    let built = File { solid, ..File::new(&slices) }.build();
    let sizes = resource(&built, 0) + HEADER;
    // Blob 1 is in chunks 9 to 18. Noise that is said to be compressed is no chunk, and it moves what
    // comes after it; a length of nothing is refused by the table's reader, far ahead.
    let mut table = built.with(sizes + 4 * 12, &0u32.to_le_bytes());
    assert!(matches!(
        stream_error(&Wim::open(table.clone()).unwrap(), ONE),
        BlobError::Corrupt { blob: 1, chunk: 12, .. }
    ));
    put(&mut table, sizes + 4 * 10, &0x7ffe_u32.to_le_bytes());
    let wim = Wim::open(table).unwrap();
    for threads in [1, 2, 3, 8, 64] {
        for _ in 0..5 {
            let error = stream_error(&wim, NonZeroUsize::new(threads).unwrap());
            let BlobError::Corrupt { blob: 1, chunk: 10, cause, .. } = error else { panic!("{threads}: {error}") };
            assert!(matches!(cause, ChunkError::Decode(_)), "{cause}");
        }
    }
}
