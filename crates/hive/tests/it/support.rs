//! Samples, tools and chance.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nanovhd_hive::{Hive, OpenError, ValueData};
use nanovhd_tree::Filetime;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The file that another program read, or will read.
pub(crate) fn scratch(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// A small hive that Windows wrote; see `testdata/README.md`.
pub(crate) fn fixture() -> Vec<u8> {
    std::fs::read(workspace().join("testdata/hives/openvmm-imc.hiv")).unwrap()
}

/// A file of the samples beside the checkout, unpacked.
pub(crate) fn sample(name: &str) -> Option<Vec<u8>> {
    let path = workspace().join("../shared/samples").join(name);
    let bytes = if name.ends_with(".xz") {
        path.exists().then(|| run(Command::new("xz").arg("-dc").arg(&path))).flatten().map(|output| output.stdout)
    } else {
        std::fs::read(&path).ok()
    };
    if bytes.is_none() {
        println!("skipped: sample {name} not found");
    }
    bytes
}

/// Every hive of the samples with its name.
pub(crate) fn samples() -> Vec<(&'static str, Vec<u8>)> {
    [
        "hives/openvmm-imc.hiv",
        "hives/dfir-win10-ELAM",
        "hives/dfir-win10-DEFAULT",
        "hives/regipy-SYSTEM_B.xz",
        "hives/regipy-SYSTEM_WIN_10_1709.xz",
        "bcd/BCD-NEW.bcdsys-empty",
        "bcd/BCD-Template.dfir-win10",
        "bcd/BCD.ericzimmerman-setup-efi",
        "bcd/BCD.mbr-dualboot-bios",
        "bcd/BCD.windeploy-bios",
        "bcd/BCD.windeploy-efi",
    ]
    .into_iter()
    .filter_map(|name| Some((name, sample(name)?)))
    .collect()
}

/// Opens a hive, also one that is dirty.
pub(crate) fn open(bytes: Vec<u8>) -> Hive {
    match Hive::open(bytes.clone()) {
        Err(OpenError::Dirty { .. }) => Hive::open_dirty(bytes).unwrap(),
        result => result.unwrap(),
    }
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

/// What `hive_judge.py` prints.
pub(crate) fn judge(arguments: &[&str]) -> Option<String> {
    static AVAILABLE: std::sync::LazyLock<bool> = std::sync::LazyLock::new(|| {
        let answer = script().arg("available").output();
        answer.is_ok_and(|output| output.status.success())
    });
    if !*AVAILABLE {
        missing("python3 with dissect.regf, libregf-python and regipy");
        return None;
    }
    let output = run(script().args(arguments))?;
    Some(String::from_utf8(output.stdout).unwrap())
}

fn script() -> Command {
    let mut command = Command::new("python3");
    command.arg(workspace().join("testdata/tools/hive_judge.py")).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Two long texts that must be equal: says where they are not.
pub(crate) fn assert_same(ours: &str, theirs: &str, what: &str) {
    if ours == theirs {
        return;
    }
    let mut lines = ours.lines().zip(theirs.lines()).enumerate();
    let Some((number, (left, right))) = lines.find(|(_, (left, right))| left != right) else {
        panic!("{what}: {} lines against {}", ours.lines().count(), theirs.lines().count());
    };
    let cut = |text: &str| text.chars().take(300).collect::<String>();
    panic!("{what}, line {}:\n{}\n{}", number + 1, cut(left), cut(right));
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
}

/// What the base block's checksum should be.
pub(crate) fn checksum(sector: &[u8]) -> u32 {
    match sector[..508].chunks_exact(4).fold(0, |sum, word| sum ^ u32::from_le_bytes(word.try_into().unwrap())) {
        0 => 1,
        u32::MAX => u32::MAX - 1,
        sum => sum,
    }
}

/// A hive whose last write did not end, and an old log with all of its pages and one changed value.
pub(crate) fn with_old_log() -> (Vec<u8>, Vec<u8>) {
    let mut dirty = fixture();
    let mut hive = Hive::open(dirty.clone()).unwrap();
    hive.set_value(hive.root_id(), "Sequence", ValueData::dword(9), Filetime(3)).unwrap();
    let after = hive.to_bytes().unwrap();
    dirty[8] ^= 2;
    let mut log = after[..512].to_vec();
    log[28] = 1;
    for file in [&mut dirty, &mut log] {
        let sum = checksum(file);
        file[508..512].copy_from_slice(&sum.to_le_bytes());
    }
    log.extend(b"DIRT");
    log.extend(vec![0xff; (after.len() - 4096) / 4096]);
    log.resize(1024, 0);
    log.extend(&after[4096..]);
    (dirty, log)
}
