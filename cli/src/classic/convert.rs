//! `Convert-WindowsImage`: the script that lay beside Nano Server (10.0.14393), the module of the same name, the script
//! of the TechNet gallery, and what forks added.
//!
//! Parameters, words and defaults are those of Convert-WindowsImage in Microsoft's repository
//! "Virtualization-Documentation"; places follow the order in which the script declares its parameters.

use super::draft::{Draft, Wanted, number, word};
use super::nano::PACKAGES;
use super::parameter::Becomes::{Keys, Nothing, Refused};
use super::parameter::{Bound, Given, Parameter};
use super::problem::Problem;

const NO_COPY: &str = "no working copy is made: the source is read in place";
const NO_TOOL: &str = "no other program is called";
const NEW_KEY: &str = "it does nothing in the original either: -Key gives the key";
const FEATURES: &str = "Windows features come with a later version";
const DRIVERS: &str = "drivers come with a later version";
const LOCALE: &str = "the boot manager's language is that of the image";

const DEBUGGERS: [&str; 6] = ["None", "Serial", "1394", "USB", "Local", "Network"];

const ALL: [Parameter; 36] = [
    Parameter::one("SourcePath", Keys(&["media"], source)).alias(&["WIM"]).at(0).mandatory(),
    Parameter::switch("CacheSource", Nothing(NO_COPY)),
    Parameter::many("Edition", Keys(&["image"], edition)).alias(&["SKU"]).at(1),
    Parameter::one("WorkingDirectory", Nothing("-VHDPath says where the disk goes")).alias(&["WorkDir"]).at(2),
    Parameter::one("TempDirectory", Nothing(NO_COPY)).alias(&["TempDir"]).at(3),
    Parameter::one("VHDPath", Keys(&["output", "force"], output)).alias(&["VHD"]).at(4).mandatory(),
    Parameter::one("SizeBytes", Keys(&["size"], Draft::size)).alias(&["Size"]).at(5),
    Parameter::one("VHDFormat", Keys(&["format"], format)).alias(&["Format"]).at(6),
    Parameter::one("VHDType", Keys(&["fixed"], kind)).alias(&["DiskType"]).foreign(),
    Parameter::one("MergeFolderPath", Keys(&["copy"], Draft::merge)).alias(&["MergeFolder"]).at(7),
    Parameter::one("DiskLayout", Keys(&["firmware"], layout)).alias(&["Layout"]).at(8),
    Parameter::one("VHDPartitionStyle", Keys(&["firmware"], style)).foreign(),
    Parameter::one("BCDinVHD", Keys(&["no-boot"], bcd)).at(9),
    Parameter::one("BCDBoot", Nothing(NO_TOOL)).at(10),
    Parameter::one("BcdLocale", Refused(LOCALE)).foreign(),
    Parameter::one("EnableDebugger", Keys(&["debug"], debugger)).at(11),
    Parameter::many("Feature", Refused(FEATURES)).at(12),
    Parameter::many("Driver", Refused(DRIVERS)).at(13),
    Parameter::many("Package", Refused(PACKAGES)).at(14),
    Parameter::one(
        "UnattendPath",
        Keys(&["unattend"], |d, v| {
            d.recipe.unattend = Some(d.path(v)?);
            Ok(())
        }),
    )
    .alias(&["Unattend"])
    .at(15),
    Parameter::switch(
        "ExpandOnNativeBoot",
        Keys(&["no-expand-on-native-boot"], |d, v| {
            d.recipe.no_expand_on_native_boot = Some(!v.on);
            Ok(())
        }),
    ),
    Parameter::switch(
        "RemoteDesktopEnable",
        Keys(&["remote-desktop"], |d, v| {
            d.recipe.remote_desktop = Some(v.on);
            Ok(())
        }),
    ),
    Parameter::one("DismPath", Nothing(NO_TOOL)).at(16),
    Parameter::switch("ApplyEA", Nothing("extended attributes are always kept")),
    Parameter::switch("Passthru", Nothing("there is no object to return: the report names the disk")),
    Parameter::switch("ShowUI", Refused("there is no window: name the parameters")),
    Parameter::switch(
        "IsFixed",
        Keys(&["fixed"], |d, v| {
            d.recipe.fixed = Some(v.on);
            Ok(())
        }),
    )
    .foreign(),
    debug("ComPort", Keys(&["debug-port"], com_port), "Serial"),
    debug(
        "BaudRate",
        Keys(&["debug-baud-rate"], |d, v| {
            d.recipe.debug_baud_rate = Some(number("-BaudRate", v)?);
            Ok(())
        }),
        "Serial",
    ),
    debug(
        "Channel",
        Keys(&["debug-channel"], |d, v| {
            d.recipe.debug_channel = Some(number("-Channel", v)?);
            Ok(())
        }),
        "1394",
    ),
    debug(
        "Target",
        Keys(&["debug-target"], |d, v| {
            d.recipe.debug_target = Some(v.text().to_owned());
            Ok(())
        }),
        "USB",
    ),
    debug(
        "IPAddress",
        Keys(&["debug-host"], |d, v| {
            d.recipe.debug_host = Some(v.text().to_owned());
            Ok(())
        }),
        "Network",
    )
    .mandatory(),
    debug("Port", Keys(&["debug-port"], port), "Network"),
    debug(
        "Key",
        Keys(&["debug-key"], |d, v| {
            d.debug_key(v);
            Ok(())
        }),
        "Network",
    )
    .mandatory(),
    Parameter::switch(
        "NoDHCP",
        Keys(&["debug-no-dhcp"], |d, v| {
            d.recipe.debug_no_dhcp = Some(v.on);
            Ok(())
        }),
    )
    .with("EnableDebugger", &["Network"]),
    Parameter::switch("NewKey", Nothing(NEW_KEY)).with("EnableDebugger", &["Network"]),
];

