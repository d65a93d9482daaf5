//! Recipes in files: one TOML file is one image.
//!
//! ```text
//!  file ──► parse ──► RecipeFile ──► merge with flags ──► resolve ──► Job: Recipe, media, output
//!             │            │                                 │
//!             │            └─► JSON schema, sample           └── secrets, from where the recipe says
//!             └── every key and value against the schema, with line and column
//! ```
//!
//! The schema comes from the type [`RecipeFile`] itself ([`keys`]), and what it says is what [`check`] checks. So
//! there is one list of keys, and one description of each. TOML is version 1.1 (<https://toml.io/en/v1.1.0>).
//!
//! A secret can be in a recipe by the place where it is found only; a product key and a debugger's key may stand
//! there, but no message and no `Debug` shows them.

mod check;
mod error;
mod item;
mod keys;
mod merge;
mod origin;
mod resolve;
mod sample;
mod schema;
mod secrets;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use toml::de::DeTable;

pub use error::{KeyError, RecipeError, SecretError};
pub use keys::{InterfaceEntry, InterfaceTable, RecipeFile};
pub use origin::{At, RecipeOrigin};
pub use resolve::Job;
pub use secrets::{Environment, SecretSource};

/// Recipes are written by hand. This bounds what a wrong path (a disk, a device) can do.
const MOST_BYTES: u64 = 256 << 10;

impl RecipeFile {
    /// Reads a recipe. Its relative paths start at its folder.
    ///
    /// # Errors
    /// [`RecipeError`] says where in the file what is wrong.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, RecipeError> {
        let path = path.as_ref();
        let error = |source| RecipeError::Read { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes)).map_err(error)?;
        let file = path.display().to_string();
        if bytes.len() as u64 > MOST_BYTES {
            return Err(RecipeError::TooLong { file, most: MOST_BYTES });
        }
        let bytes = secrets::without_bom(&bytes);
        let text = std::str::from_utf8(bytes).map_err(|e| {
            let readable = String::from_utf8_lossy(&bytes[..e.valid_up_to()]);
            RecipeError::Encoding {
                at: At::of_byte(&file, &readable, e.valid_up_to()),
                utf16: secrets::is_utf16(bytes),
            }
        })?;
        let mut recipe = Self::parse(text, &file)?;
        path.parent().unwrap_or(Path::new("")).clone_into(&mut recipe.origin.folder);
        Ok(recipe)
    }

    /// Takes a recipe from a text. Messages call it by the name; its relative paths start at the current folder.
    ///
    /// # Errors
    /// [`RecipeError`] says where in the text what is wrong.
    pub fn parse(text: &str, name: &str) -> Result<Self, RecipeError> {
        let syntax = |e: toml::de::Error| RecipeError::Syntax {
            at: At::of_byte(name, text, e.span().map_or(0, |span| span.start)),
            problem: e.message().to_owned(),
        };
        let document = DeTable::parse(text).map_err(syntax)?;
        let mut noted = item::Noted::default();
        let item = noted.table("", document.get_ref());
        let origin = RecipeOrigin { places: noted.places(name, text), ..RecipeOrigin::default() };
        check::recipe(&item, &origin)?;
        // What the schema allows, the types take.
        let mut recipe: Self = toml::from_str(text).map_err(syntax)?;
        recipe.origin = origin;
        recipe.check_values()?;
        Ok(recipe)
    }

    /// The recipe as a file. Secrets are not written; a comment says that they were there.
    ///
    /// # Errors
    /// [`RecipeError::Write`] when a path is not Unicode.
    pub fn to_toml(&self) -> Result<String, RecipeError> {
        let mut text = String::new();
        for (key, given) in [("product-key", &self.product_key), ("debug-key", &self.debug_key)] {
            if given.is_some() {
                text.push_str(&format!("# {key} is set too, but not shown: {key}-file says where it is found.\n"));
            }
        }
        text.push_str(&toml::to_string(self).map_err(|e| RecipeError::Write(e.to_string()))?);
        Ok(text)
    }
}
