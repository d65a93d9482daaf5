//! Recipes as a whole: what is read, what becomes of it, and that no secret is told.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;

use super::*;
use crate::{BcdDevice, Debugging, DiskFormat, Edition, Firmware, Recipe, Secret, Selection, Size};

/// Variables of an environment, and what a person types.
struct Known(&'static [(&'static str, &'static str)], Option<&'static str>);

impl SecretSource for Known {
    fn environment(&self, name: &str) -> Option<OsString> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
    }

    fn prompt(&self, _what: &str) -> io::Result<Secret> {
        self.1.map(Secret::new).ok_or_else(|| io::Error::other("nobody is there"))
    }
}

fn parse(text: &str) -> RecipeFile {
    RecipeFile::parse(text, "r.toml").unwrap_or_else(|e| panic!("{e}\n{text}"))
}

fn job(text: &str) -> Job {
    parse(text).resolve(&Known(&[], None)).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

#[test]
fn a_recipe_says_all_that_the_builder_can_be_told() {
    let job = job(r#"
        media = "m"
        edition = "DataCenter"
        output = "a/b.img"
        size = "8GiB"
        format = "vhd"
        fixed = true
        firmware = "uefi"
        label = ""
        sector-size = 4096
        cluster-size = "8K"
        seed = "s"
        bcd-device = "locate"
        bcd-template = "builtin"
        force = true
        verify = true
        no-sync = true
        threads = 3
    "#);
    let expected = Recipe::new()
        .edition(Edition::Datacenter)
        .disk_size(Size(8 << 30))
        .format(DiskFormat::Vhd)
        .fixed(true)
        .firmware(Firmware::Uefi)
        .label("")
        .sector_size(4096)
        .cluster_size(8192)
        .seed("s")
        .bcd_device(BcdDevice::Locate)
        .bcd_template(crate::BcdTemplate::Builtin);
    assert_eq!(job.recipe, expected);
    assert_eq!((job.media.as_path(), job.output.as_deref()), (Path::new("m"), Some(Path::new("a/b.img"))));
    let options = job.options;
    assert_eq!((options.overwrite, options.verify, options.no_sync), (true, true, true));
    assert_eq!(options.threads.map(std::num::NonZeroUsize::get), Some(3));
}

#[test]
fn numbers_may_stand_where_texts_do() {
    let job = job("media = \"m\"\nimage = 2\nsize = 4294967296\ncluster-size = 0x1000");
    let expected = Recipe::new().select(Selection::Image("2".parse().unwrap())).disk_size(Size(1 << 32));
    assert_eq!(job.recipe, expected);
}

#[test]
fn interfaces_are_texts_or_tables() {
    let tables = "[[interface]]\nname = \"Ethernet\"\nipv4 = \"10.0.0.5/24\"\ngateway = [\"10.0.0.1\"]\n\
                  dns = [\"10.0.0.2\"]\n[[interface]]\nname = \"a,b\"\nipv4 = \"10.0.1.5\"\nmask = \"255.255.0.0\"\n";
    let custom = |text: &str| job(&format!("media = \"m\"\n{text}")).recipe.custom;
    let found = custom(tables).interfaces;
    let same = custom("interface = [\"Ethernet,ipv4=10.0.0.5/24,gateway=10.0.0.1,dns=10.0.0.2\"]").interfaces;
    assert_eq!(found[..1], same[..]);
    assert_eq!((found[1].name.as_str(), found[1].ipv4.map(|ipv4| ipv4.prefix)), ("a,b", Some(16)));
}

#[test]
fn paths_of_a_file_start_at_its_folder_and_those_of_flags_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.toml");
    fs::write(&path, "media = \"m\"\noutput = \"o.vhdx\"\nrun-script = [\"s.cmd\"]\ncopy = [\"a=\\\\b\"]\n").unwrap();
    let flags = RecipeFile { output: Some("o.vhd".into()), ..RecipeFile::default() };
    let job = RecipeFile::read(&path).unwrap().merge(flags).resolve(&Environment).unwrap();
    let custom = &job.recipe.custom;
    assert_eq!(job.media, folder.path().join("m"));
    assert_eq!(job.output.as_deref(), Some(Path::new("o.vhd")));
    assert_eq!(job.recipe.disk_format(), DiskFormat::Vhd);
    assert_eq!(custom.run_scripts, [folder.path().join("s.cmd")]);
    assert_eq!(custom.copies[0].source, folder.path().join("a"));
}

#[test]
fn secrets_come_from_where_the_recipe_says() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("password"), "from a file\n").unwrap();
    let known = Known(&[("P", "from a variable")], Some("from a person"));
    let path = folder.path().join("r.toml");
    let password = |text: &str| {
        fs::write(&path, format!("media = \"m\"\n{text}")).unwrap();
        let job = RecipeFile::read(&path).unwrap().resolve(&known).unwrap();
        job.recipe.custom.administrator_password.map(|secret| secret.reveal().to_owned())
    };
    assert_eq!(password("administrator-password-file = \"password\"").as_deref(), Some("from a file"));
    assert_eq!(password("administrator-password-env = \"P\"").as_deref(), Some("from a variable"));
    assert_eq!(password("administrator-password-prompt = true").as_deref(), Some("from a person"));
    assert_eq!(password("administrator-password-prompt = false"), None);
}