const fn debug(name: &'static str, becomes: super::parameter::Becomes, word: &'static str) -> Parameter {
    let words: &'static [&'static str] = match word.as_bytes() {
        b"Serial" => &["Serial"],
        b"1394" => &["1394"],
        b"USB" => &["USB"],
        _ => &["Network"],
    };
    Parameter::one(name, becomes).with("EnableDebugger", words)
}

/// The parameters of Convert-WindowsImage.
pub(super) fn parameters() -> Vec<Parameter> {
    ALL.to_vec()
}

/// Of the media of Windows Server this script takes install.wim alone, and no image of Nano Server.
fn source(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    let path = draft.path(given)?;
    let is_iso = path.extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case("iso"));
    if is_iso {
        let mut inner = path.into_os_string();
        inner.push(":/sources/install.wim");
        draft.recipe.media = Some(inner.into());
    } else {
        draft.recipe.media = Some(path);
    }
    Ok(())
}

fn edition(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    let [one] = given.texts.as_slice() else {
        let problem = "one disk is made at a time: name one edition".to_owned();
        return Err(Problem::Value("-Edition".to_owned(), problem));
    };
    draft.image(one, Wanted::NameEnd);
    Ok(())
}

fn output(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    draft.recipe.output = Some(draft.path(given)?);
    Ok(())
}

fn format(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    let format = word("-VHDFormat", given, &["VHD", "VHDX", "AUTO"])?;
    draft.recipe.format = (format != "AUTO").then(|| format.to_ascii_lowercase());
    Ok(())
}

fn kind(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    draft.recipe.fixed = Some(word("-VHDType", given, &["Dynamic", "Fixed"])? == "Fixed");
    Ok(())
}

fn layout(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    match word("-DiskLayout", given, &["BIOS", "UEFI", "WindowsToGo"])? {
        "WindowsToGo" => return Err(windows_to_go("-DiskLayout")),
        firmware => draft.recipe.firmware = Some(firmware.to_ascii_lowercase()),
    }
    Ok(())
}

fn style(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    let firmware = match word("-VHDPartitionStyle", given, &["MBR", "GPT", "MBRforWindowsToGo"])? {
        "MBR" => "bios",
        "GPT" => "uefi",
        _ => return Err(windows_to_go("-VHDPartitionStyle")),
    };
    draft.recipe.firmware = Some(firmware.to_owned());
    Ok(())
}

fn windows_to_go(parameter: &str) -> Problem {
    Problem::Value(parameter.to_owned(), "a disk starts by BIOS or by UEFI, not by both".to_owned())
}

fn bcd(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    draft.recipe.no_boot = Some(word("-BCDinVHD", given, &["VirtualMachine", "NativeBoot"])? == "NativeBoot");
    Ok(())
}

fn debugger(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    draft.recipe.debug = match word("-EnableDebugger", given, &DEBUGGERS)? {
        "None" => None,
        "Network" => Some("net".to_owned()),
        word => Some(word.to_ascii_lowercase()),
    };
    Ok(())
}

fn com_port(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    let port: u16 = number("-ComPort", given)?;
    if !(1..=10).contains(&port) {
        return Err(Problem::Value("-ComPort".to_owned(), format!("{port} is not from 1 to 10")));
    }
    draft.recipe.debug_port = Some(port);
    Ok(())
}

fn port(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    let port: u16 = number("-Port", given)?;
    if !(49_152..=50_039).contains(&port) {
        return Err(Problem::Value("-Port".to_owned(), format!("{port} is not from 49152 to 50039")));
    }
    draft.recipe.debug_port = Some(port);
    Ok(())
}

/// The rules of the script.
pub(super) fn check(bound: &Bound) -> Result<(), Problem> {
    let rule = |text: &str| Err(Problem::Rule(text.to_owned()));
    match (bound.has("DiskLayout"), bound.has("VHDPartitionStyle")) {
        (true, true) => rule("-DiskLayout and -VHDPartitionStyle exclude each other"),
        (false, false) if !bound.is_on("ShowUI") => rule("-DiskLayout is missing: BIOS or UEFI"),
        _ => Ok(()),
    }
}

/// What the script does unless told otherwise.
pub(super) fn finish(draft: &mut Draft, bound: &Bound) -> Result<(), Problem> {
    let recipe = &mut draft.recipe;
    let usual = if recipe.firmware.as_deref() == Some("bios") { "vhd" } else { "vhdx" };
    let format = recipe.format.get_or_insert_with(|| usual.to_owned()).clone();
    let suffix = recipe.output.as_deref().and_then(|output| output.extension());
    if !suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case(&format)) {
        let text = format!("-VHDPath must end in .{format}: that is the format of this disk (-VHDFormat)");
        return Err(Problem::Rule(text));
    }
    match recipe.debug.as_deref() {
        Some("serial") => recipe.debug_port = recipe.debug_port.or(Some(1)),
        Some("1394") => recipe.debug_channel = recipe.debug_channel.or(Some(10)),
        Some("usb") => _ = recipe.debug_target.get_or_insert_with(|| "Debugging".to_owned()),
        Some("net") => recipe.debug_port = recipe.debug_port.or(Some(50_000)),
        _ => {}
    }
    if bound.has("UnattendPath") {
        draft.note("-UnattendPath: the file goes to \\Windows\\Panther, where Windows looks first, not to the root");
    }
    draft.finish_size(25 << 30, format == "vhd");
    draft.replace();
    Ok(())
}
