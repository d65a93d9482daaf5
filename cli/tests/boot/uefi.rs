//! From the EFI system partition, by a firmware that has never seen the disk.

use serde_json::Value;
use uuid::Uuid;

use crate::machine::{Disk, assert_shown, fnv, have_uefi, of_image};

const STORE: &str = r"\EFI\Microsoft\Boot\BCD";
const MANAGER: &str = r"\EFI\Microsoft\Boot\bootmgfw.efi";
const FALLBACK: &str = r"\EFI\Boot\bootx64.efi";

/// A GUID as the probe says it, and as it lies on disks.
fn guid(value: &Value) -> (String, [u8; 16]) {
    let id = Uuid::try_parse(value.as_str().unwrap()).unwrap();
    (format!("{id:X}"), id.to_bytes_le())
}

/// What the probe must report of a disk, by what we read of it ourselves.
fn expected(disk: &Disk) -> Vec<String> {
    let found = disk.inspect();
    let sector = found["sector_size"].as_u64().unwrap();
    let sectors = |bytes: &Value| bytes.as_u64().unwrap() / sector;
    let partitions = found["partitions"].as_array().unwrap();
    assert_eq!(partitions.len(), 3);
    assert_eq!(partitions[0]["esp"], true);

    let mut lines = vec![format!("from=1 id={}", guid(&partitions[0]["id"]).0)];
    for path in [STORE, MANAGER] {
        let bytes = disk.file(":esp", path);
        lines.push(format!("file={path} bytes={:X} fnv={}", bytes.len(), fnv(&bytes)));
    }
    lines.push(format!(
        "disk={} block={sector:X} blocks={:X}",
        guid(&found["table"]["id"]).0,
        sectors(&found["size"])
    ));
    for part in partitions {
        lines.push(format!(
            "partition={} start={:X} blocks={:X} id={}",
            part["number"],
            sectors(&part["offset"]),
            sectors(&part["size"]),
            guid(&part["id"]).0
        ));
    }
    lines
}

/// Demands that the firmware sees what we wrote, and that the store names the disk and its partitions.
#[track_caller]
fn starts(name: &str, options: &str, controllers: &[&str]) {
    if !have_uefi() {
        return;
    }
    let disk = Disk::build(name, options);
    let expected = expected(&disk);
    let manager = of_image(r"\Windows\Boot\EFI\bootmgfw.efi");
    assert!(disk.file(":esp", MANAGER) == manager && disk.file(":esp", FALLBACK) == manager);
    let (found, store) = (disk.inspect(), disk.file(":esp", STORE));
    for id in [&found["table"]["id"], &found["partitions"][0]["id"], &found["partitions"][2]["id"]] {
        let bytes = guid(id).1;
        assert!(store.windows(16).any(|window| window == bytes), "the store does not name {id}");
    }

    for controller in controllers {
        let said = disk.start("uefi", controller, &[]);
        assert_eq!(said.code, Some(0), "{said:?}");
        let mut report = said.out.lines().skip_while(|line| *line != "UEFI PROBE").skip(1);
        let loaded = report.next().unwrap().strip_prefix("loaded=").unwrap();
        assert!(loaded.eq_ignore_ascii_case(FALLBACK), "{loaded}");
        let rest: Vec<_> = report.take_while(|line| *line != "END OF PROBE").collect();
        assert_eq!(rest, expected, "{controller}");
        if options.is_empty() {
            assert_shown(&said, "UEFI PROBE");
        }
    }
}

#[test]
fn dynamic_vhdx() {
    starts("a.vhdx", "", &["ahci", "scsi"]);
}

#[test]
fn fixed_vhdx() {
    starts("a.vhdx", "--fixed --size 300MiB", &["nvme"]);
}

#[test]
fn raw() {
    starts("a.raw", "--cluster-size 64K", &["virtio"]);
}

/// Only some controllers can have such disks, and not in the file formats that QEMU knows.
#[test]
fn raw_with_sectors_of_4096_bytes() {
    starts("a.raw", "--sector-size 4096 --size 600MiB", &["nvme"]);
}

#[test]
fn vhd() {
    starts("a.vhd", "--firmware uefi", &["ide"]);
}
