//! Names: short ones of 8 and 3 bytes, and long ones in several entries in front of the short one.
//! FAT specification, `FAT Directory Structure` and `FAT Long Directory Entries`.
//!
//! Bytes above 0x7f of a short name are in the code page of the system that wrote it, which the
//! volume doesn't say. They are taken for code page 437, as Linux does. Such a name comes from DOS:
//! newer systems write a long name as well, and that is Unicode.

use nanovhd_tree::{MAX_NAME_UNITS, Name};
use thiserror::Error;

use super::format::{
    E5, Entry, LAST_PART, LOWER_BASE, LOWER_EXTENSION, LongEntry, MAX_LONG_ENTRIES, UNITS_PER_ENTRY,
    short_name_checksum,
};

/// The upper half of code page 437.
const CODE_PAGE_437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
                             └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// What is wrong with the entries of a long name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum LongFault {
    #[error("a part of a long name that no short name follows")]
    Orphan,
    #[error("part {found} of a long name, expected part {expected}")]
    Order { found: u8, expected: u8 },
    #[error("part {0} of a long name is missing")]
    Missing(u8),
    #[error("a long name starts with part {0}, expected 1 to {MAX_LONG_ENTRIES}")]
    First(u8),
    #[error("a long name has the checksum {found:#04x}, expected {expected:#04x}")]
    Checksum { found: u8, expected: u8 },
    #[error("a part of a long name says type {kind} and cluster {cluster}, expected 0 and 0")]
    Fields { kind: u8, cluster: u16 },
    #[error("a long name has something else than 0xffff after its end, or that before its end")]
    Padding,
    #[error("a long name ends before its last part, or is empty")]
    Empty,
    #[error("a long name has {0} units, at most 255 can be")]
    TooLong(usize),
}

/// Puts long names together from the entries of a directory, in their order.
#[derive(Debug, Default)]
pub(crate) struct LongNames {
    /// Units, of the last part first.
    parts: Vec<[u16; UNITS_PER_ENTRY]>,
    /// The parts that are still to come.
    missing: u8,
    checksum: u8,
    /// Where the first part is.
    start: u64,
    /// The parts that follow have been told of already.
    is_skipping: bool,
    /// What was wrong and where since this was last emptied.
    pub(crate) faults: Vec<(LongFault, u64)>,
}

impl LongNames {
    /// Takes a part that lies at `offset`.
    pub(crate) fn part(&mut self, entry: &LongEntry, offset: u64) {
        let number = entry.order & !LAST_PART;
        if entry.order & LAST_PART != 0 {
            self.abandon();
            if !(1..=MAX_LONG_ENTRIES).contains(&number) {
                return self.skip(LongFault::First(number), offset);
            }
            (self.missing, self.checksum, self.start) = (number, entry.checksum, offset);
        } else if self.parts.is_empty() {
            return self.skip(LongFault::Orphan, offset);
        }
        if number != self.missing || number == 0 {
            return self.skip(LongFault::Order { found: number, expected: self.missing }, offset);
        }
        if entry.checksum != self.checksum {
            let fault = LongFault::Checksum { found: entry.checksum, expected: self.checksum };
            return self.skip(fault, offset);
        }
        if (entry.kind, entry.cluster.get()) != (0, 0) {
            self.faults.push((LongFault::Fields { kind: entry.kind, cluster: entry.cluster.get() }, offset));
        }
        self.missing -= 1;
        self.parts.push(entry.units());
    }

    /// The entry that follows is of no file, so it has no long name.
    pub(crate) fn abandon(&mut self) {
        if !self.parts.is_empty() {
            self.faults.push((LongFault::Orphan, self.start));
            self.parts.clear();
        }
        self.is_skipping = false;
    }

    /// The long name of the entry that follows, if there is one that is right.
    pub(crate) fn finish(&mut self, short: &Entry) -> Option<Name> {
        let name = self.assemble(short);
        self.parts.clear();
        self.is_skipping = false;
        match name? {
            Ok(name) => Some(name),
            Err(fault) => {
                self.faults.push((fault, self.start));
                None
            }
        }
    }

