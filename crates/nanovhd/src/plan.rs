//! Everything that is decided before the first byte is written.

use std::fmt;
use std::path::PathBuf;

use nanovhd_boot::NTFS_BOOT_CODE;
use nanovhd_disk::{Container, ContainerError, DiskLayout, EspError, PartitionError};
use nanovhd_ntfs::{LayoutError, Volume, VolumeOptions};
use nanovhd_tree::{Content, Filetime, Name, Tree};
use nanovhd_wim::{ImageInfo, MetadataError, Note};
use serde::{Serialize, Serializer};
use thiserror::Error;
use uuid::Uuid;

use crate::boot::{self, BootError, Start};
use crate::checks::{self, CheckError};
use crate::customize::Applied;
use crate::draft::Draft;
use crate::geometry::Layouts;
use crate::identity::{Identity, Inputs};
use crate::media::WIM;
use crate::outline::Outline;
use crate::{
    BcdDevice, Chosen, CustomizeError, DiskFormat, Firmware, Media, Recipe, SelectionError, Size, Target, TargetError,
};

/// The version of the way in which identifiers are derived.
const IDENTITY: u64 = 1;
/// 2108-01-01T00:00:00Z, the first time that FAT can't state.
const END_OF_FAT: Filetime = Filetime(159_992_928_000_000_000);

/// What will be built from a media: every byte that the disk will hold is decided or its source is
/// known. Making a plan writes nothing. It is shown as text for people (`Display`) and serialised
/// as its [`Outline`].
#[derive(Debug)]
pub struct Plan<'m> {
    pub(crate) media: &'m Media,
    pub(crate) tree: Tree,
    pub(crate) volume: VolumeOptions,
    /// Where the volume begins on the disk, in bytes.
    pub(crate) volume_start: u64,
    /// What lies outside the volume: byte offsets on the disk, ascending, and bytes.
    pub(crate) fixed: Vec<(u64, Vec<u8>)>,
    /// Contents of the volume that go to other places of the disk too, and their byte offsets there.
    pub(crate) copies: Vec<(Content, u64)>,
    pub(crate) container: Container,
    pub(crate) outline: Outline,
}

/// Why there is no plan.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// It is not clear which image is meant.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// The image's metadata can't be read.
    #[error("can't read the metadata of image {image} in `{}`", wim.display())]
    Metadata {
        /// The WIM.
        wim: PathBuf,
        /// The image's number.
        image: u32,
        /// What is wrong.
        source: Box<MetadataError>,
    },
    /// The image is not one that could start.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// The image can't be customized.
    #[error("can't customize image {image} of `{}`", wim.display())]
    Customize {
        /// The WIM.
        wim: PathBuf,
        /// The image's number.
        image: u32,
        /// What is wrong with the image or a setting.
        source: Box<CustomizeError>,
    },
    /// The image can't be made to start.
    #[error("image {image} of `{}` can't be made to start", wim.display())]
    Boot {
        /// The WIM.
        wim: PathBuf,
        /// The image's number.
        image: u32,
        /// What is wrong.
        source: Box<BootError>,
    },
    /// The target does not take such a disk.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Two of the settings don't go together.
    #[error("{0}")]
    Settings(&'static str),
    /// The disk is too small for the image.
    #[error("a disk of {size} is too small for the image, which needs {least} with its partitions")]
    TooSmall {
        /// The size asked for.
        size: Size,
        /// The least size that would do.
        least: Size,
    },
    /// The partitions can't be laid out.
    #[error("can't lay out the partitions")]
    Partitions(#[from] PartitionError),
    /// The EFI system partition can't be made.
    #[error("can't make the EFI system partition")]
    Esp(#[from] EspError),
    /// The image can't become an NTFS volume.
    #[error("can't lay out an NTFS volume for image {image} of `{}`", wim.display())]
    Volume {
        /// The WIM.
        wim: PathBuf,
        /// The image's number.
        image: u32,
        /// What is wrong with the image or the settings.
        source: Box<LayoutError>,
    },
    /// There can't be such a file.
    #[error("can't lay out the file of the disk")]
    Container(#[from] ContainerError),
}

impl PlanError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Selection(e) => e.hint(),
            Self::Check(e) => e.hint(),
            Self::Customize { source, .. } => source.hint(),
            Self::Boot { source, .. } => source.hint(),
            Self::TooSmall { least, .. } => Some(format!("give --size {} or more", least.argument())),
            _ => None,
        }
    }
}

