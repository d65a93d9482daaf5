//! Files of more than 4 GiB.

use nanovhd_tree::ReadAt;

use crate::support::{check, make, open};

/// Extents of a block less than 1 GiB, as writers make them; the image is sparse on the host.
#[test]
fn a_file_of_five_extents_is_read_across_their_borders() {
    const EXTENT: u64 = (1 << 30) - 2048;

    let folder = tempfile::tempdir().unwrap();
    let Some(image) = make("big", folder.path()) else { return };
    let iso = open(&image);
    let entry = iso.find("nanoserver BIG.wim").unwrap().unwrap();
    let file = iso.file(&entry).unwrap();
    assert_eq!(ReadAt::len(&file).unwrap(), 5 * EXTENT + 12_345);
    for extent in 0..6 {
        let mut buf = [0xd1; 32];
        let before = extent * EXTENT;
        file.read_exact_at(&mut buf, before.saturating_sub(10)).unwrap();
        let text = if extent == 0 { &buf[..8] } else { &buf[10..18] };
        assert_eq!(text, format!("extent {extent}").as_bytes());
        assert!(extent == 0 || buf[..10] == [0; 10]);
    }
    let mut end = [0xd1; 100];
    assert_eq!(file.read_at(&mut end, 5 * EXTENT + 12_340).unwrap(), 5);
    assert_eq!(file.read_at(&mut end, 5 * EXTENT + 12_345).unwrap(), 0);

    let Some(listed) = check("7z", ["l".as_ref(), image.as_os_str()]) else { return };
    let line = format!("{}", 5 * EXTENT + 12_345);
    assert!(String::from_utf8_lossy(&listed).contains(&line));
}
