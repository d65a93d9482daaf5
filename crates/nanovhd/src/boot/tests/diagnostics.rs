//! EMS, debuggers and test signing on a disk and in its image's template.

use std::net::Ipv4Addr;

use nanovhd_boot::bcd::ObjectKind;
use uuid::Uuid;

use super::*;
use crate::{Customization, Debugging, Ems, Secret, Way};

const KEY: &str = "se1.cr2.et3.4";

fn custom() -> Customization {
    let debug = Debugging::Net {
        host: Ipv4Addr::new(192, 168, 1, 10),
        port: 50_000,
        key: Secret::new(KEY),
        bus_params: Some("0.25.0".to_owned()),
        no_dhcp: false,
    };
    Customization { ems: Some(Ems::default()), debug: Some(debug), test_signing: true, ..Customization::default() }
}

/// The BCD of a plan.
fn store(plan: &Plan<'_>) -> Store {
    let bytes = match plan.outline().disk.firmware {
        Firmware::Bios => in_memory(&plan.tree, r"\Boot\BCD"),
        Firmware::Uefi => {
            let (_folder, disk) = build(plan);
            on_esp(&carve(plan, &disk)).remove(r"\EFI\Microsoft\Boot\BCD").unwrap().0
        }
    };
    Store::open(bytes).unwrap()
}

fn in_memory(tree: &Tree, path: &str) -> Vec<u8> {
    let content = tree.file(find(tree, path)).content().unwrap().clone();
    let Source::Bytes(bytes) = content.source() else { panic!("{path} is in memory") };
    bytes.to_vec()
}

/// Everything that [`custom`] sets.
fn assert_set(store: &Store, loaders: &[Uuid]) {
    assert_eq!(store.notes(), []);
    let settings = store.object(id::DEBUGGER_SETTINGS).unwrap();
    assert_eq!(settings.integer(element::DEBUGGER_TYPE), Some(3));
    assert_eq!(settings.integer(element::DEBUGGER_HOST_IP), Some(0xc0a8_010a));
    assert_eq!(settings.integer(element::DEBUGGER_HOST_PORT), Some(50_000));
    assert_eq!(settings.boolean(element::DEBUGGER_DHCP), Some(true));
    assert_eq!(settings.text(element::DEBUGGER_KEY), Some(KEY));
    assert_eq!(settings.text(element::DEBUGGER_BUS_PARAMS), Some("0.25.0"));
    let ems = store.object(id::EMS_SETTINGS).unwrap();
    assert_eq!((ems.integer(element::EMS_PORT), ems.integer(element::EMS_BAUD_RATE)), (Some(1), Some(115_200)));
    let on = |object: Uuid, elements: &[bcd::ElementId]| {
        let object = store.object(object).unwrap();
        elements.iter().for_each(|&element| assert_eq!(object.boolean(element), Some(true), "{element}"));
    };
    on(id::BOOTMGR, &[element::BOOT_DEBUGGER, element::BOOT_EMS]);
    for &loader in loaders {
        assert_eq!(store.object(loader).unwrap().kind, ObjectKind::LOADER);
        on(loader, &[element::BOOT_DEBUGGER, element::BOOT_EMS, element::TEST_SIGNING]);
        on(loader, &[element::KERNEL_DEBUGGER, element::KERNEL_EMS]);
    }
}

/// Which way each setting goes.
fn ways(plan: &Plan<'_>) -> Vec<(String, Way)> {
    plan.outline().settings.iter().map(|setting| (setting.setting.clone(), setting.way)).collect()
}

fn each(ways: &[Way]) -> Vec<(String, Way)> {
    let names = ["enable-ems", "debug", "test-signing"];
    names.iter().flat_map(|name| ways.iter().map(|&way| ((*name).to_owned(), way))).collect()
}

#[test]
fn store_and_template_get_the_settings() {
    let media = media();
    let targets = [id::BIOS_TARGET, id::UEFI_TARGET];
    for firmware in [Firmware::Bios, Firmware::Uefi] {
        let plan = plan(&media, &recipe(firmware).customize(custom()), |_| {}).unwrap();
        assert_set(&store(&plan), &[plan.outline().boot.as_ref().unwrap().loader_id]);
        assert_set(&Store::open(in_memory(&plan.tree, TEMPLATE)).unwrap(), &targets);
        assert_eq!(ways(&plan), each(&[Way::Bcd, Way::BcdTemplate]));
        let before = media.tree(2).unwrap();
        let (old, new) = (before.file(find(&before, TEMPLATE)), plan.tree.file(find(&plan.tree, TEMPLATE)));
        assert_eq!(old.metadata.attributes, new.metadata.attributes);
        assert_eq!(old.metadata.times.created, new.metadata.times.created);
        assert_eq!(
            before.descriptor(old.metadata.security.unwrap()),
            plan.tree.descriptor(new.metadata.security.unwrap())
        );
        let warned = plan.outline().warnings.iter().any(|warning| warning.contains("Secure Boot"));
        assert_eq!(warned, firmware == Firmware::Uefi);
    }
}

#[test]
fn no_plan_has_the_key_in_it() {
    let media = media();
    let plan = plan(&media, &recipe(Firmware::Bios).customize(custom()), |_| {}).unwrap();
    let shown = format!("{plan}\n{}", serde_json::to_string(&plan).unwrap());
    assert!(shown.contains("192.168.1.10") && !shown.contains("se1"), "{shown}");
}

