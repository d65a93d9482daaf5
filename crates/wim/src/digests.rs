//! Finding a blob by its SHA-1.
//!
//! A table of positions in the list of blobs, which has the digests already: 12 to 24 bytes for each
//! blob, where a map that keeps its own digests takes forty. Whoever makes a file can choose its digests,
//! so they are not taken for their own hashes: where a search begins depends on two numbers that each
//! process draws anew. What is found does not depend on them.

use std::hash::{BuildHasher, RandomState};

use crate::format::Sha1Digest;

/// A place of the table.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    /// One more than a position, or 0.
    number: u32,
    /// Half of the hash, so that hardly any digest is looked at in vain: they lie all over the memory.
    tag: u32,
}

/// Positions of blobs by their digests.
#[derive(Debug)]
pub(crate) struct Digests {
    /// Their number is a power of two, and a third at least is free.
    places: Vec<Place>,
    used: usize,
    keys: [u64; 2],
}

impl Default for Digests {
    fn default() -> Self {
        let random = RandomState::new();
        Self { places: Vec::new(), used: 0, keys: [random.hash_one(0), random.hash_one(1)] }
    }
}

impl Digests {
    /// The positions of these digests, which all differ.
    pub(crate) fn of<'d>(digests: impl ExactSizeIterator<Item = &'d Sha1Digest>) -> Self {
        let count = digests.len();
        let mut this = Self { places: vec![Place::default(); places_for(count)], used: count, ..Self::default() };
        for (position, sha1) in digests.enumerate() {
            this.take(sha1, position);
        }
        this
    }

    /// The position of a digest. `digest` gives the one at a position.
    pub(crate) fn find<'d>(&self, sha1: &Sha1Digest, digest: impl Fn(u32) -> &'d Sha1Digest) -> Option<u32> {
        let (tag, walk) = self.walk(sha1);
        let used = walk.map(|place| self.places[place]).take_while(|place| place.number != 0);
        used.filter(|place| place.tag == tag).map(|place| place.number - 1).find(|&position| digest(position) == sha1)
    }

    /// Adds the digest of the next position, which is not there yet. `digest` gives those before it.
    pub(crate) fn push<'d>(&mut self, sha1: &Sha1Digest, digest: impl Fn(u32) -> &'d Sha1Digest) {
        let position = self.used;
        if places_for(position + 1) > self.places.len() {
            let old = std::mem::take(&mut self.places);
            self.places = vec![Place::default(); places_for(2 * (position + 1))];
            for position in old.into_iter().filter_map(|place| place.number.checked_sub(1)) {
                self.take(digest(position), position as usize);
            }
        }
        self.take(sha1, position);
        self.used += 1;
    }

    fn take(&mut self, sha1: &Sha1Digest, position: usize) {
        let (tag, mut walk) = self.walk(sha1);
        let place = walk.find(|&place| self.places[place].number == 0);
        let number = u32::try_from(position + 1).expect("so many blobs don't fit into memory");
        self.places[place.expect("a third of all places is free")] = Place { number, tag };
    }

    /// The tag of a digest, and all places, those where it may be first.
    fn walk(&self, sha1: &Sha1Digest) -> (u32, impl Iterator<Item = usize> + use<>) {
        let count = self.places.len();
        let hash = self.hash(sha1).to_le_bytes();
        let [tag, start] = [[hash[0], hash[1], hash[2], hash[3]], [hash[4], hash[5], hash[6], hash[7]]];
        let start = u32::from_le_bytes(start) as usize;
        (u32::from_le_bytes(tag), (0..count).map(move |step| start.wrapping_add(step) & (count - 1)))
    }

    fn hash(&self, sha1: &Sha1Digest) -> u64 {
        let (words, rest) = sha1.as_chunks::<8>();
        let [a, b] = [words[0], words[1]].map(u64::from_le_bytes);
        let c = rest.iter().fold(0, |word, &byte| word << 8 | u64::from(byte));
        fold(fold(a ^ self.keys[0], b ^ self.keys[1]) ^ self.keys[1], c ^ self.keys[0])
    }
}

/// Both halves of a product, of which each bit depends on the bits of both factors.
fn fold(a: u64, b: u64) -> u64 {
    let product = (u128::from(a) * u128::from(b)).to_le_bytes();
    let (halves, _) = product.as_chunks::<8>();
    u64::from_le_bytes(halves[0]) ^ u64::from_le_bytes(halves[1])
}

fn places_for(count: usize) -> usize {
    (count + count / 2).next_power_of_two()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: u32) -> Sha1Digest {
        // Alike in all but a few bits: what a hostile file would try first.
        let mut sha1 = [0; 20];
        sha1[(number % 5) as usize * 4..][..4].copy_from_slice(&(number / 5 + 1).to_le_bytes());
        sha1
    }

    #[test]
    fn digests_are_found_at_their_positions_and_others_not() {
        let all: Vec<_> = (0..10_000).map(digest).collect();
        let at = |position: u32| &all[position as usize];
        let mut pushed = Digests::default();
        for sha1 in &all {
            assert_eq!(pushed.find(sha1, at), None);
            pushed.push(sha1, at);
        }
        for digests in [pushed, Digests::of(all.iter())] {
            for (position, sha1) in (0..).zip(&all) {
                assert_eq!(digests.find(sha1, at), Some(position));
            }
            assert_eq!(digests.find(&digest(10_000), at), None);
        }
    }

    #[test]
    fn digests_that_are_alike_lie_apart() {
        let all: Vec<_> = (0..10_000).map(digest).collect();
        let digests = Digests::of(all.iter());
        let steps = |sha1: &Sha1Digest, position: u32| {
            digests.walk(sha1).1.position(|place| digests.places[place].number == position + 1).unwrap()
        };
        let total: usize = (0..).zip(&all).map(|(position, sha1)| steps(sha1, position)).sum();
        assert!(total < 2 * all.len(), "{total} steps");
    }
}
