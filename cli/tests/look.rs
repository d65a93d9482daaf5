//! `plan`, `inspect`, `ls` and `cat`: what they say, and that they write nothing.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod common;

use std::path::PathBuf;
use std::process::Stdio;

use common::{Ran, build, fail, good, names, nanovhd, run, testdata};
use serde_json::{Value, json};

fn media() -> PathBuf {
    testdata("media")
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The members of an object.
fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn a_plan_has_the_promised_members_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = nanovhd();
    command
        .args(["plan", "-e", "datacenter", "--json", "-m"])
        .arg(media())
        .arg("-o")
        .arg(folder.path().join("a.vhdx"));
    let plan = parse(&good(&mut command));
    assert_eq!(names(folder.path()), [""; 0]);
    assert_eq!(
        keys(&plan),
        [
            "schema",
            "media",
            "image",
            "disk",
            "boot",
            "partitions",
            "volume",
            "contents",
            "settings",
            "time",
            "warnings"
        ]
        .sorted()
    );
    assert_eq!(plan["schema"], 1);
    assert_eq!(plan["image"]["index"], 2);
    assert_eq!(plan["image"]["chosen_by"], "edition-id");
    assert_eq!(plan["time"], 1_468_677_600);
    let disk = ["format", "fixed", "firmware", "partition_table", "size", "size_reason", "least_size", "sector_size"];
    assert_eq!(keys(&plan["disk"]), [&disk[..], &["id", "file_length", "written"]].concat().sorted());
    let boot = ["manager", "fallback", "store", "loader", "loader_id", "description", "template", "device", "files"];
    assert_eq!(keys(&plan["boot"]), [&boot[..], &["bytes"]].concat().sorted());
    assert_eq!(plan["boot"]["store"], "\\EFI\\Microsoft\\Boot\\BCD");
    assert_eq!((&plan["boot"]["template"], &plan["boot"]["device"]), (&json!("image"), &json!("partition")));
    assert_eq!(plan["boot"]["files"], 15);
    let warnings: Vec<&str> = plan["warnings"].as_array().unwrap().iter().map(|w| w.as_str().unwrap()).collect();
    let [locked, tight] = warnings[..] else { panic!("{warnings:?}") };
    assert!(locked.contains("no administrator password") && tight.contains("--size"), "{warnings:?}");
    let kinds: Vec<_> = plan["partitions"].as_array().unwrap().iter().map(|p| p["kind"].clone()).collect();
    assert_eq!(kinds, ["esp", "msr", "windows"]);
    assert_eq!(keys(&plan["partitions"][0]), ["number", "kind", "name", "offset", "size", "id"].sorted());
    assert_eq!(plan["partitions"][2]["offset"], 117 << 20);
    assert_eq!((&plan["volume"]["files"], &plan["volume"]["hard_links"]), (&json!(548), &json!(483)));
    assert_eq!(plan["contents"]["pieces"], 541);
}

trait Sorted {
    fn sorted(self) -> Self;
}

impl<T: AsMut<[&'static str]>> Sorted for T {
    fn sorted(mut self) -> Self {
        self.as_mut().sort_unstable();
        self
    }
}

#[test]
fn a_plan_reads_as_a_newcomer_expects() {
    let text = good(nanovhd().args(["plan", "-e", "standard", "-o", "a.vhd", "-m"]).arg(media()));
    for line in [
        "image       1  Windows Server 2016 SERVERSTANDARDNANO, chosen by edition\n",
        "disk        dynamic VHD for BIOS, MBR, sectors of 512 bytes\n            4 GiB (the usual size); at least ",
        "volume      NTFS \"Windows\", clusters of 4 KiB, serial ",
        "boot        \\bootmgr, 11 files of ",
        "            \\Boot\\BCD, from the image's template: \"Windows Server 2016\"\n            which finds ",
        "            552 files, 283 directories, 479 more hard links\n            48 named streams, 13 reparse points, ",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(text.lines().all(|line| line.trim_end() == line), "{text}");
}

#[test]
fn a_plan_refuses_what_a_build_would() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("a.vhd");
    std::fs::write(&output, b"old").unwrap();
    let (media, output) = (media(), output.to_str().unwrap().to_owned());
    let arguments = ["plan", "-e", "standard", "-o", &output, "-m", media.to_str().unwrap()];
    assert!(fail(1, arguments).contains("exists already"));
    good(nanovhd().args(arguments).arg("--force"));
}

