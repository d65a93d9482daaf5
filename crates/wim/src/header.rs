//! The file header: what it says, checked.
//!
//! \[WIM\] "Header". Pipable files and files that are being written are refused here, each with a
//! message that says what could be done about it.

use std::fmt;

use thiserror::Error;
use zerocopy::FromBytes;

use crate::format::{HEADER_SIZE, HeaderDisk, MAGIC, MAGIC_PIPABLE, VERSION, VERSION_SOLID, header_flags};
use crate::resource::Resource;

/// More images than any file has: Windows media hold about ten. Bounds what is allocated for them.
pub(crate) const MAX_IMAGES: u32 = 0xffff;

/// How the compressed resources of a WIM are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// There are none.
    None,
    /// XPRESS with Huffman codes. \[MS-XCA\] 2.1.
    Xpress,
    /// LZX.
    Lzx,
    /// LZMS.
    Lzms,
}

impl Compression {
    /// The chunk sizes that are possible, all of them powers of two.
    pub(crate) fn chunk_sizes(self) -> std::ops::RangeInclusive<u32> {
        match self {
            Self::None => 0..=u32::MAX,
            Self::Xpress => 0x1000..=0x1_0000,
            Self::Lzx => 0x1000..=0x20_0000,
            // Longer ones can be, but Windows makes and reads none.
            Self::Lzms => 0x8000..=0x400_0000,
        }
    }

    pub(crate) fn has_chunk_size(self, size: u32) -> bool {
        size.is_power_of_two() && self.chunk_sizes().contains(&size)
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Xpress => "XPRESS",
            Self::Lzx => "LZX",
            Self::Lzms => "LZMS",
        })
    }
}

/// What is wrong with a file's header, or why a file of this kind can't be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// There is no room for a header.
    #[error("the file has {len} bytes, fewer than the {HEADER_SIZE} of a WIM header")]
    TooShort {
        /// Bytes in the file.
        len: u64,
    },
    /// It is some other file.
    #[error("not a WIM: the file starts with {:?}, expected \"MSWIM\\0\\0\\0\"", found.escape_ascii().to_string())]
    NotAWim {
        /// The first eight bytes.
        found: [u8; 8],
    },
    /// wimlib's variant for pipes.
    #[error("pipable WIMs are not supported; rewrite the file with `wimlib-imagex optimize --not-pipable`")]
    Pipable,
    /// The header has another size.
    #[error("header at 0x0 gives its size as {found}, expected {HEADER_SIZE}")]
    Size {
        /// The size.
        found: u32,
    },
    /// A version of the format that is not known.
    #[error("header at 0x0 has version {found:#x}, expected {VERSION:#x} or {VERSION_SOLID:#x}")]
    Version {
        /// The version.
        found: u32,
    },
    /// Bits are set that are not known.
    #[error("header at 0x0 has unknown flags {unknown:#x} among {flags:#x}")]
    Flags {
        /// All flags.
        flags: u32,
        /// Those that are not known.
        unknown: u32,
    },
    /// The file was not finished.
    #[error(
        "the header says that the file is being written: it is in use, or a program stopped half-way (the image has \
         to be captured or exported again)"
    )]
    WriteInProgress,
    /// The file is one of a split set and was opened alone.
    #[error(
        "the file is part {part} of a split WIM of {parts} parts, which have to be opened together; or put the parts \
         together with `wimlib-imagex join` or DISM /Export-Image"
    )]
    Split {
        /// Which part, from 1.
        part: u16,
        /// How many.
        parts: u16,
    },
    /// The part numbers make no sense.
    #[error("header at 0x0 says part {part} of {parts}")]
    Part {
        /// Which part, from 1.
        part: u16,
        /// How many.
        parts: u16,
    },
    /// Compressed, but the flags name no algorithm, or several.
    #[error("header flags {flags:#x} say that the file is compressed, expected one algorithm, found {found}")]
    Codec {
        /// All flags.
        flags: u32,
        /// How many algorithms they name.
        found: u32,
    },
    /// The chunk size is not one that the algorithm has.
    #[error("header at 0x0 has chunk size {found} for {compression}, expected a power of two in {min}..={max}")]
    ChunkSize {
        /// The algorithm.
        compression: Compression,
        /// The chunk size.
        found: u32,
        /// The smallest possible.
        min: u32,
        /// The largest possible.
        max: u32,
    },
    /// Too many images.
    #[error("header at 0x0 says {found} images; the most is {MAX_IMAGES}")]
    Images {
        /// How many.
        found: u32,
    },
    /// The bootable image does not exist.
    #[error("header at 0x0 says that image {boot_index} is bootable, but there are {images}")]
    BootIndex {
        /// The image, from 1.
        boot_index: u32,
        /// How many there are.
        images: u32,
    },
}

