//! Sketches of NTFS volumes, with just what boot code reads, in every shape that the format allows:
//! whatever can be cut into pieces or moved to another record is. They are written from the format
//! alone, so that writer and reader don't share a mistake.

mod index;
mod records;

use std::collections::BTreeMap;

use index::{Index, Item, key, node};
use records::{file_record, non_resident, put, reference, resident, units};

/// Bytes of a sector, and what update sequences protect.
pub(crate) const SECTOR: usize = 512;
/// The root directory's record.
const ROOT: u64 = 5;
/// Records for the pieces of `$MFT` begin here, and for those of the root.
const MFT_EXTENSIONS: u64 = 12;
const ROOT_EXTENSIONS: u64 = 40;
/// Records that lie in one piece at the start of `$MFT`, as they do on every volume.
const FIRST_RECORDS: usize = 64;

pub(crate) const DATA: u32 = 0x80;
const LIST: u32 = 0x20;
const INDEX_ROOT: u32 = 0x90;
const INDEX_ALLOCATION: u32 = 0xa0;
pub(crate) const REPARSE: u32 = 0xc0;

pub(crate) const COMPRESSED: u16 = 0x0001;
pub(crate) const ENCRYPTED: u16 = 0x4000;
pub(crate) const SPARSE: u16 = 0x8000;

/// How something that has clusters is laid out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    /// Runs.
    pub(crate) pieces: usize,
    /// Extension records that the runs are in; with none there is no attribute list.
    pub(crate) extensions: usize,
    /// Whether the attribute list has clusters of its own.
    pub(crate) list_in_clusters: bool,
    /// Whether each record has two parts of the runs, as two attributes that only their numbers tell apart.
    pub(crate) twice: bool,
}

impl Cut {
    pub(crate) const WHOLE: Self = Self { pieces: 1, extensions: 0, list_in_clusters: false, twice: false };

    pub(crate) fn pieces(pieces: usize) -> Self {
        Self { pieces, ..Self::WHOLE }
    }

    pub(crate) fn listed(pieces: usize, extensions: usize) -> Self {
        Self { pieces, extensions, ..Self::WHOLE }
    }

    pub(crate) fn list_in_clusters(pieces: usize, extensions: usize) -> Self {
        Self { list_in_clusters: true, ..Self::listed(pieces, extensions) }
    }
}

/// What the volume is to be like.
#[derive(Debug, Clone)]
pub(crate) struct Sketch {
    pub(crate) cluster: usize,
    pub(crate) record: usize,
    pub(crate) block: usize,
    pub(crate) mft: Cut,
    pub(crate) root: Cut,
    pub(crate) file: Cut,
    /// Other files in the root.
    pub(crate) others: usize,
    pub(crate) name: &'static str,
    pub(crate) content: Vec<u8>,
    /// Whether the content is in the record.
    pub(crate) resident: bool,
    /// Bytes of the content that are not to be read as zeros; the clusters have others.
    pub(crate) initialized: Option<usize>,
    /// Flags of the data.
    pub(crate) flags: u16,
    /// Flags of the record: in use, directory.
    pub(crate) record_flags: u16,
    /// Whether the file has a reparse point.
    pub(crate) reparse: bool,
    /// Records of `$MFT`; the last is the file's.
    pub(crate) records: usize,
    /// How many clusters later all are than they are drawn.
    pub(crate) far: u64,
}

impl Sketch {
    pub(crate) fn new(content: &[u8]) -> Self {
        Self {
            cluster: 4096,
            record: 1024,
            block: 4096,
            mft: Cut::WHOLE,
            root: Cut::WHOLE,
            file: Cut::WHOLE,
            others: 40,
            name: "bootmgr",
            content: content.to_vec(),
            resident: false,
            initialized: None,
            flags: 0,
            record_flags: 1,
            reparse: false,
            records: 256,
            far: 0,
        }
    }

    /// The volume's bytes.
    pub(crate) fn draw(&self) -> Vec<u8> {
        Drawing::new(self).finish()
    }

    /// Where in the volume a record is, for a test that damages it.
    pub(crate) fn record_at(&self, number: u64) -> usize {
        assert!((number as usize) < FIRST_RECORDS);
        self.mft_cluster() * self.cluster + number as usize * self.record
    }

