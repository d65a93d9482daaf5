//! What runs at the first start, and what is copied: read back from finished disks by a program that others wrote.

#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod support;
#[path = "support/windows.rs"]
mod windows;

use std::error::Error;
use std::fs;
use std::path::Path;

use nanovhd::{BuildOptions, Customization, DiskFormat, HostCopy, Media, Plan, PlanError, Recipe, Secret, Size, Way};
use nanovhd_hive::Hive;
use nanovhd_tree::Name;
use support::{Files, Part, on_volume, testdata};
use windows::{windows_media, windows_media_with};

const SCRIPT: &str = r"\Windows\Setup\Scripts\SetupComplete.cmd";
const RULES: &str = r"ControlSet001\Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules";

fn recipe(custom: Customization) -> Recipe {
    Recipe::new().format(DiskFormat::Raw).disk_size(Size(256 << 20)).customize(custom)
}

fn plan<'m>(media: &'m Media, custom: &Customization) -> Plan<'m> {
    recipe(custom.clone()).plan(media).unwrap_or_else(|e| panic!("{e}: {:?}", e.source()))
}

fn refused(media: &Media, custom: Customization) -> String {
    let error: PlanError = recipe(custom).plan(media).unwrap_err();
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

/// The files of the Windows volume.
fn built(media: &Media, custom: &Customization) -> Files {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk.img");
    let plan = plan(media, custom);
    plan.build(&path, &BuildOptions::default(), &()).unwrap();
    let start = plan.outline().partitions.last().unwrap().offset;
    on_volume(Part { disk: fs::File::open(&path).unwrap(), start })
}

/// A file by its path.
fn file<'f>(files: &'f Files, path: &str) -> &'f [u8] {
    let name: String = path.split('\\').skip(1).map(|name| format!("\\{:?}", Name::from(name))).collect();
    files.get(&name).unwrap_or_else(|| panic!("{path}"))
}

/// A script with everything, on a host that has a folder for it.
fn everything(host: &Path) -> Customization {
    fs::write(host.join("first one.ps1"), "Get-Date\n").unwrap();
    fs::write(host.join("second.cmd"), "@exit /b 3\r\n").unwrap();
    let mut custom = Customization::default();
    custom.interfaces.push("Ethernet,ipv4=10.0.0.5/24,gateway=10.0.0.1,dns=10.0.0.2".parse().unwrap());
    custom.remote_management_port = true;
    custom.setup_complete_commands = vec!["md \"C:\\Größe & mehr\"".to_owned(), r"C:\own.cmd 50%".to_owned()];
    custom.run_scripts = vec![host.join("first one.ps1"), host.join("second.cmd")];
    custom
}

#[test]
fn the_first_start_does_everything_in_order() {
    let host = tempfile::tempdir().unwrap();
    let custom = everything(host.path());
    let own = b"@echo off\necho Gr\x81\xe1e\n";
    let media = windows_media_with([(SCRIPT, own.to_vec())]).open();
    let files = built(&media, &custom);
    let script = file(&files, SCRIPT);
    let ours = script.strip_prefix(&own[..]).expect("what was there is there to the byte");
    let text = std::str::from_utf8(ours).unwrap();
    assert!(text.lines().count() == text.matches("\r\n").count());
    let mut rest = text;
    for part in [
        "chcp 65001",
        "netsh interface ipv4 set address \"Ethernet\" static 10.0.0.5 255.255.255.0 10.0.0.1 >>",
        "netsh interface ipv4 set dnsservers \"Ethernet\" static 10.0.0.2",
        "netsh advfirewall firewall set rule group=\"@FirewallAPI.dll,-29252\" new enable=yes >>",
        "echo Executing 'md 'C:\\Größe ^& mehr''",
        "md \"C:\\Größe & mehr\" >>",
        "echo Executing 'call C:\\own.cmd 50%%'",
        "call C:\\own.cmd 50%",
        r#"-File "%SystemRoot%\Setup\Scripts\nanovhd\01-first_one.ps1" >>"#,
        r#"call "%SystemRoot%\Setup\Scripts\nanovhd\02-second.cmd" >>"#,
        "echo Exit code %ERRORLEVEL%",
    ] {
        let at = rest.find(part).unwrap_or_else(|| panic!("{part} comes later in {text}"));
        rest = &rest[at + part.len()..];
    }
    assert_eq!(file(&files, r"\Windows\Setup\Scripts\nanovhd\01-first_one.ps1"), b"Get-Date\n");
    assert_eq!(file(&files, r"\Windows\Setup\Scripts\nanovhd\02-second.cmd"), b"@exit /b 3\r\n");

    // A second time on what the first made.
    let again = windows_media_with([(SCRIPT, script.to_vec())]).open();
    assert_eq!(file(&built(&again, &custom), SCRIPT), script);
}

