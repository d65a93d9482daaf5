//! The file allocation table. FAT specification, `FAT Data Structure`.

use std::io;

use nanovhd_tree::ReadAt;

use super::geometry::{FatKind, Geometry};

/// What is read at once. A multiple of every entry's size but that of FAT12, whose whole table is
/// shorter.
const PAGE: usize = 64 << 10;

/// What the FAT says of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// It is in no chain.
    Free,
    /// It is followed by this cluster, which there is.
    Next(u32),
    /// It is the last of its chain.
    End,
    /// It can't be used.
    Bad,
    /// Nothing that has a meaning.
    Other(u32),
}

/// The FAT, read page by page as it is needed. Pages are kept: chains may jump about.
pub(crate) struct FatTable<'v, R> {
    volume: &'v R,
    geometry: &'v Geometry,
    pages: Vec<Option<Box<[u8]>>>,
}

impl<'v, R: ReadAt> FatTable<'v, R> {
    pub(crate) fn new(volume: &'v R, geometry: &'v Geometry) -> Self {
        // Entries of 32 bits for at most 2^28 clusters.
        let pages = usize::try_from(used(geometry).div_ceil(PAGE as u64)).expect("the FAT has at most 1 GiB");
        Self { volume, geometry, pages: vec![None; pages] }
    }

    /// What the FAT says of a cluster that there is.
    pub(crate) fn link(&mut self, cluster: u32) -> io::Result<Link> {
        let value = self.value(cluster)?;
        Ok(link(self.geometry, value))
    }

    /// The entry of a cluster that there is, or one of the two in front of them.
    pub(crate) fn value(&mut self, cluster: u32) -> io::Result<u32> {
        let at = u64::from(cluster) * u64::from(self.geometry.kind.bits()) / 8;
        let number = usize::try_from(at / PAGE as u64).expect("the FAT has at most 1 GiB");
        let within = usize::try_from(at % PAGE as u64).expect("less than a page");
        let page = match &mut self.pages[number] {
            Some(page) => page,
            empty => empty.insert(read_page(self.volume, self.geometry, number as u64)?),
        };
        Ok(entry(self.geometry.kind, page, within, cluster))
    }

    /// Tells `each` what the FAT says of every cluster, in their order, without keeping pages.
    pub(crate) fn scan(&self, mut each: impl FnMut(u32, Link)) -> io::Result<()> {
        let mut page = (u64::MAX, Box::default());
        for cluster in 2..self.geometry.clusters + 2 {
            let at = u64::from(cluster) * u64::from(self.geometry.kind.bits()) / 8;
            let number = at / PAGE as u64;
            if page.0 != number {
                page = (number, read_page(self.volume, self.geometry, number)?);
            }
            let within = usize::try_from(at % PAGE as u64).expect("less than a page");
            each(cluster, link(self.geometry, entry(self.geometry.kind, &page.1, within, cluster)));
        }
        Ok(())
    }
}

/// Bytes of the FAT that have entries of clusters. The FAT is at least so long.
fn used(geometry: &Geometry) -> u64 {
    ((u64::from(geometry.clusters) + 2) * u64::from(geometry.kind.bits())).div_ceil(8)
}

fn read_page<R: ReadAt>(volume: &R, geometry: &Geometry, number: u64) -> io::Result<Box<[u8]>> {
    let start = number * PAGE as u64;
    let len = usize::try_from(used(geometry) - start).map_or(PAGE, |rest| rest.min(PAGE));
    let mut page = vec![0; len].into_boxed_slice();
    volume.read_exact_at(&mut page, geometry.fat(geometry.active_fat) + start)?;
    Ok(page)
}

/// The entry of `cluster`, which starts at `at` of the page.
fn entry(kind: FatKind, page: &[u8], at: usize, cluster: u32) -> u32 {
    let byte = |n: usize| u32::from(page[at + n]);
    let two = byte(0) | byte(1) << 8;
    match kind {
        // Two entries share three bytes.
        FatKind::Fat12 if cluster % 2 == 1 => two >> 4,
        FatKind::Fat12 => two & 0xfff,
        FatKind::Fat16 => two,
        // The upper four bits are not part of the number.
        FatKind::Fat32 => two | byte(2) << 16 | (byte(3) & 0x0f) << 24,
    }
}

fn link(geometry: &Geometry, value: u32) -> Link {
    let bad = bad_mark(geometry.kind);
    match value {
        0 => Link::Free,
        _ if geometry.has_cluster(value) => Link::Next(value),
        _ if value == bad => Link::Bad,
        _ if value > bad => Link::End,
        _ => Link::Other(value),
    }
}

