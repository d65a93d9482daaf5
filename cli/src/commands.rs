//! What the subcommands do: each is a call of the library and a print of its result.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nanovhd::{DiskFormat, FormatError, Inspection, Media, Recipe, Selection};
use serde::Serialize;

use crate::args::{self, Build, Cat, Cli, Command, Inspect, Job, Ls, Plan};
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
    }
}

fn build(args: &Build) -> Result<(), Failure> {
    let job = &args.job;
    let recipe = recipe(&job.recipe, Some(DiskFormat::for_output(&args.output)))?;
    let media = Media::open(&job.recipe.media)?;
    let plan = recipe.plan(&media)?;
    // First, so that a warning is not taken for the reason of a refusal.
    plan.check_output(&args.output, &job.options())?;
    if !job.quiet {
        for warning in &plan.outline().warnings {
            say(&format!("warning: {warning}"));
        }
    }
    let stop = Arc::new(AtomicBool::new(false));
    let on_signal = Arc::clone(&stop);
    ctrlc::set_handler(move || on_signal.store(true, Ordering::Relaxed)).map_err(io::Error::other)?;
    let watcher = Watcher::new(job.quiet, stop);
    let result = plan.build(&args.output, &job.options(), &watcher);
    watcher.finish();
    show(&result?, job)
}

fn plan(args: &Plan) -> Result<(), Failure> {
    let job = &args.job;
    let recipe = recipe(&job.recipe, args.output.as_deref().map(DiskFormat::for_output))?;
    let media = Media::open(&job.recipe.media)?;
    let plan = recipe.plan(&media)?;
    if let Some(output) = &args.output {
        plan.check_output(output, &job.options())?;
    }
    show(&plan, job)
}

fn show(result: &(impl Serialize + Display), job: &Job) -> Result<(), Failure> {
    match (job.json, job.quiet) {
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
        .seed(&args.seed);
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
    let inspection = Inspection::of(&Media::open(&args.media)?);
    if args.json { json(&inspection) } else { print(&inspection.to_string()) }?;
    if inspection.is_damaged() {
        return Err(Failure::input(format!("`{}` is damaged, as shown", inspection.wim.display())));
    }
    Ok(())
}

fn ls(args: &Ls) -> Result<(), Failure> {
    let media = Media::open(&args.image.path)?;
    let image = media.choose(&args.image.selection())?.image.index;
    let listing = media.volume(image)?.list(&args.path)?;
    if args.json { json(&listing) } else { print(&listing.to_string()) }
}

fn cat(args: &Cat) -> Result<(), Failure> {
    let media = Media::open(&args.image.path)?;
    let image = media.choose(&args.image.selection())?.image.index;
    media.volume(image)?.cat(&args.path, &mut io::stdout())?;
    Ok(())
}

fn print(text: &str) -> Result<(), Failure> {
    Ok(io::stdout().write_all(text.as_bytes())?)
}

fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)?;
    print(&(text + "\n"))
}
