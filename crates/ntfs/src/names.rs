//! `$FILE_NAME` values and the namespaces of names.
//!
//! A name belongs to one of four namespaces. A file that has an 8.3 name has two `$FILE_NAME`
//! attributes for one directory entry, a Win32 and a DOS one, and NTFS allows a file only one such
//! pair however many hard links it has; a name that is its own 8.3 name is both at once; all other
//! names are POSIX ones, which Windows shows like any other.

use std::cmp::Ordering;

use nanovhd_tree::{FileId, Name, Tree, upcase};
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U32, U64};

use crate::error::LayoutError;
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
enum DosForm {
    /// The image gives it an 8.3 name.
    Given,
    /// It is an 8.3 name itself.
    Itself,
    /// Neither, or the 8.3 name clashes with another name of the directory.
    None,
}

/// A name of a link, the long or the DOS one, in the place of both: twice the link's number, and one more
/// for the DOS name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LinkName(u32);

impl LinkName {
    fn new(link: usize, is_dos: bool) -> Result<Self, LayoutError> {
        let link = u32::try_from(link).ok().and_then(|link| link.checked_mul(2)).ok_or(LayoutError::TooManyFiles)?;
        Ok(Self(link | u32::from(is_dos)))
    }

    fn link(self) -> usize {
        (self.0 / 2) as usize
    }

    pub(crate) fn is_dos(self) -> bool {
        !self.0.is_multiple_of(2)
    }
}

/// All links of a tree, by directory and by file.
#[derive(Debug)]
pub(crate) struct Links<'t> {
    /// In the order of the directories' ids, then of the names.
    links: Vec<Link<'t>>,
    /// Numbers of `links` in the order of the files that they name.
    by_file: Vec<u32>,
    /// Where the links of each file begin in `by_file`, with one more for the end.
    of_file: Vec<u32>,
    /// The names of each directory, those that are DOS names too, in the order of its index.
    by_name: Vec<LinkName>,
    /// Where the names of each directory begin in `by_name`, by file index, with one more for the end.
    in_directory: Vec<u32>,
    /// 8.3 names of the image that NTFS can't hold: the entries they belong to.
    pub(crate) lost_short_names: Vec<(FileId, &'t Name)>,
}

impl<'t> Links<'t> {
    pub(crate) fn of(tree: &'t Tree) -> Result<Self, LayoutError> {
        let mut links = Vec::new();
        let mut sorter = Sorter::default();
        let mut directories = Vec::new();
        for (parent, file) in tree.files() {
            let Some(entries) = file.directory() else { continue };
            let first = links.len();
            for (name, entry) in entries {
                let dos = entry.short_name.as_ref();
                links.push(Link { file: entry.file, parent, name, namespace: Namespace::Posix, dos });
            }
            sorter.sort(&links, first)?;
            directories.push((parent, sorter.by_name.len()));
        }
        let of_file = starts(tree.file_count(), links.iter().map(|link| link.file.index()));
        let mut this = Self {
            by_file: by_file(&links, &of_file),
            of_file,
            links,
            by_name: sorter.by_name,
            in_directory: Vec::new(),
            lost_short_names: Vec::new(),
        };
        this.choose_dos_names(&sorter.forms);
        this.drop_unchosen(tree.file_count(), &directories);
        Ok(this)
    }

    /// Gives each file the one DOS name it may have: the first that the image gives it, else its
    /// first name that is an 8.3 name.
    fn choose_dos_names(&mut self, forms: &[DosForm]) {
        let links = &mut self.links;
        for range in self.of_file.windows(2) {
            let of_file = &self.by_file[range[0] as usize..range[1] as usize];
            let form = |form| of_file.iter().map(|&i| i as usize).find(|&i| forms[i] == form);
            if let Some(chosen) = form(DosForm::Given).or_else(|| form(DosForm::Itself)) {
                links[chosen].namespace = match forms[chosen] {
                    DosForm::Given => Namespace::Win32,
                    _ => Namespace::Win32AndDos,
                };
            }
        }
        for link in links {
            if link.namespace == Namespace::Posix && link.dos.is_some() {
                self.lost_short_names.push((link.parent, link.name));
            }
            if link.namespace != Namespace::Win32 {
                link.dos = None;
            }
        }
    }

