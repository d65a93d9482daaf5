//! `nanovhd verify` and `build --verify` as they are used.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod common;

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use common::{build, fail, good, have, judge, names, nanovhd, run, testdata};
use serde_json::{Value, json};

fn disk(folder: &Path, name: &str, options: &[&str]) -> String {
    let path = folder.join(name);
    good(build(&path).args(options).arg("-q"));
    path.to_str().unwrap().to_owned()
}

fn against(image: u32) -> String {
    format!("{}:{image}", testdata("media").display())
}

/// A report without the line that tells the time.
fn timeless(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with("checked in "));
    lines.map(|line| format!("{line}\n")).collect()
}

/// Changes a byte of a file.
fn change(path: &str, at: u64, to: impl Fn(u8) -> u8) {
    let mut file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.seek(SeekFrom::Start(at)).unwrap();
    file.read_exact(&mut byte).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(&[to(byte[0])]).unwrap();
}

#[test]
fn what_was_built_is_clean() {
    let folder = tempfile::tempdir().unwrap();
    let (uefi, bios) =
        ("UEFI to \"Windows Server 2016\" on partition 3\n", "BIOS to \"Windows Server 2016\" on partition 1, ");
    for (name, options, container, table, boot) in [
        ("a.vhdx", &[][..], "dynamic VHDX of 4 GiB", "GPT, 3 partitions", uefi),
        ("b.vhd", &["--fixed", "--size", "64MiB"], "fixed VHD of 64 MiB", "MBR, 1 partition", bios),
        ("c.img", &["--sector-size", "4096", "--size", "400MiB"], "raw disk of 400 MiB", "GPT, 3 partitions", uefi),
    ] {
        let disk = disk(folder.path(), name, options);
        let ran = run(nanovhd().args(["verify", &disk, "--against", &against(2)]));
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let mut lines = ran.out.lines();
        assert_eq!(lines.next(), Some(format!("{disk}: clean").as_str()));
        assert_eq!(lines.next(), Some(format!("  container    {container}").as_str()));
        assert_eq!(lines.next(), Some(format!("  partitions   {table}").as_str()));
        // On a disk for a BIOS the boot files are on the volume.
        let (files, directories, names) = if boot == bios { (560, 287, "1,329") } else { (548, 282, "1,312") };
        let volume =
            format!("  NTFS 3.1 \"Windows\": {files} files, {directories} directories, 483 more hard links\n");
        assert!(ran.out.contains(&volume), "{ran:?}");
        assert!(ran.out.contains(&format!("  boot         {boot}")), "{ran:?}");
        assert!(ran.out.contains(&format!("  contents     {names} names as in image 2 of ")), "{ran:?}");
        assert_eq!(ran.out.contains(", with boot files\n"), boot == bios, "{ran:?}");
        assert_eq!(ran.out.contains("\nknown difference: boot-store: once, \\Boot\\BCD ("), boot == bios, "{ran:?}");
        assert!(ran.err.starts_with("checking structures: "), "{ran:?}");
        assert!(ran.err.contains("\ncomparing contents: "), "{ran:?}");
        let ran = run(nanovhd().args(["verify", &disk, "-q"]));
        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (Some(0), "", ""));
    }
}

#[test]
fn another_image_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(folder.path(), "a.vhd", &[]);
    let ran = run(nanovhd().args(["verify", &disk, "--against", &against(1)]));
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(ran.err.ends_with(&format!("error: `{disk}` has 14 findings\n")), "{ran:?}");
    let text = timeless(&ran.out);
    let missing = "\ncontent-missing (1): Every name of the image is on the volume.\n  \
                   partition 1: \\Windows\\ServerStandardNano.xml: the file is not on the volume\n\
                   known difference: boot-store: ";
    assert!(text.starts_with(&format!("{disk}: 14 findings\n")) && text.contains(missing), "{text}");
    let extra = "\ncontent-extra (13): Every name of the volume is in the image.\n  partition 1, record ";
    assert!(text.contains(extra) && text.contains("\n  and 3 more\n"), "{text}");
}

