//! What can be wrong with a store, and with what is asked of it.

use std::fmt;

use nanovhd_hive::{EditError, OpenError, ValueType, WriteError};
use thiserror::Error;
use uuid::Uuid;

use super::device::DeviceFault;
use super::diagnostics::DiagnosticsError;
use super::element::{ElementId, Format};
use super::id::named;
use super::kind::ObjectKind;

/// Why a store can't be read, edited, made or written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BcdError {
    /// It is no registry hive, or a damaged one.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A hive can't hold what was asked for.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The hive can't be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The hive is something else.
    #[error("the registry hive has no key {missing:?}, so it is no boot configuration store")]
    NotAStore {
        /// The key.
        missing: &'static str,
    },
    /// The store has no such object.
    #[error("the store has no object {}", named(*.0))]
    NoObject(Uuid),
    /// The store has such an object already.
    #[error("the store has an object {} already", named(*.0))]
    ObjectExists(Uuid),
    /// An element of this number is of another format.
    #[error("the element {element} of {} is of the format {expected}, so it can't be {found}", named(*.object))]
    Format {
        /// The object.
        object: Uuid,
        /// The element.
        element: ElementId,
        /// What its number says.
        expected: Format,
        /// What it should be set to.
        found: &'static str,
    },
    /// A text has a character in it that ends texts.
    #[error("{what} {text:?} has a zero in it")]
    Zero {
        /// What the text is.
        what: &'static str,
        /// The text.
        text: String,
    },
    /// Two objects of a new store would be the same one.
    #[error("the new objects can't both be {0}, nor one that the template has")]
    SameObject(Uuid),
    /// What is to be set can't be.
    #[error(transparent)]
    Diagnostics(#[from] DiagnosticsError),
    /// A template lacks an object.
    #[error("the template has no object {}, {what}", named(*.id))]
    TemplateObject {
        /// The object.
        id: Uuid,
        /// What it is.
        what: &'static str,
    },
    /// An object of a template is another than its GUID says.
    #[error("the template's object {}, {what}, is of the kind {found}, expected {expected}", named(*.id))]
    TemplateKind {
        /// The object.
        id: Uuid,
        /// What it should be.
        what: &'static str,
        /// What it is.
        found: ObjectKind,
        /// What its kind should be.
        expected: ObjectKind,
    },
    /// An object of a template lacks an element, or has another than it should have.
    #[error("the template's element {element} of {}, {what}, is {found}, expected {expected}", named(*.id))]
    TemplateElement {
        /// The object.
        id: Uuid,
        /// The element.
        element: ElementId,
        /// What it is for.
        what: &'static str,
        /// What is there.
        found: String,
        /// What should be there.
        expected: &'static str,
    },
}

/// Something in a store that is not as it should be. It is not in the store's objects, or it is an
/// [unknown value](super::Value::Unknown) or [device](super::Device::Unknown) of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The path of the key.
    pub path: String,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a key of a store.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Fault {
    /// The key is not there.
    #[error("there is no such key")]
    NoKey,
    /// The key's name is of another form.
    #[error("the name of the key is not {expected}")]
    KeyName {
        /// The form.
        expected: &'static str,
    },
    /// The key lacks a value.
    #[error("there is no value {name:?}")]
    NoValue {
        /// Its name.
        name: &'static str,
    },
    /// The value is of another type.
    #[error("the value {name:?} is of the type {found}, expected {expected}")]
    Type {
        /// Its name.
        name: &'static str,
        /// What it should be.
        expected: ValueType,
        /// What it is.
        found: ValueType,
    },
    /// The value has too few or too many bytes.
    #[error("the value {name:?} has {found} bytes, expected {expected}")]
    Size {
        /// Its name.
        name: &'static str,
        /// How many it should have.
        expected: &'static str,
        /// How many it has.
        found: usize,
    },
    /// The value is no text.
    #[error("the value {name:?} is not UTF-16")]
    Text {
        /// Its name.
        name: &'static str,
    },
    /// The value is no GUID.
    #[error("the value {name:?} has {found:?}, expected a GUID in braces")]
    Guid {
        /// Its name.
        name: &'static str,
        /// The text.
        found: String,
    },
    /// The device makes no sense.
    #[error("the device: {0}")]
    Device(#[from] DeviceFault),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", nanovhd_tree::visible(&self.path), self.fault)
    }
}
