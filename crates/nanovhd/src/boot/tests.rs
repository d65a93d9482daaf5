//! Disks that start, read by programs that others wrote.

mod diagnostics;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Command;

use nanovhd_boot::bcd::{Store, element, id};
use nanovhd_boot::{MBR_CODE, NTFS_BOOT_CODE};
use nanovhd_tree::{Attributes, Content, Metadata, Reparse, Tree};

use super::*;
use crate::build::support::{Part, assert_same, in_image, on_volume, testdata, with_boot_files};
use crate::{BuildOptions, DiskFormat, Edition, Firmware, Plan, PlanError, Recipe, Selection};

const MIB: u64 = 1 << 20;
/// The smallest disks that hold the image, by far.
const BIOS_SIZE: Size = Size(64 * MIB);
const UEFI_SIZE: Size = Size(200 * MIB);

fn media() -> Media {
    Media::open(testdata("media")).unwrap()
}

fn recipe(firmware: Firmware) -> Recipe {
    let size = if firmware == Firmware::Uefi { UEFI_SIZE } else { BIOS_SIZE };
    Recipe::new().format(DiskFormat::Raw).firmware(firmware).disk_size(size)
}

/// The plan for the Datacenter image after a change.
fn plan<'m>(media: &'m Media, recipe: &Recipe, change: impl FnOnce(&mut Tree)) -> Result<Plan<'m>, PlanError> {
    let chosen = media.choose(&Selection::Edition(Edition::Datacenter)).unwrap();
    let mut tree = media.tree(chosen.image.index).unwrap();
    change(&mut tree);
    recipe.plan_tree(media, chosen, tree, vec![])
}

/// Why there is no plan.
fn refusal(firmware: Firmware, change: impl FnOnce(&mut Tree)) -> String {
    let error = plan(&media(), &recipe(firmware), change).unwrap_err();
    assert!(matches!(error, PlanError::Boot { image: 2, .. }), "{error}");
    format!("{}; {}", crate::text::causes(&error), error.hint().unwrap_or_default())
}

fn find(tree: &Tree, path: &str) -> FileId {
    tree.lookup(path).unwrap_or_else(|| panic!("{path}"))
}

fn remove(tree: &mut Tree, path: &str) {
    let (folder, name) = path.rsplit_once('\\').unwrap();
    let folder = find(tree, folder);
    tree.remove(folder, &name.into()).unwrap();
}

/// A file of the image.
fn blob(media: &Media, tree: &Tree, path: &str) -> Vec<u8> {
    read(tree, media, find(tree, path), path, 1 << 20).unwrap()
}

/// Builds and verifies. The file is gone with the folder.
fn build(plan: &Plan<'_>) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("disk.raw");
    let options = BuildOptions { verify: true, ..BuildOptions::default() };
    plan.build(&output, &options, &()).unwrap_or_else(|e| panic!("{e}: {:?}", std::error::Error::source(&e)));
    (folder, output)
}

fn bytes_at(disk: &Path, offset: u64, len: usize) -> Vec<u8> {
    let mut file = File::open(disk).unwrap();
    let mut bytes = vec![0; len];
    file.seek(SeekFrom::Start(offset)).unwrap();
    file.read_exact(&mut bytes).unwrap();
    bytes
}

/// The EFI system partition by itself.
fn carve(plan: &Plan<'_>, disk: &Path) -> PathBuf {
    let esp = &plan.outline().partitions[0];
    let path = disk.with_extension("fat");
    fs::write(&path, bytes_at(disk, esp.offset, usize::try_from(esp.size.0).unwrap())).unwrap();
    path
}

/// What the `fatfs` crate finds: bytes, attributes and seconds since 1970 of the last change.
fn on_esp(volume: &Path) -> BTreeMap<String, (Vec<u8>, u8, i64)> {
    let volume = fatfs::FileSystem::new(File::open(volume).unwrap(), fatfs::FsOptions::new()).unwrap();
    let mut files = BTreeMap::new();
    let mut waiting = vec![(String::new(), volume.root_dir())];
    while let Some((folder, directory)) = waiting.pop() {
        for entry in directory.iter().map(Result::unwrap) {
            let path = format!("{folder}\\{}", entry.file_name());
            match entry.file_name().as_str() {
                "." | ".." => {}
                _ if entry.is_dir() => waiting.push((path, entry.to_dir())),
                _ => {
                    let mut bytes = Vec::new();
                    entry.to_file().read_to_end(&mut bytes).unwrap();
                    let time = entry.modified();
                    let (date, time) = (time.date, time.time);
                    let days = days(date.year.into(), date.month.into(), date.day.into());
                    let of_day = u32::from(time.hour) * 3600 + u32::from(time.min) * 60 + u32::from(time.sec);
                    files.insert(path, (bytes, entry.attributes().bits(), days * 86_400 + i64::from(of_day)));
                }
            }
        }
    }
    files
}