    fn assemble(&mut self, short: &Entry) -> Option<Result<Name, LongFault>> {
        // The part with the end of the name.
        let last = *self.parts.first()?;
        if self.missing > 0 {
            return Some(Err(LongFault::Missing(self.missing)));
        }
        let expected = short_name_checksum(&short.name);
        if self.checksum != expected {
            return Some(Err(LongFault::Checksum { found: self.checksum, expected }));
        }
        let end = last.iter().position(|&unit| unit == 0).unwrap_or(UNITS_PER_ENTRY);
        if last.iter().skip(end + 1).any(|&unit| unit != 0xffff) {
            self.faults.push((LongFault::Padding, self.start));
        }
        let whole = self.parts.iter().skip(1).rev().flatten();
        let units: Vec<u16> = whole.chain(&last[..end]).copied().collect();
        Some(match units.len() {
            _ if end == 0 || units.contains(&0) => Err(LongFault::Empty),
            // No character; here it is what fills up, and nothing ends the name before it.
            _ if units.contains(&0xffff) => Err(LongFault::Padding),
            len if len > MAX_NAME_UNITS => Err(LongFault::TooLong(len)),
            _ => Ok(Name::from_units(units)),
        })
    }

    /// Gives up the name, and those of its parts that are still to come.
    fn skip(&mut self, fault: LongFault, offset: u64) {
        if !self.is_skipping {
            self.faults.push((fault, offset));
        }
        self.parts.clear();
        self.is_skipping = true;
    }
}

/// The short name as the entry has it.
pub(crate) fn short_name(entry: &Entry) -> Name {
    spelled(entry, 0)
}

/// The short name with the case that Windows NT keeps beside it, for a file without a long one.
pub(crate) fn short_name_with_case(entry: &Entry) -> Name {
    spelled(entry, entry.case)
}

fn spelled(entry: &Entry, case: u8) -> Name {
    let mut bytes = entry.name;
    if bytes[0] == E5 {
        bytes[0] = 0xe5;
    }
    let (base, extension) = bytes.split_at(8);
    let mut text = part(base, case & LOWER_BASE != 0);
    let extension = part(extension, case & LOWER_EXTENSION != 0);
    if !extension.is_empty() {
        text.push('.');
        text.push_str(&extension);
    }
    Name::from(text.as_str())
}

/// Base or extension, without the blanks that fill it up.
fn part(bytes: &[u8], is_lower: bool) -> String {
    let len = bytes.iter().rposition(|&byte| byte != b' ').map_or(0, |last| last + 1);
    bytes[..len].iter().map(|&byte| if is_lower { lower(char_437(byte)) } else { char_437(byte) }).collect()
}

fn char_437(byte: u8) -> char {
    match byte.checked_sub(0x80) {
        None => char::from(byte),
        Some(upper) => CODE_PAGE_437.chars().nth(upper.into()).expect("code page 437 has 128 characters there"),
    }
}

/// The small letter, if there is just one.
fn lower(c: char) -> char {
    let mut small = c.to_lowercase();
    small.next().filter(|_| small.next().is_none()).unwrap_or(c)
}

/// A label, without the blanks that fill it up; empty for none.
pub(crate) fn label(bytes: &[u8; 11]) -> Name {
    Name::from(part(bytes, false).as_str())
}

#[cfg(test)]
mod tests {
    use zerocopy::{FromBytes, FromZeros, IntoBytes};

    use super::*;

    fn short(name: &[u8; 11]) -> Entry {
        let mut entry = Entry::new_zeroed();
        entry.name = *name;
        entry
    }

    /// The parts of a long name in the order in which they lie.
    fn parts(name: &str, entry: &Entry) -> Vec<LongEntry> {
        let mut units: Vec<u16> = name.encode_utf16().collect();
        let count = units.len().div_ceil(UNITS_PER_ENTRY);
        if !units.len().is_multiple_of(UNITS_PER_ENTRY) {
            units.push(0);
        }
        units.resize(count * UNITS_PER_ENTRY, 0xffff);
        let part = |(index, units): (usize, &[u16])| {
            let mut bytes = LongEntry::new_zeroed();
            bytes.order = u8::try_from(index + 1).unwrap() | if index + 1 == count { LAST_PART } else { 0 };
            bytes.checksum = short_name_checksum(&entry.name);
            bytes.attributes = super::super::format::LONG_NAME;
            let all = bytes.units_1.iter_mut().chain(&mut bytes.units_2).chain(&mut bytes.units_3);
            all.zip(units).for_each(|(place, unit)| *place = (*unit).into());
            bytes
        };
        units.chunks(UNITS_PER_ENTRY).enumerate().map(part).rev().collect()
    }

    /// The name that the parts give, and what is wrong with them. They lie at 0, 32 and so on.
    fn read(parts: &[LongEntry], entry: &Entry) -> (Option<Name>, Vec<(LongFault, u64)>) {
        let mut names = LongNames::default();
        for (part, offset) in parts.iter().zip((0..).step_by(32)) {
            names.part(part, offset);
        }
        (names.finish(entry), names.faults)
    }

    /// What is done to the parts of a name.
    type Change<'c> = &'c dyn Fn(&mut Vec<LongEntry>);