#[test]
fn an_inspection_counts_what_is_there() {
    let text = good(nanovhd().arg("inspect").arg(media()));
    assert!(text.contains("LZX in chunks of 32 KiB, no integrity table\n"), "{text}");
    assert!(text.contains("\nimage 2      Windows Server 2016 SERVERDATACENTERNANO\n"), "{text}");
    assert!(text.contains("ServerDatacenterNano, Nano Server, amd64, 10.0.14393.0, en-US\n"), "{text}");
    let json = parse(&good(nanovhd().args(["inspect", "--json"]).arg(media())));
    assert_eq!(
        (&json["compression"], &json["chunk_size"], &json["schema"]),
        (&json!("LZX"), &json!(32768), &json!(1))
    );
    assert_eq!(json["blobs"]["count"], 542);
    let image = &json["images"][0];
    assert_eq!(image["edition"], "ServerStandardNano");
    assert_eq!(image["created"], "2016-07-16T13:00:00.0000001Z");
    let counts = ["files", "directories", "hard_links", "named_streams", "reparse_points", "security_descriptors"];
    assert_eq!(counts.map(|kind| image["counts"][kind].as_u64().unwrap()), [540, 278, 479, 48, 13, 26]);
    // wimlib, which made the file, counts directories without the root and those with a reparse point.
    assert_eq!((&image["stated"]["directories"], &image["stated"]["file_names"]), (&json!(269), &json!(1028)));
}

#[test]
fn damaged_metadata_are_shown_and_are_a_failure() {
    let wim = testdata("wims/refused/cycle.wim");
    let ran = run(nanovhd().arg("inspect").arg(&wim));
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.out.contains("  DAMAGED    "), "{ran:?}");
    assert!(ran.err.contains("is damaged, as shown"), "{ran:?}");
    let ran = run(nanovhd().args(["inspect", "--json"]).arg(&wim));
    assert!(parse(&ran.out)["images"][0]["damage"].is_string(), "{ran:?}");
}

/// A WIM that Windows itself made, where the samples are beside the checkout.
#[test]
fn an_image_that_windows_made_is_read() {
    let wim = testdata("../../shared/samples/wim/discutils-TestData.wim");
    if !wim.exists() {
        eprintln!("skipped: sample discutils-TestData.wim not found");
        return;
    }
    let json = parse(&good(nanovhd().args(["inspect", "--json"]).arg(&wim)));
    let image = &json["images"][0];
    let names = image["counts"]["files"].as_u64().unwrap() + image["counts"]["hard_links"].as_u64().unwrap();
    assert_eq!(image["stated"]["file_names"], names);
    assert_eq!(image["counts"]["directories"].as_u64(), image["stated"]["directories"].as_u64().map(|n| n + 1));
}

#[test]
fn a_directory_is_listed() {
    let image = format!("{}:2", media().display());
    let text = good(nanovhd().args(["ls", &image]));
    assert!(text.starts_with("d--hsl  1    2016-06-21 06:37:28  Documents and Settings\n"), "{text}");
    assert!(text.ends_with("  Windows\n"), "{text}");
    let json = parse(&good(nanovhd().args(["ls", "--json", &image, "windows/system32"])));
    assert_eq!(json["path"], "\\Windows\\System32");
    let entry = json["entries"].as_array().unwrap().iter().find(|e| e["name"] == "wpeutil.exe").unwrap();
    assert_eq!((&entry["links"], &entry["directory"]), (&json!(2), &json!(false)));
    let by_name = format!("{}:Windows Server 2016 SERVERDATACENTERNANO", media().display());
    assert_eq!(good(nanovhd().args(["ls", &by_name])), text);
    let one = good(nanovhd().args(["ls", &image, r"\Windows\System32\wpeutil.exe"]));
    assert_eq!(one.lines().count(), 1, "{one}");
}

