//! By way of our boot records to `\bootmgr`.

use crate::common::Ran;
use crate::machine::{Disk, assert_shown, fnv, have_bios, of_image};

const BOOTMGR: &str = r"\Windows\Boot\PCAT\bootmgr";

/// Demands that the probe has reported just what bootmgr relies on.
#[track_caller]
fn assert_contract(disk: &Disk, said: &Ran) {
    assert_eq!(said.code, Some(0), "{said:?}");
    let bootmgr = disk.file("", r"\bootmgr");
    assert!(bootmgr == of_image(BOOTMGR), "the file is not the image's");
    let partitions = &disk.inspect()["partitions"];
    assert_eq!(partitions.as_array().unwrap().len(), 1, "{partitions}");
    assert_eq!(partitions[0]["active"], true, "{partitions}");
    let start = partitions[0]["offset"].as_u64().unwrap() / 512;

    let report = said.out.lines().find(|line| line.starts_with("PROBE ")).unwrap();
    let flags = report.split(' ').find_map(|word| word.strip_prefix("flags=")).unwrap();
    // Interrupts on, strings forwards; the others are what the last addition left.
    assert_eq!(u16::from_str_radix(flags, 16).unwrap() & 0x0600, 0x0200, "{report}");
    let expected = format!(
        "PROBE cs=2000 ip=0000 ss=0000 sp=7C00 ds=0000 es=0000 fs=0000 gs=0000 dl=80 flags={flags} a20=01 mode=03 \
         hidden={start:08X} drive=80 record=01 fnv={}",
        fnv(&bootmgr)
    );
    assert_eq!(report, expected);
}

#[track_caller]
fn starts(name: &str, options: &str, controllers: &[&str]) {
    if !have_bios() {
        return;
    }
    let disk = Disk::build(name, options);
    for controller in controllers {
        let said = disk.start("bios", controller, &[]);
        assert_contract(&disk, &said);
        if options.is_empty() {
            assert_shown(&said, "PROBE ");
        }
    }
}

#[test]
fn dynamic_vhd() {
    // A machine of generation 1 has it on IDE.
    starts("a.vhd", "", &["ide", "ahci", "virtio"]);
}

#[test]
fn fixed_vhd() {
    starts("a.vhd", "--fixed --size 64MiB", &["ide"]);
}

#[test]
fn vhdx() {
    starts("a.vhdx", "--firmware bios", &["ide", "scsi"]);
}

/// Two disks that differ in size, so in where the volume's structures are.
#[test]
fn raw() {
    starts("a.raw", "--firmware bios --size 64MiB", &["ide"]);
    starts("a.raw", "--firmware bios --size 100GiB", &["virtio"]);
}

#[test]
fn clusters_of_all_sizes() {
    for size in ["512", "1K", "2K", "8K", "16K", "32K", "64K"] {
        starts("a.vhd", &format!("--cluster-size {size}"), &["ide"]);
    }
}

/// A disk without boot files says what is missing.
#[test]
fn without_boot_files() {
    if !have_bios() {
        return;
    }
    let said = Disk::build("a.vhd", "--no-boot").start("bios", "ide", &[]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.out.lines().any(|line| line == r"\bootmgr is missing."), "{said:?}");
}
