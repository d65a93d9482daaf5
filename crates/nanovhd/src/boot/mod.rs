//! What makes the disk start: boot files, the BCD store, and where they go.
//!
//! ```text
//!  image ──► Start ──┬─► UEFI: EspFiles, onto the EFI system partition
//!   files, template  └─► BIOS: add_bios_files, into the Tree of the Windows volume
//! ```
//!
//! The store names partitions by identifiers that depend on the disk's size, which depends on the store's.
//! Its length does not depend on identifiers, so one with others is made first, and replaced in the end.

mod bios;
mod descriptor;
mod diagnostics;
mod esp;
mod name;
mod settings;
#[cfg(test)]
mod tests;

use nanovhd_boot::bcd::{self, BcdError, Device, Diagnostics, NewStore, PartitionDevice};
use nanovhd_boot::{
    BootFile, BootFilesError, BootPaths, Firmware as Kind, MachineError, boot_files, fallback_name, plain_file,
};
use nanovhd_disk::{DiskLayout, Partition, Scheme};
use nanovhd_tree::{Content, FileId, Filetime, Source, Tree, TreeError, visible};
use nanovhd_wim::{BlobError, ImageInfo};
use thiserror::Error;

use crate::geometry::windows;
use crate::identity::Identity;
use crate::outline::BootOutline;
use crate::{CustomizeError, Media, Size};
pub(crate) use bios::add_bios_files;
pub(crate) use diagnostics::diagnose;
pub(crate) use esp::EspFiles;
pub use settings::{BcdDevice, BcdTemplate};

/// Where an image has its template.
const TEMPLATE: &str = r"\Windows\System32\config\BCD-Template";
/// Real templates have 28 KiB.
const MAX_TEMPLATE: u64 = 16 << 20;
/// Real boot managers have less than 3 MiB; this one is read whole to learn what machine it is for.
const MAX_MANAGER: u64 = 64 << 20;

/// Why an image can't be made to start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BootError {
    /// A file is missing, or is not one that could be read at the start.
    #[error(transparent)]
    Files(#[from] BootFilesError),
    /// A file that is looked into is longer than such a file can be.
    #[error("{path} has {len} bytes, and at most {most} would be read")]
    TooLong {
        /// The path in the image.
        path: String,
        /// Its length in bytes.
        len: u64,
        /// The most.
        most: u64,
    },
    /// A file that is looked into can't be read.
    #[error("can't read {path}")]
    Read {
        /// The path in the image.
        path: String,
        /// What is wrong, and where in the WIM.
        source: Box<BlobError>,
    },
    /// A file that is looked into is to come from this machine and can't be read.
    #[error("can't read what is to become {path}")]
    Host {
        /// The path in the image.
        path: String,
        /// What the operating system reports.
        source: std::io::Error,
    },
    /// The boot manager is none.
    #[error("{path} is not what UEFI could start")]
    Machine {
        /// The path in the image.
        path: String,
        /// What is wrong with it.
        source: MachineError,
    },
    /// The BCD can't be made from the image's template.
    #[error("can't make the BCD from the image's {path}")]
    Template {
        /// The path in the image.
        path: String,
        /// What is wrong with it, and where.
        source: Box<BcdError>,
    },
    /// The BCD can't be made.
    #[error("can't make the BCD")]
    Store(#[source] Box<BcdError>),
    /// Something that can't be replaced is where a boot file goes.
    #[error("the image has {what} at {}, which is needed to start it", visible(path))]
    InTheWay {
        /// The path in the image.
        path: String,
        /// What is there.
        what: &'static str,
    },
    /// The image's template can't be replaced by the one with the settings.
    #[error("can't replace the image's {TEMPLATE}")]
    Replace(#[source] Box<CustomizeError>),
    /// Nothing is there that EMS, debugger or test signing could be set in.
    #[error(
        "EMS, debugger and test signing are set in boot configurations, but the disk gets no boot configuration and the \
         image no other template for one"
    )]
    NoConfiguration,
    /// A boot file can't be added.
    #[error("can't add {} to the image", visible(path))]
    Tree {
        /// The path.
        path: String,
        /// Why.
        source: TreeError,
    },
}

