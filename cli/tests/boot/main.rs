//! Disks that the command built start machines that others wrote, up to the hand-off: QEMU with SeaBIOS and
//! with EDK2 (OVMF). In the boot managers' places the test data have probes, which say what they find.
//!
//! `boot_disk.py` starts the machines; nothing here depends on how long they take.
#![expect(clippy::print_stderr, clippy::unwrap_used, reason = "a failure is a failed test")]

#[path = "../common/mod.rs"]
mod common;

mod bios;
mod machine;
mod others;
mod uefi;
