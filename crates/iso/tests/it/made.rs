//! Images of `make_iso.py` that are too large to be kept, and what 7-Zip and isoinfo read of them.

use std::fs::File;

use nanovhd_iso::{Iso, Kind};

use crate::support::{assert_same, check, expected, make, on_host, open, ours, testdata, timeless};

#[test]
fn every_structure_is_read() {
    let folder = tempfile::tempdir().unwrap();
    for variant in ["metadata", "metadata-mirror", "sparable", "strategy", "reserve", "windows", "level3"] {
        let Some(image) = make(variant, folder.path()) else { return };
        let iso = Iso::open(File::open(&image).unwrap()).unwrap_or_else(|error| panic!("{variant}: {error}"));
        assert_same(&ours(&iso), &expected(&image.with_extension("txt")), variant);
    }
}

#[test]
fn others_read_the_same_where_they_can() {
    let folder = tempfile::tempdir().unwrap();
    for variant in ["windows", "level3"] {
        let Some(image) = make(variant, folder.path()) else { return };
        let out = folder.path().join(variant);
        let target = format!("-o{}", out.display());
        if check("7z", ["x".as_ref(), "-y".as_ref(), target.as_ref(), image.as_os_str()]).is_some() {
            assert_same(&timeless(ours(&open(&image))), &on_host(&out), variant);
        }
        if variant == "level3" {
            let wanted = ["-i".as_ref(), image.as_os_str(), "-x".as_ref(), "/MANY/FILE0077.TXT;1".as_ref()];
            if let Some(content) = check("isoinfo", wanted) {
                assert_eq!(content, b"77");
            }
        }
    }
}

#[test]
fn on_windows_media_udf_is_meant() {
    let folder = tempfile::tempdir().unwrap();
    let Some(image) = make("windows", folder.path()) else { return };
    let iso = open(&image);
    assert_eq!((iso.kind(), iso.kinds()), (Kind::Udf, &[Kind::Udf, Kind::Iso9660][..]));
    assert_eq!((iso.volume_label(), iso.udf_revision()), ("SSS_X64FREV_EN-US_DV9", Some(0x102)));
    let iso = Iso::open_as(File::open(&image).unwrap(), Kind::Iso9660).unwrap();
    assert_eq!(ours(&iso).keys().collect::<Vec<_>>(), ["README.TXT"]);
    let error = Iso::open_as(File::open(&image).unwrap(), Kind::Joliet).unwrap_err();
    assert_eq!(error.to_string(), "the image has no Joliet volume, only UDF, ISO 9660");
}

#[test]
fn kept_images_can_be_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    for variant in ["torture", "small", "small-sparable"] {
        let Some(image) = make(variant, folder.path()) else { return };
        for extension in ["img", "txt"] {
            let kept = std::fs::read(testdata("iso").join(variant).with_extension(extension)).unwrap();
            assert!(std::fs::read(image.with_extension(extension)).unwrap() == kept, "{variant}.{extension}");
        }
    }
}
