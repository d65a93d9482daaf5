//! The programs of this folder on a small WIM, end to end.

#![expect(clippy::unwrap_used, reason = "a failure ends the test")]

use std::path::{Path, PathBuf};
use std::process::Command;

use nanovhd_benches::tool::Peer;

/// The command nanovhd, if it was built beside these tests, which `cargo test --workspace` does.
fn nanovhd() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_BIN_EXE_compare"))
        .with_file_name("nanovhd")
        .with_extension(std::env::consts::EXE_EXTENSION);
    path.is_file().then_some(path)
}

fn run(program: &str, arguments: &[&str], paths: &[&Path]) -> String {
    let output = Command::new(program).args(arguments).args(paths).output().unwrap();
    let (said, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program}: {said}{error}");
    said.into_owned()
}

#[test]
fn what_is_measured_becomes_tables_and_plots() {
    let required = std::env::var_os("NANOVHD_REQUIRE_TOOLS").is_some_and(|value| value == "1");
    if let Err(missing) = Peer::find(None) {
        assert!(!required, "{missing}");
        println!("skipped: {missing}");
        return;
    }
    if nanovhd().is_none() {
        println!("skipped: nanovhd not found (it comes with cargo test --workspace)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let wim = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/media/NanoServer/NanoServer.wim");
    let scratch = folder.path().to_str().unwrap();
    for (program, kind) in [
        (env!("CARGO_BIN_EXE_compare"), "compare"),
        (env!("CARGO_BIN_EXE_limit"), "limit"),
        (env!("CARGO_BIN_EXE_scaling"), "scaling"),
    ] {
        let json = folder.path().join(format!("{kind}.json"));
        let json = json.to_str().unwrap();
        let said = run(program, &["--runs", "1", "--scratch", scratch, "--json", json], &[&wim]);
        assert!(said.contains("NanoServer"), "{said}");
    }
    let readme = folder.path().join("README.md");
    std::fs::write(&readme, "<!-- measured: compare -->\n<!-- end -->\n").unwrap();
    let plots = folder.path().join("plots");
    run(env!("CARGO_BIN_EXE_report"), &[scratch, "--plots", plots.to_str().unwrap(), "--tables"], &[&readme]);
    assert!(std::fs::read_to_string(&readme).unwrap().contains("| NanoServer |"));
    for plot in ["speed-stages.svg", "speed-scaling.svg"] {
        assert!(std::fs::read_to_string(plots.join(plot)).unwrap().contains("NanoServer"));
    }
    // Results and plots are all that is left.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 5);
}
