//! Hives that we make, as others read them.

use std::path::Path;
use std::process::Command;

use nanovhd_hive::{ADMINISTRATORS_AND_SYSTEM, Hive, MinorVersion, Options, ValueData, ValueType};
use nanovhd_tree::Filetime;
use sha2::{Digest, Sha256};

use crate::dump::{full, numbers_and_bytes, plain, plain_by_regf};
use crate::support::{Chance, assert_same, judge, run, scratch};

const TIME: Filetime = Filetime(131_207_904_001_234_567);

/// A hive with everything that a record can hold.
fn rich(minor_version: MinorVersion) -> Hive {
    let options = Options {
        minor_version,
        root_name: "NewStoreRoot",
        file_name: r"\??\C:\Boot\BCD",
        time: TIME,
        ..Options::default()
    };
    let mut hive = Hive::create(&options).unwrap();
    let root = hive.root_id();
    let mut chance = Chance(1);
    let values = hive.create_key(root, "Values", TIME).unwrap();
    for (number, len) in
        [0, 1, 3, 4, 5, 8, 100, 4056, 16_343, 16_344, 16_345, 32_688, 32_689, 100_000].into_iter().enumerate()
    {
        let kind = ValueType(u32::try_from(number).unwrap());
        hive.set_value(values, &format!("{len} bytes"), ValueData::new(kind, chance.bytes(len)), TIME).unwrap();
    }
    for (name, data) in [
        ("", ValueData::sz("the default value")),
        ("Größe", ValueData::multi_sz(["eins", "zwei"])),
        ("ωμέγα\\with\\separators", ValueData::expand_sz("%SystemRoot%\\😀")),
        ("property", ValueData::new(ValueType(0xffff_0012), *b"x\0\0\0")),
        ("link", ValueData::link(r"\Registry\Machine\SYSTEM")),
        ("none", ValueData::none([])),
        ("number", ValueData::qword(u64::MAX - 1)),
    ] {
        hive.set_value(values, name, data, TIME).unwrap();
    }
    let many = hive.create_key(root, "Many", TIME).unwrap();
    for number in 0..3100_u32 {
        let name = format!("{:05}", number.wrapping_mul(48_271) % 65_537);
        let key = hive.create_key(many, &name, Filetime(TIME.0 + u64::from(number))).unwrap();
        hive.set_value(key, "Element", ValueData::dword(number), Filetime(TIME.0 + u64::from(number))).unwrap();
    }
    let special = hive.create_key(root, r"Special\Ünïcode\ключ\a_B\Ab\aB2", TIME).unwrap();
    hive.set_class(special, Some("Klasse"), TIME).unwrap();
    let mut owner = ADMINISTRATORS_AND_SYSTEM.to_vec();
    owner[0x14 + 8 + 1] = 0;
    hive.set_security(special, &owner, TIME).unwrap();
    hive.create_key(special, "takes over", TIME).unwrap();
    let default = hive.create_key(root, r"Special\a_B", TIME).unwrap();
    hive.set_value(default, "", ValueData::dword(7), TIME).unwrap();
    hive
}

#[test]
fn created_hives_are_read_by_others() {
    for version in [MinorVersion::V3, MinorVersion::V5, MinorVersion::V6] {
        let hive = rich(version);
        let bytes = hive.to_bytes().unwrap();
        assert!(bytes == rich(version).to_bytes().unwrap(), "{version:?}: the same steps give the same bytes");
        let again = Hive::open(bytes.clone()).unwrap();
        assert_same(&full(&again), &full(&hive), "written and read");
        assert_same(&plain(&hive), &plain_by_regf(bytes.clone()).unwrap(), "regf");
        let (_folder, file) = scratch("hive", &bytes);
        let path = file.to_str().unwrap();
        if let Some(theirs) = judge(&["dissect", path]) {
            assert_same(&full(&hive), &theirs, "dissect");
        }
        if let Some(theirs) = judge(&["libregf", path]) {
            assert_same(&numbers_and_bytes(&plain(&hive)), &numbers_and_bytes(&theirs), "libregf");
        }
        if let Some(theirs) = judge(&["regipy", path]) {
            let count = |text: &str, kind: &str| text.lines().filter(|line| line.starts_with(kind)).count();
            for kind in ["K\t", "V\t"] {
                assert_eq!(count(&plain(&hive), kind), count(&theirs, kind), "regipy");
            }
            assert!(!theirs.contains("\tTrue\t"), "regipy calls a value corrupted");
        }
        hivex_reads(&hive, &file);
    }
}

/// hivex looks keys and values up by name, which is asked of it for a few.
fn hivex_reads(hive: &Hive, file: &Path) {
    let Some(xml) = run(Command::new("hivexml").arg(file)) else { return };
    let xml = String::from_utf8_lossy(&xml.stdout);
    let keys = plain(hive).lines().filter(|line| line.starts_with('K')).count();
    assert_eq!(xml.matches("<node name=").count(), keys);
    for (path, name, expected) in
        [("Values", "number", "-2\n"), ("Values", "Größe", "eins\nzwei\n\n"), (r"Special\a_B", "", "7\n")]
    {
        let Some(found) =
            run(Command::new("hivexget").arg(file).arg(path).arg(if name.is_empty() { "@" } else { name }))
        else {
            return;
        };
        assert_eq!(String::from_utf8_lossy(&found.stdout), expected, "{path} {name}");
    }
}

#[test]
fn created_hives_have_the_bytes_that_they_always_had() {
    // Where a change of the layout is meant, the digests are to be changed with it.
    for (version, digest) in [
        (MinorVersion::V3, "df01077c511a33a68db6f0a6b3a26a506e212bb192c013073d33b4ffdf7dd327"),
        (MinorVersion::V5, "90289bea8f82fab117b4f308451a3bb6427ca118ee12d125a3f8cf2a01bac6c9"),
    ] {
        let bytes = rich(version).to_bytes().unwrap();
        let found: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, digest, "{version:?}");
    }
}

#[test]
fn a_version_decides_how_subkeys_and_long_values_are_stored() {
    let count = |bytes: &[u8], signature: &[u8; 2]| {
        // Cells start at multiples of eight, and no value of this hive has such bytes at its start.
        let cells = bytes[4096..].chunks_exact(8);
        cells.filter(|cell| cell[3] == 0xff && &cell[4..6] == signature).count()
    };
    let (old, new) = (rich(MinorVersion::V3).to_bytes().unwrap(), rich(MinorVersion::V5).to_bytes().unwrap());
    assert!(count(&old, b"lf") > 0 && count(&old, b"lh") == 0 && count(&old, b"db") == 0);
    assert!(count(&new, b"lh") > 0 && count(&new, b"lf") == 0);
    assert_eq!(count(&new, b"db"), 4, "16345, 32688, 32689 and 100000 bytes are more than one segment");
    assert_eq!((count(&old, b"ri"), count(&new, b"ri")), (1, 1));
    for bytes in [old, new] {
        assert_eq!(&bytes[4096 + 0x24..][..2], b"nk", "the root is the first cell");
    }
}
