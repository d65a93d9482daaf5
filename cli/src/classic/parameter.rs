//! What a parameter of an original is, and what becomes of it.

use super::draft::Draft;
use super::problem::Problem;

/// A parameter of an original.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) aliases: &'static [&'static str],
    pub(super) takes: Takes,
    /// Its place among the values that stand without a name.
    pub(super) position: Option<u8>,
    pub(super) mandatory: bool,
    /// The parameter, and its words, with which this one is there at all.
    pub(super) with: Option<(&'static str, &'static [&'static str])>,
    /// Whether it is of a preview or a relative of the original: it takes part in no abbreviations.
    pub(super) foreign: bool,
    pub(super) becomes: Becomes,
}

/// What follows the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// Nothing, or `:$true` and `:$false`.
    Switch,
    One,
    /// `a,b`.
    Many,
    /// Texts that may have commas in them.
    Commands,
    /// `a,b`, or `@{ a = 'b' }`.
    Paths,
}

/// What becomes of a parameter.
#[derive(Debug, Clone, Copy)]
pub(super) enum Becomes {
    /// It sets keys of the recipe.
    Keys(&'static [&'static str], fn(&mut Draft, &Given) -> Result<(), Problem>),
    /// It is taken, says why it does nothing, and does nothing.
    Nothing(&'static str),
    /// It is refused for this reason.
    Refused(&'static str),
}

/// The value of a parameter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Given {
    /// Of a switch.
    pub(super) on: bool,
    pub(super) texts: Vec<String>,
    /// Of `@{ a = 'b' }`.
    pub(super) pairs: Vec<(String, String)>,
}

impl Given {
    /// The only text. The binder gives every parameter that takes one its one.
    pub(super) fn text(&self) -> &str {
        self.texts.first().map_or("", String::as_str)
    }
}

impl Parameter {
    const fn new(name: &'static str, takes: Takes, becomes: Becomes) -> Self {
        Self { name, aliases: &[], takes, position: None, mandatory: false, with: None, foreign: false, becomes }
    }

    pub(super) const fn switch(name: &'static str, becomes: Becomes) -> Self {
        Self::new(name, Takes::Switch, becomes)
    }

    pub(super) const fn one(name: &'static str, becomes: Becomes) -> Self {
        Self::new(name, Takes::One, becomes)
    }

    pub(super) const fn many(name: &'static str, becomes: Becomes) -> Self {
        Self::new(name, Takes::Many, becomes)
    }

    pub(super) const fn commands(name: &'static str, becomes: Becomes) -> Self {
        Self::new(name, Takes::Commands, becomes)
    }

    pub(super) const fn paths(name: &'static str, becomes: Becomes) -> Self {
        Self::new(name, Takes::Paths, becomes)
    }

    pub(super) const fn alias(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    pub(super) const fn at(mut self, position: u8) -> Self {
        self.position = Some(position);
        self
    }

    pub(super) const fn mandatory(mut self) -> Self {
        self.mandatory = true;
        self
    }

    pub(super) const fn with(mut self, other: &'static str, words: &'static [&'static str]) -> Self {
        self.with = Some((other, words));
        self
    }

    pub(super) const fn foreign(mut self) -> Self {
        self.foreign = true;
        self
    }

    /// Its name and its aliases.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }
}

/// The parameters that a command line gives, each once, in their order.
#[derive(Debug, Default)]
pub(super) struct Bound {
    pub(super) given: Vec<(Parameter, Given)>,
}

impl Bound {
    pub(super) fn get(&self, name: &str) -> Option<&Given> {
        self.given.iter().find(|(parameter, _)| parameter.name == name).map(|(_, given)| given)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether a switch is on.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.get(name).is_some_and(|given| given.on)
    }

    /// Whether a parameter has this word, in any case.
    pub(super) fn is(&self, name: &str, word: &str) -> bool {
        self.get(name).is_some_and(|given| given.text().eq_ignore_ascii_case(word))
    }
}