#[test]
fn files_and_streams_are_copied_out() {
    let image = format!("{}:1", media().display());
    let folder = "ProgramData/nanovhd/sizes";
    let listing = parse(&good(nanovhd().args(["ls", "--json", &image, folder])));
    for entry in listing["entries"].as_array().unwrap() {
        let path = format!("{folder}/{}", entry["name"].as_str().unwrap());
        let output = nanovhd().args(["cat", &image, &path]).output().unwrap();
        assert!(output.status.success(), "{path}");
        assert_eq!(output.stdout.len() as u64, entry["size"].as_u64().unwrap(), "{path}");
    }
    let folder = "ProgramData/nanovhd/streams";
    let listing = parse(&good(nanovhd().args(["ls", "--json", &image, folder])));
    let mut streams = 0;
    for entry in listing["entries"].as_array().unwrap() {
        for stream in entry["streams"].as_array().unwrap() {
            let path = format!("{folder}/{}:{}", entry["name"].as_str().unwrap(), stream["name"].as_str().unwrap());
            let output = nanovhd().args(["cat", &image, &path]).output().unwrap();
            assert_eq!(output.stdout.len() as u64, stream["size"].as_u64().unwrap(), "{path}");
            streams += 1;
        }
    }
    assert!(streams > 40, "{streams}");
}

