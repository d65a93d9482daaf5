//! What others' software makes of our disks: readers in Rust, qemu, and the checkers of partition
//! tables and FAT volumes.

#![expect(clippy::unwrap_used, reason = "a test that can't go on should stop")]

mod containers;
mod esp;
mod fat;
mod fat_rules;
mod hostile;
mod log;
mod partitions;
mod pinned;
mod property;
mod readers;
mod rules;
mod support;
mod tables;
mod writer;
