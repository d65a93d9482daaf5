//! Streams in clusters: put together from their pieces, and read.

use std::io;

use nanovhd_tree::ReadAt;

use crate::format::attribute_flags;
use crate::read::record::{Attribute, Form};
use crate::read::runs::{self, Extent};
use crate::rule::{Fault, Rule};
use crate::units::ClusterSize;

/// The largest compression unit in clusters, as a power of two: Windows uses 4, and so 64 KiB of
/// 4 KiB clusters. Larger ones would make a reader hold units without bound.
const MAX_UNIT: u16 = 4;

/// A stream in clusters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Stream {
    /// Bytes of the value.
    pub(crate) size: u64,
    /// Bytes that were written; the rest reads as zeros.
    pub(crate) initialized: u64,
    /// Bytes of its virtual clusters.
    pub(crate) allocated: u64,
    /// See [`attribute_flags`].
    pub(crate) flags: u16,
    /// Clusters of a compression unit.
    pub(crate) unit: u64,
    /// Without gaps, from virtual cluster 0 on.
    pub(crate) extents: Vec<Extent>,
}

/// A piece of a stream: the record it lies in, and the attribute.
pub(crate) type Piece<'a> = (u64, Attribute<'a>);

impl Stream {
    /// Puts a stream together from its pieces, in whatever order; `clusters` is how many the volume
    /// has. A fault comes with the record that it is in.
    pub(crate) fn assemble(pieces: &mut [Piece<'_>], volume: Measures) -> Result<Self, (u64, Fault)> {
        pieces.sort_by_key(|(_, attribute)| lowest_vcn(attribute));
        let mut this = Self::default();
        let mut next = 0;
        for (i, (record, piece)) in pieces.iter().enumerate() {
            let at_fault = |fault| (*record, fault);
            if lowest_vcn(piece) != next || (i > 0 && piece.is_resident()) {
                let detail = format!("a piece begins at cluster {}, expected {next}", lowest_vcn(piece));
                return Err(at_fault(Fault::new(Rule::StreamPieces, piece.at + 0x10, detail)));
            }
            runs::decode(piece, volume.clusters, &mut this.extents).map_err(at_fault)?;
            next = this.extents.last().map_or(0, |e| e.vcn + e.clusters);
        }
        if let Some((record, first)) = pieces.first() {
            this.take_sizes(first, next, volume.cluster).map_err(|fault| (*record, fault))?;
        }
        Ok(this)
    }

    /// Takes over what the first piece says of the whole.
    fn take_sizes(&mut self, first: &Attribute<'_>, clusters: u64, cluster: ClusterSize) -> Result<(), Fault> {
        let Form::NonResident { header, .. } = first.form else { return Ok(()) };
        (self.size, self.initialized) = (header.size.get(), header.initialized.get());
        (self.allocated, self.flags) = (header.allocated.get(), first.flags);
        let whole = clusters.checked_mul(cluster.bytes());
        if self.initialized > self.size || self.size > self.allocated || Some(self.allocated) != whole {
            let detail = format!(
                "{} bytes initialized of {}, {} allocated in {clusters} clusters of {} bytes",
                self.initialized, self.size, self.allocated, cluster.0
            );
            return Err(Fault::new(Rule::AttributeSizes, first.at + 0x28, detail));
        }
        let unit = header.compression_unit.get();
        if unit > MAX_UNIT || (self.is_compressed() && unit == 0) {
            let detail = format!("a compression unit of 2^{unit} clusters; the most is 2^{MAX_UNIT}");
            return Err(Fault::new(Rule::CompressionUnit, first.at + 0x22, detail));
        }
        self.unit = 1 << unit;
        Ok(())
    }

    /// Whether units are compressed by LZNT1.
    pub(crate) fn is_compressed(&self) -> bool {
        self.flags & attribute_flags::COMPRESSED_MASK != 0
    }

    /// The whole value, which has at most `limit` bytes; none if it is longer. Not for compressed
    /// streams, which none of the structures of NTFS itself are.
    pub(crate) fn read_all(
        &self,
        volume: &impl ReadAt,
        cluster: ClusterSize,
        limit: usize,
    ) -> io::Result<Option<Vec<u8>>> {
        let Some(size) = usize::try_from(self.size).ok().filter(|size| *size <= limit) else { return Ok(None) };
        let mut value = vec![0; size];
        self.read_at(volume, cluster, 0, &mut value)?;
        Ok(Some(value))
    }

    /// Fills `buf` with the value from `offset` on, which must have so many bytes.
    pub(crate) fn read_at(
        &self,
        volume: &impl ReadAt,
        cluster: ClusterSize,
        offset: u64,
        buf: &mut [u8],
    ) -> io::Result<()> {
        let written = usize::try_from(self.initialized.saturating_sub(offset)).unwrap_or(usize::MAX).min(buf.len());
        let (written, rest) = buf.split_at_mut(written);
        rest.fill(0);
        read_extents(volume, &self.extents, cluster, offset, written)
    }
}

/// What of a volume's measures streams are checked against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measures {
    pub(crate) cluster: ClusterSize,
    /// Clusters of the volume.
    pub(crate) clusters: u64,
}

pub(crate) fn lowest_vcn(attribute: &Attribute<'_>) -> u64 {
    match attribute.form {
        Form::Resident { .. } => 0,
        Form::NonResident { header, .. } => header.lowest_vcn.get(),
    }
}

/// Fills `buf` from byte `offset` of what `extents` hold on; holes and what lies behind the last
/// extent read as zeros.
pub(crate) fn read_extents(
    volume: &impl ReadAt,
    extents: &[Extent],
    cluster: ClusterSize,
    mut offset: u64,
    mut buf: &mut [u8],
) -> io::Result<()> {
    let first = extents.partition_point(|e| (e.vcn + e.clusters).saturating_mul(cluster.bytes()) <= offset);
    for extent in &extents[first..] {
        let inside = offset - extent.vcn * cluster.bytes();
        // A hole may be longer than any stream; it is read as far as there is room.
        let left = extent.clusters.saturating_mul(cluster.bytes()) - inside;
        let take = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
        let (now, later) = buf.split_at_mut(take);
        match extent.lcn {
            Some(lcn) => volume.read_exact_at(now, cluster.offset(lcn) + inside)?,
            None => now.fill(0),
        }
        offset += take as u64;
        buf = later;
        if buf.is_empty() {
            return Ok(());
        }
    }
    buf.fill(0);
    Ok(())
}
