//! LZNT1, the compression of NTFS streams, undone. [MS-XCA] 2.5.

/// What a chunk expands to.
const CHUNK: usize = 4096;

/// Why a unit can't be expanded: where in it, and what is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Damaged {
    /// Bytes from the start of the unit.
    pub(crate) at: usize,
    pub(crate) what: &'static str,
}

/// Expands the chunks of `input` into `output`. What the chunks leave open reads as zeros.
pub(crate) fn expand(input: &[u8], output: &mut [u8]) -> Result<(), Damaged> {
    let mut at = 0;
    for piece in output.chunks_mut(CHUNK) {
        let Some(header) = input.get(at..at + 2).map(|b| u16::from_le_bytes([b[0], b[1]])) else {
            piece.fill(0);
            continue;
        };
        if header == 0 {
            // The end: everything after it is zeros, whatever bytes are left.
            piece.fill(0);
            at = input.len();
            continue;
        }
        // The low twelve bits are three less than the size with the header.
        let size = usize::from(header & 0x0fff) + 1;
        let body =
            input.get(at + 2..at + 2 + size).ok_or(Damaged { at, what: "a chunk is longer than what is left" })?;
        let filled = if header & 0x8000 == 0 {
            let length = body.len().min(piece.len());
            piece[..length].copy_from_slice(&body[..length]);
            length
        } else {
            expand_chunk(body, piece).map_err(|what| Damaged { at, what })?
        };
        piece[filled..].fill(0);
        at += 2 + size;
    }
    Ok(())
}

/// Expands the body of one chunk and says how many bytes it gave.
fn expand_chunk(mut body: &[u8], output: &mut [u8]) -> Result<usize, &'static str> {
    let mut filled = 0;
    while let Some((&flags, rest)) = body.split_first() {
        body = rest;
        for bit in 0..8 {
            if body.is_empty() || filled == output.len() {
                break;
            }
            if flags & (1 << bit) == 0 {
                output[filled] = body[0];
                filled += 1;
                body = &body[1..];
                continue;
            }
            let Some(word) = body.first_chunk::<2>() else { return Err("a match is cut off") };
            filled = copy_match(u16::from_le_bytes(*word), output, filled)?;
            body = &body[2..];
        }
        if filled == output.len() {
            break;
        }
    }
    Ok(filled)
}

/// Copies a match to `filled` and says where it ends. The further into the chunk, the more of the
/// word's bits are the distance and the fewer the length.
fn copy_match(word: u16, output: &mut [u8], filled: usize) -> Result<usize, &'static str> {
    let mut length_bits = 12;
    while filled > 1 << (16 - length_bits) {
        length_bits -= 1;
    }
    let distance = usize::from(word >> length_bits) + 1;
    let length = usize::from(word & ((1 << length_bits) - 1)) + 3;
    let end = filled + length;
    if distance > filled {
        return Err("a match begins before its chunk");
    }
    if end > output.len() {
        return Err("a match ends behind its chunk");
    }
    for i in filled..end {
        output[i] = output[i - distance];
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_expands() {
        // [MS-XCA] 3.3: the text of its example, compressed.
        let input = [
            0x38, 0xb0, 0x88, 0x46, 0x23, 0x20, 0x00, 0x20, 0x47, 0x20, 0x41, 0x00, 0x10, 0xa2, 0x47, 0x01, 0xa0,
            0x45, 0x20, 0x44, 0x00, 0x08, 0x45, 0x01, 0x50, 0x79, 0x00, 0xc0, 0x45, 0x20, 0x05, 0x24, 0x13, 0x88,
            0x05, 0xb4, 0x02, 0x4a, 0x44, 0xef, 0x03, 0x58, 0x02, 0x8c, 0x09, 0x16, 0x01, 0x48, 0x45, 0x00, 0xbe,
            0x00, 0x9e, 0x00, 0x04, 0x01, 0x18, 0x90, 0x00,
        ];
        let expected = b"F# F# G A A G F# E D D E F# F# E E F# F# G A A G F# E D D E F# E D D E E F# D E F# G F# D E F# G F# E D E A F# F# G A A G F# E D D E F# E D D\0";
        let mut output = vec![0xd1; 4096];
        expand(&input, &mut output).unwrap();
        assert_eq!(&output[..expected.len()], expected);
        assert!(output[expected.len()..].iter().all(|b| *b == 0));
    }

    #[test]
    fn stored_chunks_and_the_end_are_understood() {
        let mut input = vec![0xff, 0x3f];
        input.extend([7; 4096]);
        input.extend([0, 0, 0xff, 0xff]);
        let mut output = vec![0xd1; 3 * 4096];
        expand(&input, &mut output).unwrap();
        assert!(output[..4096].iter().all(|b| *b == 7) && output[4096..].iter().all(|b| *b == 0));
    }

    #[test]
    fn damage_is_an_error() {
        let mut output = vec![0; 4096];
        for (input, what) in [
            (&[0xff, 0xbf, 0][..], "a chunk is longer than what is left"),
            (&[0x02, 0xb0, 1, 0, 0], "a match begins before its chunk"),
            (&[0x01, 0xb0, 2, 7], "a chunk"),
            (&[0x02, 0xb0, 2, 7, 0], "a match is cut off"),
            (&[0x03, 0xb0, 2, 7, 0xff, 0x0f], "a match ends behind its chunk"),
        ] {
            match expand(input, &mut output) {
                Err(damaged) => assert_eq!(damaged.what, what),
                Ok(()) => assert_eq!(what, "a chunk", "{input:x?}"),
            }
        }
    }
}
