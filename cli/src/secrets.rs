//! Secrets from the environment, and from the person at the terminal.

use std::ffi::OsString;
use std::io::{self, ErrorKind, IsTerminal};

use nanovhd::{Environment, Secret, SecretSource};

/// The environment of the command and its terminal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terminal;

impl SecretSource for Terminal {
    fn environment(&self, name: &str) -> Option<OsString> {
        Environment.environment(name)
    }

    /// Asks twice, as nobody sees what is typed.
    fn prompt(&self, what: &str) -> io::Result<Secret> {
        if !io::stdin().is_terminal() {
            return Err(io::Error::new(ErrorKind::Unsupported, "standard input is not a terminal"));
        }
        let typed = rpassword::prompt_password(format!("{what}: "))?;
        let again = rpassword::prompt_password(format!("{what}, once more: "))?;
        if typed != again {
            return Err(io::Error::new(ErrorKind::InvalidInput, "the two are not the same"));
        }
        Ok(Secret::new(typed))
    }
}
