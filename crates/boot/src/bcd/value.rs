//! What an element is set to, and how the registry has it.

use nanovhd_hive::{ValueData, ValueType};
use uuid::Uuid;

use super::device::Device;
use super::element::Format;
use super::error::Fault;
use super::{id, utf16};

/// The name of the only value that an element's key has.
pub(super) const ELEMENT: &str = "Element";

/// What an element is set to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value {
    /// A device.
    Device(Device),
    /// A text.
    Text(String),
    /// An object.
    Object(Uuid),
    /// Objects, in an order that matters.
    Objects(Vec<Uuid>),
    /// An integer.
    Integer(u64),
    /// Yes or no.
    Boolean(bool),
    /// Integers.
    Integers(Vec<u64>),
    /// A value of a format that nobody knows, or one that is not of its format.
    Unknown {
        /// The registry's type.
        kind: ValueType,
        /// The data.
        bytes: Vec<u8>,
    },
}

impl Value {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// The value of an element of some format, and what is wrong with it.
    pub(super) fn decode(format: Format, kind: ValueType, bytes: &[u8]) -> (Self, Option<Fault>) {
        let expected = match format {
            Format::Text | Format::Object => ValueType::SZ,
            Format::Objects => ValueType::MULTI_SZ,
            Format::Device | Format::Integer | Format::Boolean | Format::Integers => ValueType::BINARY,
            Format::Other(_) => kind,
        };
        let unknown = || Self::Unknown { kind, bytes: bytes.to_vec() };
        if kind != expected {
            return (unknown(), Some(Fault::Type { name: ELEMENT, expected, found: kind }));
        }
        match Self::decode_typed(format, bytes) {
            Ok(value) => (value.unwrap_or_else(unknown), None),
            // A device that makes no sense is one nonetheless.
            Err(fault @ Fault::Device(_)) => (Self::Device(Device::Unknown(bytes.to_vec())), Some(fault)),
            Err(fault) => (unknown(), Some(fault)),
        }
    }

    fn decode_typed(format: Format, bytes: &[u8]) -> Result<Option<Self>, Fault> {
        let size = |expected| Fault::Size { name: ELEMENT, expected, found: bytes.len() };
        let no_text = Fault::Text { name: ELEMENT };
        Ok(Some(match format {
            Format::Device => Self::Device(Device::decode(bytes)?),
            Format::Text => Self::Text(utf16::text(bytes).ok_or(no_text)?),
            Format::Object => Self::Object(guid(utf16::text(bytes).ok_or(no_text)?)?),
            Format::Objects => {
                let texts = utf16::texts(bytes).ok_or(no_text)?;
                Self::Objects(texts.into_iter().map(guid).collect::<Result<_, _>>()?)
            }
            // Windows writes all eight bytes, but templates save the leading zeros.
            Format::Integer if (1..=8).contains(&bytes.len()) => {
                Self::Integer(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
            }
            Format::Integer => return Err(size("1 to 8")),
            Format::Boolean => match bytes {
                [byte] => Self::Boolean(*byte != 0),
                _ => return Err(size("1")),
            },
            Format::Integers => match bytes.as_chunks() {
                (numbers, []) => Self::Integers(numbers.iter().map(|&number| u64::from_le_bytes(number)).collect()),
                _ => return Err(size("a multiple of 8")),
            },
            Format::Other(_) => return Ok(None),
        }))
    }

    /// What the registry has for it.
    pub(super) fn encode(&self) -> ValueData {
        match self {
            Self::Device(device) => ValueData::binary(device.encode()),
            Self::Text(text) => ValueData::sz(text),
            Self::Object(id) => ValueData::sz(&id.braced().to_string()),
            Self::Objects(ids) => ValueData::multi_sz(ids.iter().map(|id| id.braced().to_string())),
            Self::Integer(number) => ValueData::binary(number.to_le_bytes()),
            Self::Boolean(yes) => ValueData::binary([u8::from(*yes)]),
            Self::Integers(numbers) => {
                ValueData::binary(numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>())
            }
            Self::Unknown { kind, bytes } => ValueData::new(*kind, bytes.as_slice()),
        }
    }

    /// The format that the value is of, if it is of one.
    pub fn format(&self) -> Option<Format> {
        Some(match self {
            Self::Device(_) => Format::Device,
            Self::Text(_) => Format::Text,
            Self::Object(_) => Format::Object,
            Self::Objects(_) => Format::Objects,
            Self::Integer(_) => Format::Integer,
            Self::Boolean(_) => Format::Boolean,
            Self::Integers(_) => Format::Integers,
            Self::Unknown { .. } => return None,
        })
    }

    /// What the value is, for messages.
    pub(super) fn what(&self) -> &'static str {
        match self {
            Self::Device(_) => "a device",
            Self::Text(_) => "a string",
            Self::Object(_) => "an object",
            Self::Objects(_) => "a list of objects",
            Self::Integer(_) => "an integer",
            Self::Boolean(_) => "a boolean",
            Self::Integers(_) => "a list of integers",
            Self::Unknown { .. } => "of an unknown format",
        }
    }
}

