//! What can be chosen about starting Windows.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::FormatError;

/// How the BCD names the partitions that the boot manager and Windows are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BcdDevice {
    /// By the identifiers of disk and partition.
    Partition,
    /// As the partition that the boot manager comes from.
    Boot,
    /// As whichever partition has the file.
    Locate,
}

/// What the BCD is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BcdTemplate {
    /// The template of the image, or the built-in one if the image has none.
    Image,
    /// What nanovhd has built in, whatever the image has.
    Builtin,
}

impl fmt::Display for BcdDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Partition => "partition",
            Self::Boot => "boot",
            Self::Locate => "locate",
        })
    }
}

impl FromStr for BcdDevice {
    type Err = FormatError;

    fn from_str(word: &str) -> Result<Self, FormatError> {
        match word.to_ascii_lowercase().as_str() {
            "partition" => Ok(Self::Partition),
            "boot" => Ok(Self::Boot),
            "locate" => Ok(Self::Locate),
            _ => Err(FormatError::Word {
                what: "kind of BCD device",
                expected: "partition, boot or locate",
                found: word.to_owned(),
            }),
        }
    }
}

impl fmt::Display for BcdTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Image => "image",
            Self::Builtin => "builtin",
        })
    }
}

impl FromStr for BcdTemplate {
    type Err = FormatError;

    fn from_str(word: &str) -> Result<Self, FormatError> {
        match word.to_ascii_lowercase().as_str() {
            "image" => Ok(Self::Image),
            "builtin" => Ok(Self::Builtin),
            _ => {
                Err(FormatError::Word { what: "BCD template", expected: "image or builtin", found: word.to_owned() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back() {
        for device in [BcdDevice::Partition, BcdDevice::Boot, BcdDevice::Locate] {
            assert_eq!(device.to_string().parse(), Ok(device));
        }
        for template in [BcdTemplate::Image, BcdTemplate::Builtin] {
            assert_eq!(template.to_string().to_uppercase().parse(), Ok(template));
        }
        assert!("disk".parse::<BcdDevice>().is_err() && "".parse::<BcdTemplate>().is_err());
    }
}
