//! New stores, made of a template as bcdboot makes them.
//!
//! Microsoft, "BCDBoot command-line options", says that a new store comes from
//! `\Windows\System32\config\BCD-Template`. How, can be seen from a template and the store that it became:
//!
//! * The loader for the machine's firmware, and what resumes it, become objects with GUIDs of their own.
//!   Loaders for the other firmware, for Setup and for Windows before Vista are left out; all else stays.
//! * Elements of class 4 say what to do, and are not in the result: where a program is, its path
//!   below the Windows directory, and which texts it gets.
//! * The boot manager gets the loader as what it shows and starts. With a BIOS it has no path.
//!
//! The rest, such as the no-execute policy, is the template's business: a server's has other values than a
//! client's.

use nanovhd_tree::Filetime;
use uuid::Uuid;

use super::defaults::{self, MEMDIAG_TEXT, ON_SYSTEM, ON_WINDOWS, WINDOWS_TEXT};
use super::device::Device;
use super::element::{self, ElementId};
use super::error::BcdError;
use super::id;
use super::kind::ObjectKind;
use super::store::{Object, Store, no_zero};
use super::value::Value;
use crate::Firmware;

/// What a new store is made of.
#[derive(Debug, Clone)]
pub struct NewStore<'a> {
    /// What starts the machine.
    pub firmware: Firmware,
    /// The bytes of the image's template, or nothing for what a server's would be.
    pub template: Option<&'a [u8]>,
    /// The partition with the boot manager and the store. The element of a [`Device::Locate`] is replaced by
    /// the one that names the file to look for, here and in `os`.
    pub system: Device,
    /// The partition with Windows.
    pub os: Device,
    /// The name of the Windows that people see.
    pub description: &'a str,
    /// The GUID of the loader's object.
    pub loader: Uuid,
    /// The GUID of the object that resumes Windows from hibernation.
    pub resume: Uuid,
    /// When the store is made.
    pub time: Filetime,
}

impl NewStore<'_> {
    /// Makes the store.
    ///
    /// # Errors
    /// What is wrong with the template: [`BcdError::Open`] and [`BcdError::NotAStore`] when it can't be read,
    /// [`BcdError::TemplateObject`], [`BcdError::TemplateKind`] and [`BcdError::TemplateElement`] when it lacks
    /// something. With the rest: [`BcdError::Zero`], [`BcdError::SameObject`], [`BcdError::Edit`].
    pub fn make(&self) -> Result<Store, BcdError> {
        no_zero("the name of the Windows", self.description)?;
        let template = match self.template {
            Some(bytes) => Store::open(bytes)?.objects().cloned().collect(),
            None => defaults::objects(),
        };
        let file_name = match self.firmware {
            Firmware::Bios => r"\Boot\BCD",
            Firmware::Uefi => r"\EFI\Microsoft\Boot\BCD",
        };
        Store::create(file_name, &self.objects(&template)?, self.time)
    }

    /// The objects of the store.
    fn objects(&self, template: &[Object]) -> Result<Vec<Object>, BcdError> {
        object_of(template, id::BOOTMGR, ObjectKind::BOOT_MANAGER, "the boot manager")?;
        let target = self.target(template)?;
        let windows = text_of(target, element::SYSTEM_ROOT, "the Windows directory")?;
        let mut objects: Vec<Object> = template.iter().filter(|object| stays(object)).cloned().collect();
        let mut loader = Object { id: self.loader, ..target.clone() };
        let resume = resume_of(template, target)?;
        if let Some(resume) = resume {
            loader.put(element::ASSOCIATED_RESUME_OBJECT, Value::Object(self.resume));
            objects.push(Object { id: self.resume, ..resume.clone() });
        }
        objects.push(loader);
        self.check_ids(&objects)?;
        let tests_memory = objects.iter().any(|object| object.id == id::MEMDIAG);
        for object in &mut objects {
            self.follow_template(object, windows)?;
            match object.id {
                id::BOOTMGR => self.set_boot_manager(object, resume.is_some(), tests_memory),
                id::MEMDIAG if self.firmware == Firmware::Uefi => {
                    object.put(element::APPLICATION_PATH, Value::text(r"\EFI\Microsoft\Boot\memtest.efi"));
                }
                _ => {}
            }
        }
        Ok(objects)
    }

    /// The loader of a template for the machine's firmware, which must say where it is.
    fn target<'o>(&self, template: &'o [Object]) -> Result<&'o Object, BcdError> {
        let (id, what) = match self.firmware {
            Firmware::Bios => (id::BIOS_TARGET, "the Windows loader for a BIOS"),
            Firmware::Uefi => (id::UEFI_TARGET, "the Windows loader for UEFI"),
        };
        let target = object_of(template, id, ObjectKind::LOADER, what)?;
        text_of(target, element::TEMPLATE_PATH, PATH)?;
        match target.integer(element::TEMPLATE_DEVICE) {
            Some(ON_WINDOWS) => Ok(target),
            _ => Err(wrong(target, element::TEMPLATE_DEVICE, PLACE, "2 (the partition of Windows)")),
        }
    }

    /// Refuses GUIDs that would make two objects one.
    fn check_ids(&self, objects: &[Object]) -> Result<(), BcdError> {
        for id in [self.loader, self.resume] {
            if objects.iter().filter(|object| object.id == id).count() > 1 {
                return Err(BcdError::SameObject(id));
            }
        }
        Ok(())
    }

    /// Does what the elements of class 4 say, and drops them.
    fn follow_template(&self, object: &mut Object, windows: &str) -> Result<(), BcdError> {
        if object.get(element::TEMPLATE_PATH).is_some() {
            let path = text_of(object, element::TEMPLATE_PATH, PATH)?;
            object.put(element::APPLICATION_PATH, Value::Text(format!("{windows}{path}")));
        }
        if let Some(place) = object.get(element::TEMPLATE_DEVICE) {
            let device = match place {
                Value::Integer(ON_SYSTEM) => &self.system,
                Value::Integer(ON_WINDOWS) => &self.os,
                _ => {
                    let expected = "1 (the system partition) or 2 (that of Windows)";
                    return Err(wrong(object, element::TEMPLATE_DEVICE, PLACE, expected));
                }
            };
            let has_windows =
                *place == Value::Integer(ON_WINDOWS) && object.boolean(element::TEMPLATE_IS_NO_LOADER) != Some(true);
            object.put(element::APPLICATION_DEVICE, found_by(device, element::APPLICATION_PATH));
            if has_windows {
                object.put(element::OS_DEVICE, found_by(device, element::SYSTEM_ROOT));
            }
        }
        self.set_texts(object);
        object.elements.retain(|element| element.id.class() != TEMPLATE_CLASS);
        Ok(())
    }

    /// Sets texts that come from bcdboot and not from the template. One that nobody knows is left out: a
    /// program can do without a name.
    fn set_texts(&self, object: &mut Object) {
        let Some(Value::Integers(pairs)) = object.get(element::TEMPLATE_TEXTS) else {
            return;
        };
        for pair in pairs.clone().chunks_exact(2) {
            let text = match pair[1] {
                MEMDIAG_TEXT => "Windows Memory Diagnostic",
                WINDOWS_TEXT => self.description,
                _ => continue,
            };
            if pair[0] == u64::from(element::DESCRIPTION.0) {
                object.put(element::DESCRIPTION, Value::text(text));
            }
        }
    }

    fn set_boot_manager(&self, object: &mut Object, resumes: bool, tests_memory: bool) {
        match self.firmware {
            // The boot record knows where it is.
            Firmware::Bios => object.elements.retain(|element| element.id != element::APPLICATION_PATH),
            Firmware::Uefi if object.get(element::APPLICATION_PATH).is_none() => {
                object.put(element::APPLICATION_PATH, Value::text(r"\EFI\Microsoft\Boot\bootmgfw.efi"));
            }
            Firmware::Uefi => {}
        }
        object.put(element::APPLICATION_DEVICE, found_by(&self.system, element::APPLICATION_PATH));
        object.put(element::DEFAULT_OBJECT, Value::Object(self.loader));
        object.put(element::DISPLAY_ORDER, Value::Objects(vec![self.loader]));
        if resumes {
            object.put(element::RESUME_OBJECT, Value::Object(self.resume));
        }
        if tests_memory {
            object.put(element::TOOLS_DISPLAY_ORDER, Value::Objects(vec![id::MEMDIAG]));
        }
    }
}

