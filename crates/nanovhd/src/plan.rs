//! Everything that is decided before the first byte is written.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use nanovhd_disk::{
    Container, ContainerError, ContainerOptions, DiskLayout, EspError, EspFile, EspOptions, Format, Partition,
    PartitionError, PartitionKind, Scheme, format_esp,
};
use nanovhd_ntfs::{LayoutError, Loss, LossKind, Volume, VolumeOptions};
use nanovhd_tree::{Filetime, Name, Source, Tree};
use nanovhd_wim::{ImageInfo, MetadataError, Note};
use serde::{Serialize, Serializer};
use thiserror::Error;
use uuid::Uuid;

use crate::geometry::{self, Layouts, Sized};
use crate::identity::{Identity, Inputs};
use crate::media::WIM;
use crate::outline::{
    ContentsOutline, DiskOutline, ImageOutline, MediaOutline, Outline, PartitionOutline, VolumeOutline,
};
use crate::select::edition_id;
use crate::text::{grouped, visible};
use crate::{Chosen, ChosenBy, Counts, DiskFormat, Firmware, Media, Recipe, SelectionError, Size};

/// The version of the way in which identifiers are derived.
const IDENTITY: u64 = 1;
/// 2108-01-01T00:00:00Z, the first time that FAT can't state.
const END_OF_FAT: Filetime = Filetime(159_992_928_000_000_000);
/// The name of the EFI system partition's file system.
const ESP_LABEL: &str = "SYSTEM";

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
        source: MetadataError,
    },
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
    #[error("can't lay out the NTFS volume")]
    Volume(#[from] LayoutError),
    /// There can't be such a file.
    #[error("can't lay out the file of the disk")]
    Container(#[from] ContainerError),
}

impl PlanError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Selection(e) => e.hint(),
            Self::TooSmall { least, .. } => Some(format!("give --size {} or more", least.argument())),
            _ => None,
        }
    }
}

impl Recipe {
    /// Decides on everything, from the tables and the metadata of the media alone.
    ///
    /// # Errors
    /// [`PlanError`] says why it can't be.
    pub fn plan<'m>(&self, media: &'m Media) -> Result<Plan<'m>, PlanError> {
        let firmware = self.check()?;
        let chosen = media.choose(&self.selection)?;
        let index = chosen.image.index;
        let (tree, notes) = media.wim().tree_with_notes(index, WIM).map_err(|source| PlanError::Metadata {
            wim: media.wim_path().to_owned(),
            image: index,
            source,
        })?;
        let time = self.time.map_or_else(|| time_of(chosen.image, &tree), Filetime::from_unix);
        let volume = VolumeOptions {
            size: 0,
            cluster_size: self.cluster_size,
            sector_size: self.sector_size,
            hidden_sectors: 0,
            serial: 0,
            label: Name::from(self.label.as_str()),
            time,
        };
        // Sizes don't depend on identifiers, but identifiers on the size.
        let layouts = Layouts { firmware, sector_size: self.sector_size, disk: Uuid::nil() };
        let sized = layouts.size(self.size, &tree, &volume)?;
        let identity = self.identity(media, index, firmware, sized.size, time);
        let layout = Layouts { disk: identity.disk(), ..layouts }.of(sized.size.0)?;
        Draft {
            recipe: self,
            media,
            chosen,
            tree,
            volume,
            sized,
            identity,
            layout,
            firmware,
            notes,
            boot_files: Vec::new(),
        }
        .plan()
    }

    /// Refuses settings that don't go together, before any work.
    fn check(&self) -> Result<Firmware, PlanError> {
        let firmware = self.firmware.unwrap_or(self.format.usual_firmware());
        if self.sector_size != 512 && self.format == DiskFormat::Vhd {
            return Err(PlanError::Settings("a VHD has sectors of 512 bytes; only VHDX and raw disks may have 4096"));
        }
        if self.sector_size != 512 && firmware == Firmware::Bios {
            return Err(PlanError::Settings("BIOS firmware starts only from disks with sectors of 512 bytes"));
        }
        Ok(firmware)
    }

    /// The identifiers that follow from the image and from all settings that change the virtual disk.
    fn identity(&self, media: &Media, image: u32, firmware: Firmware, size: Size, time: Filetime) -> Identity {
        let wim = media.wim();
        Inputs::new(IDENTITY)
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
            .identity()
    }

    fn container_format(&self) -> Format {
        match (self.format, self.fixed) {
            (DiskFormat::Raw, _) => Format::Raw,
            (DiskFormat::Vhd, true) => Format::VhdFixed,
            (DiskFormat::Vhd, false) => Format::VhdDynamic,
            (DiskFormat::Vhdx, true) => Format::VhdxFixed,
            (DiskFormat::Vhdx, false) => Format::VhdxDynamic,
        }
    }
}

