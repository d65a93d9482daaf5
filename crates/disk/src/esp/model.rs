//! The directory tree of the volume, made from the paths before anything is written.
//!
//! It refuses what can't be, knows what everything will take, and says in which order the library
//! creates things: the entries of a directory lie in that order, which the repair pass relies on.

use std::collections::HashMap;

use nanovhd_tree::Name;
use thiserror::Error;

use super::{EspError, EspFile};
use crate::fat::format::{ENTRY, MAX_ENTRIES, UNITS_PER_ENTRY};

/// What is wrong with a path.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PathFault {
    /// There is no name, or nothing between two separators.
    #[error("a name in it is empty")]
    Empty,
    /// A name means a directory.
    #[error("{0:?} would mean a directory, not a name")]
    DotName(String),
    /// A name has a character that FAT names can't have.
    #[error("the name {name:?} has the character {character:?}")]
    Character {
        /// The name.
        name: String,
        /// The character.
        character: char,
    },
    /// A name is longer than the library allows, which is 255 bytes of UTF-8.
    #[error("the name {0:?} has more than 255 bytes")]
    TooLong(String),
    /// Windows takes dots and blanks at the end of a name away, so it would not find the file.
    #[error("the name {0:?} ends with a dot or a blank")]
    End(String),
    /// The library would give it a short name that starts with a blank, which can't be.
    #[error("the name {0:?} starts with a dot or a blank")]
    Start(String),
}

/// What a directory has an entry for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Child {
    /// A directory, by its number in the model.
    Directory(usize),
    /// A file, by its number in the list.
    File(usize),
}

/// Something to be created.
#[derive(Debug)]
pub(super) struct Step {
    /// The directory it goes into, by its number.
    pub(super) parent: usize,
    /// Its name.
    pub(super) name: String,
    /// What it is.
    pub(super) child: Child,
    /// The file whose path asks for it.
    pub(super) file: usize,
}

#[derive(Debug)]
struct Directory {
    /// What is there by name as Windows compares names.
    names: HashMap<Vec<u16>, Child>,
    children: Vec<Child>,
    /// Directory entries that all this takes.
    entries: u64,
}

/// The directories. The root is number 0.
#[derive(Debug)]
pub(super) struct Model {
    directories: Vec<Directory>,
    steps: Vec<Step>,
}

impl Model {
    pub(super) fn new(files: &[EspFile], labelled: bool) -> Result<Self, EspError> {
        let root = Directory { names: HashMap::new(), children: Vec::new(), entries: u64::from(labelled) };
        let mut model = Self { directories: vec![root], steps: Vec::new() };
        for (index, file) in files.iter().enumerate() {
            let fault = |fault| EspError::Path { path: file.path.clone(), fault };
            let len = file.data.len();
            if len > u64::from(u32::MAX) {
                return Err(EspError::FileTooLarge { path: file.path.clone(), len });
            }
            let names = names(&file.path).map_err(fault)?;
            model.add(index, &file.path, &names)?;
        }
        Ok(model)
    }

    fn add(&mut self, file: usize, path: &str, names: &[&str]) -> Result<(), EspError> {
        let mut parent = 0;
        for (depth, name) in names.iter().enumerate() {
            let is_last = depth + 1 == names.len();
            let found = self.directories[parent].names.get(&key(name)).copied();
            parent = match found {
                None => match self.create(parent, name, file, is_last, path)? {
                    Child::Directory(index) => index,
                    Child::File(_) => return Ok(()),
                },
                Some(Child::Directory(index)) if !is_last => index,
                Some(Child::File(_)) if is_last => return Err(EspError::Duplicate { path: path.to_owned() }),
                Some(_) => return Err(EspError::FileAndDirectory { path: path.to_owned() }),
            };
        }
        Ok(())
    }

    fn create(
        &mut self,
        parent: usize,
        name: &str,
        file: usize,
        is_file: bool,
        path: &str,
    ) -> Result<Child, EspError> {
        let child = if is_file { Child::File(file) } else { Child::Directory(self.directories.len()) };
        let directory = &mut self.directories[parent];
        directory.entries += 1 + name.encode_utf16().count().div_ceil(UNITS_PER_ENTRY) as u64;
        if directory.entries > u64::from(MAX_ENTRIES) {
            return Err(EspError::DirectoryFull { path: path.to_owned() });
        }
        directory.names.insert(key(name), child);
        directory.children.push(child);
        self.steps.push(Step { parent, name: name.to_owned(), child, file });
        if !is_file {
            // The library gives `.` and `..` long names as well; the repair pass takes them away.
            self.directories.push(Directory { names: HashMap::new(), children: Vec::new(), entries: 4 });
        }
        Ok(child)
    }

    /// What is to be created, in this order. Directories are numbered from 1 as they come.
    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// What a directory has entries for, in the order of the entries.
    pub(super) fn children(&self, directory: usize) -> &[Child] {
        &self.directories[directory].children
    }

    /// Bytes that everything takes in whole clusters.
    pub(super) fn needed(&self, files: &[EspFile], cluster: u64) -> u64 {
        let files = files.iter().map(|file| file.data.len().next_multiple_of(cluster));
        let directories =
            self.directories.iter().map(|dir| (dir.entries.max(1) * ENTRY as u64).next_multiple_of(cluster));
        files.chain(directories).fold(0, u64::saturating_add)
    }
}

