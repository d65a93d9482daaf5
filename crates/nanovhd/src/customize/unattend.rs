//! The answer file of Windows' own setup.
//!
//! # Where it lies
//!
//! At its first start, Windows looks for `Unattend.xml` in `\Windows\Panther\Unattend`, then in
//! `\Windows\Panther`, and takes the first one whole ("Windows Setup", "Implicit answer file search order").
//! So there is one file: in the former folder if the image has one there, else `\Windows\Panther\unattend.xml`.
//!
//! # Whose settings win
//!
//! A file of the user's (`unattend`) takes the place of one that the image has. It is kept to the letter, and
//! settings made here are put between its own where it says nothing about the same thing: pass, component,
//! element. What it says wins, and a warning tells so. Without such a file, settings made here go into the one
//! that the image has, and win; all else in that one stays. A password or a join is one thing: its parts are
//! never mixed.
//!
//! # Passes
//!
//! `specialize` and `oobeSystem` are carried out at the first start. `offlineServicing` is carried out by DISM
//! alone, in the image, which is not to hand here. What a file of the user's has there of name, password and
//! join is therefore set for the first start, too, unless the file says something else for it: files for Nano
//! Server have it there. The other way round, settings made here are written for DISM, too, so that the same file
//! does the same if somebody applies it.

use sha2::{Digest, Sha256};

use nanovhd_tree::Content;

use super::apply::{Context, Way};
use super::files::read_host;
use super::identity::{self, SHELL};
use super::unattend_file::{AnswerFile, Winner};
use super::{Customization, CustomizeError, Secret, domain};

/// Where Windows looks first, and second.
const PLACES: [&str; 2] = [r"\Windows\Panther\Unattend\Unattend.xml", r"\Windows\Panther\unattend.xml"];
/// The largest answer file that is read; real ones have some dozens of KiB.
const MAX_FILE: u64 = 4 << 20;

/// When a setting is carried out. "Windows Setup Configuration Passes".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pass {
    /// By DISM, in the image.
    OfflineServicing,
    /// At the first start, before anybody can log on.
    Specialize,
    /// After it, before the first logon.
    OobeSystem,
}

impl Pass {
    /// Its name in answer files.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::OfflineServicing => "offlineServicing",
            Self::Specialize => "specialize",
            Self::OobeSystem => "oobeSystem",
        }
    }
}

/// What an element holds.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// Text.
    Text(String),
    /// Elements with text, which are one thing together.
    Fields(Vec<(&'static str, String)>),
}

/// A setting of an answer file.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) pass: Pass,
    pub(super) component: &'static str,
    /// Names of elements below the component, with `/` between.
    pub(super) path: &'static str,
    pub(super) value: Value,
}

/// Settings for the answer file, in the order in which they are written. Some are secret, so they can't be shown.
#[derive(Default)]
pub(crate) struct Answers(Vec<Answer>);

impl Answers {
    /// Sets the text of an element. `path` is that below the component, with `/` between names.
    pub(crate) fn set(&mut self, pass: Pass, component: &'static str, path: &'static str, text: impl Into<String>) {
        self.0.push(Answer { pass, component, path, value: Value::Text(text.into()) });
    }

