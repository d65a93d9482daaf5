//! The files that a WIM is stored in: mostly one, or the parts of a split set.
//!
//! Each part is a WIM of its own, with header, blob table and XML data, but the blob table lists
//! only what lies in that part, and the metadata of all images are in the first one. \[WIM\] "Split
//! WIM files". Tools call the parts `name.swm`, `name2.swm`, `name3.swm` and so on.

use std::fmt;
use std::io;

use thiserror::Error;

use crate::header::Header;
use crate::reader::Format;

/// Which file a message is about: the WIM itself, or a part of a split set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InFile {
    /// The number of the part, from 1; none if there is only one file.
    pub part: Option<u16>,
}

impl fmt::Display for InFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            Some(part) => write!(f, "part {part} of the WIM"),
            None => f.write_str("the WIM"),
        }
    }
}

/// Why files are no split set.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SetError {
    /// No files were given.
    #[error("a split WIM of no parts was asked for")]
    Empty,
    /// A part was not given or not found.
    #[error("part {part} of the {parts} parts of the split WIM is missing{}", called(name.as_deref()))]
    Missing {
        /// The first part that is missing.
        part: u16,
        /// How many parts there should be.
        parts: u16,
        /// The name it was looked for by.
        name: Option<String>,
    },
    /// Two files say that they are the same part.
    #[error("part {part} of the split WIM was given twice")]
    Twice {
        /// The part.
        part: u16,
    },
    /// A part belongs to a set of another size.
    #[error("part {part} is one of {parts} parts, but another file is one of {expected}")]
    Count {
        /// The part.
        part: u16,
        /// Parts that it says there are.
        parts: u16,
        /// Parts that another one says there are.
        expected: u16,
    },
    /// A part belongs to another set.
    #[error("part {part} is of another split WIM: its GUID is {}, expected {}", hex(found), hex(expected))]
    Guid {
        /// The part.
        part: u16,
        /// Its GUID.
        found: [u8; 16],
        /// That of the others.
        expected: [u8; 16],
    },
    /// The other parts can't be found by the name of one.
    #[error(
        "the file is part {part} of {parts} of a split WIM, but its name {name:?} does not tell those of the others; \
         expected \"NAME.swm\" for the first part and \"NAME{part}.swm\" for part {part}"
    )]
    Name {
        /// Its name.
        name: String,
        /// The part it is.
        part: u16,
        /// How many parts there are.
        parts: u16,
    },
    /// A part can't be opened.
    #[error("can't open `{name}`, part {part} of the split WIM")]
    Open {
        /// The part.
        part: u16,
        /// Its name.
        name: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

fn called(name: Option<&str>) -> String {
    name.map(|name| format!(": there is no `{name}` beside the others")).unwrap_or_default()
}

fn hex(guid: &[u8; 16]) -> String {
    guid.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Puts the parts in order.
///
/// # Errors
/// They are not all the parts of one set, each once.
pub(crate) fn sorted<R>(mut parts: Vec<(R, Header)>) -> Result<Vec<(R, Header)>, SetError> {
    let Some((guid, count)) = parts.first().map(|(_, first)| (first.guid, first.parts)) else {
        return Err(SetError::Empty);
    };
    for (_, header) in &parts {
        let Header { part, parts, guid: found, .. } = *header;
        if found != guid {
            return Err(SetError::Guid { part, found, expected: guid });
        }
        if parts != count {
            return Err(SetError::Count { part, parts, expected: count });
        }
    }
    parts.sort_by_key(|(_, header)| header.part);
    for pair in parts.windows(2) {
        if pair[0].1.part == pair[1].1.part {
            return Err(SetError::Twice { part: pair[0].1.part });
        }
    }
    // Each is between 1 and the count, and none comes twice.
    let missing = (1..=count).zip(parts.iter().map(|(_, header)| Some(header.part)).chain(std::iter::repeat(None)));
    if let Some((part, _)) = missing.into_iter().find(|&(expected, found)| found != Some(expected)) {
        return Err(SetError::Missing { part, parts: count, name: None });
    }
    Ok(parts)
}

/// What part `other` of a split set is called when part `part` is called `name`, or `None` if the
/// name does not end in the number of the part.
///
/// ```
/// use nanovhd_wim::part_name;
///
/// assert_eq!(part_name("install.swm", 1, 3).as_deref(), Some("install3.swm"));
/// assert_eq!(part_name("install3.swm", 3, 1).as_deref(), Some("install.swm"));
/// assert_eq!(part_name("install.swm", 2, 1), None);
/// ```
pub fn part_name(name: &str, part: u16, other: u16) -> Option<String> {
    let (stem, extension) = match name.rfind('.') {
        Some(dot) => name.split_at(dot),
        None => (name, ""),
    };
    let stem = if part == 1 { stem } else { stem.strip_suffix(&part.to_string())? };
    Some(if other == 1 { format!("{stem}{extension}") } else { format!("{stem}{other}{extension}") })
}

/// The files, in the order of their numbers.
#[derive(Debug)]
pub(crate) struct Parts<R> {
    files: Vec<(R, Format)>,
}

impl<R> Parts<R> {
    /// Parts 1, 2, … and how their resources are compressed.
    pub(crate) fn new(files: Vec<(R, Format)>) -> Self {
        Self { files }
    }

    pub(crate) fn into_files(self) -> Vec<(R, Format)> {
        self.files
    }

    /// The file of a part that exists, and how its resources are compressed.
    pub(crate) fn get(&self, part: u16) -> (&R, Format) {
        // Blob tables are refused that name other parts than their own.
        let (file, format) = &self.files[usize::from(part) - 1];
        (file, *format)
    }

    /// Bytes in a chunk outside of solid resources, where they are longest.
    pub(crate) fn longest_chunk(&self) -> u64 {
        self.files.iter().map(|(_, format)| u64::from(format.chunk_size)).max().unwrap_or(0)
    }

    /// What messages call a part.
    pub(crate) fn name(&self, part: u16) -> InFile {
        InFile { part: (self.files.len() > 1).then_some(part) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::header_of;

    fn header(part: u16, parts: u16, guid: u8) -> ((), Header) {
        let mut bytes = header_of(crate::format::VERSION, 0);
        bytes[0x18..0x28].fill(guid);
        bytes[0x28..0x2a].copy_from_slice(&part.to_le_bytes());
        bytes[0x2a..0x2c].copy_from_slice(&parts.to_le_bytes());
        ((), Header::parse(&bytes).unwrap())
    }

    fn order(parts: &[(u16, u16, u8)]) -> Result<Vec<u16>, SetError> {
        let parts = parts.iter().map(|&(part, parts, guid)| header(part, parts, guid)).collect();
        Ok(sorted(parts)?.iter().map(|(_, header)| header.part).collect())
    }

    #[test]
    fn parts_come_in_any_order() {
        assert_eq!(order(&[(1, 1, 7)]).unwrap(), [1]);
        assert_eq!(order(&[(2, 3, 7), (3, 3, 7), (1, 3, 7)]).unwrap(), [1, 2, 3]);
    }

    #[test]
    fn what_is_no_set_is_refused() {
        use SetError as E;
        assert!(matches!(order(&[]), Err(E::Empty)));
        assert!(matches!(order(&[(1, 3, 7), (3, 3, 7)]), Err(E::Missing { part: 2, parts: 3, name: None })));
        assert!(matches!(order(&[(2, 3, 7), (3, 3, 7)]), Err(E::Missing { part: 1, .. })));
        assert!(matches!(order(&[(1, 2, 7)]), Err(E::Missing { part: 2, .. })));
        assert!(matches!(order(&[(1, 2, 7), (2, 2, 7), (2, 2, 7)]), Err(E::Twice { part: 2 })));
        assert!(matches!(order(&[(1, 2, 7), (2, 3, 7)]), Err(E::Count { part: 2, parts: 3, expected: 2 })));
        let error = order(&[(1, 2, 7), (2, 2, 8)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("part 2 is of another split WIM: its GUID is {}, expected {}", "08".repeat(16), "07".repeat(16))
        );
    }

    #[test]
    fn names_follow_from_each_other() {
        for (name, part, other, expected) in [
            ("a.swm", 1, 2, Some("a2.swm")),
            ("a2.swm", 2, 1, Some("a.swm")),
            ("a10.SWM", 10, 9, Some("a9.SWM")),
            ("server 2016.swm", 1, 2, Some("server 20162.swm")),
            ("server 20162.swm", 2, 1, Some("server 2016.swm")),
            ("a.b.swm", 1, 3, Some("a.b3.swm")),
            ("noextension", 1, 2, Some("noextension2")),
            ("renamed.swm", 2, 1, None),
            ("a3.swm", 2, 1, None),
        ] {
            assert_eq!(part_name(name, part, other).as_deref(), expected, "{name}");
        }
    }
}
