//! `New-NanoServerImage`, `Edit-NanoServerImage` and `Get-NanoServerPackage`, as on the media of Windows Server 2016.
//!
//! Parameters, positions and defaults: Microsoft, "NanoServerImageGenerator" in the reference of Windows PowerShell
//! modules for Windows Server 2016; "Deploy Nano Server"; "Troubleshooting Windows Nano Server".

use super::draft::{Draft, number, quads, word};
use super::parameter::Becomes::{Keys, Nothing, Refused};
use super::parameter::{Bound, Given, Parameter};
use super::problem::Problem;

pub(super) const PACKAGES: &str = "packages come with a later version";
const DRIVERS: &str = "drivers come with a later version";
const SERVICING: &str = "servicing packages come with a later version";
const CAPABILITIES: &str = "packages, and the capabilities in them, come with a later version";
const JOINING: &str = "an account in the domain can be made by a Windows in the domain only: run djoin /provision \
                       /savefile there, and give its file to -DomainBlobPath";
const REUSING: &str = "an account in the domain can be made by a Windows in the domain only: run djoin /provision /reuse \
                       there, and give its file to -DomainBlobPath";
const SCRIPTS: &str = "no image is mounted that a script could change: take -CopyPath for files, and \
                       -SetupCompleteCommand for what runs at the first start";
const RAMDISK: &str = "starting from a WIM is not offered, and did not work in the original either";
const DEVELOPMENT: &str = "the remote debugger of Visual Studio 2015 would have to be on this machine; the recipe's \
                           test-signing lets test-signed drivers load";
const KIND: &str = "it chooses between the Guest and the Host package, and packages come with a later version";
const NO_LOG: &str = "there is no log: everything is said on standard output and standard error";
const NO_COPY: &str = "no working copy is made: the media is read in place";
const MERGED: &str = "it was the name in a preview: take -CopyPath";
const NO_KEY_FILE: &str = "one that is not given is not made up";

const METHODS: [&str; 4] = ["Serial", "Net", "1394", "USB"];

