//! The boot manager, and the files that it needs beside it.

use std::io;

use nanovhd_boot::{MAX_BOOTMGR, boot_files, fallback_name};
use nanovhd_disk::FoundPartition;
use nanovhd_tree::{Attributes, Content, File, FileId, ReadAt};

use super::{Boot, BootRule, Spot, program};
use crate::disk_image::{FileSystem, Part, file_system};
use crate::startup::Mounted;
use crate::text::causes;

/// The largest program that is looked into. Those of Windows have two or three million bytes.
const MAX_PROGRAM: u64 = 64 << 20;

/// Attributes of a file whose bytes no boot record finds.
const NOT_PLAIN: [(Attributes, &str); 4] = [
    (Attributes::COMPRESSED, "compressed"),
    (Attributes::SPARSE_FILE, "sparse"),
    (Attributes::ENCRYPTED, "encrypted"),
    (Attributes::REPARSE_POINT, "a reparse point"),
];

impl<'b> Boot<'b> {
    /// Boot code and `\bootmgr`.
    pub(super) fn bios(&mut self, disk: &dyn ReadAt, sector_size: u32) -> io::Result<()> {
        if sector_size != 512 {
            let detail = format!("it has sectors of {sector_size} bytes");
            self.fault(BootRule::SectorSize, Spot::default(), detail);
        } else {
            self.master_boot_record(disk)?;
        }
        let Some(active) = self.startup.system else {
            self.fault(BootRule::SystemPartition, Spot::default(), "no partition is active".to_owned());
            return Ok(());
        };
        let part = Part { number: Some(active.number), first: active.first, size: active.size, found: Some(active) };
        let holds = file_system(disk, &part);
        if holds == FileSystem::Other {
            self.not_started(active, "it holds neither NTFS nor FAT");
            return Ok(());
        }
        if sector_size == 512 {
            self.boot_record(disk, active, holds == FileSystem::Ntfs)?;
        }
        if let Some((_, manager)) = self.manager() {
            self.loadable(manager);
        }
        Ok(())
    }

    /// The EFI system partition and the programs on it.
    pub(super) fn uefi(&mut self) {
        let Some(esp) = self.startup.system else {
            let detail = "there is no EFI system partition".to_owned();
            return self.fault(BootRule::SystemPartition, Spot::default(), detail);
        };
        match self.startup.system_volume() {
            // Why a FAT volume can't be read is told already.
            None => return,
            Some(volume) if volume.is_ntfs() => {
                return self.not_started(esp, "it holds NTFS, and firmware reads FAT");
            }
            Some(_) => {}
        }
        let Some((volume, manager)) = self.manager() else { return };
        let path = self.startup.paths().manager;
        let Some(bytes) = self.program(volume, manager, path) else { return };
        program::damage(&bytes).into_iter().for_each(|detail| self.system_fault(BootRule::Program, path, detail));
        match fallback_name(&bytes) {
            Ok(name) => self.fallback(volume, name),
            Err(e) => self.system_fault(BootRule::Program, path, causes(&e)),
        }
    }

    fn not_started(&mut self, part: &FoundPartition, detail: &str) {
        let spot = Spot { partition: Some(part.number), ..Spot::default() };
        self.fault(BootRule::SystemPartition, spot, detail.to_owned());
    }

    /// The boot manager where it should be.
    fn manager(&mut self) -> Option<(&'b Mounted<'b>, FileId)> {
        let (volume, path) = (self.startup.system_volume()?, self.startup.paths().manager);
        let found = volume.file(path);
        if found.is_none() {
            let elsewhere = self.startup.volumes.iter().find(|other| other.file(path).is_some());
            let elsewhere = elsewhere.and_then(|other| other.part.number);
            let detail = elsewhere.map_or_else(
                || "there is no such file".to_owned(),
                |number| format!("there is no such file here, but on partition {number}"),
            );
            self.system_fault(BootRule::Manager, path, detail);
        }
        found.map(|file| (volume, file))
    }

    /// Whether a boot record can load `\bootmgr`.
    fn loadable(&mut self, manager: FileId) {
        let Some(volume) = self.startup.system_volume() else { return };
        let path = self.startup.paths().manager;
        let file = volume.volume.tree().file(manager);
        let len = file.content().map_or(0, Content::len);
        if !(1..=MAX_BOOTMGR).contains(&len) {
            let detail = format!("it has {len} bytes, expected 1 to {MAX_BOOTMGR}");
            self.system_fault(BootRule::ManagerForm, path, detail);
        }
        let bit = if file.metadata.reparse.is_some() { Attributes::REPARSE_POINT } else { Attributes::default() };
        let attributes = file.metadata.attributes.with(bit);
        for (_, what) in NOT_PLAIN.iter().filter(|(bit, _)| attributes.contains(*bit)) {
            self.system_fault(BootRule::ManagerForm, path, format!("it is {what}"));
        }
    }