    /// Sets an element with fields that are one thing together, such as a password and how it is written.
    pub(crate) fn set_fields(
        &mut self,
        pass: Pass,
        component: &'static str,
        path: &'static str,
        fields: Vec<(&'static str, String)>,
    ) {
        self.0.push(Answer { pass, component, path, value: Value::Fields(fields) });
    }
}

/// Writes the answer file, if there is anything for it.
///
/// # Errors
/// The user's file can't be read or is no answer file; something in the image is in the way.
pub(super) fn apply(custom: &Customization, context: &mut Context<'_>) -> Result<(), CustomizeError> {
    let mut answers = std::mem::take(&mut context.answers).0;
    // Windows doesn't care, but readers do: passes in the order in which they are carried out.
    answers.sort_by_key(|answer| answer.pass);
    let place = PLACES.into_iter().find(|place| context.files.find(place).is_some()).unwrap_or(PLACES[1]);
    let (file, winner) = match &custom.unattend {
        Some(path) => (users(path, context)?, Winner::File),
        None if answers.is_empty() => return Ok(()),
        None => (of_image(place, context)?, Winner::Answers),
    };
    if custom.unattend.is_some() {
        // Behind the others, so that it wins over them.
        answers.extend(carried(&file, context));
        answers.sort_by_key(|answer| answer.pass);
    }
    let merged = file.merge(&answers, context.architecture(), winner);
    for (pass, path) in merged.kept {
        context.warn(format!(
            "the answer file that unattend names has its own {path} in the pass {}, which wins over the setting made \
             beside it",
            pass.name()
        ));
    }
    context.files.write(place, Content::bytes(merged.bytes))?;
    if custom.unattend.is_some() {
        context.say("unattend", Way::File, format!("{place}; what it says wins over other settings"));
    }
    Ok(())
}

/// The user's own file.
fn users(path: &std::path::Path, context: &mut Context<'_>) -> Result<AnswerFile, CustomizeError> {
    let bytes = read_host(path, MAX_FILE).map_err(|source| CustomizeError::Host {
        setting: "unattend",
        path: path.to_owned(),
        source,
    })?;
    let file = AnswerFile::read(bytes).map_err(|fault| {
        let problem = format!("`{}` is no answer file: {fault}", path.display());
        let hint = "an answer file is XML in UTF-8 or UTF-16, with the root <unattend \
                    xmlns=\"urn:schemas-microsoft-com:unattend\">";
        CustomizeError::setting("unattend", problem, fault.hint().unwrap_or_else(|| hint.to_owned()))
    })?;
    context.input("unattend", &Sha256::digest(file.without_secrets()));
    for warning in file.warnings(context.architecture()) {
        context.warn(format!("the answer file that unattend names {warning}"));
    }
    Ok(file)
}

/// What a file has for DISM to set, as it is set at the first start.
fn carried(file: &AnswerFile, context: &mut Context<'_>) -> Vec<Answer> {
    let architecture = context.architecture();
    let offline = |component: &str, path: &str| file.text(Pass::OfflineServicing, component, architecture, path);
    let mut carried = Answers::default();
    if let Some(name) = offline(SHELL, "ComputerName") {
        carried.set(Pass::Specialize, SHELL, "ComputerName", name);
    }
    let field = |field: &str| offline(SHELL, &format!("OfflineUserAccounts/OfflineAdministratorPassword/{field}"));
    let hidden = field("PlainText").is_some_and(|plain| matches!(plain.as_str(), "false" | "0"));
    let password = field("Value").map(|value| {
        if hidden { identity::revealed(&value, "OfflineAdministratorPassword") } else { Some(Secret::new(value)) }
    });
    match password {
        Some(Some(password)) => identity::set_password(&mut carried, Pass::OobeSystem, &password),
        Some(None) => context.warn(
            "the answer file that unattend names has an OfflineAdministratorPassword that is not encoded as Windows does",
        ),
        None => {}
    }
    if let Some(blob) = offline(domain::JOIN, "OfflineIdentification/Provisioning/AccountData") {
        let fields = vec![("AccountData", blob)];
        carried.set_fields(Pass::Specialize, domain::JOIN, "Identification/Provisioning", fields);
    }
    for answer in &carried.0 {
        let name = answer.path.split('/').next_back().unwrap_or_default();
        context.say("unattend", Way::Unattend, format!("what it has for DISM is set at the first start: {name}"));
    }
    carried.0
}

/// The file that the image has, or one without anything in it.
fn of_image(place: &str, context: &mut Context<'_>) -> Result<AnswerFile, CustomizeError> {
    let Some(bytes) = context.files.read(place, MAX_FILE)? else { return Ok(AnswerFile::empty()) };
    AnswerFile::read(bytes).or_else(|fault| {
        context.warn(format!("the image's own {place} is no answer file ({fault}), and is replaced"));
        Ok(AnswerFile::empty())
    })
}