impl BootError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(
            match self {
                Self::Files(BootFilesError::Missing { firmware: Kind::Bios, .. }) => {
                    "give --firmware uefi if the image is for UEFI alone, or --no-boot for a disk that starts nothing"
                }
                Self::Template { path, .. }
                | Self::TooLong { path, .. }
                | Self::Read { path, .. }
                | Self::Files(BootFilesError::Unusable { path, .. })
                    if path == TEMPLATE =>
                {
                    "give --bcd-template builtin to make the BCD without it"
                }
                Self::Files(_) => "give --no-boot for a disk that starts nothing",
                Self::NoConfiguration => "leave these settings out, or --no-boot",
                _ => return None,
            }
            .to_owned(),
        )
    }
}

/// What starts an image, and the settings for it.
#[derive(Debug)]
pub(crate) struct Start<'r> {
    firmware: Kind,
    files: Vec<BootFile>,
    /// The name of the boot manager for firmware that knows of none; none for a BIOS.
    fallback: Option<&'static str>,
    /// The image's template, if the BCD is made from it.
    template: Option<Vec<u8>>,
    device: BcdDevice,
    diagnostics: Diagnostics<'r>,
    description: &'static str,
    time: Filetime,
    /// What is on the EFI system partition: nothing for a BIOS.
    esp: EspFiles,
    /// The store in the tree, for a BIOS.
    store: Option<FileId>,
}

