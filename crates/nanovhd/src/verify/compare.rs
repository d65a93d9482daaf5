//! A volume's files beside those of an image.
//!
//! ```text
//!   image  ─┐            ┌─► names, links, metadata ──► findings, known differences
//!           ├─► one walk ┤
//!   volume ─┘            └─► jobs: contents of equal length ──► digest.rs, in the volume's order
//! ```
//!
//! Both trees are walked together, each directory in the order of its names. A file with several
//! names is compared once, under the first. Nothing is kept for a file but a few numbers.

use std::cell::OnceCell;
use std::cmp::Ordering;

use nanovhd_ntfs::kept_attributes;
use nanovhd_tree::{
    Attributes, Content, Directory, Entry, File, FileId, Name, ObjectId, Reparse, Source, Stream, Tree, upcase,
};

use super::digest::{Digest, Expectations, Job, digest_of};
use super::known::{Known, KnownKind};
use super::log::Log;
use super::rule::ContentRule as Rule;
use crate::{Utc, Volume};

/// Bits that a tree and a record say otherwise, or that mean the absence of others.
const SAID_OTHERWISE: Attributes =
    Attributes(Attributes::DIRECTORY.0 | Attributes::NORMAL.0 | Attributes::REPARSE_POINT.0);

/// A directory on the way, or the root.
#[derive(Debug)]
struct Node<'t> {
    parent: usize,
    name: Option<&'t Name>,
}

/// The name under which a file is compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'t> {
    node: usize,
    name: Option<&'t Name>,
}

/// What the walk has found.
pub(super) struct Comparison<'c, 't> {
    want: &'t Tree,
    have: &'t Tree,
    cluster_size: u32,
    expectations: &'c Expectations<'c>,
    /// Directories by number.
    nodes: Vec<Node<'t>>,
    /// The volume's file for each of the image's, and the other way round.
    twin: Vec<Option<FileId>>,
    back: Vec<Option<FileId>>,
    waiting: Vec<(usize, FileId, FileId)>,
    /// Which files of the volume have an 8.3 name.
    short_named: OnceCell<Vec<bool>>,
    pub(super) log: Log<'c>,
    pub(super) known: Known,
    pub(super) jobs: Vec<Job<'t>>,
    /// Names that both have.
    pub(super) names: u64,
}

impl<'c, 't> Comparison<'c, 't> {
    /// Walks through both trees.
    pub(super) fn walk(
        want: &'t Tree,
        volume: &'c Volume<'c>,
        have: &'t Tree,
        cluster_size: u32,
        expectations: &'c Expectations<'c>,
    ) -> std::io::Result<Self> {
        let mut this = Self {
            want,
            have,
            cluster_size,
            expectations,
            nodes: vec![Node { parent: 0, name: None }],
            twin: vec![None; want.file_count()],
            back: vec![None; have.file_count()],
            waiting: Vec::new(),
            short_named: OnceCell::new(),
            log: Log::new(volume),
            known: Known::default(),
            jobs: Vec::new(),
            names: 0,
        };
        this.files(Place { node: 0, name: None }, Tree::ROOT, Tree::ROOT)?;
        this.waiting.push((0, Tree::ROOT, Tree::ROOT));
        while let Some((node, want, have)) = this.waiting.pop() {
            if let (Some(want), Some(have)) = (this.want.file(want).directory(), this.have.file(have).directory()) {
                this.directory(node, want, have)?;
            }
        }
        Ok(this)
    }

    /// The entries of a directory that both have.
    fn directory(&mut self, node: usize, want: &'t Directory, have: &'t Directory) -> std::io::Result<()> {
        let (mut wanted, mut found) = (want.iter().peekable(), have.iter().peekable());
        loop {
            let order = match (wanted.peek(), found.peek()) {
                (Some((a, _)), Some((b, _))) => a.cmp(b),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return Ok(()),
            };
            match order {
                Ordering::Less => {
                    let missing = wanted.next().map(|(name, entry)| (name, self.want.file(entry.file)));
                    missing.into_iter().for_each(|(name, file)| self.missing(Place { node, name: Some(name) }, file));
                }
                Ordering::Greater => {
                    let extra = found.next().map(|(name, entry)| (name, entry.file));
                    extra.into_iter().for_each(|(name, id)| self.extra(Place { node, name: Some(name) }, id));
                }
                Ordering::Equal => {
                    if let (Some((name, wanted)), Some((_, found))) = (wanted.next(), found.next()) {
                        self.entries(node, name, wanted, found, want)?;
                    }
                }
            }
        }
    }

    fn missing(&mut self, place: Place<'t>, file: &File) {
        let detail = format!("the {} is not on the volume", kind(file));
        self.finding(Rule::Missing, place, None, detail);
    }

