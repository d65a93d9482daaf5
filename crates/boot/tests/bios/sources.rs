//! The bytes in the repository are what the assembler makes of the sources beside them.

use std::path::Path;
use std::process::Command;

use crate::machine::have;

fn assert_assembled(source: &str) {
    if !have("nasm") {
        return;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    let made = tempfile::NamedTempFile::new().unwrap();
    // Included files are named from the folder of the source.
    let (folder, name) = (source.parent().unwrap(), source.file_name().unwrap());
    let mut nasm = Command::new("nasm");
    nasm.args(["-Werror", "-f", "bin", "-o"]).arg(made.path()).arg(name).current_dir(folder);
    let output = nasm.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (made, kept) = (std::fs::read(made.path()).unwrap(), std::fs::read(source.with_extension("bin")).unwrap());
    assert!(made == kept, "{}: assemble it anew, as its head says", source.display());
}

#[test]
fn the_master_boot_record_is_assembled_from_its_source() {
    assert_assembled("src/bios/mbr.asm");
}

#[test]
fn the_ntfs_boot_record_is_assembled_from_its_source() {
    assert_assembled("src/bios/ntfs.asm");
}

#[test]
fn the_probe_is_assembled_from_its_source() {
    assert_assembled("tests/bios/probe.asm");
}

/// The boot record folds only ASCII letters. That finds the way in the tree only if no other letter
/// becomes ASCII.
#[test]
fn no_other_letter_has_an_ascii_upper_case() {
    let table = nanovhd_tree::upcase_table();
    for (unit, &upper) in table.iter().enumerate() {
        let ascii = u8::try_from(unit).ok().filter(u8::is_ascii);
        match ascii {
            Some(byte) => assert_eq!(upper, u16::from(byte.to_ascii_uppercase())),
            None => assert!(upper >= 0x80, "{unit:#x} becomes {upper:#x}"),
        }
    }
}
