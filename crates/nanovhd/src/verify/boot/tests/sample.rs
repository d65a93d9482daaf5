//! Small disks that would start if what is on them were Windows. Each part can be changed before they
//! are written, so that a test can break one rule at a time.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use nanovhd_boot::bcd::{Device, NewStore, PartitionDevice, Store};
use nanovhd_boot::{BootPaths, Firmware, MBR_CODE, NTFS_BOOT_CODE, boot_files};
use nanovhd_disk::{
    Container, ContainerOptions, DiskLayout, EspData, EspFile, EspOptions, Format, MbrPartition, Partition,
    format_esp, gpt_table, mbr_table,
};
use nanovhd_ntfs::{Target, Volume, VolumeOptions};
use nanovhd_tree::{Attributes, Content, FileId, Filetime, Metadata, Source, Times, Tree, WriteAt};
use uuid::Uuid;

pub(super) const TIME: Filetime = Filetime(131_208_624_000_000_000);
pub(super) const LOADER: Uuid = Uuid::from_u128(0x1111);
pub(super) const RESUME: Uuid = Uuid::from_u128(0x2222);
const MIB: u64 = 1 << 20;

/// A disk before it is written.
#[derive(Clone)]
pub(super) struct Sample {
    pub(super) firmware: Firmware,
    pub(super) format: Format,
    pub(super) layout: DiskLayout,
    /// What the table says of the one partition of an MBR.
    pub(super) active: bool,
    pub(super) mbr_code: Vec<u8>,
    pub(super) boot_code: Option<&'static [u8; 8192]>,
    pub(super) hidden_sectors: u64,
    /// The Windows volume.
    pub(super) tree: Tree,
    /// The EFI system partition.
    pub(super) esp: Vec<EspFile>,
    pub(super) store: Store,
    /// Bytes of the store's file in place of those of `store`.
    pub(super) store_bytes: Option<Vec<u8>>,
    /// Bits to be turned over at the end: where on the disk.
    pub(super) flips: Vec<u64>,
}

/// A program for UEFI on a PC of 64 bits, with its right checksum.
pub(super) fn program(fill: u8) -> Vec<u8> {
    let mut bytes = vec![fill; 5000];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[0x3c..0x40].copy_from_slice(&0x80_u32.to_le_bytes());
    bytes[0x80..0x86].copy_from_slice(&[b'P', b'E', 0, 0, 0x64, 0x86]);
    bytes[0x80 + 24 + 68..][..2].copy_from_slice(&[10, 0]);
    seal(&mut bytes);
    bytes
}

/// Sets the checksum of a program.
pub(super) fn seal(program: &mut [u8]) {
    let field = 0x80 + 24 + 64;
    program[field..field + 4].fill(0);
    let words = program.chunks(2).map(|pair| u32::from(pair[0]) + (u32::from(*pair.get(1).unwrap_or(&0)) << 8));
    let sum = words.fold(0, |sum, word| ((sum + word) & 0xffff) + ((sum + word) >> 16));
    let sum = sum + u32::try_from(program.len()).unwrap();
    program[field..field + 4].copy_from_slice(&sum.to_le_bytes());
}

fn metadata() -> Metadata {
    Metadata { times: Times::all(TIME), ..Metadata::default() }
}

/// Adds a file, and the directories above it.
pub(super) fn add(tree: &mut Tree, path: &str, bytes: Vec<u8>) -> FileId {
    let names: Vec<&str> = path.split('\\').filter(|name| !name.is_empty()).collect();
    let (name, folders) = names.split_last().unwrap();
    let mut at = Tree::ROOT;
    for folder in folders {
        let found = tree.child(at, &(*folder).into()).map(|(_, entry)| entry.file);
        at = found.unwrap_or_else(|| tree.add_directory(at, (*folder).into(), metadata()).unwrap());
    }
    tree.add_file(at, (*name).into(), metadata(), Content::bytes(bytes)).unwrap()
}

/// Takes a file away.
pub(super) fn remove(tree: &mut Tree, path: &str) {
    let (folder, name) = path.rsplit_once('\\').unwrap();
    let folder = tree.lookup(folder).unwrap();
    let name = tree.child(folder, &name.into()).unwrap().0.clone();
    tree.remove(folder, &name).unwrap();
}

