//! ISO 9660: ECMA-119, 4th edition, with the name extensions Joliet and Rock Ridge.
//!
//! A volume descriptor leads to the root directory; directories are lists of records, and a record says where
//! the file lies, in one piece mostly. The path tables repeat the tree and aren't read. Numbers that the disc
//! has in both byte orders are read in the little-endian one, as others do, for there are writers that get the
//! other one wrong.

mod directory;
mod format;
mod rock_ridge;
mod volume;

pub(crate) use directory::Node;
pub(crate) use format::{DESCRIPTOR_TERMINATOR, Descriptor, PRIMARY, SUPPLEMENTARY};
pub(crate) use volume::Volume;
