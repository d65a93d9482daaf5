//! What settings may be, before anything is done with them.

use super::{CustomizeError, Secret};

/// The units of a NetBIOS name, which every Windows has beside its name in networks.
const MAX_COMPUTER_NAME: usize = 15;
/// Beside spaces: what a name may not have. "Microsoft-Windows-Shell-Setup", "ComputerName".
const NOT_IN_COMPUTER_NAMES: &str = "{|}~[\\]^':;<=>?@!\"#$%`()+/.,*&";
/// Suggestions in a hint.
const SUGGESTED: usize = 5;

/// Whether a computer can have this name; `*` stands for one that Windows chooses.
pub(super) fn computer_name(name: &str) -> Result<(), CustomizeError> {
    let refuse = |problem: String, hint: &str| Err(CustomizeError::setting("computer-name", problem, hint));
    let hint = "letters, digits and hyphens make a name, 15 at most; * lets Windows choose one";
    let len = name.encode_utf16().count();
    match name {
        "*" => Ok(()),
        "" => refuse("the name is empty".to_owned(), hint),
        _ if len > MAX_COMPUTER_NAME => {
            let shorter: String = name.chars().take(MAX_COMPUTER_NAME).collect();
            let hint = format!("shorten it, such as to {:?}", shorter.trim_end_matches('-'));
            refuse(format!("{name:?} has {len} characters, and a name has at most {MAX_COMPUTER_NAME}"), &hint)
        }
        _ if name.bytes().all(|byte| byte.is_ascii_digit()) => {
            refuse(format!("{name:?} has digits alone, which no computer's name may"), "put a letter before them")
        }
        _ if name.starts_with('-') || name.ends_with('-') => refuse(format!("{name:?} has a hyphen at an end"), hint),
        _ => match name.chars().find(|&c| c.is_whitespace() || c.is_control() || NOT_IN_COMPUTER_NAMES.contains(c)) {
            Some(bad) => refuse(format!("{name:?} has {bad:?} in it, which no computer's name may"), hint),
            None => Ok(()),
        },
    }
}

/// Whether a text can be in an answer file and in the registry. What is wrong with it is told, it is not.
pub(super) fn text(setting: &'static str, text: &str) -> Result<(), CustomizeError> {
    let refuse = |problem: &str, hint: &str| Err(CustomizeError::setting(setting, problem, hint));
    if text.is_empty() {
        return refuse("it is empty", "leave the setting out, or give it a value");
    }
    if text.chars().any(|c| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}')) {
        return refuse("it has a control character in it, such as a line break", "a file for it has one line");
    }
    Ok(())
}

/// Whether this names a language and region: `de-DE`, `sr-Latn-RS`. RFC 5646, 2.1.
pub(super) fn locale(name: &str) -> Result<(), CustomizeError> {
    let parts: Vec<&str> = name.split('-').collect();
    let is = |part: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphabetic())
    };
    let is_region = |part: &str| is(part, 2..=2) || part.len() == 3 && part.bytes().all(|byte| byte.is_ascii_digit());
    let good = match parts[..] {
        [language, region] => is(language, 2..=3) && is_region(region),
        [language, script, region] => is(language, 2..=3) && is(script, 4..=4) && is_region(region),
        _ => false,
    };
    let problem = || format!("{name:?} is no name of a language and region");
    if good {
        Ok(())
    } else {
        Err(CustomizeError::setting("locale", problem(), "such as en-US, de-DE or sr-Latn-RS"))
    }
}

/// The key as it is written: five groups of five, in upper case.
pub(super) fn product_key(key: &Secret) -> Result<Secret, CustomizeError> {
    let upper = key.reveal().trim().to_ascii_uppercase();
    let is_group = |group: &str| group.len() == 5 && group.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if upper.split('-').count() == 5 && upper.split('-').all(is_group) {
        return Ok(Secret::new(upper));
    }
    let hint = "a key is XXXXX-XXXXX-XXXXX-XXXXX-XXXXX: five groups of five letters and digits";
    Err(CustomizeError::setting("product-key", "what was given is no product key", hint))
}

/// What to say of a time zone that the image does not know.
pub(super) fn unknown_zone(name: &str, known: &[String]) -> CustomizeError {
    let near = nearest(name, known);
    let hint = match near.as_slice() {
        [] => "tzutil /l lists them on any Windows".to_owned(),
        near => format!("the image knows of {}", near.join(", ")),
    };
    let problem = format!("the image knows of no time zone {name:?}, but of {} others", known.len());
    CustomizeError::setting("time-zone", problem, hint)
}

