//! Random stores: what is put into one is what is read out of it.

use std::collections::BTreeMap;

use nanovhd_boot::bcd::{
    BcdError, Device, DeviceFile, ElementId, Format, ObjectKind, PartitionDevice, Store, Value, element, id,
};
use nanovhd_hive::ValueType;
use nanovhd_tree::Filetime;
use uuid::Uuid;

use crate::support::{Chance, NOW, made, new_bios};

type Model = BTreeMap<Uuid, (ObjectKind, BTreeMap<ElementId, Value>)>;

fn text(chance: &mut Chance) -> String {
    let letters = ['a', '\\', 'é', 'ω', '😀', ' ', '\u{7}'];
    (0..chance.below(12)).map(|_| letters[chance.below(letters.len())]).collect()
}

pub(crate) fn device(chance: &mut Chance, depth: u32) -> Device {
    let file = |chance: &mut Chance| DeviceFile { device: Box::new(device(chance, depth + 1)), path: text(chance) };
    let partition = if chance.below(2) == 0 {
        PartitionDevice::Gpt { disk: chance.uuid(), partition: chance.uuid() }
    } else {
        PartitionDevice::Mbr { signature: chance.next().to_le_bytes()[0].into(), offset: chance.next() }
    };
    match chance.below(if depth < 4 { 8 } else { 3 }) {
        0 => Device::Boot,
        1 => Device::Partition(partition),
        2 => Device::Locate { element: element::SYSTEM_ROOT, path: text(chance), parent: None },
        // Only the outermost device has options.
        3 if depth == 0 => {
            let (options, base, size, offset) = (chance.uuid(), chance.next(), chance.next(), 7);
            Device::Ramdisk { options, base, size, offset, file: file(chance) }
        }
        3 | 4 => Device::File(file(chance)),
        5 => Device::VirtualDisk(Box::new(device(chance, depth + 1))),
        6 => Device::VirtualPartition { partition, file: Box::new(device(chance, depth + 1)) },
        _ => {
            let parent = Some(Box::new(device(chance, depth + 1)));
            Device::Locate { element: element::APPLICATION_PATH, path: text(chance), parent }
        }
    }
}

fn value(chance: &mut Chance, format: Format) -> Value {
    match format {
        Format::Device => Value::Device(device(chance, 0)),
        Format::Text => Value::Text(text(chance)),
        Format::Object => Value::Object(chance.uuid()),
        Format::Objects => Value::Objects((0..chance.below(4)).map(|_| chance.uuid()).collect()),
        Format::Integer => Value::Integer(chance.next() >> chance.below(64)),
        Format::Boolean => Value::Boolean(chance.below(2) == 1),
        Format::Integers => Value::Integers((0..chance.below(4)).map(|_| chance.next()).collect()),
        Format::Other(_) => {
            let len = chance.below(40);
            Value::Unknown { kind: ValueType(9), bytes: chance.bytes(len) }
        }
    }
}

/// One of few, so that they meet again.
fn random_element(chance: &mut Chance) -> ElementId {
    let mut below = |limit| u32::try_from(chance.below(limit)).unwrap();
    let (class, format, number) = (1 + below(4), below(9), 1 + below(6));
    ElementId(class << 28 | format << 24 | number)
}

fn model_of(store: &Store) -> Model {
    let elements =
        |object: &nanovhd_boot::bcd::Object| object.elements.iter().map(|e| (e.id, e.value.clone())).collect();
    store.objects().map(|object| (object.id, (object.kind, elements(object)))).collect()
}

#[test]
fn random_edits_give_what_a_model_says() {
    let mut chance = Chance(20_161_013);
    let mut store = made(&new_bios(None));
    let mut model = model_of(&store);
    for step in 0..1500_u64 {
        let time = Filetime(NOW.0 + step);
        let ids: Vec<Uuid> = model.keys().copied().collect();
        let object = ids[chance.below(ids.len())];
        let element = random_element(&mut chance);
        match chance.below(20) {
            0 => {
                let (new, kind) = (chance.uuid(), ObjectKind(0x1020_0003));
                store.add_object(new, kind, time).unwrap();
                model.insert(new, (kind, BTreeMap::new()));
            }
            1 if ids.len() > 5 => {
                store.remove_object(object, time).unwrap();
                model.remove(&object);
            }
            2..=6 => {
                let found = store.remove(object, element, time).unwrap();
                assert_eq!(found, model.get_mut(&object).unwrap().1.remove(&element).is_some());
            }
            _ => {
                let value = value(&mut chance, element.format());
                store.set(object, element, &value, time).unwrap();
                model.get_mut(&object).unwrap().1.insert(element, value);
            }
        }
        assert_eq!(model_of(&store), model, "step {step}");
        if step % 50 == 0 {
            store = Store::open(store.to_bytes().unwrap()).unwrap();
            assert_eq!((model_of(&store), store.notes()), (model.clone(), &[][..]), "step {step}");
            assert!(!store.to_string().contains('\u{7}'));
        }
    }
}

#[test]
fn random_devices_read_as_they_were_written() {
    let mut chance = Chance(7);
    for _ in 0..20_000 {
        let device = device(&mut chance, 0);
        assert_eq!(Device::decode(&device.encode()).as_ref(), Ok(&device));
    }
}

#[test]
fn what_no_store_can_hold_is_refused() {
    let mut store = made(&new_bios(None));
    let before = store.to_bytes().unwrap();
    let nobody = Uuid::from_u128(9);
    let told = [
        store.set(nobody, element::TIMEOUT, &Value::Integer(1), NOW).unwrap_err(),
        store.set(id::BOOTMGR, element::TIMEOUT, &Value::text("1"), NOW).unwrap_err(),
        store.set(id::BOOTMGR, element::DESCRIPTION, &Value::text("a\0b"), NOW).unwrap_err(),
        store.remove(nobody, element::TIMEOUT, NOW).unwrap_err(),
        store.remove_object(nobody, NOW).unwrap_err(),
        store.add_object(id::BOOTMGR, ObjectKind::BOOT_MANAGER, NOW).unwrap_err(),
    ];
    let none = "the store has no object {00000000-0000-0000-0000-000000000009}";
    let expected = [
        none,
        "the element 25000004 of {bootmgr} is of the format integer, so it can't be a string",
        "the text \"a\\0b\" has a zero in it",
        none,
        none,
        "the store has an object {bootmgr} already",
    ];
    assert_eq!(told.map(|error| error.to_string()), expected);
    let long = Value::Text("x".repeat(1 << 20));
    for element in [element::DESCRIPTION, ElementId(0x1200_0030)] {
        assert!(matches!(store.set(id::BOOTMGR, element, &long, NOW), Err(BcdError::Edit(_))));
    }
    assert!(!store.remove(id::BOOTMGR, element::RECOVERY_SEQUENCE, NOW).unwrap());
    assert!(store.to_bytes().unwrap() == before, "a refused edit changes nothing");
}
