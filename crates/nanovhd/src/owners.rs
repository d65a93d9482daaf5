//! Which files of an image a piece of content belongs to, for messages.

use std::fmt;

use nanovhd_tree::{Content, Source, Tree, WalkEntry, visible};
use serde::Serialize;

/// How many paths a message names.
const NAMED: usize = 3;

/// The files whose content something is: the paths of the first few, and how many there are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Owners {
    /// The first paths in the order of the tree, control characters escaped; a named stream is
    /// `path:stream`.
    pub paths: Vec<String>,
    /// How many there are, hard links counted as often as they have names.
    pub count: usize,
}

impl Owners {
    /// The owners of the contents that `is_it` says yes to.
    pub(crate) fn of(tree: &Tree, is_it: impl Fn(&Source) -> bool) -> Self {
        let mut owners = Self::default();
        let mut add = |content: &Content, path: &dyn Fn() -> String| {
            if is_it(content.source()) {
                owners.count += 1;
                if owners.paths.len() < NAMED {
                    owners.paths.push(visible(&path()));
                }
            }
        };
        for step in tree.walk() {
            each_content(&step, &mut add);
        }
        owners
    }
}

fn each_content(step: &WalkEntry<'_>, add: &mut impl FnMut(&Content, &dyn Fn() -> String)) {
    if let Some(content) = step.file.content() {
        add(content, &|| step.path());
    }
    for stream in &step.file.metadata.streams {
        add(&stream.content, &|| format!("{}:{}", step.path(), stream.name));
    }
    if let Some(reparse) = &step.file.metadata.reparse {
        add(&reparse.data, &|| format!("{} (reparse point)", step.path()));
    }
}

/// `\a, \b, \c and 4 more`.
impl fmt::Display for Owners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.paths.join(", "))?;
        match self.count - self.paths.len() {
            0 if self.paths.is_empty() => f.write_str("no file"),
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use nanovhd_tree::{BlobId, Metadata, SourceId, Stream};

    use super::*;

    #[test]
    fn owners_are_files_streams_and_links() {
        let blob = |index| Content::blob(BlobId { source: SourceId(0), index }, 9);
        let mut tree = Tree::new();
        let mut meta = Metadata::default();
        meta.streams.push(Stream { name: "s".into(), content: blob(7) });
        let a = tree.add_file(Tree::ROOT, "a".into(), meta, blob(7)).unwrap();
        tree.link(Tree::ROOT, "b".into(), a).unwrap();
        tree.add_file(Tree::ROOT, "c".into(), Metadata::default(), blob(8)).unwrap();
        let of = |index| Owners::of(&tree, |s| matches!(s, Source::Blob(id) if id.index == index)).to_string();
        assert_eq!(of(7), "\\a, \\a:s, \\b and 1 more");
        assert_eq!(of(8), "\\c");
        assert_eq!(of(9), "no file");
    }
}
