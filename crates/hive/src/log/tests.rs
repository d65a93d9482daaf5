//! Logs made here: what each rule of \[REGF\] "Log entries" and "Multiple transaction log files" does.

use nanovhd_tree::Filetime;
use zerocopy::IntoBytes;

use super::*;
use crate::format::{ENTRY_HEAD, EntryDisk, PageDisk};
use crate::{Hive, Options, ValueData};

/// A hive with `keys` keys, whose last write has the number `sequence` and the time `time`.
fn hive(keys: u32, sequence: u32, time: u64) -> Vec<u8> {
    let options = Options { time: Filetime(time), ..Options::default() };
    let mut hive = Hive::create(&options).unwrap();
    for number in 0..keys {
        let key = hive.create_key(hive.root_id(), &format!("key {number}"), Filetime(number.into())).unwrap();
        hive.set_value(key, "value", ValueData::binary([7; 100]), Filetime(time)).unwrap();
    }
    with_base(&hive.to_bytes().unwrap(), |base| {
        base.0.primary_sequence = sequence.into();
        base.0.secondary_sequence = sequence.into();
    })
}

/// The same file with another base block, and its right checksum.
fn with_base(file: &[u8], change: impl FnOnce(&mut BaseBlock)) -> Vec<u8> {
    let mut base = BaseBlock::read(file).unwrap();
    change(&mut base);
    base.0.checksum = base.expected_checksum().into();
    [base.0.as_bytes(), &file[BLOCK..]].concat()
}

/// A write that began and did not end.
fn dirty(file: &[u8]) -> Vec<u8> {
    with_base(file, |base| base.0.primary_sequence = (base.0.primary_sequence.get() + 1).into())
}

/// The base block that a log starts with.
fn head(file: &[u8], kind: u32, sequence: u32) -> Vec<u8> {
    let mut head = with_base(file, |base| {
        base.0.file_type = kind.into();
        base.0.primary_sequence = sequence.into();
        base.0.secondary_sequence = sequence.into();
    });
    head.truncate(SECTOR);
    head
}

/// An entry that brings whole blocks.
fn entry(sequence: u32, flags: u32, after: &[u8], blocks: &[usize]) -> Vec<u8> {
    let bins = &after[BLOCK..];
    let offset = |block: usize| u32::try_from(block * BLOCK).unwrap();
    let references: Vec<PageDisk> =
        blocks.iter().map(|&block| PageDisk { offset: offset(block).into(), size: offset(1).into() }).collect();
    let mut body = references.as_bytes().to_vec();
    blocks.iter().for_each(|block| body.extend(&bins[block * BLOCK..][..BLOCK]));
    body.resize((ENTRY_HEAD + body.len()).next_multiple_of(SECTOR) - ENTRY_HEAD, 0);
    let mut head = EntryDisk {
        signature: *b"HvLE",
        size: u32::try_from(ENTRY_HEAD + body.len()).unwrap().into(),
        flags: flags.into(),
        sequence: sequence.into(),
        bins_size: u32::try_from(bins.len()).unwrap().into(),
        pages: u32::try_from(blocks.len()).unwrap().into(),
        body_hash: marvin::hash(&body).into(),
        head_hash: 0.into(),
    };
    head.head_hash = marvin::hash(&head.as_bytes()[..32]).into();
    [head.as_bytes(), &body].concat()
}

/// Entries that turn one hive into another, all of its blocks in each.
fn new_log(after: &[u8], sequences: std::ops::Range<u32>) -> Vec<u8> {
    let blocks: Vec<usize> = (0..after.len() / BLOCK - 1).collect();
    let mut log = head(after, file_type::NEW_LOG, sequences.start);
    sequences.for_each(|sequence| log.extend(entry(sequence, 1, after, &blocks)));
    log
}

fn old_log(after: &[u8], time: u64) -> Vec<u8> {
    let mut log = with_base(&head_file(after), |base| base.0.last_written = time.into());
    log.truncate(SECTOR);
    log.extend(b"DIRT");
    log.extend(vec![0xff; after.len() / BLOCK - 1]);
    log.resize(2 * SECTOR, 0);
    log.extend(&after[BLOCK..]);
    log
}

fn head_file(after: &[u8]) -> Vec<u8> {
    with_base(after, |base| base.0.file_type = file_type::OLD_LOG.into())
}

fn bins(file: &[u8]) -> &[u8] {
    &file[BLOCK..]
}

#[test]
fn a_clean_hive_is_not_touched() {
    let (before, after) = (hive(1, 5, 0), hive(30, 6, 0));
    let (file, recovery) = recover(before.clone(), &[&new_log(&after, 6..7)]).unwrap();
    assert!(file == before && recovery == Recovery::default());
}

#[test]
fn a_hive_grows_by_what_the_entries_bring() {
    let (before, after) = (dirty(&hive(1, 5, 0)), hive(60, 6, 0));
    assert!(after.len() > before.len());
    let (file, recovery) = recover(before.clone(), &[&new_log(&after, 6..8)]).unwrap();
    assert!(bins(&file) == bins(&after));
    assert_eq!((recovery.entries, recovery.pages), (2, 2 * (after.len() / BLOCK - 1) as u64));
    let hive = Hive::open(file).unwrap();
    assert_eq!((hive.info().sequence, hive.info().flags), (7, 1));
    // The same size without the pages would take memory for nothing.
    let mut log = head(&after, file_type::NEW_LOG, 6);
    log.extend(entry(6, 0, &after, &[0]));
    let error = recover(before, &[&log]).unwrap_err();
    assert!(error.to_string().contains("the hive can't have"), "{error}");
}

