//! Stores that nobody should have written: read, told about and printed, never a panic.

use nanovhd_boot::bcd::{Device, Note, Store, Value, element, id};
use nanovhd_hive::{Hive, Options, ValueData, ValueType};

use crate::edits::device;
use crate::support::{Chance, NOW, made, new_bios, new_uefi, samples};

/// Where the boot manager is.
fn bootmgr(below: &str) -> String {
    format!(r"Objects\{}{below}", id::BOOTMGR.braced())
}

/// What is noted of a new store after somebody spoiled it.
fn notes(spoil: impl Fn(&mut Hive)) -> Vec<String> {
    let mut hive = made(&new_bios(None)).hive().clone();
    spoil(&mut hive);
    let store = Store::open(hive.to_bytes().unwrap()).unwrap();
    exercise(store.clone());
    let text = store.to_string();
    store.notes().iter().for_each(|note| assert!(text.contains(&note.to_string())));
    store.notes().iter().map(Note::to_string).collect()
}

fn delete(path: &str) -> impl Fn(&mut Hive) {
    move |hive| {
        let key = hive.find(path).unwrap().id();
        hive.delete_key(key, NOW).unwrap();
    }
}

fn set(path: &str, name: &str, data: ValueData) -> impl Fn(&mut Hive) {
    move |hive| {
        let key = hive.create_key(hive.root_id(), path, NOW).unwrap();
        hive.set_value(key, name, data.clone(), NOW).unwrap();
    }
}

