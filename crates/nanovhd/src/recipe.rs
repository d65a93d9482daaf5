//! What is to be made.

use std::path::Path;

use nanovhd_wim::ImageSelector;

use crate::{
    BcdDevice, BcdTemplate, Customization, DiskFormat, Edition, Firmware, FormatError, Selection, Size, Target,
};

/// What is to be made of a media: which image, on what kind of disk. All but the choice of an image
/// among several has a default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    pub(crate) selection: Selection,
    pub(crate) target: Option<Target>,
    pub(crate) format: Option<DiskFormat>,
    pub(crate) fixed: Option<bool>,
    pub(crate) firmware: Option<Firmware>,
    pub(crate) size: Option<Size>,
    pub(crate) sector_size: u32,
    pub(crate) cluster_size: u32,
    pub(crate) label: String,
    pub(crate) time: Option<i64>,
    pub(crate) seed: String,
    pub(crate) boot: bool,
    pub(crate) bcd_device: Option<BcdDevice>,
    pub(crate) bcd_template: BcdTemplate,
    pub(crate) custom: Customization,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            selection: Selection::Only,
            target: None,
            format: None,
            fixed: None,
            firmware: None,
            size: None,
            sector_size: 512,
            cluster_size: 4096,
            label: "Windows".to_owned(),
            time: None,
            seed: String::new(),
            boot: true,
            bcd_device: None,
            bcd_template: BcdTemplate::Image,
            custom: Customization::default(),
        }
    }
}

impl Recipe {
    /// The only image of the media on a dynamic VHDX of the usual size.
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`Recipe::new`], but with the disk format that the suffix of the output's name stands for.
    ///
    /// # Errors
    /// [`FormatError`] when it stands for none.
    pub fn for_output(path: impl AsRef<Path>) -> Result<Self, FormatError> {
        Ok(Self::new().format(DiskFormat::for_output(path.as_ref())?))
    }

    /// The image of this edition.
    #[must_use]
    pub fn edition(self, edition: Edition) -> Self {
        self.select(Selection::Edition(edition))
    }

    /// The image of this number or name.
    #[must_use]
    pub fn image(self, selector: ImageSelector) -> Self {
        self.select(Selection::Image(selector))
    }

    /// The image that is meant this way.
    #[must_use]
    pub fn select(mut self, selection: Selection) -> Self {
        self.selection = selection;
        self
    }

    /// Where the disk is to be started, which decides on format, kind of file and firmware as far as nothing else is
    /// said of them. What is said goes before it; what the target does not take is refused by [`Recipe::plan`].
    #[must_use]
    pub fn target(mut self, target: Target) -> Self {
        self.target = Some(target);
        self
    }

    /// The kind of file. The default is the target's, or VHDX.
    #[must_use]
    pub fn format(mut self, format: DiskFormat) -> Self {
        self.format = Some(format);
        self
    }

    /// Whether the file holds a place for every byte of the disk from the start (fixed), or grows
    /// with what is written (dynamic, the default where no target needs more). Raw disks are always fixed.
    #[must_use]
    pub fn fixed(mut self, fixed: bool) -> Self {
        self.fixed = Some(fixed);
        self
    }

    /// The firmware that shall start the disk. The default is the target's; without one it is BIOS for VHD
    /// and UEFI for the rest.
    #[must_use]
    pub fn firmware(mut self, firmware: Firmware) -> Self {
        self.firmware = Some(firmware);
        self
    }

    /// The size of the disk as the virtual machine sees it. The default is 4 GiB, or more where the
    /// image needs it.
    #[must_use]
    pub fn disk_size(mut self, size: Size) -> Self {
        self.size = Some(size);
        self
    }

    /// The bytes of a logical sector: 512 (the default) or 4096.
    #[must_use]
    pub fn sector_size(mut self, bytes: u32) -> Self {
        self.sector_size = bytes;
        self
    }

    /// The bytes of an NTFS cluster: a power of two from 512 to 65536; 4096 by default.
    #[must_use]
    pub fn cluster_size(mut self, bytes: u32) -> Self {
        self.cluster_size = bytes;
        self
    }

    /// The name of the Windows volume, `Windows` by default. It may be empty.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// The time that the disk's own structures bear, in seconds since 1970: what the environment
    /// variable `SOURCE_DATE_EPOCH` says. By default it is the newest time in the image. The files
    /// of the image keep their own times in any case.
    #[must_use]
    pub fn time(mut self, seconds: i64) -> Self {
        self.time = Some(seconds);
        self
    }

    /// Whether the disk gets boot files and a BCD, as it does by default. Without them it can be mounted,
    /// but nothing starts from it: for data, and for images without Windows.
    #[must_use]
    pub fn boot(mut self, boot: bool) -> Self {
        self.boot = boot;
        self
    }

    /// How the BCD names partitions. The default is [`BcdDevice::Partition`] for UEFI and
    /// [`BcdDevice::Locate`] for BIOS, where another system may change the signature of the disk.
    #[must_use]
    pub fn bcd_device(mut self, device: BcdDevice) -> Self {
        self.bcd_device = Some(device);
        self
    }

    /// What the BCD is made from: [`BcdTemplate::Image`] by default.
    #[must_use]
    pub fn bcd_template(mut self, template: BcdTemplate) -> Self {
        self.bcd_template = template;
        self
    }

    /// What is set in the image beside its files: by default nothing.
    #[must_use]
    pub fn customize(mut self, custom: Customization) -> Self {
        self.custom = custom;
        self
    }

    /// A text that goes into all identifiers, so that two disks of the same inputs are told apart.
    #[must_use]
    pub fn seed(mut self, seed: impl Into<String>) -> Self {
        self.seed = seed.into();
        self
    }

    /// The kind of file that is made.
    pub(crate) fn disk_format(&self) -> DiskFormat {
        self.format.or(self.target.map(Target::format)).unwrap_or(DiskFormat::Vhdx)
    }

    /// Whether the file is fixed.
    pub(crate) fn is_fixed(&self) -> bool {
        self.fixed.or(self.target.map(Target::fixed)).unwrap_or(false)
    }

    /// The firmware that the disk is for.
    pub(crate) fn disk_firmware(&self) -> Firmware {
        let usual = || self.target.map_or_else(|| self.disk_format().usual_firmware(), Target::firmware);
        self.firmware.unwrap_or_else(usual)
    }
}
