//! Who the computer is: its name, its administrator, where it stands and whom it belongs to.

use nanovhd_hive::ValueData;

use super::apply::{Context, Way};
use super::hives::Zones;
use super::unattend::Answers;
use super::unattend::Pass::{self, OfflineServicing, OobeSystem, Specialize};
use super::{Customization, CustomizeError, Secret, check, domain};

/// The component that most settings belong to. "Microsoft-Windows-Shell-Setup".
pub(super) const SHELL: &str = "Microsoft-Windows-Shell-Setup";
/// The component for language and region. "Microsoft-Windows-International-Core".
const INTERNATIONAL: &str = "Microsoft-Windows-International-Core";
/// The key of `SOFTWARE` that says what Windows this is.
const CURRENT_VERSION: &str = r"Microsoft\Windows NT\CurrentVersion";
/// What turns off summer time behind the name of a time zone.
const NO_SUMMER: &str = "_dstoff";
/// The firewall's name for Remote Desktop.
const REMOTE_DESKTOP: &str = "@FirewallAPI.dll,-28752";

/// Makes the settings of this part.
///
/// # Errors
/// A setting has a value that can't be.
pub(super) fn apply(custom: &Customization, context: &mut Context<'_>) -> Result<(), CustomizeError> {
    if let Some(name) = &custom.computer_name {
        computer_name(name, context)?;
    }
    if let Some(password) = &custom.administrator_password {
        administrator_password(password, context)?;
    }
    if let Some(zone) = &custom.time_zone {
        time_zone(zone, context)?;
    }
    if let Some(name) = &custom.locale {
        locale(name, context)?;
    }
    if let Some(key) = &custom.product_key {
        product_key(key, context)?;
    }
    registered(custom, context)?;
    if let Some(blob) = &custom.domain_join_blob {
        domain::join(custom, blob, context)?;
    }
    if custom.remote_desktop {
        remote_desktop(context)?;
    }
    if custom.no_expand_on_native_boot {
        no_expand(context)?;
    }
    Ok(())
}

/// The answer file renames the computer at its first start; `*` lets Windows choose. The registry has the name
/// until then, so that the disk tells it.
fn computer_name(name: &str, context: &mut Context<'_>) -> Result<(), CustomizeError> {
    check::computer_name(name)?;
    context.input("computer-name", name.as_bytes());
    for pass in [OfflineServicing, Specialize] {
        context.answers.set(pass, SHELL, "ComputerName", name);
    }
    if name == "*" {
        context.say("computer-name", Way::Unattend, "Windows chooses a name at the first start");
        return Ok(());
    }
    let set = |context: &mut Context<'_>, anchor, key, values: &[&str]| {
        let values: Vec<_> = values.iter().map(|value| (*value, ValueData::sz(name))).collect();
        context.hives.set_in_system(&context.files, anchor, key, &values)
    };
    let named = set(context, r"Control\ComputerName", r"Control\ComputerName\ComputerName", &["ComputerName"])?;
    // Networks know the computer by the latter, which follows the former when Windows is renamed.
    let (hosts, tcpip) = (&["Hostname", "NV Hostname"], r"Services\Tcpip\Parameters");
    let hosted = set(context, r"Services\Tcpip", tcpip, hosts)?;
    if named || hosted {
        context.say("computer-name", Way::Registry, format!("{name}, in the image's SYSTEM"));
    }
    context.say("computer-name", Way::Unattend, format!("{name}, from the first start on"));
    Ok(())
}

/// The form that Windows has for passwords in answer files hides them from a glance, and from nothing more.
fn administrator_password(password: &Secret, context: &mut Context<'_>) -> Result<(), CustomizeError> {
    check::text("administrator-password", password.reveal())?;
    context.input("administrator-password", b"");
    for pass in [OobeSystem, OfflineServicing] {
        set_password(&mut context.answers, pass, password);
    }
    context.say("administrator-password", Way::Unattend, "set at the first start; kept in its encoded form");
    Ok(())
}

/// Sets the administrator's password in a pass that can.
pub(super) fn set_password(answers: &mut Answers, pass: Pass, password: &Secret) {
    let (path, name) = match pass {
        OfflineServicing => ("OfflineUserAccounts/OfflineAdministratorPassword", "OfflineAdministratorPassword"),
        _ => ("UserAccounts/AdministratorPassword", "AdministratorPassword"),
    };
    let fields = vec![("Value", hidden(password, name)), ("PlainText", "false".to_owned())];
    answers.set_fields(pass, SHELL, path, fields);
}

/// A password as answer files have it: Base64 of the UTF-16 of it and the name of its element.
fn hidden(password: &Secret, element: &str) -> String {
    let units = password.reveal().encode_utf16().chain(element.encode_utf16());
    super::base64::encode(&units.flat_map(u16::to_le_bytes).collect::<Vec<u8>>())
}

/// The password that is hidden so.
pub(super) fn revealed(hidden: &str, element: &str) -> Option<Secret> {
    let bytes = super::base64::decode(hidden)?;
    let (units, odd) = bytes.as_chunks::<2>();
    let text = String::from_utf16(&units.iter().copied().map(u16::from_le_bytes).collect::<Vec<u16>>()).ok()?;
    text.strip_suffix(element).filter(|_| odd.is_empty()).map(Secret::new)
}

