//! Values: what a program reads from and writes to a key.
//!
//! Types are [MS-RRP] 3.1.1.5's and \[REGF\]'s "Data types"; any other number is kept as it is. Windows
//! stores device properties with types 0xffff0000 and up, for example.

use std::borrow::Cow;
use std::fmt;

use crate::cells::{Bytes, Loaded};
use crate::format::{CELL_HEADER, SEGMENT, value_flags};
use crate::name::Name;

/// What the data of a value mean.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueType(pub u32);

impl ValueType {
    /// No particular meaning.
    pub const NONE: Self = Self(0);
    /// A string.
    pub const SZ: Self = Self(1);
    /// A string with names of environment variables in percent signs.
    pub const EXPAND_SZ: Self = Self(2);
    /// Bytes.
    pub const BINARY: Self = Self(3);
    /// 32 bits, little-endian.
    pub const DWORD: Self = Self(4);
    /// 32 bits, big-endian.
    pub const DWORD_BIG_ENDIAN: Self = Self(5);
    /// The path of a key that this one stands for: UTF-16 without a final zero.
    pub const LINK: Self = Self(6);
    /// Strings, each with a final zero, and one more zero.
    pub const MULTI_SZ: Self = Self(7);
    /// Resources of a device.
    pub const RESOURCE_LIST: Self = Self(8);
    /// Resources of a bus or of hardware that the firmware found.
    pub const FULL_RESOURCE_DESCRIPTOR: Self = Self(9);
    /// Resources that a device can do with.
    pub const RESOURCE_REQUIREMENTS_LIST: Self = Self(10);
    /// 64 bits, little-endian.
    pub const QWORD: Self = Self(11);

    /// The name that Windows gives the type.
    pub fn name(self) -> Option<&'static str> {
        let names = [
            "REG_NONE",
            "REG_SZ",
            "REG_EXPAND_SZ",
            "REG_BINARY",
            "REG_DWORD",
            "REG_DWORD_BIG_ENDIAN",
            "REG_LINK",
            "REG_MULTI_SZ",
            "REG_RESOURCE_LIST",
            "REG_FULL_RESOURCE_DESCRIPTOR",
            "REG_RESOURCE_REQUIREMENTS_LIST",
            "REG_QWORD",
        ];
        names.get(self.0 as usize).copied()
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#x}", self.0),
        }
    }
}

impl fmt::Debug for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What is to be written into a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ValueData {
    /// What the bytes mean.
    pub kind: ValueType,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl ValueData {
    /// Bytes of any type, as they are.
    pub fn new(kind: ValueType, bytes: impl Into<Vec<u8>>) -> Self {
        Self { kind, bytes: bytes.into() }
    }

    /// A string.
    pub fn sz(text: &str) -> Self {
        Self::new(ValueType::SZ, terminated(text))
    }

    /// A string with names of environment variables in percent signs.
    pub fn expand_sz(text: &str) -> Self {
        Self::new(ValueType::EXPAND_SZ, terminated(text))
    }

    /// Strings. An empty one would end the list for its readers.
    pub fn multi_sz<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Self {
        let mut bytes: Vec<u8> = texts.into_iter().flat_map(|text| terminated(text.as_ref())).collect();
        bytes.extend([0, 0]);
        Self::new(ValueType::MULTI_SZ, bytes)
    }

    /// The path of a key that the value's key stands for.
    pub fn link(path: &str) -> Self {
        Self::new(ValueType::LINK, units(path))
    }

    /// 32 bits.
    pub fn dword(number: u32) -> Self {
        Self::new(ValueType::DWORD, number.to_le_bytes())
    }

    /// 64 bits.
    pub fn qword(number: u64) -> Self {
        Self::new(ValueType::QWORD, number.to_le_bytes())
    }

    /// Bytes.
    pub fn binary(bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(ValueType::BINARY, bytes)
    }

    /// Bytes without a type.
    pub fn none(bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(ValueType::NONE, bytes)
    }
}

fn units(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn terminated(text: &str) -> Vec<u8> {
    let mut bytes = units(text);
    bytes.extend([0, 0]);
    bytes
}

/// Where the data of a value are.
#[derive(Debug, Clone)]
pub(crate) enum Data {
    /// In the value itself. All four bytes are kept, whatever the length.
    Resident { place: [u8; 4], len: u8 },
    /// Nowhere, which is not the same on disk as resident data of no length.
    Empty,
    /// In a cell.
    Plain(Bytes),
    /// In the segments of a big data record that was checked; the run is the list of their offsets.
    Segments { list: u32, len: u32 },
}

/// A value of a key.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: Bytes,
    pub(crate) data: Data,
    pub(crate) kind: u32,
    pub(crate) flags: u16,
    pub(crate) spare: u16,
}
// There are half a million of them in a large hive.
const _: () = assert!(size_of::<Option<Entry>>() <= 48);

impl Entry {
    pub(crate) fn name<'a>(&'a self, bins: &'a [u8]) -> Name<'a> {
        Name::new(self.name.get(bins), self.flags & value_flags::NARROW_NAME != 0)
    }
}

impl Data {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        match (u8::try_from(bytes.len()), bytes.len()) {
            (Ok(len), 0..=4) => {
                let mut place = [0; 4];
                place[..bytes.len()].copy_from_slice(&bytes);
                Self::Resident { place, len }
            }
            _ => Self::Plain(Bytes::Owned(bytes.into())),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Resident { len, .. } => usize::from(*len),
            Self::Empty => 0,
            Self::Plain(Bytes::Owned(bytes)) => bytes.len(),
            Self::Plain(Bytes::Loaded(Loaded { len, .. })) | Self::Segments { len, .. } => *len as usize,
        }
    }

