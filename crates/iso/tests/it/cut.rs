//! Images that are cut short, and images with something behind them.

use nanovhd_iso::{Iso, IsoError, Kind};

use crate::support::{assert_same, ours, testdata};

const IMAGES: [&str; 4] = ["torture.img", "small.img", "small-sparable.img", "joliet-rock-ridge.iso"];

fn read(name: &str) -> Vec<u8> {
    std::fs::read(testdata("iso").join(name)).unwrap()
}

/// Opens everything that can be; the first error.
fn touch(image: Vec<u8>) -> Result<(), IsoError> {
    let iso = Iso::open(image)?;
    for step in iso.walk(&iso.root()) {
        let (_, entry) = step?;
        if !entry.is_dir() && iso.stat(&entry)?.kind == nanovhd_iso::FileKind::File {
            iso.file(&entry)?;
        }
    }
    Ok(())
}

#[test]
fn every_cut_is_noticed_or_harmless() {
    for name in IMAGES {
        let image = read(name);
        let (mut errors, mut sound) = (0, 0);
        for len in (0..image.len()).step_by(512) {
            match touch(image[..len].to_vec()) {
                Ok(()) => sound += 1,
                Err(error) => {
                    let known = matches!(
                        error,
                        IsoError::PastEnd { .. }
                            | IsoError::NotAnImage
                            | IsoError::NoAnchor
                            | IsoError::NoSuchKind { .. }
                    );
                    assert!(known, "{name} cut to {len:#x}: {error:?}");
                    errors += 1;
                }
            }
        }
        // Only what is behind the files can be cut off.
        assert!(errors > sound, "{name}: {errors} {sound}");
    }
}

#[test]
fn a_cut_is_told_by_its_offsets() {
    let mut image = read("joliet-rock-ridge.iso");
    let len = image.len() as u64;
    image.truncate(image.len() - 2100);
    let iso = Iso::open(image).unwrap();
    assert!(iso.is_cut_short());
    assert_eq!((iso.image_len(), iso.volume_len()), (len - 2100, len));
    // What is still there can be read.
    let files = iso.walk(&iso.root()).map(|step| step.unwrap().1).filter(|entry| !entry.is_dir());
    let results: Vec<_> = files.map(|entry| iso.file(&entry).map(drop)).collect();
    let errors: Vec<_> = results.iter().filter_map(|result| result.as_ref().err()).map(ToString::to_string).collect();
    assert!(results.len() > 20);
    let expected =
        ["content of the file has 2 bytes at 0x29000, but the image ends at 0x28fcc: it is cut short or damaged"];
    assert_eq!(errors, expected);
}

#[test]
fn what_is_behind_or_in_front_of_the_volume_is_not_looked_at() {
    for name in IMAGES {
        let sound = ours(&Iso::open(read(name)).unwrap());
        let mut image = read(name);
        // The boot code and partition table of a hybrid image. With sectors of 512 bytes, descriptors begin before
        // 32 KiB.
        for (index, byte) in image[..0x4000].iter_mut().enumerate() {
            *byte = u8::try_from(index % 251).unwrap();
        }
        image[510..512].copy_from_slice(&[0x55, 0xaa]);
        image.extend((0..100_001u32).map(|index| u8::try_from(index % 253).unwrap()));
        let iso = Iso::open(image).unwrap();
        assert!(!iso.is_cut_short());
        assert_same(&ours(&iso), &sound, name);
    }
}

#[test]
fn what_is_no_image_is_told() {
    for image in [vec![], vec![0; 100], vec![0xff; 100_000], b"MSWIM\0\0\0".repeat(10_000)] {
        assert!(matches!(Iso::open(image), Err(IsoError::NotAnImage)));
    }
    let mut raw = vec![0; 100_000];
    raw[1..11].fill(0xff);
    assert!(Iso::open(raw).unwrap_err().to_string().contains("2352 bytes"));
}

#[test]
fn udf_without_an_anchor_is_an_error_and_not_the_other_tree() {
    let mut image = read("torture.img");
    let last = image.len() - 512;
    image[256 * 512..257 * 512].fill(0);
    // The last sector has another one.
    assert!(Iso::open(image.clone()).is_ok());
    image[last..].fill(0);
    assert!(matches!(Iso::open(image.clone()), Err(IsoError::NoAnchor)));
    assert!(matches!(Iso::open_as(image, Kind::Iso9660), Err(IsoError::NoSuchKind { .. })));
}