#[test]
fn the_firewall_is_opened_in_the_registry_where_that_has_it() {
    let mut custom = Customization::default();
    custom.remote_management_port = true;
    let with = windows_media().open();
    let files = built(&with, &custom);
    let hive = Hive::open(file(&files, r"\Windows\System32\config\SYSTEM")).unwrap();
    let rule = hive.find(RULES).unwrap().value("nanovhd-WinRM-5985-In-TCP").unwrap().as_str().unwrap();
    assert_eq!(rule, "v2.10|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=5985|Name=WinRM 5985|");
    let script = String::from_utf8(file(&files, SCRIPT).to_vec()).unwrap();
    assert!(!script.contains("5985") && script.contains("-29252"), "{script}");
    let ways = |media: &Media| {
        let outline = plan(media, &custom).outline().settings.clone();
        outline.iter().map(|setting| (setting.setting.clone(), setting.way)).collect::<Vec<_>>()
    };
    let setting = || "enable-remote-management-port".to_owned();
    assert_eq!(ways(&with), [(setting(), Way::Registry), (setting(), Way::FirstBoot)]);

    let without = Media::open(testdata("media")).unwrap();
    let recipe = recipe(custom.clone()).image(nanovhd::ImageSelector::Index(2));
    let outline = recipe.plan(&without).unwrap().outline().clone();
    let ways: Vec<_> = outline.settings.iter().map(|setting| setting.way).collect();
    assert_eq!(ways, [Way::FirstBoot, Way::FirstBoot]);
}

#[test]
fn copies_are_on_the_disk() {
    let host = tempfile::tempdir().unwrap();
    let at = |path: &str| host.path().join(path);
    fs::create_dir_all(at("merge/windows/New")).unwrap();
    fs::create_dir_all(at("merge/empty")).unwrap();
    let large: Vec<u8> = (0..200_000u32).flat_map(u32::to_le_bytes).collect();
    for (path, bytes) in
        [("merge/windows/New/ä.bin", &large[..]), ("merge/windows/OLD.txt", b"new"), ("one.txt", b"1"), ("none", b"")]
    {
        fs::write(at(path), bytes).unwrap();
    }
    let copy = |source: &str, target: &str| HostCopy { source: at(source), target: target.to_owned() };
    let mut custom = Customization::default();
    custom.copies =
        vec![copy("merge", "\\"), copy("one.txt", "/Tools/"), copy("one.txt", "\\b.txt"), copy("none", "\\")];
    let media = windows_media_with([(r"\Windows\Old.txt", b"old".to_vec())]).open();
    let files = built(&media, &custom);
    assert_eq!(file(&files, r"\Windows\Old.txt"), b"new", "the name stays, the bytes don't");
    assert!(!files.keys().any(|path| path.contains("OLD.txt") || path.contains("\"windows\"")));
    assert!(file(&files, r"\Windows\New\ä.bin") == large);
    for (path, bytes) in [(r"\empty", &b""[..]), (r"\Tools\one.txt", b"1"), (r"\b.txt", b"1"), (r"\none", b"")] {
        assert_eq!(file(&files, path), bytes, "{path}");
    }
    let outline = plan(&media, &custom).outline().clone();
    assert_eq!(outline.settings.len(), 4);
    assert!(outline.settings.iter().all(|setting| setting.setting == "copy" && setting.way == Way::File));
}

#[test]
fn what_is_missing_is_told_together_and_before_any_work() {
    let media = windows_media().open();
    let mut custom = Customization::default();
    custom.copies = ["a=\\a", "b=\\b"].map(|text| text.parse().unwrap()).to_vec();
    let told = refused(&media, custom);
    assert!(told.contains("copy: `a` can't be read") && told.contains("`b` can't be read"), "{told}");
    let mut custom = Customization::default();
    custom.interfaces = ["a,ipv4=10.0.0.5/24", "b,ipv4=10.0.0.5/24"].map(|text| text.parse().unwrap()).to_vec();
    let told = refused(&media, custom);
    assert!(told.contains("interface: the interfaces a and b are both to have the address 10.0.0.5"), "{told}");
    let mut custom = Customization::default();
    custom.setup_complete_commands = vec!["a\nb".to_owned()];
    let told = refused(&media, custom);
    assert!(told.contains("setup-complete-command: command 1") && told.contains("one line"), "{told}");
    let mut custom = Customization::default();
    custom.setup_complete_commands = vec!["ver".to_owned()];
    let utf16 = windows_media_with([(SCRIPT, b"\xff\xfea\0".to_vec())]).open();
    let told = refused(&utf16, custom);
    assert!(told.contains("is in UTF-16, which cmd.exe can't run"), "{told}");
}

#[test]
fn a_machine_that_nobody_could_reach_is_told() {
    let media = windows_media().open();
    let warnings = |custom: &Customization| plan(&media, custom).outline().warnings.join("\n");
    let bare = warnings(&Customization::default());
    assert!(bare.contains("no administrator password is set"), "{bare}");
    assert!(bare.contains("a cumulative update needs about 6 GiB"), "{bare}");
    let mut custom = Customization::default();
    custom.administrator_password = Some(Secret::new("Pa55word"));
    let near = warnings(&custom);
    assert!(!near.contains("no administrator") && near.contains("--enable-remote-management-port"), "{near}");
    custom.remote_management_port = true;
    let reachable = warnings(&custom);
    assert!(!reachable.contains("--enable-remote-management-port"), "{reachable}");
    assert!(!reachable.contains("Pa55word"));
}
