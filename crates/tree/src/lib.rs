//! The file tree that nanovhd's format libraries share: one vocabulary for what a Windows image
//! holds, with no I/O format in it.
//!
//! ```text
//!   wim ──► Tree ──► edits (drivers, packages, first boot …) ──► ntfs
//!            │
//!            ├─ File      attributes, times, security descriptor, streams, reparse point
//!            ├─ Entry     one name of a file in a directory (hard links: several entries, one file)
//!            └─ Content   where a stream's bytes will come from; never the bytes read up front
//! ```
//!
//! Names are sequences of UTF-16 code units as NTFS stores them, so they may hold lone surrogates.
//! A [`Tree`] keeps these promises, whatever is done to it through its methods:
//!
//! - every file but the root has at least one name, and a directory has exactly one;
//! - no two entries of a directory have the same name to the letter (names that differ only in
//!   case are two names, as on an NTFS volume with POSIX semantics);
//! - no name is empty, `.`, `..`, longer than 255 units or holds a separator;
//! - equal security descriptors are kept once.

mod attributes;
mod case;
mod content;
mod finding;
mod io;
mod name;
mod text;
mod time;
mod tree;
mod upcase;

pub use attributes::Attributes;
pub use content::{BlobId, Content, Source, SourceId};
pub use finding::{Finding, Findings};
pub use io::{ReadAt, WriteAt};
pub use name::{MAX_NAME_UNITS, Name, NameError};
pub use text::visible;
pub use time::{Filetime, Times};
pub use tree::{
    Directory, Entry, ExtendedAttribute, File, FileId, Kind, Metadata, ObjectId, Rare, RareBox, Reparse, SecurityId,
    Stream, Tree, TreeError, WalkEntry,
};
pub use upcase::{UPCASE_UNITS, upcase, upcase_table};
