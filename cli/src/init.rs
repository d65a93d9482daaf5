//! `nanovhd init`: a recipe to start from.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use nanovhd::RecipeFile;

use crate::args::Init;
use crate::commands::{json, print};
use crate::failure::Failure;

/// Writes the sample, or the schema, to a file or to standard output.
pub(crate) fn run(args: &Init) -> Result<(), Failure> {
    match (&args.file, args.schema) {
        (None, false) => print(&RecipeFile::sample()),
        (None, true) => json(RecipeFile::schema()),
        (Some(file), false) => write(file, &RecipeFile::sample(), args.force),
        (Some(file), true) => write(file, &(serde_json::to_string_pretty(RecipeFile::schema())? + "\n"), args.force),
    }
}

fn write(path: &Path, text: &str, force: bool) -> Result<(), Failure> {
    let made = if force {
        fs::write(path, text)
    } else {
        // What is there is a recipe that somebody wrote.
        File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()))
    };
    made.map_err(|e| {
        let exists = e.kind() == ErrorKind::AlreadyExists;
        let failure = Failure::failed(io::Error::new(e.kind(), format!("can't write `{}`: {e}", path.display())));
        if exists { failure.hint("give --force to replace it") } else { failure }
    })
}
