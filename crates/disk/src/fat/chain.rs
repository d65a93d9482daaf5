//! Chains of clusters: what a file or directory lies in. FAT specification, `FAT Data Structure`.
//!
//! No cluster is taken twice, by one chain or by two, so all walks of a volume together take no
//! more steps than it has clusters, whatever the FAT says.

use std::io;

use nanovhd_tree::ReadAt;
use thiserror::Error;

use super::geometry::Geometry;
use super::table::{Claims, FatTable, Link};

/// What is wrong with a chain of clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChainFault {
    /// The directory entry names a cluster that there is not.
    #[error("it starts at cluster {0}, which the volume does not have")]
    First(u32),
    /// The FAT has something that is no cluster and no mark.
    #[error("cluster {at} is followed by {value:#x}, which is neither a cluster nor a mark")]
    Value {
        /// The last cluster that there is.
        at: u32,
        /// What the FAT has for it.
        value: u32,
    },
    /// The chain runs into a cluster that is free.
    #[error("cluster {0} of it is marked as free")]
    Free(u32),
    /// The chain runs into a cluster that can't be used.
    #[error("cluster {0} of it is marked as bad")]
    Bad(u32),
    /// The chain comes back to a cluster that it had before.
    #[error("it comes back to its cluster {0}")]
    Cycle(u32),
    /// The chain runs into a cluster that another file or directory has.
    #[error("cluster {0} of it belongs to something else as well")]
    CrossLink(u32),
}

/// Clusters one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    /// Clusters of the file in front of them.
    pub(crate) start: u32,
    /// The first.
    pub(crate) cluster: u32,
    /// How many.
    pub(crate) count: u32,
}

/// What a walk along a chain has found.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    pub(crate) runs: Vec<Run>,
    /// How many clusters all runs have.
    pub(crate) clusters: u32,
    /// Why the walk ended, if not at the end of the chain or at the limit.
    pub(crate) fault: Option<ChainFault>,
}

impl Chain {
    /// Follows the chain from `first` on for at most `limit` clusters and takes them.
    pub(crate) fn walk<R: ReadAt>(
        first: u32,
        limit: u32,
        geometry: &Geometry,
        fat: &mut FatTable<'_, R>,
        claims: &mut Claims,
    ) -> io::Result<Self> {
        let mut chain = Self::default();
        if !geometry.has_cluster(first) {
            chain.fault = Some(ChainFault::First(first));
            return Ok(chain);
        }
        let mut cluster = first;
        while chain.clusters < limit {
            if !claims.take(cluster) {
                let fault = if chain.has(cluster) { ChainFault::Cycle } else { ChainFault::CrossLink };
                chain.fault = Some(fault(cluster));
                break;
            }
            chain.push(cluster);
            chain.fault = match fat.link(cluster)? {
                Link::Next(next) => {
                    cluster = next;
                    continue;
                }
                Link::End => None,
                Link::Free => Some(ChainFault::Free(cluster)),
                Link::Bad => Some(ChainFault::Bad(cluster)),
                Link::Other(value) => Some(ChainFault::Value { at: cluster, value }),
            };
            break;
        }
        Ok(chain)
    }

    /// Leaves at most the first `limit` clusters.
    pub(crate) fn truncate(&mut self, limit: u32) {
        self.runs.retain_mut(|run| {
            run.count = run.count.min(limit.saturating_sub(run.start));
            run.count > 0
        });
        self.clusters = self.clusters.min(limit);
    }

    fn push(&mut self, cluster: u32) {
        match self.runs.last_mut() {
            // Clusters are below 2^28, so there is no overflow.
            Some(run) if run.cluster + run.count == cluster => run.count += 1,
            _ => self.runs.push(Run { start: self.clusters, cluster, count: 1 }),
        }
        self.clusters += 1;
    }

    fn has(&self, cluster: u32) -> bool {
        self.runs.iter().any(|run| (run.cluster..run.cluster + run.count).contains(&cluster))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_merged_and_cut() {
        let mut chain = Chain::default();
        for cluster in [5, 6, 7, 3, 9, 10] {
            assert!(!chain.has(cluster));
            chain.push(cluster);
        }
        let run = |start, cluster, count| Run { start, cluster, count };
        assert_eq!(chain.runs, [run(0, 5, 3), run(3, 3, 1), run(4, 9, 2)]);
        assert!(chain.has(6) && chain.has(10) && !chain.has(8));
        for (limit, runs) in [(9, 3), (5, 3), (4, 2), (2, 1), (0, 0)] {
            chain.truncate(limit);
            assert_eq!((chain.runs.len(), chain.clusters), (runs, limit.min(6)));
        }
    }
}
