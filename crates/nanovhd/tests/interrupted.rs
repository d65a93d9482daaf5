//! Builds that end early leave nothing behind, and what was there stays.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod support;

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use nanovhd::{BuildError, BuildOptions, Edition, Media, OutputError, Plan, Progress, Recipe, Size, Stage};
use nanovhd_tree::{Content, Source};
use support::testdata;

/// Stops when it was asked this often; remembers what it was told.
#[derive(Default)]
struct Watcher {
    patience: AtomicU64,
    stages: Mutex<Vec<Stage>>,
    bytes: AtomicU64,
}

impl Progress for Watcher {
    fn begin(&self, stage: Stage, _: Size) {
        self.stages.lock().unwrap().push(stage);
    }

    fn advance(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn cancelled(&self) -> bool {
        self.patience.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_err()
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn plan(media: &Media) -> Plan<'_> {
    Recipe::for_output("a.vhd").unwrap().edition(Edition::Standard).plan(media).unwrap()
}

#[test]
fn a_build_can_be_stopped_at_any_write() {
    let media = Media::open(testdata("media")).unwrap();
    let plan = plan(&media);
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("a.vhd");
    fs::write(&output, b"old").unwrap();
    let options = BuildOptions { overwrite: true, ..BuildOptions::default() };
    let mut patience = 0;
    let watcher = loop {
        let watcher = Watcher { patience: AtomicU64::new(patience), ..Watcher::default() };
        match plan.build(&output, &options, &watcher) {
            Ok(_) => break watcher,
            Err(error) => assert!(matches!(error, BuildError::Cancelled), "{patience}: {error}"),
        }
        assert_eq!(fs::read(&output).unwrap(), b"old", "{patience}");
        assert_eq!(names(folder.path()), ["a.vhd"], "{patience}");
        patience += 1 + patience / 3;
    };
    assert!(patience > 100, "the build asks before every write");
    assert_eq!(*watcher.stages.lock().unwrap(), [Stage::Contents, Stage::Structures, Stage::Sync]);
    assert_eq!(watcher.bytes.into_inner(), plan.outline().contents.bytes.0);
    assert_ne!(fs::read(&output).unwrap(), b"old");
}

#[test]
fn damaged_content_is_named_with_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let wim = folder.path().join("damaged.wim");
    fs::copy(testdata("media/NanoServer/NanoServer.wim"), &wim).unwrap();
    let (paths, offset) = {
        let media = Media::open(&wim).unwrap();
        let mut owners: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for step in media.tree(1).unwrap().walk() {
            if let Some(Source::Blob(id)) = step.file.content().map(Content::source) {
                owners.entry(id.index).or_default().push(step.path());
            }
        }
        let blobs = media.wim().blobs();
        let damaged = owners.iter().find(|(i, paths)| paths.len() == 3 && blobs[**i as usize].stored_len > 100);
        let (index, paths) = damaged.unwrap();
        (paths.clone(), blobs[*index as usize].offset)
    };
    let mut bytes = fs::read(&wim).unwrap();
    bytes[usize::try_from(offset).unwrap() + 40] ^= 0x10;
    fs::write(&wim, bytes).unwrap();

    let media = Media::open(&wim).unwrap();
    let output = folder.path().join("a.vhd");
    let error = plan(&media).build(&output, &BuildOptions::default(), &()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&paths.join(", ")), "{text}");
    let cause = error.source().unwrap().to_string();
    assert!(cause.contains(&format!("{offset:#x}")) || cause.contains("chunk"), "{cause}");
    assert!(error.hint().unwrap().contains("damaged"));
    assert_eq!(names(folder.path()), ["damaged.wim"]);
}

#[test]
fn an_output_that_comes_up_during_the_build_is_kept() {
    struct Rival(std::path::PathBuf);
    impl Progress for Rival {
        fn begin(&self, stage: Stage, _: Size) {
            if stage == Stage::Sync {
                fs::write(&self.0, b"theirs").unwrap();
            }
        }
    }
    let media = Media::open(testdata("media")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("a.vhd");
    let error = plan(&media).build(&output, &BuildOptions::default(), &Rival(output.clone())).unwrap_err();
    assert!(matches!(error, BuildError::Output(OutputError::Exists { .. })), "{error}");
    assert_eq!(fs::read(&output).unwrap(), b"theirs");
    assert_eq!(names(folder.path()), ["a.vhd"]);
}

#[test]
fn a_name_that_promises_another_format_is_refused() {
    let media = Media::open(testdata("media")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(&media);
    let error = plan.check_output(folder.path().join("a.vhdx"), &BuildOptions::default()).unwrap_err();
    assert!(matches!(error, OutputError::Suffix { .. }), "{error}");
    plan.check_output(folder.path().join("a.disk"), &BuildOptions::default()).unwrap();
}
