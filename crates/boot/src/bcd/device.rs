//! Devices, byte by byte.
//!
//! Where a file or a partition is, is said by a block of bytes of which no document of Microsoft's has the
//! layout. What is known here comes from real stores, and agrees with the structures that ReactOS has in
//! `boot/environ/include/bl.h` (`BCD_DEVICE_OPTION`, `BL_DEVICE_DESCRIPTOR`, `BL_FILE_PATH_DESCRIPTOR`):
//!
//! ```text
//!      ┌───────────────────────────────┐
//!  00  │ GUID of an object with options│  of a RAM disk; else zeros
//!      ├───────────────────────────────┤ ◄─┐
//!  10  │ kind, flags, size, 0          │   │ a descriptor; size counts from here
//!  20  │ what its kind needs           │   │ a file's is the descriptor of its device, and a path
//!      └───────────────────────────────┘ ◄─┘
//! ```
//!
//! | kind | device | what follows |
//! |------|--------|--------------|
//! | 0    | a local one | 3: RAM disk from a file; 5: a file; 6: virtual disk in a file |
//! | 5    | where the boot manager came from | 56 zeros |
//! | 6    | a partition | its offset or GUID, the disk's signature or GUID; the file if the disk is virtual |
//! | 8    | to be looked for | the element that has the path of a file on it, or a path |
//!
//! A device that would not be written exactly as it was read is [`Device::Unknown`], and so is kept.

use thiserror::Error;
use uuid::Uuid;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

use self::format::{
    DescriptorDisk, FileDisk, LocateDisk, OPTIONS_LEN, PARTITION_FILL, PartitionDisk, RamdiskDisk, VirtualDisk, kind,
    local, locate, medium, scheme,
};
use super::element::ElementId;
use super::utf16;

mod format;

/// The most devices in each other. Windows makes four: one to be looked for on a virtual disk in a file of a
/// partition.
const MAX_NESTING: u32 = 8;

/// Where something is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Device {
    /// A partition of a disk.
    Partition(PartitionDevice),
    /// The device that the boot manager itself was started from.
    Boot,
    /// The first device that has a certain file.
    Locate {
        /// The element of the same object that has the file's path.
        element: ElementId,
        /// The path itself, in place of an element.
        path: String,
        /// Where to look; everywhere if this is nothing.
        parent: Option<Box<Device>>,
    },
    /// A disk in memory that is read from a file.
    Ramdisk {
        /// The object that has the disk's options.
        options: Uuid,
        /// The address in memory, which is known only later and means nothing in a store.
        base: u64,
        /// The size in bytes, likewise.
        size: u64,
        /// Where the disk begins in the file, likewise.
        offset: u32,
        /// The file.
        file: DeviceFile,
    },
    /// A file as a device.
    File(DeviceFile),
    /// The disk in a file of the device, a [`Device::File`].
    VirtualDisk(Box<Device>),
    /// A partition of such a disk.
    VirtualPartition {
        /// Which partition.
        partition: PartitionDevice,
        /// The file with the disk, a [`Device::File`].
        file: Box<Device>,
    },
    /// Any other, as it is stored: as a whole, or in another device its descriptor.
    Unknown(Vec<u8>),
}

/// A partition, by what says which one it is, on its disk and among all disks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PartitionDevice {
    /// On a disk with a GUID partition table.
    Gpt {
        /// The disk's GUID.
        disk: Uuid,
        /// The GUID that the partition has alone, not that of its type.
        partition: Uuid,
    },
    /// On a disk with a master boot record.
    Mbr {
        /// The disk's signature.
        signature: u32,
        /// Where the partition begins, in bytes.
        offset: u64,
    },
}

/// A file of a device.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeviceFile {
    /// The device.
    pub device: Box<Device>,
    /// The path, from the device's root.
    pub path: String,
}

