//! What is extracted, and where to: decided before anything is written.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use nanovhd_tree::{Content, Entry, File, FileId, Name, Times, Tree, upcase};

use super::host::{MAX_FOLDER_BYTES, file_name, stream_name};
use super::{LeftOut, LeftOutKind};
use crate::browse::Found;

/// Reparse tags with this bit stand for another file: symbolic links, junctions. [MS-FSCC] 2.1.2.1.
const NAME_SURROGATE: u32 = 0x2000_0000;

/// A folder that will be there.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    /// The path in the volume.
    pub(super) origin: String,
    pub(super) parent: Option<usize>,
    pub(super) times: Times,
}

/// A file that will be there.
#[derive(Debug)]
pub(super) struct Item<'t> {
    pub(super) folder: usize,
    pub(super) name: OsString,
    pub(super) content: &'t Content,
    pub(super) times: Times,
}

/// One more name of an item.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) folder: usize,
    pub(super) name: OsString,
    /// Which item.
    pub(super) item: usize,
}

/// Names of a folder that differ in case only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Twins {
    pub(super) folder: String,
    pub(super) names: [String; 2],
}

/// What is left out is counted by kind.
#[derive(Debug, Default)]
pub(super) struct Ledger(Vec<LeftOut>);

impl Ledger {
    pub(super) fn add(&mut self, kind: LeftOutKind, first: impl FnOnce() -> String) {
        match self.0.iter_mut().find(|left| left.kind == kind) {
            Some(left) => left.count += 1,
            None => self.0.push(LeftOut { kind, count: 1, first: first() }),
        }
    }

    pub(super) fn finish(mut self) -> Vec<LeftOut> {
        self.0.sort_by_key(|left| left.kind);
        self.0
    }
}

/// All that an extraction will write.
pub(super) struct Plan<'t> {
    tree: &'t Tree,
    streams: bool,
    /// Contents that claim more than this are left out.
    longest: u64,
    pub(super) folders: Vec<Folder>,
    pub(super) items: Vec<Item<'t>>,
    pub(super) links: Vec<Link>,
    pub(super) twins: Option<Twins>,
    pub(super) left_out: Ledger,
    /// The folders of directories.
    folder_of: HashMap<FileId, usize>,
    /// Directories that were taken with all they hold.
    whole: HashSet<FileId>,
    /// Names that were taken one by one.
    single: HashSet<(FileId, &'t Name)>,
    /// The items of files with several names.
    item_of: HashMap<FileId, usize>,
}

impl<'t> Plan<'t> {
    /// Nothing as yet, to be put into `folder`.
    pub(super) fn new(tree: &'t Tree, folder: &Path, streams: bool, longest: u64) -> Self {
        let root = Folder {
            path: folder.to_owned(),
            origin: "\\".to_owned(),
            parent: None,
            times: tree.file(Tree::ROOT).metadata.times,
        };
        Self {
            tree,
            streams,
            longest,
            folders: vec![root],
            items: Vec::new(),
            links: Vec::new(),
            twins: None,
            left_out: Ledger::default(),
            folder_of: HashMap::from([(Tree::ROOT, 0)]),
            whole: HashSet::new(),
            single: HashSet::new(),
            item_of: HashMap::new(),
        }
    }

    /// Adds what a path led to, and the folders on the way to it.
    pub(super) fn take(&mut self, found: &Found<'t>) {
        let mut parent = Tree::ROOT;
        for &(name, directory) in &found.via {
            if self.whole.contains(&parent) || self.folder(parent, name, directory).is_none() {
                return;
            }
            parent = directory;
        }
        match found.by {
            _ if self.whole.contains(&parent) => {}
            None => self.take_all(Tree::ROOT),
            Some((name, entry)) => {
                self.take_entry(parent, name, entry);
                if self.tree.file(found.id).is_directory() && self.folder_of.contains_key(&found.id) {
                    self.take_all(found.id);
                } else {
                    self.single.insert((parent, name));
                }
            }
        }
    }

