//! Which files of an image start it, and where they go.
//!
//! ```text
//!  \Windows\Boot\            UEFI, the EFI system partition       BIOS, the Windows partition
//!    EFI\**                  \EFI\Microsoft\Boot\**
//!    PCAT\bootmgr, bootnxt                                        \bootmgr, \BOOTNXT
//!    PCAT\**                                                      \Boot\**
//!    Fonts\**                \EFI\Microsoft\Boot\Fonts\**         \Boot\Fonts\**
//!    Resources\**            \EFI\Microsoft\Boot\Resources\**     \Boot\Resources\**
//! ```
//!
//! This is what `bcdboot` leaves on a disk; Microsoft's page on its options names the folders, and the
//! attributes are those of disks that Windows was installed on. A boot manager reads plain files only:
//! what the Windows overlay filter has compressed or EFS encrypted can't be copied without Windows.

use std::collections::HashMap;

use nanovhd_tree::{Attributes, Content, FileId, Reparse, Tree, upcase, visible};
use thiserror::Error;

use crate::Firmware;

/// The longest `\bootmgr` that fits between 128 KiB, where it is loaded, and the 4 KiB below 640 KiB that
/// a BIOS may keep for itself.
pub const MAX_BOOTMGR: u64 = 508 << 10;

/// Windows has some hundred in all its languages; file systems search their directories one name at a time.
const MAX_FILES: usize = 4096;

/// What Windows calls `MAX_PATH`. It also keeps the paths of a deep tree from growing without bound.
const MAX_PATH: usize = 260;

/// The reparse tag of files that the Windows overlay filter provides. [MS-FSCC] 2.1.2.1.
const WOF: u32 = 0x8000_0017;

/// What is appended to the name of a hive for its logs.
pub const STORE_LOGS: [&str; 3] = [".LOG", ".LOG1", ".LOG2"];

/// Attributes that copies have too. The others say how content is kept, or what a service does with it.
const KEPT: Attributes = Attributes(
    Attributes::READONLY.0
        | Attributes::HIDDEN.0
        | Attributes::SYSTEM.0
        | Attributes::ARCHIVE.0
        | Attributes::NOT_CONTENT_INDEXED.0,
);

/// What of `PCAT` goes to the root instead, where disks that Windows was installed on hide it.
const MOVED: [(&str, &str, Attributes); 2] =
    [(r"\Boot\bootmgr", r"\bootmgr", Attributes(0x0007)), (r"\Boot\bootnxt", r"\BOOTNXT", Attributes(0x0006))];

/// Paths of what starts Windows, from the root of the volume that each is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootPaths {
    /// The boot manager in the image.
    pub manager_source: &'static str,
    /// The boot manager on the volume that the firmware starts.
    pub manager: &'static str,
    /// The folder for everything else, on that volume.
    pub folder: &'static str,
    /// The BCD store, on that volume.
    pub store: &'static str,
    /// The loader, on the Windows volume.
    pub loader: &'static str,
}

impl BootPaths {
    /// The paths for one kind of firmware.
    pub const fn of(firmware: Firmware) -> Self {
        match firmware {
            Firmware::Uefi => Self {
                manager_source: r"\Windows\Boot\EFI\bootmgfw.efi",
                manager: r"\EFI\Microsoft\Boot\bootmgfw.efi",
                folder: r"\EFI\Microsoft\Boot",
                store: r"\EFI\Microsoft\Boot\BCD",
                loader: r"\Windows\System32\winload.efi",
            },
            Firmware::Bios => Self {
                manager_source: r"\Windows\Boot\PCAT\bootmgr",
                manager: r"\bootmgr",
                folder: r"\Boot",
                store: r"\Boot\BCD",
                loader: r"\Windows\System32\winload.exe",
            },
        }
    }
}

/// A file of the image that is needed to start it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootFile {
    /// The file of the tree.
    pub source: FileId,
    /// Where it goes: from the root of the volume, which is the EFI system partition or that of Windows.
    pub path: String,
    /// The attributes that it has there.
    pub attributes: Attributes,
}

