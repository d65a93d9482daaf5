//! A volume as a tree, and the bytes of its files.

use std::io;

use nanovhd_tree::{Attributes, BlobId, Content, FileId, Metadata, Name, ReadAt, SourceId, Tree, TreeError};
use thiserror::Error;

use super::FatVolume;
use super::chain::{Chain, ChainFault, Run};
use super::directory::{DirectoryBytes, MAX_DEPTH, Named, max_directory_clusters};
use super::format::{DIRECTORY, DOT, DOT_DOT, Entry, LABEL};
use super::geometry::{FatKind, Geometry, Root};
use super::names::{LongNames, label, short_name, short_name_with_case};
use super::path::Path;
use super::table::{Claims, FatTable};

/// The attributes that FAT and Windows have in common, with the same bits.
pub(crate) const COMMON: u32 = Attributes::READONLY.0
    | Attributes::HIDDEN.0
    | Attributes::SYSTEM.0
    | Attributes::DIRECTORY.0
    | Attributes::ARCHIVE.0;

/// Why files of a FAT volume can't be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FatReadError {
    /// The volume can't be read.
    #[error("the volume can't be read")]
    Io(#[from] io::Error),
    /// A file or directory has no sound chain of clusters.
    #[error("the chain of clusters of {path} is broken")]
    Chain {
        /// Where it is on the volume.
        path: String,
        /// What is wrong.
        #[source]
        fault: ChainFault,
    },
    /// The chain of a file ends before the file does.
    #[error("{path} has {size} bytes, but clusters for only {clustered}")]
    TooLong {
        /// Where it is on the volume.
        path: String,
        /// Bytes of the file.
        size: u32,
        /// Bytes of its clusters.
        clustered: u64,
    },
    /// A directory goes on after the most entries that it may have.
    #[error("the directory {path} has more than 65,536 entries")]
    DirectoryTooLong {
        /// Where it is on the volume.
        path: String,
    },
    /// Too many directories are in one another.
    #[error("the directory {path} is more than {MAX_DEPTH} directories deep")]
    TooDeep {
        /// Where it is on the volume.
        path: String,
    },
    /// A directory has an entry that can't be in a tree.
    #[error("the entry at {offset:#x} of the directory {path} can't be")]
    Entry {
        /// Where the directory is on the volume.
        path: String,
        /// Where the entry is, in bytes from the start of the volume.
        offset: u64,
        /// What is wrong.
        #[source]
        fault: TreeError,
    },
    /// The number of a file that there is not.
    #[error("there is no file with number {index}, there are {files}")]
    NoSuchFile {
        /// The number.
        index: u32,
        /// How many files there are.
        files: usize,
    },
}

/// A FAT volume's files.
#[derive(Debug, Clone)]
pub struct FatTree {
    /// Directories, names and metadata. The content of a file that is not empty is a blob of the
    /// source that was given; blobs are numbered in the order in which files start on the volume.
    pub tree: Tree,
    /// Where the blobs lie, for [`FatVolume::read`].
    pub files: FatFiles,
}

/// Where a volume's files lie.
#[derive(Debug, Clone, Default)]
pub struct FatFiles(Vec<Extents>);

impl FatFiles {
    /// How many files there are that are not empty: blobs have the numbers below it.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no file that is not empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Where a file lies. Its runs have as many clusters as it needs.
#[derive(Debug, Clone)]
struct Extents {
    size: u32,
    runs: Box<[Run]>,
}

impl<R: ReadAt> FatVolume<R> {
    /// Everything on the volume. Times, of a zone that FAT doesn't store, are taken for UTC; where
    /// FAT stores none, it is the time of the last write. Files that have a long name have their
    /// short one beside it, unless it is the same but for case. A long name that is damaged is
    /// left out, so the file has its short one.
    ///
    /// # Errors
    /// [`FatReadError`]. Chains that are broken, or have clusters in common, are refused; what
    /// they hold can't be told.
    pub fn tree(&self, source: SourceId) -> Result<FatTree, FatReadError> {
        let mut walk = Walk::new(self);
        let mut pending = vec![Pending { id: Tree::ROOT, cluster: None, depth: 0, path: Path::default() }];
        while let Some(next) = pending.pop() {
            walk.directory(&next, &mut pending)?;
        }
        Ok(walk.finish(source))
    }

