//! Boot configuration data (BCD): the store that tells the boot manager what to start, and where it is.
//!
//! ```text
//!  BCD-Template ─► NewStore ─► Store ─► to_bytes ─► \Boot\BCD or \EFI\Microsoft\Boot\BCD
//!                                ▲ │
//!                 file ─► open ──┘ └─► objects, Display, Serialize
//! ```
//!
//! A store is a registry hive with [objects](Object), which are programs and settings:
//!
//! ```text
//!  {bootmgr} ── default ──► a Windows loader ── resumeobject ──► what resumes it from hibernation
//!      │                          │                                        │
//!      │ inherit                  │ inherit                                │ inherit
//!      ▼                          ▼                                        ▼
//!  {globalsettings} ◄── {bootloadersettings} ──► {hypervisorsettings}   {resumeloadersettings}
//!      └─► {dbgsettings} {emssettings} {badmemory}
//! ```
//!
//! Each has [elements](Element): a [number](ElementId) that says what it means and how it is stored, and a
//! [value](Value). Where files are is said by [devices](Device).
//!
//! ```
//! use nanovhd_boot::Firmware;
//! use nanovhd_boot::bcd::{Device, NewStore, PartitionDevice, Store, element, id};
//! use nanovhd_tree::Filetime;
//! use uuid::Uuid;
//!
//! # fn main() -> Result<(), nanovhd_boot::bcd::BcdError> {
//! let windows = Device::Partition(PartitionDevice::Mbr { signature: 0xddba_6bbb, offset: 1 << 20 });
//! let new = NewStore {
//!     firmware: Firmware::Bios,
//!     template: None,
//!     system: windows.clone(),
//!     os: windows,
//!     description: "Windows Server 2016",
//!     loader: Uuid::from_u128(1),
//!     resume: Uuid::from_u128(2),
//!     time: Filetime::from_unix(1_476_316_800),
//! };
//! let store = Store::open(new.make()?.to_bytes()?)?;
//! let started = store.object(id::BOOTMGR).and_then(|bootmgr| bootmgr.object(element::DEFAULT_OBJECT));
//! assert_eq!(started, Some(new.loader));
//! # Ok(())
//! # }
//! ```
//!
//! # What may be in a store
//!
//! Anything. What is not as it should be is in [`Store::notes`], values that are not of their format are
//! [`Value::Unknown`], and devices that are not understood to the last byte [`Device::Unknown`]. Edits leave
//! all of that as it is.
//!
//! # Sources
//!
//! Microsoft documents objects and elements ("Boot Configuration Data reference": "BcdLibraryElementTypes",
//! "BcdBootMgrElementTypes", "BcdOSLoaderElementTypes" and others), what bcdedit says ("BCDEdit /set") and what
//! bcdboot is for ("BCDBoot command-line options"). Keys, types of values and the bytes of devices are in
//! no document; they were learnt from stores that Windows made.

mod defaults;
mod device;
mod diagnostics;
pub mod element;
mod error;
pub mod id;
mod json;
mod kind;
mod make;
mod names;
mod security;
mod show;
mod store;
mod utf16;
mod value;

pub use device::{Device, DeviceFault, DeviceFile, PartitionDevice};
pub use diagnostics::{
    BAUD_RATES, DebugKey, Debugger, Diagnostics, DiagnosticsError, MAX_CHANNEL, MAX_TARGET_NAME, SerialPort,
};
pub use element::{ElementId, Format};
pub use error::{BcdError, Fault, Note};
pub use kind::ObjectKind;
pub use make::NewStore;
pub use store::{Element, Object, Store};
pub use value::Value;
