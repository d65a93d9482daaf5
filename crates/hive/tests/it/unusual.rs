//! What real hives have rarely: it is read, and kept when the hive is written.

use nanovhd_hive::{EditError, Hive, MinorVersion, Options, ValueData, ValueType};
use nanovhd_tree::Filetime;

use crate::dump::full;
use crate::support::{assert_same, checksum};

const TIME: Filetime = Filetime(1);

/// A hive with a key that has a long value, and a key with a subkey.
fn hive(minor_version: MinorVersion) -> Vec<u8> {
    let mut hive = Hive::create(&Options { minor_version, ..Options::default() }).unwrap();
    let key = hive.create_key(hive.root_id(), "odd", TIME).unwrap();
    hive.set_value(key, "long", ValueData::binary((0..=255).cycle().take(40_000).collect::<Vec<u8>>()), TIME)
        .unwrap();
    hive.set_value(key, "empty", ValueData::none([]), TIME).unwrap();
    hive.create_key(hive.root_id(), r"upper\lower", TIME).unwrap();
    hive.to_bytes().unwrap()
}

/// Where the record with a name is, which follows `header` bytes of it.
fn record(hive: &[u8], name: &str, header: usize) -> usize {
    hive.windows(name.len()).position(|bytes| bytes == name.as_bytes()).unwrap() - header
}

fn saved(bytes: Vec<u8>) -> (Hive, Hive) {
    let hive = Hive::open(bytes).unwrap();
    let again = Hive::open(hive.to_bytes().unwrap()).unwrap();
    assert_same(&full(&again), &full(&hive), "written and read");
    (hive, again)
}

#[test]
fn a_predefined_handle_is_no_count_of_values() {
    let mut bytes = hive(MinorVersion::V5);
    let key = record(&bytes, "upper", 76);
    bytes[key + 2] |= 0x40;
    bytes[key + 36..key + 40].copy_from_slice(&0x8000_0050_u32.to_le_bytes());
    let (_, mut again) = saved(bytes);
    let key = again.find("upper").unwrap();
    assert_eq!((key.predefined_handle(), key.value_count()), (Some(0x8000_0050), 0));
    let id = key.id();
    assert_eq!(again.set_value(id, "x", ValueData::dword(1), TIME), Err(EditError::Predefined));
}

#[test]
fn flags_layers_and_cached_fields_are_kept() {
    let mut bytes = hive(MinorVersion::V6);
    let key = record(&bytes, "lower", 76);
    // Virtual, read in both ways, a tombstone of a layer; control flags of each kind; cached lengths.
    for (at, value) in
        [(3, 0x03), (12, 0x03), (13, 0x81), (52, 0x10), (54, 0x5a), (55, 0xa5), (56, 9), (60, 8), (64, 7), (68, 6)]
    {
        bytes[key + at] = value;
    }
    let (hive, again) = saved(bytes.clone());
    let lower = again.find(r"upper\lower").unwrap();
    assert_eq!((lower.flags(), lower.access(), lower.control_flags()), (0x320, 0x8103, 0xa55a));
    let written = hive.to_bytes().unwrap();
    let place = record(&written, "lower", 76);
    assert_eq!(written[place + 52..place + 72], bytes[key + 52..key + 72]);
}

#[test]
fn a_tombstone_goes_when_its_value_is_set() {
    let mut bytes = hive(MinorVersion::V6);
    let value = record(&bytes, "empty", 20);
    bytes[value + 4..value + 8].fill(0);
    bytes[value + 8..value + 12].fill(0xff);
    bytes[value + 16] |= 2;
    bytes[value + 18] = 0xd1;
    let (_, mut again) = saved(bytes);
    let key = again.find("odd").unwrap();
    let empty = key.value("empty").unwrap();
    assert!(empty.is_tombstone() && empty.is_empty() && empty.kind() == ValueType::NONE);
    let (id, written) = (key.id(), again.to_bytes().unwrap());
    let place = record(&written, "empty", 20);
    assert_eq!(written[place + 4..place + 12], [0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    assert_eq!(written[place + 18], 0xd1);
    again.set_value(id, "EMPTY", ValueData::dword(1), TIME).unwrap();
    let set = again.find("odd").unwrap().value("empty").unwrap();
    assert!(!set.is_tombstone() && set.as_u32() == Some(1));
}

#[test]
fn lists_without_hints_and_keys_without_security_are_read() {
    let mut bytes = hive(MinorVersion::V5);
    let key = record(&bytes, "upper", 76);
    let list = 4096 + 4 + u32::from_le_bytes(bytes[key + 28..key + 32].try_into().unwrap()) as usize;
    bytes[list..list + 2].copy_from_slice(b"li");
    let lower = record(&bytes, "lower", 76);
    bytes[lower + 44..lower + 48].fill(0xff);
    let (_, again) = saved(bytes);
    assert_eq!(again.find(r"upper\lower").unwrap().security(), None);
    assert!(again.find("upper").unwrap().security().is_some());
}

#[test]
fn long_data_in_one_cell_are_split_where_the_version_splits_them() {
    // hivex writes such hives: the version says that long data are split, but they are not.
    let mut bytes = hive(MinorVersion::V3);
    bytes[24] = 5;
    let sum = checksum(&bytes);
    bytes[508..512].copy_from_slice(&sum.to_le_bytes());
    let (hive, again) = saved(bytes.clone());
    assert_eq!(again.find("odd").unwrap().value("long").unwrap().len(), 40_000);
    let split = hive.to_bytes().unwrap();
    let value = record(&split, "long", 20);
    let data = 4096 + 4 + u32::from_le_bytes(split[value + 8..value + 12].try_into().unwrap()) as usize;
    assert_eq!(split[data..data + 4], *b"db\x03\0");
}
