//! Recipes as their authors meet them: messages for bad ones, the sample, the schema, and no secret in any of it.
//!
//! `bad_recipes.txt` has every bad recipe with the whole message. After a change that is meant, `NANOVHD_UPDATE=1`
//! writes it anew; read it as somebody who has never written a recipe.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod common;

use std::fmt::Write;
use std::fs;
use std::path::Path;

use common::{Ran, good, judge, nanovhd, run, testdata, tool};

/// A bad recipe, and flags beside it.
struct Case {
    about: &'static str,
    recipe: Vec<u8>,
    flags: &'static [&'static str],
}

fn case(about: &'static str, recipe: &str) -> Case {
    Case { about, recipe: recipe.into(), flags: &[] }
}

fn flagged(about: &'static str, recipe: &str, flags: &'static [&'static str]) -> Case {
    Case { flags, ..case(about, recipe) }
}

/// What is right with most recipes.
const GOOD: &str = "media = \"media\"\nedition = \"datacenter\"\n";

fn with(about: &'static str, more: &str) -> Case {
    case(about, &format!("{GOOD}{more}"))
}

fn texts() -> Vec<Case> {
    vec![
        case("a text without quotes", "edition = datacenter\n"),
        case("a quote that does not end", "media = \"media\nedition = \"datacenter\"\n"),
        case("a Windows path in double quotes", "media = \"D:\\media\"\n"),
        case("no value", "media =\n"),
        case("a colon for the equals sign", "media: \"media\"\n"),
        with("a key that stands twice", "edition = \"standard\"\n"),
        case("a list that does not end", "setup-complete-command = [\"a\",\n"),
        Case { about: "not UTF-8", recipe: b"media = \"m\xe9dia\"\n".to_vec(), flags: &[] },
        Case {
            about: "UTF-16",
            recipe: [0xff, 0xfe].into_iter().chain("media".encode_utf16().flat_map(u16::to_le_bytes)).collect(),
            flags: &[],
        },
        Case { about: "a file that is no recipe by its length", recipe: vec![b'#'; 300_000], flags: &[] },
        case("values in values in values", &format!("media = {}\n", "[".repeat(5000))),
    ]
}

fn keys() -> Vec<Case> {
    vec![
        case("a typo in a key", "media = \"media\"\neditoin = \"datacenter\"\n"),
        with("an underscore in a key", "computer_name = \"nano1\"\n"),
        with("a key as the original has it", "ComputerName = \"nano1\"\n"),
        with("a plural", "setup-complete-commands = [\"a\"]\n"),
        with("a key that is like no other", "colour = \"blue\"\n"),
        with("a password", "administrator-password = \"Pa55word\"\n"),
        with("a driver", "driver = [\"netkvm.inf\"]\n"),
        with("a package", "package = [\"Microsoft-NanoServer-DNS-Package\"]\n"),
        with("a table that is not there", "[disk]\nsize = \"8GiB\"\n"),
        with("a key behind a table", "[[interface]]\nname = \"Ethernet\"\nipv4 = \"10.0.0.5/24\"\nsize = \"8GiB\"\n"),
        with("a typo in a table", "[[interface]]\nname = \"Ethernet\"\nip4 = \"10.0.0.5/24\"\n"),
        with("a table with single brackets", "[interface]\nname = \"Ethernet\"\n"),
        with("a card without a name", "[[interface]]\nipv4 = \"10.0.0.5/24\"\n"),
    ]
}

fn values() -> Vec<Case> {
    vec![
        case("a typo in a word", "media = \"media\"\nedition = \"datacentre\"\n"),
        with("a word that is like no other", "firmware = \"coreboot\"\n"),
        with("a number for a word", "debug = 1394\n"),
        with("a text for true or false", "fixed = \"true\"\n"),
        with("a text for a number", "threads = \"2\"\n"),
        with("a text for a list", "setup-complete-command = \"ipconfig\"\n"),
        with("a number with a point", "size = 1.5\n"),
        with("a size with an unknown unit", "size = \"8XB\"\n"),
        with("a number below the range", "ems-port = 0\nenable-ems = true\n"),
        with("a number above the range", "debug = \"1394\"\ndebug-channel = 63\n"),
        with("a baud rate that there is not", "enable-ems = true\nems-baud-rate = 115000\n"),
        with("a cluster size between two", "cluster-size = \"3K\"\n"),
        with("a name that is too long", "computer-name = \"a-name-of-16-char\"\n"),
        with("an address that is none", "debug = \"net\"\ndebug-host = \"10.0.0.256\"\n"),
        with("a copy without a target", "copy = [\"files\"]\n"),
        with("a card without an address", "interface = [\"Ethernet\"]\n"),
        with("a mask without an address", "[[interface]]\nname = \"Ethernet\"\nmask = \"255.255.255.0\"\n"),
        with("an address without its prefix", "interface = [\"Ethernet,ipv4=10.0.0.5\"]\n"),
        with("an output that says no format", "output = \"nano.iso\"\n"),
        with("another format than the target takes", "target = \"azure\"\noutput = \"nano.vhdx\"\n"),
    ]
}

fn together() -> Vec<Case> {
    vec![
        with("two ways to say the image", "image = 2\n"),
        with("no media", "").without_media(),
        with("no output", ""),
        with(
            "two sources of the password",
            "administrator-password-env = \"P\"\nadministrator-password-prompt = true\n",
        ),
        with("a port of what is off", "ems-port = 1\n"),
        with("a debugger's setting without a debugger", "debug-port = 50000\n"),
        with("a debugger without what it needs", "debug = \"net\"\ndebug-host = \"10.0.0.9\"\n"),
        with("another debugger's setting", "debug = \"usb\"\ndebug-target = \"n\"\ndebug-baud-rate = 9600\n"),
        with("two on one port", "debug = \"serial\"\ndebug-port = 1\nenable-ems = true\n"),
        with("a debugger for what does not start", "no-boot = true\ndebug = \"local\"\n"),
        with("a name that the blob says too", "computer-name = \"nano1\"\ndomain-join-blob = \"blob\"\n"),
        with("a password file that is not there", "administrator-password-file = \"secret.txt\"\n"),
        with("a password file that is empty", "administrator-password-file = \"empty.txt\"\n"),
        with("a password file with two lines", "administrator-password-file = \"lines.txt\"\n"),
        with("a variable that is not set", "administrator-password-env = \"NANOVHD_NOT_SET\"\n"),
        with("a question without a terminal", "administrator-password-prompt = true\n"),
        flagged("a flag beside what it does not go with", GOOD, &["--ems-port", "2"]),
        flagged("a password as a flag", GOOD, &["--administrator-password=Pa55word"]),
        flagged("a driver as a flag", GOOD, &["--driver", "netkvm.inf"]),
    ]
}

impl Case {
    fn without_media(mut self) -> Self {
        self.recipe = "edition = \"datacenter\"\n".into();
        self
    }

    /// The recipe as the list of cases shows it: not all of a long one.
    fn shown(&self) -> String {
        const MOST: usize = 200;
        let text = String::from_utf8_lossy(&self.recipe[..self.recipe.len().min(MOST)]).replace('\0', "·");
        let cut = if self.recipe.len() > MOST { "…" } else { "" };
        text.lines().fold(String::new(), |all, line| all + "    " + line + "\n").trim_end().to_owned() + cut + "\n"
    }
}

/// Plans (or builds) `nano.toml` of a folder.
fn ran(folder: &Path, case: &Case) -> Ran {
    fs::write(folder.join("nano.toml"), &case.recipe).unwrap();
    let mut command = nanovhd();
    // Only building needs an output.
    let verb = if case.about == "no output" { "build" } else { "plan" };
    run(command.current_dir(folder).arg(verb).arg("nano.toml").args(case.flags).stdin(std::process::Stdio::null()))
}

#[test]
fn bad_recipes_are_refused_with_words_to_act_on() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("empty.txt"), "").unwrap();
    fs::write(folder.path().join("lines.txt"), "Pa55word\nPa55word\n").unwrap();
    let mut found = String::new();
    let cases: Vec<_> = [texts(), keys(), values(), together()].into_iter().flatten().collect();
    assert!(cases.len() >= 40);
    for case in &cases {
        let Ran { code, out, err } = ran(folder.path(), case);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{}: {err}", case.about);
        assert!(!err.contains("Pa55"), "{}: {err}", case.about);
        let flags =
            if case.flags.is_empty() { String::new() } else { format!("    (and {})\n", case.flags.join(" ")) };
        let flags = flags.replace("Pa55word", "…");
        writeln!(found, "## {}\n\n{}{flags}\n{}", case.about, case.shown(), err).unwrap();
    }
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad_recipes.txt");
    // On Windows the program bears another name in its usage, and the system has other words.
    let found = found.replace("The system cannot find the file specified.", "No such file or directory");
    let found = found.replace("nanovhd.exe", "nanovhd").replace("Pa55word", "…");
    if std::env::var_os("NANOVHD_UPDATE").is_some() {
        fs::write(&list, &found).unwrap();
    }
    let expected = fs::read_to_string(&list).unwrap().replace("\r\n", "\n");
    for (found, expected) in found.split("## ").zip(expected.split("## ")) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len(), "another number of cases");
}

