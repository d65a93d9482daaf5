//! How much of a disc image is read. Its tools are others'; without them, the tests say so and pass.

use std::fs::File;
use std::io::Result;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nanovhd_tree::ReadAt;

use super::{Media, MediaFile, MediaRoot};
use crate::build::support::{discs, testdata};
use crate::{BuildOptions, Edition, Recipe};

/// What finding a file costs at most, of a disc with few files in each folder: the volume descriptors of both
/// standards (each sequence ends after 16 sectors), anchor, file set, and of every folder on the way its
/// entry and its list, looked through once for each place where a WIM may be.
const STRUCTURES: u64 = 64 << 10;

/// A file that counts what is read of it.
struct Counted {
    file: File,
    bytes: AtomicU64,
}

impl Counted {
    fn open(path: &Path) -> Arc<Self> {
        Arc::new(Self { file: File::open(path).unwrap(), bytes: AtomicU64::new(0) })
    }

    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl ReadAt for Counted {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        let n = self.file.read_at(buf, offset)?;
        self.bytes.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }

    fn len(&self) -> Result<u64> {
        self.file.len()
    }
}

/// Plans and builds.
fn build(media: &Media, threads: usize) {
    let folder = tempfile::tempdir().unwrap();
    let plan = Recipe::new().edition(Edition::Datacenter).plan(media).unwrap();
    let options = BuildOptions { threads: NonZeroUsize::new(threads), ..BuildOptions::default() };
    plan.build(folder.path().join("a.vhdx"), &options, &()).unwrap();
}

/// All reads of the WIM are the same, only elsewhere; what comes on top are the disc's own structures. So a build
/// from the disc reads at most what the build from the folder reads, and [`STRUCTURES`].
#[test]
fn of_a_disc_is_read_what_is_read_of_the_wim_and_where_it_is() {
    let media = testdata("media");
    let folder = tempfile::tempdir().unwrap();
    for disc in discs(&media, folder.path()) {
        let mut extra = Vec::new();
        for threads in [1, 4] {
            let root = MediaRoot::folder(&media);
            let wim = root.wim().unwrap();
            let counted = Counted::open(wim.path());
            build(&Media::with(&media, root, &wim, MediaFile::new(Arc::clone(&counted))).unwrap(), threads);
            let of_the_wim = counted.bytes();
            assert!(of_the_wim > 0 && of_the_wim < 2 * counted.len().unwrap());

            let counted = Counted::open(&disc);
            let root = MediaRoot::disc(&disc, MediaFile::new(Arc::clone(&counted))).unwrap();
            let wim = root.wim().unwrap();
            let file = root.file(&wim).unwrap();
            let structures = counted.bytes();
            build(&Media::with(&disc, root, &wim, file).unwrap(), threads);
            assert!(structures <= STRUCTURES, "{}: {structures}", disc.display());
            assert_eq!(counted.bytes(), structures + of_the_wim, "{}", disc.display());
            extra.push(structures);
        }
        assert_eq!(extra[0], extra[1]);
    }
}

/// A file in the way of the disc's reader is not read at all: the other WIM, the packages.
#[test]
fn listing_packages_reads_no_cabinet() {
    let folder = tempfile::tempdir().unwrap();
    let media = folder.path().join("media");
    for (file, len) in [("Packages/A.cab", 5 << 20), ("Packages/en-us/A_en-us.cab", 3 << 20)] {
        let path = media.join("NanoServer").join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, vec![1; len]).unwrap();
    }
    for disc in discs(&media, folder.path()) {
        let counted = Counted::open(&disc);
        let root = MediaRoot::disc(&disc, MediaFile::new(Arc::clone(&counted))).unwrap();
        let list = root.packages().unwrap();
        assert_eq!((list.packages.len(), list.packages[0].size.0), (1, 8 << 20));
        assert!(counted.bytes() <= STRUCTURES, "{}: {}", disc.display(), counted.bytes());
    }
}
