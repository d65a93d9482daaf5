//! The old names: command lines of the originals, as people have them in scripts and notes.
//!
//! ```text
//!  New-NanoServerImage -Max 8GB …  ──► powershell ──┐
//!  WIM2VHD /size:8192 …            ──► slashes ─────┴─► Bound ──► tables ──► RecipeFile ──► as build does
//!                                                                   │
//!                                      docs/parameters.md ──────────┘  a test walks both
//! ```
//!
//! Every parameter of an original sets keys of the recipe, or is refused with a reason, or says why it does nothing.
//! So nobody gets another disk than was asked for without knowing.

mod convert;
mod draft;
mod help;
mod nano;
mod parameter;
mod powershell;
mod problem;
mod slashes;
#[cfg(test)]
mod tests;
mod value;
mod wim2vhd;

use std::ffi::OsString;

use nanovhd::{MediaRoot, RecipeFile};

use self::draft::Draft;
use self::parameter::{Becomes, Bound, Parameter};
use self::problem::Problem;
use crate::args::Manner;
use crate::commands::{build_recipe, print};
use crate::failure::Failure;
use crate::progress::say;

pub(crate) use self::help::OLD_NAMES;

/// A command that people know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Original {
    New,
    Edit,
    Get,
    Convert,
    Wim2Vhd,
}

const ORIGINALS: [Original; 5] = [Original::New, Original::Edit, Original::Get, Original::Convert, Original::Wim2Vhd];

impl Original {
    /// The original of this name, in any case, with or without the suffix of a script.
    fn of(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        let lower = lower.strip_prefix(".\\").unwrap_or(&lower);
        let stem = [".ps1", ".wsf"].iter().find_map(|suffix| lower.strip_suffix(suffix)).unwrap_or(lower);
        // A preview had the plural.
        let stem = if stem == "get-nanoserverpackages" { "get-nanoserverpackage" } else { stem };
        ORIGINALS.into_iter().find(|original| original.name().eq_ignore_ascii_case(stem))
    }

    fn name(self) -> &'static str {
        match self {
            Self::New => "New-NanoServerImage",
            Self::Edit => "Edit-NanoServerImage",
            Self::Get => "Get-NanoServerPackage",
            Self::Convert => "Convert-WindowsImage",
            Self::Wim2Vhd => "WIM2VHD",
        }
    }

    fn parameters(self) -> Vec<Parameter> {
        match self {
            Self::New => nano::new_parameters(),
            Self::Edit => nano::edit_parameters(),
            Self::Get => nano::get_parameters(),
            Self::Convert => convert::parameters(),
            Self::Wim2Vhd => wim2vhd::parameters(),
        }
    }

    /// What stands before the name of a parameter.
    fn mark(self) -> char {
        if self == Self::Wim2Vhd { '/' } else { '-' }
    }

    fn check(self, bound: &Bound) -> Result<(), Problem> {
        match self {
            Self::New | Self::Edit => nano::check(bound),
            Self::Get => nano::check_get(bound),
            Self::Convert => convert::check(bound),
            Self::Wim2Vhd => Ok(()),
        }
    }

    fn finish(self, draft: &mut Draft, bound: &Bound) -> Result<(), Problem> {
        match self {
            Self::New => nano::finish_new(draft, bound)?,
            Self::Edit => draft.finish_card(),
            Self::Get => {}
            Self::Convert => convert::finish(draft, bound)?,
            Self::Wim2Vhd => wim2vhd::finish(draft, bound)?,
        }
        Ok(())
    }

    /// The recipe that an old command line stands for.
    fn translate(self, args: &[String]) -> Result<Draft, Problem> {
        let (table, name) = (self.parameters(), self.name());
        let bound = match self {
            Self::Wim2Vhd => slashes::bind(name, &table, args)?,
            _ => powershell::bind(name, &table, args)?,
        };
        self.check(&bound)?;
        let mark = self.mark();
        for (parameter, given) in &bound.given {
            // A switch that is off asks for nothing.
            let off = parameter.takes == parameter::Takes::Switch && !given.on;
            if let (Becomes::Refused(reason), false) = (parameter.becomes, off) {
                return Err(Problem::Refused { parameter: format!("{mark}{}", parameter.name), reason });
            }
        }
        let mut draft = Draft { on_windows: cfg!(windows), ..Draft::default() };
        for (parameter, given) in &bound.given {
            match parameter.becomes {
                Becomes::Keys(_, set) => set(&mut draft, given)?,
                Becomes::Nothing(reason) => {
                    draft.note(format!("{mark}{} has no effect: {reason}", parameter.name));
                }
                Becomes::Refused(_) => {}
            }
        }
        self.finish(&mut draft, &bound)?;
        Ok(draft)
    }
}

