//! `$FILE_NAME` values and the namespaces of names.
//!
//! A name belongs to one of four namespaces. A file that has an 8.3 name has two `$FILE_NAME`
//! attributes for one directory entry, a Win32 and a DOS one, and NTFS allows a file only one such
//! pair however many hard links it has; a name that is its own 8.3 name is both at once; all other
//! names are POSIX ones, which Windows shows like any other.

use std::collections::HashMap;

use nanovhd_tree::{Entry, File, FileId, Name, Tree, upcase};
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U32, U64};

use crate::format::FileNameHeader;
use crate::units::FileRef;

/// What a `$FILE_NAME` is a name for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Namespace {
    Posix = 0,
    Win32 = 1,
    Dos = 2,
    Win32AndDos = 3,
}

/// A directory entry: one name, or a Win32 name with its DOS name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link<'t> {
    pub(crate) file: FileId,
    pub(crate) parent: FileId,
    pub(crate) name: &'t Name,
    pub(crate) namespace: Namespace,
    pub(crate) dos: Option<&'t Name>,
}

/// What an entry's name could be besides a POSIX name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DosForm<'t> {
    /// The image gives it this 8.3 name.
    Given(&'t Name),
    /// It is an 8.3 name itself.
    Itself,
    /// Neither, or the 8.3 name clashes with another name of the directory.
    None,
}

/// All links of a tree, by directory and by file.
#[derive(Debug)]
pub(crate) struct Links<'t> {
    /// In the order of the directories' ids, then of the names.
    links: Vec<Link<'t>>,
    /// Where the links in each directory begin, by file index, with one more for the end.
    in_directory: Vec<usize>,
    /// Indices of `links` in the order of the files that they name.
    by_file: Vec<usize>,
    /// Where the links of each file begin in `by_file`, with one more for the end.
    of_file: Vec<usize>,
    /// 8.3 names of the image that NTFS can't hold: the entries they belong to.
    pub(crate) lost_short_names: Vec<(FileId, &'t Name)>,
}

impl<'t> Links<'t> {
    pub(crate) fn of(tree: &'t Tree) -> Self {
        let mut links = Vec::new();
        let mut forms = Vec::new();
        for (parent, directory) in tree.files() {
            let names = folded_names(directory);
            for (name, entry) in directory.directory().into_iter().flatten() {
                links.push(Link { file: entry.file, parent, name, namespace: Namespace::Posix, dos: None });
                forms.push(dos_form(name, entry, &names));
            }
        }
        let mut by_file: Vec<usize> = (0..links.len()).collect();
        by_file.sort_by_key(|&i| links[i].file);
        let mut this = Self {
            in_directory: starts(tree, links.iter().map(|link| link.parent)),
            of_file: starts(tree, links.iter().map(|link| link.file)),
            links,
            by_file,
            lost_short_names: Vec::new(),
        };
        this.choose_dos_names(tree, &forms);
        this
    }

    /// Gives each file the one DOS name it may have: the first that the image gives it, else its
    /// first name that is an 8.3 name.
    fn choose_dos_names(&mut self, tree: &'t Tree, forms: &[DosForm<'t>]) {
        for range in self.of_file.windows(2) {
            let of_file = &self.by_file[range[0]..range[1]];
            let given = of_file.iter().find(|&&i| matches!(forms[i], DosForm::Given(_)));
            let chosen = given.or_else(|| of_file.iter().find(|&&i| forms[i] == DosForm::Itself));
            if let Some(&chosen) = chosen {
                (self.links[chosen].namespace, self.links[chosen].dos) = match forms[chosen] {
                    DosForm::Given(short) => (Namespace::Win32, Some(short)),
                    _ => (Namespace::Win32AndDos, None),
                };
            }
        }
        for link in &self.links {
            let entry = tree.file(link.parent).directory().and_then(|d| d.get(link.name));
            if link.namespace == Namespace::Posix && entry.is_some_and(|e| e.short_name.is_some()) {
                self.lost_short_names.push((link.parent, link.name));
            }
        }
    }

    /// The links that name `file`.
    pub(crate) fn of_file(&self, file: FileId) -> impl Iterator<Item = &Link<'t>> {
        let range = self.of_file[file.index()]..self.of_file[file.index() + 1];
        self.by_file[range].iter().map(|&i| &self.links[i])
    }

    /// The links that `directory` holds.
    pub(crate) fn in_directory(&self, directory: FileId) -> &[Link<'t>] {
        &self.links[self.in_directory[directory.index()]..self.in_directory[directory.index() + 1]]
    }
}

/// Where each file's share begins when things are sorted by file, with one more for the end.
fn starts(tree: &Tree, files: impl Iterator<Item = FileId>) -> Vec<usize> {
    let mut starts = vec![0; tree.file_count() + 1];
    for file in files {
        starts[file.index() + 1] += 1;
    }
    for i in 1..starts.len() {
        starts[i] += starts[i - 1];
    }
    starts
}

fn dos_form<'t>(name: &Name, entry: &'t Entry, names: &HashMap<Vec<u16>, u32>) -> DosForm<'t> {
    let alone = |name: &Name| names.get(&fold(name)) == Some(&1);
    match &entry.short_name {
        Some(short) if !alone(short) => DosForm::None,
        Some(short) if short.eq_ignore_case(name) => DosForm::Itself,
        Some(short) => DosForm::Given(short),
        None if is_8_3(name) && alone(name) => DosForm::Itself,
        None => DosForm::None,
    }
}