/// What stands against a boot file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Obstacle {
    /// It is a directory.
    #[error("it is a directory")]
    Directory,
    /// It has no bytes.
    #[error("it is empty")]
    Empty,
    /// Its content is compressed by the Windows overlay filter (WOF).
    #[error("it is compressed by the Windows overlay filter, which no boot manager reads")]
    Compressed,
    /// It is some other reparse point.
    #[error("it is a reparse point with tag {0:#010x}, not a plain file")]
    Reparse(u32),
    /// It is encrypted by EFS.
    #[error("it is encrypted by EFS, and only Windows can decrypt it")]
    Encrypted,
    /// It is too long to be loaded.
    #[error("it has {0} bytes; below 640 KiB there is room for {MAX_BOOTMGR}")]
    TooLong(u64),
    /// Its path would be longer than Windows' own tools take.
    #[error("its path would have {0} characters, and Windows takes {MAX_PATH}")]
    PathTooLong(usize),
    /// A part of its path is no Unicode.
    #[error("its name is no Unicode, so it can't be copied")]
    Name,
}

/// Why an image can't be started.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BootFilesError {
    /// A file that every start needs is not in the image.
    #[error("there is no {path} in the image, without which it can't start by {firmware}")]
    Missing {
        /// The path in the image.
        path: String,
        /// What it was to be started by.
        firmware: Firmware,
    },
    /// A file is in the image, but not in a way that it can be started from.
    #[error("{} can't be used to start the image", visible(path))]
    Unusable {
        /// The path in the image.
        path: String,
        /// What is wrong with it.
        #[source]
        obstacle: Obstacle,
    },
    /// There are more files than any Windows has.
    #[error(r"there are more than {MAX_FILES} files below \Windows\Boot")]
    TooMany,
    /// Two files of the image would come to the same place.
    #[error("{} and {} of the image would both become {}", visible(first), visible(second), visible(path))]
    Twice {
        /// The path of one in the image.
        first: String,
        /// The path of the other.
        second: String,
        /// The path where they would be.
        path: String,
    },
}

/// The files that have to be copied to where the firmware and the boot manager look for them. For
/// UEFI that is the EFI system partition, where the boot manager also needs its [`fallback_name`]; for
/// BIOS it is the Windows partition itself. The order is that of the names in the tree. The store comes
/// beside them; one that lies among the sources is left where it is, with its logs.
///
/// # Errors
/// [`BootFilesError`]: boot manager or loader are not there, or a file is not one that can be copied.
pub fn boot_files(tree: &Tree, firmware: Firmware) -> Result<Vec<BootFile>, BootFilesError> {
    let paths = BootPaths::of(firmware);
    for path in [paths.manager_source, paths.loader] {
        let missing = || BootFilesError::Missing { path: path.to_owned(), firmware };
        let id = plain_file(tree, path)?.ok_or_else(missing)?;
        if tree.file(id).content().is_some_and(Content::is_empty) {
            return Err(BootFilesError::Unusable { path: path.to_owned(), obstacle: Obstacle::Empty });
        }
    }
    let mut copy = Copy { tree, files: Vec::new(), taken: HashMap::new() };
    let own = match firmware {
        Firmware::Uefi => r"\Windows\Boot\EFI",
        Firmware::Bios => r"\Windows\Boot\PCAT",
    };
    copy.folder(own, paths.folder, firmware)?;
    copy.folder(r"\Windows\Boot\Fonts", &format!(r"{}\Fonts", paths.folder), firmware)?;
    copy.folder(r"\Windows\Boot\Resources", &format!(r"{}\Resources", paths.folder), firmware)?;
    Ok(copy.files)
}

/// The file at a path of the image, if there is one.
///
/// # Errors
/// [`BootFilesError::Unusable`]: there is something else than a plain file that can be read without Windows.
pub fn plain_file(tree: &Tree, path: &str) -> Result<Option<FileId>, BootFilesError> {
    let Some(id) = tree.lookup(path) else { return Ok(None) };
    let unusable = |obstacle| BootFilesError::Unusable { path: path.to_owned(), obstacle };
    obstacle(tree, id, false).map_or(Ok(Some(id)), |obstacle| Err(unusable(obstacle)))
}