    #[test]
    fn long_names_are_put_together() {
        let entry = short(b"SHORT~1 TXT");
        let longest = "x".repeat(255);
        for name in ["a", "exactly 13...", "fourteen units", "exactly 26 units, two parts", "größe-ж-漢字", &longest]
        {
            assert_eq!(read(&parts(name, &entry), &entry), (Some(name.into()), vec![]), "{name}");
        }
    }

    #[test]
    fn damaged_long_names_are_left_out_and_told_of() {
        let entry = short(b"SHORT~1 TXT");
        let good = parts("a long name with three parts of it", &entry);
        let of = |change: Change<'_>| {
            let mut parts = good.clone();
            change(&mut parts);
            read(&parts, &entry)
        };
        let found = short_name_checksum(&entry.name);
        let cases: &[(Change<'_>, LongFault, u64)] = &[
            (&|parts| parts.retain(|part| part.order & !LAST_PART != 3), LongFault::Orphan, 0),
            (
                &|parts| parts.retain(|part| part.order & !LAST_PART != 2),
                LongFault::Order { found: 1, expected: 2 },
                32,
            ),
            (&|parts| parts.truncate(2), LongFault::Missing(1), 0),
            (&|parts| parts.swap(1, 2), LongFault::Order { found: 1, expected: 2 }, 32),
            (&|parts| parts[0].order = LAST_PART, LongFault::First(0), 0),
            (&|parts| parts[0].order = LAST_PART | 21, LongFault::First(21), 0),
            (&|parts| parts[1].checksum ^= 1, LongFault::Checksum { found: found ^ 1, expected: found }, 32),
            (
                &|parts| parts.iter_mut().for_each(|part| part.checksum = 1),
                LongFault::Checksum { found: 1, expected: found },
                0,
            ),
            (&|parts| parts[1].units_2[0] = 0.into(), LongFault::Empty, 0),
            (&|parts| parts[0].units_1[0] = 0.into(), LongFault::Empty, 0),
            (&|parts| parts[1].units_2[0] = 0xffff.into(), LongFault::Padding, 0),
        ];
        for &(change, fault, offset) in cases {
            let (name, faults) = of(change);
            assert_eq!((name, faults.last()), (None, Some(&(fault, offset))));
        }
        let (name, faults) = read(&parts(&"x".repeat(256), &entry), &entry);
        assert_eq!((name, faults), (None, vec![(LongFault::TooLong(256), 0)]));
    }

    #[test]
    fn a_new_name_ends_the_one_before() {
        let entry = short(b"SHORT~1 TXT");
        let mut both = parts("a name of two parts", &entry);
        both.truncate(1);
        both.extend(parts("another of two parts", &entry));
        assert_eq!(read(&both, &entry), (Some("another of two parts".into()), vec![(LongFault::Orphan, 0)]));
    }

    #[test]
    fn what_does_no_harm_is_told_of() {
        let entry = short(b"SHORT~1 TXT");
        let mut one = parts("name", &entry);
        one[0].cluster = 5.into();
        one[0].units_3[1] = 7.into();
        let faults = vec![(LongFault::Fields { kind: 0, cluster: 5 }, 0), (LongFault::Padding, 0)];
        assert_eq!(read(&one, &entry), (Some("name".into()), faults));
    }

    #[test]
    fn short_names_are_decoded() {
        for (name, case, expected) in [
            (b"README  TXT", 0, "README.TXT"),
            (b"README  TXT", LOWER_BASE, "readme.TXT"),
            (b"README  TXT", LOWER_EXTENSION, "README.txt"),
            (b"README  TXT", LOWER_BASE | LOWER_EXTENSION, "readme.txt"),
            (b"A B        ", 0xff, "a b"),
            (b"\x05\x80\x9a      \xe1 ", 0, "σÇÜ. ß"),
            (b"X\x90Y        ", LOWER_BASE, "xéy"),
            (b"        EXT", 0, ".EXT"),
        ] {
            let mut entry = short(name);
            entry.case = case;
            assert_eq!(short_name_with_case(&entry), expected.into(), "{name:02x?}");
            assert_eq!(short_name(&entry).to_string().to_uppercase(), expected.to_uppercase());
        }
        assert_eq!(label(b"A LABEL    "), "A LABEL".into());
        assert!(label(b"           ").is_empty());
    }

    #[test]
    fn a_part_is_as_large_as_an_entry() {
        let entry = short(b"SHORT~1 TXT");
        let part = &parts("name", &entry)[0];
        let as_entry = Entry::ref_from_bytes(part.as_bytes()).unwrap();
        assert!(as_entry.is_long_name() && !entry.is_long_name());
    }
}