#[test]
fn the_json_has_the_promised_members() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(folder.path(), "a.vhd", &[]);
    let ran = run(nanovhd().args(["verify", &disk, "--json", "-q", "--against", &against(1)]));
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let expected = [
        "checks",
        "clean",
        "comparison",
        "findings",
        "image",
        "known_differences",
        "rules",
        "schema",
        "seconds",
        "stopped",
    ];
    assert_eq!(keys(&report), expected);
    assert_eq!((&report["schema"], &report["clean"], &report["stopped"]), (&json!(1), &json!(false), &Value::Null));
    assert_eq!(keys(&report["findings"][0]), ["detail", "offset", "partition", "path", "place", "record", "rule"]);
    assert_eq!(keys(&report["comparison"]), ["boot_files", "bytes", "contents", "index", "names", "wim"]);
    assert_eq!(keys(&report["rules"][0]), ["count", "meaning", "rule"]);
    assert_eq!((&report["rules"][0]["rule"], &report["rules"][0]["count"]), (&json!("content-extra"), &json!(13)));
    let places: Vec<_> = report["checks"].as_array().unwrap().iter().map(|c| c["place"].as_str().unwrap()).collect();
    assert_eq!(places, ["container", "partition-table", "ntfs", "boot"]);
    let extra = report["findings"].as_array().unwrap().iter().find(|f| f["rule"] == "content-extra").unwrap();
    assert!(extra["record"].is_u64() && extra["offset"].is_u64() && extra["partition"] == 1, "{extra}");
}

#[test]
fn every_layer_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let vhdx = disk(folder.path(), "a.vhdx", &["--size", "200MiB"]);
    let raw = disk(folder.path(), "b.raw", &["--size", "200MiB"]);
    let has = |disk: &str, prefix: &str, arguments: &[&str]| {
        let ran = run(nanovhd().args(["verify", "--json", "-q", disk]).args(arguments));
        assert_eq!(ran.code, Some(4), "{prefix}: {ran:?}");
        let report: Value = serde_json::from_str(&ran.out).unwrap();
        let rules = report["rules"].as_array().unwrap().iter().map(|rule| rule["rule"].as_str().unwrap());
        assert!(rules.clone().any(|rule| rule.starts_with(prefix)), "{prefix}: {ran:?}");
        assert!(report["rules"].as_array().unwrap().iter().all(|rule| rule["meaning"] != ""), "{ran:?}");
    };
    // The checksum of the first header; the name of the first partition.
    change(&vhdx, (64 << 10) + 4, |byte| !byte);
    has(&vhdx, "vhdx-", &[]);
    change(&raw, 1024 + 60, |byte| byte ^ 1);
    has(&raw, "gpt-", &[]);
    change(&raw, 1024 + 60, |byte| byte ^ 1);
    good(nanovhd().args(["verify", "-q", &raw]));
    // The start of the text that every program of the image has.
    let mut bytes = fs::read(&raw).unwrap();
    let start = 117 << 20;
    let program = (start..bytes.len()).step_by(4096).find(|&at| bytes[at..].starts_with(b"MZ")).unwrap();
    bytes[program + 100] ^= 1;
    fs::write(&raw, bytes).unwrap();
    good(nanovhd().args(["verify", "-q", &raw]));
    has(&raw, "content-data", &["--against", &against(2)]);
}

#[test]
fn a_build_can_be_verified_before_it_has_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("a.vhdx");
    let ran = run(build(&output).arg("--verify"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("\nwriting the file system\nchecking structures: "), "{ran:?}");
    assert!(ran.err.ends_with("\ncomparing contents: 4.7 MiB\nsyncing to disk\n"), "{ran:?}");
    assert!(ran.out.contains("\nverified in ") && ran.out.contains("every file against the image\n"), "{ran:?}");
    assert_eq!(names(folder.path()), ["a.vhdx"]);
    let report: Value = serde_json::from_str(&good(build(&output).args(["--verify", "--json", "--force"]))).unwrap();
    assert_eq!(report["verification"]["clean"], true);
    let report: Value = serde_json::from_str(&good(build(&output).args(["--json", "--force"]))).unwrap();
    assert_eq!(report["verification"], Value::Null);
}