/// What is wrong with the bytes of a device.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DeviceFault {
    /// They end too early.
    #[error("{what} at {at:#x} needs {expected:#x} bytes, but there are {found:#x}")]
    TooShort {
        /// What ends too early.
        what: &'static str,
        /// Offset in the device's bytes.
        at: usize,
        /// Bytes that it has.
        expected: usize,
        /// Bytes that are there.
        found: usize,
    },
    /// A size can't be.
    #[error("{what} at {at:#x} has the size {found:#x}, expected {least:#x} to {most:#x}")]
    Size {
        /// What has the size.
        what: &'static str,
        /// Offset in the device's bytes.
        at: usize,
        /// The size.
        found: u32,
        /// The least that it may be.
        least: usize,
        /// The most that it may be.
        most: usize,
    },
    /// A path is not text.
    #[error("the path at {at:#x} is not UTF-16 with a zero at its end")]
    Path {
        /// Offset in the device's bytes.
        at: usize,
    },
    /// Devices lie in each other without end.
    #[error("more than {MAX_NESTING} devices are in each other")]
    TooDeep,
}

impl Device {
    /// A device to be looked for by the file that another element of the object names.
    pub fn locate(element: ElementId) -> Self {
        Self::Locate { element, path: String::new(), parent: None }
    }

    /// Reads a device. Kinds that nobody knows are [`Device::Unknown`].
    ///
    /// # Errors
    /// [`DeviceFault`] when its sizes can't be right.
    pub fn decode(bytes: &[u8]) -> Result<Self, DeviceFault> {
        let mut cursor = Cursor { bytes, at: 0 };
        let options = Uuid::from_bytes_le(cursor.take::<[u8; OPTIONS_LEN]>("the GUID of the options")?);
        let mut device = descriptor(&mut cursor, 0)?;
        if let Self::Ramdisk { options: place, .. } = &mut device {
            *place = options;
        }
        // Whatever is left over or not as it should be shows here.
        Ok(if device.encode() == bytes { device } else { Self::Unknown(bytes.to_vec()) })
    }

    /// The bytes of the device.
    pub fn encode(&self) -> Vec<u8> {
        let options = match self {
            Self::Unknown(bytes) => return bytes.clone(),
            Self::Ramdisk { options, .. } => *options,
            _ => Uuid::nil(),
        };
        let mut bytes = options.to_bytes_le().to_vec();
        self.encode_descriptor(&mut bytes);
        bytes
    }

    fn encode_descriptor(&self, to: &mut Vec<u8>) {
        let mut body = Vec::new();
        let Some((kind, flags)) = self.encode_body(&mut body) else {
            return to.extend(body);
        };
        let size = fit(size_of::<DescriptorDisk>() + body.len());
        let header = DescriptorDisk { kind: kind.into(), flags: flags.into(), size: size.into(), reserved: 0.into() };
        to.extend(header.as_bytes());
        to.extend(body);
    }

    /// What follows the head of a descriptor, and the kind and flags in it; or all of it.
    fn encode_body(&self, body: &mut Vec<u8>) -> Option<(u32, u32)> {
        let kind_and_flags = match self {
            Self::Partition(partition) => {
                body.extend(partition.encode(medium::HARD_DISK).as_bytes());
                body.extend([0; PARTITION_FILL]);
                (kind::PARTITION, 0)
            }
            Self::VirtualPartition { partition, file } => {
                body.extend(partition.encode(medium::VIRTUAL_DISK).as_bytes());
                file.encode_descriptor(body);
                (kind::PARTITION, 0)
            }
            Self::Boot => {
                body.extend([0; size_of::<PartitionDisk>() + PARTITION_FILL]);
                (kind::BOOT, 0)
            }
            Self::Locate { element, path, parent } => {
                encode_located(*element, path, parent.as_deref(), body);
                (kind::LOCATE, 0)
            }
            Self::Ramdisk { options: _, base, size, offset, file } => {
                let (base, size, offset) = ((*base).into(), (*size).into(), (*offset).into());
                body.extend(RamdiskDisk { local: local::RAMDISK.into(), base, size, offset }.as_bytes());
                file.encode(body);
                (kind::LOCAL, format::RAMDISK_FLAGS)
            }
            Self::File(file) => {
                body.extend(local::FILE.to_le_bytes());
                file.encode(body);
                (kind::LOCAL, 0)
            }
            Self::VirtualDisk(file) => {
                body.extend(VirtualDisk { local: local::VIRTUAL_DISK.into(), identity: [0; 20] }.as_bytes());
                file.encode_descriptor(body);
                (kind::LOCAL, 0)
            }
            Self::Unknown(bytes) => {
                body.extend(bytes);
                return None;
            }
        };
        Some(kind_and_flags)
    }
}

