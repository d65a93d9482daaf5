//! From keys to what is to be done.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::str::FromStr;

use nanovhd_wim::ImageSelector;

use super::error::{KeyError, RecipeError};
use super::item::Item;
use super::keys::InterfaceEntry;
use super::merge::{DEBUG, EITHER};
use super::secrets::{self, SecretSource};
use super::{InterfaceTable, RecipeFile, check};
use crate::{
    BuildOptions, Customization, Debugging, DiskFormat, Ems, HostCopy, Interface, Recipe, Secret, Selection, Size,
    Target,
};

/// The serial port of the debugger, unless a recipe says another: EMS has the first.
const DEBUG_SERIAL_PORT: u16 = 2;
/// The usual rate of both.
const BAUD_RATE: u32 = 115_200;

/// What a recipe asks for.
#[derive(Debug, Clone)]
pub struct Job {
    /// Where the image comes from.
    pub media: PathBuf,
    /// What is to be made of it.
    pub recipe: Recipe,
    /// The file to make, if the recipe says it.
    pub output: Option<PathBuf>,
    /// How it is made.
    pub options: BuildOptions,
    /// What the user should know.
    pub warnings: Vec<String>,
}

impl RecipeFile {
    /// What this recipe asks for: everything that can be checked without the media is checked, and secrets are
    /// fetched from where the recipe says.
    ///
    /// # Errors
    /// [`RecipeError`] names the key, and the place in the file if it has one.
    pub fn resolve(&self, secrets: &dyn SecretSource) -> Result<Job, RecipeError> {
        self.check()?;
        let media = self.media.as_ref().ok_or_else(|| {
            let hint = "give --media or the key `media`: a .wim file, or a folder with the media of Windows Server";
            self.error("media", KeyError::Missing { what: "`media`".to_owned(), hint: hint.to_owned() })
        })?;
        let mut warnings = Vec::new();
        let recipe = self.disk()?.customize(self.customization(secrets, &mut warnings)?);
        let media = self.origin.path("media", media);
        let output = self.output.as_ref().map(|output| self.origin.path("output", output));
        Ok(Job { media, recipe, output, options: self.options(), warnings })
    }

    /// Everything that needs neither media nor secrets: keys and values by the schema, values by what they mean,
    /// and what goes with what.
    ///
    /// # Errors
    /// As [`RecipeFile::resolve`].
    pub fn check(&self) -> Result<(), RecipeError> {
        let values = serde_json::to_value(self).map_err(|e| RecipeError::Write(e.to_string()))?;
        check::recipe(&Item::from(&values), &self.origin)?;
        self.check_values()?;
        self.check_together()
    }

    /// Values that a schema can't describe.
    pub(super) fn check_values(&self) -> Result<(), RecipeError> {
        self.disk_values()?;
        self.interfaces()?;
        self.copies()?;
        if let Some(host) = &self.debug_host {
            self.host(host)?;
        }
        Ok(())
    }

    fn host(&self, text: &str) -> Result<Ipv4Addr, RecipeError> {
        text.parse().map_err(|_| {
            let (key, found) = ("debug-host".to_owned(), format!("{text:?}"));
            self.error(
                "debug-host",
                KeyError::Range { key, found, expected: "an IPv4 address such as 10.0.0.9".into() },
            )
        })
    }

    fn disk_values(&self) -> Result<(), RecipeError> {
        if let Some(size) = &self.size {
            self.value::<Size>("size", size)?;
        }
        self.cluster_bytes().map(drop)
    }

    fn cluster_bytes(&self) -> Result<Option<u32>, RecipeError> {
        let Some(text) = &self.cluster_size else { return Ok(None) };
        let Size(bytes) = self.value("cluster-size", text)?;
        let fits = bytes.is_power_of_two() && (512..=65536).contains(&bytes);
        let bytes = u32::try_from(bytes).ok().filter(|_| fits);
        bytes.map(Some).ok_or_else(|| {
            let (key, found) = ("cluster-size".to_owned(), format!("{text:?}"));
            self.error(
                "cluster-size",
                KeyError::Range { key, found, expected: "a power of two from 512 to 64K".into() },
            )
        })
    }

