//! What starts from a disk, summed up.

use std::fmt;

use nanovhd_boot::bcd::element;
use nanovhd_tree::visible;
use serde::Serialize;

use crate::entries::{Entries, Target};
use crate::startup::{Mounted, Startup};
use crate::text::causes;
use crate::{Firmware, Size, StoreError, StoreState, store};

/// What starts from a disk that has Windows, or something that starts it.
#[derive(Debug, Clone, Serialize)]
pub struct BootInspection {
    /// The firmware that the partition table is for.
    pub firmware: Firmware,
    /// The number of the partition that the firmware starts from.
    pub partition: Option<u32>,
    /// The boot manager; nothing if there is none.
    pub manager: Option<BootFileInspection>,
    /// The boot manager's store.
    pub store: Option<BootStoreInspection>,
}

/// A file of the partition that the firmware starts from.
#[derive(Debug, Clone, Serialize)]
pub struct BootFileInspection {
    /// Its path.
    pub path: String,
    /// Its bytes.
    pub size: Size,
}

/// A boot manager's store.
#[derive(Debug, Clone, Serialize)]
pub struct BootStoreInspection {
    /// Its path.
    pub path: String,
    /// Whether its last write ended; nothing if it can't be read.
    pub state: Option<StoreState>,
    /// Why it can't be read.
    pub damage: Option<String>,
    /// What is started when nobody chooses.
    pub entry: Option<BootEntryInspection>,
}

/// What a boot manager starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BootEntryInspection {
    /// What the menu calls it.
    pub description: Option<String>,
    /// The path of the loader.
    pub loader: Option<String>,
    /// Where Windows is, in words, as the store says it.
    pub device: Option<String>,
    /// The number of the partition that the device is, if it is one of this disk.
    pub device_partition: Option<u32>,
}

impl BootInspection {
    /// Sums up what starts.
    pub(crate) fn of(startup: &Startup<'_>) -> Self {
        let (volume, paths) = (startup.system_volume(), startup.paths());
        let manager = volume.and_then(|volume| {
            let content = volume.volume.tree().file(volume.file(paths.manager)?).content()?;
            Some(BootFileInspection { path: paths.manager.to_owned(), size: Size(content.len()) })
        });
        Self {
            firmware: match startup.firmware {
                nanovhd_boot::Firmware::Bios => Firmware::Bios,
                nanovhd_boot::Firmware::Uefi => Firmware::Uefi,
            },
            partition: startup.system.map(|part| part.number),
            manager,
            store: volume.and_then(|volume| BootStoreInspection::of(volume, paths.store, startup)),
        }
    }
}

impl BootStoreInspection {
    fn of(volume: &Mounted<'_>, path: &str, startup: &Startup<'_>) -> Option<Self> {
        let read = store::on_volume(volume, path)?;
        let damage = |e: &StoreError| Some(causes(e));
        Some(Self {
            path: path.to_owned(),
            state: read.as_ref().ok().map(|(_, state)| *state),
            damage: read.as_ref().err().and_then(damage),
            entry: read.ok().and_then(|(store, _)| {
                let entries = Entries::of(&store);
                let first = entries.get(entries.first()?)?;
                let root = first.text(element::SYSTEM_ROOT).unwrap_or_default();
                let target = first.device(element::OS_DEVICE).map(|device| Target::of(device, startup));
                let (device, device_partition) = target.map(|target| target.of_directory(root, startup)).unzip();
                Some(BootEntryInspection {
                    description: first.text(element::DESCRIPTION).map(str::to_owned),
                    loader: first.text(element::APPLICATION_PATH).map(str::to_owned),
                    device,
                    device_partition: device_partition.flatten(),
                })
            }),
        })
    }
}

/// A paragraph.
impl fmt::Display for BootInspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = match self.partition {
            Some(number) => format!("from partition {number}"),
            None => "but no partition is for it".to_owned(),
        };
        writeln!(f, "\nboot         {}, {from}", self.firmware)?;
        match &self.manager {
            Some(manager) => writeln!(f, "  manager    {}, {}", manager.path, manager.size)?,
            None => writeln!(f, "  manager    none: the disk does not start")?,
        }
        match &self.store {
            Some(store) => store.fmt(f),
            None => writeln!(f, "  store      none"),
        }
    }
}

/// The lines about a store.
impl fmt::Display for BootStoreInspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  store      {}", self.path)?;
        if let Some(note) = self.state.and_then(StoreState::note) {
            writeln!(f, "             {note}")?;
        }
        if let Some(damage) = &self.damage {
            writeln!(f, "  DAMAGED    {}", visible(damage))?;
        }
        let Some(entry) = &self.entry else {
            return if self.damage.is_none() { writeln!(f, "  starts     nothing") } else { Ok(()) };
        };
        let known = |text: &Option<String>| text.as_deref().map_or("?".to_owned(), visible);
        writeln!(f, "  starts     {}", known(&entry.description))?;
        writeln!(f, "             {}, Windows on {}", known(&entry.loader), known(&entry.device))
    }
}
