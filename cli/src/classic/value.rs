//! Values as PowerShell writes them: numbers with units, lists, tables, quotes, paths of Windows.

use std::path::PathBuf;

/// The powers of 1024 that PowerShell has names for.
const UNITS: [&str; 5] = ["KB", "MB", "GB", "TB", "PB"];

/// A number of bytes as PowerShell writes it: `4GB`, `1.5gb`, `0x100000`, `4294967296`. A GB has 1024³ bytes.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let upper = text.trim().trim_start_matches('(').trim_end_matches(')').trim().to_ascii_uppercase();
    let unit = UNITS.iter().position(|unit| upper.ends_with(unit));
    let number = unit.map_or(upper.as_str(), |_| &upper[..upper.len() - 2]);
    let shift = unit.map_or(0, |n| 10 * (n + 1));
    let scale = 1_u64.checked_shl(u32::try_from(shift).ok()?)?;
    if let Some(hex) = number.strip_prefix("0X") {
        return u64::from_str_radix(hex, 16).ok()?.checked_mul(scale);
    }
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()?.checked_mul(scale)? };
    let parts = if fraction.is_empty() { 0 } else { fraction.parse::<u128>().ok()? };
    let part = parts * u128::from(scale) / 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    whole.checked_add(u64::try_from(part).ok()?)
}

/// A number of bytes as a recipe has it.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        _ if bytes != 0 && bytes.is_multiple_of(1 << 30) => format!("{}GiB", bytes >> 30),
        _ if bytes != 0 && bytes.is_multiple_of(1 << 20) => format!("{}MiB", bytes >> 20),
        _ => bytes.to_string(),
    }
}

/// `$true`, `$false` and what PowerShell makes of them for other programs.
pub(super) fn truth(text: &str) -> Option<bool> {
    match text.trim_start_matches('$').to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// Takes away quotes around a text. Within them two stand for one.
pub(super) fn unquoted(text: &str) -> String {
    for quote in ['\'', '"'] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            let twice: String = [quote, quote].iter().collect();
            return inner.replace(&twice, &quote.to_string());
        }
    }
    text.to_owned()
}

/// The parts of a text between separators that stand in no quotes, without the spaces around them.
pub(super) fn parts(text: &str, separators: &[char]) -> Vec<String> {
    let (mut parts, mut part, mut quote) = (Vec::new(), String::new(), None);
    for c in text.chars() {
        match quote {
            None if separators.contains(&c) => parts.push(std::mem::take(&mut part)),
            None => {
                // An apostrophe within a word starts nothing.
                quote = Some(c).filter(|c| ['\'', '"'].contains(c) && part.trim().is_empty());
                part.push(c);
            }
            Some(open) => {
                quote = quote.filter(|_| c != open);
                part.push(c);
            }
        }
    }
    parts.push(part);
    parts.iter().map(|part| part.trim().to_owned()).collect()
}

/// `a,b`, `'a','b'`, `@('a', 'b')`; nothing if an element is empty.
pub(super) fn list(text: &str) -> Option<Vec<String>> {
    let trimmed = text.trim();
    let open = trimmed.strip_prefix("@(").or_else(|| trimmed.strip_prefix('('));
    let inner = open.and_then(|rest| rest.strip_suffix(')')).unwrap_or(trimmed);
    let parts = parts(inner, &[',']);
    parts.iter().all(|part| !part.is_empty()).then(|| parts.iter().map(|part| unquoted(part)).collect())
}

/// Commands: those in quotes each, or the whole text as one; nothing where a comma could mean either.
pub(super) fn commands(text: &str) -> Option<Vec<String>> {
    let trimmed = text.trim();
    let open = trimmed.strip_prefix("@(").and_then(|rest| rest.strip_suffix(')'));
    let inner = open.unwrap_or(trimmed);
    let several = parts(inner, &[',']);
    let is_quoted = |part: &String| part.len() > 1 && unquoted(part) != *part;
    if several.iter().all(is_quoted) {
        return Some(several.iter().map(|part| unquoted(part)).collect());
    }
    // A sentence has a space behind its comma, a list of PowerShell that became one argument has none.
    let unclear = inner.char_indices().any(|(at, c)| {
        let outside = inner[..at].matches('"').count().is_multiple_of(2);
        c == ',' && outside && !inner[at + 1..].starts_with(' ')
    });
    (open.is_none() && !unclear && !inner.is_empty()).then(|| vec![inner.to_owned()])
}

