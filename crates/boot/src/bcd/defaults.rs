//! The template of images that have none.
//!
//! Its objects and elements are those of Microsoft's template for Windows 10 and later; its values are those
//! of a server, as its bcdedit shows them: programs opt out of the no-execute policy, menus are of text, and
//! the machine waits in front of an error.

use uuid::Uuid;

use super::element::{self, ElementId};
use super::id;
use super::kind::ObjectKind;
use super::store::Object;
use super::value::Value;

/// What [`element::TEMPLATE_DEVICE`] is set to for a program on the system partition.
pub(super) const ON_SYSTEM: u64 = 1;
/// The same for a program on the partition of Windows.
pub(super) const ON_WINDOWS: u64 = 2;
/// The number of the text "Windows Memory Diagnostic".
pub(super) const MEMDIAG_TEXT: u64 = 2;
/// The number of the text that is the name of the Windows.
pub(super) const WINDOWS_TEXT: u64 = 3;

/// The objects of the template, in no order.
pub(super) fn objects() -> Vec<Object> {
    let mut objects = settings();
    objects.push(boot_manager());
    objects.push(memory_tester());
    for (loader, resume, extension, uefi) in
        [(id::BIOS_TARGET, id::BIOS_RESUME, "exe", false), (id::UEFI_TARGET, id::UEFI_RESUME, "efi", true)]
    {
        let mut both = [target(loader, resume, extension), resume_target(resume, extension)];
        if uefi {
            both.iter_mut().for_each(|object| object.put(element::ISOLATED_CONTEXT, Value::Boolean(true)));
        }
        objects.extend(both);
    }
    objects
}

fn object<const N: usize>(id: Uuid, kind: ObjectKind, elements: [(ElementId, Value); N]) -> Object {
    let mut object = Object { id, kind, elements: Vec::new() };
    for (id, value) in elements {
        object.put(id, value);
    }
    object
}

fn inherits<const N: usize>(ids: [Uuid; N]) -> (ElementId, Value) {
    (element::INHERIT, Value::Objects(ids.into()))
}

fn settings() -> Vec<Object> {
    let (any, loaders) = (ObjectKind::INHERITED, ObjectKind::INHERITED_BY_LOADERS);
    let all = [id::DEBUGGER_SETTINGS, id::EMS_SETTINGS, id::BAD_MEMORY];
    let hypervisor = [
        (element::HYPERVISOR_DEBUGGER_TYPE, Value::Integer(0)),
        (element::HYPERVISOR_DEBUGGER_PORT, Value::Integer(1)),
        (element::HYPERVISOR_DEBUGGER_RATE, Value::Integer(115_200)),
    ];
    // 4 is a debugger on the same machine.
    vec![
        object(id::DEBUGGER_SETTINGS, any, [(element::DEBUGGER_TYPE, Value::Integer(4))]),
        object(id::EMS_SETTINGS, any, [(element::BOOT_EMS, Value::Boolean(false))]),
        object(id::BAD_MEMORY, any, []),
        object(id::GLOBAL_SETTINGS, any, [inherits(all)]),
        object(id::LOADER_SETTINGS, loaders, [inherits([id::GLOBAL_SETTINGS, id::HYPERVISOR_SETTINGS])]),
        object(id::HYPERVISOR_SETTINGS, loaders, hypervisor),
        object(id::RESUME_SETTINGS, ObjectKind::INHERITED_BY_RESUME, [inherits([id::GLOBAL_SETTINGS])]),
    ]
}

fn boot_manager() -> Object {
    let elements = [
        (element::DESCRIPTION, Value::text("Windows Boot Manager")),
        (element::LOCALE, Value::text("en-US")),
        inherits([id::GLOBAL_SETTINGS]),
        (element::BOOT_SHUTDOWN_DISABLED, Value::Boolean(true)),
        (element::TIMEOUT, Value::Integer(30)),
        (element::TEMPLATE_DEVICE, Value::Integer(ON_SYSTEM)),
    ];
    object(id::BOOTMGR, ObjectKind::BOOT_MANAGER, elements)
}

fn memory_tester() -> Object {
    let elements = [
        (element::APPLICATION_PATH, Value::text(r"\boot\memtest.exe")),
        (element::LOCALE, Value::text("en-US")),
        inherits([id::GLOBAL_SETTINGS]),
        (element::BAD_MEMORY_ACCESS, Value::Boolean(true)),
        (element::TEMPLATE_DEVICE, Value::Integer(ON_SYSTEM)),
        texts(MEMDIAG_TEXT),
    ];
    object(id::MEMDIAG, ObjectKind::MEMORY_TESTER, elements)
}

fn target(id: Uuid, resume: Uuid, extension: &str) -> Object {
    let elements = [
        (element::LOCALE, Value::text("en-US")),
        inherits([id::LOADER_SETTINGS]),
        may_change_in_memory(),
        (element::SYSTEM_ROOT, Value::text(r"\windows")),
        (element::ASSOCIATED_RESUME_OBJECT, Value::Object(resume)),
        // All programs but those that opt out.
        (element::NX_POLICY, Value::Integer(1)),
        (element::TEMPLATE_PATH, Value::Text(format!(r"\system32\winload.{extension}"))),
        (element::TEMPLATE_DEVICE, Value::Integer(ON_WINDOWS)),
        texts(WINDOWS_TEXT),
    ];
    object(id, ObjectKind::LOADER, elements)
}

fn resume_target(id: Uuid, extension: &str) -> Object {
    let elements = [
        (element::DESCRIPTION, Value::text("Windows Resume Application")),
        (element::LOCALE, Value::text("en-US")),
        inherits([id::RESUME_SETTINGS]),
        may_change_in_memory(),
        (element::SYSTEM_ROOT, Value::text(r"\hiberfil.sys")),
        (element::TEMPLATE_PATH, Value::Text(format!(r"\system32\winresume.{extension}"))),
        (element::TEMPLATE_DEVICE, Value::Integer(ON_WINDOWS)),
        (element::TEMPLATE_IS_NO_LOADER, Value::Boolean(true)),
    ];
    object(id, ObjectKind::RESUME, elements)
}

fn may_change_in_memory() -> (ElementId, Value) {
    (element::ALLOWED_IN_MEMORY_SETTINGS, Value::Integers(vec![0x1500_0075]))
}

fn texts(number: u64) -> (ElementId, Value) {
    (element::TEMPLATE_TEXTS, Value::Integers(vec![u64::from(element::DESCRIPTION.0), number]))
}