/// What New- and Edit-NanoServerImage have alike, but for the positions.
const BOTH: [Parameter; 41] = [
    Parameter::one("TargetPath", Keys(&["output", "force"], target)).mandatory(),
    Parameter::one("BasePath", Nothing(NO_COPY)),
    Parameter::switch("Storage", Refused(PACKAGES)),
    Parameter::switch("Compute", Refused(PACKAGES)),
    Parameter::switch("Defender", Refused(PACKAGES)),
    Parameter::switch("Clustering", Refused(PACKAGES)),
    Parameter::switch("OEMDrivers", Refused(PACKAGES)),
    Parameter::switch("Containers", Refused(PACKAGES)),
    Parameter::many("SetupUI", Refused(CAPABILITIES)),
    Parameter::many("Package", Refused(PACKAGES)).alias(&["Packages"]),
    Parameter::many("ServicingPackagePath", Refused(SERVICING)).alias(&["ServicingPackages"]),
    Parameter::one("ComputerName", Keys(&["computer-name"], computer_name)),
    Parameter::one(
        "AdministratorPassword",
        Keys(
            &["administrator-password-env", "administrator-password-file", "administrator-password-prompt"],
            Draft::password,
        ),
    ),
    Parameter::one(
        "UnattendPath",
        Keys(&["unattend"], |d, v| {
            d.recipe.unattend = Some(d.path(v)?);
            Ok(())
        }),
    ),
    Parameter::one("DomainName", Refused(JOINING)),
    Parameter::one(
        "DomainBlobPath",
        Keys(&["domain-join-blob"], |d, v| {
            d.recipe.domain_join_blob = Some(d.path(v)?);
            Ok(())
        }),
    ),
    Parameter::switch("ReuseDomainNode", Refused(REUSING)),
    Parameter::many("DriverPath", Refused(DRIVERS)).alias(&["DriversPath"]),
    Parameter::one(
        "InterfaceNameOrIndex",
        Keys(&["interface"], |d, v| {
            d.card.name = v.text().to_owned();
            Ok(())
        }),
    ),
    Parameter::one(
        "Ipv6Address",
        Keys(&["interface"], |d, v| {
            d.card.ipv6 = Some(v.text().to_owned());
            Ok(())
        }),
    ),
    Parameter::many(
        "Ipv6Dns",
        Keys(&["interface"], |d, v| {
            d.card.ipv6_dns.clone_from(&v.texts);
            Ok(())
        }),
    ),
    Parameter::one(
        "Ipv4Address",
        Keys(&["interface"], |d, v| {
            d.card.ipv4 = quads("-Ipv4Address", v)?.into_iter().next();
            Ok(())
        }),
    ),
    Parameter::one(
        "Ipv4SubnetMask",
        Keys(&["interface"], |d, v| {
            d.card.mask = quads("-Ipv4SubnetMask", v)?.into_iter().next();
            Ok(())
        }),
    ),
    Parameter::one(
        "Ipv4Gateway",
        Keys(&["interface"], |d, v| {
            d.card.gateway = quads("-Ipv4Gateway", v)?;
            Ok(())
        }),
    ),
    Parameter::many(
        "Ipv4Dns",
        Keys(&["interface"], |d, v| {
            d.card.ipv4_dns = quads("-Ipv4Dns", v)?;
            Ok(())
        }),
    ),
    Parameter::one("DebugMethod", Keys(&["debug"], debug)),
    Parameter::switch(
        "EnableEMS",
        Keys(&["enable-ems"], |d, v| {
            d.recipe.enable_ems = Some(v.on);
            Ok(())
        }),
    ),
    Parameter::one(
        "EMSPort",
        Keys(&["ems-port"], |d, v| {
            d.recipe.ems_port = Some(number("-EMSPort", v)?);
            Ok(())
        }),
    ),
    Parameter::one(
        "EMSBaudRate",
        Keys(&["ems-baud-rate"], |d, v| {
            d.recipe.ems_baud_rate = Some(number("-EMSBaudRate", v)?);
            Ok(())
        }),
    ),
    Parameter::switch(
        "EnableRemoteManagementPort",
        Keys(&["enable-remote-management-port"], |d, v| {
            d.recipe.enable_remote_management_port = Some(v.on);
            Ok(())
        }),
    ),
    Parameter::paths("CopyPath", Keys(&["copy"], Draft::copy)).alias(&["CopyFiles"]),
    Parameter::commands(
        "SetupCompleteCommand",
        Keys(&["setup-complete-command"], |d, v| {
            d.recipe.setup_complete_command.clone_from(&v.texts);
            Ok(())
        }),
    )
    .alias(&["SetupCompleteCommands"]),
    Parameter::switch("Development", Refused(DEVELOPMENT)),
    Parameter::one("LogPath", Nothing(NO_LOG)),
    Parameter::many("OfflineScriptPath", Refused(SCRIPTS)),
    Parameter::paths("OfflineScriptArgument", Refused(SCRIPTS)),
    Parameter::one("Internal", Refused(RAMDISK)),
    // Names of previews.
    Parameter::one("MergePath", Refused(MERGED)).foreign(),
    Parameter::switch("RamdiskBoot", Refused(RAMDISK)).foreign(),
    Parameter::switch("ReverseForwarders", Nothing("every image has had them since the last preview")).foreign(),
    Parameter::switch("EnableIPDisplayOnBoot", Refused("it was in previews only, and no image can do it any more"))
        .foreign(),
];

const DEBUGGING: [Parameter; 8] = [
    Parameter::one(
        "DebugCOMPort",
        Keys(&["debug-port"], |d, v| {
            d.recipe.debug_port = Some(com_port(v)?);
            Ok(())
        }),
    )
    .with("DebugMethod", &["Serial"]),
    Parameter::one(
        "DebugBaudRate",
        Keys(&["debug-baud-rate"], |d, v| {
            d.recipe.debug_baud_rate = Some(number("-DebugBaudRate", v)?);
            Ok(())
        }),
    )
    .with("DebugMethod", &["Serial"]),
    Parameter::one(
        "DebugRemoteIP",
        Keys(&["debug-host"], |d, v| {
            d.recipe.debug_host = Some(v.text().to_owned());
            Ok(())
        }),
    )
    .with("DebugMethod", &["Net"])
    .mandatory(),
    Parameter::one(
        "DebugPort",
        Keys(&["debug-port"], |d, v| {
            d.recipe.debug_port = Some(number("-DebugPort", v)?);
            Ok(())
        }),
    )
    .with("DebugMethod", &["Net"])
    .mandatory(),
    Parameter::one(
        "DebugKey",
        Keys(&["debug-key"], |d, v| {
            d.debug_key(v);
            Ok(())
        }),
    )
    .with("DebugMethod", &["Net"]),
    Parameter::one(
        "DebugBusParams",
        Keys(&["debug-bus-params"], |d, v| {
            d.recipe.debug_bus_params = Some(v.text().to_owned());
            Ok(())
        }),
    )
    .with("DebugMethod", &["Net"]),
    Parameter::one(
        "DebugChannel",
        Keys(&["debug-channel"], |d, v| {
            d.recipe.debug_channel = Some(number("-DebugChannel", v)?);
            Ok(())
        }),
    )
    .with("DebugMethod", &["1394"])
    .mandatory(),
    Parameter::one(
        "DebugTargetName",
        Keys(&["debug-target"], |d, v| {
            d.recipe.debug_target = Some(v.text().to_owned());
            Ok(())
        }),
    )
    .with("DebugMethod", &["USB"])
    .mandatory(),
];

