//! The output file: it bears its name only when it is complete and on the disk.
//!
//! Until then the bytes go to a file beside it, `.NAME.xxxxxx.partial`: in the same folder, because
//! only within one file system is a rename atomic. That file is removed whatever happens, short of
//! the process being killed. Publishing is sync, rename, sync of the folder, so that after a power
//! failure there is the old file or the new one and never a piece of one. Who can do without that may
//! leave both syncs out.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use thiserror::Error;

use crate::DiskFormat;

/// Why the output can't be made under the name that was given. Nothing was changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OutputError {
    /// There is a file of this name, and it was not said that it may be replaced.
    #[error("the output `{}` exists already", path.display())]
    Exists {
        /// The output.
        path: PathBuf,
    },
    /// There is something of this name that is no file.
    #[error("the output `{}` is {found}; only a regular file is ever replaced", path.display())]
    NotAFile {
        /// The output.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// The name is a symbolic link: replacing it would leave the file it leads to as it was.
    #[error("the output `{}` is a symbolic link to `{}`", path.display(), target.display())]
    Link {
        /// The output.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// The output is the file that the build reads.
    #[error("the output `{}` is the file that the build reads", path.display())]
    IsInput {
        /// The output.
        path: PathBuf,
    },
    /// The suffix promises another kind of file.
    #[error("the output `{}` has the suffix of a {suffix}, but a {format} is to be made", path.display())]
    Suffix {
        /// The output.
        path: PathBuf,
        /// What the suffix stands for.
        suffix: DiskFormat,
        /// What the plan makes.
        format: DiskFormat,
    },
    /// The path ends in no name.
    #[error("the output `{}` ends in no file name", path.display())]
    NoName {
        /// The output.
        path: PathBuf,
    },
    /// The folder for the output is not there.
    #[error("there is no folder `{}` for the output", folder.display())]
    NoFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// The operating system refuses something.
    #[error("can't {action} `{}`", path.display())]
    Io {
        /// What was to be done.
        action: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the operating system reports.
        source: io::Error,
    },
}

impl OutputError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Exists { .. } => Some("give --force to replace it, or another output name".to_owned()),
            Self::Link { target, .. } => Some(format!("give the path of the file itself: `{}`", target.display())),
            Self::NotAFile { found: "a folder", path } => {
                Some(format!("give a file name, such as `{}`", path.join("nano.vhdx").display()))
            }
            Self::NotAFile { .. } | Self::IsInput { .. } | Self::Suffix { .. } => {
                Some("give another output name".to_owned())
            }
            Self::NoName { .. } => Some("give a file name that ends in .vhdx, .vhd or .raw".to_owned()),
            Self::NoFolder { folder } => Some(format!("create the folder first: mkdir -p {}", folder.display())),
            Self::Io { source, .. } => match source.kind() {
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                    Some("choose a folder that you may write to".to_owned())
                }
                _ => None,
            },
        }
    }
}

/// A name under which an output may appear, as far as can be told before it does.
#[derive(Debug)]
pub(crate) struct Target {
    folder: PathBuf,
    path: PathBuf,
    overwrite: bool,
}

impl Target {
    /// Looks at what is there under the name now. `inputs` are files that must not be replaced.
    pub(crate) fn check<'i>(
        path: &Path,
        overwrite: bool,
        inputs: impl IntoIterator<Item = &'i Path>,
    ) -> Result<Self, OutputError> {
        let name = path.file_name().ok_or_else(|| OutputError::NoName { path: path.to_owned() })?;
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        // Without a trailing slash, which would ask for a folder.
        let path = path.with_file_name(name);
        if !folder.is_dir() {
            return Err(OutputError::NoFolder { folder });
        }
        let target = Self { folder, path, overwrite };
        match fs::symlink_metadata(&target.path) {
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(target),
            Err(source) => Err(OutputError::Io { action: "look at", path: target.path, source }),
            Ok(found) => target.replaces(&found.file_type(), inputs),
        }
    }

    /// The checks when there is something under the name.
    fn replaces<'i>(
        self,
        found: &fs::FileType,
        inputs: impl IntoIterator<Item = &'i Path>,
    ) -> Result<Self, OutputError> {
        let path = self.path.clone();
        if found.is_symlink() {
            let target = fs::read_link(&path).unwrap_or_default();
            return Err(OutputError::Link { path, target });
        }
        if found.is_dir() {
            return Err(OutputError::NotAFile { path, found: "a folder" });
        }
        if !found.is_file() {
            return Err(OutputError::NotAFile { path, found: "a device, a pipe or a socket" });
        }
        if let Ok(same) = fs::canonicalize(&path)
            && inputs.into_iter().any(|input| fs::canonicalize(input).is_ok_and(|input| input == same))
        {
            return Err(OutputError::IsInput { path });
        }
        if self.overwrite { Ok(self) } else { Err(OutputError::Exists { path }) }
    }

    /// Makes the file that takes the bytes until they are complete.
    pub(crate) fn create(self) -> Result<Partial, OutputError> {
        match unfinished(&self.folder, self.path.file_name().unwrap_or_default()) {
            Ok(file) => Ok(Partial { file, target: self }),
            Err(source) => Err(OutputError::Io { action: "create a file in", path: self.folder, source }),
        }
    }
}

