//! Volumes that `nanovhd-ntfs` lays out, on disks that `nanovhd-disk` makes.

use std::io::{Read, Seek};

use nanovhd_boot::NTFS_BOOT_CODE;
use nanovhd_disk::Format;
use nanovhd_ntfs::{Volume, VolumeOptions};
use nanovhd_tree::{Content, Metadata, Tree};

use crate::disk::{START, assert_boots, boot_raw, container, install, raw_disk};
use crate::machine::{QEMU, boot, boot_on, have};
use crate::probe::{USUAL_SIZE, assert_contract, probe};

/// A volume with the probe and as many other files in its root.
fn volume(cluster_size: u32, others: u32, name: &str, probe: &[u8]) -> Vec<u8> {
    volume_with(None, cluster_size, others, name, probe)
}

/// The same with boot code.
fn volume_with(
    boot_code: Option<&'static [u8; 8192]>,
    cluster_size: u32,
    others: u32,
    name: &str,
    probe: &[u8],
) -> Vec<u8> {
    let mut tree = Tree::new();
    for i in 0..others {
        // On both sides of bootmgr.
        let name = format!("{}pplication library {i:05}.dll", ["a", "Z"][i as usize % 2]);
        tree.add_file(Tree::ROOT, name.as_str().into(), Metadata::default(), Content::empty()).unwrap();
    }
    for near in ["bootmg", "bootmgq", "BOOTMGR.efi", "bootmgr2", "bootmgs", "Boot", "böotmgr"] {
        tree.add_file(Tree::ROOT, near.into(), Metadata::default(), Content::bytes(*b"not this one")).unwrap();
    }
    tree.add_file(Tree::ROOT, name.into(), Metadata::default(), Content::bytes(probe)).unwrap();
    let size = 48 << 20;
    let options = VolumeOptions {
        size,
        cluster_size,
        hidden_sectors: START.into(),
        serial: 0x1234,
        boot_code,
        ..VolumeOptions::default()
    };
    let volume = Volume::lay_out(&tree, &options).unwrap();
    let mut file = tempfile::tempfile().unwrap();
    file.set_len(size).unwrap();
    volume.write_metadata(&|_| None, &file).unwrap();
    file.rewind().unwrap();
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Who writes a volume with the code gets what installing it gives.
#[test]
fn a_volume_with_the_code_is_one_where_it_was_installed() {
    for shift in 9..=16 {
        let mut installed = volume(1 << shift, 3, "bootmgr", b"program");
        install(&mut installed);
        let written = volume_with(Some(NTFS_BOOT_CODE), 1 << shift, 3, "bootmgr", b"program");
        assert!(written == installed, "clusters of {} bytes", 1 << shift);
    }
}

#[test]
fn all_cluster_sizes_start() {
    if !have(QEMU) {
        return;
    }
    let probe = probe(USUAL_SIZE);
    for shift in 9..=16 {
        assert_boots(volume(1 << shift, 0, "bootmgr", &probe), &probe);
    }
}

#[test]
fn vhd_files_start() {
    if !have(QEMU) {
        return;
    }
    let probe = probe(USUAL_SIZE);
    let mut volume = volume(4096, 20, "BOOTMGR", &probe);
    install(&mut volume);
    for format in [Format::VhdDynamic, Format::VhdFixed] {
        let disk = container(&volume, format);
        assert_contract(&boot(&disk, "vpc"), &probe, START);
    }
}

#[test]
fn a_root_of_hundreds_or_thousands_of_entries_starts() {
    if !have(QEMU) {
        return;
    }
    let probe = probe(USUAL_SIZE);
    for (others, cluster) in [(500, 4096), (500, 512), (500, 65536), (5000, 4096), (5000, 512)] {
        assert_boots(volume(cluster, others, "BootMgr", &probe), &probe);
    }
}

/// One that fits into its record, and ones whose ends are at the edges of sectors and of what is read
/// at once.
#[test]
fn all_sizes_start() {
    if !have(QEMU) {
        return;
    }
    let limit = (639 - 128) * 1024;
    for size in [500, 512, 513, 1024, 32767, 32768, 65536, 65537, limit - 1, limit] {
        let probe = probe(size);
        assert_boots(volume(4096, 0, "bootmgr", &probe), &probe);
    }
}

/// Each has a driver of its own in the BIOS.
#[test]
fn all_kinds_of_disk_adapters_start() {
    if !have(QEMU) {
        return;
    }
    let probe = probe(USUAL_SIZE);
    let mut volume = volume(4096, 0, "bootmgr", &probe);
    install(&mut volume);
    let disk = raw_disk(&volume, START);
    for (machine, devices) in [
        ("q35", &["ide-hd,drive=disk"][..]),
        ("pc", &["virtio-blk-pci,drive=disk"]),
        ("pc", &["lsi53c895a", "scsi-hd,drive=disk"]),
        ("pc", &["piix3-usb-uhci", "usb-storage,drive=disk"]),
    ] {
        assert_contract(&boot_on(machine, devices, &disk), &probe, START);
    }
}

/// The boot record is nothing that a checker of volumes takes offence at.
#[test]
fn a_volume_with_the_boot_record_is_sound() {
    let mut volume = volume(4096, 20, "bootmgr", &probe(USUAL_SIZE));
    install(&mut volume);
    assert_eq!(nanovhd_ntfs::check(&volume, &mut |_, _| ()).unwrap(), []);
}

/// The partition's place is known from its entry, whatever the volume says of it.
#[test]
fn a_volume_that_does_not_know_where_it_is_starts() {
    if !have(QEMU) {
        return;
    }
    let probe = probe(USUAL_SIZE);
    let mut volume = volume(4096, 0, "bootmgr", &probe);
    for (hidden, start) in [(0u32, 2048), (2048, 63), (u32::MAX, 100_001)] {
        volume[0x1c..0x20].copy_from_slice(&hidden.to_le_bytes());
        install(&mut volume);
        let disk = raw_disk(&volume, start);
        assert_contract(&boot_raw(&disk), &probe, start);
    }
}
