//! Disk images: VHD, VHDX and raw containers, GPT and MBR partition tables, and the FAT32 EFI
//! system partition. Knows nothing of Windows or of what the partitions hold.
//!
//! ```text
//!  DiskLayout ──► table() ─┐
//!  format_esp() ───────────┼─► (offset, bytes) ──┐
//!  a file system's extents ┘                     │
//!        │ ranges that will be written           │ bytes at virtual offsets, from any thread
//!        ▼                                       ▼
//!  Container::plan ────► Container ────► DiskWriter ────► file
//!                        where every     one write per    + headers, tables and footers
//!                        byte lies       piece of file      from DiskWriter::finish
//! ```
//!
//! Everything is planned before anything is written: [`Container::plan`] is told which ranges of
//! the virtual disk will be written and fixes where each byte of the file lies. A [`DiskWriter`]
//! then passes bytes straight through, in any order and from several threads, and
//! [`DiskWriter::finish`] writes the container's own structures. No byte is written twice and none
//! is read.
//!
//! # Zeros are not written
//!
//! A container is written to a new file that the caller has brought to
//! [`Container::file_len`] with `set_len`, so every byte of it is zero to begin with. Bytes of a
//! block, of a table or of a header that nobody writes are those zeros, and on most file systems
//! they take no space. Writing over an old file would let its bytes show through.
//!
//! # Reading back
//!
//! ```text
//!  file ──► Disk ──────► PartitionTable ──► Slice ──► FatVolume, or another file system
//!           │ bytes of    │ where the        a partition's bytes
//!           │ the disk    │ partitions are
//!           ▼             ▼                                     ▼
//!  check_container   check_partitions                       check_fat ──► findings
//! ```
//!
//! [`Disk::open`] tells by its content what a file is, whoever wrote it. Nothing in it is believed: sizes are
//! checked against the file before memory is taken for them, and no loop is as long as a file says it
//! is. Every checker has a list of rules, names the one that is broken and where, and goes on; it works
//! on what can't be opened, too.
//!
//! ```
//! use nanovhd_disk::{Disk, PartitionTable, Slice};
//!
//! # let image = vec![0; 1 << 20];
//! let disk = Disk::open(image)?;
//! if let Some(table) = PartitionTable::read(&disk, disk.sector_size())? {
//!     for part in &table.partitions {
//!         let volume = Slice::new(&disk, part.first, part.size);
//!         // … and whatever reads volumes.
//!         # let _ = volume;
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Same input, same bytes
//!
//! No clock and no random numbers: identifiers are derived (UUID version 5) from the one that is
//! given, and so is every time.
//!
//! ```
//! use nanovhd_disk::{Container, ContainerOptions, DiskLayout, Format};
//! use nanovhd_tree::{Filetime, WriteAt};
//! use uuid::Uuid;
//!
//! let id = Uuid::from_u128(0x5ca1ab1e);
//! let layout = DiskLayout::uefi(4 << 30, 512, id)?;
//! let table = layout.table(&[])?;
//! let used: Vec<_> = table.iter().map(|(offset, bytes)| *offset..offset + bytes.len() as u64).collect();
//!
//! let options = ContainerOptions {
//!     format: Format::VhdxDynamic,
//!     size: layout.size,
//!     sector_size: layout.sector_size,
//!     block_size: None,
//!     id,
//!     time: Filetime::from_unix(1_476_316_800),
//! };
//! let container = Container::plan(&options, &used)?;
//!
//! let file = tempfile::tempfile()?;
//! file.set_len(container.file_len())?;
//! let disk = container.create(&file);
//! for (offset, bytes) in &table {
//!     disk.write_all_at(bytes, *offset)?;
//! }
//! disk.finish()?;
//! file.sync_all()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod blocks;
mod container;
mod esp;
mod fat;
mod map;
mod overlay;
mod partition;
mod read;
mod rule;
mod slice;
mod sparse;
mod vhd;
mod vhdx;
mod writer;

pub use container::{Container, ContainerError, ContainerOptions, Format};
pub use esp::{EspData, EspError, EspFile, EspLayout, EspOptions, PathFault, esp_size, format_esp};
pub use fat::{ChainFault, FatFiles, FatKind, FatOpenError, FatReadError, FatRule, FatTree, FatVolume, check_fat};
pub use partition::{
    DiskLayout, FoundKind, FoundPartition, MBR_BOOT_CODE, MbrPartition, Partition, PartitionError, PartitionKind,
    PartitionReadError, PartitionRule, PartitionTable, Scheme, check_partitions, gpt_table, mbr_table,
};
pub use read::{Disk, OpenError, check_container};
pub use rule::ContainerRule;
pub use slice::Slice;
pub use writer::{DiskWriter, OutsidePlan};
