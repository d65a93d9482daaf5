//! What a build for a BIOS adds to the image's own files: boot manager, `\Boot` and the BCD store.
//!
//! What the image has in their places is replaced: an image captured from a running machine has its own.
//! The rest of such a `\Boot` stays, as does the folder itself.

use std::collections::{HashMap, HashSet};

use nanovhd_boot::{BootFile, BootPaths, Firmware, STORE_LOGS, boot_files};
use nanovhd_tree::{Attributes, Content, FileId, Filetime, Metadata, Name, Times, Tree, TreeError, upcase};

use super::{BootError, descriptor};

/// Adds to an image what starts it on a machine with a BIOS, with `store` as the BCD. Gives the store's file.
///
/// # Errors
/// [`BootError`]: the image lacks a file, or has something in its place that can't be replaced.
pub(crate) fn add_bios_files(tree: &mut Tree, time: Filetime, store: Content) -> Result<FileId, BootError> {
    let files = boot_files(tree, Firmware::Bios)?;
    let paths = BootPaths::of(Firmware::Bios);
    let logs = STORE_LOGS.map(|log| format!("{}{log}", paths.store));
    let others = logs.iter().map(String::as_str).chain([paths.store]);
    let mut volume = Editor::new(tree, time, files.iter().map(|file| file.path.as_str()).chain(others));
    let folder = volume.folder(paths.folder)?;
    let metadata = volume.tree.metadata_mut(folder);
    metadata.attributes = metadata.attributes.with(Attributes::HIDDEN).with(Attributes::SYSTEM);
    for file in &files {
        volume.copy(file)?;
    }
    // Logs would be those of the store that goes away.
    for log in &logs {
        volume.clear(folder, &split(log).1, log)?;
    }
    let security = volume.tree.add_descriptor(&descriptor::file());
    let metadata = Metadata {
        attributes: Attributes::ARCHIVE,
        times: Times::all(time),
        security: Some(security),
        ..Metadata::default()
    };
    volume.file(paths.store, metadata, store)
}

/// A name as Windows compares it.
type Folded = Vec<u16>;

/// A tree to which files are added by their paths. A folder of an image may have a million names, so each is
/// searched once, for all that is asked for.
struct Editor<'t> {
    tree: &'t mut Tree,
    time: Filetime,
    /// Every part of every path.
    wanted: HashSet<Folded>,
    /// The names of folders that are among those, in all their spellings.
    found: HashMap<FileId, HashMap<Folded, Vec<Name>>>,
}

impl<'t> Editor<'t> {
    /// For these paths and no others.
    fn new<'p>(tree: &'t mut Tree, time: Filetime, paths: impl IntoIterator<Item = &'p str>) -> Self {
        let parts = paths.into_iter().flat_map(|path| path.split('\\'));
        let wanted = parts.map(|part| folded(&Name::from(part))).collect();
        Self { tree, time, wanted, found: HashMap::new() }
    }

    /// The names in a folder that Windows takes for this one. A folder that tells names apart by case may have
    /// several.
    fn spellings(&mut self, folder: FileId, name: &Name) -> &mut Vec<Name> {
        let found = self.found.entry(folder).or_insert_with(|| {
            let mut found = HashMap::<Folded, Vec<Name>>::new();
            for name in self.tree.file(folder).directory().into_iter().flatten().map(|(name, _)| name) {
                let folded = folded(name);
                if self.wanted.contains(&folded) {
                    found.entry(folded).or_default().push(name.clone());
                }
            }
            found
        });
        let folded = folded(name);
        debug_assert!(self.wanted.contains(&folded), "a name that was not looked for");
        found.entry(folded).or_default()
    }

    /// The file in a folder that Windows takes for the one of this name.
    fn child(&mut self, folder: FileId, name: &Name) -> Option<FileId> {
        let spellings = self.spellings(folder, name);
        let name = spellings.iter().find(|found| *found == name).or(spellings.first())?.clone();
        self.tree.child(folder, &name).map(|(_, entry)| entry.file)
    }

    /// A second file with the content of the source, its times and its access rights.
    fn copy(&mut self, file: &BootFile) -> Result<(), BootError> {
        let source = self.tree.file(file.source);
        let metadata = Metadata {
            attributes: file.attributes,
            times: source.metadata.times,
            security: source.metadata.security,
            ..Metadata::default()
        };
        let content = source.content().cloned().unwrap_or_else(Content::empty);
        self.file(&file.path, metadata, content).map(|_| ())
    }

    /// A file in the place of what is there.
    fn file(&mut self, path: &str, metadata: Metadata, content: Content) -> Result<FileId, BootError> {
        let (folder, name) = split(path);
        let folder = self.folder(folder)?;
        self.clear(folder, &name, path)?;
        self.spellings(folder, &name).push(name.clone());
        self.tree.add_file(folder, name, metadata, content).map_err(|e| tree_error(path, e))
    }

    /// The folder at a path, with those above it; made where there is none.
    fn folder(&mut self, path: &str) -> Result<FileId, BootError> {
        let names = path.split('\\').filter(|name| !name.is_empty());
        names.map(Name::from).try_fold(Tree::ROOT, |parent, name| match self.child(parent, &name) {
            Some(id) => {
                let file = self.tree.file(id);
                match (file.is_directory(), &file.metadata.reparse) {
                    (true, None) => Ok(id),
                    (false, _) => Err(BootError::InTheWay { path: path.to_owned(), what: "a file" }),
                    (true, Some(_)) => Err(BootError::InTheWay { path: path.to_owned(), what: "a reparse point" }),
                }
            }
            None => self.new_folder(parent, name).map_err(|e| tree_error(path, e)),
        })
    }

    fn new_folder(&mut self, parent: FileId, name: Name) -> Result<FileId, TreeError> {
        let rights = if parent == Tree::ROOT { descriptor::folder() } else { descriptor::folder_within() };
        let security = Some(self.tree.add_descriptor(&rights));
        self.spellings(parent, &name).push(name.clone());
        self.tree.add_directory(
            parent,
            name,
            Metadata { times: Times::all(self.time), security, ..Metadata::default() },
        )
    }

    /// Takes a file away under this name in any case, if there is one.
    fn clear(&mut self, folder: FileId, name: &Name, path: &str) -> Result<(), BootError> {
        for found in std::mem::take(self.spellings(folder, name)) {
            let entry = self.tree.child(folder, &found);
            if entry.is_some_and(|(_, entry)| self.tree.file(entry.file).is_directory()) {
                return Err(BootError::InTheWay { path: path.to_owned(), what: "a directory" });
            }
            self.tree.remove(folder, &found).map_err(|e| tree_error(path, e))?;
        }
        Ok(())
    }
}

