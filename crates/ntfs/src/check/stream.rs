//! Values: in their records, or put together from their pieces in clusters.

use std::io;

use nanovhd_tree::ReadAt;

use crate::format::attribute_flags;
use crate::read::record::{Form, name_is};
use crate::read::runs;
use crate::read::stream::{Piece, Stream};
use crate::rule::{Fault, Rule};
use crate::system::{SystemFile, wide};

use super::Checker;
use super::facts::Claim;

/// A value as far as it could be found.
#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    Resident(&'a [u8]),
    Stream(Stream),
    /// Its clusters are not known.
    Broken,
}

impl Value<'_> {
    /// Bytes of the value.
    pub(super) fn size(&self) -> u64 {
        match self {
            Value::Resident(bytes) => <[u8]>::len(bytes) as u64,
            Value::Stream(stream) => stream.size,
            Value::Broken => 0,
        }
    }

    /// The stream, if it lies in clusters.
    pub(super) fn stream(&self) -> Option<&Stream> {
        match self {
            Value::Stream(stream) => Some(stream),
            Value::Resident(_) | Value::Broken => None,
        }
    }
}

impl<R: ReadAt> Checker<'_, R> {
    /// The value of the attribute with these pieces, whose clusters are taken note of.
    pub(super) fn value<'a>(&mut self, same: &mut [Piece<'a>]) -> Value<'a> {
        let (record, first) = same[0];
        let offset = self.mft.offset(record);
        if same.len() > 1 && same.iter().any(|(_, piece)| piece.is_resident()) {
            let detail = format!("{} attributes of type {:#x} with one name", same.len(), first.kind);
            self.report.broken(Rule::AttributeTwice, Some(record), offset + first.at as u64, detail);
        }
        if let Some(value) = first.value() {
            return Value::Resident(value);
        }
        let stream = match Stream::assemble(same, self.mft.measures()) {
            Ok(stream) => stream,
            Err((record, fault)) => {
                self.report.fault(Some(record), self.mft.offset(record), fault);
                self.claim_pieces(same);
                return Value::Broken;
            }
        };
        self.check_stream(&same[0], &stream);
        self.claim(record, &stream);
        Value::Stream(stream)
    }

    /// Takes note of the clusters of a stream that can't be put together.
    fn claim_pieces(&mut self, same: &[Piece<'_>]) {
        for (record, piece) in same {
            let mut stream = Stream::default();
            // A run that is wrong was told; those before it are the stream's.
            let good = runs::decode(piece, self.mft.boot.clusters(), &mut stream.extents);
            if matches!(&good, Err(fault) if fault.rule == Rule::RunCount) {
                stream.extents.pop();
            }
            self.claim(*record, &stream);
        }
    }

    fn claim(&mut self, record: u64, stream: &Stream) {
        let runs = stream.extents.iter().filter_map(|extent| Some((extent.lcn?, extent.clusters)));
        self.facts.claims.extend(runs.map(|(lcn, clusters)| Claim::new(lcn, clusters, record)));
    }

    fn check_stream(&mut self, first: &Piece<'_>, stream: &Stream) {
        const BAD: [u16; 4] = wide(b"$Bad");
        let (record, attribute) = first;
        let offset = self.mft.offset(*record) + attribute.at as u64;
        let has_holes = attribute_flags::COMPRESSED_MASK | attribute_flags::SPARSE;
        // The list of bad clusters is one hole without being marked as such.
        let is_bad = *record == SystemFile::BadClus as u64 && name_is(attribute.name, &BAD);
        if stream.flags & has_holes == 0 && !is_bad && stream.extents.iter().any(|extent| extent.lcn.is_none()) {
            let detail = "the stream has a hole, but it is neither sparse nor compressed";
            self.report.broken(Rule::StreamHole, Some(*record), offset + 0xc, detail);
        }
        if let Form::NonResident { total: Some(total), .. } = attribute.form {
            let clusters: u64 = stream.extents.iter().filter(|e| e.lcn.is_some()).map(|e| e.clusters).sum();
            if clusters.checked_mul(self.mft.boot.cluster.bytes()) != Some(total) {
                let detail = format!("{total} bytes, but {clusters} clusters are allocated");
                self.report.broken(Rule::StreamTotal, Some(*record), offset + 0x40, detail);
            }
        }
    }

    /// The bytes of a value; none if it is longer than `limit`, which breaks `rule`.
    pub(super) fn whole(
        &mut self,
        value: &Value<'_>,
        piece: &Piece<'_>,
        limit: usize,
        rule: Rule,
    ) -> io::Result<Option<Vec<u8>>> {
        let bytes = match value {
            Value::Resident(bytes) => Some(bytes.to_vec()),
            Value::Stream(stream) => stream.read_all(self.volume, self.mft.boot.cluster, limit)?,
            Value::Broken => return Ok(None),
        };
        if bytes.is_none() {
            let fault = Fault::new(rule, piece.1.at, format!("{} bytes; the most is {limit}", value.size()));
            self.report.fault(Some(piece.0), self.mft.offset(piece.0), fault);
        }
        Ok(bytes)
    }
}
