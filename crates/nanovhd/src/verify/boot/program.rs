//! What a program for UEFI says of itself. Microsoft, "PE Format".

/// What a program for the firmware has as its subsystem: `IMAGE_SUBSYSTEM_EFI_APPLICATION`.
const EFI_APPLICATION: u16 = 10;

/// Where the DOS header says where the PE header is.
const PE_OFFSET: usize = 0x3c;
/// From the PE header on: the optional header's checksum and subsystem, which 32 and 64 bits have at the
/// same place.
const CHECKSUM: usize = 24 + 64;
const SUBSYSTEM: usize = 24 + 68;

/// Why firmware can't start the program, if so.
pub(super) fn fault(program: &[u8]) -> Option<String> {
    let Some(header) = header(program) else { return Some("it is no program: it has no PE header".to_owned()) };
    let subsystem = program.get(header + SUBSYSTEM..).and_then(|bytes| bytes.first_chunk());
    let Some(subsystem) = subsystem.map(|bytes| u16::from_le_bytes(*bytes)) else {
        return Some("it ends in its PE header".to_owned());
    };
    (subsystem != EFI_APPLICATION)
        .then(|| format!("it is a program for subsystem {subsystem}, expected {EFI_APPLICATION}"))
}

/// What a program says against itself: its linker and whoever signed it state the checksum of its bytes.
/// Zero states nothing.
pub(super) fn damage(program: &[u8]) -> Option<String> {
    let field = header(program)? + CHECKSUM;
    let stated = u32::from_le_bytes(*program.get(field..)?.first_chunk()?);
    let expected = checksum(program, field);
    (![0, expected].contains(&stated))
        .then(|| format!("its header states the checksum {stated:#010x}, but its bytes have {expected:#010x}"))
}

/// Where the PE header is.
fn header(program: &[u8]) -> Option<usize> {
    let offset = program.get(PE_OFFSET..).filter(|_| program.starts_with(b"MZ"))?.first_chunk()?;
    let offset = usize::try_from(u32::from_le_bytes(*offset)).ok()?;
    program.get(offset..)?.starts_with(b"PE\0\0").then_some(offset)
}

/// The checksum with the field at `field` as zero: the words added with their carries, and the length.
fn checksum(program: &[u8], field: usize) -> u32 {
    let mut sum: u32 = 0;
    for (n, pair) in program.chunks(2).enumerate() {
        let at = 2 * n;
        let byte = |n: usize| {
            let is_field = (field..field + 4).contains(&(at + n));
            pair.get(n).copied().filter(|_| !is_field).unwrap_or_default()
        };
        sum += u32::from(u16::from_le_bytes([byte(0), byte(1)]));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    // The length of what is longer than 4 GiB does not matter: nothing starts it.
    (sum & 0xffff).wrapping_add(u32::try_from(program.len()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(subsystem: u16) -> Vec<u8> {
        let mut program = vec![0; 0x201];
        program[..2].copy_from_slice(b"MZ");
        program[PE_OFFSET] = 0x80;
        program[0x80..0x86].copy_from_slice(&[b'P', b'E', 0, 0, 0x64, 0x86]);
        program[0x80 + SUBSYSTEM..][..2].copy_from_slice(&subsystem.to_le_bytes());
        program[0x200] = 7;
        program
    }

    #[test]
    fn a_program_without_a_checksum_is_taken_as_it_is() {
        assert_eq!((fault(&program(10)), damage(&program(10))), (None, None));
        assert!(fault(&program(16)).unwrap().contains("subsystem 16, expected 10"));
        assert!(fault(b"MZ").is_some() && fault(&program(10)[..0x90]).is_some());
    }

    #[test]
    fn a_stated_checksum_has_to_be_right() {
        let mut program = program(10);
        // 'MZ' + 0x80 + 'PE' + 0x8664 + 10 + 7 with carries, and 0x201 for the length.
        let sum: u32 = 0x5a4d + 0x80 + 0x4550 + 0x8664 + 10 + 7;
        let sum = (sum & 0xffff) + (sum >> 16) + 0x201;
        program[0x80 + CHECKSUM..][..4].copy_from_slice(&sum.to_le_bytes());
        assert_eq!((fault(&program), damage(&program)), (None, None));
        program[0x150] ^= 1;
        assert!(damage(&program).unwrap().contains("states the checksum"));
    }
}