impl PartitionDevice {
    fn encode(&self, medium: u32) -> PartitionDisk {
        let mut disk = PartitionDisk::new_zeroed();
        disk.medium = medium.into();
        match self {
            Self::Gpt { disk: id, partition } => {
                disk.scheme = scheme::GPT.into();
                disk.partition = partition.to_bytes_le();
                disk.disk = id.to_bytes_le();
            }
            Self::Mbr { signature, offset } => {
                disk.scheme = scheme::MBR.into();
                disk.partition[..8].copy_from_slice(&offset.to_le_bytes());
                disk.disk[..4].copy_from_slice(&signature.to_le_bytes());
            }
        }
        disk
    }

    fn decode(disk: &PartitionDisk) -> Option<Self> {
        match disk.scheme.get() {
            scheme::GPT => Some(Self::Gpt {
                disk: Uuid::from_bytes_le(disk.disk),
                partition: Uuid::from_bytes_le(disk.partition),
            }),
            scheme::MBR => Some(Self::Mbr {
                signature: u32::from_le_bytes(*disk.disk.first_chunk()?),
                offset: u64::from_le_bytes(*disk.partition.first_chunk()?),
            }),
            _ => None,
        }
    }
}

impl DeviceFile {
    fn encode(&self, to: &mut Vec<u8>) {
        let mut path = Vec::new();
        self.device.encode_descriptor(&mut path);
        path.extend(utf16::terminated(&self.path));
        let length = fit(size_of::<FileDisk>() + path.len());
        let head = FileDisk { version: 1.into(), length: length.into(), kind: format::FILE_PATH.into() };
        to.extend(head.as_bytes());
        to.extend(path);
    }
}

fn encode_located(element: ElementId, path: &str, parent: Option<&Device>, to: &mut Vec<u8>) {
    let by = if path.is_empty() { locate::ELEMENT } else { locate::PATH };
    let path = utf16::terminated(path);
    let after = size_of::<DescriptorDisk>() + size_of::<LocateDisk>() + path.len();
    let parent_at = if parent.is_some() { fit(after) } else { 0 };
    to.extend(LocateDisk { by: by.into(), element: element.0.into(), parent: parent_at.into() }.as_bytes());
    to.extend(path);
    if let Some(parent) = parent {
        parent.encode_descriptor(to);
    }
}

/// A length. What is longer than the field can say is more than a hive can hold and is refused there.
fn fit(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// The rest of a device's bytes, and where it begins.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take<T: FromBytes + KnownLayout + Immutable>(&mut self, what: &'static str) -> Result<T, DeviceFault> {
        let short = DeviceFault::TooShort { what, at: self.at, expected: size_of::<T>(), found: self.bytes.len() };
        let (value, rest) = T::read_from_prefix(self.bytes).map_err(|_| short)?;
        (self.bytes, self.at) = (rest, self.at + size_of::<T>());
        Ok(value)
    }

    /// The next bytes, which are a part of their own.
    fn part(&mut self, len: usize) -> Cursor<'a> {
        let (part, rest) = self.bytes.split_at(len.min(self.bytes.len()));
        let part = Cursor { bytes: part, at: self.at };
        (self.bytes, self.at) = (rest, self.at + part.bytes.len());
        part
    }

    /// A path that fills the rest.
    fn path(self) -> Result<String, DeviceFault> {
        utf16::exactly(self.bytes).ok_or(DeviceFault::Path { at: self.at })
    }
}

