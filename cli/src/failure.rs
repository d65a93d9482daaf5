//! From an error to a message and an exit code.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use nanovhd::{
    BrowseError, BuildError, CustomizeError, ExtractError, InputError, LayoutError, MediaError, OutputError,
    PlanError, RecipeError, RecipeFile, SelectionError, VerifyError, VolumeError,
};
use nanovhd_tree::visible;

/// Something could not be done.
const FAILED: u8 = 1;
/// The arguments are wrong.
const USAGE: u8 = 2;
/// What is read is wrong.
const INPUT: u8 = 3;
/// A disk is not as it should be.
const FINDINGS: u8 = 4;
/// The user stopped it: 128 and the number of SIGINT, as shells have it.
const INTERRUPTED: u8 = 130;

/// An error, with what the user can do and what the shell is told.
#[derive(Debug)]
pub(crate) struct Failure {
    error: Box<dyn Error + Send + Sync>,
    hint: Option<String>,
    /// Where in a recipe, for errors that don't know it.
    place: Option<String>,
    code: u8,
}

impl Failure {
    /// An error in the arguments.
    pub(crate) fn usage(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { error: error.into(), hint: None, place: None, code: USAGE }
    }

    /// An error in what was read.
    pub(crate) fn input(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { error: error.into(), hint: None, place: None, code: INPUT }
    }

    /// Something was not done that was asked for.
    pub(crate) fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { error: error.into(), hint: None, place: None, code: FAILED }
    }

    /// A disk that is not as it should be.
    pub(crate) fn findings(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { error: error.into(), hint: None, place: None, code: FINDINGS }
    }

    /// With what the user can do about it.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// A plan that can't be made. When it is for a setting of the recipe, the message says where that stands.
    pub(crate) fn of_plan(e: PlanError, recipe: &RecipeFile) -> Self {
        let setting = match &e {
            PlanError::Customize { source, .. } => match source.as_ref() {
                CustomizeError::Setting { setting, .. } | CustomizeError::Host { setting, .. } => Some(*setting),
                _ => None,
            },
            _ => None,
        };
        let place = setting.and_then(|setting| recipe.origin.of(setting)).map(ToString::to_string);
        Self { place, ..e.into() }
    }

    /// Prints it, and gives the exit code. A reader that wants no more of the output is no failure.
    pub(crate) fn report(&self) -> ExitCode {
        if self.is_broken_pipe() {
            return ExitCode::SUCCESS;
        }
        let place = self.place.as_ref().map_or_else(String::new, |place| format!("{}: ", visible(place)));
        let mut text = format!("error: {place}{}\n", visible(&chain(self.error.as_ref())));
        if let Some(hint) = &self.hint {
            text.push_str(&format!("hint: {}\n", visible(hint)));
        }
        // When even that can't be written, the exit code is all that is left to say.
        let _ = io::stderr().write_all(text.as_bytes());
        ExitCode::from(self.code)
    }

    fn is_broken_pipe(&self) -> bool {
        let mut causes = causes(self.error.as_ref());
        causes.any(|e| e.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe))
    }
}

fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&e| e.source())
}

/// The error and its causes in one line. Some errors say what their cause says; it is not said again.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for cause in causes(error) {
        let more = cause.to_string();
        if text.is_empty() {
            text = more;
        } else if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
    }
    text
}

impl From<MediaError> for Failure {
    fn from(e: MediaError) -> Self {
        Self { hint: e.hint(), place: None, code: INPUT, error: e.into() }
    }
}

impl From<RecipeError> for Failure {
    fn from(e: RecipeError) -> Self {
        let code = if e.is_unreadable() { FAILED } else { USAGE };
        Self { hint: e.hint(), place: None, code, error: e.into() }
    }
}

impl From<SelectionError> for Failure {
    fn from(e: SelectionError) -> Self {
        let code = if matches!(e, SelectionError::Empty { .. }) { INPUT } else { USAGE };
        Self { hint: e.hint(), place: None, code, error: e.into() }
    }
}