/// The header in native types.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    pub(crate) version: u32,
    pub(crate) compression: Compression,
    /// 0 without compression.
    pub(crate) chunk_size: u32,
    pub(crate) guid: [u8; 16],
    pub(crate) part: u16,
    pub(crate) parts: u16,
    pub(crate) images: u32,
    pub(crate) boot_index: Option<u32>,
    pub(crate) blob_table: Resource,
    pub(crate) xml: Resource,
    pub(crate) integrity: Option<Resource>,
}

impl Header {
    pub(crate) fn parse(bytes: &[u8; HEADER_SIZE]) -> Result<Self, HeaderError> {
        let disk = HeaderDisk::read_from_bytes(bytes).expect("both are HEADER_SIZE bytes");
        check_kind(&disk)?;
        let (part, parts) = (disk.part.get(), disk.parts.get());
        if part == 0 || part > parts {
            return Err(HeaderError::Part { part, parts });
        }
        let (compression, chunk_size) = compression(disk.flags.get(), disk.chunk_size.get())?;
        let (images, boot_index) = (disk.images.get(), disk.boot_index.get());
        if images > MAX_IMAGES {
            return Err(HeaderError::Images { found: images });
        }
        if boot_index > images {
            return Err(HeaderError::BootIndex { boot_index, images });
        }
        Ok(Self {
            version: disk.version.get(),
            compression,
            chunk_size,
            guid: disk.guid,
            part,
            parts,
            images,
            boot_index: (boot_index != 0).then_some(boot_index),
            blob_table: Resource::parse(&disk.blob_table),
            xml: Resource::parse(&disk.xml),
            integrity: Some(Resource::parse(&disk.integrity)).filter(|r| r.len != 0),
        })
    }
}

/// Magic, sizes and flags: whether this is a file that can be read at all.
fn check_kind(disk: &HeaderDisk) -> Result<(), HeaderError> {
    match disk.magic {
        MAGIC => {}
        MAGIC_PIPABLE => return Err(HeaderError::Pipable),
        found => return Err(HeaderError::NotAWim { found }),
    }
    if disk.size.get() as usize != HEADER_SIZE {
        return Err(HeaderError::Size { found: disk.size.get() });
    }
    let version = disk.version.get();
    if version != VERSION && version != VERSION_SOLID {
        return Err(HeaderError::Version { found: version });
    }
    let flags = disk.flags.get();
    if flags & !header_flags::KNOWN != 0 {
        return Err(HeaderError::Flags { flags, unknown: flags & !header_flags::KNOWN });
    }
    if flags & header_flags::WRITE_IN_PROGRESS != 0 {
        return Err(HeaderError::WriteInProgress);
    }
    Ok(())
}

