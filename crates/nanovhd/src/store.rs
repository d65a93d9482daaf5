//! A store of boot configuration data, from a file or from a volume.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use nanovhd_boot::STORE_LOGS;
use nanovhd_boot::bcd::{BcdError, Store};
use nanovhd_hive::Hive;
use nanovhd_tree::{Content, visible};
use serde::Serialize;
use thiserror::Error;

use crate::outline::path_text;
use crate::startup::Mounted;
use crate::volume::ContentError;
use crate::{Outline, Size};

/// The largest file that is read as a store. One has some dozens of KiB.
const MAX_STORE: u64 = 64 << 20;
/// What a registry hive begins with.
pub(crate) const HIVE: &[u8] = b"regf";

/// Whether the last write to a store ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum StoreState {
    /// It did.
    Clean,
    /// It did not, and its log was replayed in memory.
    Recovered,
    /// It did not, and there is no log that fits: what is shown may be older or a mixture.
    Unfinished,
}

/// Why a store can't be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file can't be read.
    #[error("it can't be read")]
    Io(#[from] io::Error),
    /// The content of a volume can't be read.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// Nobody has such a store.
    #[error("it has {0}, more than a boot configuration store ever has")]
    TooLarge(Size),
    /// It is no hive, or a damaged one.
    #[error("it is no registry hive that can be read")]
    Hive(#[from] nanovhd_hive::OpenError),
    /// It is a hive of another kind.
    #[error("it is a registry hive, but no boot configuration store: its keys are {0}")]
    OtherHive(String),
    /// It is a damaged store.
    #[error("the boot configuration store is damaged")]
    Store(#[from] BcdError),
}

/// Reads a store from its bytes, and those of its logs.
pub(crate) fn open(bytes: Vec<u8>, logs: &[Vec<u8>]) -> Result<(Store, StoreState), StoreError> {
    use nanovhd_hive::OpenError::{Checksum, Dirty};
    let (hive, state) = match Hive::open(bytes.clone()) {
        Ok(hive) => (hive, StoreState::Clean),
        Err(Checksum { .. } | Dirty { .. }) => {
            let logs: Vec<&[u8]> = logs.iter().map(Vec::as_slice).collect();
            match Hive::recover(bytes.clone(), &logs) {
                Ok((hive, _)) => (hive, StoreState::Recovered),
                Err(_) => (Hive::open_dirty(bytes)?, StoreState::Unfinished),
            }
        }
        Err(e) => return Err(e.into()),
    };
    if !Store::is_store(&hive) {
        return Err(StoreError::OtherHive(keys(&hive)));
    }
    Ok((Store::from_hive(hive)?, state))
}

/// The first keys below the root, which tell what a hive is for.
fn keys(hive: &Hive) -> String {
    const SHOWN: usize = 5;
    let names: Vec<String> = hive.root().subkeys().take(SHOWN).map(|key| visible(&key.name().to_string())).collect();
    let more = if hive.root().subkey_count() > SHOWN { ", …" } else { "" };
    if names.is_empty() { "none".to_owned() } else { names.join(", ") + more }
}

/// Reads the store at a path of a volume. `None` when there is no such file.
pub(crate) fn on_volume(mounted: &Mounted<'_>, path: &str) -> Option<Result<(Store, StoreState), StoreError>> {
    let read = |path: &str| {
        let content = mounted.volume.tree().file(mounted.file(path)?).content()?;
        Some(bytes(mounted, content))
    };
    let logs = || STORE_LOGS.iter().filter_map(|log| read(&format!("{path}{log}"))?.ok()).collect::<Vec<_>>();
    Some(read(path)?.and_then(|bytes| open(bytes, &logs())))
}

/// The bytes of a store, or of a log.
pub(crate) fn bytes(mounted: &Mounted<'_>, content: &Content) -> Result<Vec<u8>, StoreError> {
    if content.len() > MAX_STORE {
        return Err(StoreError::TooLarge(Size(content.len())));
    }
    Ok(mounted.volume.bytes(content)?)
}

/// A store in a file of its own, shown as `bcdedit /enum all` shows it.
#[derive(Debug, Serialize)]
pub struct StoreInspection {
    /// Raised when a member of this structure changes its meaning or goes away.
    pub schema: u32,
    /// The file.
    #[serde(serialize_with = "path_text")]
    pub file: PathBuf,
    /// Whether its last write ended.
    pub state: StoreState,
    /// Its objects.
    #[serde(flatten)]
    pub store: Store,
}

impl StoreInspection {
    /// Reads a store, with its logs if they lie beside it.
    ///
    /// # Errors
    /// [`StoreError`] says why it can't be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let bytes = file(path)?;
        let logs = STORE_LOGS.iter().filter_map(|log| {
            let mut name = path.as_os_str().to_owned();
            name.push(log);
            file(Path::new(&name)).ok()
        });
        let (store, state) = open(bytes, &logs.collect::<Vec<_>>())?;
        Ok(Self { schema: Outline::SCHEMA, file: path.to_owned(), state, store })
    }

    /// Whether something of it can't be read.
    pub fn is_damaged(&self) -> bool {
        !self.store.notes().is_empty()
    }
}

/// The bytes of a file of this machine.
fn file(path: &Path) -> Result<Vec<u8>, StoreError> {
    let len = fs::metadata(path)?.len();
    if len > MAX_STORE {
        return Err(StoreError::TooLarge(Size(len)));
    }
    let mut bytes = Vec::new();
    // It may grow meanwhile.
    File::open(path)?.take(MAX_STORE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl StoreState {
    /// What is to be said of it; nothing if it is clean.
    pub(crate) fn note(self) -> Option<&'static str> {
        match self {
            Self::Clean => None,
            Self::Recovered => Some("not closed well: its log was replayed in memory"),
            Self::Unfinished => Some("not closed well, and no log fits: it may be older than Windows sees it"),
        }
    }
}

/// The store, behind a line on what is odd about it.
impl fmt::Display for StoreInspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(note) = self.state.note() {
            writeln!(f, "{}: {note}\n", self.file.display())?;
        }
        writeln!(f, "{}", self.store)
    }
}
