//! The bytes of attributes and records.

use super::{Attribute, Clusters, ROOT, Run, SECTOR};

/// A record's number and its sequence number, which is 7 for all.
pub(super) fn reference(record: u64) -> u64 {
    if record == ROOT { ROOT | ROOT << 48 } else { record | 7 << 48 }
}

pub(super) fn units(name: &str) -> Vec<u8> {
    name.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

pub(super) fn put(bytes: &mut [u8], at: usize, value: impl Into<u64>, len: usize) {
    bytes[at..at + len].copy_from_slice(&value.into().to_le_bytes()[..len]);
}

pub(super) fn attribute(kind: u32, name: &str, header: usize) -> Vec<u8> {
    let mut bytes = vec![0; header];
    put(&mut bytes, 0, kind, 4);
    bytes[9] = name.encode_utf16().count() as u8;
    put(&mut bytes, 0x0a, header as u64, 2);
    bytes.extend(units(name));
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

pub(super) fn closed(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    let len = bytes.len() as u64;
    put(&mut bytes, 4, len, 4);
    bytes
}

pub(super) fn resident(kind: u32, name: &str, value: &[u8]) -> Vec<u8> {
    let mut bytes = attribute(kind, name, 0x18);
    let at = bytes.len() as u64;
    put(&mut bytes, 0x10, value.len() as u64, 4);
    put(&mut bytes, 0x14, at, 2);
    bytes.extend(value);
    closed(bytes)
}

pub(super) fn non_resident(kind: u32, name: &str, lowest: u64, runs: &[Run], clusters: &Clusters) -> Vec<u8> {
    let mut bytes = attribute(kind, name, 0x40);
    let at = bytes.len() as u64;
    bytes[8] = 1;
    put(&mut bytes, 0x0c, clusters.flags, 2);
    put(&mut bytes, 0x10, lowest, 8);
    put(&mut bytes, 0x18, lowest + runs.iter().map(|run| run.1).sum::<u64>() - 1, 8);
    put(&mut bytes, 0x20, at, 2);
    if lowest == 0 {
        put(&mut bytes, 0x28, clusters.size, 8);
        put(&mut bytes, 0x30, clusters.size, 8);
        put(&mut bytes, 0x38, clusters.initialized, 8);
    }
    let mut before = 0i64;
    for &(first, len) in runs {
        let delta = (first as i64 - before).to_le_bytes();
        before = first as i64;
        // As few bytes as keep the sign.
        let fits = |bytes: &[u8; 8], n: usize| {
            let sign = if bytes[n - 1] & 0x80 == 0 { 0 } else { 0xff };
            bytes[n..].iter().all(|&b| b == sign)
        };
        let len = len.to_le_bytes();
        let (l, d) = ((1..8).find(|&n| fits(&len, n)).unwrap(), (1..8).find(|&n| fits(&delta, n)).unwrap());
        bytes.push((d << 4 | l) as u8);
        bytes.extend(&len[..l]);
        bytes.extend(&delta[..d]);
    }
    bytes.push(0);
    closed(bytes)
}

pub(super) fn file_record(size: usize, number: u64, flags: u16, base: u64, attributes: &[Attribute]) -> Vec<u8> {
    let mut bytes = vec![0; (0x30 + 2 * (size / SECTOR + 1)).next_multiple_of(8)];
    let first = bytes.len() as u64;
    bytes[..4].copy_from_slice(b"FILE");
    put(&mut bytes, 4, 0x30u64, 2);
    put(&mut bytes, 6, (size / SECTOR + 1) as u64, 2);
    put(&mut bytes, 0x10, reference(number) >> 48, 2);
    put(&mut bytes, 0x14, first, 2);
    put(&mut bytes, 0x16, flags, 2);
    put(&mut bytes, 0x20, base, 8);
    for attribute in attributes {
        let at = bytes.len();
        bytes.extend(&attribute.bytes);
        put(&mut bytes, at + 0x0e, attribute.instance, 2);
    }
    bytes.extend([0xff; 8]);
    assert!(bytes.len() <= size, "record {number} would have {} bytes", bytes.len());
    let used = bytes.len() as u64;
    put(&mut bytes, 0x18, used, 4);
    bytes.resize(size, 0xd1);
    protect(&mut bytes, 0x30);
    bytes
}

/// Moves the last word of each sector to the array and puts a number in its place.
pub(super) fn protect(bytes: &mut [u8], array: usize) {
    bytes[array..array + 2].copy_from_slice(&[0x34, 0x12]);
    for (i, end) in (SECTOR..=bytes.len()).step_by(SECTOR).enumerate() {
        bytes.copy_within(end - 2..end, array + 2 * (i + 1));
        bytes[end - 2..end].copy_from_slice(&[0x34, 0x12]);
    }
}
