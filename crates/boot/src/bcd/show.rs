//! A store as people read it: the way `bcdedit /enum all` prints one.
//!
//! Two things are shown that bcdedit hides, because a store that lies on a disk of another machine has no use
//! for drive letters: partitions by what identifies them, and objects by their GUIDs where bcdedit says
//! `{default}` and `{current}`. What was wrong with the store comes last.

use std::fmt::{self, Write as _};
use std::net::Ipv4Addr;

use nanovhd_tree::visible;

use super::device::{Device, DeviceFile, PartitionDevice};
use super::element::ElementId;
use super::id::named;
use super::names;
use super::store::{Object, Store};
use super::value::Value;

/// Characters that a name takes before its value.
const COLUMN: usize = 24;
/// Bytes that are shown of a value that nobody knows.
const MAX_BYTES: usize = 32;

/// The name of an element, as bcdedit knows it.
pub(super) fn name(object: &Object, element: ElementId) -> String {
    names::name(object.kind, element).map_or_else(|| format!("custom:{element}"), |(name, _)| name.to_owned())
}

/// The lines of a value.
pub(super) fn value(object: &Object, element: ElementId, value: &Value) -> Vec<String> {
    let line = match value {
        Value::Device(found) => device(object, found),
        Value::Text(text) => visible(text),
        Value::Object(id) => named(*id),
        Value::Objects(ids) => return ids.iter().map(|&id| named(id)).collect(),
        Value::Integer(number) => integer(object, element, *number),
        Value::Boolean(yes) => if *yes { "Yes" } else { "No" }.to_owned(),
        Value::Integers(numbers) => return numbers.iter().map(|number| format!("{number:#x}")).collect(),
        Value::Unknown { kind, bytes } => format!("{kind} {}", hexadecimal(bytes)),
    };
    vec![line]
}

fn integer(object: &Object, element: ElementId, number: u64) -> String {
    let (name, values) = names::name(object.kind, element).unwrap_or_default();
    if let (true, Ok(address)) = (name.ends_with("hostip"), u32::try_from(number)) {
        return Ipv4Addr::from_bits(address).to_string();
    }
    let known = usize::try_from(number).ok().and_then(|number| values.get(number));
    known.map_or_else(|| number.to_string(), |&known| known.to_owned())
}

/// A device. One to be looked for is shown by the path that the object has for it.
fn device(object: &Object, found: &Device) -> String {
    match found {
        Device::Boot => "boot".to_owned(),
        Device::Partition(place) => format!("partition={}", partition(place)),
        Device::Locate { element, path, parent } => match parent.as_deref() {
            None => format!("locate={}", looked_for(object, *element, path)),
            Some(parent) => format!("{},locate={}", device(object, parent), custom(*element, path)),
        },
        Device::Ramdisk { options, file, .. } => format!("ramdisk={},{}", file_path(object, file), named(*options)),
        Device::File(file) => format!("file={}", file_path(object, file)),
        Device::VirtualDisk(file) => match &**file {
            Device::File(file) => format!("vhd={}", file_path(object, file)),
            other => format!("vhd=[{}]", device(object, other)),
        },
        Device::VirtualPartition { partition: place, file } => {
            format!("partition={},{}", partition(place), device(object, file))
        }
        Device::Unknown(bytes) => format!("unknown {}", hexadecimal(bytes)),
    }
}

fn partition(place: &PartitionDevice) -> String {
    match place {
        PartitionDevice::Gpt { disk, partition } => format!("{} on disk {}", partition.braced(), disk.braced()),
        PartitionDevice::Mbr { signature, offset } => format!("{offset:#x} on disk {signature:#010x}"),
    }
}

/// The path that is looked for: the device's own, or the one that the element of the same object has.
fn looked_for(object: &Object, element: ElementId, path: &str) -> String {
    match object.text(element) {
        Some(named) if path.is_empty() => visible(named),
        _ => custom(element, path),
    }
}

fn custom(element: ElementId, path: &str) -> String {
    if path.is_empty() { format!("custom:{element}") } else { visible(path) }
}

/// The path of a file behind its device. What goes without saying is left out: the word "partition", and the
/// path of a file whose device is looked for by it.
fn file_path(object: &Object, file: &DeviceFile) -> String {
    let place = match &*file.device {
        Device::Partition(place) => partition(place),
        Device::Locate { path, parent: None, .. } if *path == file.path => "locate".to_owned(),
        other => device(object, other),
    };
    format!("[{place}]{}", visible(&file.path))
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes.iter().take(MAX_BYTES) {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
    }
    if bytes.len() > MAX_BYTES {
        let _ = write!(text, "... ({} bytes)", bytes.len());
    }
    text
}

fn line(f: &mut fmt::Formatter<'_>, name: &str, values: &[String]) -> fmt::Result {
    // A name that fills the column still has a space behind it.
    let width = COLUMN - 1;
    let first = values.first().map_or("", String::as_str);
    f.write_str(format!("\n{name:<width$} {first}").trim_end())?;
    values.iter().skip(1).try_for_each(|more| write!(f, "\n{:COLUMN$}{more}", ""))
}

fn heading(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "{text}\n{:-<width$}", "", width = text.chars().count())
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        heading(f, &self.kind.heading(self.id))?;
        line(f, "identifier", &[named(self.id)])?;
        for element in &self.elements {
            line(f, &name(self, element.id), &value(self, element.id, &element.value))?;
        }
        Ok(())
    }
}

/// Objects of a kind stand together: boot managers, loaders, other programs, settings, devices.
impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut objects: Vec<&Object> = self.objects().collect();
        objects.sort_by_key(|object| (object.kind, object.id));
        for (number, object) in objects.iter().enumerate() {
            f.write_str(if number == 0 { "" } else { "\n\n" })?;
            object.fmt(f)?;
        }
        if objects.is_empty() {
            f.write_str("The store has no objects.")?;
        }
        if !self.notes().is_empty() {
            f.write_str("\n\n")?;
            heading(f, "What is wrong with the store")?;
        }
        self.notes().iter().try_for_each(|note| write!(f, "\n{note}"))
    }
}