/// When the image was last changed: what the WIM says of it, else the newest time at which a file was
/// written. Images hold files from the future, so times that no disk format can state don't count.
fn time_of(image: &ImageInfo, tree: &Tree) -> Filetime {
    let root = tree.file(Tree::ROOT);
    let files = tree.walk().map(|step| step.file).chain([root]);
    let plausible = |time: &Filetime| *time < END_OF_FAT;
    let newest = || files.map(|file| file.metadata.times.written).filter(plausible).max();
    image.modified.filter(plausible).or_else(newest).unwrap_or_default()
}

/// A plan whose settings are decided.
struct Draft<'r, 'm> {
    recipe: &'r Recipe,
    media: &'m Media,
    chosen: Chosen<'m>,
    tree: Tree,
    volume: VolumeOptions,
    sized: Sized,
    identity: Identity,
    layout: DiskLayout,
    firmware: Firmware,
    /// What the tree does not keep of the image.
    notes: Vec<Note>,
    /// What goes onto the EFI system partition.
    boot_files: Vec<EspFile>,
}

impl<'m> Draft<'_, 'm> {
    fn plan(mut self) -> Result<Plan<'m>, PlanError> {
        let windows = geometry::windows(&self.layout).clone();
        self.volume.size = windows.size;
        self.volume.hidden_sectors = windows.first / u64::from(self.layout.sector_size);
        self.volume.serial = self.identity.serial64("ntfs volume");

        let fixed = self.fixed()?;
        let volume = Volume::lay_out(&self.tree, &self.volume)?;
        let used = used(&fixed, &volume, windows.first);
        let container = Container::plan(&self.container_options(), &used)?;
        let written = Size(used.iter().map(|range| range.end - range.start).sum());
        let outline = self.outline(&volume, &container, written);
        drop(volume);
        Ok(Plan {
            media: self.media,
            tree: self.tree,
            volume: self.volume,
            volume_start: windows.first,
            fixed,
            container,
            outline,
        })
    }

    /// The bytes outside the volume: the partition tables and the EFI system partition.
    fn fixed(&self) -> Result<Vec<(u64, Vec<u8>)>, PlanError> {
        let mut fixed = self.layout.table(&[])?;
        if let Some(esp) = self.layout.esp() {
            let options = EspOptions {
                size: esp.size,
                sector_size: self.layout.sector_size,
                hidden_sectors: esp.first / u64::from(self.layout.sector_size),
                serial: self.identity.serial32("esp volume"),
                label: ESP_LABEL.to_owned(),
                time: self.volume.time,
            };
            let ranges = format_esp(&options, &self.boot_files)?;
            fixed.extend(ranges.into_iter().map(|(offset, bytes)| (esp.first + offset, bytes)));
        }
        fixed.sort_by_key(|(offset, _)| *offset);
        Ok(fixed)
    }

    fn container_options(&self) -> ContainerOptions {
        ContainerOptions {
            format: self.recipe.container_format(),
            size: self.layout.size,
            sector_size: self.layout.sector_size,
            block_size: None,
            id: self.identity.part("container"),
            time: self.volume.time,
        }
    }
}

impl Draft<'_, '_> {
    fn outline(&self, volume: &Volume<'_>, container: &Container, written: Size) -> Outline {
        let image = self.chosen.image;
        Outline {
            schema: Outline::SCHEMA,
            media: MediaOutline {
                path: self.media.path().to_owned(),
                wim: self.media.wim_path().to_owned(),
                guid: Uuid::from_bytes_le(self.media.wim().header().guid),
            },
            image: ImageOutline {
                index: image.index,
                name: image.name.clone(),
                edition: edition_id(image).map(str::to_owned),
                chosen_by: self.chosen.by,
            },
            disk: self.disk_outline(container, written),
            partitions: self.partitions(),
            volume: self.volume_outline(volume),
            contents: self.contents(volume),
            time: self.volume.time.unix_seconds(),
            warnings: self.warnings(volume),
        }
    }