    /// Reads into `buf` from byte `offset` of file `index` on, as much as there is, and says how
    /// many bytes these were.
    ///
    /// # Errors
    /// [`FatReadError::NoSuchFile`] or [`FatReadError::Io`].
    pub fn read(&self, files: &FatFiles, index: u32, offset: u64, buf: &mut [u8]) -> Result<usize, FatReadError> {
        let file = files.0.get(index as usize).ok_or(FatReadError::NoSuchFile { index, files: files.len() })?;
        let cluster = u64::from(self.geometry.cluster_size);
        let rest = u64::from(file.size).saturating_sub(offset);
        let wanted = usize::try_from(rest).map_or(buf.len(), |rest| rest.min(buf.len()));
        let mut done = 0;
        while done < wanted {
            let at = offset + done as u64;
            let after = file.runs.partition_point(|run| u64::from(run.start) * cluster <= at);
            // Runs start with cluster 0 of the file and go on to its end.
            let run = &file.runs[after - 1];
            let within = at - u64::from(run.start) * cluster;
            let rest = u64::from(run.count) * cluster - within;
            let len = usize::try_from(rest).map_or(wanted - done, |rest| rest.min(wanted - done));
            let place = self.geometry.cluster_offset(run.cluster) + within;
            self.volume.read_exact_at(&mut buf[done..done + len], place)?;
            done += len;
        }
        Ok(wanted)
    }

    /// The label of the volume as the root directory has it, else as the boot sector has it.
    /// `None` when it has none.
    ///
    /// # Errors
    /// [`FatReadError`] when the root directory can't be read.
    pub fn label(&self) -> Result<Option<Name>, FatReadError> {
        let mut walk = Walk::new(self);
        let root = walk.root(&Path::default())?;
        let mut found = None;
        root.walk(&mut walk.names, |named| {
            if named.entry.attributes & LABEL != 0 && found.is_none() {
                found = Some(label(&named.entry.name));
            }
        });
        Ok(found.or_else(|| self.boot_label()))
    }
}

/// A directory to be read.
struct Pending {
    id: FileId,
    /// Its first cluster, `None` for the root.
    cluster: Option<u32>,
    depth: u32,
    path: Path,
}

/// A volume while it is read.
struct Walk<'v, R> {
    volume: &'v R,
    geometry: &'v Geometry,
    fat: FatTable<'v, R>,
    claims: Claims,
    names: LongNames,
    tree: Tree,
    files: Vec<(FileId, Extents)>,
}

impl<'v, R: ReadAt> Walk<'v, R> {
    fn new(volume: &'v FatVolume<R>) -> Self {
        let mut tree = Tree::new();
        tree.metadata_mut(Tree::ROOT).attributes = Attributes::DIRECTORY;
        Self {
            volume: &volume.volume,
            geometry: &volume.geometry,
            fat: FatTable::new(&volume.volume, &volume.geometry),
            claims: Claims::new(&volume.geometry),
            names: LongNames::default(),
            tree,
            files: Vec::new(),
        }
    }

    /// Adds what a directory holds, and to `pending` the directories in it.
    fn directory(&mut self, this: &Pending, pending: &mut Vec<Pending>) -> Result<(), FatReadError> {
        if this.depth > MAX_DEPTH {
            return Err(FatReadError::TooDeep { path: this.path.to_string() });
        }
        let bytes = match this.cluster {
            None => self.root(&this.path)?,
            Some(cluster) => self.chained(cluster, &this.path)?,
        };
        let mut found = Vec::new();
        bytes.walk(&mut self.names, |named| found.push(named));
        // What is wrong with long names doesn't matter for reading.
        self.names.faults.clear();
        for named in found {
            let is_dot = this.cluster.is_some() && [DOT, DOT_DOT].contains(&&named.entry.name);
            if named.entry.attributes & LABEL == 0 && !is_dot {
                pending.extend(self.entry(this, named)?);
            }
        }
        Ok(())
    }

