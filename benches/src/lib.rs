//! What the benchmarks share.
//!
//! ```text
//!   compare ──► compare.json ─┐
//!   limit ────► limit.json ───┼─► report ──► tables between the markers of README files, plots (SVG)
//!   scaling ──► scaling.json ─┘
//! ```
//!
//! Each program measures one thing on WIMs that it is given, prints what it finds and writes the raw runs;
//! [`results`] has their form. `report` measures nothing.

pub mod chunks;
pub mod files;
pub mod machine;
pub mod outcome;
#[cfg(feature = "wimlib")]
pub mod peer;
pub mod plots;
pub mod process;
pub mod results;
pub mod subjects;
pub mod svg;
pub mod tables;
pub mod tool;
pub mod work;

pub use chunks::{Chunk, Chunks, chunks};
pub use subjects::{Subject, subjects};
