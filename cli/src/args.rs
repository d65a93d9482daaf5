//! The command line.
//!
//! What the help says of a default is written by hand where the library decides on it.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, value_parser};
use nanovhd::{BcdDevice, BcdTemplate, BuildOptions, DiskFormat, Edition, Firmware, ImageSelector, Reference, Size};

use crate::kept;

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    failed: the output can't be written, a path is not there, …
  2    wrong usage: arguments that are unknown, missing or don't fit the image
  3    bad input: the media is missing, damaged or of a kind that is not supported
  4    a disk is not as it should be: verify has findings
  130  interrupted; nothing unfinished is left behind";

const BUILD_EXAMPLES: &str = "\
Examples:
  A disk for a Hyper-V machine of generation 2:
    nanovhd build --media D:\\ --edition datacenter -o nano.vhdx
  One for generation 1, from a WIM, with 8 GiB:
    nanovhd build --media NanoServer.wim --image 1 --size 8GiB -o nano.vhd
  One for Azure, which wants a fixed VHD:
    nanovhd build --media media --edition standard --fixed -o nano.vhd
  One for generation 1 that is a VHDX:
    nanovhd build --media NanoServer.wim --image 1 --firmware bios -o nano.vhdx
  One of an image without Windows:
    nanovhd build --media data.wim --no-boot -o data.vhdx";

const PLAN_EXAMPLES: &str = "\
Examples:
  nanovhd plan --media media --edition datacenter -o nano.vhdx
  nanovhd plan --media NanoServer.wim --image 2 --json | jq .partitions";

/// What stands for a volume.
macro_rules! source_help {
    () => {
        "\
SOURCE is one of
  NanoServer.wim, NanoServer.wim:2   a .wim file or a media folder, and which of its images is
                                     meant, by number or name, if it holds several
  nano.vhdx, nano.vhdx:windows       the Windows partition of a disk (VHDX, VHD or raw): the
                                     largest with NTFS on it
  nano.vhdx:esp, nano.vhdx:2         the EFI system partition; a partition by number or name
  volume.img                         an NTFS or FAT volume without partitions around it
What a file is, its bytes say and not its name."
    };
}

const SOURCE_HELP: &str = source_help!();

const EXTRACT_HELP: &str = concat!(
    source_help!(),
    "

Files keep their paths below DIR, their times and their hard links. Nothing is written outside
DIR. Symbolic links and junctions are not made, security descriptors and attributes are not taken
over; what is left out is said at the end. Names that this machine can't have are left out with
all that is below them, and the exit code is 1.

Examples:
  nanovhd extract NanoServer.wim:2 Windows/System32/drivers -o out
  nanovhd extract nano.vhdx:esp -o esp"
);

const VERIFY_EXAMPLES: &str = "\
Checked are the container with its log and tables, the partition table, and the structures of
every FAT and NTFS volume, by whomever they were made; and, if the disk has Windows, whether it
starts: boot code, boot manager and its files, the BCD store, and what that names. With --against,
every file of the Windows partition is compared with the image that it came from: names, 8.3 names,
hard links, attributes, times, security descriptors, reparse points, object ids, extended
attributes, streams, and the SHA-1 of every content. What the volume can't have is listed as a
known difference; build --help has the table.

Examples:
  nanovhd verify nano.vhdx
  nanovhd verify nano.vhdx --against NanoServer.wim:2
  nanovhd verify nano.vhdx --against media:2 --json | jq .rules
  nanovhd verify data.vhdx --no-boot";

const INSPECT_EXAMPLES: &str = "\
A disk is summed up with its partitions, their volumes, and what starts from it. A BCD store is
printed as bcdedit /enum all prints it; with its .LOG, .LOG1 and .LOG2 beside it, if it was not
closed well.

Examples:
  nanovhd inspect NanoServer.wim
  nanovhd inspect nano.vhdx
  nanovhd cat nano.vhdx:esp EFI/Microsoft/Boot/BCD > BCD && nanovhd inspect BCD";

