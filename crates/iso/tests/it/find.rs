//! Looking paths up.

use std::sync::Arc;

use nanovhd_iso::{FileKind, Iso, IsoError, Kind};
use nanovhd_tree::ReadAt;

use crate::support::{content, testdata};

fn torture() -> Iso<Vec<u8>> {
    Iso::open(std::fs::read(testdata("iso/torture.img")).unwrap()).unwrap()
}

#[test]
fn paths_are_found_as_windows_finds_them() {
    let iso = torture();
    let text = |path: &str| {
        let entry = iso.find(path).unwrap()?;
        Some(content(&iso.file(&entry).unwrap()))
    };
    for path in ["NanoServer/NanoServer.wim", "nanoserver\\NANOSERVER.WIM", "/NanoServer//./nanoserver.wim/"] {
        assert!(text(path).unwrap().starts_with(b"wim: line 0\n"), "{path}");
    }
    // The same to the letter wins.
    assert_eq!(text("Case"), Some(b"upper".to_vec()));
    assert_eq!(text("case"), Some(b"lower".to_vec()));
    assert_eq!(text("CASE"), Some(b"upper".to_vec()));
    assert_eq!(text("É"), Some(b"Latin-1".to_vec()));
    assert_eq!(text("日本語 😀"), Some(b"surrogate pair".to_vec()));
    for path in ["nothing", "embedded/x", "NanoServer/../embedded", "..", "deleted", "NanoServer/NanoServer.wi"] {
        assert!(iso.find(path).unwrap().is_none(), "{path}");
    }
    for path in ["", "/", ".", "\\"] {
        assert!(iso.find(path).unwrap().unwrap().name().is_empty());
    }
}

#[test]
fn what_is_no_file_is_refused() {
    let iso = torture();
    let entry = |path| iso.find(path).unwrap().unwrap();
    assert!(matches!(iso.file(&entry("NanoServer")), Err(IsoError::NotAFile(_))));
    assert!(matches!(iso.read_dir(&entry("embedded")), Err(IsoError::NotADirectory(_))));
    assert!(matches!(iso.file(&entry("link")), Err(IsoError::NotAFile(_))));
    assert_eq!(iso.stat(&entry("link")).unwrap().kind, FileKind::SymbolicLink);
    let other = Iso::open(std::fs::read(testdata("iso/joliet-rock-ridge.iso")).unwrap()).unwrap();
    let error = other.file(&entry("embedded")).unwrap_err();
    assert_eq!(error.to_string(), "\"embedded\" is an entry of another image");
    assert!(matches!(other.read_dir(&iso.root()), Err(IsoError::Foreign(_))));
}

#[test]
fn links_of_rock_ridge_are_no_files() {
    let image = std::fs::read(testdata("iso/joliet-rock-ridge.iso")).unwrap();
    let iso = Iso::open_as(image, Kind::RockRidge).unwrap();
    let link = iso.find("link").unwrap().unwrap();
    assert_eq!(iso.stat(&link).unwrap().kind, FileKind::SymbolicLink);
    assert!(matches!(iso.file(&link), Err(IsoError::NotAFile(_))));
}

#[test]
fn threads_share_a_file_that_outlives_its_image() {
    let file = {
        let iso = torture();
        let entry = iso.find("areas").unwrap().unwrap();
        Arc::new(iso.file(&entry).unwrap())
    };
    let whole = content(&file);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (file, whole) = (Arc::clone(&file), &whole);
            scope.spawn(move || {
                for offset in (thread..whole.len()).step_by(4) {
                    let mut buf = vec![0xd1; 1000];
                    let read = file.read_at(&mut buf, offset as u64).unwrap();
                    assert_eq!(read, 1000.min(whole.len() - offset));
                    assert_eq!(buf[..read], whole[offset..][..read]);
                }
            });
        }
    });
}
