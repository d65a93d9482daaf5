//! What a file is, by its bytes.

use std::io;

use nanovhd_tree::ReadAt;

use crate::store::HIVE;

/// What a file is.
pub(crate) enum Found {
    Wim,
    Iso,
    Disk(&'static str),
    /// A registry hive, which a store of boot configuration data is.
    Hive,
    Other(&'static str),
}

impl Found {
    /// What messages call it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Wim => "a Windows image (WIM)",
            Self::Iso => "an ISO image",
            Self::Hive => "a registry hive",
            Self::Disk(name) | Self::Other(name) => name,
        }
    }
}

/// First bytes of disks.
const DISKS: [(&[u8], &str); 2] = [(b"vhdxfile", "a VHDX disk"), (VHD_COOKIE, "a VHD disk")];

/// What the footer of a VHD begins with.
const VHD_COOKIE: &[u8] = b"conectix";

/// First bytes that tell what a file is.
const MAGIC: [(&[u8], &str); 6] = [
    (b"MSCF", "a cabinet (CAB)"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"MZ", "a Windows program"),
    (b"QFI\xfb", "a QCOW2 disk"),
    (b"\x1f\x8b", "a gzip file"),
];

/// Where ISO 9660 and UDF have their volume descriptors, each with a five-byte name after one byte.
const ISO_DESCRIPTORS: u64 = 0x8001;

/// What each sector of a CD begins with, where images have all of its 2352 bytes. (ECMA-130, 14.1)
const CD_SYNC: &[u8] = b"\0\xff\xff\xff\xff\xff\xff\xff";

/// Says what a file is by its bytes.
pub(crate) fn recognise(file: &impl ReadAt) -> io::Result<Found> {
    let mut head = [0; 8];
    let n = read_up_to(file, &mut head, 0)?;
    let head = &head[..n];
    // The two magics of WIM files, the second for those made to be piped; the reader tells them apart.
    if head.starts_with(b"MSWIM\0\0\0") || head.starts_with(b"WLPWM\0\0\0") {
        return Ok(Found::Wim);
    }
    if head.starts_with(HIVE) {
        return Ok(Found::Hive);
    }
    if let Some((_, found)) = DISKS.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Ok(Found::Disk(found));
    }
    if let Some((_, found)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Ok(Found::Other(found));
    }
    if head == CD_SYNC {
        // Which images of that kind can't be, and what to do, the reader of disc images says.
        return Ok(Found::Iso);
    }
    let mut name = [0; 5];
    let n = read_up_to(file, &mut name, ISO_DESCRIPTORS)?;
    Ok(match &name[..n] {
        b"CD001" | b"BEA01" => Found::Iso,
        _ if is_fixed_vhd(file)? => Found::Disk("a VHD disk"),
        _ if is_raw_disk(file)? => Found::Disk("a raw disk"),
        _ if head.is_empty() => Found::Other("an empty file"),
        _ => Found::Other("a file of an unknown kind"),
    })
}

/// Whether the file ends in the footer of a VHD.
fn is_fixed_vhd(file: &impl ReadAt) -> io::Result<bool> {
    let Some(footer) = file.len()?.checked_sub(512) else { return Ok(false) };
    let mut cookie = [0; 8];
    Ok(read_up_to(file, &mut cookie, footer)? == 8 && cookie == *VHD_COOKIE)
}

/// Whether the file starts with what partition tables and volumes start with: the mark at the end of
/// the first 512 bytes, or a GPT header in the second sector.
fn is_raw_disk(file: &impl ReadAt) -> io::Result<bool> {
    const SECTORS: usize = 4096 + 8;
    let mut start = vec![0; SECTORS];
    let n = read_up_to(file, &mut start, 0)?;
    let has = |at: usize, mark: &[u8]| at + mark.len() <= n && start[at..].starts_with(mark);
    Ok(has(510, &[0x55, 0xaa]) || has(512, b"EFI PART") || has(4096, b"EFI PART"))
}

fn read_up_to(file: &impl ReadAt, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buf.len() {
        match file.read_at(&mut buf[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(done)
}
