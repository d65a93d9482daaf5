//! Media in disc images are the media in the folder.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod support;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use nanovhd::{BuildError, BuildOptions, Edition, ImageSelector, Media, MediaError, Outline, OutputError, Recipe};
use sha2::{Digest, Sha256};
use support::{discs, testdata};

/// Builds a disk, and gives its digest and what was said of it.
fn build(media: &Path, recipe: &Recipe) -> (Vec<u8>, Outline) {
    let folder = tempfile::tempdir().unwrap();
    let media = Media::open(media).unwrap();
    let output = folder.path().join("disk");
    let report = recipe.plan(&media).unwrap().build(&output, &BuildOptions::default(), &()).unwrap();
    let (mut file, mut hasher, mut buffer) = (File::open(output).unwrap(), Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer).unwrap() {
            0 => return (hasher.finalize().to_vec(), report.plan),
            n => hasher.update(&buffer[..n]),
        }
    }
}

/// The error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |e| e.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn shown(disc: &Path, place: &str) -> PathBuf {
    format!("{}:/{place}", disc.display()).into()
}

#[test]
fn a_disk_from_a_disc_image_is_the_disk_from_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let discs = discs(&testdata("media"), folder.path());
    for name in ["a.vhdx", "a.vhd"] {
        let recipe = Recipe::for_output(name).unwrap().edition(Edition::Datacenter);
        let (expected, outline) = build(&testdata("media"), &recipe);
        for disc in &discs {
            let (found, mut plan) = build(disc, &recipe);
            assert!(found == expected, "{name} from {}", disc.display());
            assert_eq!(plan.media.wim, shown(disc, "NanoServer/NanoServer.wim"));
            plan.media = outline.media.clone();
            assert_eq!(plan, outline);
        }
    }
}

#[test]
fn a_certain_file_or_folder_of_the_disc_can_be_meant() {
    let folder = tempfile::tempdir().unwrap();
    for disc in discs(&testdata("media"), folder.path()) {
        for (place, guid_of) in [
            ("sources/install.wim", "sources/install.wim"),
            ("SOURCES\\Install.wim", "sources/install.wim"),
            ("NanoServer", "NanoServer/NanoServer.wim"),
            ("", "NanoServer/NanoServer.wim"),
        ] {
            let media = Media::open(shown(&disc, place)).unwrap();
            assert_eq!(media.wim_path(), shown(&disc, guid_of));
            assert_eq!(Vec::from_iter(media.files()), [&*disc]);
            let expected = Media::open(testdata("media").join(guid_of)).unwrap();
            assert_eq!(media.wim().header(), expected.wim().header());
        }
        let error = Media::open(shown(&disc, "sources/boot.wim")).unwrap_err();
        let expected = format!("the disc image `{}` has no `/sources/boot.wim`", disc.display());
        assert_eq!(error.to_string(), expected);
        assert!(error.hint().is_some());
    }
}

/// Solid images and split sets are read in place too, all parts of a set.
#[test]
fn other_wims_are_found_on_discs() {
    let folder = tempfile::tempdir().unwrap();
    let media = folder.path().join("media");
    for (files, place) in [
        (&[("solid.esd", "SOURCES/Install.ESD")][..], "SOURCES/Install.ESD"),
        (
            &[
                ("split.swm", "Sources/install.swm"),
                ("split2.swm", "Sources/INSTALL2.swm"),
                ("split3.swm", "Sources/install3.SWM"),
            ],
            "Sources/install.swm",
        ),
    ] {
        for (from, to) in files {
            let to = media.join(to);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(testdata("wims").join(from), to).unwrap();
        }
        let recipe = Recipe::new().image(ImageSelector::Index(1)).boot(false);
        let (expected, _) = build(&media, &recipe);
        for disc in discs(&media, folder.path()) {
            let (found, plan) = build(&disc, &recipe);
            assert!(found == expected, "{place} on {}", disc.display());
            assert_eq!(plan.media.wim, shown(&disc, place));
        }
        fs::remove_dir_all(&media).unwrap();
    }
}

#[test]
fn a_part_that_is_not_on_the_disc_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let media = folder.path().join("media");
    fs::create_dir_all(media.join("sources")).unwrap();
    fs::copy(testdata("wims/split.swm"), media.join("sources/install.swm")).unwrap();
    for disc in discs(&media, folder.path()) {
        let error = chain(&Media::open(&disc).unwrap_err());
        let named = format!("`{}`", shown(&disc, "sources/install.swm").display());
        assert!(error.contains(&named) && error.contains("there is no `install2.swm` beside"), "{error}");
    }
}

