//! The checker: what chkdsk asks of a volume, asked without changing anything.
//!
//! ```text
//!   boot sectors ─► MFT and mirror ─► every record ─┬─► its attributes, lists and streams
//!                                                   ├─► each index, all of its tree
//!                                                   └─► facts, a few dozen bytes a file
//!                                                            │
//!       names ↔ entries, descriptors ↔ their views, ids ↔ their indexes, clusters ↔ bitmap
//! ```
//!
//! The MFT is read once, front to back. What can only be judged when all records were seen is kept
//! as compact facts, sorted and compared at the end. Nothing found wrong ends the check: what can't
//! be read is left out, and the rest goes on. All work is bounded by what truly lies on the volume:
//! an index block counts once however many entries lead to it, and a table of garbage is given up.
//!
//! Rules are those of NTFS 3.1 as Windows keeps them. What Windows itself leaves stale is no fault:
//! everything that a `$FILE_NAME` attribute repeats of its file; what the entries of NTFS's own files
//! and those of files with several links repeat; and in other entries all times but that of creation.

mod clusters;
mod descriptor;
mod facts;
mod file;
mod index;
mod keys;
mod list;
mod names;
mod record;
mod report;
mod scan;
mod secure;
mod start;
mod stream;
mod system;
#[cfg(test)]
mod tests;
mod value;
mod views;

use std::collections::HashSet;
use std::io;

use nanovhd_tree::{Finding, ReadAt};

use crate::read::mft::Mft;
use facts::Facts;
use report::Report;

/// Checks the NTFS volume in `volume`, which need not be one that can be opened. `progress` is told
/// from time to time how many MFT records of how many were looked at.
///
/// Findings come in the order in which they were met. Of each rule at most a hundred are told, then
/// one that says how many more there are.
///
/// # Errors
/// What reading `volume` reports; a damaged volume is no error.
pub fn check(volume: &impl ReadAt, progress: &mut dyn FnMut(u64, u64)) -> io::Result<Vec<Finding>> {
    let mut report = Report::default();
    let Some(mft) = start::open(volume, &mut report)? else { return Ok(report.finish()) };
    let records = mft.records();
    let mut checker = Checker {
        volume,
        mft,
        report,
        upcase: Vec::new(),
        facts: Facts::default(),
        blocks_seen: HashSet::new(),
        list_bytes: 0,
        given_up: false,
    };
    checker.upcase = checker.upcase_table()?;
    checker.scan(progress)?;
    checker.check_system_files()?;
    if !checker.given_up {
        checker.check_extensions();
        checker.check_names();
        checker.check_security()?;
        checker.check_views();
        checker.check_clusters()?;
    }
    progress(records, records);
    Ok(checker.report.finish())
}

/// A check under way.
struct Checker<'v, R> {
    volume: &'v R,
    mft: Mft,
    report: Report,
    /// The table by which the volume's names are sorted.
    upcase: Vec<u16>,
    facts: Facts,
    /// Where the index blocks begin that were reached, in bytes of the volume.
    blocks_seen: HashSet<u64>,
    /// Bytes of attribute lists that were read.
    list_bytes: u64,
    /// Whether the MFT is so broken that what its records say together means nothing.
    given_up: bool,
}