#[test]
fn a_recipe_and_flags_make_the_same_disk() {
    let folder = tempfile::tempdir().unwrap();
    let media = testdata("media");
    let recipe = format!(
        "media = '{}'\nedition = \"datacenter\"\noutput = \"a.vhdx\"\nlabel = \"Nano\"\ncomputer-name = \"nano1\"\n",
        media.display()
    );
    fs::write(folder.path().join("r.toml"), recipe).unwrap();
    good(nanovhd().current_dir(folder.path()).args(["build", "r.toml", "--quiet"]));
    let flags = ["-e", "datacenter", "--label", "Nano", "--computer-name", "nano1", "--quiet", "-o", "b.vhdx"];
    good(nanovhd().current_dir(folder.path()).arg("build").arg("-m").arg(&media).args(flags));
    let bytes = |name: &str| fs::read(folder.path().join(name)).unwrap();
    assert_eq!(bytes("a.vhdx"), bytes("b.vhdx"));
    // The flag goes before the key.
    good(nanovhd().current_dir(folder.path()).args(["build", "r.toml", "--quiet", "--label", "X", "-o", "c.vhdx"]));
    assert_ne!(bytes("a.vhdx"), bytes("c.vhdx"));
}

#[test]
fn a_setting_that_the_image_refuses_is_found_in_the_recipe() {
    let folder = tempfile::tempdir().unwrap();
    let media = testdata("media");
    fs::write(
        folder.path().join("r.toml"),
        format!("media = '{}'\nedition = \"datacenter\"\n\ncomputer-name = \"a b\"\n", media.display()),
    )
    .unwrap();
    let ran = run(nanovhd().current_dir(folder.path()).args(["plan", "r.toml"]));
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.starts_with("error: r.toml:4:17: "), "{ran:?}");
}

