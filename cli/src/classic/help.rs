//! What the old names say of themselves, and how values are written for a shell.

use serde_json::{Map, Value};

use super::Original;
use super::parameter::{Becomes, Takes};

/// For the help of the program.
pub(crate) const OLD_NAMES: &str = "\
Old names, with the parameters that they had (nanovhd NAME --help):
  New-NanoServerImage, Get-NanoServerPackage, Convert-WindowsImage, WIM2VHD";

/// What an old name stands for, and what becomes of each of its parameters.
pub(super) fn text(original: Original) -> String {
    let about = match original {
        Original::New => "An old name of nanovhd build, for a Nano Server from the media of Windows Server 2016.",
        Original::Edit => "Checked, but not done yet: changing a disk that is there comes with a later version.",
        Original::Get => "An old name of nanovhd packages.",
        Original::Convert => "An old name of nanovhd build, for an image of install.wim or another WIM.",
        Original::Wim2Vhd => "An old name of nanovhd build, for a VHD that a BIOS starts.",
    };
    let (name, mark) = (original.name(), original.mark());
    let mut text = format!(
        "{about}\n\nUsage: nanovhd {name} [--print-recipe] [PARAMETERS]\n\n\
         --print-recipe prints the recipe for nanovhd build instead of building. What a key does, nanovhd build \
         --help\nand nanovhd init say; docs/parameters.md has all of this with examples.\n\nParameters:\n"
    );
    for parameter in original.parameters() {
        let value = if parameter.takes == Takes::Switch { "" } else { " …" };
        let becomes = match parameter.becomes {
            Becomes::Keys(keys, _) => keys.join(", "),
            Becomes::Nothing(reason) => format!("no effect: {reason}"),
            Becomes::Refused(reason) => format!("refused: {reason}"),
        };
        text.push_str(&format!("  {:<30} {becomes}\n", format!("{mark}{}{value}", parameter.name)));
    }
    text
}

/// A text as a shell takes it for one argument.
pub(super) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:,=+@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// A network card as the flag has it.
pub(super) fn interface(table: &Map<String, Value>) -> String {
    let mut text = table.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    for (key, value) in table.iter().filter(|(key, _)| *key != "name") {
        let values = if let Value::Array(values) = value { values.as_slice() } else { std::slice::from_ref(value) };
        for value in values.iter().filter_map(Value::as_str) {
            text.push_str(&format!(",{key}={value}"));
        }
    }
    text
}
