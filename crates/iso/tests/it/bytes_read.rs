//! Only what is needed is read.

use std::fs::File;

use nanovhd_iso::{Iso, Kind};
use nanovhd_tree::ReadAt;

use crate::support::{Counted, check, make, testdata};

#[test]
fn finding_a_wim_costs_little_and_reading_it_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let Some(image) = make("windows", folder.path()) else { return };
    let counted = Counted::new(File::open(image).unwrap());
    let iso = Iso::open(counted.clone()).unwrap();
    let entry = iso.find("NanoServer/NanoServer.wim").unwrap().unwrap();
    let file = iso.file(&entry).unwrap();
    let found = counted.take();
    assert!(found < 20 << 10, "{found}");
    let mut buf = [0; 1000];
    file.read_exact_at(&mut buf, 50_000).unwrap();
    assert_eq!(counted.take(), 1000);
}

/// The test media, on a disc as genisoimage makes it, by each of its descriptions.
#[test]
fn a_wim_on_a_disc_is_read_like_one_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("media.iso");
    let options = ["-quiet", "-udf", "-J", "-R", "-V", "MEDIA", "-o"].map(std::ffi::OsStr::new);
    let media = testdata("media");
    let arguments = options.into_iter().chain([image.as_os_str(), media.as_os_str()]);
    if check("genisoimage", arguments).is_none() {
        return;
    }
    let path = "NanoServer/NanoServer.wim";
    let expected = nanovhd_wim::Wim::open(File::open(media.join(path)).unwrap()).unwrap();
    for kind in [Kind::Udf, Kind::Joliet, Kind::RockRidge] {
        let counted = Counted::new(File::open(&image).unwrap());
        let iso = Iso::open_as(counted.clone(), kind).unwrap();
        let entry = iso.find(path).unwrap().unwrap();
        let file = iso.file(&entry).unwrap();
        let found = counted.take();
        assert!(found < 64 << 10, "{kind}: {found}");
        let wim = nanovhd_wim::Wim::open(file).unwrap();
        assert_eq!(wim.images(), expected.images());
        // A blob table and XML data.
        assert!(counted.take() < 256 << 10);
    }
}