/// Days from 1970 on, counted one year and month after the other.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let years: i64 = (1970..year).map(|year| 365 + i64::from(leap(year))).sum();
    let lengths = [31, 28 + i64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    years + lengths.iter().zip(1..month).map(|(length, _)| length).sum::<i64>() + day - 1
}

#[test]
fn the_esp_has_the_boot_files_of_the_image_and_a_store() {
    let media = media();
    let plan = plan(&media, &recipe(Firmware::Uefi), |_| {}).unwrap();
    let (_folder, disk) = build(&plan);
    let mut found = on_esp(&carve(&plan, &disk));
    let tree = media.tree(2).unwrap();
    let mut expected = BTreeMap::new();
    for step in tree.walk().filter(|step| !step.file.is_directory()) {
        let path = step.path();
        let sources = [
            (r"\Windows\Boot\EFI\", r"\EFI\Microsoft\Boot\"),
            (r"\Windows\Boot\Fonts\", r"\EFI\Microsoft\Boot\Fonts\"),
            (r"\Windows\Boot\Resources\", r"\EFI\Microsoft\Boot\Resources\"),
        ];
        for (from, to) in sources {
            let Some(rest) = path.strip_prefix(from) else { continue };
            let metadata = &step.file.metadata;
            let file = (
                blob(&media, &tree, &path),
                // Read-only, hidden, system, archive.
                (metadata.attributes.0 & 0x27) as u8,
                metadata.times.written.unix_seconds() / 2 * 2,
            );
            if rest == "bootmgfw.efi" {
                expected.insert(r"\EFI\Boot\bootx64.efi".to_owned(), file.clone());
            }
            expected.insert(format!("{to}{rest}"), file);
        }
    }
    let (store, attributes, time) = found.remove(r"\EFI\Microsoft\Boot\BCD").unwrap();
    assert_eq!((attributes, time), (0x20, plan.outline().time / 2 * 2));
    assert!(expected.len() > 10);
    assert!(found == expected, "{:?}\n{:?}", found.keys(), expected.keys());
    let outline = plan.outline().boot.as_ref().unwrap();
    assert_eq!((outline.files + 1, outline.manager.as_str()), (expected.len(), r"\EFI\Microsoft\Boot\bootmgfw.efi"));
    assert_eq!(outline.fallback.as_deref(), Some(r"\EFI\Boot\bootx64.efi"));

    let store = Store::open(store).unwrap();
    let loader = store.object(outline.loader_id).unwrap();
    assert_eq!(loader.text(element::DESCRIPTION), Some("Windows Server 2016"));
    let partition = |number: usize| {
        let disk = plan.outline().disk.id.parse().unwrap();
        Device::Partition(PartitionDevice::Gpt { disk, partition: plan.outline().partitions[number].id.unwrap() })
    };
    assert_eq!(loader.device(element::OS_DEVICE), Some(&partition(2)));
    assert_eq!(store.object(id::BOOTMGR).unwrap().device(element::APPLICATION_DEVICE), Some(&partition(0)));
}

#[test]
fn other_programs_read_the_esp_alike() {
    if !have("mcopy") || !have("fsck.vfat") {
        return;
    }
    let media = media();
    let plan = plan(&media, &recipe(Firmware::Uefi), |_| {}).unwrap();
    let (folder, disk) = build(&plan);
    let volume = carve(&plan, &disk);
    let checked = tool("fsck.vfat").arg("-vn").arg(&volume).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
    let copy = folder.path().join("copy");
    fs::create_dir(&copy).unwrap();
    let copied = tool("mcopy").arg("-i").arg(&volume).args(["-s", "-n", "-m", "::/*"]).arg(&copy).output().unwrap();
    assert!(copied.status.success(), "{copied:?}");
    for (path, (bytes, _, time)) in on_esp(&volume) {
        let path = copy.join(path.trim_start_matches('\\').replace('\\', "/"));
        assert!(fs::read(&path).unwrap() == bytes, "{path:?}");
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        let seconds = modified.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        assert_eq!(i64::try_from(seconds), Ok(time), "{path:?}");
    }
}

fn tool(name: &str) -> Command {
    let mut command = Command::new(name);
    let path = std::env::var("PATH").unwrap_or_default() + ":/sbin:/usr/sbin";
    // mtools take times for those of the place where they run.
    command.env("PATH", path).env("LC_ALL", "C").env("TZ", "UTC");
    command
}

fn have(name: &str) -> bool {
    if tool(name).arg("--help").output().is_ok() {
        return true;
    }
    assert!(std::env::var_os("NANOVHD_REQUIRE_TOOLS").is_none_or(|v| v != "1"), "{name} is required but not found");
    eprintln!("skipped: {name} not found");
    false
}

#[test]
fn a_bios_finds_code_in_both_records_and_the_files_in_the_root() {
    let media = media();
    let plan = plan(&media, &recipe(Firmware::Bios), |_| {}).unwrap();
    let (_folder, disk) = build(&plan);
    let start = plan.volume_start;
    assert_eq!(bytes_at(&disk, 0, 440), MBR_CODE);
    let record = bytes_at(&disk, start, 8192);
    assert!(record[..3] == NTFS_BOOT_CODE[..3] && record[0x54..] == NTFS_BOOT_CODE[0x54..]);
    assert_eq!(record[3..11], *b"NTFS    ");
    let copy = start + plan.outline().partitions[0].size.0 - 512;
    assert_eq!(bytes_at(&disk, copy, 512), record[..512]);

    let found = on_volume(Part { disk: File::open(&disk).unwrap(), start });
    assert_same(&found, &with_boot_files(in_image(&media, 2), &found));
    let store = Store::open(found[r#"\"Boot"\"BCD""#].clone()).unwrap();
    let loader = store.object(plan.outline().boot.as_ref().unwrap().loader_id).unwrap();
    assert_eq!(
        loader.text(element::APPLICATION_PATH).map(str::to_lowercase),
        Some(r"\windows\system32\winload.exe".into())
    );
    assert_eq!(loader.device(element::APPLICATION_DEVICE), Some(&Device::locate(element::APPLICATION_PATH)));
    assert_eq!(loader.device(element::OS_DEVICE), Some(&Device::locate(element::SYSTEM_ROOT)));
    for (name, attributes) in [("bootmgr", 0x27), ("BOOTNXT", 0x26), ("Boot", 0x1000_0006)] {
        assert_eq!(attributes_in_root(Part { disk: File::open(&disk).unwrap(), start }, name), attributes, "{name}");
    }
}

/// What the `ntfs` crate says of a file or directory in the root.
fn attributes_in_root(mut volume: Part<File>, name: &str) -> u32 {
    let fs = &mut volume;
    let mut ntfs = ntfs::Ntfs::new(fs).unwrap();
    ntfs.read_upcase_table(fs).unwrap();
    let root = ntfs.root_directory(fs).unwrap();
    let index = root.directory_index(fs).unwrap();
    let mut finder = index.finder();
    let entry = ntfs::indexes::NtfsFileNameIndex::find(&mut finder, &ntfs, fs, name).unwrap().unwrap();
    let names = entry.key().unwrap().unwrap();
    names.file_attributes().bits()
}

#[test]
fn devices_are_named_as_asked_for() {
    let media = media();
    let store = |device| {
        let plan = plan(&media, &recipe(Firmware::Bios).bcd_device(device), |_| {}).unwrap();
        let Source::Bytes(bytes) = plan.tree.file(find(&plan.tree, r"\Boot\BCD")).content().unwrap().source().clone()
        else {
            panic!("the store is in memory");
        };
        let id = plan.outline().boot.as_ref().unwrap().loader_id;
        let store = Store::open(bytes.to_vec()).unwrap();
        let device = store.object(id).unwrap().device(element::OS_DEVICE).unwrap().clone();
        (device, plan.outline().disk.id.clone(), plan.volume_start)
    };
    let (device, signature, offset) = store(BcdDevice::Partition);
    let signature = u32::from_str_radix(&signature, 16).unwrap();
    assert_eq!(device, Device::Partition(PartitionDevice::Mbr { signature, offset }));
    assert_eq!(store(BcdDevice::Boot).0, Device::Boot);
    let error = plan(&media, &recipe(Firmware::Uefi).bcd_device(BcdDevice::Boot), |_| {}).unwrap_err();
    assert!(matches!(error, PlanError::Settings(_)), "{error}");
}

#[test]
fn what_an_image_lacks_is_named() {
    for (firmware, path) in [
        (Firmware::Uefi, r"\Windows\Boot\EFI\bootmgfw.efi"),
        (Firmware::Uefi, r"\Windows\System32\winload.efi"),
        (Firmware::Bios, r"\Windows\Boot\PCAT\bootmgr"),
        (Firmware::Bios, r"\Windows\System32\winload.exe"),
    ] {
        let said = refusal(firmware, |tree| remove(tree, path));
        assert!(said.contains(&format!("there is no {path} in the image")) && said.contains("--no-boot"), "{said}");
        let reparse = Reparse { tag: 0x8000_0017, reserved: 0, data: Content::empty() };
        let said = refusal(firmware, |tree| {
            let file = find(tree, path);
            tree.metadata_mut(file).reparse = Some(reparse);
        });
        assert!(said.contains(path) && said.contains("overlay filter"), "{said}");
    }
}

#[test]
fn programs_and_templates_that_are_none_are_refused() {
    let set = |path: &'static str, bytes: &'static [u8]| {
        move |tree: &mut Tree| {
            let file = find(tree, path);
            tree.set_content(file, Content::bytes(bytes));
        }
    };
    let manager = r"\Windows\Boot\EFI\bootmgfw.efi";
    let said = refusal(Firmware::Uefi, set(manager, b"a text"));
    assert!(said.contains(&format!("{manager} is not what UEFI could start: it is no UEFI program")), "{said}");
    let said = refusal(Firmware::Bios, set(TEMPLATE, b"a text"));
    assert!(said.contains(TEMPLATE) && said.contains("--bcd-template builtin"), "{said}");
    let large = |tree: &mut Tree| {
        let file = find(tree, TEMPLATE);
        tree.set_content(file, Content::host_file(Path::new("nowhere"), MAX_TEMPLATE + 1));
    };
    let said = refusal(Firmware::Bios, large);
    assert!(said.contains("16777217 bytes") && said.contains("--bcd-template builtin"), "{said}");
    let media = media();
    let plan = plan(&media, &recipe(Firmware::Bios).bcd_template(BcdTemplate::Builtin), large).unwrap();
    assert_eq!(plan.outline().boot.as_ref().unwrap().template, BcdTemplate::Builtin);
}

#[test]
fn an_image_without_a_template_gets_the_built_in_settings() {
    let media = media();
    let plan = plan(&media, &recipe(Firmware::Uefi), |tree| remove(tree, TEMPLATE)).unwrap();
    assert_eq!(plan.outline().boot.as_ref().unwrap().template, BcdTemplate::Builtin);
    build(&plan);
}

#[test]
fn an_image_for_another_machine_gets_that_machine_s_fallback() {
    let media = media();
    let path = r"\Windows\Boot\EFI\bootmgfw.efi";
    let mut program = blob(&media, &media.tree(2).unwrap(), path);
    let header = u32::from_le_bytes(program[0x3c..0x40].try_into().unwrap()) as usize;
    program[header + 4..header + 6].copy_from_slice(&[0x64, 0xaa]);
    let change = |tree: &mut Tree| {
        let file = find(tree, path);
        tree.set_content(file, Content::bytes(program.clone()));
    };
    let plan = plan(&media, &recipe(Firmware::Uefi), change).unwrap();
    let (_folder, disk) = build(&plan);
    let found = on_esp(&carve(&plan, &disk));
    assert!(found[r"\EFI\Boot\bootaa64.efi"].0 == program);
    assert!(!found.contains_key(r"\EFI\Boot\bootx64.efi"));
}

#[test]
fn an_image_that_was_captured_from_a_started_machine_gets_new_files() {
    let media = media();
    let plan = plan(&media, &recipe(Firmware::Bios), |tree| {
        let boot = tree.add_directory(Tree::ROOT, "boot".into(), Metadata::default()).unwrap();
        let mut add = |parent, name: &str| {
            let metadata = Metadata { attributes: Attributes::READONLY, ..Metadata::default() };
            tree.add_file(parent, name.into(), metadata, Content::bytes(*b"old")).unwrap();
        };
        add(Tree::ROOT, "BOOTMGR");
        for name in ["bcd", "BCD.LOG1", "bootstat.dat"] {
            add(boot, name);
        }
    });
    let plan = plan.unwrap();
    let (_folder, disk) = build(&plan);
    let found = on_volume(Part { disk: File::open(&disk).unwrap(), start: plan.volume_start });
    let tree = media.tree(2).unwrap();
    assert!(found[r#"\"bootmgr""#] == blob(&media, &tree, r"\Windows\Boot\PCAT\bootmgr"));
    assert!(found[r#"\"boot"\"BCD""#].starts_with(b"regf"));
    assert_eq!(found[r#"\"boot"\"bootstat.dat""#], b"old");
    let gone = [r#"\"BOOTMGR""#, r#"\"boot"\"bcd""#, r#"\"boot"\"BCD.LOG1""#, r#"\"Boot""#];
    assert!(gone.iter().all(|path| !found.contains_key(*path)));
}

#[test]
fn without_boot_files_the_image_is_all_there_is() {
    let media = media();
    for firmware in [Firmware::Uefi, Firmware::Bios] {
        let plan = plan(&media, &recipe(firmware).boot(false), |tree| {
            remove(tree, r"\Windows\System32\winload.exe");
            remove(tree, r"\Windows\System32\winload.efi");
        });
        let plan = plan.unwrap();
        assert_eq!((&plan.outline().boot, plan.outline().warnings.len()), (&None, 1));
        let (_folder, disk) = build(&plan);
        let found = on_volume(Part { disk: File::open(&disk).unwrap(), start: plan.volume_start });
        assert!(!found.contains_key(r#"\"bootmgr""#));
        match firmware {
            Firmware::Uefi => assert!(on_esp(&carve(&plan, &disk)).is_empty()),
            // The code says what is missing.
            Firmware::Bios => assert_eq!(bytes_at(&disk, plan.volume_start + 512, 512), NTFS_BOOT_CODE[512..1024]),
        }
    }
}

/// A boot file as large as the usual partition: nothing of it is held, and the partition grows.
#[test]
fn the_esp_grows_with_its_files_and_memory_does_not() {
    const LEN: u64 = 100 * MIB;
    let folder = tempfile::tempdir().unwrap();
    let host = folder.path().join("host");
    let file = File::create(&host).unwrap();
    file.set_len(LEN).unwrap();
    nanovhd_tree::WriteAt::write_all_at(&file, b"the end", LEN - 7).unwrap();
    let media = media();
    let plan = plan(&media, &recipe(Firmware::Uefi).disk_size(Size(400 * MIB)), |tree| {
        let fonts = find(tree, r"\Windows\Boot\Fonts");
        tree.add_file(fonts, "large.ttf".into(), Metadata::default(), Content::host_file(&*host, LEN)).unwrap();
    });
    let plan = plan.unwrap();
    let held: usize = plan.fixed.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(held < 2 << 20, "{held} bytes are held");
    let esp = plan.outline().partitions[0].size.0 / MIB;
    assert!((125..130).contains(&esp), "{esp} MiB");
    let (_folder, disk) = build(&plan);
    let found = on_esp(&carve(&plan, &disk));
    let (large, ..) = &found[r"\EFI\Microsoft\Boot\Fonts\large.ttf"];
    assert!(large.len() as u64 == LEN && large.ends_with(b"\0the end"));
}

/// Identifiers follow from what changes the bytes, and from nothing else.
#[test]
fn settings_that_change_nothing_change_no_identifier() {
    let media = media();
    let id = |recipe: Recipe| plan(&media, &recipe, |_| {}).unwrap().outline().disk.id.clone();
    let usual = recipe(Firmware::Uefi);
    assert_eq!(id(usual.clone()), id(usual.clone().bcd_device(BcdDevice::Partition)));
    let others = [
        id(usual.clone()),
        id(usual.clone().bcd_device(BcdDevice::Locate)),
        id(usual.clone().bcd_template(BcdTemplate::Builtin)),
        id(usual.clone().boot(false)),
    ];
    assert_eq!(others.iter().collect::<std::collections::HashSet<_>>().len(), 4);
    assert_eq!(id(usual.clone().boot(false)), id(usual.boot(false).bcd_device(BcdDevice::Locate)));
}
