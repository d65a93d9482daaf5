//! Small pieces of text for people.

/// The number with a comma before every third digit from the right.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number and what it counts: `1 file`, `2,000 files`. What ends in `y` ends in `ies`.
pub(crate) fn counted(number: u64, what: &str) -> String {
    let number_text = grouped(number);
    match (number, what.strip_suffix('y')) {
        (1, _) => format!("{number_text} {what}"),
        (_, Some(stem)) => format!("{number_text} {stem}ies"),
        (_, None) => format!("{number_text} {what}s"),
    }
}

/// An error with its causes, on one line. What a cause says again is not repeated.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |e| e.source());
    chain.map(ToString::to_string).fold(String::new(), |text, more| match text.as_str() {
        "" => more,
        said if said.ends_with(&more) => text,
        _ => text + ": " + &more,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn one_is_one_and_not_more() {
        assert_eq!(counted(1, "directory"), "1 directory");
        assert_eq!(counted(2000, "directory"), "2,000 directories");
        assert_eq!(counted(0, "more hard link"), "0 more hard links");
    }
}