fn folded(name: &Name) -> Folded {
    name.units().iter().copied().map(upcase).collect()
}

/// The path of a folder, and the name in it.
fn split(path: &str) -> (&str, Name) {
    let (folder, name) = path.rsplit_once('\\').unwrap_or(("", path));
    (folder, Name::from(name))
}

fn tree_error(path: &str, source: TreeError) -> BootError {
    BootError::Tree { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use nanovhd_tree::{BlobId, SourceId};

    use super::*;

    const TIME: Filetime = Filetime(131_000_000_000_000_000);
    const OLDER: Filetime = Filetime(130_000_000_000_000_000);

    fn add_file(tree: &mut Tree, path: &str, index: u32) -> FileId {
        let mut volume = Editor::new(tree, OLDER, [path]);
        let security = Some(volume.tree.add_descriptor(format!("of {path}").as_bytes()));
        let times = Times { written: TIME, ..Times::all(OLDER) };
        let attributes = Attributes::ARCHIVE.with(Attributes::COMPRESSED);
        let metadata = Metadata { attributes, times, security, ..Metadata::default() };
        let content = Content::blob(BlobId { source: SourceId(0), index }, 100);
        volume.file(path, metadata, content).unwrap()
    }

    fn image() -> Tree {
        let mut tree = Tree::new();
        for (index, path) in [
            (0, r"\Windows\Boot\PCAT\bootmgr"),
            (1, r"\Windows\Boot\PCAT\bootnxt"),
            (2, r"\Windows\Boot\PCAT\de-DE\bootmgr.exe.mui"),
            (3, r"\Windows\System32\winload.exe"),
        ] {
            add_file(&mut tree, path, index);
        }
        tree
    }

    fn blob(tree: &Tree, path: &str) -> Content {
        tree.file(tree.lookup(path).unwrap()).content().unwrap().clone()
    }

    #[test]
    fn copies_are_files_of_their_own_with_times_and_rights_of_the_source() {
        let mut tree = image();
        let store = add_bios_files(&mut tree, TIME, Content::bytes(*b"store")).unwrap();
        for (path, from, attributes) in [
            (r"\bootmgr", r"\Windows\Boot\PCAT\bootmgr", 0x27),
            (r"\BOOTNXT", r"\Windows\Boot\PCAT\bootnxt", 0x26),
            (r"\Boot\de-DE\bootmgr.exe.mui", r"\Windows\Boot\PCAT\de-DE\bootmgr.exe.mui", 0x20),
        ] {
            let (copy, source) = (tree.lookup(path).unwrap(), tree.lookup(from).unwrap());
            assert_ne!(copy, source);
            assert_eq!(blob(&tree, path), blob(&tree, from));
            let (copy, source) = (&tree.file(copy).metadata, &tree.file(source).metadata);
            assert_eq!((copy.times, copy.security), (source.times, source.security));
            assert_eq!(copy.attributes, Attributes(attributes), "{path}");
        }
        let rights = |path: &str| tree.descriptor(tree.file(tree.lookup(path).unwrap()).metadata.security.unwrap());
        assert_eq!(rights(r"\Boot"), descriptor::folder());
        assert_eq!(rights(r"\Boot\de-DE"), descriptor::folder_within());
        assert_eq!(rights(r"\Boot\BCD"), descriptor::file());
        assert_eq!(tree.lookup(r"\boot\bcd"), Some(store));
        let boot = &tree.file(tree.lookup(r"\Boot").unwrap()).metadata;
        assert_eq!((boot.attributes, boot.times), (Attributes(6), Times::all(TIME)));
    }

    /// An image that was captured from a machine that it had started.
    #[test]
    fn what_an_image_has_of_its_own_is_replaced_and_the_rest_kept() {
        let mut tree = image();
        let own =
            [r"\BootMgr", r"\bootnxt", r"\boot\bcd", r"\boot\BCD.LOG", r"\boot\BCD.log1", r"\boot\DE-de\own.mui"];
        for (path, index) in own.into_iter().zip(100..) {
            add_file(&mut tree, path, index);
        }
        let folder = tree.lookup(r"\boot").unwrap();
        let rights = tree.file(folder).metadata.security;
        add_bios_files(&mut tree, TIME, Content::bytes(*b"store")).unwrap();
        let names: Vec<_> =
            tree.walk().map(|step| step.path()).filter(|path| !path.starts_with(r"\Windows")).collect();
        let expected = [
            r"\BOOTNXT",
            r"\boot",
            r"\boot\BCD",
            r"\boot\DE-de",
            r"\boot\DE-de\bootmgr.exe.mui",
            r"\boot\DE-de\own.mui",
            r"\bootmgr",
        ];
        assert_eq!(names, expected);
        assert_eq!(blob(&tree, r"\bootmgr"), blob(&tree, r"\Windows\Boot\PCAT\bootmgr"));
        let metadata = &tree.file(folder).metadata;
        assert_eq!((metadata.security, metadata.attributes), (rights, Attributes(6)));
    }

    #[test]
    fn names_that_windows_takes_for_one_give_way_together_and_other_names_of_their_files_stay() {
        let mut tree = image();
        for (index, path) in [(100, r"\bootmgr"), (101, r"\BOOT\x"), (102, r"\elsewhere")] {
            add_file(&mut tree, path, index);
        }
        let (boot, elsewhere) = (tree.lookup(r"\BOOT").unwrap(), tree.lookup(r"\elsewhere").unwrap());
        tree.link(Tree::ROOT, "BOOTMGR".into(), elsewhere).unwrap();
        tree.link(boot, "Bcd".into(), elsewhere).unwrap();
        tree.add_directory(Tree::ROOT, "boot".into(), Metadata::default()).unwrap();
        add_bios_files(&mut tree, TIME, Content::bytes(*b"store")).unwrap();
        let names: Vec<_> =
            tree.walk().map(|step| step.path()).filter(|path| !path.starts_with(r"\Windows")).collect();
        let expected = [
            r"\BOOT",
            r"\BOOT\BCD",
            r"\BOOT\de-DE",
            r"\BOOT\de-DE\bootmgr.exe.mui",
            r"\BOOT\x",
            r"\BOOTNXT",
            r"\boot",
            r"\bootmgr",
            r"\elsewhere",
        ];
        assert_eq!(names, expected);
        let file = tree.file(elsewhere);
        assert_eq!((file.names(), blob(&tree, r"\elsewhere").len()), (1, 100));
    }

    #[test]
    fn what_can_not_be_replaced_is_told() {
        let refused = |path: &str, folder: bool| {
            let mut tree = image();
            if folder {
                Editor::new(&mut tree, TIME, [path]).folder(path).unwrap();
            } else {
                add_file(&mut tree, path, 100);
            }
            add_bios_files(&mut tree, TIME, Content::empty()).unwrap_err().to_string()
        };
        for path in [r"\bootmgr", r"\Boot\BCD"] {
            assert_eq!(
                refused(path, true),
                format!("the image has a directory at {path}, which is needed to start it")
            );
        }
        for path in [r"\Boot", r"\Boot\de-DE"] {
            assert_eq!(refused(path, false), format!("the image has a file at {path}, which is needed to start it"));
        }
    }
}
