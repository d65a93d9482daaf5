//! The probe that takes the place of `bootmgfw.efi` in the test data. The tests of the command start it from
//! built disks; here only its bytes are looked at.

use std::path::Path;
use std::process::Command;

const PROBE: &[u8] = include_bytes!("probe.efi");

/// The bytes in the repository are what the assembler makes of the source beside them.
#[test]
fn the_probe_is_assembled_from_its_source() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/uefi/probe.asm");
    let made = tempfile::NamedTempFile::new().unwrap();
    let mut nasm = Command::new("nasm");
    let output = match nasm.args(["-Werror", "-f", "bin", "-o"]).arg(made.path()).arg(&source).output() {
        Err(_) if std::env::var_os("NANOVHD_REQUIRE_TOOLS").is_none_or(|v| v != "1") => {
            eprintln!("skipped: nasm not found");
            return;
        }
        output => output.unwrap(),
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(std::fs::read(made.path()).unwrap() == PROBE, "assemble it anew, as its head says");
}

fn word(at: usize) -> usize {
    usize::from(u16::from_le_bytes([PROBE[at], PROBE[at + 1]]))
}

fn long(at: usize) -> usize {
    word(at) | word(at + 2) << 16
}

/// PE/COFF 3: what a careful loader looks at.
#[test]
fn the_probe_is_a_program_for_uefi() {
    assert!(PROBE.starts_with(b"MZ"));
    let pe = long(0x3c);
    assert_eq!(&PROBE[pe..pe + 4], b"PE\0\0");
    assert_eq!(word(pe + 4), 0x8664, "machine");
    let optional = pe + 24;
    assert_eq!((word(optional), word(optional + 68)), (0x20b, 10), "PE32+, application");
    let (align, file_align, image) = (long(optional + 32), long(optional + 36), long(optional + 56));
    let mut end = (0, 0);
    for number in 0..word(pe + 6) {
        let header = optional + word(pe + 20) + 40 * number;
        let (size, at, raw, raw_at) = (long(header + 8), long(header + 12), long(header + 16), long(header + 20));
        assert!(at >= end.0 && raw_at >= end.1, "section {number} overlaps the one before");
        assert_eq!((at % align, raw % file_align, raw_at % file_align), (0, 0, 0), "section {number}");
        end = (at + size, raw_at + raw);
    }
    assert_eq!((end.0.next_multiple_of(align), end.1), (image, PROBE.len()));
}
