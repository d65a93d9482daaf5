//! The bitmap of clusters against the runs of all files.

use std::io;

use nanovhd_tree::ReadAt;

use crate::read::stream::Stream;
use crate::rule::Rule;
use crate::system::SystemFile;

use super::Checker;
use super::facts::Claim;

/// Bytes of the bitmap that are compared at a time.
const WINDOW: usize = 1 << 16;
/// The record of `$Bitmap`.
const BITMAP: u64 = SystemFile::Bitmap as u64;

/// Neighbouring clusters that the bitmap has wrong in one way.
struct Wrong {
    first: u64,
    end: u64,
    /// Whether they are in use without being marked.
    used: bool,
}

impl<R: ReadAt> Checker<'_, R> {
    /// Compares the bitmap with what the streams of all files take.
    pub(super) fn check_clusters(&mut self) -> io::Result<()> {
        let mut claims = std::mem::take(&mut self.facts.claims);
        claims.sort_unstable();
        self.check_shared(&claims);
        let Some(bitmap) = self.facts.system[SystemFile::Bitmap as usize].take() else {
            let detail = "$Bitmap has no readable stream in clusters";
            self.report.broken(Rule::BitmapSize, Some(BITMAP), self.mft.offset(BITMAP), detail);
            return Ok(());
        };
        let clusters = self.mft.boot.clusters();
        if bitmap.size < clusters.div_ceil(8) {
            let detail = format!("{} bytes for {clusters} clusters", bitmap.size);
            self.report.broken(Rule::BitmapSize, Some(BITMAP), self.mft.offset(BITMAP), detail);
        }
        self.compare_bitmap(&claims, &bitmap)
    }

    /// Finds clusters that two streams take.
    fn check_shared(&mut self, claims: &[Claim]) {
        let Some(mut last) = claims.first() else { return };
        for claim in &claims[1..] {
            if u64::from(claim.lcn) < last.end() {
                let clusters = last.end().min(claim.end()) - u64::from(claim.lcn);
                let detail = format!(
                    "{clusters} clusters from {:#x} on are taken by record {} and by record {}",
                    claim.lcn, last.record, claim.record
                );
                let offset = u64::from(claim.lcn) * self.mft.boot.cluster.bytes();
                self.report.broken(Rule::ClusterShared, Some(u64::from(claim.record)), offset, detail);
            }
            if claim.end() > last.end() {
                last = claim;
            }
        }
    }

    fn compare_bitmap(&mut self, claims: &[Claim], bitmap: &Stream) -> io::Result<()> {
        let clusters = self.mft.boot.clusters();
        let (mut found, mut expected) = (vec![0; WINDOW], vec![0; WINDOW]);
        let mut claims_left = claims;
        let mut wrong: Option<Wrong> = None;
        for start in (0..bitmap.size.min(clusters.div_ceil(8))).step_by(WINDOW) {
            let length = usize::try_from(bitmap.size - start).unwrap_or(WINDOW).min(WINDOW);
            let window = 8 * start..8 * (start + length as u64);
            bitmap.read_at(self.volume, self.mft.boot.cluster, start, &mut found[..length])?;
            claims_left = mark(claims_left, &window, &mut expected[..length]);
            let bytes = found[..length].iter().zip(&expected).zip((window.start..).step_by(8));
            for ((found, expected), first) in bytes.filter(|((found, expected), _)| found != expected) {
                for cluster in (first..first + 8).filter(|cluster| *cluster < clusters) {
                    let bit = 1u8 << (cluster - first);
                    if (found ^ expected) & bit != 0 {
                        self.add_wrong(claims, &mut wrong, cluster, expected & bit != 0);
                    }
                }
            }
            self.check_tail(bitmap, &found[..length], &window);
        }
        self.tell_wrong(claims, wrong.as_ref());
        Ok(())
    }

    /// Joins a cluster to those before it, or tells of those.
    fn add_wrong(&mut self, claims: &[Claim], wrong: &mut Option<Wrong>, cluster: u64, used: bool) {
        match wrong {
            Some(wrong) if wrong.end == cluster && wrong.used == used => wrong.end += 1,
            _ => {
                let before = wrong.replace(Wrong { first: cluster, end: cluster + 1, used });
                self.tell_wrong(claims, before.as_ref());
            }
        }
    }

    fn tell_wrong(&mut self, claims: &[Claim], wrong: Option<&Wrong>) {
        let Some(&Wrong { first, end, used }) = wrong else { return };
        let offset = first * self.mft.boot.cluster.bytes();
        if used {
            let at = claims.partition_point(|claim| u64::from(claim.lcn) <= first);
            let owner = claims[..at].iter().rev().find(|claim| claim.end() > first);
            let detail = format!("{} clusters from {first:#x} on are in use but marked as free", end - first);
            self.report.broken(Rule::ClusterUnmarked, owner.map(|claim| claim.record.into()), offset, detail);
        } else {
            let detail =
                format!("{} clusters from {first:#x} on are marked as used, but no file has them", end - first);
            self.report.broken(Rule::ClusterLost, None, offset, detail);
        }
    }

    /// Bits behind the last cluster are set, so that nobody takes them for free ones.
    fn check_tail(&mut self, bitmap: &Stream, bits: &[u8], window: &std::ops::Range<u64>) {
        let clusters = self.mft.boot.clusters();
        let clear = (clusters.max(window.start)..window.end).find(|cluster| {
            let at = usize::try_from(cluster - window.start).expect("the window is small");
            bits[at / 8] & 1 << (at % 8) == 0
        });
        if let Some(cluster) = clear {
            let offset = self.volume_offset(&bitmap.extents, cluster / 8);
            let detail = format!("the bit of cluster {cluster} is clear, but the volume has {clusters}");
            self.report.broken(Rule::BitmapTail, Some(BITMAP), offset, detail);
        }
    }
}

