//! What a template must have, and what becomes of what else it has.

use nanovhd_boot::Firmware;
use nanovhd_boot::bcd::{Device, ElementId, NewStore, Object, ObjectKind, Store, Value, element, id};
use nanovhd_hive::{Hive, MinorVersion, Options, ValueData};
use uuid::Uuid;

use crate::support::{LOADER, NOW, RESUME, TEMPLATE, made, mbr, new_bios, new_uefi, sample};

/// A template that has no more than it must, but for one thing: settings that nobody knows.
fn smallest() -> Store {
    let options = Options { minor_version: MinorVersion::V3, ..Options::default() };
    let mut hive = Hive::create(&options).unwrap();
    let description = hive.create_key(hive.root_id(), "Description", NOW).unwrap();
    hive.set_value(description, "KeyName", ValueData::sz("BCD00000000"), NOW).unwrap();
    hive.create_key(hive.root_id(), "Objects", NOW).unwrap();
    let mut store = Store::from_hive(hive).unwrap();
    let objects = [
        (id::BOOTMGR, ObjectKind::BOOT_MANAGER, vec![(element::TEMPLATE_DEVICE, Value::Integer(1))]),
        (
            id::BIOS_TARGET,
            ObjectKind::LOADER,
            vec![
                (element::SYSTEM_ROOT, Value::text(r"\Windows")),
                (element::TEMPLATE_PATH, Value::text(r"\system32\winload.exe")),
                (element::TEMPLATE_DEVICE, Value::Integer(2)),
            ],
        ),
        (
            UNKNOWN,
            ObjectKind::INHERITED,
            vec![(ElementId(0x1900_0001), Value::Unknown { kind: nanovhd_hive::ValueType(5), bytes: vec![1, 2, 3] })],
        ),
    ];
    for (id, kind, elements) in objects {
        store.add_object(id, kind, NOW).unwrap();
        for (element, value) in elements {
            store.set(id, element, &value, NOW).unwrap();
        }
    }
    store
}

const UNKNOWN: Uuid = Uuid::from_u128(0xabc);

fn make(template: &Store) -> Result<Store, String> {
    let bytes = template.to_bytes().unwrap();
    new_bios(Some(&bytes)).make().map_err(|error| error.to_string())
}

#[test]
fn a_small_template_is_enough() {
    let store = make(&smallest()).unwrap();
    let text = store.to_string();
    let expected = "\
Windows Boot Manager
--------------------
identifier              {bootmgr}
device                  partition=0x100000 on disk 0xddba6bbb
default                 {11111111-2222-3333-4444-555555555555}
displayorder            {11111111-2222-3333-4444-555555555555}

Windows Boot Loader
-------------------
identifier              {11111111-2222-3333-4444-555555555555}
device                  partition=0x100000 on disk 0xddba6bbb
path                    \\Windows\\system32\\winload.exe
osdevice                partition=0x100000 on disk 0xddba6bbb
systemroot              \\Windows

Inherited Settings (20100000)
-----------------------------
identifier              {00000000-0000-0000-0000-000000000abc}
custom:19000001         REG_DWORD_BIG_ENDIAN 010203";
    assert_eq!(text, expected);
    assert_eq!((store.key_name().as_deref(), store.is_system()), (Some("BCD00000000"), true));
}

#[test]
fn what_a_template_lacks_is_told() {
    let spoiled = |spoil: &dyn Fn(&mut Store)| {
        let mut template = smallest();
        spoil(&mut template);
        make(&template).unwrap_err()
    };
    let target = "{a1943bbc-ea85-487c-97c7-c9ede908a38a}";
    let lacks = "the template has no object";
    let element = "the template's element";
    let set = |id, element, value: Value| move |store: &mut Store| store.set(id, element, &value, NOW).unwrap();
    let resume = set(id::BIOS_TARGET, element::ASSOCIATED_RESUME_OBJECT, Value::Object(id::BIOS_RESUME));
    let device = set(id::BIOS_TARGET, element::TEMPLATE_DEVICE, Value::Integer(3));
    let place = set(id::BOOTMGR, element::TEMPLATE_DEVICE, Value::Integer(7));
    let cases = [
        (
            spoiled(&|store| store.remove_object(id::BOOTMGR, NOW).unwrap()),
            format!("{lacks} {{bootmgr}}, the boot manager"),
        ),
        (
            spoiled(&|store| store.remove_object(id::BIOS_TARGET, NOW).unwrap()),
            format!("{lacks} {target}, the Windows loader for a BIOS"),
        ),
        (
            spoiled(&|store| {
                store.remove_object(id::BOOTMGR, NOW).unwrap();
                store.add_object(id::BOOTMGR, ObjectKind::NTLDR, NOW).unwrap();
            }),
            "the template's object {bootmgr}, the boot manager, is of the kind 10300006, expected 10100002"
                .to_owned(),
        ),
        (
            spoiled(&resume),
            format!("{lacks} {{98b02a23-0674-4ce7-bdad-e0a15a8ff97b}}, what resumes from hibernation"),
        ),
        (
            spoiled(&|store| assert!(store.remove(id::BIOS_TARGET, element::SYSTEM_ROOT, NOW).unwrap())),
            format!("{element} 22000002 of {target}, the Windows directory, is not there, expected a string"),
        ),
        (
            spoiled(&|store| assert!(store.remove(id::BIOS_TARGET, element::TEMPLATE_PATH, NOW).unwrap())),
            format!("{element} 42000002 of {target}, the path of a program, is not there, expected a string"),
        ),
        (
            spoiled(&place),
            format!(
                "{element} 45000001 of {{bootmgr}}, the place of a program, is 7, expected 1 (the system partition) or \
                 2 (that of Windows)"
            ),
        ),
        (
            spoiled(&|store| {
                resume(store);
                store.add_object(id::BIOS_RESUME, ObjectKind::RESUME, NOW).unwrap();
            }),
            format!(
                "{element} 42000002 of {{98b02a23-0674-4ce7-bdad-e0a15a8ff97b}}, the path of a program, is not there, \
                 expected a string"
            ),
        ),
        (
            spoiled(&device),
            format!(
                "{element} 45000001 of {target}, the place of a program, is 3, expected 2 (the partition of Windows)"
            ),
        ),
    ];
    for (told, expected) in cases {
        assert_eq!(told, expected);
    }
    let file = b"no hive".to_vec();
    let told = new_bios(Some(&file)).make().unwrap_err().to_string();
    assert_eq!(told, "the file has 0x7 bytes, expected 0x1000");
    let uefi = smallest().to_bytes().unwrap();
    let told = new_uefi(Some(&uefi)).make().unwrap_err().to_string();
    assert_eq!(told, format!("{lacks} {{b012b84d-c47c-4ed5-b722-c0c42163e569}}, the Windows loader for UEFI"));
}