/// Does all that can be done with a store.
fn exercise(mut store: Store) {
    assert!(!store.to_string().is_empty());
    serde_json::to_string(&store).unwrap();
    store.key_name();
    store.is_system();
    // A damaged key may be one that takes no values, or not be found where it should be.
    let before = store.to_bytes().unwrap();
    if store.set(id::BOOTMGR, element::TIMEOUT, &Value::Integer(1), NOW).is_err() {
        assert!(store.to_bytes().unwrap() == before);
    } else {
        assert_eq!(store.object(id::BOOTMGR).unwrap().integer(element::TIMEOUT), Some(1));
        assert!(store.remove(id::BOOTMGR, element::TIMEOUT, NOW).unwrap());
        store.to_bytes().unwrap();
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let description = bootmgr(r"\Description");
    let elements = bootmgr(r"\Elements");
    let path = bootmgr(r"\Elements\12000004");
    let sz = ValueData::sz;
    let binary = |bytes: &[u8]| ValueData::binary(bytes);
    let cases: Vec<(Vec<String>, String)> = vec![
        (notes(delete("Description")), "Description: there is no such key".to_owned()),
        (notes(delete(&description)), format!("{description}: there is no such key")),
        (notes(delete(&elements)), format!("{elements}: there is no such key")),
        (
            notes(set(&description, "Type", sz("1"))),
            format!("{description}: the value \"Type\" is of the type REG_SZ, expected REG_DWORD"),
        ),
        (
            notes(set(&description, "Type", ValueData::new(ValueType::DWORD, [1]))),
            format!("{description}: the value \"Type\" has 1 bytes, expected 4"),
        ),
        (
            notes(set(r"Objects\bootmgr", "x", sz(""))),
            r"Objects\bootmgr: the name of the key is not a GUID in braces".to_owned(),
        ),
        (
            notes(set(&bootmgr(r"\Elements\1200004"), "Element", sz(""))),
            format!("{elements}\\1200004: the name of the key is not eight hexadecimal digits"),
        ),
        (
            notes(set(&bootmgr(r"\Elements\12000044"), "Elements", sz(""))),
            format!("{elements}\\12000044: there is no value \"Element\""),
        ),
        (
            notes(set(&path, "Element", binary(&[0; 4]))),
            format!("{path}: the value \"Element\" is of the type REG_BINARY, expected REG_SZ"),
        ),
        (
            notes(set(&path, "Element", ValueData::new(ValueType::SZ, [0, 0xdc, 0, 0]))),
            format!("{path}: the value \"Element\" is not UTF-16"),
        ),
        (
            notes(set(&bootmgr(r"\Elements\23000003"), "Element", sz("{\u{1b}[2J}"))),
            format!(
                "{elements}\\23000003: the value \"Element\" has \"{{\\u{{1b}}[2J}}\", expected a GUID in braces"
            ),
        ),
        (
            notes(set(&bootmgr(r"\Elements\11000001"), "Element", binary(&[0; 20]))),
            format!("{elements}\\11000001: the device: a descriptor at 0x10 needs 0x10 bytes, but there are 0x4"),
        ),
        (
            notes(set("Objects\\\u{1b}[2J", "x", sz(""))),
            r"Objects\\u{1b}[2J: the name of the key is not a GUID in braces".to_owned(),
        ),
    ];
    for (found, expected) in cases {
        assert_eq!(found, [expected]);
    }
}

#[test]
fn other_hives_are_no_stores() {
    let mut hive = Hive::create(&Options::default()).unwrap();
    assert!(!Store::is_store(&hive));
    let told = Store::from_hive(hive.clone()).unwrap_err().to_string();
    assert_eq!(told, "the registry hive has no key \"Objects\", so it is no boot configuration store");
    hive.create_key(hive.root_id(), "objects", NOW).unwrap();
    assert!(!Store::is_store(&hive));
    exercise(Store::from_hive(hive).unwrap());
    let told = Store::open(*b"MZ").unwrap_err().to_string();
    assert_eq!(told, "the file has 0x2 bytes, expected 0x1000");
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let mut store = made(&new_bios(None));
    let text = "\u{1b}[2J\n\u{9b}é";
    store.set(id::BOOTMGR, element::DESCRIPTION, &Value::text(text), NOW).unwrap();
    let device = Device::Locate { element: element::SYSTEM_ROOT, path: text.to_owned(), parent: None };
    store.set(id::BOOTMGR, element::APPLICATION_DEVICE, &Value::Device(device), NOW).unwrap();
    let printed = store.to_string();
    assert!(printed.contains("description             \\u{1b}[2J\\n\\u{9b}é\n"), "{printed}");
    assert!(printed.contains("device                  locate=\\u{1b}[2J\\n\\u{9b}é\n"), "{printed}");
    assert!(printed.chars().all(|c| c == '\n' || !c.is_control()));
    // In JSON it is as it is.
    let json = serde_json::to_value(&store).unwrap();
    assert!(json.to_string().contains("\\u001b[2J\\n\u{9b}é"));
}

/// Ours and real ones, as files.
fn files() -> Vec<Vec<u8>> {
    let ours = [new_bios(None), new_uefi(None)].map(|new| new.make().unwrap().to_bytes().unwrap());
    ours.into_iter().chain(samples().map(|(_, bytes)| bytes)).collect()
}

/// Makes the checksum right, so that the rest is looked at.
fn repair(file: &mut [u8]) {
    let sum = file[..508].chunks_exact(4).fold(0, |sum, word| sum ^ u32::from_le_bytes(word.try_into().unwrap()));
    file[508..512].copy_from_slice(&sum.to_le_bytes());
}

#[test]
fn random_damage_to_files_does_no_harm() {
    let mut chance = Chance(1);
    let files = files();
    let mut opened = 0;
    for _ in 0..4000 {
        let mut file = files[chance.below(files.len())].clone();
        for _ in 0..=chance.below(6) {
            let at = chance.below(file.len());
            file[at] = chance.next().to_le_bytes()[0];
        }
        repair(&mut file);
        if let Ok(store) = Store::open(file) {
            opened += 1;
            exercise(store);
        }
    }
    assert!(opened > 1000, "{opened}");
}

#[test]
fn random_damage_to_values_does_no_harm() {
    let mut chance = Chance(2);
    let hives: Vec<Hive> = files().into_iter().map(|file| Hive::open(file).unwrap()).collect();
    for _ in 0..1000 {
        let mut hive = hives[chance.below(hives.len())].clone();
        for _ in 0..5 {
            damage_a_value(&mut hive, &mut chance);
        }
        exercise(Store::from_hive(hive).unwrap());
    }
}

/// Changes bytes, length or type of any value.
fn damage_a_value(hive: &mut Hive, chance: &mut Chance) {
    let mut keys = vec![hive.root()];
    let mut values = Vec::new();
    while let Some(key) = keys.pop() {
        values.extend(key.values().map(|value| (key.id(), value.name().to_string(), value.to_data())));
        keys.extend(key.subkeys());
    }
    let (key, name, mut data) = values.swap_remove(chance.below(values.len()));
    match chance.below(4) {
        0 => data.kind = ValueType(chance.next().to_le_bytes()[0].into()),
        1 => data.bytes.truncate(chance.below(data.bytes.len() + 1)),
        2 => {
            let more = chance.below(100);
            data.bytes.extend(chance.bytes(more));
        }
        _ if data.bytes.is_empty() => {}
        _ => {
            let at = chance.below(data.bytes.len());
            data.bytes[at] = chance.next().to_le_bytes()[0];
        }
    }
    hive.set_value(key, &name, data, NOW).unwrap();
}

#[test]
fn random_bytes_of_devices_are_kept_or_refused() {
    let mut chance = Chance(3);
    let (mut kept, mut refused) = (0, 0);
    for round in 0..100_000 {
        let len = chance.below(200);
        let mut bytes = if round % 2 == 0 { device(&mut chance, 0).encode() } else { chance.bytes(len) };
        for _ in 0..chance.below(3) {
            if !bytes.is_empty() {
                let at = chance.below(bytes.len());
                bytes[at] = [0, 1, 5, 6, 8, 0xff, chance.next().to_le_bytes()[0]][chance.below(7)];
            }
        }
        match Device::decode(&bytes) {
            Ok(device) => {
                assert_eq!(device.encode(), bytes);
                kept += 1;
            }
            Err(fault) => {
                assert!(!fault.to_string().is_empty());
                refused += 1;
            }
        }
    }
    assert!(kept > 10_000 && refused > 10_000, "{kept} {refused}");
}
