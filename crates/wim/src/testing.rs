//! Builds WIM files in memory for the tests: correct ones, and parts that a test can then damage.
//!
//! Nothing is compressed, but resources can be stored as a chunk table with chunks that did not get
//! shorter, which is what a compressed file does with incompressible content. So can solid ones.

use std::ops::Range;

use sha1::{Digest, Sha1};

pub(crate) type Sha1Digest = [u8; 20];

/// Flags of resources: metadata, compressed, and solid.
const METADATA: u8 = 2;
const COMPRESSED: u8 = 4;
const SOLID: u8 = 16;
/// Flags of the header: compressed with LZX.
const LZX: u32 = 0x0004_0002;
const VERSION: u32 = 0x1_0d00;
const VERSION_SOLID: u32 = 0xe00;

pub(crate) fn sha1(bytes: &[u8]) -> Sha1Digest {
    Sha1::digest(bytes).into()
}

/// The same pseudo-random bytes for the same seed.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut random = Random(seed);
    let mut bytes: Vec<u8> = (0..len.div_ceil(8)).flat_map(|_| random.next().to_le_bytes()).collect();
    bytes.truncate(len);
    bytes
}

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }
}

/// A resource header: lengths, place and flags.
fn resource(stored_len: u64, flags: u8, offset: u64, len: u64) -> [u8; 24] {
    let mut bytes = [0; 24];
    bytes[..7].copy_from_slice(&stored_len.to_le_bytes()[..7]);
    bytes[7] = flags;
    bytes[8..16].copy_from_slice(&offset.to_le_bytes());
    bytes[16..].copy_from_slice(&len.to_le_bytes());
    bytes
}

/// An entry of a blob table.
#[derive(Clone, Copy)]
pub(crate) struct BlobEntry {
    pub(crate) sha1: Sha1Digest,
    pub(crate) offset: u64,
    pub(crate) stored_len: u64,
    pub(crate) len: u64,
    pub(crate) flags: u8,
    pub(crate) part: u16,
    pub(crate) references: u32,
}

/// An uncompressed blob whose digest is `digest` twenty times.
pub(crate) fn blob_entry(digest: u8, offset: u64, len: u64) -> BlobEntry {
    BlobEntry { sha1: [digest; 20], offset, stored_len: len, len, flags: 0, part: 1, references: 1 }
}

impl BlobEntry {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = resource(self.stored_len, self.flags, self.offset, self.len).to_vec();
        bytes.extend(self.part.to_le_bytes());
        bytes.extend(self.references.to_le_bytes());
        bytes.extend(self.sha1);
        bytes
    }
}

/// A header that points to nothing.
pub(crate) fn header_of(version: u32, images: u32) -> [u8; 208] {
    let mut header = [0; 208];
    header[..8].copy_from_slice(b"MSWIM\0\0\0");
    header[0x08..0x0c].copy_from_slice(&208u32.to_le_bytes());
    header[0x0c..0x10].copy_from_slice(&version.to_le_bytes());
    header[0x28..0x2c].copy_from_slice(&[1, 0, 1, 0]);
    header[0x2c..0x30].copy_from_slice(&images.to_le_bytes());
    header
}

/// A file or directory of an image.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) parent: usize,
    pub(crate) name: Vec<u16>,
    pub(crate) short_name: Vec<u16>,
    pub(crate) attributes: u32,
    pub(crate) security_id: u32,
    /// Creation, access, write.
    pub(crate) times: [u64; 3],
    pub(crate) sha1: Sha1Digest,
    /// The hard link group, or reparse tag, reserved word and flags.
    pub(crate) group: u64,
    pub(crate) streams: Vec<(Vec<u16>, Sha1Digest)>,
    pub(crate) items: Vec<u8>,
}

pub(crate) const DIRECTORY: u32 = 0x10;
pub(crate) const ARCHIVE: u32 = 0x20;
pub(crate) const REPARSE: u32 = 0x400;

impl Node {
    pub(crate) fn directory(parent: usize, name: &str) -> Self {
        Self {
            parent,
            name: name.encode_utf16().collect(),
            short_name: Vec::new(),
            attributes: DIRECTORY,
            security_id: u32::MAX,
            times: [1, 2, 3],
            sha1: [0; 20],
            group: 0,
            streams: Vec::new(),
            items: Vec::new(),
        }
    }