/// Runs the old command that these arguments start with, if they do.
pub(crate) fn run(args: &[OsString]) -> Option<Result<(), Failure>> {
    let (first, rest) = args.split_first()?;
    let original = Original::of(first.to_str()?)?;
    Some(run_original(original, rest))
}

fn run_original(original: Original, args: &[OsString]) -> Result<(), Failure> {
    let texts = args.iter().map(|arg| {
        arg.to_str().map(str::to_owned).ok_or_else(|| Failure::usage(format!("{arg:?} is not Unicode text")))
    });
    let mut args = texts.collect::<Result<Vec<_>, _>>()?;
    let is_help = |arg: &String| ["--help", "-h", "-?", "/?", "/help"].contains(&arg.to_ascii_lowercase().as_str());
    if args.iter().any(is_help) {
        return print(&help::text(original));
    }
    let before = args.len();
    // In any of the ways in which those write who are used to the originals.
    args.retain(|arg| {
        let name = arg.trim_start_matches(['-', '/']);
        name.len() == arg.len() || !["print-recipe", "printrecipe"].contains(&name.to_ascii_lowercase().as_str())
    });
    let only_print = args.len() < before;
    let mut draft = original.translate(&args)?;
    draft.choose_image()?;
    for note in &draft.notes {
        say(&format!("note: {note}"));
    }
    let recipe = draft.recipe;
    if original == Original::Edit {
        let text = "Edit-NanoServerImage: changing a disk that is there comes with a later version";
        return Err(Failure::usage(text));
    }
    if only_print {
        return print(&recipe.to_toml()?);
    }
    if original == Original::Get {
        let media = recipe.media.unwrap_or_default();
        say(&format!("note: this is nanovhd packages --media {}", help::quoted(&media.display().to_string())));
        return print(&MediaRoot::open(&media)?.packages()?.to_string());
    }
    say(&format!("note: this is {}", command(&recipe)?));
    build_recipe(&recipe, &Manner { threads: None, json: false, quiet: false })
}

/// The command of today that stands for a recipe. Of keys and passwords it has the places only.
fn command(recipe: &RecipeFile) -> Result<String, Failure> {
    let serde_json::Value::Object(keys) = serde_json::to_value(recipe)? else { return Ok(String::new()) };
    let mut text = String::from("nanovhd build");
    for (key, value) in &keys {
        let values = match value {
            serde_json::Value::Array(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        for value in values {
            match value {
                serde_json::Value::Bool(true) => text.push_str(&format!(" --{key}")),
                serde_json::Value::Bool(false) | serde_json::Value::Null => {}
                serde_json::Value::String(value) => text.push_str(&format!(" --{key} {}", help::quoted(value))),
                serde_json::Value::Object(table) => {
                    text.push_str(&format!(" --{key} {}", help::quoted(&help::interface(table))));
                }
                other => text.push_str(&format!(" --{key} {other}")),
            }
        }
    }
    if recipe.debug_key.is_some() {
        text.push_str(" --debug-key …");
    }
    Ok(text)
}