    /// Reads a program for UEFI, and checks it.
    fn program(&mut self, volume: &Mounted<'_>, file: FileId, path: &str) -> Option<Vec<u8>> {
        let content = volume.volume.tree().file(file).content()?;
        if content.len() > MAX_PROGRAM {
            let detail = format!("it has {} bytes, which no program for UEFI has", content.len());
            self.system_fault(BootRule::Program, path, detail);
            return None;
        }
        let bytes = volume.volume.bytes(content).map_err(|e| causes(&e));
        let fault = bytes.as_ref().map_or_else(|e| Some(e.clone()), |bytes| program::fault(bytes));
        let sound = fault.is_none();
        fault.into_iter().for_each(|detail| self.system_fault(BootRule::Program, path, detail));
        bytes.ok().filter(|_| sound)
    }

    /// What firmware starts that has no entry for the disk.
    fn fallback(&mut self, volume: &'b Mounted<'b>, name: &str) {
        let path = format!(r"\EFI\Boot\{name}");
        let Some(file) = volume.file(&path) else {
            return self.system_fault(BootRule::Fallback, &path, "there is no such file".to_owned());
        };
        let Some(bytes) = self.program(volume, file, &path) else { return };
        match fallback_name(&bytes) {
            Ok(found) if found == name => {}
            Ok(found) => {
                let detail = format!("it is a program for another machine, which would look for {found}");
                self.system_fault(BootRule::Fallback, &path, detail);
            }
            Err(e) => self.system_fault(BootRule::Fallback, &path, causes(&e)),
        }
        if let Some(manager) = volume.file(self.startup.paths().manager) {
            self.copy((volume, manager), (volume, file), &path);
        }
    }

    /// The boot manager's files beside those that Windows has for it.
    pub(super) fn files(&mut self) {
        let (Some(windows), Some(system)) = (self.startup.windows, self.startup.system_volume()) else { return };
        // What can't be copied was not copied by whoever made the disk.
        let Ok(files) = boot_files(windows.volume.tree(), self.startup.firmware) else { return };
        let paths = self.startup.paths();
        let tree = windows.volume.tree();
        let manager = system.file(paths.manager).map(|id| system.volume.tree().file(id));
        let source = windows.file(paths.manager_source).map(|id| tree.file(id));
        // After an update, or that of another Windows, the set is another.
        let is_own = manager.zip(source).is_some_and(|(manager, source)| are_copies(manager, source));
        for file in files {
            match system.file(&file.path) {
                Some(copy) => self.copy((windows, file.source), (system, copy), &file.path),
                None if is_own => {
                    let detail = "Windows has such a file, and it is not here".to_owned();
                    self.system_fault(BootRule::FileMissing, &file.path, detail);
                }
                None => {}
            }
        }
    }

    /// Compares a copy with its source, if it is one.
    fn copy(&mut self, source: (&Mounted<'_>, FileId), copy: (&Mounted<'_>, FileId), path: &str) {
        let (wanted, found) = (source.0.volume.tree().file(source.1), copy.0.volume.tree().file(copy.1));
        if !are_copies(wanted, found) {
            return;
        }
        let digest = |volume: &Mounted<'_>, file: &File| {
            let content = file.content().map(|content| volume.volume.sha1(content));
            content.transpose().map_err(|e| causes(&e))
        };
        // Whether the source can be read is not asked here.
        let Ok(expected) = digest(source.0, wanted) else { return };
        let detail = match digest(copy.0, found) {
            Ok(found) if found == expected => return,
            Ok(_) => "it differs from the file that it has length and time of".to_owned(),
            Err(e) => e,
        };
        self.system_fault(BootRule::FileData, path, detail);
    }
}

/// Whether two files are one and its copy, by length and time of the last write. FAT counts in two seconds.
fn are_copies(one: &File, other: &File) -> bool {
    const TWO_SECONDS: u64 = 20_000_000;
    let len = |file: &File| file.content().map(Content::len);
    let time = |file: &File| file.metadata.times.written.0;
    len(one).is_some() && len(one) == len(other) && time(one).abs_diff(time(other)) < TWO_SECONDS
}
