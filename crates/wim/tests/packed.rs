//! The small solid file and the small split set among the test data hold what the plain forms of
//! them hold, and no flipped bit of the solid file goes unnoticed.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;

use nanovhd_tree::{Content, ReadAt, Source, SourceId};
use nanovhd_wim::{Compression, Wim};

fn testdata(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../../testdata/wims", name].iter().collect()
}

fn open(name: &str) -> Wim<File> {
    Wim::open(File::open(testdata(name)).unwrap()).unwrap()
}

type Contents = BTreeMap<(u32, String), Option<Vec<u8>>>;

/// What each path of each image holds.
fn contents<R: ReadAt>(wim: &Wim<R>) -> Result<Contents, Box<dyn std::error::Error>> {
    let mut contents = BTreeMap::new();
    for image in wim.images() {
        for step in wim.tree(image.index, SourceId(0))?.walk() {
            let content = match step.file.content().map(Content::source) {
                Some(Source::Blob(id)) => Some(wim.read_blob(id.index)?),
                _ => None,
            };
            contents.insert((image.index, step.path()), content);
        }
    }
    Ok(contents)
}

#[test]
fn the_solid_file_holds_what_the_plain_one_does() {
    let solid = open("solid.esd");
    let [resource] = solid.solid_resources() else { panic!("{:?}", solid.solid_resources()) };
    assert_eq!((resource.compression, resource.chunk_size), (Compression::Lzms, 64 << 20));
    let contents = contents(&solid).unwrap();
    assert!(contents.len() > 8);
    assert!(contents == self::contents(&open("xpress-4k.wim")).unwrap());
    // What the resource takes is shared out among its blobs.
    assert_eq!(solid.blobs().iter().map(|blob| blob.stored_len).sum::<u64>(), resource.stored_len);
}

#[test]
fn the_split_set_holds_what_the_whole_one_does() {
    let whole = contents(&open("integrity.wim")).unwrap();
    for name in ["split.swm", "split2.swm", "split3.swm"] {
        assert!(Wim::open(File::open(testdata(name)).unwrap()).is_err());
        let file = File::open(testdata(name)).unwrap();
        let set = Wim::open_with_siblings(file, name, |name| File::open(testdata(name))).unwrap();
        assert!(contents(&set).unwrap() == whole, "{name}");
    }
}

#[test]
fn the_solid_file_is_safe_from_flipped_bits() {
    let file = fs::read(testdata("solid.esd")).unwrap();
    let original = contents(&Wim::open(file.clone()).unwrap()).unwrap();
    let mut noticed = 0;
    // Each byte or so, and all bits in turn.
    for (n, at) in (0..file.len()).step_by(37).enumerate() {
        let mut flipped = file.clone();
        flipped[at] ^= 1 << (n % 8);
        match Wim::open(flipped).map_err(Into::into).and_then(|wim| contents(&wim)) {
            Ok(result) => assert!(result == original, "bit {} of byte {at:#x}", n % 8),
            Err(_) => noticed += 1,
        }
    }
    assert!(noticed > 200, "{noticed} were noticed");
}
