//! Our stores beside the ones that bcdboot made: all that differs is listed, with the reason.

use std::collections::{BTreeMap, BTreeSet};

use nanovhd_boot::bcd::{Device, ElementId, NewStore, PartitionDevice, Store};
use serde_json::Value;
use uuid::uuid;

use crate::support::{BCDBOOT_BIOS, BCDBOOT_UEFI, TEMPLATE, made, new_bios, new_uefi, sample};

/// An object, an element of it, what ours has and what the other store has, and why.
type Difference = (&'static str, &'static str, &'static str, &'static str, &'static str);

/// What a store lacks.
const NOTHING: &str = "";
/// In place of an element: that there is an object.
const HEADING: &str = "(object)";

/// A value of JSON on one line, without quotes.
fn line(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(line).collect::<Vec<_>>().join(" "),
        Value::Object(fields) => fields.values().map(line).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

/// By object and element what the element is set to, and for each object its heading.
fn entries(store: &Store) -> BTreeMap<(String, String), String> {
    let json = serde_json::to_value(store).unwrap();
    let mut entries = BTreeMap::new();
    for object in json["objects"].as_array().unwrap() {
        let called = line(if object["alias"].is_null() { &object["id"] } else { &object["alias"] });
        entries.insert((called.clone(), HEADING.to_owned()), line(&object["title"]));
        for element in object["elements"].as_array().unwrap() {
            let name = line(if element["name"].is_null() { &element["id"] } else { &element["name"] });
            entries.insert((called.clone(), name), line(&element["value"]));
        }
    }
    entries
}

/// Compares two stores. What differs must be listed, and what is listed must differ. Of an object that only
/// one of them has, the heading is enough.
fn assert_differences(ours: &Store, theirs: &Store, listed: &[Difference]) {
    let (ours, theirs) = (entries(ours), entries(theirs));
    let places: BTreeSet<&(String, String)> = ours.keys().chain(theirs.keys()).collect();
    let mut found = Vec::new();
    for place @ (object, element) in places {
        let heading = (object.clone(), HEADING.to_owned());
        let both_have_it = ours.contains_key(&heading) && theirs.contains_key(&heading);
        let text = |entries: &BTreeMap<_, String>| entries.get(place).cloned().unwrap_or_default();
        let (our, their) = (text(&ours), text(&theirs));
        if our != their && (both_have_it || element == HEADING) {
            found.push([object.clone(), element.clone(), our, their]);
        }
    }
    let listed: Vec<[String; 4]> = listed
        .iter()
        .map(|(object, element, ours, theirs, _)| [object, element, ours, theirs].map(|text| (*text).to_owned()))
        .collect();
    let not_listed: Vec<_> = found.iter().filter(|difference| !listed.contains(difference)).collect();
    let not_found: Vec<_> = listed.iter().filter(|difference| !found.contains(difference)).collect();
    assert!(not_listed.is_empty() && not_found.is_empty(), "not listed: {not_listed:#?}\nnot found: {not_found:#?}");
}

const CHANGED: &str = "somebody set it to the boot device, so that the store does for any disk";
const LANGUAGE: &str = "bcdboot was told a language, and writes it in small letters";
const OTHER_LANGUAGE: &str = "somebody set the language of the menu";

#[test]
fn a_store_for_a_bios_is_the_one_that_bcdboot_makes() {
    let (Some(template), Some(theirs)) = (sample(TEMPLATE), sample(BCDBOOT_BIOS)) else { return };
    let ours = made(&NewStore {
        description: "Windows 10",
        loader: uuid!("1b67bffd-e290-11eb-8ffa-f459a0d9b879"),
        resume: uuid!("1b67bffc-e290-11eb-8ffa-f459a0d9b879"),
        ..new_bios(Some(&template))
    });
    let theirs = Store::open(theirs).unwrap();
    let partition = "mbr partition 1048576 3719982011";
    let loader = "1b67bffd-e290-11eb-8ffa-f459a0d9b879";
    assert_differences(
        &ours,
        &theirs,
        &[
            ("bootmgr", "device", partition, "boot", CHANGED),
            (loader, "device", partition, "boot", CHANGED),
            (loader, "osdevice", partition, "boot", CHANGED),
            ("bootmgr", "locale", "en-US", "cs-cz", OTHER_LANGUAGE),
            (loader, "locale", "en-US", "cs-cz", OTHER_LANGUAGE),
            ("1b67bffc-e290-11eb-8ffa-f459a0d9b879", "locale", "en-US", "en-us", LANGUAGE),
            ("memdiag", "locale", "en-US", "en-us", LANGUAGE),
        ],
    );
    assert_same_bytes_and_security(&ours, &theirs);
}

/// What is the same is so to the byte: keys with their flags and security, types and data of values.
fn assert_same_bytes_and_security(ours: &Store, theirs: &Store) {
    assert_eq!(ours.hive().info().minor_version, theirs.hive().info().minor_version);
    let mut pending = vec![(ours.hive().root(), theirs.hive().root())];
    let mut values = 0;
    while let Some((our, their)) = pending.pop() {
        assert_eq!(our.name().to_string(), their.name().to_string());
        assert_eq!((our.flags(), our.security()), (their.flags(), their.security()), "{}", our.path());
        let read = |key: nanovhd_hive::Key<'_>| -> Vec<_> {
            key.values().map(|value| (value.name().to_string(), value.to_data())).collect()
        };
        let path = our.path();
        let listed = ["11000001", "21000001", "12000005"].iter().any(|element| path.ends_with(element));
        let (ours, theirs) = (read(our), read(their));
        assert!(listed || ours == theirs, "{path}: {ours:?} {theirs:?}");
        values += ours.len();
        let names = |key: nanovhd_hive::Key<'_>| key.subkeys().map(|key| key.name().to_string()).collect::<Vec<_>>();
        assert_eq!(names(our), names(their), "{path}");
        pending.extend(our.subkeys().zip(their.subkeys()));
    }
    assert!(values > 50, "{values}");
}

#[test]
fn a_store_for_uefi_is_the_one_that_bcdboot_makes() {
    const OLDER: &str = "this is a store of Windows 8.1, made of a template before that of Windows 10";
    const PATH: &str = "bcdboot takes the name of the Windows directory as it was told";
    const RECOVERY: &str = "the recovery environment was registered";
    const USED: &str = "Windows wrote it when it ran";
    const FIRMWARE: &str = "Windows mirrors the firmware's entries when it runs";
    let (Some(template), Some(theirs)) = (sample(TEMPLATE), sample(BCDBOOT_UEFI)) else { return };
    let disk = uuid!("9dc23e38-af40-4da5-a6e9-9b28a4a07bd1");
    let on = |partition| Device::Partition(PartitionDevice::Gpt { disk, partition });
    let ours = made(&NewStore {
        description: "Windows 8.1",
        system: on(uuid!("458f0fe8-82dc-4ee1-8550-76156038c054")),
        os: on(uuid!("3ff27d8f-bfd5-4f78-8029-25e764cf8291")),
        loader: uuid!("17d1a947-6ebc-11e3-92e2-9e90a5a36f6e"),
        resume: uuid!("17d1a946-6ebc-11e3-92e2-9e90a5a36f6e"),
        ..new_uefi(Some(&template))
    });
    let (loader, resume) = ("17d1a947-6ebc-11e3-92e2-9e90a5a36f6e", "17d1a946-6ebc-11e3-92e2-9e90a5a36f6e");
    let recovery = "17d1a948-6ebc-11e3-92e2-9e90a5a36f6e";
    let hibernation = "9dc23e38-af40-4da5-a6e9-9b28a4a07bd1 gpt partition 3ff27d8f-bfd5-4f78-8029-25e764cf8291";
    assert_differences(
        &ours,
        &Store::open(theirs).unwrap(),
        &[
            ("bootmgr", "locale", "en-US", "en-us", LANGUAGE),
            (loader, "locale", "en-US", "en-us", LANGUAGE),
            (resume, "locale", "en-US", "en-us", LANGUAGE),
            ("memdiag", "locale", "en-US", "en-us", LANGUAGE),
            (loader, "path", r"\windows\system32\winload.efi", r"\Windows\system32\winload.efi", PATH),
            (resume, "path", r"\windows\system32\winresume.efi", r"\Windows\system32\winresume.efi", PATH),
            (loader, "systemroot", r"\windows", r"\Windows", PATH),
            (loader, "detecthal", NOTHING, "true", OLDER),
            ("dbgsettings", "debugtype", "4", "0", OLDER),
            ("dbgsettings", "debugport", NOTHING, "1", OLDER),
            ("dbgsettings", "baudrate", NOTHING, "115200", OLDER),
            (loader, "recoveryenabled", NOTHING, "true", RECOVERY),
            (loader, "recoverysequence", NOTHING, recovery, RECOVERY),
            (resume, "recoveryenabled", NOTHING, "true", RECOVERY),
            (resume, "recoverysequence", NOTHING, recovery, RECOVERY),
            (recovery, HEADING, NOTHING, "Windows Boot Loader", RECOVERY),
            ("17d1a949-6ebc-11e3-92e2-9e90a5a36f6e", HEADING, NOTHING, "Device options", RECOVERY),
            (resume, "filedevice", NOTHING, hibernation, USED),
            (resume, "debugoptionenabled", NOTHING, "false", USED),
            ("fwbootmgr", HEADING, NOTHING, "Firmware Boot Manager", FIRMWARE),
            ("3d1d7402-6eaf-11e3-8252-806e6f6e6963", HEADING, NOTHING, "Firmware Application (101fffff)", FIRMWARE),
            ("60482e4a-6eaf-11e3-bd47-806e6f6e6963", HEADING, NOTHING, "Firmware Application (101fffff)", FIRMWARE),
        ],
    );
}

#[test]
fn a_store_for_uefi_has_what_a_small_one_has() {
    const SMALL: &str = "somebody left out all that is not needed to start";
    const PATH: &str = "somebody wrote the path";
    const RECOVERY: &str = "the recovery environment was registered";
    const FIRMWARE: &str = "Windows mirrors the firmware's entries when it runs";
    let (Some(template), Some(theirs)) = (sample(TEMPLATE), sample("BCD.windeploy-efi")) else { return };
    let ours = made(&NewStore {
        description: "Windows 10 Pro",
        // The element is replaced by the one that fits, and then both devices are as they are there.
        os: Device::locate(ElementId(0)),
        loader: uuid!("d65367c7-3fb7-11ec-8288-eab76d76405a"),
        resume: uuid!("bb9cb6e7-3fd0-11ec-8b53-806e6f6e6963"),
        ..new_uefi(Some(&template))
    });
    let (loader, resume) = ("d65367c7-3fb7-11ec-8288-eab76d76405a", "bb9cb6e7-3fd0-11ec-8b53-806e6f6e6963");
    assert_differences(
        &ours,
        &Store::open(theirs).unwrap(),
        &[
            ("bootmgr", "locale", "en-US", "cs-CZ", OTHER_LANGUAGE),
            (loader, "locale", "en-US", "cs-CZ", OTHER_LANGUAGE),
            (loader, "path", r"\windows\system32\winload.efi", r"\Windows\system32\winload.efi", PATH),
            (loader, "systemroot", r"\windows", r"\Windows", PATH),
            (loader, "recoveryenabled", NOTHING, "true", RECOVERY),
            (loader, "recoverysequence", NOTHING, "d65367c8-3fb7-11ec-8288-eab76d76405a", RECOVERY),
            (loader, "displaymessageoverride", NOTHING, "3", RECOVERY),
            ("fwbootmgr", HEADING, NOTHING, "Firmware Boot Manager", FIRMWARE),
            ("bootmgr", "inherit", "7ea2e1ac-2e61-4728-aaa3-896d9d0a9f0e", NOTHING, SMALL),
            ("bootmgr", "resumeobject", resume, NOTHING, SMALL),
            ("bootmgr", "toolsdisplayorder", "b2721d73-1db4-4c62-bf78-c548a880142d", NOTHING, SMALL),
            (loader, "allowedinmemorysettings", "352321653", NOTHING, SMALL),
            (loader, "inherit", "6efb52bf-1766-41db-a6b3-0ee5eff72bd7", NOTHING, SMALL),
            (loader, "isolatedcontext", "true", NOTHING, SMALL),
            (loader, "nx", "0", NOTHING, SMALL),
            (resume, HEADING, "Resume from Hibernate", NOTHING, SMALL),
            ("memdiag", HEADING, "Windows Memory Tester", NOTHING, SMALL),
            ("badmemory", HEADING, "RAM Defects", NOTHING, SMALL),
            ("dbgsettings", HEADING, "Debugger Settings", NOTHING, SMALL),
            ("emssettings", HEADING, "EMS Settings", NOTHING, SMALL),
            ("globalsettings", HEADING, "Global Settings", NOTHING, SMALL),
            ("bootloadersettings", HEADING, "Boot Loader Settings", NOTHING, SMALL),
            ("hypervisorsettings", HEADING, "Hypervisor Settings", NOTHING, SMALL),
            ("resumeloadersettings", HEADING, "Resume Loader Settings", NOTHING, SMALL),
        ],
    );
}

#[test]
fn a_store_for_uefi_has_what_that_of_setup_has() {
    const MEDIUM: &str = "a medium of Setup has it from Microsoft, not from bcdboot";
    const RAMDISK: &str = "Setup runs from a RAM disk";
    const SETUP: &str = "Setup has its own settings";
    let (Some(template), Some(theirs)) = (sample(TEMPLATE), sample("BCD.ericzimmerman-setup-efi")) else { return };
    let ours = made(&NewStore {
        system: Device::Boot,
        os: Device::Boot,
        loader: uuid!("7619dcc9-fafe-11d9-b411-000476eba25f"),
        ..new_uefi(Some(&template))
    });
    let (loader, resume) = ("7619dcc9-fafe-11d9-b411-000476eba25f", "66666666-7777-8888-9999-aaaaaaaaaaaa");
    let ramdisk = r"0 boot \sources\boot.wim ramdisk 0 7619dcc8-fafe-11d9-b411-000476eba25f 0";
    let (all, without_bad_memory) = (
        "4636856e-540f-4170-a130-a84776f4c654 0ce4991b-e6b3-4b16-b23c-5e0d9250e5d9 5189b25c-5558-4bf2-bca4-289b11bd29e2",
        "4636856e-540f-4170-a130-a84776f4c654 0ce4991b-e6b3-4b16-b23c-5e0d9250e5d9",
    );
    let memtest = (r"\EFI\Microsoft\Boot\memtest.efi", r"\efi\microsoft\boot\memtest.efi");
    assert_differences(
        &ours,
        &Store::open(theirs).unwrap(),
        &[
            ("bootmgr", "device", "boot", NOTHING, MEDIUM),
            ("bootmgr", "path", r"\EFI\Microsoft\Boot\bootmgfw.efi", NOTHING, MEDIUM),
            ("bootmgr", "resumeobject", resume, NOTHING, SETUP),
            (resume, HEADING, "Resume from Hibernate", NOTHING, SETUP),
            ("resumeloadersettings", HEADING, "Resume Loader Settings", NOTHING, SETUP),
            (loader, "resumeobject", resume, NOTHING, SETUP),
            (loader, "description", "Windows Server 2016", "Windows Setup", SETUP),
            (loader, "device", "boot", ramdisk, RAMDISK),
            (loader, "osdevice", "boot", ramdisk, RAMDISK),
            ("7619dcc8-fafe-11d9-b411-000476eba25f", HEADING, NOTHING, "Device options", RAMDISK),
            (loader, "path", r"\windows\system32\winload.efi", r"\windows\system32\boot\winload.efi", SETUP),
            (loader, "allowedinmemorysettings", "352321653", NOTHING, SETUP),
            (loader, "nx", "0", NOTHING, SETUP),
            (loader, "detecthal", NOTHING, "true", SETUP),
            (loader, "winpe", NOTHING, "true", SETUP),
            (loader, "ems", NOTHING, "false", SETUP),
            ("badmemory", HEADING, "RAM Defects", NOTHING, MEDIUM),
            ("globalsettings", "inherit", all, without_bad_memory, MEDIUM),
            ("dbgsettings", "debugtype", "4", "0", MEDIUM),
            ("dbgsettings", "debugport", NOTHING, "1", MEDIUM),
            ("dbgsettings", "baudrate", NOTHING, "115200", MEDIUM),
            ("hypervisorsettings", "description", NOTHING, "Hypervisor Settings", MEDIUM),
            ("memdiag", "badmemoryaccess", "true", NOTHING, MEDIUM),
            ("memdiag", "path", memtest.0, memtest.1, MEDIUM),
        ],
    );
}

#[test]
fn without_a_template_a_store_is_a_servers() {
    const SERVER: &str = "servers have all programs opt out of it";
    const MENU: &str = "servers have a menu of text";
    const WAIT: &str = "servers wait in front of an error";
    let Some(template) = sample(TEMPLATE) else { return };
    let (loader, resume) = ("11111111-2222-3333-4444-555555555555", "66666666-7777-8888-9999-aaaaaaaaaaaa");
    for make in [new_bios, new_uefi] {
        assert_differences(
            &made(&make(None)),
            &made(&make(Some(&template))),
            &[
                (loader, "nx", "1", "0", SERVER),
                (loader, "bootmenupolicy", NOTHING, "1", MENU),
                (resume, "bootmenupolicy", NOTHING, "1", MENU),
                ("bootmgr", "bootshutdowndisabled", "true", NOTHING, WAIT),
            ],
        );
    }
}
