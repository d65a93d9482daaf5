//! EMS, the kernel's debugger and test signing: in the store of the disk, and in the image's template, which Windows
//! makes boot configurations from for other disks and to repair this one.

use nanovhd_boot::bcd::{BcdError, Diagnostics, Store};
use nanovhd_boot::plain_file;
use nanovhd_tree::{Content, Filetime, Tree};

use super::{BcdTemplate, BootError, MAX_TEMPLATE, TEMPLATE, read};
use crate::customize::Files;
use crate::{Media, Recipe, SettingOutline, Way};

/// Puts what the recipe sets into the image's template, if the recipe goes by it, and says where all of it goes. The
/// store of the disk is [`Start`](super::Start)'s.
///
/// # Errors
/// [`BootError`]: the template can't be read or is none, or there is no place for the settings.
pub(crate) fn diagnose(
    recipe: &Recipe,
    tree: &mut Tree,
    media: &Media,
    time: Filetime,
) -> Result<Vec<SettingOutline>, BootError> {
    let diagnostics = recipe.custom.diagnostics();
    if diagnostics.is_empty() {
        return Ok(Vec::new());
    }
    let no_template = match recipe.bcd_template {
        BcdTemplate::Builtin => Some("the image's template stays as it is"),
        BcdTemplate::Image if edit_template(tree, media, &diagnostics, time)? => None,
        BcdTemplate::Image => Some("the image has no template"),
    };
    if no_template.is_some() && !recipe.boot {
        return Err(BootError::NoConfiguration);
    }
    let mut outlines = Vec::new();
    for (setting, what) in recipe.custom.diagnostics_in_words() {
        let outline = |way, what: String| SettingOutline { setting: setting.to_owned(), way, what };
        let store = no_template.map_or_else(|| what.clone(), |why| format!("{what}; {why}"));
        outlines.extend(recipe.boot.then(|| outline(Way::Bcd, store)));
        outlines.extend(no_template.is_none().then(|| outline(Way::BcdTemplate, what)));
    }
    Ok(outlines)
}

/// Puts settings into the template, and says whether the image has one. It stays the file that it is, under the same
/// name and for the same users; other names of its file, such as that in the component store, keep the old bytes.
fn edit_template(
    tree: &mut Tree,
    media: &Media,
    diagnostics: &Diagnostics<'_>,
    time: Filetime,
) -> Result<bool, BootError> {
    let Some(file) = plain_file(tree, TEMPLATE)? else { return Ok(false) };
    let bytes = read(tree, media, file, TEMPLATE, MAX_TEMPLATE)?;
    let edited = edited(bytes, diagnostics, time)
        .map_err(|source| BootError::Template { path: TEMPLATE.to_owned(), source: Box::new(source) })?;
    let mut files = Files::new(tree, media, time);
    files.write(TEMPLATE, Content::bytes(edited)).map_err(|source| BootError::Replace(Box::new(source)))?;
    Ok(true)
}

fn edited(bytes: Vec<u8>, diagnostics: &Diagnostics<'_>, time: Filetime) -> Result<Vec<u8>, BcdError> {
    let mut template = Store::open(bytes)?;
    diagnostics.apply(&mut template, time)?;
    template.to_bytes()
}