fn windows() -> Tree {
    let mut tree = Tree::new();
    for (path, bytes) in [
        (r"\Windows\System32\winload.exe", b"MZ".to_vec()),
        (r"\Windows\System32\winload.efi", program(1)),
        (r"\Windows\Boot\EFI\bootmgfw.efi", program(2)),
        (r"\Windows\Boot\EFI\memtest.efi", program(3)),
        (r"\Windows\Boot\EFI\en-US\bootmgfw.efi.mui", vec![4; 3000]),
        (r"\Windows\Boot\PCAT\bootmgr", vec![5; 400_000]),
        (r"\Windows\Boot\PCAT\bootnxt", vec![6]),
        (r"\Windows\Boot\PCAT\memtest.exe", vec![7; 10_000]),
        (r"\Windows\Boot\Fonts\segmono_boot.ttf", vec![8; 50_000]),
        (r"\Windows\Boot\Resources\bootres.dll", vec![9; 20_000]),
    ] {
        add(&mut tree, path, bytes);
    }
    tree
}

fn bytes_of(tree: &Tree, file: FileId) -> Vec<u8> {
    let Source::Bytes(bytes) = tree.file(file).content().unwrap().source() else { panic!("all is in memory") };
    bytes.to_vec()
}

impl Sample {
    /// A disk without a fault.
    pub(super) fn good(firmware: Firmware) -> Self {
        let id = Uuid::from_u128(7);
        let layout = match firmware {
            Firmware::Bios => DiskLayout::bios(32 * MIB, id).unwrap(),
            Firmware::Uefi => DiskLayout::uefi(160 * MIB, 512, id).unwrap(),
        };
        let mut tree = windows();
        let mut esp = Vec::new();
        let files = boot_files(&tree, firmware).unwrap();
        for file in files {
            let bytes = bytes_of(&tree, file.source);
            match firmware {
                Firmware::Bios => drop(add(&mut tree, &file.path, bytes)),
                Firmware::Uefi => esp.push(esp_file(&file.path, bytes)),
            }
        }
        if firmware == Firmware::Uefi {
            esp.push(esp_file(r"\EFI\Boot\bootx64.efi", program(2)));
        }
        let last = layout.partitions.last().unwrap();
        Self {
            firmware,
            format: Format::Raw,
            active: true,
            mbr_code: MBR_CODE.to_vec(),
            boot_code: (firmware == Firmware::Bios).then_some(NTFS_BOOT_CODE),
            hidden_sectors: last.first / 512,
            store: store(firmware, partition(&layout, 0), partition(&layout, layout.partitions.len() - 1)),
            layout,
            tree,
            esp,
            store_bytes: None,
            flips: Vec::new(),
        }
    }

    /// The paths of the firmware.
    pub(super) fn paths(&self) -> BootPaths {
        BootPaths::of(self.firmware)
    }

    /// A boot file where the firmware's boot manager has it.
    pub(super) fn boot_file(&mut self, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
        match self.firmware {
            Firmware::Uefi => {
                let file = self.esp.iter_mut().find(|file| file.path.eq_ignore_ascii_case(path)).unwrap();
                let EspData::Bytes(bytes) = &mut file.data else { panic!("all is in memory") };
                change(bytes);
            }
            Firmware::Bios => {
                let file = self.tree.lookup(path).unwrap();
                let mut bytes = bytes_of(&self.tree, file);
                change(&mut bytes);
                self.tree.set_content(file, Content::bytes(bytes));
            }
        }
    }

    /// Takes a boot file away.
    pub(super) fn without(&mut self, path: &str) {
        match self.firmware {
            Firmware::Uefi => self.esp.retain(|file| !file.path.eq_ignore_ascii_case(path)),
            Firmware::Bios => remove(&mut self.tree, path),
        }
    }

    fn windows(&self) -> &Partition {
        self.layout.partitions.last().unwrap()
    }

    fn table(&self) -> Vec<(u64, Vec<u8>)> {
        let DiskLayout { size, sector_size, .. } = self.layout;
        match self.firmware {
            Firmware::Uefi => gpt_table(size, sector_size, self.layout.disk_id, &self.layout.partitions).unwrap(),
            Firmware::Bios => {
                let Partition { first, size: len, .. } = *self.windows();
                let part = MbrPartition { first, size: len, kind: 7, active: self.active };
                mbr_table(size, sector_size, self.layout.signature, &[part], &self.mbr_code).unwrap()
            }
        }
    }

