//! Discs that other programs make, compared with the folder that they were made from and with what further programs
//! read.

use std::fs::File;
use std::path::{Path, PathBuf};

use nanovhd_iso::{Iso, IsoError, Kind, Unsupported};

use crate::support::{Item, Listing, assert_same, check, content, on_host, open, ours, timeless, tool};

/// A folder with names of many kinds; `surrogates`: also such that genisoimage doesn't take.
fn source(folder: &Path, surrogates: bool) -> PathBuf {
    let root = folder.join("source");
    let put = |path: &str, bytes: &[u8]| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    let bytes: Vec<u8> = (0..150_000u32).flat_map(u32::to_le_bytes).collect();
    put("NanoServer/NanoServer.wim", &bytes);
    put("NanoServer/Packages/Microsoft-NanoServer-Compute-Package.cab", &bytes[..5001]);
    put("NanoServer/Packages/en-us/Microsoft-NanoServer-Compute-Package_en-us.cab", &bytes[..2048]);
    put("日本語 フォルダ/ファイル.txt", "日本語".as_bytes());
    put("empty", b"");
    put("é and ü", b"Latin-1");
    put(&"n".repeat(if surrogates { 60 } else { 100 }), b"a long name");
    put("1/2/3/4/5/6/7/8/9/10/deep", b"relocated by Rock Ridge");
    for number in 0..5000 {
        put(&format!("many/file number {number:04}.dat"), number.to_string().as_bytes());
    }
    if surrogates {
        put("emoji 😀.txt", b"surrogate pair");
    }
    root
}

fn genisoimage(folder: &Path, options: &[&str]) -> Option<PathBuf> {
    let (image, source) = (folder.join("disc.iso"), folder.join("source"));
    let arguments = options.iter().map(|option| Path::new(option).as_os_str());
    check("genisoimage", arguments.chain(["-quiet".as_ref(), "-o".as_ref(), image.as_os_str(), source.as_os_str()]))?;
    Some(image)
}

fn extracted_by_7z(image: &Path, folder: &Path) -> Option<Listing> {
    let out = folder.join("extracted");
    let target = format!("-o{}", out.display());
    check("7z", ["x".as_ref(), "-y".as_ref(), target.as_ref(), image.as_os_str()])?;
    Some(on_host(&out))
}

#[test]
fn a_bridge_disc_of_genisoimage_is_read_by_each_description() {
    let folder = tempfile::tempdir().unwrap();
    let expected = on_host(&source(folder.path(), false));
    let options = ["-udf", "-J", "-joliet-long", "-R", "-iso-level", "3", "-V", "Bridge", "-input-charset", "utf-8"];
    let Some(image) = genisoimage(folder.path(), &options) else { return };
    for kind in [Kind::Udf, Kind::Joliet, Kind::RockRidge] {
        let iso = Iso::open_as(File::open(&image).unwrap(), kind).unwrap();
        assert_eq!(iso.volume_label(), "Bridge");
        assert_same(&timeless(ours(&iso)), &expected, &kind.to_string());
    }
    let iso = Iso::open_as(File::open(&image).unwrap(), Kind::Iso9660).unwrap();
    let plain = ours(&iso);
    assert!(plain.len() > 5000 && plain.contains_key("NANOSERVER/NANOSERVER.WIM"));
    let Some(theirs) = extracted_by_7z(&image, folder.path()) else { return };
    assert_same(&timeless(ours(&open(&image))), &theirs, "7z");
}

#[test]
fn names_are_those_that_isoinfo_reads() {
    let folder = tempfile::tempdir().unwrap();
    source(folder.path(), false);
    let Some(image) = genisoimage(folder.path(), &["-J", "-joliet-long", "-R", "-input-charset", "utf-8"]) else {
        return;
    };
    for (kind, option) in [(Kind::Joliet, "-J"), (Kind::RockRidge, "-R")] {
        let arguments = ["-i".as_ref(), image.as_os_str(), "-f".as_ref(), option.as_ref()];
        let Some(printed) = check("isoinfo", arguments) else { return };
        // Of Joliet it prints Latin-1, of Rock Ridge what is there.
        let printed = String::from_utf8(printed)
            .unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect());
        let mut theirs: Vec<_> = printed.lines().map(|line| line[1..].to_owned()).collect();
        let iso = Iso::open_as(File::open(&image).unwrap(), kind).unwrap();
        let mut found: Vec<_> = iso.walk(&iso.root()).map(|step| step.unwrap().0).collect();
        // isoinfo shows directories that were moved where they were moved to, and prints ASCII.
        let moved = |path: &String| path.contains("rr_moved") || path.contains("1/2/3/4/5/6");
        let ascii = |path: &mut String| *path = path.replace(|c: char| !c.is_ascii(), "_");
        for list in [&mut theirs, &mut found] {
            list.retain(|path| !moved(path));
            list.iter_mut().for_each(ascii);
            list.sort();
        }
        assert!(found == theirs, "{kind}: {found:?} {theirs:?}");
    }
}

#[test]
fn plain_discs_of_each_level_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    std::fs::create_dir_all(source.join("dir")).unwrap();
    for (name, text) in [("README.TXT", "readme"), ("NODOT", "no dot"), ("dir/FILE.DAT", "file")] {
        std::fs::write(source.join(name), text).unwrap();
    }
    let upper = |list: Listing| list.into_iter().map(|(path, item)| (path.to_uppercase(), item)).collect::<Listing>();
    for level in ["1", "2", "3", "4"] {
        let Some(image) = genisoimage(folder.path(), &["-iso-level", level, "-V", "PLAIN"]) else { return };
        let iso = open(&image);
        assert_eq!((iso.kind(), iso.volume_label(), iso.kinds().len()), (Kind::Iso9660, "PLAIN", 1));
        assert_same(&upper(timeless(ours(&iso))), &upper(on_host(&source)), level);
    }
}