/// The class of elements that only templates have.
const TEMPLATE_CLASS: u32 = 4;
/// What [`element::TEMPLATE_PATH`] is, for messages.
const PATH: &str = "the path of a program";
/// What [`element::TEMPLATE_DEVICE`] is, for messages.
const PLACE: &str = "the place of a program";
/// Objects that are in a template to be copied, or not at all.
const TARGETS: [Uuid; 6] =
    [id::BIOS_TARGET, id::UEFI_TARGET, id::BIOS_RESUME, id::UEFI_RESUME, id::BIOS_SETUP, id::UEFI_SETUP];

/// Whether an object of a template is also one of the store. A program whose path is below the Windows directory
/// is one to be copied, whatever its GUID.
fn stays(object: &Object) -> bool {
    let is_target = object.kind.is_application() && object.get(element::TEMPLATE_PATH).is_some();
    !is_target && !TARGETS.contains(&object.id) && object.kind != ObjectKind::NTLDR
}

/// The device, found by the file that `named_by` names if it is to be looked for.
fn found_by(device: &Device, named_by: ElementId) -> Value {
    let mut device = device.clone();
    if let Device::Locate { element, path, .. } = &mut device
        && path.is_empty()
    {
        *element = named_by;
    }
    Value::Device(device)
}

/// What resumes the loader's Windows from hibernation, if anything does.
fn resume_of<'o>(template: &'o [Object], target: &Object) -> Result<Option<&'o Object>, BcdError> {
    const WHAT: &str = "what resumes from hibernation";
    match target.get(element::ASSOCIATED_RESUME_OBJECT) {
        None => Ok(None),
        Some(&Value::Object(id)) => {
            let resume = object_of(template, id, ObjectKind::RESUME, WHAT)?;
            text_of(resume, element::TEMPLATE_PATH, PATH)?;
            Ok(Some(resume))
        }
        Some(_) => Err(wrong(target, element::ASSOCIATED_RESUME_OBJECT, WHAT, "an object")),
    }
}

fn object_of<'o>(
    template: &'o [Object],
    id: Uuid,
    expected: ObjectKind,
    what: &'static str,
) -> Result<&'o Object, BcdError> {
    let missing = BcdError::TemplateObject { id, what };
    let object = template.iter().find(|object| object.id == id).ok_or(missing)?;
    let found = object.kind;
    if found == expected { Ok(object) } else { Err(BcdError::TemplateKind { id, what, found, expected }) }
}

fn text_of<'o>(object: &'o Object, element: ElementId, what: &'static str) -> Result<&'o str, BcdError> {
    object.text(element).ok_or_else(|| wrong(object, element, what, "a string"))
}

fn wrong(object: &Object, element: ElementId, what: &'static str, expected: &'static str) -> BcdError {
    let found = match object.get(element) {
        None => "not there".to_owned(),
        Some(value) => super::show::value(object, element, value).join(" "),
    };
    BcdError::TemplateElement { id: object.id, element, what, found, expected }
}
