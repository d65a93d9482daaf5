//! Flags before keys.

use super::RecipeFile;

/// Keys of which one at most may be set: each says the same thing in another way.
pub(super) const EITHER: [(&[&str], &str); 4] = [
    (&["edition", "image"], "both choose the image"),
    (
        &["administrator-password-file", "administrator-password-env", "administrator-password-prompt"],
        "the password comes from one place",
    ),
    (
        &["product-key", "product-key-file", "product-key-env", "product-key-prompt"],
        "the product key comes from one place",
    ),
    (&["debug-key", "debug-key-file", "debug-key-env"], "the key comes from one place"),
];

/// What belongs to the way of the debugger, and goes when that changes.
pub(super) const DEBUG: [&str; 10] = [
    "debug-port",
    "debug-baud-rate",
    "debug-host",
    "debug-key",
    "debug-key-file",
    "debug-key-env",
    "debug-bus-params",
    "debug-no-dhcp",
    "debug-channel",
    "debug-target",
];

/// Does something with every key: options, flags, lists. The compiler refuses a list that is not whole.
macro_rules! every_key {
    ($with:ident) => {
        $with! {
            options: media edition image output target size format fixed firmware label sector_size cluster_size seed
                no_boot bcd_device bcd_template force verify no_sync threads computer_name
                administrator_password_file administrator_password_env administrator_password_prompt time_zone locale
                product_key product_key_file product_key_env product_key_prompt registered_owner
                registered_organization unattend domain_join_blob enable_remote_management_port remote_desktop
                no_expand_on_native_boot enable_ems ems_port ems_baud_rate debug debug_port debug_baud_rate debug_host
                debug_key debug_key_file debug_key_env debug_bus_params debug_no_dhcp debug_channel debug_target
                test_signing;
            lists: setup_complete_command run_script copy interface;
        }
    };
}

/// The name of a key as recipes have it.
fn kebab(field: &str) -> String {
    field.replace('_', "-")
}

impl RecipeFile {
    /// This recipe with what the flags say before it. Relative paths of flags start at the current folder. A list of the flags replaces one of the file. A key that says
    /// what a flag says in another way goes too: with the flag for an image, an edition of the file is no longer
    /// meant.
    #[must_use]
    pub fn merge(mut self, flags: Self) -> Self {
        self.make_room(&flags);
        macro_rules! merged {
            (options: $($option:ident)*; lists: $($list:ident)*;) => {{
                let Self { $($option,)* $($list,)* origin: _ } = flags;
                $(if $option.is_some() { self.origin.forget(&kebab(stringify!($option))); })*
                $(if !$list.is_empty() { self.origin.forget(&kebab(stringify!($list))); })*
                Self {
                    $($option: $option.or(self.$option),)*
                    $($list: if $list.is_empty() { self.$list } else { $list },)*
                    origin: self.origin,
                }
            }};
        }
        every_key!(merged)
    }

    /// Takes out what flags say in another way.
    fn make_room(&mut self, flags: &Self) {
        let mut gone = Vec::new();
        for (keys, _) in EITHER {
            if keys.iter().any(|key| flags.has(key)) {
                gone.extend_from_slice(keys);
            }
        }
        if flags.debug.is_some() && flags.debug != self.debug {
            gone.extend_from_slice(&DEBUG);
        }
        if flags.enable_ems == Some(false) {
            gone.extend_from_slice(&["ems-port", "ems-baud-rate"]);
        }
        for key in gone {
            self.take_out(key);
        }
    }

    /// Whether a key is set.
    pub fn has(&self, key: &str) -> bool {
        macro_rules! set {
            (options: $($option:ident)*; lists: $($list:ident)*;) => {
                $((kebab(stringify!($option)) == key && self.$option.is_some()) ||)*
                $((kebab(stringify!($list)) == key && !self.$list.is_empty()) ||)*
                false
            };
        }
        every_key!(set)
    }

    fn take_out(&mut self, key: &str) {
        macro_rules! take {
            (options: $($option:ident)*; lists: $($list:ident)*;) => {{
                $(if kebab(stringify!($option)) == key { self.$option = None; })*
                $(if kebab(stringify!($list)) == key { self.$list.clear(); })*
            }};
        }
        every_key!(take);
        self.origin.forget(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> RecipeFile {
        RecipeFile::parse(text, "r.toml").unwrap()
    }

    #[test]
    fn flags_win() {
        let file =
            parse("edition = \"standard\"\nlabel = \"a\"\nfixed = true\nsetup-complete-command = [\"a\", \"b\"]");
        let flags = RecipeFile {
            image: Some("2".to_owned()),
            fixed: Some(false),
            setup_complete_command: vec!["c".to_owned()],
            ..RecipeFile::default()
        };
        let merged = file.merge(flags);
        assert_eq!((merged.edition.as_deref(), merged.image.as_deref()), (None, Some("2")));
        assert_eq!((merged.label.as_deref(), merged.fixed), (Some("a"), Some(false)));
        assert_eq!(merged.setup_complete_command, ["c"]);
        // Only what is still the file's has its place there.
        let places = ["edition", "label", "fixed", "setup-complete-command", "setup-complete-command[0]"];
        assert_eq!(places.map(|key| merged.origin.of(key).is_some()), [false, true, false, false, false]);
    }

    #[test]
    fn what_goes_with_a_key_goes_with_it() {
        let file = "debug = \"serial\"\ndebug-port = 3\nenable-ems = true\nems-port = 1";
        let net = RecipeFile { debug: Some("net".to_owned()), ..RecipeFile::default() };
        assert_eq!(parse(file).merge(net).debug_port, None);
        let serial = RecipeFile { debug: Some("serial".to_owned()), ..RecipeFile::default() };
        assert_eq!(parse(file).merge(serial).debug_port, Some(3));
        let none = RecipeFile { enable_ems: Some(false), ..RecipeFile::default() };
        assert_eq!(parse(file).merge(none).ems_port, None);
        let password = "administrator-password-file = \"a\"";
        let asked = RecipeFile { administrator_password_prompt: Some(true), ..RecipeFile::default() };
        assert_eq!(parse(password).merge(asked).administrator_password_file, None);
    }

    #[test]
    fn every_key_is_known_here() {
        let none = RecipeFile::default();
        assert!(RecipeFile::keys().all(|key| !none.has(key)));
        let edition = parse("edition = \"standard\"");
        assert_eq!(RecipeFile::keys().filter(|key| edition.has(key)).collect::<Vec<_>>(), ["edition"]);
        for key in EITHER.iter().flat_map(|(keys, _)| *keys).chain(&DEBUG) {
            assert!(RecipeFile::keys().any(|known| known == *key), "{key}");
        }
    }
}
