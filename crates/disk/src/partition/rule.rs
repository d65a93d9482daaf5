//! The rules of partition tables.

use nanovhd_tree::rules;

rules! {
    /// What a checker demands of a partition table. UEFI specification, sections 5.2 and 5.3.
    pub enum PartitionRule {
        MbrSignature "mbr-signature" "A sector with partitions ends with the bytes 0x55 and 0xaa.",
        MbrDiskSignature "mbr-disk-signature" "A disk with an MBR has a signature, which Windows knows it by.",
        MbrStatus "mbr-status" "A partition is active (0x80) or not (0).",
        MbrActive "mbr-active" "At most one partition is active.",
        MbrPlace "mbr-place" "A partition has sectors, behind the MBR and on the disk.",
        MbrOverlap "mbr-overlap" "No two partitions share sectors.",
        MbrExtended "mbr-extended" "Each link of an extended partition leads on, inside it, to a sound one.",
        GptProtectiveMbr "gpt-protective-mbr" "A disk with a GPT has an MBR with one partition that covers it.",
        GptPrimaryHeader "gpt-primary-header" "The first sector behind the MBR is a sound GPT header.",
        GptBackupHeader "gpt-backup-header" "The last sector of the disk is a sound GPT header.",
        GptPrimaryEntries "gpt-primary-entries" "The entries of the first GPT are there and have the right checksum.",
        GptBackupEntries "gpt-backup-entries" "The entries of the second GPT are there and have the right checksum.",
        GptCopies "gpt-copies" "Both GPTs say the same and lead to each other.",
        GptUsable "gpt-usable" "The sectors for partitions are clear of both GPTs.",
        GptSectorSize "gpt-sector-size" "The GPT was made for the sectors that the disk has.",
        GptPlace "gpt-place" "A partition has sectors, all of them for partitions.",
        GptOverlap "gpt-overlap" "No two partitions share sectors.",
        GptIdentifier "gpt-identifier" "Every partition has an identifier of its own.",
    }
}
