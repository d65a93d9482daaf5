//! Values of recipes, from TOML or from a [`RecipeFile`](super::RecipeFile), in one form.

use std::collections::BTreeMap;

use serde_json::Value;
use toml::de::{DeInteger, DeTable, DeValue};

use super::origin::{At, Places};

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    /// A text.
    Text(String),
    /// A whole number.
    Number(i128),
    /// True or false.
    Flag(bool),
    /// A list.
    List(Vec<Item>),
    /// A table.
    Table(BTreeMap<String, Item>),
    /// What no key has, by its name.
    Other(&'static str),
}

/// Notes where values stand while they are taken: for each path the bytes of its key and its value.
#[derive(Debug, Default)]
pub(super) struct Noted {
    bytes: BTreeMap<String, [usize; 2]>,
}

impl Noted {
    /// The places of all that was taken from this text.
    pub(super) fn places(self, file: &str, text: &str) -> BTreeMap<String, Places> {
        let all = self.bytes.values().flatten().copied().collect();
        let at = At::of_bytes(file, text, &all);
        let places = self.bytes.into_iter().filter_map(|(path, [key, value])| {
            Some((path, Places { key: at.get(&key)?.clone(), value: at.get(&value)?.clone() }))
        });
        places.collect()
    }

    /// The values of a table, whose own path is `path`.
    pub(super) fn table(&mut self, path: &str, table: &DeTable<'_>) -> Item {
        let mut items = BTreeMap::new();
        for (name, value) in table {
            let inner =
                if path.is_empty() { name.get_ref().to_string() } else { format!("{path}.{}", name.get_ref()) };
            self.note(&inner, name.span().start, value.span().start);
            items.insert(name.get_ref().to_string(), self.value(&inner, value.get_ref()));
        }
        Item::Table(items)
    }

    /// The parser bounds how deep values nest, and so this recursion.
    fn value(&mut self, path: &str, value: &DeValue<'_>) -> Item {
        match value {
            DeValue::String(text) => Item::Text(text.to_string()),
            DeValue::Integer(number) => integer(number),
            DeValue::Boolean(flag) => Item::Flag(*flag),
            DeValue::Float(_) => Item::Other("a number with a point or an exponent"),
            DeValue::Datetime(_) => Item::Other("a date or time"),
            DeValue::Array(values) => Item::List(
                values
                    .iter()
                    .enumerate()
                    .map(|(n, value)| {
                        let inner = format!("{path}[{n}]");
                        self.note(&inner, value.span().start, value.span().start);
                        self.value(&inner, value.get_ref())
                    })
                    .collect(),
            ),
            DeValue::Table(table) => self.table(path, table),
        }
    }

    fn note(&mut self, path: &str, key: usize, value: usize) {
        self.bytes.insert(path.to_owned(), [key, value]);
    }
}

fn integer(number: &DeInteger<'_>) -> Item {
    i128::from_str_radix(number.as_str(), number.radix())
        .map_or(Item::Other("a number of too many digits"), Item::Number)
}

impl From<&Value> for Item {
    fn from(value: &Value) -> Self {
        match value {
            Value::String(text) => Self::Text(text.clone()),
            Value::Bool(flag) => Self::Flag(*flag),
            Value::Number(number) => number.as_i128().map_or(Self::Other("a number with a point"), Self::Number),
            Value::Array(values) => Self::List(values.iter().map(Self::from).collect()),
            Value::Object(object) => {
                let set = object.iter().filter(|(_, value)| !value.is_null());
                Self::Table(set.map(|(key, value)| (key.clone(), Self::from(value))).collect())
            }
            Value::Null => Self::Other("nothing"),
        }
    }
}

impl Item {
    /// The word that a schema has for this kind of value.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "string",
            Self::Number(_) => "integer",
            Self::Flag(_) => "boolean",
            Self::List(_) => "array",
            Self::Table(_) => "object",
            Self::Other(_) => "",
        }
    }

    /// What it is, with its value unless that is secret.
    pub(super) fn shown(&self, secret: bool) -> String {
        match self {
            Self::Text(_) if secret => "some text".to_owned(),
            Self::Number(_) if secret => "a number".to_owned(),
            Self::Text(text) => format!("{:?}", brief(text)),
            Self::Number(number) => format!("the number {number}"),
            Self::Flag(flag) => flag.to_string(),
            Self::List(_) => "a list".to_owned(),
            Self::Table(_) => "a table".to_owned(),
            Self::Other(what) => (*what).to_owned(),
        }
    }
}

/// The beginning of a long text: a message is not the place for all of it.
fn brief(text: &str) -> String {
    const MOST: usize = 60;
    if text.chars().count() <= MOST { text.to_owned() } else { text.chars().take(MOST).chain(['…']).collect() }
}
