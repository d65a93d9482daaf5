//! A store as data: what [`serde`] makes of it.
//!
//! ```json
//! {
//!   "key_name": "BCD00000000",
//!   "system": true,
//!   "objects": [
//!     {
//!       "id": "9dea862c-5cdd-4e70-acc1-f32b344d4795",
//!       "alias": "bootmgr",
//!       "type": "10100002",
//!       "title": "Windows Boot Manager",
//!       "elements": [
//!         { "id": "11000001", "name": "device", "format": "device", "value": { "kind": "boot" } },
//!         { "id": "25000004", "name": "timeout", "format": "integer", "value": 30 }
//!       ]
//!     }
//!   ],
//!   "notes": []
//! }
//! ```
//!
//! `alias` and `name` are null where bcdedit has no name. A value that is not of its format has the format
//! "unknown" and is an object with the registry's `type` and `bytes` in hexadecimal.

use serde::ser::{SerializeMap, SerializeSeq, SerializeStruct};
use serde::{Serialize, Serializer};

use super::device::{Device, DeviceFile, PartitionDevice};
use super::store::{Element, Object, Store};
use super::value::Value;
use super::{id, names};

/// A sequence of what a closure makes.
struct Each<I>(I);

impl<I: Iterator<Item: Serialize> + Clone> Serialize for Each<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(None)?;
        self.0.clone().try_for_each(|item| sequence.serialize_element(&item))?;
        sequence.end()
    }
}

impl Serialize for Store {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut store = serializer.serialize_struct("Store", 4)?;
        store.serialize_field("key_name", &self.key_name())?;
        store.serialize_field("system", &self.is_system())?;
        store.serialize_field("objects", &Each(self.objects()))?;
        store.serialize_field("notes", &Each(self.notes().iter().map(ToString::to_string)))?;
        store.end()
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Object", 5)?;
        object.serialize_field("id", &self.id.to_string())?;
        object.serialize_field("alias", &id::alias(self.id))?;
        object.serialize_field("type", &self.kind.to_string())?;
        object.serialize_field("title", &self.kind.heading(self.id))?;
        object.serialize_field(
            "elements",
            &Each(self.elements.iter().map(|element| Named { object: self, element })),
        )?;
        object.end()
    }
}

/// An element with the object that it is of, which its name depends on.
struct Named<'a> {
    object: &'a Object,
    element: &'a Element,
}

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Element { id, value } = self.element;
        let name = names::name(self.object.kind, *id).map(|(name, _)| name);
        let format = value.format().map_or_else(|| "unknown".to_owned(), |format| format.to_string());
        let mut element = serializer.serialize_struct("Element", 4)?;
        element.serialize_field("id", &id.to_string())?;
        element.serialize_field("name", &name)?;
        element.serialize_field("format", &format)?;
        element.serialize_field("value", value)?;
        element.end()
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Device(device) => device.serialize(serializer),
            Self::Text(text) => text.serialize(serializer),
            Self::Object(id) => id.to_string().serialize(serializer),
            Self::Objects(ids) => Each(ids.iter().map(ToString::to_string)).serialize(serializer),
            Self::Integer(number) => number.serialize(serializer),
            Self::Boolean(yes) => yes.serialize(serializer),
            Self::Integers(numbers) => numbers.serialize(serializer),
            Self::Unknown { kind, bytes } => {
                let mut unknown = serializer.serialize_struct("Unknown", 2)?;
                unknown.serialize_field("type", &kind.to_string())?;
                unknown.serialize_field("bytes", &hexadecimal(bytes))?;
                unknown.end()
            }
        }
    }
}

impl Serialize for Device {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Boot => map.serialize_entry("kind", "boot")?,
            Self::Partition(partition) => partition_entries(partition, &mut map)?,
            Self::VirtualPartition { partition, file } => {
                partition_entries(partition, &mut map)?;
                map.serialize_entry("virtual_disk", file)?;
            }
            Self::Locate { element, path, parent } => {
                map.serialize_entry("kind", "locate")?;
                map.serialize_entry("element", &element.to_string())?;
                map.serialize_entry("path", path)?;
                map.serialize_entry("parent", parent)?;
            }
            Self::Ramdisk { options, base, size, offset, file } => {
                map.serialize_entry("kind", "ramdisk")?;
                map.serialize_entry("options", &options.to_string())?;
                map.serialize_entry("base", base)?;
                map.serialize_entry("size", size)?;
                map.serialize_entry("offset", offset)?;
                map.serialize_entry("file", file)?;
            }
            Self::File(file) => {
                map.serialize_entry("kind", "file")?;
                map.serialize_entry("file", file)?;
            }
            Self::VirtualDisk(file) => {
                map.serialize_entry("kind", "virtual disk")?;
                map.serialize_entry("file", file)?;
            }
            Self::Unknown(bytes) => {
                map.serialize_entry("kind", "unknown")?;
                map.serialize_entry("bytes", &hexadecimal(bytes))?;
            }
        }
        map.end()
    }
}

fn partition_entries<M: SerializeMap>(partition: &PartitionDevice, map: &mut M) -> Result<(), M::Error> {
    match partition {
        PartitionDevice::Gpt { disk, partition } => {
            map.serialize_entry("kind", "gpt partition")?;
            map.serialize_entry("disk", &disk.to_string())?;
            map.serialize_entry("partition", &partition.to_string())
        }
        PartitionDevice::Mbr { signature, offset } => {
            map.serialize_entry("kind", "mbr partition")?;
            map.serialize_entry("signature", signature)?;
            map.serialize_entry("offset", offset)
        }
    }
}

impl Serialize for DeviceFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut file = serializer.serialize_struct("DeviceFile", 2)?;
        file.serialize_field("device", &self.device)?;
        file.serialize_field("path", &self.path)?;
        file.end()
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