impl From<PlanError> for Failure {
    fn from(e: PlanError) -> Self {
        let code = match &e {
            PlanError::Metadata { .. }
            | PlanError::Selection(SelectionError::Empty { .. })
            | PlanError::Boot { .. }
            | PlanError::Esp(_) => INPUT,
            PlanError::Volume { source, .. } if !is_setting(source) => INPUT,
            _ => USAGE,
        };
        Self { hint: e.hint(), place: None, code, error: e.into() }
    }
}

/// Whether the volume can't be because of a setting, and not because of the image.
fn is_setting(e: &LayoutError) -> bool {
    matches!(
        e,
        LayoutError::TooSmall { .. }
            | LayoutError::TooLarge { .. }
            | LayoutError::ClusterSize { .. }
            | LayoutError::SectorSize(_)
            | LayoutError::BootCode { .. }
            | LayoutError::HiddenSectors(_)
            | LayoutError::LabelTooLong { .. }
    )
}

impl From<OutputError> for Failure {
    fn from(e: OutputError) -> Self {
        Self { hint: e.hint(), place: None, code: FAILED, error: e.into() }
    }
}

impl From<BuildError> for Failure {
    fn from(e: BuildError) -> Self {
        let code = match &e {
            BuildError::Cancelled => INTERRUPTED,
            BuildError::Findings(_) => FINDINGS,
            BuildError::Content { .. }
            | BuildError::Wim { .. }
            | BuildError::HostFile { .. }
            | BuildError::HostFileChanged { .. } => INPUT,
            _ => FAILED,
        };
        Self { hint: e.hint(), place: None, code, error: e.into() }
    }
}

impl From<InputError> for Failure {
    fn from(e: InputError) -> Self {
        Self { hint: e.hint(), place: None, code: INPUT, error: e.into() }
    }
}

impl From<VolumeError> for Failure {
    fn from(e: VolumeError) -> Self {
        match e {
            VolumeError::Selection(e) => e.into(),
            VolumeError::NoPartition { .. } => Self { hint: e.hint(), place: None, code: USAGE, error: e.into() },
            e => Self { hint: e.hint(), place: None, code: INPUT, error: e.into() },
        }
    }
}

impl From<ExtractError> for Failure {
    fn from(e: ExtractError) -> Self {
        let code = match e {
            ExtractError::Path(e) => return e.into(),
            ExtractError::Content { .. } | ExtractError::Container { .. } => INPUT,
            ExtractError::Cancelled => INTERRUPTED,
            _ => FAILED,
        };
        Self { hint: e.hint(), place: None, code, error: e.into() }
    }
}

impl From<VerifyError> for Failure {
    fn from(e: VerifyError) -> Self {
        let code = match &e {
            VerifyError::Cancelled => INTERRUPTED,
            VerifyError::Read { .. } => FAILED,
            _ => INPUT,
        };
        Self { hint: e.hint(), place: None, code, error: e.into() }
    }
}

impl From<BrowseError> for Failure {
    fn from(e: BrowseError) -> Self {
        let code = match &e {
            BrowseError::Content { .. } => INPUT,
            _ => FAILED,
        };
        Self { hint: e.hint(), place: None, code, error: e.into() }
    }
}

/// Standard output fails.
impl From<io::Error> for Failure {
    fn from(e: io::Error) -> Self {
        Self { error: e.into(), hint: None, place: None, code: FAILED }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(e: serde_json::Error) -> Self {
        io::Error::from(e).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_said_once() {
        let twice = io::Error::other(io::Error::other("disk on fire"));
        assert_eq!(chain(&twice), "disk on fire");
        let media = MediaError::Io { path: "x.wim".into(), source: io::Error::other("gone") };
        assert_eq!(chain(&media), "can't read the media `x.wim`: gone");
    }
}
