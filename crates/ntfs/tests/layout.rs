//! What a plan promises, and what it refuses.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod common;

use common::{Builder, content_bytes, options, varied, write_volume};
use nanovhd_ntfs::{LayoutError, LossKind, Target, Volume, VolumeOptions, WriteError};
use nanovhd_tree::{Attributes, Content, ExtendedAttribute, Metadata, Name, ObjectId, Tree};
use proptest::prelude::*;

fn refusal(tree: &Tree, options: &VolumeOptions) -> LayoutError {
    Volume::lay_out(tree, options).unwrap_err()
}

#[test]
fn the_least_size_is_enough_and_no_less() {
    let tree = varied(100).tree;
    for cluster_size in [512, 4096, 65536] {
        let options = VolumeOptions { cluster_size, ..options(0) };
        let least = Volume::minimum_size(&tree, &options).unwrap();
        Volume::lay_out(&tree, &VolumeOptions { size: least, ..options.clone() }).unwrap();
        let less = least - u64::from(cluster_size);
        let error = refusal(&tree, &VolumeOptions { size: less, ..options.clone() });
        assert_eq!(error, LayoutError::TooSmall { needed: least, size: less });
        assert_eq!(refusal(&tree, &options), LayoutError::TooSmall { needed: least, size: 0 });
    }
}

#[test]
fn impossible_trees_are_refused_with_their_paths() {
    let size = 64 << 20;
    let refused = |change: &dyn Fn(&mut Builder)| {
        let mut builder = Builder::new();
        change(&mut builder);
        refusal(&builder.tree, &options(size)).to_string()
    };
    let reserved = refused(&|b| {
        b.file(Tree::ROOT, "$mftmirr", 1);
    });
    assert!(reserved.contains("\"$mftmirr\""), "{reserved}");
    let encrypted = refused(&|b| {
        let folder = b.dir(Tree::ROOT, "Users");
        let file = b.file(folder, "secret.txt", 1);
        b.tree.metadata_mut(file).attributes = Attributes::ENCRYPTED;
    });
    assert!(encrypted.starts_with("\\Users\\secret.txt is encrypted"), "{encrypted}");
    let twice = refused(&|b| {
        let file = b.file(Tree::ROOT, "a.txt", 1);
        b.stream(file, "Zone", 1);
        b.stream(file, "zone", 1);
    });
    assert!(twice.starts_with("\\a.txt has two streams"), "{twice}");
    let object_ids = refused(&|b| {
        for name in ["one", "two"] {
            let file = b.file(Tree::ROOT, name, 1);
            b.tree.metadata_mut(file).object_id = Some(ObjectId { object: [9; 16], birth: None });
        }
    });
    assert_eq!(object_ids, "\\one and \\two have the same object id");
    for length in [(1 << 44) - 4095, u64::MAX] {
        let long = refused(&|b| {
            b.file(Tree::ROOT, "absurd", length);
        });
        assert_eq!(
            long,
            format!("\\absurd has a stream of {length} bytes; the most with these clusters is 17592186040320")
        );
    }
    let reparse = refused(&|b| {
        let file = b.file(Tree::ROOT, "link", 0);
        b.reparse(file, 0xa000_000c, vec![0; 0x4000]);
    });
    assert!(reparse.contains("16392 bytes; the most is 16384"), "{reparse}");
    let extended = |name: &str, len: usize| ExtendedAttribute { flags: 0, name: name.into(), value: vec![1; len] };
    let too_long = refused(&|b| {
        let file = b.file(Tree::ROOT, "attributes", 0);
        // Each takes 8 bytes, the name, a null and padding besides its value.
        b.tree.metadata_mut(file).extended_attributes = vec![extended("A", 65_000), extended("B", 512)];
    });
    assert_eq!(too_long, "the extended attributes of \\attributes have 65536 bytes; the most is 65531");
    let nameless = refused(&|b| {
        let file = b.file(Tree::ROOT, "attributes", 0);
        b.tree.metadata_mut(file).extended_attributes = vec![extended("", 1)];
    });
    assert!(nameless.starts_with("\\attributes has an extended attribute \"\""), "{nameless}");
    let links = refused(&|b| {
        let file = b.file(Tree::ROOT, "first", 1);
        for i in 0..9_000 {
            b.tree.link(Tree::ROOT, format!("link {i}").as_str().into(), file).unwrap();
        }
    });
    assert!(links.starts_with("\\first has so many names"), "{links}");
}

