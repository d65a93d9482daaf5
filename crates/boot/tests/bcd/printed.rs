//! Our stores as people and programs see them.

use crate::support::{made, new_bios, new_uefi};

/// What all stores end with.
const SETTINGS: &str = "
EMS Settings
------------
identifier              {emssettings}
bootems                 No

Debugger Settings
-----------------
identifier              {dbgsettings}
debugtype               Local

RAM Defects
-----------
identifier              {badmemory}

Global Settings
---------------
identifier              {globalsettings}
inherit                 {dbgsettings}
                        {emssettings}
                        {badmemory}

Boot Loader Settings
--------------------
identifier              {bootloadersettings}
inherit                 {globalsettings}
                        {hypervisorsettings}

Hypervisor Settings
-------------------
identifier              {hypervisorsettings}
hypervisordebugtype     Serial
hypervisordebugport     1
hypervisorbaudrate      115200

Resume Loader Settings
----------------------
identifier              {resumeloadersettings}
inherit                 {globalsettings}";

#[test]
fn a_new_store_for_a_bios() {
    let programs = r"Windows Boot Manager
--------------------
identifier              {bootmgr}
device                  partition=0x100000 on disk 0xddba6bbb
description             Windows Boot Manager
locale                  en-US
inherit                 {globalsettings}
bootshutdowndisabled    Yes
default                 {11111111-2222-3333-4444-555555555555}
resumeobject            {66666666-7777-8888-9999-aaaaaaaaaaaa}
displayorder            {11111111-2222-3333-4444-555555555555}
toolsdisplayorder       {memdiag}
timeout                 30

Windows Boot Loader
-------------------
identifier              {11111111-2222-3333-4444-555555555555}
device                  partition=0x100000 on disk 0xddba6bbb
path                    \windows\system32\winload.exe
description             Windows Server 2016
locale                  en-US
inherit                 {bootloadersettings}
allowedinmemorysettings 0x15000075
osdevice                partition=0x100000 on disk 0xddba6bbb
systemroot              \windows
resumeobject            {66666666-7777-8888-9999-aaaaaaaaaaaa}
nx                      OptOut

Resume from Hibernate
---------------------
identifier              {66666666-7777-8888-9999-aaaaaaaaaaaa}
device                  partition=0x100000 on disk 0xddba6bbb
path                    \windows\system32\winresume.exe
description             Windows Resume Application
locale                  en-US
inherit                 {resumeloadersettings}
allowedinmemorysettings 0x15000075
filepath                \hiberfil.sys

Windows Memory Tester
---------------------
identifier              {memdiag}
device                  partition=0x100000 on disk 0xddba6bbb
path                    \boot\memtest.exe
description             Windows Memory Diagnostic
locale                  en-US
inherit                 {globalsettings}
badmemoryaccess         Yes
";
    assert_eq!(made(&new_bios(None)).to_string(), format!("{programs}{SETTINGS}"));
}

#[test]
fn a_new_store_for_uefi() {
    let programs = r"Windows Boot Manager
--------------------
identifier              {bootmgr}
device                  partition={85c434af-7860-49b3-85c3-b70316081b7b} on disk {20ac3077-f7cd-4c47-95d5-53fbf8b752b5}
path                    \EFI\Microsoft\Boot\bootmgfw.efi
description             Windows Boot Manager
locale                  en-US
inherit                 {globalsettings}
bootshutdowndisabled    Yes
default                 {11111111-2222-3333-4444-555555555555}
resumeobject            {66666666-7777-8888-9999-aaaaaaaaaaaa}
displayorder            {11111111-2222-3333-4444-555555555555}
toolsdisplayorder       {memdiag}
timeout                 30

Windows Boot Loader
-------------------
identifier              {11111111-2222-3333-4444-555555555555}
device                  partition={01020304-0506-0708-090a-0b0c0d0e0f10} on disk {20ac3077-f7cd-4c47-95d5-53fbf8b752b5}
path                    \windows\system32\winload.efi
description             Windows Server 2016
locale                  en-US
inherit                 {bootloadersettings}
isolatedcontext         Yes
allowedinmemorysettings 0x15000075
osdevice                partition={01020304-0506-0708-090a-0b0c0d0e0f10} on disk {20ac3077-f7cd-4c47-95d5-53fbf8b752b5}
systemroot              \windows
resumeobject            {66666666-7777-8888-9999-aaaaaaaaaaaa}
nx                      OptOut

Resume from Hibernate
---------------------
identifier              {66666666-7777-8888-9999-aaaaaaaaaaaa}
device                  partition={01020304-0506-0708-090a-0b0c0d0e0f10} on disk {20ac3077-f7cd-4c47-95d5-53fbf8b752b5}
path                    \windows\system32\winresume.efi
description             Windows Resume Application
locale                  en-US
inherit                 {resumeloadersettings}
isolatedcontext         Yes
allowedinmemorysettings 0x15000075
filepath                \hiberfil.sys

Windows Memory Tester
---------------------
identifier              {memdiag}
device                  partition={85c434af-7860-49b3-85c3-b70316081b7b} on disk {20ac3077-f7cd-4c47-95d5-53fbf8b752b5}
path                    \EFI\Microsoft\Boot\memtest.efi
description             Windows Memory Diagnostic
locale                  en-US
inherit                 {globalsettings}
badmemoryaccess         Yes
";
    assert_eq!(made(&new_uefi(None)).to_string(), format!("{programs}{SETTINGS}"));
}

#[test]
fn json_has_a_stable_shape() {
    let json = serde_json::to_string(&made(&new_bios(None))).unwrap();
    let start = r#"{"key_name":"BCD00000000","system":true,"objects":[{"id":"0ce4991b-e6b3-4b16-b23c-5e0d9250e5d9","alias":"emssettings","type":"20100000","title":"EMS Settings","elements":[{"id":"16000020","name":"bootems","format":"boolean","value":false}]},"#;
    assert_eq!(&json[..start.len()], start);
    for part in [
        r#"{"id":"11111111-2222-3333-4444-555555555555","alias":null,"type":"10200003","title":"Windows Boot Loader","#,
        r#"{"id":"11000001","name":"device","format":"device","value":{"kind":"mbr partition","signature":3719982011,"offset":1048576}}"#,
        r#"{"id":"14000006","name":"inherit","format":"object list","value":["6efb52bf-1766-41db-a6b3-0ee5eff72bd7"]}"#,
        r#"{"id":"17000077","name":"allowedinmemorysettings","format":"integer list","value":[352321653]}"#,
        r#"{"id":"23000003","name":"default","format":"object","value":"11111111-2222-3333-4444-555555555555"}"#,
        r#"{"id":"25000004","name":"timeout","format":"integer","value":30}"#,
    ] {
        assert!(json.contains(part), "no {part} in {json}");
    }
    assert!(json.ends_with(r#""notes":[]}"#));
}
