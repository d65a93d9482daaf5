//! A store: the hive, and the objects in it.
//!
//! ```text
//!  root
//!  ├─ Description                          KeyName, System, …
//!  └─ Objects
//!     └─ {9dea862c-5cdd-4e70-acc1-f32b344d4795}
//!        ├─ Description                    Type: what the object is
//!        └─ Elements
//!           ├─ 11000001                    Element: the device
//!           └─ 12000004                    Element: the text that people see
//! ```
//!
//! Edits are edits of the hive, so that what a store has besides this stays: other values, security, times.

use nanovhd_hive::{Hive, Key, KeyId, MinorVersion, Options, ValueData, ValueType};
use nanovhd_tree::Filetime;
use uuid::Uuid;

use super::device::Device;
use super::element::ElementId;
use super::error::{BcdError, Fault, Note};
use super::kind::ObjectKind;
use super::value::{ELEMENT, Value};
use super::{id, security};

const DESCRIPTION: &str = "Description";
const OBJECTS: &str = "Objects";
const ELEMENTS: &str = "Elements";
const TYPE: &str = "Type";
const KEY_NAME: &str = "KeyName";
const SYSTEM: &str = "System";

/// A boot configuration store.
#[derive(Debug, Clone)]
pub struct Store {
    hive: Hive,
    objects: Vec<Object>,
    notes: Vec<Note>,
}

/// An object of a store: a program, settings or a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Which one it is.
    pub id: Uuid,
    /// What it is; zero where the store doesn't say.
    pub kind: ObjectKind,
    /// What it is set to, in the order of the numbers.
    pub elements: Vec<Element>,
}

/// An element of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// What it means.
    pub id: ElementId,
    /// What it is set to.
    pub value: Value,
}

impl Object {
    /// What an element is set to.
    pub fn get(&self, element: ElementId) -> Option<&Value> {
        // Showing a store asks for one element as often as there are devices.
        let place = self.elements.partition_point(|known| known.id < element);
        self.elements.get(place).filter(|known| known.id == element).map(|known| &known.value)
    }