fn guid(text: String) -> Result<Uuid, Fault> {
    id::parse(&text).ok_or(Fault::Guid { name: ELEMENT, found: text })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(format: Format, kind: ValueType, bytes: &[u8]) -> Value {
        let (value, fault) = Value::decode(format, kind, bytes);
        assert_eq!(fault, None, "{value:?}");
        value
    }

    fn fault(format: Format, kind: ValueType, bytes: &[u8]) -> String {
        let (value, fault) = Value::decode(format, kind, bytes);
        // Nothing is lost, whatever it is.
        assert_eq!(value.encode().bytes, bytes);
        fault.unwrap().to_string()
    }

    #[test]
    fn values_are_encoded_as_windows_does() {
        let id = id::BOOTMGR;
        for (value, kind, bytes) in [
            (Value::text("a"), ValueType::SZ, b"a\0\0\0".to_vec()),
            (Value::Object(id), ValueType::SZ, utf16::terminated("{9dea862c-5cdd-4e70-acc1-f32b344d4795}")),
            (Value::Objects(vec![]), ValueType::MULTI_SZ, vec![0; 2]),
            (Value::Integer(0x1c200), ValueType::BINARY, vec![0, 0xc2, 1, 0, 0, 0, 0, 0]),
            (Value::Boolean(true), ValueType::BINARY, vec![1]),
            (Value::Integers(vec![0x1500_0075]), ValueType::BINARY, vec![0x75, 0, 0, 0x15, 0, 0, 0, 0]),
        ] {
            assert_eq!(value.encode(), ValueData::new(kind, bytes.clone()));
            assert_eq!(decode(value.format().unwrap(), kind, &bytes), value);
        }
        let list = Value::Objects(vec![id, id::MEMDIAG]);
        let ValueData { kind, bytes } = list.encode();
        assert_eq!(bytes.len(), 2 * (2 * 39 + 1));
        assert_eq!(decode(Format::Objects, kind, &bytes), list);
    }

    #[test]
    fn short_integers_of_templates_are_read() {
        assert_eq!(decode(Format::Integer, ValueType::BINARY, &[0x1e]), Value::Integer(30));
        assert_eq!(decode(Format::Integer, ValueType::BINARY, &[0, 0xc2, 1]), Value::Integer(115_200));
        assert_eq!(decode(Format::Integer, ValueType::BINARY, &[0xff; 8]), Value::Integer(u64::MAX));
    }

    #[test]
    fn what_is_not_of_its_format_is_kept_and_told() {
        let binary = ValueType::BINARY;
        let told = [
            (fault(Format::Text, binary, b"a\0"), "of the type REG_BINARY, expected REG_SZ"),
            (fault(Format::Integer, ValueType::DWORD, &[0; 4]), "of the type REG_DWORD, expected REG_BINARY"),
            (fault(Format::Integer, binary, &[]), "has 0 bytes, expected 1 to 8"),
            (fault(Format::Integer, binary, &[0; 9]), "has 9 bytes, expected 1 to 8"),
            (fault(Format::Boolean, binary, &[0; 2]), "has 2 bytes, expected 1"),
            (fault(Format::Integers, binary, &[0; 9]), "has 9 bytes, expected a multiple of 8"),
            (fault(Format::Text, ValueType::SZ, b"a"), "is not UTF-16"),
            (fault(Format::Objects, ValueType::MULTI_SZ, b"\0\xd8\0\0\0\0"), "is not UTF-16"),
            (fault(Format::Object, ValueType::SZ, b"a\0\0\0"), "has \"a\", expected a GUID in braces"),
            (fault(Format::Device, binary, &[0; 31]), "a descriptor at 0x10 needs 0x10 bytes, but there are 0xf"),
        ];
        for (told, expected) in told {
            assert!(told.contains(expected), "{told}");
        }
        assert!(matches!(decode(Format::Other(9), binary, &[1]), Value::Unknown { .. }));
    }
}
