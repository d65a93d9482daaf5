use proptest::prelude::*;

use super::super::encode_lzms::{Item, encode, encode_for, expand, items, translate};
use super::*;

fn decode(input: &[u8], len: usize) -> Result<Vec<u8>, DecodeError> {
    // What is not zero beforehand shows what isn't written.
    let mut output = vec![0xd1; len];
    LzmsDecoder::new(1 << 26).decode(input, &mut output).map(|()| output)
}

/// What a chunk of these items holds.
fn meant(items: &[Item]) -> Vec<u8> {
    let mut bytes = expand(items);
    translate(&mut bytes, -1);
    bytes
}

fn literals(bytes: &[u8]) -> Vec<Item> {
    bytes.iter().map(|&byte| Item::Literal(byte)).collect()
}

#[track_caller]
fn check(items: &[Item]) {
    let meant = meant(items);
    for recent in [false, true] {
        let stored = encode(items, recent);
        let found = decode(&stored, meant.len());
        assert!(found.as_ref() == Ok(&meant), "recent {recent}: {:?}", found.map(|_| "wrong bytes"));
    }
}

#[test]
fn every_kind_of_item_is_decoded() {
    let mut items = literals(b"abcdefgh0123");
    items.extend([
        Item::Match { offset: 12, length: 1 },
        Item::Match { offset: 1, length: 3000 },
        Item::Literal(7),
        Item::Match { offset: 3, length: 70_000 },
        Item::Delta { power: 0, spans: 1, length: 300 },
        Item::Delta { power: 2, spans: 5, length: 50 },
        Item::Literal(1),
        Item::Delta { power: 7, spans: 9, length: 1000 },
        Item::Delta { power: 2, spans: 5, length: 1 },
    ]);
    check(&items);
}

#[test]
fn recent_sources_come_with_a_delay() {
    // Every order of using four sources again, with and without a literal or another kind between.
    let start = [literals(b"some bytes to start with"), vec![Item::Match { offset: 5, length: 600 }]].concat();
    let mut items = start;
    for n in 0..4096_usize {
        let pick = |shift: usize| n >> shift & 3;
        items.push(Item::Match { offset: [7, 2, 300, 1][pick(0)], length: 1 + pick(2) });
        match pick(4) {
            0 => items.push(Item::Literal(n.to_le_bytes()[0])),
            1 => items.push(Item::Delta { power: pick(6), spans: 1 + pick(8), length: 1 }),
            _ => {}
        }
    }
    check(&items);
}

#[test]
fn a_series_of_numbers_is_a_delta_match() {
    let numbers: Vec<u8> = (0..4000u32).flat_map(|n| (n * 1_000_003).to_le_bytes()).collect();
    let items =
        [literals(&numbers[..8]), vec![Item::Delta { power: 2, spans: 1, length: numbers.len() - 8 }]].concat();
    // Bytes are added without carries, so only a series that has none is continued.
    assert_ne!(expand(&items), numbers);
    check(&items);
    let numbers: Vec<u8> = (0..250u8).flat_map(|n| [n, n / 2 * 2, 9, 0]).collect();
    let whole = literals(&numbers[..16]);
    let items = [whole, vec![Item::Delta { power: 3, spans: 1, length: numbers.len() - 16 }]].concat();
    assert_eq!(expand(&items), numbers);
    check(&items);
}

#[test]
fn short_chunks_and_single_bytes_are_decoded() {
    for len in 1..40 {
        let bytes: Vec<u8> = (0..len).map(|n: u8| n.wrapping_mul(91)).collect();
        check(&literals(&bytes));
        check(&[literals(&bytes[..1]), vec![Item::Match { offset: 1, length: bytes.len() }]].concat());
    }
    assert_eq!(decode(&[0; 4], 0), Ok(Vec::new()), "nothing is decoded from nothing");
}

/// Calls and loads, most of which lead to few targets, between other bytes.
fn machine_code(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut below = |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let mut bytes = Vec::new();
    while bytes.len() < len {
        let opcode: &[u8] = match below(10) {
            0 => &[0xe8],
            1 => &[0xe9],
            2 => &[0x48, 0x8d, 0x0d],
            3 => &[0x4c, 0x8d, 0xc5],
            4 => &[0x48, 0x8b, 0x05],
            5 => &[0xff, 0x15],
            6 => &[0xf0, 0x83, 0x05],
            7 => &[0x48, 0x8b, 0x45],
            _ => {
                let count = below(if seed.is_multiple_of(3) { 2000 } else { 12 });
                bytes.extend((0..count).map(|_| below(256).to_le_bytes()[0]));
                continue;
            }
        };
        let target = (below(30) * 0x1357).wrapping_sub(bytes.len() as u64);
        bytes.extend(opcode);
        bytes.extend(&target.to_le_bytes()[..4]);
    }
    bytes.truncate(len);
    bytes
}

#[test]
fn machine_code_is_translated_back() {
    // One for all, so that what it remembers of one chunk must not matter for the next.
    let mut x86 = X86::new();
    let mut changed = 0;
    for seed in 0..200 {
        let len = usize::try_from(seed).unwrap() * 700 % 9001;
        let relative = machine_code(len, seed);
        let mut absolute = relative.clone();
        translate(&mut absolute, 1);
        changed += usize::from(absolute != relative);
        let mut found = absolute.clone();
        x86.undo(&mut found, x86::marks);
        assert!(found == relative, "seed {seed}");
        // Also where encoders would not have translated.
        let mut expected = relative.clone();
        translate(&mut expected, -1);
        let mut found = relative;
        x86.undo(&mut found, x86::marks);
        assert!(found == expected, "seed {seed}");
    }
    assert!(changed > 150, "only {changed} held code");
}

