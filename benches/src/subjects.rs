//! The WIMs that `cargo bench` runs on.

use std::path::{Path, PathBuf};

/// A WIM to measure on.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Its name in the report.
    pub name: String,
    /// Its path.
    pub path: PathBuf,
}

/// The WIMs to measure on: those of `testdata`, and whatever `.wim` and `.esd` files lie in the folder
/// that the environment variable `NANOVHD_CORPUS` names.
pub fn subjects() -> Vec<Subject> {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata");
    let mut paths = vec![
        testdata.join("media/NanoServer/NanoServer.wim"),
        testdata.join("wims/lzx-32k.wim"),
        testdata.join("wims/xpress-32k.wim"),
        testdata.join("wims/solid.esd"),
    ];
    if let Some(corpus) = std::env::var_os("NANOVHD_CORPUS") {
        let entries = std::fs::read_dir(&corpus).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut found: Vec<PathBuf> =
            entries.filter(|path| path.extension().is_some_and(|e| e == "wim" || e == "esd")).collect();
        found.sort();
        paths.extend(found);
    }
    paths.into_iter().map(|path| Subject { name: name(&path), path }).collect()
}

/// What a WIM is called in reports: its file's name without the suffix.
pub fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