    /// Takes the short names that were not chosen out of the sorted names, of which the directories have
    /// those up to the given ends.
    fn drop_unchosen(&mut self, files: usize, directories: &[(FileId, usize)]) {
        let (mut kept, mut at) = (0, 0);
        let mut ends = directories.iter();
        let mut starts = Vec::with_capacity(files + 1);
        for file in 0..files {
            starts.push(kept);
            if ends.as_slice().first().is_some_and(|(id, _)| id.index() == file) {
                let end = ends.next().map_or(at, |&(_, end)| end);
                while at < end {
                    let name = self.by_name[at];
                    at += 1;
                    if !name.is_dos() || self.links[name.link()].dos.is_some() {
                        self.by_name[kept as usize] = name;
                        kept += 1;
                    }
                }
            }
        }
        starts.push(kept);
        self.by_name.truncate(kept as usize);
        self.in_directory = starts;
    }

    /// The links that name `file`.
    pub(crate) fn of_file(&self, file: FileId) -> impl Iterator<Item = &Link<'t>> {
        let range = self.of_file[file.index()] as usize..self.of_file[file.index() + 1] as usize;
        self.by_file[range].iter().map(|&i| &self.links[i as usize])
    }

    /// The names that `directory` holds, in the order of its index.
    pub(crate) fn in_directory(&self, directory: FileId) -> &[LinkName] {
        let range = self.in_directory[directory.index()] as usize..self.in_directory[directory.index() + 1] as usize;
        &self.by_name[range]
    }

    /// The link that a name is of.
    pub(crate) fn link(&self, name: LinkName) -> &Link<'t> {
        &self.links[name.link()]
    }

    /// The name itself.
    pub(crate) fn name(&self, name: LinkName) -> &'t Name {
        let link = self.link(name);
        link.dos.filter(|_| name.is_dos()).unwrap_or(link.name)
    }
}

/// Sorts the names of one directory after the other, and finds those that clash.
#[derive(Debug, Default)]
struct Sorter<'t> {
    /// Scratch: the names of the directory at hand, each behind its [`key`].
    names: Vec<(u64, &'t Name, LinkName)>,
    /// Scratch: whether the long and the short name of each of its links are the only ones like them.
    alone: Vec<[bool; 2]>,
    by_name: Vec<LinkName>,
    /// By link.
    forms: Vec<DosForm>,
}

impl<'t> Sorter<'t> {
    /// Takes the directory whose links begin at `first`.
    fn sort(&mut self, links: &[Link<'t>], first: usize) -> Result<(), LayoutError> {
        self.names.clear();
        for (number, link) in (first..).zip(&links[first..]) {
            self.names.push((key(link.name), link.name, LinkName::new(number, false)?));
            // A short name that is the long one but for case is no name of its own.
            if let Some(short) = link.dos.filter(|short| !short.eq_ignore_case(link.name)) {
                self.names.push((key(short), short, LinkName::new(number, true)?));
            }
        }
        self.names.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| collate(a.1, b.1)));
        self.alone.clear();
        self.alone.resize(links.len() - first, [true; 2]);
        for pair in self.names.windows(2) {
            if pair[0].0 == pair[1].0 && pair[0].1.eq_ignore_case(pair[1].1) {
                for (_, _, name) in pair {
                    self.alone[name.link() - first][usize::from(name.is_dos())] = false;
                }
            }
        }
        self.by_name.extend(self.names.iter().map(|(_, _, name)| *name));
        self.forms.extend(links[first..].iter().zip(&self.alone).map(|(link, alone)| dos_form(link, *alone)));
        Ok(())
    }
}

/// The first four units of a name, upper-cased: most pairs of names are told apart by them, without a
/// look at names that lie all over the memory. No name has a zero, so the end of a short one comes first.
fn key(name: &Name) -> u64 {
    (0..4).fold(0, |key, i| key << 16 | name.units().get(i).map_or(0, |&unit| u64::from(upcase(unit))))
}

/// How NTFS sorts names: upper-cased first, names that differ only in case by their units.
pub(crate) fn collate(a: &Name, b: &Name) -> Ordering {
    a.cmp_ignore_case(b).then_with(|| a.cmp(b))
}

fn dos_form(link: &Link<'_>, [name_alone, short_alone]: [bool; 2]) -> DosForm {
    match link.dos {
        Some(short) if short.eq_ignore_case(link.name) => {
            if name_alone {
                DosForm::Itself
            } else {
                DosForm::None
            }
        }
        Some(_) if short_alone => DosForm::Given,
        None if name_alone && is_8_3(link.name) => DosForm::Itself,
        Some(_) | None => DosForm::None,
    }
}

