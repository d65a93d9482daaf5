//! `nanovhd packages`: what can be added to a Nano Server.

use std::path::PathBuf;

use clap::Args;
use nanovhd::MediaRoot;

use crate::commands::{json, print};
use crate::failure::Failure;

pub(crate) const EXAMPLES: &str = "\
Looked into are NanoServer/Packages, or else Packages, and its folders for languages. A package is
what cabinets have in common whose names are the same up to the first \"_\".

Examples:
  nanovhd packages --media server2016.iso
  nanovhd packages --media D:\\
  nanovhd packages --media server2016.iso --json | jq -r '.packages[].name'";

/// `nanovhd packages`.
#[derive(Debug, Args)]
pub(crate) struct Packages {
    /// An ISO image or a folder like the Windows Server 2016 media, or the folder that has Packages in it
    #[arg(short, long, value_name = "PATH")]
    media: PathBuf,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// Lists the packages of a media, which needs no Windows image for it.
pub(crate) fn run(args: &Packages) -> Result<(), Failure> {
    let list = MediaRoot::open(&args.media)?.packages()?;
    if args.json { json(&list) } else { print(&list.to_string()) }
}
