//! From a tree to a volume: every MFT record and every cluster has its place before a byte is
//! written.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use nanovhd_tree::{Content, FileId, Filetime, Name, Source, Tree};

use crate::attribute::{
    MAX_LIST, Shape, Storage, StreamForm, list_is_resident, list_size, non_resident_size, pack, resident_size,
};
use crate::error::LayoutError;
use crate::files::{Attribute, Body, FileEntry, Index, Owner};
use crate::format::{AttributeType, BOOT_BYTES};
use crate::geometry::Geometry;
use crate::index::{IndexShape, ROOT_HEADERS};
use crate::losses::Loss;
use crate::names::Links;
use crate::secure::Secure;
use crate::slots::{Payload, Region, Slot};
use crate::system::{FIRST_FREE_RECORD, ROOT_REF, SystemFile};
use crate::units::{FileRef, Lcn};
use crate::{ea, flags};

/// The longest label in UTF-16 units.
const MAX_LABEL: usize = 32;
/// The MFT grows by this many records at a time.
const MFT_STEP: u64 = 64;
/// Rounds of [`Volume::minimum_size`]: bitmap and journal grow by at most one part in a hundred of
/// the volume, so each round comes a hundred times closer.
const SIZE_ROUNDS: usize = 8;

/// What a volume is to be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeOptions {
    /// Bytes of the partition.
    pub size: u64,
    /// Bytes of a cluster: a power of two from the sector size to 64 KiB.
    pub cluster_size: u32,
    /// Bytes of a sector: 512 or 4096.
    pub sector_size: u32,
    /// Sectors of the disk before the partition.
    pub hidden_sectors: u64,
    /// The volume's serial number.
    pub serial: u64,
    /// The volume's label, at most 32 UTF-16 units.
    pub label: Name,
    /// The time of the system files.
    pub time: Filetime,
    /// What a BIOS runs to start the volume: all of `$Boot`, in which the volume's parameters take the
    /// place of the bytes from 0x03 to 0x53. Without it, a machine that starts the volume halts.
    pub boot_code: Option<&'static [u8; BOOT_BYTES]>,
}

impl Default for VolumeOptions {
    fn default() -> Self {
        Self {
            size: 0,
            cluster_size: 4096,
            sector_size: 512,
            hidden_sectors: 0,
            serial: 0,
            label: Name::default(),
            time: Filetime::default(),
            boot_code: None,
        }
    }
}

/// A content of the tree and where its bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement<'t> {
    /// The content.
    pub content: &'t Content,
    /// The place of its bytes.
    pub target: Target,
}

/// Where a content's bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// To the volume, from this byte offset on.
    Extent {
        /// Byte offset in the volume.
        offset: u64,
    },
    /// Into an MFT record: they are handed to [`Volume::write_metadata`].
    Resident,
}

/// How much there is of what in a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VolumeSummary {
    /// Bytes of a cluster.
    pub cluster_size: u32,
    /// Clusters of the volume.
    pub clusters: u64,
    /// Clusters in use.
    pub used_clusters: u64,
    /// Records of the MFT.
    pub mft_records: u64,
    /// Directories of the tree, its root included.
    pub directories: u64,
    /// Other files of the tree.
    pub files: u64,
    /// Names of those other files.
    pub names: u64,
    /// Named streams.
    pub named_streams: u64,
    /// Reparse points.
    pub reparse_points: u64,
    /// Different security descriptors, those of the system files included.
    pub descriptors: u64,
    /// Bytes of all streams.
    pub stream_bytes: u64,
}