impl<'r> Start<'r> {
    /// Looks for everything in the image, reads what decides on something, and adds to the image what a BIOS
    /// looks for there. The store is one for any disk, here `layout`, until [`Start::settle`].
    pub(crate) fn find(
        tree: &mut Tree,
        media: &Media,
        image: &ImageInfo,
        layout: &DiskLayout,
        (device, template, diagnostics): (BcdDevice, BcdTemplate, Diagnostics<'r>),
        time: Filetime,
    ) -> Result<Self, BootError> {
        let firmware = match layout.scheme {
            Scheme::Gpt => Kind::Uefi,
            Scheme::Mbr => Kind::Bios,
        };
        let files = boot_files(tree, firmware)?;
        let template = match template {
            BcdTemplate::Image => {
                plain_file(tree, TEMPLATE)?.map(|id| read(tree, media, id, TEMPLATE, MAX_TEMPLATE)).transpose()?
            }
            BcdTemplate::Builtin => None,
        };
        let fallback = (firmware == Kind::Uefi).then(|| fallback(tree, media)).transpose()?;
        let (description, esp) = (name::of(image), EspFiles::default());
        let mut start =
            Self { firmware, files, fallback, template, device, diagnostics, description, time, esp, store: None };
        let store = start.make_store(layout, Identity::of_none())?;
        match fallback {
            Some(name) => start.esp = EspFiles::new(tree, &start.files, name, store),
            None => start.store = Some(add_bios_files(tree, time, Content::bytes(store))?),
        }
        Ok(start)
    }

    /// Replaces the store by the one for the disk as it is.
    pub(crate) fn settle(
        &mut self,
        tree: &mut Tree,
        layout: &DiskLayout,
        identity: Identity,
    ) -> Result<(), BootError> {
        let store = self.make_store(layout, identity)?;
        match self.store {
            Some(file) => tree.set_content(file, Content::bytes(store)),
            None => self.esp.set_store(store),
        }
        Ok(())
    }

    /// The BCD for a disk with these partitions.
    fn make_store(&self, layout: &DiskLayout, identity: Identity) -> Result<Vec<u8>, BootError> {
        let (system, os) = devices(self.device, layout);
        let store = NewStore {
            firmware: self.firmware,
            template: self.template.as_deref(),
            system,
            os,
            description: self.description,
            loader: loader(identity),
            resume: identity.part("bcd resume"),
            time: self.time,
        };
        let made = store.make().and_then(|mut store| {
            self.diagnostics.apply(&mut store, self.time)?;
            store.to_bytes()
        });
        made.map_err(|source| match self.template() {
            BcdTemplate::Image => BootError::Template { path: TEMPLATE.to_owned(), source: Box::new(source) },
            BcdTemplate::Builtin => BootError::Store(Box::new(source)),
        })
    }

    /// What goes onto the EFI system partition.
    pub(crate) fn esp(&self) -> &EspFiles {
        &self.esp
    }

    /// What changes the bytes of the disk, beside the image.
    pub(crate) fn settings(&self) -> String {
        format!("{} {} {}", self.device, self.template(), self.description)
    }

    /// What the BCD is made from in the end.
    fn template(&self) -> BcdTemplate {
        if self.template.is_some() { BcdTemplate::Image } else { BcdTemplate::Builtin }
    }

    /// What there is to say about it.
    pub(crate) fn outline(&self, tree: &Tree, identity: Identity) -> BootOutline {
        let paths = BootPaths::of(self.firmware);
        let len = |file: &BootFile| tree.file(file.source).content().map_or(0, Content::len);
        BootOutline {
            manager: paths.manager.to_owned(),
            fallback: self.fallback.map(esp::fallback_path),
            store: paths.store.to_owned(),
            loader: paths.loader.to_owned(),
            loader_id: loader(identity),
            description: self.description.to_owned(),
            template: self.template(),
            device: self.device,
            files: self.files.len(),
            bytes: Size(self.files.iter().map(len).fold(0, u64::saturating_add)),
        }
    }
}

fn loader(identity: Identity) -> uuid::Uuid {
    identity.part("bcd loader")
}

/// Where boot manager and Windows are, as the BCD says it.
fn devices(device: BcdDevice, layout: &DiskLayout) -> (Device, Device) {
    let partition = |part: &Partition| {
        Device::Partition(match layout.scheme {
            Scheme::Gpt => PartitionDevice::Gpt { disk: layout.disk_id, partition: part.id },
            Scheme::Mbr => PartitionDevice::Mbr { signature: layout.signature, offset: part.first },
        })
    };
    let windows = windows(layout);
    match device {
        BcdDevice::Partition => (partition(layout.esp().unwrap_or(windows)), partition(windows)),
        BcdDevice::Boot => (Device::Boot, Device::Boot),
        BcdDevice::Locate => {
            (Device::locate(bcd::element::APPLICATION_PATH), Device::locate(bcd::element::SYSTEM_ROOT))
        }
    }
}

/// The name of the boot manager for firmware that knows of none.
fn fallback(tree: &Tree, media: &Media) -> Result<&'static str, BootError> {
    let path = BootPaths::of(Kind::Uefi).manager_source;
    let missing = || BootFilesError::Missing { path: path.to_owned(), firmware: Kind::Uefi };
    let id = plain_file(tree, path)?.ok_or_else(missing)?;
    let program = read(tree, media, id, path, MAX_MANAGER)?;
    fallback_name(&program).map_err(|source| BootError::Machine { path: path.to_owned(), source })
}

/// The bytes of a file of the image.
fn read(tree: &Tree, media: &Media, id: FileId, path: &str, most: u64) -> Result<Vec<u8>, BootError> {
    let path = || path.to_owned();
    let Some(content) = tree.file(id).content().filter(|content| !content.is_empty()) else { return Ok(Vec::new()) };
    if content.len() > most {
        return Err(BootError::TooLong { path: path(), len: content.len(), most });
    }
    match content.source() {
        Source::Bytes(bytes) => Ok(bytes.to_vec()),
        Source::HostFile(host) => std::fs::read(host).map_err(|source| BootError::Host { path: path(), source }),
        Source::Blob(id) => {
            let bytes = media.wim().read_blob(id.index);
            bytes.map_err(|source| BootError::Read { path: path(), source: Box::new(source) })
        }
    }
}
