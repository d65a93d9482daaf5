//! Disks that differ from their image in one thing each.

use std::fs::{self, File};
use std::path::Path;

use nanovhd_tree::{
    Attributes, Content, ExtendedAttribute, FileId, Filetime, Metadata, Name, ObjectId, Reparse, Stream, Tree,
    WriteAt,
};

use super::*;
use crate::build::support::testdata;
use crate::{BuildOptions, DiskImage, Firmware, Plan, Recipe, Selection};

/// Where an MBR disk has its Windows partition.
const START: u64 = 1 << 20;

fn media() -> Media {
    Media::open(testdata("media")).unwrap()
}

/// Builds a small disk from a changed tree.
fn build(media: &Media, image: u32, recipe: &Recipe, path: &Path, change: impl FnOnce(&mut Tree)) {
    let chosen = media.choose(&Selection::Image(nanovhd_wim::ImageSelector::Index(image))).unwrap();
    let mut tree = media.tree(image).unwrap();
    change(&mut tree);
    let recipe = recipe.clone().format(crate::DiskFormat::Raw).firmware(Firmware::Bios).disk_size(Size(64 << 20));
    let plan: Plan<'_> = recipe.plan_tree(media, chosen, tree, vec![]).unwrap();
    plan.build(path, &BuildOptions { overwrite: true, ..BuildOptions::default() }, &()).unwrap();
}

/// Compares a disk with the image as it was.
fn compare(media: &Media, image: u32, path: &Path, knows_changes: bool) -> Verification {
    let volume = media.volume(image).unwrap();
    let expected = Expected {
        tree: volume.tree(),
        notes: volume.notes(),
        wim: media.wim(),
        wim_path: media.wim_path(),
        index: image,
        knows_changes,
        is_image: true,
    };
    run(&File::open(path).unwrap(), path, Some(&expected), &VerifyOptions::default(), &()).unwrap()
}

fn rules(verification: &Verification) -> Vec<&'static str> {
    verification.rules.iter().map(|rule| rule.rule).collect()
}

