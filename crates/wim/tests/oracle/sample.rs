//! A file that Microsoft's own tool made, kept beside the checkout.

use std::fs::File;
use std::path::{Path, PathBuf};

use nanovhd_tree::{Filetime, SourceId, Tree};
use nanovhd_wim::{Compression, ImageSelector, Wim};

use crate::{listing, tool};

fn sample() -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = workspace.join("../shared/samples/wim/discutils-TestData.wim");
    if !path.exists() {
        println!("skipped: sample discutils-TestData.wim not found");
        return None;
    }
    Some(path)
}

#[test]
fn a_file_made_by_dism_is_read() {
    let Some(path) = sample() else { return };
    let wim = Wim::open(File::open(path).unwrap()).unwrap();
    assert_eq!((wim.header().compression, wim.header().version), (Compression::None, 0x1_0d00));
    let info = wim.select(&ImageSelector::Index(1)).unwrap();
    assert_eq!((info.name.as_deref(), info.directories, info.files), (Some("1"), Some(3), Some(3)));
    assert_eq!((info.total_bytes, info.hard_link_bytes), (Some(12_444), None));
    assert_eq!(info.created.map(Filetime::unix_seconds), Some(1_604_947_059));
    let (tree, notes) = wim.tree_with_notes(1, SourceId(0)).unwrap();
    assert_eq!(notes, []);
    let paths: Vec<_> = tree.walk().map(|step| step.path()).collect();
    let expected = ["", "\\Foo", "\\Foo\\Bar", "\\Foo\\Bar\\Lorem.txt", "\\Foo\\Lorem.txt", "\\Lorem.txt"];
    assert_eq!(paths, expected.map(|path| format!("\\TestData{path}")));
    assert_eq!(tree.file(Tree::ROOT).metadata.security, None);
    let text = wim.read_blob(0).unwrap();
    assert!(text.starts_with(b"Lorem ipsum") && text.len() == 4148);
}

#[test]
fn wimlib_sees_the_same_in_it() {
    let Some(path) = sample() else { return };
    if tool::is_there() {
        listing::compare(&path, &Wim::open(File::open(&path).unwrap()).unwrap(), 1);
    }
}
