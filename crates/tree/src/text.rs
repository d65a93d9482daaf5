//! Names in messages.

/// The text with control characters escaped: a name from a file must not steer the terminal.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_nothing_else() {
        assert_eq!(visible("a\u{1b}[2J\n\u{9b}é\\"), "a\\u{1b}[2J\\n\\u{9b}é\\");
    }
}
