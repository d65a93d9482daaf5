//! A volume that Windows formatted, from the samples beside the checkout. It has Microsoft's boot
//! code, which ours replaces.

use std::path::Path;
use std::process::Command;

use crate::disk::{SECTOR, assert_boots};
use crate::machine::{QEMU, have};
use crate::mkntfs::copy;
use crate::probe::{USUAL_SIZE, probe};

const SAMPLE: &str = "go-ntfs-charlie.dd.bz2";

#[test]
fn a_volume_that_windows_formatted_starts() {
    let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples/ntfs").join(SAMPLE);
    if !packed.is_file() {
        eprintln!("skipped: sample {SAMPLE} not found");
        return;
    }
    if !have(QEMU) || !have("bzip2") || !have("ntfscp") {
        return;
    }
    let output = Command::new("bzip2").arg("-dc").arg(&packed).output().unwrap();
    assert!(output.status.success());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), output.stdout).unwrap();
    let probe = probe(USUAL_SIZE);
    copy(file.path(), &probe, "bootmgr");
    let mut volume = std::fs::read(file.path()).unwrap();
    let sectors = u64::from_le_bytes(volume[0x28..0x30].try_into().unwrap());
    volume.truncate((sectors as usize + 1) * SECTOR);
    assert_boots(volume, &probe);
}