    pub(crate) fn file(parent: usize, name: &str, content: &[u8]) -> Self {
        let sha1 = if content.is_empty() { [0; 20] } else { sha1(content) };
        Self { attributes: ARCHIVE, sha1, ..Self::directory(parent, name) }
    }

    pub(crate) fn stream(mut self, name: &str, content: &[u8]) -> Self {
        self.streams.push((name.encode_utf16().collect(), if content.is_empty() { [0; 20] } else { sha1(content) }));
        self
    }

    pub(crate) fn item(mut self, tag: u32, bytes: &[u8]) -> Self {
        self.items.extend(tag.to_le_bytes());
        self.items.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
        self.items.extend(bytes);
        pad(&mut self.items);
        self
    }

    /// The entry, without its stream entries in the length but followed by them.
    fn bytes(&self, subdir_offset: u64) -> Vec<u8> {
        let mut bytes = vec![0; 8];
        bytes.extend(self.attributes.to_le_bytes());
        bytes.extend(self.security_id.to_le_bytes());
        bytes.extend(subdir_offset.to_le_bytes());
        bytes.extend([0; 16]);
        self.times.iter().for_each(|time| bytes.extend(time.to_le_bytes()));
        bytes.extend(self.sha1);
        bytes.extend([0; 4]);
        bytes.extend(self.group.to_le_bytes());
        bytes.extend(u16::try_from(self.streams.len()).unwrap().to_le_bytes());
        bytes.extend(name_len(&self.short_name).to_le_bytes());
        bytes.extend(name_len(&self.name).to_le_bytes());
        for name in [&self.name, &self.short_name] {
            if !name.is_empty() {
                bytes.extend(name.iter().chain([&0]).flat_map(|unit| unit.to_le_bytes()));
            }
        }
        pad(&mut bytes);
        bytes.extend(&self.items);
        let length = bytes.len() as u64;
        bytes[..8].copy_from_slice(&length.to_le_bytes());
        for (name, sha1) in &self.streams {
            let mut entry = vec![0; 16];
            entry.extend(sha1);
            entry.extend(name_len(name).to_le_bytes());
            entry.extend(name.iter().chain([&0]).flat_map(|unit| unit.to_le_bytes()));
            pad(&mut entry);
            let length = entry.len() as u64;
            entry[..8].copy_from_slice(&length.to_le_bytes());
            bytes.extend(entry);
        }
        bytes
    }
}

fn name_len(name: &[u16]) -> u16 {
    u16::try_from(name.len() * 2).unwrap()
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(8), 0);
}

/// An image: node 0 is the root.
#[derive(Clone)]
pub(crate) struct Image {
    pub(crate) descriptors: Vec<Vec<u8>>,
    pub(crate) nodes: Vec<Node>,
}

/// The metadata of an image, and where they hold what.
pub(crate) struct Metadata {
    pub(crate) bytes: Vec<u8>,
    /// Where the entry of each node starts.
    pub(crate) entries: Vec<usize>,
}

impl Image {
    pub(crate) fn new() -> Self {
        Self { descriptors: Vec::new(), nodes: vec![Node::directory(0, "")] }
    }

