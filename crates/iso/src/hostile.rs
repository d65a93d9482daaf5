//! Images with random faults: everything of them is read, and nothing panics, hangs or reads without end.
//!
//! Most faults in UDF structures would be found by their checksums, and no code behind those would see them. So some
//! faults are made within a structure, whose tag is then made right again.

use std::sync::atomic::{AtomicU64, Ordering};

use nanovhd_tree::ReadAt;

use crate::udf::{tag_len, tag_seal, tag_verify};
use crate::{FileKind, Iso, IsoError, Kind};

/// As much as a test reads of one file.
const SOME: usize = 16 << 10;

/// An image with changes, that counts what is read.
struct Changed<'i> {
    image: &'i [u8],
    /// Offset, and the bytes there.
    changes: Vec<(usize, Vec<u8>)>,
    len: usize,
    bytes: AtomicU64,
}

impl ReadAt for Changed<'_> {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> std::io::Result<usize> {
        let read = self.image[..self.len].read_at(buf, offset)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        let start = usize::try_from(offset).unwrap();
        for (at, bytes) in &self.changes {
            for (index, &byte) in (*at..).zip(bytes) {
                if let Some(target) = index.checked_sub(start).and_then(|index| buf[..read].get_mut(index)) {
                    *target = byte;
                }
            }
        }
        Ok(read)
    }

    fn len(&self) -> std::io::Result<u64> {
        Ok(self.len as u64)
    }
}

/// Linear congruential, with the constants of Knuth's MMIX.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    fn byte(&mut self) -> u8 {
        const ODD: [u8; 8] = [0, 1, 2, 4, 0x7f, 0x80, 0xfe, 0xff];

        if self.below(2) == 0 { ODD[self.below(8)] } else { u8::try_from(self.below(256)).unwrap() }
    }
}

/// Reads all of an image, and gives how many entries and errors there were.
fn read_everything(image: &Changed<'_>, kind: Option<Kind>) -> (usize, usize) {
    let open = |kind: Option<Kind>| match kind {
        Some(kind) => Iso::open_as(image, kind),
        None => Iso::open(image),
    };
    let Ok(iso) = open(kind) else { return (0, 1) };
    let (mut entries, mut errors) = (0, 0);
    let touch = |path: &str| -> Result<(), IsoError> {
        let Some(entry) = iso.find(path)? else { return Ok(()) };
        let stat = iso.stat(&entry)?;
        if stat.kind != FileKind::File {
            return Ok(());
        }
        let file = iso.file(&entry)?;
        let mut buf = vec![0; SOME.min(usize::try_from(stat.len).unwrap_or(SOME))];
        // Everything that a file says it has is there.
        file.read_exact_at(&mut buf, 0).unwrap();
        let end = stat.len - buf.len() as u64;
        file.read_exact_at(&mut buf, end).unwrap();
        Ok(())
    };
    for step in iso.walk(&iso.root()).take(2000) {
        match step {
            Ok((path, entry)) => {
                entries += 1;
                entry.name().check().unwrap();
                if !entry.is_dir() || entries % 4 == 0 {
                    errors += usize::from(entries < 60 && touch(&path).is_err());
                }
            }
            Err(_) => errors += 1,
        }
    }
    (entries, errors)
}

/// The structures of an image whose tags are right: offset and length.
fn structures(image: &[u8]) -> Vec<(usize, usize)> {
    let tags = (0..image.len()).step_by(4).filter_map(|at| Some((at, tag_len(image.get(at..)?)?)));
    tags.filter(|&(at, len)| len > 16 && tag_verify(&image[at..at + len])).collect()
}

fn mutate(image: &[u8], kinds: &[Option<Kind>], rounds: usize, mut random: Random) {
    let structures = structures(image);
    let (mut entries, mut errors, mut most) = (0, 0, 0);
    for round in 0..rounds {
        let mut changed = Changed { image, changes: Vec::new(), len: image.len(), bytes: AtomicU64::new(0) };
        for _ in 0..=random.below(3) {
            if structures.is_empty() || random.below(4) == 0 {
                // Where there is something at all.
                let at = (0..20).map(|_| random.below(image.len())).find(|&at| image[at] != 0);
                let bytes = (0..=random.below(4)).map(|_| random.byte()).collect();
                changed.changes.push((at.unwrap_or(0x8000), bytes));
            } else {
                let (at, len) = structures[random.below(structures.len())];
                let mut bytes = image[at..at + len].to_vec();
                for _ in 0..=random.below(4) {
                    // Most fields are at the start.
                    let end = if random.below(2) == 0 { len.min(260) } else { len };
                    bytes[16 + random.below(end - 16)] = random.byte();
                }
                tag_seal(&mut bytes);
                changed.changes.push((at, bytes));
            }
        }
        if random.below(16) == 0 {
            changed.len = random.below(image.len());
        }
        let found = read_everything(&changed, kinds[round % kinds.len()]);
        (entries, errors) = (entries + found.0, errors + found.1);
        most = most.max(changed.bytes.into_inner());
    }
    assert!(entries > rounds && errors > rounds / 20, "{entries} entries and {errors} errors in {rounds} rounds");
    // Each path is looked up from the root, and two pieces of each file are read.
    assert!(most < 200 * image.len() as u64, "{most}");
}

const TORTURE: &[u8] = include_bytes!("../../../testdata/iso/torture.img");
const METADATA: &[u8] = include_bytes!("../../../testdata/iso/small.img");
const SPARABLE: &[u8] = include_bytes!("../../../testdata/iso/small-sparable.img");
const ISO9660: &[u8] = include_bytes!("../../../testdata/iso/joliet-rock-ridge.iso");
const KINDS: [Option<Kind>; 3] = [Some(Kind::Joliet), Some(Kind::RockRidge), Some(Kind::Iso9660)];

fn mutate_all(rounds: usize, seed: u64) {
    mutate(TORTURE, &[None], rounds, Random(seed));
    mutate(METADATA, &[None], 3 * rounds, Random(seed + 1));
    mutate(SPARABLE, &[None], 3 * rounds, Random(seed + 2));
    mutate(ISO9660, &KINDS, 3 * rounds, Random(seed + 3));
}

#[test]
fn random_faults_do_no_harm() {
    mutate_all(1000, 1);
}

#[test]
#[ignore = "takes minutes"]
fn hundreds_of_thousands_of_random_faults_do_no_harm() {
    let seed = std::env::var("NANOVHD_SEED").ok().and_then(|seed| seed.parse().ok());
    mutate_all(50_000, seed.unwrap_or(1000));
}

#[test]
fn the_structures_of_the_images_are_found() {
    assert!(structures(TORTURE).len() > 100);
    assert!(structures(METADATA).len() > 25 && structures(SPARABLE).len() > 20);
    assert!(structures(ISO9660).is_empty());
}