#[test]
fn what_a_volume_cannot_have_is_a_known_difference() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("a.vhd");
    let wim = testdata("wims/attributes.wim");
    good(nanovhd().args(["build", "--no-boot", "--verify", "-q", "-m"]).arg(&wim).arg("-o").arg(&output));
    let text = good(nanovhd().arg("verify").arg(&output).arg("--against").arg(&wim));
    assert!(text.contains(": clean\n"), "{text}");
    assert!(text.contains("\nknown difference: refs-attribute: "), "{text}");
    assert!(text.contains("\nknown difference: no-descriptor: once, \\"), "{text}");
}

/// A volume that other software made from the same image: neither the checks nor the comparison know
/// only what our own writer does.
#[test]
fn a_volume_that_others_made_is_clean() {
    if !have(&["mkntfs", "wimlib-imagex"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let volume = folder.path().join("volume");
    let wim = testdata("media/NanoServer/NanoServer.wim");
    for image in [1, 2] {
        File::create(&volume).unwrap().set_len(100 << 20).unwrap();
        judge("mkntfs", &["-q".as_ref(), "-F".as_ref(), volume.as_os_str()]);
        let image_text = image.to_string();
        judge("wimlib-imagex", &["apply".as_ref(), wim.as_os_str(), image_text.as_ref(), volume.as_os_str()]);
        let text = good(nanovhd().arg("verify").arg(&volume).args(["--against", &against(image)]));
        assert!(text.contains(": clean\n"), "{text}");
        // It is the only one: applying a WIM sets the time of the last change to now.
        assert_eq!(text.matches("known difference: ").count(), 1, "{text}");
        assert!(text.contains("\nknown difference: change-time: 8"), "{text}");
    }
}

#[test]
fn an_image_that_is_not_there_is_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(folder.path(), "a.vhd", &[]);
    assert!(fail(2, ["verify", &disk, "--against", &against(9)]).contains("no image with number 9"));
    assert!(
        fail(2, ["verify", &disk, "--against", testdata("media").to_str().unwrap()]).contains("one must be chosen")
    );
    let cycle = testdata("wims/refused/cycle.wim");
    assert!(fail(3, ["verify", &disk, "--against", cycle.to_str().unwrap()]).contains("can't read the metadata"));
    assert!(fail(3, ["verify", "none.vhdx"]).contains("can't read the disk `none.vhdx`: No such file"));
}

/// A build without boot files is as it should be, and does not start.
#[test]
fn what_starts_can_be_left_out() {
    let folder = tempfile::tempdir().unwrap();
    for (name, findings) in [("a.vhd", &["boot-manager", "boot-store"][..]), ("a.vhdx", &["boot-manager"])] {
        let disk = disk(folder.path(), name, &["--no-boot", "--verify"]);
        let ran = run(nanovhd().args(["verify", "--json", "-q", &disk, "--against", &against(2)]));
        assert_eq!(ran.code, Some(4), "{ran:?}");
        let report: Value = serde_json::from_str(&ran.out).unwrap();
        let rules: Vec<_> = report["rules"].as_array().unwrap().iter().map(|rule| rule["rule"].clone()).collect();
        assert_eq!(rules[0], findings[0], "{ran:?}");
        assert!(rules.iter().all(|rule| rule.as_str().unwrap().starts_with("boot-")), "{ran:?}");
        let text = good(nanovhd().args(["verify", "--no-boot", &disk, "--against", &against(2)]));
        assert!(!text.contains("\n  boot"), "{text}");
    }
}
