//! What makes a Windows disk start: boot code for machines with a BIOS, the files of the boot manager, and
//! the store that tells it what to start.
//!
//! - [`MBR_CODE`] and [`ntfs_boot_record`] find `\bootmgr` and hand the machine over to it;
//! - [`boot_files`] says which files of an image the boot manager needs, and where;
//! - [`bcd`] reads, edits, makes and prints boot configuration stores.
//!
//! # Boot code
//!
//! ```text
//!  BIOS ──► MBR_CODE ──────► ntfs_boot_record ───────► \bootmgr
//!           sector 0         first 16 sectors of       2000:0000, with the volume's
//!           of the disk      the active partition      first sector at 0000:7C00
//! ```
//!
//! Both are programs of our own in assembler, [`mbr.asm`] and [`ntfs.asm`]; the bytes that NASM makes
//! of them lie beside them, and a test makes them anew. They speak to the BIOS alone, read disks by
//! 64-bit sector numbers, and say in a sentence what is wrong if they can't go on.
//!
//! The NTFS boot record reads any volume that Windows can make and BIOSes can start: the B+ tree
//! of the root directory, attribute lists, `$MFT` and files in pieces, clusters from 512 bytes to
//! 2 MiB, records from 512 bytes to 4 KiB. It believes nothing: a damaged structure ends in a message.
//! It has room for 8192 pieces of `$MFT`, 4096 of a file, and index blocks of 32 KiB; `\bootmgr` must fit
//! between 128 KiB and what the BIOS keeps for itself below 640 KiB, which is 508 KiB or a little more.
//!
//! # What lies where in memory
//!
//! ```text
//!   00600 ┌──────────────────────────────────┐
//!         │ master boot record               │
//!   07C00 ├──────────────────────────────────┤ ▲ the stack is below
//!         │ boot record, 16 sectors          │ 7C1C: first sector of the volume, 7C24: drive
//!   09C00 ├──────────────────────────────────┤
//!         │ variables                        │
//!   0A000 ├──────────────────────────────────┤
//!         │ two file records, 4 KiB each     │
//!   10000 ├──────────────────────────────────┤
//!         │ clusters of the open file        │
//!   20000 ├──────────────────────────────────┤
//!         │ bootmgr                          │ before: an attribute list or an index block
//!   60000 │ ┌────────────────────────────────┤
//!         │ │ clusters of $MFT               │ until bootmgr is found
//!   80000 │ └────────────────────────────────┤
//!         └──────────────────────────────────┘ up to what INT 12h says
//! ```
//!
//! # To make a disk start
//!
//! [`MBR_CODE`] goes to the first bytes of the disk, in front of signature and partitions, of which
//! one must be active. [`ntfs_boot_record`] makes of a volume's first sector the bytes that take its
//! place and that of the 15 sectors behind it, which belong to `$Boot`; the volume's last sector, the
//! copy of the first, is to be replaced as well.
//!
//! [`mbr.asm`]: https://github.com/nanovhd/nanovhd/blob/main/crates/boot/src/bios/mbr.asm
//! [`ntfs.asm`]: https://github.com/nanovhd/nanovhd/blob/main/crates/boot/src/bios/ntfs.asm

pub mod bcd;
mod bios;
mod files;
mod firmware;

pub use bios::{BootRecordError, MBR_CODE, NTFS_BOOT_CODE, ntfs_boot_record};
pub use files::{
    BootFile, BootFilesError, BootPaths, MAX_BOOTMGR, MachineError, Obstacle, STORE_LOGS, boot_files, fallback_name,
    plain_file,
};
pub use firmware::Firmware;
