//! A disk for each target, as QEMU's tools and the checks see it.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod support;

use std::path::Path;
use std::process::Command;

use nanovhd::{
    BuildOptions, DiskFormat, Edition, Firmware, Media, PlanError, Recipe, Size, Target, VerifyOptions, verify,
};
use serde_json::Value;
use support::testdata;

const MIB: u64 = 1 << 20;

fn recipe(target: Target) -> Recipe {
    Recipe::new().target(target).edition(Edition::Datacenter).disk_size(Size(200 * MIB))
}

/// What `qemu-img info` says, if it is there. It must be told the format: it takes a fixed VHD, which has its
/// structure at its end, for a raw disk.
fn info(path: &Path, format: &str) -> Option<Value> {
    match Command::new("qemu-img").args(["info", "--output", "json", "-f", format]).arg(path).output() {
        Ok(output) => {
            assert!(output.status.success(), "{output:?}");
            Some(serde_json::from_slice(&output.stdout).unwrap())
        }
        Err(_) => {
            let required = std::env::var_os("NANOVHD_REQUIRE_TOOLS").is_some_and(|value| value == "1");
            assert!(!required, "qemu-img is required but not found");
            eprintln!("skipped: qemu-img not found");
            None
        }
    }
}

#[test]
fn each_target_gets_its_disk() {
    let media = Media::open(testdata("media")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (target, name, format, fixed, firmware) in [
        (Target::HypervGen1, "gen1.vhd", "vpc", false, Firmware::Bios),
        (Target::HypervGen2, "gen2.vhdx", "vhdx", false, Firmware::Uefi),
        (Target::Azure, "azure.vhd", "vpc", true, Firmware::Bios),
        (Target::Kvm, "kvm.raw", "raw", true, Firmware::Bios),
        (Target::Virtualbox, "virtualbox.vhd", "vpc", false, Firmware::Bios),
        (Target::Vmware, "vmware.img", "raw", true, Firmware::Uefi),
    ] {
        let path = folder.path().join(name);
        assert_eq!(target.format_for_output(&path), Ok(target.format()));
        let plan = recipe(target).plan(&media).unwrap();
        plan.build(&path, &BuildOptions::default(), &()).unwrap();
        let disk = &plan.outline().disk;
        assert_eq!((disk.target, disk.fixed, disk.firmware), (Some(target), fixed, firmware), "{target}");
        assert!(plan.to_string().contains(&format!("for {firmware} of ")), "{plan}");
        let vmdk = plan.outline().warnings.iter().any(|warning| warning.contains("VMDK"));
        assert_eq!(vmdk, target == Target::Vmware, "{target}");

        let found = verify(&path, None, &VerifyOptions::default(), &()).unwrap();
        assert!(found.clean, "{target}: {found}");
        if let Some(info) = info(&path, format) {
            assert_eq!(info["virtual-size"], 200 * MIB, "{info}");
        }
        if target == Target::Azure {
            assert_eq!(std::fs::metadata(&path).unwrap().len(), 200 * MIB + 512);
        }
        std::fs::remove_file(&path).unwrap();
    }
}

/// What is said goes before the target, as long as the target takes it.
#[test]
fn what_is_said_goes_before_the_target() {
    let media = Media::open(testdata("media")).unwrap();
    let planned = |recipe: &Recipe| {
        let plan = recipe.plan(&media).map_err(|error| {
            assert!(matches!(error, PlanError::Target(_)), "{error}");
            error.to_string()
        })?;
        let disk = &plan.outline().disk;
        Ok::<_, String>((disk.format, disk.fixed, disk.firmware, disk.size.0))
    };
    let (gen1, gen2, azure) = (recipe(Target::HypervGen1), recipe(Target::HypervGen2), recipe(Target::Azure));
    let (kvm, box_, vmware) = (recipe(Target::Kvm), recipe(Target::Virtualbox), recipe(Target::Vmware));
    let size = 200 * MIB;
    for (recipe, expected) in [
        (gen1.clone().format(DiskFormat::Vhdx).fixed(true), (DiskFormat::Vhdx, true, Firmware::Bios, size)),
        (gen2.clone().fixed(true), (DiskFormat::Vhdx, true, Firmware::Uefi, size)),
        (azure.clone().firmware(Firmware::Uefi), (DiskFormat::Vhd, true, Firmware::Uefi, size)),
        // Azure takes whole MiB.
        (azure.clone().disk_size(Size(size - 1)), (DiskFormat::Vhd, true, Firmware::Bios, size)),
        (kvm.clone().format(DiskFormat::Vhdx), (DiskFormat::Vhdx, false, Firmware::Bios, size)),
        (kvm.clone().firmware(Firmware::Uefi), (DiskFormat::Raw, true, Firmware::Uefi, size)),
        (box_.clone().firmware(Firmware::Uefi), (DiskFormat::Vhd, false, Firmware::Uefi, size)),
        (vmware.clone().firmware(Firmware::Bios), (DiskFormat::Raw, true, Firmware::Bios, size)),
    ] {
        assert_eq!(planned(&recipe), Ok(expected));
    }
    for (recipe, expected) in [
        (gen1.clone().firmware(Firmware::Uefi), "hyperv-gen1 does not start by UEFI"),
        (gen1.format(DiskFormat::Raw), "hyperv-gen1 takes no raw disk"),
        (gen2.clone().format(DiskFormat::Vhd), "hyperv-gen2 takes no VHD"),
        (gen2.firmware(Firmware::Bios), "hyperv-gen2 does not start by BIOS"),
        (azure.clone().format(DiskFormat::Vhdx), "azure takes no VHDX"),
        (azure.clone().fixed(false), "azure takes no dynamic VHD"),
        (azure.clone().sector_size(4096), "azure has no disks with sectors of 4096 bytes"),
        (azure.disk_size(Size(3 << 40)), "at most 2 TiB"),
        (box_.format(DiskFormat::Vhdx), "virtualbox takes no VHDX"),
        (vmware.format(DiskFormat::Vhd), "vmware takes no VHD"),
    ] {
        let error = planned(&recipe).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}
