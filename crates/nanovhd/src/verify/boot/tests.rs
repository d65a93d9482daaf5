//! Disks that would start, and such that would not, for one reason each.

mod sample;

use std::path::Path;

use nanovhd_boot::Firmware;
use nanovhd_boot::bcd::{Device, PartitionDevice, Value, element, id};
use nanovhd_disk::{Format, PartitionKind};
use nanovhd_tree::Attributes;
use uuid::Uuid;

use super::BootRule;
use crate::verify::{Verification, VerifyOptions, verify};
use sample::{LOADER, RESUME, Sample, TIME, add, esp_file, partition, program, remove, seal};

const BOTH: [Firmware; 2] = [Firmware::Bios, Firmware::Uefi];

fn verified(sample: &Sample, folder: &Path) -> Verification {
    let path = folder.join("disk");
    sample.write(&path);
    verify(&path, None, &VerifyOptions::default(), &()).unwrap()
}

/// The rules that are broken, and what the boot check says.
fn outcome(sample: &Sample, folder: &Path) -> (Vec<&'static str>, Option<String>, String) {
    let verification = verified(sample, folder);
    let rules = verification.rules.iter().map(|rule| rule.rule).collect();
    let said = verification.checks.iter().find(|check| check.place == crate::Place::Boot);
    (rules, said.map(|check| check.what.clone()), verification.to_string())
}

fn set(sample: &mut Sample, object: Uuid, element: nanovhd_boot::bcd::ElementId, value: &Value) {
    sample.store.set(object, element, value, TIME).unwrap();
}

fn set_to(sample: &mut Sample, object: Uuid, element: nanovhd_boot::bcd::ElementId, value: fn(&Sample) -> Value) {
    let value = value(sample);
    set(sample, object, element, &value);
}

/// A partition that is not there, on the right disk.
fn nowhere(sample: &Sample) -> Value {
    let mut device = partition(&sample.layout, 0);
    match &mut device {
        Device::Partition(PartitionDevice::Gpt { partition, .. }) => *partition = Uuid::from_u128(99),
        Device::Partition(PartitionDevice::Mbr { offset, .. }) => *offset += 512,
        _ => unreachable!(),
    }
    Value::Device(device)
}

/// A partition of another disk.
fn elsewhere(sample: &Sample) -> Value {
    let mut device = partition(&sample.layout, 0);
    match &mut device {
        Device::Partition(PartitionDevice::Gpt { disk, .. }) => *disk = Uuid::from_u128(99),
        Device::Partition(PartitionDevice::Mbr { signature, .. }) => *signature ^= 1,
        _ => unreachable!(),
    }
    Value::Device(device)
}

/// A boot record that is not ours: a jump, and instructions that do nothing.
const FOREIGN: [u8; 8192] = {
    let mut code = [0x90; 8192];
    (code[0], code[1]) = (0xeb, 0x52);
    code
};

type Seed = fn(&mut Sample);

/// What breaks a rule: one change each, for a BIOS and for UEFI where the rule is for both.
fn seeds(rule: BootRule) -> (&'static [Seed], &'static [Seed]) {
    match rule {
        BootRule::SystemPartition => {
            (&[|s| s.active = false], &[|s| s.layout.partitions[0].kind = PartitionKind::BasicData])
        }
        BootRule::SectorSize => (
            &[|s| {
                (s.format, s.layout.sector_size) = (Format::VhdxDynamic, 4096);
                (s.hidden_sectors, s.boot_code) = (s.hidden_sectors / 8, None);
            }],
            &[],
        ),
        BootRule::MbrCode => (&[|s| s.mbr_code.clear()], &[]),
        BootRule::RecordCode => (&[|s| s.boot_code = None], &[]),
        BootRule::RecordPlace => (&[|s| s.hidden_sectors = 63, |s| s.hidden_sectors = 0], &[]),
        BootRule::OwnCode => (&[|s| s.flips.push(0x20), |s| s.flips.push((1 << 20) + 0x200)], &[]),
        BootRule::Manager => (&[|s| s.without(r"\bootmgr")], &[|s| s.without(r"\EFI\Microsoft\Boot\bootmgfw.efi")]),
        BootRule::ManagerForm => (
            &[
                |s| s.boot_file(r"\bootmgr", |bytes| bytes.resize((508 << 10) + 1, 5)),
                |s| s.boot_file(r"\bootmgr", Vec::clear),
                |s| {
                    let bootmgr = s.tree.lookup(r"\bootmgr").unwrap();
                    s.tree.metadata_mut(bootmgr).attributes = Attributes::COMPRESSED;
                },
            ],
            &[],
        ),
        BootRule::Program => (
            &[],
            &[
                |s| s.boot_file(r"\EFI\Microsoft\Boot\bootmgfw.efi", |bytes| *bytes = b"MZ".to_vec()),
                |s| s.boot_file(r"\EFI\Boot\bootx64.efi", |bytes| bytes[0x80 + 24 + 68] = 16),
                |s| {
                    s.boot_file(r"\EFI\Microsoft\Boot\bootmgfw.efi", |bytes| {
                        bytes[4000] ^= 1;
                        bytes.push(0);
                    });
                },
            ],
        ),
        BootRule::Fallback => (
            &[],
            &[
                |s| s.without(r"\EFI\Boot\bootx64.efi"),
                |s| {
                    s.boot_file(r"\EFI\Boot\bootx64.efi", |bytes| {
                        bytes[0x84..0x86].copy_from_slice(&[0x64, 0xaa]);
                        bytes.push(0);
                    });
                },
            ],
        ),
        BootRule::FileMissing => (
            &[|s| s.without(r"\Boot\Fonts\segmono_boot.ttf"), |s| s.without(r"\BOOTNXT")],
            &[|s| s.without(r"\EFI\Microsoft\Boot\en-US\bootmgfw.efi.mui")],
        ),
        BootRule::FileData => (
            &[
                |s| s.boot_file(r"\Boot\Resources\bootres.dll", |bytes| bytes[7] ^= 1),
                |s| {
                    s.boot_file(r"\bootmgr", |bytes| bytes[399_999] ^= 1);
                },
            ],
            &[
                |s| s.boot_file(r"\EFI\Microsoft\Boot\Fonts\segmono_boot.ttf", |bytes| bytes[7] ^= 1),
                |s| s.boot_file(r"\EFI\Boot\bootx64.efi", |bytes| bytes[4000] ^= 1),
            ],
        ),
        _ => in_store(rule),
    }
}

