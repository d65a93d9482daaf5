//! Samples, tools and chance.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nanovhd_boot::Firmware;
use nanovhd_boot::bcd::{Device, NewStore, PartitionDevice, Store};
use nanovhd_tree::Filetime;
use uuid::{Uuid, uuid};

/// Stores that Windows made, for which kinds of machine, and what else wrote to them.
pub(crate) const SAMPLES: [&str; 12] = [
    "BCD-NEW.bcdsys-empty",
    TEMPLATE,
    "BCD.ericzimmerman-setup-efi",
    "BCD.mbr-dualboot-bios",
    BCDBOOT_BIOS,
    "BCD.windeploy-efi",
    "BCD.pybcd-devices",
    "BCD.pybcd-laptop-bios",
    BCDBOOT_UEFI,
    "BCD.pybcd-small-efi",
    "BCD.pybcd-vm-bios",
    "BCD.pybcd-generated-efi",
];
/// A client's template.
pub(crate) const TEMPLATE: &str = "BCD-Template.dfir-win10";
/// Made by bcdboot of Windows 10; then somebody changed some devices and the locale.
pub(crate) const BCDBOOT_BIOS: &str = "BCD.windeploy-bios";
/// Made by bcdboot of Windows 8.1, and in use for some time.
pub(crate) const BCDBOOT_UEFI: &str = "BCD.pybcd-recovery-efi";

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A store of the samples beside the checkout.
pub(crate) fn sample(name: &str) -> Option<Vec<u8>> {
    let bytes = std::fs::read(workspace().join("../shared/samples/bcd").join(name)).ok();
    if bytes.is_none() {
        println!("skipped: sample {name} not found");
    }
    bytes
}

/// Every store of the samples with its name.
pub(crate) fn samples() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    SAMPLES.into_iter().filter_map(|name| Some((name, sample(name)?)))
}

/// When new stores are made.
pub(crate) const NOW: Filetime = Filetime(131_207_904_000_000_000);
pub(crate) const LOADER: Uuid = uuid!("11111111-2222-3333-4444-555555555555");
pub(crate) const RESUME: Uuid = uuid!("66666666-7777-8888-9999-aaaaaaaaaaaa");

/// A partition of a disk with a GUID partition table.
pub(crate) fn gpt(partition: Uuid) -> Device {
    Device::Partition(PartitionDevice::Gpt { disk: uuid!("20ac3077-f7cd-4c47-95d5-53fbf8b752b5"), partition })
}

/// The only partition of a disk with a master boot record.
pub(crate) fn mbr() -> Device {
    Device::Partition(PartitionDevice::Mbr { signature: 0xddba_6bbb, offset: 1 << 20 })
}

/// A new store for a machine with a BIOS.
pub(crate) fn new_bios(template: Option<&[u8]>) -> NewStore<'_> {
    NewStore {
        firmware: Firmware::Bios,
        template,
        system: mbr(),
        os: mbr(),
        description: "Windows Server 2016",
        loader: LOADER,
        resume: RESUME,
        time: NOW,
    }
}

/// A new store for a machine with UEFI.
pub(crate) fn new_uefi(template: Option<&[u8]>) -> NewStore<'_> {
    let system = gpt(uuid!("85c434af-7860-49b3-85c3-b70316081b7b"));
    let os = gpt(uuid!("01020304-0506-0708-090a-0b0c0d0e0f10"));
    NewStore { firmware: Firmware::Uefi, system, os, ..new_bios(template) }
}

/// A new store as it is read from a file.
pub(crate) fn made(new: &NewStore<'_>) -> Store {
    let store = Store::open(new.make().unwrap().to_bytes().unwrap()).unwrap();
    assert_eq!(store.notes(), []);
    store
}

/// Runs a program that must succeed; nothing if it can't be found.
pub(crate) fn run(command: &mut Command) -> Option<Output> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            missing(&name);
            return None;
        }
        Err(error) => panic!("{name}: {error}"),
    };
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {told}");
    Some(output)
}

fn missing(tool: &str) {
    assert!(std::env::var_os("NANOVHD_REQUIRE_TOOLS").is_none_or(|value| value != "1"), "{tool} not found");
    println!("skipped: {tool} not found");
}

/// What a script of `testdata/tools` prints, if the libraries that it needs are there.
pub(crate) fn judge(script: &str, arguments: &[&str]) -> Option<String> {
    let command = || {
        let mut command = Command::new("python3");
        command.arg(workspace().join("testdata/tools").join(script)).env("PYTHONDONTWRITEBYTECODE", "1");
        command
    };
    let available = command().arg("available").output();
    if !available.is_ok_and(|output| output.status.success()) {
        missing("python3 with dissect.regf, libregf-python and regipy");
        return None;
    }
    let output = run(command().args(arguments))?;
    Some(String::from_utf8(output.stdout).unwrap())
}

/// The file that another program will read.
pub(crate) fn scratch(bytes: &[u8]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("BCD");
    std::fs::write(&path, bytes).unwrap();
    (folder, path.to_str().unwrap().to_owned())
}

/// Numbers that look like chance and are the same every time: SplitMix64.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    pub(crate) fn uuid(&mut self) -> Uuid {
        Uuid::from_u64_pair(self.next(), self.next())
    }
}
