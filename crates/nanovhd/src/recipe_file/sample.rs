//! The sample recipe: every key with its description and a value that it could have.

use serde_json::Value;

use super::RecipeFile;
use super::schema::{SCHEMA, description, properties};

/// Keys that a recipe hardly does without. They are not commented out.
const SET: [&str; 3] = ["media", "edition", "output"];

/// The keys in the order in which an author thinks of them.
const GROUPS: [(&str, &[&str]); 8] = [
    ("Image", &["media", "edition", "image"]),
    (
        "Disk",
        &[
            "output",
            "target",
            "size",
            "format",
            "fixed",
            "firmware",
            "label",
            "sector-size",
            "cluster-size",
            "seed",
            "no-boot",
            "bcd-device",
            "bcd-template",
        ],
    ),
    ("Build", &["force", "verify", "no-sync", "threads"]),
    (
        "Identity",
        &[
            "computer-name",
            "administrator-password-file",
            "administrator-password-env",
            "administrator-password-prompt",
            "time-zone",
            "locale",
            "product-key",
            "product-key-file",
            "product-key-env",
            "product-key-prompt",
            "registered-owner",
            "registered-organization",
            "unattend",
            "domain-join-blob",
        ],
    ),
    ("First boot", &["setup-complete-command", "run-script", "copy", "no-expand-on-native-boot"]),
    (
        "Debugging",
        &[
            "enable-ems",
            "ems-port",
            "ems-baud-rate",
            "debug",
            "debug-port",
            "debug-baud-rate",
            "debug-host",
            "debug-key",
            "debug-key-file",
            "debug-key-env",
            "debug-bus-params",
            "debug-no-dhcp",
            "debug-channel",
            "debug-target",
            "test-signing",
        ],
    ),
    ("Remote access", &["enable-remote-management-port", "remote-desktop"]),
    ("Network", &["interface"]),
];

/// Descriptions are broken before this column.
const WIDTH: usize = 98;

impl RecipeFile {
    /// A recipe with every key: commented out but for the few that most need, each with what it is for.
    pub fn sample() -> String {
        let mut text = String::new();
        comment(&mut text, "A recipe of nanovhd: one file is one image. Build it with");
        comment(&mut text, "    nanovhd build FILE");
        comment(&mut text, description(&SCHEMA));
        comment(&mut text, "Take the # away from what you want to set.");
        for (title, keys) in GROUPS {
            text.push_str(&format!("\n# ---- {title} ----\n"));
            keys.iter().for_each(|key| entry(&mut text, key));
        }
        text
    }
}

fn entry(text: &mut String, key: &str) {
    let Some(schema) = properties(&SCHEMA).and_then(|keys| keys.get(key)) else { return };
    text.push('\n');
    comment(text, description(schema));
    if let Some(Value::Array(words)) = schema.get("enum") {
        let words: Vec<_> = words.iter().map(Value::to_string).collect();
        comment(text, &format!("One of {}.", words.join(", ")));
    }
    let mark = if SET.contains(&key) { "" } else { "#" };
    if key == "interface" {
        return tables(text, schema);
    }
    let example = schema.pointer("/examples/0").map(value).unwrap_or_default();
    text.push_str(&format!("{mark}{key} = {example}\n"));
}

/// The table for a network card. It has an IPv4 address with its prefix, so it needs no mask.
fn tables(text: &mut String, schema: &Value) {
    text.push_str("#[[interface]]\n");
    let keys = schema.pointer("/items/anyOf/1").and_then(properties);
    for key in ["name", "ipv4", "ipv6", "gateway", "dns"] {
        let example = keys.and_then(|keys| keys.get(key)?.pointer("/examples/0").map(value)).unwrap_or_default();
        text.push_str(&format!("#{key} = {example}\n"));
    }
}

/// A value as TOML has it. Texts with backslashes are taken as they stand.
fn value(value: &Value) -> String {
    match value {
        Value::String(text) if text.contains('\\') => format!("'{text}'"),
        Value::Array(values) => format!("[{}]", values.iter().map(self::value).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

fn comment(text: &mut String, words: &str) {
    let mut line = String::from("#");
    // What is indented is an example, and stays so.
    let indent = words.len() - words.trim_start().len();
    line.push_str(&" ".repeat(indent));
    for word in words.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sample with these keys set, and no others.
    fn with(sample: &str, set: impl Fn(&str) -> bool) -> String {
        let name = |line: &str| line.trim_start_matches('#').split([' ', '=']).next().unwrap_or_default().to_owned();
        let line = |line: &str| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') && set(&name(line)) => rest.to_owned(),
            None if !line.is_empty() && !set(&name(line)) => String::new(),
            _ => line.to_owned(),
        };
        sample.lines().map(|l| line(l) + "\n").collect()
    }

    #[test]
    fn the_sample_has_every_key_once_and_is_a_recipe() {
        let listed: Vec<_> = GROUPS.iter().flat_map(|(_, keys)| *keys).copied().collect();
        assert_eq!(listed.len(), RecipeFile::keys().count());
        for key in RecipeFile::keys() {
            assert!(listed.contains(&key), "{key}");
        }
        let sample = RecipeFile::sample();
        assert!(sample.lines().all(|line| line.chars().count() <= WIDTH), "{sample}");
        let recipe = RecipeFile::parse(&sample, "sample").unwrap();
        recipe.check().unwrap();
        let set: Vec<_> = RecipeFile::keys().filter(|key| recipe.has(key)).collect();
        assert_eq!(set, ["edition", "media", "output"]);
    }

    #[test]
    fn with_its_comments_taken_away_it_is_still_one() {
        let sample = RecipeFile::sample();
        let all = RecipeFile::parse(&with(&sample, |_| true), "all").unwrap();
        for key in RecipeFile::keys() {
            assert!(all.has(key), "{key}");
        }
        let table = ["[[interface]]", "name", "ipv4", "ipv6", "gateway", "dns"];
        for key in RecipeFile::keys() {
            let text = with(&sample, |name| name == key || key == "interface" && table.contains(&name));
            let recipe = RecipeFile::parse(&text, "one").unwrap_or_else(|e| panic!("{key}: {e}\n{text}"));
            assert!(recipe.has(key), "{key}");
        }
    }
}
