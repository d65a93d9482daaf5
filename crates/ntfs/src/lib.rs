//! Write-once NTFS 3.1 volumes, laid out from a [`Tree`](nanovhd_tree::Tree).
//!
//! ```text
//!   Tree ──► Volume::lay_out ──┬─► placements()      what to fetch, and where its bytes go
//!            (a pure plan)     ├─► extents()         what of the volume is not zero
//!                              └─► write_metadata()  all the rest, front to back
//!
//!   ┌──────┬────────┬─────────┬───────────┬─────────┬──────────────┬─────────┬──────┬──────────┬─────┐
//!   │ Boot │ Mirror │ LogFile │ UpCase …  │ Bitmap  │ file data in │ indexes │ MFT  │ free     │ Boot│
//!   │      │        │         │           │         │ source order │ $SDS    │      │          │ copy│
//!   └──────┴────────┴─────────┴───────────┴─────────┴──────────────┴─────────┴──────┴──────────┴─────┘
//! ```
//!
//! A volume is settled completely before a byte is written: every file has its MFT records, every
//! stream its place, every directory the shape of its B+ tree. The same functions that size a
//! record in the plan write it later, so plan and bytes can't disagree. Each file's data lie in one
//! run, in the order in which the source holds them; the MFT comes last, with all free space behind
//! it to grow into.
//!
//! What is kept of a tree: names of all 16-bit units with their 8.3 names, hard links, attributes,
//! the four times, security descriptors (shared in `$Secure`), named streams, reparse points and
//! object ids with their indexes, extended attributes. What is not kept is listed by [`Volume::losses`].
//!
//! Volumes are read back by [`Ntfs`], whoever made them, and [`check`] asks of them what chkdsk asks:
//! each [`Rule`] has a stable name, and each [`Finding`](nanovhd_tree::Finding) tells where one is
//! broken. Volumes that versions of Windows since Server 2003, `mkntfs` or wimlib made break none.
//!
//! The format has no public specification; see the crate's format module for where its facts
//! are from. This crate knows nothing of disks and images: the output is anything that implements
//! [`WriteAt`](nanovhd_tree::WriteAt), with the volume's first byte at offset 0.

mod attribute;
mod check;
mod ea;
mod error;
mod files;
mod flags;
mod format;
mod geometry;
mod index;
mod limits;
mod losses;
mod names;
mod read;
mod records;
mod rule;
mod secure;
mod slots;
mod system;
mod units;
mod volume;
mod write;

pub use check::check;
pub use error::{LayoutError, WriteError};
pub use flags::kept_attributes;
pub use losses::{Loss, LossKind};
pub use read::{Note, NoteKind, Ntfs, OpenError, ReadError, Snapshot, Streams, VolumeInfo};
pub use rule::Rule;
pub use volume::{Placement, Target, Volume, VolumeOptions, VolumeSummary};