    /// The disk, without what is set in the image.
    fn disk(&self) -> Result<Recipe, RecipeError> {
        let selection = match (&self.edition, &self.image) {
            (Some(edition), _) => Selection::Edition(self.value("edition", edition)?),
            (None, Some(image)) => Selection::Image(self.value::<ImageSelector>("image", image)?),
            (None, None) => Selection::Only,
        };
        let mut recipe = Recipe::new().select(selection).boot(!self.no_boot.unwrap_or_default());
        let target = self.target.as_ref().map(|target| self.value::<Target>("target", target)).transpose()?;
        if let Some(target) = target {
            recipe = recipe.target(target);
        }
        if let Some(format) = self.disk_format(target)? {
            recipe = recipe.format(format);
        }
        if let Some(fixed) = self.fixed {
            recipe = recipe.fixed(fixed);
        }
        if let Some(label) = &self.label {
            recipe = recipe.label(label);
        }
        if let Some(bytes) = self.sector_size {
            recipe = recipe.sector_size(bytes);
        }
        if let Some(bytes) = self.cluster_bytes()? {
            recipe = recipe.cluster_size(bytes);
        }
        if let Some(seed) = &self.seed {
            recipe = recipe.seed(seed);
        }
        if let Some(device) = &self.bcd_device {
            recipe = recipe.bcd_device(self.value("bcd-device", device)?);
        }
        if let Some(template) = &self.bcd_template {
            recipe = recipe.bcd_template(self.value("bcd-template", template)?);
        }
        if let Some(firmware) = &self.firmware {
            recipe = recipe.firmware(self.value("firmware", firmware)?);
        }
        if let Some(size) = &self.size {
            recipe = recipe.disk_size(self.value("size", size)?);
        }
        Ok(recipe)
    }

    /// The kind of file, as said or as the suffix of the output has it. The target must take it.
    fn disk_format(&self, target: Option<Target>) -> Result<Option<DiskFormat>, RecipeError> {
        match (&self.format, &self.output) {
            (Some(format), _) => self.value("format", format).map(Some),
            (None, Some(output)) => {
                let of = |target: Target| target.format_for_output(output);
                let format = target.map_or_else(|| DiskFormat::for_output(output), of);
                format.map(Some).map_err(|source| self.error("output", KeyError::Output(source)))
            }
            (None, None) => Ok(None),
        }
    }

    fn options(&self) -> BuildOptions {
        BuildOptions {
            threads: self.threads,
            overwrite: self.force.unwrap_or_default(),
            verify: self.verify.unwrap_or_default(),
            no_sync: self.no_sync.unwrap_or_default(),
        }
    }

    /// What is set in the image.
    ///
    /// # Errors
    /// As [`RecipeFile::resolve`].
    pub fn customization(
        &self,
        secrets: &dyn SecretSource,
        warnings: &mut Vec<String>,
    ) -> Result<Customization, RecipeError> {
        let path = |key, path: &Option<PathBuf>| path.as_ref().map(|path| self.origin.path(key, path));
        let mut custom = Customization::default();
        custom.computer_name.clone_from(&self.computer_name);
        custom.administrator_password = self.secret("administrator-password", secrets, warnings)?;
        custom.time_zone.clone_from(&self.time_zone);
        custom.locale.clone_from(&self.locale);
        custom.product_key = self.secret("product-key", secrets, warnings)?;
        custom.registered_owner.clone_from(&self.registered_owner);
        custom.registered_organization.clone_from(&self.registered_organization);
        custom.unattend = path("unattend", &self.unattend);
        custom.domain_join_blob = path("domain-join-blob", &self.domain_join_blob);
        custom.setup_complete_commands.clone_from(&self.setup_complete_command);
        custom.run_scripts = self.run_script.iter().map(|script| self.origin.path("run-script", script)).collect();
        custom.copies = self.copies()?;
        custom.interfaces = self.interfaces()?;
        custom.remote_management_port = self.enable_remote_management_port.unwrap_or_default();
        custom.remote_desktop = self.remote_desktop.unwrap_or_default();
        custom.no_expand_on_native_boot = self.no_expand_on_native_boot.unwrap_or_default();
        custom.ems = self.ems();
        custom.debug = self.debugging(secrets, warnings)?;
        custom.test_signing = self.test_signing.unwrap_or_default();
        Ok(custom)
    }

    fn ems(&self) -> Option<Ems> {
        let usual = Ems::default();
        self.enable_ems.unwrap_or_default().then(|| Ems {
            port: self.ems_port.unwrap_or(usual.port),
            baud_rate: self.ems_baud_rate.unwrap_or(usual.baud_rate),
        })
    }

    fn interfaces(&self) -> Result<Vec<Interface>, RecipeError> {
        let mut interfaces = Vec::new();
        for (n, entry) in self.interface.iter().enumerate() {
            let key = format!("interface[{n}]");
            interfaces.push(match entry {
                InterfaceEntry::Text(text) => self.value::<Interface>(&key, text)?,
                InterfaceEntry::Table(table) => {
                    let mut interface: Interface = self.value(&key, &table.to_text())?;
                    interface.name.clone_from(&table.name);
                    interface
                }
            });
        }
        Ok(interfaces)
    }

