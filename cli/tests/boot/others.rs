//! Programs that others wrote in the place of Windows' boot manager and of our boot code.

use std::path::Path;

use crate::common::{have, judge, testdata};
use crate::machine::{Disk, have_bios, have_file, have_uefi};

/// systemd-boot, of Debian's package `systemd-boot-efi`. From version 250 on it has a reader of BCD stores.
const PROGRAM: &str = "/usr/lib/systemd/boot/efi/systemd-bootx64.efi";
/// What it calls a Windows whose store it can't read.
const UNREAD: &str = "Windows Boot Manager";

/// GRUB for BIOS machines, of Debian's package `grub-pc-bin`.
const GRUB: &str = "/usr/lib/grub/i386-pc";

/// It starts from our disk, reads our store and shows which system is in it.
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

/// Makes a GRUB that QEMU can start without a disk. It looks for `\bootmgr` on all of them.
fn make_grub(folder: &Path) -> Vec<u8> {
    let (script, image) = (folder.join("grub.cfg"), folder.join("core.img"));
    std::fs::write(&script, "search --file --set=root /bootmgr\nntldr /bootmgr\nboot\n").unwrap();
    let modules = ["biosdisk", "part_msdos", "ntfs", "search", "search_fs_file", "ntldr", "boot"];
    let arguments = ["-d", GRUB, "-O", "i386-pc", "-p", "/", "-c"].map(AsRef::as_ref);
    let files = [script.as_os_str(), "-o".as_ref(), image.as_os_str()];
    judge("grub-mkimage", &[&arguments[..], &files, &modules.map(AsRef::as_ref)].concat());
    let start = std::fs::read(Path::new(GRUB).join("lnxboot.img")).unwrap();
    [start, std::fs::read(image).unwrap()].concat()
}

/// What the probe reports, but for the flags: GRUB leaves interrupts off, boot records leave them on.
fn report(disk: &Disk, more: &[&str]) -> Vec<String> {
    let said = disk.start("bios", "ide", more);
    assert_eq!(said.code, Some(0), "{said:?}");
    let line = said.out.lines().find(|line| line.starts_with("PROBE ")).unwrap();
    line.split(' ').filter(|word| !word.starts_with("flags=")).map(str::to_owned).collect()
}

/// GRUB starts Windows without a boot record of Microsoft's, so the state in which it hands over to bootmgr is a right
/// one. It has its own reader of NTFS.
#[test]
fn grub_hands_over_in_the_same_state() {
    if !have_bios() || !have(&["grub-mkimage"]) || !have_file(&format!("{GRUB}/ntldr.mod")) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let kernel = folder.path().join("grub");
    std::fs::write(&kernel, make_grub(folder.path())).unwrap();
    for options in ["", "--cluster-size 512", "--cluster-size 64K"] {
        let disk = Disk::build("a.vhd", options);
        assert_eq!(report(&disk, &["--kernel", kernel.to_str().unwrap()]), report(&disk, &[]), "{options}");
    }
}
