//! Checks a volume: everything that the rules demand, from the boot sector to the last cluster.
//!
//! A fault ends nothing but what hangs on it: a chain that is broken is as long as it is sound, a
//! long name that is damaged leaves the short one. Only a boot sector from which nobody can tell
//! where things lie ends the check.

mod boot;
mod directories;
mod names;

use std::io;

use nanovhd_tree::{Finding, Findings, ReadAt};
use zerocopy::{FromZeros, IntoBytes};

use super::FatVolume;
use super::chain::{Chain, ChainFault};
use super::format::{BOOT_BYTES, BootSector, FsInfo};
use super::geometry::Geometry;
use super::rule::FatRule;
use super::table::{Claims, FatTable, Link};

impl<R: ReadAt> FatVolume<R> {
    /// Checks the volume; see [`check_fat`].
    ///
    /// # Errors
    /// What reading reports; what is wrong with the volume is no error.
    pub fn check(&self) -> io::Result<Vec<Finding>> {
        check_fat(&self.volume, None)
    }
}

/// Checks a FAT volume against the rules of [`FatRule`], also one that [`FatVolume::open`] refuses.
/// `first_sector` is where on the disk the volume starts, if that is known. Offsets of findings are
/// from the start of the volume.
///
/// # Errors
/// What reading reports; what is wrong with the volume is no error.
pub fn check_fat<R: ReadAt>(volume: &R, first_sector: Option<u64>) -> io::Result<Vec<Finding>> {
    let mut findings = Findings::new();
    let len = volume.len()?;
    if len < BOOT_BYTES as u64 {
        findings.add(FatRule::BootSignature, 0, format_args!("the volume has {len} bytes, which are no boot sector"));
        return Ok(findings.finish());
    }
    let mut boot = BootSector::new_zeroed();
    volume.read_exact_at(boot.as_mut_bytes(), 0)?;
    boot::fields(&boot, first_sector, &mut findings);
    match Geometry::new(&boot, len) {
        Ok(geometry) => {
            let mut checker = Checker::new(volume, &boot, &geometry, findings);
            checker.run()?;
            Ok(checker.findings.finish())
        }
        Err(faults) => {
            for fault in faults {
                let (rule, offset) = fault.rule();
                findings.add(rule, offset, format_args!("{fault}"));
            }
            Ok(findings.finish())
        }
    }
}

/// A volume while it is checked.
struct Checker<'v, R> {
    volume: &'v R,
    boot: &'v BootSector,
    geometry: &'v Geometry,
    fat: FatTable<'v, R>,
    /// The clusters that chains have.
    claims: Claims,
    findings: Findings,
}

impl<'v, R: ReadAt> Checker<'v, R> {
    fn new(volume: &'v R, boot: &'v BootSector, geometry: &'v Geometry, findings: Findings) -> Self {
        let fat = FatTable::new(volume, geometry);
        Self { volume, boot, geometry, fat, claims: Claims::new(geometry), findings }
    }

    fn run(&mut self) -> io::Result<()> {
        self.first_entries()?;
        self.copies()?;
        let info = self.reserved_sectors()?;
        self.directories()?;
        let free = self.lost_clusters()?;
        if let Some((info, offset)) = info {
            self.info_numbers(&info, offset, free);
        }
        Ok(())
    }

    /// Compares the FATs with the first.
    fn copies(&mut self) -> io::Result<()> {
        const PIECE: usize = 64 << 10;

        if !self.geometry.mirrored {
            return Ok(());
        }
        let (mut expected, mut found) = (vec![0; PIECE], vec![0; PIECE]);
        for at in (0..self.geometry.fat_len).step_by(PIECE) {
            let len = usize::try_from(self.geometry.fat_len - at).map_or(PIECE, |rest| rest.min(PIECE));
            self.volume.read_exact_at(&mut expected[..len], self.geometry.fat(0) + at)?;
            for number in 1..self.geometry.fats {
                let offset = self.geometry.fat(number) + at;
                self.volume.read_exact_at(&mut found[..len], offset)?;
                let mut pairs = expected[..len].iter().zip(&found[..len]);
                if let Some(first) = pairs.position(|(a, b)| a != b) {
                    let detail = format_args!(
                        "FAT {number} has {:#04x}, the first has {:#04x}",
                        found[first], expected[first]
                    );
                    self.findings.add(FatRule::Copies, offset + first as u64, detail);
                }
            }
        }
        Ok(())
    }

    /// Finds the clusters that are not free and nobody's, and counts those that are free.
    fn lost_clusters(&mut self) -> io::Result<u32> {
        let (mut free, mut lost) = (0, None::<(u32, u32)>);
        let (geometry, claims, findings) = (self.geometry, &self.claims, &mut self.findings);
        let mut report = |lost: &mut Option<(u32, u32)>| {
            if let Some((first, last)) = lost.take() {
                let detail = format_args!("clusters {first} to {last} are not free, but nothing has them");
                findings.add(FatRule::LostClusters, geometry.fat_entry(first), detail);
            }
        };
        self.fat.scan(|cluster, link| {
            free += u32::from(link == Link::Free);
            match (&mut lost, link) {
                (_, Link::Free | Link::Bad) => report(&mut lost),
                _ if claims.has(cluster) => report(&mut lost),
                (Some((_, last)), _) => *last = cluster,
                (None, _) => lost = Some((cluster, cluster)),
            }
        })?;
        report(&mut lost);
        Ok(free)
    }

    /// Compares the numbers of FSInfo with what the FAT says.
    fn info_numbers(&mut self, info: &FsInfo, offset: u64, free: u32) {
        use super::format::UNKNOWN;

        let (said, next) = (info.free.get(), info.next.get());
        if said != UNKNOWN && said != free {
            let at = offset + std::mem::offset_of!(FsInfo, free) as u64;
            self.findings.add(
                FatRule::InfoFree,
                at,
                format_args!("FSInfo says {said} free clusters, expected {free}"),
            );
        }
        if next != UNKNOWN && !self.geometry.has_cluster(next) {
            let at = offset + std::mem::offset_of!(FsInfo, next) as u64;
            let last = self.geometry.clusters + 1;
            let detail = format_args!("FSInfo looks for free clusters from {next} on, expected 2 to {last}");
            self.findings.add(FatRule::InfoNext, at, detail);
        }
    }

    /// Follows a chain to its end and reports what is wrong with it. `offset` is where its first
    /// cluster is said.
    fn chain(&mut self, first: u32, offset: u64, path: &super::path::Path) -> io::Result<Chain> {
        let chain = Chain::walk(first, u32::MAX, self.geometry, &mut self.fat, &mut self.claims)?;
        if let Some(fault) = chain.fault {
            let (rule, cluster) = match fault {
                ChainFault::First(_) => (FatRule::ChainRange, None),
                ChainFault::Value { at, .. } => (FatRule::ChainRange, Some(at)),
                ChainFault::Free(at) => (FatRule::ChainFree, Some(at)),
                ChainFault::Bad(at) => (FatRule::ChainBad, Some(at)),
                ChainFault::Cycle(at) => (FatRule::ChainCycle, Some(at)),
                ChainFault::CrossLink(at) => (FatRule::CrossLink, Some(at)),
            };
            let at = cluster.map_or(offset, |cluster| self.geometry.fat_entry(cluster));
            self.findings.add(rule, at, format_args!("the chain of {path}: {fault}"));
        }
        Ok(chain)
    }
}
