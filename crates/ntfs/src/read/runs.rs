//! Run lists, decoded.

use crate::read::record::{Attribute, Form};
use crate::rule::{Fault, Rule};
use crate::units::Lcn;

/// Neighbouring clusters of a stream: a run of the volume, or a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    /// The first virtual cluster.
    pub(crate) vcn: u64,
    /// Where it lies in the volume; none for a hole.
    pub(crate) lcn: Option<Lcn>,
    pub(crate) clusters: u64,
}

/// Appends the extents of an attribute, or of one piece of it, to `extents`; `clusters` is how many
/// the volume has. What was appended before a fault was found stays.
pub(crate) fn decode(attribute: &Attribute<'_>, clusters: u64, extents: &mut Vec<Extent>) -> Result<(), Fault> {
    let Form::NonResident { header, mut runs, runs_at, .. } = attribute.form else { return Ok(()) };
    let (lowest, highest) = (header.lowest_vcn.get(), header.highest_vcn.get());
    // An attribute without clusters ends one before it begins, which may be before zero.
    let end = highest.wrapping_add(1);
    let (mut vcn, mut lcn, mut at) = (lowest, 0i64, runs_at);
    while let Some((&head, rest)) = runs.split_first().filter(|(head, _)| **head != 0) {
        let (length_bytes, lcn_bytes) = (usize::from(head & 0xf), usize::from(head >> 4));
        let encoding = || {
            Fault::new(
                Rule::RunEncoding,
                at,
                format!("a run with the header {head:#04x} and {} bytes left", rest.len()),
            )
        };
        let length = signed(rest.get(..length_bytes).ok_or_else(encoding)?).ok_or_else(encoding)?;
        let delta = signed(rest.get(length_bytes..length_bytes + lcn_bytes).ok_or_else(encoding)?);
        let length = u64::try_from(length).ok().filter(|l| *l > 0).ok_or_else(encoding)?;
        let start = match lcn_bytes {
            0 => None,
            _ => {
                lcn = delta.and_then(|delta| lcn.checked_add(delta)).ok_or_else(encoding)?;
                let inside = u64::try_from(lcn).ok().filter(|l| l.checked_add(length).is_some_and(|e| e <= clusters));
                let place = || {
                    Fault::new(Rule::RunPlace, at, format!("{length} clusters at {lcn} of a volume of {clusters}"))
                };
                Some(Lcn(inside.ok_or_else(place)?))
            }
        };
        let next = vcn.checked_add(length).filter(|next| *next <= end && end <= i64::MAX as u64);
        let count = || {
            Fault::new(
                Rule::RunCount,
                at,
                format!("{length} clusters from {vcn} on where the attribute ends at {end}"),
            )
        };
        extents.push(Extent { vcn, lcn: start, clusters: length });
        vcn = next.ok_or_else(count)?;
        at += 1 + length_bytes + lcn_bytes;
        runs = &rest[length_bytes + lcn_bytes..];
    }
    if runs.is_empty() {
        return Err(Fault::new(Rule::RunEncoding, at, "the run list has no end"));
    }
    if vcn != end {
        return Err(Fault::new(Rule::RunCount, at, format!("the runs end at {vcn}, expected {end}")));
    }
    Ok(())
}

/// A little-endian signed number of up to eight bytes; none when there are more, or none at all.
fn signed(bytes: &[u8]) -> Option<i64> {
    let sign = if bytes.last()? & 0x80 == 0 { 0 } else { 0xff };
    let mut whole = [sign; 8];
    whole.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i64::from_le_bytes(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_signed_and_bounded() {
        assert_eq!(signed(&[0x80]), Some(-128));
        assert_eq!(signed(&[0x80, 0]), Some(128));
        assert_eq!(signed(&[0xff; 8]), Some(-1));
        assert_eq!((signed(&[]), signed(&[0; 9])), (None, None));
    }
}