    /// The record of the file.
    pub(crate) fn file_record(&self) -> u64 {
        self.records as u64 - 1
    }

    /// `$MFT` begins behind `$Boot`.
    fn mft_cluster(&self) -> usize {
        (16 * SECTOR).div_ceil(self.cluster)
    }
}

/// Clusters: the first and how many.
type Run = (u64, u64);

/// An attribute's content in clusters.
struct Clusters {
    runs: Vec<Run>,
    size: u64,
    initialized: u64,
    flags: u16,
}

/// An attribute, with its number in its record.
struct Attribute {
    kind: u32,
    name: &'static str,
    instance: u16,
    bytes: Vec<u8>,
    lowest: u64,
}

/// A file's attributes by the record that they are in.
#[derive(Default)]
struct Parts(BTreeMap<u64, Vec<Attribute>>);

impl Parts {
    fn put(&mut self, record: u64, kind: u32, name: &'static str, lowest: u64, bytes: Vec<u8>) {
        let part = self.0.entry(record).or_default();
        // Numbers are not in the order of attributes on volumes that were used.
        let instance = 100 - part.len() as u16;
        part.push(Attribute { kind, name, instance, bytes, lowest });
    }

    /// The attribute list.
    fn list(&self) -> Vec<u8> {
        let all = self.0.iter().flat_map(|(record, part)| part.iter().map(move |attribute| (*record, attribute)));
        let mut all: Vec<_> = all.collect();
        all.sort_by_key(|(_, a)| (a.kind, a.name, a.lowest));
        let mut bytes = Vec::new();
        for (record, attribute) in all {
            let name = units(attribute.name);
            let mut entry = vec![0; 0x1a];
            put(&mut entry, 0, attribute.kind, 4);
            put(&mut entry, 4, (0x1a + name.len()).next_multiple_of(8) as u64, 2);
            entry[6] = (name.len() / 2) as u8;
            entry[7] = 0x1a;
            put(&mut entry, 8, attribute.lowest, 8);
            put(&mut entry, 0x10, reference(record), 8);
            put(&mut entry, 0x18, attribute.instance, 2);
            entry.extend(name);
            entry.resize(entry.len().next_multiple_of(8), 0);
            bytes.extend(entry);
        }
        bytes
    }
}

/// A file before it is divided among records.
struct File {
    number: u64,
    flags: u16,
    /// Resident attributes: type, name, value. They are in the first extension if there is one.
    values: Vec<(u32, &'static str, Vec<u8>)>,
    /// An attribute in clusters; of its runs each extension has a part.
    stream: Option<(u32, &'static str, Clusters)>,
    cut: Cut,
    first_extension: u64,
    /// Whether the base record has a part of the runs too.
    first_in_base: bool,
}

struct Drawing<'s> {
    sketch: &'s Sketch,
    /// The first cluster that nothing is in.
    free: u64,
    volume: Vec<u8>,
    records: BTreeMap<u64, Vec<u8>>,
}

impl<'s> Drawing<'s> {
    fn new(sketch: &'s Sketch) -> Self {
        Self { sketch, free: sketch.mft_cluster() as u64, volume: Vec::new(), records: BTreeMap::new() }
    }

    fn finish(mut self) -> Vec<u8> {
        let mft_size = self.sketch.records * self.sketch.record;
        let first = (FIRST_RECORDS * self.sketch.record).div_ceil(self.sketch.cluster);
        let all = mft_size.div_ceil(self.sketch.cluster);
        let mut runs = vec![(self.free, first.min(all) as u64)];
        self.free += first as u64;
        if all > first {
            runs.extend(self.scatter(all - first, self.sketch.mft.pieces));
        }
        let mft = Clusters { runs: runs.clone(), size: mft_size as u64, initialized: mft_size as u64, flags: 0 };
        self.describe(File {
            number: 0,
            flags: 1,
            values: Vec::new(),
            stream: Some((DATA, "", mft)),
            cut: self.sketch.mft,
            first_extension: MFT_EXTENSIONS,
            first_in_base: true,
        });
        self.draw_root();
        self.draw_file();

        let mut mft = vec![0; mft_size];
        for (number, record) in std::mem::take(&mut self.records) {
            mft[number as usize * record.len()..][..record.len()].copy_from_slice(&record);
        }
        self.write(&runs, &mft);
        self.draw_boot_sector();
        self.volume
    }