#[test]
fn the_debugger_gets_its_way() {
    let debug = |text: &str| job(&format!("media = \"m\"\n{text}")).recipe.custom.debug;
    assert_eq!(debug("debug = \"serial\""), Some(Debugging::Serial { port: 2, baud_rate: 115_200 }));
    let net = "debug = \"net\"\ndebug-host = \"10.0.0.9\"\ndebug-port = 50000\ndebug-key = \"1.2.3.4\"";
    let expected = Debugging::Net {
        host: "10.0.0.9".parse().unwrap(),
        port: 50_000,
        key: Secret::new("1.2.3.4"),
        bus_params: None,
        no_dhcp: false,
    };
    assert_eq!(debug(net), Some(expected));
    assert_eq!(debug("debug = \"1394\"\ndebug-channel = 62"), Some(Debugging::Ieee1394 { channel: 62 }));
    assert_eq!(debug("debug = \"usb\"\ndebug-target = \"n\""), Some(Debugging::Usb { target: "n".to_owned() }));
    assert_eq!(debug("debug = \"local\""), Some(Debugging::Local));
}

#[test]
fn what_is_written_is_read_back_but_for_secrets() {
    let text = with_everything();
    let recipe = parse(&text);
    let written = recipe.to_toml().unwrap();
    assert!(!written.contains("AAAAA") && !written.contains("1a2b"), "{written}");
    assert!(written.starts_with("# product-key is set too"), "{written}");
    let expected = RecipeFile { product_key: None, debug_key: None, origin: RecipeOrigin::default(), ..recipe };
    let mut back = parse(&written);
    back.origin = RecipeOrigin::default();
    assert_eq!(back, expected);
}

/// The sample with all its comments taken away.
fn with_everything() -> String {
    let uncommented = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with(' ') => rest.to_owned(),
        _ => line.to_owned(),
    };
    RecipeFile::sample().lines().map(|line| uncommented(line) + "\n").collect()
}

#[test]
fn secrets_are_in_nothing_that_is_shown() {
    let recipe = parse(&with_everything());
    let shown = format!("{recipe:?} {:#?} {}", recipe.origin, recipe.to_toml().unwrap());
    assert!(!shown.contains("AAAAA") && !shown.contains("1a2b"), "{shown}");
    // Whatever is wrong with a recipe, the value of a secret is not told.
    for text in [
        "product-key = [\"Pa55word\"]",
        "product-key = \"Pa55word",
        "product-key = Pa55word",
        "product-key = \"Pa55word\" \"Pa55word\"",
        "product-key = \"Pa55word\"\nproduct-key = \"Pa55word\"",
        "product-key = { Pa55word = 1 }",
        "administrator-password = \"Pa55word\"",
        "administrator-pasword = \"Pa55word\"",
        "password = \"Pa55word\"",
        "debug-key = \"Pa55word\\q\"",
    ] {
        let error = RecipeFile::parse(text, "r.toml").unwrap_err();
        let shown = format!("{error} {error:?} {:?}", error.hint());
        assert!(!shown.contains("Pa55"), "{text}: {shown}");
    }
    let numbers = RecipeFile::parse("product-key = 5551234", "r.toml").unwrap_err();
    assert!(!format!("{numbers:?}").contains("555"), "{numbers:?}");
    let debug = job("media = \"m\"\nproduct-key = \"Pa55word\"");
    assert!(!format!("{debug:?}").contains("Pa55"));
}

#[test]
fn any_text_is_a_recipe_or_an_error() {
    let base = with_everything();
    // Every cut, and each of a few bytes at every place.
    for end in (0..base.len()).filter(|&end| base.is_char_boundary(end)).step_by(61) {
        let _ = RecipeFile::parse(&base[..end], "r");
        for c in ["\"", "[", "{", "=", "\\", "\0", "9", "\u{1f600}"] {
            let _ = RecipeFile::parse(&format!("{}{c}{}", &base[..end], &base[end..]), "r");
        }
    }
    for text in ["[", "{", "a=[", "a={b=", "a.", "[[a]]\n", "a='''"] {
        let _ = RecipeFile::parse(&text.repeat(20_000), "r");
    }
}
