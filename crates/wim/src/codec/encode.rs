//! Encoders for tests: they write what they are told to, well or badly, and search for nothing.
//!
//! The input is a list of [`Token`]s rather than bytes, so that tests choose every match. The
//! file uses nothing of the crate: a test outside it can include it as a module.

#![expect(clippy::cast_possible_truncation, reason = "the tests choose numbers that fit")]

/// What an LZ77 stream is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// A byte.
    Literal(u8),
    /// `length` bytes again from `offset` bytes ago.
    Match {
        /// Distance in bytes.
        offset: usize,
        /// Number of bytes.
        length: usize,
    },
}

/// The bytes that tokens stand for, by definition.
pub(super) fn expand(tokens: &[Token]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for &token in tokens {
        match token {
            Token::Literal(byte) => bytes.push(byte),
            Token::Match { offset, length } => {
                for _ in 0..length {
                    bytes.push(bytes[bytes.len() - offset]);
                }
            }
        }
    }
    bytes
}

/// Which tokens [`tokens`] makes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Bytes that the tokens stand for.
    pub(super) len: usize,
    /// The most that a match may reach back.
    pub(super) max_offset: usize,
    /// The shortest match.
    pub(super) min_length: usize,
    /// The longest match.
    pub(super) max_length: usize,
}

/// Makes tokens for exactly `limits.len` bytes out of any numbers, as long as there are any, and
/// literals after that. Offsets and lengths are spread over all powers of two, and offsets of
/// late are used again.
pub(super) fn tokens(numbers: &[u64], limits: Limits) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut recent = [1; 3];
    let mut numbers = numbers.iter();
    let mut len = 0;
    while len < limits.len {
        let number = numbers.next().map_or(0, |&number| number as usize);
        let (choice, a, b) = (number & 15, number >> 4 & 0xff_ffff, number >> 28 & 0xff_ffff);
        let max_length = limits.max_length.min(limits.len - len);
        if choice < 7 || len == 0 || max_length < limits.min_length {
            // Calls are of interest, and few values make short codewords.
            let byte = if choice == 0 { 0xe8 } else { a >> (a & 7) };
            tokens.push(Token::Literal(byte as u8));
            len += 1;
            continue;
        }
        let max_offset = limits.max_offset.min(len);
        let mut offset = 1 + (a >> (b & 31)) % max_offset;
        if (8..11).contains(&choice) && recent[choice - 8] <= max_offset {
            offset = recent[choice - 8];
        }
        recent = [offset, recent[0], recent[1]];
        let length = limits.min_length + (b >> (a & 31)) % (max_length - limits.min_length + 1);
        tokens.push(Token::Match { offset, length });
        len += length;
    }
    tokens
}

/// Writes bits into 16-bit little-endian words, and bytes between the words where a decoder that
/// always holds two words looks for them.
#[derive(Debug)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// Where the next two words go: their place is kept when they are begun.
    places: [usize; 2],
    word: u32,
    filled: u32,
}

impl BitWriter {
    /// A writer after the bytes of a header.
    pub(super) fn after(header: Vec<u8>) -> Self {
        let at = header.len();
        let mut bytes = header;
        bytes.extend([0; 4]);
        Self { bytes, places: [at, at + 2], word: 0, filled: 0 }
    }

    /// Writes the lowest `count` bits of `value`, the highest first.
    pub(super) fn bits(&mut self, value: u32, count: u32) {
        for bit in (0..count).rev() {
            // The place of another word is kept when its first bit comes, not before.
            if self.filled == 16 {
                self.word_done();
            }
            self.word = self.word << 1 | value >> bit & 1;
            self.filled += 1;
        }
    }

    fn word_done(&mut self) {
        let word = (self.word as u16).to_le_bytes();
        self.bytes[self.places[0]..][..2].copy_from_slice(&word);
        self.places = [self.places[1], self.bytes.len()];
        self.bytes.extend([0; 2]);
        (self.word, self.filled) = (0, 0);
    }

    /// Fills the word that is begun, if one is.
    fn fill_word(&mut self) {
        if self.filled > 0 {
            self.bits(0, 16 - self.filled);
            self.word_done();
        }
    }