/// What stands against copying a file or what is in a directory.
fn obstacle(tree: &Tree, id: FileId, may_be_directory: bool) -> Option<Obstacle> {
    let file = tree.file(id);
    match &file.metadata.reparse {
        Some(Reparse { tag: WOF, .. }) => return Some(Obstacle::Compressed),
        Some(Reparse { tag, .. }) => return Some(Obstacle::Reparse(*tag)),
        None => {}
    }
    match (file.is_directory(), may_be_directory) {
        (true, true) => None,
        (true, false) => Some(Obstacle::Directory),
        // On a directory the mark says what becomes of new files.
        (false, _) => file.metadata.attributes.contains(Attributes::ENCRYPTED).then_some(Obstacle::Encrypted),
    }
}

/// The list while it grows.
struct Copy<'t> {
    tree: &'t Tree,
    files: Vec<BootFile>,
    /// The source of each path as Windows compares them.
    taken: HashMap<Vec<u16>, String>,
}

/// A directory or file that is still to be copied.
struct Pending {
    id: FileId,
    source: String,
    path: String,
}

impl Copy<'_> {
    /// Everything below a folder of the image, if it is there.
    fn folder(&mut self, source: &str, path: &str, firmware: Firmware) -> Result<(), BootFilesError> {
        let Some(id) = self.tree.lookup(source) else { return Ok(()) };
        let mut pending = vec![Pending { id, source: source.to_owned(), path: path.to_owned() }];
        while let Some(next) = pending.pop() {
            if let Some(obstacle) = obstacle(self.tree, next.id, true) {
                return Err(BootFilesError::Unusable { path: next.source, obstacle });
            }
            let Some(entries) = self.tree.file(next.id).directory() else {
                self.file(next, firmware)?;
                continue;
            };
            // The last to come is the first to be taken.
            for (name, entry) in entries.iter().rev() {
                let source = format!("{}\\{name}", next.source);
                if String::from_utf16(name.units()).is_err() {
                    return Err(BootFilesError::Unusable { path: source, obstacle: Obstacle::Name });
                }
                let path = format!("{}\\{name}", next.path);
                let units = path.encode_utf16().count();
                if units > MAX_PATH {
                    return Err(BootFilesError::Unusable { path: source, obstacle: Obstacle::PathTooLong(units) });
                }
                pending.push(Pending { id: entry.file, source, path });
            }
        }
        Ok(())
    }

    fn file(&mut self, file: Pending, firmware: Firmware) -> Result<(), BootFilesError> {
        let Pending { id, source, path } = file;
        if is_store_or_log(&path, firmware) {
            return Ok(());
        }
        let moved = MOVED.iter().find(|(from, ..)| firmware == Firmware::Bios && folded(from) == folded(&path));
        let (path, added) = moved.map_or((path, Attributes::default()), |&(_, to, added)| (to.to_owned(), added));
        let len = self.tree.file(id).content().map_or(0, Content::len);
        if path == BootPaths::of(Firmware::Bios).manager && len > MAX_BOOTMGR {
            return Err(BootFilesError::Unusable { path: source, obstacle: Obstacle::TooLong(len) });
        }
        if let Some(first) = self.taken.insert(folded(&path), source.clone()) {
            return Err(BootFilesError::Twice { first, second: source, path });
        }
        let kept = Attributes(self.tree.file(id).metadata.attributes.0 & KEPT.0);
        self.files.push(BootFile { source: id, path, attributes: kept.with(added) });
        if self.files.len() > MAX_FILES { Err(BootFilesError::TooMany) } else { Ok(()) }
    }
}

/// A name or path as Windows compares it.
fn folded(text: &str) -> Vec<u16> {
    text.encode_utf16().map(upcase).collect()
}

/// A log beside a store that it doesn't belong to might be replayed into it.
fn is_store_or_log(path: &str, firmware: Firmware) -> bool {
    let store = BootPaths::of(firmware).store;
    [""].iter().chain(&STORE_LOGS).any(|end| folded(path) == folded(&format!("{store}{end}")))
}

/// Why a program says for no machine of which UEFI knows that it is for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MachineError {
    /// It is no program.
    #[error("it is no UEFI program: {what} at {offset:#x} is not there")]
    NotAProgram {
        /// What was looked for.
        what: &'static str,
        /// Where.
        offset: usize,
    },
    /// It is a program for something else.
    #[error(
        "it is a program for machine type {0:#06x}; x64 (0x8664), ARM64 (0xaa64), x86 (0x014c) or ARM (0x01c4) was expected"
    )]
    Unknown(u16),
}

