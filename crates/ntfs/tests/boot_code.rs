//! Boot code that the caller brings.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod common;

use common::{options, varied, write_volume};
use nanovhd_ntfs::{VolumeOptions, check};
use nanovhd_tree::ReadAt;

/// No two neighbouring sectors of it are alike.
static CODE: [u8; 8192] = {
    let mut code = [0; 8192];
    let (mut i, mut next) = (0, 0);
    while i < code.len() {
        // Not a power of two.
        (code[i], next) = (next, if next == 250 { 0 } else { next + 1 });
        i += 1;
    }
    code
};

/// The first 16 sectors and the last one of a volume that has no finding.
fn start_and_end(cluster_size: u32, boot_code: Option<&'static [u8; 8192]>) -> (Vec<u8>, Vec<u8>) {
    let options = VolumeOptions { cluster_size, boot_code, ..options(1 << 30) };
    let file = tempfile::tempfile().unwrap();
    write_volume(&varied(20).tree, &options, &file);
    assert_eq!(check(&file, &mut |_, _| {}).unwrap(), []);
    let (mut start, mut end) = (vec![0; 8192], vec![0; 512]);
    assert_eq!(file.read_at(&mut start, 0).unwrap(), start.len());
    assert_eq!(file.read_at(&mut end, options.size - 512).unwrap(), end.len());
    (start, end)
}

#[test]
fn it_is_around_the_parameters_and_in_the_copy() {
    for cluster_size in [512, 4096, 65536] {
        let (plain, _) = start_and_end(cluster_size, None);
        let (start, end) = start_and_end(cluster_size, Some(&CODE));
        assert_eq!(start[..3], CODE[..3]);
        assert_eq!(start[3..0x54], plain[3..0x54], "the parameters are the volume's");
        assert_eq!(start[0x54..0x1fe], CODE[0x54..0x1fe]);
        assert_eq!(start[0x1fe..0x200], [0x55, 0xaa], "the signature too");
        assert_eq!(start[0x200..], CODE[0x200..]);
        assert_eq!(end, start[..512]);
    }
}
