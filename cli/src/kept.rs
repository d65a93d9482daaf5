//! What of an image is kept on the volume, and what is not: the table of the help and of the README.

/// Each thing that an image may state of a file, and what becomes of it.
const ROWS: [(&str, &str); 17] = [
    ("names", "kept: all 16-bit units, lone surrogates and names that differ in case only too"),
    ("8.3 names", "kept; NTFS has one for a file with several names, and none that clashes: others are reported"),
    ("hard links", "kept, thousands for a file; more than an attribute list can name are refused"),
    ("contents, named streams", "kept, those of directories too; every SHA-1 is checked"),
    ("times", "kept to 100 ns; a WIM does not say when the record last changed: that is the last write"),
    ("security descriptors", "kept byte for byte; a file without one gets the usual rights, and that is reported"),
    ("reparse points", "kept, every tag, byte for byte; more than 16 KiB are refused"),
    ("object ids", "kept, with what they say of the file's birth; one that two files have is refused"),
    ("extended attributes", "kept; more than 64 KiB for a file are refused, damaged ones reported"),
    ("read-only, hidden, system, archive, temporary, offline, not indexed, no scrub", "kept"),
    ("pinned, unpinned, recall on access", "kept, with the reparse point of the cloud file"),
    ("compressed", "kept as a mark, for clusters of at most 4 KiB; the data themselves lie uncompressed"),
    ("sparse", "kept as a mark; the zeros are stored; on a directory it is left out and reported"),
    (
        "encrypted",
        "a file is refused, as its key is not in the image; of a directory the mark is left out and reported",
    ),
    ("integrity (ReFS)", "left out and reported"),
    ("device, virtual, recall on open, unknown bits", "left out and reported: reserved, or a running system's"),
    ("Unix owners and modes, unknown items", "left out and reported"),
];

/// The table for a terminal of 100 columns.
pub(crate) fn table() -> String {
    const WIDTH: usize = 26;
    const LINE: usize = 96;
    let mut text = "What of an image is on the volume, and what is not:\n".to_owned();
    for (what, fate) in ROWS {
        let (what, fate) = (wrapped(what, WIDTH), wrapped(fate, LINE - WIDTH - 4));
        for n in 0..what.len().max(fate.len()) {
            let cell = |lines: &[String]| lines.get(n).cloned().unwrap_or_default();
            let line = format!("  {:<WIDTH$}  {}", cell(&what), cell(&fate));
            text += &format!("{}\n", line.trim_end());
        }
    }
    text
}

/// The words in lines of at most so many characters.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => *line += &format!(" {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_the_same_table() {
        let readme = include_str!("../../README.md");
        for (what, fate) in ROWS {
            let row = format!("| {what} | {fate} |\n");
            assert!(readme.contains(&row), "the README lacks: {row}");
        }
    }

    #[test]
    fn the_table_fits_the_terminal() {
        assert!(table().lines().all(|line| line.chars().count() <= 96), "{}", table());
        assert!(table().contains(&format!("\n  {:<26}  left out and reported\n", "integrity (ReFS)")), "{}", table());
    }
}
