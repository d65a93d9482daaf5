//! Identifiers that are the same whenever the inputs are.
//!
//! The disk's identifier is a version 5 UUID (RFC 9562, 5.5) over a SHA-256 of everything that
//! changes the bytes of the virtual disk; all others follow from it. The container's kind is not
//! among the inputs: a disk keeps its bytes when it is made in another format.

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The name space of nanovhd's disks, itself derived from the project's address.
fn name_space() -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, b"https://github.com/nanovhd/nanovhd")
}

/// Collects what identifiers are derived from.
#[derive(Debug)]
pub(crate) struct Inputs(Sha256);

impl Inputs {
    /// `version` is raised when the same inputs are to give other identifiers.
    pub(crate) fn new(version: u64) -> Self {
        Self(Sha256::new()).number("version", version)
    }

    /// Adds bytes under a name.
    pub(crate) fn bytes(mut self, name: &str, bytes: &[u8]) -> Self {
        // Lengths go before contents, so that no two lists of inputs give the same stream.
        for part in [name.as_bytes(), bytes] {
            self.0.update((part.len() as u64).to_le_bytes());
            self.0.update(part);
        }
        self
    }

    /// Adds a number under a name.
    pub(crate) fn number(self, name: &str, number: u64) -> Self {
        self.bytes(name, &number.to_le_bytes())
    }

    /// The identifiers of the disk that these inputs make.
    pub(crate) fn identity(self) -> Identity {
        Identity(Uuid::new_v5(&name_space(), &self.0.finalize()))
    }
}

/// The identifiers of one disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity(Uuid);

impl Identity {
    /// Identifiers of no disk, to learn what does not depend on them.
    pub(crate) fn of_none() -> Self {
        Self(name_space())
    }

    /// The disk's own identifier.
    pub(crate) fn disk(self) -> Uuid {
        self.0
    }

    /// An identifier for a part of the disk or its container.
    pub(crate) fn part(self, name: &str) -> Uuid {
        Uuid::new_v5(&self.0, name.as_bytes())
    }

    /// A 64-bit serial number, never zero.
    pub(crate) fn serial64(self, name: &str) -> u64 {
        self.part(name).as_u64_pair().0 | 1
    }

    /// A 32-bit serial number, never zero.
    pub(crate) fn serial32(self, name: &str) -> u32 {
        self.part(name).as_fields().0 | 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_that_run_together_stay_apart() {
        let a = Inputs::new(1).bytes("label", b"ab").bytes("seed", b"c").identity();
        let b = Inputs::new(1).bytes("label", b"a").bytes("seed", b"bc").identity();
        assert_ne!(a, b);
        assert_ne!(a.part("x"), a.part("y"));
    }

    #[test]
    fn identifiers_do_not_change_between_releases() {
        let identity = Inputs::new(1).bytes("image", &[7; 20]).number("size", 4 << 30).identity();
        // A change here changes every disk that anybody has built: if it is meant, raise the version.
        assert_eq!(identity.disk().to_string(), "7c199617-6935-5eaf-b288-d26c4c68c82d");
    }
}