/// What marks a bad cluster; all above it ends a chain.
pub(crate) fn bad_mark(kind: FatKind) -> u32 {
    match kind {
        FatKind::Fat12 => 0xff7,
        FatKind::Fat16 => 0xfff7,
        FatKind::Fat32 => 0x0fff_fff7,
    }
}

/// Which clusters are taken: a bit for each.
pub(crate) struct Claims(Vec<u64>);

impl Claims {
    pub(crate) fn new(geometry: &Geometry) -> Self {
        Self(vec![0; (geometry.clusters as usize + 2).div_ceil(64)])
    }

    /// Takes a cluster that there is, and says whether it was free to be taken.
    pub(crate) fn take(&mut self, cluster: u32) -> bool {
        let (word, bit) = (&mut self.0[cluster as usize / 64], 1 << (cluster % 64));
        let was_free = *word & bit == 0;
        *word |= bit;
        was_free
    }

    /// Whether it is taken.
    pub(crate) fn has(&self, cluster: u32) -> bool {
        self.0[cluster as usize / 64] & (1 << (cluster % 64)) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fat::geometry::Root;

    fn geometry(kind: FatKind, clusters: u32) -> Geometry {
        Geometry {
            kind,
            sector_size: 512,
            cluster_size: 512,
            size: 1 << 20,
            fat_offset: 512,
            fat_len: 128 << 10,
            fats: 1,
            active_fat: 0,
            mirrored: true,
            root: Root::Chain { cluster: 2 },
            data: 1 << 20,
            clusters,
        }
    }

    #[test]
    fn entries_of_every_width_are_read() {
        let mut volume = vec![0xd1; 512];
        volume.extend([0xf8, 0xff, 0xff, 0x03, 0x40, 0x00, 0xf7, 0x0f, 0x10, 0xff, 0xff, 0xff]);
        volume.resize(1 << 20, 0);
        for (kind, expected) in [
            (FatKind::Fat12, vec![0xff8, 0xfff, 0x003, 0x004, 0xff7, 0x100]),
            (FatKind::Fat16, vec![0xfff8, 0x03ff, 0x0040, 0x0ff7]),
            (FatKind::Fat32, vec![0x03ff_fff8, 0x0ff7_0040, 0x0fff_ff10]),
        ] {
            let geometry = geometry(kind, 20);
            let mut fat = FatTable::new(&volume, &geometry);
            let found: Vec<u32> = (0..).take(expected.len()).map(|cluster| fat.value(cluster).unwrap()).collect();
            assert_eq!(found, expected, "{kind:?}");
        }
    }

    #[test]
    fn marks_are_told_from_clusters() {
        for (kind, marks) in [
            (FatKind::Fat12, [0xff6, 0xff7, 0xff8, 0xfff]),
            (FatKind::Fat16, [0xfff6, 0xfff7, 0xfff8, 0xffff]),
            (FatKind::Fat32, [0x0fff_fff6, 0x0fff_fff7, 0x0fff_fff8, 0x0fff_ffff]),
        ] {
            let geometry = geometry(kind, 20);
            let found = marks.map(|mark| link(&geometry, mark));
            assert_eq!(found, [Link::Other(marks[0]), Link::Bad, Link::End, Link::End]);
            let found = [0, 1, 2, 21, 22].map(|value| link(&geometry, value));
            assert_eq!(found, [Link::Free, Link::Other(1), Link::Next(2), Link::Next(21), Link::Other(22)]);
        }
    }

    #[test]
    fn a_scan_and_single_looks_agree_over_pages() {
        let geometry = geometry(FatKind::Fat32, 30_000);
        let mut volume = vec![0; 512];
        volume.extend((0..32_768_u32).flat_map(|n| (n % 29_000).to_le_bytes()));
        volume.resize(1 << 20, 0);
        let mut fat = FatTable::new(&volume, &geometry);
        let mut scanned = Vec::new();
        fat.scan(|cluster, link| scanned.push((cluster, link))).unwrap();
        let looked: Vec<_> = (2..30_002).map(|cluster| (cluster, fat.link(cluster).unwrap())).collect();
        assert_eq!(scanned, looked);
    }

    #[test]
    fn a_cluster_is_taken_once() {
        let mut claims = Claims::new(&geometry(FatKind::Fat16, 127));
        for cluster in [2, 63, 64, 128] {
            assert!(!claims.has(cluster) && claims.take(cluster));
            assert!(claims.has(cluster) && !claims.take(cluster));
        }
    }
}