fn compression(flags: u32, chunk_size: u32) -> Result<(Compression, u32), HeaderError> {
    // Without this bit the algorithm bits and the chunk size mean nothing.
    if flags & header_flags::COMPRESSED == 0 {
        return Ok((Compression::None, 0));
    }
    let compression = match flags & header_flags::CODECS {
        header_flags::XPRESS | header_flags::XPRESS_2 => Compression::Xpress,
        header_flags::LZX => Compression::Lzx,
        header_flags::LZMS => Compression::Lzms,
        codecs => return Err(HeaderError::Codec { flags, found: codecs.count_ones() }),
    };
    if !compression.has_chunk_size(chunk_size) {
        let (min, max) = compression.chunk_sizes().into_inner();
        return Err(HeaderError::ChunkSize { compression, found: chunk_size, min, max });
    }
    Ok((compression, chunk_size))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header of an uncompressed file without images.
    fn plain() -> [u8; HEADER_SIZE] {
        let mut bytes = [0; HEADER_SIZE];
        bytes[..8].copy_from_slice(&MAGIC);
        put(&mut bytes, 0x08, 208);
        put(&mut bytes, 0x0c, VERSION);
        bytes[0x28] = 1;
        bytes[0x2a] = 1;
        bytes
    }

    fn put(bytes: &mut [u8; HEADER_SIZE], at: usize, value: u32) {
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    /// The plain header with some 32-bit fields changed.
    fn parse(changes: &[(usize, u32)]) -> Result<Header, HeaderError> {
        let mut bytes = plain();
        for &(at, value) in changes {
            put(&mut bytes, at, value);
        }
        Header::parse(&bytes)
    }

    #[test]
    fn a_plain_header_is_read() {
        let header = parse(&[(0x2c, 3), (0x78, 2), (0x18, 0x0403_0201), (0x14, 17)]).unwrap();
        assert_eq!((header.images, header.boot_index), (3, Some(2)));
        assert_eq!((header.compression, header.chunk_size), (Compression::None, 0));
        assert_eq!(header.guid[..5], [1, 2, 3, 4, 0]);
        assert!(header.integrity.is_none());
        assert_eq!(parse(&[(0x0c, VERSION_SOLID)]).unwrap().version, VERSION_SOLID);
    }

    #[test]
    fn every_chunk_size_of_each_algorithm_is_taken_and_no_other() {
        const XPRESS: u32 = header_flags::COMPRESSED | header_flags::XPRESS;
        const XPRESS_2: u32 = header_flags::COMPRESSED | header_flags::XPRESS_2;
        const LZX: u32 = header_flags::COMPRESSED | header_flags::LZX;
        const LZMS: u32 = header_flags::COMPRESSED | header_flags::LZMS;
        for (flags, orders) in [(XPRESS, 12..=16), (XPRESS_2, 12..=16), (LZX, 12..=21), (LZMS, 15..=26)] {
            for order in 0..32 {
                let result = parse(&[(0x10, flags), (0x14, 1 << order)]);
                assert_eq!(result.is_ok(), orders.contains(&order), "{flags:#x} 2^{order}");
            }
            for size in [0, 0x8001, 0x6000, u32::MAX] {
                let error = parse(&[(0x10, flags), (0x14, size)]).unwrap_err();
                assert!(matches!(error, HeaderError::ChunkSize { found, .. } if found == size), "{error}");
            }
        }
    }

    #[test]
    fn headers_that_cannot_be_are_refused() {
        use HeaderError as E;
        use header_flags::{COMPRESSED, LZX, WRITE_IN_PROGRESS, XPRESS};
        for (changes, expected) in [
            (&[(0x08, 207)][..], E::Size { found: 207 }),
            (&[(0x0c, 0x1_0d01)], E::Version { found: 0x1_0d01 }),
            (&[(0x10, WRITE_IN_PROGRESS)], E::WriteInProgress),
            (&[(0x10, 0x8000_0000)], E::Flags { flags: 0x8000_0000, unknown: 0x8000_0000 }),
            (&[(0x10, COMPRESSED), (0x14, 0x8000)], E::Codec { flags: COMPRESSED, found: 0 }),
            (&[(0x10, COMPRESSED | LZX | XPRESS)], E::Codec { flags: COMPRESSED | LZX | XPRESS, found: 2 }),
            (&[(0x28, 0x0001_0000)], E::Part { part: 0, parts: 1 }),
            (&[(0x28, 0x0001_0002)], E::Part { part: 2, parts: 1 }),
            (&[(0x28, 0x0000_0001)], E::Part { part: 1, parts: 0 }),
            (&[(0x2c, 65_536)], E::Images { found: 65_536 }),
            (&[(0x2c, 2), (0x78, 3)], E::BootIndex { boot_index: 3, images: 2 }),
            (&[(0x00, u32::from_le_bytes(*b"MSCF"))], E::NotAWim { found: *b"MSCFM\0\0\0" }),
            (&[(0x00, u32::from_le_bytes(*b"WLPW"))], E::Pipable),
        ] {
            assert_eq!(parse(changes).unwrap_err(), expected);
        }
    }
}
