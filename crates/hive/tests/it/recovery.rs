//! Recovery of a hive that Windows left dirty, compared with another program's.

use nanovhd_hive::{Hive, OpenError, RecoverError, recover};

use crate::dump::full;
use crate::support::{assert_same, checksum, fixture, judge, sample, scratch, with_old_log};

fn dirty() -> Option<(Vec<u8>, Vec<u8>, Vec<u8>)> {
    let part = |end| sample(&format!("hives/regipy-SYSTEM_B{end}.xz"));
    Some((part("")?, part(".LOG1")?, part(".LOG2")?))
}

#[test]
fn a_dirty_hive_gets_what_both_logs_have() {
    let Some((hive, first, second)) = dirty() else { return };
    assert_eq!(Hive::open(hive.clone()).unwrap_err(), OpenError::Dirty { primary: 1622, secondary: 1621 });
    let (file, recovery) = recover(hive.clone(), &[&first, &second]).unwrap();
    assert!(recovery.was_dirty && !recovery.base_block_restored);
    assert_eq!((recovery.logs.as_slice(), recovery.entries), (&[0, 1][..], 24));
    assert_eq!(recovery.left_out, [""; 0]);
    let (recovered, again) = Hive::recover(hive.clone(), &[&first, &second]).unwrap();
    assert_eq!(again, recovery);
    assert_eq!(recovered.info().sequence, 2130);
    // The order in which the logs are given does not matter: their entries are numbered.
    assert!(recover(hive, &[&second, &first]).unwrap().0 == file);

    let ((folder, path), (_first, first), (_second, second)) =
        (scratch("hive", &dirty().unwrap().0), scratch("log", &first), scratch("log", &second));
    let out = folder.path().join("recovered");
    let (path, out_path) = (path.to_str().unwrap(), out.to_str().unwrap());
    if judge(&["recover", path, out_path, first.to_str().unwrap(), second.to_str().unwrap()]).is_some() {
        let theirs = std::fs::read(&out).unwrap();
        let size = u32::from_le_bytes(file[40..44].try_into().unwrap()) as usize;
        assert_eq!(theirs[40..44], file[40..44], "bytes of hive bins");
        assert!(theirs[4096..4096 + size] == file[4096..4096 + size], "hive bins differ from regipy's");
        let theirs = Hive::open_dirty(theirs).unwrap();
        assert_same(&full(&recovered), &full(&theirs), "regipy");
        let (_saved, saved) = scratch("saved", &recovered.to_bytes().unwrap());
        let read = |path: &str| judge(&["dissect", path]).unwrap();
        assert_same(&read(saved.to_str().unwrap()), &read(out_path), "dissect");
    }
}

#[test]
fn logs_that_do_not_follow_are_left_out() {
    let Some((hive, first, second)) = dirty() else { return };
    let (_, recovery) = recover(hive.clone(), &[&first, &[]]).unwrap();
    assert_eq!((recovery.logs.as_slice(), recovery.entries), (&[0][..], 4));
    assert_eq!(recovery.left_out, ["log 1 is empty"]);
    // A flipped bit in the second entry ends the first log there, and the second does not follow.
    let mut damaged = first.clone();
    damaged[0x4100] ^= 1;
    let (_, recovery) = recover(hive.clone(), &[&damaged, &second]).unwrap();
    assert_eq!(recovery.entries, 1);
    assert_eq!(recovery.left_out.len(), 2, "{:?}", recovery.left_out);
    assert!(
        recovery.left_out[0].contains("0x4000") && recovery.left_out[0].contains("hash"),
        "{:?}",
        recovery.left_out
    );
    assert_eq!(recovery.left_out[1], "log 1 starts with number 2111, expected 2108");
    let error = recover(hive, &[&[], &[]]).unwrap_err();
    assert!(matches!(error, RecoverError::NoLog { primary: 1622, secondary: 1621, .. }), "{error}");
}

#[test]
fn a_damaged_base_block_comes_from_the_latest_log() {
    let Some((mut hive, first, second)) = dirty() else { return };
    hive[48] ^= 0x20;
    assert!(matches!(Hive::open(hive.clone()), Err(OpenError::Checksum { .. })));
    let (file, recovery) = recover(hive, &[&first, &second]).unwrap();
    assert!(recovery.base_block_restored);
    assert_eq!((recovery.logs.as_slice(), recovery.entries), (&[1][..], 20));
    assert_eq!(&file[48..60], b"S\0Y\0S\0T\0E\0M\0");
}

#[test]
fn entries_of_a_hive_of_another_kind_have_right_hashes() {
    // Only the logs of this hive are there: both start with whole entries whose hashes must be right.
    // Applied to a hive that is too small for them, they are refused for that and for nothing else.
    for (name, sequence) in [("hives/dfir-win10-DRIVERS.LOG1", 34_u32), ("hives/dfir-win10-DRIVERS.LOG2", 32)] {
        let Some(log) = sample(name) else { continue };
        let mut hive = fixture();
        hive[4..8].copy_from_slice(&sequence.to_le_bytes());
        let sum = checksum(&hive);
        hive[508..512].copy_from_slice(&sum.to_le_bytes());
        let RecoverError::NoLog { reasons, .. } = recover(hive, &[&log]).unwrap_err() else { panic!("{name}") };
        assert!(reasons[0].contains("the hive can't have"), "{name}: {reasons:?}");
    }
}

#[test]
fn an_old_log_gives_what_another_program_makes_of_it() {
    let (dirty, log) = with_old_log();
    let (file, recovery) = recover(dirty.clone(), &[&log]).unwrap();
    assert_eq!((recovery.entries, recovery.pages), (1, 8));
    assert_eq!(Hive::open(file.clone()).unwrap().root().value("sequence").unwrap().as_u32(), Some(9));
    let ((folder, path), (_log, log)) = (scratch("hive", &dirty), scratch("log", &log));
    let out = folder.path().join("recovered");
    if judge(&["recover", path.to_str().unwrap(), out.to_str().unwrap(), log.to_str().unwrap()]).is_some() {
        let theirs = std::fs::read(&out).unwrap();
        assert!(theirs[4096..] == file[4096..]);
    }
}
