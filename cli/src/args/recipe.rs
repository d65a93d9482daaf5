//! The flags that say what is made: one for each key of a recipe.
//!
//! A flag goes before the key of the recipe file, and so has no default of its own. A switch can be taken back,
//! as in `--fixed=false`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, value_parser};
use nanovhd::{Firmware, HostCopy, Interface, InterfaceEntry, RecipeFile, Secret, Size};

const IDENTITY: &str = "Identity";
const FIRST_BOOT: &str = "First boot";
const NETWORK: &str = "Network and remote access";
const DEBUGGING: &str = "Debugging";
const DISK: &str = "Disk";
const START: &str = "Start";

/// The rates that boot configurations have.
const BAUD_RATES: &[&str] = &["9600", "19200", "38400", "57600", "115200"];

/// Where a recipe is, and what the command line says before it.
#[derive(Debug, Args)]
pub(crate) struct Recipe {
    /// A recipe: a TOML file with what is not said by options; `nanovhd init` writes one
    #[arg(value_name = "RECIPE")]
    pub(crate) recipe: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) image: ImageFlags,
    #[command(flatten)]
    pub(crate) disk: DiskFlags,
    #[command(flatten)]
    pub(crate) identity: IdentityFlags,
    #[command(flatten)]
    pub(crate) first_boot: FirstBootFlags,
    #[command(flatten)]
    pub(crate) debug: DebugFlags,
    #[command(flatten)]
    pub(crate) later: Later,
}

/// What comes from where and goes where.
#[derive(Debug, Args)]
pub(crate) struct ImageFlags {
    /// An ISO image or a folder like the Windows Server 2016 media, or a .wim, .esd or .swm file
    #[arg(short, long, value_name = "PATH", required_unless_present = "recipe")]
    pub(crate) media: Option<PathBuf>,
    /// The image of this edition of Nano Server
    #[arg(short, long, value_name = "EDITION", conflicts_with = "image", ignore_case = true,
          value_parser = PossibleValuesParser::new(["standard", "datacenter"]))]
    pub(crate) edition: Option<String>,
    /// The image with this number or name
    #[arg(short, long, value_name = "INDEX|NAME")]
    pub(crate) image: Option<String>,
    /// The file to make; its suffix says what kind: .vhdx, .vhd, .raw or .img
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The size of the disk, such as 8GiB, 4096MiB or 10GB [default: 4GiB, or more where needed]
    #[arg(short, long, value_name = "SIZE", value_parser = checked::<Size>)]
    pub(crate) size: Option<String>,
    /// Replace the output file if there is one
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_name = "BOOL", hide_possible_values = true)]
    pub(crate) force: Option<bool>,
    /// Read the disk back and compare it with the image before it gets its name
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL",
          hide_possible_values = true)]
    pub(crate) verify: Option<bool>,
    /// Don't wait until the output is on the disk: after a power failure it may have its name but not all of
    /// its bytes, and a failing disk goes unnoticed
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL",
          hide_possible_values = true)]
    pub(crate) no_sync: Option<bool>,
    /// Work with N threads [default: all that the machine has]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
}