    fn extra(&mut self, place: Place<'t>, id: FileId) {
        let detail = format!("the {} is not in the image", kind(self.have.file(id)));
        self.finding(Rule::Extra, place, Some(id), detail);
    }

    /// Two entries of one name.
    fn entries(
        &mut self,
        node: usize,
        name: &'t Name,
        want: &'t Entry,
        have: &'t Entry,
        siblings: &'t Directory,
    ) -> std::io::Result<()> {
        self.names += 1;
        let place = Place { node, name: Some(name) };
        self.short_names(place, want, have, siblings);
        let (twin, back) = (self.twin[want.file.index()], self.back[have.file.index()]);
        if twin == Some(have.file) {
            return Ok(());
        }
        if twin.is_some() {
            let detail = "the name is a file of its own, and a hard link in the image".to_owned();
            self.finding(Rule::Links, place, Some(have.file), detail);
        } else if back.is_some() {
            let detail = "the name is a hard link, and a file of its own in the image".to_owned();
            self.finding(Rule::Links, place, Some(have.file), detail);
        }
        self.files(place, want.file, have.file)?;
        let (wanted, found) = (self.want.file(want.file), self.have.file(have.file));
        if wanted.is_directory() && found.is_directory() {
            self.nodes.push(Node { parent: node, name: Some(name) });
            self.waiting.push((self.nodes.len() - 1, want.file, have.file));
        }
        Ok(())
    }

    /// The 8.3 names of a name. One that is the name itself is none.
    fn short_names(&mut self, place: Place<'t>, want: &'t Entry, have: &'t Entry, siblings: &Directory) {
        let Some(name) = place.name else { return };
        let own = |entry: &'t Entry| entry.short_name.as_ref().filter(|short| !short.eq_ignore_case(name));
        let (wanted, found) = (own(want), own(have));
        if wanted == found {
            return;
        }
        if let (Some(short), None) = (wanted, found)
            && (self.has_other_short_name(want, have) || clashes(short, name, siblings))
        {
            let path = self.path(place);
            return self.known.add(KnownKind::ShortName, || path);
        }
        let show = |short: Option<&Name>| short.map_or("none".to_owned(), |short| format!("{short:?}"));
        let detail = format!("the 8.3 name is {}, expected {}", show(found), show(wanted));
        self.finding(Rule::ShortName, place, Some(have.file), detail);
    }

    /// Whether another name of the file has its 8.3 name on the volume: NTFS lets a file have but one.
    fn has_other_short_name(&self, want: &Entry, have: &Entry) -> bool {
        self.want.file(want.file).names() > 1
            && self.short_named.get_or_init(|| short_named(self.have))[have.file.index()]
    }

    /// Two files that should be the same.
    fn files(&mut self, place: Place<'t>, want: FileId, have: FileId) -> std::io::Result<()> {
        self.twin[want.index()].get_or_insert(have);
        self.back[have.index()].get_or_insert(want);
        let (wanted, found) = (self.want.file(want), self.have.file(have));
        let at = Both { place, have };
        if wanted.is_directory() != found.is_directory() {
            let detail = format!("it is a {}, expected a {}", kind(found), kind(wanted));
            self.finding(Rule::Kind, place, Some(have), detail);
            return Ok(());
        }
        self.attributes(at, wanted, found);
        self.times(at, wanted, found);
        self.security(at, wanted, found);
        self.object_ids(at, wanted, found);
        self.extended_attributes(at, wanted, found);
        self.reparse(at, wanted.metadata.reparse.as_ref(), found.metadata.reparse.as_ref())?;
        if let (Some(wanted), Some(found)) = (wanted.content(), found.content()) {
            self.contents(at, Part::Data, wanted, found)?;
        }
        self.streams(at, &wanted.metadata.streams, &found.metadata.streams)
    }

    fn attributes(&mut self, at: Both<'t>, want: &File, have: &File) {
        let bits = |attributes: Attributes| attributes.without(SAID_OTHERWISE);
        let (wanted, found) = (bits(want.metadata.attributes), bits(have.metadata.attributes));
        if wanted == found {
            return;
        }
        let (kept, lost) = kept_attributes(want, self.cluster_size);
        if bits(kept) == found {
            for kind in lost.into_iter().filter_map(KnownKind::of_loss) {
                let path = self.path(at.place);
                self.known.add(kind, || path);
            }
            return;
        }
        let detail = format!("the attributes are {found:?}, expected {:?}", bits(kept));
        self.finding(Rule::Attributes, at.place, Some(at.have), detail);
    }