/// The device whose descriptor is next.
fn descriptor(cursor: &mut Cursor<'_>, depth: u32) -> Result<Device, DeviceFault> {
    if depth == MAX_NESTING {
        return Err(DeviceFault::TooDeep);
    }
    let (whole, mut head) = (*cursor, *cursor);
    let header: DescriptorDisk = head.take("a descriptor")?;
    let (size, least) = (header.size.get(), size_of::<DescriptorDisk>());
    let range = least..=whole.bytes.len();
    let len = usize::try_from(size).ok().filter(|len| range.contains(len));
    let bad = DeviceFault::Size { what: "a descriptor", at: whole.at, found: size, least, most: whole.bytes.len() };
    let len = len.ok_or(bad)?;
    let start = cursor.part(len);
    let mut body = start;
    body.part(least);
    let device = match (header.kind.get(), header.flags.get()) {
        (kind::BOOT, 0) => Some(Device::Boot),
        (kind::PARTITION, 0) => partition(body, depth)?,
        (kind::LOCATE, 0) => Some(located(start, body, depth)?),
        (kind::LOCAL, flags) => local_device(body, flags, depth)?,
        _ => None,
    };
    Ok(device.unwrap_or_else(|| Device::Unknown(start.bytes.to_vec())))
}

/// A partition, if its disk is of a kind that stores have.
fn partition(mut body: Cursor<'_>, depth: u32) -> Result<Option<Device>, DeviceFault> {
    let disk: PartitionDisk = body.take("a partition")?;
    let partition = PartitionDevice::decode(&disk);
    Ok(match disk.medium.get() {
        medium::HARD_DISK => partition.map(Device::Partition),
        medium::VIRTUAL_DISK => {
            let file = Box::new(descriptor(&mut body, depth + 1)?);
            partition.map(|partition| Device::VirtualPartition { partition, file })
        }
        _ => None,
    })
}

/// A device to be looked for: `start` is its descriptor, `body` what follows the head.
fn located(start: Cursor<'_>, mut body: Cursor<'_>, depth: u32) -> Result<Device, DeviceFault> {
    let head: LocateDisk = body.take("a device to be looked for")?;
    let element = ElementId(head.element.get());
    let parent_at = head.parent.get();
    if parent_at == 0 {
        return Ok(Device::Locate { element, path: body.path()?, parent: None });
    }
    let (least, most) = (body.at - start.at, start.bytes.len());
    let what = "the offset of the device to look on";
    let bad = DeviceFault::Size { what, at: start.at, found: parent_at, least, most };
    let path_len = usize::try_from(parent_at).ok().filter(|at| (least..=most).contains(at)).ok_or(bad)? - least;
    let path = body.part(path_len).path()?;
    let parent = Some(Box::new(descriptor(&mut body, depth + 1)?));
    Ok(Device::Locate { element, path, parent })
}

/// A local device, if it is of a kind that stores have.
fn local_device(body: Cursor<'_>, flags: u32, depth: u32) -> Result<Option<Device>, DeviceFault> {
    let (mut cursor, mut after) = (body, body);
    let which: zerocopy::little_endian::U32 = after.take("a local device")?;
    Ok(match (which.get(), flags) {
        (local::RAMDISK, format::RAMDISK_FLAGS) => {
            let disk: RamdiskDisk = cursor.take("a RAM disk")?;
            let (base, size, offset) = (disk.base.get(), disk.size.get(), disk.offset.get());
            Some(Device::Ramdisk { options: Uuid::nil(), base, size, offset, file: file(cursor, depth)? })
        }
        (local::FILE, 0) => Some(Device::File(file(after, depth)?)),
        (local::VIRTUAL_DISK, 0) => {
            cursor.take::<VirtualDisk>("a virtual disk")?;
            Some(Device::VirtualDisk(Box::new(descriptor(&mut cursor, depth + 1)?)))
        }
        _ => None,
    })
}

fn file(mut cursor: Cursor<'_>, depth: u32) -> Result<DeviceFile, DeviceFault> {
    let (at, least, most) = (cursor.at, size_of::<FileDisk>(), cursor.bytes.len());
    let head: FileDisk = cursor.take("a file")?;
    let found = head.length.get();
    let bad = DeviceFault::Size { what: "a file", at, found, least, most };
    let len = usize::try_from(found).ok().filter(|len| (least..=most).contains(len)).ok_or(bad)?;
    let mut rest = cursor.part(len - least);
    let device = Box::new(descriptor(&mut rest, depth + 1)?);
    Ok(DeviceFile { device, path: rest.path()? })
}

#[cfg(test)]
mod tests;
