//! Software that others wrote reads our stores, and sees what we meant.

use std::process::Command;

use nanovhd_boot::bcd::{Device, DeviceFile, ElementId, NewStore, ObjectKind, PartitionDevice, Store, Value, id};
use nanovhd_hive::{Hive, Key};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::support::{NOW, judge, made, new_bios, new_uefi, run, samples, scratch};

/// What a store says in JSON, without what is there for people: names, headings and notes.
fn plain(store: &Store) -> Json {
    let mut json = serde_json::to_value(store).unwrap();
    let strip = |value: &mut Json, names: &[&str]| {
        let fields = value.as_object_mut().unwrap();
        names.iter().for_each(|name| drop(fields.remove(*name).unwrap()));
    };
    strip(&mut json, &["notes"]);
    for object in json["objects"].as_array_mut().unwrap() {
        strip(object, &["alias", "title"]);
        object["elements"].as_array_mut().unwrap().iter_mut().for_each(|element| strip(element, &["name"]));
    }
    json
}

/// Stores of ours with all that a store can have.
fn ours() -> Vec<(&'static str, Store)> {
    let search = |new: NewStore<'static>| NewStore {
        system: Device::locate(ElementId(0)),
        os: Device::locate(ElementId(0)),
        ..new
    };
    vec![
        ("BIOS", made(&new_bios(None))),
        ("UEFI", made(&new_uefi(None))),
        ("BIOS, looked for", made(&search(new_bios(None)))),
        ("BIOS, boot", made(&NewStore { system: Device::Boot, os: Device::Boot, ..new_bios(None) })),
        ("all", everything()),
    ]
}

/// A store with each format and each device.
fn everything() -> Store {
    let file = DeviceFile { device: Box::new(Device::Boot), path: r"\disk.vhd".to_owned() };
    let on_disk = PartitionDevice::Mbr { signature: 1, offset: u64::MAX };
    let vhd = Device::VirtualDisk(Box::new(Device::File(file.clone())));
    let (element, path) = (ElementId(0x1200_0002), String::new());
    let values = [
        Value::Device(Device::File(file.clone())),
        Value::Device(Device::Locate { element, path: path.clone(), parent: Some(Box::new(vhd.clone())) }),
        Value::Device(Device::Locate { element: ElementId(0), path: r"\größe".to_owned(), parent: None }),
        Value::Device(Device::Ramdisk {
            options: id::RAMDISK_OPTIONS,
            base: 1,
            size: 2,
            offset: 3,
            file: file.clone(),
        }),
        Value::Device(vhd),
        Value::Device(Device::VirtualPartition { partition: on_disk, file: Box::new(Device::File(file)) }),
        Value::text("ω 😀"),
        Value::Object(id::MEMDIAG),
        Value::Objects(vec![id::MEMDIAG, id::BOOTMGR]),
        Value::Objects(vec![]),
        Value::Integer(u64::MAX),
        Value::Boolean(false),
        Value::Integers(vec![0, u64::MAX]),
    ];
    let mut store = made(&new_bios(None));
    let object = Uuid::from_u128(0x1234);
    store.add_object(object, ObjectKind(0xffff_ffff), NOW).unwrap();
    for (number, value) in (0x2f_0000..).zip(values) {
        let format = match value {
            Value::Device(_) => 1,
            Value::Text(_) => 2,
            Value::Object(_) => 3,
            Value::Objects(_) => 4,
            Value::Integer(_) => 5,
            Value::Boolean(_) => 6,
            _ => 7,
        };
        store.set(object, ElementId(0x2000_0000 | format << 24 | number), &value, NOW).unwrap();
    }
    store
}

#[test]
fn elements_are_what_another_program_makes_of_them() {
    let real = samples().map(|(name, bytes)| (name, Store::open(bytes).unwrap()));
    for (name, store) in ours().into_iter().chain(real) {
        let (_folder, file) = scratch(&store.to_bytes().unwrap());
        let Some(theirs) = judge("bcd_judge.py", &["json", &file]) else { return };
        let theirs: Json = serde_json::from_str(&theirs).unwrap();
        assert_eq!(plain(&store), theirs, "{name}");
    }
}