    /// Writes bytes between the words.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// Fills the word that is begun, or writes a whole one, and gives the bytes up to there.
    pub(super) fn align(mut self) -> Vec<u8> {
        if self.filled.is_multiple_of(16) {
            self.bits(0, 16);
        }
        self.finish()
    }

    /// Fills the word that is begun and gives the bytes up to there. No bytes may have been put
    /// between words.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.fill_word();
        self.bytes.truncate(self.places[0]);
        self.bytes
    }

    /// Fills the word that is begun and gives the bytes with both words that a decoder holds.
    pub(super) fn finish_held(mut self) -> Vec<u8> {
        if self.filled > 0 {
            self.bits(0, 16 - self.filled);
            let word = (self.word as u16).to_le_bytes();
            self.bytes[self.places[0]..][..2].copy_from_slice(&word);
        }
        self.bytes
    }
}

/// A Huffman code: lengths and values of the codewords.
#[derive(Debug, Clone)]
pub(super) struct HuffmanCode {
    /// Codeword lengths; 0 for symbols without one.
    pub(super) lens: Vec<u8>,
    words: Vec<u32>,
}

impl HuffmanCode {
    /// The canonical code with these lengths, whether or not it is complete.
    pub(super) fn new(lens: Vec<u8>) -> Self {
        let mut words = vec![0; lens.len()];
        let mut next = 0u32;
        for len in 1..=16 {
            next <<= 1;
            for (word, _) in words.iter_mut().zip(&lens).filter(|(_, l)| **l == len) {
                *word = next;
                next += 1;
            }
        }
        Self { lens, words }
    }

    /// A complete code for the symbols that occur, at least two if any, with codewords of at most
    /// `max` bits.
    pub(super) fn fit(counts: &[u32], max: u8) -> Self {
        let mut counts = counts.to_vec();
        let used = counts.iter().filter(|&&count| count > 0).count();
        if used == 1 {
            let other = counts.iter().position(|&count| count == 0).unwrap();
            counts[other] = 1;
        }
        loop {
            let lens = depths(&counts);
            if lens.iter().all(|&len| len <= u32::from(max)) {
                return Self::new(lens.iter().map(|&len| len as u8).collect());
            }
            // Flatter counts give flatter trees.
            for count in counts.iter_mut().filter(|count| **count > 0) {
                *count = *count / 2 + 1;
            }
        }
    }

    /// The codeword of a symbol.
    pub(super) fn word(&self, symbol: usize) -> u32 {
        self.words[symbol]
    }

    /// Writes the codeword of a symbol.
    pub(super) fn put(&self, out: &mut BitWriter, symbol: usize) {
        assert_ne!(self.lens[symbol], 0, "symbol {symbol} has no codeword");
        out.bits(self.words[symbol], self.lens[symbol].into());
    }
}

/// The depths of the leaves of a Huffman tree.
fn depths(counts: &[u32]) -> Vec<u32> {
    let mut depths = vec![0; counts.len()];
    let mut trees: Vec<(u64, Vec<usize>)> =
        (0..counts.len()).filter(|&s| counts[s] > 0).map(|s| (counts[s].into(), vec![s])).collect();
    while trees.len() > 1 {
        trees.sort_by_key(|tree| std::cmp::Reverse(tree.0));
        let ((a, mut leaves), (b, more)) = (trees.pop().unwrap(), trees.pop().unwrap());
        leaves.extend(more);
        leaves.iter().for_each(|&leaf| depths[leaf] += 1);
        trees.push((a + b, leaves));
    }
    depths
}

fn log2(value: usize) -> u32 {
    value.ilog2()
}

/// Encodes a chunk with XPRESS: matches of 3 to 65,538 bytes at offsets up to 65,535.
pub(super) fn xpress(tokens: &[Token]) -> Vec<u8> {
    let symbol = |token| match token {
        Token::Literal(byte) => usize::from(byte),
        Token::Match { offset, length } => 256 + log2(offset) as usize * 16 + (length - 3).min(15),
    };
    let mut counts = [0; 512];
    tokens.iter().for_each(|&token| counts[symbol(token)] += 1);
    let code = HuffmanCode::fit(&counts, 15);
    let header = code.lens.chunks(2).map(|pair| pair[0] | pair[1] << 4).collect();
    let mut out = BitWriter::after(header);
    for &token in tokens {
        code.put(&mut out, symbol(token));
        if let Token::Match { offset, length } = token {
            match length - 3 {
                0..15 => {}
                more @ 15..270 => out.bytes(&[(more - 15) as u8]),
                more => {
                    out.bytes(&[255]);
                    out.bytes(&(more as u16).to_le_bytes());
                }
            }
            out.bits(offset as u32, log2(offset));
        }
    }
    out.finish_held()
}

