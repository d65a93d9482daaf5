//! What kind of disk file is made, and for which firmware.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::Serialize;
use thiserror::Error;

use crate::TargetError;

/// The kind of the output file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DiskFormat {
    /// Hyper-V's current format, `.vhdx`.
    Vhdx,
    /// Virtual PC's and Azure's format, `.vhd`.
    Vhd,
    /// The bytes of the disk and nothing else, `.raw` or `.img`.
    Raw,
}

/// What starts the machine, which decides on the partition table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Firmware {
    /// UEFI: a GPT with an EFI system partition. Hyper-V generation 2.
    Uefi,
    /// BIOS: an MBR with one active partition. Hyper-V generation 1.
    Bios,
}

/// Why a word or a file name stands for no format.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The file name ends in nothing that is known.
    #[error("the output name {0:?} does not say which kind of disk to make: .vhdx, .vhd, .raw or .img was expected")]
    Suffix(String),
    /// A disk can't be for both kinds of firmware.
    #[error(
        "no disk starts Windows by both: from a GPT it starts by UEFI alone and from an MBR by a BIOS alone, and a GPT \
         that has a second table in its MBR is an MBR disk to Windows, so that the BCD names no partition of it; build \
         a disk for each"
    )]
    BothFirmwares,
    /// The suffix stands for a format that the target does not take.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The word is none of those known.
    #[error("{found:?} is not a {what}: {expected} was expected")]
    Word {
        /// What was to be named.
        what: &'static str,
        /// The words that are known.
        expected: &'static str,
        /// The word.
        found: String,
    },
}

impl DiskFormat {
    /// The format that the file name's suffix asks for, in any case; `None` for any other suffix.
    pub fn of_suffix(path: &Path) -> Option<Self> {
        let suffix = path.extension()?.to_str()?.to_ascii_lowercase();
        match suffix.as_str() {
            "vhdx" => Some(Self::Vhdx),
            "vhd" => Some(Self::Vhd),
            "raw" | "img" => Some(Self::Raw),
            _ => None,
        }
    }

    /// As [`DiskFormat::of_suffix`].
    ///
    /// # Errors
    /// [`FormatError::Suffix`] when the suffix is missing or not known.
    pub fn for_output(path: &Path) -> Result<Self, FormatError> {
        Self::of_suffix(path).ok_or_else(|| {
            let name = path.file_name().unwrap_or(path.as_os_str());
            FormatError::Suffix(name.to_string_lossy().into_owned())
        })
    }

    /// The firmware that such disks are usually made for: BIOS for VHD, as Hyper-V's generation 1
    /// takes nothing else, and UEFI for the rest.
    pub fn usual_firmware(self) -> Firmware {
        match self {
            Self::Vhd => Firmware::Bios,
            Self::Vhdx | Self::Raw => Firmware::Uefi,
        }
    }
}

impl fmt::Display for DiskFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Vhdx => "VHDX",
            Self::Vhd => "VHD",
            Self::Raw => "raw disk",
        })
    }
}

impl FromStr for DiskFormat {
    type Err = FormatError;

    fn from_str(word: &str) -> Result<Self, FormatError> {
        match word.to_ascii_lowercase().as_str() {
            "vhdx" => Ok(Self::Vhdx),
            "vhd" => Ok(Self::Vhd),
            "raw" => Ok(Self::Raw),
            _ => Err(FormatError::Word { what: "disk format", expected: "vhdx, vhd or raw", found: word.to_owned() }),
        }
    }
}

impl From<Firmware> for nanovhd_boot::Firmware {
    fn from(firmware: Firmware) -> Self {
        match firmware {
            Firmware::Uefi => Self::Uefi,
            Firmware::Bios => Self::Bios,
        }
    }
}

impl fmt::Display for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Uefi => "UEFI",
            Self::Bios => "BIOS",
        })
    }
}

impl FromStr for Firmware {
    type Err = FormatError;

    fn from_str(word: &str) -> Result<Self, FormatError> {
        match word.to_ascii_lowercase().as_str() {
            "uefi" => Ok(Self::Uefi),
            "bios" => Ok(Self::Bios),
            "both" => Err(FormatError::BothFirmwares),
            _ => Err(FormatError::Word { what: "firmware", expected: "uefi or bios", found: word.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suffix_decides_on_format_and_firmware() {
        for (name, format, firmware) in [
            ("a.vhdx", DiskFormat::Vhdx, Firmware::Uefi),
            ("a.b.VHD", DiskFormat::Vhd, Firmware::Bios),
            ("x/a.raw", DiskFormat::Raw, Firmware::Uefi),
            ("a.Img", DiskFormat::Raw, Firmware::Uefi),
        ] {
            let found = DiskFormat::for_output(Path::new(name)).unwrap();
            assert_eq!((found, found.usual_firmware()), (format, firmware), "{name}");
        }
        assert_eq!("Both".parse::<Firmware>(), Err(FormatError::BothFirmwares));
        for name in ["a", "a.vdi", ".vhdx", "a.vhdx.part", "a."] {
            assert!(DiskFormat::for_output(Path::new(name)).is_err(), "{name}");
        }
    }
}