/// Names, times and values as `hive_judge.py` prints them, of strings only their number.
fn lines(hive: &Hive) -> Vec<String> {
    fn escaped(text: &str) -> String {
        let escape = |unit: u16| match u8::try_from(unit) {
            Ok(byte @ 0x21..=0x7e) if byte != b'\\' => char::from(byte).to_string(),
            _ => format!("\\u{unit:04x}"),
        };
        text.encode_utf16().map(escape).collect()
    }
    fn walk(key: Key<'_>, depth: usize, lines: &mut Vec<String>) {
        lines.push(format!("K\t{depth}\t{}\t{}\t-", escaped(&key.name().to_string()), key.last_written().0));
        for value in key.values() {
            let data: String = value.data().iter().map(|byte| format!("{byte:02x}")).collect();
            lines.push(format!("V\t{}\t{:x}\t{data}", escaped(&value.name().to_string()), value.kind().0));
        }
        key.subkeys().for_each(|key| walk(key, depth + 1, lines));
    }
    let mut all = Vec::new();
    walk(hive.root(), 0, &mut all);
    all
}

#[test]
fn libregf_reads_what_we_wrote() {
    for (name, store) in ours() {
        let (_folder, file) = scratch(&store.to_bytes().unwrap());
        let Some(theirs) = judge("hive_judge.py", &["libregf", &file]) else { return };
        let ours = lines(store.hive());
        let theirs: Vec<&str> = theirs.lines().collect();
        assert_eq!(ours.len(), theirs.len(), "{name}");
        for (our, their) in ours.iter().zip(theirs) {
            // libregf gives zeros for data of one to three bytes and cuts lists of strings at their end.
            let cut = |line: &str| {
                let fields: Vec<&str> = line.split('\t').collect();
                match fields[..] {
                    ["V", name, kind, data] if matches!(kind, "1" | "7") || data.len() < 8 => {
                        format!("V {name} {kind}")
                    }
                    _ => fields.join(" "),
                }
            };
            assert_eq!(cut(our), cut(their), "{name}");
        }
    }
}

#[test]
fn regipy_sees_who_may_do_what() {
    for (name, store) in ours() {
        let (_folder, file) = scratch(&store.to_bytes().unwrap());
        let Some(theirs) = judge("hive_judge.py", &["regipy", &file]) else { return };
        let mut rights = Vec::new();
        for line in theirs.lines().filter(|line| line.starts_with('K')) {
            let fields: Vec<&str> = line.split('\t').collect();
            let [_, depth, key, _, _, security] = fields[..] else { panic!("{line}") };
            assert!(security.contains("S-1-5-32-544") && security.contains("S-1-5-18"), "{name}: {line}");
            rights.push((depth.to_owned(), key.to_owned(), security.to_owned()));
        }
        let (root, description) = (&rights[0], &rights[1]);
        assert_eq!((description.0.as_str(), description.1.as_str()), ("1", "Description"), "{name}");
        assert_eq!(root.2, description.2, "{name}");
        assert_ne!(root.2, rights[2].2, "{name}");
        assert!(rights[2..].iter().all(|other| other.2 == rights[2].2), "{name}");
    }
}

#[test]
fn hivex_reads_what_we_wrote() {
    for (name, store) in ours() {
        let (_folder, file) = scratch(&store.to_bytes().unwrap());
        let Some(output) = run(Command::new("hivexml").arg(&file)) else { return };
        let xml = String::from_utf8(output.stdout).unwrap();
        assert_eq!(xml.matches("<node ").count(), lines(store.hive()).iter().filter(|l| l.starts_with('K')).count());
        for object in store.objects() {
            assert!(xml.contains(&format!("<node name=\"{}\"", object.id.braced())), "{name}: {}", object.id);
        }
        assert!(xml.contains("value=\"Windows Boot Manager\""), "{name}: {xml}");
    }
}