/// Sets the bits of the claims in `window`; gives the claims that reach beyond it and those behind.
fn mark<'c>(claims: &'c [Claim], window: &std::ops::Range<u64>, bits: &mut [u8]) -> &'c [Claim] {
    bits.fill(0);
    let mut first_left = None;
    let mut done = 0;
    for (i, claim) in claims.iter().enumerate() {
        if u64::from(claim.lcn) >= window.end {
            break;
        }
        done = i + 1;
        if claim.end() > window.end {
            first_left = first_left.or(Some(i));
        }
        let inside = |cluster: u64| {
            usize::try_from(cluster.clamp(window.start, window.end) - window.start).expect("the window is small")
        };
        set(bits, inside(claim.lcn.into()), inside(claim.end()));
    }
    &claims[first_left.unwrap_or(done)..]
}

/// Sets the bits from `first` up to `end`.
fn set(bits: &mut [u8], first: usize, end: usize) {
    let (whole, rest) = (first.next_multiple_of(8).min(end), end - end % 8);
    for bit in (first..whole).chain(rest.max(whole)..end) {
        bits[bit / 8] |= 1 << (bit % 8);
    }
    if whole < rest {
        bits[whole / 8..rest / 8].fill(0xff);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_set_their_bits_in_each_window() {
        let claim = |lcn, clusters| Claim { lcn, clusters, record: 0 };
        let claims = [claim(1, 2), claim(5, 300), claim(7, 1), claim(400, 1)];
        let plain = |bit: u64| claims.iter().any(|c| (u64::from(c.lcn)..c.end()).contains(&bit));
        let mut left = &claims[..];
        for start in (0..512).step_by(64) {
            let mut bits = [0xd1; 8];
            left = mark(left, &(start..start + 64), &mut bits);
            for bit in 0..64u64 {
                let found = bits[usize::try_from(bit / 8).unwrap()] >> (bit % 8) & 1 == 1;
                assert_eq!(found, plain(start + bit), "{}", start + bit);
            }
        }
        assert!(left.is_empty());
    }
}