/// What the disk is like and how it starts.
#[derive(Debug, Args)]
#[command(next_help_heading = DISK)]
pub(crate) struct DiskFlags {
    /// What the disk is for: decides on the kind of file, its size and the firmware
    #[arg(long, value_name = "TARGET", ignore_case = true,
          value_parser = PossibleValuesParser::new(
              ["hyperv-gen1", "hyperv-gen2", "azure", "kvm", "virtualbox", "vmware"]))]
    pub(crate) target: Option<String>,
    /// The kind of file [default: what the suffix of the output says]
    #[arg(long, value_name = "FORMAT", ignore_case = true,
          value_parser = PossibleValuesParser::new(["vhdx", "vhd", "raw"]))]
    pub(crate) format: Option<String>,
    /// Give the file its full length at once, instead of letting it grow
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL",
          hide_possible_values = true)]
    pub(crate) fixed: Option<bool>,
    /// What starts the machine [default: bios for .vhd, else uefi]
    #[arg(long, value_name = "FIRMWARE", ignore_case = true, value_parser = firmware())]
    pub(crate) firmware: Option<String>,
    /// The name of the Windows volume [default: Windows]
    #[arg(long, value_name = "NAME")]
    pub(crate) label: Option<String>,
    /// The logical sectors of the disk, in bytes [default: 512]
    #[arg(long, value_name = "BYTES", value_parser = number::<u32>(&["512", "4096"]))]
    pub(crate) sector_size: Option<u32>,
    /// The clusters of the NTFS volume: 512 to 64K [default: 4K]
    #[arg(long, value_name = "SIZE", value_parser = cluster_size)]
    pub(crate) cluster_size: Option<String>,
    /// A text that changes all identifiers, to tell disks of the same image apart
    #[arg(long, value_name = "TEXT")]
    pub(crate) seed: Option<String>,
    /// Leave boot files and BCD out: nothing starts from the disk
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL",
          hide_possible_values = true, help_heading = START, conflicts_with_all = ["bcd_device", "bcd_template"])]
    pub(crate) no_boot: Option<bool>,
    /// How the BCD names partitions: by their identifiers (partition), as the one that the boot manager
    /// comes from (boot, BIOS only), or as the one that has the file (locate) [default: partition for
    /// uefi, locate for bios]
    #[arg(long, value_name = "DEVICE", ignore_case = true, help_heading = START,
          value_parser = PossibleValuesParser::new(["partition", "boot", "locate"]))]
    pub(crate) bcd_device: Option<String>,
    /// What the BCD is made from: the image's BCD-Template if there is one (image), or built-in settings
    /// [default: image]
    #[arg(long, value_name = "TEMPLATE", ignore_case = true, help_heading = START,
          value_parser = PossibleValuesParser::new(["image", "builtin"]))]
    pub(crate) bcd_template: Option<String>,
}

/// Who the computer is.
#[derive(Debug, Args)]
#[command(next_help_heading = IDENTITY)]
pub(crate) struct IdentityFlags {
    /// The name of the computer: 1 to 15 letters, digits and hyphens; * lets Windows choose one
    #[arg(long, value_name = "NAME")]
    pub(crate) computer_name: Option<String>,
    /// Read the password of the built-in administrator from this file: UTF-8, one line
    #[arg(long, value_name = "FILE", group = "password")]
    pub(crate) administrator_password_file: Option<PathBuf>,
    /// Take the password of the built-in administrator from this environment variable
    #[arg(long, value_name = "NAME", group = "password")]
    pub(crate) administrator_password_env: Option<String>,
    /// Ask for the password of the built-in administrator
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL",
          hide_possible_values = true, group = "password")]
    pub(crate) administrator_password_prompt: Option<bool>,
    /// The time zone by Windows' name, such as "W. Europe Standard Time"
    #[arg(long, value_name = "NAME")]
    pub(crate) time_zone: Option<String>,
    /// Language and region of formats, texts and keyboard, such as de-DE
    #[arg(long, value_name = "TAG")]
    pub(crate) locale: Option<String>,
    /// The product key; other users of this machine may see it while the command runs
    #[arg(long, value_name = "KEY", group = "key", value_parser = secret)]
    pub(crate) product_key: Option<Secret>,
    /// Read the product key from this file
    #[arg(long, value_name = "FILE", group = "key")]
    pub(crate) product_key_file: Option<PathBuf>,
    /// Take the product key from this environment variable
    #[arg(long, value_name = "NAME", group = "key")]
    pub(crate) product_key_env: Option<String>,
    /// Ask for the product key
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL",
          hide_possible_values = true, group = "key")]
    pub(crate) product_key_prompt: Option<bool>,
    /// Whom Windows is registered to
    #[arg(long, value_name = "NAME")]
    pub(crate) registered_owner: Option<String>,
    /// Which organization Windows is registered to
    #[arg(long, value_name = "NAME")]
    pub(crate) registered_organization: Option<String>,
    /// An answer file (unattend.xml) whose settings go before those made here
    #[arg(long, value_name = "FILE")]
    pub(crate) unattend: Option<PathBuf>,
    /// The file of `djoin /provision /savefile`, with which the computer joins its domain
    #[arg(long, value_name = "FILE", conflicts_with = "computer_name")]
    pub(crate) domain_join_blob: Option<PathBuf>,
}