/// What breaks a rule about the store.
fn in_store(rule: BootRule) -> (&'static [Seed], &'static [Seed]) {
    match rule {
        BootRule::Store => {
            const SEEDS: [Seed; 3] = [
                |s| s.store_bytes = Some(Vec::new()),
                |s| s.store_bytes = Some(vec![7; 10_000]),
                |s| {
                    let mut bytes = s.store.to_bytes().unwrap();
                    bytes[4096..].fill(0);
                    s.store_bytes = Some(bytes);
                },
            ];
            (&SEEDS, &SEEDS)
        }
        BootRule::Entry => {
            const SEEDS: [Seed; 4] = [
                |s| s.store.remove_object(id::BOOTMGR, TIME).unwrap(),
                |s| s.store.remove_object(LOADER, TIME).unwrap(),
                |s| s.store.remove_object(id::MEMDIAG, TIME).unwrap(),
                |s| {
                    s.store.remove(id::BOOTMGR, element::DEFAULT_OBJECT, TIME).unwrap();
                    s.store.remove(id::BOOTMGR, element::DISPLAY_ORDER, TIME).unwrap();
                },
            ];
            (&SEEDS, &SEEDS)
        }
        BootRule::Device => {
            const SEEDS: [Seed; 5] = [
                |s| set_to(s, LOADER, element::APPLICATION_DEVICE, nowhere),
                |s| set_to(s, LOADER, element::OS_DEVICE, elsewhere),
                |s| set_to(s, id::BOOTMGR, element::APPLICATION_DEVICE, elsewhere),
                |s| set_to(s, RESUME, element::APPLICATION_DEVICE, elsewhere),
                |s| set_to(s, id::MEMDIAG, element::APPLICATION_DEVICE, nowhere),
            ];
            (&SEEDS, &SEEDS)
        }
        BootRule::Loader => (
            &[|s| set(s, LOADER, element::APPLICATION_PATH, &Value::text(r"\Windows\System32\winload.efi"))],
            &[|s| set(s, LOADER, element::APPLICATION_PATH, &Value::text(r"\Windows\System32\winload.exe"))],
        ),
        BootRule::Path => {
            const SEEDS: [Seed; 4] = [
                |s| set(s, LOADER, element::SYSTEM_ROOT, &Value::text(r"\WINNT")),
                |s| {
                    let path = s.store.object(LOADER).unwrap().text(element::APPLICATION_PATH).unwrap().to_owned();
                    set(s, LOADER, element::APPLICATION_PATH, &Value::text(path.replace("winload", "wintest")));
                },
                |s| assert!(s.store.remove(LOADER, element::OS_DEVICE, TIME).unwrap()),
                |s| {
                    set(s, LOADER, element::SYSTEM_ROOT, &Value::text(r"\WINNT"));
                    set(s, LOADER, element::OS_DEVICE, &Value::Device(Device::locate(element::SYSTEM_ROOT)));
                },
            ];
            (&SEEDS, &SEEDS)
        }
        _ => panic!("nothing breaks {rule:?}"),
    }
}

