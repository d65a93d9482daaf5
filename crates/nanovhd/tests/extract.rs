//! Extractions that end early leave nothing unfinished behind.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use nanovhd::{ExtractError, ExtractOptions, Media, Progress};

mod support;

/// Stops when it was asked this often.
struct Impatient(AtomicU64);

impl Progress for Impatient {
    fn cancelled(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_err()
    }
}

fn partials(folder: &Path) -> usize {
    let mut waiting = vec![folder.to_owned()];
    let mut count = 0;
    while let Some(at) = waiting.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let entry = entry.unwrap();
            count += usize::from(entry.file_name().to_string_lossy().ends_with(".partial"));
            if entry.file_type().unwrap().is_dir() {
                waiting.push(entry.path());
            }
        }
    }
    count
}

#[test]
fn an_extraction_can_be_stopped_at_any_write() {
    let media = Media::open(support::testdata("media")).unwrap();
    let volume = media.volume(1).unwrap();
    let mut patience = 0;
    loop {
        let folder = tempfile::tempdir().unwrap();
        let progress = Impatient(patience.into());
        match volume.extract(&[] as &[&str], folder.path(), &ExtractOptions::default(), &progress) {
            Ok(_) => break,
            Err(error) => assert!(matches!(error, ExtractError::Cancelled), "{patience}: {error}"),
        }
        assert_eq!(partials(folder.path()), 0, "{patience}");
        patience = 2 * patience + 1;
    }
    assert!(patience > 100, "{patience}");
}
