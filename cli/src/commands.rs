//! What the subcommands do: each is a call of the library and a print of its result.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nanovhd::{
    BuildError, DiskFormat, ExtractOptions, FormatError, Input, Inspected, Media, Recipe, Selection, Verification,
    VerifyOptions,
};
use serde::Serialize;

use crate::args::{self, Build, Cat, Cli, Command, Extract, Inspect, Ls, Manner, Plan, Verify};
use crate::failure::Failure;
use crate::progress::{Watcher, say};

/// Does what the command line asks for.
pub(crate) fn run(cli: &Cli) -> Result<(), Failure> {
    match &cli.command {
        Command::Build(args) => build(args),
        Command::Plan(args) => plan(args),
        Command::Inspect(args) => inspect(args),
        Command::Ls(args) => ls(args),
        Command::Cat(args) => cat(args),
        Command::Extract(args) => extract(args),
        Command::Verify(args) => verify(args),
    }
}

fn build(args: &Build) -> Result<(), Failure> {
    let job = &args.job;
    let recipe = recipe(&job.recipe, Some(DiskFormat::for_output(&args.output)))?;
    let media = Media::open(&job.recipe.media)?;
    let plan = recipe.plan(&media)?;
    // First, so that a warning is not taken for the reason of a refusal.
    plan.check_output(&args.output, &args.options())?;
    if !job.manner.quiet {
        for warning in &plan.outline().warnings {
            say(&format!("warning: {warning}"));
        }
    }
    let result = watched(&job.manner, |watcher| plan.build(&args.output, &args.options(), watcher))?;
    if let Err(BuildError::Findings(verification)) = &result {
        show(verification.as_ref(), &job.manner)?;
    }
    show(&result?, &job.manner)
}

/// Does something long, with progress on standard error, until it is done or the user stops it.
fn watched<T>(manner: &Manner, work: impl FnOnce(&Watcher) -> T) -> Result<T, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let on_signal = Arc::clone(&stop);
    ctrlc::set_handler(move || on_signal.store(true, Ordering::Relaxed)).map_err(io::Error::other)?;
    let watcher = Watcher::new(manner.quiet, stop);
    let result = work(&watcher);
    watcher.finish();
    Ok(result)
}

fn plan(args: &Plan) -> Result<(), Failure> {
    let job = &args.job;
    let recipe = recipe(&job.recipe, args.output.as_deref().map(DiskFormat::for_output))?;
    let media = Media::open(&job.recipe.media)?;
    let plan = recipe.plan(&media)?;
    if let Some(output) = &args.output {
        plan.check_output(output, &job.options())?;
    }
    show(&plan, &job.manner)
}

fn show(result: &(impl Serialize + Display), manner: &Manner) -> Result<(), Failure> {
    match (manner.json, manner.quiet) {
        (true, _) => json(result),
        (false, true) => Ok(()),
        (false, false) => print(&result.to_string()),
    }
}

/// The recipe that the arguments ask for. Without `--format` the output's suffix decides.
fn recipe(args: &args::Recipe, suffix: Option<Result<DiskFormat, FormatError>>) -> Result<Recipe, Failure> {
    let format = match (args.format, suffix) {
        (Some(format), _) => format,
        (None, Some(suffix)) => suffix?,
        (None, None) => DiskFormat::Vhdx,
    };
    let selection = match (args.edition, &args.image) {
        (Some(edition), _) => Selection::Edition(edition),
        (None, Some(image)) => Selection::Image(image.clone()),
        (None, None) => Selection::Only,
    };
    let mut recipe = Recipe::new()
        .select(selection)
        .format(format)
        .fixed(args.fixed)
        .label(&args.label)
        .sector_size(args.sector_size)
        .cluster_size(args.cluster_size)
        .seed(&args.seed)
        .boot(!args.no_boot)
        .bcd_template(args.bcd_template);
    if let Some(device) = args.bcd_device {
        recipe = recipe.bcd_device(device);
    }
    if let Some(firmware) = args.firmware {
        recipe = recipe.firmware(firmware);
    }
    if let Some(size) = args.size {
        recipe = recipe.disk_size(size);
    }
    if let Some(seconds) = source_date_epoch()? {
        recipe = recipe.time(seconds);
    }
    Ok(recipe)
}

/// The time that builds shall bear, as agreed on by <https://reproducible-builds.org>.
fn source_date_epoch() -> Result<Option<i64>, Failure> {
    let Some(value) = std::env::var_os("SOURCE_DATE_EPOCH").filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let seconds = value.to_str().and_then(|text| text.parse().ok());
    seconds.map(Some).ok_or_else(|| {
        Failure::usage(format!("SOURCE_DATE_EPOCH is {value:?}; a number of seconds since 1970 was expected"))
    })
}

fn inspect(args: &Inspect) -> Result<(), Failure> {
    let manner = Manner { threads: None, json: args.json, quiet: false };
    let inspected = Inspected::open(&args.path)?;
    show(&inspected, &manner)?;
    if inspected.is_damaged() {
        return Err(Failure::input(format!("`{}` is damaged, as shown", args.path.display())));
    }
    Ok(())
}

fn ls(args: &Ls) -> Result<(), Failure> {
    let input = Input::open(&args.source.path)?;
    let listing = input.volume(args.source.part.as_ref())?.list(&args.path)?;
    if args.json { json(&listing) } else { print(&listing.to_string()) }
}

fn cat(args: &Cat) -> Result<(), Failure> {
    let input = Input::open(&args.source.path)?;
    input.volume(args.source.part.as_ref())?.cat(&args.path, &mut io::stdout())?;
    Ok(())
}

fn extract(args: &Extract) -> Result<(), Failure> {
    let input = Input::open(&args.source.path)?;
    let volume = input.volume(args.source.part.as_ref())?;
    let options = ExtractOptions { threads: args.manner.threads, overwrite: args.force, streams: args.streams };
    let extraction = watched(&args.manner, |watcher| volume.extract(&args.paths, &args.output, &options, watcher))??;
    show(&extraction, &args.manner)?;
    match extraction.left_out.iter().find(|left| left.is_failure()) {
        Some(left) => Err(Failure::failed(format!("not everything was extracted: {left}"))),
        None => Ok(()),
    }
}

fn verify(args: &Verify) -> Result<(), Failure> {
    let media = args.against.as_ref().map(|against| Media::open(&against.path)).transpose()?;
    let against = match (&media, &args.against) {
        (Some(media), Some(against)) => Some((media, media.choose(&against.selection())?.image.index)),
        _ => None,
    };
    let options = VerifyOptions { threads: args.manner.threads, boot: !args.no_boot };
    let verification = watched(&args.manner, |watcher| nanovhd::verify(&args.disk, against, &options, watcher))??;
    show(&verification, &args.manner)?;
    if verification.clean { Ok(()) } else { Err(unclean(&verification)) }
}

fn unclean(verification: &Verification) -> Failure {
    let (disk, count) = (verification.image.display(), verification.count());
    Failure::findings(match count {
        0 => format!("`{disk}` can't be read to its end"),
        1 => format!("`{disk}` has 1 finding"),
        _ => format!("`{disk}` has {count} findings"),
    })
}

fn print(text: &str) -> Result<(), Failure> {
    Ok(io::stdout().write_all(text.as_bytes())?)
}

fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)?;
    print(&(text + "\n"))
}