    /// The text that an element is set to.
    pub fn text(&self, element: ElementId) -> Option<&str> {
        match self.get(element)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The device that an element is set to.
    pub fn device(&self, element: ElementId) -> Option<&Device> {
        match self.get(element)? {
            Value::Device(device) => Some(device),
            _ => None,
        }
    }

    /// The object that an element is set to.
    pub fn object(&self, element: ElementId) -> Option<Uuid> {
        match self.get(element)? {
            Value::Object(id) => Some(*id),
            _ => None,
        }
    }

    /// The objects that an element is set to.
    pub fn objects(&self, element: ElementId) -> Option<&[Uuid]> {
        match self.get(element)? {
            Value::Objects(ids) => Some(ids),
            _ => None,
        }
    }

    /// The integer that an element is set to.
    pub fn integer(&self, element: ElementId) -> Option<u64> {
        match self.get(element)? {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// What an element is set to, yes or no.
    pub fn boolean(&self, element: ElementId) -> Option<bool> {
        match self.get(element)? {
            Value::Boolean(yes) => Some(*yes),
            _ => None,
        }
    }

    /// Sets an element, in its place among the others.
    pub(super) fn put(&mut self, id: ElementId, value: Value) {
        match self.elements.binary_search_by_key(&id, |element| element.id) {
            Ok(place) => self.elements[place].value = value,
            Err(place) => self.elements.insert(place, Element { id, value }),
        }
    }
}

impl Store {
    /// Reads the store in `file`, a whole file.
    ///
    /// # Errors
    /// [`BcdError::Open`] for what is no hive, a damaged one, or one whose last write did not end;
    /// [`BcdError::NotAStore`] for another hive. What is wrong with objects is in [`Store::notes`].
    pub fn open(file: impl Into<Vec<u8>>) -> Result<Self, BcdError> {
        Self::from_hive(Hive::open(file)?)
    }

    /// The store in a hive.
    ///
    /// # Errors
    /// [`BcdError::NotAStore`].
    pub fn from_hive(hive: Hive) -> Result<Self, BcdError> {
        if hive.root().subkey(OBJECTS).is_none() {
            return Err(BcdError::NotAStore { missing: OBJECTS });
        }
        let mut store = Self { hive, objects: Vec::new(), notes: Vec::new() };
        store.read();
        Ok(store)
    }

    /// Whether a hive is a boot configuration store.
    pub fn is_store(hive: &Hive) -> bool {
        [DESCRIPTION, OBJECTS].iter().all(|name| hive.root().subkey(name).is_some())
    }

    /// A store of these objects, marked as that of the system.
    pub(super) fn create(file_name: &str, objects: &[Object], time: Filetime) -> Result<Self, BcdError> {
        let mut hive = Hive::create(&Options {
            minor_version: MinorVersion::V3,
            root_name: "NewStoreRoot",
            file_name,
            security: security::DESCRIPTION,
            time,
        })?;
        let root = hive.root_id();
        let description = hive.create_key(root, DESCRIPTION, time)?;
        hive.set_value(description, KEY_NAME, ValueData::sz("BCD00000000"), time)?;
        hive.set_value(description, SYSTEM, ValueData::dword(1), time)?;
        // All objects take it over.
        let key = hive.create_key(root, OBJECTS, time)?;
        hive.set_security(key, security::OBJECTS, time)?;
        let mut store = Self { hive, objects: Vec::new(), notes: Vec::new() };
        for object in objects {
            store.write_object(object.id, object.kind, time)?;
            for element in &object.elements {
                store.write_element(object.id, element.id, element.value.encode(), time)?;
            }
        }
        store.read();
        Ok(store)
    }

    /// The hive that the store is.
    pub fn hive(&self) -> &Hive {
        &self.hive
    }

    /// The store as a file.
    ///
    /// # Errors
    /// [`BcdError::Write`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, BcdError> {
        Ok(self.hive.to_bytes()?)
    }

    /// The objects, in the order of their GUIDs' digits.
    pub fn objects(&self) -> impl ExactSizeIterator<Item = &Object> + Clone {
        self.objects.iter()
    }

    /// The object with a GUID.
    pub fn object(&self, id: Uuid) -> Option<&Object> {
        self.objects.iter().find(|object| object.id == id)
    }

    /// What is not as it should be, and what of the store is therefore not among its objects.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Where Windows loads the store: `BCD00000000` if it is the system's.
    pub fn key_name(&self) -> Option<String> {
        self.hive.find(DESCRIPTION)?.value(KEY_NAME)?.as_str()
    }

    /// Whether the store says that it is the system's.
    pub fn is_system(&self) -> bool {
        let value = self.hive.find(DESCRIPTION).and_then(|key| key.value(SYSTEM));
        value.and_then(nanovhd_hive::Value::as_u32).is_some_and(|number| number != 0)
    }

    /// Sets an element of an object. Time goes to the keys that change. What is refused changes nothing.
    ///
    /// # Errors
    /// [`BcdError::NoObject`]; [`BcdError::Format`] if the element's number says another format;
    /// [`BcdError::Zero`] for a text with a zero; [`BcdError::Edit`] for one that is too long.
    pub fn set(&mut self, object: Uuid, element: ElementId, value: &Value, time: Filetime) -> Result<(), BcdError> {
        let expected = element.format();
        if value.format().is_some_and(|format| format != expected) {
            return Err(BcdError::Format { object, element, expected, found: value.what() });
        }
        if let Value::Text(text) = value {
            no_zero("the text", text)?;
        }
        // A new key whose value is refused must not stay. Stores are small.
        let before = self.hive.clone();
        self.write_element(object, element, value.encode(), time).inspect_err(|_| self.hive = before)?;
        self.read();
        Ok(())
    }

    /// Removes an element, and says whether there was one.
    ///
    /// # Errors
    /// [`BcdError::NoObject`].
    pub fn remove(&mut self, object: Uuid, element: ElementId, time: Filetime) -> Result<bool, BcdError> {
        let key = self.key_of(object)?;
        let found = key.subkey(ELEMENTS).and_then(|key| key.subkey(&element.to_string())).map(Key::id);
        if let Some(found) = found {
            self.hive.delete_key(found, time)?;
            self.read();
        }
        Ok(found.is_some())
    }

    /// Adds an object without elements.
    ///
    /// # Errors
    /// [`BcdError::ObjectExists`].
    pub fn add_object(&mut self, object: Uuid, kind: ObjectKind, time: Filetime) -> Result<(), BcdError> {
        if self.key_of(object).is_ok() {
            return Err(BcdError::ObjectExists(object));
        }
        self.write_object(object, kind, time)?;
        self.read();
        Ok(())
    }

    /// Removes an object with its elements. What refers to it is left alone.
    ///
    /// # Errors
    /// [`BcdError::NoObject`].
    pub fn remove_object(&mut self, object: Uuid, time: Filetime) -> Result<(), BcdError> {
        let key = self.key_of(object)?.id();
        self.hive.delete_key(key, time)?;
        self.read();
        Ok(())
    }

    fn key_of(&self, object: Uuid) -> Result<Key<'_>, BcdError> {
        let objects = self.hive.root().subkey(OBJECTS);
        objects.and_then(|key| key.subkey(&object.braced().to_string())).ok_or(BcdError::NoObject(object))
    }

    fn write_object(&mut self, object: Uuid, kind: ObjectKind, time: Filetime) -> Result<KeyId, BcdError> {
        let key = self.hive.create_key(self.hive.root_id(), &format!(r"{OBJECTS}\{}", object.braced()), time)?;
        let description = self.hive.create_key(key, DESCRIPTION, time)?;
        self.hive.set_value(description, TYPE, ValueData::dword(kind.0), time)?;
        Ok(self.hive.create_key(key, ELEMENTS, time)?)
    }

    fn write_element(
        &mut self,
        object: Uuid,
        element: ElementId,
        data: ValueData,
        time: Filetime,
    ) -> Result<(), BcdError> {
        let key = self.key_of(object)?.id();
        let key = self.hive.create_key(key, &format!(r"{ELEMENTS}\{element}"), time)?;
        Ok(self.hive.set_value(key, ELEMENT, data, time)?)
    }

    /// Reads the objects out of the hive.
    fn read(&mut self) {
        let (mut objects, mut notes) = (Vec::new(), Vec::new());
        let root = self.hive.root();
        if root.subkey(DESCRIPTION).is_none() {
            notes.push(Note { path: DESCRIPTION.to_owned(), fault: Fault::NoKey });
        }
        for key in root.subkey(OBJECTS).into_iter().flat_map(Key::subkeys) {
            match id::parse(&key.name().to_string()) {
                Some(id) => objects.push(read_object(id, key, &mut notes)),
                None => notes.push(note(key, Fault::KeyName { expected: "a GUID in braces" })),
            }
        }
        objects.sort_by_key(|object| object.id);
        (self.objects, self.notes) = (objects, notes);
    }
}

fn note(key: Key<'_>, fault: Fault) -> Note {
    Note { path: key.path(), fault }
}

/// The subkey of a name, or a note that there is none.
fn subkey<'a>(key: Key<'a>, name: &'static str, notes: &mut Vec<Note>) -> Option<Key<'a>> {
    let found = key.subkey(name);
    if found.is_none() {
        notes.push(Note { path: format!(r"{}\{name}", key.path()), fault: Fault::NoKey });
    }
    found
}

fn read_object(id: Uuid, key: Key<'_>, notes: &mut Vec<Note>) -> Object {
    let kind = subkey(key, DESCRIPTION, notes).and_then(|key| read_kind(key, notes)).unwrap_or(ObjectKind(0));
    let elements = subkey(key, ELEMENTS, notes).into_iter().flat_map(Key::subkeys);
    let mut elements: Vec<Element> = elements.filter_map(|key| read_element(key, notes)).collect();
    // Only in a hive that somebody else than Windows wrote they aren't sorted.
    elements.sort_by_key(|element| element.id);
    Object { id, kind, elements }
}

fn read_kind(description: Key<'_>, notes: &mut Vec<Note>) -> Option<ObjectKind> {
    let fault = match description.value(TYPE) {
        None => Fault::NoValue { name: TYPE },
        Some(value) if value.kind() != ValueType::DWORD => {
            Fault::Type { name: TYPE, expected: ValueType::DWORD, found: value.kind() }
        }
        Some(value) => match value.as_u32() {
            Some(kind) => return Some(ObjectKind(kind)),
            None => Fault::Size { name: TYPE, expected: "4", found: value.len() },
        },
    };
    notes.push(note(description, fault));
    None
}

fn read_element(key: Key<'_>, notes: &mut Vec<Note>) -> Option<Element> {
    let Some(id) = ElementId::parse(&key.name().to_string()) else {
        notes.push(note(key, Fault::KeyName { expected: "eight hexadecimal digits" }));
        return None;
    };
    let Some(value) = key.value(ELEMENT) else {
        notes.push(note(key, Fault::NoValue { name: ELEMENT }));
        return None;
    };
    let (value, fault) = Value::decode(id.format(), value.kind(), &value.data());
    notes.extend(fault.map(|fault| note(key, fault)));
    Some(Element { id, value })
}

/// Refuses a text that would end before its end.
pub(super) fn no_zero(what: &'static str, text: &str) -> Result<(), BcdError> {
    if text.contains('\0') { Err(BcdError::Zero { what, text: text.to_owned() }) } else { Ok(()) }
}