fn time_zone(asked: &str, context: &mut Context<'_>) -> Result<(), CustomizeError> {
    check::text("time-zone", asked)?;
    let name = asked.strip_suffix(NO_SUMMER).unwrap_or(asked);
    let suffix = &asked[name.len()..];
    let zone = match context.hives.zone(&context.files, name)? {
        Zones::Others(names) => return Err(check::unknown_zone(name, &names)),
        Zones::Found(zone) => Some(zone),
        Zones::Unknown => None,
    };
    let spelled = zone.as_ref().map_or(name, |zone| &zone.name);
    let full = format!("{spelled}{suffix}");
    context.input("time-zone", full.as_bytes());
    context.answers.set(OobeSystem, SHELL, "TimeZone", &full);
    // Without summer time, the registry has another rule, which Windows makes of the suffix.
    let values = zone.filter(|_| suffix.is_empty()).and_then(|zone| zone.values());
    if let Some(values) = values {
        let key = r"Control\TimeZoneInformation";
        if context.hives.set_in_system(&context.files, "Control", key, &values)? {
            context.say("time-zone", Way::Registry, format!("{full}, in the image's SYSTEM"));
        }
    }
    context.say("time-zone", Way::Unattend, full);
    Ok(())
}

/// Texts are shown in a language that the image has; formats and keyboard can be of any.
fn locale(name: &str, context: &mut Context<'_>) -> Result<(), CustomizeError> {
    check::locale(name)?;
    context.input("locale", name.as_bytes());
    let has_texts =
        context.languages().is_empty() || context.languages().iter().any(|l| l.eq_ignore_ascii_case(name));
    for element in ["InputLocale", "SystemLocale", "UserLocale"] {
        context.answers.set(OobeSystem, INTERNATIONAL, element, name);
    }
    let mut what = "formats, keyboard and the language of old programs";
    if has_texts {
        context.answers.set(OobeSystem, INTERNATIONAL, "UILanguage", name);
        what = "formats, keyboard and texts";
    } else {
        let languages = context.languages().join(", ");
        context.warn(format!("the image has no texts in {name}, only in {languages}: those stay as they are"));
    }
    context.say("locale", Way::Unattend, format!("{name} for {what}"));
    Ok(())
}

fn product_key(key: &Secret, context: &mut Context<'_>) -> Result<(), CustomizeError> {
    let key = check::product_key(key)?;
    context.input("product-key", b"");
    context.answers.set(Specialize, SHELL, "ProductKey", key.reveal());
    context.say("product-key", Way::Unattend, "set at the first start");
    Ok(())
}

fn registered(custom: &Customization, context: &mut Context<'_>) -> Result<(), CustomizeError> {
    let settings: [(&'static str, &'static str, _); 2] = [
        ("registered-owner", "RegisteredOwner", &custom.registered_owner),
        ("registered-organization", "RegisteredOrganization", &custom.registered_organization),
    ];
    for (setting, name, value) in settings {
        let Some(value) = value else { continue };
        check::text(setting, value)?;
        context.input(setting, value.as_bytes());
        let data = [(name, ValueData::sz(value))];
        if context.hives.set_in_software(&context.files, CURRENT_VERSION, &data)? {
            context.say(setting, Way::Registry, format!("{value:?}, in the image's SOFTWARE"));
        }
        context.answers.set(Specialize, SHELL, name, value.as_str());
        context.say(setting, Way::Unattend, format!("{value:?}"));
    }
    Ok(())
}

/// Its switch is a value in the registry. Nano Server has none, and no Remote Desktop.
fn remote_desktop(context: &mut Context<'_>) -> Result<(), CustomizeError> {
    context.input("remote-desktop", b"");
    let key = r"Control\Terminal Server";
    let on = [("fDenyTSConnections", ValueData::dword(0))];
    if context.hives.set_in_system(&context.files, key, key, &on)? {
        context.say("remote-desktop", Way::Registry, "connections are allowed");
    } else {
        let line = r#"reg add "HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server" /v fDenyTSConnections /t REG_DWORD /d 0 /f"#;
        context.first_boot.push(line.to_owned());
        context.say("remote-desktop", Way::FirstBoot, "connections are allowed by reg");
        context.warn("the image's registry says nothing of Remote Desktop: it may have none, as Nano Server");
    }
    if context.hives.enable_firewall_group(&context.files, REMOTE_DESKTOP)? > 0 {
        context.say("remote-desktop", Way::Registry, "the firewall lets it in");
    } else {
        let line = format!(r#"netsh advfirewall firewall set rule group="{REMOTE_DESKTOP}" new enable=yes"#);
        context.first_boot.push(line);
        context.say("remote-desktop", Way::FirstBoot, "the firewall lets it in, by netsh");
    }
    Ok(())
}

/// A driver reads this before any script could run.
fn no_expand(context: &mut Context<'_>) -> Result<(), CustomizeError> {
    context.input("no-expand-on-native-boot", b"");
    let key = r"Services\FsDepends\Parameters";
    let values = [("VirtualDiskExpandOnMount", ValueData::dword(4))];
    if context.hives.set_in_system(&context.files, r"Services\FsDepends", key, &values)? {
        context.say("no-expand-on-native-boot", Way::Registry, "the disk's file keeps its size when it is started");
        return Ok(());
    }
    let line = r"reg add HKLM\SYSTEM\CurrentControlSet\Services\FsDepends\Parameters /v VirtualDiskExpandOnMount /t REG_DWORD /d 4 /f";
    context.first_boot.push(line.to_owned());
    context.say("no-expand-on-native-boot", Way::FirstBoot, "from the second start on, by reg");
    context.warn(
        "the image's registry says nothing of the driver for disks in files, so that the disk's file grows to its \
         full size once, at the first native start",
    );
    Ok(())
}