fn fold(name: &Name) -> Vec<u16> {
    name.units().iter().map(|&u| upcase(u)).collect()
}

/// How often each folded name, long or short, occurs in a directory.
fn folded_names(directory: &File) -> HashMap<Vec<u16>, u32> {
    let mut counts = HashMap::new();
    for (name, entry) in directory.directory().into_iter().flatten() {
        let folded = fold(name);
        if let Some(short) = entry.short_name.as_ref().map(fold).filter(|short| *short != folded) {
            *counts.entry(short).or_insert(0) += 1;
        }
        *counts.entry(folded).or_insert(0) += 1;
    }
    counts
}

/// Whether a name is its own 8.3 name: one to eight characters of the FAT set, and perhaps a dot
/// and one to three more. [MS-FSCC] 2.1.5.2.1; characters beyond ASCII depend on the machine's
/// code page, so names with them are left to the POSIX namespace.
pub(crate) fn is_8_3(name: &Name) -> bool {
    let legal = |units: &[u16]| {
        units
            .iter()
            .all(|&u| u8::try_from(u).is_ok_and(|c| c.is_ascii_graphic() && !br#""*+,/:;<=>?[\]|."#.contains(&c)))
    };
    let units = name.units();
    let (base, extension) = match units.iter().position(|&u| u == u16::from(b'.')) {
        Some(dot) => (&units[..dot], Some(&units[dot + 1..])),
        None => (units, None),
    };
    (1..=8).contains(&base.len()) && legal(base) && extension.is_none_or(|e| (1..=3).contains(&e.len()) && legal(e))
}

/// What `$FILE_NAME` repeats of a file.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct NamedFile {
    pub(crate) times: [u64; 4],
    pub(crate) allocated: u64,
    pub(crate) size: u64,
    pub(crate) attributes: u32,
    pub(crate) reparse_tag: u32,
}

/// The value of a `$FILE_NAME` attribute, which is also the key of the directory entry.
pub(crate) fn file_name(parent: FileRef, name: &Name, namespace: Namespace, file: &NamedFile) -> Vec<u8> {
    let header = FileNameHeader {
        parent: parent.to_disk(),
        times: file.times.map(U64::new),
        allocated: U64::new(file.allocated),
        size: U64::new(file.size),
        attributes: U32::new(file.attributes),
        reparse_tag: U32::new(file.reparse_tag),
        name_units: u8::try_from(name.units().len()).expect("a tree's names have at most 255 units"),
        namespace: namespace as u8,
    };
    let mut value = header.as_bytes().to_vec();
    value.extend(name.units().iter().flat_map(|u| u.to_le_bytes()));
    value
}

#[cfg(test)]
mod tests {
    use nanovhd_tree::{Content, Metadata};

    use super::*;

    #[test]
    fn eight_dot_three_names() {
        for good in ["Windows", "System32", "NTDLL.DLL", "a", "a.b", "~1_-$#"] {
            assert!(is_8_3(&good.into()), "{good}");
        }
        for bad in ["ProgramData", "a.html", "a b", ".a", "a.", "a.b.c", "a+b", "é"] {
            assert!(!is_8_3(&bad.into()), "{bad}");
        }
    }

    fn namespaces(tree: &Tree) -> Vec<(String, Namespace, bool)> {
        let links = Links::of(tree);
        links.links.iter().map(|link| (link.name.to_string(), link.namespace, link.dos.is_some())).collect()
    }

    #[test]
    fn a_file_has_at_most_one_dos_name() {
        let mut tree = Tree::new();
        let add = |tree: &mut Tree, name: &str| {
            tree.add_file(Tree::ROOT, name.into(), Metadata::default(), Content::empty()).unwrap()
        };
        let file = add(&mut tree, "A.DLL");
        tree.link(Tree::ROOT, "b.dll".into(), file).unwrap();
        tree.link(Tree::ROOT, "longer than that.dll".into(), file).unwrap();
        assert_eq!(
            namespaces(&tree),
            [
                ("A.DLL".into(), Namespace::Win32AndDos, false),
                ("b.dll".into(), Namespace::Posix, false),
                ("longer than that.dll".into(), Namespace::Posix, false)
            ]
        );
        // A short name that the image has comes before one that merely could be.
        tree.set_short_name(Tree::ROOT, &"longer than that.dll".into(), Some("LONGER~1.DLL".into())).unwrap();
        assert_eq!(namespaces(&tree)[2], ("longer than that.dll".into(), Namespace::Win32, true));
        assert_eq!(namespaces(&tree)[0].1, Namespace::Posix);
    }

    #[test]
    fn names_that_clash_when_folded_are_posix_names() {
        let mut tree = Tree::new();
        for name in ["twin", "TWIN", "PROGRA~1", "Program Files"] {
            tree.add_file(Tree::ROOT, name.into(), Metadata::default(), Content::empty()).unwrap();
        }
        tree.set_short_name(Tree::ROOT, &"Program Files".into(), Some("PROGRA~1".into())).unwrap();
        assert!(namespaces(&tree).iter().all(|n| n.1 == Namespace::Posix), "{:?}", namespaces(&tree));
        assert_eq!(Links::of(&tree).lost_short_names.len(), 1, "the short name that is taken is reported");
    }
}