#[test]
fn positions_of_translations_may_wrap() {
    let mut x86 = X86::new();
    let code = machine_code(5000, 2);
    let mut expected = code.clone();
    translate(&mut expected, -1);
    x86.next = u32::MAX - 70_000;
    for _ in 0..4 {
        let mut found = code.clone();
        x86.undo(&mut found, x86::marks);
        assert!(found == expected);
    }
}

#[test]
fn inputs_that_are_no_chunks_are_refused() {
    for len in [0, 1, 2, 3, 5, 77] {
        assert_eq!(decode(&vec![0; len], 10), Err(DecodeError::InputLength { len, min: 4 }));
    }
    let mut output = vec![0; 0x8001];
    let error = LzmsDecoder::new(0x8000).decode(&[0; 4], &mut output);
    assert_eq!(error, Err(DecodeError::OutputTooLong { len: 0x8001, max: 0x8000 }));
}

#[test]
fn matches_that_lead_outside_are_refused() {
    let start = literals(b"abcd");
    for (item, reach) in [
        (Item::Match { offset: 5, length: 2 }, 5),
        (Item::Delta { power: 1, spans: 2, length: 2 }, 6),
        (Item::Delta { power: 7, spans: 1, length: 2 }, 256),
    ] {
        // The encoder's own expansion would not take them, so the start is longer for it.
        let long = [literals(&[0; 300]), vec![item]].concat();
        assert!(decode(&encode(&long, false), 302).is_ok());
        let mut encoded = encode_unchecked(&start, item, 6);
        let error = decode(&encoded, 6).unwrap_err();
        assert!(matches!(error, DecodeError::MatchBeforeStart { offset, .. } if offset == reach), "{error}");
        encoded.truncate(4);
        assert!(decode(&encoded, 6).is_err());
    }
    for item in [Item::Match { offset: 2, length: 100 }, Item::Delta { power: 0, spans: 1, length: 100 }] {
        let error = decode(&encode_unchecked(&start, item, 50), 50).unwrap_err();
        assert!(matches!(error, DecodeError::MatchPastEnd { length: 100, left: 46, .. }), "{error}");
    }
}

/// Encodes an item after others, whether or not it can be, for a chunk of `len` bytes.
fn encode_unchecked(start: &[Item], item: Item, len: usize) -> Vec<u8> {
    encode_for(&[start, &[item]].concat(), false, len)
}

#[test]
fn an_input_that_ends_too_early_is_noticed() {
    let bytes: Vec<u8> = (0..6000u32).map(|n| ((n * n) >> 3).to_le_bytes()[0]).collect();
    let stored = encode(&literals(&bytes), false);
    for len in (4..stored.len() - 2).step_by(2) {
        // Cut at the front, all bits from the back are good, but then there are none.
        let error = decode(&stored[stored.len() - len..], bytes.len());
        assert!(error.is_err(), "{len} of {} bytes", stored.len());
    }
}

#[test]
fn a_few_bytes_are_not_worth_the_work_of_many() {
    // Read as literals, as matches, and as anything.
    for input in [[0; 10], [0xff; 10], [0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]] {
        match decode(&input, 1 << 26) {
            Err(DecodeError::Truncated { len: 10, at }) => assert!(at.output < 10_000, "{at}"),
            Err(DecodeError::MatchPastEnd { .. } | DecodeError::MatchBeforeStart { .. }) => {}
            other => panic!("{:?}", other.map(|_| "taken")),
        }
    }
}

#[test]
fn a_decoder_is_used_again_for_other_chunks() {
    let mut decoder = LzmsDecoder::new(1 << 20);
    let numbers: Vec<u64> = (1..3000u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17)).collect();
    for len in [100_000, 5, 70_000, 1, 2, 30, 1 << 20] {
        let items = items(&numbers[len % 1000..], len);
        let mut output = vec![0xd1; len];
        assert_eq!(decoder.decode(&encode(&items, true), &mut output), Ok(()));
        assert!(output == meant(&items), "{len}");
        let _ = decoder.decode(&[0xa5; 100], &mut output);
    }
}

/// Decodes as a processor does that has nothing special.
fn decode_plainly(input: &[u8], len: usize) -> Result<Vec<u8>, DecodeError> {
    let (mut codes, mut output) = (Box::new(Codes::new()), vec![0xd1; len]);
    codes.start(len);
    chunk(&mut codes, &mut X86::new(), input, &mut output, x86::marks).map(|()| output)
}

#[test]
fn machine_code_is_found_alike_on_all_processors() {
    for seed in 0..20 {
        let code = machine_code(30_000, seed);
        let stored = encode(&literals(&code), false);
        assert!(decode(&stored, code.len()) == decode_plainly(&stored, code.len()), "seed {seed}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_items_are_decoded(numbers in prop::collection::vec(any::<u64>(), 0..3000), len in 1..200_000_usize) {
        check(&items(&numbers, len.min(numbers.len() * 60 + 100)));
    }

    #[test]
    fn damaged_chunks_never_panic(
        numbers in prop::collection::vec(any::<u64>(), 0..300),
        len in 1..5000_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        other_len in 0..8000_usize,
    ) {
        let mut stored = encode(&items(&numbers, len), true);
        for (at, value) in changes {
            let at = at.index(stored.len());
            stored[at] = value;
        }
        for len in [len, other_len] {
            let found = decode(&stored, len);
            prop_assert_eq!(&found, &decode_plainly(&stored, len));
        }
    }

    #[test]
    fn any_bytes_never_panic(input in prop::collection::vec(any::<u8>(), 0..400), len in 0..20_000_usize) {
        let _ = decode(&input, len);
    }
}
