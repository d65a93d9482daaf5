//! Hives that Windows wrote: read as others read them, and written without loss.

use std::path::Path;
use std::process::Command;

use nanovhd_hive::{Hive, ValueData};
use nanovhd_tree::Filetime;

use crate::dump::{full, numbers_and_bytes, plain, plain_by_regf};
use crate::support::{assert_same, fixture, judge, open, run, samples, scratch};

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Another program, or nothing where it is missing.
type Reader<'a> = dyn Fn(&Path) -> Option<String> + 'a;

/// regipy takes minutes for the values of larger ones, but not for their keys and security.
const SMALL: usize = 1 << 20;

/// hivexml's output without the places of cells in the file.
fn without_places(xml: &str) -> String {
    let mut kept = String::new();
    for (number, piece) in xml.split("<byte_runs>").enumerate() {
        let rest = if number == 0 { piece } else { piece.split_once("</byte_runs>").unwrap().1 };
        kept.push_str(rest);
    }
    kept
}

#[test]
fn real_hives_read_as_other_programs_read_them() {
    for (name, bytes) in samples() {
        let (_folder, file) = scratch("hive", &bytes);
        let hive = open(bytes);
        if let Some(theirs) = judge(&["dissect", path(&file)]) {
            assert_same(&full(&hive), &theirs, &format!("{name} by dissect"));
        }
        if let Some(theirs) = judge(&["libregf", path(&file)]) {
            assert_same(
                &numbers_and_bytes(&plain(&hive)),
                &numbers_and_bytes(&theirs),
                &format!("{name} by libregf"),
            );
        }
    }
}

#[test]
fn real_hives_survive_being_written() {
    for (name, bytes) in samples() {
        let hive = open(bytes.clone());
        let saved = hive.to_bytes().unwrap();
        assert!(saved.len() <= bytes.len(), "{name} grew from {} to {}", bytes.len(), saved.len());
        let again = Hive::open(saved.clone()).unwrap();
        assert_same(&full(&again), &full(&hive), name);
        assert!(again.to_bytes().unwrap() == saved, "{name} written twice");
        match plain_by_regf(saved.clone()) {
            Ok(theirs) => assert_same(&plain(&again), &theirs, &format!("{name} by regf")),
            Err(error) => {
                let before = plain_by_regf(bytes.clone()).unwrap_err();
                println!("{name}: regf refuses it before ({before}) and after ({error})");
            }
        }
        let ((_before, before), (_after, after)) = (scratch("hive", &bytes), scratch("hive", &saved));
        let small = bytes.len() <= SMALL;
        let dissect = |file: &Path| judge(&["dissect", path(file), "--cached"]);
        let libregf = |file: &Path| judge(&["libregf", path(file)]);
        let regipy = |file: &Path| judge(&["regipy", path(file), if small { "" } else { "--keys" }]);
        let hivex = |file: &Path| {
            let output = run(Command::new("hivexml").arg(file))?;
            Some(without_places(&String::from_utf8_lossy(&output.stdout)))
        };
        let readers: [(&str, &Reader<'_>); 4] =
            [("dissect", &dissect), ("libregf", &libregf), ("regipy", &regipy), ("hivexml", &hivex)];
        for (reader, read) in readers {
            if let (Some(before), Some(after)) = (read(&before), read(&after)) {
                assert_same(&before, &after, &format!("{name} before and after by {reader}"));
            }
        }
    }
}

#[test]
fn one_edit_changes_one_value() {
    for (name, bytes) in samples() {
        let mut hive = open(bytes);
        let before = full(&hive);
        let mut keys = vec![hive.root()];
        let mut edited = None;
        while let Some(key) = keys.pop() {
            keys.extend(key.subkeys());
            edited =
                key.values().next().map(|value| (key.id(), value.name().to_string(), key.last_written())).or(edited);
        }
        let (key, value, time) = edited.unwrap();
        hive.set_value(key, &value, ValueData::binary(*b"nanovhd edited this"), time).unwrap();
        let after = full(&Hive::open(hive.to_bytes().unwrap()).unwrap());
        let changed: Vec<_> = before.lines().zip(after.lines()).filter(|(left, right)| left != right).collect();
        assert_eq!(before.lines().count(), after.lines().count(), "{name}");
        assert_eq!(changed.len(), 1, "{name}: {changed:?}");
        assert!(changed[0].1.ends_with("\t6e616e6f766864206564697465642074686973"), "{name}: {changed:?}");
    }
}

#[test]
fn the_base_block_is_kept_but_for_what_a_write_changes() {
    let bytes = fixture();
    let hive = Hive::open(bytes.clone()).unwrap();
    let saved = hive.to_bytes().unwrap();
    let differing: Vec<usize> = (0..4096).filter(|&at| bytes[at] != saved[at]).collect();
    assert_eq!(differing, [], "nothing was edited, and the size is the same");
    let mut edited = hive.clone();
    edited.set_last_written(edited.root_id(), Filetime(1)).unwrap();
    let saved = edited.to_bytes().unwrap();
    let sequence = hive.info().sequence;
    assert_eq!(Hive::open(saved).unwrap().info().sequence, sequence + 1);
}
