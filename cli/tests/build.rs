//! `nanovhd build` as it is used.

mod common;

use std::fs;

use common::{build, fail, good, names, nanovhd, run, sha256, testdata};
use serde_json::Value;

#[test]
fn every_format_is_built_with_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    for (name, said) in [
        ("a.vhdx", "dynamic VHDX of 4 GiB"),
        ("b.VHD", "dynamic VHD of 4 GiB"),
        ("c.raw", "raw disk of 4 GiB"),
        ("d.img", "raw disk of 4 GiB"),
    ] {
        let output = folder.path().join(name);
        let ran = run(&mut build(&output));
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.out.starts_with(&format!("{}: {said}", output.display())), "{ran:?}");
        let progress = ran.err.lines().skip_while(|line| line.starts_with("warning: ")).collect::<Vec<_>>();
        assert_eq!(progress, ["unpacking files: 4.7 MiB", "writing the file system", "syncing to disk"]);
    }
    assert_eq!(names(folder.path()), ["a.vhdx", "b.VHD", "c.raw", "d.img"]);
}

#[test]
fn a_disk_that_starts_nothing_is_built_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("a.vhd");
    let ran = run(build(&output).arg("--no-boot"));
    let warning =
        "warning: there are no boot files on the disk: it can be mounted, but Windows does not start from it\n";
    assert!(ran.code == Some(0) && ran.err.starts_with(warning), "{ran:?}");
    let listing = good(nanovhd().args(["ls", output.to_str().unwrap()]));
    assert!(!listing.contains("bootmgr"), "{listing}");
}

#[test]
fn an_image_that_can_not_start_is_refused_and_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let wim = testdata("wims/plain.wim");
    for (name, missing) in [("a.vhd", r"\Windows\Boot\PCAT\bootmgr"), ("a.vhdx", r"\Windows\Boot\EFI\bootmgfw.efi")] {
        let output = folder.path().join(name);
        fs::write(&output, b"old").unwrap();
        let (wim, output) = (wim.to_str().unwrap(), output.to_str().unwrap());
        let error = fail(3, ["build", "-m", wim, "-i", "1", "--force", "-o", output]);
        assert!(error.contains(&format!("plain.wim` can't be made to start: there is no {missing}")), "{error}");
        assert!(error.contains("\nhint: give --") && error.contains("--no-boot"), "{error}");
        assert_eq!(fs::read(output).unwrap(), b"old");
    }
    assert_eq!(names(folder.path()), ["a.vhd", "a.vhdx"]);
}

#[test]
fn settings_of_the_start_that_can_not_be_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let media = testdata("media");
    let refused = |arguments: &[&str]| {
        let output = folder.path().join("a.vhdx");
        let usual = ["build", "-e", "standard", "-m", media.to_str().unwrap(), "-o", output.to_str().unwrap()];
        fail(2, usual.iter().chain(arguments))
    };
    let both = refused(&["--firmware", "both"]);
    assert!(both.contains("no disk starts Windows by both") && both.contains("build a disk for each"), "{both}");
    let boot = refused(&["--bcd-device", "boot"]);
    assert!(boot.contains("under UEFI the boot manager comes from the EFI system partition"), "{boot}");
    for option in [["--bcd-device", "locate"], ["--bcd-template", "builtin"]] {
        assert!(refused(&[&["--no-boot"], &option[..]].concat()).contains("cannot be used with"));
    }
    let unknown = refused(&["--firmware", "coreboot"]);
    assert!(unknown.contains("[possible values: uefi, bios]"), "{unknown}");
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    for suffix in ["vhdx", "vhd", "raw"] {
        let digests: Vec<_> = ["1", "2", "3", "8", "64", "2"]
            .iter()
            .enumerate()
            .map(|(run, threads)| {
                let output = folder.path().join(format!("{run}.{suffix}"));
                let zone = if run < 3 { "UTC" } else { "Asia/Kathmandu" };
                good(build(&output).args(["--threads", threads, "--size", "200MiB"]).env("TZ", zone));
                sha256(&output)
            })
            .collect();
        assert!(digests.iter().all(|digest| *digest == digests[0]), "{suffix}: {digests:?}");
    }
}

#[test]
fn seeds_and_times_change_the_bytes_and_nothing_else_does() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("a.vhd");
    let digest = |arguments: &[&str], epoch: &str| {
        good(build(&output).arg("--force").args(arguments).env("SOURCE_DATE_EPOCH", epoch));
        sha256(&output)
    };
    let plain = digest(&[], "");
    let others = [digest(&["--seed", "x"], ""), digest(&[], "1700000000"), digest(&["--label", "x"], "")];
    assert!(others.iter().all(|other| *other != plain));
    assert_eq!(digest(&[], "1700000000"), others[1]);
    assert_eq!(digest(&[], ""), plain);
}

#[test]
fn an_existing_output_is_replaced_only_with_force() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("a.vhd");
    fs::write(&output, b"old").unwrap();
    let ran = run(&mut build(&output));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let expected = format!(
        "error: the output `{}` exists already\nhint: give --force to replace it, or another output name\n",
        output.display()
    );
    assert_eq!(ran.err, expected);
    assert_eq!(fs::read(&output).unwrap(), b"old");
    good(build(&output).arg("--force"));
    assert!(fs::metadata(&output).unwrap().len() > 1 << 20);
    assert_eq!(names(folder.path()), ["a.vhd"]);
}