/// How a block is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockKind {
    /// With plain offsets.
    Verbatim,
    /// With the aligned offset code.
    Aligned,
    /// As it is.
    Uncompressed,
}

/// Encodes chunks with LZX.
#[derive(Debug)]
pub(super) struct LzxEncoder {
    out: BitWriter,
    window_order: u32,
    recent: [usize; 3],
    main_lens: Vec<u8>,
    length_lens: Vec<u8>,
    /// Bytes before the current block.
    before: Vec<u8>,
}

impl LzxEncoder {
    /// An encoder for one chunk of a window of `1 << window_order` bytes.
    pub(super) fn new(window_order: u32) -> Self {
        let slots = [30, 32, 34, 36, 38, 42, 50][window_order as usize - 15];
        Self {
            out: BitWriter::after(Vec::new()),
            window_order,
            recent: [1; 3],
            main_lens: vec![0; 256 + 8 * slots],
            length_lens: vec![0; 249],
            before: Vec::new(),
        }
    }

    /// Writes a block: matches of 2 to 257 bytes at offsets up to the window less 3.
    pub(super) fn block(&mut self, kind: BlockKind, tokens: &[Token]) {
        let start = self.before.len();
        for &token in tokens {
            match token {
                Token::Literal(byte) => self.before.push(byte),
                Token::Match { offset, length } => {
                    for _ in 0..length {
                        self.before.push(self.before[self.before.len() - offset]);
                    }
                }
            }
        }
        let size = self.before.len() - start;
        self.block_header(kind, size);
        match kind {
            BlockKind::Uncompressed => {
                let bytes = self.before[start..].to_vec();
                self.uncompressed(&bytes, tokens);
            }
            BlockKind::Verbatim => self.compressed(tokens, false),
            BlockKind::Aligned => self.compressed(tokens, true),
        }
    }

    /// The chunk.
    pub(super) fn finish(self) -> Vec<u8> {
        self.out.finish()
    }

    fn block_header(&mut self, kind: BlockKind, size: usize) {
        self.out.bits(1 + kind as u32, 3);
        if size == 1 << 15 {
            self.out.bits(1, 1);
        } else {
            self.out.bits(size as u32, if self.window_order >= 16 { 25 } else { 17 });
        }
    }

    fn uncompressed(&mut self, bytes: &[u8], tokens: &[Token]) {
        // Decoders know of the matches in such a block only what the next one's header says, so
        // any recent offsets will do.
        let last = tokens.iter().rev().find_map(|token| match token {
            Token::Match { offset, .. } => Some(*offset),
            Token::Literal(_) => None,
        });
        self.recent = [self.recent[1], last.unwrap_or(7), self.recent[0]];
        let out = std::mem::replace(&mut self.out, BitWriter::after(Vec::new()));
        let mut out = out.align();
        self.recent.iter().for_each(|&offset| out.extend((offset as u32).to_le_bytes()));
        out.extend(bytes);
        out.resize(out.len().next_multiple_of(2), 0);
        self.out = BitWriter::after(out);
    }

