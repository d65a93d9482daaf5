//! All that a hive says, one line for a key or a value.

use nanovhd_hive::{Hive, Key};

/// The lines of a hive: the path of each key with flags, time and security, and each of its values.
pub(crate) fn dump(hive: &Hive) -> Vec<String> {
    let mut lines = Vec::new();
    let mut pending = vec![hive.root()];
    while let Some(key) = pending.pop() {
        lines.push(key_line(key, key.last_written().0));
        lines.extend(key.values().map(|value| {
            let data: String = value.data().iter().map(|byte| format!("{byte:02x}")).collect();
            format!(r"{}\{} = {} {data}", key.path(), value.name(), value.kind())
        }));
        pending.extend(key.subkeys().rev());
    }
    lines
}

/// The line of a key that was last written at some time.
pub(crate) fn key_line(key: Key<'_>, time: u64) -> String {
    let (flags, access, class) = (key.flags(), key.access(), key.class());
    format!("{} {flags:#x} {access:#x} {time} {class:?} {:02x?}", key.path(), key.security())
}
