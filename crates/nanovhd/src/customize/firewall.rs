//! Holes in the firewall: where the image's registry has the rules, there; else by `netsh` at the first start.
//!
//! The rules in `SharedAccess\Parameters\FirewallPolicy\FirewallRules` are what the firewall reads when it
//! starts, and what `netsh advfirewall` writes, in the grammar of [MS-GPFAS] 2.2.2.19. A rule that is there before
//! the first start therefore has the same effect, only sooner. A group is known by its resource
//! (`EmbedCtxt`), which is the same in every language.

use super::CustomizeError;
use super::apply::{Context, Way};

/// What the tool of Windows Server 2016 calls its rule.
const PORT_RULE: &str = "WinRM 5985";
/// What the rule is called in the registry.
const PORT_RULE_ID: &str = "nanovhd-WinRM-5985-In-TCP";
/// No profile means each of them. Version 2.10 is that of Windows 7 and Windows Server 2008 R2, which later ones
/// read too. [MS-GPFAS] 2.2.2.19, [MS-FASP] 2.2.42.
const PORT_RULE_TEXT: &str = "v2.10|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=5985|Name=WinRM 5985|";

/// Rules that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group {
    resource: &'static str,
    name: &'static str,
}

/// Remote Event Log Management.
pub(super) const EVENT_LOG: Group =
    Group { resource: "@FirewallAPI.dll,-29252", name: "Remote Event Log Management" };

/// How the firewall was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opened {
    pub(super) way: Way,
    pub(super) what: String,
    /// What is left to do at the first start.
    pub(super) command: Option<String>,
}

/// Lets in TCP port 5985 from anywhere.
pub(super) fn open_port(context: &mut Context<'_>) -> Result<Opened, CustomizeError> {
    let offline = context.hives.add_firewall_rule(&context.files, PORT_RULE_ID, PORT_RULE_TEXT)?;
    Ok(port_opened(offline))
}

/// Turns on the rules of a group.
pub(super) fn open_group(context: &mut Context<'_>, group: &Group) -> Result<Opened, CustomizeError> {
    let rules = context.hives.enable_firewall_group(&context.files, group.resource)?;
    Ok(group_opened(group, rules))
}

fn port_opened(offline: bool) -> Opened {
    let what = format!("the firewall lets in TCP port 5985 from anywhere, by the rule \"{PORT_RULE}\"");
    let command = format!(
        "netsh advfirewall firewall add rule name=\"{PORT_RULE}\" protocol=TCP dir=in localport=5985 profile=any action=allow"
    );
    opened(offline, what, command)
}

fn group_opened(group: &Group, rules: usize) -> Opened {
    let Group { resource, name } = group;
    let count = if rules > 0 { format!(", {rules}") } else { String::new() };
    let what = format!("the firewall's rules of the group {name} are on ({resource}{count})");
    opened(rules > 0, what, format!("netsh advfirewall firewall set rule group=\"{resource}\" new enable=yes"))
}

fn opened(offline: bool, what: String, command: String) -> Opened {
    match offline {
        true => Opened { way: Way::Registry, what, command: None },
        false => Opened { way: Way::FirstBoot, what, command: Some(command) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_registry_has_needs_no_command() {
        let done = port_opened(true);
        assert_eq!((done.way, done.command), (Way::Registry, None));
        let done = group_opened(&EVENT_LOG, 3);
        assert_eq!((done.way, done.command), (Way::Registry, None));
        assert_eq!(
            done.what,
            "the firewall's rules of the group Remote Event Log Management are on (@FirewallAPI.dll,-29252, 3)"
        );
    }

    #[test]
    fn what_it_lacks_is_done_at_the_first_start() {
        let port = port_opened(false);
        assert_eq!(port.way, Way::FirstBoot);
        let command = port.command.unwrap();
        for part in ["add rule name=\"WinRM 5985\"", "protocol=TCP", "dir=in", "localport=5985", "action=allow"] {
            assert!(command.contains(part), "{command}");
        }
        let group = group_opened(&EVENT_LOG, 0);
        let command = "netsh advfirewall firewall set rule group=\"@FirewallAPI.dll,-29252\" new enable=yes";
        assert_eq!((group.way, group.command.as_deref()), (Way::FirstBoot, Some(command)));
    }

    /// The grammar of [MS-GPFAS] 2.2.2.19: a version, then fields, each with a bar behind it.
    #[test]
    fn the_rule_keeps_to_the_grammar() {
        let mut fields = PORT_RULE_TEXT.strip_suffix('|').unwrap().split('|');
        assert_eq!(fields.next(), Some("v2.10"));
        let expected = ["Action=Allow", "Active=TRUE", "Dir=In", "Protocol=6", "LPort=5985"];
        let name = format!("Name={PORT_RULE}");
        assert!(fields.eq(expected.into_iter().chain([name.as_str()])));
        assert!(!PORT_RULE_ID.contains('|') && PORT_RULE_ID.len() < 512, "[MS-FASP] 2.2.37");
    }
}
