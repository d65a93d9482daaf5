//! Directories and what they name. FAT specification, `FAT Directory Structure` and `FAT Long
//! Directory Entries`.

use std::collections::HashSet;
use std::io;

use nanovhd_tree::{Name, ReadAt, upcase};

use super::Checker;
use super::names::{bad_long_unit, bad_short_byte};
use crate::fat::directory::{DirectoryBytes, MAX_DEPTH, Named, Slot, max_directory_clusters};
use crate::fat::format::{ATTRIBUTES, DIRECTORY, DOT, DOT_DOT, EXTENDED_SIGNATURE, Entry, LABEL, NO_NAME};
use crate::fat::geometry::Root;
use crate::fat::names::{LongFault, LongNames, label, short_name, short_name_with_case};
use crate::fat::path::Path;
use crate::fat::rule::FatRule;
use crate::fat::tree::first_cluster;

/// The archive bit, which a label may have.
const ARCHIVE: u8 = 0x20;

/// A directory to be checked.
struct Pending {
    /// Its first cluster; `None` for the root directory.
    cluster: Option<u32>,
    /// Where that is said.
    offset: u64,
    /// What its `..` must say.
    parent: u32,
    depth: u32,
    path: Path,
}

/// What a directory has named so far.
#[derive(Default)]
struct Taken {
    short: HashSet<[u8; 11]>,
    /// Long and short names in upper case: they are looked up in one another's place.
    names: HashSet<Vec<u16>>,
}

