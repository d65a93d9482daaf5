//! The rules of containers, and the place where parsers report what breaks them.
//!
//! Reader and checker share one parser. It tells [`Faults`] of every broken rule: of one that does
//! no harm to reading with [`Faults::note`], of one that does with [`Faults::refuse`] and goes on,
//! or with [`Faults::stop`] where there is no going on. Opening a disk fails with the first fault
//! that was not just noted; checking returns them all.

use std::{fmt, io};

use nanovhd_tree::{Finding, Findings, rules};

rules! {
    /// What a checker demands of a container. VHD: Virtual Hard Disk Image Format Specification
    /// (October 2006). VHDX: [MS-VHDX].
    pub enum ContainerRule {
        RawSize "raw-size" "A raw disk is a whole number of 512-byte sectors.",
        VhdFooter "vhd-footer" "The file ends with a footer.",
        VhdFooterChecksum "vhd-footer-checksum" "A footer's checksum is that of its bytes.",
        VhdFooterCopy "vhd-footer-copy" "A dynamic disk starts with a copy of its footer.",
        VhdVersion "vhd-version" "Footer and dynamic header have version 1.0.",
        VhdDiskType "vhd-disk-type" "The disk is fixed, dynamic or differencing.",
        VhdParent "vhd-parent" "The disk needs no parent.",
        VhdSize "vhd-size" "The disk has whole sectors, at most 2040 GiB, and a fixed one is all in the file.",
        VhdGeometry "vhd-geometry" "Cylinders, heads and sectors per track give no more than the disk, or are 65535, 16 and 255.",
        VhdHeader "vhd-header" "The footer leads to a dynamic header in the file.",
        VhdHeaderChecksum "vhd-header-checksum" "The dynamic header's checksum is that of its bytes.",
        VhdBlockSize "vhd-block-size" "A block is a power of two of at least one sector.",
        VhdTable "vhd-table" "The block table has an entry for each block and lies in the file.",
        VhdBlockPlace "vhd-block-place" "A block and its bitmap lie in the file, clear of the other structures.",
        VhdBlockOverlap "vhd-block-overlap" "No two blocks share bytes of the file.",
        VhdxIdentifier "vhdx-identifier" "The file starts with the VHDX signature.",
        VhdxHeader "vhdx-header" "Both headers have their signature and the right checksum.",
        VhdxHeaderSequence "vhdx-header-sequence" "Headers with the same sequence number are the same.",
        VhdxVersion "vhdx-version" "The file has version 1 and its log version 0.",
        VhdxLogPlace "vhdx-log-place" "The log is whole MiB and lies in the file behind the headers.",
        VhdxLogSequence "vhdx-log-sequence" "A log that counts has a complete sequence of sound entries.",
        VhdxLogTruncated "vhdx-log-truncated" "The file is no shorter than when its log was written.",
        VhdxLogTarget "vhdx-log-target" "The log changes whole pages, and neither headers nor itself.",
        VhdxRegionTable "vhdx-region-table" "Both region tables have their signature and the right checksum.",
        VhdxRegionCopies "vhdx-region-copies" "Both region tables are the same.",
        VhdxRegionPlace "vhdx-region-place" "A region is whole MiB and lies in the file behind the headers.",
        VhdxRegionOverlap "vhdx-region-overlap" "Regions and the log share no bytes.",
        VhdxRegionTwice "vhdx-region-twice" "No region is there twice.",
        VhdxRegionUnknown "vhdx-region-unknown" "Every region that must be understood is known.",
        VhdxRegionMissing "vhdx-region-missing" "There are a block table and metadata.",
        VhdxMetadataTable "vhdx-metadata-table" "The metadata table has its signature and at most 2047 entries, 1024 of users.",
        VhdxMetadataFlags "vhdx-metadata-flags" "A known metadata item has its flags, and no reserved bit is set.",
        VhdxMetadataPlace "vhdx-metadata-place" "A metadata item lies in its region, behind the table, with the length it needs.",
        VhdxMetadataOverlap "vhdx-metadata-overlap" "Metadata items share no bytes.",
        VhdxMetadataTwice "vhdx-metadata-twice" "No metadata item is there twice.",
        VhdxMetadataUnknown "vhdx-metadata-unknown" "Every metadata item that must be understood is known.",
        VhdxMetadataMissing "vhdx-metadata-missing" "The five metadata items that every disk has are there.",
        VhdxFileParameters "vhdx-file-parameters" "A block is a power of two from 1 MiB to 256 MiB, and no unknown flag is set.",
        VhdxParent "vhdx-parent" "The disk needs no parent.",
        VhdxSectorSize "vhdx-sector-size" "Logical and physical sectors have 512 or 4096 bytes.",
        VhdxDiskSize "vhdx-disk-size" "The disk has whole sectors, at least one, and at most 64 TiB.",
        VhdxTableLength "vhdx-table-length" "The block table has an entry for each block.",
        VhdxBlockState "vhdx-block-state" "A block has a state that disks without a parent know, and no reserved bit.",
        VhdxBlockZero "vhdx-block-zero" "A block of zeros has no place in the file.",
        VhdxBlockPlace "vhdx-block-place" "A block lies in the file, clear of headers, regions and log.",
        VhdxBlockOverlap "vhdx-block-overlap" "No two blocks share bytes of the file.",
        VhdxBitmapState "vhdx-bitmap-state" "Without a parent no sector bitmap is present.",
    }
}

/// Why a parser gave up. Faults have been reported by then.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A broken rule leaves nothing to go by.
    Fault,
    /// The disk is a differencing one, and what it calls its parent.
    Parent(String),
    /// The file can't be read.
    Io(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Where parsers report.
#[derive(Debug)]
pub(crate) struct Faults {
    findings: Findings,
    refused: Option<Finding>,
}

impl Faults {
    pub(crate) fn new() -> Self {
        Self { findings: Findings::new(), refused: None }
    }

    /// A broken rule that leaves the disk's bytes beyond doubt.
    pub(crate) fn note(&mut self, rule: ContainerRule, offset: u64, detail: fmt::Arguments<'_>) {
        self.findings.add(rule, offset, detail);
    }

    /// A broken rule because of which the disk can't be read, while the check goes on.
    pub(crate) fn refuse(&mut self, rule: ContainerRule, offset: u64, detail: fmt::Arguments<'_>) {
        self.findings.add(rule, offset, detail);
        if self.refused.is_none() {
            self.refused = Some(Finding { rule: rule.name(), record: None, offset, detail: detail.to_string() });
        }
    }

    /// A broken rule that leaves nothing to go by.
    pub(crate) fn stop(&mut self, rule: ContainerRule, offset: u64, detail: fmt::Arguments<'_>) -> Stop {
        self.refuse(rule, offset, detail);
        Stop::Fault
    }

    /// The fault because of which the disk can't be read.
    pub(crate) fn into_refusal(self) -> Option<Finding> {
        self.refused
    }

    pub(crate) fn finish(self) -> Vec<Finding> {
        self.findings.finish()
    }
}