    fn times(&mut self, at: Both<'t>, want: &File, have: &File) {
        let (want, have) = (want.metadata.times, have.metadata.times);
        for (rule, what, wanted, found) in [
            (Rule::Created, "creation", want.created, have.created),
            (Rule::Written, "the last write", want.written, have.written),
            (Rule::Changed, "the last change", want.changed, have.changed),
            (Rule::Accessed, "the last access", want.accessed, have.accessed),
        ] {
            if wanted == found {
                continue;
            }
            if rule == Rule::Changed && !self.expectations.knows_changes {
                let path = self.path(at.place);
                self.known.add(KnownKind::ChangeTime, || path);
                continue;
            }
            let detail = format!("the time of {what} is {}, expected {}", Exact(found), Exact(wanted));
            self.finding(rule, at.place, Some(at.have), detail);
        }
    }

    fn security(&mut self, at: Both<'t>, want: &File, have: &File) {
        let Some(wanted) = want.metadata.security.map(|id| self.want.descriptor(id)) else {
            if have.metadata.security.is_some() {
                let path = self.path(at.place);
                self.known.add(KnownKind::NoDescriptor, || path);
            }
            return;
        };
        let found = have.metadata.security.map(|id| self.have.descriptor(id));
        let detail = match found {
            Some(found) if found == wanted => return,
            None => "there is no security descriptor".to_owned(),
            Some(found) => match found.iter().zip(wanted).position(|(a, b)| a != b) {
                Some(byte) => format!("the security descriptor differs from byte {byte} on"),
                None => format!("the security descriptor has {} bytes, expected {}", found.len(), wanted.len()),
            },
        };
        self.finding(Rule::Security, at.place, Some(at.have), detail);
    }

    fn object_ids(&mut self, at: Both<'t>, want: &File, have: &File) {
        let (wanted, found) = (want.metadata.object_id.map(births), have.metadata.object_id.map(births));
        if wanted != found {
            let detail = match (wanted, found) {
                (Some(_), None) => "there is no object id",
                (None, _) => "there is an object id, expected none",
                (Some(a), Some(b)) if a.object == b.object => "the object id says otherwise where the file was born",
                _ => "the object id is another",
            };
            self.finding(Rule::ObjectId, at.place, Some(at.have), detail.to_owned());
        }
    }

    fn extended_attributes(&mut self, at: Both<'t>, want: &File, have: &File) {
        let (wanted, found) = (&want.metadata.extended_attributes, &have.metadata.extended_attributes);
        if wanted != found {
            let different = wanted.iter().zip(found).find(|(a, b)| a != b);
            let detail = match different {
                Some((wanted, _)) => format!("\"{}\" is not as expected", wanted.name.escape_ascii()),
                None => format!("there are {}, expected {}", found.len(), wanted.len()),
            };
            self.finding(Rule::ExtendedAttributes, at.place, Some(at.have), detail);
        }
    }

    fn reparse(&mut self, at: Both<'t>, want: Option<&'t Reparse>, have: Option<&'t Reparse>) -> std::io::Result<()> {
        let detail = match (want, have) {
            (None, None) => return Ok(()),
            (Some(wanted), None) => format!("there is no reparse point, expected one with tag {:#010x}", wanted.tag),
            (None, Some(found)) => format!("there is a reparse point with tag {:#010x}, expected none", found.tag),
            (Some(wanted), Some(found)) if (wanted.tag, wanted.reserved) != (found.tag, found.reserved) => {
                let show = |r: &Reparse| format!("{:#010x} and reserved {:#06x}", r.tag, r.reserved);
                format!("the reparse point has tag {}, expected {}", show(found), show(wanted))
            }
            (Some(wanted), Some(found)) if wanted.data.len() != found.data.len() => {
                format!("the reparse point has {} bytes, expected {}", found.data.len(), wanted.data.len())
            }
            (Some(wanted), Some(found)) => return self.contents(at, Part::Reparse, &wanted.data, &found.data),
        };
        self.finding(Rule::Reparse, at.place, Some(at.have), detail);
        Ok(())
    }

    fn streams(&mut self, at: Both<'t>, want: &'t [Stream], have: &'t [Stream]) -> std::io::Result<()> {
        for wanted in want {
            match have.iter().find(|found| found.name == wanted.name) {
                Some(found) => self.contents(at, Part::Stream(&wanted.name), &wanted.content, &found.content)?,
                None => {
                    let detail = format!("the stream {:?} is not on the volume", wanted.name);
                    self.finding(Rule::StreamMissing, at.place, Some(at.have), detail);
                }
            }
        }
        for extra in have.iter().filter(|found| want.iter().all(|wanted| wanted.name != found.name)) {
            let detail = format!("the stream {:?} is not in the image", extra.name);
            self.finding(Rule::StreamExtra, at.place, Some(at.have), detail);
        }
        Ok(())
    }

