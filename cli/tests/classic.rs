//! Old command lines, from the shell to the disk.

#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod common;

use std::fs;
use std::path::Path;

use common::{fail, good, nanovhd, run, testdata};

/// An old command with the test media that needs no person.
fn old(line: &str, media: &Path, output: &Path) -> Vec<String> {
    let place = |word: &str| word.replace("MEDIA", media.to_str().unwrap()).replace("OUT", output.to_str().unwrap());
    line.split(' ').map(place).collect()
}

fn verified(disk: &Path) {
    good(nanovhd().arg("verify").arg(disk).arg("--quiet"));
}

#[test]
fn new_nano_server_image() {
    let folder = tempfile::tempdir().unwrap();
    for (name, edition) in [("n.vhdx", "Datacenter"), ("n.vhd", "standard")] {
        let output = folder.path().join(name);
        let line = format!(
            "new-nanoserverimage -MediaPath MEDIA -BasePath ./b -Targ:OUT -DeploymentType Guest -Edition {edition} \
             -ComputerName n1 -AdministratorPassword $null -MaxSize 2GB -EnableEMS -ErrorAction Stop"
        );
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let args = old(&line, &testdata("media"), &output);
        let ran = run(nanovhd().args(&args));
        assert_eq!(ran.code, Some(0), "{ran:?}");
        for note in ["-BasePath has no effect", "-DeploymentType has no effect", "note: this is nanovhd build --"] {
            assert!(ran.err.contains(note), "{}", ran.err);
        }
        verified(&output);
        // The original replaces what is there, and says nothing.
        let again = run(nanovhd().args(&args));
        assert_eq!(again.code, Some(0), "{again:?}");
        assert!(again.err.contains("the file that is there is replaced"), "{}", again.err);
    }
}

#[test]
fn an_old_line_gives_the_disk_of_its_recipe() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("n.vhdx");
    let line = "New-NanoServerImage Guest Datacenter -Media MEDIA -Target OUT -Adm $null -Enable $true";
    assert!(
        fail(2, old(line, &testdata("media"), &output)).contains("-enable may stand for -EnableEMS, -EnableRemote")
    );
    let line = "New-NanoServerImage Guest Datacenter -Media MEDIA -Target OUT -Adm $null -EnableE:$true";
    let mut args = old(line, &testdata("media"), &output);
    good(nanovhd().args(&args));
    let first = common::sha256(&output);
    args.push("--print-recipe".to_owned());
    let recipe = folder.path().join("r.toml");
    let printed = good(nanovhd().args(&args));
    *args.last_mut().unwrap() = "-PrintRecipe".to_owned();
    assert_eq!(good(nanovhd().args(&args)), printed);
    fs::write(&recipe, printed).unwrap();
    good(nanovhd().arg("build").arg(&recipe));
    assert_eq!(common::sha256(&output), first);
}

#[test]
fn convert_windows_image() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("c.vhd");
    let media = testdata("media").join("NanoServer/NanoServer.wim");
    let line =
        "Convert-WindowsImage -WIM MEDIA -SKU DatacenterNano -VHD OUT -Layout BIOS -Format VHD -Size 1GB -Passthru";
    let ran = run(nanovhd().args(old(line, &media, &output)));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("means image 2"), "{}", ran.err);
    verified(&output);
    let line = line.replace("DatacenterNano", "Nano");
    let told = fail_with_notes(old(&line, &media, &output));
    assert!(told.contains("2 images of `"), "{told}");
}

#[test]
fn wim2vhd() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("w.vhd");
    let media = testdata("media").join("NanoServer/NanoServer.wim");
    good(nanovhd().args(old("WIM2VHD.WSF /WIM:MEDIA /sku:1 /vhd:OUT /size:1024 /trace", &media, &output)));
    verified(&output);
}

#[test]
fn what_is_not_there_yet_is_refused_by_name() {
    let (media, output) = (testdata("media"), Path::new("n.vhdx"));
    let told = fail(2, old("Edit-NanoServerImage ./b OUT -ComputerName n1 -Storag", &media, output));
    assert_eq!(told, "error: -Storage is refused: packages come with a later version\n");
    let told = fail_with_notes(old("Edit-NanoServerImage -TargetPath OUT -ComputerName n1", &media, output));
    assert!(told.ends_with("changing a disk that is there comes with a later version\n"), "{told}");
    let told = fail(2, ["New-NanoServerImage", "-AdministratorPassword", "Pa55word"]);
    assert!(!told.contains("Pa55"), "{told}");
}

#[test]
fn help() {
    for name in
        ["New-NanoServerImage", "Edit-NanoServerImage", "Get-NanoServerPackage", "Convert-WindowsImage", "WIM2VHD"]
    {
        let text = good(nanovhd().args([name, "--help"]));
        assert!(text.contains(&format!("Usage: nanovhd {name}")), "{text}");
    }
    assert!(good(nanovhd().arg("--help")).contains("New-NanoServerImage"));
}

/// The message of a command that says something else first.
fn fail_with_notes(args: impl IntoIterator<Item = String>) -> String {
    let ran = run(nanovhd().args(args));
    assert_eq!(ran.code, Some(2), "{ran:?}");
    ran.err
}
