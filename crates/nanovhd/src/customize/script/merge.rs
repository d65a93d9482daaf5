//! Our part within a script that the image may have already.
//!
//! What is there stays, to the byte. Lines mark our part, so that a second time it takes the place of the
//! first: the same customization twice gives the same script.

use std::fmt;
use std::ops::Range;

use super::block::{BEGIN, END};

/// Where `cmd.exe` takes a batch file to end.
const END_OF_TEXT: u8 = 0x1a;
const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
const UTF16_MARKS: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// A script with our part in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Merged {
    pub(super) bytes: Vec<u8>,
    pub(super) notes: Vec<Note>,
}

/// What is odd about the image's own script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Note {
    /// It may end on its own.
    Exits,
    /// It begins with a byte order mark.
    Mark,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exits => {
                "the image's own SetupComplete.cmd has an exit or a jump to its end, so the commands of the first start \
                 go before it and not behind"
            }
            Self::Mark => {
                "the image's own SetupComplete.cmd begins with a byte order mark, so cmd.exe does not understand its first line"
            }
        })
    }
}

/// Puts our part into a script: in the place of an older one, else at the end, or before everything if
/// the script may end on its own.
///
/// # Errors
/// What the script is that `cmd.exe` can't run.
pub(super) fn merge(existing: Option<&[u8]>, block: &[u8]) -> Result<Merged, &'static str> {
    let existing = existing.unwrap_or_default();
    if UTF16_MARKS.iter().any(|mark| existing.starts_with(mark)) {
        return Err("is in UTF-16, which cmd.exe can't run");
    }
    if existing.contains(&0) {
        return Err("has zero bytes in it, at which cmd.exe stops");
    }
    let ours = find_ours(existing);
    let mut notes = Vec::new();
    if existing.starts_with(UTF8_MARK) {
        notes.push(Note::Mark);
    }
    let mut bytes = Vec::with_capacity(existing.len() + block.len() + 4);
    if let Some(first) = ours.first() {
        // What stands between the parts stays; parts beyond the first go away.
        bytes.extend_from_slice(&existing[..first.start]);
        bytes.extend_from_slice(block);
        let ends = ours.iter().skip(1).map(|part| part.start).chain([existing.len()]);
        for (part, end) in ours.iter().zip(ends) {
            bytes.extend_from_slice(&existing[part.end..end]);
        }
        return Ok(Merged { bytes, notes });
    }
    if lines(existing).any(|line| may_exit(&existing[line])) {
        notes.push(Note::Exits);
        // A mark stays at the start, alone in its line.
        let text = existing.strip_prefix(UTF8_MARK).unwrap_or(existing);
        if text.len() < existing.len() {
            bytes.extend_from_slice(UTF8_MARK);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(block);
        bytes.extend_from_slice(text);
        return Ok(Merged { bytes, notes });
    }
    let end = existing.iter().position(|&b| b == END_OF_TEXT).unwrap_or(existing.len());
    let (text, rest) = existing.split_at(end);
    bytes.extend_from_slice(text);
    if !text.is_empty() && !text.ends_with(b"\n") {
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(block);
    bytes.extend_from_slice(rest);
    Ok(Merged { bytes, notes })
}

/// The ranges of lines, with what ends them.
fn lines(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    text.split_inclusive(|&b| b == b'\n').scan(0, |at, line| {
        let start = *at;
        *at += line.len();
        Some(start..*at)
    })
}

/// Where our parts are: from a line that begins one to the next line that ends one, without another begin
/// between. Marks that have lost their partner are the image's.
fn find_ours(text: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut begin = None;
    for line in lines(text) {
        let words = text[line.clone()].trim_ascii();
        if words.eq_ignore_ascii_case(BEGIN.as_bytes()) {
            begin = Some(line.start);
        } else if words.eq_ignore_ascii_case(END.as_bytes()) {
            found.extend(begin.take().map(|start| start..line.end));
        }
    }
    found
}

/// Whether a line may end the script: it has the word `exit`, or jumps to the end. Not all that look so do, but
/// to go first is no harm.
fn may_exit(line: &[u8]) -> bool {
    let line = line.trim_ascii().to_ascii_lowercase();
    let command = line.strip_prefix(b"@").unwrap_or(&line).trim_ascii_start();
    if command.starts_with(b"::") || command == b"rem" || command.starts_with(b"rem ") {
        return false;
    }
    let is_word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'\\' | b':');
    let mut words = line.split(|b| !is_word(b)).filter(|word| !word.is_empty()).peekable();
    while let Some(word) = words.next() {
        let jumps = word == b"goto:eof" || word == b"goto" && words.peek().is_some_and(|next| *next == b":eof");
        if word == b"exit" || jumps {
            return true;
        }
    }
    false
}