#[test]
fn what_is_asked_for_must_make_sense() {
    let told = |new: NewStore<'_>| new.make().unwrap_err().to_string();
    let same = "the new objects can't both be";
    assert!(told(NewStore { resume: LOADER, ..new_bios(None) }).starts_with(same));
    assert!(told(NewStore { loader: id::MEMDIAG, ..new_bios(None) }).starts_with(same));
    assert_eq!(
        told(NewStore { description: "Windows\0", ..new_bios(None) }),
        "the name of the Windows \"Windows\\0\" has a zero in it"
    );
}

#[test]
fn nothing_of_the_template_alone_is_in_a_store() {
    for (new, loader) in [(new_bios(None), ".exe"), (new_uefi(None), ".efi")] {
        let from_image = sample(TEMPLATE);
        for template in [None, from_image.as_deref()] {
            let store = made(&NewStore { template, ..new.clone() });
            assert!(store.objects().all(|object| object.elements.iter().all(|element| element.id.class() != 4)));
            let of_kind = |kind| store.objects().filter(|object| object.kind == kind).collect::<Vec<&Object>>();
            let [only] = of_kind(ObjectKind::LOADER)[..] else { panic!("{store}") };
            assert!(only.id == LOADER && only.text(element::APPLICATION_PATH).unwrap().ends_with(loader));
            let [only] = of_kind(ObjectKind::RESUME)[..] else { panic!("{store}") };
            assert!(only.id == RESUME && only.text(element::APPLICATION_PATH).unwrap().ends_with(loader));
            assert!(of_kind(ObjectKind::NTLDR).is_empty());
            assert_eq!(store.objects().len(), 11);
        }
    }
}

#[test]
fn settings_of_the_template_are_taken_over() {
    let Some(template) = sample(TEMPLATE) else { return };
    let mut template = Store::open(template).unwrap();
    let settings = [
        (element::KERNEL_EMS, Value::Boolean(true)),
        (element::TEST_SIGNING, Value::Boolean(true)),
        (element::NX_POLICY, Value::Integer(3)),
        (element::LOCALE, Value::text("de-DE")),
    ];
    for (element, value) in &settings {
        template.set(id::BIOS_TARGET, *element, value, NOW).unwrap();
    }
    let store = make(&template).unwrap();
    for (element, value) in &settings {
        assert_eq!(store.object(LOADER).unwrap().get(*element), Some(value));
    }
}

#[test]
fn a_device_is_looked_for_by_what_is_on_it() {
    let anywhere = Device::locate(ElementId(0));
    let store = made(&NewStore { system: anywhere.clone(), os: anywhere, ..new_bios(None) });
    let program = Device::locate(element::APPLICATION_PATH);
    for id in [id::BOOTMGR, id::MEMDIAG, LOADER, RESUME] {
        assert_eq!(store.object(id).unwrap().device(element::APPLICATION_DEVICE), Some(&program), "{id}");
    }
    let windows = Device::locate(element::SYSTEM_ROOT);
    assert_eq!(store.object(LOADER).unwrap().device(element::OS_DEVICE), Some(&windows));
    assert_eq!(store.object(RESUME).unwrap().device(element::OS_DEVICE), None);
    // One that is looked for by a path of its own stays as it is.
    let path = Device::Locate { element: ElementId(0), path: r"\marker".to_owned(), parent: None };
    let store = made(&NewStore { system: mbr(), os: path.clone(), ..new_bios(None) });
    assert_eq!(store.object(LOADER).unwrap().device(element::OS_DEVICE), Some(&path));
}

#[test]
fn the_same_is_made_of_the_same() {
    let bytes = |new: &NewStore<'_>| new.make().unwrap().to_bytes().unwrap();
    for new in [new_bios(None), new_uefi(None)] {
        let first = bytes(&new);
        assert_eq!(first, bytes(&new.clone()));
        assert_eq!(first.len(), 0x5000, "a base block and four bins' worth");
        assert_ne!(first, bytes(&NewStore { description: "Windows Server 2019", ..new }));
        let store = Store::open(first).unwrap();
        let mut keys = vec![store.hive().root()];
        while let Some(key) = keys.pop() {
            assert_eq!(key.last_written(), NOW);
            keys.extend(key.subkeys());
        }
    }
    assert_ne!(bytes(&new_bios(None)), bytes(&NewStore { firmware: Firmware::Uefi, ..new_bios(None) }));
}