    /// Lengths now; the bytes now if they are at hand, else later.
    fn contents(&mut self, at: Both<'t>, part: Part<'t>, want: &Content, have: &'t Content) -> std::io::Result<()> {
        if want.len() != have.len() {
            let detail = format!("{part} has {} bytes, expected {}", have.len(), want.len());
            self.finding(Rule::Length, at.place, Some(at.have), detail);
            return Ok(());
        }
        if want.is_empty() {
            return Ok(());
        }
        let expected = self.expectations.of(want)?;
        match have.source() {
            Source::Bytes(bytes) => {
                let found = digest_of(bytes);
                if found != expected {
                    self.differs(at, part, found, expected);
                }
            }
            Source::Blob(id) => {
                self.jobs.push(Job { content: id.index, len: have.len(), both: at, part, expected });
            }
            Source::HostFile(_) => unreachable!("a volume holds no files of this machine"),
        }
        Ok(())
    }

    /// Reports bytes that differ.
    pub(super) fn differs(&mut self, at: Both<'t>, part: Part<'t>, found: Digest, expected: Digest) {
        let rule = if matches!(part, Part::Reparse) { Rule::Reparse } else { Rule::Data };
        let (found, expected) = (nanovhd_wim::Sha1Hex(found), nanovhd_wim::Sha1Hex(expected));
        let detail = format!("{part} has the SHA-1 {found}, expected {expected}");
        self.finding(rule, at.place, Some(at.have), detail);
    }

    /// Reports bytes that can't be read.
    pub(super) fn unreadable(&mut self, at: Both<'t>, part: Part<'t>, error: &str) {
        self.finding(Rule::Unreadable, at.place, Some(at.have), format!("{part}: {error}"));
    }

    fn finding(&mut self, rule: Rule, place: Place<'t>, have: Option<FileId>, detail: String) {
        let nodes = &self.nodes;
        self.log.add(rule, have, detail, || path(nodes, place));
    }

    fn path(&self, place: Place<'_>) -> String {
        path(&self.nodes, place)
    }
}

/// A file of the volume, and the name under which it is compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Both<'t> {
    place: Place<'t>,
    have: FileId,
}

/// Which bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'t> {
    Data,
    Stream(&'t Name),
    Reparse,
}

impl std::fmt::Display for Part<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Data => f.write_str("the content"),
            Self::Stream(name) => write!(f, "the stream {name:?}"),
            Self::Reparse => f.write_str("the reparse point"),
        }
    }
}

/// A time to the last digit.
struct Exact(nanovhd_tree::Filetime);

impl std::fmt::Display for Exact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:07}", Utc(self.0), self.0.0 % 10_000_000)
    }
}

fn kind(file: &File) -> &'static str {
    if file.is_directory() { "directory" } else { "file" }
}

/// The object id without births that say no more than it does: on disk they are always there.
fn births(id: ObjectId) -> ObjectId {
    let says_nothing = |birth: &[[u8; 16]; 3]| {
        birth[0] == [0; 16] && birth[2] == [0; 16] && (birth[1] == [0; 16] || birth[1] == id.object)
    };
    ObjectId { birth: id.birth.filter(|birth| !says_nothing(birth)), ..id }
}

/// Which files have an 8.3 name under any of their names.
fn short_named(tree: &Tree) -> Vec<bool> {
    let mut named = vec![false; tree.file_count()];
    for (_, directory) in tree.files() {
        let entries = directory.directory().into_iter().flatten();
        entries.filter(|(_, e)| e.short_name.is_some()).for_each(|(_, e)| named[e.file.index()] = true);
    }
    named
}

/// Whether an 8.3 name is another name of its directory too, in any case.
fn clashes(short: &Name, of: &Name, siblings: &Directory) -> bool {
    let fold = |name: &Name| name.units().iter().map(|&unit| upcase(unit)).collect::<Vec<_>>();
    let folded = fold(short);
    let others = siblings.iter().filter(|(name, _)| *name != of);
    let names = others.flat_map(|(name, entry)| std::iter::once(name).chain(entry.short_name.as_ref()));
    names.into_iter().any(|name| name.units().len() == folded.len() && fold(name) == folded)
}

fn path(nodes: &[Node<'_>], place: Place<'_>) -> String {
    let mut names: Vec<String> = place.name.iter().map(ToString::to_string).collect();
    let mut at = place.node;
    while let Some(name) = nodes[at].name {
        names.push(name.to_string());
        at = nodes[at].parent;
    }
    if names.is_empty() {
        "\\".to_owned()
    } else {
        names.iter().rev().fold(String::new(), |path, name| path + "\\" + name)
    }
}