/// An output that is not complete. It is removed when dropped.
#[derive(Debug)]
pub(crate) struct Partial {
    file: NamedTempFile,
    target: Target,
}

impl Partial {
    /// The file, to be written.
    pub(crate) fn file(&self) -> &File {
        self.file.as_file()
    }

    /// The path it will have.
    pub(crate) fn path(&self) -> &Path {
        &self.target.path
    }

    /// Gives the file its name. If it is `durable`, because the caller has synced it, then so is the name.
    pub(crate) fn publish(self, durable: bool) -> Result<(), OutputError> {
        let Target { folder, path, overwrite } = self.target;
        let renamed = if overwrite { self.file.persist(&path) } else { persist_new(self.file, &path) };
        renamed.map_err(|e| match e.error.kind() {
            ErrorKind::AlreadyExists => OutputError::Exists { path: path.clone() },
            _ => OutputError::Io { action: "give the finished file its name", path: path.clone(), source: e.error },
        })?;
        if !durable {
            return Ok(());
        }
        sync_folder(&folder).map_err(|source| OutputError::Io { action: "sync the folder", path: folder, source })
    }
}

/// A file of another name in the folder, removed when dropped.
pub(crate) fn unfinished(folder: &Path, name: &OsStr) -> io::Result<NamedTempFile> {
    // Enough to tell whose it is; a long name with more around it would be too long.
    let prefix = format!(".{}.", name.to_string_lossy().chars().take(40).collect::<String>());
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".partial");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // What any new file gets: the umask takes its part away.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Renames without replacing. File systems that can't do that in one step get a check and a rename.
pub(crate) fn persist_new(file: NamedTempFile, path: &Path) -> Result<File, tempfile::PersistError> {
    file.persist_noclobber(path).or_else(|e| match fs::symlink_metadata(path) {
        Err(missing) if missing.kind() == ErrorKind::NotFound => e.file.persist(path),
        _ => Err(e),
    })
}

/// Makes a rename in the folder durable.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder).and_then(|f| f.sync_all()) {
        // Some network file systems have no such thing; the file itself is synced.
        Err(e) if matches!(e.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        // A folder may be writable but not readable.
        Err(e) if e.kind() == ErrorKind::PermissionDenied => Ok(()),
        result => result,
    }
}

/// Windows has no call for it; the rename is journalled.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    fn write(path: &Path, overwrite: bool, bytes: &[u8]) -> Result<(), OutputError> {
        let partial = Target::check(path, overwrite, [])?.create()?;
        partial.file().write_all(bytes).unwrap();
        partial.publish(true)
    }

    #[test]
    fn an_output_appears_whole_and_replaces_only_when_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.raw");
        write(&path, false, b"one").unwrap();
        assert!(matches!(write(&path, false, b"two"), Err(OutputError::Exists { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"one");
        write(&path, true, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(names(dir.path()), ["a.raw"]);
    }

    #[test]
    fn a_file_that_comes_up_meanwhile_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.raw");
        let partial = Target::check(&path, false, []).unwrap().create().unwrap();
        fs::write(&path, b"theirs").unwrap();
        assert!(matches!(partial.publish(true), Err(OutputError::Exists { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
        assert_eq!(names(dir.path()), ["a.raw"]);
    }

    #[test]
    fn a_dropped_output_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let partial = Target::check(&dir.path().join("a.raw"), false, []).unwrap().create().unwrap();
        let name = names(dir.path()).remove(0);
        assert!(name.starts_with(".a.raw.") && name.ends_with(".partial"), "{name}");
        drop(partial);
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn names_that_are_no_files_are_refused_even_with_overwrite() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("folder.raw")).unwrap();
        fs::write(at("input.raw"), b"x").unwrap();
        let check = |path: &Path| Target::check(path, true, [Path::new("none"), &at("input.raw")]).unwrap_err();
        assert!(matches!(check(&at("folder.raw")), OutputError::NotAFile { .. }));
        assert!(matches!(check(&at("input.raw")), OutputError::IsInput { .. }));
        assert!(matches!(check(&at("missing/a.raw")), OutputError::NoFolder { .. }));
        assert!(matches!(check(&at("input.raw/a.raw")), OutputError::NoFolder { .. }));
        assert!(matches!(check(Path::new("..")), OutputError::NoName { .. }));
    }

    #[cfg(unix)]
    #[test]
    fn links_and_pipes_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::os::unix::fs::symlink("elsewhere.raw", at("link.raw")).unwrap();
        let socket = std::os::unix::net::UnixListener::bind(at("socket.raw")).unwrap();
        let check = |name: &str| Target::check(&at(name), true, []).unwrap_err();
        assert!(
            matches!(check("link.raw"), OutputError::Link { target, .. } if target == Path::new("elsewhere.raw"))
        );
        assert!(matches!(check("socket.raw"), OutputError::NotAFile { .. }));
        drop(socket);
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_gets_the_permissions_that_any_file_gets() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("plain"), b"").unwrap();
        write(&dir.path().join("a.raw"), false, b"").unwrap();
        let mode = |name: &str| fs::metadata(dir.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode("a.raw"), mode("plain"));
    }
}
