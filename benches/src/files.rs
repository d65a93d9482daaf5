//! Files before and after a run: on the disk, in the page cache, and how long they are.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// A new folder for outputs, removed at the end: in `parent`, or where this program is.
///
/// # Errors
/// What the system says.
pub fn scratch(parent: Option<&Path>) -> io::Result<tempfile::TempDir> {
    let exe = std::env::current_exe()?;
    let parent = parent.or(exe.parent()).unwrap_or(Path::new("."));
    tempfile::Builder::new().prefix("outputs.").tempdir_in(parent)
}

/// Lengths of a file.
#[derive(Debug, Clone, Copy)]
pub struct Lengths {
    /// Its length in bytes.
    pub length: u64,
    /// Bytes that it takes on the disk: less, if it has holes.
    pub allocated: u64,
}

/// The lengths of a file.
///
/// # Errors
/// What the system says.
pub fn lengths(path: &Path) -> io::Result<Lengths> {
    let metadata = path.metadata()?;
    #[cfg(unix)]
    let allocated = std::os::unix::fs::MetadataExt::blocks(&metadata) * 512;
    #[cfg(not(unix))]
    let allocated = metadata.len();
    Ok(Lengths { length: metadata.len(), allocated })
}

/// Makes runs alike: the output of the last one is removed, everything written so far is on the disk, and the
/// input is in the page cache.
///
/// # Errors
/// What the system says.
pub fn settle(input: &Path, output: &Path) -> io::Result<()> {
    remove(output)?;
    #[cfg(target_os = "linux")]
    rustix::fs::sync();
    let (mut file, mut buffer) = (File::open(input)?, vec![0; 1 << 20]);
    while file.read(&mut buffer)? > 0 {}
    Ok(())
}

/// Removes a file if there is one.
///
/// # Errors
/// What the system says.
pub fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}
