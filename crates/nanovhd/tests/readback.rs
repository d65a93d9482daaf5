//! Disks of every kind, read back through readers that others wrote and compared with the image.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod support;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use nanovhd::{BuildOptions, DiskFormat, Edition, Firmware, Media, Outline, Recipe, Size};
use support::{Part, assert_same, in_image, on_volume, testdata, with_boot_files};

trait Disk: Read + Seek {}
impl<T: Read + Seek> Disk for T {}

fn open(path: &Path) -> Box<dyn Disk> {
    match DiskFormat::of_suffix(path).unwrap() {
        DiskFormat::Vhdx => Box::new(vhdx::VhdxReader::open(path).unwrap()),
        DiskFormat::Vhd => Box::new(vhd::VhdReader::open(path).unwrap()),
        DiskFormat::Raw => Box::new(File::open(path).unwrap()),
    }
}

fn build(media: &Media, recipe: &Recipe, output: &Path) -> Outline {
    let plan = recipe.plan(media).unwrap();
    let report = plan.build(output, &BuildOptions { overwrite: true, ..BuildOptions::default() }, &()).unwrap();
    assert_eq!(std::fs::metadata(output).unwrap().len(), report.file_length.0);
    assert_eq!(report.file_length, plan.outline().disk.file_length);
    report.plan
}

/// Builds and compares the volume with image 2.
fn check(recipe: &Recipe, name: &str) {
    let media = Media::open(testdata("media")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let outline = build(&media, &recipe.clone().edition(Edition::Datacenter), &path);
    let windows = outline.partitions.last().unwrap();
    assert_eq!(windows.kind, "windows");
    let found = on_volume(Part { disk: open(&path), start: windows.offset });
    let expected = in_image(&media, 2);
    let expected = match outline.disk.firmware {
        Firmware::Uefi => expected,
        Firmware::Bios => with_boot_files(expected, &found),
    };
    assert_same(&found, &expected);
}

#[test]
fn dynamic_vhdx() {
    check(&Recipe::for_output("a.vhdx").unwrap(), "a.vhdx");
}

#[test]
fn dynamic_vhdx_with_large_sectors() {
    check(&Recipe::new().sector_size(4096).disk_size(Size(400 << 20)), "a.vhdx");
}

#[test]
fn fixed_vhdx_for_bios() {
    check(&Recipe::new().fixed(true).firmware(Firmware::Bios).disk_size(Size(64 << 20)), "a.vhdx");
}

#[test]
fn dynamic_vhd() {
    check(&Recipe::for_output("a.vhd").unwrap(), "a.vhd");
}

#[test]
fn dynamic_vhd_for_uefi() {
    check(&Recipe::for_output("a.vhd").unwrap().firmware(Firmware::Uefi), "a.vhd");
}

#[test]
fn raw_with_small_clusters() {
    check(&Recipe::for_output("a.img").unwrap().cluster_size(512).disk_size(Size(200 << 20)), "a.img");
}

#[test]
fn the_least_size_is_enough_and_less_is_refused() {
    let media = Media::open(testdata("media")).unwrap();
    for recipe in [
        Recipe::for_output("a.raw").unwrap(),
        Recipe::for_output("a.raw").unwrap().sector_size(4096).cluster_size(65536),
        Recipe::for_output("a.vhd").unwrap(),
    ] {
        let recipe = recipe.edition(Edition::Standard);
        let least = recipe.plan(&media).unwrap().outline().disk.least_size;
        assert_eq!(recipe.clone().disk_size(least).plan(&media).unwrap().outline().disk.size, least);
        let error = recipe.disk_size(Size(least.0 - 1048576)).plan(&media).unwrap_err();
        let hint = error.hint().unwrap();
        assert!(hint.contains(&least.argument()), "{error}: {hint}");
    }
}

/// One disk, whatever file it is kept in.
#[test]
fn every_format_holds_the_same_bytes() {
    let media = Media::open(testdata("media")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let recipe = Recipe::new().edition(Edition::Standard).firmware(Firmware::Uefi).disk_size(Size(160 << 20));
    let mut disks = Vec::new();
    for (name, fixed) in [("a.raw", true), ("b.vhdx", false), ("c.vhdx", true), ("d.vhd", false)] {
        let format = DiskFormat::for_output(Path::new(name)).unwrap();
        build(&media, &recipe.clone().format(format).fixed(fixed), &at(name));
        disks.push((name, open(&at(name))));
    }
    let (mut expected, mut found) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    let (raw, others) = disks.split_first_mut().unwrap();
    for (name, disk) in others {
        for at in (0..160 << 20).step_by(expected.len()) {
            for (disk, bytes) in [(&mut raw.1, &mut expected), (disk, &mut found)] {
                disk.seek(SeekFrom::Start(at)).unwrap();
                disk.read_exact(bytes).unwrap();
            }
            assert!(expected == found, "{name} differs from 1 MiB at {at:#x}");
        }
    }
    // A fixed VHD is the disk itself and a footer.
    build(&media, &recipe.format(DiskFormat::Vhd).fixed(true), &at("e.vhd"));
    let (raw, fixed) = (std::fs::read(at("a.raw")).unwrap(), std::fs::read(at("e.vhd")).unwrap());
    assert!(fixed[..raw.len()] == raw[..] && fixed.len() == raw.len() + 512);
}
