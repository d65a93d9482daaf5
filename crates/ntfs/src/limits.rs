//! What of a tree NTFS can't hold: found before anything is laid out.

use std::collections::HashMap;

use nanovhd_tree::{Attributes, Content, File, FileId, MAX_NAME_UNITS, Name};

use crate::ea;
use crate::error::LayoutError;
use crate::format::ReparseHeader;
use crate::volume::Volume;

/// The longest reparse point that Windows reads, its header included. [MS-FSCC] 2.1.2.
const MAX_REPARSE: u64 = 0x4000;

impl Volume<'_> {
    /// Checks what is to be stored of one file.
    pub(crate) fn check_file(&self, id: FileId, file: &File) -> Result<(), LayoutError> {
        if !file.is_directory() && file.metadata.attributes.contains(Attributes::ENCRYPTED) {
            return Err(LayoutError::Encrypted { path: self.path(id) });
        }
        self.check_lengths(id, file)?;
        self.check_stream_names(id, file)?;
        self.check_extended_attributes(id, file)
    }

    fn check_lengths(&self, id: FileId, file: &File) -> Result<(), LayoutError> {
        let most = self.geometry.max_stream();
        let streams = file.metadata.streams.iter().map(|s| &s.content);
        let contents = file.content().into_iter().chain(streams);
        if let Some(length) = contents.map(Content::len).find(|&length| length > most) {
            return Err(LayoutError::StreamTooLong { path: self.path(id), length, most });
        }
        let reparse = file.metadata.reparse.as_ref();
        let length = reparse.map_or(0, |r| r.data.len().saturating_add(size_of::<ReparseHeader>() as u64));
        if length > MAX_REPARSE {
            return Err(LayoutError::ReparseTooLong { path: self.path(id), length, most: MAX_REPARSE });
        }
        Ok(())
    }

    fn check_stream_names(&self, id: FileId, file: &File) -> Result<(), LayoutError> {
        let mut names: Vec<&Name> = file.metadata.streams.iter().map(|s| &s.name).collect();
        if let Some(&stream) = names.iter().find(|n| n.is_empty() || n.units().len() > MAX_NAME_UNITS) {
            return Err(LayoutError::StreamName { path: self.path(id), stream: stream.clone() });
        }
        names.sort_by(|a, b| a.cmp_ignore_case(b));
        if let Some(twins) = names.windows(2).find(|w| w[0].eq_ignore_case(w[1])) {
            return Err(LayoutError::StreamExists { path: self.path(id), stream: twins[1].clone() });
        }
        Ok(())
    }

    fn check_extended_attributes(&self, id: FileId, file: &File) -> Result<(), LayoutError> {
        let attributes = &file.metadata.extended_attributes;
        if let Some(attribute) = attributes.iter().find(|attribute| !ea::can_be(attribute)) {
            let name = String::from_utf8_lossy(&attribute.name).into_owned();
            return Err(LayoutError::ExtendedAttribute { path: self.path(id), name });
        }
        let length = ea::size(attributes);
        if length > ea::MAX_BYTES {
            return Err(LayoutError::ExtendedAttributesTooLong { path: self.path(id), length, most: ea::MAX_BYTES });
        }
        Ok(())
    }

    /// Checks that no two files have one object id.
    pub(crate) fn check_object_ids(&self) -> Result<(), LayoutError> {
        let mut seen: HashMap<[u8; 16], FileId> = HashMap::new();
        for (id, file) in self.tree.files() {
            let Some(object_id) = &file.metadata.object_id else { continue };
            if let Some(first) = seen.insert(object_id.object, id) {
                return Err(LayoutError::ObjectIdTwice { first: self.path(first), second: self.path(id) });
            }
        }
        Ok(())
    }
}