    fn copies(&self) -> Result<Vec<HostCopy>, RecipeError> {
        let copy = |(n, text): (usize, &String)| {
            let mut copy: HostCopy = self.value(&format!("copy[{n}]"), text)?;
            copy.source = self.origin.path("copy", &copy.source);
            Ok(copy)
        };
        self.copy.iter().enumerate().map(copy).collect()
    }

    /// The secret of this name, from wherever the recipe says that it is found.
    fn secret(
        &self,
        name: &str,
        source: &dyn SecretSource,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Secret>, RecipeError> {
        let (given, file, variable, prompt, what) = match name {
            "product-key" => (
                &self.product_key,
                &self.product_key_file,
                &self.product_key_env,
                self.product_key_prompt,
                "product key",
            ),
            "debug-key" => (&self.debug_key, &self.debug_key_file, &self.debug_key_env, None, "debug key"),
            _ => (
                &None,
                &self.administrator_password_file,
                &self.administrator_password_env,
                self.administrator_password_prompt,
                "administrator password",
            ),
        };
        let (key, found) = if let Some(path) = file {
            let key = format!("{name}-file");
            let path = self.origin.path(&key, path);
            (key, secrets::of_file(&path, warnings))
        } else if let Some(variable) = variable {
            (format!("{name}-env"), secrets::of_variable(variable, source))
        } else if prompt.unwrap_or_default() {
            (format!("{name}-prompt"), secrets::of_person(what, source))
        } else {
            return Ok(given.clone());
        };
        found.map(Some).map_err(|source| self.error(&key, KeyError::Secret { key: key.clone(), source }))
    }

    fn debugging(
        &self,
        secrets: &dyn SecretSource,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Debugging>, RecipeError> {
        let Some(way) = &self.debug else { return Ok(None) };
        Ok(Some(match way.to_ascii_lowercase().as_str() {
            "serial" => {
                let port = self.debug_port.unwrap_or(DEBUG_SERIAL_PORT);
                let port = u8::try_from(port).map_err(|_| {
                    let (key, found) = ("debug-port".to_owned(), format!("the number {port}"));
                    self.error("debug-port", KeyError::Range { key, found, expected: "1 to 255 for serial".into() })
                })?;
                Debugging::Serial { port, baud_rate: self.debug_baud_rate.unwrap_or(BAUD_RATE) }
            }
            "net" => Debugging::Net {
                host: self.host(self.needed("debug-host", self.debug_host.as_ref())?)?,
                port: *self.needed("debug-port", self.debug_port.as_ref())?,
                key: {
                    let key = self.secret("debug-key", secrets, warnings)?;
                    self.needed("debug-key", key.as_ref())?.clone()
                },
                bus_params: self.debug_bus_params.clone(),
                no_dhcp: self.debug_no_dhcp.unwrap_or_default(),
            },
            "1394" => Debugging::Ieee1394 { channel: *self.needed("debug-channel", self.debug_channel.as_ref())? },
            "usb" => Debugging::Usb { target: self.needed("debug-target", self.debug_target.as_ref())?.clone() },
            // The schema has no other words.
            _ => Debugging::Local,
        }))
    }

    /// A value without which the debugger's way leads nowhere.
    fn needed<'v, T>(&self, key: &'static str, value: Option<&'v T>) -> Result<&'v T, RecipeError> {
        value.ok_or_else(|| {
            let hint = match key {
                "debug-host" => "say the IPv4 address of the machine that debugs, as in debug-host = \"10.0.0.9\"",
                "debug-port" => "say the UDP port of the machine that debugs, as in debug-port = 50000",
                "debug-key" => {
                    "say four groups of letters and digits, as in \"1a2b.3c4d.5e6f.7g8h\", or where to find them"
                }
                "debug-channel" => "say the channel, as in debug-channel = 10",
                _ => "say the name by which the debugger finds the machine, as in debug-target = \"nano1\"",
            };
            let way = self.debug.as_deref().unwrap_or_default();
            let missing = format!("for {way:?} `{key}` is missing");
            let problem = KeyError::Needs { key: "debug".to_owned(), missing, hint: hint.to_owned() };
            self.error("debug", problem)
        })
    }

    /// Keys that don't go together, or say something about what is not asked for.
    fn check_together(&self) -> Result<(), RecipeError> {
        for (keys, why) in EITHER {
            let mut set = keys.iter().filter(|key| self.is_meant(key));
            if let (Some(key), Some(other)) = (set.next(), set.next()) {
                return Err(self.conflict(other, key, why));
            }
        }
        if self.no_boot == Some(true) {
            let about_start = ["bcd-device", "bcd-template", "enable-ems", "debug", "test-signing"];
            if let Some(key) = about_start.into_iter().find(|key| self.is_meant(key)) {
                return Err(self.conflict(key, "no-boot", "nothing starts from such a disk"));
            }
        }
        if self.has("domain-join-blob") && self.has("computer-name") {
            return Err(self.conflict("computer-name", "domain-join-blob", "the blob says the name of the computer"));
        }
        self.check_ems()?;
        self.check_debug()
    }

    fn check_ems(&self) -> Result<(), RecipeError> {
        let key = ["ems-port", "ems-baud-rate"].into_iter().find(|key| self.has(key));
        match key.filter(|_| self.enable_ems != Some(true)) {
            None => Ok(()),
            Some(key) => Err(self.needs(key, "EMS is not on", "set enable-ems = true, or leave this out")),
        }
    }

    fn check_debug(&self) -> Result<(), RecipeError> {
        let way = self.debug.as_deref().map(str::to_ascii_lowercase);
        let fits: &[&str] = match way.as_deref() {
            None => &[],
            Some("serial") => &["debug-port", "debug-baud-rate"],
            Some("net") => &[
                "debug-port",
                "debug-host",
                "debug-key",
                "debug-key-file",
                "debug-key-env",
                "debug-bus-params",
                "debug-no-dhcp",
            ],
            Some("1394") => &["debug-channel"],
            Some("usb") => &["debug-target"],
            Some(_) => &[],
        };
        if let Some(key) = DEBUG.into_iter().find(|key| self.has(key) && !fits.contains(key)) {
            return Err(match &way {
                None => self.needs(key, "`debug` is not", "set debug to serial, net, 1394, usb or local"),
                Some(way) => {
                    self.needs(key, &format!("it does not belong to the debugger's way {way:?}"), "leave it out")
                }
            });
        }
        if let (Some(ems), Some("serial")) = (self.ems(), way.as_deref())
            && u16::from(ems.port) == self.debug_port.unwrap_or(DEBUG_SERIAL_PORT)
        {
            return Err(self.conflict("debug", "enable-ems", "both are on the same serial port"));
        }
        Ok(())
    }

    /// Whether a key says something: a flag that is false says nothing.
    fn is_meant(&self, key: &str) -> bool {
        let off = match key {
            "administrator-password-prompt" => self.administrator_password_prompt,
            "product-key-prompt" => self.product_key_prompt,
            "enable-ems" => self.enable_ems,
            "test-signing" => self.test_signing,
            _ => None,
        };
        self.has(key) && off != Some(false)
    }

    fn conflict(&self, key: &str, other: &str, why: &'static str) -> RecipeError {
        self.error(key, KeyError::Conflict { key: key.to_owned(), other: other.to_owned(), why })
    }

    fn needs(&self, key: &str, missing: &str, hint: &str) -> RecipeError {
        let (missing, hint) = (missing.to_owned(), hint.to_owned());
        self.error(key, KeyError::Needs { key: key.to_owned(), missing, hint })
    }

    /// The value of a key, from its text.
    fn value<T>(&self, key: &str, text: &str) -> Result<T, RecipeError>
    where
        T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        text.parse().map_err(|e: T::Err| {
            self.error(key, KeyError::Value { key: key.to_owned(), source: e.into(), hint: None })
        })
    }

    fn error(&self, key: &str, problem: KeyError) -> RecipeError {
        RecipeError::Key { at: self.origin.of(key).cloned(), problem: Box::new(problem) }
    }
}

impl InterfaceTable {
    /// The table as the text of a flag. A name that such a text can't have is put in afterwards.
    fn to_text(&self) -> String {
        let simple = !self.name.is_empty() && !self.name.contains([',', '=']);
        let mut text = if simple { self.name.clone() } else { "interface".to_owned() };
        let single = [("ipv4", &self.ipv4), ("mask", &self.mask), ("ipv6", &self.ipv6)];
        let single = single.into_iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
        let lists = [("gateway", &self.gateway), ("dns", &self.dns)];
        let lists = lists.into_iter().flat_map(|(key, values)| values.iter().map(move |value| (key, value)));
        for (key, value) in single.chain(lists) {
            text.push_str(&format!(",{key}={value}"));
        }
        text
    }
}