/// Where each file's share begins when things are sorted by file index, with one more for the end.
fn starts(count: usize, files: impl Iterator<Item = usize>) -> Vec<u32> {
    let mut starts = vec![0; count + 1];
    for file in files {
        starts[file + 1] += 1;
    }
    for i in 1..starts.len() {
        starts[i] += starts[i - 1];
    }
    starts
}

/// The numbers of the links by file, those of one file in their own order.
fn by_file(links: &[Link<'_>], of_file: &[u32]) -> Vec<u32> {
    let mut next = of_file.to_vec();
    let mut by_file = vec![0; links.len()];
    for (number, link) in (0..).zip(links) {
        let place = &mut next[link.file.index()];
        by_file[*place as usize] = number;
        *place += 1;
    }
    by_file
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
    if units.len() > 12 {
        return false;
    }
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

/// Bytes of a `$FILE_NAME` with this name.
pub(crate) fn file_name_size(name: &Name) -> usize {
    size_of::<FileNameHeader>() + 2 * name.units().len()
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
    let mut value = Vec::with_capacity(file_name_size(name));
    value.extend_from_slice(header.as_bytes());
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
        let links = Links::of(tree).unwrap();
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

    /// A tree with many names that clash, in any case and as 8.3 names of each other.
    fn crowded(names: u32) -> Tree {
        let mut tree = Tree::new();
        for i in 0..names {
            let name = match i % 4 {
                0 => format!("F{:x}", i / 8),
                1 => format!("f{:X}", i / 16),
                2 => format!("a longer name {i}"),
                _ => format!("A Longer Name {}", i - 1),
            };
            let name = Name::from(name.as_str());
            let metadata = Metadata::default();
            if tree.add_file(Tree::ROOT, name.clone(), metadata, Content::empty()).is_ok() && i % 3 == 0 {
                let short = format!("F{:X}", i / 6);
                tree.set_short_name(Tree::ROOT, &name, Some(short.as_str().into())).unwrap();
            }
        }
        tree
    }

    #[test]
    fn names_are_sorted_and_clashes_found_as_by_comparing_each_with_each() {
        let tree = crowded(600);
        let links = Links::of(&tree).unwrap();
        let entries = || tree.file(Tree::ROOT).directory().unwrap().iter();
        let shorts = || entries().filter_map(|(name, entry)| Some((name, entry.short_name.as_ref()?)));
        let own = || shorts().filter(|(name, short)| !short.eq_ignore_case(name)).map(|(_, short)| short);
        let all: Vec<&Name> = entries().map(|(name, _)| name).chain(own()).collect();
        let alone = |name: &Name| all.iter().filter(|other| other.eq_ignore_case(name)).count() == 1;
        let mut expected = Vec::new();
        for (name, entry) in entries() {
            let short = entry.short_name.as_ref();
            let (namespace, dos) = match short.filter(|short| alone(short)) {
                Some(short) if short.eq_ignore_case(name) => (Namespace::Win32AndDos, None),
                Some(short) => (Namespace::Win32, Some(short)),
                None if short.is_none() && is_8_3(name) && alone(name) => (Namespace::Win32AndDos, None),
                None => (Namespace::Posix, None),
            };
            let found = links.of_file(entry.file).next().unwrap();
            assert_eq!((found.namespace, found.dos), (namespace, dos), "{name:?}");
            expected.extend([name].into_iter().chain(dos));
        }
        expected.sort_by(|a, b| collate(a, b));
        let found: Vec<&Name> = links.in_directory(Tree::ROOT).iter().map(|&name| links.name(name)).collect();
        assert_eq!(found, expected);
        assert!(links.lost_short_names.len() > 10 && found.iter().any(|name| own().any(|dos| dos == *name)));
    }

    #[test]
    fn names_that_clash_when_folded_are_posix_names() {
        let mut tree = Tree::new();
        for name in ["twin", "TWIN", "PROGRA~1", "Program Files"] {
            tree.add_file(Tree::ROOT, name.into(), Metadata::default(), Content::empty()).unwrap();
        }
        tree.set_short_name(Tree::ROOT, &"Program Files".into(), Some("PROGRA~1".into())).unwrap();
        assert!(namespaces(&tree).iter().all(|n| n.1 == Namespace::Posix), "{:?}", namespaces(&tree));
        assert_eq!(Links::of(&tree).unwrap().lost_short_names.len(), 1, "the short name that is taken is reported");
    }
}
