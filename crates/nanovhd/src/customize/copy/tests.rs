use std::fs;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn copy(source: &Path, target: &str) -> HostCopy {
    HostCopy { source: source.to_owned(), target: target.to_owned() }
}

fn targets(gathered: &Gathered) -> Vec<&str> {
    assert_eq!(gathered.problems, [""; 0]);
    gathered.items.iter().map(|item| item.target.as_str()).collect()
}

#[test]
fn the_last_sign_separates() {
    for (text, source, target) in [
        ("a.txt=\\Tools\\", "a.txt", "\\Tools\\"),
        ("C:\\x=\\y", "C:\\x", "\\y"),
        ("a=b=/c/d", "a=b", "/c/d"),
        ("dir=\\", "dir", "\\"),
        ("a=b", "a", "b"),
    ] {
        assert_eq!(text.parse(), Ok(copy(Path::new(source), target)), "{text}");
    }
    for text in ["", "a", "=", "a=", "=b"] {
        let told = text.parse::<HostCopy>().unwrap_err().to_string();
        assert!(told.contains("SOURCE=TARGET"), "{text}: {told}");
    }
    for (text, part) in [
        ("a=C:\\b", "without a drive"),
        ("a=\\..\\b", ".. is no name"),
        ("a=\\b?", "can't be in the name"),
        ("a=\\con\\b", "a device"),
        ("a=\\b.", "ends with a dot"),
    ] {
        let told = text.parse::<HostCopy>().unwrap_err().to_string();
        assert!(told.contains(part), "{text}: {told}");
    }
}

#[test]
fn a_target_is_a_path_or_a_folder() {
    for (target, name, is_folder, path) in [
        ("\\b.txt", "a", false, "\\b.txt"),
        ("Windows/b.txt", "a", false, "\\Windows\\b.txt"),
        ("\\Tools\\", "a", false, "\\Tools\\a"),
        ("\\", "a", false, "\\a"),
        ("\\Tools", "a", true, "\\Tools"),
        ("\\Tools\\\\", "a", true, "\\Tools\\a"),
        ("/", "a", true, ""),
    ] {
        assert_eq!(
            copy(Path::new("a"), target).destination(Some(name), is_folder).as_deref(),
            Some(path),
            "{target}"
        );
    }
}

#[test]
fn folders_come_whole_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    for folder in ["src/b/deep", "src/empty"] {
        fs::create_dir_all(at(folder)).unwrap();
    }
    for file in ["src/z.txt", "src/B.txt", "src/b/deep/x", "src/b.txt.txt"] {
        fs::write(at(file), file).unwrap();
    }
    let below = ["B.txt", "b", "b\\deep", "b\\deep\\x", "b.txt.txt", "empty", "z.txt"];
    let expected = |root: &str| below.map(|name| format!("{root}\\{name}"));
    let merged = Gathered::of(&copy(&at("src"), "\\"));
    assert_eq!(targets(&merged), expected(""), "into the root itself");
    assert_eq!(merged.totals(), (4, (9 + 9 + 12 + 13)));
    let named = Gathered::of(&copy(&at("src"), "\\Tools\\"));
    assert_eq!(targets(&named)[0], "\\Tools\\src");
    assert_eq!(targets(&named)[1..], expected("\\Tools\\src"));
    assert_eq!(targets(&Gathered::of(&copy(&at("src/z.txt"), "\\T\\y.txt"))), ["\\T\\y.txt"]);
    assert_eq!(targets(&Gathered::of(&copy(&at("src/."), "\\T\\")))[0], "\\T\\src", "by its real name");
    assert_eq!(Gathered::of(&copy(&at("src"), "\\")), merged, "the same again");
}

#[test]
fn everything_that_stands_against_it_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    fs::create_dir_all(at("src/sub")).unwrap();
    fs::write(at("src/good"), "").unwrap();
    let missing = Gathered::of(&copy(&at("none"), "\\x")).problems;
    assert!(missing[0].contains("none` can't be read"), "{missing:?}");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("../..", at("src/sub/up")).unwrap();
        std::os::unix::fs::symlink(".", at("src/round")).unwrap();
        for bad in ["src/a:b", "src/NUL", "src/sub/end ", "src/GOOD", "src/x\u{1b}"] {
            fs::write(at(bad), "").unwrap();
        }
        let told = Gathered::of(&copy(&at("src"), "\\x")).problems;
        let parts = [
            "sub/up` is a symbolic link",
            "round` is a symbolic link",
            "a:b` can't be",
            "NUL` can't be",
            "end ` can't be",
            "have one name",
            "x\\u{1b}` can't be",
        ];
        assert_eq!(told.len(), parts.len(), "{told:?}");
        for part in parts {
            assert!(told.iter().any(|problem| problem.contains(part)), "{part}: {told:?}");
        }
        // What the user names is meant, though it be a link.
        std::os::unix::fs::symlink("src/good", at("link")).unwrap();
        assert_eq!(targets(&Gathered::of(&copy(&at("link"), "\\"))), ["\\link"]);
        assert!(Gathered::of(&copy(Path::new("/dev/null"), "\\")).problems[0].contains("neither"));
    }
}

#[test]
fn a_message_ends_somewhere() {
    let problems: Vec<String> = (0..100).map(|n| format!("problem {n}")).collect();
    let told = refuse(&problems).unwrap_err().to_string();
    assert!(told.contains("problem 19; and 80 problems more") && !told.contains("problem 20;"), "{told}");
    assert!(refuse(&[]).is_ok());
}

#[test]
fn times_are_kept_to_the_tick() {
    let epoch = Filetime::from_unix(0).0;
    for (time, ticks) in [
        (UNIX_EPOCH, epoch),
        (UNIX_EPOCH + Duration::new(1, 199), epoch + 10_000_001),
        (UNIX_EPOCH - Duration::new(1, 0), epoch - 10_000_000),
        (UNIX_EPOCH - Duration::new(0, 1), epoch - 1),
        (UNIX_EPOCH - Duration::from_secs(20_000_000_000), 0),
    ] {
        assert_eq!(filetime(time), Filetime(ticks), "{time:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,60}") {
        if let Ok(copy) = text.parse::<HostCopy>() {
            let path = copy.destination(Some("name"), false).unwrap();
            prop_assert!(path.split('\\').skip(1).all(|part| name::problem(part).is_none()), "{}", path);
        }
    }
}