    pub(crate) fn get<'a>(&'a self, bins: &'a [u8]) -> Cow<'a, [u8]> {
        match self {
            Self::Resident { place, len } => Cow::Borrowed(&place[..usize::from(*len).min(4)]),
            Self::Empty => Cow::Borrowed(&[]),
            Self::Plain(bytes) => Cow::Borrowed(bytes.get(bins)),
            Self::Segments { list, len } => {
                Cow::Owned(segments(bins, *list, *len as usize).flatten().copied().collect())
            }
        }
    }
}

/// The pieces of big data whose list of offsets is in the cell at `list`.
pub(crate) fn segments(bins: &[u8], list: u32, len: usize) -> impl Iterator<Item = &[u8]> {
    let list = Loaded { at: list, len: u32::try_from(len.div_ceil(SEGMENT) * 4).unwrap_or(0) };
    let offsets = list.get(bins).chunks_exact(4).map(|word| word.try_into().map_or(0, u32::from_le_bytes));
    offsets.enumerate().map(move |(number, offset)| {
        let start = offset as usize + CELL_HEADER;
        let piece = (len - number * SEGMENT).min(SEGMENT);
        bins.get(start..start + piece).unwrap_or_default()
    })
}

/// A value of a key, to read.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    pub(crate) entry: &'a Entry,
    pub(crate) bins: &'a [u8],
}

