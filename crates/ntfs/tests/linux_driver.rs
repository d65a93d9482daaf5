//! Volumes read by the NTFS driver of the Linux kernel, in a virtual machine.
#![expect(clippy::print_stderr, clippy::unwrap_used, reason = "a failure is a failed test")]

mod common;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::PathBuf;
use std::process::Command;

use common::{content_bytes, options, varied, write_volume};
use nanovhd_ntfs::{Volume, VolumeOptions};
use nanovhd_tree::{Attributes, ExtendedAttribute, FileId, Filetime, ReadAt, Tree, WalkEntry, WriteAt};
use sha1::{Digest, Sha1};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/tools/ntfs3_vm.sh");
/// How the script ends if there are complaints, and if its machine is not there.
const COMPLAINTS: i32 = 1;
const NOT_PREPARED: i32 = 77;
/// The driver leaves lone surrogates out of names, and then finds no such file.
const LOST_NAME: &str = "! /Unicode/a: No such file or directory";
/// What the driver says of directories besides their attributes.
const IS_DIRECTORY: u32 = 0x1000_0000;
const IS_REPARSE_POINT: u32 = 0x400;

/// What the listing says of a name. `size` and `links` are those of files alone, and a link's size is
/// of the driver's making.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Facts {
    kind: &'static str,
    size: Option<u64>,
    written: String,
    links: Option<u32>,
    attributes: u32,
    sha1: String,
    security: String,
    extended: String,
    target: Option<String>,
}

/// What the script says of one volume.
struct Listing {
    space: String,
    names: BTreeMap<String, (u64, Facts)>,
    complaints: Vec<String>,
}

