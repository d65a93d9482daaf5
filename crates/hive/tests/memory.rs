//! A hive of 64 MiB with 500,000 values is edited in less than 200 MiB, and in a time that grows as the
//! hive does.
//!
//! The most memory that a process had is Linux's `VmHWM`, so each measured step runs in a process of its
//! own: this program starts itself again.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::print_stdout, reason = "measured figures are for people")]

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use nanovhd_hive::{Hive, KeyId, Options, ValueData};
use nanovhd_tree::Filetime;

const TIME: Filetime = Filetime(132_000_000_000_000_000);
const VALUES: u32 = 500_000;
/// Says which step to run, and on which file.
const STEP: &str = "NANOVHD_HIVE_STEP";

fn most_memory_in_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap().div_ceil(1024)
}

/// 20,000 keys with 20 values each and one with 100,000.
fn make(file: &str) {
    let mut hive = Hive::create(&Options::default()).unwrap();
    let root = hive.root_id();
    let set = |hive: &mut Hive, key: KeyId, number: u32| {
        let data = match number % 4 {
            0 => ValueData::dword(number),
            1 => ValueData::sz(r"\SystemRoot\System32\drivers\example.sys"),
            _ => ValueData::binary(number.to_le_bytes().repeat(31)),
        };
        hive.set_value(key, &format!("Value{number:06}"), data, TIME).unwrap();
    };
    let wide = hive.create_key(root, "Wide", TIME).unwrap();
    (0..VALUES / 5).for_each(|number| set(&mut hive, wide, number));
    for number in VALUES / 5..VALUES {
        let key = hive.create_key(root, &format!(r"Keys\Key {:05}", number / 20), TIME).unwrap();
        set(&mut hive, key, number);
    }
    std::fs::write(file, hive.to_bytes().unwrap()).unwrap();
}

fn edit(file: &str) {
    let started = Instant::now();
    let mut hive = Hive::open(std::fs::read(file).unwrap()).unwrap();
    let opened = started.elapsed();
    let wide = hive.find("Wide").unwrap().id();
    for number in 0..10_000 {
        let name = format!("value{:06}", number * 9);
        hive.set_value(wide, &name, ValueData::dword(number), TIME).unwrap();
        hive.delete_value(wide, &format!("value{:06}", number * 9 + 1), TIME).unwrap();
        hive.create_key(hive.root_id(), &format!(r"KEYS\new {number}"), TIME).unwrap();
    }
    let edited = started.elapsed();
    std::fs::write(format!("{file}.edited"), hive.to_bytes().unwrap()).unwrap();
    println!("opened {opened:?}, edited {:?}, written {:?}", edited - opened, started.elapsed() - edited);
    let most = most_memory_in_mib();
    println!("most memory: {most} MiB");
    assert!(most < 200, "{most} MiB");
}

fn run(step: &str, file: &Path) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "half_a_million_values", "--nocapture"]);
    let output = command.env(STEP, format!("{step} {}", file.display())).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    print!("{step}: {told}");
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn half_a_million_values() {
    if let Ok(step) = std::env::var(STEP) {
        return match step.split_once(' ').unwrap() {
            ("make", file) => make(file),
            (_, file) => edit(file),
        };
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hive");
    run("make", &file);
    let len = std::fs::metadata(&file).unwrap().len();
    println!("{} MiB", len >> 20);
    assert!(len > 60 << 20, "{len}");
    run("edit", &file);
    let again = Hive::open(std::fs::read(folder.path().join("hive.edited")).unwrap()).unwrap();
    let wide = again.find("wide").unwrap();
    assert_eq!(wide.value_count(), 90_000);
    assert_eq!(wide.value("VALUE000009").unwrap().as_u32(), Some(1));
    assert_eq!(again.find("keys").unwrap().subkey_count(), 20_000 + 10_000);
}