    /// Adds all that a directory holds, whose folder is there.
    fn take_all(&mut self, directory: FileId) {
        let mut waiting = vec![directory];
        while let Some(at) = waiting.pop() {
            if !self.whole.insert(at) {
                continue;
            }
            let Some(entries) = self.tree.file(at).directory() else { continue };
            self.add_streams(self.folder_of[&at], &OsString::new(), self.tree.file(at));
            let mut folded: HashMap<Vec<u16>, &Name> = HashMap::new();
            for (name, entry) in entries {
                let key = name.units().iter().map(|&unit| upcase(unit)).collect();
                if let Some(other) = folded.insert(key, name)
                    && self.twins.is_none()
                {
                    let folder = self.folders[self.folder_of[&at]].origin.clone();
                    self.twins = Some(Twins { folder, names: [other.to_string(), name.to_string()] });
                }
                if !self.single.contains(&(at, name)) {
                    self.take_entry(at, name, entry);
                }
                if self.folder_of.contains_key(&entry.file) {
                    waiting.push(entry.file);
                }
            }
        }
    }

    /// Adds a file, or the folder of a directory.
    fn take_entry(&mut self, parent: FileId, name: &'t Name, entry: &'t Entry) {
        let file = self.tree.file(entry.file);
        let folder = self.folder_of[&parent];
        if file.metadata.reparse.as_ref().is_some_and(|r| r.tag & NAME_SURROGATE != 0) {
            return self.leave_out(LeftOutKind::Link, folder, name);
        }
        if file.metadata.reparse.is_some() {
            self.leave_out(LeftOutKind::ReparseData, folder, name);
        }
        match file.content() {
            None => {
                self.folder(parent, name, entry.file);
            }
            Some(content) => self.take_file(folder, name, entry.file, content),
        }
    }

    fn take_file(&mut self, folder: usize, name: &'t Name, id: FileId, content: &'t Content) {
        let file = self.tree.file(id);
        let Some(host) = file_name(name) else { return self.leave_out(LeftOutKind::Name, folder, name) };
        if let Some(&item) = self.item_of.get(&id) {
            return self.links.push(Link { folder, name: host, item });
        }
        if content.len() > self.longest {
            return self.leave_out(LeftOutKind::Length, folder, name);
        }
        if file.names() > 1 {
            self.item_of.insert(id, self.items.len());
        }
        self.add_streams(folder, &host, file);
        self.items.push(Item { folder, name: host, content, times: file.metadata.times });
    }

    /// Adds the named streams of a file, or of the folder itself where there is no name.
    fn add_streams(&mut self, folder: usize, name: &OsString, file: &'t File) {
        for stream in &file.metadata.streams {
            let origin =
                || format!("{}:{}", join(&self.folders[folder].origin, &name.to_string_lossy()), stream.name);
            match stream_name(name, &stream.name) {
                _ if !self.streams => self.left_out.add(LeftOutKind::Stream, origin),
                _ if stream.content.len() > self.longest => self.left_out.add(LeftOutKind::Length, origin),
                Some(name) => {
                    self.items.push(Item { folder, name, content: &stream.content, times: file.metadata.times });
                }
                None => self.left_out.add(LeftOutKind::Name, origin),
            }
        }
    }

    /// The folder of a directory, added if need be; nothing where it can't be.
    fn folder(&mut self, parent: FileId, name: &Name, directory: FileId) -> Option<usize> {
        if let Some(&folder) = self.folder_of.get(&directory) {
            return Some(folder);
        }
        let parent = self.folder_of[&parent];
        let Some(host) = file_name(name) else {
            self.leave_out(LeftOutKind::Name, parent, name);
            return None;
        };
        let above = &self.folders[parent];
        let (path, origin) = (above.path.join(host), join(&above.origin, &name.to_string()));
        if path.as_os_str().len() > MAX_FOLDER_BYTES {
            self.leave_out(LeftOutKind::Path, parent, name);
            return None;
        }
        let times = self.tree.file(directory).metadata.times;
        self.folder_of.insert(directory, self.folders.len());
        self.folders.push(Folder { path, origin, parent: Some(parent), times });
        Some(self.folders.len() - 1)
    }

    fn leave_out(&mut self, kind: LeftOutKind, folder: usize, name: &Name) {
        let folder = &self.folders[folder].origin;
        self.left_out.add(kind, || join(folder, &name.to_string()));
    }

    /// Where an item goes.
    pub(super) fn path(&self, folder: usize, name: &OsString) -> PathBuf {
        self.folders[folder].path.join(name)
    }
}

/// A path in the volume and a name below it.
fn join(folder: &str, name: &str) -> String {
    format!("{}\\{name}", folder.trim_end_matches('\\'))
}

#[cfg(test)]
mod tests {
    use nanovhd_tree::{Metadata, Rare, Reparse, Stream};

