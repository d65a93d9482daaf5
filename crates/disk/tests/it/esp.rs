//! The EFI system partition under the eyes of others.

use nanovhd_disk::{EspData, EspFile, EspOptions, FatVolume, format_esp};
use nanovhd_tree::{Attributes, Filetime, SourceId, WriteAt};
use tempfile::NamedTempFile;

use crate::support::*;

pub(crate) fn options(sector_size: u32) -> EspOptions {
    EspOptions {
        size: if sector_size == 512 { 100 * MIB } else { 260 * MIB },
        sector_size,
        hidden_sectors: MIB / u64::from(sector_size),
        serial: 0x0bad_cafe,
        label: "System".into(),
        time: TIME,
    }
}

fn file(path: &str, data: Vec<u8>) -> EspFile {
    EspFile { path: path.into(), data: EspData::Bytes(data), attributes: Attributes::default(), written: None }
}

/// The content of a file whose content is known.
pub(crate) fn bytes(data: EspData) -> Vec<u8> {
    match data {
        EspData::Bytes(bytes) => bytes,
        EspData::Later(len) => panic!("{len} bytes are not known"),
    }
}

/// A tree like that of a boot manager: deep and wide, long and short and foreign names, empty files
/// and files of one byte, of whole clusters and of megabytes.
pub(crate) fn sample() -> Vec<EspFile> {
    let mut files = vec![
        file("EFI/Boot/bootx64.efi", pattern(1, 1_500_000)),
        file("EFI/Microsoft/Boot/bootmgfw.efi", pattern(2, 1_500_001)),
        file("EFI\\Microsoft\\Boot\\BCD", pattern(3, 32_768)),
        file("/EFI/Microsoft/Boot/Fonts/wgl4_boot.ttf", pattern(4, 49_096)),
        file("EFI/Microsoft/Boot/a name that is exactly thirty.nine", pattern(5, 1)),
        file("EFI/Microsoft/Boot/short.txt", Vec::new()),
        file("EFI/Microsoft/Boot/no extension at all", pattern(6, 4096)),
        file("EFI/Microsoft/Boot/größe-ж-漢字.dat", pattern(7, 513)),
        file("EFI/Microsoft/Boot/two.dots.in.it", pattern(8, 1024)),
        file("a/b/c/d/e/f/g/h/deep.bin", pattern(9, 10)),
        file("README.TXT", pattern(10, 100)),
    ];
    for number in 0..400 {
        files.push(file(&format!("EFI/Microsoft/Boot/many/language file {number:03}.mui"), pattern(number, 700)));
    }
    for number in 0..60 {
        files.push(file(&format!("in the root directory {number}.bin"), pattern(number, 3)));
    }
    files
}

pub(crate) fn image(options: &EspOptions, files: &[EspFile]) -> NamedTempFile {
    let file = tempfile::Builder::new().suffix(".fat").tempfile().unwrap();
    file.as_file().set_len(options.size).unwrap();
    for (offset, bytes) in format_esp(options, files).unwrap().ranges {
        file.as_file().write_all_at(&bytes, offset).unwrap();
    }
    file
}

/// A path of the volume as mtools want it.
fn in_image(path: &str) -> String {
    format!("::/{}", path.trim_start_matches('/').replace('\\', "/"))
}

#[test]
fn fsck_finds_nothing_wrong() {
    for sector_size in [512, 4096] {
        let image = image(&options(sector_size), &sample());
        let Some(report) = check("fsck.vfat", ["-vn".as_ref(), image.path().as_os_str()]) else { return };
        let sectors = format!("{sector_size} bytes per logical sector");
        let hidden = format!("{} hidden sectors", MIB / u64::from(sector_size));
        assert!(report.contains(&sectors) && report.contains(&hidden), "{report}");
        for word in ["differ", "wrong", "Dirty", "dirty", "Expected", "Orphan", "uninitialized", "bad", "Bad"] {
            assert!(!report.contains(word), "{word} in {report}");
        }
        // 471 files, the 14 directories of their paths and the label.
        assert!(report.contains(": 486 files, "), "{report}");
    }
}

#[test]
fn an_empty_volume_without_a_label_is_right_too() {
    let options = EspOptions { label: String::new(), ..options(512) };
    let image = image(&options, &[]);
    check("fsck.vfat", ["-vn".as_ref(), image.path().as_os_str()]);
}

#[test]
fn mtools_read_every_file_back() {
    let files = sample();
    let image = image(&options(512), &files);
    let folder = tempfile::tempdir().unwrap();
    let path = image.path().to_str().unwrap();
    let arguments = ["-i", path, "-s", "-n", "-m", "::/*", folder.path().to_str().unwrap()];
    if check("mcopy", arguments).is_none() {
        return;
    }
    for file in &files {
        let name = file.path.trim_start_matches('/').replace('\\', "/");
        // mtools write names in the character set of the C locale.
        if name.is_ascii() {
            let found = std::fs::read(folder.path().join(&name)).unwrap();
            assert!(EspData::Bytes(found) == file.data, "{name}");
        }
    }
}

