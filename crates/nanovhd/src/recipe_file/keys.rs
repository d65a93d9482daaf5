//! The keys of a recipe: the one place that names them.
//!
//! The descriptions here are those of the JSON schema and of the sample that `nanovhd init` writes, so they
//! speak to the author of a recipe. What a value may be stands beside the field as a rule of the schema, and
//! [`check`](super::check) holds recipes to it: nothing is said twice.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::RecipeOrigin;
use crate::Secret;

/// How one image is made. Every key is the name of a flag of nanovhd build, and the flag goes before the key.
/// Relative paths start at the folder of the recipe.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(title = "nanovhd recipe")]
pub struct RecipeFile {
    /// What the image comes from: an ISO image or a folder like the Windows Server 2016 media, or a .wim, .esd or .swm
    /// file.
    #[schemars(example = &"WindowsServer2016")]
    pub media: Option<PathBuf>,
    /// The edition of Nano Server, where the media has several. Not with image.
    #[schemars(extend("enum" = ["standard", "datacenter"]), example = &"datacenter")]
    pub edition: Option<String>,
    /// The number or the name of the image. Not with edition.
    #[serde(default, deserialize_with = "number_or_text")]
    #[schemars(extend("type" = ["string", "integer"]), example = 2)]
    pub image: Option<String>,
    /// The file to make. Its suffix says what kind: .vhdx, .vhd, .raw or .img.
    #[schemars(example = &"nano.vhdx")]
    pub output: Option<PathBuf>,
    /// What the disk is for: it decides on the kind of file, whether it is fixed, the rules for its size, and the
    /// firmware.
    #[schemars(
        extend("enum" = ["hyperv-gen1", "hyperv-gen2", "azure", "kvm", "virtualbox", "vmware"]),
        example = &"hyperv-gen2"
    )]
    pub target: Option<String>,
    /// The size of the disk, such as "8GiB", "4096MiB" or "10GB": by default 4 GiB, or more where needed.
    #[serde(default, deserialize_with = "number_or_text")]
    #[schemars(extend("type" = ["string", "integer"]), example = &"8GiB")]
    pub size: Option<String>,
    /// The kind of file, if the suffix of the output does not say it.
    #[schemars(extend("enum" = ["vhdx", "vhd", "raw"]), example = &"vhdx")]
    pub format: Option<String>,
    /// Whether the file has its full length at once, instead of growing.
    #[schemars(example = true)]
    pub fixed: Option<bool>,
    /// What starts the machine: by default bios for .vhd, and uefi for the rest.
    #[schemars(extend("enum" = ["uefi", "bios"]), example = &"uefi")]
    pub firmware: Option<String>,
    /// The name of the Windows volume: by default Windows.
    #[schemars(example = &"Windows")]
    pub label: Option<String>,
    /// The logical sectors of the disk, in bytes: by default 512.
    #[schemars(extend("enum" = [512, 4096]), example = 512)]
    pub sector_size: Option<u32>,
    /// The clusters of the NTFS volume: a power of two from 512 to "64K", by default "4K".
    #[serde(default, deserialize_with = "number_or_text")]
    #[schemars(extend("type" = ["string", "integer"]), example = &"4K")]
    pub cluster_size: Option<String>,
    /// A text that changes all identifiers, to tell disks of the same image apart.
    #[schemars(example = &"node 1")]
    pub seed: Option<String>,
    /// Whether boot files and BCD are left out, so that nothing starts from the disk.
    #[schemars(example = true)]
    pub no_boot: Option<bool>,
    /// How the BCD names partitions: by their identifiers (partition), as the one that the boot manager comes from
    /// (boot, BIOS only), or as the one that has the file (locate). By default partition for uefi and locate for
    /// bios.
    #[schemars(extend("enum" = ["partition", "boot", "locate"]), example = &"partition")]
    pub bcd_device: Option<String>,
    /// What the BCD is made from: the image's BCD-Template if there is one (image, the default), or built-in
    /// settings (builtin).
    #[schemars(extend("enum" = ["image", "builtin"]), example = &"image")]
    pub bcd_template: Option<String>,
    /// Whether an output file that is there already is replaced.
    #[schemars(example = true)]
    pub force: Option<bool>,
    /// Whether the disk is read back and compared with the image before it gets its name.
    #[schemars(example = true)]
    pub verify: Option<bool>,
    /// Whether the build ends without waiting until the output is on the disk. After a power failure the file may
    /// then have its name but not all of its bytes.
    #[schemars(example = true)]
    pub no_sync: Option<bool>,
    /// How many threads work: by default as many as the machine runs at once.
    #[schemars(example = 2)]
    pub threads: Option<NonZeroUsize>,

    /// The name of the computer: 1 to 15 letters, digits and hyphens. "*" lets Windows choose one.
    #[schemars(length(min = 1, max = 15), example = &"nano1")]
    pub computer_name: Option<String>,
    /// The password of the built-in administrator, read from this file: UTF-8, one line.
    #[schemars(example = &"administrator-password.txt")]
    pub administrator_password_file: Option<PathBuf>,
    /// The password of the built-in administrator, read from this environment variable.
    #[schemars(example = &"NANO_PASSWORD")]
    pub administrator_password_env: Option<String>,
    /// Whether the password of the built-in administrator is asked for on the terminal.
    #[schemars(example = true)]
    pub administrator_password_prompt: Option<bool>,
    /// The time zone by the name that Windows has for it, as tzutil /l lists them.
    #[schemars(example = &"W. Europe Standard Time")]
    pub time_zone: Option<String>,
    /// Language and region of formats, texts and keyboard.
    #[schemars(example = &"en-US")]
    pub locale: Option<String>,
    /// The product key. Messages and plans don't show it; where others may read the recipe, take product-key-file.
    #[serde(default, deserialize_with = "secret", skip_serializing)]
    #[schemars(with = "Option<String>", extend("x-secret" = true), example = &"AAAAA-BBBBB-CCCCC-DDDDD-EEEEE")]
    pub product_key: Option<Secret>,
    /// The product key, read from this file.
    #[schemars(example = &"product-key.txt")]
    pub product_key_file: Option<PathBuf>,
    /// The product key, read from this environment variable.
    #[schemars(example = &"NANO_PRODUCT_KEY")]
    pub product_key_env: Option<String>,
    /// Whether the product key is asked for on the terminal.
    #[schemars(example = true)]
    pub product_key_prompt: Option<bool>,
    /// Whom Windows is registered to.
    #[schemars(example = &"Ada Lovelace")]
    pub registered_owner: Option<String>,
    /// Which organization Windows is registered to.
    #[schemars(example = &"Example Ltd.")]
    pub registered_organization: Option<String>,
    /// An answer file (unattend.xml) of your own. Its settings go before those that nanovhd makes.
    #[schemars(example = &"unattend.xml")]
    pub unattend: Option<PathBuf>,
    /// The file that djoin /provision /savefile made: the computer joins its domain with it. It also says the name of
    /// the computer.
    #[schemars(example = &"nano1.djoin")]
    pub domain_join_blob: Option<PathBuf>,

    /// Commands that run at the first start, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("examples" = [["net start w32time"]]))]
    pub setup_complete_command: Vec<String>,
    /// Scripts that are copied into the image and run at the first start, in this order, before the commands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("examples" = [["first-boot.cmd"]]))]
    pub run_script: Vec<PathBuf>,
    /// Files and folders that are copied into the image, each as "SOURCE=PATH IN THE IMAGE".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("examples" = [["files=\\Tools", "motd.txt=\\Users\\Public\\motd.txt"]]))]
    pub copy: Vec<String>,
    /// Whether the firewall lets remote management (WinRM, TCP port 5985) in from anywhere.
    #[schemars(example = true)]
    pub enable_remote_management_port: Option<bool>,
    /// Whether Remote Desktop is on.
    #[schemars(example = true)]
    pub remote_desktop: Option<bool>,
    /// Whether a machine that starts natively from the disk file leaves it at its size, instead of letting it grow to
    /// the size of the disk in it.
    #[schemars(example = true)]
    pub no_expand_on_native_boot: Option<bool>,

    /// Whether the Emergency Management Services are on, on a serial port.
    #[schemars(example = true)]
    pub enable_ems: Option<bool>,
    /// The number of the serial port of the Emergency Management Services: by default 1.
    #[schemars(range(min = 1), example = 1)]
    pub ems_port: Option<u8>,
    /// Bits per second on that port: by default 115200.
    #[schemars(extend("enum" = [9600, 19_200, 38_400, 57_600, 115_200]), example = 115_200)]
    pub ems_baud_rate: Option<u32>,
    /// The way of the kernel debugger.
    #[schemars(extend("enum" = ["serial", "net", "1394", "usb", "local"]), example = &"serial")]
    pub debug: Option<String>,
    /// For serial the number of the port, by default 2; for net the UDP port of the machine that debugs.
    #[schemars(range(min = 1), example = 2)]
    pub debug_port: Option<u16>,
    /// For serial: bits per second, by default 115200.
    #[schemars(extend("enum" = [9600, 19_200, 38_400, 57_600, 115_200]), example = 115_200)]
    pub debug_baud_rate: Option<u32>,
    /// For net: the IPv4 address of the machine that debugs.
    #[schemars(example = &"10.0.0.9")]
    pub debug_host: Option<String>,
    /// For net: what encrypts it, four groups of letters and digits with dots between. Messages and plans don't show
    /// it.
    #[serde(default, deserialize_with = "secret", skip_serializing)]
    #[schemars(with = "Option<String>", extend("x-secret" = true), example = &"1a2b.3c4d.5e6f.7g8h")]
    pub debug_key: Option<Secret>,
    /// For net: the key, read from this file.
    #[schemars(example = &"debug-key.txt")]
    pub debug_key_file: Option<PathBuf>,
    /// For net: the key, read from this environment variable.
    #[schemars(example = &"NANO_DEBUG_KEY")]
    pub debug_key_env: Option<String>,
    /// For net: the network card as bus.device.function, if the machine has several.
    #[schemars(example = &"0.3.0")]
    pub debug_bus_params: Option<String>,
    /// For net: whether the machine takes no address by DHCP.
    #[schemars(example = true)]
    pub debug_no_dhcp: Option<bool>,
    /// For 1394: the channel.
    #[schemars(range(min = 0, max = 62), example = 10)]
    pub debug_channel: Option<u8>,
    /// For usb: the name by which the debugger finds the machine.
    #[schemars(example = &"nano1")]
    pub debug_target: Option<String>,
    /// Whether drivers with test signatures load.
    #[schemars(example = true)]
    pub test_signing: Option<bool>,

    // Last, because in TOML whatever follows a [[table]] belongs to it.
    /// The addresses of network cards: each a text like "Ethernet,ipv4=10.0.0.5/24,gateway=10.0.0.1,dns=10.0.0.2", or
    /// a table `[[interface]]`. Such tables stand at the end of the recipe.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("examples" = [["Ethernet,ipv4=10.0.0.5/24,gateway=10.0.0.1,dns=10.0.0.2"]]))]
    pub interface: Vec<InterfaceEntry>,

    /// Where the keys come from, for messages.
    #[serde(skip)]
    pub origin: RecipeOrigin,
}

