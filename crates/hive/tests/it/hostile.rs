//! Damaged hives and logs: an error or a hive that can be written, never a panic.

use nanovhd_hive::{Hive, MinorVersion, Options, ValueData, recover};
use nanovhd_tree::Filetime;

use crate::dump::full;
use crate::support::{Chance, assert_same, checksum, fixture, with_old_log};

/// A quick look in a debug build, a long one in a release build.
const ROUNDS: usize = if cfg!(debug_assertions) { 15_000 } else { 200_000 };

/// A small hive with every kind of cell, a list of lists and big data too.
fn dense(minor_version: MinorVersion) -> Vec<u8> {
    let mut hive = Hive::create(&Options { minor_version, ..Options::default() }).unwrap();
    let (root, time) = (hive.root_id(), Filetime(1));
    for number in 0..1020 {
        hive.create_key(root, &format!("k{number}"), time).unwrap();
    }
    let key = hive.create_key(root, r"k7\ω", time).unwrap();
    hive.set_class(key, Some("class"), time).unwrap();
    hive.set_value(key, "big", ValueData::binary(vec![7; 16_345]), time).unwrap();
    hive.set_value(key, "plain", ValueData::sz("text"), time).unwrap();
    hive.set_value(key, "resident", ValueData::dword(7), time).unwrap();
    hive.to_bytes().unwrap()
}

/// Places where a fault does more than change a value's data.
fn interesting(hive: &[u8]) -> Vec<usize> {
    let signatures: [&[u8; 2]; 8] = [b"nk", b"vk", b"sk", b"lf", b"lh", b"ri", b"db", b"hb"];
    let records = (4096..hive.len() - 8).filter(|&at| signatures.iter().any(|s| &hive[at..at + 2] == s.as_slice()));
    records.flat_map(|at| (at - 4)..(at + 76).min(hive.len())).collect()
}

fn mutate(bytes: &mut [u8], places: &[usize], chance: &mut Chance) {
    for _ in 0..1 + chance.below(3) {
        let at = if chance.below(4) == 0 { chance.below(bytes.len()) } else { places[chance.below(places.len())] };
        match chance.below(5) {
            0 => bytes[at] ^= 1 << chance.below(8),
            1 => bytes[at] = chance.bytes(1)[0],
            2 => bytes[at] = [0, 0xff, 0x7f, 0x80][chance.below(4)],
            // Another cell's offset, or a small number.
            3 => {
                let word = u32::try_from(chance.below(bytes.len()) & !7).unwrap().to_le_bytes();
                let end = (at + 4).min(bytes.len());
                bytes[at..end].copy_from_slice(&word[..end - at]);
            }
            _ => {
                let from = places[chance.below(places.len())];
                let len = 4.min(bytes.len() - at.max(from));
                bytes.copy_within(from..from + len, at);
            }
        }
    }
}

fn attack(hive: &[u8], rounds: usize, seed: u64) -> usize {
    let (places, mut chance, mut opened) = (interesting(hive), Chance(seed), 0);
    for round in 0..rounds {
        let mut bytes = hive.to_vec();
        mutate(&mut bytes, &places, &mut chance);
        if chance.below(50) == 0 {
            bytes.truncate(chance.below(bytes.len()));
        } else if chance.below(10) > 0 {
            let sum = checksum(&bytes);
            bytes[508..512].copy_from_slice(&sum.to_le_bytes());
        }
        let Ok(read) = Hive::open(bytes) else { continue };
        opened += 1;
        let again = Hive::open(read.to_bytes().unwrap()).unwrap_or_else(|error| panic!("round {round}: {error}"));
        assert_same(&full(&again), &full(&read), &format!("round {round}"));
    }
    opened
}

#[test]
fn damaged_hives_are_refused_or_read_and_written() {
    let small = attack(&fixture(), ROUNDS, 1);
    assert!(small > ROUNDS / 20, "{small} of {ROUNDS} could be opened");
    for (seed, version) in [(2, MinorVersion::V3), (3, MinorVersion::V5)] {
        attack(&dense(version), ROUNDS / 15, seed);
    }
}

#[test]
fn damaged_logs_never_do_harm() {
    let (dirty, log) = with_old_log();
    let mut chance = Chance(5);
    let places: Vec<usize> = (0..1100).collect();
    for _ in 0..ROUNDS / 2 {
        let mut damaged = log.clone();
        mutate(&mut damaged, &places, &mut chance);
        if chance.below(3) > 0 {
            let sum = checksum(&damaged);
            damaged[508..512].copy_from_slice(&sum.to_le_bytes());
        }
        if chance.below(20) == 0 {
            damaged.truncate(chance.below(damaged.len()));
        }
        if let Ok((file, _)) = recover(dirty.clone(), &[&damaged, &log]) {
            assert!(file.len() <= dirty.len() + log.len());
            let _ = Hive::open(file);
        }
    }
}
