//! What can be wrong with a hive, and with what is asked of it.

use thiserror::Error;

/// What a record's first two bytes say, as text.
fn printable(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// Why a hive can't be opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file ends too early.
    #[error("the file has {found:#x} bytes, expected {expected:#x}")]
    TooShort {
        /// Bytes that the base block asks for.
        expected: u64,
        /// Bytes in the file.
        found: u64,
    },
    /// The file is something else.
    #[error("the file starts with \"{}\", expected \"regf\"", printable(found))]
    Signature {
        /// The first four bytes.
        found: [u8; 4],
    },
    /// A field of the base block has a value that no hive of a known version has.
    #[error("{field} of the base block is {found:#x}, expected {expected}")]
    Field {
        /// The field.
        field: &'static str,
        /// What it may be.
        expected: &'static str,
        /// What it is.
        found: u32,
    },
    /// The base block was damaged, or not completely written.
    #[error("the checksum of the base block is {found:#010x}, expected {expected:#010x}")]
    Checksum {
        /// The checksum of the bytes.
        expected: u32,
        /// What is written.
        found: u32,
    },
    /// The last write did not end: a log may have the rest.
    #[error("the hive is dirty: its sequence numbers are {primary} and {secondary}")]
    Dirty {
        /// The number of the last write that began.
        primary: u32,
        /// The number of the last write that ended.
        secondary: u32,
    },
    /// A hive bin is not as it must be.
    #[error("the hive bin at {at:#x}: {field} is {found:#x}, expected {expected}")]
    Bin {
        /// Offset of the bin.
        at: u32,
        /// What is wrong with it.
        field: &'static str,
        /// What it may be.
        expected: &'static str,
        /// What it is.
        found: u32,
    },
    /// A cell is not as it must be.
    #[error("the cell at {at:#x}: {fault}")]
    Cell {
        /// Offset of the cell.
        at: u32,
        /// What is wrong with it.
        fault: CellFault,
    },
}

/// What is wrong with a cell.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CellFault {
    /// The size is zero, no multiple of eight, or leads out of the bin.
    #[error("its size is {size:#x}, expected a multiple of 8 up to {room:#x}")]
    Size {
        /// The size without its sign.
        size: u32,
        /// Bytes that are left in the bin.
        room: u32,
    },
    /// Something refers to a place where no cell in use starts.
    #[error("{what} is expected here, but no cell in use starts here")]
    NotACell {
        /// What refers to it.
        what: &'static str,
    },
    /// Two records claim the cell, or a record itself.
    #[error("{what} is expected here, but the cell is in use already")]
    Taken {
        /// What refers to it.
        what: &'static str,
    },
    /// The record is of another kind.
    #[error("it starts with \"{}\", expected {expected}", printable(found))]
    Signature {
        /// What may be here.
        expected: &'static str,
        /// The first two bytes.
        found: [u8; 2],
    },
    /// The record does not fit into its cell.
    #[error("{what} needs {expected:#x} bytes, but the cell has {found:#x}")]
    TooShort {
        /// What is in the cell.
        what: &'static str,
        /// Bytes that it needs.
        expected: u64,
        /// Bytes in the cell.
        found: u64,
    },
    /// The lists of subkeys have more or fewer elements than the key says.
    #[error("the key has {expected} subkeys, but its lists have {found}")]
    SubkeyCount {
        /// What the key says.
        expected: u32,
        /// Elements of the lists.
        found: u64,
    },
    /// Big data have too few or too many segments for their length.
    #[error("{len:#x} bytes of data need {expected} segments, but there are {found}")]
    SegmentCount {
        /// Bytes of the value.
        len: u32,
        /// Segments that hold so many.
        expected: u32,
        /// What the record says.
        found: u16,
    },
    /// A UTF-16 name has half a unit.
    #[error("its UTF-16 name has {len} bytes, expected an even number")]
    OddName {
        /// Bytes of the name.
        len: u16,
    },
    /// Keys lie in each other deeper than Windows allows.
    #[error("the key is {} keys below the root, which is more than there can be", crate::MAX_DEPTH + 1)]
    TooDeep,
}

impl CellFault {
    pub(crate) fn at(self, at: u32) -> OpenError {
        OpenError::Cell { at, fault: self }
    }
}

/// Why a hive can't be recovered.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecoverError {
    /// The hive is dirty, and no log can be applied to it.
    #[error("the hive is dirty (sequence numbers {primary} and {secondary}), and no log fits: {}", reasons.join("; "))]
    NoLog {
        /// The number of the last write that began.
        primary: u32,
        /// The number of the last write that ended.
        secondary: u32,
        /// For each log why it was left out.
        reasons: Vec<String>,
    },
    /// What came out is no hive.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// Why an edit can't be made. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EditError {
    /// The key was deleted.
    #[error("there is no such key")]
    NoSuchKey,
    /// The root stays where it is.
    #[error("the root of a hive can't be deleted")]
    IsRoot,
    /// Such a name can't be.
    #[error("{name:?} is no name for {what}: {reason}")]
    Name {
        /// The name.
        name: String,
        /// What should be named so.
        what: &'static str,
        /// Why it can't.
        reason: &'static str,
    },
    /// Something is too long.
    #[error("{what} of {found} bytes is too long: the most is {max}")]
    TooLong {
        /// What it is.
        what: &'static str,
        /// The most bytes.
        max: usize,
        /// Its bytes.
        found: usize,
    },
    /// Keys can't lie in each other deeper.
    #[error("a key can be at most {} keys below the root", crate::MAX_DEPTH)]
    TooDeep,
    /// The bytes are no security descriptor in self-relative form.
    #[error("no self-relative security descriptor: {0}")]
    Security(&'static str),
    /// The key stands for a handle and can have no values.
    #[error("the key is a predefined handle and can have no values")]
    Predefined,
}

/// Why a hive can't be written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// Offsets have 31 bits.
    #[error("the hive would have more than {max:#x} bytes of hive bins")]
    TooLarge {
        /// The most bytes.
        max: u64,
    },
    /// A key has more subkeys or values than a list can count.
    #[error("the key {path:?} has {found} {what}, more than can be written")]
    TooMany {
        /// The path of the key.
        path: String,
        /// What there is too much of.
        what: &'static str,
        /// How many there are.
        found: usize,
    },
}