    fn disk_outline(&self, container: &Container, written: Size) -> DiskOutline {
        DiskOutline {
            format: self.recipe.format,
            fixed: !container.options().format.is_dynamic(),
            firmware: self.firmware,
            partition_table: match self.layout.scheme {
                Scheme::Gpt => "gpt",
                Scheme::Mbr => "mbr",
            },
            size: Size(self.layout.size),
            size_reason: self.sized.reason.clone(),
            least_size: self.sized.least,
            sector_size: self.layout.sector_size,
            id: match self.layout.scheme {
                Scheme::Gpt => self.layout.disk_id.to_string(),
                Scheme::Mbr => format!("{:08x}", self.layout.signature),
            },
            file_length: Size(container.file_len()),
            written,
        }
    }

    fn partitions(&self) -> Vec<PartitionOutline> {
        let partitions = self.layout.partitions.iter().zip(1..);
        let outline = |(part, number): (&Partition, usize)| PartitionOutline {
            number,
            kind: match part.kind {
                PartitionKind::Esp => "esp",
                PartitionKind::MicrosoftReserved => "msr",
                PartitionKind::BasicData => "windows",
            },
            name: part.name.clone(),
            offset: part.first,
            size: Size(part.size),
            id: (self.layout.scheme == Scheme::Gpt).then_some(part.id),
        };
        partitions.map(outline).collect()
    }

    fn volume_outline(&self, volume: &Volume<'_>) -> VolumeOutline {
        let counts = Counts::of(&self.tree);
        VolumeOutline {
            file_system: "ntfs",
            label: self.recipe.label.clone(),
            serial: format!("{:016x}", self.volume.serial),
            cluster_size: self.volume.cluster_size,
            used: Size(volume.summary().used_clusters * u64::from(self.volume.cluster_size)),
            counts,
        }
    }

    fn contents(&self, volume: &Volume<'_>) -> ContentsOutline {
        let blobs = self.media.wim().blobs();
        let mut outline = ContentsOutline { pieces: 0, bytes: Size(0), stored: Size(0) };
        for same in volume.placements().chunk_by(|a, b| a.content.source() == b.content.source()) {
            outline.pieces += 1;
            outline.bytes.0 += same[0].content.len();
            if let Source::Blob(id) = same[0].content.source() {
                outline.stored.0 += blobs[id.index as usize].stored_len;
            }
        }
        outline
    }

    fn warnings(&self, volume: &Volume<'_>) -> Vec<String> {
        let by_place = (self.chosen.by == ChosenBy::Position).then(|| {
            format!(
                "the images do not say of which edition they are: number {} was taken, as on the Server 2016 media",
                self.chosen.image.index
            )
        });
        let notes = self.notes.iter().map(ToString::to_string);
        by_place.into_iter().chain(notes).chain(volume.losses().iter().map(loss)).collect()
    }
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

/// What is not kept of the image, in words.
fn loss(loss: &Loss) -> String {
    let what = match loss.kind {
        LossKind::Compressed => "compressed by NTFS; stored uncompressed here",
        LossKind::Sparse => "sparse; stored with their zeros here",
        LossKind::EncryptedDirectory => "marked to encrypt new files; the mark is left out",
        LossKind::ShortName => "without the 8.3 name that the image gives them, as it is taken already",
        LossKind::NoDescriptor => "without a security descriptor in the image; they get that of a new volume",
        _ => "not kept in every detail",
    };
    format!("{} files are {what}, such as {}", grouped(loss.files), visible(&loss.example))
}

/// The byte ranges of the disk that hold anything: sorted, disjoint, neighbours joined.
fn used(fixed: &[(u64, Vec<u8>)], volume: &Volume<'_>, start: u64) -> Vec<Range<u64>> {
    let fixed = fixed.iter().map(|(offset, bytes)| *offset..offset + bytes.len() as u64);
    let mut all: Vec<_> = fixed.chain(volume.extents().into_iter().map(|e| start + e.start..start + e.end)).collect();
    all.sort_by_key(|range| range.start);
    let mut used: Vec<Range<u64>> = Vec::with_capacity(all.len());
    for range in all {
        match used.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => used.push(range),
        }
    }
    used
}