    fn compressed(&mut self, tokens: &[Token], aligned_block: bool) {
        let symbols: Vec<Symbol> = tokens.iter().map(|&token| self.symbol(token)).collect();
        let mut main = vec![0; self.main_lens.len()];
        let (mut length, mut aligned) = ([0; 249], [0; 8]);
        for symbol in &symbols {
            main[symbol.main] += 1;
            if let Some(symbol) = symbol.length {
                length[symbol] += 1;
            }
            if symbol.extra_bits >= 3 {
                aligned[symbol.extra as usize & 7] += 1;
            }
        }
        if aligned == [0; 8] {
            aligned = [1; 8];
        }
        let main = HuffmanCode::fit(&main, 16);
        let length = HuffmanCode::fit(&length, 16);
        let aligned = HuffmanCode::fit(&aligned, 7);
        if aligned_block {
            aligned.lens.iter().for_each(|&len| self.out.bits(len.into(), 3));
        }
        let before = std::mem::replace(&mut self.main_lens, main.lens.clone());
        put_lens(&mut self.out, &before[..256], &main.lens[..256]);
        put_lens(&mut self.out, &before[256..], &main.lens[256..]);
        let before = std::mem::replace(&mut self.length_lens, length.lens.clone());
        put_lens(&mut self.out, &before, &length.lens);
        for symbol in &symbols {
            main.put(&mut self.out, symbol.main);
            if let Some(symbol) = symbol.length {
                length.put(&mut self.out, symbol);
            }
            if aligned_block && symbol.extra_bits >= 3 {
                self.out.bits(symbol.extra >> 3, symbol.extra_bits - 3);
                aligned.put(&mut self.out, symbol.extra as usize & 7);
            } else {
                self.out.bits(symbol.extra, symbol.extra_bits);
            }
        }
    }

    fn symbol(&mut self, token: Token) -> Symbol {
        let Token::Match { offset, length } = token else {
            let Token::Literal(byte) = token else { unreachable!() };
            return Symbol { main: byte.into(), ..Symbol::default() };
        };
        let (slot, extra, extra_bits) = if let Some(slot) = self.recent.iter().position(|&r| r == offset) {
            self.recent.swap(0, slot);
            (slot, 0, 0)
        } else {
            self.recent = [offset, self.recent[0], self.recent[1]];
            offset_slot(offset)
        };
        let header = (length - 2).min(7);
        let length = (header == 7).then(|| length - 9);
        Symbol { main: 256 + slot * 8 + header, length, extra, extra_bits }
    }
}

/// The symbols and bits of a token.
#[derive(Debug, Default)]
struct Symbol {
    main: usize,
    length: Option<usize>,
    extra: u32,
    extra_bits: u32,
}

/// Slot, extra bits and their number for an offset that isn't recent.
fn offset_slot(offset: usize) -> (usize, u32, u32) {
    let formatted = offset + 2;
    let mut base = 0;
    for slot in 0.. {
        let bits = if slot < 4 { 0 } else { (slot / 2 - 1).min(17) };
        if formatted < base + (1 << bits) {
            return (slot, (formatted - base) as u32, bits as u32);
        }
        base += 1 << bits;
    }
    unreachable!()
}

/// Writes codeword lengths as changes from `before`, with every kind of run.
pub(super) fn put_lens(out: &mut BitWriter, before: &[u8], lens: &[u8]) {
    let change = |at: usize| usize::from((before[at] + 17 - lens[at]) % 17);
    let mut symbols = Vec::new();
    let mut at = 0;
    while at < lens.len() {
        let run = lens[at..].iter().take_while(|&&len| len == lens[at]).count();
        let (symbol, run) = match (lens[at], run) {
            (0, 20..) => (Len::Zeros(18, run.min(51) as u32 - 20, 5), run.min(51)),
            (0, 4..) => (Len::Zeros(17, run.min(19) as u32 - 4, 4), run.min(19)),
            (_, 4..) => (Len::Same(run.min(5) as u32 - 4, change(at)), run.min(5)),
            _ => (Len::Change(change(at)), 1),
        };
        symbols.push(symbol);
        at += run;
    }
    let mut counts = [0; 20];
    for symbol in &symbols {
        match *symbol {
            Len::Change(change) => counts[change] += 1,
            Len::Zeros(symbol, ..) => counts[symbol] += 1,
            Len::Same(_, change) => {
                counts[19] += 1;
                counts[change] += 1;
            }
        }
    }
    let code = HuffmanCode::fit(&counts, 15);
    code.lens.iter().for_each(|&len| out.bits(len.into(), 4));
    for symbol in symbols {
        match symbol {
            Len::Change(change) => code.put(out, change),
            Len::Zeros(symbol, extra, bits) => {
                code.put(out, symbol);
                out.bits(extra, bits);
            }
            Len::Same(extra, change) => {
                code.put(out, 19);
                out.bits(extra, 1);
                code.put(out, change);
            }
        }
    }
}

/// What the precode has symbols for.
enum Len {
    Change(usize),
    Zeros(usize, u32, u32),
    Same(u32, usize),
}