impl<R: ReadAt> Checker<'_, R> {
    /// Checks every directory and every file.
    pub(super) fn directories(&mut self) -> io::Result<()> {
        let mut label = None;
        let root = Pending { cluster: None, offset: 0x2c, parent: 0, depth: 0, path: Path::default() };
        let mut pending = vec![root];
        while let Some(next) = pending.pop() {
            let bytes = self.bytes(&next)?;
            self.directory(&next, &bytes, &mut label, &mut pending)?;
        }
        self.boot_label(label);
        Ok(())
    }

    /// The entries of a directory, as far as its chain is sound and its length allowed.
    fn bytes(&mut self, this: &Pending) -> io::Result<DirectoryBytes> {
        let cluster = match (this.cluster, self.geometry.root) {
            (None, Root::Fixed { offset, len }) => return DirectoryBytes::fixed(self.volume, offset, len),
            (None, Root::Chain { cluster }) => cluster,
            (Some(cluster), _) => cluster,
        };
        let mut chain = self.chain(cluster, this.offset, &this.path)?;
        let limit = max_directory_clusters(self.geometry);
        if chain.clusters > limit {
            let detail =
                format_args!("the directory {} has {} clusters, at most {limit} can be", this.path, chain.clusters);
            self.findings.add(FatRule::DirectoryLength, this.offset, detail);
            chain.truncate(limit);
        }
        DirectoryBytes::chained(self.volume, self.geometry, &chain)
    }

    fn directory(
        &mut self,
        this: &Pending,
        bytes: &DirectoryBytes,
        label: &mut Option<[u8; 11]>,
        pending: &mut Vec<Pending>,
    ) -> io::Result<()> {
        let (mut names, mut found) = (LongNames::default(), Vec::new());
        bytes.walk(&mut names, |named| found.push(named));
        for (fault, offset) in names.faults {
            self.findings.add(long_name_rule(fault), offset, format_args!("in {}: {fault}", this.path));
        }
        // A directory without a cluster has been told of, and has nothing to look at.
        let dots = match this.cluster {
            Some(cluster) if !bytes.is_empty() => self.dot_entries(this, cluster, bytes),
            _ => 0,
        };
        let mut taken = Taken::default();
        for (number, named) in found.into_iter().enumerate() {
            self.fields(this, &named);
            let Entry { name, attributes, .. } = named.entry;
            if attributes & LABEL != 0 {
                self.label(this, &named, label);
            } else if number >= dots {
                if [DOT, DOT_DOT].contains(&name) {
                    let detail =
                        format_args!("{} has the entry {} where it can't be", this.path, short_name(named.entry));
                    self.findings.add(FatRule::DotEntries, named.offset, detail);
                } else {
                    self.names(this, &named, &mut taken);
                    pending.extend(self.contents(this, &named)?);
                }
            }
        }
        Ok(())
    }

    /// The first two entries of a directory that is not the root. Returns how many entries of the
    /// directory are those.
    fn dot_entries(&mut self, this: &Pending, cluster: u32, bytes: &DirectoryBytes) -> usize {
        let mut slots = bytes.slots();
        let mut count = 0;
        for (number, name, target) in [(0, DOT, cluster), (1, DOT_DOT, this.parent)] {
            let shown = label(name);
            match slots.next() {
                Some(Slot::Entry(entry, offset)) if &entry.name == name && entry.attributes & LABEL == 0 => {
                    // Behind a first entry that is something else, the second is told of with the others.
                    count += usize::from(count == number);
                    self.dot_target(this, entry, offset, target);
                }
                _ => {
                    let offset = self.geometry.cluster_offset(cluster);
                    let detail = format_args!("{} has no entry {shown} in its place", this.path);
                    self.findings.add(FatRule::DotEntries, offset, detail);
                }
            }
        }
        count
    }

    /// Whether one of the two leads where it must: `..` to 0 if that is the root directory, on
    /// FAT32 as well.
    fn dot_target(&mut self, this: &Pending, entry: &Entry, offset: u64, target: u32) {
        let (shown, found, attributes) = (label(&entry.name), first_cluster(self.geometry, entry), entry.attributes);
        if found != target {
            let detail = format_args!("{shown} of {} has cluster {found}, expected {target}", this.path);
            self.findings.add(FatRule::DotEntries, offset, detail);
        }
        if attributes & DIRECTORY == 0 {
            let detail = format_args!("{shown} of {} has attributes {attributes:#04x} of a file", this.path);
            self.findings.add(FatRule::DotEntries, offset, detail);
        }
    }

    /// What all entries have.
    fn fields(&mut self, this: &Pending, named: &Named<'_>) {
        let Named { entry, offset, .. } = *named;
        let both = LABEL | DIRECTORY;
        if entry.attributes & !ATTRIBUTES != 0 || entry.attributes & both == both {
            let name = short_name(entry);
            let detail = format_args!("{} in {} has the attributes {:#04x}", name, this.path, entry.attributes);
            self.findings.add(FatRule::EntryAttributes, offset, detail);
        }
        for stamp in entry.stamps().into_iter().flatten().filter_map(Result::err) {
            let (date, time, name) = (stamp.date, stamp.time, short_name(entry));
            let detail = format_args!("{name} in {} has the date {date:#06x} and the time {time:#06x}", this.path);
            self.findings.add(FatRule::Time, offset, detail);
        }
        if entry.attributes & DIRECTORY != 0 && entry.size.get() != 0 {
            let (name, size) = (short_name(entry), entry.size.get());
            let detail = format_args!("the directory {name} in {} has a size of {size}, expected 0", this.path);
            self.findings.add(FatRule::DirectorySize, offset, detail);
        }
    }

    /// A label, of which the first counts.
    fn label(&mut self, this: &Pending, named: &Named<'_>, first: &mut Option<[u8; 11]>) {
        let Named { entry, offset, .. } = *named;
        let shown = label(&entry.name);
        let fault = if this.cluster.is_some() {
            Some("is not in the root directory")
        } else if first.is_some() {
            Some("is not the only one")
        } else if bad_short_byte(&entry.name).is_some() {
            Some("has a character that no label has")
        } else if entry.attributes & !(LABEL | ARCHIVE) != 0 {
            Some("has attributes of a file")
        } else if entry.size.get() != 0 || first_cluster(self.geometry, entry) != 0 {
            Some("has a size or a cluster")
        } else {
            None
        };
        if let Some(fault) = fault {
            self.findings.add(FatRule::Label, offset, format_args!("the label {shown:?} in {} {fault}", this.path));
        }
        if this.cluster.is_none() {
            first.get_or_insert(entry.name);
        }
    }

    /// The boot sector has the label of the root directory, or says that it has none, as Windows does.
    fn boot_label(&mut self, root: Option<[u8; 11]>) {
        let extended = self.boot.extended();
        let said = &extended.label;
        let has_none = said == NO_NAME || said.iter().all(|&byte| byte == b' ' || byte == 0);
        if extended.signature == EXTENDED_SIGNATURE && !has_none && root.as_ref() != Some(said) {
            let (said, root) = (label(said), root.map(|name| label(&name)));
            let detail = format_args!("the boot sector has the label {said:?}, the root directory {root:?}");
            self.findings.add(FatRule::Label, if self.boot.is_fat32() { 0x47 } else { 0x2b }, detail);
        }
    }

    /// Characters of the names, and whether others have them.
    fn names(&mut self, this: &Pending, named: &Named<'_>, taken: &mut Taken) {
        let (entry, offset, path) = (named.entry, named.offset, &this.path);
        let short = short_name(entry);
        if let Some(byte) = bad_short_byte(&entry.name) {
            let detail = format_args!("the short name {short:?} in {path} has the byte {byte:#04x}");
            self.findings.add(FatRule::ShortNameCharacter, offset, detail);
        }
        if let Some((long, unit)) = named.long.as_ref().and_then(|long| Some((long, bad_long_unit(long)?))) {
            let detail = format_args!("the long name {long:?} in {path} has the unit {unit:#06x}");
            self.findings.add(FatRule::LongNameCharacter, offset, detail);
        }
        let is_new = taken.short.insert(entry.name);
        if !is_new {
            let detail = format_args!("the short name {short:?} is twice in {path}");
            self.findings.add(FatRule::DuplicateShort, offset, detail);
        }
        // The short name may be the long one in other case.
        let long = named.long.as_ref().map(folded);
        let short = Some(folded(&short)).filter(|short| is_new && Some(short) != long.as_ref());
        for name in long.into_iter().chain(short) {
            if !taken.names.insert(name) {
                let name = named.long.clone().unwrap_or_else(|| short_name(entry));
                let detail = format_args!("{path} has another name like that of {name:?}");
                self.findings.add(FatRule::Duplicate, offset, detail);
            }
        }
    }

    /// The clusters of a file; a directory is returned to be checked.
    fn contents(&mut self, this: &Pending, named: &Named<'_>) -> io::Result<Option<Pending>> {
        let (entry, offset) = (named.entry, named.offset);
        let name = named.long.clone().unwrap_or_else(|| short_name_with_case(entry));
        let depth = this.depth + 1;
        // Deeper paths are cut, so that no chain of them gets long.
        let path = if depth > MAX_DEPTH { this.path.clone() } else { this.path.join(&name) };
        let first = first_cluster(self.geometry, entry);
        if entry.attributes & DIRECTORY == 0 {
            self.file(entry, first, offset, &path)?;
            return Ok(None);
        }
        if depth == MAX_DEPTH + 1 {
            let detail = format_args!("the directory {name:?} in {path} is {depth} directories deep");
            self.findings.add(FatRule::DirectoryDepth, offset, detail);
        }
        Ok(Some(Pending { cluster: Some(first), offset, parent: this.cluster.unwrap_or(0), depth, path }))
    }

    fn file(&mut self, entry: &Entry, first: u32, offset: u64, path: &Path) -> io::Result<()> {
        let size = entry.size.get();
        let needed = size.div_ceil(self.geometry.cluster_size);
        let chain = if first == 0 { Default::default() } else { self.chain(first, offset, path)? };
        let found = chain.clusters;
        // A chain that is broken has been told of.
        if found < needed && chain.fault.is_none() {
            let detail = format_args!("{path} has {size} bytes in {found} clusters, expected {needed} clusters");
            self.findings.add(FatRule::FileTooLong, offset, detail);
        } else if found > needed {
            let detail = format_args!("{path} has {size} bytes in {found} clusters, expected {needed} clusters");
            self.findings.add(FatRule::ChainTooLong, offset, detail);
        }
        Ok(())
    }
}

fn folded(name: &Name) -> Vec<u16> {
    name.units().iter().map(|&unit| upcase(unit)).collect()
}

fn long_name_rule(fault: LongFault) -> FatRule {
    match fault {
        LongFault::Orphan => FatRule::LongNameOrphan,
        LongFault::Order { .. } | LongFault::Missing(_) | LongFault::First(_) => FatRule::LongNameOrder,
        LongFault::Checksum { .. } => FatRule::LongNameChecksum,
        LongFault::Fields { .. } | LongFault::Padding | LongFault::Empty | LongFault::TooLong(_) => {
            FatRule::LongNameForm
        }
    }
}
