//! EMS, debuggers and test signing in stores and templates: what changes, and that nothing else does.

use std::net::Ipv4Addr;
use std::process::Command;

use nanovhd_boot::bcd::{
    BcdError, DebugKey, Debugger, Diagnostics, ElementId, ObjectKind, SerialPort, Store, Value, element, id,
};
use nanovhd_tree::Filetime;
use serde_json::Value as Json;
use uuid::Uuid;

use crate::support::{BCDBOOT_BIOS, LOADER, NOW, TEMPLATE, judge, made, new_bios, new_uefi, run, sample, scratch};

const LATER: Filetime = Filetime(NOW.0 + 10_000_000);
const SERIAL: Debugger<'_> = Debugger::Serial(SerialPort { port: 2, baud_rate: 57_600 });
const NET: Debugger<'_> = Debugger::Net {
    host: Ipv4Addr::new(192, 168, 1, 10),
    port: 50_000,
    key: DebugKey("1.2.3.4"),
    bus_params: Some("0.25.0"),
    dhcp: false,
};

fn debugger(debugger: Debugger<'_>) -> Diagnostics<'_> {
    Diagnostics { debugger: Some(debugger), ..Diagnostics::default() }
}

fn ems() -> Diagnostics<'static> {
    Diagnostics { ems: Some(SerialPort { port: 1, baud_rate: 115_200 }), ..Diagnostics::default() }
}

fn test_signing() -> Diagnostics<'static> {
    Diagnostics { test_signing: true, ..Diagnostics::default() }
}

/// The element of every object that is other than before, in the order of objects and elements.
fn changes(before: &Store, after: &Store) -> Vec<(Uuid, ElementId, Value)> {
    assert_eq!(before.objects().len(), after.objects().len());
    let of = |object: &nanovhd_boot::bcd::Object, element| before.object(object.id).unwrap().get(element).cloned();
    let mut changes = Vec::new();
    for object in after.objects() {
        assert!(before.object(object.id).unwrap().elements.len() <= object.elements.len());
        let others = object.elements.iter().filter(|found| of(object, found.id).as_ref() != Some(&found.value));
        changes.extend(others.map(|found| (object.id, found.id, found.value.clone())));
    }
    changes
}

/// What is in the store, by itself and after it was written.
fn applied(wanted: &Diagnostics<'_>, before: &Store) -> Store {
    let mut store = before.clone();
    wanted.apply(&mut store, LATER).unwrap();
    let again = Store::open(store.to_bytes().unwrap()).unwrap();
    assert_eq!(again.notes(), before.notes());
    assert!(again.objects().eq(store.objects()));
    // Twice the same is the same.
    let mut twice = store.clone();
    wanted.apply(&mut twice, LATER).unwrap();
    assert!(twice.to_bytes().unwrap() == store.to_bytes().unwrap());
    again
}

