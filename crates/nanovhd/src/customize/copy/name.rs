//! Names that Windows can have. Microsoft, "Naming Files, Paths, and Namespaces".

use nanovhd_tree::{MAX_NAME_UNITS, visible};

/// What no name has in it, beside control characters.
const RESERVED: [char; 9] = ['<', '>', ':', '"', '/', '\\', '|', '?', '*'];
/// Names of devices, which stay so with any extension. Some have a number behind.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];
const NUMBERED_DEVICES: [&str; 2] = ["com", "lpt"];

/// Why Windows can't have a file of this name; nothing if it can.
pub(super) fn problem(name: &str) -> Option<String> {
    let shown = || visible(name);
    if name.is_empty() {
        return Some("a name is empty".to_owned());
    }
    if name == "." || name == ".." {
        return Some(format!("{name} is no name"));
    }
    if let Some(c) = name.chars().find(|c| RESERVED.contains(c) || *c < ' ') {
        return Some(format!("{:?} can't be in the name {:?}", visible(&c.to_string()), shown()));
    }
    if name.ends_with(['.', ' ']) {
        return Some(format!("the name {:?} ends with a dot or a blank, which Windows leaves out", shown()));
    }
    if name.encode_utf16().count() > MAX_NAME_UNITS {
        return Some(format!("the name {:?} has more than {MAX_NAME_UNITS} characters", shown()));
    }
    is_device(name).then(|| format!("{:?} is a device to Windows", shown()))
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end_matches(' ').to_ascii_lowercase();
    let numbered = |device: &&str| {
        let mut rest = stem.strip_prefix(*device).unwrap_or_default().chars();
        // The digits one to three are there as superscripts too.
        matches!((rest.next(), rest.next()), (Some('1'..='9' | '¹' | '²' | '³'), None))
    };
    DEVICES.contains(&stem.as_str()) || NUMBERED_DEVICES.iter().any(numbered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_can_have_some_names_and_not_others() {
        let long = "x".repeat(256);
        for bad in [
            "", ".", "..", "a:b", "a?", "a*", "a|b", "a\"", "<a", "a>", "a\tb", "a.", "a ", "CON", "nul.txt", "Com1",
            "lpt9.x.y", "aux .txt", "com²", &long,
        ] {
            assert!(problem(bad).is_some(), "{bad:?}");
        }
        for good in
            [".a", "a.b", "console", "com", "com10", "com0", "größe=1", "a b", "…", "nulls", "%x%", &long[1..]]
        {
            assert_eq!(problem(good), None, "{good:?}");
        }
    }
}