    pub(crate) fn add(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    pub(crate) fn metadata(&self) -> Metadata {
        let mut bytes = self.security();
        let mut children = vec![Vec::new(); self.nodes.len()];
        for (number, node) in self.nodes.iter().enumerate().skip(1) {
            children[node.parent].push(number);
        }
        // The first pass finds the places, the second writes the entries.
        let mut lists = vec![0; self.nodes.len()];
        let mut entries = vec![0; self.nodes.len()];
        entries[0] = bytes.len();
        let mut at = bytes.len() + self.nodes[0].bytes(0).len() + 8;
        for (directory, children) in children.iter().enumerate().filter(|(_, children)| !children.is_empty()) {
            lists[directory] = at;
            for &child in children {
                entries[child] = at;
                at += self.nodes[child].bytes(0).len();
            }
            at += 8;
        }
        bytes.resize(at, 0);
        for (node, (&entry, &list)) in self.nodes.iter().zip(entries.iter().zip(&lists)) {
            let entry_bytes = node.bytes(list as u64);
            bytes[entry..entry + entry_bytes.len()].copy_from_slice(&entry_bytes);
        }
        Metadata { bytes, entries }
    }

    fn security(&self) -> Vec<u8> {
        let mut bytes = vec![0; 4];
        bytes.extend(u32::try_from(self.descriptors.len()).unwrap().to_le_bytes());
        self.descriptors.iter().for_each(|descriptor| bytes.extend((descriptor.len() as u64).to_le_bytes()));
        self.descriptors.iter().for_each(|descriptor| bytes.extend(descriptor));
        pad(&mut bytes);
        let len = u32::try_from(bytes.len()).unwrap();
        bytes[..4].copy_from_slice(&len.to_le_bytes());
        bytes
    }
}

/// A file.
#[derive(Clone)]
pub(crate) struct File {
    /// Metadata, one for each image.
    pub(crate) images: Vec<Vec<u8>>,
    pub(crate) blobs: Vec<Vec<u8>>,
    /// The XML data, when not those that fit.
    pub(crate) xml: Option<Vec<u8>>,
    /// Bytes covered by each digest of the integrity table.
    pub(crate) integrity: Option<u32>,
    /// Store everything as a chunk table and chunks of this size.
    pub(crate) chunk_size: Option<u32>,
    /// Store the blobs in solid resources.
    pub(crate) solid: Option<Solid>,
    /// Which part of a split set it is, and of how many.
    pub(crate) part: (u16, u16),
}

/// How blobs are stored in solid resources.
#[derive(Clone, Copy)]
pub(crate) struct Solid {
    pub(crate) chunk_size: u32,
    /// The number of the algorithm.
    pub(crate) format: u32,
    /// How many blobs are in each resource.
    pub(crate) blobs: usize,
}

/// The bytes of a file, and where they hold what.
#[derive(Clone)]
pub(crate) struct Built {
    pub(crate) bytes: Vec<u8>,
    /// Where each blob lies.
    pub(crate) blobs: Vec<Range<usize>>,
    /// Where the metadata of each image lie.
    pub(crate) images: Vec<Range<usize>>,
    /// Blobs first, then images.
    pub(crate) blob_table: Range<usize>,
    pub(crate) integrity: Range<usize>,
}

impl File {
    pub(crate) fn new(blobs: &[&[u8]]) -> Self {
        let blobs = blobs.iter().map(|blob| blob.to_vec()).collect();
        let (xml, integrity, chunk_size, solid) = (None, None, None, None);
        Self { images: Vec::new(), blobs, xml, integrity, chunk_size, solid, part: (1, 1) }
    }

    /// One image with these nodes below the root, and these blobs.
    pub(crate) fn of(image: &Image, blobs: &[&[u8]]) -> Self {
        Self { images: vec![image.metadata().bytes], ..Self::new(blobs) }
    }

    pub(crate) fn build(&self) -> Built {
        let version = if self.solid.is_some() { VERSION_SOLID } else { VERSION };
        let mut bytes = header_of(version, u32::try_from(self.images.len()).unwrap()).to_vec();
        put(&mut bytes, 0x28, &self.part.0.to_le_bytes());
        put(&mut bytes, 0x2a, &self.part.1.to_le_bytes());
        if let Some(chunk_size) = self.chunk_size {
            put(&mut bytes, 0x10, &LZX.to_le_bytes());
            put(&mut bytes, 0x14, &chunk_size.to_le_bytes());
        }
        let mut table = Vec::new();
        let solid = self.solid.map(|solid| self.store_solid(&mut bytes, &mut table, solid));
        let mut store = |bytes: &mut Vec<u8>, content: &[u8], flags: u8| {
            let start = bytes.len();
            let stored = self.chunk_size.map_or_else(|| content.to_vec(), |size| chunked(content, size as usize));
            bytes.extend(&stored);
            let flags = flags | if self.chunk_size.is_some() { COMPRESSED } else { 0 };
            let (stored_len, len) = (stored.len() as u64, content.len() as u64);
            let entry = BlobEntry { sha1: sha1(content), stored_len, len, flags, ..blob_entry(0, start as u64, 0) };
            table.extend(BlobEntry { part: self.part.0, ..entry }.bytes());
            start..bytes.len()
        };
        let blobs = solid.unwrap_or_else(|| self.blobs.iter().map(|blob| store(&mut bytes, blob, 0)).collect());
        let images = self.images.iter().map(|image| store(&mut bytes, image, METADATA)).collect();
        let blob_table = append(&mut bytes, 0x30, &table);
        let xml = self.xml.clone().unwrap_or_else(|| self.default_xml());
        append(&mut bytes, 0x48, &xml);
        let integrity = match self.integrity {
            Some(chunk_size) => {
                let digests = integrity(&bytes[208..blob_table.end], chunk_size);
                append(&mut bytes, 0x7c, &digests)
            }
            None => 0..0,
        };
        Built { bytes, blobs, images, blob_table, integrity }
    }

