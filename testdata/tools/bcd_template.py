"""A BCD-Template as Windows images have it: what bcdboot makes a boot configuration from.

Which objects and elements such a template has, and which values, are facts about Windows; the bytes are our
own. The values are a server's: data execution prevention for all but what opts out, no graphical menu.
Elements whose number begins with 4 are for the maker of the store and never in one.
"""
import struct

import hive_writer
from descriptors import ADMINISTRATORS, LOCAL_SYSTEM, ace, acl, descriptor
from hive_writer import BINARY, DWORD, MULTI_SZ, SZ, Key, text

BOOTMGR = "9dea862c-5cdd-4e70-acc1-f32b344d4795"
MEMDIAG = "b2721d73-1db4-4c62-bf78-c548a880142d"
NTLDR = "466f5a88-0af2-4f76-9038-095b170dc21c"
GLOBAL = "7ea2e1ac-2e61-4728-aaa3-896d9d0a9f0e"
LOADER = "6efb52bf-1766-41db-a6b3-0ee5eff72bd7"
RESUME = "1afa9c49-16ab-4a5c-901b-212802da9460"
DEBUGGER = "4636856e-540f-4170-a130-a84776f4c654"
EMS = "0ce4991b-e6b3-4b16-b23c-5e0d9250e5d9"
BAD_MEMORY = "5189b25c-5558-4bf2-bca4-289b11bd29e2"
HYPERVISOR = "7ff607e0-4395-11db-b0de-0800200c9a66"
TARGET_BIOS, TARGET_UEFI = "a1943bbc-ea85-487c-97c7-c9ede908a38a", "b012b84d-c47c-4ed5-b722-c0c42163e569"
RESUME_BIOS, RESUME_UEFI = "98b02a23-0674-4ce7-bdad-e0a15a8ff97b", "0c334284-9a41-4de1-99b3-a7e87e8ff07e"
SETUP_BIOS, SETUP_UEFI = "cbd971bf-b7b8-4885-951a-fa03044f5d71", "7254a080-1510-4e85-ac0f-e7fb3d444736"

# Administrators may read and hand over, the system may do all; of the store's description both may do all.
_SYSTEM = ace(0, 0, 0xF003F, LOCAL_SYSTEM)
USUAL = descriptor(ADMINISTRATORS, LOCAL_SYSTEM, acl([ace(0, 0, 0x60019, ADMINISTRATORS), _SYSTEM]))
OPEN = descriptor(ADMINISTRATORS, LOCAL_SYSTEM, acl([ace(0, 0, 0xF003F, ADMINISTRATORS), _SYSTEM]))


def _braced(guid):
    return "{%s}" % guid


def element(number, value):
    """The key of an element. The fourth hexadecimal digit from the top is the kind of value."""
    kind = number >> 24 & 15
    if kind == 2:
        stored = SZ, text(value)
    elif kind == 3:
        stored = SZ, text(_braced(value))
    elif kind == 4:
        stored = MULTI_SZ, b"".join(text(_braced(guid)) for guid in value) + text("")
    elif kind == 5:
        # In templates, integers are as short as they can be.
        stored = BINARY, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "little")
    elif kind == 6:
        stored = BINARY, bytes([value])
    else:
        stored = BINARY, b"".join(struct.pack("<Q", number) for number in value)
    # Digits in both cases are found in real templates.
    return Key("%08X" % number, USUAL, [("Element", *stored)])


def _loader(program, resume, uefi, setup=False):
    elements = {0x12000005: "en-US", 0x14000006: [LOADER], 0x17000077: [0x15000075], 0x22000002: "\\windows",
                0x25000020: 1, 0x42000002: "\\system32\\winload" + program, 0x45000001: 2,
                0x47000005: [0x12000004, 1 if setup else 3]}
    if uefi:
        elements[0x16000060] = True
    if setup:
        elements[0x26000022] = True
        elements[0x42000003] = "\\boot.wim"
    else:
        elements[0x23000003] = resume
        elements[0x47000006] = [0x16000010, 0x260000A0, 0x260000F2, 0x16000049, 0x25000115, 0x1600007E]
    return 0x10200003, elements


def _resume(program, uefi):
    elements = {0x12000004: "Windows Resume Application", 0x12000005: "en-US", 0x14000006: [RESUME],
                0x17000077: [0x15000075], 0x22000002: "\\hiberfil.sys", 0x25000008: 1,
                0x42000002: "\\system32\\winresume" + program, 0x45000001: 2, 0x46000004: True}
    if uefi:
        elements[0x16000060] = True
    return 0x10200004, elements


OBJECTS = {
    BOOTMGR: (0x10100002, {0x12000002: "\\EFI\\Microsoft\\Boot\\bootmgfw.efi", 0x12000004: "Windows Boot Manager",
                           0x12000005: "en-US", 0x14000006: [GLOBAL], 0x23000003: SETUP_BIOS, 0x25000004: 30,
                           0x45000001: 1, 0x47000006: [0x16000010, 0x26000020, 0x25000004, 0x1600007E]}),
    MEMDIAG: (0x10200005, {0x12000002: "\\boot\\memtest.exe", 0x12000005: "en-US", 0x14000006: [GLOBAL],
                           0x1600000B: True, 0x45000001: 1, 0x47000005: [0x12000004, 2]}),
    NTLDR: (0x10300006, {0x12000002: "\\ntldr", 0x45000001: 1, 0x47000005: [0x12000004, 6]}),
    GLOBAL: (0x20100000, {0x14000006: [DEBUGGER, EMS, BAD_MEMORY]}),
    DEBUGGER: (0x20100000, {0x15000011: 4, 0x47000006: [0x46000007]}),
    EMS: (0x20100000, {0x16000020: False}),
    BAD_MEMORY: (0x20100000, {}),
    LOADER: (0x20200003, {0x14000006: [GLOBAL, HYPERVISOR]}),
    HYPERVISOR: (0x20200003, {0x250000F3: 0, 0x250000F4: 1, 0x250000F5: 115200, 0x47000006: [0x46000007]}),
    RESUME: (0x20200004, {0x14000006: [GLOBAL]}),
    TARGET_BIOS: _loader(".exe", RESUME_BIOS, uefi=False),
    TARGET_UEFI: _loader(".efi", RESUME_UEFI, uefi=True),
    RESUME_BIOS: _resume(".exe", uefi=False),
    RESUME_UEFI: _resume(".efi", uefi=True),
    SETUP_BIOS: _loader(".exe", None, uefi=False, setup=True),
    SETUP_UEFI: _loader(".efi", None, uefi=True, setup=True),
}


def template(filetime):
    """The bytes of the template."""
    objects = []
    for guid, (kind, elements) in OBJECTS.items():
        description = Key("Description", USUAL, [("Type", DWORD, struct.pack("<I", kind))])
        keys = [element(number, value) for number, value in sorted(elements.items())]
        objects.append(Key(_braced(guid), USUAL, keys=[description, Key("Elements", USUAL, keys=keys)]))
    description = Key("Description", OPEN, [("KeyName", SZ, text("BCD00000000"))])
    root = Key("System", USUAL, keys=[description, Key("Objects", USUAL, keys=objects)])
    return hive_writer.hive("BCD-Template", filetime, root)