/// A name as Windows compares it.
fn key(name: &str) -> Vec<u16> {
    Name::from(name).units().iter().map(|&unit| nanovhd_tree::upcase(unit)).collect()
}

/// The names of a path, checked.
fn names(path: &str) -> Result<Vec<&str>, PathFault> {
    let path = path.strip_prefix(['/', '\\']).unwrap_or(path);
    path.split(['/', '\\']).map(|name| check(name).map(|()| name)).collect()
}

fn check(name: &str) -> Result<(), PathFault> {
    let owned = || name.to_owned();
    // Past U+FFFF the library refuses names, though UTF-16 could hold them.
    let impossible = |&c: &char| c < ' ' || c == '\u{7f}' || c > '\u{ffff}' || "\"*/:<>?\\|".contains(c);
    match name {
        "" => Err(PathFault::Empty),
        "." | ".." => Err(PathFault::DotName(owned())),
        _ if name.len() > 255 => Err(PathFault::TooLong(owned())),
        _ if name.ends_with(['.', ' ']) => Err(PathFault::End(owned())),
        _ if name.starts_with(['.', ' ']) => Err(PathFault::Start(owned())),
        _ => match name.chars().find(impossible) {
            Some(character) => Err(PathFault::Character { name: owned(), character }),
            None => Ok(()),
        },
    }
}

#[cfg(test)]
mod tests {
    use nanovhd_tree::Attributes;

    use super::*;
    use crate::EspData;

    fn file(path: &str, len: u64) -> EspFile {
        EspFile { path: path.into(), data: EspData::Later(len), attributes: Attributes::default(), written: None }
    }

    fn model(paths: &[&str]) -> Result<Model, EspError> {
        let files: Vec<_> = paths.iter().map(|path| file(path, 100)).collect();
        Model::new(&files, false)
    }

    #[test]
    fn directories_are_made_once_whatever_their_case_and_separator() {
        let model = model(&["/EFI/Boot/a", "\\efi\\BOOT\\b", "efi/Microsoft/c", "d"]).unwrap();
        let steps: Vec<_> = model.steps().iter().map(|step| (step.parent, step.name.as_str(), step.child)).collect();
        use Child::{Directory, File};
        let expected = [
            (0, "EFI", Directory(1)),
            (1, "Boot", Directory(2)),
            (2, "a", File(0)),
            (2, "b", File(1)),
            (1, "Microsoft", Directory(3)),
            (3, "c", File(2)),
            (0, "d", File(3)),
        ];
        assert_eq!(steps, expected);
        assert_eq!(model.children(1), [Directory(2), Directory(3)]);
    }

    #[test]
    fn bad_paths_are_refused_with_their_fault() {
        use PathFault::*;
        let long = "x".repeat(256);
        let character = |name: &str, character| Character { name: name.into(), character };
        for (path, expected) in [
            ("", Empty),
            ("/", Empty),
            ("//a", Empty),
            ("a//b", Empty),
            ("a/", Empty),
            ("..", DotName("..".into())),
            ("../a", DotName("..".into())),
            ("a/../../b", DotName("..".into())),
            ("a\\.\\b", DotName(".".into())),
            ("a/b:c", character("b:c", ':')),
            ("a\0", character("a\0", '\0')),
            ("a*", character("a*", '*')),
            ("a😀", character("a😀", '😀')),
            ("a.", End("a.".into())),
            ("a /b", End("a ".into())),
            (".a", Start(".a".into())),
            ("...", End("...".into())),
            (&long, TooLong(long.clone())),
        ] {
            let Err(EspError::Path { path: said, fault }) = model(&[path]) else { panic!("{path:?}") };
            assert_eq!((said.as_str(), fault), (path, expected));
        }
    }

    #[test]
    fn a_path_is_taken_once() {
        for paths in [["a/b", "A/B"], ["ärger", "ÄRGER"], ["a", "/a"], ["a/b", "a\\b"]] {
            assert!(matches!(model(&paths), Err(EspError::Duplicate { path }) if path == paths[1]), "{paths:?}");
        }
        for paths in [["a", "a/b"], ["a/b", "A"], ["a/b/c", "a/B"]] {
            assert!(
                matches!(model(&paths), Err(EspError::FileAndDirectory { path }) if path == paths[1]),
                "{paths:?}"
            );
        }
    }

    #[test]
    fn directories_end_at_the_limit_of_fat() {
        let names: Vec<_> = (0..32_768).map(|number| format!("file{number}")).collect();
        let mut paths: Vec<_> = names.iter().map(String::as_str).collect();
        assert!(model(&paths).is_ok());
        paths.push("one more");
        assert!(matches!(model(&paths), Err(EspError::DirectoryFull { path }) if path == "one more"));
    }

    #[test]
    fn whole_clusters_are_counted() {
        let files = [0, 1, 512, 513].map(|len| file(&format!("d/{len}"), len));
        let model = Model::new(&files, true).unwrap();
        // Two entries a file, two for the directory, one for the label, four that every directory has.
        assert_eq!(model.needed(&files, 512), 512 + 512 + 1024 + 512 + 512);
    }
}
