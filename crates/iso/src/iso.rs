//! An open image.

use std::fmt;
use std::sync::Arc;

use nanovhd_tree::{Name, ReadAt};

use crate::entry::{Entry, FileKind, Node, Stat};
use crate::error::{IsoError, Structure};
use crate::file::IsoFile;
use crate::input::Input;
use crate::recognize::Recognized;
use crate::runs::Runs;
use crate::walk::Walk;
use crate::{iso9660, udf};

/// The ways in which a disc can describe its files, the richest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// ECMA-167 as OSTA's Universal Disk Format has it.
    Udf,
    /// ISO 9660 with the second tree of Joliet, whose names are Unicode.
    Joliet,
    /// ISO 9660 with the longer names of Rock Ridge.
    RockRidge,
    /// ISO 9660 (ECMA-119) with nothing else.
    Iso9660,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udf => "UDF",
            Self::Joliet => "Joliet",
            Self::RockRidge => "Rock Ridge",
            Self::Iso9660 => "ISO 9660",
        })
    }
}

/// An open disc image. See the [crate].
pub struct Iso<R> {
    input: Arc<Input<R>>,
    volume: Volume,
    kind: Kind,
    kinds: Vec<Kind>,
}

#[derive(Debug)]
enum Volume {
    Udf(udf::Volume),
    Iso9660(iso9660::Volume),
}

/// A file or directory as far as its description goes.
pub(crate) struct Described {
    pub(crate) stat: Stat,
    /// Where it lies, `stat.len` bytes.
    pub(crate) runs: Runs,
}

/// In short: the image may be in memory, and nobody wants to see its bytes.
impl<R> fmt::Debug for Iso<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iso").field("kind", &self.kind).field("volume", &self.volume).finish_non_exhaustive()
    }
}

impl<R: ReadAt> Iso<R> {
    /// Opens an image by the richest description that it has: UDF, else Joliet, else Rock Ridge, else
    /// plain ISO 9660.
    ///
    /// # Errors
    /// [`IsoError::NotAnImage`] for what isn't one, else what is wrong with the description.
    pub fn open(file: R) -> Result<Self, IsoError> {
        Self::open_kind(file, None)
    }

    /// Opens an image by the description `kind`.
    ///
    /// # Errors
    /// [`IsoError::NoSuchKind`] when the image doesn't have it, else as [`Iso::open`].
    pub fn open_as(file: R, kind: Kind) -> Result<Self, IsoError> {
        Self::open_kind(file, Some(kind))
    }

    fn open_kind(file: R, wanted: Option<Kind>) -> Result<Self, IsoError> {
        let input = Input::new(file)?;
        let found = Recognized::read(&input)?;
        let primary =
            found.primary.map(|(at, descriptor)| iso9660::Volume::primary(&input, at, &descriptor)).transpose();
        // A primary descriptor that is unsound hinders nobody who doesn't need it.
        let (primary, fault) = match primary {
            Ok(primary) => (primary, None),
            Err(fault) => (None, Some(fault)),
        };
        let mut kinds = Vec::new();
        kinds.extend(found.udf.then_some(Kind::Udf));
        kinds.extend(found.joliet.is_some().then_some(Kind::Joliet));
        kinds.extend(primary.as_ref().is_some_and(iso9660::Volume::has_rock_ridge).then_some(Kind::RockRidge));
        kinds.extend((primary.is_some() || fault.is_some()).then_some(Kind::Iso9660));

        let kind = wanted.or(kinds.first().copied()).ok_or(IsoError::NotAnImage)?;
        if !kinds.contains(&kind) {
            return Err(IsoError::NoSuchKind { wanted: kind, found: kinds });
        }
        let volume = match (kind, found.joliet) {
            (Kind::Udf, _) => Volume::Udf(udf::Volume::open(&input)?),
            (Kind::Joliet, Some((at, descriptor))) => Volume::Iso9660(iso9660::Volume::joliet(at, &descriptor)?),
            _ => {
                let mut primary = primary.ok_or(fault.unwrap_or(IsoError::NotAnImage))?;
                primary.use_rock_ridge(kind == Kind::RockRidge);
                Volume::Iso9660(primary)
            }
        };
        Ok(Self { input: Arc::new(input), volume, kind, kinds })
    }

    /// By which description the files are read.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// All descriptions that the image announces, the richest first.
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// The revision of UDF that the volume follows, such as `0x102` for 1.02.
    pub fn udf_revision(&self) -> Option<u16> {
        match &self.volume {
            Volume::Udf(volume) => Some(volume.revision),
            Volume::Iso9660(_) => None,
        }
    }

    /// The name of the volume, which Windows shows for the drive.
    pub fn volume_label(&self) -> &str {
        match &self.volume {
            Volume::Udf(volume) => &volume.label,
            Volume::Iso9660(volume) => &volume.label,
        }
    }

