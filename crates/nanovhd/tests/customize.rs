//! Disks of images that were customized, read by programs that others wrote.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failure is a failed test, and what is skipped is told"
)]

mod support;
#[path = "support/windows.rs"]
mod windows;

use std::fs;
use std::path::Path;
use std::process::Command;

use nanovhd::{BuildOptions, Customization, DiskFormat, Media, Plan, Recipe, Secret, Size, Way};
use nanovhd_hive::{Hive, ValueData};
use nanovhd_tree::Name;
use support::{Files, Part, on_volume, testdata};
use windows::{WindowsMedia, software, system, windows_media, windows_media_with};

const PASSWORD: &str = "Pa55w\u{f6}rd<&\">";
const KEY: &str = "ABCDE-12345-FGHIJ-67890-KLMNO";
const UNATTEND: &str = r"\Windows\Panther\unattend.xml";

/// Everything that a computer can be told of itself.
fn everything() -> Customization {
    let mut custom = Customization::default();
    custom.computer_name = Some("node-1".to_owned());
    custom.administrator_password = Some(Secret::new(PASSWORD));
    custom.time_zone = Some("w. europe standard time".to_owned());
    custom.locale = Some("de-DE".to_owned());
    custom.product_key = Some(Secret::new(KEY.to_lowercase()));
    custom.registered_owner = Some("M\u{fc}ller & S\u{f6}hne".to_owned());
    custom.registered_organization = Some("<Org>".to_owned());
    custom.remote_desktop = true;
    custom.no_expand_on_native_boot = true;
    custom
}

fn plan<'m>(media: &'m Media, custom: Customization) -> Plan<'m> {
    let recipe = Recipe::new().format(DiskFormat::Raw).disk_size(Size(256 << 20)).customize(custom);
    recipe.plan(media).unwrap_or_else(|e| panic!("{e}: {:?}", std::error::Error::source(&e)))
}

/// The disk, and the files of its Windows volume.
fn built(media: &WindowsMedia, custom: Customization, folder: &Path) -> (std::path::PathBuf, Files) {
    let (media, path) = (media.open(), folder.join("disk.img"));
    let plan = plan(&media, custom);
    plan.build(&path, &BuildOptions::default(), &()).unwrap();
    let start = plan.outline().partitions.last().unwrap().offset;
    let files = on_volume(Part { disk: fs::File::open(&path).unwrap(), start });
    (path, files)
}

/// A file by its path, in any case.
fn file<'f>(files: &'f Files, path: &str) -> &'f [u8] {
    let path: String = path.split('\\').skip(1).map(|name| format!("\\{:?}", Name::from(name))).collect();
    let found = files.iter().find(|(name, _)| name.eq_ignore_ascii_case(&path));
    found.map_or_else(|| panic!("{path}"), |(_, bytes)| bytes)
}

fn hive(files: &Files, name: &str) -> Hive {
    Hive::open(file(files, &format!(r"\Windows\System32\config\{name}"))).unwrap()
}

/// The text of an element of an answer file, as another program reads it.
fn answer(file: &str, pass: &str, component: &str, path: &str) -> Option<String> {
    let document = roxmltree::Document::parse(file).unwrap();
    let named =
        |node: roxmltree::Node<'_, '_>, name: &str| node.has_tag_name(("urn:schemas-microsoft-com:unattend", name));
    let component = document.descendants().find(|node| {
        named(*node, "component")
            && node.attribute("name") == Some(component)
            && node.attribute("processorArchitecture") == Some("amd64")
            && node.parent().is_some_and(|settings| settings.attribute("pass") == Some(pass))
    });
    let leaf = path.split('/').try_fold(component?, |at, name| at.children().find(|child| named(*child, name)));
    Some(leaf?.text().unwrap_or_default().to_owned())
}