impl<'a> Value<'a> {
    /// Its name, which is empty for the key's default value.
    pub fn name(self) -> Name<'a> {
        self.entry.name(self.bins)
    }

    /// What its data mean.
    pub fn kind(self) -> ValueType {
        ValueType(self.entry.kind)
    }

    /// Its data; borrowed, but for values of more than 16 KiB in pieces.
    pub fn data(self) -> Cow<'a, [u8]> {
        self.entry.data.get(self.bins)
    }

    /// How many bytes of data there are.
    pub fn len(self) -> usize {
        self.entry.data.len()
    }

    /// Whether there are no data.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Whether its name is stored with one byte for a character.
    pub fn has_narrow_name(self) -> bool {
        self.entry.flags & value_flags::NARROW_NAME != 0
    }

    /// Whether the value hides one of the same name in a lower layer.
    pub fn is_tombstone(self) -> bool {
        self.entry.flags & value_flags::TOMBSTONE != 0
    }

    /// A string of the types SZ, EXPAND_SZ and LINK, up to the first zero.
    pub fn as_str(self) -> Option<String> {
        matches!(self.kind(), ValueType::SZ | ValueType::EXPAND_SZ | ValueType::LINK)
            .then(|| text_units(&self.data()).take_while(|&unit| unit != 0).collect::<Vec<u16>>())
            .map(|units| String::from_utf16_lossy(&units))
    }

    /// The strings of the type MULTI_SZ, up to the first empty one.
    pub fn as_strings(self) -> Option<Vec<String>> {
        if self.kind() != ValueType::MULTI_SZ {
            return None;
        }
        let units: Vec<u16> = text_units(&self.data()).collect();
        let texts = units.split(|&unit| unit == 0).take_while(|text| !text.is_empty());
        Some(texts.map(String::from_utf16_lossy).collect())
    }

    /// The number in a value of type DWORD, either byte order.
    pub fn as_u32(self) -> Option<u32> {
        let bytes = <[u8; 4]>::try_from(&*self.data()).ok()?;
        match self.kind() {
            ValueType::DWORD => Some(u32::from_le_bytes(bytes)),
            ValueType::DWORD_BIG_ENDIAN => Some(u32::from_be_bytes(bytes)),
            _ => None,
        }
    }

    /// The number in a value of type QWORD.
    pub fn as_u64(self) -> Option<u64> {
        let bytes = <[u8; 8]>::try_from(&*self.data()).ok()?;
        (self.kind() == ValueType::QWORD).then_some(u64::from_le_bytes(bytes))
    }

    /// Type and data, to write them elsewhere.
    pub fn to_data(self) -> ValueData {
        ValueData { kind: self.kind(), bytes: self.data().into_owned() }
    }
}

/// A last odd byte is no unit.
fn text_units(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]))
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {} of {} bytes", self.name(), self.kind(), self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value that stays in memory until the test ends.
    fn value(data: ValueData) -> Value<'static> {
        let kind = data.kind.0;
        let entry = Entry { name: Bytes::Owned(Box::new([])), data: Data::new(data.bytes), kind, flags: 1, spare: 0 };
        Value { entry: Box::leak(Box::new(entry)), bins: &[] }
    }

    #[test]
    fn typed_values_read_as_they_were_written() {
        assert_eq!(value(ValueData::sz("größe")).as_str().unwrap(), "größe");
        assert_eq!(value(ValueData::expand_sz("%SystemRoot%")).as_str().unwrap(), "%SystemRoot%");
        assert_eq!(value(ValueData::link(r"\Registry\Machine")).as_str().unwrap(), r"\Registry\Machine");
        assert_eq!(*value(ValueData::link("ab")).data(), *b"a\0b\0");
        assert_eq!(value(ValueData::multi_sz(["a", "bc"])).as_strings().unwrap(), ["a", "bc"]);
        assert_eq!(*value(ValueData::multi_sz(["a"])).data(), *b"a\0\0\0\0\0");
        assert_eq!(value(ValueData::multi_sz([""; 0])).as_strings().unwrap(), [""; 0]);
        assert_eq!(value(ValueData::dword(7)).as_u32(), Some(7));
        assert_eq!(value(ValueData::new(ValueType::DWORD_BIG_ENDIAN, [0, 0, 0, 7])).as_u32(), Some(7));
        assert_eq!(value(ValueData::qword(1 << 40)).as_u64(), Some(1 << 40));
        assert_eq!(value(ValueData::dword(7)).as_u64(), None);
        assert_eq!(value(ValueData::binary([1, 2, 3])).as_str(), None);
        // Data that do not fit their type, as anybody may write them.
        assert_eq!(value(ValueData::new(ValueType::SZ, *b"a\0b")).as_str().unwrap(), "a");
        assert_eq!(value(ValueData::new(ValueType::DWORD, [1, 2])).as_u32(), None);
    }

    #[test]
    fn types_have_the_names_that_windows_gives_them() {
        assert_eq!(ValueType::MULTI_SZ.to_string(), "REG_MULTI_SZ");
        assert_eq!(ValueType(0xffff_0012).to_string(), "0xffff0012");
    }
}