/// The first name in the tree that fits.
fn some(tree: &Tree, fits: impl Fn(&nanovhd_tree::WalkEntry<'_>) -> bool) -> (FileId, Name, FileId) {
    let step = tree.walk().find(|step| fits(step)).unwrap();
    (step.parent, step.name.clone(), step.entry.file)
}

fn is_plain(step: &nanovhd_tree::WalkEntry<'_>) -> bool {
    let long = step.file.content().is_some_and(|content| content.len() > 5000);
    long && step.file.names() == 1 && step.entry.short_name.is_none()
}

fn change_plain(tree: &mut Tree, change: impl FnOnce(&mut Metadata)) {
    let (_, _, file) = some(tree, is_plain);
    change(tree.metadata_mut(file));
}

fn later(time: &mut Filetime) {
    time.0 += 1;
}

/// What breaks a rule.
fn seed(rule: ContentRule, tree: &mut Tree) {
    match rule {
        ContentRule::Missing => {
            let (parent, name, _) = some(tree, is_plain);
            tree.remove(parent, &name).unwrap();
        }
        ContentRule::Extra => {
            tree.add_file(Tree::ROOT, "extra".into(), Metadata::default(), Content::empty()).unwrap();
        }
        ContentRule::Kind => {
            let (parent, name, file) = some(tree, is_plain);
            let metadata = tree.file(file).metadata.clone();
            tree.remove(parent, &name).unwrap();
            tree.add_directory(parent, name, metadata).unwrap();
        }
        ContentRule::Links => {
            let (parent, name, file) = some(tree, |step| step.file.names() == 2 && step.entry.short_name.is_none());
            let (metadata, content) = (tree.file(file).metadata.clone(), tree.file(file).content().unwrap().clone());
            tree.remove(parent, &name).unwrap();
            tree.add_file(parent, name, metadata, content).unwrap();
        }
        ContentRule::ShortName => {
            let (parent, name, _) = some(tree, |step| step.entry.short_name.is_some() && step.file.names() == 1);
            tree.set_short_name(parent, &name, Some("OTHER~1".into())).unwrap();
        }
        ContentRule::Attributes => change_plain(tree, |m| m.attributes = Attributes(m.attributes.0 ^ 2)),
        ContentRule::Created => change_plain(tree, |m| later(&mut m.times.created)),
        ContentRule::Written => change_plain(tree, |m| later(&mut m.times.written)),
        ContentRule::Changed => change_plain(tree, |m| later(&mut m.times.changed)),
        ContentRule::Accessed => change_plain(tree, |m| later(&mut m.times.accessed)),
        ContentRule::Security => {
            let mut other = tree.descriptor(tree.file(Tree::ROOT).metadata.security.unwrap()).to_vec();
            *other.last_mut().unwrap() ^= 1;
            let other = tree.add_descriptor(&other);
            change_plain(tree, |m| m.security = Some(other));
        }
        ContentRule::Reparse => {
            let (_, _, file) = some(tree, |step| step.file.metadata.reparse.is_some());
            let data = Content::bytes(vec![0; 20]);
            tree.metadata_mut(file).reparse = Some(Reparse { tag: 0x8000_0123, reserved: 0, data });
        }
        ContentRule::ObjectId => {
            change_plain(tree, |m| m.object_id = Some(ObjectId { object: [7; 16], birth: None }));
        }
        ContentRule::ExtendedAttributes => change_plain(tree, |m| {
            let (name, value) = (b"A".to_vec(), b"b".to_vec());
            m.extended_attributes.push(ExtendedAttribute { flags: 0, name, value });
        }),
        ContentRule::StreamMissing => {
            let (_, _, file) = some(tree, |step| step.file.metadata.streams.len() == 1);
            tree.metadata_mut(file).streams.clear();
        }
        ContentRule::StreamExtra => {
            let stream = Stream { name: "more".into(), content: Content::bytes(*b"more") };
            change_plain(tree, |m| m.streams.push(stream));
        }
        ContentRule::Length => {
            let (_, _, file) = some(tree, is_plain);
            tree.set_content(file, Content::bytes(*b"short"));
        }
        ContentRule::Data => {
            let (_, _, file) = some(tree, is_plain);
            let len = usize::try_from(tree.file(file).content().unwrap().len()).unwrap();
            tree.set_content(file, Content::bytes(vec![0xd1; len]));
        }
        ContentRule::Unreadable => {}
    }
}

/// Marks the data of a file on the disk as encrypted.
fn encrypt(path: &Path) {
    const DATA: [u8; 4] = [0x80, 0, 0, 0];
    const FLAGS: u64 = 12;
    let image = DiskImage::open(path, File::open(path).unwrap()).unwrap();
    let volume = image.volume(None).unwrap();
    // Not one that the machine starts from.
    let (_, _, file) = some(volume.tree(), |step| is_plain(step) && step.path().starts_with(r"\Windows"));
    let at = START + volume.record_offset(volume.record(file).unwrap()).unwrap();
    let disk = File::options().read(true).write(true).open(path).unwrap();
    let mut record = [0; 1024];
    disk.read_exact_at(&mut record, at).unwrap();
    let word = |at: usize| usize::try_from(u32::from_le_bytes(record[at..at + 4].try_into().unwrap())).unwrap();
    let mut attribute = usize::from(u16::from_le_bytes([record[0x14], record[0x15]]));
    while record[attribute..attribute + 4] != DATA {
        attribute += word(attribute + 4);
    }
    disk.write_all_at(&[0, 0x40], at + attribute as u64 + FLAGS).unwrap();
}

#[test]
fn every_rule_is_broken_by_something() {
    let media = media();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.raw");
    for &rule in ContentRule::ALL {
        build(&media, 1, &Recipe::new(), &path, |tree| seed(rule, tree));
        if rule == ContentRule::Unreadable {
            encrypt(&path);
        }
        let verification = compare(&media, 1, &path, true);
        let found = rules(&verification);
        assert!(found.contains(&rule.name()), "{rule:?}: {found:?}");
        // One change breaks one rule of the comparison; the encrypted stream lacks all else of EFS.
        let content: Vec<_> = found.iter().filter(|name| name.starts_with("content-")).collect();
        assert_eq!(content, [&rule.name()], "{verification}");
        let fault = verification.findings.iter().find(|fault| fault.rule == rule.name()).unwrap();
        assert!(fault.path.as_ref().is_some_and(|path| path.starts_with('\\')), "{fault}");
        assert_eq!(fault.record.is_some(), rule != ContentRule::Missing, "{fault}");
        assert!(!meaning(rule.name()).is_empty());
        if rule == ContentRule::Changed {
            let verification = compare(&media, 1, &path, false);
            assert!(verification.clean, "{verification}");
            let known: Vec<_> = verification.known_differences.iter().map(|k| (k.kind, k.count)).collect();
            assert!(known.contains(&(KnownKind::ChangeTime, 1)), "{known:?}");
        }
    }
}

#[test]
fn what_was_not_changed_is_clean() {
    let media = media();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.raw");
    for cluster_size in [512, 4096, 65536] {
        build(&media, 2, &Recipe::new().cluster_size(cluster_size), &path, |_| {});
        let verification = compare(&media, 2, &path, true);
        assert!(verification.clean && verification.findings.is_empty(), "{verification}");
        assert_eq!(verification.comparison.unwrap().names, 1329);
        assert!(verify(&path, None, &VerifyOptions::default(), &()).unwrap().clean);
    }
}

/// As those have that were captured from a machine which a BIOS had started.
#[test]
fn boot_files_of_the_image_itself_are_not_those_of_a_build() {
    let (folder, media) = (tempfile::tempdir().unwrap(), media());
    let path = folder.path().join("disk.raw");
    let mut tree = media.tree(2).unwrap();
    let change = |tree: &mut Tree| {
        let metadata = || Metadata { times: nanovhd_tree::Times::all(Filetime(1 << 56)), ..Metadata::default() };
        let boot = tree.add_directory(Tree::ROOT, "boot".into(), metadata()).unwrap();
        tree.add_file(Tree::ROOT, "BOOTMGR".into(), metadata(), Content::bytes([1; 600])).unwrap();
        tree.add_file(boot, "bcd".into(), metadata(), Content::bytes([2; 8192])).unwrap();
    };
    change(&mut tree);
    for boot in [false, true] {
        build(&media, 2, &Recipe::new().boot(boot), &path, change);
        let (wim, wim_path) = (media.wim(), media.wim_path());
        let expected =
            Expected { tree: &tree, notes: &[], wim, wim_path, index: 2, knows_changes: false, is_image: true };
        let options = VerifyOptions { boot: false, ..VerifyOptions::default() };
        let verification = run(&File::open(&path).unwrap(), &path, Some(&expected), &options, &()).unwrap();
        assert!(verification.clean, "{verification}");
        assert_eq!(verification.comparison.unwrap().boot_files, boot);
    }
}

/// Attributes that a volume can't have are known differences, each by its name, and no more of them
/// than there are.
#[test]
fn what_the_writer_loses_is_known_and_nothing_else_is() {
    let media = Media::open(testdata("wims/attributes.wim")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.raw");
    for (cluster_size, compressed) in [(4096, false), (65536, true)] {
        build(&media, 1, &Recipe::new().cluster_size(cluster_size).boot(false), &path, |_| {});
        let verification = compare(&media, 1, &path, true);
        assert!(verification.clean, "{verification}");
        let kinds: Vec<_> = verification.known_differences.iter().map(|known| known.kind).collect();
        assert_eq!(kinds.contains(&KnownKind::Compressed), compressed, "{verification}");
        assert!(kinds.contains(&KnownKind::RefsAttribute) && kinds.contains(&KnownKind::NoDescriptor), "{kinds:?}");
    }
}

#[test]
fn a_file_has_one_short_name_and_that_is_known() {
    let media = media();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.raw");
    // The image itself has no such file: so the tree that is compared has one, and not the disk's.
    build(&media, 1, &Recipe::new(), &path, |tree| {
        let (parent, name, _) = two_names(tree);
        tree.set_short_name(parent, &name, Some("FIRST~1".into())).unwrap();
    });
    let volume = media.volume(1).unwrap();
    let mut tree = volume.tree().clone();
    let (parent, name, file) = two_names(&tree);
    tree.set_short_name(parent, &name, Some("FIRST~1".into())).unwrap();
    let other = tree.walk().find(|s| s.entry.file == file && (s.parent, s.name) != (parent, &name)).unwrap();
    let (parent, name) = (other.parent, other.name.clone());
    tree.set_short_name(parent, &name, Some("SECOND~1".into())).unwrap();
    let expected = Expected {
        tree: &tree,
        notes: &[],
        wim: media.wim(),
        wim_path: media.wim_path(),
        index: 1,
        knows_changes: true,
        is_image: true,
    };
    let verification =
        run(&File::open(&path).unwrap(), &path, Some(&expected), &VerifyOptions::default(), &()).unwrap();
    assert!(verification.clean, "{verification}");
    assert!(verification.known_differences.iter().any(|known| known.kind == KnownKind::ShortName));
}

/// A file with two names, neither of which has an 8.3 name or is one.
fn two_names(tree: &Tree) -> (FileId, Name, FileId) {
    let long = |name: &Name| name.units().len() > 12;
    some(tree, |step| {
        let all = |other: &nanovhd_tree::WalkEntry<'_>| {
            other.entry.file != step.entry.file || long(other.name) && other.entry.short_name.is_none()
        };
        step.file.names() == 2 && tree.walk().all(|other| all(&other))
    })
}

/// Findings are counted, and of many only the first are kept.
#[test]
fn many_findings_are_counted() {
    let media = media();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.raw");
    build(&media, 1, &Recipe::new(), &path, |tree| {
        for file in tree.walk().map(|step| step.entry.file).collect::<std::collections::BTreeSet<_>>() {
            later(&mut tree.metadata_mut(file).times.written);
        }
    });
    let verification = compare(&media, 1, &path, true);
    let written = verification.rules.iter().find(|rule| rule.rule == "content-written").unwrap();
    assert!(written.count > 500, "{verification}");
    assert_eq!(verification.findings.len() as u64, log::KEPT);
    assert!(verification.to_string().contains(&format!("  and {} more\n", written.count - 10)), "{verification}");
}

/// Damages the output while it is still unfinished, when its check begins.
struct Vandal<'f>(&'f Path);