#[test]
fn a_disk_that_starts_is_clean() {
    let folder = tempfile::tempdir().unwrap();
    for (firmware, starts) in BOTH.into_iter().zip(["BIOS", "UEFI"]) {
        let (rules, said, text) = outcome(&Sample::good(firmware), folder.path());
        assert!(rules.is_empty(), "{text}");
        let partition = if firmware == Firmware::Bios { 1 } else { 3 };
        assert_eq!(said.unwrap(), format!("{starts} to \"Windows Server 2016\" on partition {partition}"));
        assert!(text.contains(&format!("\n  boot         {starts} to ")), "{text}");
    }
}

#[test]
fn every_rule_is_broken_by_something() {
    let folder = tempfile::tempdir().unwrap();
    for &rule in BootRule::ALL {
        let (bios, uefi) = seeds(rule);
        assert!(bios.len() + uefi.len() > 0, "{rule:?}");
        for (firmware, seeds) in BOTH.into_iter().zip([bios, uefi]) {
            for (n, seed) in seeds.iter().enumerate() {
                let mut sample = Sample::good(firmware);
                seed(&mut sample);
                let verification = verified(&sample, folder.path());
                let found: Vec<_> = verification.rules.iter().map(|rule| rule.rule).collect();
                assert_eq!(found, [rule.name()], "{rule:?} {n} {firmware:?}: {verification}");
                assert!(verification.findings.iter().all(|fault| fault.place == crate::Place::Boot));
                assert!(verification.rules.iter().all(|rule| !rule.meaning.is_empty()));
            }
        }
    }
}

#[test]
fn rules_have_names_of_their_own() {
    let names: std::collections::BTreeSet<_> = BootRule::ALL.iter().map(|rule| rule.name()).collect();
    assert_eq!(names.len(), BootRule::ALL.len());
    assert!(names.iter().all(|name| name.starts_with("boot-")));
}

#[test]
fn boot_can_be_left_out_and_is_not_asked_of_disks_without_windows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk");
    for firmware in BOTH {
        let mut sample = Sample::good(firmware);
        sample.store_bytes = Some(Vec::new());
        sample.write(&path);
        let options = VerifyOptions { boot: false, ..VerifyOptions::default() };
        let verification = verify(&path, None, &options, &()).unwrap();
        assert!(verification.clean && verification.checks.iter().all(|check| check.place != crate::Place::Boot));
        for file in [r"\Windows\System32\winload.exe", r"\Windows\System32\winload.efi"] {
            remove(&mut sample.tree, file);
        }
        sample.without(sample.paths().manager);
        let (rules, said, text) = outcome(&sample, folder.path());
        assert_eq!((rules, said.as_deref()), (vec![], Some("nothing to start: there is no Windows")), "{text}");
    }
}

/// Each is usual on machines that start every day.
#[test]
fn what_windows_leaves_behind_is_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    let changes: [(&str, Seed); 8] = [
        ("devices that are looked for", |s| {
            set(s, LOADER, element::APPLICATION_DEVICE, &Value::Device(Device::locate(element::APPLICATION_PATH)));
            set(s, LOADER, element::OS_DEVICE, &Value::Device(Device::locate(element::SYSTEM_ROOT)));
            set(s, id::BOOTMGR, element::APPLICATION_DEVICE, &Value::Device(Device::Boot));
        }),
        ("a second Windows on another disk", |s| {
            let other = Uuid::from_u128(0x3333);
            s.store.add_object(other, nanovhd_boot::bcd::ObjectKind::LOADER, TIME).unwrap();
            set_to(s, other, element::APPLICATION_DEVICE, elsewhere);
            set_to(s, other, element::OS_DEVICE, elsewhere);
            set(s, id::BOOTMGR, element::DISPLAY_ORDER, &Value::Objects(vec![LOADER, other]));
        }),
        ("recovery that is gone", |s| {
            set(s, LOADER, element::RECOVERY_SEQUENCE, &Value::Objects(vec![Uuid::from_u128(0x4444)]));
        }),
        ("a tester that is not there", |s| {
            set(s, id::MEMDIAG, element::APPLICATION_PATH, &Value::text(r"\memtest"));
        }),
        ("a boot manager of another version, and its files", |s| {
            let path = s.paths().manager;
            s.boot_file(path, |bytes| {
                bytes.extend([0; 1000]);
                if bytes.starts_with(b"MZ") {
                    seal(bytes);
                }
            });
            s.without(&format!(r"{}\Fonts\segmono_boot.ttf", s.paths().folder));
        }),
        ("a boot file of another version", |s| {
            let path = format!(r"{}\Resources\bootres.dll", s.paths().folder);
            s.boot_file(&path, |bytes| bytes.push(0));
        }),
        ("boot code of another", |s| {
            if s.firmware == Firmware::Bios {
                (s.mbr_code, s.boot_code) = (vec![0x90; 440], Some(&FOREIGN));
            }
        }),
        ("another system's fallback", |s| {
            s.esp.retain(|file| file.path != r"\EFI\Boot\bootx64.efi");
            s.esp.push(esp_file(r"\EFI\Boot\bootx64.efi", [program(9), vec![0; 10]].concat()));
            add(&mut s.tree, r"\EFI\Boot\bootx64.efi", vec![]);
        }),
    ];
    for firmware in BOTH {
        for (what, change) in &changes {
            let mut sample = Sample::good(firmware);
            change(&mut sample);
            let (rules, _, text) = outcome(&sample, folder.path());
            assert!(rules.is_empty(), "{what}, {firmware:?}: {text}");
        }
    }
}

