//! Holds the values of a recipe to the schema, with messages for people.
//!
//! Recipes from files and those from flags or programs are checked alike; only the former have places.
//! What a schema can't say (sizes, addresses, what goes with what) is checked in [`resolve`](super::resolve).

use serde_json::Value;

use super::error::{KeyError, RecipeError};
use super::item::Item;
use super::origin::RecipeOrigin;
use super::schema::{SCHEMA, properties};

/// Keys that the originals have and that are refused with a reason, until they work.
pub(super) const LATER: [(&str, &str); 5] = [
    ("package", "packages"),
    ("driver", "drivers"),
    ("docker", "containers"),
    ("feature", "Windows features"),
    ("servicing-package", "servicing packages"),
];

/// How alike (of 1) two words are for one to be offered for the other.
const ALIKE: f64 = 0.7;

/// Checks all keys of a recipe.
pub(super) fn recipe(item: &Item, origin: &RecipeOrigin) -> Result<(), RecipeError> {
    Checker { origin }.value("", item, &SCHEMA)
}

struct Checker<'o> {
    origin: &'o RecipeOrigin,
}

impl Checker<'_> {
    fn value(&self, path: &str, item: &Item, schema: &Value) -> Result<(), RecipeError> {
        let Some(schema) = alternative(item, schema) else {
            return Err(self.error(path, kind_error(path, item, schema)));
        };
        self.bounds(path, item, schema)?;
        match item {
            Item::List(items) => {
                let Some(inner) = schema.get("items") else { return Ok(()) };
                let mut numbered = items.iter().enumerate();
                numbered.try_for_each(|(n, item)| self.value(&format!("{path}[{n}]"), item, inner))
            }
            Item::Table(table) => {
                for (key, item) in table {
                    let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    let known = properties(schema).and_then(|keys| keys.get(key));
                    let is_table = matches!(item, Item::Table(_));
                    let known = known.ok_or_else(|| self.unknown(&inner, key, is_table, path, schema))?;
                    self.value(&inner, item, known)?;
                }
                self.required(path, table.keys(), schema)
            }
            _ => Ok(()),
        }
    }

    /// Words, numbers and lengths that are not among those allowed.
    fn bounds(&self, path: &str, item: &Item, schema: &Value) -> Result<(), RecipeError> {
        let secret = is_secret(schema);
        let error = |problem| Err(self.error(path, problem));
        let (key, found) = (path.to_owned(), item.shown(secret));
        if let Some(choices) = schema.get("enum").and_then(Value::as_array)
            && !choices.iter().any(|choice| same(choice, item))
        {
            let similar = if let Item::Text(text) = item { nearest(text, choices) } else { None };
            return error(KeyError::Choice { key, found, expected: listed(choices), similar });
        }
        let bound = |name: &str| schema.get(name).and_then(Value::as_i64).map(i128::from);
        let (measure, least, most) = match item {
            Item::Number(number) => (*number, bound("minimum"), bound("maximum")),
            Item::Text(text) => (length(text), bound("minLength"), bound("maxLength")),
            _ => return Ok(()),
        };
        if least.is_some_and(|least| measure < least) || most.is_some_and(|most| measure > most) {
            let range = match (least, most) {
                (Some(least), Some(most)) => format!("{least} to {most}"),
                (Some(least), None) => format!("at least {least}"),
                (None, most) => format!("at most {}", most.unwrap_or_default()),
            };
            return error(match item {
                Item::Text(_) => {
                    let found = format!("{found}, {measure} characters long");
                    KeyError::Range { key, found, expected: format!("a text of {range} characters") }
                }
                _ => KeyError::Range { key, found, expected: range },
            });
        }
        Ok(())
    }

    fn required<'k>(
        &self,
        path: &str,
        mut keys: impl Iterator<Item = &'k String>,
        schema: &Value,
    ) -> Result<(), RecipeError> {
        let Some(Value::Array(required)) = schema.get("required") else { return Ok(()) };
        let present: Vec<_> = keys.by_ref().map(String::as_str).collect();
        let Some(missing) = required.iter().filter_map(Value::as_str).find(|key| !present.contains(key)) else {
            return Ok(());
        };
        let hint = format!("give every [[{}]] a `{missing}`", trunk(path));
        Err(self.error(path, KeyError::Missing { what: format!("`{missing}` of `{path}`"), hint }))
    }

    fn unknown(&self, path: &str, key: &str, is_table: bool, table: &str, schema: &Value) -> RecipeError {
        let at = self.origin.of_name(path).cloned();
        let error = |problem| RecipeError::Key { at: at.clone(), problem: Box::new(problem) };
        let key = key.to_owned();
        if table.is_empty() {
            if let Some((_, what)) = LATER.iter().find(|(later, _)| *later == key) {
                return error(KeyError::Later { key, what });
            }
            if matches!(key.as_str(), "administrator-password" | "password") {
                return error(KeyError::Password { key });
            }
        }
        let names: Vec<_> = properties(schema).into_iter().flat_map(|keys| keys.keys().map(String::as_str)).collect();
        let misplaced = !table.is_empty() && properties(&SCHEMA).is_some_and(|keys| keys.contains_key(&key));
        let similar = most_similar(&key, names.into_iter()).map(str::to_owned);
        let table = (!table.is_empty()).then(|| trunk(table).to_owned());
        error(KeyError::Unknown { key, table, similar, misplaced, is_table })
    }

    fn error(&self, path: &str, problem: KeyError) -> RecipeError {
        RecipeError::Key { at: self.origin.of(path).cloned(), problem: Box::new(problem) }
    }
}