#[test]
fn secrets_are_in_nothing_that_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("password"), "Pa55word\n").unwrap();
    let recipe = format!(
        "media = '{}'\nedition = \"datacenter\"\noutput = \"a.vhd\"\nadministrator-password-file = \"password\"\n\
         product-key-env = \"KEY\"\nforce = true\n",
        testdata("media").display()
    );
    fs::write(folder.path().join("r.toml"), recipe).unwrap();
    for arguments in [
        &["plan", "r.toml"][..],
        &["plan", "r.toml", "--json"],
        &["build", "r.toml"],
        &["build", "r.toml", "--json", "--verify"],
        &["build", "r.toml", "--size", "1MiB"],
        &["build", "r.toml", "--edition", "standard", "--label", "much too long a label for any volume of NTFS"],
    ] {
        let ran =
            run(nanovhd().current_dir(folder.path()).args(arguments).env("KEY", "KEY55-KEY55-KEY55-KEY55-KEY55"));
        let said = ran.out + &ran.err;
        assert!(!said.is_empty());
        assert!(!said.contains("Pa55") && !said.contains("KEY55"), "{arguments:?}: {said}");
    }
}

#[test]
fn init_writes_a_sample_once() {
    let folder = tempfile::tempdir().unwrap();
    let init = |arguments: &[&str]| run(nanovhd().current_dir(folder.path()).arg("init").args(arguments));
    let sample = init(&[]).out;
    assert_eq!(init(&["nano.toml"]).code, Some(0));
    assert_eq!(fs::read_to_string(folder.path().join("nano.toml")).unwrap(), sample);
    fs::write(folder.path().join("nano.toml"), "mine").unwrap();
    let refused = init(&["nano.toml"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("hint: give --force"), "{refused:?}");
    assert_eq!(fs::read_to_string(folder.path().join("nano.toml")).unwrap(), "mine");
    assert_eq!(init(&["nano.toml", "--force"]).code, Some(0));
    assert_eq!(fs::read_to_string(folder.path().join("nano.toml")).unwrap(), sample);
}

/// The schema that editors are pointed to.
fn committed_schema() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/recipe.schema.json")
}

