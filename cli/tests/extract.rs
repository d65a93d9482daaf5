//! `nanovhd extract`: what comes out is what is in, and nothing lands elsewhere.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use common::{build, fail, good, names, nanovhd, run, testdata};
use nanovhd::Media;
use nanovhd_tree::{Content, Source};
use serde_json::Value;

fn image() -> String {
    format!("{}:2", testdata("media").display())
}

/// Every path below a folder: the bytes of files, nothing for folders.
fn all(folder: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(at) = waiting.pop() {
        for entry in fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            let kind = fs::symlink_metadata(&path).unwrap();
            assert!(!kind.is_symlink(), "{path:?}");
            let name = path.strip_prefix(folder).unwrap().to_owned();
            if kind.is_dir() {
                waiting.push(path);
                found.insert(name, None);
            } else {
                found.insert(name, Some(fs::read(path).unwrap()));
            }
        }
    }
    found
}

fn extract(source: &str, paths: &[&str], output: &Path, options: &[&str]) -> common::Ran {
    run(nanovhd().arg("extract").arg(source).args(paths).arg("-o").arg(output).args(options))
}

#[test]
fn files_come_out_with_their_bytes_times_and_links() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("new/out");
    let ran = extract(&image(), &[], &output, &[]);
    // The image has names with lone surrogates and of more than 255 bytes.
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let media = Media::open(testdata("media")).unwrap();
    let tree = media.tree(2).unwrap();
    let (mut compared, mut inodes) = (0, BTreeMap::new());
    for step in tree.walk() {
        let path = output.join(step.path().replace('\\', "/").trim_start_matches('/'));
        let Ok(found) = fs::symlink_metadata(&path) else { continue };
        assert_eq!(found.is_dir(), step.file.is_directory(), "{path:?}");
        let written = i128::from(step.file.metadata.times.written.0) - 116_444_736_000_000_000;
        if (0..150_000_000_000_000_000).contains(&written) {
            let expected = SystemTime::UNIX_EPOCH + Duration::from_nanos(u64::try_from(written).unwrap() * 100);
            assert_eq!(found.modified().unwrap(), expected, "{path:?}");
        }
        if let Some(content) = step.file.content() {
            let bytes = match content.source() {
                Source::Blob(id) if !content.is_empty() => media.wim().read_blob(id.index).unwrap(),
                _ => Vec::new(),
            };
            assert!(fs::read(&path).unwrap() == bytes, "{path:?}");
            let inode = *inodes.entry(step.entry.file).or_insert(found.ino());
            assert_eq!((found.ino(), found.nlink()), (inode, u64::from(step.file.names())), "{path:?}");
        }
        compared += 1;
    }
    assert_eq!(compared, all(&output).len());
    assert!(compared > 1250, "{compared}");
    for line in [
        "left out: 3 names that this machine can't have, first \\Users\\Public\\Documents\\names\\",
        "left out: 11 links or junctions, first \\Documents and Settings\n",
        "left out: 48 named streams, first ",
    ] {
        assert!(ran.out.contains(line), "{line}: {ran:?}");
    }
    assert!(
        ran.err.ends_with("can't have, first \\Users\\Public\\Documents\\names\\lone high \u{fffd}.txt\n"),
        "{ran:?}"
    );
}

#[test]
fn every_disk_gives_what_the_image_gives() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    extract(&image(), &[], &at("wim"), &["--streams"]);
    let expected = all(&at("wim"));
    assert!(expected.len() > 1300, "{}", expected.len());
    for (name, options) in [
        ("a.vhdx", &[][..]),
        ("b.vhdx", &["--fixed", "--size", "64MiB", "--firmware", "bios"]),
        ("c.vhd", &["--cluster-size", "512"]),
        ("d.vhd", &["--fixed", "--size", "64MiB"]),
        ("e.img", &["--sector-size", "4096", "--size", "400MiB"]),
    ] {
        good(build(&at(name)).args(options).arg("-q"));
        let ran = extract(at(name).to_str().unwrap(), &[], &at("out"), &["--streams", "--threads", "3"]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        // What a BIOS looks for is there besides; the root has nothing else that is called so.
        let mut found = all(&at("out"));
        found.retain(|path, _| !["bootmgr", "BOOTNXT", "Boot"].iter().any(|name| path.starts_with(name)));
        assert!(found == expected, "{name}");
        fs::remove_dir_all(at("out")).unwrap();
    }
}

#[test]
fn parts_keep_their_paths() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out");
    let ran =
        extract(&image(), &["windows/SYSTEM32/wpeutil.exe", r"\Windows\Boot\EFI", "Windows/Boot"], &output, &["-q"]);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (Some(0), "", ""));
    assert_eq!(names(&output.join("Windows")), ["Boot", "System32"]);
    assert_eq!(names(&output.join("Windows/System32")), ["wpeutil.exe"]);
    assert!(output.join("Windows/Boot/EFI").is_dir());
    let error = fail(1, ["extract", &image(), "Windows/nope", "-o", folder.path().join("none").to_str().unwrap()]);
    assert!(error.contains("image 2 has no `Windows/nope`") && error.contains("\nhint: "), "{error}");
    assert_eq!(names(folder.path()), ["out"]);
}

