//! What a tree holds, counted.

use std::fmt;

use nanovhd_tree::Tree;
use serde::Serialize;

use crate::Size;
use crate::text::counted;

/// How many things of each kind an image holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Files that are no directories, each counted once however many names it has.
    pub files: u64,
    /// Directories, the root included.
    pub directories: u64,
    /// Names that files have beyond their first.
    pub hard_links: u64,
    /// Names that have an 8.3 name beside them.
    pub short_names: u64,
    /// Named streams.
    pub named_streams: u64,
    /// Reparse points.
    pub reparse_points: u64,
    /// Different security descriptors.
    pub security_descriptors: u64,
    /// Bytes of all streams, those of a file with several names counted once.
    pub bytes: Size,
}

impl Counts {
    /// Counts a tree.
    pub fn of(tree: &Tree) -> Self {
        let mut counts = Self { security_descriptors: tree.descriptors().len() as u64, ..Self::default() };
        for (_, file) in tree.files() {
            counts.add_file(file);
            let entries = file.directory().into_iter().flatten();
            counts.short_names += entries.filter(|(_, entry)| entry.short_name.is_some()).count() as u64;
            counts.hard_links += u64::from(file.names().saturating_sub(1));
        }
        counts
    }

    fn add_file(&mut self, file: &nanovhd_tree::File) {
        let streams = &file.metadata.streams;
        let kind = if file.is_directory() { &mut self.directories } else { &mut self.files };
        *kind += 1;
        self.named_streams += streams.len() as u64;
        self.reparse_points += u64::from(file.metadata.reparse.is_some());
        let contents = streams.iter().map(|s| &s.content).chain(file.content());
        // Lengths come from a file: their sum need not fit.
        self.bytes.0 = contents.fold(self.bytes.0, |sum, content| sum.saturating_add(content.len()));
    }
}

impl Counts {
    /// The counts that are not zero, in words, on two lines.
    pub(crate) fn lines(&self) -> [String; 2] {
        let words = |counts: &[(u64, &str)]| {
            let counts = counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| counted(*n, what));
            counts.collect::<Vec<_>>().join(", ")
        };
        let names = [(self.files, "file"), (self.directories, "directory"), (self.hard_links, "more hard link")];
        let others = [
            (self.named_streams, "named stream"),
            (self.reparse_points, "reparse point"),
            (self.security_descriptors, "security descriptor"),
        ];
        [words(&names), words(&others)]
    }
}

/// The counts that are not zero, in words.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.lines();
        let lines: Vec<&str> = lines.iter().map(String::as_str).filter(|line| !line.is_empty()).collect();
        f.write_str(&lines.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use nanovhd_tree::{Content, Metadata, Stream};

    use super::*;

    #[test]
    fn a_file_with_two_names_counts_once() {
        let mut tree = Tree::new();
        let stream = Stream { name: "s".into(), content: Content::bytes(*b"12345") };
        let mut meta = Metadata::default();
        meta.streams.push(stream);
        let dir = tree.add_directory(Tree::ROOT, "d".into(), Metadata::default()).unwrap();
        let file = tree.add_file(dir, "a".into(), meta, Content::bytes(*b"abc")).unwrap();
        tree.link(Tree::ROOT, "b".into(), file).unwrap();
        tree.set_short_name(dir, &"a".into(), Some("A~1".into())).unwrap();
        let expected = Counts {
            files: 1,
            directories: 2,
            hard_links: 1,
            short_names: 1,
            named_streams: 1,
            bytes: Size(8),
            ..Counts::default()
        };
        assert_eq!(Counts::of(&tree), expected);
    }

    #[test]
    fn counts_are_shown_without_the_zeros() {
        let counts = Counts { files: 1_234_567, directories: 1, named_streams: 1000, ..Counts::default() };
        assert_eq!(counts.to_string(), "1,234,567 files, 1 directory, 1,000 named streams");
    }
}