/// The names that are most like one: first those with most of its words, then those that need fewest changes.
fn nearest<'n>(name: &str, known: &'n [String]) -> Vec<&'n str> {
    let words = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        // Nearly all names end in these two, which says nothing.
        words.map(str::to_lowercase).filter(|word| word != "standard" && word != "time").collect()
    };
    let asked = words(name);
    let stem = |text: &str| words(text).join(" ");
    let mut ranked: Vec<_> = known
        .iter()
        .map(|candidate| {
            let theirs = words(candidate);
            let shared = asked.iter().filter(|word| theirs.contains(word)).count();
            (std::cmp::Reverse(shared), changes(&stem(name), &stem(candidate)), candidate.as_str())
        })
        .collect();
    ranked.sort();
    // What shares no word and differs in half of its letters is no help.
    let close = |(shared, changes, candidate): &(std::cmp::Reverse<usize>, usize, &str)| {
        shared.0 > 0 || *changes <= candidate.len().min(name.len()) / 2
    };
    ranked.into_iter().filter(close).take(SUGGESTED).map(|(_, _, candidate)| candidate).collect()
}

/// The least number of letters to add, leave out or replace (Levenshtein).
fn changes(a: &str, b: &str) -> usize {
    // Names are short; whatever else is asked for need not be compared whole.
    let b: Vec<char> = b.chars().take(100).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(100).enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = replaced.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(result: Result<(), CustomizeError>) -> String {
        let error = result.unwrap_err();
        assert!(error.hint().is_some_and(|hint| !hint.is_empty()), "{error}");
        error.to_string()
    }

    #[test]
    fn computer_names() {
        for good in ["*", "n1", "NODE-1", "a_b", "a12345678901234", "M\u{fc}nchen"] {
            assert!(computer_name(good).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("", "empty"),
            ("1234567890123456", "16 characters"),
            ("12345", "digits alone"),
            ("a b", "' '"),
            ("a.b", "'.'"),
            ("a*", "'*'"),
            ("-a", "hyphen"),
            ("a-", "hyphen"),
            ("a\u{7}", "in it"),
        ] {
            let told = told(computer_name(bad));
            assert!(told.starts_with("computer-name: ") && told.contains(why), "{bad}: {told}");
        }
    }

    #[test]
    fn locales() {
        for good in ["en-US", "de-DE", "sr-Latn-RS", "es-419", "fil-PH"] {
            assert!(locale(good).is_ok(), "{good}");
        }
        for bad in ["", "de", "de_DE", "deutsch", "de-DE-1996-x", "0407:00000407", "d-DE", "de-D"] {
            assert!(told(locale(bad)).contains("no name of a language"), "{bad}");
        }
    }

    #[test]
    fn product_keys_are_never_told() {
        let key = Secret::new(" abcde-12345-FGHIJ-67890-klmno\n");
        assert_eq!(product_key(&key).unwrap().reveal(), "ABCDE-12345-FGHIJ-67890-KLMNO");
        for bad in
            ["", "abcde", "abcde-12345-FGHIJ-67890", "abcde-12345-FGHIJ-67890-klmn", "abcde-12345-FGHIJ-67890-klm!o"]
        {
            let error = product_key(&Secret::new(bad)).unwrap_err();
            let told = format!("{error} {error:?} {:?}", error.hint());
            assert!(bad.is_empty() || !told.contains(bad), "{told}");
        }
    }

    #[test]
    fn texts_have_one_line() {
        for bad in ["", "a\nb", "a\0", "\u{ffff}"] {
            told(text("registered-owner", bad));
        }
        assert!(text("registered-owner", "M\u{fc}ller & S\u{f6}hne \u{1f600}").is_ok());
    }

    #[test]
    fn zones_that_are_like_the_one_asked_for_are_named() {
        let known = ["UTC", "W. Europe Standard Time", "Central Europe Standard Time", "Tokyo Standard Time"];
        let known = known.map(str::to_owned);
        for (asked, first) in [
            ("Europe/Berlin", "the image knows of W. Europe Standard Time, Central Europe Standard Time"),
            ("w europe", "the image knows of W. Europe Standard Time, Central Europe"),
            ("Tokio Standard Time", "the image knows of Tokyo Standard Time"),
            ("utc+", "the image knows of UTC"),
            ("Asia/Kolkata", "tzutil /l"),
        ] {
            let error = unknown_zone(asked, &known);
            assert!(error.hint().unwrap().starts_with(first), "{asked}: {:?}", error.hint());
        }
    }
}
