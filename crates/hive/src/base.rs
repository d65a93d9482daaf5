//! The base block: the file's head, with what says whether a write was cut off.
//!
//! \[REGF\] "Base block". Everything in it is kept when a hive is written anew, known or not, but for the
//! fields that the writing itself sets.

use std::fmt;

use nanovhd_tree::Filetime;
use zerocopy::{FromBytes, FromZeros, IntoBytes};

use crate::error::OpenError;
use crate::format::{BASE_SIGNATURE, BLOCK, BaseBlockDisk, SECTOR, file_type};

/// Versions of hives that can be read and written: those of Windows NT 4 and later.
const MINOR_VERSIONS: std::ops::RangeInclusive<u32> = 3..=6;

/// The XOR of a base block's words before the checksum, with the two values that it can't have
/// replaced. \[REGF\] "Base block", note 2.
pub(crate) fn checksum(sector: &[u8]) -> u32 {
    let words = sector.chunks_exact(4).take(127).map(|word| word.try_into().map_or(0, u32::from_le_bytes));
    match words.fold(0, |sum, word| sum ^ word) {
        0 => 1,
        u32::MAX => u32::MAX - 1,
        sum => sum,
    }
}

/// The base block of a hive.
#[derive(Clone)]
pub(crate) struct BaseBlock(pub(crate) Box<BaseBlockDisk>);

impl fmt::Debug for BaseBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = &self.0;
        let sequence = (base.primary_sequence.get(), base.secondary_sequence.get());
        f.debug_struct("BaseBlock")
            .field("minor", &base.minor.get())
            .field("sequence", &sequence)
            .finish_non_exhaustive()
    }
}

impl BaseBlock {
    /// Reads the first block of `file`. Neither the checksum nor the sequence numbers are judged.
    pub(crate) fn read(file: &[u8]) -> Result<Self, OpenError> {
        let short = OpenError::TooShort { expected: BLOCK as u64, found: file.len() as u64 };
        let (base, _) = BaseBlockDisk::ref_from_prefix(file).map_err(|_| short)?;
        if base.signature != BASE_SIGNATURE {
            return Err(OpenError::Signature { found: base.signature });
        }
        Ok(Self(Box::new(*base)))
    }

    /// The base block of a new hive.
    pub(crate) fn new(minor: u32, file_name: &str, last_written: Filetime) -> Self {
        let mut base = BaseBlockDisk::new_zeroed();
        base.signature = BASE_SIGNATURE;
        base.primary_sequence = 1.into();
        base.secondary_sequence = 1.into();
        base.last_written = last_written.0.into();
        base.major = 1.into();
        base.minor = minor.into();
        base.format = 1.into();
        base.clustering = 1.into();
        // The end of a path says more than its start. One unit stays zero.
        let units: Vec<u16> = file_name.encode_utf16().collect();
        let tail = &units[units.len().saturating_sub(base.file_name.len() / 2 - 1)..];
        for (place, unit) in base.file_name.chunks_exact_mut(2).zip(tail) {
            place.copy_from_slice(&unit.to_le_bytes());
        }
        Self(Box::new(base))
    }

    /// What the checksum should be.
    pub(crate) fn expected_checksum(&self) -> u32 {
        checksum(&self.0.as_bytes()[..SECTOR])
    }

    pub(crate) fn checksum_is_right(&self) -> bool {
        self.expected_checksum() == self.0.checksum.get()
    }

    /// Whether the hive needs recovery. \[REGF\] "Dirty state of a hive".
    pub(crate) fn is_dirty(&self) -> bool {
        !self.checksum_is_right() || self.0.primary_sequence != self.0.secondary_sequence
    }

