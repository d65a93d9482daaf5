//! What the subcommands do: each is a call of the library and a print of its result.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nanovhd::{BuildError, ExtractOptions, Input, Inspected, Job, Media, RecipeFile, Verification, VerifyOptions};
use serde::Serialize;

use crate::args::{self, Cat, Cli, Command, Extract, Inspect, Ls, Make, Manner, Verify};
use crate::failure::Failure;
use crate::init;
use crate::packages;
use crate::progress::{Watcher, say};
use crate::secrets::Terminal;

/// Does what the command line asks for.
pub(crate) fn run(cli: &Cli) -> Result<(), Failure> {
    match &cli.command {
        Command::Build(args) => build(args),
        Command::Plan(args) => plan(args),
        Command::Init(args) => init::run(args),
        Command::Inspect(args) => inspect(args),
        Command::Ls(args) => ls(args),
        Command::Cat(args) => cat(args),
        Command::Extract(args) => extract(args),
        Command::Verify(args) => verify(args),
        Command::Packages(args) => packages::run(args),
    }
}

fn build(args: &Make) -> Result<(), Failure> {
    build_recipe(&recipe(&args.recipe)?, &manner(args))
}

/// Builds what a recipe asks for.
pub(crate) fn build_recipe(recipe: &RecipeFile, manner: &Manner) -> Result<(), Failure> {
    let job = job(recipe)?;
    let output = job.output.as_deref().ok_or_else(no_output)?;
    let media = Media::open(&job.media)?;
    let plan = job.recipe.plan(&media).map_err(|e| Failure::of_plan(e, recipe))?;
    // First, so that a warning is not taken for the reason of a refusal.
    plan.check_output(output, &job.options)?;
    if !manner.quiet {
        for warning in job.warnings.iter().chain(&plan.outline().warnings) {
            say(&format!("warning: {warning}"));
        }
    }
    let result = watched(manner, |watcher| plan.build(output, &job.options, watcher))?;
    if let Err(BuildError::Findings(verification)) = &result {
        show(verification.as_ref(), manner)?;
    }
    show(&result?, manner)
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

fn plan(args: &Make) -> Result<(), Failure> {
    plan_recipe(&recipe(&args.recipe)?, &manner(args))
}

/// Shows what a recipe asks for.
pub(crate) fn plan_recipe(recipe: &RecipeFile, manner: &Manner) -> Result<(), Failure> {
    let job = job(recipe)?;
    let media = Media::open(&job.media)?;
    let plan = job.recipe.plan(&media).map_err(|e| Failure::of_plan(e, recipe))?;
    if let Some(output) = &job.output {
        plan.check_output(output, &job.options)?;
    }
    if !manner.quiet {
        job.warnings.iter().for_each(|warning| say(&format!("warning: {warning}")));
    }
    show(&plan, manner)
}

fn manner(args: &Make) -> Manner {
    Manner { threads: None, json: args.json, quiet: args.quiet }
}

fn show(result: &(impl Serialize + Display), manner: &Manner) -> Result<(), Failure> {
    match (manner.json, manner.quiet) {
        (true, _) => json(result),
        (false, true) => Ok(()),
        (false, false) => print(&result.to_string()),
    }
}

/// What file and flags say together.
fn recipe(args: &args::Recipe) -> Result<RecipeFile, Failure> {
    let flags = args.flags();
    Ok(match &args.recipe {
        Some(file) => RecipeFile::read(file)?.merge(flags),
        None => flags,
    })
}

/// What a recipe asks for, with the time that the environment asks for.
fn job(recipe: &RecipeFile) -> Result<Job, Failure> {
    let mut job = recipe.resolve(&Terminal)?;
    if let Some(seconds) = source_date_epoch()? {
        job.recipe = job.recipe.time(seconds);
    }
    Ok(job)
}

fn no_output() -> Failure {
    Failure::usage("the output is missing").hint("give -o FILE, or the key `output` in a recipe")
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

pub(crate) fn print(text: &str) -> Result<(), Failure> {
    Ok(io::stdout().write_all(text.as_bytes())?)
}

pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)?;
    print(&(text + "\n"))
}
