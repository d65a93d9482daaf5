//! The structures of a device. All integers are little-endian.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bytes of the GUID in front of the first descriptor.
pub(super) const OPTIONS_LEN: usize = 16;
/// The flags of a RAM disk; all other devices have none.
pub(super) const RAMDISK_FLAGS: u32 = 1;
/// What stands in [`FileDisk::kind`].
pub(super) const FILE_PATH: u32 = 5;

/// [`DescriptorDisk::kind`].
pub(super) mod kind {
    pub(crate) const LOCAL: u32 = 0;
    pub(crate) const BOOT: u32 = 5;
    pub(crate) const PARTITION: u32 = 6;
    pub(crate) const LOCATE: u32 = 8;
}

/// What a local device is.
pub(super) mod local {
    pub(crate) const RAMDISK: u32 = 3;
    pub(crate) const FILE: u32 = 5;
    pub(crate) const VIRTUAL_DISK: u32 = 6;
}

/// [`LocateDisk::by`].
pub(super) mod locate {
    pub(crate) const ELEMENT: u32 = 0;
    pub(crate) const PATH: u32 = 1;
}

/// [`PartitionDisk::medium`].
pub(super) mod medium {
    pub(crate) const HARD_DISK: u32 = 0;
    pub(crate) const VIRTUAL_DISK: u32 = 6;
}

/// [`PartitionDisk::scheme`].
pub(super) mod scheme {
    pub(crate) const GPT: u32 = 0;
    pub(crate) const MBR: u32 = 1;
}

/// What every descriptor begins with.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct DescriptorDisk {
    /// +0x00 [`kind`].
    pub(super) kind: U32,
    /// +0x04 [`RAMDISK_FLAGS`] or 0.
    pub(super) flags: U32,
    /// +0x08 Bytes of the descriptor, these included.
    pub(super) size: U32,
    /// +0x0c 0.
    pub(super) reserved: U32,
}
const _: () = assert!(size_of::<DescriptorDisk>() == 16);

/// Zeros that fill the descriptor of a partition, where that of a file would be.
pub(super) const PARTITION_FILL: usize = 16;

/// A partition. On a virtual disk the descriptor of the file follows, else [`PARTITION_FILL`] zeros.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct PartitionDisk {
    /// +0x00 GPT: the partition's GUID. MBR: its offset in 8 bytes, 8 zeros.
    pub(super) partition: [u8; 16],
    /// +0x10 [`medium`].
    pub(super) medium: U32,
    /// +0x14 [`scheme`].
    pub(super) scheme: U32,
    /// +0x18 GPT: the disk's GUID. MBR: its signature in 4 bytes, 12 zeros.
    pub(super) disk: [u8; 16],
}
const _: () = assert!(size_of::<PartitionDisk>() == 40);

/// A device to be looked for. A path with a zero at its end follows, then the device to look on.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct LocateDisk {
    /// +0x00 [`locate`].
    pub(super) by: U32,
    /// +0x04 The element that has the path.
    pub(super) element: U32,
    /// +0x08 Offset in the descriptor of the device to look on, or 0.
    pub(super) parent: U32,
}
const _: () = assert!(size_of::<LocateDisk>() == 12);

/// A RAM disk. [`FileDisk`] follows.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RamdiskDisk {
    /// +0x00 [`local::RAMDISK`].
    pub(super) local: U32,
    /// +0x04 Address in memory.
    pub(super) base: U64,
    /// +0x0c Bytes.
    pub(super) size: U64,
    /// +0x14 Offset of the disk in the file.
    pub(super) offset: U32,
}
const _: () = assert!(size_of::<RamdiskDisk>() == 24);

/// A virtual disk. The descriptor of the file follows.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct VirtualDisk {
    /// +0x00 [`local::VIRTUAL_DISK`].
    pub(super) local: U32,
    /// +0x04 Zeros in a store: which disk it will be is not known yet.
    pub(super) identity: [u8; 20],
}
const _: () = assert!(size_of::<VirtualDisk>() == 24);

/// A file. The descriptor of its device and its path with a zero at its end follow.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct FileDisk {
    /// +0x00 1.
    pub(super) version: U32,
    /// +0x04 Bytes, these, the device and the path included.
    pub(super) length: U32,
    /// +0x08 [`FILE_PATH`].
    pub(super) kind: U32,
}
const _: () = assert!(size_of::<FileDisk>() == 12);