impl Recipe {
    /// Decides on everything, from the tables and the metadata of the media, the template of the BCD and
    /// the boot manager.
    ///
    /// # Errors
    /// [`PlanError`] says why it can't be.
    pub fn plan<'m>(&self, media: &'m Media) -> Result<Plan<'m>, PlanError> {
        self.check()?;
        let chosen = media.choose(&self.selection)?;
        let index = chosen.image.index;
        let (tree, notes) = media.wim().tree_with_notes(index, WIM).map_err(|e| PlanError::Metadata {
            wim: media.wim_path().to_owned(),
            image: index,
            source: Box::new(e),
        })?;
        self.plan_tree(media, chosen, tree, notes)
    }

    /// The plan for a tree that comes from the media.
    pub(crate) fn plan_tree<'m>(
        &self,
        media: &'m Media,
        chosen: Chosen<'m>,
        mut tree: Tree,
        notes: Vec<Note>,
    ) -> Result<Plan<'m>, PlanError> {
        let (firmware, device) = self.check()?;
        let time = self.time.map_or_else(|| time_of(chosen.image, &tree), Filetime::from_unix);
        let volume = VolumeOptions {
            size: 0,
            cluster_size: self.cluster_size,
            sector_size: self.sector_size,
            hidden_sectors: 0,
            serial: 0,
            label: Name::from(self.label.as_str()),
            time,
            boot_code: (firmware == Firmware::Bios).then_some(NTFS_BOOT_CODE),
        };
        if self.boot {
            checks::can_start(chosen.image, firmware)?;
        }
        let custom =
            self.custom.check_diagnostics().and_then(|()| self.custom.apply(&mut tree, media, chosen.image, time));
        let mut custom = custom.map_err(|e| customize_error(media, chosen, e))?;
        let diagnosed = boot::diagnose(self, &mut tree, media, time).map_err(|e| boot_error(media, chosen, e))?;
        custom.settings.extend(diagnosed);
        custom.warnings.extend(self.custom.diagnostics_warnings(firmware));
        custom.warnings.extend(self.target.and_then(Target::warning).map(str::to_owned));
        // Sizes don't depend on identifiers, but identifiers on the size.
        let esp = DiskLayout::usual_esp(self.sector_size);
        let mut layouts = Layouts { firmware, sector_size: self.sector_size, esp, disk: Uuid::nil() };
        let mut start = None;
        if self.boot {
            let any = layouts.of_any()?;
            let found = Start::find(
                &mut tree,
                media,
                chosen.image,
                &any,
                (device, self.bcd_template, self.custom.diagnostics()),
                time,
            );
            let found = start.insert(found.map_err(|e| boot_error(media, chosen, e))?);
            layouts.esp = found.esp().partition_size(self.sector_size, esp)?;
        }
        let needed = Volume::minimum_size(&tree, &volume).map_err(|e| volume_error(media, chosen, e))?;
        let sized = layouts.size(self.size, needed)?;
        if let Some(target) = self.target {
            target.check_size(sized.size, firmware)?;
        }
        let identity =
            self.identity(media, chosen.image.index, firmware, (start.as_ref(), &custom), sized.size, time);
        let layout = Layouts { disk: identity.disk(), ..layouts }.of(sized.size.0)?;
        if let Some(start) = &mut start {
            start.settle(&mut tree, &layout, identity).map_err(|e| boot_error(media, chosen, e))?;
        }
        Draft { recipe: self, media, chosen, tree, volume, sized, identity, layout, firmware, notes, start, custom }
            .plan()
    }

    /// Refuses settings that don't go together, before any work.
    fn check(&self) -> Result<(Firmware, BcdDevice), PlanError> {
        let (format, firmware) = (self.disk_format(), self.disk_firmware());
        if let Some(target) = self.target {
            target.check(format, self.is_fixed(), firmware, self.sector_size)?;
        }
        if self.sector_size != 512 && format == DiskFormat::Vhd {
            return Err(PlanError::Settings("a VHD has sectors of 512 bytes; only VHDX and raw disks may have 4096"));
        }
        if self.sector_size != 512 && firmware == Firmware::Bios {
            return Err(PlanError::Settings("BIOS firmware starts only from disks with sectors of 512 bytes"));
        }
        let usual = match firmware {
            Firmware::Uefi => BcdDevice::Partition,
            Firmware::Bios => BcdDevice::Locate,
        };
        let device = self.bcd_device.unwrap_or(usual);
        if firmware == Firmware::Uefi && device == BcdDevice::Boot {
            return Err(PlanError::Settings(
                "under UEFI the boot manager comes from the EFI system partition, where Windows is not, so the BCD can't \
                 name the device `boot`; `partition` or `locate` can be",
            ));
        }
        Ok((firmware, device))
    }

    /// The identifiers that follow from the image and from all settings that change the virtual disk.
    fn identity(
        &self,
        media: &Media,
        image: u32,
        firmware: Firmware,
        (start, custom): (Option<&Start<'_>>, &Applied),
        size: Size,
        time: Filetime,
    ) -> Identity {
        let wim = media.wim();
        let boot = start.map(Start::settings);
        let inputs = Inputs::new(IDENTITY)
            .bytes("wim", &wim.header().guid)
            .number("image", image.into())
            .bytes("metadata", &wim.metadata_digest(image).unwrap_or_default())
            .bytes("firmware", firmware.to_string().as_bytes())
            .number("size", size.0)
            .number("sector size", self.sector_size.into())
            .number("cluster size", self.cluster_size.into())
            .bytes("label", self.label.as_bytes())
            .number("time", time.0)
            .bytes("seed", self.seed.as_bytes())
            .bytes("boot", boot.unwrap_or_default().as_bytes());
        // Without any setting, identifiers are those that they were before there was one.
        let inputs = match self.custom.diagnostics_input() {
            Some(text) => inputs.bytes("diagnostics", text.as_bytes()),
            None => inputs,
        };
        match &custom.inputs {
            Some(digest) => inputs.bytes("customization", digest).identity(),
            None => inputs.identity(),
        }
    }
}

