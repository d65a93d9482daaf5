//! Where a file is, for messages.

use std::fmt;
use std::sync::Arc;

use nanovhd_tree::Name;

/// A path that shares what it has in common with others, so that a deep directory of many files
/// takes no more memory than its names.
#[derive(Clone, Default)]
pub(crate) struct Path(Option<Arc<Link>>);

struct Link {
    name: Name,
    parent: Path,
}

impl Path {
    /// The path of `name` in this directory.
    pub(crate) fn join(&self, name: &Name) -> Self {
        Self(Some(Arc::new(Link { name: name.clone(), parent: self.clone() })))
    }
}

/// `\EFI\Boot`, at most its last names that have 260 units: paths are not longer on Windows.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MAX_UNITS: usize = 260;

        let (mut names, mut units) = (Vec::new(), 0);
        let mut at = &self.0;
        while let Some(link) = at {
            units += 1 + link.name.units().len();
            if units > MAX_UNITS {
                f.write_str("…")?;
                break;
            }
            names.push(&link.name);
            at = &link.parent.0;
        }
        if names.is_empty() {
            f.write_str("\\")?;
        }
        names.iter().rev().try_for_each(|name| write!(f, "\\{name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_paths_are_cut_in_front() {
        let root = Path::default();
        assert_eq!(root.to_string(), "\\");
        let mut path = root.join(&"EFI".into()).join(&"Boot".into());
        assert_eq!(path.to_string(), "\\EFI\\Boot");
        for _ in 0..100 {
            path = path.join(&"0123456789".into());
        }
        let text = path.to_string();
        assert!(text.starts_with("…\\0123456789\\") && text.len() < 270, "{text}");
    }
}