    /// Writes the disk to a file.
    pub(super) fn write(&self, path: &Path) {
        let file = File::options().read(true).write(true).create(true).truncate(true).open(path).unwrap();
        let DiskLayout { size, sector_size, .. } = self.layout;
        let options = ContainerOptions {
            format: self.format,
            size,
            sector_size,
            block_size: None,
            id: Uuid::nil(),
            time: TIME,
        };
        let whole = 0..size;
        let container = Container::plan(&options, &[whole]).unwrap();
        file.set_len(container.file_len()).unwrap();
        let disk = container.create(&file);
        for (offset, bytes) in self.table() {
            disk.write_all_at(&bytes, offset).unwrap();
        }
        let mut sample = self.clone();
        let store = sample.store_bytes.take().unwrap_or_else(|| sample.store.to_bytes().unwrap());
        if self.firmware == Firmware::Uefi {
            sample.esp.extend((!store.is_empty()).then(|| esp_file(sample.paths().store, store)));
            sample.write_esp(&disk);
        } else if !store.is_empty() {
            add(&mut sample.tree, self.paths().store, store);
        }
        sample.write_windows(&disk);
        disk.finish().unwrap();
        for &at in &self.flips {
            let mut byte = [0];
            nanovhd_tree::ReadAt::read_exact_at(&file, &mut byte, at).unwrap();
            file.write_all_at(&[byte[0] ^ 0x40], at).unwrap();
        }
    }

    fn write_esp(&self, disk: &dyn WriteAt) {
        let esp = &self.layout.partitions[0];
        let options = EspOptions {
            size: esp.size,
            sector_size: self.layout.sector_size,
            hidden_sectors: esp.first / u64::from(self.layout.sector_size),
            serial: 1,
            label: "SYSTEM".to_owned(),
            time: TIME,
        };
        for (offset, bytes) in format_esp(&options, &self.esp).unwrap().ranges {
            disk.write_all_at(&bytes, esp.first + offset).unwrap();
        }
    }

    fn write_windows(&self, disk: &dyn WriteAt) {
        let windows = self.windows();
        let options = VolumeOptions {
            size: windows.size,
            sector_size: self.layout.sector_size,
            hidden_sectors: self.hidden_sectors,
            time: TIME,
            boot_code: self.boot_code,
            ..VolumeOptions::default()
        };
        let volume = Volume::lay_out(&self.tree, &options).unwrap();
        let bytes = |content: &Content| -> Arc<[u8]> {
            let Source::Bytes(bytes) = content.source() else { panic!("all is in memory") };
            Arc::clone(bytes)
        };
        for placement in volume.placements() {
            if let Target::Extent { offset } = placement.target {
                disk.write_all_at(&bytes(placement.content), windows.first + offset).unwrap();
            }
        }
        let resident = |index: usize| volume.placements().get(index).map(|placement| bytes(placement.content));
        volume.write_metadata(&resident, &Shifted(disk, windows.first)).unwrap();
    }
}

/// A disk from an offset on.
struct Shifted<'d>(&'d dyn WriteAt, u64);

impl WriteAt for Shifted<'_> {
    fn write_all_at(&self, buf: &[u8], offset: u64) -> std::io::Result<()> {
        self.0.write_all_at(buf, self.1 + offset)
    }
}

pub(super) fn esp_file(path: &str, bytes: Vec<u8>) -> EspFile {
    EspFile {
        path: path.to_owned(),
        data: EspData::Bytes(bytes),
        attributes: Attributes::ARCHIVE,
        written: Some(TIME),
    }
}

/// What a store calls a partition of the layout.
pub(super) fn partition(layout: &DiskLayout, index: usize) -> Device {
    let part = &layout.partitions[index];
    Device::Partition(match layout.signature {
        0 => PartitionDevice::Gpt { disk: layout.disk_id, partition: part.id },
        signature => PartitionDevice::Mbr { signature, offset: part.first },
    })
}

pub(super) fn store(firmware: Firmware, system: Device, os: Device) -> Store {
    let new = NewStore {
        firmware,
        template: None,
        system,
        os,
        description: "Windows Server 2016",
        loader: LOADER,
        resume: RESUME,
        time: TIME,
    };
    new.make().unwrap()
}
