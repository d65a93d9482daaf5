//! Slots: the attributes of a volume whose values may lie outside their MFT record.

use std::num::{NonZeroU32, TryFromIntError};

use nanovhd_tree::{Content, Reparse, Source};

use crate::attribute::{Storage, StreamForm, non_resident_size, resident_size};
use crate::format::{AttributeType, ReparseHeader};
use crate::units::ClusterSize;

/// Where the bytes of a slot come from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Payload<'t> {
    /// A stream of the tree.
    Content(&'t Content),
    /// A reparse point of the tree: its header, then its data.
    Reparse(&'t Reparse),
    /// The known bytes with this number.
    Bytes(u32),
    /// The blocks of the index with this number.
    IndexBlocks(u32),
    /// The attribute list of the file.
    AttributeList,
    Boot,
    Mft,
    MftBitmap,
    MftMirror,
    LogFile,
    UpCase,
    ClusterBitmap,
    Descriptors,
    /// No bytes at all: the clusters that are not bad.
    BadClusters,
}

/// Parts of the volume, in the order in which they lie.
///
/// The journal and small system files come first, file data in the order of their source next and
/// what directories and the MFT need last: so a reader of the source and the writer of the volume
/// both go forward only, and the MFT has all free space behind it to grow into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Region {
    Boot,
    Mirror,
    Log,
    UpCase,
    Small,
    Bitmap,
    Data,
    Indexes,
    Descriptors,
    MftBitmap,
    Mft,
}

/// An attribute whose value may lie outside its record.
#[derive(Debug, Clone)]
pub(crate) struct Slot<'t> {
    pub(crate) kind: AttributeType,
    pub(crate) name: &'t [u16],
    pub(crate) form: StreamForm,
    pub(crate) payload: Payload<'t>,
    /// Bytes of the value.
    pub(crate) size: u64,
    pub(crate) storage: Storage,
    /// One more than the position in `Volume::placements`, if the value is delivered from outside.
    placement: Option<NonZeroU32>,
}

// There is at least one for each file, so their size is a large part of the memory that a layout takes.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Slot<'_>>() <= 80);

impl<'t> Slot<'t> {
    pub(crate) fn new(kind: AttributeType, name: &'t [u16], payload: Payload<'t>, size: u64) -> Self {
        let form = StreamForm::PLAIN;
        Self { kind, name, form, payload, size, storage: Storage::Resident, placement: None }
    }

    /// A stream of the tree.
    pub(crate) fn stream(name: &'t [u16], content: &'t Content) -> Self {
        Self::new(AttributeType::Data, name, Payload::Content(content), content.len())
    }

    /// A reparse point of the tree.
    pub(crate) fn reparse(reparse: &'t Reparse) -> Self {
        let size = size_of::<ReparseHeader>() as u64 + reparse.data.len();
        Self::new(AttributeType::ReparsePoint, &[], Payload::Reparse(reparse), size)
    }

    /// Position in `Volume::placements`, if the value is delivered from outside.
    pub(crate) fn placement(&self) -> Option<usize> {
        self.placement.map(|number| number.get() as usize - 1)
    }

    /// Sets the position. Fails where there are more than can be numbered.
    pub(crate) fn set_placement(&mut self, position: usize) -> Result<(), TryFromIntError> {
        self.placement = NonZeroU32::new(u32::try_from(position + 1)?);
        Ok(())
    }

    /// Bytes in a record with the value in it.
    pub(crate) fn resident_size(&self) -> usize {
        resident_size(self.name.len(), self.size)
    }

    /// Bytes in a record with the value in clusters.
    pub(crate) fn non_resident_size(&self) -> usize {
        non_resident_size(self.name.len(), self.form)
    }

    /// The fewest bytes in a record.
    pub(crate) fn least_size(&self) -> usize {
        if self.must_have_clusters() {
            self.non_resident_size()
        } else {
            self.resident_size().min(self.non_resident_size())
        }
    }

    /// Bytes in a record as it is stored.
    pub(crate) fn stored_size(&self) -> usize {
        if self.storage == Storage::Resident { self.resident_size() } else { self.non_resident_size() }
    }

    /// Whether the value may not lie in the record: system files, which drivers find by their runs.
    pub(crate) fn must_have_clusters(&self) -> bool {
        self.kind == AttributeType::IndexAllocation
            || !matches!(
                self.payload,
                Payload::Content(_) | Payload::Reparse(_) | Payload::Bytes(_) | Payload::AttributeList
            )
    }

    /// Moves the value to clusters, whose place is not yet known.
    pub(crate) fn move_to_clusters(&mut self, cluster: ClusterSize) {
        let clusters = self.form.clusters_for(self.size, cluster);
        self.storage = match self.payload {
            Payload::BadClusters => Storage::Hole { clusters },
            _ => Storage::Run { lcn: crate::units::Lcn(0), clusters },
        };
    }

    /// Bytes that the value takes on the volume, as `$FILE_NAME` says them.
    pub(crate) fn allocated(&self, cluster: ClusterSize) -> u64 {
        match self.storage {
            Storage::Resident => self.size.next_multiple_of(8),
            Storage::Run { clusters, .. } => clusters * cluster.bytes(),
            Storage::Hole { .. } => 0,
        }
    }

    /// Where in the volume the value lies.
    pub(crate) fn region(&self) -> Region {
        match self.payload {
            Payload::Content(_) | Payload::Reparse(_) => Region::Data,
            Payload::Bytes(_) if self.kind == AttributeType::Bitmap => Region::Indexes,
            Payload::Bytes(_) | Payload::BadClusters => Region::Small,
            Payload::IndexBlocks(_) | Payload::AttributeList => Region::Indexes,
            Payload::Boot => Region::Boot,
            Payload::Mft => Region::Mft,
            Payload::MftBitmap => Region::MftBitmap,
            Payload::MftMirror => Region::Mirror,
            Payload::LogFile => Region::Log,
            Payload::UpCase => Region::UpCase,
            Payload::ClusterBitmap => Region::Bitmap,
            Payload::Descriptors => Region::Descriptors,
        }
    }

    /// The content of the tree in it, and how many bytes of our own are before it.
    pub(crate) fn content(&self) -> Option<(&'t Content, u64)> {
        match self.payload {
            Payload::Content(content) => Some((content, 0)),
            Payload::Reparse(reparse) => Some((&reparse.data, size_of::<ReparseHeader>() as u64)),
            _ => None,
        }
    }

    /// The content that must be delivered from outside, if there is one.
    pub(crate) fn delivered(&self) -> Option<(&'t Content, u64)> {
        self.content().filter(|(content, _)| !content.is_empty() && !matches!(content.source(), Source::Bytes(_)))
    }
}
