//! What a build for a BIOS adds to the image's own files: boot manager, `\Boot` and the BCD store.
//!
//! What the image has in their places is replaced: an image captured from a running machine has its own.
//! The rest of such a `\Boot` stays, as does the folder itself.

use nanovhd_boot::{BootFile, BootPaths, Firmware, STORE_LOGS, boot_files};
use nanovhd_tree::{Attributes, Content, FileId, Filetime, Metadata, Name, Times, Tree, TreeError};

use super::{BootError, descriptor};

/// Adds to an image what starts it on a machine with a BIOS, with `store` as the BCD. Gives the store's file.
///
/// # Errors
/// [`BootError`]: the image lacks a file, or has something in its place that can't be replaced.
pub(crate) fn add_bios_files(tree: &mut Tree, time: Filetime, store: Content) -> Result<FileId, BootError> {
    let files = boot_files(tree, Firmware::Bios)?;
    let paths = BootPaths::of(Firmware::Bios);
    let mut volume = Editor { tree, time };
    let folder = volume.folder(paths.folder)?;
    let metadata = volume.tree.metadata_mut(folder);
    metadata.attributes = metadata.attributes.with(Attributes::HIDDEN).with(Attributes::SYSTEM);
    for file in &files {
        volume.copy(file)?;
    }
    // Logs would be those of the store that goes away.
    for log in STORE_LOGS {
        volume.clear(folder, &Name::from(format!("BCD{log}").as_str()), paths.store)?;
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

/// A tree to which files are added by their paths.
struct Editor<'t> {
    tree: &'t mut Tree,
    time: Filetime,
}

impl Editor<'_> {
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
        let (folder, name) = path.rsplit_once('\\').unwrap_or(("", path));
        let (folder, name) = (self.folder(folder)?, Name::from(name));
        self.clear(folder, &name, path)?;
        self.tree.add_file(folder, name, metadata, content).map_err(|e| tree_error(path, e))
    }

    /// The folder at a path, with those above it; made where there is none.
    fn folder(&mut self, path: &str) -> Result<FileId, BootError> {
        let names = path.split('\\').filter(|name| !name.is_empty());
        names.map(Name::from).try_fold(Tree::ROOT, |parent, name| match self.tree.child(parent, &name) {
            Some((_, entry)) => {
                let file = self.tree.file(entry.file);
                match (file.is_directory(), &file.metadata.reparse) {
                    (true, None) => Ok(entry.file),
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
        self.tree.add_directory(
            parent,
            name,
            Metadata { times: Times::all(self.time), security, ..Metadata::default() },
        )
    }

    /// Takes a file away under this name in any case, if there is one.
    fn clear(&mut self, folder: FileId, name: &Name, path: &str) -> Result<(), BootError> {
        // A folder that tells names apart by case may have several.
        while let Some((found, entry)) = self.tree.child(folder, name) {
            if self.tree.file(entry.file).is_directory() {
                return Err(BootError::InTheWay { path: path.to_owned(), what: "a directory" });
            }
            let found = found.clone();
            self.tree.remove(folder, &found).map_err(|e| tree_error(path, e))?;
        }
        Ok(())
    }
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
        let mut volume = Editor { tree, time: OLDER };
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
    fn what_can_not_be_replaced_is_told() {
        let refused = |path: &str, folder: bool| {
            let mut tree = image();
            if folder {
                Editor { tree: &mut tree, time: TIME }.folder(path).unwrap();
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