/// Settings, what of `{emssettings}` and `{dbgsettings}` is set, and what of the programs is switched on: elements
/// of the boot manager, then of each loader.
type Row = (Diagnostics<'static>, Vec<(Uuid, u32, Value)>, &'static [u32], &'static [u32]);

fn table() -> Vec<Row> {
    let (ems_settings, dbg) = (id::EMS_SETTINGS, id::DEBUGGER_SETTINGS);
    let (int, text) = (Value::Integer, |text: &str| Value::text(text));
    let (manager, loader): (&[u32], &[u32]) = (&[0x1600_0010], &[0x1600_0010, 0x2600_00a0]);
    vec![
        (
            ems(),
            vec![(ems_settings, 0x1500_0022, int(1)), (ems_settings, 0x1500_0023, int(115_200))],
            &[0x1600_0020],
            &[0x1600_0020, 0x2600_00b0],
        ),
        (
            debugger(SERIAL),
            vec![(dbg, 0x1500_0011, int(0)), (dbg, 0x1500_0013, int(2)), (dbg, 0x1500_0014, int(57_600))],
            manager,
            loader,
        ),
        (
            debugger(Debugger::Ieee1394 { channel: 42 }),
            vec![(dbg, 0x1500_0011, int(1)), (dbg, 0x1500_0015, int(42))],
            manager,
            loader,
        ),
        (
            debugger(Debugger::Usb { target: "nano-1" }),
            vec![(dbg, 0x1200_0016, text("nano-1")), (dbg, 0x1500_0011, int(2))],
            manager,
            loader,
        ),
        (
            debugger(NET),
            vec![
                (dbg, 0x1200_0019, text("0.25.0")),
                (dbg, 0x1200_001d, text("1.2.3.4")),
                (dbg, 0x1500_0011, int(3)),
                (dbg, 0x1500_001a, int(0xc0a8_010a)),
                (dbg, 0x1500_001b, int(50_000)),
                (dbg, 0x1600_001c, Value::Boolean(false)),
            ],
            manager,
            loader,
        ),
        // The boot programs have no debugger on the machine itself. It is the type in every template.
        (debugger(Debugger::Local), vec![], &[], &[0x2600_00a0]),
        (test_signing(), vec![], &[], &[0x1600_0049]),
        (Diagnostics::default(), vec![], &[], &[]),
    ]
}

fn check(name: &str, before: &Store, loaders: &[Uuid]) {
    for (wanted, settings, of_manager, of_loader) in table() {
        let mut expected: Vec<_> =
            settings.into_iter().map(|(object, element, value)| (object, ElementId(element), value)).collect();
        let mut on = |object: Uuid, elements: &[u32]| {
            expected.extend(elements.iter().map(|&element| (object, ElementId(element), Value::Boolean(true))));
        };
        on(id::BOOTMGR, of_manager);
        loaders.iter().for_each(|&loader| on(loader, of_loader));
        expected.sort_by_key(|(object, element, _)| (*object, *element));
        assert_eq!(changes(before, &applied(&wanted, before)), expected, "{name}: {wanted:?}");
    }
}

#[test]
fn new_stores_get_what_bcdedit_would_set_and_nothing_else() {
    check("BIOS", &made(&new_bios(None)), &[LOADER]);
    check("UEFI", &made(&new_uefi(None)), &[LOADER]);
}

#[test]
fn stores_and_templates_of_windows_get_it_too() {
    if let Some(bytes) = sample(TEMPLATE) {
        check(TEMPLATE, &Store::open(bytes.clone()).unwrap(), &[id::BIOS_TARGET, id::UEFI_TARGET]);
        check("made of it", &made(&new_uefi(Some(&bytes))), &[LOADER]);
    }
    if let Some(bytes) = sample(BCDBOOT_BIOS) {
        let store = Store::open(bytes).unwrap();
        let default = store.object(id::BOOTMGR).unwrap().object(element::DEFAULT_OBJECT).unwrap();
        check(BCDBOOT_BIOS, &store, &[default]);
    }
}

/// The store of a template that was changed is the changed store of the template.
#[test]
fn it_comes_the_same_from_template_and_store() {
    let Some(bytes) = sample(TEMPLATE) else { return };
    let wanted = Diagnostics { debugger: Some(NET), test_signing: true, ..ems() };
    let mut template = Store::open(bytes.clone()).unwrap();
    wanted.apply(&mut template, LATER).unwrap();
    let template = template.to_bytes().unwrap();
    for (from_template, from_store) in
        [(new_bios(Some(&template)), new_bios(Some(&bytes))), (new_uefi(Some(&template)), new_uefi(Some(&bytes)))]
    {
        assert!(made(&from_template).objects().eq(applied(&wanted, &made(&from_store)).objects()));
    }
}

#[test]
fn it_is_shown_as_bcdedit_shows_it() {
    let wanted = Diagnostics { debugger: Some(NET), test_signing: true, ..ems() };
    let shown = applied(&wanted, &made(&new_bios(None))).to_string();
    for part in [
        "Debugger Settings
-----------------
identifier              {dbgsettings}
busparams               0.25.0
key                     1.2.3.4
debugtype               NET
hostip                  192.168.1.10
port                    50000
dhcp                    No
",
        "EMS Settings
------------
identifier              {emssettings}
emsport                 1
emsbaudrate             115200
bootems                 No
",
        "inherit                 {globalsettings}
bootdebug               Yes
bootems                 Yes
bootshutdowndisabled    Yes
",
        "
bootdebug               Yes
bootems                 Yes
testsigning             Yes
",
        "
debug                   Yes
ems                     Yes",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
}

/// Without the lists that bcdboot makes, programs would not find their settings.
#[test]
fn programs_that_inherit_nothing_come_to_inherit_what_is_set() {
    let mut store = made(&new_bios(None));
    for settings in [id::DEBUGGER_SETTINGS, id::EMS_SETTINGS] {
        store.remove_object(settings, NOW).unwrap();
    }
    store.remove(id::BOOTMGR, element::INHERIT, NOW).unwrap();
    // In circles, and to nowhere.
    let circle = Value::Objects(vec![LOADER, Uuid::from_u128(7), id::RESUME_SETTINGS]);
    store.set(LOADER, element::INHERIT, &circle, NOW).unwrap();
    store.set(id::GLOBAL_SETTINGS, element::INHERIT, &Value::Objects(vec![id::RESUME_SETTINGS]), NOW).unwrap();
    Diagnostics { debugger: Some(SERIAL), ..ems() }.apply(&mut store, LATER).unwrap();
    let inherited = |object| store.object(object).unwrap().objects(element::INHERIT).unwrap();
    assert_eq!(inherited(id::BOOTMGR), [id::EMS_SETTINGS, id::DEBUGGER_SETTINGS]);
    let expected = [LOADER, Uuid::from_u128(7), id::RESUME_SETTINGS, id::EMS_SETTINGS, id::DEBUGGER_SETTINGS];
    assert_eq!(inherited(LOADER), expected);
    let settings = store.object(id::DEBUGGER_SETTINGS).unwrap();
    assert_eq!((settings.kind, settings.integer(element::DEBUGGER_TYPE)), (ObjectKind::INHERITED, Some(0)));
}

#[test]
fn what_can_not_be_changes_nothing() {
    let mut store = made(&new_bios(None));
    let bad = debugger(Debugger::Ieee1394 { channel: 63 });
    let unchanged = store.to_bytes().unwrap();
    assert!(matches!(bad.apply(&mut store, LATER), Err(BcdError::Diagnostics(_))));
    assert!(store.to_bytes().unwrap() == unchanged);
    store.remove_object(LOADER, NOW).unwrap();
    assert_eq!(ems().apply(&mut store, LATER), Err(BcdError::NoObject(LOADER)));
    store.remove(id::BOOTMGR, element::DEFAULT_OBJECT, NOW).unwrap();
    assert_eq!(ems().apply(&mut store, LATER), Err(BcdError::NoObject(id::BIOS_TARGET)));
    store.remove_object(id::BOOTMGR, NOW).unwrap();
    assert_eq!(ems().apply(&mut store, LATER), Err(BcdError::NoObject(id::BOOTMGR)));
    assert_eq!(Diagnostics::default().apply(&mut store, LATER), Ok(()));
}

/// Stores with everything on, as dissect.regf and hivex read them.
#[test]
fn other_programs_read_what_was_set() {
    for new in [new_bios(None), new_uefi(None)] {
        let wanted = Diagnostics { debugger: Some(NET), test_signing: true, ..ems() };
        let (_folder, file) = scratch(&applied(&wanted, &made(&new)).to_bytes().unwrap());
        if let Some(theirs) = judge("bcd_judge.py", &["json", &file]) {
            let theirs: Json = serde_json::from_str(&theirs).unwrap();
            let value = |object: Uuid, element: ElementId| {
                let objects = theirs["objects"].as_array().unwrap().iter();
                let object = objects.clone().find(|found| found["id"] == object.to_string()).unwrap();
                let elements = object["elements"].as_array().unwrap().iter();
                elements.clone().find(|found| found["id"] == element.to_string()).unwrap()["value"].clone()
            };
            let settings = |element| value(id::DEBUGGER_SETTINGS, element);
            assert_eq!(settings(element::DEBUGGER_TYPE), 3);
            assert_eq!(settings(element::DEBUGGER_HOST_IP), 0xc0a8_010a_u32);
            assert_eq!(settings(element::DEBUGGER_HOST_PORT), 50_000);
            assert_eq!(settings(element::DEBUGGER_KEY), "1.2.3.4");
            assert_eq!(settings(element::DEBUGGER_BUS_PARAMS), "0.25.0");
            assert_eq!(settings(element::DEBUGGER_DHCP), false);
            assert_eq!(value(id::EMS_SETTINGS, element::EMS_BAUD_RATE), 115_200);
            assert_eq!(value(LOADER, element::TEST_SIGNING), true);
            assert_eq!(value(LOADER, element::KERNEL_DEBUGGER), true);
            assert_eq!(value(id::BOOTMGR, element::BOOT_EMS), true);
        }
        let key = format!(r"\Objects\{}\Elements\1500001a", id::DEBUGGER_SETTINGS.braced());
        let Some(output) = run(Command::new("hivexregedit").args(["--export", &file, &key])) else { return };
        let exported = String::from_utf8(output.stdout).unwrap();
        assert!(exported.contains("\"Element\"=hex(3):0a,01,a8,c0,00,00,00,00"), "{exported}");
    }
}
