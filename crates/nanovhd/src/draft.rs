//! Working a plan out: every range of the disk, and the words for it.

use std::ops::Range;

use nanovhd_boot::MBR_CODE;
use nanovhd_disk::{
    Container, ContainerOptions, DiskLayout, EspOptions, Format, Partition, PartitionKind, Scheme, format_esp,
};
use nanovhd_ntfs::{Loss, LossKind, Volume, VolumeOptions};
use nanovhd_tree::{Content, Source, Tree, visible};
use nanovhd_wim::Note;
use uuid::Uuid;

use crate::boot::{EspFiles, Start};
use crate::checks::Facts;
use crate::customize::Applied;
use crate::geometry::{self, Sized};
use crate::identity::Identity;
use crate::outline::{
    ContentsOutline, DiskOutline, ImageOutline, MediaOutline, Outline, PartitionOutline, VolumeOutline,
};
use crate::plan::volume_error;
use crate::select::edition_id;
use crate::text::counted;
use crate::{Chosen, ChosenBy, Counts, DiskFormat, Firmware, Media, Plan, PlanError, Recipe, Size};

/// The name of the EFI system partition's file system.
const ESP_LABEL: &str = "SYSTEM";

/// A plan whose settings are decided.
pub(crate) struct Draft<'r, 'm> {
    pub(crate) recipe: &'r Recipe,
    pub(crate) media: &'m Media,
    pub(crate) chosen: Chosen<'m>,
    pub(crate) tree: Tree,
    pub(crate) volume: VolumeOptions,
    pub(crate) sized: Sized,
    pub(crate) identity: Identity,
    pub(crate) layout: DiskLayout,
    pub(crate) firmware: Firmware,
    /// What the tree does not keep of the image.
    pub(crate) notes: Vec<Note>,
    /// What makes it start, if anything does.
    pub(crate) start: Option<Start<'r>>,
    /// What was set in the image.
    pub(crate) custom: Applied,
}

impl<'m> Draft<'_, 'm> {
    pub(crate) fn plan(mut self) -> Result<Plan<'m>, PlanError> {
        let windows = geometry::windows(&self.layout).clone();
        self.volume.size = windows.size;
        self.volume.hidden_sectors = windows.first / u64::from(self.layout.sector_size);
        self.volume.serial = self.identity.serial64("ntfs volume");

        let Outside { fixed, copies } = self.outside()?;
        let volume =
            Volume::lay_out(&self.tree, &self.volume).map_err(|e| volume_error(self.media, self.chosen, e))?;
        let used = used(&fixed, &copies, &volume, windows.first);
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
            copies,
            container,
            outline,
        })
    }

    /// What is outside the volume: the partition tables and the EFI system partition.
    fn outside(&self) -> Result<Outside, PlanError> {
        let mut fixed = self.layout.table(MBR_CODE)?;
        let mut copies = Vec::new();
        if let Some(esp) = self.layout.esp() {
            let options = EspOptions {
                size: esp.size,
                sector_size: self.layout.sector_size,
                hidden_sectors: esp.first / u64::from(self.layout.sector_size),
                serial: self.identity.serial32("esp volume"),
                label: ESP_LABEL.to_owned(),
                time: self.volume.time,
            };
            let files = self.start.as_ref().map(Start::esp);
            let layout = format_esp(&options, files.map_or(&[], EspFiles::files))?;
            copies = files.map_or_else(Vec::new, |files| files.later(&layout, esp.first));
            fixed.extend(layout.ranges.into_iter().map(|(offset, bytes)| (esp.first + offset, bytes)));
        }
        fixed.sort_by_key(|(offset, _)| *offset);
        Ok(Outside { fixed, copies })
    }

    fn container_options(&self) -> ContainerOptions {
        ContainerOptions {
            format: self.container_format(),
            size: self.layout.size,
            sector_size: self.layout.sector_size,
            block_size: None,
            id: self.identity.part("container"),
            time: self.volume.time,
        }
    }

    fn container_format(&self) -> Format {
        match (self.recipe.disk_format(), self.recipe.is_fixed()) {
            (DiskFormat::Raw, _) => Format::Raw,
            (DiskFormat::Vhd, true) => Format::VhdFixed,
            (DiskFormat::Vhd, false) => Format::VhdDynamic,
            (DiskFormat::Vhdx, true) => Format::VhdxFixed,
            (DiskFormat::Vhdx, false) => Format::VhdxDynamic,
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
            boot: self.start.as_ref().map(|start| start.outline(&self.tree, self.identity)),
            partitions: self.partitions(),
            volume: self.volume_outline(volume),
            contents: self.contents(volume),
            settings: self.custom.settings.clone(),
            time: self.volume.time.unix_seconds(),
            warnings: self.warnings(volume),
        }
    }

    fn disk_outline(&self, container: &Container, written: Size) -> DiskOutline {
        DiskOutline {
            target: self.recipe.target,
            format: self.recipe.disk_format(),
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
        let boot = "there are no boot files on the disk: it can be mounted, but Windows does not start from it";
        let boot = self.start.is_none().then(|| boot.to_owned());
        let notes = self.notes.iter().map(ToString::to_string);
        let custom = self.facts(volume).warnings().into_iter().chain(self.custom.warnings.iter().cloned());
        by_place.into_iter().chain(boot).chain(custom).chain(notes).chain(volume.losses().iter().map(loss)).collect()
    }
}