    /// Clusters in so many pieces that lie backwards with gaps between them.
    fn scatter(&mut self, clusters: usize, pieces: usize) -> Vec<Run> {
        let pieces = pieces.min(clusters);
        let mut runs = Vec::new();
        let mut end = self.free + (clusters + pieces) as u64;
        self.free = end;
        for i in 0..pieces {
            let len = ((i + 1) * clusters / pieces - i * clusters / pieces) as u64;
            end -= len + 1;
            runs.push((end + u64::from(pieces > 1), len));
        }
        runs
    }

    fn write(&mut self, runs: &[Run], mut bytes: &[u8]) {
        for &(first, clusters) in runs {
            let at = first as usize * self.sketch.cluster;
            let end = at + clusters as usize * self.sketch.cluster;
            if self.volume.len() < end {
                self.volume.resize(end, 0);
            }
            let (now, later) = bytes.split_at(bytes.len().min(end - at));
            self.volume[at..][..now.len()].copy_from_slice(now);
            bytes = later;
        }
        assert!(bytes.is_empty(), "the clusters don't hold it all");
    }

    /// Writes bytes to clusters of their own.
    fn place(&mut self, bytes: &[u8], pieces: usize) -> Vec<Run> {
        let runs = self.scatter(bytes.len().div_ceil(self.sketch.cluster), pieces);
        self.write(&runs, bytes);
        runs
    }

    /// Makes the records of a file.
    fn describe(&mut self, file: File) {
        let mut parts = Parts::default();
        parts.put(file.number, 0x10, "", 0, resident(0x10, "", &[0; 0x48]));
        let extensions = file.first_extension..file.first_extension + file.cut.extensions as u64;
        let first = if extensions.is_empty() { file.number } else { extensions.start };
        for (kind, name, value) in file.values {
            parts.put(first, kind, name, 0, resident(kind, name, &value));
        }
        if let Some((kind, name, clusters)) = file.stream {
            let in_base = extensions.is_empty() || file.first_in_base;
            let homes = in_base.then_some(file.number).into_iter().chain(extensions);
            let times = if file.cut.twice { 2 } else { 1 };
            let homes: Vec<u64> = homes.flat_map(|home| std::iter::repeat_n(home, times)).collect();
            let share = clusters.runs.len().div_ceil(homes.len());
            let mut lowest = 0;
            for (home, runs) in homes.into_iter().zip(clusters.runs.chunks(share)) {
                let bytes = non_resident(kind, name, lowest, &later(runs, self.sketch.far), &clusters);
                parts.put(home, kind, name, lowest, bytes);
                lowest += runs.iter().map(|run| run.1).sum::<u64>();
            }
        }
        if file.cut.extensions > 0 {
            let bytes = self.list(&parts.list(), file.cut.list_in_clusters);
            parts.put(file.number, LIST, "", 0, bytes);
        }
        for (record, mut attributes) in parts.0 {
            attributes.sort_by_key(|attribute| (attribute.kind, attribute.name));
            let (flags, base) = if record == file.number { (file.flags, 0) } else { (1, reference(file.number)) };
            let bytes = file_record(self.sketch.record, record, flags, base, &attributes);
            assert!(self.records.insert(record, bytes).is_none(), "record {record} is taken");
        }
    }

    /// The attribute of an attribute list.
    fn list(&mut self, list: &[u8], in_clusters: bool) -> Vec<u8> {
        if !in_clusters {
            return resident(LIST, "", list);
        }
        let size = list.len() as u64;
        let runs = later(&self.place(list, 3), self.sketch.far);
        non_resident(LIST, "", 0, &runs, &Clusters { runs: Vec::new(), size, initialized: size, flags: 0 })
    }