const NEW: [Parameter; 5] = [
    Parameter::one("DeploymentType", Nothing(KIND)).at(0).mandatory(),
    Parameter::one("Edition", Keys(&["edition"], edition)).at(1).mandatory(),
    Parameter::one("MediaPath", Keys(&["media"], media)),
    Parameter::one("MaxSize", Keys(&["size"], Draft::size)),
    Parameter::switch("GuestDrivers", Refused("it was the name in a preview: take -DeploymentType Guest")).foreign(),
];

const EDIT: [Parameter; 2] = [
    Parameter::many("LangPackages", Refused(PACKAGES)).foreign(),
    Parameter::many("NeutralPackages", Refused(PACKAGES)).foreign(),
];

/// The places of Edit-NanoServerImage, from 0 on. Those of the other command are with the parameters.
const EDIT_POSITIONS: [&str; 27] = [
    "BasePath",
    "TargetPath",
    "SetupUI",
    "Package",
    "ServicingPackagePath",
    "ComputerName",
    "AdministratorPassword",
    "UnattendPath",
    "DomainName",
    "DomainBlobPath",
    "DriverPath",
    "InterfaceNameOrIndex",
    "Ipv6Address",
    "Ipv6Dns",
    "Ipv4Address",
    "Ipv4SubnetMask",
    "Ipv4Gateway",
    "Ipv4Dns",
    "DebugMethod",
    "EMSPort",
    "EMSBaudRate",
    "CopyPath",
    "SetupCompleteCommand",
    "LogPath",
    "OfflineScriptPath",
    "OfflineScriptArgument",
    "Internal",
];

/// The parameters of New-NanoServerImage.
pub(super) fn new_parameters() -> Vec<Parameter> {
    [&NEW[..], &BOTH, &DEBUGGING].concat()
}

/// The parameters of Edit-NanoServerImage.
pub(super) fn edit_parameters() -> Vec<Parameter> {
    let mut all = [&BOTH[..], &DEBUGGING, &EDIT].concat();
    for (position, name) in (0..).zip(EDIT_POSITIONS) {
        for parameter in all.iter_mut().filter(|parameter| parameter.name == name) {
            parameter.position = Some(position);
        }
    }
    all
}

/// The parameters of Get-NanoServerPackage.
pub(super) fn get_parameters() -> Vec<Parameter> {
    vec![
        Parameter::one("MediaPath", Keys(&["media"], media)).at(0),
        Parameter::one("BasePath", Keys(&["media"], media)).at(1),
        Parameter::one("LogPath", Nothing(NO_LOG)).at(2),
    ]
}

fn media(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    draft.recipe.media = Some(draft.path(given)?);
    Ok(())
}

fn edition(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    let edition = word("-Edition", given, &["Standard", "Datacenter"])?;
    draft.recipe.edition = Some(edition.to_ascii_lowercase());
    Ok(())
}

fn target(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    let path = draft.path(given)?;
    let suffix = path.extension().map(|suffix| suffix.to_string_lossy().to_ascii_lowercase());
    let refuse = |problem: &str| Err(Problem::Value("-TargetPath".to_owned(), problem.to_owned()));
    match suffix.as_deref() {
        Some("vhd" | "vhdx") => draft.recipe.output = Some(path),
        Some("wim") => return refuse("a .wim is not made: take .vhd or .vhdx"),
        _ => return refuse("a name that ends in .vhd or .vhdx was expected"),
    }
    Ok(())
}

fn computer_name(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    let length = given.text().encode_utf16().count();
    if !(1..=15).contains(&length) {
        let problem = format!("a name has 1 to 15 characters, not {length}");
        return Err(Problem::Value("-ComputerName".to_owned(), problem));
    }
    draft.recipe.computer_name = Some(given.text().to_owned());
    Ok(())
}

fn debug(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    draft.recipe.debug = Some(word("-DebugMethod", given, &METHODS)?.to_ascii_lowercase());
    Ok(())
}

/// The original has one byte for the number.
fn com_port(given: &Given) -> Result<u16, Problem> {
    number::<u8>("-DebugCOMPort", given).map(u16::from)
}