    fn root(&mut self, path: &Path) -> Result<DirectoryBytes, FatReadError> {
        match self.geometry.root {
            Root::Fixed { offset, len } => Ok(DirectoryBytes::fixed(self.volume, offset, len)?),
            Root::Chain { cluster } => self.chained(cluster, path),
        }
    }

    fn chained(&mut self, cluster: u32, path: &Path) -> Result<DirectoryBytes, FatReadError> {
        let limit = max_directory_clusters(self.geometry);
        let chain = self.chain(cluster, limit + 1, path)?;
        if chain.clusters > limit {
            return Err(FatReadError::DirectoryTooLong { path: path.to_string() });
        }
        Ok(DirectoryBytes::chained(self.volume, self.geometry, &chain)?)
    }

    fn chain(&mut self, first: u32, limit: u32, path: &Path) -> Result<Chain, FatReadError> {
        let chain = Chain::walk(first, limit, self.geometry, &mut self.fat, &mut self.claims)?;
        match chain.fault {
            None => Ok(chain),
            Some(fault) => Err(FatReadError::Chain { path: path.to_string(), fault }),
        }
    }

    /// Adds a file or directory; a directory is returned to be read.
    fn entry(&mut self, parent: &Pending, named: Named<'_>) -> Result<Option<Pending>, FatReadError> {
        let entry = named.entry;
        let short = named.long.is_some().then(|| short_name(entry));
        let name = named.long.unwrap_or_else(|| short_name_with_case(entry));
        // A short name that can't be is no loss beside a long one; mtools write such a name at times.
        let short = short.filter(|short| !short.eq_ignore_case(&name) && short.check().is_ok());
        let path = parent.path.join(&name);
        let attributes = Attributes(u32::from(entry.attributes) & COMMON);
        let metadata = Metadata { attributes, times: entry.times(), ..Metadata::default() };
        let is_directory = entry.attributes & DIRECTORY != 0;
        let added = if is_directory {
            self.tree.add_directory(parent.id, name.clone(), metadata)
        } else {
            self.tree.add_file(parent.id, name.clone(), metadata, Content::empty())
        };
        let id = added
            .and_then(|id| self.tree.set_short_name(parent.id, &name, short).map(|()| id))
            .map_err(|fault| FatReadError::Entry { path: parent.path.to_string(), offset: named.offset, fault })?;
        let cluster = first_cluster(self.geometry, entry);
        if is_directory {
            return Ok(Some(Pending { id, cluster: Some(cluster), depth: parent.depth + 1, path }));
        }
        if entry.size.get() > 0 {
            let extents = self.extents(cluster, entry.size.get(), &path)?;
            self.files.push((id, extents));
        }
        Ok(None)
    }

    /// The clusters of a file of `size` bytes, and no more of its chain.
    fn extents(&mut self, first: u32, size: u32, path: &Path) -> Result<Extents, FatReadError> {
        let needed = size.div_ceil(self.geometry.cluster_size);
        let chain = self.chain(first, needed, path)?;
        if chain.clusters < needed {
            let clustered = u64::from(chain.clusters) * u64::from(self.geometry.cluster_size);
            return Err(FatReadError::TooLong { path: path.to_string(), size, clustered });
        }
        Ok(Extents { size, runs: chain.runs.into() })
    }

    /// Numbers the files in the order in which they start.
    fn finish(mut self, source: SourceId) -> FatTree {
        self.files.sort_by_key(|(_, extents)| extents.runs.first().map(|run| run.cluster));
        for (index, (id, extents)) in (0..).zip(&self.files) {
            self.tree.set_content(*id, Content::blob(BlobId { source, index }, extents.size.into()));
        }
        FatTree { tree: self.tree, files: FatFiles(self.files.into_iter().map(|(_, extents)| extents).collect()) }
    }
}

/// The first cluster of an entry. On FAT12 and FAT16 the upper half means something else.
pub(crate) fn first_cluster(geometry: &Geometry, entry: &Entry) -> u32 {
    match geometry.kind {
        FatKind::Fat32 => entry.cluster(),
        FatKind::Fat12 | FatKind::Fat16 => entry.cluster_low.get().into(),
    }
}
