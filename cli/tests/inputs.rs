//! Inputs that are damaged, of another kind, or don't hold what is asked for.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod common;
#[path = "../../crates/nanovhd/tests/support/mod.rs"]
mod support;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use common::{Ran, fail, good, names, nanovhd, run, testdata};
use nanovhd::Media;
use support::{Files, Part, assert_same, in_image, on_volume, with_boot_files};

/// The small media of the test data, whose every damage is tried.
const WIM: &str = "media/NanoServer/NanoServer.wim";
/// Where an MBR disk has its Windows partition.
const START: u64 = 1 << 20;

/// A folder with an old output, and damaged WIMs beside it.
struct Victim {
    wims: tempfile::TempDir,
    outputs: tempfile::TempDir,
}

impl Victim {
    fn new() -> Self {
        let victim = Self { wims: tempfile::tempdir().unwrap(), outputs: tempfile::tempdir().unwrap() };
        victim.restore();
        victim
    }

    fn output(&self) -> PathBuf {
        self.outputs.path().join("a.raw")
    }

    fn restore(&self) {
        fs::write(self.output(), b"old").unwrap();
    }

    /// Builds from a WIM of these bytes. Whatever comes of it, nothing lies about; without success
    /// the old output is as it was.
    fn build(&self, bytes: &[u8], what: &str) -> Ran {
        let wim = self.wims.path().join("damaged.wim");
        fs::write(&wim, bytes).unwrap();
        let mut command = nanovhd();
        command
            .args(["build", "--force", "--image", "2", "--firmware", "bios", "--size", "64MiB", "-m"])
            .arg(&wim)
            .arg("-o")
            .arg(self.output());
        let ran = run(&mut command);
        assert_eq!(names(self.outputs.path()), ["a.raw"], "{what}");
        if ran.code != Some(0) {
            assert_eq!(fs::read(self.output()).unwrap(), b"old", "{what}");
            // A length that is no more than absurd makes an image that is too large for the disk.
            let absurd = ran.code == Some(2) && ran.err.contains("is too small for the image");
            assert!(absurd || ran.code == Some(3) && ran.err.contains("damaged.wim"), "{what}: {ran:?}");
            assert!(ran.err.lines().any(|line| line.starts_with("error: ")), "{what}: {ran:?}");
        }
        ran
    }
}

#[test]
fn truncated_files_are_refused_at_every_length() {
    let whole = fs::read(testdata(WIM)).unwrap();
    let victim = Victim::new();
    let few = [0, 1, 7, 8, 9, 100, 207, 208, 209, 300].into_iter();
    let even = (1..40).map(|n| whole.len() / 40 * n);
    let end = (1..10).chain([50, 100, 1000]).map(|n| whole.len() - n);
    for len in few.chain(even).chain(end) {
        let ran = victim.build(&whole[..len], &format!("{len} bytes"));
        assert_eq!(ran.code, Some(3), "{len} bytes: {ran:?}");
    }
}

/// Positions and bits from a small generator: the same in every run.
fn flips(seed: u64, len: usize) -> impl Iterator<Item = (usize, u8)> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let place = usize::try_from(state >> 33).unwrap() % len;
        (place, 1 << (state >> 29 & 7))
    })
}

/// Builds from files that differ in one bit each. Bytes that nothing depends on, and contents of the
/// other image, may be anything; then the volume must hold what it should.
fn flip_and_build(flips: impl Iterator<Item = (usize, u8)>, expected: &Files) {
    let mut bytes = fs::read(testdata(WIM)).unwrap();
    let victim = Victim::new();
    for (place, bit) in flips {
        bytes[place] ^= bit;
        if victim.build(&bytes, &format!("bit {bit:#x} at {place:#x}")).code == Some(0) {
            let disk = File::open(victim.output()).unwrap();
            let found = on_volume(Part { disk, start: START });
            assert_same(&found, &with_boot_files(expected.clone(), &found));
            victim.restore();
        }
        bytes[place] ^= bit;
    }
}