/// The rules of New- and Edit-NanoServerImage.
pub(super) fn check(bound: &Bound) -> Result<(), Problem> {
    let rule = |broken: bool, text: &str| if broken { Err(Problem::Rule(text.to_owned())) } else { Ok(()) };
    let has = |name| bound.has(name);
    if let Some(given) = bound.get("DeploymentType") {
        word("-DeploymentType", given, &["Host", "Guest"])?;
    }
    let guest = bound.is("DeploymentType", "Guest");
    rule(bound.is_on("OEMDrivers") && guest, "-OEMDrivers is not for -DeploymentType Guest")?;
    rule(has("DomainName") && has("DomainBlobPath"), "-DomainName and -DomainBlobPath exclude each other")?;
    let named = has("ComputerName") && has("DomainBlobPath");
    rule(named, "-ComputerName and -DomainBlobPath exclude each other: the blob says the name of the computer")?;
    rule(has("DomainName") && !has("ComputerName"), "-DomainName needs -ComputerName")?;
    let joins = has("DomainName") || has("DomainBlobPath");
    rule(bound.is_on("ReuseDomainNode") && !joins, "-ReuseDomainNode needs -DomainName or -DomainBlobPath")?;
    check_ports(bound)?;
    check_card(bound)
}

fn check_ports(bound: &Bound) -> Result<(), Problem> {
    let rule = |broken: bool, text: &str| if broken { Err(Problem::Rule(text.to_owned())) } else { Ok(()) };
    let ems = bound.is_on("EnableEMS");
    for name in ["EMSPort", "EMSBaudRate"] {
        rule(bound.has(name) && !ems, &format!("-{name} needs -EnableEMS"))?;
    }
    let port = |name: &str, usual: &str| bound.get(name).map_or_else(|| usual.to_owned(), |v| v.text().to_owned());
    let same = bound.is("DebugMethod", "Serial") && port("DebugCOMPort", "2") == port("EMSPort", "1");
    rule(
        ems && same,
        "the debugger and EMS can't have the same serial port: give -DebugCOMPort or -EMSPort another",
    )?;
    let no_key = bound.is("DebugMethod", "Net") && !bound.has("DebugKey");
    rule(no_key, &format!("-DebugMethod Net needs -DebugKey, such as 1a2b.3c4d.5e6f.7g8h: {NO_KEY_FILE}"))
}

fn check_card(bound: &Bound) -> Result<(), Problem> {
    let rule = |broken: bool, text: &str| if broken { Err(Problem::Rule(text.to_owned())) } else { Ok(()) };
    let names = ["Ipv6Address", "Ipv6Dns", "Ipv4Address", "Ipv4SubnetMask", "Ipv4Gateway", "Ipv4Dns"];
    let given = names.into_iter().find(|name| bound.has(name));
    match (given, bound.has("InterfaceNameOrIndex")) {
        (Some(name), false) => rule(true, &format!("-{name} needs -InterfaceNameOrIndex"))?,
        (None, true) => rule(true, "-InterfaceNameOrIndex sets nothing without an address or a DNS server")?,
        _ => {}
    }
    for name in ["Ipv4SubnetMask", "Ipv4Gateway"] {
        rule(bound.has(name) && !bound.has("Ipv4Address"), &format!("-{name} needs -Ipv4Address"))?;
    }
    let no_mask = bound.has("Ipv4Address") && !bound.has("Ipv4SubnetMask");
    rule(no_mask, "-Ipv4Address needs -Ipv4SubnetMask")
}

/// What New-NanoServerImage does unless told otherwise.
pub(super) fn finish_new(draft: &mut Draft, bound: &Bound) -> Result<(), Problem> {
    if !bound.has("MediaPath") {
        let text = "-MediaPath is missing: no working copy is made, so that every image needs the media";
        return Err(Problem::Rule(text.to_owned()));
    }
    let output = draft.recipe.output.as_deref().and_then(|output| output.extension());
    let is_vhd = output.is_some_and(|suffix| suffix.eq_ignore_ascii_case("vhd"));
    draft.finish_size(4 << 30, is_vhd);
    if !bound.has("ComputerName") && !bound.has("DomainBlobPath") {
        draft.recipe.computer_name = Some("*".to_owned());
    }
    if !bound.has("AdministratorPassword") {
        draft.recipe.administrator_password_prompt = Some(true);
    }
    draft.finish_card();
    draft.replace();
    Ok(())
}

/// What Get-NanoServerPackage reads.
pub(super) fn check_get(bound: &Bound) -> Result<(), Problem> {
    match (bound.has("MediaPath"), bound.has("BasePath")) {
        (true, true) => Err(Problem::Rule("-MediaPath and -BasePath exclude each other".to_owned())),
        (false, false) => Err(Problem::Rule("-MediaPath or -BasePath is missing".to_owned())),
        _ => Ok(()),
    }
}
