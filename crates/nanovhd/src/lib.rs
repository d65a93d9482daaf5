//! nanovhd turns a Windows image (WIM) into a virtual disk, without Windows.
//!
//! ```text
//!  Recipe ───────► Plan ─────────────────────────────► build ──► .vhdx, .vhd or .raw
//!                   ▲  printed, serialised, compared;    ▲
//!  Media ──► Tree ──┘  nothing is written                └── blobs of the WIM, in its own order
//! ```
//!
//! A [`Media`] is a WIM file, or a folder or disc image (ISO) laid out like the Windows Server 2016 media. A
//! [`Recipe`] says what to make of it. Together they give a [`Plan`], in which everything is decided: every
//! bad input is found here. [`Plan::build`] carries it out in one pass over the WIM, and gives the
//! output its name only when it is complete and on the disk.
//!
//! ```no_run
//! use nanovhd::{BuildOptions, Edition, Media, Recipe};
//!
//! let media = Media::open("WindowsServer2016")?;
//! let plan = Recipe::for_output("nano.vhdx")?.edition(Edition::Datacenter).plan(&media)?;
//! println!("{plan}");
//! let report = plan.build("nano.vhdx", &BuildOptions::default(), &())?;
//! println!("{} bytes in {:.1} s", report.file_length.0, report.seconds);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Disks start Windows: boot files come from the image, the BCD is made from the image's template, and disks for
//! machines with a BIOS get boot code. An image that can't start is refused, unless [`Recipe::boot`] says otherwise.
//!
//! The same inputs give the same bytes, whatever the number of threads: identifiers are derived
//! from the image and the recipe, times are those of the image.
//!
//! # Reading
//!
//! ```text
//!  Media ─────┐            ┌─► list, cat, extract
//!             ├─► Volume ──┤
//!  DiskImage ─┘            └─► verify: every structure of a disk, whether it starts, every file against its image
//! ```
//!
//! An [`Input`] is a [`Media`] or a [`DiskImage`]; each holds [`Volume`]s, which read alike: the images of a
//! WIM, the NTFS and FAT partitions of a disk. [`Inspection`] and [`DiskInspection`] sum up what there is.
//! [`verify`] checks a disk and compares it with the image that it was made from. The crates for trees,
//! WIMs and disc images are at hand as [`tree`], [`wim`] and [`iso`].

// Tests inside and outside share helpers that call the crate by its name.
#[cfg(test)]
extern crate self as nanovhd;

mod behind;
mod boot;
mod boot_inspection;
mod browse;
mod build;
mod checks;
mod contents;
mod counts;
mod customize;
mod disk_image;
mod disk_inspection;
mod draft;
mod entries;
mod extract;
mod format;
mod gather;
mod geometry;
mod identity;
mod input;
mod inspect;
mod inspected;
mod media;
mod outline;
mod output;
mod owners;
mod packages;
mod plan;
mod pool;
mod progress;
mod recipe;
mod recipe_file;
mod reference;
mod select;
mod size;
mod startup;
mod store;
mod target;
mod text;
mod time;
mod verify;
mod volume;
mod whole;

pub use boot::{BcdDevice, BcdTemplate, BootError};
pub use boot_inspection::{BootEntryInspection, BootFileInspection, BootInspection, BootStoreInspection};
pub use browse::{BrowseError, Listed, ListedStream, Listing};
pub use build::{BuildError, BuildOptions, Report};
pub use checks::CheckError;
pub use counts::Counts;
pub use customize::{
    CopyError, Customization, CustomizeError, Debugging, Ems, HostCopy, Interface, InterfaceError, Ipv4Address,
    Ipv6Address, Secret, SettingOutline, Way,
};
pub use disk_image::{DiskError, DiskImage, PartitionList};
pub use disk_inspection::{DiskInspection, PartitionInspection, TableInspection, VolumeFacts, VolumeInspection};
pub use extract::{ExtractError, ExtractOptions, Extraction, LeftOut, LeftOutKind};
pub use format::{DiskFormat, Firmware, FormatError};
pub use input::{Input, InputError};
pub use inspect::{BlobCounts, Findings, ImageInspection, Inspection, Stated};
pub use inspected::Inspected;
pub use media::{Media, MediaEntry, MediaError, MediaFile, MediaKind, MediaRoot};
pub use nanovhd_iso as iso;
pub use nanovhd_ntfs::LayoutError;
pub use nanovhd_tree as tree;
pub use nanovhd_wim as wim;
pub use nanovhd_wim::ImageSelector;
pub use outline::{
    BootOutline, ContentsOutline, DiskOutline, ImageOutline, MediaOutline, Outline, PartitionOutline, VolumeOutline,
};
pub use output::OutputError;
pub use owners::Owners;
pub use packages::{Cabinet, Package, PackageList};
pub use plan::{Plan, PlanError};
pub use progress::{Progress, Stage};
pub use recipe::Recipe;
pub use recipe_file::{
    At, Environment, InterfaceEntry, InterfaceTable, Job, KeyError, RecipeError, RecipeFile, RecipeOrigin,
    SecretError, SecretSource,
};
pub use reference::Reference;
pub use select::{Chosen, ChosenBy, Edition, ImageList, Selection, SelectionError};
pub use size::{Size, SizeError};
pub use store::{StoreError, StoreInspection, StoreState};
pub use target::{Target, TargetError};
pub use time::Utc;
pub use verify::{
    BootRule, Check, Compared, ContentRule, Fault, KnownDifference, KnownKind, Place, RuleCount, Verification,
    VerifyError, VerifyOptions, verify,
};
pub use volume::{ContentError, Origin, Volume, VolumeError};