/// A volume whose layout is settled.
#[derive(Debug)]
pub struct Volume<'t> {
    pub(crate) tree: &'t Tree,
    pub(crate) geometry: Geometry,
    pub(crate) label: Name,
    pub(crate) time: Filetime,
    pub(crate) boot_code: Option<&'static [u8; BOOT_BYTES]>,
    pub(crate) secure: Secure,
    pub(crate) links: Links<'t>,
    pub(crate) files: Vec<FileEntry>,
    /// The entry in `files` of each of the tree's files.
    pub(crate) entry_of: Vec<u32>,
    pub(crate) slots: Vec<Slot<'t>>,
    /// Those of the slots whose bytes are known.
    pub(crate) bytes: Vec<Vec<u8>>,
    pub(crate) indexes: Vec<Index>,
    pub(crate) mft_records: u64,
    /// Clusters in use, all at the start of the volume.
    pub(crate) used_clusters: u64,
    placements: Vec<Placement<'t>>,
    losses: Vec<Loss>,
}

impl<'t> Volume<'t> {
    /// Lays the tree out on a volume. Nothing is written.
    ///
    /// # Errors
    /// [`LayoutError`] says what of the tree or the options can't be; [`LayoutError::TooSmall`]
    /// says how many bytes would do.
    pub fn lay_out(tree: &'t Tree, options: &VolumeOptions) -> Result<Self, LayoutError> {
        let mut volume = Self::describe(tree, options)?;
        let fixed = volume.used_clusters;
        let size = options.size;
        if fixed > volume.geometry.clusters() || fixed + volume.size_dependent_clusters() > volume.geometry.clusters()
        {
            return Err(LayoutError::TooSmall { needed: volume.least_size(fixed)?, size });
        }
        let order = volume.source_order()?;
        volume.place(&order)?;
        volume.losses = volume.find_losses();
        Ok(volume)
    }

    /// The fewest bytes of a partition that the tree fits into, whatever `options.size` says.
    ///
    /// # Errors
    /// As [`Volume::lay_out`].
    pub fn minimum_size(tree: &Tree, options: &VolumeOptions) -> Result<u64, LayoutError> {
        let volume = Volume::describe(tree, &VolumeOptions { size: 0, ..options.clone() })?;
        volume.least_size(volume.used_clusters)
    }

    /// The contents that the caller delivers, in the order in which their sources hold them.
    /// Contents in memory and empty ones are not among them.
    pub fn placements(&self) -> &[Placement<'t>] {
        &self.placements
    }

    /// What is not kept.
    pub fn losses(&self) -> &[Loss] {
        &self.losses
    }

    /// Byte ranges of the volume that may hold anything but zeros: in order, apart from each other.
    pub fn extents(&self) -> Vec<Range<u64>> {
        let cluster = self.geometry.cluster;
        let used = 0..self.used_clusters * cluster.bytes();
        let copy = self.backup_boot_offset();
        let copy = copy..copy + u64::from(self.geometry.sector);
        // The bitmap of a large volume is mostly zeros; only its ends are not.
        let bitmap = self.slot_range(|slot| matches!(slot.payload, Payload::ClusterBitmap));
        let ones = bitmap.start + self.used_clusters.div_ceil(8);
        let last = bitmap.start + self.geometry.bitmap_bytes() - 8;
        let mut extents = if ones.next_multiple_of(cluster.bytes()) < last / cluster.bytes() * cluster.bytes() {
            vec![used.start..ones, last..used.end]
        } else {
            vec![used]
        };
        extents.push(copy);
        extents
    }

    /// How much there is of what.
    pub fn summary(&self) -> VolumeSummary {
        let mut summary = VolumeSummary {
            cluster_size: self.geometry.cluster.0,
            clusters: self.geometry.clusters(),
            used_clusters: self.used_clusters,
            mft_records: self.mft_records,
            descriptors: self.secure.len() as u64,
            ..VolumeSummary::default()
        };
        for (_, file) in self.tree.files() {
            match file.content() {
                None => summary.directories += 1,
                Some(content) => {
                    summary.files += 1;
                    summary.names += u64::from(file.names());
                    summary.stream_bytes += content.len();
                }
            }
            summary.named_streams += file.metadata.streams.len() as u64;
            summary.stream_bytes += file.metadata.streams.iter().map(|s| s.content.len()).sum::<u64>();
            summary.reparse_points += u64::from(file.metadata.reparse.is_some());
        }
        summary
    }