#[test]
fn flipped_bits_are_an_error_or_change_nothing() {
    let len = usize::try_from(fs::metadata(testdata(WIM)).unwrap().len()).unwrap();
    let expected = &in_image(&Media::open(testdata(WIM)).unwrap(), 2);
    // Anywhere, and in the header and what lies at the end: metadata, blob table and XML data.
    let tables = (0..208).step_by(3).chain((len - 40_000..len).step_by(911));
    std::thread::scope(|scope| {
        scope.spawn(|| flip_and_build(flips(1, len).take(140), expected));
        scope.spawn(|| flip_and_build(flips(2, len).take(60).chain(tables.map(|at| (at, 1 << (at % 8)))), expected));
    });
}

/// Sets the lengths that the blob table states for large compressed contents. Nothing checks the table
/// itself: it has no digest, and the metadata know contents by their SHA-1 only.
fn claim(bytes: &mut [u8], len: u64) {
    let word = |bytes: &[u8], at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let (start, size) = (word(bytes, 0x38), word(bytes, 0x40));
    let range = usize::try_from(start).unwrap()..usize::try_from(start + size).unwrap();
    for entry in bytes[range].chunks_exact_mut(50) {
        // Compressed, and no metadata.
        if entry[7] == 4 && word(entry, 16) > 20_000 {
            entry[16..24].copy_from_slice(&len.to_le_bytes());
        }
    }
}

#[test]
fn absurd_lengths_are_refused() {
    let whole = fs::read(testdata(WIM)).unwrap();
    let victim = Victim::new();
    for len in [1 << 36, 1 << 44, 1 << 62, i64::MAX as u64, u64::MAX] {
        let mut bytes = whole.clone();
        claim(&mut bytes, len);
        assert!(bytes != whole);
        assert_ne!(victim.build(&bytes, &format!("{len:#x}")).code, Some(0));
    }
}

/// What `build` with these arguments says, without the prefix.
fn refused(code: i32, media: &Path, arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("a.vhd");
    let fixed =
        ["build".as_ref(), "-q".as_ref(), "-o".as_ref(), output.as_os_str(), "-m".as_ref(), media.as_os_str()];
    let error = fail(code, fixed.into_iter().chain(arguments.iter().map(AsRef::as_ref)));
    assert_eq!(names(folder.path()), [""; 0]);
    error
}

#[test]
fn files_of_other_kinds_are_named() {
    for (name, expected) in [
        ("README.md", "is a file of an unknown kind, not a Windows image (WIM)"),
        ("no-such.wim", "No such file or directory"),
        ("tools", "holds no Windows image; looked for NanoServer/NanoServer.wim"),
        ("wims/pipable.wim", "pipable"),
    ] {
        let error = refused(3, &testdata(name), &[]);
        assert!(error.contains(expected), "{name}: {error}");
    }
}

/// The parts of a set, in a folder of their own.
fn split_set(parts: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for part in parts {
        fs::copy(testdata("wims").join(part), folder.path().join(part)).unwrap();
    }
    folder
}

#[test]
fn a_split_set_is_read_as_one_from_any_part() {
    let set = split_set(&["split.swm", "split2.swm", "split3.swm"]);
    let disk = |media: &Path| {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("a.raw");
        let arguments = ["build", "-q", "--no-boot", "--firmware", "bios", "--size", "64MiB", "-i", "1", "-m"];
        good(nanovhd().args(arguments).arg(media).arg("-o").arg(&output));
        fs::read(output).unwrap()
    };
    let first = disk(&set.path().join("split.swm"));
    assert!(disk(&set.path().join("split3.swm")) == first);
    let verified = set.path().join("a.raw");
    fs::write(&verified, first).unwrap();
    let against = format!("{}:1", testdata("wims/integrity.wim").display());
    good(nanovhd().args(["verify", "-q", "--no-boot", "--against", &against]).arg(verified));
}

#[test]
fn a_set_that_is_not_complete_is_refused_by_the_name_of_what_is_missing() {
    let set = split_set(&["split.swm", "split3.swm"]);
    let error = refused(3, &set.path().join("split3.swm"), &[]);
    let expected = "part 2 of the 3 parts of the split WIM is missing: there is no `split2.swm` beside the others";
    assert!(error.contains(expected), "{error}");
    fs::rename(set.path().join("split3.swm"), set.path().join("x.swm")).unwrap();
    let error = refused(3, &set.path().join("x.swm"), &[]);
    assert!(error.contains("\"NAME3.swm\" for part 3"), "{error}");
}