    fn draw_file(&mut self) {
        let sketch = self.sketch;
        let number = sketch.file_record();
        let reparse = sketch.reparse.then(|| (REPARSE, "", vec![0x17, 0, 0, 0x80, 0, 0, 0, 0]));
        let mut values: Vec<_> = reparse.into_iter().collect();
        let mut stream = None;
        if sketch.resident {
            values.push((DATA, "", sketch.content.clone()));
        } else {
            let initialized = sketch.initialized.unwrap_or(sketch.content.len());
            let mut stored = sketch.content.clone();
            stored[initialized..].fill(0xd1);
            let runs = self.place(&stored, sketch.file.pieces);
            let size = stored.len() as u64;
            let clusters = Clusters { runs, size, initialized: initialized as u64, flags: sketch.flags };
            stream = Some((DATA, "", clusters));
            // Another stream, which must not be taken for the data.
            values.push((DATA, "other", b"not this one".to_vec()));
        }
        self.describe(File {
            number,
            flags: sketch.record_flags,
            values,
            stream,
            cut: sketch.file,
            first_extension: number - sketch.file.extensions as u64,
            first_in_base: false,
        });
    }

    fn draw_root(&mut self) {
        let mut names: Vec<(String, u64)> = (0..self.sketch.others)
            .map(|i| (format!("{} other file {i:06}", ["a", "Z", "bootm", "bootmgr"][i % 4]), 6))
            .collect();
        names.push((self.sketch.name.into(), self.sketch.file_record()));
        names.sort_by_key(|(name, _)| name.encode_utf16().map(nanovhd_tree::upcase).collect::<Vec<_>>());
        let items = names.iter().map(|(name, record)| Item { key: key(name, *record), child: None }).collect();
        let tree = Index::build(items, self.sketch.block, self.sketch.cluster, 300);

        let mut value = Vec::new();
        value.extend(0x30u32.to_le_bytes());
        value.extend(1u32.to_le_bytes());
        value.extend((self.sketch.block as u32).to_le_bytes());
        value.extend([1, 0, 0, 0]);
        value.extend(node(&tree.root, tree.root_end, 0x10));
        let mut stream = None;
        if !tree.blocks.is_empty() {
            let bytes = tree.blocks.concat();
            let runs = self.place(&bytes, self.sketch.root.pieces);
            let size = bytes.len() as u64;
            stream = Some((INDEX_ALLOCATION, "$I30", Clusters { runs, size, initialized: size, flags: 0 }));
        }
        self.describe(File {
            number: ROOT,
            flags: 3,
            values: vec![(INDEX_ROOT, "$I30", value)],
            stream,
            cut: self.sketch.root,
            first_extension: ROOT_EXTENSIONS,
            first_in_base: false,
        });
    }

    fn draw_boot_sector(&mut self) {
        let cluster = self.sketch.cluster;
        self.volume.resize((self.free as usize + 1) * cluster + SECTOR, 0);
        let sectors = self.volume.len() / SECTOR - 1;
        let per_cluster = cluster / SECTOR;
        let code = |bytes: usize| match bytes / cluster {
            0 => bytes.trailing_zeros().wrapping_neg() as u8,
            clusters => clusters as u8,
        };
        let boot = &mut self.volume[..SECTOR];
        boot[3..11].copy_from_slice(b"NTFS    ");
        boot[0x0b..0x0d].copy_from_slice(&(SECTOR as u16).to_le_bytes());
        boot[0x0d] =
            if per_cluster > 128 { per_cluster.trailing_zeros().wrapping_neg() as u8 } else { per_cluster as u8 };
        boot[0x15] = 0xf8;
        boot[0x24] = 0x80;
        boot[0x28..0x30].copy_from_slice(&(sectors as u64).to_le_bytes());
        boot[0x30..0x38].copy_from_slice(&(self.sketch.mft_cluster() as u64 + self.sketch.far).to_le_bytes());
        boot[0x40] = code(self.sketch.record);
        boot[0x44] = code(self.sketch.block);
        boot[0x48..0x50].copy_from_slice(&0x1122_3344_5566_7788_u64.to_le_bytes());
        boot[510..].copy_from_slice(&[0x55, 0xaa]);
    }
}

fn later(runs: &[Run], far: u64) -> Vec<Run> {
    runs.iter().map(|&(first, len)| (first + far, len)).collect()
}
