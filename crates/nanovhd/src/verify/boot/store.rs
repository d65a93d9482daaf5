//! The store: what the boot manager names, where it should be, and whether it is there.

use std::collections::BTreeSet;

use nanovhd_boot::Firmware;
use nanovhd_boot::bcd::{Device, ElementId, Object, ObjectKind, Value, element, id};
use nanovhd_disk::{FoundKind, PartitionTable};
use uuid::Uuid;

use super::{Boot, BootRule};
use crate::entries::{Called, Entries, Target};
use crate::startup::Mounted;
use crate::store;
use crate::text::causes;

/// Programs that the boot manager loads as Windows would: `bootapp`.
const BOOT_APPLICATION: ObjectKind = ObjectKind(0x1020_000a);

impl Boot<'_> {
    /// Checks the store. Gives in words what it starts first.
    pub(super) fn store(&mut self) -> Option<String> {
        let (system, path) = (self.startup.system_volume()?, self.startup.paths().store);
        let (store, state) = match store::on_volume(system, path) {
            Some(Ok(found)) => found,
            Some(Err(e)) => {
                self.system_fault(BootRule::Store, path, causes(&e));
                return None;
            }
            None => {
                self.system_fault(BootRule::Store, path, "there is no such file".to_owned());
                return None;
            }
        };
        for note in store.notes() {
            self.system_fault(BootRule::Store, path, note.to_string());
        }
        let entries = Entries::of(&store);
        let Some(bootmgr) = entries.get(id::BOOTMGR) else {
            self.system_fault(BootRule::Entry, path, format!("there is no {} in it", Called(id::BOOTMGR)));
            return None;
        };
        let listed = self.listed(&entries, bootmgr);
        self.devices(&entries, &listed);
        for &id in &listed.started {
            if let Some(entry) = entries.get(id) {
                self.started(entry);
            }
        }
        let first = self.in_words(entries.get(listed.first?)?);
        Some(state.note().map_or_else(|| first.clone(), |note| format!("{first}; the store was {note}")))
    }

    /// An entry by the name in the menu, and where its Windows is.
    fn in_words(&self, entry: &Object) -> String {
        let description = entry.text(element::DESCRIPTION).unwrap_or("an entry without a name");
        // Only a loader of Windows says where that is.
        let Some(device) = entry.device(element::OS_DEVICE) else { return format!("{description:?}") };
        let root = entry.text(element::SYSTEM_ROOT).unwrap_or_default();
        let (place, _) = Target::of(device, self.startup).of_directory(root, self.startup);
        format!("{description:?} on {place}")
    }

    /// What the boot manager names, as far as it is there.
    fn listed(&mut self, entries: &Entries<'_>, bootmgr: &Object) -> Listed {
        let first = entries.first();
        if first.is_none() {
            self.store_fault(BootRule::Entry, bootmgr, "it has neither a default nor a display order");
        }
        let mut listed = Listed { first, started: BTreeSet::new(), tools: BTreeSet::new() };
        let default = bootmgr.object(element::DEFAULT_OBJECT);
        let shown = bootmgr.objects(element::DISPLAY_ORDER).unwrap_or_default();
        let tools = bootmgr.objects(element::TOOLS_DISPLAY_ORDER).unwrap_or_default();
        for (what, ids, are_tools) in [
            ("default", default.as_slice(), false),
            ("displayorder", shown, false),
            ("toolsdisplayorder", tools, true),
        ] {
            let (there, missing): (Vec<_>, Vec<_>) = ids.iter().partition(|id| entries.get(**id).is_some());
            if are_tools { &mut listed.tools } else { &mut listed.started }.extend(there);
            for id in missing {
                let detail = format!("{what} names {}, which is not there", Called(id));
                self.store_fault(BootRule::Entry, bootmgr, &detail);
            }
        }
        listed
    }

    /// The partitions of everything that the boot manager leads to.
    fn devices(&mut self, entries: &Entries<'_>, listed: &Listed) {
        let resumes = |id: &Uuid| entries.get(*id)?.object(element::ASSOCIATED_RESUME_OBJECT);
        // What these need has to be here: without it the disk does not start.
        let own: BTreeSet<Uuid> = [Some(id::BOOTMGR), listed.first, listed.first.as_ref().and_then(resumes)]
            .into_iter()
            .flatten()
            .collect();
        let others = listed.started.iter().copied().chain(listed.started.iter().filter_map(resumes));
        let all: BTreeSet<Uuid> = others.chain(listed.tools.iter().copied()).chain(own.iter().copied()).collect();
        for entry in all.iter().filter_map(|id| entries.get(*id)) {
            for found in &entry.elements {
                if let Value::Device(device) = &found.value {
                    self.device(entry, found.id, device, own.contains(&entry.id));
                }
            }
        }
    }

    fn device(&mut self, entry: &Object, element: ElementId, device: &Device, is_own: bool) {
        let table = self.startup.table;
        let detail = match Target::of(device, self.startup) {
            Target::Missing(partition) => {
                format!("there is no partition {partition}, but {}", partitions(table))
            }
            Target::OtherDisk(partition) if is_own => {
                let this = match (table.disk_id, table.signature) {
                    (Some(id), _) => id.to_string(),
                    (None, Some(signature)) => format!("{signature:08x}"),
                    (None, None) => "without a name".to_owned(),
                };
                format!("it is the partition {partition}, and this disk is {this}")
            }
            _ => return,
        };
        self.store_fault(BootRule::Device, entry, &format!("element {element}: {detail}"));
    }

    /// An entry of the menu that starts Windows, or a program of the boot manager's kind.
    fn started(&mut self, entry: &Object) {
        let is_loader = entry.kind == ObjectKind::LOADER;
        if !is_loader && entry.kind != BOOT_APPLICATION {
            return;
        }
        let path = entry.text(element::APPLICATION_PATH).unwrap_or_default();
        let (suffix, other) = match self.startup.firmware {
            Firmware::Uefi => (".efi", ".exe"),
            Firmware::Bios => (".exe", ".efi"),
        };
        if is_loader && path.to_ascii_lowercase().ends_with(other) {
            let detail = format!("its program is `{path}`; one that ends in {suffix} was expected");
            self.store_fault(BootRule::Loader, entry, &detail);
        }
        self.is_there(entry, element::APPLICATION_DEVICE, path, false);
        if is_loader {
            let root = entry.text(element::SYSTEM_ROOT).unwrap_or_default();
            self.is_there(entry, element::OS_DEVICE, root, true);
        }
    }

    /// Whether what an entry names is on the device that it names.
    fn is_there(&mut self, entry: &Object, on: ElementId, path: &str, is_directory: bool) {
        let what = if is_directory { "directory" } else { "file" };
        let Some(device) = entry.device(on) else {
            let detail = format!("it does not say on which device its {what} `{path}` is");
            return self.store_fault(BootRule::Path, entry, &detail);
        };
        let target = Target::of(device, self.startup);
        let Some(volumes) = target.volumes(self.startup) else { return };
        let has = |volume: &&Mounted<'_>| {
            if is_directory { volume.has_directory(path) } else { volume.file(path).is_some() }
        };
        if path.is_empty() || !volumes.iter().any(has) {
            let detail = format!("there is no {what} `{path}` on {target}");
            self.store_fault(BootRule::Path, entry, &detail);
        }
    }

    /// A finding about an object of the store.
    fn store_fault(&mut self, rule: BootRule, entry: &Object, detail: &str) {
        let described = entry.text(element::DESCRIPTION).map(|text| format!(" {text:?}")).unwrap_or_default();
        let path = self.startup.paths().store;
        self.system_fault(rule, path, format!("{}{described}: {detail}", Called(entry.id)));
    }
}

/// What a store calls the partitions of a table.
fn partitions(table: &PartitionTable) -> String {
    let called = table.partitions.iter().map(|part| match &part.kind {
        FoundKind::Gpt { id, .. } => format!("{id} ({})", part.number),
        _ => format!("at {:#x} ({})", part.first, part.number),
    });
    called.collect::<Vec<_>>().join(", ")
}

/// What a boot manager names.
struct Listed {
    /// What is started when nobody chooses.
    first: Option<Uuid>,
    /// What can be started.
    started: BTreeSet<Uuid>,
    tools: BTreeSet<Uuid>,
}
