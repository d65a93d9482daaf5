//! Universal Disk Format: ECMA-167, 3rd edition, with what OSTA's UDF revisions 1.02 to 2.60 make of it.
//!
//! ```text
//!  anchor (block 256 …) ─► volume descriptor sequence, or its reserve
//!                            ├ partition descriptors ──┐
//!                            └ logical volume ─ maps ──┴─► Partition: (map, block) ─► place in the image
//!                                └ file set ─► root ICB
//!  ICB (block) ─► file entry ─► allocation descriptors ─► Runs
//!                               of a directory: file identifier descriptors ─► names and ICBs
//! ```
//!
//! UDF sections are those of revision 2.60, which numbers as 2.50 does. The integrity descriptor, space
//! tables, extended attributes, permissions and named streams say nothing that a reader of files needs.

mod cs0;
mod directory;
mod extents;
mod format;
mod icb;
mod maps;
mod metadata;
mod partition;
mod sequence;
mod tag;
mod volume;

pub(crate) use partition::IcbAddress;
#[cfg(test)]
pub(crate) use tag::tests::{tag_len, tag_seal, tag_verify};
pub(crate) use volume::Volume;
