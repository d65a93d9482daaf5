//! A hive as text, in the form of `testdata/tools/hive_judge.py`.

use std::collections::HashMap;
use std::fmt::Write;

use nanovhd_hive::{Hive, Key, Value};

pub(crate) fn escaped(units: impl Iterator<Item = u16>) -> String {
    let mut text = String::new();
    for unit in units {
        match u8::try_from(unit) {
            Ok(byte @ 0x21..=0x7e) if byte != b'\\' => text.push(char::from(byte)),
            _ => write!(text, "\\u{unit:04x}").unwrap(),
        }
    }
    text
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() { "-".to_owned() } else { bytes.iter().map(|byte| format!("{byte:02x}")).collect() }
}

/// Everything that is neither cached nor computed.
pub(crate) fn full(hive: &Hive) -> String {
    let mut text = String::new();
    let mut descriptors: HashMap<&[u8], usize> = HashMap::new();
    walk(hive, &mut |depth, key: Key<'_>| {
        // The borrow is of the hive, which outlives the walk.
        let key = hive.key(key.id()).unwrap();
        let mut security = "-".to_owned();
        if let Some(descriptor) = key.security() {
            let next = descriptors.len();
            let number = *descriptors.entry(descriptor).or_insert(next);
            if number == next {
                writeln!(text, "S\t{number}\t{}", hex(descriptor)).unwrap();
            }
            security = number.to_string();
        }
        let (name, class) = (escaped(key.name().units()), hex(key.class().unwrap_or_default()));
        let (flags, control, access) = (key.flags(), key.control_flags(), key.access());
        let time = key.last_written().0;
        writeln!(text, "K\t{depth}\t{name}\t{flags:04x}\t{control:04x}\t{access:08x}\t{time}\t{class}\t{security}")
            .unwrap();
        for value in key.values() {
            let (name, kind, data) = parts(value);
            let flags = u16::from(value.has_narrow_name()) | u16::from(value.is_tombstone()) << 1;
            writeln!(text, "V\t{name}\t{kind}\t{flags:04x}\t{data}").unwrap();
        }
    });
    text
}

/// What every reader shows: names, times, classes, values.
pub(crate) fn plain(hive: &Hive) -> String {
    let mut text = String::new();
    walk(hive, &mut |depth, key: Key<'_>| {
        let (name, class) = (escaped(key.name().units()), hex(key.class().unwrap_or_default()));
        writeln!(text, "K\t{depth}\t{name}\t{}\t{class}", key.last_written().0).unwrap();
        for value in key.values() {
            let (name, kind, data) = parts(value);
            writeln!(text, "V\t{name}\t{kind}\t{data}").unwrap();
        }
    });
    text
}

fn parts(value: Value<'_>) -> (String, String, String) {
    (escaped(value.name().units()), format!("{:x}", value.kind().0), hex(&value.data()))
}

fn walk(hive: &Hive, visit: &mut impl FnMut(usize, Key<'_>)) {
    let mut pending = vec![(0, hive.root())];
    while let Some((depth, key)) = pending.pop() {
        visit(depth, key);
        pending.extend(key.subkeys().rev().map(|child| (depth + 1, child)));
    }
}

/// The same as [`plain`], read by the `regf` crate, or why it can't be: it wants a root that is marked as
/// such and compares hashes of names outside ASCII with ones that are not Windows'.
pub(crate) fn plain_by_regf(bytes: Vec<u8>) -> Result<String, regf::Error> {
    let hive = regf::RegistryHive::from_bytes(bytes)?;
    let mut text = String::new();
    let mut pending = vec![(0, hive.root_key()?)];
    while let Some((depth, key)) = pending.pop() {
        let class = key.class_name()?.unwrap_or_default();
        let class: Vec<u8> = class.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let name = escaped(key.name().encode_utf16());
        writeln!(text, "K\t{depth}\t{name}\t{}\t{}", key.raw_node().last_written, hex(&class)).unwrap();
        for value in key.values()? {
            let (name, kind) = (escaped(value.name().encode_utf16()), value.raw_data_type());
            writeln!(text, "V\t{name}\t{kind:x}\t{}", hex(&value.raw_data()?)).unwrap();
        }
        pending.extend(key.subkeys()?.into_iter().rev().map(|child| (depth + 1, child)));
    }
    Ok(text)
}

/// A plain text without the data of values that libregf shows in its own way: it cuts strings at their
/// end, and gives zeros for data of one to three bytes.
pub(crate) fn numbers_and_bytes(plain: &str) -> String {
    let mut text = String::new();
    for line in plain.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let cut = match fields[..] {
            ["V", _, kind, data] => !matches!(kind, "3" | "4" | "b") || data.len() < 8,
            _ => false,
        };
        writeln!(text, "{}", if cut { fields[..3].join("\t") } else { line.to_owned() }).unwrap();
    }
    text
}
