//! A boot manager that others wrote in the place of Windows': it starts from our disk, reads our BCD store and
//! shows which system is in it.

use crate::common::{have, judge, testdata};
use crate::machine::{Disk, have_file, have_uefi};

/// systemd-boot, of Debian's package `systemd-boot-efi`. From version 250 on it has a reader of BCD stores.
const PROGRAM: &str = "/usr/lib/systemd/boot/efi/systemd-bootx64.efi";
/// What it calls a Windows whose store it can't read.
const UNREAD: &str = "Windows Boot Manager";

#[test]
fn systemd_boot_starts_and_reads_the_store() {
    if !have_uefi() || !have(&["wimlib-imagex"]) || !have_file(PROGRAM) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let wim = folder.path().join("others.wim");
    std::fs::copy(testdata("media/NanoServer/NanoServer.wim"), &wim).unwrap();
    let command = format!("--command=add {PROGRAM} /Windows/Boot/EFI/bootmgfw.efi");
    judge("wimlib-imagex", &["update".as_ref(), wim.as_os_str(), "2".as_ref(), command.as_ref()]);

    let disk = Disk::build_from(&wim, "a.vhdx", "");
    let said = disk.start("uefi", "ahci", &["--expect", "Reboot Into Firmware Interface"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let shows = |title: &str| said.out.lines().any(|line| line.trim() == title);
    assert!(shows("Windows Server 2016") && !shows(UNREAD), "{said:?}");
}