    /// Writes all blobs into solid resources, with the entry of each resource before those of its
    /// blobs, and says where the blobs lie.
    fn store_solid(&self, bytes: &mut Vec<u8>, table: &mut Vec<u8>, solid: Solid) -> Vec<Range<usize>> {
        let mut places = Vec::new();
        let mut in_run = 0;
        for blobs in self.blobs.chunks(solid.blobs) {
            let content = blobs.concat();
            let start = bytes.len();
            bytes.extend((content.len() as u64).to_le_bytes());
            bytes.extend(solid.chunk_size.to_le_bytes());
            bytes.extend(solid.format.to_le_bytes());
            let chunks = content.chunks(solid.chunk_size as usize);
            chunks.for_each(|chunk| bytes.extend(u32::try_from(chunk.len()).unwrap().to_le_bytes()));
            let mut at = bytes.len();
            bytes.extend(&content);
            let part = self.part.0;
            let entry = BlobEntry { part, flags: SOLID, len: 1 << 32, ..blob_entry(0, start as u64, 0) };
            table.extend(BlobEntry { stored_len: (bytes.len() - start) as u64, ..entry }.bytes());
            for blob in blobs {
                let entry =
                    BlobEntry { part, flags: SOLID, stored_len: blob.len() as u64, ..blob_entry(0, in_run, 0) };
                table.extend(BlobEntry { sha1: sha1(blob), ..entry }.bytes());
                places.push(at..at + blob.len());
                at += blob.len();
                in_run += blob.len() as u64;
            }
        }
        places
    }

    fn default_xml(&self) -> Vec<u8> {
        let images = (1..=self.images.len()).map(|n| format!("<IMAGE INDEX=\"{n}\"><NAME>image {n}</NAME></IMAGE>"));
        let text = format!("\u{feff}<WIM>{}</WIM>", images.collect::<String>());
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }
}

impl Built {
    /// The place of the table entry of a blob, or of an image after all blobs.
    pub(crate) fn entry(&self, number: usize) -> usize {
        self.blob_table.start + number * 50
    }

    /// The bytes with some of them replaced.
    pub(crate) fn with(&self, at: usize, new: &[u8]) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        put(&mut bytes, at, new);
        bytes
    }
}

pub(crate) fn put(bytes: &mut [u8], at: usize, new: &[u8]) {
    bytes[at..at + new.len()].copy_from_slice(new);
}

/// Appends a table, uncompressed, and points to it from the header.
fn append(bytes: &mut Vec<u8>, header_field: usize, table: &[u8]) -> Range<usize> {
    let start = bytes.len();
    bytes.extend(table);
    let len = table.len() as u64;
    put(bytes, header_field, &resource(len, METADATA, start as u64, len));
    start..bytes.len()
}

/// A compressed resource whose chunks did not get shorter.
pub(crate) fn chunked(content: &[u8], chunk_size: usize) -> Vec<u8> {
    let starts = (chunk_size..content.len()).step_by(chunk_size);
    let mut stored: Vec<u8> = starts.flat_map(|start| u32::try_from(start).unwrap().to_le_bytes()).collect();
    stored.extend(content);
    stored
}

fn integrity(covered: &[u8], chunk_size: u32) -> Vec<u8> {
    let digests: Vec<u8> = covered.chunks(chunk_size as usize).flat_map(sha1).collect();
    let entries = u32::try_from(digests.len() / 20).unwrap();
    let mut table = Vec::new();
    for field in [12 + 20 * entries, entries, chunk_size] {
        table.extend(field.to_le_bytes());
    }
    table.extend(digests);
    table
}