#[test]
fn entries_follow_each_other_across_both_logs() {
    let before = dirty(&hive(1, 5, 0));
    let (middle, after) = (hive(30, 6, 0), hive(60, 8, 0));
    let (first, second) = (new_log(&middle, 6..8), new_log(&after, 8..9));
    for logs in [[&first[..], &second], [&second, &first]] {
        let (file, recovery) = recover(before.clone(), &logs).unwrap();
        assert!(bins(&file) == bins(&after), "{recovery:?}");
        assert_eq!(recovery.entries, 3);
    }
    // With a gap, or with numbers that the hive has passed, it ends.
    let gap = new_log(&after, 9..10);
    let (file, recovery) = recover(before.clone(), &[&first, &gap]).unwrap();
    assert!(bins(&file)[..BLOCK] == bins(&middle)[..BLOCK]);
    assert_eq!(recovery.left_out, ["log 1 starts with number 9, expected 8"]);
    let passed = new_log(&middle, 4..5);
    let (file, recovery) = recover(before, &[&passed, &new_log(&after, 5..6)]).unwrap();
    assert!(bins(&file) == bins(&after));
    assert_eq!(recovery.left_out, ["log 0 starts with number 4, but the hive is at 5"]);
}

#[test]
fn a_page_outside_of_the_hive_ends_a_log() {
    let (before, after) = (dirty(&hive(1, 5, 0)), hive(1, 6, 0));
    let mut log = new_log(&after, 6..7);
    let at = SECTOR + ENTRY_HEAD;
    log[at..at + 4].copy_from_slice(&0x1000u32.to_le_bytes());
    let body = marvin::hash(&log[at..]);
    log[at - 16..at - 8].copy_from_slice(&body.to_le_bytes());
    let head = marvin::hash(&log[SECTOR..SECTOR + 32]);
    log[at - 8..at].copy_from_slice(&head.to_le_bytes());
    let error = recover(before, &[&log]).unwrap_err();
    assert!(error.to_string().contains("does not fit"), "{error}");
}

#[test]
fn an_old_log_must_belong_to_the_same_write() {
    let (before, after) = (dirty(&hive(1, 5, 1000)), hive(30, 6, 1000));
    let (file, recovery) = recover(before.clone(), &[&old_log(&after, 1000)]).unwrap();
    assert!(bins(&file) == bins(&after));
    assert_eq!((recovery.entries, recovery.pages), (1, (after.len() as u64 - 4096) / 512));
    assert_eq!(Hive::open(file).unwrap().info().sequence, 6);
    assert!(recover(before.clone(), &[&old_log(&after, 999)]).is_err());
    // A newer second log means that writing had failed before; an older one means nothing.
    let other = hive(40, 7, 2000);
    let newer = recover(before.clone(), &[&old_log(&after, 999), &old_log(&other, 2000)]).unwrap();
    assert!(bins(&newer.0) == bins(&other) && newer.1.logs == [1]);
    assert!(recover(before.clone(), &[&old_log(&after, 999), &old_log(&other, 998)]).is_err());
    let first = recover(before, &[&old_log(&after, 1000), &old_log(&other, 2000)]).unwrap();
    assert!(bins(&first.0) == bins(&after) && first.1.logs == [0]);
}

#[test]
fn a_damaged_base_block_is_taken_from_the_log() {
    let after = hive(30, 6, 1000);
    for log in [old_log(&after, 1000), new_log(&after, 6..7)] {
        let mut before = hive(1, 5, 1000);
        before[0x20] ^= 1;
        let (file, recovery) = recover(before, &[&log]).unwrap();
        assert!(recovery.base_block_restored);
        assert!(bins(&file) == bins(&after));
        assert!(Hive::open(file).is_ok());
    }
}

#[test]
fn logs_that_are_none_are_told() {
    let (before, after) = (dirty(&hive(1, 5, 0)), hive(1, 6, 0));
    let good = new_log(&after, 6..7);
    let spoiled = |at: usize| {
        let mut log = good.clone();
        log[at] ^= 1;
        log
    };
    let unfinished = with_base(&[&good[..SECTOR], &[0; BLOCK - SECTOR]].concat(), |base| {
        base.0.secondary_sequence = 5.into();
    });
    for (log, reason) in [
        (Vec::new(), "is empty"),
        (good[..100].to_vec(), "has 100 bytes"),
        (spoiled(0), "starts with \"segf\""),
        (spoiled(0x30), "the checksum of log 0"),
        (unfinished, "was not completely written"),
        (good[..SECTOR].to_vec(), "has no entry with number 6"),
        (spoiled(SECTOR), "has no entry with number 6"),
        (spoiled(SECTOR + 4), "its size is"),
        (spoiled(SECTOR + 8), "its hash is"),
        (spoiled(SECTOR + 100), "its hash is"),
    ] {
        let error = recover(before.clone(), &[&log]).unwrap_err().to_string();
        assert!(error.contains(reason), "{error} and not {reason}");
    }
}