/// `@{ 'a' = 'b'; c = d }`.
pub(super) fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let inner = text.trim().strip_prefix("@{")?.strip_suffix('}')?;
    let entries = parts(inner, &[';', '\n']);
    let pair = |entry: &String| match parts(entry, &['=']).as_slice() {
        [key, value] if !key.is_empty() => Some((unquoted(key), unquoted(value))),
        _ => None,
    };
    entries.iter().filter(|entry| !entry.is_empty()).map(pair).collect()
}

/// A path of this machine. Where `\` separates nothing, one of a relative path stands for `/`; a drive is refused.
pub(super) fn path(text: &str, on_windows: bool) -> Result<PathBuf, String> {
    if on_windows || !text.contains('\\') {
        return Ok(PathBuf::from(text));
    }
    if text.starts_with('\\') || text.chars().nth(1) == Some(':') {
        return Err(format!(
            "{text:?} is a path of Windows; give the path that the file or folder has on this machine"
        ));
    }
    Ok(PathBuf::from(text.strip_prefix(".\\").unwrap_or(text).replace('\\', "/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_1024() {
        for (text, expected) in [
            ("4GB", Some(4 << 30)),
            ("8gb", Some(8 << 30)),
            ("1.5GB", Some(3 << 29)),
            (".5kb", Some(512)),
            ("512MB", Some(512 << 20)),
            ("64TB", Some(64 << 40)),
            ("4294967296", Some(4 << 30)),
            ("0x10", Some(16)),
            ("(20GB)", Some(20 << 30)),
            ("4GiB", None),
            ("GB", None),
            (".", None),
            ("", None),
            ("-1", None),
            ("1 GB", None),
            ("99999999PB", None),
            ("18446744073709551616", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
        assert_eq!([25 << 30, 512 << 20, 5].map(size), ["25GiB", "512MiB", "5"]);
    }

    #[test]
    fn lists() {
        for (text, expected) in [
            ("a", Some(vec!["a"])),
            ("a,b", Some(vec!["a", "b"])),
            ("a, b", Some(vec!["a", "b"])),
            ("'a,b',\"c\"", Some(vec!["a,b", "c"])),
            ("@('a', 'b')", Some(vec!["a", "b"])),
            ("(a,b)", Some(vec!["a", "b"])),
            ("it's,b", Some(vec!["it's", "b"])),
            ("'it''s'", Some(vec!["it's"])),
            ("a,,b", None),
            ("a,", None),
            ("", None),
        ] {
            assert_eq!(list(text), expected.map(|e| e.into_iter().map(str::to_owned).collect()), "{text}");
        }
    }

    #[test]
    fn commas_in_commands() {
        for (text, expected) in [
            ("net start w32time", Some(vec!["net start w32time"])),
            ("'a','b c'", Some(vec!["a", "b c"])),
            ("@(\"a\", \"b,c\")", Some(vec!["a", "b,c"])),
            ("'profile=domain,private'", Some(vec!["profile=domain,private"])),
            ("echo one, two", Some(vec!["echo one, two"])),
            ("tzutil /s \"a,b\"", Some(vec!["tzutil /s \"a,b\""])),
            ("echo a,echo b", None),
            ("", None),
        ] {
            assert_eq!(commands(text), expected.map(|e| e.into_iter().map(str::to_owned).collect()), "{text}");
        }
    }

    #[test]
    fn tables() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(pairs("@{ 'C:\\a;b' = \"x\"; c=d; }"), Some(vec![pair("C:\\a;b", "x"), pair("c", "d")]));
        assert_eq!(pairs("@{}"), Some(vec![]));
        for bad in ["", "a", "@{a}", "@{a=b", "@{=b}", "System.Collections.Hashtable"] {
            assert_eq!(pairs(bad), None, "{bad}");
        }
    }

    #[test]
    fn paths_of_windows() {
        for (text, expected) in [
            (".\\n.vhdx", Some("n.vhdx")),
            ("a\\b", Some("a/b")),
            ("..\\b", Some("../b")),
            ("/a/b", Some("/a/b")),
            ("D:\\", None),
            ("\\\\server\\share", None),
        ] {
            assert_eq!(path(text, false).ok(), expected.map(PathBuf::from), "{text}");
            assert_eq!(path(text, true), Ok(PathBuf::from(text)));
        }
    }
}