/// The name under which firmware that knows of no boot manager looks for one, in `\EFI\Boot`: UEFI 2.10,
/// section 3.5.1.1. It depends on the machine that the program is for, which its header says: Microsoft PE
/// format, "COFF File Header".
///
/// # Errors
/// [`MachineError`]: the bytes are no program, or one for another kind of machine.
pub fn fallback_name(program: &[u8]) -> Result<&'static str, MachineError> {
    /// Where the DOS header says where the other one is.
    const HEADER_OFFSET: usize = 0x3c;
    let missing = |what, offset| MachineError::NotAProgram { what, offset };
    if !program.starts_with(b"MZ") {
        return Err(missing("\"MZ\"", 0));
    }
    let offset = program.get(HEADER_OFFSET..).and_then(|bytes| bytes.first_chunk());
    let offset = u32::from_le_bytes(*offset.ok_or(missing("the offset of the PE header", HEADER_OFFSET))?) as usize;
    let header = program.get(offset..).and_then(|bytes| bytes.first_chunk());
    match header {
        Some(&[b'P', b'E', 0, 0, low, high]) => match u16::from_le_bytes([low, high]) {
            0x8664 => Ok("bootx64.efi"),
            0xaa64 => Ok("bootaa64.efi"),
            0x014c => Ok("bootia32.efi"),
            0x01c4 => Ok("bootarm.efi"),
            other => Err(MachineError::Unknown(other)),
        },
        _ => Err(missing("a PE header", offset)),
    }
}

#[cfg(test)]
mod tests {
    use nanovhd_tree::{Metadata, Name};

    use super::*;

    const UEFI: [&str; 6] = [
        "windows/boot/efi/BootMgFw.efi",
        "windows/boot/efi/de-DE/bootmgfw.efi.mui",
        "windows/boot/efi/memtest.efi",
        "windows/boot/fonts/wgl4_boot.ttf",
        "windows/boot/resources/de-DE/bootres.dll.mui",
        "windows/system32/winload.efi",
    ];
    const BIOS: [&str; 7] = [
        "windows/boot/fonts/wgl4_boot.ttf",
        "windows/boot/pcat/BootMgr",
        "windows/boot/pcat/bootnxt",
        "windows/boot/pcat/de-DE/bootmgr.exe.mui",
        "windows/boot/pcat/memtest.exe",
        "windows/boot/resources/bootres.dll",
        "windows/system32/winload.exe",
    ];

    fn add(tree: &mut Tree, path: &str, bytes: &[u8]) -> FileId {
        let mut at = Tree::ROOT;
        let (folders, name) = path.rsplit_once('/').unwrap();
        for folder in folders.split('/') {
            let name = Name::from(folder);
            let found = tree.child(at, &name).map(|(_, entry)| entry.file);
            at = found.unwrap_or_else(|| tree.add_directory(at, name, Metadata::default()).unwrap());
        }
        let metadata = Metadata { attributes: Attributes(u32::MAX).without(SPECIAL), ..Metadata::default() };
        tree.add_file(at, name.into(), metadata, Content::bytes(bytes)).unwrap()
    }

    const SPECIAL: Attributes = Attributes(0x4447);

    fn tree(paths: &[&str]) -> Tree {
        let mut tree = Tree::new();
        for path in paths {
            add(&mut tree, path, b"content");
        }
        tree
    }

    fn places(tree: &Tree, firmware: Firmware) -> Vec<(String, u32)> {
        let files = boot_files(tree, firmware).unwrap();
        files.into_iter().map(|file| (file.path, file.attributes.0)).collect()
    }

    #[test]
    fn files_go_where_bcdboot_puts_them() {
        let expected = [
            (r"\EFI\Microsoft\Boot\BootMgFw.efi", 0x2020),
            (r"\EFI\Microsoft\Boot\de-DE\bootmgfw.efi.mui", 0x2020),
            (r"\EFI\Microsoft\Boot\memtest.efi", 0x2020),
            (r"\EFI\Microsoft\Boot\Fonts\wgl4_boot.ttf", 0x2020),
            (r"\EFI\Microsoft\Boot\Resources\de-DE\bootres.dll.mui", 0x2020),
        ];
        assert_eq!(places(&tree(&UEFI), Firmware::Uefi), expected.map(|(path, bits)| (path.to_owned(), bits)));
        let expected = [
            (r"\bootmgr", 0x2027),
            (r"\BOOTNXT", 0x2026),
            (r"\Boot\de-DE\bootmgr.exe.mui", 0x2020),
            (r"\Boot\memtest.exe", 0x2020),
            (r"\Boot\Fonts\wgl4_boot.ttf", 0x2020),
            (r"\Boot\Resources\bootres.dll", 0x2020),
        ];
        assert_eq!(places(&tree(&BIOS), Firmware::Bios), expected.map(|(path, bits)| (path.to_owned(), bits)));
    }