/// The addresses of a network card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum InterfaceEntry {
    /// As a text, like "Ethernet,ipv4=10.0.0.5/24,gateway=10.0.0.1,dns=10.0.0.2".
    Text(String),
    /// As a table.
    Table(InterfaceTable),
}

/// The addresses of a network card, as a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct InterfaceTable {
    /// The name that Windows gives the card, or its number.
    #[schemars(example = &"Ethernet")]
    pub name: String,
    /// The IPv4 address, with the length of the prefix unless there is a mask.
    #[schemars(example = &"10.0.0.5/24")]
    pub ipv4: Option<String>,
    /// The IPv4 mask.
    #[schemars(example = &"255.255.255.0")]
    pub mask: Option<String>,
    /// The IPv6 address, with the length of the prefix.
    #[schemars(example = &"fd00::5/64")]
    pub ipv6: Option<String>,
    /// The ways out of the network: at most one for IPv4 and one for IPv6.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("examples" = [["10.0.0.1"]]))]
    pub gateway: Vec<String>,
    /// Servers for names, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("examples" = [["10.0.0.2", "10.0.0.3"]]))]
    pub dns: Vec<String>,
}

impl From<&str> for InterfaceEntry {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for InterfaceEntry {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// A number is taken for its digits: sizes and images may be given either way.
fn number_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u64),
        Text(String),
    }
    Ok(Some(match Either::deserialize(deserializer)? {
        Either::Number(number) => number.to_string(),
        Either::Text(text) => text,
    }))
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(Some(Secret::new(String::deserialize(deserializer)?)))
}
