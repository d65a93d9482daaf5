//! An LZMS encoder for tests: it writes the items that it is told to and searches for nothing.
//!
//! Everything is done as the format defines it and nothing for speed, so that it shares no trick, and
//! no mistake, with the decoder. The file uses nothing of the crate: a test outside it can include it
//! as a module.

#![expect(clippy::cast_possible_truncation, reason = "the tests choose numbers that fit")]

/// What a chunk is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    /// A byte.
    Literal(u8),
    /// `length` bytes again from `offset` bytes ago.
    Match {
        /// Distance in bytes.
        offset: usize,
        /// Number of bytes.
        length: usize,
    },
    /// `length` bytes that differ from those `1 << power` bytes before them as the bytes `spans << power`
    /// bytes ago did.
    Delta {
        /// The span, as a power of two below 8.
        power: usize,
        /// Distance in spans.
        spans: usize,
        /// Number of bytes.
        length: usize,
    },
}

/// The bytes that items stand for, by definition, before machine code is translated back.
pub(super) fn expand(items: &[Item]) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::new();
    for &item in items {
        match item {
            Item::Literal(byte) => bytes.push(byte),
            Item::Match { offset, length } => {
                for _ in 0..length {
                    bytes.push(bytes[bytes.len() - offset]);
                }
            }
            Item::Delta { power, spans, length } => {
                let (span, offset) = (1 << power, spans << power);
                for at in bytes.len()..bytes.len() + length {
                    let difference = bytes[at - offset].wrapping_sub(bytes[at - offset - span]);
                    bytes.push(bytes[at - span].wrapping_add(difference));
                }
            }
        }
    }
    bytes
}

/// Makes items for exactly `len` bytes out of any numbers, as long as there are any, and literals
/// after that. Sources of late are used again.
pub(super) fn items(numbers: &[u64], len: usize) -> Vec<Item> {
    let mut items = Vec::new();
    let (mut offsets, mut deltas) = ([1, 2, 3, 4], [(0, 1), (1, 2), (2, 3), (7, 1)]);
    let mut numbers = numbers.iter();
    let mut at = 0;
    while at < len {
        let number = numbers.next().map_or(0, |&number| number as usize);
        let (choice, a, b) = (number & 15, number >> 4 & 0xff_ffff, number >> 28 & 0xff_ffff);
        let length = 1 + (b >> (a & 31)) % (len - at);
        let again = b & 3;
        let (power, spans) = if choice == 15 { deltas[again] } else { (a & 7, 1 + (a >> 3 >> (b & 15))) };
        let item = if choice < 6 || at < 2 {
            // Beginnings of machine instructions are of interest.
            const CODE: [u8; 9] = [0xe8, 0x48, 0x8b, 0x05, 0x8d, 0xff, 0x15, 0xe9, 0x00];
            Item::Literal(if choice == 0 { CODE[a % 9] } else { (a >> (a & 7)) as u8 })
        } else if choice < 10 {
            Item::Match { offset: 1 + (a >> (b & 31)) % at, length }
        } else if choice < 12 && offsets[again] <= at {
            Item::Match { offset: offsets[again], length }
        } else if (spans + 1) << power <= at {
            Item::Delta { power, spans, length }
        } else {
            Item::Literal(b as u8)
        };
        at += match item {
            Item::Literal(_) => 1,
            Item::Match { offset, length } => {
                offsets.rotate_right(1);
                offsets[0] = offset;
                length
            }
            Item::Delta { power, spans, length } => {
                deltas.rotate_right(1);
                deltas[0] = (power, spans);
                length
            }
        };
        items.push(item);
    }
    items
}

/// Translates addresses in machine code: `1` to absolute ones, `-1` back to relative ones.
pub(super) fn translate(bytes: &mut [u8], direction: i64) {
    let size = bytes.len() as i64;
    let mut named = vec![-65_536i64; 65_536];
    let mut sure = -1024;
    let mut i = 1i64;
    while i < size - 16 {
        let at = i as usize;
        let third_is_relative = bytes[at + 2] & 7 == 5;
        let (opcode, limit) = match (bytes[at], bytes[at + 1], bytes[at + 2]) {
            (0xe8, ..) => (1, 511),
            (0xe9, ..) => {
                i += 5;
                continue;
            }
            (0x48 | 0x4c, 0x8d, _) if third_is_relative => (3, 1023),
            (0x48, 0x8b, 0x05 | 0x0d) => (3, 1023),
            (0xff, 0x15, _) => (2, 1023),
            (0xf0, 0x83, 0x05) => (3, 1023),
            _ => {
                i += 1;
                continue;
            }
        };
        let operand = at + opcode;
        let value = |bytes: &[u8]| i64::from(u32::from_le_bytes(bytes[operand..operand + 4].try_into().unwrap()));
        let before = value(bytes);
        if i - sure <= limit {
            let new = (before + direction * i).rem_euclid(1 << 32) as u32;
            bytes[operand..operand + 4].copy_from_slice(&new.to_le_bytes());
        }
        let relative = if direction > 0 { before } else { value(bytes) };
        let target = ((relative + i) & 0xffff) as usize;
        i += opcode as i64 + 3;
        if i - named[target] <= 65_535 {
            sure = i;
        }
        named[target] = i;
        i += 1;
    }
}

