//! What a build adds to an image's files, so that they can be compared with those of a disk.

use nanovhd_boot::Firmware;
use nanovhd_tree::{Content, File, Filetime, Tree};

use crate::boot::add_bios_files;
use crate::startup::{Mounted, Startup};
use crate::store;

/// The image's files with what starts them from the volume, if that is from where a BIOS starts. A disk
/// without boot files was built without, and so was one with those of the image: an image captured from a
/// running machine has its own. `None`: nothing was added.
pub(super) fn with_boot_files(image: &Tree, volume: &Mounted<'_>, startup: &Startup<'_>) -> Option<Tree> {
    let paths = startup.paths();
    let is_system = startup.system.map(|part| part.number) == volume.part.number;
    let has_any = || [paths.manager, paths.store].iter().any(|path| is_added(image, volume, path));
    if startup.firmware != Firmware::Bios || !is_system || !has_any() {
        return None;
    }
    let mut tree = image.clone();
    let (store, time) = store(volume, paths.store);
    // An image that can't be started was given nothing.
    add_bios_files(&mut tree, time, store).ok()?;
    Some(tree)
}

/// Whether the volume has a file that is not the image's own, by length and time.
fn is_added(image: &Tree, volume: &Mounted<'_>, path: &str) -> bool {
    let facts = |file: &File| (file.content().map(Content::len), file.metadata.times.written);
    let found = volume.file(path).map(|id| facts(volume.volume.tree().file(id)));
    found.is_some_and(|found| image.lookup(path).is_none_or(|own| facts(image.file(own)) != found))
}

/// The store of the disk, for itself: no two builds make the same, and the rules of boot judge it. What is
/// added bears one time.
fn store(volume: &Mounted<'_>, path: &str) -> (Content, Filetime) {
    let Some(file) = volume.file(path).map(|id| volume.volume.tree().file(id)) else {
        return (Content::empty(), Filetime::default());
    };
    let bytes = file.content().and_then(|content| store::bytes(volume, content).ok());
    (Content::bytes(bytes.unwrap_or_default()), file.metadata.times.written)
}
