//! Stores that Windows made: read, printed, written, and edited without loss.

use nanovhd_boot::bcd::{Device, Element, Store, Value, element, id};
use nanovhd_hive::Hive;
use nanovhd_tree::Filetime;

use crate::dump::dump;
use crate::support::{TEMPLATE, sample, samples};

#[test]
fn real_stores_are_understood_completely() {
    for (name, bytes) in samples() {
        let hive = Hive::open(bytes.clone()).unwrap();
        assert!(Store::is_store(&hive), "{name}");
        let store = Store::open(bytes).unwrap();
        assert_eq!(store.notes(), [], "{name}");
        for object in store.objects() {
            for Element { id, value } in &object.elements {
                let unknown = matches!(value, Value::Unknown { .. } | Value::Device(Device::Unknown(_)));
                assert!(!unknown, "{name}: {} {id}: {value:?}", object.id);
            }
        }
    }
}

#[test]
fn devices_of_real_stores_are_written_as_they_were() {
    let mut devices = 0;
    for (name, bytes) in samples() {
        let hive = Hive::open(bytes.clone()).unwrap();
        for object in Store::open(bytes).unwrap().objects() {
            for (element, value) in object.elements.iter().map(|element| (element.id, &element.value)) {
                let Value::Device(device) = value else { continue };
                let path = format!(r"Objects\{}\Elements\{element}", object.id.braced());
                let stored = hive.find(&path).and_then(|key| key.value("Element")).unwrap();
                assert_eq!(device.encode(), *stored.data(), "{name} {path}");
                devices += 1;
            }
        }
    }
    println!("{devices} devices");
}

#[test]
fn real_stores_print_as_bcdedit_prints_them() {
    let cases = [
        ("BCD-NEW.bcdsys-empty", &["The store has no objects."][..]),
        (
            TEMPLATE,
            &[
                "inherit                 {dbgsettings}\n                        {emssettings}\n",
                "elementstomigrate       0x16000010\n                        0x26000020\n",
                "Windows Legacy OS Loader\n------------------------\nidentifier              {ntldr}\n",
                "identifier              {a1943bbc-ea85-487c-97c7-c9ede908a38a}\n",
                "custom:42000002         \\system32\\winload.exe\n",
            ],
        ),
        (
            "BCD.ericzimmerman-setup-efi",
            &[
                "device                  ramdisk=[boot]\\sources\\boot.wim,{7619dcc8-fafe-11d9-b411-000476eba25f}\n",
                "Device options\n--------------\nidentifier              {7619dcc8-fafe-11d9-b411-000476eba25f}\n",
                "ramdisksdipath          \\boot\\boot.sdi",
                "hypervisordebugtype     Serial\nhypervisordebugport     1\nhypervisorbaudrate      115200\n",
            ],
        ),
        (
            "BCD.windeploy-bios",
            &[
                "Windows Boot Manager\n--------------------\nidentifier              {bootmgr}\ndevice                  boot\n",
                "device                  partition=0x100000 on disk 0xddba6bbb\n",
                "nx                      OptIn\nbootmenupolicy          Standard\n\nResume from Hibernate\n",
                "allowedinmemorysettings 0x15000075\n",
                "badmemoryaccess         Yes\n\nEMS Settings\n------------\n",
            ],
        ),
        (
            "BCD.windeploy-efi",
            &[
                "device                  partition={85c434af-7860-49b3-85c3-b70316081b7b} on disk \
                 {20ac3077-f7cd-4c47-95d5-53fbf8b752b5}\n",
                "device                  locate=\\Windows\\system32\\winload.efi\n",
                "osdevice                locate=\\Windows\n",
                "displaymessageoverride  Recovery\n",
            ],
        ),
        (
            "BCD.pybcd-devices",
            &[
                "device                  file=[boot]\\Workspace\\metadeploy\\boot.wim\n",
                "device                  ramdisk=[boot]\\boot\\boot.wim,{ramdiskoptions}\n",
                "device                  vhd=[locate]\\test.vhd,locate=custom:12000002\n",
                "osdevice                vhd=[0x100000 on disk 0x36234da4]\\test.vhd,locate=custom:12345678",
            ],
        ),
    ];
    for (name, expected) in cases {
        let Some(bytes) = sample(name) else { continue };
        let text = Store::open(bytes).unwrap().to_string();
        for part in expected {
            assert!(text.contains(part), "{name}: no\n{part}\nin\n{text}");
        }
    }
}

#[test]
fn real_stores_survive_being_written() {
    for (name, bytes) in samples() {
        let before = Store::open(bytes).unwrap();
        let after = Store::open(before.to_bytes().unwrap()).unwrap();
        assert_eq!(dump(before.hive()), dump(after.hive()), "{name}");
        assert!(before.objects().eq(after.objects()), "{name}");
    }
}

#[test]
fn an_edit_of_a_real_store_changes_nothing_else() {
    const NOW: Filetime = Filetime(131_207_904_000_000_000);
    for (name, bytes) in samples() {
        let before = Store::open(bytes).unwrap();
        if before.object(id::BOOTMGR).is_none() {
            continue;
        }
        let mut edited = before.clone();
        edited.set(id::BOOTMGR, element::TIMEOUT, &Value::Integer(7), NOW).unwrap();
        let after = Store::open(edited.to_bytes().unwrap()).unwrap();
        assert_eq!(after.object(id::BOOTMGR).unwrap().integer(element::TIMEOUT), Some(7));
        let (before, after) = (dump(before.hive()), dump(after.hive()));
        assert_eq!(before.len(), after.len(), "{name}");
        let changed: Vec<&String> = before.iter().zip(&after).filter(|(a, b)| a != b).map(|(_, b)| b).collect();
        let path = format!(r"Objects\{}\Elements\25000004", id::BOOTMGR.braced());
        assert!(changed[0].starts_with(&path) && changed[0].contains(" 131207904000000000 "), "{name}: {changed:?}");
        assert_eq!(changed[1..], [&format!(r"{path}\Element = REG_BINARY 0700000000000000")], "{name}");
    }
}
