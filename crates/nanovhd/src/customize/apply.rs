//! Customizing an image: one part after the other, each in a file of its own, all on one [`Context`].
//!
//! ```text
//!  Customization ─► identity, … ──┬─► hives.rs     values in SYSTEM and SOFTWARE, at once
//!                                 ├─► unattend.rs  what Windows' own setup does, written when all is known
//!                                 └─► first boot   commands of the first start, written when all is known
//! ```
//!
//! A setting goes the surest way that there is: an edit of the image's registry where its effect is known to
//! be the same, and the answer file beside it where both do no harm. Each says which way it went.

use std::fmt;

use nanovhd_tree::{Filetime, Tree};
use nanovhd_wim::{ImageInfo, WindowsInfo};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::files::Files;
use super::hives::Hives;
use super::unattend::Answers;
use super::{Customization, CustomizeError, copy, identity, script, unattend};
use crate::Media;

/// How a setting gets into the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Way {
    /// By an edit of the image's registry.
    Registry,
    /// By the answer file that Windows reads at the first start.
    Unattend,
    /// By a command of the first start.
    FirstBoot,
    /// As a file.
    File,
    /// In the boot configuration of the disk.
    Bcd,
    /// In the template that Windows makes boot configurations from.
    BcdTemplate,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Registry => "registry",
            Self::Unattend => "unattend",
            Self::FirstBoot => "first boot",
            Self::File => "file",
            Self::Bcd => "BCD",
            Self::BcdTemplate => "BCD template",
        })
    }
}

/// What becomes of a setting. One that goes two ways has two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SettingOutline {
    /// The setting by its name in a recipe, such as `computer-name`.
    pub setting: String,
    /// Which way it goes.
    pub way: Way,
    /// What is done, in words. No secret is in them.
    pub what: String,
}

/// What customizing did, beside changing the tree.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    /// Every setting, in the order of the parts.
    pub(crate) settings: Vec<SettingOutline>,
    /// What will not be as the user may expect.
    pub(crate) warnings: Vec<String>,
    /// What identifiers are derived from; nothing if nothing was set.
    pub(crate) inputs: Option<[u8; 32]>,
}

/// What the parts work on.
pub(crate) struct Context<'c> {
    /// The image's files.
    pub(crate) files: Files<'c>,
    /// Its registry.
    pub(crate) hives: Hives,
    /// What goes into the answer file.
    pub(crate) answers: Answers,
    /// Commands of the first start that parts need, before those of the user. Each is a line of a batch file.
    pub(crate) first_boot: Vec<String>,
    image: &'c ImageInfo,
    settings: Vec<SettingOutline>,
    warnings: Vec<String>,
    inputs: Sha256,
}

impl<'c> Context<'c> {
    /// `time` is that of every file and key that is made or changed.
    pub(crate) fn new(tree: &'c mut Tree, media: &'c Media, image: &'c ImageInfo, time: Filetime) -> Self {
        Self {
            files: Files::new(tree, media, time),
            hives: Hives::new(time),
            answers: Answers::default(),
            first_boot: Vec::new(),
            image,
            settings: Vec::new(),
            warnings: Vec::new(),
            inputs: Sha256::new(),
        }
    }

    /// Says which way a setting goes.
    pub(crate) fn say(&mut self, setting: &str, way: Way, what: impl Into<String>) {
        self.settings.push(SettingOutline { setting: setting.to_owned(), way, what: what.into() });
    }

    /// Says what will not be as the user may expect.
    pub(crate) fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    /// Adds what changes the bytes of the disk to what its identifiers are derived from.
    ///
    /// Never a secret: identifiers are shown, and whoever knows the rest could try passwords on them. Two
    /// disks that differ in a password alone have the same identifiers, unless their seeds differ.
    pub(crate) fn input(&mut self, name: &str, bytes: &[u8]) {
        // Lengths go before contents, so that no two lists of inputs give the same stream.
        for part in [name.as_bytes(), bytes] {
            self.inputs.update((part.len() as u64).to_le_bytes());
            self.inputs.update(part);
        }
    }

    /// The processor that the image is for, as answer files name it. Images that say nothing are taken for
    /// those of Nano Server, which there is for no other.
    pub(crate) fn architecture(&self) -> &'static str {
        self.image.windows.as_ref().and_then(WindowsInfo::architecture_name).unwrap_or("amd64")
    }

    /// The languages that the image has texts in, if the media says it.
    pub(crate) fn languages(&self) -> &[String] {
        self.image.windows.as_ref().map_or(&[], |windows| &windows.languages)
    }

    fn finish(mut self) -> Result<Applied, CustomizeError> {
        self.warnings.extend(self.hives.complaints());
        self.hives.put_back(&mut self.files)?;
        let Self { settings, warnings, inputs, .. } = self;
        Ok(Applied { settings, warnings, inputs: Some(inputs.finalize().into()) })
    }
}

impl Customization {
    /// Makes all settings in an image. Without any, the tree stays as it is.
    ///
    /// # Errors
    /// [`CustomizeError`]: a setting can't be, or the image is not as it must be.
    pub(crate) fn apply(
        &self,
        tree: &mut Tree,
        media: &Media,
        image: &ImageInfo,
        time: Filetime,
    ) -> Result<Applied, CustomizeError> {
        if *self == Self::default() {
            return Ok(Applied::default());
        }
        let mut context = Context::new(tree, media, image, time);
        // What is copied may take the place of what other parts change.
        copy::apply(&self.copies, &mut context)?;
        identity::apply(self, &mut context)?;
        script::apply(self, &mut context)?;
        // Parts that need answers or commands of the first start come before this line.
        unattend::apply(self, &mut context)?;
        context.finish()
    }
}
