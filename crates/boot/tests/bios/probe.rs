//! The probe that takes the place of `\bootmgr`, and what it should report.

/// Assembled from `probe.asm`.
const CODE: &[u8] = include_bytes!("probe.bin");
/// Where the probe looks for its length.
const LENGTH_AT: usize = 4;

/// About as long as the largest real one, and no whole number of sectors.
pub(crate) const USUAL_SIZE: usize = 432_571;

/// A probe of `size` bytes; what is behind the program has no two equal sectors.
pub(crate) fn probe(size: usize) -> Vec<u8> {
    let mut bytes = CODE.to_vec();
    assert!(size >= bytes.len(), "the probe itself has {} bytes", bytes.len());
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    bytes.resize_with(size, || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    });
    bytes[LENGTH_AT..LENGTH_AT + 4].copy_from_slice(&(size as u32).to_le_bytes());
    bytes
}

fn fnv(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Demands that the probe has reported just what bootmgr relies on, for a volume at sector `start`.
#[track_caller]
pub(crate) fn assert_contract(said: &str, probe: &[u8], start: u32) {
    let report = said.lines().find(|line| line.starts_with("PROBE ")).unwrap_or_else(|| panic!("no report:\n{said}"));
    let flags = report.split(' ').find_map(|word| word.strip_prefix("flags=")).unwrap();
    // Interrupts on, strings forwards; the others are what the last addition left.
    assert_eq!(u16::from_str_radix(flags, 16).unwrap() & 0x0600, 0x0200, "{report}");
    let expected = format!(
        "PROBE cs=2000 ip=0000 ss=0000 sp=7C00 ds=0000 es=0000 fs=0000 gs=0000 dl=80 flags={flags} a20=01 mode=03 \
         hidden={start:08X} drive=80 record=01 fnv={:08X}",
        fnv(probe)
    );
    assert_eq!(report, expected);
}