/// What happens at the first start, and how the machine is reached.
#[derive(Debug, Args)]
#[command(next_help_heading = FIRST_BOOT)]
pub(crate) struct FirstBootFlags {
    /// Run this command at the first start; may be given several times
    #[arg(long, value_name = "COMMAND")]
    pub(crate) setup_complete_command: Vec<String>,
    /// Copy this script into the image and run it at the first start; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) run_script: Vec<PathBuf>,
    /// Copy a file or folder into the image; may be given several times
    #[arg(long, value_name = "SRC=DST", value_parser = checked::<HostCopy>)]
    pub(crate) copy: Vec<String>,
    /// Leave the disk at its size when a machine starts natively from the file
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL",
          hide_possible_values = true)]
    pub(crate) no_expand_on_native_boot: Option<bool>,
    /// Addresses of a network card, such as Ethernet,ipv4=10.0.0.5/24,gateway=10.0.0.1,dns=10.0.0.2; may be
    /// given several times
    #[arg(long, value_name = "NAME,KEY=VALUE…", help_heading = NETWORK, value_parser = checked::<Interface>)]
    pub(crate) interface: Vec<String>,
    /// Let the firewall accept remote management (WinRM, TCP port 5985) from anywhere
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL",
          hide_possible_values = true, help_heading = NETWORK)]
    pub(crate) enable_remote_management_port: Option<bool>,
    /// Turn Remote Desktop on
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL",
          hide_possible_values = true, help_heading = NETWORK)]
    pub(crate) remote_desktop: Option<bool>,
}

/// How a machine that does not start is reached.
#[derive(Debug, Args)]
#[command(next_help_heading = DEBUGGING)]
pub(crate) struct DebugFlags {
    /// Turn the Emergency Management Services on, on a serial port
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL",
          hide_possible_values = true)]
    pub(crate) enable_ems: Option<bool>,
    /// The serial port of EMS [default: 1]
    #[arg(long, value_name = "N", value_parser = value_parser!(u8).range(1..))]
    pub(crate) ems_port: Option<u8>,
    /// Bits per second of EMS [default: 115200]
    #[arg(long, value_name = "RATE", value_parser = number::<u32>(BAUD_RATES))]
    pub(crate) ems_baud_rate: Option<u32>,
    /// The way of the kernel debugger
    #[arg(long, value_name = "WAY", ignore_case = true,
          value_parser = PossibleValuesParser::new(["serial", "net", "1394", "usb", "local"]))]
    pub(crate) debug: Option<String>,
    /// For serial the number of the port [default: 2]; for net the UDP port of the machine that debugs
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..))]
    pub(crate) debug_port: Option<u16>,
    /// For serial: bits per second [default: 115200]
    #[arg(long, value_name = "RATE", value_parser = number::<u32>(BAUD_RATES))]
    pub(crate) debug_baud_rate: Option<u32>,
    /// For net: the IPv4 address of the machine that debugs
    #[arg(long, value_name = "ADDRESS", value_parser = checked::<std::net::Ipv4Addr>)]
    pub(crate) debug_host: Option<String>,
    /// For net: what encrypts it, as a.b.c.d; other users of this machine may see it while the command runs
    #[arg(long, value_name = "KEY", group = "debug_key_source", value_parser = secret)]
    pub(crate) debug_key: Option<Secret>,
    /// For net: read the key from this file
    #[arg(long, value_name = "FILE", group = "debug_key_source")]
    pub(crate) debug_key_file: Option<PathBuf>,
    /// For net: take the key from this environment variable
    #[arg(long, value_name = "NAME", group = "debug_key_source")]
    pub(crate) debug_key_env: Option<String>,
    /// For net: the network card as bus.device.function
    #[arg(long, value_name = "B.D.F")]
    pub(crate) debug_bus_params: Option<String>,
    /// For net: take no address by DHCP
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL",
          hide_possible_values = true)]
    pub(crate) debug_no_dhcp: Option<bool>,
    /// For 1394: the channel, 0 to 62
    #[arg(long, value_name = "N", value_parser = value_parser!(u8).range(0..=62))]
    pub(crate) debug_channel: Option<u8>,
    /// For usb: the name by which the debugger finds the machine
    #[arg(long, value_name = "NAME")]
    pub(crate) debug_target: Option<String>,
    /// Let drivers with test signatures load
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL",
          hide_possible_values = true)]
    pub(crate) test_signing: Option<bool>,
}

