//! Every command takes a disc image where it takes a media folder.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod common;
#[path = "../../crates/nanovhd/tests/support/discs.rs"]
#[allow(clippy::allow_attributes, unreachable_pub, reason = "shared with tests of the library")]
mod discs;

use std::fs;
use std::path::Path;

use common::{fail, good, names, nanovhd, run, sha256, testdata};
use discs::discs;
use serde_json::{Value, json};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_disc_is_looked_into_like_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let media = testdata("media");
    for disc in discs(&media, folder.path()) {
        let replaced =
            |of: &str| of.replace(text(&disc), "MEDIA").replace(text(&media), "MEDIA").replace("MEDIA:/", "MEDIA/");
        let both = |args: &[&str], end: &str| {
            let [found, expected] = [&disc, &media].map(|path| {
                let args = args.iter().map(|arg| arg.replace("MEDIA", text(path)));
                replaced(&good(nanovhd().args(args)))
            });
            assert!(found == expected, "{args:?}: {found}");
            assert!(found.contains(end), "{args:?}: {found}");
        };
        both(&["inspect", "MEDIA"], "MEDIA/NanoServer/NanoServer.wim");
        both(&["inspect", "MEDIA", "--json"], "\"wim\": \"MEDIA/NanoServer/NanoServer.wim\"");
        both(&["plan", "-m", "MEDIA", "-e", "datacenter"], "media       MEDIA/NanoServer/NanoServer.wim");
        both(&["ls", "MEDIA:2", "Windows/System32/config"], "BCD-Template");
        let wim = format!("{}:/sources/install.wim:1", text(&disc));
        assert!(good(nanovhd().args(["ls", &wim])).contains("Windows"));
        let cat = |path: &Path| {
            let source = format!("{}:2", text(path));
            nanovhd().args(["cat", &source, "Windows/System32/winload.exe"]).output().unwrap().stdout
        };
        assert!(cat(&disc) == cat(&media) && !cat(&disc).is_empty());
    }
}

#[test]
fn a_disc_is_extracted_from_and_verified_against() {
    let folder = tempfile::tempdir().unwrap();
    for disc in discs(&testdata("media"), folder.path()) {
        let out = tempfile::tempdir().unwrap();
        let source = format!("{}:2", text(&disc));
        good(nanovhd().args(["extract", &source, "Windows/Boot/EFI", "-q", "-o"]).arg(out.path()));
        assert!(out.path().join("Windows/Boot/EFI/bootmgfw.efi").is_file());

        // Nothing is put elsewhere on its way.
        let disk = out.path().join("disk/a.vhdx");
        fs::create_dir(disk.parent().unwrap()).unwrap();
        let mut build = nanovhd();
        build.args(["build", "-e", "datacenter", "--verify", "-q", "-m", text(&disc), "-o"]).arg(&disk);
        good(build.env("TMPDIR", "/nonexistent").env("TEMP", "/nonexistent"));
        assert_eq!(names(disk.parent().unwrap()), ["a.vhdx"]);
        let verified = good(nanovhd().arg("verify").arg(&disk).args(["--against", &source]));
        let expected = format!("as in image 2 of {}:/NanoServer/NanoServer.wim", text(&disc));
        assert!(verified.contains(&expected) || verified.contains("as in image 2 of NanoServer.wim"), "{verified}");
    }
}

#[test]
fn a_cut_disc_leaves_the_old_output() {
    let folder = tempfile::tempdir().unwrap();
    for disc in discs(&testdata("media"), folder.path()) {
        let out = tempfile::tempdir().unwrap();
        let (cut, disk) = (folder.path().join("cut.iso"), out.path().join("a.vhdx"));
        fs::write(&disk, b"old").unwrap();
        let bytes = fs::read(&disc).unwrap();
        fs::write(&cut, &bytes[..1_500_000]).unwrap();
        let before = sha256(&cut);
        let ran = run(nanovhd().args(["build", "-f", "-e", "standard", "-m", text(&cut), "-o"]).arg(&disk));
        assert_eq!(ran.code, Some(3), "{ran:?}");
        assert!(ran.err.contains("cut.iso") && ran.err.contains("cut short"), "{ran:?}");
        assert!(ran.err.contains("\nhint: "), "{ran:?}");
        assert_eq!(names(out.path()), ["a.vhdx"]);
        assert_eq!(fs::read(&disk).unwrap(), b"old");
        assert_eq!(sha256(&cut), before);
    }
}

#[test]
fn packages_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let media = folder.path().join("media");
    for (file, len) in [
        ("NanoServer/Packages/Microsoft-NanoServer-Storage-Package.cab", 3000),
        ("NanoServer/Packages/Microsoft-NanoServer-Compute-Package.cab", 2 << 20),
        ("NanoServer/Packages/en-us/Microsoft-NanoServer-Compute-Package_en-us.cab", 40960),
        ("NanoServer/Packages/en-us/Microsoft-NanoServer-Storage-Package_en-us.cab", 1024),
    ] {
        let path = media.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, vec![0; len]).unwrap();
    }
    let table = "
packages  2, 2 MiB (en-us)

name                                     neutral  languages
Microsoft-NanoServer-Compute-Package       2 MiB  en-us 40 KiB
Microsoft-NanoServer-Storage-Package     2.9 KiB  en-us 1 KiB
";
    for media in [vec![media.clone(), media.join("NanoServer")], discs(&media, folder.path())].concat() {
        let shown = good(nanovhd().args(["packages", "-m", text(&media)]));
        assert!(shown.starts_with(&format!("folder    {}", text(&media))) && shown.ends_with(table), "{shown}");
        let list: Value =
            serde_json::from_str(&good(nanovhd().args(["packages", "--json", "-m", text(&media)]))).unwrap();
        assert_eq!((&list["schema"], &list["languages"]), (&json!(1), &json!(["en-us"])));
        let compute = &list["packages"][0];
        assert_eq!(compute["name"], "Microsoft-NanoServer-Compute-Package");
        assert_eq!(compute["size"], (2 << 20) + 40960);
        assert_eq!(compute["cabinets"][0]["language"], Value::Null);
        assert_eq!(
            (&compute["cabinets"][1]["language"], &compute["cabinets"][1]["size"]),
            (&json!("en-us"), &json!(40960))
        );
    }
}

#[test]
fn media_without_packages_are_told_where_packages_are() {
    let error = fail(3, ["packages", "-m", text(&testdata("media"))]);
    assert!(error.contains("holds no packages; looked for NanoServer/Packages, Packages"), "{error}");
    assert!(error.contains("\nhint: packages are on the Windows Server 2016 media"), "{error}");
    let wim = testdata("media/NanoServer/NanoServer.wim");
    assert!(fail(3, ["packages", "-m", text(&wim)]).contains("media/NanoServer` holds no packages"), "{error}");
    let error = fail(3, ["packages", "-m", text(&testdata("README.md"))]);
    assert!(error.contains("README.md` is a file of an unknown kind"), "{error}");
}