fn hex_sha1(bytes: &[u8]) -> String {
    Sha1::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// As the script says it.
fn extended_sha1(attributes: &[ExtendedAttribute]) -> String {
    let mut sorted: Vec<_> = attributes.iter().collect();
    sorted.sort_by_key(|a| &a.name);
    let parts =
        sorted.iter().flat_map(|a| [&a.name[..], format!("={}:", a.value.len()).as_bytes(), &a.value].concat());
    if attributes.is_empty() { "-".into() } else { hex_sha1(&parts.collect::<Vec<_>>()) }
}

fn parse_name(line: &str) -> (String, (u64, Facts)) {
    let fields: Vec<&str> = line.split('\t').collect();
    let kind = ["d", "f", "l"].into_iter().find(|kind| *kind == fields[0]).unwrap_or_else(|| panic!("{line}"));
    let facts = Facts {
        kind,
        size: (kind == "f").then(|| fields[1].parse().unwrap()),
        written: fields[2].to_owned(),
        links: (kind != "d").then(|| fields[3].parse().unwrap()),
        attributes: u32::from_str_radix(fields[5], 16).unwrap(),
        sha1: fields[6].to_owned(),
        security: fields[7].to_owned(),
        extended: fields[8].to_owned(),
        target: fields.get(10).map(|&target| target.to_owned()),
    };
    (fields[9].to_owned(), (fields[4].parse().unwrap(), facts))
}

fn parse(output: &str) -> Vec<Listing> {
    let mut listings: Vec<Listing> = Vec::new();
    for line in output.lines() {
        if line.starts_with("# ") && !line.starts_with("# cluster ") {
            listings.push(Listing { space: String::new(), names: BTreeMap::new(), complaints: Vec::new() });
            continue;
        }
        let listing = listings.last_mut().unwrap();
        match line.split_at(2) {
            ("# ", space) => space.clone_into(&mut listing.space),
            ("! ", _) => listing.complaints.push(line.to_owned()),
            _ => {
                let (path, facts) = parse_name(line);
                assert!(listing.names.insert(path, facts).is_none(), "twice: {line}");
            }
        }
    }
    listings
}

/// Seconds since 1970, with nine decimals.
fn unix(time: Filetime) -> String {
    let nanoseconds = time.0 % 10_000_000 * 100;
    format!("{}.{nanoseconds:09}", time.unix_seconds())
}

/// What a file should look like, under whichever name.
fn facts(tree: &Tree, id: FileId) -> Facts {
    let file = tree.file(id);
    let meta = &file.metadata;
    let target = meta.reparse.as_ref().map(|reparse| {
        let data = content_bytes(&reparse.data);
        let len = usize::from(u16::from_le_bytes([data[2], data[3]]));
        let units: Vec<u16> = data[12..12 + len].chunks(2).map(|b| u16::from_le_bytes([b[0], b[1]])).collect();
        String::from_utf16(&units).unwrap().replace('\\', "/")
    });
    let content = file.content().filter(|_| target.is_none()).map(content_bytes);
    let flags = u32::from(target.is_some()) * IS_REPARSE_POINT + u32::from(file.is_directory()) * IS_DIRECTORY;
    Facts {
        kind: match &content {
            _ if target.is_some() => "l",
            Some(_) => "f",
            None => "d",
        },
        size: content.as_ref().map(|bytes| bytes.len() as u64),
        written: unix(meta.times.written),
        links: file.content().map(|_| file.names()),
        attributes: meta.attributes.0 | flags,
        sha1: content.map_or("-".into(), |bytes| hex_sha1(&bytes)),
        security: hex_sha1(tree.descriptor(meta.security.unwrap())),
        extended: extended_sha1(&meta.extended_attributes),
        target,
    }
}

/// Every name of the tree that UTF-8 can say, with what it names.
fn expected(tree: &Tree) -> BTreeMap<String, (FileId, Facts)> {
    let sayable = |step: &WalkEntry<'_>| String::from_utf16(step.name.units()).is_ok();
    let mut names: BTreeMap<_, _> = tree
        .walk()
        .filter(sayable)
        .map(|step| (step.path().replace('\\', "/"), (step.entry.file, facts(tree, step.entry.file))))
        .collect();
    names.insert("/".into(), (Tree::ROOT, facts(tree, Tree::ROOT)));
    names
}

fn compare(tree: &Tree, expected: &BTreeMap<String, (FileId, Facts)>, found: &Listing, options: &VolumeOptions) {
    let at = format!("clusters of {}, sectors of {}", options.cluster_size, options.sector_size);
    assert_eq!(found.complaints, [LOST_NAME], "{at}");
    let summary = Volume::lay_out(tree, options).unwrap().summary();
    let (cluster, clusters, free) =
        (summary.cluster_size, summary.clusters, summary.clusters - summary.used_clusters);
    assert_eq!(found.space, format!("cluster {cluster}, clusters {clusters}, free {free}"), "{at}");
    assert!(found.names.keys().eq(expected.keys()), "{at}: names differ");
    let (mut record_of, mut file_of) = (HashMap::new(), HashMap::new());
    for (path, (record, facts)) in &found.names {
        let (id, expected) = &expected[path];
        // With large clusters nothing is compressed.
        let lost = if options.cluster_size > 4096 { Attributes::COMPRESSED.0 } else { 0 };
        assert_eq!(facts.attributes, expected.attributes & !lost, "{at}: {path}");
        assert_eq!(*facts, Facts { attributes: facts.attributes, ..expected.clone() }, "{at}: {path}");
        // Names of one file, and only those, lead to one record.
        assert_eq!(record_of.entry(*id).or_insert(*record), record, "{at}: {path}");
        assert_eq!(file_of.entry(*record).or_insert(*id), id, "{at}: {path}");
    }
}

/// A small volume whose root says that it has seven names.
fn write_faulty_volume(out: &File) {
    let options = options(16 << 20);
    write_volume(&Tree::new(), &options, out);
    let mut lcn = [0; 8];
    out.read_exact_at(&mut lcn, 0x30).unwrap();
    let root = u64::from_le_bytes(lcn) * u64::from(options.cluster_size) + 5 * 1024;
    out.write_all_at(&7u16.to_le_bytes(), root + 0x12).unwrap();
}

/// What the script says of the images, or nothing if it can't be run.
fn judge(images: &[(u32, PathBuf)]) -> Option<Vec<Listing>> {
    let mut script = Command::new("bash");
    script.arg(SCRIPT);
    for (sector_size, path) in images {
        script.args(["--sector-size", &sector_size.to_string()]).arg(path);
    }
    let output = script.output().ok().filter(|o| o.status.code() != Some(NOT_PREPARED));
    let Some(output) = output else {
        assert!(
            std::env::var_os("NANOVHD_REQUIRE_TOOLS").is_none_or(|v| v != "1"),
            "ntfs3_vm.sh is required but its machine is not prepared"
        );
        eprintln!("skipped: ntfs3_vm.sh --prepare was not run");
        return None;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    // One of the volumes has a fault.
    assert_eq!(output.status.code(), Some(COMPLAINTS), "{said}");
    let listings = parse(&String::from_utf8(output.stdout).unwrap());
    assert_eq!(listings.len(), images.len(), "{said}");
    Some(listings)
}

#[test]
fn the_driver_of_linux_reads_every_file_at_every_cluster_size() {
    let tree = varied(50).tree;
    let folder = tempfile::tempdir().unwrap();
    let mut images = Vec::new();
    let mut create = |name: &str, sector_size| {
        let path = folder.path().join(name);
        images.push((sector_size, path.clone()));
        File::options().read(true).write(true).create_new(true).open(path).unwrap()
    };
    let sizes = [(512, 512), (4096, 512), (65536, 512), (4096, 4096)];
    let volumes =
        sizes.map(|(cluster_size, sector_size)| VolumeOptions { cluster_size, sector_size, ..options(128 << 20) });
    for options in &volumes {
        let file = create(&format!("{}-{}.img", options.cluster_size, options.sector_size), options.sector_size);
        write_volume(&tree, options, &file);
    }
    write_faulty_volume(&create("faulty.img", 512));
    let Some(listings) = judge(&images) else { return };
    let expected = expected(&tree);
    for (options, found) in volumes.iter().zip(&listings) {
        compare(&tree, &expected, found, options);
    }
    // Silence means something: the driver sees a wrong count.
    let complaints = &listings[volumes.len()].complaints;
    assert!(complaints.iter().any(|c| c.ends_with("ino=5, Correct links count -> 1.")), "{complaints:?}");
}