    /// Refuses what is no hive of a known version, and a damaged base block.
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        let base = &self.0;
        if !self.checksum_is_right() {
            return Err(OpenError::Checksum { expected: self.expected_checksum(), found: base.checksum.get() });
        }
        let field = |field, expected, found| Err(OpenError::Field { field, expected, found });
        match (base.major.get(), base.minor.get()) {
            (1, minor) if MINOR_VERSIONS.contains(&minor) => {}
            (1, minor) => return field("minor version", "3 to 6", minor),
            (major, _) => return field("major version", "1", major),
        }
        if base.file_type.get() != file_type::PRIMARY {
            return field("file type", "0 (a hive, not a log)", base.file_type.get());
        }
        if base.format.get() != 1 {
            return field("file format", "1", base.format.get());
        }
        let size = base.bins_size.get();
        if size == 0 || !(size as usize).is_multiple_of(BLOCK) || size > i32::MAX.unsigned_abs() {
            return field("hive bins size", "a multiple of 0x1000 up to 0x7ffff000", size);
        }
        Ok(())
    }

    /// Refuses a hive whose last write did not end.
    pub(crate) fn check_clean(&self) -> Result<(), OpenError> {
        let (primary, secondary) = (self.0.primary_sequence.get(), self.0.secondary_sequence.get());
        if primary == secondary { Ok(()) } else { Err(OpenError::Dirty { primary, secondary }) }
    }

    /// Hive bins in `file`, as many as the base block says.
    pub(crate) fn bins<'f>(&self, file: &'f [u8]) -> Result<&'f [u8], OpenError> {
        let end = BLOCK + self.0.bins_size.get() as usize;
        file.get(BLOCK..end).ok_or(OpenError::TooShort { expected: end as u64, found: file.len() as u64 })
    }

    /// Whether a key's subkeys are listed with hashes ("lh") and not with hints ("lf").
    pub(crate) fn has_hash_lists(&self) -> bool {
        self.0.minor.get() >= 5
    }

    /// Whether long values are split. \[REGF\] "Big data".
    pub(crate) fn has_big_data(&self) -> bool {
        self.0.minor.get() >= 4
    }
}

/// What the head of a hive says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// The format's minor version, 3 to 6; the major one is always 1.
    pub minor_version: u32,
    /// The number of the last write.
    pub sequence: u32,
    /// When the hive was last written, where its writer says so.
    pub last_written: Filetime,
    /// The end of the path that the hive had where it was written.
    pub file_name: String,
    /// State of transactions (bit 0) and of layered keys (bit 1).
    pub flags: u32,
    /// When Windows last put the hive in order; the two lowest bits say what was done.
    pub last_reorganized: Filetime,
    /// The ids of resource manager, log and transaction manager, as stored.
    pub transaction_ids: [[u8; 16]; 3],
}

impl From<&BaseBlock> for Info {
    fn from(BaseBlock(base): &BaseBlock) -> Self {
        let units = base.file_name.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
        let name: Vec<u16> = units.take_while(|&unit| unit != 0).collect();
        Self {
            minor_version: base.minor.get(),
            sequence: base.primary_sequence.get(),
            last_written: Filetime(base.last_written.get()),
            file_name: String::from_utf16_lossy(&name),
            flags: base.flags.get(),
            last_reorganized: Filetime(base.reorganized.get()),
            transaction_ids: [base.rm_id, base.log_id, base.tm_id],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_never_all_zeros_or_all_ones() {
        let mut sector = [0; SECTOR];
        assert_eq!(checksum(&sector), 1);
        sector[0] = 1;
        sector[4] = 2;
        assert_eq!(checksum(&sector), 3);
        sector = [0; SECTOR];
        sector[8..12].fill(0xff);
        assert_eq!(checksum(&sector), 0xffff_fffe);
        // The checksum itself does not count.
        sector[508..].fill(7);
        assert_eq!(checksum(&sector), 0xffff_fffe);
    }

    #[test]
    fn a_long_path_keeps_its_end() {
        let path = r"\??\C:\a folder with a long name\another\BCD";
        let info = Info::from(&BaseBlock::new(3, path, Filetime(5)));
        assert_eq!(info.file_name, &path[path.len() - 31..]);
        assert_eq!((info.minor_version, info.last_written), (3, Filetime(5)));
    }

    #[test]
    fn each_field_that_matters_is_judged() {
        type Spoil = fn(&mut BaseBlockDisk);
        let cases: [(Spoil, &str); 6] = [
            (|b| b.major = 2.into(), "major version"),
            (|b| b.minor = 7.into(), "minor version"),
            (|b| b.minor = 2.into(), "minor version"),
            (|b| b.file_type = 6.into(), "file type"),
            (|b| b.format = 0.into(), "file format"),
            (|b| b.bins_size = 0x1001.into(), "hive bins size"),
        ];
        for (spoil, name) in cases {
            let mut base = BaseBlock::new(5, "", Filetime(0));
            base.0.bins_size = 0x1000.into();
            base.0.checksum = base.expected_checksum().into();
            assert_eq!(base.check(), Ok(()));
            spoil(&mut base.0);
            assert!(matches!(base.check(), Err(OpenError::Checksum { .. })), "{name}");
            base.0.checksum = base.expected_checksum().into();
            assert!(matches!(base.check(), Err(OpenError::Field { field, .. }) if field == name), "{name}");
        }
    }
}