/// Runs a program, unless there is none.
fn run(program: &str, arguments: &[&str]) -> Option<String> {
    match Command::new(program).args(arguments).env("PYTHONDONTWRITEBYTECODE", "1").output() {
        Ok(output) if output.status.success() => Some(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(output) => panic!("{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)),
        Err(_) => {
            assert!(
                std::env::var_os("NANOVHD_REQUIRE_TOOLS").is_none_or(|value| value != "1"),
                "{program} not found"
            );
            println!("skipped: {program} not found");
            None
        }
    }
}

#[test]
fn every_setting_is_in_the_answer_file() {
    let folder = tempfile::tempdir().unwrap();
    let (_, files) = built(&windows_media(), everything(), folder.path());
    let bytes = file(&files, UNATTEND);
    let text = std::str::from_utf8(bytes).unwrap();
    let (shell, international) = ("Microsoft-Windows-Shell-Setup", "Microsoft-Windows-International-Core");
    let hidden = |suffix: &str| {
        let units: Vec<u8> = format!("{PASSWORD}{suffix}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        base64(&units)
    };
    for (pass, component, path, expected) in [
        ("offlineServicing", shell, "ComputerName", "node-1"),
        ("specialize", shell, "ComputerName", "node-1"),
        ("specialize", shell, "ProductKey", KEY),
        ("specialize", shell, "RegisteredOwner", "M\u{fc}ller & S\u{f6}hne"),
        ("specialize", shell, "RegisteredOrganization", "<Org>"),
        ("oobeSystem", shell, "TimeZone", "W. Europe Standard Time"),
        ("oobeSystem", shell, "UserAccounts/AdministratorPassword/Value", &hidden("AdministratorPassword")),
        ("oobeSystem", shell, "UserAccounts/AdministratorPassword/PlainText", "false"),
        (
            "offlineServicing",
            shell,
            "OfflineUserAccounts/OfflineAdministratorPassword/Value",
            &hidden("OfflineAdministratorPassword"),
        ),
        ("oobeSystem", international, "InputLocale", "de-DE"),
        ("oobeSystem", international, "SystemLocale", "de-DE"),
        ("oobeSystem", international, "UserLocale", "de-DE"),
    ] {
        assert_eq!(answer(text, pass, component, path).as_deref(), Some(expected), "{pass} {path}");
    }
    // The image has texts in English alone.
    assert_eq!(answer(text, "oobeSystem", international, "UILanguage"), None);
    let path = folder.path().join("unattend.xml");
    fs::write(&path, bytes).unwrap();
    run("xmllint", &["--noout", "--nonet", path.to_str().unwrap()]);
}

/// Written for the test alone, by bits.
fn base64(bytes: &[u8]) -> String {
    let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    let digit = |sextet: &[u8]| {
        let sextet = format!("{:0<6}", std::str::from_utf8(sextet).unwrap());
        let table: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect();
        table[usize::from_str_radix(&sextet, 2).unwrap()]
    };
    let text: String = bits.as_bytes().chunks(6).map(digit).collect();
    let len = text.len().next_multiple_of(4);
    format!("{text:=<len$}")
}

/// The example of "Microsoft-Windows-Shell-Setup", "OfflineUserAccounts".
#[test]
fn the_test_encodes_as_windows_does() {
    let units: Vec<u8> = "pwAdministratorPassword".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(base64(&units), "cAB3AEEAZABtAGkAbgBpAHMAdAByAGEAdABvAHIAUABhAHMAcwB3AG8AcgBkAA==");
}

#[test]
fn the_registry_says_the_same_to_other_programs() {
    let folder = tempfile::tempdir().unwrap();
    let (_, files) = built(&windows_media(), everything(), folder.path());
    let hives = ["SYSTEM", "SOFTWARE"].map(|name| {
        let path = folder.path().join(name);
        fs::write(&path, file(&files, &format!(r"\Windows\System32\config\{name}"))).unwrap();
        path
    });
    let control = |name: &str| format!(r"\ControlSet001\{name}");
    let zone = control(r"Control\TimeZoneInformation");
    for (hive, key, value, expected) in [
        (0, &control(r"Control\ComputerName\ComputerName"), "ComputerName", "node-1"),
        (0, &control(r"Services\Tcpip\Parameters"), "Hostname", "node-1"),
        (0, &control(r"Services\Tcpip\Parameters"), "NV Hostname", "node-1"),
        (0, &zone, "TimeZoneKeyName", "W. Europe Standard Time"),
        (0, &zone, "StandardName", "@tzres.dll,-322"),
        (0, &control(r"Control\Terminal Server"), "fDenyTSConnections", "0"),
        (0, &control(r"Services\FsDepends\Parameters"), "VirtualDiskExpandOnMount", "4"),
        (1, &r"\Microsoft\Windows NT\CurrentVersion".to_owned(), "RegisteredOwner", "M\u{fc}ller & S\u{f6}hne"),
        (1, &r"\Microsoft\Windows NT\CurrentVersion".to_owned(), "RegisteredOrganization", "<Org>"),
    ] {
        let Some(told) = run("hivexget", &[hives[hive].to_str().unwrap(), key, value]) else { return };
        let told = told.trim();
        let number = told.strip_prefix("dword:").map(|hex| u32::from_str_radix(hex, 16).unwrap().to_string());
        assert_eq!(number.as_deref().unwrap_or(told), expected, "{key} {value}");
    }
    let script = testdata("tools/hive_judge.py");
    if run("python3", &["-c", "import sys; sys.exit(0)"]).is_some()
        && Command::new("python3").arg(&script).arg("available").output().is_ok_and(|output| output.status.success())
    {
        for hive in &hives {
            let told = run("python3", &[script.to_str().unwrap(), "regipy", hive.to_str().unwrap()]).unwrap();
            assert!(told.lines().count() > 40, "{told}");
        }
    }
}

/// What "W. Europe Standard Time" is in the registry of a Windows that was set to it.
#[test]
fn a_time_zone_is_what_windows_makes_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let (_, files) = built(&windows_media(), everything(), folder.path());
    let hive = hive(&files, "SYSTEM");
    let key = hive.find(r"ControlSet001\Control\TimeZoneInformation").unwrap();
    let moment = |month, hour| ValueData::binary([0, 0, month, 0, 5, 0, hour, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for (name, expected) in [
        ("Bias", ValueData::dword(0xffff_ffc4)),
        ("StandardBias", ValueData::dword(0)),
        ("StandardStart", moment(10, 3)),
        ("DaylightBias", ValueData::dword(0xffff_ffc4)),
        ("DaylightName", ValueData::sz("@tzres.dll,-321")),
        ("DaylightStart", moment(3, 2)),
        ("DynamicDaylightTimeDisabled", ValueData::dword(0)),
        ("ActiveTimeBias", ValueData::dword(0xffff_ffc4)),
    ] {
        assert_eq!(key.value(name).unwrap().to_data(), expected, "{name}");
    }
}

#[test]
fn other_software_recognises_the_windows_of_the_disk() {
    let script = testdata("tools/judge_identity.py");
    let script = script.to_str().unwrap();
    let available = Command::new("python3").args([script, "available"]).output();
    if !available.is_ok_and(|output| output.status.success()) {
        assert!(
            std::env::var_os("NANOVHD_REQUIRE_TOOLS").is_none_or(|value| value != "1"),
            "dissect.target not found"
        );
        return println!("skipped: dissect.target not found");
    }
    let folder = tempfile::tempdir().unwrap();
    let (disk, _) = built(&windows_media(), everything(), folder.path());
    let told = run("python3", &[script, disk.to_str().unwrap()]).unwrap();
    for line in ["os windows", "hostname node-1", "architecture amd64-win64", "timezone Europe/Berlin"] {
        assert!(told.lines().any(|told| told == line), "{line} in {told}");
    }
    assert!(told.contains("version Windows Server 2016 Datacenter (NT 10.0) 14393"), "{told}");
}

#[test]
fn the_plan_says_which_way_each_setting_goes_and_no_secret() {
    let media = windows_media().open();
    let plan = plan(&media, everything());
    let outline = plan.outline();
    let ways: Vec<(&str, Way)> = outline.settings.iter().map(|s| (s.setting.as_str(), s.way)).collect();
    for expected in [
        ("computer-name", Way::Registry),
        ("computer-name", Way::Unattend),
        ("administrator-password", Way::Unattend),
        ("time-zone", Way::Registry),
        ("product-key", Way::Unattend),
        ("registered-owner", Way::Registry),
        ("remote-desktop", Way::Registry),
        ("no-expand-on-native-boot", Way::Registry),
    ] {
        assert!(ways.contains(&expected), "{expected:?} in {ways:?}");
    }
    let json = serde_json::to_string(&plan).unwrap();
    for shown in [plan.to_string(), json, format!("{plan:?}"), format!("{:?}", everything())] {
        for secret in [PASSWORD, KEY, &KEY.to_lowercase(), "Pa55"] {
            assert!(!shown.contains(secret), "{secret}");
        }
    }
    assert!(outline.warnings.iter().any(|warning| warning.contains("no texts in de-DE")), "{:?}", outline.warnings);
}

/// An image without a registry of Windows, as that of the test data is.
#[test]
fn without_a_registry_all_goes_the_other_ways() {
    let media = Media::open(testdata("media")).unwrap();
    let recipe = Recipe::new().format(DiskFormat::Raw).edition(nanovhd::Edition::Datacenter).customize(everything());
    let plan = recipe.plan(&media).unwrap();
    let settings = &plan.outline().settings;
    assert!(settings.iter().all(|setting| setting.way != Way::Registry), "{settings:?}");
    for name in ["remote-desktop", "no-expand-on-native-boot"] {
        assert!(settings.iter().any(|s| s.setting == name && s.way == Way::FirstBoot), "{name}: {settings:?}");
    }
}

#[test]
fn identifiers_follow_the_settings_but_not_their_secrets() {
    let media = windows_media().open();
    let id = |change: &dyn Fn(&mut Customization)| {
        let mut custom = everything();
        change(&mut custom);
        plan(&media, custom).outline().disk.id.clone()
    };
    let same = id(&|_| {});
    assert_eq!(id(&|custom| custom.administrator_password = Some(Secret::new("other"))), same);
    assert_ne!(id(&|custom| custom.administrator_password = None), same);
    assert_ne!(id(&|custom| custom.computer_name = Some("node-2".to_owned())), same);
    assert_ne!(id(&|custom| *custom = Customization::default()), same);
}

#[test]
fn files_that_are_in_the_way_keep_what_is_theirs() {
    let theirs = "<unattend xmlns='urn:schemas-microsoft-com:unattend'><settings pass='specialize'><component \
                  name='Microsoft-Windows-Shell-Setup' processorArchitecture='amd64'><ComputerName>image</ComputerName>\
                  <ProductKey>image</ProductKey></component></settings></unattend>";
    let users = theirs.replace(">image<", ">user<").replace("<ProductKey>user</ProductKey>", "");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.xml");
    fs::write(&path, &users).unwrap();
    let name = |files: &Files, place: &str, element: &str| {
        let text = std::str::from_utf8(file(files, place)).unwrap();
        answer(text, "specialize", "Microsoft-Windows-Shell-Setup", element)
    };
    for place in [UNATTEND, r"\Windows\Panther\Unattend\Unattend.xml"] {
        let media = windows_media_with([(place, theirs.as_bytes().to_vec())]);
        let mut custom = Customization::default();
        custom.computer_name = Some("ours".to_owned());
        let (_, files) = built(&media, custom.clone(), folder.path());
        assert_eq!(name(&files, place, "ComputerName").as_deref(), Some("ours"));
        assert_eq!(name(&files, place, "ProductKey").as_deref(), Some("image"));
        fs::remove_file(folder.path().join("disk.img")).unwrap();

        custom.unattend = Some(path.clone());
        let opened = media.open();
        let warnings = plan(&opened, custom.clone()).outline().warnings.clone();
        assert!(warnings.iter().any(|w| w.contains("its own ComputerName in the pass specialize")), "{warnings:?}");
        let (_, files) = built(&media, custom, folder.path());
        assert_eq!(name(&files, place, "ComputerName").as_deref(), Some("user"));
        assert_eq!(name(&files, place, "ProductKey"), None);
        fs::remove_file(folder.path().join("disk.img")).unwrap();
    }
}

#[test]
fn edits_go_to_the_control_set_of_the_next_start() {
    let mut hive = system();
    let now = hive.root().last_written();
    let select = hive.find("Select").unwrap().id();
    for (name, number) in [("Current", 3), ("Default", 2)] {
        hive.set_value(select, name, ValueData::dword(number), now).unwrap();
    }
    hive.create_key(hive.root_id(), r"ControlSet002\Control\ComputerName", now).unwrap();
    let media = windows_media_with([(r"\Windows\System32\config\SYSTEM", hive.to_bytes().unwrap())]);
    let mut custom = Customization::default();
    custom.computer_name = Some("n2".to_owned());
    let folder = tempfile::tempdir().unwrap();
    let (_, files) = built(&media, custom, folder.path());
    let hive = self::hive(&files, "SYSTEM");
    let name =
        |set: &str| hive.find(&format!(r"{set}\Control\ComputerName\ComputerName"))?.value("ComputerName")?.as_str();
    assert_eq!((name("ControlSet001").as_deref(), name("ControlSet002").as_deref()), (Some("MINWINPC"), Some("n2")));
    assert!(hive.find("ControlSet003").is_none());
}

#[test]
fn what_can_not_be_is_refused_with_a_way_out() {
    let media = windows_media().open();
    let folder = tempfile::tempdir().unwrap();
    let blob = folder.path().join("blob.txt");
    fs::write(&blob, "QUJD").unwrap();
    let text = folder.path().join("text.xml");
    fs::write(&text, "hello").unwrap();
    type Change<'c> = &'c dyn Fn(&mut Customization);
    let cases: [(&str, &str, Change<'_>); 7] = [
        ("computer-name: ", "shorten it", &|c| c.computer_name = Some("a-name-of-20-letters".to_owned())),
        ("locale: ", "en-US", &|c| c.locale = Some("german".to_owned())),
        ("product-key: ", "XXXXX-", &|c| c.product_key = Some(Secret::new("abc"))),
        ("time-zone: ", "W. Europe Standard Time", &|c| c.time_zone = Some("West Europe".to_owned())),
        ("registered-owner: ", "one line", &|c| c.registered_owner = Some("a\nb".to_owned())),
        ("domain-join-blob: ", "leave computer-name out", &|c| c.domain_join_blob = Some(blob.clone())),
        ("unattend: ", "UTF-8", &|c| c.unattend = Some(text.clone())),
    ];
    for (told, hint, change) in cases {
        let mut custom = everything();
        change(&mut custom);
        let error = Recipe::new().format(DiskFormat::Raw).customize(custom).plan(&media).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.starts_with(told), "{cause}");
        assert!(error.hint().unwrap().contains(hint), "{cause}: {:?}", error.hint());
    }
}

#[test]
fn a_join_is_in_both_passes() {
    let folder = tempfile::tempdir().unwrap();
    let blob = folder.path().join("blob.txt");
    let utf16: Vec<u8> = "\u{feff}QUJDREVG\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(&blob, utf16).unwrap();
    let mut custom = Customization::default();
    custom.domain_join_blob = Some(blob);
    let (_, files) = built(&windows_media(), custom, folder.path());
    let text = std::str::from_utf8(file(&files, UNATTEND)).unwrap();
    let join = "Microsoft-Windows-UnattendedJoin";
    for (pass, path) in [
        ("specialize", "Identification/Provisioning/AccountData"),
        ("offlineServicing", "OfflineIdentification/Provisioning/AccountData"),
    ] {
        assert_eq!(answer(text, pass, join, path).as_deref(), Some("QUJDREVG"));
    }
}

/// Files for Nano Server have name and password where DISM takes them from.
#[test]
fn what_a_users_file_has_for_dism_is_set_at_the_first_start() {
    let units: Vec<u8> =
        format!("{PASSWORD}OfflineAdministratorPassword").encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (value, plain) in [(base64(&units), "false"), ("Pa55w\u{f6}rd&lt;&amp;\"&gt;".to_owned(), "true")] {
        let users = format!(
            "<unattend xmlns='urn:schemas-microsoft-com:unattend'><settings pass='offlineServicing'><component \
             name='Microsoft-Windows-Shell-Setup' processorArchitecture='amd64'><OfflineUserAccounts>\
             <OfflineAdministratorPassword><Value>{value}</Value><PlainText>{plain}</PlainText>\
             </OfflineAdministratorPassword></OfflineUserAccounts><ComputerName>user</ComputerName></component>\
             </settings></unattend>"
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.xml");
        fs::write(&path, users).unwrap();
        let mut custom = Customization::default();
        custom.computer_name = Some("ours".to_owned());
        custom.unattend = Some(path);
        let (_, files) = built(&windows_media(), custom, folder.path());
        let text = std::str::from_utf8(file(&files, UNATTEND)).unwrap();
        let shell = |pass, path| answer(text, pass, "Microsoft-Windows-Shell-Setup", path);
        assert_eq!(shell("specialize", "ComputerName").as_deref(), Some("user"));
        let units: Vec<u8> =
            format!("{PASSWORD}AdministratorPassword").encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(shell("oobeSystem", "UserAccounts/AdministratorPassword/Value"), Some(base64(&units)));
        assert_eq!(shell("oobeSystem", "UserAccounts/AdministratorPassword/PlainText").as_deref(), Some("false"));
    }
}

/// A hive that nobody set anything in stays as it is, to the letter.
#[test]
fn what_needs_no_edit_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let mut custom = Customization::default();
    custom.administrator_password = Some(Secret::new(PASSWORD));
    let (_, files) = built(&windows_media(), custom, folder.path());
    for (name, hive) in [("SYSTEM", system()), ("SOFTWARE", software())] {
        assert!(file(&files, &format!(r"\Windows\System32\config\{name}")) == hive.to_bytes().unwrap(), "{name}");
    }
}