    pub(crate) fn backup_boot_offset(&self) -> u64 {
        (self.geometry.sectors() - 1) * u64::from(self.geometry.sector)
    }

    /// The byte range of the clusters of the one slot that `is` it.
    pub(crate) fn slot_range(&self, is: impl Fn(&Slot<'_>) -> bool) -> Range<u64> {
        let slot = self.slots.iter().find(|slot| is(slot)).expect("every volume has its system files");
        match slot.storage {
            Storage::Run { lcn, clusters } => {
                let start = self.geometry.cluster.offset(lcn);
                start..start + clusters * self.geometry.cluster.bytes()
            }
            Storage::Resident | Storage::Hole { .. } => 0..0,
        }
    }

    /// Everything but places: files, their attributes and what of them needs clusters. Sets
    /// `used_clusters` to what doesn't depend on the volume's size.
    fn describe(tree: &'t Tree, options: &VolumeOptions) -> Result<Self, LayoutError> {
        let units = options.label.units().len();
        if units > MAX_LABEL {
            return Err(LayoutError::LabelTooLong { label: options.label.clone(), units });
        }
        let root = tree.file(Tree::ROOT).directory().into_iter().flatten();
        if let Some((name, _)) = root.into_iter().find(|(name, _)| SystemFile::owns_root_name(name)) {
            return Err(LayoutError::ReservedName(name.clone()));
        }
        let mut volume = Self {
            tree,
            geometry: Geometry::new(options)?,
            label: options.label.clone(),
            time: options.time,
            boot_code: options.boot_code,
            secure: Secure::of(tree)?,
            links: Links::of(tree)?,
            files: Vec::new(),
            entry_of: vec![0; tree.file_count()],
            slots: Vec::new(),
            bytes: Vec::new(),
            indexes: Vec::new(),
            mft_records: 0,
            used_clusters: 0,
            placements: Vec::new(),
            losses: Vec::new(),
        };
        volume.check_object_ids()?;
        volume.describe_files()?;
        volume.size_system_files();
        volume.used_clusters = volume.slots.iter().filter(|s| !depends_on_size(s)).map(run_clusters).sum();
        Ok(volume)
    }

    fn describe_files(&mut self) -> Result<(), LayoutError> {
        self.list_files()?;
        let mut record = FIRST_FREE_RECORD;
        for at in 0..self.files.len() {
            self.describe_file(at)?;
            let file = &mut self.files[at];
            if matches!(file.owner, Owner::User(id) if id != Tree::ROOT) {
                file.reference = FileRef { record, sequence: 1 };
                record = record.checked_add(1).ok_or(LayoutError::TooManyFiles)?;
            }
            file.first_extension = record;
            record = record.checked_add(file.extensions).ok_or(LayoutError::TooManyFiles)?;
        }
        self.mft_records = u64::from(record).next_multiple_of(MFT_STEP);
        Ok(())
    }

    /// Lists all files in the order of their records: those of the system, with the root among
    /// them, then the tree's. Where the records of the latter are is not yet known.
    fn list_files(&mut self) -> Result<(), LayoutError> {
        let before_root = SystemFile::ALL.into_iter().filter(|&f| (f as u32) < ROOT_REF.record);
        let after_root = SystemFile::ALL.into_iter().filter(|&f| (f as u32) > ROOT_REF.record);
        let others = self.tree.files().map(|(id, _)| id).filter(|&id| id != Tree::ROOT);
        let owners = before_root
            .map(Owner::System)
            .chain([Owner::User(Tree::ROOT)])
            .chain(after_root.map(Owner::System))
            .chain(others.map(Owner::User));
        for owner in owners {
            let reference = match owner {
                Owner::System(file) => file.reference(),
                Owner::User(_) => ROOT_REF,
            };
            if let Owner::User(id) = owner {
                self.entry_of[id.index()] = u32::try_from(self.files.len()).map_err(|_| LayoutError::TooManyFiles)?;
            }
            self.files.push(FileEntry {
                reference,
                owner,
                slots: 0..0,
                indexes: 0..0,
                extensions: 0,
                first_extension: 0,
            });
        }
        Ok(())
    }

    /// Makes the slots and indexes of a file and settles what of them is resident.
    fn describe_file(&mut self, at: usize) -> Result<(), LayoutError> {
        let slots = self.slots.len();
        match self.files[at].owner {
            Owner::User(id) => self.add_streams(id)?,
            Owner::System(file) => self.add_system_slots(file)?,
        }
        self.files[at].slots = number(slots)?..number(self.slots.len())?;
        self.add_indexes(at)?;
        self.settle(at)
    }

    /// The slots of a file.
    pub(crate) fn slots_of(&self, at: usize) -> &[Slot<'t>] {
        let Range { start, end } = self.files[at].slots;
        &self.slots[start as usize..end as usize]
    }

    fn add_streams(&mut self, id: FileId) -> Result<(), LayoutError> {
        let file = self.tree.file(id);
        self.check_file(id, file)?;
        if let Some(content) = file.content() {
            let form = flags::form(file, self.geometry.cluster);
            let mut slot = Slot::stream(&[], content);
            slot.form = form;
            self.slots.push(slot);
        }
        let mut streams: Vec<_> = file.metadata.streams.iter().collect();
        streams.sort_by(|a, b| a.name.cmp_ignore_case(&b.name).then_with(|| a.name.cmp(&b.name)));
        for stream in streams {
            self.slots.push(Slot::stream(stream.name.units(), &stream.content));
        }
        if let Some(reparse) = &file.metadata.reparse {
            self.slots.push(Slot::reparse(reparse));
        }
        let extended = &file.metadata.extended_attributes;
        if !extended.is_empty() {
            self.add_bytes(AttributeType::Ea, &[], ea::list(extended))?;
        }
        Ok(())
    }

    /// Shapes the indexes of a file and makes the slots of their blocks.
    fn add_indexes(&mut self, at: usize) -> Result<(), LayoutError> {
        let contents = self.files[at].owner.indexes(self.tree);
        let first = self.indexes.len();
        if contents.is_empty() {
            return Ok(());
        }
        let taken: usize = self.attribute_shapes(at, Slot::least_size).iter().map(|s| s.bytes).sum();
        let share = self.geometry.attributes_room().saturating_sub(taken) / contents.len();
        for content in contents {
            let sizes = self.index_sizes(content);
            let name = content.name();
            let header = resident_size(name.len(), 0) + ROOT_HEADERS;
            let small = share.saturating_sub(header);
            let large = small.saturating_sub(2 * non_resident_size(name.len(), StreamForm::PLAIN));
            let shape = IndexShape::new(&sizes, small, large);
            let blocks = u64::from(shape.blocks());
            if blocks > 0 {
                let payload = Payload::IndexBlocks(number(self.indexes.len())?);
                let bytes = blocks * crate::format::INDEX_BLOCK as u64;
                self.slots.push(Slot::new(AttributeType::IndexAllocation, name, payload, bytes));
                self.add_bytes(AttributeType::Bitmap, name, crate::write::bitmap_of_ones(blocks))?;
            }
            self.indexes.push(Index { content, shape });
        }
        self.files[at].slots.end = number(self.slots.len())?;
        self.files[at].indexes = number(first)?..number(self.indexes.len())?;
        Ok(())
    }

    /// Decides for each slot of a file whether it is resident, and how many records the file needs.
    fn settle(&mut self, at: usize) -> Result<(), LayoutError> {
        let room = self.geometry.attributes_room();
        let cluster = self.geometry.cluster;
        let mut used: usize = self.attribute_shapes(at, Slot::least_size).iter().map(|s| s.bytes).sum();
        let needs_list = used > room;
        for i in self.files[at].slots.clone() {
            let slot = &mut self.slots[i as usize];
            let with_value = used - slot.least_size() + slot.resident_size();
            let smaller = slot.resident_size() <= slot.non_resident_size();
            if slot.must_have_clusters() || if needs_list { !smaller } else { with_value > room } {
                slot.move_to_clusters(cluster);
            } else if !needs_list {
                used = with_value;
            }
        }
        if needs_list { self.add_list(at) } else { Ok(()) }
    }

    /// Gives a file an attribute list and counts its extension records.
    fn add_list(&mut self, at: usize) -> Result<(), LayoutError> {
        let shapes = self.attribute_shapes(at, Slot::stored_size);
        let length = list_size(shapes.iter().map(|shape| shape.name_units));
        if length > MAX_LIST {
            return Err(LayoutError::AttributeListTooLong { path: self.owner_path(at), length, most: MAX_LIST });
        }
        let mut slot = Slot::new(AttributeType::AttributeList, &[], Payload::AttributeList, length as u64);
        if !list_is_resident(length) {
            slot.move_to_clusters(self.geometry.cluster);
        }
        self.slots.push(slot);
        self.files[at].slots.end = number(self.slots.len())?;
        let shapes = self.attribute_shapes(at, Slot::stored_size);
        let records = pack(&shapes, self.geometry.attributes_room());
        self.files[at].extensions = records.into_iter().max().unwrap_or(0);
        Ok(())
    }

    /// The attributes of a file in their order, each with its size; those of slots as `size` says.
    pub(crate) fn attribute_shapes(&self, at: usize, size: impl Fn(&Slot<'t>) -> usize) -> Vec<Shape> {
        let shape = |attribute: &Attribute<'_>| Shape {
            kind: attribute.kind,
            name_units: attribute.name.len(),
            bytes: match attribute.body {
                Body::Value(value) => resident_size(attribute.name.len(), self.value_size(at, value) as u64),
                Body::IndexRoot(i) => {
                    resident_size(attribute.name.len(), self.indexes[i as usize].shape.root_size() as u64)
                }
                Body::Slot(i) => size(&self.slots[i as usize]),
            },
        };
        self.attributes(at).iter().map(shape).collect()
    }

    /// Sets the sizes of system files that are known only when all files are described.
    fn size_system_files(&mut self) {
        let record = self.geometry.record as u64;
        let mft = (self.mft_records * record).next_multiple_of(self.geometry.cluster.bytes());
        self.mft_records = mft / record;
        for slot in &mut self.slots {
            slot.size = match slot.payload {
                Payload::Mft => mft,
                Payload::MftBitmap => self.mft_records.div_ceil(64) * 8,
                _ => continue,
            };
            slot.move_to_clusters(self.geometry.cluster);
        }
    }

    fn size_dependent_clusters(&self) -> u64 {
        self.slots.iter().filter(|slot| depends_on_size(slot)).map(run_clusters).sum()
    }

    /// The fewest bytes of a volume with `fixed` clusters in use besides bitmap and journal.
    fn least_size(&self, fixed: u64) -> Result<u64, LayoutError> {
        let cluster = self.geometry.cluster;
        let too_many = LayoutError::TooManyFiles;
        let mut size = 0;
        for _ in 0..SIZE_ROUNDS {
            let geometry = Geometry { size, ..self.geometry };
            let rest = cluster.clusters_for(geometry.log_bytes()) + cluster.clusters_for(geometry.bitmap_bytes());
            // One more for the copy of the boot sector.
            let clusters =
                fixed.checked_add(rest + 1).filter(|&c| c <= u64::from(u32::MAX)).ok_or(too_many.clone())?;
            let next = clusters * cluster.bytes();
            if next == size {
                break;
            }
            size = next.max(size);
        }
        Ok(size)
    }

    /// The slots in the order in which their values lie: by region, and the contents of the tree as their
    /// sources hold them.
    fn source_order(&self) -> Result<Vec<Order>, LayoutError> {
        // Files of this machine by their paths; there are none in most trees.
        let paths: BTreeSet<&Path> = self.slots.iter().filter_map(|slot| host_path(slot)).collect();
        let ranks: BTreeMap<&Path, u32> = paths.into_iter().zip(0..).collect();
        let mut order = Vec::with_capacity(self.slots.len());
        for (at, slot) in self.slots.iter().enumerate() {
            let (class, source, index) = match slot.content().map(|(content, _)| content.source()) {
                None => (0, 0, 0),
                Some(Source::Blob(id)) => (0, id.source.0, id.index),
                Some(Source::HostFile(path)) => (1, 0, ranks.get(&**path).copied().unwrap_or_default()),
                Some(Source::Bytes(_)) => (2, 0, 0),
            };
            order.push(Order::new(slot.region(), (class, source, index), number(at)?));
        }
        // No two are equal, so this is the order of a stable sort.
        order.sort_unstable();
        Ok(order)
    }

    /// Gives every run its clusters, region after region without a gap, and lists the contents that must
    /// be delivered there. One pass does both, because in this order the slots lie all over the memory.
    fn place(&mut self, order: &[Order]) -> Result<(), LayoutError> {
        let count = self.slots.iter().filter(|slot| slot.delivered().is_some()).count();
        self.placements.reserve_exact(count);
        let mut next = 0;
        for at in order {
            let slot = &mut self.slots[at.slot()];
            let mut target = Target::Resident;
            let delivered = slot.delivered();
            if let Storage::Run { lcn, clusters } = &mut slot.storage {
                *lcn = Lcn(next);
                next += *clusters;
                let before = delivered.map_or(0, |(_, before)| before);
                target = Target::Extent { offset: self.geometry.cluster.offset(*lcn) + before };
            }
            if let Some((content, _)) = delivered {
                slot.set_placement(self.placements.len()).map_err(|_| LayoutError::TooManyFiles)?;
                self.placements.push(Placement { content, target });
            }
        }
        self.used_clusters = next;
        Ok(())
    }

    /// One path of a file, for messages.
    pub(crate) fn path(&self, mut id: FileId) -> String {
        let mut names = Vec::new();
        while let Some(link) = self.links.of_file(id).next() {
            names.push(link.name.to_string());
            id = link.parent;
        }
        if names.is_empty() {
            return "\\".into();
        }
        names.iter().rev().fold(String::new(), |path, name| path + "\\" + name)
    }

    fn owner_path(&self, at: usize) -> String {
        match self.files[at].owner {
            Owner::User(id) => self.path(id),
            Owner::System(file) => file.name().map_or_else(String::new, |(name, _)| name.into()),
        }
    }
}

/// Whether a slot's size is settled by the volume's.
fn depends_on_size(slot: &Slot<'_>) -> bool {
    matches!(slot.payload, Payload::LogFile | Payload::ClusterBitmap)
}

fn run_clusters(slot: &Slot<'_>) -> u64 {
    match slot.storage {
        Storage::Run { clusters, .. } => clusters,
        Storage::Resident | Storage::Hole { .. } => 0,
    }
}

/// What decides on the place of a slot's value, the most important first, in one number that is sorted
/// quickly: the region; items of containers, then files of this machine, then bytes in memory; the
/// container; the place in it; last the slot itself, 32 bits like the two before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Order(u128);

impl Order {
    fn new(region: Region, (class, source, index): (u8, u32, u32), slot: u32) -> Self {
        let key = u128::from(region as u8) << 8 | u128::from(class);
        Self(key << 96 | u128::from(source) << 64 | u128::from(index) << 32 | u128::from(slot))
    }

    fn slot(self) -> usize {
        usize::try_from(self.0 & u128::from(u32::MAX)).expect("it was a position")
    }
}

fn host_path<'t>(slot: &Slot<'t>) -> Option<&'t Path> {
    match slot.content()?.0.source() {
        Source::HostFile(path) => Some(path),
        Source::Blob(_) | Source::Bytes(_) => None,
    }
}

/// The number of a slot or an index. One file may have several, so they might be more than files can be.
fn number(position: usize) -> Result<u32, LayoutError> {
    u32::try_from(position).map_err(|_| LayoutError::TooManyFiles)
}
