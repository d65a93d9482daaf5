//! What the disk is for: the one word that stands for format, kind of file, firmware and their limits.
//!
//! ```text
//!  target        format       kind     firmware     largest
//!  hyperv-gen1   VHD, VHDX    dynamic  BIOS                   generation 1 starts by a BIOS alone
//!  hyperv-gen2   VHDX         dynamic  UEFI                   generation 2 takes no VHD
//!  azure         VHD          fixed    BIOS, UEFI   2 TiB     (BIOS) whole MiB, and the footer behind them
//!  kvm           any, raw     -        BIOS, UEFI             QEMU's machines have a BIOS unless told otherwise
//!  virtualbox    VHD          dynamic  BIOS, UEFI             VHDX is only read, raw has to be converted
//!  vmware        raw          -        UEFI, BIOS             VMDK alone is read, which can name a raw disk
//! ```
//!
//! The first of several is taken if nothing is said. What is said goes before; what the target can't take is
//! refused.
//!
//! Sources: Microsoft, "Should I create a generation 1 or 2 virtual machine in Hyper-V?" and "Prepare a Windows VHD
//! or VHDX to upload to Azure"; QEMU, "QEMU block drivers reference", which prefers raw and qcow2 and has the
//! others for compatibility; Oracle, "VirtualBox User Manual", "Disk Image Files (VDI, VMDK, VHD, HDD)"; VMware,
//! "Virtual Disk Format 5.0".

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::Serialize;
use thiserror::Error;

use crate::{DiskFormat, Firmware, FormatError, Size};

/// Where a disk is to be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// A virtual machine of generation 1 of Hyper-V.
    HypervGen1,
    /// A virtual machine of generation 2 of Hyper-V.
    HypervGen2,
    /// A virtual machine of Azure: of generation 1, or of generation 2 for UEFI.
    Azure,
    /// QEMU with KVM, under libvirt, Proxmox VE, OpenStack or by itself. Raw is what it reads best: there is nothing
    /// to look up, holes take no room, and all of its tools take it. VHDX and VHD are taken too if asked for.
    Kvm,
    /// Oracle VirtualBox. Of what can be made here it fully supports VHD alone.
    Virtualbox,
    /// VMware Workstation or ESXi. It reads VMDK alone, which can't be made here, so that a step is left for the
    /// user: a raw disk is converted, or named by a VMDK descriptor.
    Vmware,
}

/// What a target does not take.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TargetError {
    /// Another format.
    #[error("the target {target} takes no {format}: {reason}")]
    Format {
        /// The target.
        target: Target,
        /// The format that was asked for.
        format: DiskFormat,
        /// Why.
        reason: &'static str,
    },
    /// Other firmware.
    #[error("the target {target} does not start by {firmware}: {reason}")]
    Firmware {
        /// The target.
        target: Target,
        /// The firmware that was asked for.
        firmware: Firmware,
        /// Why.
        reason: &'static str,
    },
    /// A dynamic disk.
    #[error("the target {target} takes no dynamic {format}, as its files must have a place for every byte")]
    Dynamic {
        /// The target.
        target: Target,
        /// The format.
        format: DiskFormat,
    },
    /// Large sectors.
    #[error("the target {target} has no disks with sectors of {found} bytes, 512 were expected")]
    SectorSize {
        /// The target.
        target: Target,
        /// The bytes that were asked for.
        found: u32,
    },
    /// A disk that is too large.
    #[error("the target {target} takes disks of at most {most} for {firmware}, not of {size}")]
    Size {
        /// The target.
        target: Target,
        /// The firmware.
        firmware: Firmware,
        /// What the disk would have.
        size: Size,
        /// What it may have.
        most: Size,
    },
}

/// What a target takes: the first of each is usual.
struct Rules {
    formats: &'static [DiskFormat],
    /// Why no others.
    other_formats: &'static str,
    firmwares: &'static [Firmware],
    /// Why no others.
    other_firmware: &'static str,
    /// Whether files are always fixed.
    fixed: bool,
    /// Whether sectors may have 4096 bytes.
    large_sectors: bool,
}

/// What Azure takes for machines of generation 1.
const AZURE_GENERATION_1: Size = Size(2 << 40);

