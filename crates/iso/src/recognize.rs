//! What kinds of volume an image has: the descriptors from 32 KiB on.
//!
//! ECMA-119 6.7.1 puts its volume descriptors at sector 16 of 2048 bytes; ECMA-167 2/8.3 its volume
//! structure descriptors at the same place, behind those of ECMA-119 if there are any (OSTA UDF 2.60,
//! 6.11: "bridge" discs). Both have an identifier of five characters at byte 1. With sectors of more than
//! 2048 bytes, each descriptor of ECMA-167 has a sector of its own (2/8.4).
//!
//! The system area in front of them belongs to the boot code of hybrid images and is not looked at.

use nanovhd_tree::ReadAt;

use crate::error::{IsoError, Structure};
use crate::input::Input;
use crate::iso9660::{DESCRIPTOR_TERMINATOR, Descriptor, PRIMARY, SUPPLEMENTARY};

/// Where descriptors begin.
const START: u64 = 0x8000;
/// Their size.
const STEP: u64 = 2048;
/// More than any disc has; each costs a read. Together with the rest of opening, below 64 KiB where only the
/// first bytes of a foreign descriptor are read.
const MAX_DESCRIPTORS: usize = 64;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Recognized {
    /// The primary volume descriptor of ECMA-119, and where it is.
    pub(crate) primary: Option<(u64, Box<Descriptor>)>,
    /// The supplementary volume descriptor of Joliet, and where it is.
    pub(crate) joliet: Option<(u64, Box<Descriptor>)>,
    /// Whether there is a volume of ECMA-167.
    pub(crate) udf: bool,
}

impl Recognized {
    /// Looks at the descriptors one by one until one is neither standard's.
    pub(crate) fn read<R: ReadAt>(input: &Input<R>) -> Result<Self, IsoError> {
        let mut found = Self::default();
        let (mut offset, mut step) = (START, None);
        for _ in 0..MAX_DESCRIPTORS {
            let identifier = identifier(input, offset)?;
            match &identifier {
                b"CD001" => found.add(input, offset)?,
                b"NSR02" | b"NSR03" => found.udf = true,
                // What begins and ends the area, boot descriptors and CD-DA.
                b"BEA01" | b"TEA01" | b"BOOT2" | b"CDW02" => {}
                _ => break,
            }
            let large = identifier != *b"CD001" && step.is_none();
            offset += if large { *step.insert(distance(input, offset)?) } else { step.unwrap_or(STEP) };
        }
        if found.primary.is_none() && !found.udf {
            return Err(if is_raw(input)? { IsoError::RawSectors } else { IsoError::NotAnImage });
        }
        Ok(found)
    }

    fn add<R: ReadAt>(&mut self, input: &Input<R>, offset: u64) -> Result<(), IsoError> {
        let kind: u8 = input.read_one(Structure::VolumeDescriptor, offset)?;
        // Boot records, partitions and what others may define are not for us.
        if ![PRIMARY, SUPPLEMENTARY, DESCRIPTOR_TERMINATOR].contains(&kind) {
            return Ok(());
        }
        let descriptor: Descriptor = input.read_one(Structure::VolumeDescriptor, offset)?;
        if kind == PRIMARY && self.primary.is_none() {
            self.primary = Some((offset, Box::new(descriptor)));
        } else if descriptor.is_joliet() && self.joliet.is_none() {
            self.joliet = Some((offset, Box::new(descriptor)));
        }
        Ok(())
    }
}

/// The identifier at `offset`, zeros past the end.
fn identifier<R: ReadAt>(input: &Input<R>, offset: u64) -> Result<[u8; 5], IsoError> {
    if input.check(Structure::VolumeDescriptor, offset, STEP).is_err() {
        return Ok([0; 5]);
    }
    input.read_one(Structure::VolumeDescriptor, offset + 1)
}

/// How far the descriptor behind the one at `offset` is: the first sector size that leads to one.
fn distance<R: ReadAt>(input: &Input<R>, offset: u64) -> Result<u64, IsoError> {
    for step in [1, 2, 4, 8, 16].map(|sectors| sectors * STEP) {
        if let b"NSR02" | b"NSR03" | b"BOOT2" | b"TEA01" = &identifier(input, offset + step)? {
            return Ok(step);
        }
    }
    Ok(STEP)
}

/// Whether the image begins with the synchronization field of a raw sector. ECMA-130 14.1.
fn is_raw<R: ReadAt>(input: &Input<R>) -> Result<bool, IsoError> {
    const SYNC: [u8; 12] = [0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0];

    if input.len() < SYNC.len() as u64 {
        return Ok(false);
    }
    let start: [u8; 12] = input.read_one(Structure::VolumeDescriptor, 0)?;
    Ok(start == SYNC)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(descriptors: &[(usize, &[u8; 5])]) -> Input<Vec<u8>> {
        let mut bytes = vec![0; 128 << 10];
        for &(sector, identifier) in descriptors {
            bytes[sector * 2048] = 2;
            bytes[sector * 2048 + 1..][..5].copy_from_slice(identifier);
        }
        Input::new(bytes).unwrap()
    }

    #[test]
    fn udf_is_found_with_sectors_of_any_size() {
        for step in [1, 2, 4, 8, 16] {
            let input = image(&[(16, b"BEA01"), (16 + step, b"NSR03"), (16 + 2 * step, b"TEA01")]);
            assert!(Recognized::read(&input).unwrap().udf, "{step}");
        }
        let bridge = image(&[(16, b"CD001"), (17, b"CD001"), (18, b"BEA01"), (19, b"NSR02"), (20, b"TEA01")]);
        assert!(Recognized::read(&bridge).unwrap().udf);
        let apart = image(&[(16, b"BEA01"), (19, b"NSR02")]);
        assert!(matches!(Recognized::read(&apart), Err(IsoError::NotAnImage)));
    }

    #[test]
    fn what_is_no_image_is_told() {
        for len in [0, 1, 0x8000, 0x8800, 0x9000] {
            let found = Recognized::read(&Input::new(vec![0; len]).unwrap());
            assert!(matches!(found, Err(IsoError::NotAnImage)), "{len}");
        }
        let mut raw = vec![0; 1 << 20];
        raw[1..11].fill(255);
        assert!(matches!(Recognized::read(&Input::new(raw).unwrap()), Err(IsoError::RawSectors)));
    }
}
