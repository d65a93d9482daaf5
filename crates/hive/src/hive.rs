//! The hive: what is opened, created, looked up and written.

use std::fmt;

use nanovhd_tree::Filetime;

use crate::base::{BaseBlock, Info};
use crate::error::{OpenError, RecoverError, WriteError};
use crate::format::{BLOCK, key_flags};
use crate::key::Key;
use crate::load::{Contents, load};
use crate::log::{Recovery, recover};
use crate::name;
use crate::node::{Arena, KeyId, Node};
use crate::security::{ADMINISTRATORS_AND_SYSTEM, Securities};
use crate::write;

/// A registry hive in memory.
#[derive(Clone)]
pub struct Hive {
    pub(crate) base: BaseBlock,
    pub(crate) nodes: Arena,
    pub(crate) root: KeyId,
    pub(crate) securities: Securities,
    /// Whether there is a write to count.
    pub(crate) edited: bool,
}

/// How a new hive begins.
#[derive(Debug, Clone)]
pub struct Options<'a> {
    /// The minor version: 3 for BCD stores and profiles, 5 for all else. From 4 on long values are
    /// split, from 5 on subkeys are listed with hashes.
    pub minor_version: MinorVersion,
    /// The name of the root, which nobody looks for.
    pub root_name: &'a str,
    /// A path for debuggers to show; its last 31 units are kept.
    pub file_name: &'a str,
    /// The descriptor of the root, which subkeys take over.
    pub security: &'a [u8],
    /// When the hive was made.
    pub time: Filetime,
}

/// The versions of the format that hives are created in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MinorVersion {
    /// 1.3, of Windows NT 4 and of BCD stores.
    V3,
    /// 1.4, of a beta of Windows XP.
    V4,
    /// 1.5, of Windows XP and later.
    #[default]
    V5,
    /// 1.6, of hives with layered keys.
    V6,
}

impl Default for Options<'_> {
    /// Version 1.5, no names, full control for administrators and the system, the year 1601.
    fn default() -> Self {
        Self {
            minor_version: MinorVersion::default(),
            root_name: "ROOT",
            file_name: "",
            security: ADMINISTRATORS_AND_SYSTEM,
            time: Filetime(0),
        }
    }
}

impl Hive {
    /// Reads the hive in `file`, a whole file. Its bytes stay in memory: values are read from them.
    ///
    /// # Errors
    /// [`OpenError::Checksum`] or [`OpenError::Dirty`] for a hive whose last write did not end, which
    /// [`Hive::recover`] can do something about; else what is wrong with the file, and where.
    pub fn open(file: impl Into<Vec<u8>>) -> Result<Self, OpenError> {
        let file = file.into();
        let base = BaseBlock::read(&file)?;
        base.check()?;
        base.check_clean()?;
        Self::load(base, file)
    }

    /// Reads a hive with its logs, `.LOG1` and `.LOG2` in this order. A clean hive is opened as it is, as
    /// Windows does; to a dirty one the logs are applied.
    ///
    /// # Errors
    /// [`RecoverError::NoLog`] when the hive is dirty and no log fits; else what is wrong with the file,
    /// before or after.
    pub fn recover(file: impl Into<Vec<u8>>, logs: &[&[u8]]) -> Result<(Self, Recovery), RecoverError> {
        let (file, recovery) = recover(file.into(), logs)?;
        Ok((Self::open(file)?, recovery))
    }

    /// Reads a hive without asking whether its last write ended. What the file has may be older than
    /// what Windows would see, or a mixture.
    ///
    /// # Errors
    /// What is wrong with the file, and where.
    pub fn open_dirty(file: impl Into<Vec<u8>>) -> Result<Self, OpenError> {
        let file = file.into();
        let mut base = BaseBlock::read(&file)?;
        // A damaged checksum is forgiven, a damaged field is not.
        base.0.checksum = base.expected_checksum().into();
        base.check()?;
        Self::load(base, file)
    }

    fn load(base: BaseBlock, mut file: Vec<u8>) -> Result<Self, OpenError> {
        let size = base.bins(&file)?.len();
        file.truncate(BLOCK + size);
        file.drain(..BLOCK);
        let Contents { nodes, root, securities } = load(file, base.0.root.get(), base.has_big_data())?;
        Ok(Self { base, nodes, root, securities, edited: false })
    }

    /// Makes a hive with a root and nothing else.
    ///
    /// # Errors
    /// [`EditError::Security`](crate::EditError::Security) and
    /// [`EditError::Name`](crate::EditError::Name) for options that can't be.
    pub fn create(options: &Options<'_>) -> Result<Self, crate::EditError> {
        crate::security::check(options.security)?;
        crate::edit::check_key_name(options.root_name)?;
        let minor = match options.minor_version {
            MinorVersion::V3 => 3,
            MinorVersion::V4 => 4,
            MinorVersion::V5 => 5,
            MinorVersion::V6 => 6,
        };
        let mut node = Node::new(name::encode(options.root_name), None, options.time.0);
        node.flags |= key_flags::ENTRY | key_flags::NO_DELETE;
        let mut securities = Securities::default();
        node.security = Some(securities.intern(&[], options.security));
        let mut nodes = Arena::default();
        let root = nodes.push(node);
        let base = BaseBlock::new(minor, options.file_name, options.time);
        Ok(Self { base, nodes, root, securities, edited: false })
    }

    /// What the file's head says.
    pub fn info(&self) -> Info {
        Info::from(&self.base)
    }

    /// The key that all others lie below.
    pub fn root(&self) -> Key<'_> {
        self.key(self.root).expect("the root can't be deleted")
    }

    /// The root's id.
    pub fn root_id(&self) -> KeyId {
        self.root
    }

    /// The key with an id, if it was not deleted.
    pub fn key(&self, id: KeyId) -> Option<Key<'_>> {
        Some(Key { hive: self, id, node: self.nodes.get(id)? })
    }

    /// The key at a path below the root, in any case: `ControlSet001\Services`.
    pub fn find(&self, path: &str) -> Option<Key<'_>> {
        self.root().find(path)
    }

    /// The hive as a file: compact, without free room but at the ends of bins, and clean. The same hive
    /// with the same edits gives the same bytes. Logs of the file that was opened mean nothing for this
    /// one; Windows leaves them alone as long as it is clean.
    ///
    /// # Errors
    /// [`WriteError`] when it would be larger than hives can be.
    pub fn to_bytes(&self) -> Result<Vec<u8>, WriteError> {
        write::write(self)
    }
}

impl fmt::Debug for Hive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hive").field("base", &self.base).field("keys", &self.nodes.ids()).finish_non_exhaustive()
    }
}