/// Windows replays the log of a store that it did not close; without one it takes the store as it is.
#[test]
fn a_store_that_was_not_closed_is_said_and_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    let mut sample = Sample::good(Firmware::Uefi);
    let mut bytes = sample.store.to_bytes().unwrap();
    bytes[4] ^= 1;
    sample.store_bytes = Some(bytes);
    let (rules, said, text) = outcome(&sample, folder.path());
    assert!(rules.is_empty() && said.unwrap().contains("; the store was not closed well, and no log fits"), "{text}");
}

/// Of a store that names thousands of things that are not there some are told and all are counted.
#[test]
fn many_findings_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut sample = Sample::good(Firmware::Bios);
    let ids = (0..5000).map(|n| Uuid::from_u128(n + 0x1_0000)).collect();
    set(&mut sample, id::BOOTMGR, element::DISPLAY_ORDER, &Value::Objects(ids));
    let verification = verified(&sample, folder.path());
    assert_eq!(verification.count(), 5000, "{verification}");
    assert_eq!(verification.findings.len(), 100);
}

#[test]
fn a_finding_says_what_was_found_and_what_was_expected() {
    let folder = tempfile::tempdir().unwrap();
    let mut sample = Sample::good(Firmware::Uefi);
    let device = elsewhere(&sample);
    set(&mut sample, LOADER, element::OS_DEVICE, &device);
    let text = verified(&sample, folder.path()).to_string();
    let disk = sample.layout.disk_id;
    let expected = format!(
        "  partition 1: \\EFI\\Microsoft\\Boot\\BCD: {{{LOADER}}} \"Windows Server 2016\": element 21000001: \
         it is the partition {} of disk {}, and this disk is {disk}\n",
        sample.layout.partitions[0].id,
        Uuid::from_u128(99)
    );
    assert!(text.contains(&expected), "{text}\n{expected}");
}

/// A store that Windows made, where the samples are beside the checkout.
fn real_store(name: &str) -> Option<Vec<u8>> {
    let samples: std::path::PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../../shared/samples/bcd"].iter().collect();
    let bytes = std::fs::read(samples.join(name)).ok();
    if bytes.is_none() {
        println!("skipped: sample {name} not found");
    }
    bytes
}

#[test]
fn stores_that_windows_made_start_it() {
    let folder = tempfile::tempdir().unwrap();
    // All devices of the first are the partition at 1 MiB of this disk, or where the boot manager is.
    if let Some(bytes) = real_store("BCD.windeploy-bios") {
        let mut sample = Sample::good(Firmware::Bios);
        sample.store_bytes = Some(bytes);
        let stray = outcome(&sample, folder.path()).0;
        assert_eq!(stray, ["boot-device"], "the disk has another signature");
        sample.layout.signature = 0xddba_6bbb;
        let (rules, said, text) = outcome(&sample, folder.path());
        assert_eq!(
            (rules, said.unwrap().as_str()),
            (vec![], "BIOS to \"Windows 10\" on partition 1, like the boot manager"),
            "{text}"
        );
    }
    // Those of the second are looked for, but for the boot manager's own, which is another machine's.
    if let Some(bytes) = real_store("BCD.windeploy-efi") {
        let mut sample = Sample::good(Firmware::Uefi);
        sample.store_bytes = Some(bytes);
        let (rules, _, text) = outcome(&sample, folder.path());
        assert_eq!(rules, ["boot-device"], "{text}");
        assert!(text.contains("{bootmgr}"), "{text}");
    }
}

/// Whatever is in the store, the check ends and does not panic.
#[test]
fn damaged_stores_are_checked_to_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut sample = Sample::good(Firmware::Bios);
    let good = sample.store.to_bytes().unwrap();
    let mut seed: u64 = 7;
    for _ in 0..60 {
        let mut bytes = good.clone();
        for _ in 0..8 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = usize::try_from(seed >> 33).unwrap() % bytes.len();
            bytes[at] ^= seed.to_le_bytes()[2] | 1;
        }
        sample.store_bytes = Some(bytes);
        verified(&sample, folder.path());
    }
}