impl Draft<'_, '_> {
    /// What decides on warnings about the disk as a whole.
    fn facts(&self, volume: &Volume<'_>) -> Facts<'_> {
        let used = volume.summary().used_clusters.saturating_mul(self.volume.cluster_size.into());
        Facts {
            image: self.chosen.image,
            custom: &self.recipe.custom,
            firmware: self.firmware,
            boot: self.start.is_some(),
            size: self.sized.size,
            free: Size(self.volume.size.saturating_sub(used)),
        }
    }
}

/// What is not kept of the image, in words.
fn loss(loss: &Loss) -> String {
    let (treatment, what) = match loss.kind {
        LossKind::Compressed => ("stored uncompressed", "that NTFS had compressed; clusters are too large for it"),
        LossKind::Sparse => ("stored without the mark", "that are sparse directories"),
        LossKind::EncryptedDirectory => ("stored without the mark", "marked to encrypt what is made in them"),
        LossKind::RefsAttribute => ("stored without it", "with an attribute that only ReFS knows"),
        LossKind::SystemAttribute => ("stored without them", "with attributes that are no file's own"),
        LossKind::ShortName => ("stored without it", "with an 8.3 name that another has"),
        LossKind::NoDescriptor => ("given the usual access rights", "without a security descriptor"),
        _ => ("not stored in full", "with something unknown"),
    };
    format!("{treatment}: {} {what}, first {}", counted(loss.files, "file"), visible(&loss.example))
}

/// What is outside the volume.
struct Outside {
    /// Byte offsets on the disk, ascending, and bytes.
    fixed: Vec<(u64, Vec<u8>)>,
    /// Contents of the volume that go there too, and byte offsets on the disk.
    copies: Vec<(Content, u64)>,
}

/// The byte ranges of the disk that hold anything: sorted, disjoint, neighbours joined.
fn used(fixed: &[(u64, Vec<u8>)], copies: &[(Content, u64)], volume: &Volume<'_>, start: u64) -> Vec<Range<u64>> {
    let fixed = fixed.iter().map(|(offset, bytes)| *offset..offset + bytes.len() as u64);
    let copies = copies.iter().map(|(content, offset)| *offset..offset + content.len());
    let mut all: Vec<_> =
        fixed.chain(copies).chain(volume.extents().into_iter().map(|e| start + e.start..start + e.end)).collect();
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