#[test]
fn outputs_that_are_no_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("folder.vhd")).unwrap();
    let mut cases = vec![
        (at("folder.vhd"), 1, "is a folder"),
        (at("missing/a.vhd"), 1, "there is no folder"),
        (at("a.vdi"), 2, "does not say which kind of disk"),
        (at("a"), 2, "does not say which kind of disk"),
    ];
    #[cfg(unix)]
    {
        fs::write(at("target.vhd"), b"old").unwrap();
        std::os::unix::fs::symlink("target.vhd", at("link.vhd")).unwrap();
        good(common::tool("mkfifo").arg(at("pipe.vhd")));
        cases.extend([(at("link.vhd"), 1, "is a symbolic link to"), (at("pipe.vhd"), 1, "is a device, a pipe")]);
    }
    let before = names(folder.path());
    for (output, code, expected) in cases {
        let ran = run(build(&output).arg("--force"));
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert!(ran.err.contains(expected), "{expected}: {ran:?}");
    }
    assert_eq!(names(folder.path()), before);
}

#[test]
fn the_input_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let wim = folder.path().join("wim.img");
    fs::copy(testdata("media/NanoServer/NanoServer.wim"), &wim).unwrap();
    let wim = wim.to_str().unwrap();
    let error = fail(1, ["build", "-m", wim, "-e", "standard", "--force", "-o", wim]);
    assert!(error.contains("is the file that the build reads"), "{error}");
}

#[test]
fn a_report_tells_what_was_built() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("a.vhdx");
    let report: Value = serde_json::from_str(&good(build(&output).args(["--json", "--threads", "2"]))).unwrap();
    assert_eq!(report["schema"], 1);
    assert_eq!(report["output"], output.to_str().unwrap());
    assert_eq!(report["file_length"], fs::metadata(&output).unwrap().len());
    assert_eq!((&report["threads"], &report["synced"]), (&2.into(), &true.into()));
    assert!(report["seconds"].as_f64().unwrap() >= report["sync_seconds"].as_f64().unwrap());
    assert_eq!(report["unpacked"], report["plan"]["contents"]["bytes"]);
    let plan = good(nanovhd().arg("plan").arg("-m").arg(testdata("media")).args(["-e", "datacenter", "--json"]));
    assert_eq!(report["plan"], serde_json::from_str::<Value>(&plan).unwrap());
}

#[test]
fn a_build_that_does_not_wait_for_the_disk_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let ran = run(build(&at("a.vhdx")).arg("--no-sync"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("), not synced to disk\n") && !ran.err.contains("syncing"), "{ran:?}");
    let report: Value = serde_json::from_str(&good(build(&at("b.vhdx")).args(["--json", "--no-sync"]))).unwrap();
    assert_eq!((&report["synced"], &report["sync_seconds"]), (&false.into(), &0.0.into()));
    good(&mut build(&at("c.vhdx")));
    assert!(["a.vhdx", "b.vhdx"].iter().all(|name| sha256(&at(name)) == sha256(&at("c.vhdx"))));
    assert!(good(nanovhd().args(["build", "--help"])).contains("after a power failure"));
}

#[test]
fn quiet_is_quiet() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(build(&folder.path().join("a.vhd")).arg("--quiet"));
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (Some(0), "", ""));
}

#[test]
fn settings_reach_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let report = |name: &str, arguments: &[&str]| -> Value {
        let output = build(&folder.path().join(name)).arg("--json").args(arguments).output().unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["plan"].take()
    };
    let plan = report("a.vhd", &["--fixed", "--size", "64MiB", "--label", "Ñano", "--cluster-size", "8K"]);
    assert_eq!(plan["disk"]["fixed"], true);
    assert_eq!(plan["disk"]["file_length"], (64 << 20) + 512);
    assert_eq!((&plan["volume"]["label"], &plan["volume"]["cluster_size"]), (&"Ñano".into(), &8192.into()));
    let plan = report("a.vhdx", &["--firmware", "BIOS", "--size", "10GB"]);
    assert_eq!((&plan["disk"]["partition_table"], &plan["disk"]["size"]), (&"mbr".into(), &(9537u64 << 20).into()));
    let plan = report("b.vhdx", &["--sector-size", "4096"]);
    assert_eq!(plan["partitions"][0]["size"], 260 << 20);
    let plan = report("disk.bin", &["--format", "raw", "--size", "1G"]);
    assert_eq!((&plan["disk"]["format"], &plan["disk"]["firmware"]), (&"raw".into(), &"uefi".into()));
}

#[test]
fn a_single_image_needs_no_choice() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("a.vhd");
    let wim = testdata("wims/attributes.wim");
    good(nanovhd().args(["build", "--no-boot", "-m"]).arg(wim).arg("-o").arg(&output));
    assert_eq!(names(folder.path()), ["a.vhd"]);
}