#[test]
fn impossible_options_are_refused() {
    let tree = Tree::new();
    let label = Name::from("x".repeat(33).as_str());
    let error = refusal(&tree, &VolumeOptions { label: label.clone(), ..options(64 << 20) });
    assert_eq!(error, LayoutError::LabelTooLong { label, units: 33 });
    let hidden_sectors = 1 << 32;
    let error = refusal(&tree, &VolumeOptions { hidden_sectors, ..options(64 << 20) });
    assert_eq!(error, LayoutError::HiddenSectors(hidden_sectors));
}

#[test]
fn what_ntfs_cannot_keep_is_reported() {
    let mut tree = Tree::new();
    let mut add = |name: &str, attributes| {
        let metadata = Metadata { attributes, ..Metadata::default() };
        tree.add_file(Tree::ROOT, name.into(), metadata, Content::empty()).unwrap();
    };
    add("a", Attributes::COMPRESSED);
    add("b", Attributes::COMPRESSED.with(Attributes::SPARSE_FILE));
    add("c", Attributes::INTEGRITY_STREAM.with(Attributes::OFFLINE));
    add("d", Attributes::VIRTUAL.with(Attributes::DEVICE));
    let losses = |cluster_size| {
        let volume = Volume::lay_out(&tree, &VolumeOptions { cluster_size, ..options(64 << 20) }).unwrap();
        volume.losses().iter().map(|l| (l.kind, l.files, l.example.clone())).collect::<Vec<_>>()
    };
    let kept_with_small_clusters = [
        (LossKind::RefsAttribute, 1, "\\c".to_owned()),
        (LossKind::SystemAttribute, 1, "\\d".to_owned()),
        (LossKind::NoDescriptor, 5, "\\".to_owned()),
    ];
    assert_eq!(losses(4096), kept_with_small_clusters);
    assert_eq!(losses(8192)[0], (LossKind::Compressed, 2, "\\a".to_owned()));
    assert_eq!(losses(8192)[1..], kept_with_small_clusters);
}

#[test]
fn contents_that_do_not_come_are_an_error() {
    let mut builder = Builder::new();
    builder.file(Tree::ROOT, "small", 10);
    let volume = Volume::lay_out(&builder.tree, &options(64 << 20)).unwrap();
    let out = tempfile::tempfile().unwrap();
    assert!(matches!(volume.write_metadata(&|_| None, &out), Err(WriteError::Missing(0))));
    let short = |_| Some([1u8, 2, 3].into());
    let error = volume.write_metadata(&short, &out).unwrap_err();
    assert!(matches!(error, WriteError::Length { placement: 0, expected: 10, found: 3 }), "{error}");
}

#[test]
fn the_same_tree_gives_the_same_bytes() {
    let bytes = || {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("volume");
        let file = std::fs::File::create_new(&path).unwrap();
        write_volume(&varied(30).tree, &options(64 << 20), &file);
        std::fs::read(&path).unwrap()
    };
    assert!(bytes() == bytes());
}

/// Checks what every plan promises about places: contents lie apart from each other, inside the
/// extents, in the order of their sources.
fn check_plan(tree: &Tree, options: &VolumeOptions) {
    let volume = Volume::lay_out(tree, options).unwrap();
    let extents = volume.extents();
    assert!(extents.windows(2).all(|w| w[0].end <= w[1].start), "{extents:?}");
    assert!(extents.iter().all(|e| e.end <= options.size));
    let mut end = 0;
    for placement in volume.placements() {
        let Target::Extent { offset } = placement.target else { continue };
        let last = offset + placement.content.len();
        assert!(offset >= end, "contents overlap or go back");
        assert!(extents.iter().any(|e| e.start <= offset && last <= e.end), "outside of the extents");
        end = last;
    }
}