#[test]
fn no_part_of_a_set_is_replaced() {
    let set = split_set(&["split.swm", "split2.swm", "split3.swm"]);
    let part = set.path().join("split2.swm");
    let before = fs::read(&part).unwrap();
    let media = set.path().join("split.swm");
    let arguments = ["build", "--force", "--format", "raw", "--no-boot", "-i", "1", "-m", media.to_str().unwrap()];
    let error = fail(1, arguments.into_iter().chain(["-o", part.to_str().unwrap()]));
    assert!(error.contains("split2.swm"), "{error}");
    assert!(fs::read(&part).unwrap() == before);
}

#[test]
fn single_faults_are_refused_with_their_reason() {
    for (name, expected) in [
        ("cycle", "directories hold each other"),
        ("parent-name", ".."),
        ("slash-name", "a/txt"),
        ("same-name", "two entries"),
        ("security-id", "descriptor"),
        ("security-size", "descriptor"),
        ("no-blob", "SHA-1"),
        ("wrong-hash", "SHA-1"),
        ("half-written", "written"),
    ] {
        let error = refused(3, &testdata(&format!("wims/refused/{name}.wim")), &["--no-boot"]);
        assert!(error.contains(expected), "{name}: {error}");
    }
}

#[test]
fn images_that_do_not_exist_are_answered_with_those_that_do() {
    let media = testdata("media");
    let both = "1 \"Windows Server 2016 SERVERSTANDARDNANO\", 2 \"Windows Server 2016 SERVERDATACENTERNANO\"";
    for (arguments, expected) in [
        (&[][..], "holds 2 images, and one must be chosen"),
        (&["--image", "3"], "no image with number 3"),
        (&["--image", "0"], "no image with number 0"),
        (&["--image", "Nano"], "no image with the name \"Nano\""),
    ] {
        let error = refused(2, &media, arguments);
        assert!(error.contains(expected) && error.contains(both), "{arguments:?}: {error}");
        assert!(error.contains("\nhint: give "), "{error}");
    }
    let error = refused(2, &testdata("wims/attributes.wim"), &["--edition", "standard"]);
    assert!(error.contains("no image of the standard edition"), "{error}");
}

#[test]
fn arguments_that_cannot_be_are_refused() {
    let media = testdata("media");
    for (arguments, expected) in [
        (&["--size", "100KiB"][..], "is too small for the image, which needs"),
        (&["--size", "0"], "is too small for the image, which needs"),
        (&["--size", "3000GiB"], "can't lay out"),
        (&["--size", "4QB"], "\"QB\" in \"4QB\" is not a unit"),
        (&["--edition", "datcenter"], "a similar value exists: 'datacenter'"),
        (&["--image", "1", "--edition", "standard"], "cannot be used with"),
        (&["--sector-size", "4096"], "a VHD has sectors of 512 bytes"),
        (&["--cluster-size", "3K"], "a power of two from 512 to 64K was expected"),
        (&["--label", "a label that is longer than thirty-two"], "the most is 32"),
        (&["--format", "vhdx"], "has the suffix of a VHD, but a VHDX is to be made"),
        (&["--threads", "0"], "invalid value '0'"),
        (&["--siez", "4G"], "a similar argument exists: '--size'"),
    ] {
        let mut arguments = arguments.to_vec();
        if !arguments.contains(&"--edition") {
            arguments.extend(["--edition", "standard"]);
        }
        let code = if expected.starts_with("has the suffix") { 1 } else { 2 };
        let error = refused(code, &media, &arguments);
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
}

#[test]
fn the_size_in_the_hint_is_enough() {
    let error = refused(2, &testdata("media"), &["--edition", "standard", "--size", "1MiB"]);
    let size = error.split("give --size ").nth(1).unwrap().split(' ').next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("a.vhd");
    let mut command = nanovhd();
    command.args(["build", "-e", "standard", "--size", size, "-m"]).arg(testdata("media")).arg("-o").arg(output);
    assert_eq!(run(&mut command).code, Some(0));
}

#[test]
fn a_time_that_is_none_is_refused() {
    let mut command = nanovhd();
    command.args(["plan", "-e", "standard", "-m"]).arg(testdata("media")).env("SOURCE_DATE_EPOCH", "yesterday");
    let ran = run(&mut command);
    assert_eq!(ran.code, Some(2));
    assert_eq!(ran.err, "error: SOURCE_DATE_EPOCH is \"yesterday\"; a number of seconds since 1970 was expected\n");
}