/// The part of the schema for this kind of value, if there is one.
fn alternative<'s>(item: &Item, schema: &'s Value) -> Option<&'s Value> {
    match schema.get("anyOf") {
        Some(Value::Array(several)) => several.iter().find_map(|one| alternative(item, one)),
        _ => kinds(schema).contains(&item.kind()).then_some(schema),
    }
}

fn kinds(schema: &Value) -> Vec<&str> {
    match (schema.get("anyOf"), schema.get("type")) {
        (Some(Value::Array(several)), _) => several.iter().flat_map(kinds).collect(),
        (_, Some(Value::Array(kinds))) => kinds.iter().filter_map(Value::as_str).collect(),
        (_, kind) => kind.and_then(Value::as_str).into_iter().collect(),
    }
}

fn kind_error(path: &str, item: &Item, schema: &Value) -> KeyError {
    let kinds = kinds(schema);
    let names = kinds.iter().map(|kind| match *kind {
        "string" => "a text in quotes",
        "integer" => "a whole number",
        "boolean" => "true or false",
        "array" => "a list",
        _ => "a table",
    });
    let key = trunk(path);
    let rightly = match item {
        Item::Number(number) if kinds == ["string"] => Some(format!("{key} = \"{number}\"")),
        Item::Flag(flag) if kinds == ["string"] => Some(format!("{key} = \"{flag}\"")),
        Item::Text(text) if kinds == ["boolean"] && ["true", "false"].contains(&text.as_str()) => {
            Some(format!("{key} = {text}"))
        }
        Item::Text(text) if kinds == ["integer"] && text.parse::<u32>().is_ok() => Some(format!("{key} = {text}")),
        Item::Text(_) if kinds == ["array"] => Some(format!("{key} = [\"…\"]")),
        Item::Table(_) if kinds == ["array"] => Some(format!("[[{key}]] with two brackets on each side")),
        Item::List(_) if kinds == ["string"] && path == key => Some(format!("{key} = \"…\"")),
        _ => None,
    };
    let secret = is_secret(schema);
    KeyError::Kind {
        key: path.to_owned(),
        found: item.shown(secret),
        expected: names.collect::<Vec<_>>().join(" or "),
        rightly: rightly.filter(|_| !secret),
    }
}

/// Whether messages must not show the value.
fn is_secret(schema: &Value) -> bool {
    schema.get("x-secret").is_some_and(|secret| secret == true)
}

/// The key that a value in a list belongs to.
fn trunk(path: &str) -> &str {
    path.split_once('[').map_or(path, |(key, _)| key)
}

fn length(text: &str) -> i128 {
    i128::try_from(text.chars().count()).unwrap_or(i128::MAX)
}

/// Words are taken in any case, as by the flags.
fn same(choice: &Value, item: &Item) -> bool {
    match item {
        Item::Text(text) => choice.as_str().is_some_and(|word| word.eq_ignore_ascii_case(text)),
        Item::Number(number) => choice.as_i64().is_some_and(|choice| i128::from(choice) == *number),
        _ => false,
    }
}

/// The choices as a sentence has them.
fn listed(choices: &[Value]) -> String {
    let shown: Vec<_> = choices.iter().map(Value::to_string).collect();
    match shown.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => shown.concat(),
    }
}

fn nearest(text: &str, choices: &[Value]) -> Option<String> {
    let word = most_similar(&text.to_lowercase(), choices.iter().filter_map(Value::as_str))?;
    Some(format!("\"{word}\""))
}

/// The word that is most like this one, if any is like it at all. People forget and swap letters, write `_` for
/// `-`, and drop or add words.
pub(super) fn most_similar<'w>(word: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    // A comparison takes the product of the lengths.
    if word.len() > 60 {
        return None;
    }
    let plain = word.to_ascii_lowercase().replace(['_', ' '], "-");
    let part = |other: &str| plain.len() >= 4 && (other.contains(&plain) || plain.contains(other));
    let alike = |other: &str| {
        let distance = strsim::normalized_damerau_levenshtein(&plain, other);
        if part(other) { distance.max(ALIKE) } else { distance }
    };
    let scored = words.map(|other| (alike(other), other)).filter(|(score, _)| *score >= ALIKE);
    scored.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, other)| other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RecipeFile;

    #[test]
    fn what_was_meant_is_found() {
        for (typo, meant) in [
            ("editon", Some("edition")),
            ("computer_name", Some("computer-name")),
            ("ComputerName", Some("computer-name")),
            ("computername", Some("computer-name")),
            ("timezone", Some("time-zone")),
            ("administrator-password-fil", Some("administrator-password-file")),
            ("setup-complete-commands", Some("setup-complete-command")),
            ("xyzzy", None),
            ("", None),
        ] {
            assert_eq!(most_similar(typo, RecipeFile::keys()), meant, "{typo}");
        }
        assert_eq!(most_similar(&"edition".repeat(1000), RecipeFile::keys()), None);
    }

    #[test]
    fn lists_of_words_read_as_sentences() {
        let words = |words: &[&str]| listed(&words.iter().map(|&word| Value::from(word)).collect::<Vec<_>>());
        assert_eq!(words(&["a"]), "\"a\"");
        assert_eq!(words(&["a", "b", "c"]), "\"a\", \"b\" or \"c\"");
    }
}
