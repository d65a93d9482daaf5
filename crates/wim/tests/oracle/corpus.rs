//! Reads large WIMs that are made on the machine and kept outside of the repository: set
//! `NANOVHD_CORPUS` to the folder that holds them.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use nanovhd_tree::{Attributes, Content, SourceId, Tree};
use nanovhd_wim::{BlobSink, Wim};

use crate::listing;
use crate::tool::{self, wimlib};

/// Counts what comes.
#[derive(Default)]
struct Count {
    bytes: AtomicU64,
    blobs: AtomicU64,
}

impl BlobSink for Count {
    fn write(&self, _: u32, _: u64, bytes: &[u8]) -> io::Result<()> {
        self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn finish(&self, _: u32) -> io::Result<()> {
        self.blobs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// `Name: value` lines of `wimlib-imagex info`.
fn wimlib_info(path: &Path) -> HashMap<String, String> {
    let text = wimlib(&["info".as_ref(), path.as_os_str()]);
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
}

/// Directories and other names as wimlib counts them: the root counts, but junctions and links to
/// directories are no directories.
fn counts(tree: &Tree) -> (u64, u64) {
    let (mut directories, mut others) = (1, 0);
    for step in tree.walk() {
        let reparse = step.file.metadata.attributes.contains(Attributes::REPARSE_POINT);
        if step.file.is_directory() && !reparse { directories += 1 } else { others += 1 }
    }
    (directories, others)
}

/// All stream lengths: once for each name, and how much of that is for names after the first.
fn lengths(tree: &Tree) -> (u64, u64) {
    let (mut total, mut again) = (0, 0);
    let mut seen = vec![false; tree.file_count()];
    for step in tree.walk() {
        let metadata = &step.file.metadata;
        let len = step.file.content().map_or(0, Content::len)
            + metadata.streams.iter().map(|stream| stream.content.len()).sum::<u64>()
            + metadata.reparse.as_ref().map_or(0, |reparse| reparse.data.len());
        total += len;
        if std::mem::replace(&mut seen[step.entry.file.index()], true) {
            again += len;
        }
    }
    (total, again)
}

fn read_completely(name: &str) {
    let Some(folder) = std::env::var_os("NANOVHD_CORPUS") else {
        println!("skipped: NANOVHD_CORPUS is not set");
        return;
    };
    let path = Path::new(&folder).join(name);
    let Ok(file) = File::open(&path) else {
        println!("skipped: {} not found", path.display());
        return;
    };
    let wim = Wim::open(file).unwrap();
    let started = Instant::now();
    let (tree, notes) = wim.tree_with_notes(1, SourceId(0)).unwrap();
    println!("{name}: tree of {} files in {:?}, notes {notes:?}", tree.file_count(), started.elapsed());
    if tool::is_there() {
        let info = wimlib_info(&path);
        let number = |key: &str| info[key].parse::<u64>().unwrap();
        assert_eq!(counts(&tree), (number("Directory Count"), number("File Count")));
        assert_eq!(lengths(&tree), (number("Total Bytes"), number("Hard Link Bytes")));
        listing::compare(&path, &wim, 1);
    }
    let all: Vec<u32> = (0..).take(wim.blobs().len()).collect();
    let expected: u64 = wim.blobs().iter().map(|blob| blob.len).sum();
    for threads in [1, 2, 3] {
        let sink = Count::default();
        let started = Instant::now();
        wim.stream(&all, NonZeroUsize::new(threads).unwrap(), &sink).unwrap();
        let seconds = started.elapsed().as_secs_f64();
        println!("{name}: {expected} bytes on {threads} threads, {:.0} MB/s", expected as f64 / 1e6 / seconds);
        assert_eq!(sink.bytes.into_inner(), expected);
        assert_eq!(sink.blobs.into_inner(), all.len() as u64);
    }
}

#[test]
fn nano_lzx_is_read_completely() {
    read_completely("nano-lzx.wim");
}

#[test]
fn nano_xpress_is_read_completely() {
    read_completely("nano-xpress.wim");
}

#[test]
fn nano_solid_holds_the_same_as_nano_lzx() {
    read_completely("nano-lzms-solid.esd");
    let Some(folder) = std::env::var_os("NANOVHD_CORPUS") else { return };
    let open = |name: &str| File::open(Path::new(&folder).join(name)).ok().map(|file| Wim::open(file).unwrap());
    let (Some(solid), Some(lzx)) = (open("nano-lzms-solid.esd"), open("nano-lzx.wim")) else { return };
    let digests = |wim: &Wim<File>| {
        let mut digests: Vec<_> = wim.blobs().iter().map(|blob| (blob.sha1, blob.len, blob.references)).collect();
        digests.sort_unstable();
        digests
    };
    assert!(digests(&solid) == digests(&lzx));
    let listing = |wim: &Wim<File>| listing::of_tree(wim, &wim.tree(1, SourceId(0)).unwrap());
    assert!(listing(&solid) == listing(&lzx));
}