#[test]
fn without_a_template_the_store_alone_has_them() {
    let media = media();
    let builtin = recipe(Firmware::Bios).bcd_template(BcdTemplate::Builtin).customize(custom());
    let kept = plan(&media, &builtin, |_| {}).unwrap();
    let gone = plan(&media, &recipe(Firmware::Bios).customize(custom()), |tree| remove(tree, TEMPLATE)).unwrap();
    for plan in [&kept, &gone] {
        assert_set(&store(plan), &[plan.outline().boot.as_ref().unwrap().loader_id]);
        assert_eq!(ways(plan), each(&[Way::Bcd]));
        assert!(plan.outline().settings.iter().all(|setting| setting.what.contains("template")));
    }
    assert!(matches!(kept.tree.file(find(&kept.tree, TEMPLATE)).content().unwrap().source(), Source::Blob(_)));
    assert!(gone.tree.lookup(TEMPLATE).is_none());
}

#[test]
fn a_disk_that_starts_nothing_keeps_them_in_the_template() {
    let media = media();
    let recipe = recipe(Firmware::Uefi).boot(false).customize(custom());
    let plan = plan(&media, &recipe, |_| {}).unwrap();
    assert_set(&Store::open(in_memory(&plan.tree, TEMPLATE)).unwrap(), &[id::BIOS_TARGET, id::UEFI_TARGET]);
    assert_eq!(ways(&plan), each(&[Way::BcdTemplate]));
    let nowhere = super::plan(&media, &recipe, |tree| remove(tree, TEMPLATE)).unwrap_err();
    assert!(crate::text::causes(&nowhere).contains("no boot configuration"), "{nowhere:?}");
}

#[test]
fn other_names_of_the_template_keep_its_bytes() {
    const STORE: &str = r"\Windows\BCD-Template of the component store";
    let media = media();
    let plan = plan(&media, &recipe(Firmware::Bios).customize(custom()), |tree| {
        let (file, folder) = (find(tree, TEMPLATE), find(tree, r"\Windows"));
        tree.link(folder, "BCD-Template of the component store".into(), file).unwrap();
    });
    let plan = plan.unwrap();
    assert!(blob(&media, &plan.tree, STORE) == blob(&media, &media.tree(2).unwrap(), TEMPLATE));
    assert_set(&Store::open(in_memory(&plan.tree, TEMPLATE)).unwrap(), &[id::BIOS_TARGET, id::UEFI_TARGET]);
}

#[test]
fn what_can_not_be_is_refused_before_any_work() {
    let media = media();
    let wrong = Customization { ems: Some(Ems { port: 1, baud_rate: 1 }), ..Customization::default() };
    let error = recipe(Firmware::Bios).edition(Edition::Datacenter).customize(wrong).plan(&media).unwrap_err();
    assert!(crate::text::causes(&error).contains("ems-baud-rate"), "{error:?}");
    assert!(error.hint().is_some());
    let broken = plan(&media, &recipe(Firmware::Bios).boot(false).customize(custom()), |tree| {
        let file = find(tree, TEMPLATE);
        tree.set_content(file, Content::bytes(*b"a text"));
    });
    let error = broken.unwrap_err();
    assert!(error.hint().unwrap_or_default().contains("--bcd-template builtin"), "{error:?}");
}

/// They follow from all that is shown, and from no secret.
#[test]
fn identifiers_depend_on_the_settings() {
    let media = media();
    let id = |custom: Customization| {
        plan(&media, &recipe(Firmware::Bios).customize(custom), |_| {}).unwrap().outline().disk.id.clone()
    };
    let ems = Customization { ems: Some(Ems::default()), ..Customization::default() };
    let other = Customization { ems: Some(Ems { port: 2, baud_rate: 9600 }), ..Customization::default() };
    let ids = [id(Customization::default()), id(ems), id(other), id(custom())];
    assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), 4);
    let mut other_key = custom();
    if let Some(Debugging::Net { key, .. }) = &mut other_key.debug {
        *key = Secret::new("1.2.3.4");
    }
    assert_eq!(id(other_key), ids[3]);
}

/// What is on the disk in the end, as hivex reads it.
#[test]
fn hivex_reads_store_and_template_from_the_disk() {
    if !have("hivexregedit") {
        return;
    }
    let media = media();
    let plan = plan(&media, &recipe(Firmware::Bios).customize(custom()), |_| {}).unwrap();
    let (folder, disk) = build(&plan);
    let found = on_volume(Part { disk: File::open(&disk).unwrap(), start: plan.volume_start });
    for path in [r#"\"Boot"\"BCD""#, r#"\"Windows"\"System32"\"config"\"BCD-Template""#] {
        let file = folder.path().join("hive");
        fs::write(&file, &found[path]).unwrap();
        let settings = format!(r"\Objects\{}\Elements", id::DEBUGGER_SETTINGS.braced());
        let export = tool("hivexregedit").arg("--export").arg(&file).arg(&settings).output().unwrap();
        let text = String::from_utf8(export.stdout).unwrap();
        for (element, data) in [
            ("15000011", "hex(3):03,00,00,00,00,00,00,00"),
            ("1500001a", "hex(3):0a,01,a8,c0,00,00,00,00"),
            ("1500001b", "hex(3):50,c3,00,00,00,00,00,00"),
            ("1600001c", "hex(3):01"),
        ] {
            let expected = format!("{element}]\n\"Element\"={data}");
            assert!(text.contains(&expected), "{path}: {expected}\n{text}");
        }
    }
}