#[test]
fn the_disc_is_an_input_that_no_output_replaces() {
    let folder = tempfile::tempdir().unwrap();
    for disc in discs(&testdata("media"), folder.path()) {
        let before = fs::read(&disc).unwrap();
        let media = Media::open(&disc).unwrap();
        let plan = Recipe::new().edition(Edition::Standard).plan(&media).unwrap();
        let options = BuildOptions { overwrite: true, ..BuildOptions::default() };
        let error = plan.build(&disc, &options, &()).unwrap_err();
        assert!(matches!(error, BuildError::Output(OutputError::IsInput { .. })), "{error}");
        assert!(fs::read(&disc).unwrap() == before);
    }
}

#[test]
fn a_disc_without_a_windows_image_is_no_media() {
    let folder = tempfile::tempdir().unwrap();
    let media = folder.path().join("media");
    fs::create_dir_all(media.join("sources/install.wim")).unwrap();
    fs::write(media.join("sources/boot.wim"), b"MSWIM\0\0\0").unwrap();
    for disc in discs(&media, folder.path()) {
        let error = Media::open(&disc).unwrap_err();
        let expected = format!("the disc image `{}` holds no Windows image; looked for NanoServer/", disc.display());
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
    fs::write(media.join("install.wim"), b"MZ, and not what it is called").unwrap();
    for disc in discs(&media, folder.path()) {
        let error = Media::open(&disc).unwrap_err().to_string();
        let expected = format!("`{}` is a Windows program, not a", shown(&disc, "install.wim").display());
        assert!(error.starts_with(&expected), "{error}");
    }
}

/// Where a download broke off, the file that is not there as a whole is named; nothing is read from beyond.
#[test]
fn discs_that_are_cut_short_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for disc in discs(&testdata("media"), folder.path()) {
        let whole = fs::read(&disc).unwrap();
        let cut = folder.path().join("cut.iso");
        let even = (1..24).map(|n| whole.len() / 24 * n);
        for len in [0, 1, 0x8000, 0x8006, 0x8800, 0x80000].into_iter().chain(even) {
            fs::write(&cut, &whole[..len.min(whole.len())]).unwrap();
            let Err(error) = Media::open(&cut) else { continue };
            let text = chain(&error);
            assert!(text.contains("cut.iso"), "{} at {len}: {text}", disc.display());
            if let MediaError::Disc { path, .. } = &error
                && *path != cut
            {
                assert!(text.contains("but the image ends at"), "{} at {len}: {text}", disc.display());
            }
        }
    }
}

/// Every bit of the structures may be wrong: the media can't be opened then, or are what they were.
#[test]
fn damaged_discs_are_errors_or_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let media = folder.path().join("media");
    fs::create_dir_all(media.join("sources")).unwrap();
    fs::copy(testdata("wims/xpress-4k.wim"), media.join("sources/install.wim")).unwrap();
    let expected = Media::open(&media).unwrap();
    for disc in discs(&media, folder.path()) {
        let bytes = fs::read(&disc).unwrap();
        let damaged = folder.path().join("damaged.iso");
        fs::write(&damaged, &bytes).unwrap();
        // All that is not zero is a structure or the WIM, which has tests of its own.
        let used: Vec<u64> = (0u64..).zip(&bytes).filter(|&(_, &byte)| byte != 0).map(|(at, _)| at).collect();
        for (n, &at) in used.iter().step_by(used.len() / 300).enumerate() {
            let file = File::options().write(true).open(&damaged).unwrap();
            let byte = bytes[usize::try_from(at).unwrap()];
            nanovhd_tree::WriteAt::write_all_at(&file, &[byte ^ 1 << (n % 8)], at).unwrap();
            match Media::open(&damaged) {
                Err(error) => assert!(chain(&error).contains("damaged.iso"), "{at:#x}: {}", chain(&error)),
                Ok(media) => assert_eq!(media.images().len(), expected.images().len(), "{at:#x}"),
            }
            nanovhd_tree::WriteAt::write_all_at(&file, &[byte], at).unwrap();
        }
    }
}