#[test]
fn the_library_reads_every_file_back() {
    use std::io::Read;

    for sector_size in [512, 4096] {
        let files = sample();
        let image = Memory::new(options(sector_size).size);
        for (offset, bytes) in format_esp(&options(sector_size), &files).unwrap().ranges {
            image.write_all_at(&bytes, offset).unwrap();
        }
        let volume = fatfs::FileSystem::new(image, fatfs::FsOptions::new()).unwrap();
        assert_eq!(volume.fat_type(), fatfs::FatType::Fat32);
        assert_eq!(volume.read_volume_label_from_root_dir().unwrap().as_deref(), Some("SYSTEM"));
        assert_eq!((volume.volume_label().as_str(), volume.volume_id()), ("SYSTEM", 0x0bad_cafe));
        for file in &files {
            let mut found = Vec::new();
            let path = file.path.replace('\\', "/");
            volume.root_dir().open_file(&path).unwrap().read_to_end(&mut found).unwrap();
            assert!(EspData::Bytes(found) == file.data, "{path}");
        }
    }
}

#[test]
fn attributes_and_times_are_stored() {
    let with = |path: &str, attributes| EspFile { attributes, ..file(path, vec![1]) };
    let files = [
        with("plain", Attributes::NORMAL),
        with("sub/all of them", Attributes(u32::MAX)),
        with("sub/hidden", Attributes::HIDDEN.with(Attributes::SYSTEM)),
        with("sub/read only", Attributes::READONLY.with(Attributes::COMPRESSED)),
        with("sub/archive", Attributes::ARCHIVE),
    ];
    let image = image(&options(512), &files);
    let path = image.path().to_str().unwrap();
    for (file, expected) in files.iter().zip(["", "ASHR", "SH", "R", "A"]) {
        let Some(line) = check("mattrib", ["-i", path, &in_image(&file.path)]) else { return };
        let letters: String =
            line.chars().take_while(|&c| c == ' ' || c.is_ascii_uppercase()).filter(|&c| c != ' ').collect();
        assert_eq!(letters, expected, "{line}");
    }
    for folder in ["::/", "::/sub"] {
        let listing = check("mdir", ["-i", path, "-a", folder]).unwrap();
        assert!(listing.contains("Volume in drive : is SYSTEM"), "{listing}");
        let entries =
            listing.lines().filter(|line| line.chars().filter(|&c| c == ':').count() == 1 && line.contains('-'));
        for line in entries {
            assert!(line.contains("2016-10-13   0:00"), "{line}");
        }
    }
}

/// A boot manager of megabytes between small files, with times of their own.
#[test]
fn content_that_comes_later_is_where_others_look_for_it() {
    let later = |path: &str, len: u32| EspFile {
        data: EspData::Later(len.into()),
        written: Some(Filetime::from_unix(1_600_000_000 + i64::from(len))),
        ..file(path, Vec::new())
    };
    let files = [
        file("EFI/Microsoft/Boot/BCD", pattern(1, 20_480)),
        later("EFI/Microsoft/Boot/bootmgfw.efi", 1_500_001),
        later("EFI/Microsoft/Boot/de-DE/bootmgfw.efi.mui", 77_000),
        later("EFI/Microsoft/Boot/empty", 0),
        file("EFI/Boot/small", pattern(2, 10)),
        later("EFI/Boot/bootx64.efi", 1_500_001),
    ];
    for sector_size in [512, 4096] {
        let layout = format_esp(&options(sector_size), &files).unwrap();
        let image = image(&options(sector_size), &files);
        let contents = files.iter().zip(&layout.files).map(|(file, at)| {
            let EspData::Later(len) = file.data else { return (file, bytes(file.data.clone())) };
            let content = pattern(len, usize::try_from(len).unwrap());
            image.as_file().write_all_at(&content, *at).unwrap();
            (file, content)
        });
        let contents: Vec<_> = contents.collect();
        check("fsck.vfat", ["-vn".as_ref(), image.path().as_os_str()]);
        let folder = tempfile::tempdir().unwrap();
        let arguments = ["-i", image.path().to_str().unwrap(), "-s", "-n", "-m", "::/*"];
        let copied = check("mcopy", arguments.into_iter().chain(folder.path().to_str())).is_some();
        let tree = FatVolume::open(image.as_file()).unwrap().tree(SourceId(0)).unwrap().tree;
        for (file, content) in contents {
            assert!(!copied || std::fs::read(folder.path().join(&file.path)).unwrap() == content, "{}", file.path);
            let times = tree.file(tree.lookup(&file.path).unwrap()).metadata.times;
            // Two seconds exact.
            let written = file.written.map_or(TIME, |time| Filetime::from_unix(time.unix_seconds() / 2 * 2));
            assert_eq!((times.created, times.written), (TIME, written), "{}", file.path);
        }
    }
}

#[test]
fn the_boot_sector_and_its_copies_say_the_same() {
    for sector_size in [512, 4096] {
        let options = options(sector_size);
        let ranges = format_esp(&options, &[]).unwrap().ranges;
        let sector = |number: u64| {
            let at = number * u64::from(sector_size);
            let holds = |(start, bytes): &&(u64, Vec<u8>)| (*start..start + bytes.len() as u64).contains(&at);
            let (start, bytes) = ranges.iter().find(holds).unwrap();
            bytes[usize::try_from(at - start).unwrap()..][..512].to_vec()
        };
        assert_eq!(sector(0), sector(6));
        assert_eq!(sector(1), sector(7));
        let hidden = u32::from_le_bytes(sector(0)[28..32].try_into().unwrap());
        assert_eq!(u64::from(hidden), options.hidden_sectors);
        assert_eq!(sector(1)[..4], *b"RRaA");
        assert_eq!(sector(0)[510..], [0x55, 0xaa]);
    }
}
