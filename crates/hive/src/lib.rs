//! Registry hives: read, edited, created, and recovered from their logs.
//!
//! ```text
//!   .LOG1, .LOG2 ──► recover ─┐
//!                             ▼
//!   file ───────────────────► Hive ─► root ─► Key ─┬─► subkeys, in the order of their names
//!                              ▲ │                 ├─► values, in the order of their making
//!                edits by KeyId ┘ └─► to_bytes     └─► class, security, times, flags
//! ```
//!
//! A hive is read once into a graph of keys and written anew from it. Names, values, classes and
//! security descriptors that nobody edits are not copied: they stay where they are in the bytes that
//! were loaded, so that memory is about what the file takes, and once more while it is written.
//!
//! ```
//! use nanovhd_hive::{Hive, Options, ValueData};
//! use nanovhd_tree::Filetime;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let now = Filetime::from_unix(1_476_316_800);
//! let mut hive = Hive::create(&Options { root_name: "SYSTEM", time: now, ..Options::default() })?;
//! let service = hive.create_key(hive.root_id(), r"ControlSet001\Services\viostor", now)?;
//! hive.set_value(service, "Start", ValueData::dword(0), now)?;
//! hive.set_value(service, "ImagePath", ValueData::expand_sz(r"System32\drivers\viostor.sys"), now)?;
//!
//! let again = Hive::open(hive.to_bytes()?)?;
//! let start = again.find(r"controlset001\services\VIOSTOR").and_then(|key| key.value("start"));
//! assert_eq!(start.and_then(|value| value.as_u32()), Some(0));
//! # Ok(())
//! # }
//! ```
//!
//! # What is kept
//!
//! Everything that an edit does not touch: class names, security descriptors (shared as they were),
//! times, the order of values, the form of names, types and sizes of data, all flags, layer and
//! virtualization bits, access bits, the fields that Windows only caches, and the whole base block with
//! its version, ids and unknown parts. What is made anew because it follows from the rest: where cells
//! lie, lists of subkeys with their hints or hashes, counts, the ring of security records, the hive's
//! size, sequence numbers and checksum. What is dropped because it is nothing: free cells, records that no
//! key refers to, slack in cells and behind the bins.
//!
//! # What a hive may do to a reader
//!
//! Nothing. Offsets, lengths and counts are checked, a cell belongs to one record only, keys lie at most
//! 512 deep and nothing recurses; see [`OpenError`] for how faults are told. There is no unsafe code.
//!
//! The format is versions 1.3 to 1.6, of Windows NT 4 and later. Its description is public knowledge:
//! M. Suhanov, "Windows registry file format specification", cited as \[REGF\] in this crate.

mod base;
mod cells;
mod edit;
mod error;
mod format;
mod hive;
mod key;
mod load;
mod log;
mod name;
mod node;
mod security;
mod value;
mod values;
mod write;

pub use base::Info;
pub use error::{CellFault, EditError, OpenError, RecoverError, WriteError};
pub use hive::{Hive, MinorVersion, Options};
pub use key::Key;
pub use load::MAX_DEPTH;
pub use log::{Recovery, recover};
pub use name::Name;
pub use node::KeyId;
pub use security::ADMINISTRATORS_AND_SYSTEM;
pub use value::{Value, ValueData, ValueType};