/// Says which image can't be customized.
fn customize_error(media: &Media, chosen: Chosen<'_>, source: CustomizeError) -> PlanError {
    PlanError::Customize { wim: media.wim_path().to_owned(), image: chosen.image.index, source: Box::new(source) }
}

/// Says which image can't be started.
fn boot_error(media: &Media, chosen: Chosen<'_>, source: BootError) -> PlanError {
    PlanError::Boot { wim: media.wim_path().to_owned(), image: chosen.image.index, source: Box::new(source) }
}

/// Says whose volume can't be.
pub(crate) fn volume_error(media: &Media, chosen: Chosen<'_>, source: LayoutError) -> PlanError {
    PlanError::Volume { wim: media.wim_path().to_owned(), image: chosen.image.index, source: Box::new(source) }
}

/// When the image was last changed: what the WIM says of it, else the newest time at which a file was
/// written. Images hold files from the future, so times that no disk format can state don't count.
fn time_of(image: &ImageInfo, tree: &Tree) -> Filetime {
    let plausible = |time: &Filetime| *time < END_OF_FAT;
    let newest = || tree.files().map(|(_, file)| file.metadata.times.written).filter(plausible).max();
    image.modified.filter(plausible).or_else(newest).unwrap_or_default()
}

impl<'m> Plan<'m> {
    /// What the plan says about the disk.
    pub fn outline(&self) -> &Outline {
        &self.outline
    }

    /// The media that the plan was made for.
    pub fn media(&self) -> &'m Media {
        self.media
    }

    /// The volume's layout, computed from what the plan keeps.
    pub(crate) fn lay_out(&self) -> Volume<'_> {
        Volume::lay_out(&self.tree, &self.volume).expect("the same volume was laid out when the plan was made")
    }
}

impl fmt::Display for Plan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.outline.fmt(f)
    }
}

impl Serialize for Plan<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.outline.serialize(serializer)
    }
}
