//! The boot code at work: machines of QEMU, whose BIOS is SeaBIOS, start disks on which a probe takes
//! the place of `\bootmgr` and reports over the serial port what it finds.
#![expect(
    clippy::cast_possible_truncation,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests: small numbers of our own, and a failure is a failed test"
)]

mod disk;
mod geometry;
mod machine;
mod messages;
mod mkntfs;
mod ours;
mod probe;
mod sketch;
mod sources;
mod windows;
