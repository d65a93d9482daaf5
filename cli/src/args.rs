//! The command line.
//!
//! What the help says of a default is written by hand where the library decides on it.

mod recipe;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, value_parser};
use nanovhd::Reference;

pub(crate) use self::recipe::Recipe;
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
  The same, straight from the ISO image:
    nanovhd build --media server2016.iso --edition datacenter -o nano.vhdx
  One for generation 1, from a WIM, with 8 GiB:
    nanovhd build --media NanoServer.wim --image 1 --size 8GiB -o nano.vhd
  One for Azure, which wants a fixed VHD:
    nanovhd build --media media --edition standard --fixed -o nano.vhd
  One for generation 1 that is a VHDX:
    nanovhd build --media NanoServer.wim --image 1 --firmware bios -o nano.vhdx
  One of an image without Windows:
    nanovhd build --media data.wim --no-boot -o data.vhdx
  One as a recipe says, but for another computer:
    nanovhd build nano.toml --computer-name nano2 -o nano2.vhdx";

const PLAN_EXAMPLES: &str = "\
Examples:
  nanovhd plan --media media --edition datacenter -o nano.vhdx
  nanovhd plan --media NanoServer.wim --image 2 --json | jq .partitions";

const INIT_EXAMPLES: &str = "\
Examples:
  nanovhd init nano.toml && nanovhd build nano.toml
  nanovhd init --schema > recipe.schema.json";

/// What stands for a volume.
macro_rules! source_help {
    () => {
        "\
SOURCE is one of
  NanoServer.wim, NanoServer.wim:2   a .wim file, an ISO image or a media folder, and which of its
                                     images is meant, by number or name, if it holds several
  server.iso:/sources/install.wim:1  a certain file of an ISO image
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
#[command(name = "nanovhd", version, after_help = format!("{}\n\n{EXIT_CODES}", crate::classic::OLD_NAMES), max_term_width = 100)]
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
    Build(Make),
    /// Show what build would make, and write nothing
    #[command(after_help = PLAN_EXAMPLES)]
    Plan(Make),
    /// Write a sample recipe with every key, or the JSON schema of recipes
    #[command(after_help = INIT_EXAMPLES)]
    Init(Init),
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
    /// List the packages that a media has for Nano Server, with their languages and sizes
    #[command(after_help = crate::packages::EXAMPLES)]
    Packages(crate::packages::Packages),
}

/// `nanovhd build` and `nanovhd plan`.
#[derive(Debug, Args)]
pub(crate) struct Make {
    // Before the others, whose headings go on.
    /// Print the result as JSON
    #[arg(long, display_order = 900)]
    pub(crate) json: bool,
    /// Print nothing but errors
    #[arg(short, long, display_order = 900)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) recipe: Recipe,
}

/// `nanovhd init`.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The recipe to write [default: standard output]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Write the JSON schema of recipes instead, for editors
    #[arg(long)]
    pub(crate) schema: bool,
    /// Replace the file if there is one
    #[arg(short, long)]
    pub(crate) force: bool,
}

/// `nanovhd inspect`.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// A .wim file, an ISO image or a folder like the Windows Server 2016 media, a disk (VHDX, VHD, raw), or a
    /// BCD store
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