    /// How many bytes the image has to have for the whole volume.
    pub fn volume_len(&self) -> u64 {
        match &self.volume {
            Volume::Udf(volume) => volume.len(),
            Volume::Iso9660(volume) => volume.len,
        }
    }

    /// How many bytes the image has, with all that may be behind the volume.
    pub fn image_len(&self) -> u64 {
        self.input.len()
    }

    /// Whether the image ends before its volume does, as after a download that broke off. What is still there
    /// can be read.
    pub fn is_cut_short(&self) -> bool {
        self.image_len() < self.volume_len()
    }

    /// The root directory, whose name is empty.
    pub fn root(&self) -> Entry {
        let node = match &self.volume {
            Volume::Udf(volume) => Node::Udf(volume.root),
            Volume::Iso9660(volume) => Node::Iso9660(volume.root.clone()),
        };
        Entry { name: Name::default(), is_dir: true, is_hidden: false, node }
    }

    /// Lists a directory in the order in which the disc has it.
    ///
    /// # Errors
    /// [`IsoError::NotADirectory`], or what is wrong with the directory.
    pub fn read_dir(&self, directory: &Entry) -> Result<Vec<Entry>, IsoError> {
        Ok(self.list(directory)?.0)
    }

    /// The entries of a directory, and how many bytes of the image they took.
    pub(crate) fn list(&self, directory: &Entry) -> Result<(Vec<Entry>, u64), IsoError> {
        if !directory.is_dir {
            return Err(IsoError::NotADirectory(directory.name.clone()));
        }
        match (&self.volume, &directory.node) {
            (Volume::Udf(volume), Node::Udf(node)) => volume.list(&self.input, node),
            (Volume::Iso9660(volume), Node::Iso9660(node)) => volume.list(&self.input, node),
            _ => Err(IsoError::Foreign(directory.name.clone())),
        }
    }

    /// Looks a path up, whose parts are separated by `/` or `\`, each as [`Iso::child`] does. `None`: there is
    /// no such file or directory.
    ///
    /// # Errors
    /// What is wrong with the directories on the way.
    pub fn find(&self, path: &str) -> Result<Option<Entry>, IsoError> {
        let mut entry = self.root();
        for part in path.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".") {
            if !entry.is_dir {
                return Ok(None);
            }
            match self.child(&entry, &Name::from(part))? {
                Some(child) => entry = child,
                None => return Ok(None),
            }
        }
        Ok(Some(entry))
    }

    /// The entry of a directory that has this name. Names are compared as Windows does, without regard to case;
    /// but where a name is the same to the letter, that one is meant. `None`: there is no such entry.
    ///
    /// # Errors
    /// As [`Iso::read_dir`].
    pub fn child(&self, directory: &Entry, name: &Name) -> Result<Option<Entry>, IsoError> {
        let mut entries = self.read_dir(directory)?;
        let exact = entries.iter().position(|entry| entry.name == *name);
        let found = exact.or_else(|| entries.iter().position(|entry| entry.name.eq_ignore_case(name)));
        Ok(found.map(|index| entries.swap_remove(index)))
    }

    /// All that is below a directory, see [`Walk`].
    pub fn walk(&self, directory: &Entry) -> Walk<'_, R> {
        Walk::new(self, directory)
    }

    /// What the disc says of a file or directory.
    ///
    /// # Errors
    /// What is wrong with its description.
    pub fn stat(&self, entry: &Entry) -> Result<Stat, IsoError> {
        Ok(self.describe(entry)?.stat)
    }

    /// A file's content. That all of it lies in the image is checked here, so that a file that an image's end
    /// cuts off is refused before half of it is read.
    ///
    /// # Errors
    /// [`IsoError::NotAFile`], [`IsoError::PastEnd`], or what is wrong with the file's description.
    pub fn file(&self, entry: &Entry) -> Result<IsoFile<R>, IsoError> {
        let Described { stat, runs } = self.describe(entry)?;
        if stat.kind != FileKind::File {
            return Err(IsoError::NotAFile(entry.name.clone()));
        }
        for run in runs.iter() {
            if let Some(place) = run.place {
                self.input.check(Structure::Content, place, run.len)?;
            }
        }
        Ok(IsoFile::new(Arc::clone(&self.input), runs, stat.modified))
    }

    fn describe(&self, entry: &Entry) -> Result<Described, IsoError> {
        match (&self.volume, &entry.node) {
            (Volume::Udf(volume), Node::Udf(node)) => volume.describe(&self.input, node, entry.is_dir),
            (Volume::Iso9660(_), Node::Iso9660(node)) => node.describe(),
            _ => Err(IsoError::Foreign(entry.name.clone())),
        }
    }
}
