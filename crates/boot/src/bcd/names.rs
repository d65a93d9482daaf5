//! The names that bcdedit has for elements, and for the values of integers that stand for something.
//!
//! The names of elements are in Microsoft's "BCDEdit /set" and in bcdedit's own tables, which G. Chappell lists
//! in "BCD Elements". Each table is sorted by number.

use super::element::ElementId;
use super::kind::{ObjectKind, Program};

/// Number, name, and the names of the values 0, 1, 2 and so on.
type Row = (u32, &'static str, &'static [&'static str]);

/// The name of an element in an object of some kind, and the names of its values.
pub(super) fn name(kind: ObjectKind, id: ElementId) -> Option<(&'static str, &'static [&'static str])> {
    let table = match id.class() {
        1 => LIBRARY,
        2 => match kind.program() {
            Program::BootManager => BOOTMGR,
            Program::Loader => OSLOADER,
            Program::Resume => RESUME,
            Program::MemoryTester => MEMDIAG,
            Program::Legacy => LEGACY,
            Program::Startup => STARTUP,
            Program::Other => return None,
        },
        3 => DEVICE,
        4 => TEMPLATE,
        _ => return None,
    };
    let row = table.binary_search_by_key(&id.0, |row| row.0).ok()?;
    table.get(row).map(|&(_, name, values)| (name, values))
}

/// Elements of any object.
const LIBRARY: &[Row] = &[
    (0x1100_0001, "device", &[]),
    (0x1100_0043, "bootstatdevice", &[]),
    (0x1100_0084, "windowssyspart", &[]),
    (0x1200_0002, "path", &[]),
    (0x1200_0004, "description", &[]),
    (0x1200_0005, "locale", &[]),
    (0x1200_0016, "targetname", &[]),
    (0x1200_0019, "busparams", &[]),
    (0x1200_001d, "key", &[]),
    (0x1200_001f, "hostipv6", &[]),
    (0x1200_0030, "loadoptions", &[]),
    (0x1200_0044, "bootstatfilepath", &[]),
    (0x1200_004a, "fontpath", &[]),
    (0x1200_0088, "additionalcipolicy", &[]),
    (0x1400_0006, "inherit", &[]),
    (0x1400_0008, "recoverysequence", &[]),
    (0x1500_0007, "truncatememory", &[]),
    (0x1500_000c, "firstmegabytepolicy", &["UseNone", "UseAll", "UsePrivate"]),
    (0x1500_000d, "relocatephysical", &[]),
    (0x1500_000e, "avoidlowmemory", &[]),
    (0x1500_0011, "debugtype", &["Serial", "1394", "USB", "NET", "Local"]),
    (0x1500_0012, "debugaddress", &[]),
    (0x1500_0013, "debugport", &[]),
    (0x1500_0014, "baudrate", &[]),
    (0x1500_0015, "channel", &[]),
    (0x1500_0018, "debugstart", &["Active", "AutoEnable", "Disable"]),
    (0x1500_001a, "hostip", &[]),
    (0x1500_001b, "port", &[]),
    (0x1500_0022, "emsport", &[]),
    (0x1500_0023, "emsbaudrate", &[]),
    (0x1500_0042, "keyringaddress", &[]),
    (0x1500_0047, "configaccesspolicy", &["Default", "DisallowMmConfig"]),
    (0x1500_004b, "integrityservices", &["Default", "Enable", "Disable"]),
    (0x1500_004c, "volumebandid", &[]),
    (0x1500_0051, "initialconsoleinput", &[]),
    (0x1500_0052, "graphicsresolution", &["1024x768", "800x600", "1024x600"]),
    (
        0x1500_0065,
        "displaymessage",
        &[
            "Default",
            "Resume",
            "HyperV",
            "Recovery",
            "StartupRepair",
            "SystemImageRecovery",
            "CommandPrompt",
            "SystemRestore",
            "PushButtonReset",
        ],
    ),
    (
        0x1500_0066,
        "displaymessageoverride",
        &[
            "Default",
            "Resume",
            "HyperV",
            "Recovery",
            "StartupRepair",
            "SystemImageRecovery",
            "CommandPrompt",
            "SystemRestore",
            "PushButtonReset",
        ],
    ),
    (0x1500_0079, "bootuxtransitiontime", &[]),
    (0x1500_007d, "booterrorux", &["Legacy", "Standard", "Simple"]),
    (0x1500_007f, "measuredbootlogformat", &["Default", "Sha1"]),
    (0x1500_0080, "displayrotation", &["0", "90", "180", "270"]),
    (0x1500_0081, "logcontrol", &[]),
    (0x1500_0088, "linearaddress57", &["default", "optout", "optin"]),
    (0x1600_0009, "recoveryenabled", &[]),
    (0x1600_000b, "badmemoryaccess", &[]),
    (0x1600_000f, "traditionalkseg", &[]),
    (0x1600_0010, "bootdebug", &[]),
    (0x1600_0017, "noumex", &[]),
    (0x1600_001c, "dhcp", &[]),
    (0x1600_001e, "vm", &[]),
    (0x1600_0020, "bootems", &[]),
    (0x1600_0040, "advancedoptions", &[]),
    (0x1600_0041, "optionsedit", &[]),
    (0x1600_0045, "preservebootstat", &[]),
    (0x1600_0046, "graphicsmodedisabled", &[]),
    (0x1600_0048, "nointegritychecks", &[]),
    (0x1600_0049, "testsigning", &[]),
    (0x1600_0050, "extendedinput", &[]),
    (0x1600_0053, "restartonfailure", &[]),
    (0x1600_0054, "highestmode", &[]),
    (0x1600_0060, "isolatedcontext", &[]),
    (0x1600_0068, "nobootuxtext", &[]),
    (0x1600_0069, "nobootuxprogress", &[]),
    (0x1600_006a, "nobootuxfade", &[]),
    (0x1600_006c, "bootuxdisabled", &[]),
    (0x1600_0072, "nokeyboard", &[]),
    (0x1600_0074, "bootshutdowndisabled", &[]),
    (0x1600_007a, "mobilegraphics", &[]),
    (0x1600_007b, "forcefipscrypto", &[]),
    (0x1600_007e, "flightsigning", &[]),
    (0x1600_0082, "nofirmwaresync", &[]),
    (0x1600_0087, "numlock", &[]),
    (0x1700_000a, "badmemorylist", &[]),
    (0x1700_0077, "allowedinmemorysettings", &[]),
];

/// Elements of templates, the one that bcdedit has a name for.
const TEMPLATE: &[Row] = &[(0x4700_0006, "elementstomigrate", &[])];

/// Elements of boot managers, the firmware's too.
const BOOTMGR: &[Row] = &[
    (0x2100_0022, "bcddevice", &[]),
    (0x2200_0023, "bcdfilepath", &[]),
    (0x2200_0040, "fverecoveryurl", &[]),
    (0x2200_0041, "fverecoverymessage", &[]),
    (0x2300_0003, "default", &[]),
    (0x2300_0006, "resumeobject", &[]),
    (0x2400_0001, "displayorder", &[]),
    (0x2400_0002, "bootsequence", &[]),
    (0x2400_0007, "startupsequence", &[]),
    (0x2400_0010, "toolsdisplayorder", &[]),
    (0x2500_0004, "timeout", &[]),
    (0x2600_0005, "resume", &[]),
    (0x2600_0020, "displaybootmenu", &[]),
    (0x2600_0021, "noerrordisplay", &[]),
    (0x2600_0025, "hiberboot", &[]),
    (0x2600_0028, "processcustomactionsfirst", &[]),
    (0x2600_0031, "persistbootsequence", &[]),
    (0x2600_0032, "skipstartupsequence", &[]),
    (0x2600_0042, "flightedbootmgr", &[]),
    (0x2700_0030, "customactions", &[]),
];

/// Elements of Windows boot loaders.
const OSLOADER: &[Row] = &[
    (0x2100_0001, "osdevice", &[]),
    (0x2100_0138, "imcdevice", &[]),
    (0x2100_0150, "systemdatadevice", &[]),
    (0x2100_0151, "osarcdevice", &[]),
    (0x2100_0153, "osdatadevice", &[]),
    (0x2100_0154, "bspdevice", &[]),
    (0x2100_0155, "bspfilepath", &[]),
    (0x2200_0002, "systemroot", &[]),
    (0x2200_0011, "kernel", &[]),
    (0x2200_0012, "hal", &[]),
    (0x2200_0013, "dbgtransport", &[]),
    (0x2200_0053, "evstore", &[]),
    (0x2200_00f1, "hypervisorpath", &[]),
    (0x2200_00f9, "hypervisorbusparams", &[]),
    (0x2200_0110, "hypervisorusekey", &[]),
    (0x2200_0117, "hypervisorloadoptions", &[]),
    (0x2200_011b, "hypervisorrootprocnumanodes", &[]),
    (0x2200_011e, "hypervisorrootprocnumanodelps", &[]),
    (0x2200_012d, "kernelbusparams", &[]),
    (0x2200_0132, "kerneltargetname", &[]),
    (0x2200_0136, "kernelkey", &[]),
    (0x2200_0137, "imchivename", &[]),
    (0x2200_0140, "mfgmode", &[]),
    (0x2200_0156, "kernelhostipv6", &[]),
    (0x2200_0161, "hypervisorhostipv6", &[]),
    (0x2300_0003, "resumeobject", &[]),
    (0x2500_0020, "nx", &["OptIn", "OptOut", "AlwaysOff", "AlwaysOn"]),
    (0x2500_0021, "pae", &["Default", "ForceEnable", "ForceDisable"]),
    (0x2500_0031, "removememory", &[]),
    (0x2500_0032, "increaseuserva", &[]),
    (0x2500_0033, "perfmem", &[]),
    (0x2500_0050, "clustermodeaddressing", &[]),
    (0x2500_0052, "restrictapiccluster", &[]),
    (0x2500_0055, "x2apicpolicy", &["Default", "Disable", "Enable"]),
    (0x2500_0061, "numproc", &[]),
    (0x2500_0063, "configflags", &[]),
    (0x2500_0066, "groupsize", &[]),
    (0x2500_0071, "msi", &["Default", "ForceDisable"]),
    (0x2500_0072, "pciexpress", &["Default", "ForceDisable"]),
    (0x2500_0080, "safeboot", &["Minimal", "Network", "DsRepair"]),
    (0x2500_00a6, "tscsyncpolicy", &["Default", "Legacy", "Enhanced"]),
    (0x2500_00c1, "driverloadfailurepolicy", &["Fatal", "UseErrorControl"]),
    (0x2500_00c2, "bootmenupolicy", &["Legacy", "Standard"]),
    (
        0x2500_00e0,
        "bootstatuspolicy",
        &[
            "DisplayAllFailures",
            "IgnoreAllFailures",
            "IgnoreShutdownFailures",
            "IgnoreBootFailures",
            "IgnoreCheckpointFailures",
            "DisplayShutdownFailures",
            "DisplayBootFailures",
            "DisplayCheckpointFailures",
            "AlwaysDisplayStartupFailures",
        ],
    ),
    (0x2500_00f0, "hypervisorlaunchtype", &["Off", "Auto"]),
    (0x2500_00f3, "hypervisordebugtype", &["Serial", "1394", "None", "Net"]),
    (0x2500_00f4, "hypervisordebugport", &[]),
    (0x2500_00f5, "hypervisorbaudrate", &[]),
    (0x2500_00f6, "hypervisorchannel", &[]),
    (0x2500_00f7, "bootux", &["Disabled", "Basic", "Standard"]),
    (0x2500_00fa, "hypervisornumproc", &[]),
    (0x2500_00fb, "hypervisorrootprocpernode", &[]),
    (0x2500_00fd, "hypervisorhostip", &[]),
    (0x2500_00fe, "hypervisorhostport", &[]),
    (0x2500_00ff, "hypervisordebugpages", &[]),
    (0x2500_0100, "tpmbootentropy", &["Default", "ForceDisable", "ForceEnable"]),
    (0x2500_0113, "hypervisorrootproc", &[]),
    (0x2500_0115, "hypervisoriommupolicy", &["Default", "Enable", "Disable"]),
    (0x2500_0118, "hypervisormsrfilterpolicy", &["Disable", "Enable"]),
    (0x2500_0119, "hypervisormmionxpolicy", &["Disable", "Enable"]),
    (0x2500_011a, "hypervisorschedulertype", &["Classic", "Core", "Root"]),
    (0x2500_011c, "hypervisorperfmon", &["System", "Hypervisor"]),
    (0x2500_011d, "hypervisorrootprocpercore", &[]),
    (0x2500_0120, "xsavepolicy", &[]),
    (0x2500_0121, "xsaveaddfeature0", &[]),
    (0x2500_0122, "xsaveaddfeature1", &[]),
    (0x2500_0123, "xsaveaddfeature2", &[]),
    (0x2500_0124, "xsaveaddfeature3", &[]),
    (0x2500_0125, "xsaveaddfeature4", &[]),
    (0x2500_0126, "xsaveaddfeature5", &[]),
    (0x2500_0127, "xsaveaddfeature6", &[]),
    (0x2500_0128, "xsaveaddfeature7", &[]),
    (0x2500_0129, "xsaveremovefeature", &[]),
    (0x2500_012a, "xsaveprocessorsmask", &[]),
    (0x2500_012b, "xsavedisable", &[]),
    (0x2500_012c, "kerneldebugtype", &["Serial", "1394", "USB", "NET"]),
    (0x2500_012e, "kerneldebugaddress", &[]),
    (0x2500_012f, "kerneldebugport", &[]),
    (0x2500_0130, "claimedtpmcounter", &[]),
    (0x2500_0131, "kernelchannel", &[]),
    (0x2500_0133, "kernelhostip", &[]),
    (0x2500_0134, "kernelport", &[]),
    (0x2500_0139, "kernelbaudrate", &[]),
    (0x2500_0142, "vsmlaunchtype", &["Off", "Auto"]),
    (0x2500_0144, "hypervisorenforcedcodeintegrity", &["Disable", "Enable", "Strict"]),
    (0x2600_0004, "stampdisks", &[]),
    (0x2600_0010, "detecthal", &[]),
    (0x2600_0022, "winpe", &[]),
    (0x2600_0024, "nocrashautoreboot", &[]),
    (0x2600_0025, "lastknowngood", &[]),
    (0x2600_0026, "oslnointegritychecks", &[]),
    (0x2600_0027, "osltestsigning", &[]),
    (0x2600_0030, "nolowmem", &[]),
    (0x2600_0040, "vga", &[]),
    (0x2600_0041, "quietboot", &[]),
    (0x2600_0042, "novesa", &[]),
    (0x2600_0043, "novga", &[]),
    (0x2600_0051, "usephysicaldestination", &[]),
    (0x2600_0054, "uselegacyapicmode", &[]),
    (0x2600_0060, "onecpu", &[]),
    (0x2600_0062, "maxproc", &[]),
    (0x2600_0064, "maxgroup", &[]),
    (0x2600_0065, "groupaware", &[]),
    (0x2600_0070, "usefirmwarepcisettings", &[]),
    (0x2600_0081, "safebootalternateshell", &[]),
    (0x2600_0090, "bootlog", &[]),
    (0x2600_0091, "sos", &[]),
    (0x2600_00a0, "debug", &[]),
    (0x2600_00a1, "halbreakpoint", &[]),
    (0x2600_00a2, "useplatformclock", &[]),
    (0x2600_00a3, "forcelegacyplatform", &[]),
    (0x2600_00a4, "useplatformtick", &[]),
    (0x2600_00a5, "disabledynamictick", &[]),
    (0x2600_00b0, "ems", &[]),
    (0x2600_00c3, "onetimeadvancedoptions", &[]),
    (0x2600_00c4, "onetimeoptionsedit", &[]),
    (0x2600_00e1, "disableelamdrivers", &[]),
    (0x2600_00f2, "hypervisordebug", &[]),
    (0x2600_00f8, "hypervisordisableslat", &[]),
    (0x2600_00fc, "hypervisoruselargevtlb", &[]),
    (0x2600_0114, "hypervisordhcp", &[]),
    (0x2600_0116, "hypervisorusevapic", &[]),
    (0x2600_0135, "kerneldhcp", &[]),
    (0x2600_0141, "event", &[]),
    (0x2600_0145, "dtrace", &[]),
];

/// Elements of what resumes from hibernation.
const RESUME: &[Row] = &[
    (0x2100_0001, "filedevice", &[]),
    (0x2100_0005, "associatedosdevice", &[]),
    (0x2200_0002, "filepath", &[]),
    (0x2500_0007, "bootux", &["Disabled", "Basic", "Standard"]),
    (0x2500_0008, "bootmenupolicy", &["Legacy", "Standard"]),
    (0x2600_0003, "customsettings", &[]),
    (0x2600_0004, "pae", &[]),
    (0x2600_0006, "debugoptionenabled", &[]),
];

/// Elements of the memory tester.
const MEMDIAG: &[Row] = &[
    (0x2500_0001, "passcount", &[]),
    (0x2500_0002, "testmix", &["Basic", "Extended"]),
    (0x2500_0003, "failurecount", &[]),
    (0x2500_0004, "testtofail", &["Stride", "Mats", "InverseCoupling", "RandomPattern", "Checkerboard"]),
    (0x2500_0005, "stridefailcount", &[]),
    (0x2500_0006, "invcfailcount", &[]),
    (0x2500_0007, "matsfailcount", &[]),
    (0x2500_0008, "randfailcount", &[]),
    (0x2500_0009, "chckrfailcount", &[]),
    (0x2600_0003, "cacheenable", &[]),
    (0x2600_0004, "failuresenabled", &[]),
    (0x2600_0005, "cacheenable", &[]),
];

/// Elements of loaders of Windows before Vista and of boot sectors.
const LEGACY: &[Row] = &[(0x2200_0001, "bpbstring", &[])];

/// Elements of real-mode programs started over a network.
const STARTUP: &[Row] = &[(0x2200_0002, "applicationname", &[]), (0x2600_0001, "pxesoftreboot", &[])];

/// Elements of options for devices.
const DEVICE: &[Row] = &[
    (0x3100_0003, "ramdisksdidevice", &[]),
    (0x3200_0004, "ramdisksdipath", &[]),
    (0x3500_0001, "ramdiskimageoffset", &[]),
    (0x3500_0002, "ramdisktftpclientport", &[]),
    (0x3500_0005, "ramdiskimagelength", &[]),
    (0x3500_0007, "ramdisktftpblocksize", &[]),
    (0x3500_0008, "ramdisktftpwindowsize", &[]),
    (0x3600_0006, "exportascd", &[]),
    (0x3600_0009, "ramdiskmcenabled", &[]),
    (0x3600_000a, "ramdiskmctftpfallback", &[]),
    (0x3600_000b, "ramdisktftpvarwindow", &[]),
    (0x3600_000c, "vhdramdiskboot", &[]),
];
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        for table in [LIBRARY, BOOTMGR, OSLOADER, RESUME, MEMDIAG, LEGACY, STARTUP, DEVICE, TEMPLATE] {
            assert!(table.is_sorted_by(|a, b| a.0 < b.0), "{table:x?}");
        }
    }

    #[test]
    fn a_name_depends_on_the_object() {
        let name = |kind, id| name(kind, ElementId(id)).map(|(name, _)| name);
        assert_eq!(name(ObjectKind::BOOT_MANAGER, 0x2300_0003), Some("default"));
        assert_eq!(name(ObjectKind::LOADER, 0x2300_0003), Some("resumeobject"));
        assert_eq!(name(ObjectKind::INHERITED_BY_LOADERS, 0x2500_00f3), Some("hypervisordebugtype"));
        assert_eq!(name(ObjectKind::INHERITED, 0x2500_00f3), None);
        assert_eq!(name(ObjectKind::DEVICE, 0x3200_0004), Some("ramdisksdipath"));
        assert_eq!(name(ObjectKind::RESUME, 0x2200_0002), Some("filepath"));
        assert_eq!(name(ObjectKind::LOADER, 0x4500_0001), None);
    }
}