    use super::*;
    use crate::browse::find;
    use crate::volume::Origin;

    fn tree() -> Tree {
        let mut tree = Tree::new();
        let meta = Metadata::default;
        let a = tree.add_directory(Tree::ROOT, "a".into(), meta()).unwrap();
        let b = tree.add_directory(a, "b".into(), meta()).unwrap();
        let file = tree.add_file(b, "f".into(), meta(), Content::bytes(*b"f")).unwrap();
        tree.link(a, "g".into(), file).unwrap();
        tree.link(a, "G".into(), file).unwrap();
        let reparse = |tag| {
            let reparse = Some(Reparse { tag, reserved: 0, data: Content::empty() });
            Metadata { rare: Rare { reparse, ..Rare::default() }.into(), ..meta() }
        };
        let link = reparse(0xa000_000c);
        let junction = tree.add_directory(a, "junction".into(), link).unwrap();
        tree.add_file(junction, "below".into(), meta(), Content::empty()).unwrap();
        let packed = reparse(0x8000_0017);
        tree.add_file(a, "packed".into(), packed, Content::bytes(vec![1; 2000])).unwrap();
        tree.metadata_mut(a).streams.push(Stream { name: "s".into(), content: Content::empty() });
        tree
    }

    fn plan(tree: &Tree, paths: &[&str], longest: u64) -> (Vec<String>, Vec<LeftOut>, Option<Twins>) {
        let origin = Origin { path: "x".into(), image: None, partition: None };
        let mut plan = Plan::new(tree, Path::new("out"), !cfg!(windows), longest);
        for path in paths {
            plan.take(&find(tree, &origin, path).unwrap());
        }
        let show = |path: PathBuf| path.to_str().unwrap().replace('\\', "/");
        let folders = plan.folders.iter().map(|f| show(f.path.clone()) + "/");
        let items = plan.items.iter().map(|i| show(plan.path(i.folder, &i.name)));
        let links = plan.links.iter().map(|l| show(plan.path(l.folder, &l.name)) + " ->");
        (folders.chain(items).chain(links).collect(), plan.left_out.finish(), plan.twins)
    }

    #[cfg(unix)]
    #[test]
    fn everything_is_taken_once_however_it_is_asked_for() {
        let tree = tree();
        let whole = plan(&tree, &["\\"], u64::MAX);
        let mut expected =
            ["out/", "out/a/", "out/a/b/", "out/a/:s", "out/a/G", "out/a/packed", "out/a/g ->", "out/a/b/f ->"];
        let sorted = |mut names: Vec<String>| {
            names.sort();
            names
        };
        expected.sort_unstable();
        assert_eq!(sorted(whole.0.clone()), expected);
        assert_eq!(
            whole.1.iter().map(|l| (l.kind, l.count, l.first.as_str())).collect::<Vec<_>>(),
            [(LeftOutKind::Link, 1, "\\a\\junction"), (LeftOutKind::ReparseData, 1, "\\a\\packed")]
        );
        assert_eq!(whole.2, Some(Twins { folder: "\\a".into(), names: ["G".into(), "g".into()] }));
        for paths in [&["a", "a/b", "a/g"][..], &["a/b/f", "a", "/"], &["a/b", "A", "a"]] {
            let found = plan(&tree, paths, u64::MAX).0;
            assert_eq!(found.len(), expected.len(), "{paths:?}: {found:?}");
        }
        assert_eq!(plan(&tree, &["a/b"], u64::MAX).0, ["out/", "out/a/", "out/a/b/", "out/a/b/f"]);
    }

    #[test]
    fn paths_that_are_too_long_are_left_out() {
        let mut tree = Tree::new();
        let mut at = Tree::ROOT;
        for _ in 0..1000 {
            at = tree.add_directory(at, "d".repeat(200).as_str().into(), Metadata::default()).unwrap();
        }
        let (folders, left, _) = plan(&tree, &["/"], u64::MAX);
        assert!(folders.len() < 200, "{}", folders.len());
        assert!(matches!(&left[..], [LeftOut { kind: LeftOutKind::Path, count: 1, .. }]), "{left:?}");
    }

    #[test]
    fn what_claims_too_much_is_left_out() {
        let (_, left, _) = plan(&tree(), &["a"], 1000);
        assert!(left.iter().any(|l| l.kind == LeftOutKind::Length && l.first == "\\a\\packed"), "{left:?}");
    }
}