/// Turns Windows images (WIM) into virtual disks, without Windows.
///
/// No administrator rights, no mounts, no temporary copy: the files go from the WIM straight to
/// their places on the disk.
#[derive(Debug, Parser)]
#[command(name = "nanovhd", version, after_help = EXIT_CODES, max_term_width = 100)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build a virtual disk
    #[command(after_help = BUILD_EXAMPLES, after_long_help = format!("{BUILD_EXAMPLES}\n\n{}", kept::table()))]
    Build(Build),
    /// Show what build would make, and write nothing
    #[command(after_help = PLAN_EXAMPLES)]
    Plan(Plan),
    /// Show which images a media holds, which partitions a disk has, or what a BCD store says
    #[command(after_help = INSPECT_EXAMPLES)]
    Inspect(Inspect),
    /// List a directory of an image or a disk
    #[command(after_help = SOURCE_HELP)]
    Ls(Ls),
    /// Write a file of an image or a disk to standard output
    #[command(after_help = SOURCE_HELP)]
    Cat(Cat),
    /// Copy files and folders out of an image or a disk
    #[command(after_help = EXTRACT_HELP)]
    Extract(Extract),
    /// Check every structure of a disk, and compare its files with the image
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(Verify),
}

/// `nanovhd build`.
#[derive(Debug, Args)]
pub(crate) struct Build {
    #[command(flatten)]
    pub(crate) job: Job,
    /// The file to make; its suffix says what kind: .vhdx, .vhd, .raw or .img
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Read the disk back and compare it with the image before it gets its name
    #[arg(long)]
    pub(crate) verify: bool,
    /// Don't wait until the output is on the disk: after a power failure it may have its name but not all of
    /// its bytes, and a failing disk goes unnoticed
    #[arg(long)]
    pub(crate) no_sync: bool,
}

impl Build {
    /// How the plan is to be carried out.
    pub(crate) fn options(&self) -> BuildOptions {
        BuildOptions { verify: self.verify, no_sync: self.no_sync, ..self.job.options() }
    }
}

/// `nanovhd plan`: the arguments of `build`, but the output is not needed.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) job: Job,
    /// The file that would be made [default: some .vhdx]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// What `build` and `plan` are told alike.
#[derive(Debug, Args)]
pub(crate) struct Job {
    #[command(flatten)]
    pub(crate) recipe: Recipe,
    /// Replace the output file if there is one
    #[arg(short, long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) manner: Manner,
}

impl Job {
    /// How the plan is to be carried out.
    pub(crate) fn options(&self) -> BuildOptions {
        BuildOptions { threads: self.manner.threads, overwrite: self.force, ..BuildOptions::default() }
    }
}

/// What to make of which image.
#[derive(Debug, Args)]
pub(crate) struct Recipe {
    /// A .wim, .esd or .swm file, or a folder like the Windows Server 2016 media
    #[arg(short, long, value_name = "PATH")]
    pub(crate) media: PathBuf,
    /// The image of this edition of Nano Server
    #[arg(short, long, value_name = "EDITION", conflicts_with = "image", ignore_case = true,
          value_parser = words::<Edition>(&["standard", "datacenter"]))]
    pub(crate) edition: Option<Edition>,
    /// The image with this number or name
    #[arg(short, long, value_name = "INDEX|NAME", value_parser = value_parser!(ImageSelector))]
    pub(crate) image: Option<ImageSelector>,
    /// The size of the disk, such as 8GiB, 4096MiB or 10GB [default: 4GiB, or more where needed]
    #[arg(short, long, value_name = "SIZE")]
    pub(crate) size: Option<Size>,
    /// The kind of file [default: what the suffix of the output says]
    #[arg(long, value_name = "FORMAT", ignore_case = true, help_heading = "Disk",
          value_parser = words::<DiskFormat>(&["vhdx", "vhd", "raw"]))]
    pub(crate) format: Option<DiskFormat>,
    /// Give the file its full length at once, instead of letting it grow
    #[arg(long, help_heading = "Disk")]
    pub(crate) fixed: bool,
    /// What starts the machine [default: bios for .vhd, else uefi]
    #[arg(long, value_name = "FIRMWARE", ignore_case = true, help_heading = "Disk",
          value_parser = firmware())]
    pub(crate) firmware: Option<Firmware>,
    /// The name of the Windows volume
    #[arg(long, value_name = "NAME", default_value = "Windows", help_heading = "Disk")]
    pub(crate) label: String,
    /// The logical sectors of the disk, in bytes
    #[arg(long, value_name = "BYTES", default_value = "512", help_heading = "Disk",
          value_parser = words::<u32>(&["512", "4096"]))]
    pub(crate) sector_size: u32,
    /// The clusters of the NTFS volume: 512 to 64K
    #[arg(long, value_name = "SIZE", default_value = "4K", help_heading = "Disk", value_parser = cluster_size)]
    pub(crate) cluster_size: u32,
    /// A text that changes all identifiers, to tell disks of the same image apart
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, help_heading = "Disk")]
    pub(crate) seed: String,
    /// Leave boot files and BCD out: nothing starts from the disk
    #[arg(long, help_heading = "Start", conflicts_with_all = ["bcd_device", "bcd_template"])]
    pub(crate) no_boot: bool,
    /// How the BCD names partitions: by their identifiers (partition), as the one that the boot manager
    /// comes from (boot, BIOS only), or as the one that has the file (locate) [default: partition for
    /// uefi, locate for bios]
    #[arg(long, value_name = "DEVICE", ignore_case = true, help_heading = "Start",
          value_parser = words::<BcdDevice>(&["partition", "boot", "locate"]))]
    pub(crate) bcd_device: Option<BcdDevice>,
    /// What the BCD is made from: the image's BCD-Template if there is one (image), or built-in settings
    #[arg(long, value_name = "TEMPLATE", ignore_case = true, default_value = "image", help_heading = "Start",
          value_parser = words::<BcdTemplate>(&["image", "builtin"]))]
    pub(crate) bcd_template: BcdTemplate,
}