/// Encodes a chunk. Sources that are recent are written so if `recent` says it, else never.
pub(super) fn encode(items: &[Item], recent: bool) -> Vec<u8> {
    encode_for(items, recent, expand(items).len())
}

/// The same for a chunk that is said to have `len` bytes, whether or not the items make as many.
pub(super) fn encode_for(items: &[Item], recent: bool, len: usize) -> Vec<u8> {
    let mut encoder = Encoder::new(len);
    for &item in items {
        encoder.item(item, recent);
    }
    encoder.finish()
}

/// A range encoder, and the decisions of each kind and context.
struct Ranges {
    words: Vec<u16>,
    low: u64,
    range: u32,
    /// A word that may still have one carried into it, and how many of all ones follow it.
    held: Option<u16>,
    ones: usize,
}

impl Ranges {
    fn shift(&mut self) {
        if self.low < 0xffff_0000 || self.low > 0xffff_ffff {
            let carry = (self.low >> 32) as u16;
            self.words.extend(self.held.map(|word| word.wrapping_add(carry)));
            // Before the first word there is nothing to carry into.
            self.words.extend((0..self.ones).map(|_| 0xffff_u16.wrapping_add(carry)));
            self.held = Some((self.low >> 16) as u16);
            self.ones = 0;
        } else if self.held.is_some() {
            self.ones += 1;
        } else {
            self.held = Some(0xffff);
        }
        self.low = (self.low & 0xffff) << 16;
    }

    fn put(&mut self, bit: bool, kind: &mut Kind) {
        let history = &mut kind.histories[kind.state];
        let zeros = history.iter().filter(|&&bit| !bit).count() as u32;
        if self.range <= 0xffff {
            self.range <<= 16;
            self.shift();
        }
        let bound = (self.range >> 6) * zeros.clamp(1, 63);
        if bit {
            self.low += u64::from(bound);
            self.range -= bound;
        } else {
            self.range = bound;
        }
        history.rotate_left(1);
        history[63] = bit;
        kind.state = (kind.state << 1 | usize::from(bit)) % kind.histories.len();
    }
}

/// A kind of decision: the last 64 decisions in each context, the oldest first.
#[derive(Clone)]
struct Kind {
    histories: Vec<[bool; 64]>,
    state: usize,
}

impl Kind {
    fn new(contexts: usize) -> Self {
        // 32 zeros, then zeros and ones in turn.
        let history = std::array::from_fn(|n| n >= 32 && n % 2 == 1);
        Self { histories: vec![history; contexts], state: 0 }
    }
}

/// A code that is made of how often its symbols came.
struct Code {
    counts: Vec<u32>,
    /// Length and value of the codewords.
    words: Vec<(u32, u32)>,
    left: usize,
    interval: usize,
}

impl Code {
    fn new(symbols: usize, interval: usize) -> Self {
        let counts = vec![1; symbols.max(2)];
        let words = codewords(&counts);
        Self { counts, words, left: interval, interval }
    }

    fn put(&mut self, symbol: usize, bits: &mut Vec<bool>) {
        let (len, word) = self.words[symbol];
        bits.extend((0..len).rev().map(|bit| word >> bit & 1 == 1));
        self.counts[symbol] += 1;
        self.left -= 1;
        if self.left == 0 {
            self.words = codewords(&self.counts);
            self.counts.iter_mut().for_each(|count| *count = *count / 2 + 1);
            self.left = self.interval;
        }
    }
}

/// The canonical code of the tree that joining the two lightest trees gives, single symbols first
/// among those of one weight, and else those that were there first.
fn codewords(counts: &[u32]) -> Vec<(u32, u32)> {
    let mut trees: Vec<(u32, usize, Vec<usize>)> =
        counts.iter().enumerate().map(|(symbol, &count)| (count, symbol, vec![symbol])).collect();
    let mut lens = vec![0; counts.len()];
    let mut made = counts.len();
    // The lightest is the last.
    trees.sort_by_key(|&(weight, order, _)| std::cmp::Reverse((weight, order)));
    while trees.len() > 1 {
        let ((a, _, mut symbols), (b, _, more)) = (trees.pop().unwrap(), trees.pop().unwrap());
        symbols.extend(more);
        symbols.iter().for_each(|&symbol| lens[symbol] += 1);
        let at = trees.partition_point(|&(weight, ..)| weight > a + b);
        trees.insert(at, (a + b, made, symbols));
        made += 1;
    }
    let mut words = vec![(0, 0); counts.len()];
    let mut next = 0;
    for len in 1..=15 {
        next <<= 1;
        for (word, _) in words.iter_mut().zip(&lens).filter(|(_, l)| **l == len) {
            *word = (len, next);
            next += 1;
        }
    }
    assert_eq!(next, 1 << 15, "the code is complete");
    words
}

