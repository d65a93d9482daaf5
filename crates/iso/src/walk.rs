//! All files below a directory.

use nanovhd_tree::ReadAt;

use crate::entry::Entry;
use crate::error::IsoError;
use crate::iso::Iso;

/// More than the 8 of ECMA-119 (6.8.2.1) and more than paths of Windows have room for.
const MAX_DEPTH: u64 = 512;

/// Goes through all that is below a directory, every directory in front of what is in it, and gives each
/// entry with its path from there (names joined by `/`).
///
/// Ends with the first error. All lists together can't have more bytes than the image, so that directories
/// that contain themselves come to an end as well.
#[derive(Debug)]
pub struct Walk<'i, R> {
    iso: &'i Iso<R>,
    /// Directories that are being listed: path, and what is left of the list, the last first.
    stack: Vec<(String, Vec<Entry>)>,
    /// A directory that is still to be listed.
    pending: Option<(String, Entry)>,
    /// How many bytes further lists may have.
    budget: u64,
}

impl<'i, R: ReadAt> Walk<'i, R> {
    pub(crate) fn new(iso: &'i Iso<R>, directory: &Entry) -> Self {
        Self { iso, stack: Vec::new(), pending: Some((String::new(), directory.clone())), budget: iso.image_len() }
    }

    fn enter(&mut self, path: String, directory: &Entry) -> Result<(), IsoError> {
        let depth = self.stack.len() as u64;
        if depth >= MAX_DEPTH {
            return Err(IsoError::TooDeep { path, most: MAX_DEPTH });
        }
        let (mut entries, bytes) = self.iso.list(directory)?;
        self.budget = self.budget.checked_sub(bytes).ok_or(IsoError::DirectoriesOverlap { path: path.clone() })?;
        entries.reverse();
        self.stack.push((path, entries));
        Ok(())
    }

    fn step(&mut self) -> Result<Option<(String, Entry)>, IsoError> {
        if let Some((path, directory)) = self.pending.take() {
            self.enter(path, &directory)?;
        }
        while let Some((path, entries)) = self.stack.last_mut() {
            let Some(entry) = entries.pop() else {
                self.stack.pop();
                continue;
            };
            let separator = if path.is_empty() { "" } else { "/" };
            let path = format!("{path}{separator}{}", entry.name);
            if entry.is_dir {
                self.pending = Some((path.clone(), entry.clone()));
            }
            return Ok(Some((path, entry)));
        }
        Ok(None)
    }
}

impl<R: ReadAt> Iterator for Walk<'_, R> {
    type Item = Result<(String, Entry), IsoError>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        if step.is_err() {
            self.stack.clear();
        }
        step.transpose()
    }
}
