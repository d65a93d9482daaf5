//! Objects whose GUIDs everybody knows.
//!
//! Microsoft, "BCD objects" and `bcdedit /? ID`; those of templates are in no documentation, but in every
//! template.

use uuid::{Uuid, uuid};

/// The Windows boot manager.
pub const BOOTMGR: Uuid = uuid!("9dea862c-5cdd-4e70-acc1-f32b344d4795");
/// The firmware's own boot manager, as Windows mirrors it.
pub const FWBOOTMGR: Uuid = uuid!("a5a30fa2-3d06-4e9f-b5f4-a01df9d1fcba");
/// The memory tester.
pub const MEMDIAG: Uuid = uuid!("b2721d73-1db4-4c62-bf78-c548a880142d");
/// The loader of Windows before Vista.
pub const NTLDR: Uuid = uuid!("466f5a88-0af2-4f76-9038-095b170dc21c");
/// Settings of all programs.
pub const GLOBAL_SETTINGS: Uuid = uuid!("7ea2e1ac-2e61-4728-aaa3-896d9d0a9f0e");
/// Settings of all Windows loaders.
pub const LOADER_SETTINGS: Uuid = uuid!("6efb52bf-1766-41db-a6b3-0ee5eff72bd7");
/// Settings of all that resumes from hibernation.
pub const RESUME_SETTINGS: Uuid = uuid!("1afa9c49-16ab-4a5c-901b-212802da9460");
/// Settings of the debugger.
pub const DEBUGGER_SETTINGS: Uuid = uuid!("4636856e-540f-4170-a130-a84776f4c654");
/// Settings of the kernel's debugger.
pub const KERNEL_DEBUGGER_SETTINGS: Uuid = uuid!("313e8eed-7098-4586-a9bf-309c61f8d449");
/// Settings of the emergency management services.
pub const EMS_SETTINGS: Uuid = uuid!("0ce4991b-e6b3-4b16-b23c-5e0d9250e5d9");
/// Pages of memory that are known to be bad.
pub const BAD_MEMORY: Uuid = uuid!("5189b25c-5558-4bf2-bca4-289b11bd29e2");
/// Settings of the hypervisor.
pub const HYPERVISOR_SETTINGS: Uuid = uuid!("7ff607e0-4395-11db-b0de-0800200c9a66");
/// Options of the RAM disk that Setup starts from.
pub const RAMDISK_OPTIONS: Uuid = uuid!("ae5534e0-a924-466c-b836-758539a3ee3a");

/// In a template: the Windows loader for a BIOS.
pub const BIOS_TARGET: Uuid = uuid!("a1943bbc-ea85-487c-97c7-c9ede908a38a");
/// In a template: the Windows loader for UEFI.
pub const UEFI_TARGET: Uuid = uuid!("b012b84d-c47c-4ed5-b722-c0c42163e569");
/// In a template: what resumes from hibernation with a BIOS.
pub const BIOS_RESUME: Uuid = uuid!("98b02a23-0674-4ce7-bdad-e0a15a8ff97b");
/// In a template: what resumes from hibernation with UEFI.
pub const UEFI_RESUME: Uuid = uuid!("0c334284-9a41-4de1-99b3-a7e87e8ff07e");
/// In a template: the loader of Windows Setup for a BIOS.
pub const BIOS_SETUP: Uuid = uuid!("cbd971bf-b7b8-4885-951a-fa03044f5d71");
/// In a template: the loader of Windows Setup for UEFI.
pub const UEFI_SETUP: Uuid = uuid!("7254a080-1510-4e85-ac0f-e7fb3d444736");

/// Objects that bcdedit calls by a name, and the heading that it gives them. `{default}` and `{current}`
/// are not among them: they are never in a store, and stand for what a loader's GUID says better.
const KNOWN: [(Uuid, &str, &str); 13] = [
    (BOOTMGR, "bootmgr", "Windows Boot Manager"),
    (FWBOOTMGR, "fwbootmgr", "Firmware Boot Manager"),
    (MEMDIAG, "memdiag", "Windows Memory Tester"),
    (NTLDR, "ntldr", "Windows Legacy OS Loader"),
    (GLOBAL_SETTINGS, "globalsettings", "Global Settings"),
    (LOADER_SETTINGS, "bootloadersettings", "Boot Loader Settings"),
    (RESUME_SETTINGS, "resumeloadersettings", "Resume Loader Settings"),
    (DEBUGGER_SETTINGS, "dbgsettings", "Debugger Settings"),
    (KERNEL_DEBUGGER_SETTINGS, "kerneldbgsettings", "Kernel Debugger Settings"),
    (EMS_SETTINGS, "emssettings", "EMS Settings"),
    (BAD_MEMORY, "badmemory", "RAM Defects"),
    (HYPERVISOR_SETTINGS, "hypervisorsettings", "Hypervisor Settings"),
    (RAMDISK_OPTIONS, "ramdiskoptions", "Setup Ramdisk Options"),
];

/// The name that bcdedit has for an object, without braces.
pub fn alias(id: Uuid) -> Option<&'static str> {
    KNOWN.iter().find(|known| known.0 == id).map(|known| known.1)
}

/// The heading of an object that everybody knows.
pub(super) fn heading(id: Uuid) -> Option<&'static str> {
    KNOWN.iter().find(|known| known.0 == id).map(|known| known.2)
}

/// The object as bcdedit writes it: `{bootmgr}`, or its GUID.
pub(super) fn named(id: Uuid) -> String {
    alias(id).map_or_else(|| id.braced().to_string(), |alias| format!("{{{alias}}}"))
}

/// The GUID that a key or a string of a store has: in braces, digits of any case.
pub(super) fn parse(text: &str) -> Option<Uuid> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    // The parser also takes GUIDs without hyphens, which Windows doesn't.
    Uuid::try_parse(inner).ok().filter(|_| inner.len() == 36)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_objects_are_called_by_their_names() {
        assert_eq!(named(BOOTMGR), "{bootmgr}");
        assert_eq!(named(BIOS_TARGET), "{a1943bbc-ea85-487c-97c7-c9ede908a38a}");
    }

    #[test]
    fn only_what_windows_writes_is_a_guid() {
        assert_eq!(parse("{9DEA862C-5cdd-4e70-acc1-f32b344d4795}"), Some(BOOTMGR));
        for text in [
            "",
            "{}",
            "bootmgr",
            "9dea862c-5cdd-4e70-acc1-f32b344d4795",
            "{9dea862c5cdd4e70acc1f32b344d4795}",
            "{{9dea862c-5cdd-4e70-acc1-f32b344d479}}",
            "{9dea862c-5cdd-4e70-acc1-f32b344d4795",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