/// How many slots in turn have how many bits after them.
const OFFSETS: [(u32, usize); 19] = [
    (0, 8),
    (2, 9),
    (3, 7),
    (4, 10),
    (5, 15),
    (6, 15),
    (7, 20),
    (8, 20),
    (9, 30),
    (10, 33),
    (11, 40),
    (12, 42),
    (13, 45),
    (14, 60),
    (15, 73),
    (16, 80),
    (17, 85),
    (18, 95),
    (19, 105),
];
const LENGTHS: [(u32, usize); 13] =
    [(0, 26), (1, 4), (2, 6), (3, 4), (4, 5), (5, 2), (6, 1), (7, 1), (8, 1), (9, 1), (10, 1), (16, 1), (30, 1)];

/// The slot of a value, and what comes after it in how many bits.
fn slot(value: usize, runs: &[(u32, usize)]) -> (usize, usize, u32) {
    let (mut base, mut slot) = (1, 0);
    for &(bits, count) in runs {
        for _ in 0..count {
            if value < base + (1 << bits) {
                return (slot, value - base, bits);
            }
            base += 1 << bits;
            slot += 1;
        }
    }
    unreachable!()
}

/// The codeword lengths that follow from counts.
pub(super) fn lengths(counts: &[u16]) -> Vec<u8> {
    let counts: Vec<u32> = counts.iter().map(|&count| count.into()).collect();
    codewords(&counts).iter().map(|&(len, _)| len as u8).collect()
}

struct Encoder {
    ranges: Ranges,
    /// In the order in which they are read.
    bits: Vec<bool>,
    literals: Code,
    lengths: Code,
    offsets: Code,
    delta_offsets: Code,
    powers: Code,
    kinds: [Kind; 8],
    /// Sources of matches and of delta matches, without the one of the item before, which comes in
    /// with a delay.
    queues: [Vec<(usize, usize)>; 2],
    delayed: Option<(usize, (usize, usize))>,
}

impl Encoder {
    fn new(len: usize) -> Self {
        let slots = if len < 2 { 0 } else { 1 + slot(len - 1, &OFFSETS).0 };
        let queue = |delta: bool| (1..=4).map(|n| if delta { (0, n) } else { (n, 0) }).collect();
        Self {
            ranges: Ranges { words: Vec::new(), low: 0, range: u32::MAX, held: None, ones: 0 },
            bits: Vec::new(),
            literals: Code::new(256, 1024),
            lengths: Code::new(54, 512),
            offsets: Code::new(slots, 1024),
            delta_offsets: Code::new(slots, 1024),
            powers: Code::new(8, 512),
            kinds: [16, 32, 64, 64, 64, 64, 64, 64].map(Kind::new),
            queues: [queue(false), queue(true)],
            delayed: None,
        }
    }

    fn decide(&mut self, kind: usize, bit: bool) {
        self.ranges.put(bit, &mut self.kinds[kind]);
    }

    fn number(&mut self, value: usize, bits: u32) {
        self.bits.extend((0..bits).rev().map(|bit| value >> bit & 1 == 1));
    }

    fn item(&mut self, item: Item, recent: bool) {
        self.decide(0, !matches!(item, Item::Literal(_)));
        let (which, source, length) = match item {
            Item::Literal(byte) => {
                self.literals.put(byte.into(), &mut self.bits);
                self.insert_delayed();
                return;
            }
            Item::Match { offset, length } => (0, (offset, 0), length),
            Item::Delta { power, spans, length } => (1, (power, spans), length),
        };
        self.decide(1, which == 1);
        let place = self.queues[which].iter().take(3).position(|&known| recent && known == source);
        // Decisions 2 to 4 are about matches, 5 to 7 about delta matches.
        let kind = 2 + 3 * which;
        self.decide(kind, place.is_some());
        if let Some(place) = place {
            self.queues[which].remove(place);
            self.decide(kind + 1, place > 0);
            if place > 0 {
                self.decide(kind + 2, place > 1);
            }
        } else if which == 0 {
            let (slot, rest, bits) = slot(source.0, &OFFSETS);
            self.offsets.put(slot, &mut self.bits);
            self.number(rest, bits);
        } else {
            self.powers.put(source.0, &mut self.bits);
            let (slot, rest, bits) = slot(source.1, &OFFSETS);
            self.delta_offsets.put(slot, &mut self.bits);
            self.number(rest, bits);
        }
        self.insert_delayed();
        self.delayed = Some((which, source));
        let (slot, rest, bits) = slot(length, &LENGTHS);
        self.lengths.put(slot, &mut self.bits);
        self.number(rest, bits);
    }

    /// Puts the source of the item before into its queue.
    fn insert_delayed(&mut self) {
        if let Some((which, source)) = self.delayed.take() {
            self.queues[which].insert(0, source);
        }
    }

    fn finish(mut self) -> Vec<u8> {
        for _ in 0..3 {
            self.ranges.shift();
        }
        let mut words = self.ranges.words;
        let back = self.bits.chunks(16).map(|bits| {
            let word = bits.iter().fold(0u16, |word, &bit| word << 1 | u16::from(bit));
            word << (16 - bits.len())
        });
        words.extend(back.collect::<Vec<_>>().iter().rev());
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }
}