#[test]
fn paths_that_lead_nowhere_are_refused() {
    let image = format!("{}:1", media().display());
    for (arguments, code, expected) in [
        (["ls", &image, "Windows/nope/x"], 1, "there is no \"nope\" in `\\Windows`"),
        (["cat", &image, "Windows"], 1, "`\\Windows` is a directory"),
        (["cat", &image, r"Windows\System32\wpeutil.exe\x"], 1, "`\\Windows\\System32\\wpeutil.exe` is a file"),
        (["cat", &image, "Windows:x"], 1, "has no stream \"x\""),
        (["ls", &format!("{}:7", media().display()), "/"], 2, "no image with number 7"),
        (["ls", media().to_str().unwrap(), "/"], 2, "one must be chosen"),
        (["ls", "C:\\no.wim", "/"], 3, "can't read the media `C:\\no.wim`"),
    ] {
        let error = fail(code, arguments);
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
}

#[test]
fn damaged_content_is_a_failure() {
    let wim = testdata("wims/refused/wrong-hash.wim");
    let listing = parse(&good(nanovhd().args(["ls", "--json"]).arg(&wim).arg("folder")));
    let files = listing["entries"].as_array().unwrap().iter().map(|e| e["name"].as_str().unwrap());
    let results: Vec<_> =
        files.map(|name| run(nanovhd().arg("cat").arg(&wim).arg(format!("folder/{name}")))).collect();
    let damaged: Vec<&Ran> = results.iter().filter(|ran| ran.code == Some(3)).collect();
    assert!(!damaged.is_empty() && damaged.iter().all(|ran| ran.err.contains("SHA-1")), "{results:?}");
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let image = format!("{}:1", media().display());
    for arguments in
        [vec!["inspect", media().to_str().unwrap()], vec!["cat", &image, "Windows/System32/config/SOFTWARE"]]
    {
        let mut child = nanovhd().args(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{arguments:?}: {output:?}");
    }
}

#[test]
fn help_shows_every_command_and_the_exit_codes() {
    let text = good(nanovhd().arg("--help"));
    for word in ["build", "plan", "inspect", "ls", "cat", "extract", "verify", "Exit codes:", "130"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    // Lines are broken to fit the terminal.
    let text = good(nanovhd().args(["build", "--help"]));
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("Examples:") && text.contains("standard, datacenter"), "{text}");
    assert!(text.contains("integrity (ReFS) left out and reported"), "{text}");
    assert!(good(nanovhd().arg("--version")).starts_with("nanovhd 0."));
    assert_eq!(run(nanovhd().arg("biuld")).code, Some(2));
}

#[test]
fn a_disk_says_what_starts_from_it() {
    let folder = tempfile::tempdir().unwrap();
    for (name, boot) in [
        (
            "a.vhdx",
            "\nboot         UEFI, from partition 1\n  manager    \\EFI\\Microsoft\\Boot\\bootmgfw.efi, 91.4 KiB\n  \
             store      \\EFI\\Microsoft\\Boot\\BCD\n  starts     Windows Server 2016\n             \
             \\windows\\system32\\winload.efi, Windows on partition 3\n",
        ),
        (
            "a.vhd",
            "\nboot         BIOS, from partition 1\n  manager    \\bootmgr, 422.4 KiB\n  store      \\Boot\\BCD\n  \
             starts     Windows Server 2016\n             \
             \\windows\\system32\\winload.exe, Windows on partition 1, where it is looked for\n",
        ),
    ] {
        let disk = folder.path().join(name);
        good(build(&disk).arg("-q"));
        let text = good(nanovhd().arg("inspect").arg(&disk));
        assert!(text.ends_with(boot), "{text}");
        let json = parse(&good(nanovhd().args(["inspect", "--json"]).arg(&disk)));
        assert_eq!(keys(&json["boot"]), ["firmware", "manager", "partition", "store"]);
        assert_eq!(keys(&json["boot"]["store"]), ["damage", "entry", "path", "state"]);
        assert_eq!(json["boot"]["store"]["state"], "clean");
        let entry = &json["boot"]["store"]["entry"];
        assert_eq!(keys(entry), ["description", "device", "device_partition", "loader"]);
        assert_eq!(entry["device_partition"], json["partitions"].as_array().unwrap().len());
    }
}

#[test]
fn a_store_is_shown_as_bcdedit_shows_it() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, store) = (folder.path().join("a.vhdx"), folder.path().join("BCD"));
    good(build(&disk).arg("-q"));
    let esp = format!("{}:esp", disk.display());
    let output = nanovhd().args(["cat", &esp, "EFI/Microsoft/Boot/BCD"]).output().unwrap();
    std::fs::write(&store, &output.stdout).unwrap();
    let text = good(nanovhd().arg("inspect").arg(&store));
    assert!(
        text.starts_with("Windows Boot Manager\n--------------------\nidentifier              {bootmgr}\n"),
        "{text}"
    );
    assert!(text.contains("\ndescription             Windows Server 2016\n"), "{text}");
    let json = parse(&good(nanovhd().args(["inspect", "--json"]).arg(&store)));
    assert_eq!((&json["schema"], &json["state"]), (&json!(1), &json!("clean")));
    assert!(json["objects"].as_array().unwrap().len() > 8, "{json}");
    // Its last write did not end: the sequence numbers differ, and there is no log.
    let mut dirty = output.stdout;
    dirty[4] ^= 1;
    std::fs::write(&store, &dirty).unwrap();
    let again = good(nanovhd().arg("inspect").arg(&store));
    assert!(again.contains("BCD: not closed well, and no log fits"), "{again}");
    assert!(again.ends_with(&text), "{again}");
}

#[test]
fn a_hive_that_is_no_store_is_told_apart() {
    let hive = testdata("hives/openvmm-imc.hiv");
    let error = fail(3, ["inspect", hive.to_str().unwrap()]);
    assert!(error.contains("it is a registry hive, but no boot configuration store: its keys are "), "{error}");
    assert!(fail(3, ["ls", hive.to_str().unwrap()]).contains("is a registry hive, not a Windows image"));
    assert!(fail(3, ["verify", hive.to_str().unwrap()]).contains("is a registry hive, not a disk image"));
}
