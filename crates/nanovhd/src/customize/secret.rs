//! Texts that no log, plan or error shows.

use std::fmt;

/// A password or a key. Its bytes are at hand for those who ask for them, and shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_it_is_shown() {
        let secret = Secret::new("Pa55word");
        let shown = format!("{secret:?} {:#?}", Some(&secret));
        assert!(!shown.contains("Pa55"), "{shown}");
        assert_eq!(secret.reveal(), "Pa55word");
    }
}