    #[test]
    fn hard_links_are_files_like_others_and_old_stores_stay_where_they_are() {
        let mut tree = tree(&UEFI);
        let folder = tree.lookup(r"\Windows\Boot\EFI").unwrap();
        let linked = tree.lookup(r"\Windows\Boot\EFI\memtest.efi").unwrap();
        tree.link(folder, "again.efi".into(), linked).unwrap();
        for name in ["bcd", "BCD.LOG", "BCD.LOG1", "BCD.log2", "BCD.old"] {
            add(&mut tree, &format!("windows/boot/efi/{name}"), b"a store");
        }
        let files = boot_files(&tree, Firmware::Uefi).unwrap();
        let of = |source| files.iter().filter(|file| file.source == source).count();
        assert_eq!(of(linked), 2);
        let stores: Vec<_> = files.iter().filter(|file| file.path.contains("BCD")).map(|file| &file.path).collect();
        assert_eq!(stores, [r"\EFI\Microsoft\Boot\BCD.old"]);
    }

    #[test]
    fn each_file_that_must_be_there_is_missed() {
        for (all, firmware, needed) in [(&UEFI[..], Firmware::Uefi, 2), (&BIOS, Firmware::Bios, 2)] {
            let mut missed = Vec::new();
            for left_out in all {
                let some: Vec<_> = all.iter().filter(|path| *path != left_out).copied().collect();
                match boot_files(&tree(&some), firmware) {
                    Ok(files) => assert_eq!(files.len(), all.len() - 2, "{left_out}"),
                    Err(BootFilesError::Missing { path, .. }) => {
                        assert_eq!(folded(&path), folded(&format!("\\{left_out}").replace('/', "\\")));
                        missed.push(path);
                    }
                    Err(other) => panic!("{other}"),
                }
            }
            assert_eq!(missed.len(), needed, "{missed:?}");
        }
        let error = boot_files(&Tree::new(), Firmware::Bios).unwrap_err();
        let expected = r"there is no \Windows\Boot\PCAT\bootmgr in the image, without which it can't start by BIOS";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn files_that_no_boot_manager_could_read_are_refused() {
        use Obstacle::*;

        let reparse = |tag| Some(nanovhd_tree::Reparse { tag, reserved: 0, data: Content::empty() });
        let change = |path: &str, change: &dyn Fn(&mut Tree, FileId)| {
            let mut tree = tree(&BIOS);
            let id = tree.lookup(path).unwrap();
            change(&mut tree, id);
            match boot_files(&tree, Firmware::Bios).unwrap_err() {
                BootFilesError::Unusable { path: found, obstacle } if folded(&found) == folded(path) => obstacle,
                other => panic!("{path}: {other}"),
            }
        };
        for path in
            [r"\Windows\Boot\PCAT\bootmgr", r"\Windows\System32\winload.exe", r"\Windows\Boot\PCAT\memtest.exe"]
        {
            assert_eq!(change(path, &|t, id| t.metadata_mut(id).reparse = reparse(WOF)), Compressed);
            assert_eq!(change(path, &|t, id| t.metadata_mut(id).reparse = reparse(7)), Reparse(7));
            assert_eq!(change(path, &|t, id| t.metadata_mut(id).attributes = Attributes::ENCRYPTED), Encrypted);
        }
        let folder = r"\Windows\Boot\Fonts";
        assert_eq!(change(folder, &|t, id| t.metadata_mut(id).reparse = reparse(0xa000_0003)), Reparse(0xa000_0003));
        let bootmgr = r"\Windows\Boot\PCAT\bootmgr";
        assert_eq!(change(bootmgr, &|t, id| t.set_content(id, Content::empty())), Empty);
        let long =
            |len| move |t: &mut Tree, id| t.set_content(id, Content::host_file(std::path::Path::new("x"), len));
        assert_eq!(change(bootmgr, &long(MAX_BOOTMGR + 1)), TooLong(520_193));
        let mut longest = tree(&BIOS);
        let id = longest.lookup(bootmgr).unwrap();
        long(MAX_BOOTMGR)(&mut longest, id);
        assert!(boot_files(&longest, Firmware::Bios).is_ok());
    }

    #[test]
    fn names_in_messages_do_not_steer_a_terminal() {
        let mut tree = tree(&BIOS);
        let path = "windows/boot/pcat/\u{1b}[2J";
        add(&mut tree, path, b"");
        let id = tree.lookup(path).unwrap();
        tree.metadata_mut(id).attributes = Attributes::ENCRYPTED;
        let error = boot_files(&tree, Firmware::Bios).unwrap_err();
        assert!(matches!(&error, BootFilesError::Unusable { path, .. } if path.contains('\u{1b}')));
        let expected = "\\Windows\\Boot\\PCAT\\\\u{1b}[2J can't be used to start the image";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn odd_trees_are_refused() {
        let mut folder = tree(&["windows/system32/winload.exe"]);
        add(&mut folder, "windows/boot/pcat/bootmgr/x", b"a folder in the place of a program");
        let error = boot_files(&folder, Firmware::Bios).unwrap_err();
        assert!(matches!(error, BootFilesError::Unusable { obstacle: Obstacle::Directory, .. }), "{error}");

        let mut twice = tree(&UEFI);
        add(&mut twice, "windows/boot/efi/fonts/WGL4_boot.ttf", b"another");
        let error = boot_files(&twice, Firmware::Uefi).unwrap_err();
        assert!(matches!(error, BootFilesError::Twice { .. }), "{error}");

        let mut many = tree(&UEFI);
        for number in 4..=MAX_FILES {
            add(&mut many, &format!("windows/boot/resources/{number}"), b"");
        }
        assert_eq!(boot_files(&many, Firmware::Uefi), Err(BootFilesError::TooMany));

        let mut deep = tree(&UEFI);
        add(&mut deep, &format!("windows/boot/efi/{}{}", "folder/".repeat(34), "x".repeat(255)), b"");
        let error = boot_files(&deep, Firmware::Uefi).unwrap_err();
        assert!(matches!(error, BootFilesError::Unusable { obstacle: Obstacle::PathTooLong(513), .. }), "{error:?}");

        let mut lone = tree(&UEFI);
        let fonts = lone.lookup(r"\Windows\Boot\Fonts").unwrap();
        lone.add_file(fonts, Name::from_units([0xd800]), Metadata::default(), Content::empty()).unwrap();
        let error = boot_files(&lone, Firmware::Uefi).unwrap_err();
        assert!(matches!(error, BootFilesError::Unusable { obstacle: Obstacle::Name, .. }), "{error}");
    }

    fn program(machine: u16) -> Vec<u8> {
        let mut program = vec![0; 0x80];
        program[..2].copy_from_slice(b"MZ");
        program[0x3c] = 0x40;
        program[0x40..0x44].copy_from_slice(b"PE\0\0");
        program[0x44..0x46].copy_from_slice(&machine.to_le_bytes());
        program
    }

    #[test]
    fn the_fallback_is_named_for_the_machine() {
        for (machine, name) in
            [(0x8664, "bootx64.efi"), (0xaa64, "bootaa64.efi"), (0x14c, "bootia32.efi"), (0x1c4, "bootarm.efi")]
        {
            assert_eq!(fallback_name(&program(machine)), Ok(name));
        }
        assert_eq!(fallback_name(&program(0x5064)), Err(MachineError::Unknown(0x5064)));
        let good = program(0x8664);
        for len in 0..0x46 {
            assert!(matches!(fallback_name(&good[..len]), Err(MachineError::NotAProgram { .. })), "{len}");
        }
        let mut far = good.clone();
        far[0x3c..0x40].fill(0xff);
        let expected = MachineError::NotAProgram { what: "a PE header", offset: 0xffff_ffff };
        assert_eq!(fallback_name(&far), Err(expected));
    }
}