/// What the originals have and what is refused by its name, with the reason, until it works.
#[derive(Debug, Args)]
pub(crate) struct Later {
    #[arg(long, hide = true, value_name = "NAME", value_parser = later("packages"))]
    pub(crate) package: Vec<String>,
    #[arg(long, hide = true, value_name = "PATH", value_parser = later("drivers"))]
    pub(crate) driver: Vec<String>,
    #[arg(long, hide = true, value_name = "NAME", value_parser = later("containers"))]
    pub(crate) docker: Vec<String>,
    #[arg(long, hide = true, value_name = "NAME", value_parser = later("Windows features"))]
    pub(crate) feature: Vec<String>,
    #[arg(long, hide = true, value_name = "PATH", value_parser = later("servicing packages"))]
    pub(crate) servicing_package: Vec<String>,
}

impl Recipe {
    /// What the flags say, as a recipe. Every key stands here, so that the compiler finds one without a flag.
    pub(crate) fn flags(&self) -> RecipeFile {
        let Self { recipe: _, image, disk, identity, first_boot, debug, later: _ } = self;
        let interface = first_boot.interface.iter().cloned().map(InterfaceEntry::Text).collect();
        RecipeFile {
            media: image.media.clone(),
            edition: image.edition.clone(),
            image: image.image.clone(),
            output: image.output.clone(),
            size: image.size.clone(),
            force: image.force,
            verify: image.verify,
            no_sync: image.no_sync,
            threads: image.threads,
            target: disk.target.clone(),
            format: disk.format.clone(),
            fixed: disk.fixed,
            firmware: disk.firmware.clone(),
            label: disk.label.clone(),
            sector_size: disk.sector_size,
            cluster_size: disk.cluster_size.clone(),
            seed: disk.seed.clone(),
            no_boot: disk.no_boot,
            bcd_device: disk.bcd_device.clone(),
            bcd_template: disk.bcd_template.clone(),
            computer_name: identity.computer_name.clone(),
            administrator_password_file: identity.administrator_password_file.clone(),
            administrator_password_env: identity.administrator_password_env.clone(),
            administrator_password_prompt: identity.administrator_password_prompt,
            time_zone: identity.time_zone.clone(),
            locale: identity.locale.clone(),
            product_key: identity.product_key.clone(),
            product_key_file: identity.product_key_file.clone(),
            product_key_env: identity.product_key_env.clone(),
            product_key_prompt: identity.product_key_prompt,
            registered_owner: identity.registered_owner.clone(),
            registered_organization: identity.registered_organization.clone(),
            unattend: identity.unattend.clone(),
            domain_join_blob: identity.domain_join_blob.clone(),
            setup_complete_command: first_boot.setup_complete_command.clone(),
            run_script: first_boot.run_script.clone(),
            copy: first_boot.copy.clone(),
            interface,
            enable_remote_management_port: first_boot.enable_remote_management_port,
            remote_desktop: first_boot.remote_desktop,
            no_expand_on_native_boot: first_boot.no_expand_on_native_boot,
            enable_ems: debug.enable_ems,
            ems_port: debug.ems_port,
            ems_baud_rate: debug.ems_baud_rate,
            debug: debug.debug.clone(),
            debug_port: debug.debug_port,
            debug_baud_rate: debug.debug_baud_rate,
            debug_host: debug.debug_host.clone(),
            debug_key: debug.debug_key.clone(),
            debug_key_file: debug.debug_key_file.clone(),
            debug_key_env: debug.debug_key_env.clone(),
            debug_bus_params: debug.debug_bus_params.clone(),
            debug_no_dhcp: debug.debug_no_dhcp,
            debug_channel: debug.debug_channel,
            debug_target: debug.debug_target.clone(),
            test_signing: debug.test_signing,
            origin: nanovhd::RecipeOrigin::default(),
        }
    }
}