#[test]
fn discs_of_xorriso_are_read_with_surrogates_and_boot_records() {
    let folder = tempfile::tempdir().unwrap();
    let source = source(folder.path(), true);
    let expected = on_host(&source);
    let image = folder.path().join("disc.iso");
    for options in
        [&["-R", "-J"][..], &["-R", "-J", "--protective-msdos-label"], &["-R", "-J", "-partition_offset", "16"]]
    {
        let _ = std::fs::remove_file(&image);
        let start = ["-as", "mkisofs", "-quiet", "-joliet-long", "-V", "XORRISO"].iter().chain(options);
        let arguments = start.map(|option| Path::new(option).as_os_str());
        let arguments = arguments.chain(["-o".as_ref(), image.as_os_str(), source.as_os_str()]);
        if check("xorriso", arguments).is_none() {
            return;
        }
        for kind in [Kind::Joliet, Kind::RockRidge] {
            let iso = Iso::open_as(File::open(&image).unwrap(), kind).unwrap();
            assert_eq!(iso.volume_label(), "XORRISO");
            let (mut found, mut expected) = (timeless(ours(&iso)), expected.clone());
            if kind == Kind::Joliet {
                // xorriso keeps to UCS-2 there and puts another character.
                let emoji = expected.remove("emoji 😀.txt");
                assert_eq!(found.remove("emoji _.txt"), emoji);
            }
            assert_same(&found, &expected, &format!("{kind} {options:?}"));
        }
    }
}

#[test]
fn volumes_of_mkudffs_are_read_and_those_with_virtual_partitions_refused() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("udf.img");
    let format = |options: &[String]| {
        File::create(&image).unwrap().set_len(80 << 20).unwrap();
        let arguments = options.iter().map(|option| Path::new(option).as_os_str());
        check("mkudffs", arguments.chain(["--label=Ünï 日本".as_ref(), image.as_os_str()]))
    };
    // It has no metadata partitions, and so no later revisions for these.
    for (text, revision) in [("1.02", 0x102), ("1.50", 0x150), ("2.00", 0x200), ("2.01", 0x201)] {
        for block in [512, 1024, 2048, 4096, 8192, 16_384, 32_768] {
            let options = ["--media-type=hd".to_owned(), format!("--udfrev={text}"), format!("--blocksize={block}")];
            if format(&options).is_none() {
                return;
            }
            let iso = open(&image);
            assert_eq!((iso.volume_label(), iso.udf_revision()), ("Ünï 日本", Some(revision)), "{options:?}");
            assert!(ours(&iso).is_empty() && !iso.is_cut_short(), "{options:?}");
        }
    }
    for media in ["dvd", "dvdram", "dvdrw", "cdrw", "cd"] {
        format(&[format!("--media-type={media}"), "--blocksize=2048".to_owned()]);
        assert!(ours(&open(&image)).is_empty(), "{media}");
    }
    for media in ["cdr", "dvdr", "bdr"] {
        format(&[format!("--media-type={media}")]);
        let refused = Iso::open(File::open(&image).unwrap());
        let virtual_partition =
            matches!(refused, Err(IsoError::Unsupported { reason: Unsupported::VirtualPartition, .. }));
        assert!(virtual_partition, "{media}: {refused:?}");
    }
}

/// pycdlib writes its own UDF, Joliet and Rock Ridge.
#[test]
fn discs_of_pycdlib_are_read() {
    const SCRIPT: &str = "
import io, sys
import pycdlib
iso = pycdlib.PyCdlib()
iso.new(udf='2.60', joliet=3, rock_ridge='1.09', interchange_level=3, vol_ident='PYCDLIB')
iso.add_directory('/NANO', rr_name='NanoServer', joliet_path='/NanoServer', udf_path='/NanoServer')
for number, (name, text) in enumerate([('NanoServer.wim', b'wim' * 9999), ('日本.txt', b'japan'), ('empty', b'')]):
    iso.add_fp(io.BytesIO(text), len(text), f'/NANO/F{number}.;1', rr_name=name,
               joliet_path='/NanoServer/' + name, udf_path='/NanoServer/' + name)
iso.write(sys.argv[1])
";
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("disc.iso");
    let Some(there) = tool("python3", ["-c", "import pycdlib"]) else { return };
    if !there.status.success() {
        assert!(std::env::var_os("NANOVHD_REQUIRE_TOOLS").is_none_or(|value| value != "1"), "pycdlib not found");
        println!("skipped: pycdlib not found");
        return;
    }
    check("python3", ["-c".as_ref(), SCRIPT.as_ref(), image.as_os_str()]).unwrap();
    for kind in [Kind::Udf, Kind::Joliet, Kind::RockRidge] {
        let iso = Iso::open_as(File::open(&image).unwrap(), kind).unwrap();
        assert_eq!(iso.volume_label(), "PYCDLIB");
        let wim = iso.find("NanoServer/NanoServer.wim").unwrap().unwrap();
        assert!(content(&iso.file(&wim).unwrap()) == b"wim".repeat(9999), "{kind}");
        let japan = iso.find("NanoServer/日本.txt").unwrap().unwrap();
        assert_eq!(content(&iso.file(&japan).unwrap()), b"japan");
        let list = ours(&iso);
        assert_eq!(list.len(), 4, "{kind}: {list:?}");
        assert!(list.values().any(|item| *item == Item::Directory));
    }
}
