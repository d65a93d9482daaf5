//! The script of the first start: `\Windows\Setup\Scripts\SetupComplete.cmd`, which Windows' setup runs once as
//! the system, before anybody can log on. Microsoft, "Add a Custom Script to Windows Setup".
//!
//! ```text
//!   interfaces ─┐
//!   firewall ───┤                       ┌─ of the image, as it was
//!   commands ───┼─► block.rs, lines ──► merge.rs ──► SetupComplete.cmd
//!   scripts ────┘   and their log
//! ```
//!
//! `cmd.exe` reads a batch file line by line in the code page of the console. So what is ours is UTF-8, and
//! where that differs from ASCII the block sets code page 65001 for itself. The image's own script keeps its
//! bytes, whatever they mean.

mod block;
mod merge;
mod network;
mod staged;
#[cfg(test)]
mod tests;

use nanovhd_tree::{Content, visible};

use self::block::Block;
use self::staged::Staged;
use super::apply::{Context, Way};
use super::firewall::{self, Opened};
use super::{Customization, CustomizeError, Interface, interface};
use crate::text::counted;

/// The folder that Windows' setup looks into.
const FOLDER: &str = r"\Windows\Setup\Scripts";
/// What it runs there.
const SCRIPT: &str = r"\Windows\Setup\Scripts\SetupComplete.cmd";
/// The program that changes code pages.
const CHCP: &str = r"\Windows\System32\chcp.com";
/// Scripts that do real work have some KiB.
const MAX_SCRIPT: u64 = 4 << 20;

/// Adds to the image what runs at the first start. Other parts have said what they need before.
pub(super) fn apply(custom: &Customization, context: &mut Context<'_>) -> Result<(), CustomizeError> {
    let mut commands = addresses(&custom.interfaces, context)?;
    commands.extend(ports(custom, context)?);
    commands.append(&mut context.first_boot);
    commands.extend(own_commands(&custom.setup_complete_commands, context)?);
    commands.extend(scripts(custom, context)?);
    if commands.is_empty() {
        return Ok(());
    }
    let block = Block::new(&commands);
    if !block.is_ascii() && context.files.find(CHCP).is_none() {
        context.warn(format!(
            "the image has no {CHCP}, without which cmd.exe reads text outside ASCII in {SCRIPT} wrongly: give \
             interfaces by their index, and commands in ASCII or in a script"
        ));
    }
    let bytes = block.bytes();
    context.input("first boot", &bytes);
    let existing = context.files.read(SCRIPT, MAX_SCRIPT)?;
    let merged = merge::merge(existing.as_deref(), &bytes).map_err(|problem| {
        let hint = format!("give --copy FILE={SCRIPT} with a script that cmd.exe can run");
        CustomizeError::setting("setup-complete-command", format!("{SCRIPT} {problem}"), hint)
    })?;
    for note in merged.notes {
        context.warn(note.to_string());
    }
    context.files.write(SCRIPT, Content::bytes(merged.bytes))?;
    Ok(())
}

/// Fixed addresses. Where they are in the registry hangs on an identifier that the card gets at the first
/// start, so they can't be there before.
fn addresses(interfaces: &[Interface], context: &mut Context<'_>) -> Result<Vec<String>, CustomizeError> {
    let odd = interface::check_all(interfaces).map_err(|e| CustomizeError::Setting {
        setting: "interface",
        problem: e.to_string(),
        hint: None,
    })?;
    odd.into_iter().for_each(|warning| context.warn(warning));
    let mut commands = Vec::new();
    for interface in interfaces {
        context.say("interface", Way::FirstBoot, format!("netsh sets {interface}"));
        commands.extend(network::commands(interface));
    }
    Ok(commands)
}

/// Holes in the firewall: in the image's registry, where it has the rules; else by commands.
fn ports(custom: &Customization, context: &mut Context<'_>) -> Result<Vec<String>, CustomizeError> {
    let mut commands = Vec::new();
    if custom.remote_management_port {
        let setting = "enable-remote-management-port";
        commands.extend(opened(setting, firewall::open_port(context)?, context));
        commands.extend(opened(setting, firewall::open_group(context, &firewall::EVENT_LOG)?, context));
    }
    Ok(commands)
}

fn opened(setting: &str, opened: Opened, context: &mut Context<'_>) -> Option<String> {
    context.say(setting, opened.way, opened.what);
    opened.command
}

/// The user's own commands.
fn own_commands(given: &[String], context: &mut Context<'_>) -> Result<Vec<String>, CustomizeError> {
    const SETTING: &str = "setup-complete-command";
    let mut commands = Vec::new();
    for (number, command) in (1..).zip(given) {
        let command = command.trim();
        let problem = block::refusal(command);
        if let Some(problem) = problem {
            let problem = format!("command {number}, {:?}, {problem}", visible(command));
            return Err(CustomizeError::setting(SETTING, problem, "put it into a script and give --run-script"));
        }
        if block::ends_the_script(command) {
            context.warn(format!("{SETTING} {number} ends the script of the first start: nothing after it is run"));
        }
        context.say(SETTING, Way::FirstBoot, visible(command));
        commands.push(block::called(command));
    }
    Ok(commands)
}

/// The user's scripts: copied, and run.
fn scripts(custom: &Customization, context: &mut Context<'_>) -> Result<Vec<String>, CustomizeError> {
    const SETTING: &str = "run-script";
    let count = custom.run_scripts.len();
    if count > staged::MOST {
        let problem = format!("{} are given, and at most {} can be", counted(count as u64, "script"), staged::MOST);
        return Err(CustomizeError::setting(SETTING, problem, "let one script call others"));
    }
    let mut commands = Vec::with_capacity(count);
    for script in Staged::all(&custom.run_scripts)? {
        let id = context.files.write(&script.path(), script.content())?;
        context.files.tree.metadata_mut(id).times = script.times;
        context.input(SETTING, script.name.as_bytes());
        context.input("written", &script.times.written.0.to_le_bytes());
        context.say(SETTING, Way::File, format!("{} becomes {}", script.source.display(), script.path()));
        context.say(SETTING, Way::FirstBoot, format!("runs {}", script.name));
        commands.push(script.command());
    }
    Ok(commands)
}