/// Takes one of a few numbers. clap lists them in the help and after a typo.
fn number<T>(words: &'static [&'static str]) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(words).try_map(|word| word.parse())
}

/// Takes a text that must be such a value. The recipe has it as text.
fn checked<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<String, String> {
    text.parse::<T>().map(|_| text.to_owned()).map_err(|e| e.to_string())
}

/// The kinds of firmware. That both were meant gets an answer of its own, but is not offered.
fn firmware() -> impl TypedValueParser<Value = String> {
    let both = PossibleValue::new("both").hide(true);
    let words = ["uefi", "bios"].map(PossibleValue::new).into_iter().chain([both]);
    PossibleValuesParser::new(words).try_map(|word| word.parse::<Firmware>().map(|_| word))
}

fn cluster_size(text: &str) -> Result<String, String> {
    let Size(bytes) = text.parse::<Size>().map_err(|e| e.to_string())?;
    let fits = bytes.is_power_of_two() && (512..=65536).contains(&bytes);
    fits.then(|| text.to_owned()).ok_or_else(|| "a power of two from 512 to 64K was expected".to_owned())
}

#[expect(clippy::unnecessary_wraps, reason = "clap asks for a result")]
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

/// Takes nothing.
fn later(what: &'static str) -> impl TypedValueParser<Value = String> {
    clap::builder::StringValueParser::new()
        .try_map(move |_| Err::<String, _>(format!("{what} come with a later version")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::{Command, CommandFactory};

    use super::*;
    use crate::args::Cli;

    #[test]
    fn cluster_sizes_are_powers_of_two() {
        for text in ["512", "4K", "64KiB"] {
            assert_eq!(cluster_size(text).as_deref(), Ok(text));
        }
        for text in ["0", "256", "3K", "128K", "4096M", "x"] {
            assert!(cluster_size(text).is_err(), "{text}");
        }
    }

    /// The long names of a subcommand's options that say what is made, and not how the command talks.
    fn flags(command: &Command) -> BTreeSet<String> {
        let shown = command.get_arguments().filter(|argument| !argument.is_hide_set());
        let names = shown.filter_map(|argument| argument.get_long().map(str::to_owned));
        names.filter(|name| !["json", "quiet", "help"].contains(&name.as_str())).collect()
    }

    #[test]
    fn every_key_has_its_flag_and_every_flag_its_key() {
        let cli = Cli::command();
        let keys: BTreeSet<_> = RecipeFile::keys().map(str::to_owned).collect();
        for name in ["build", "plan"] {
            let command = cli.find_subcommand(name).unwrap();
            assert_eq!(flags(command), keys, "{name}");
        }
    }

    #[test]
    fn flags_and_keys_take_the_same_words() {
        let cli = Cli::command();
        let build = cli.find_subcommand("build").unwrap();
        let schema = RecipeFile::schema();
        for argument in build.get_arguments() {
            let Some(name) = argument.get_long() else { continue };
            let Some(words) = schema["properties"][name]["enum"].as_array() else { continue };
            let words: Vec<_> =
                words.iter().map(|w| w.as_str().map_or_else(|| w.to_string(), str::to_owned)).collect();
            let offered = argument.get_possible_values();
            let offered: Vec<_> =
                offered.iter().filter(|v| !v.is_hide_set()).map(clap::builder::PossibleValue::get_name).collect();
            assert_eq!(offered, words, "{name}");
        }
    }
}
