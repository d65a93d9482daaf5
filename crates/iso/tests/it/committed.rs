//! The images in `testdata/iso`: UDF that the Linux kernel wrote onto what mkudffs formatted, with the list of what the
//! kernel reads; a disc of genisoimage's; and those of `make_iso.py`.

use nanovhd_iso::{Iso, Kind};

use crate::support::{Listing, assert_same, check, content, expected, ours, testdata, timeless};

fn list(name: &str) -> Listing {
    expected(&testdata("iso").join(format!("{name}.txt")))
}

/// The images of mkudffs, by their revision.
const KERNEL: [(&str, u16); 8] = [
    ("cdrw-sparable", 0x150),
    ("dvdrw-sparable", 0x201),
    ("hd-102-2048", 0x102),
    ("hd-150-512-long", 0x150),
    ("hd-200-1024-short", 0x200),
    ("hd-201-2048-strategy4096", 0x201),
    ("hd-201-4096", 0x201),
    ("hd-201-512", 0x201),
];

#[test]
fn what_the_kernel_wrote_is_read_as_the_kernel_reads_it() {
    for (name, revision) in KERNEL {
        let image = testdata("iso").join(format!("{name}.img.xz"));
        let Some(image) = check("xz", ["-dc".as_ref(), image.as_os_str()]) else { return };
        let iso = Iso::open(image).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((iso.kind(), iso.volume_label(), iso.udf_revision()), (Kind::Udf, name, Some(revision)));
        assert!(!iso.is_cut_short());
        assert_same(&ours(&iso), &list(name), name);
    }
}

#[test]
fn grub_reads_the_same_content() {
    // But for holes, for which it shows what the disc has there.
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    for (name, _) in KERNEL.into_iter().filter(|(name, _)| name.starts_with("hd-")) {
        let packed = testdata("iso").join(format!("{name}.img.xz"));
        let Some(bytes) = check("xz", ["-dc".as_ref(), packed.as_os_str()]) else { return };
        std::fs::write(&image, &bytes).unwrap();
        let iso = Iso::open(bytes).unwrap();
        for path in ["NanoServer/NanoServer.wim", "turn1", "turn2", "emoji 😀 and é.txt", "many/file number 042.dat"]
        {
            let there = format!("(loop0)/{path}");
            let arguments = [image.as_os_str(), "cat".as_ref(), there.as_ref()];
            let Some(theirs) = check("grub-fstest", arguments) else { return };
            let entry = iso.find(path).unwrap().unwrap();
            assert!(content(&iso.file(&entry).unwrap()) == theirs, "{name}: {path}");
        }
    }
}

#[test]
fn a_disc_with_joliet_and_rock_ridge_is_read_by_both() {
    let image = std::fs::read(testdata("iso/joliet-rock-ridge.iso")).unwrap();
    let expected = list("joliet-rock-ridge");
    let rock_ridge = Iso::open_as(image.clone(), Kind::RockRidge).unwrap();
    assert_eq!(rock_ridge.kinds(), [Kind::Joliet, Kind::RockRidge, Kind::Iso9660]);
    assert_eq!(rock_ridge.volume_label(), "JOLIET_ROCK");
    assert_same(&ours(&rock_ridge), &expected, "Rock Ridge");

    // Joliet has names of up to 103 characters here, and follows symbolic links.
    let joliet = Iso::open(image.clone()).unwrap();
    assert_eq!((joliet.kind(), joliet.volume_label()), (Kind::Joliet, "JOLIET_ROCK"));
    let cut = |path: &String| path.chars().take(103).collect::<String>();
    let shortened: Listing = expected.iter().map(|(path, item)| (cut(path), item.clone())).collect();
    let mut found = ours(&joliet);
    found.retain(|path, _| path != "link");
    let found: Listing = found.into_iter().map(|(path, item)| (cut(&path), item)).collect();
    assert_same(&found, &shortened, "Joliet");

    let plain = Iso::open_as(image, Kind::Iso9660).unwrap();
    assert!(plain.find("A/B/C").unwrap().unwrap().is_dir());
    assert!(plain.find("many/FILE7.TXT").unwrap().is_some());
}

#[test]
fn images_with_all_that_udf_allows_are_read() {
    for (name, label) in [("torture", "Torture 日本語"), ("small", "SMALL"), ("small-sparable", "SMALL SPARABLE")]
    {
        let image = std::fs::read(testdata("iso").join(format!("{name}.img"))).unwrap();
        let iso = Iso::open(image).unwrap();
        assert_eq!(iso.volume_label(), label);
        assert_same(&ours(&iso), &list(name), name);
    }
}

#[test]
fn names_are_given_whole_and_safe() {
    let iso = Iso::open(std::fs::read(testdata("iso/torture.img")).unwrap()).unwrap();
    let entries = iso.read_dir(&iso.root()).unwrap();
    let lengths: Vec<_> = entries.iter().map(|entry| entry.name().units().len()).collect();
    assert!(lengths.contains(&254) && lengths.contains(&127));
    let lone = entries.iter().find(|entry| entry.name().to_string().starts_with("lone")).unwrap();
    assert!(lone.name().units().contains(&0xd800), "a lone surrogate is kept");
    let hidden: Vec<_> = entries.iter().filter(|entry| entry.is_hidden()).map(|e| e.name().to_string()).collect();
    assert_eq!(hidden, ["hidden"]);
    assert!(!entries.iter().any(|entry| entry.name().to_string() == "deleted"));
}

#[test]
fn lists_of_kernel_images_are_not_empty() {
    // A maker that failed half-way would leave such.
    for (name, _) in KERNEL {
        let list = timeless(list(name));
        assert!(list.len() > 100 && list.contains_key("NanoServer/Packages/en-us"), "{name}");
    }
}