#[test]
fn the_schema_in_the_documentation_is_that_of_the_program() {
    let schema = good(nanovhd().args(["init", "--schema"]));
    if std::env::var_os("NANOVHD_UPDATE").is_some() {
        fs::write(committed_schema(), &schema).unwrap();
    }
    assert_eq!(schema, fs::read_to_string(committed_schema()).unwrap().replace("\r\n", "\n"));
}

/// Checks recipes against the schema: argument 1, and prints whether each of the others fits.
const VALIDATOR: &str = "
import json, sys, tomllib, jsonschema
schema = json.load(open(sys.argv[1], encoding='utf-8'))
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
for path in sys.argv[2:]:
    with open(path, 'rb') as file:
        print('good' if validator.is_valid(tomllib.load(file)) else 'bad')
";

#[test]
fn another_validator_agrees_with_the_schema() {
    let libraries = tool("python3").args(["-c", "import tomllib, jsonschema"]).output();
    if !libraries.is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("NANOVHD_REQUIRE_TOOLS").is_none_or(|v| v != "1"), "python3-jsonschema is required");
        eprintln!("skipped: python3-jsonschema not found");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let sample = good(nanovhd().arg("init"));
    let uncommented = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with(' ') => rest.to_owned() + "\n",
        _ => line.to_owned() + "\n",
    };
    let everything: String = sample.lines().map(uncommented).collect();
    let guide = fs::read_to_string(committed_schema().with_file_name("recipe.md")).unwrap();
    let shown = guide.split("```toml\n").skip(1).map(|part| part.split("```").next().unwrap().to_owned());
    let mut recipes: Vec<_> = [sample, everything].into_iter().chain(shown).map(|text| (text, "good")).collect();
    assert!(recipes.len() >= 4);
    for bad in ["colour = 1", "edition = \"x\"", "fixed = 1", "ems-port = 0", "[[interface]]\nipv4 = \"10.0.0.5/24\""]
    {
        recipes.push((bad.to_owned(), "bad"));
    }
    let mut arguments = vec!["-c".into(), VALIDATOR.into(), committed_schema().into_os_string()];
    for (n, (text, _)) in recipes.iter().enumerate() {
        let path = folder.path().join(format!("{n}.toml"));
        fs::write(&path, text).unwrap();
        arguments.push(path.into_os_string());
    }
    let arguments: Vec<_> = arguments.iter().map(std::ffi::OsString::as_os_str).collect();
    let expected: Vec<_> = recipes.iter().map(|(_, verdict)| *verdict).collect();
    assert_eq!(judge("python3", &arguments).lines().collect::<Vec<_>>(), expected);
    // What the guide shows, the program takes.
    for (text, verdict) in &recipes[2..] {
        let path = folder.path().join("recipe.toml");
        fs::write(&path, text).unwrap();
        let ran = run(nanovhd().arg("plan").arg(&path));
        let refused =
            ran.err.starts_with(&format!("error: {}:", path.display())) && !ran.err.contains("can't read `");
        assert_eq!(refused, *verdict == "bad", "{text}: {ran:?}");
    }
}