impl Progress for Vandal<'_> {
    fn begin(&self, stage: Stage, _: Size) {
        if stage == Stage::Checking {
            let partial = fs::read_dir(self.0).unwrap().next().unwrap().unwrap().path();
            let disk = File::options().read(true).write(true).open(partial).unwrap();
            let text = b"MZ";
            let mut bytes = vec![0; 32 << 20];
            let n = disk.read_at(&mut bytes, START).unwrap();
            let at = (0..n).step_by(4096).find(|&at| bytes[at..].starts_with(text)).unwrap();
            disk.write_all_at(b"X", START + at as u64 + 100).unwrap();
        }
    }
}

#[test]
fn a_build_that_is_not_as_it_should_be_leaves_nothing() {
    let media = media();
    let folder = tempfile::tempdir().unwrap();
    let recipe = Recipe::for_output("a.raw").unwrap().edition(crate::Edition::Standard).firmware(Firmware::Bios);
    let plan = recipe.disk_size(Size(64 << 20)).plan(&media).unwrap();
    let options = BuildOptions { verify: true, ..BuildOptions::default() };
    let path = folder.path().join("a.raw");
    let error = plan.build(&path, &options, &Vandal(folder.path())).unwrap_err();
    let crate::BuildError::Findings(verification) = error else { panic!("{error}") };
    assert_eq!(rules(&verification), ["content-data"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let report = plan.build(&path, &options, &()).unwrap();
    assert!(report.verification.unwrap().clean);
}

/// Asked often enough, it says that the user wants no more.
struct Impatient(std::sync::atomic::AtomicU64);

impl Progress for Impatient {
    fn cancelled(&self) -> bool {
        let (order, less) = (std::sync::atomic::Ordering::Relaxed, |n: u64| n.checked_sub(1));
        self.0.fetch_update(order, order, less).is_err()
    }
}

#[test]
fn a_verification_can_be_stopped_at_any_read() {
    let media = media();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.raw");
    build(&media, 1, &Recipe::new(), &path, |_| {});
    let mut patience = 0;
    loop {
        let progress = Impatient(patience.into());
        match verify(&path, Some((&media, 1)), &VerifyOptions::default(), &progress) {
            Ok(verification) => break assert!(verification.clean),
            Err(error) => assert!(matches!(error, VerifyError::Cancelled), "{patience}: {error}"),
        }
        patience += 1 + patience / 2;
    }
    assert!(patience > 50, "{patience}");
}