#[test]
fn streams_of_terabytes_are_laid_out() {
    for (cluster_size, bits) in [(4096, 0), (4096, 0xa00), (512, 0x200), (65536, 0)] {
        let mut builder = Builder::new();
        // As many clusters of 512 bytes as Windows counts make two terabytes.
        let len = if cluster_size == 512 { 2_000 << 30 } else { 5 << 40 };
        let file = builder.file(Tree::ROOT, "large", len);
        builder.tree.metadata_mut(file).attributes = Attributes(bits);
        builder.stream(file, "over 4 GiB", (1 << 32) + 1);
        let options = VolumeOptions { cluster_size, ..options(0) };
        let size = Volume::minimum_size(&builder.tree, &options).unwrap();
        assert!(size > len + (1 << 32) && size < len + len / 100, "{size}");
        check_plan(&builder.tree, &VolumeOptions { size, ..options });
    }
}

/// Windows makes at most 1,024 names of a file but reads as many as an attribute list can name.
#[test]
fn a_file_has_as_many_names_as_its_list_can_hold() {
    let with_names = |count: u32| {
        let mut builder = Builder::new();
        let file = builder.file(Tree::ROOT, "name 1", 1);
        for i in 2..=count {
            builder.tree.link(Tree::ROOT, format!("name {i}").as_str().into(), file).unwrap();
        }
        let least = Volume::minimum_size(&builder.tree, &options(0));
        (builder.tree, least)
    };
    // The list has room for 8,192 entries of 32 bytes; standard information and data take one each.
    let (tree, least) = with_names(8_190);
    check_plan(&tree, &options(least.unwrap()));
    let error = with_names(8_191).1.unwrap_err();
    assert!(matches!(error, LayoutError::AttributeListTooLong { length: 262_176, most: 262_144, .. }), "{error}");
}

#[test]
fn a_large_volume_has_few_extents() {
    let tree = varied(30).tree;
    let size = 4 << 40;
    check_plan(&tree, &options(size));
    let volume = Volume::lay_out(&tree, &options(size)).unwrap();
    let bytes: u64 = volume.extents().iter().map(|e| e.end - e.start).sum();
    assert!(bytes < 100 << 20, "the bitmap of 128 MiB is not among them: {bytes}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Random trees keep the promises, whatever the sizes of names, streams and link groups.
    #[test]
    fn random_trees_are_laid_out(
        files in prop::collection::vec((0usize..20, 1usize..255, 0u64..20_000, 0usize..5, 0usize..30), 1..60),
        cluster in prop::sample::select(vec![512u32, 4096, 65536]),
    ) {
        let mut builder = Builder::new();
        let mut folders = vec![Tree::ROOT];
        for (i, (folder, name, len, links, streams)) in files.into_iter().enumerate() {
            let parent = folders[folder % folders.len()];
            let name = |kind: &str, n: usize| {
                let mut text = format!("{kind}{i}-{n}-");
                text.extend(std::iter::repeat_n('n', name.saturating_sub(text.len())));
                text
            };
            folders.push(builder.dir(parent, name("folder", 0).as_str()));
            let file = builder.file(parent, name("file", 0).as_str(), len);
            for n in 0..links {
                builder.tree.link(Tree::ROOT, name("link", n).as_str().into(), file).unwrap();
            }
            for n in 0..streams {
                builder.stream(file, name("stream", n).as_str(), len / (n as u64 + 1));
            }
        }
        check_plan(&builder.tree, &VolumeOptions { cluster_size: cluster, ..options(512 << 20) });
        let out = tempfile::tempfile().unwrap();
        write_volume(&builder.tree, &VolumeOptions { cluster_size: cluster, ..options(512 << 20) }, &out);
    }
}

/// Every byte of memory contents that need clusters arrives too.
#[test]
fn contents_in_memory_are_not_asked_for() {
    let mut builder = Builder::new();
    let content = Content::bytes(vec![0x42; 100_000]);
    assert_eq!(content_bytes(&content).len(), 100_000);
    builder.file_of(Tree::ROOT, "memory", content);
    let volume = Volume::lay_out(&builder.tree, &options(64 << 20)).unwrap();
    assert!(volume.placements().is_empty());
}