impl Target {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::HypervGen1, Self::HypervGen2, Self::Azure, Self::Kvm, Self::Virtualbox, Self::Vmware];

    fn rules(self) -> Rules {
        use DiskFormat::{Raw, Vhd, Vhdx};
        use Firmware::{Bios, Uefi};
        const ONLY_HYPERV: &str = "Hyper-V reads VHD and VHDX alone";
        let both = Rules {
            formats: &[],
            other_formats: "",
            firmwares: &[Bios, Uefi],
            other_firmware: "",
            fixed: false,
            large_sectors: false,
        };
        match self {
            Self::HypervGen1 => Rules {
                formats: &[Vhd, Vhdx],
                other_formats: ONLY_HYPERV,
                firmwares: &[Bios],
                other_firmware: "machines of generation 1 have a BIOS; hyperv-gen2 is for UEFI",
                ..both
            },
            Self::HypervGen2 => Rules {
                formats: &[Vhdx],
                other_formats: "machines of generation 2 take VHDX alone; hyperv-gen1 is for VHD",
                firmwares: &[Uefi],
                other_firmware: "machines of generation 2 have UEFI; hyperv-gen1 is for a BIOS",
                large_sectors: true,
                ..both
            },
            Self::Azure => Rules {
                formats: &[Vhd],
                other_formats: "Azure takes fixed VHD alone, for either generation of its machines",
                fixed: true,
                ..both
            },
            Self::Kvm => Rules { formats: &[Raw, Vhdx, Vhd], large_sectors: true, ..both },
            Self::Virtualbox => Rules {
                formats: &[Vhd],
                other_formats: "VirtualBox only reads VHDX, and raw disks have to be converted first; it fully supports VHD",
                ..both
            },
            Self::Vmware => Rules {
                formats: &[Raw],
                other_formats: "VMware reads VMDK alone, and only of a raw disk a VMDK can be made without copying it",
                firmwares: &[Uefi, Bios],
                ..both
            },
        }
    }

    /// The format that is usual for it.
    pub fn format(self) -> DiskFormat {
        self.rules().formats[0]
    }

    /// The firmware that is usual for it.
    pub fn firmware(self) -> Firmware {
        self.rules().firmwares[0]
    }

    /// Whether its files have a place for every byte. Raw disks always have.
    pub fn fixed(self) -> bool {
        self.rules().fixed
    }

    /// The format of an output with this name.
    ///
    /// # Errors
    /// [`FormatError::Suffix`] for a suffix that is not known, [`FormatError::Target`] for that of a format which the
    /// target does not take.
    pub fn format_for_output(self, path: &Path) -> Result<DiskFormat, FormatError> {
        let format = DiskFormat::for_output(path)?;
        self.check_format(format)?;
        Ok(format)
    }

    fn check_format(self, format: DiskFormat) -> Result<(), TargetError> {
        let Rules { formats, other_formats: reason, .. } = self.rules();
        if formats.contains(&format) { Ok(()) } else { Err(TargetError::Format { target: self, format, reason }) }
    }

    /// Refuses what it does not take.
    pub(crate) fn check(
        self,
        format: DiskFormat,
        fixed: bool,
        firmware: Firmware,
        sector_size: u32,
    ) -> Result<(), TargetError> {
        self.check_format(format)?;
        let rules = self.rules();
        if !rules.firmwares.contains(&firmware) {
            return Err(TargetError::Firmware { target: self, firmware, reason: rules.other_firmware });
        }
        if rules.fixed && !fixed {
            return Err(TargetError::Dynamic { target: self, format });
        }
        if sector_size != 512 && !rules.large_sectors {
            return Err(TargetError::SectorSize { target: self, found: sector_size });
        }
        Ok(())
    }

    /// Refuses a disk that it finds too large. What the format or the partition table can't hold is found there.
    pub(crate) fn check_size(self, size: Size, firmware: Firmware) -> Result<(), TargetError> {
        match (self, firmware) {
            (Self::Azure, Firmware::Bios) if size > AZURE_GENERATION_1 => {
                Err(TargetError::Size { target: self, firmware, size, most: AZURE_GENERATION_1 })
            }
            _ => Ok(()),
        }
    }

    /// What is left to do for the user.
    pub(crate) fn warning(self) -> Option<&'static str> {
        match self {
            Self::Vmware => Some(
                "VMware reads VMDK alone: make one of the raw disk with `qemu-img convert -O vmdk`, or write a VMDK \
                 descriptor that names it as a flat extent",
            ),
            _ => None,
        }
    }

    /// What it is, in words.
    pub(crate) fn what(self) -> &'static str {
        match self {
            Self::HypervGen1 => "Hyper-V generation 1",
            Self::HypervGen2 => "Hyper-V generation 2",
            Self::Azure => "Azure",
            Self::Kvm => "KVM",
            Self::Virtualbox => "VirtualBox",
            Self::Vmware => "VMware",
        }
    }
}

/// The word.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::HypervGen1 => "hyperv-gen1",
            Self::HypervGen2 => "hyperv-gen2",
            Self::Azure => "azure",
            Self::Kvm => "kvm",
            Self::Virtualbox => "virtualbox",
            Self::Vmware => "vmware",
        })
    }
}

