//! Disks that are full, folders that can't be written, and users who change their mind.
#![cfg(target_os = "linux")]
#![expect(clippy::print_stderr, clippy::unwrap_used, reason = "a failure is a failed test")]

mod common;

use std::fs;
use std::io::{Read, Write, pipe};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{build, good, names, nanovhd, run, testdata, tool};

const NANOVHD: &str = env!("CARGO_BIN_EXE_nanovhd");

/// A shell script that may mount things, seen by nobody else; `None` where that is not permitted.
fn mounted(script: &str) -> Option<common::Ran> {
    for namespaces in [&["--mount"][..], &["--mount", "--user", "--map-root-user"]] {
        let probe = run(tool("unshare").args(namespaces).args(["mount", "-t", "tmpfs", "none", "/mnt"]));
        if probe.code == Some(0) {
            let mut command = tool("unshare");
            command.args(namespaces).args(["sh", "-c", script]);
            return Some(run(command.env("NANOVHD", NANOVHD).env("MEDIA", testdata("media"))));
        }
    }
    eprintln!("skipped: mounting is not permitted");
    None
}

#[test]
fn a_full_disk_leaves_what_was_there() {
    // The structures alone are larger than this.
    let script = r#"
        mount -t tmpfs -o size=8m none /mnt && echo old > /mnt/a.vhdx || exit 99
        "$NANOVHD" build -m "$MEDIA" -e standard --force -q -o /mnt/a.vhdx; echo "code $?"
        ls -A /mnt; cat /mnt/a.vhdx"#;
    let Some(ran) = mounted(script) else { return };
    assert_eq!(ran.out, "code 1\na.vhdx\nold\n", "{ran:?}");
    let expected = "error: no room for the output `/mnt/a.vhdx`, which needs about 2";
    assert!(ran.err.starts_with(expected), "{ran:?}");
    assert!(ran.err.contains("No space left on device") && ran.err.contains("\nhint: free 2"), "{ran:?}");
}

/// The file system takes all bytes and promises room for them, but what it lies on has none: that shows only
/// when they are written back, and is told at the sync.
#[test]
fn what_fails_behind_the_writer_is_an_error_too() {
    let script = r#"
        mount -t tmpfs -o size=12m none /mnt && mkdir /mnt/fs && truncate -s 64M /mnt/disk || exit 99
        mkfs.ext4 -q -O ^has_journal -E nodiscard,lazy_itable_init=1 /mnt/disk || exit 99
        mount -o loop /mnt/disk /mnt/fs || exit 99
        "$NANOVHD" build -m "$MEDIA" -e standard -q -o /mnt/fs/a.vhdx; echo "code $?"
        ls /mnt/fs -I lost+found; umount /mnt/fs"#;
    let Some(ran) = mounted(script) else { return };
    if ran.code == Some(99) {
        eprintln!("skipped: no file system can be mounted from a file");
        return;
    }
    assert_eq!(ran.out, "code 1\n", "{ran:?}");
    let expected =
        ["error: no room for the output `/mnt/fs/a.vhdx`", "error: can't write the output `/mnt/fs/a.vhdx`"];
    assert!(expected.iter().any(|expected| ran.err.starts_with(expected)), "{ran:?}");
}

#[test]
fn a_disk_that_cannot_be_written_is_named() {
    let script = r#"
        mount -t tmpfs -o size=8m none /mnt && mount -o remount,ro /mnt || exit 99
        "$NANOVHD" build -m "$MEDIA" -e standard -q -o /mnt/a.vhdx; echo "code $?"; ls -A /mnt"#;
    let Some(ran) = mounted(script) else { return };
    assert_eq!(ran.out, "code 1\n", "{ran:?}");
    assert!(ran.err.starts_with("error: can't create a file in `/mnt`: Read-only file system"), "{ran:?}");
    assert!(ran.err.contains("\nhint: choose a folder that you may write to"), "{ran:?}");
}

#[test]
fn a_folder_that_may_not_be_written_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(folder.path().join("probe"), b"").is_ok() {
        eprintln!("skipped: this user may write everywhere");
        return;
    }
    let ran = run(&mut build(&folder.path().join("a.vhd")));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("Permission denied"), "{ran:?}");
    assert_eq!(names(folder.path()), [""; 0]);
}

/// A limit that the shell sets; as the signal that goes with it is ignored, writes fail.
#[test]
fn a_limit_of_the_file_size_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"trap '' XFSZ; ulimit -f 20000; exec "$NANOVHD" build -m "$MEDIA" -e standard -o "$OUT""#;
    let mut command = tool("bash");
    command.args(["-c", script]).env("NANOVHD", NANOVHD).env("MEDIA", testdata("media"));
    let ran = run(command.env("OUT", folder.path().join("a.vhdx")));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("File too large") && ran.err.contains("hint: "), "{ran:?}");
    assert_eq!(names(folder.path()), [""; 0]);
}

/// What a build says before it creates a file.
fn warnings() -> String {
    let plan =
        good(nanovhd().args(["plan", "-e", "datacenter", "--format", "vhd", "--json", "-m"]).arg(testdata("media")));
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    let warnings = plan["warnings"].as_array().unwrap().iter();
    warnings.map(|warning| format!("warning: {}\n", warning.as_str().unwrap())).collect()
}

/// Starts a build, waits for its unfinished file, sends a signal, and lets it go on. How far it has
/// come by then is known: its first line of progress finds a pipe that is full.
fn interrupt(signal: &str, output: &Path) -> (Option<i32>, String) {
    let folder = output.parent().unwrap();
    let before = names(folder);
    let (mut reader, mut writer) = pipe().unwrap();
    // Room for the warnings and no more. A pipe of Linux holds 64 KiB.
    writer.write_all(&vec![b'.'; (64 << 10) - warnings().len()]).unwrap();
    let mut child = build(output).arg("--force").stdout(Stdio::null()).stderr(writer).spawn().unwrap();
    let start = Instant::now();
    while names(folder) == before {
        assert!(start.elapsed() < Duration::from_secs(60), "the build does not begin");
        std::thread::sleep(Duration::from_millis(1));
    }
    let partial = names(folder).into_iter().find(|name| !before.contains(name)).unwrap();
    assert!(partial.starts_with(".a.vhd.") && partial.ends_with(".partial"), "{partial}");
    // The file is there a moment before the signal is waited for.
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(run(tool("kill").args([signal, &child.id().to_string()])).code, Some(0));
    std::thread::sleep(Duration::from_millis(300));
    let mut said = String::new();
    reader.read_to_string(&mut said).unwrap();
    (child.wait().unwrap().code(), said.trim_start_matches('.').to_owned())
}

#[test]
fn signals_stop_a_build_and_leave_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("a.vhd");
    for (signal, old) in [("-INT", false), ("-TERM", false), ("-INT", true)] {
        if old {
            fs::write(&output, b"old").unwrap();
        }
        let (code, said) = interrupt(signal, &output);
        assert_eq!(code, Some(130), "{signal}: {said}");
        let progress = "unpacking files: 4.7 MiB\nerror: stopped before the output was complete\n";
        assert_eq!(said, warnings() + progress);
        assert_eq!(names(folder.path()), if old { vec!["a.vhd"] } else { vec![] });
    }
    assert_eq!(fs::read(&output).unwrap(), b"old");
}