/// `nanovhd inspect`.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// A .wim file, a folder like the Windows Server 2016 media, a disk (VHDX, VHD, raw), or a BCD store
    #[arg(value_name = "PATH")]
    pub(crate) path: PathBuf,
    /// Print it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `nanovhd ls`.
#[derive(Debug, Args)]
pub(crate) struct Ls {
    /// A media and which of its images, or a disk and which of its partitions
    #[arg(value_name = "SOURCE", value_parser = value_parser!(Reference))]
    pub(crate) source: Reference,
    /// The directory, with / or \ between names [default: the root]
    #[arg(value_name = "PATH", default_value = "\\", hide_default_value = true)]
    pub(crate) path: String,
    /// Print it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `nanovhd cat`.
#[derive(Debug, Args)]
pub(crate) struct Cat {
    /// A media and which of its images, or a disk and which of its partitions
    #[arg(value_name = "SOURCE", value_parser = value_parser!(Reference))]
    pub(crate) source: Reference,
    /// The file, with / or \ between names; FILE:STREAM means a named stream
    #[arg(value_name = "PATH")]
    pub(crate) path: String,
}

/// `nanovhd extract`.
#[derive(Debug, Args)]
pub(crate) struct Extract {
    /// A media and which of its images, or a disk and which of its partitions
    #[arg(value_name = "SOURCE", value_parser = value_parser!(Reference))]
    pub(crate) source: Reference,
    /// Files and folders, with / or \ between names [default: everything]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<String>,
    /// The folder for them, made if it is not there
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// Write each named stream to a file FILE:STREAM
    #[arg(long)]
    pub(crate) streams: bool,
    /// Replace files that are there already
    #[arg(short, long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) manner: Manner,
}

/// `nanovhd verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The disk: VHDX, VHD or raw
    #[arg(value_name = "DISK")]
    pub(crate) disk: PathBuf,
    /// The media that it was built from, and which of its images
    #[arg(long, value_name = "MEDIA[:N]", value_parser = value_parser!(Reference))]
    pub(crate) against: Option<Reference>,
    /// Don't check what starts Windows
    #[arg(long)]
    pub(crate) no_boot: bool,
    #[command(flatten)]
    pub(crate) manner: Manner,
}

/// How something long is done.
#[derive(Debug, Args)]
pub(crate) struct Manner {
    /// Work with N threads [default: all that the machine has]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Print nothing but errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// Takes one of a few words. clap lists them in the help and after a typo.
fn words<T>(words: &'static [&'static str]) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(words).try_map(|word| word.parse())
}

/// The kinds of firmware. That both were meant gets an answer of its own, but is not offered.
fn firmware() -> impl TypedValueParser<Value = Firmware> {
    let both = PossibleValue::new("both").hide(true);
    let words = ["uefi", "bios"].map(PossibleValue::new).into_iter().chain([both]);
    PossibleValuesParser::new(words).try_map(|word| word.parse())
}

fn cluster_size(text: &str) -> Result<u32, String> {
    let Size(bytes) = text.parse::<Size>().map_err(|e| e.to_string())?;
    let fits = bytes.is_power_of_two() && (512..=65536).contains(&bytes);
    u32::try_from(bytes).ok().filter(|_| fits).ok_or_else(|| "a power of two from 512 to 64K was expected".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn cluster_sizes_are_powers_of_two() {
        for (text, bytes) in [("512", 512), ("4K", 4096), ("64KiB", 65536)] {
            assert_eq!(cluster_size(text), Ok(bytes));
        }
        for text in ["0", "256", "3K", "128K", "4096M", "x"] {
            assert!(cluster_size(text).is_err(), "{text}");
        }
    }
}