impl FromStr for Target {
    type Err = FormatError;

    fn from_str(word: &str) -> Result<Self, FormatError> {
        let found = Self::ALL.into_iter().find(|target| target.to_string().eq_ignore_ascii_case(word));
        found.ok_or_else(|| FormatError::Word {
            what: "target",
            expected: "hyperv-gen1, hyperv-gen2, azure, kvm, virtualbox or vmware",
            found: word.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use DiskFormat::{Raw, Vhd, Vhdx};
    use Firmware::{Bios, Uefi};

    /// What each takes of format and firmware: yes, or the word that its refusal has in it.
    #[test]
    fn each_takes_what_it_starts_from() {
        const YES: &str = "";
        let (bios, uefi) = ("have a BIOS", "have UEFI");
        for (target, usual, table) in [
            (
                Target::HypervGen1,
                (Vhd, Bios, false),
                [(YES, bios), (YES, bios), ("reads VHD and VHDX", "reads VHD and VHDX")],
            ),
            (
                Target::HypervGen2,
                (Vhdx, Uefi, false),
                [("take VHDX alone", "take VHDX alone"), (uefi, YES), ("take VHDX alone", "take VHDX alone")],
            ),
            (Target::Azure, (Vhd, Bios, true), [(YES, YES), ("fixed VHD", "fixed VHD"), ("fixed VHD", "fixed VHD")]),
            (Target::Kvm, (Raw, Bios, false), [(YES, YES); 3]),
            (
                Target::Virtualbox,
                (Vhd, Bios, false),
                [(YES, YES), ("only reads", "only reads"), ("converted", "converted")],
            ),
            (Target::Vmware, (Raw, Uefi, false), [("VMDK", "VMDK"), ("VMDK", "VMDK"), (YES, YES)]),
        ] {
            assert_eq!((target.format(), target.firmware(), target.fixed()), usual, "{target}");
            let cells = [Vhd, Vhdx, Raw].into_iter().zip(table);
            for (format, firmware, expected) in
                cells.flat_map(|(format, (bios, uefi))| [(format, Bios, bios), (format, Uefi, uefi)])
            {
                let said = target.check(format, true, firmware, 512).map_err(|e| e.to_string());
                match said {
                    Ok(()) => assert_eq!(expected, YES, "{target} {format} {firmware}"),
                    Err(said) => {
                        assert!(expected != YES && said.contains(expected), "{target} {format} {firmware}: {said}");
                    }
                }
            }
            assert_eq!(target.check(target.format(), target.fixed(), target.firmware(), 512), Ok(()));
        }
    }

    #[test]
    fn azure_takes_fixed_files_up_to_a_size() {
        let dynamic = Target::Azure.check(Vhd, false, Bios, 512).unwrap_err().to_string();
        assert!(dynamic.contains("azure takes no dynamic VHD"), "{dynamic}");
        assert_eq!(Target::Azure.check_size(Size(2 << 40), Bios), Ok(()));
        let large = Target::Azure.check_size(Size((2 << 40) + 1), Bios).unwrap_err().to_string();
        assert!(large.contains("at most 2 TiB for BIOS"), "{large}");
        assert_eq!(Target::Azure.check_size(Size(3 << 40), Uefi), Ok(()));
        assert_eq!(Target::Kvm.check_size(Size(3 << 40), Bios), Ok(()));
    }

    #[test]
    fn large_sectors_are_for_those_that_have_them() {
        for target in Target::ALL {
            let taken = target.check(target.format(), true, target.firmware(), 4096).is_ok();
            assert_eq!(taken, matches!(target, Target::HypervGen2 | Target::Kvm), "{target}");
        }
    }

    #[test]
    fn words_come_back() {
        for target in Target::ALL {
            assert_eq!(target.to_string().to_uppercase().parse(), Ok(target));
            assert_eq!(serde_json::to_value(target).unwrap(), target.to_string());
        }
        let error = "aws".parse::<Target>().unwrap_err().to_string();
        assert!(error.contains("\"aws\" is not a target: hyperv-gen1, "), "{error}");
    }

    #[test]
    fn the_suffix_must_fit() {
        let of = |target: Target, name: &str| target.format_for_output(Path::new(name)).map_err(|e| e.to_string());
        assert_eq!(of(Target::Azure, "a.VHD"), Ok(Vhd));
        assert_eq!(of(Target::HypervGen1, "a.vhdx"), Ok(Vhdx));
        assert_eq!(of(Target::Vmware, "a.img"), Ok(Raw));
        assert!(of(Target::Azure, "a.vhdx").unwrap_err().contains("azure takes no VHDX"));
        assert!(of(Target::Azure, "a").unwrap_err().contains("does not say which kind"));
    }
}