#[test]
fn streams_lie_beside_their_files() {
    let folder = tempfile::tempdir().unwrap();
    let ran = extract(&image(), &["ProgramData/nanovhd/streams"], folder.path(), &["--streams", "--json"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    // The stream with a name of 255 units beyond ASCII has no place here.
    let left: Vec<_> = report["left_out"].as_array().unwrap().iter().map(|l| l["kind"].as_str().unwrap()).collect();
    assert!(left.iter().all(|kind| *kind == "name"), "{report}");
    let streams = names(&folder.path().join("ProgramData/nanovhd/streams"));
    assert!(streams.contains(&"forty.txt:stream-00".to_owned()), "{streams:?}");
    let members = ["bytes", "copies", "files", "folder", "folders", "hard_links", "left_out", "schema", "seconds"]
        .map(str::to_owned);
    assert_eq!(report.as_object().unwrap().keys().cloned().collect::<Vec<_>>(), members);
}

#[test]
fn what_is_there_is_replaced_only_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("Windows/System32/wpeutil.exe");
    let take = |options: &[&str]| extract(&image(), &["Windows/System32/wpeutil.exe"], folder.path(), options);
    assert_eq!(take(&[]).code, Some(0));
    let good = fs::read(&file).unwrap();
    fs::write(&file, b"mine").unwrap();
    let ran = take(&[]);
    let expected = format!(
        "error: `{}` exists already\nhint: give --force to replace files, or another folder\n",
        file.display()
    );
    assert_eq!((ran.code, ran.err), (Some(1), expected));
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    assert_eq!(take(&["--force"]).code, Some(0));
    assert!(fs::read(&file).unwrap() == good);
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert!(take(&["--force"]).err.contains("is a folder, where a file is to be"));
}

#[test]
fn links_that_lie_in_wait_lead_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let (output, outside) = (folder.path().join("out"), folder.path().join("outside"));
    fs::create_dir(&output).unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("target"), b"mine").unwrap();
    // A folder that is a link is refused.
    symlink(&outside, output.join("Windows")).unwrap();
    let paths = ["Windows/System32/wpeutil.exe"];
    let ran = extract(&image(), &paths, &output, &["--force"]);
    assert!(ran.code == Some(1) && ran.err.contains("is a symbolic link, where a folder is to be"), "{ran:?}");
    // A file that is a link is replaced, and what it leads to is not.
    fs::remove_file(output.join("Windows")).unwrap();
    fs::create_dir_all(output.join("Windows/System32")).unwrap();
    symlink(outside.join("target"), output.join(paths[0])).unwrap();
    assert_eq!(extract(&image(), &paths, &output, &[]).code, Some(1));
    assert_eq!(extract(&image(), &paths, &output, &["--force"]).code, Some(0));
    assert!(fs::symlink_metadata(output.join(paths[0])).unwrap().is_file());
    assert_eq!(names(&outside), ["target"]);
    assert_eq!(fs::read(outside.join("target")).unwrap(), b"mine");
    // The folder that the user names may be one.
    symlink(&outside, folder.path().join("link")).unwrap();
    assert_eq!(extract(&image(), &paths, &folder.path().join("link"), &[]).code, Some(0));
    assert!(outside.join(paths[0]).is_file());
}

#[test]
fn damaged_contents_are_named_and_not_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let wim = testdata("wims/refused/wrong-hash.wim");
    let ran = extract(wim.to_str().unwrap(), &[], folder.path(), &[]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.err.contains("error: can't unpack \\folder\\") && ran.err.contains("SHA-1"), "{ran:?}");
    assert!(all(folder.path()).keys().all(|path| !path.to_string_lossy().contains("partial")));
    for name in ["cycle", "parent-name", "slash-name", "no-blob"] {
        let wim = testdata(&format!("wims/refused/{name}.wim"));
        let ran = extract(wim.to_str().unwrap(), &[], &folder.path().join("none"), &[]);
        assert_eq!(ran.code, Some(3), "{ran:?}");
    }
    assert!(!folder.path().join("none").exists());
}

#[test]
fn a_folder_that_cannot_be_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    let ran = extract(&image(), &[], &file, &["--force"]);
    assert!(ran.code == Some(1) && ran.err.contains("is no folder, where a folder is to be"), "{ran:?}");
    assert_eq!(extract(&image(), &[], &file.join("below"), &[]).code, Some(1));
    assert_eq!(run(nanovhd().arg("extract").arg(image())).code, Some(2));
}

#[test]
fn equal_contents_are_files_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let media = Media::open(testdata("media")).unwrap();
    let tree = media.tree(2).unwrap();
    let equal = "ProgramData/nanovhd/equal";
    assert_eq!(extract(&image(), &[equal], folder.path(), &["-q"]).code, Some(0));
    let below = tree.file(tree.lookup(equal).unwrap()).directory().unwrap();
    let blobs: Vec<_> = below.values().map(|entry| tree.file(entry.file).content().map(Content::source)).collect();
    assert!(blobs.len() == 3 && blobs.iter().all(|blob| *blob == blobs[0]));
    let inodes = names(&folder.path().join(equal));
    let inodes = inodes.iter().map(|name| fs::metadata(folder.path().join(equal).join(name)).unwrap().ino());
    assert_eq!(inodes.collect::<std::collections::BTreeSet<_>>().len(), 3);
}
