//! Entries of a store, and where on a disk they lead.

use std::collections::HashMap;
use std::fmt;

use nanovhd_boot::bcd::{Device, Object, PartitionDevice, Store, element, id};
use nanovhd_disk::{FoundKind, FoundPartition};
use uuid::Uuid;

use crate::startup::{Mounted, Startup};

/// The objects of a store by their ids.
pub(crate) struct Entries<'s>(HashMap<Uuid, &'s Object>);

impl<'s> Entries<'s> {
    pub(crate) fn of(store: &'s Store) -> Self {
        Self(store.objects().map(|object| (object.id, object)).collect())
    }

    pub(crate) fn get(&self, id: Uuid) -> Option<&'s Object> {
        self.0.get(&id).copied()
    }

    /// What the boot manager starts when nobody chooses: the default, else the first that it shows.
    pub(crate) fn first(&self) -> Option<Uuid> {
        let bootmgr = self.get(id::BOOTMGR)?;
        let shown = || bootmgr.objects(element::DISPLAY_ORDER)?.first().copied();
        bootmgr.object(element::DEFAULT_OBJECT).or_else(shown)
    }
}

/// The object as bcdedit calls it.
pub(crate) struct Called(pub(crate) Uuid);

impl fmt::Display for Called {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match id::alias(self.0) {
            Some(alias) => write!(f, "{{{alias}}}"),
            None => self.0.braced().fmt(f),
        }
    }
}

/// Where a device of a store is on the disk that has the store.
pub(crate) enum Target<'v> {
    /// A partition.
    Partition(&'v FoundPartition),
    /// The partition that the boot manager was started from.
    System(&'v FoundPartition),
    /// Whichever has the file.
    Anywhere,
    /// A partition that the disk has not, by what it is called.
    Missing(String),
    /// A partition of another disk, by what that is called.
    OtherDisk(String),
    /// What is no partition: a RAM disk, a file, or what nobody knows.
    Other,
}

impl<'v> Target<'v> {
    pub(crate) fn of(device: &Device, startup: &Startup<'v>) -> Self {
        match device {
            Device::Partition(partition) => Self::partition(partition, startup),
            Device::Boot => startup.system.map_or_else(|| Self::Missing("to boot from".to_owned()), Self::System),
            // Where it is to be looked for, Windows says in stores for virtual disks alone.
            Device::Locate { parent: None, .. } => Self::Anywhere,
            _ => Self::Other,
        }
    }

    fn partition(device: &PartitionDevice, startup: &Startup<'v>) -> Self {
        let table = startup.table;
        let here = table.partitions.iter().find(|part| match (device, &part.kind) {
            (PartitionDevice::Gpt { partition, .. }, FoundKind::Gpt { id, .. }) => partition == id,
            (PartitionDevice::Mbr { offset, .. }, FoundKind::Mbr { .. }) => *offset == part.first,
            _ => false,
        });
        match device {
            PartitionDevice::Gpt { disk, partition } => match here {
                _ if table.disk_id != Some(*disk) => Self::OtherDisk(format!("{partition} of disk {disk}")),
                Some(part) => Self::Partition(part),
                None => Self::Missing(partition.to_string()),
            },
            PartitionDevice::Mbr { signature, offset } => match here {
                _ if table.signature != Some(*signature) => {
                    Self::OtherDisk(format!("at {offset:#x} of disk {signature:08x}"))
                }
                Some(part) => Self::Partition(part),
                None => Self::Missing(format!("at {offset:#x}")),
            },
        }
    }

    /// The partition, if it is one of this disk.
    pub(crate) fn part(&self) -> Option<&'v FoundPartition> {
        match self {
            Self::Partition(part) | Self::System(part) => Some(part),
            _ => None,
        }
    }

    /// The partition that has a certain directory, in words and by number.
    pub(crate) fn of_directory(&self, path: &str, startup: &Startup<'v>) -> (String, Option<u32>) {
        let Self::Anywhere = self else { return (self.to_string(), self.part().map(|part| part.number)) };
        let found = startup.volumes.iter().find(|mounted| mounted.has_directory(path));
        match found.and_then(|mounted| mounted.part.number) {
            Some(number) => (format!("partition {number}, where it is looked for"), Some(number)),
            None => ("no partition: it is looked for in vain".to_owned(), None),
        }
    }

    /// The volumes that are meant, if they are of this disk and can be read.
    pub(crate) fn volumes(&self, startup: &Startup<'v>) -> Option<Vec<&'v Mounted<'v>>> {
        match self {
            Self::Partition(part) | Self::System(part) => {
                let mounted = startup.volumes.iter().find(|mounted| mounted.part.number == Some(part.number));
                mounted.map(|mounted| vec![mounted])
            }
            Self::Anywhere => Some(startup.volumes.iter().collect()),
            Self::Missing(_) | Self::OtherDisk(_) | Self::Other => None,
        }
    }
}

/// `partition 3`, `partition 1, as the boot manager`, …
impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partition(part) => write!(f, "partition {}", part.number),
            Self::System(part) => write!(f, "partition {}, like the boot manager", part.number),
            Self::Anywhere => f.write_str("any partition that has it"),
            Self::Missing(what) => write!(f, "a partition {what}, which this disk has not"),
            Self::OtherDisk(what) => write!(f, "the partition {what}, which is not this one"),
            Self::Other => f.write_str("no partition"),
        }
    }
}
