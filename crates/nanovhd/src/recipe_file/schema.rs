//! The JSON schema of recipes (draft 2020-12), made from the types of [`keys`](super::keys).
//!
//! It serves editors, and it is what [`check`](super::check) holds recipes to.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::RecipeFile;

/// The schema, made once.
pub(super) static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = Value::from(settings.into_generator().into_root_schema_for::<RecipeFile>());
    tidy(&mut schema);
    schema
});

impl RecipeFile {
    /// The JSON schema of recipes, which editors complete and check keys with.
    pub fn schema() -> &'static Value {
        &SCHEMA
    }

    /// The names of all keys, sorted.
    pub fn keys() -> impl Iterator<Item = &'static str> {
        properties(&SCHEMA).into_iter().flat_map(|keys| keys.keys().map(String::as_str))
    }
}

/// The keys of a table with their schemas.
pub(super) fn properties(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties")?.as_object()
}

/// What a key is for, in the words of its documentation.
pub(super) fn description(schema: &Value) -> &str {
    schema.get("description").and_then(Value::as_str).unwrap_or_default()
}

/// Takes out what TOML has no use for: it knows no null. Lines of descriptions become one.
fn tidy(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(tidy),
        Value::Object(object) => {
            if object.get("default").is_some_and(Value::is_null) {
                object.remove("default");
            }
            if let Some(kind) = object.get_mut("type") {
                without_null(kind);
            }
            if let Some(Value::String(text)) = object.get_mut("description") {
                *text = text.replace('\n', " ");
            }
            object.values_mut().for_each(tidy);
        }
        _ => {}
    }
}

fn without_null(kind: &mut Value) {
    let Value::Array(kinds) = kind else { return };
    kinds.retain(|kind| kind != "null");
    if let [only] = kinds.as_mut_slice() {
        *kind = only.take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_described_and_has_an_example_that_it_accepts() {
        let keys = properties(&SCHEMA).unwrap();
        assert!(keys.len() > 55, "{}", keys.len());
        for (key, schema) in keys {
            assert!(description(schema).ends_with('.'), "{key}");
            assert!(schema["examples"][0] != Value::Null, "{key}");
        }
        let text = SCHEMA.to_string();
        assert!(!text.contains("null") && !text.contains("$ref"), "{text}");
        assert_eq!(SCHEMA["additionalProperties"], false);
        assert_eq!(SCHEMA["required"], Value::Null);
    }
}
