//! Partition tables as our own reader sees them, and one corruption for every rule of theirs.

use nanovhd_disk::{
    DiskLayout, FoundKind, MbrPartition, Partition, PartitionKind, PartitionReadError, PartitionRule, PartitionTable,
    Scheme, check_partitions, gpt_table, mbr_table,
};
use uuid::Uuid;

use crate::support::*;

const ID: Uuid = Uuid::from_u128(0x1234_5678_9abc_def0_1122_3344_5566_7788);
const SIZE: u64 = 8 * MIB;
const MBR_ENTRIES: usize = 446;

fn place(at: u64) -> usize {
    usize::try_from(at).unwrap()
}

fn disk(size: u64, table: Vec<(u64, Vec<u8>)>) -> Vec<u8> {
    let mut disk = vec![0; place(size)];
    for (offset, bytes) in table {
        disk[place(offset)..][..bytes.len()].copy_from_slice(&bytes);
    }
    disk
}

/// An ESP from 1 MiB and a data partition from 3 MiB.
fn gpt(sector_size: u32) -> Vec<u8> {
    let part =
        |kind, first, size, id| Partition { kind, name: format!("part {id}"), first, size, id: Uuid::from_u128(id) };
    let parts = [part(PartitionKind::Esp, MIB, 2 * MIB, 1), part(PartitionKind::BasicData, 3 * MIB, 4 * MIB, 2)];
    disk(SIZE, gpt_table(SIZE, sector_size, ID, &parts).unwrap())
}

/// An NTFS partition from 1 MiB and a FAT partition from 3 MiB.
fn mbr() -> Vec<u8> {
    let part = |first, size, kind, active| MbrPartition { first, size, kind, active };
    let parts = [part(MIB, 2 * MIB, 7, true), part(3 * MIB, MIB, 0x0c, false)];
    disk(SIZE, mbr_table(SIZE, 512, 0x1234_5678, &parts, &[]).unwrap())
}

fn set<const N: usize>(disk: &mut [u8], at: usize, bytes: [u8; N]) {
    disk[at..at + N].copy_from_slice(&bytes);
}

/// An entry of an MBR, or of a link of an extended partition, at `at`.
fn mbr_entry(disk: &mut [u8], at: usize, status: u8, kind: u8, first: u32, count: u32) {
    disk[at] = status;
    disk[at + 4] = kind;
    set(disk, at + 8, first.to_le_bytes());
    set(disk, at + 12, count.to_le_bytes());
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ (0xedb8_8320 * (crc & 1));
        }
    }
    !crc
}

/// Where both headers of a disk with sectors of 512 bytes are, and their entries.
const COPIES: [(usize, usize); 2] = [(512, 1024), ((8 << 20) - 512, (8 << 20) - 33 * 512)];

/// Gives both copies of the GPT the right checksums.
fn seal_gpt(disk: &mut [u8]) {
    for (header, entries) in COPIES {
        seal_copy(disk, header, entries);
    }
}

pub(crate) fn seal_copy(disk: &mut [u8], header: usize, entries: usize) {
    let checksum = crc32(&disk[entries..entries + 128 * 128]);
    set(disk, header + 88, checksum.to_le_bytes());
    seal_header(disk, header);
}

/// Gives a header the right checksum.
pub(crate) fn seal_header(disk: &mut [u8], header: usize) {
    set(disk, header + 16, [0; 4]);
    let checksum = crc32(&disk[header..header + 92]);
    set(disk, header + 16, checksum.to_le_bytes());
}

/// Changes an entry of both copies.
fn entries(disk: &mut [u8], index: usize, change: impl Fn(&mut [u8])) {
    for (_, entries) in COPIES {
        change(&mut disk[entries + 128 * index..][..128]);
    }
    seal_gpt(disk);
}

/// An MBR with an extended partition at 5 MiB, in which two partitions are.
fn extended() -> Vec<u8> {
    let mut disk = mbr();
    let mib = 2048;
    mbr_entry(&mut disk, MBR_ENTRIES + 32, 0, 0x0f, 5 * mib, 3 * mib);
    let (first, second) = (place(5 * MIB), place(6 * MIB));
    mbr_entry(&mut disk, first + MBR_ENTRIES, 0, 7, 8, mib - 8);
    mbr_entry(&mut disk, first + MBR_ENTRIES + 16, 0, 5, mib, mib);
    mbr_entry(&mut disk, second + MBR_ENTRIES, 0, 7, 8, mib);
    for link in [first, second] {
        set(&mut disk, link + 510, [0x55, 0xaa]);
    }
    disk
}

/// What breaks the rule, and a disk that keeps it.
fn broken(rule: PartitionRule) -> (Vec<u8>, Vec<u8>) {
    use PartitionRule as R;
    let good = if rule.name().starts_with("gpt-") { gpt(512) } else { extended() };
    let mut disk = good.clone();
    let active = |disk: &mut Vec<u8>, index: usize| disk[MBR_ENTRIES + 16 * index] = 0x80;
    let first_lba =
        |disk: &mut [u8], index, lba: u64| entries(disk, index, |entry| set(entry, 32, lba.to_le_bytes()));
    match rule {
        R::MbrSignature => disk[511] = 0,
        R::MbrDiskSignature => set(&mut disk, 440, [0; 4]),
        R::MbrStatus => disk[MBR_ENTRIES + 16] = 1,
        R::MbrActive => active(&mut disk, 1),
        R::MbrPlace => set(&mut disk, MBR_ENTRIES + 12, u32::MAX.to_le_bytes()),
        R::MbrOverlap => set(&mut disk, MBR_ENTRIES + 12, 4097_u32.to_le_bytes()),
        R::MbrExtended => set(&mut disk, place(5 * MIB) + MBR_ENTRIES + 16 + 8, [0; 4]),
        R::GptProtectiveMbr => set(&mut disk, MBR_ENTRIES + 12, 77_u32.to_le_bytes()),
        R::GptPrimaryHeader => disk[512 + 40] ^= 1,
        R::GptBackupHeader => disk[COPIES[1].0 + 40] ^= 1,
        R::GptPrimaryEntries => disk[1024 + 5000] ^= 1,
        R::GptBackupEntries => disk[COPIES[1].1 + 5000] ^= 1,
        R::GptCopies => {
            disk[COPIES[1].0 + 56] ^= 1;
            seal_gpt(&mut disk);
        }
        R::GptUsable => {
            for (header, _) in COPIES {
                disk[header + 40] = 33;
            }
            seal_gpt(&mut disk);
        }
        R::GptSectorSize => return (good, gpt(4096)),
        R::GptPlace => first_lba(&mut disk, 0, 33),
        R::GptOverlap => first_lba(&mut disk, 1, 3 * 2048 - 1),
        R::GptIdentifier => entries(&mut disk, 1, |entry| set(entry, 16, Uuid::from_u128(1).to_bytes_le())),
        _ => panic!("there is no corruption for {rule:?}"),
    }
    (good, disk)
}

#[test]
fn every_partition_rule_is_broken_by_its_corruption() {
    for &rule in PartitionRule::ALL {
        let (good, broken) = broken(rule);
        assert_eq!(check_partitions(&good, 512).unwrap(), [], "{rule:?}");
        let findings = check_partitions(&broken, 512).unwrap();
        assert!(findings.iter().any(|finding| finding.rule == rule.name()), "{rule:?} is not among {findings:#?}");
        // A table for other sectors is wrong all over.
        assert!(findings.len() == 1 || rule == PartitionRule::GptSectorSize, "{rule:?}: {findings:#?}");
        for finding in &findings {
            assert!(finding.offset <= SIZE && !finding.detail.is_empty(), "{finding}");
            println!("{finding}");
        }
    }
}

#[test]
fn tables_that_we_write_are_read_back_and_have_no_findings() {
    for sector_size in [512, 4096] {
        let layout = DiskLayout::uefi(400 * MIB, sector_size, ID).unwrap();
        let disk = disk(layout.size, layout.table(&[]).unwrap());
        assert_eq!(check_partitions(&disk, sector_size).unwrap(), []);
        let table = PartitionTable::read(&disk, sector_size).unwrap().unwrap();
        assert_eq!((table.scheme, table.disk_id, table.from_backup), (Scheme::Gpt, Some(layout.disk_id), false));
        for ((part, expected), number) in table.partitions.iter().zip(&layout.partitions).zip(1..) {
            assert_eq!((part.number, part.first, part.size), (number, expected.first, expected.size));
            assert_eq!(part.is_esp(), expected.kind == PartitionKind::Esp);
            assert_eq!(part.is_basic_data(), expected.kind == PartitionKind::BasicData);
            let FoundKind::Gpt { id, name, .. } = &part.kind else { panic!("it is a GPT") };
            assert_eq!((id, name), (&expected.id, &expected.name));
        }
        assert_eq!(table.partitions.len(), 3);
        assert_eq!(table.esp().map(|part| part.first), Some(MIB));
    }
    let layout = DiskLayout::bios(SIZE, ID).unwrap();
    let disk = disk(SIZE, layout.table(&[0xfa; 440]).unwrap());
    assert_eq!(check_partitions(&disk, 512).unwrap(), []);
    let table = PartitionTable::read(&disk, 512).unwrap().unwrap();
    assert_eq!((table.scheme, table.signature), (Scheme::Mbr, Some(layout.signature)));
    let [part] = &table.partitions[..] else { panic!("{table:?}") };
    assert_eq!((part.number, part.first, part.size), (1, MIB, 7 * MIB));
    assert_eq!(part.kind, FoundKind::Mbr { kind: 7, active: true });
    assert!(part.is_basic_data() && !part.is_esp());
}

#[test]
fn a_damaged_gpt_is_read_from_its_backup() {
    let expected = PartitionTable::read(&gpt(512), 512).unwrap().unwrap();
    for at in [512, 512 + 20, 1024, 1024 + 128 * 128 - 1] {
        let mut disk = gpt(512);
        disk[at] ^= 0xff;
        let table = PartitionTable::read(&disk, 512).unwrap().unwrap();
        assert!(table.from_backup && table.partitions == expected.partitions, "{at:#x}");
        // Of the backup nothing is left either.
        disk[place(SIZE) - 512] ^= 0xff;
        let error = PartitionTable::read(&disk, 512).unwrap_err();
        let PartitionReadError::Gpt { primary, backup } = &error else { panic!("{error:?}") };
        assert!(primary.rule.starts_with("gpt-primary-") && backup.rule == "gpt-backup-header", "{error}");
        assert_eq!(check_partitions(&disk, 512).unwrap(), [(**primary).clone(), (**backup).clone()]);
    }
    // The whole first MiB is lost, and with it the MBR that tells of the GPT.
    let mut disk = gpt(512);
    disk[..1 << 20].fill(0);
    assert_eq!(PartitionTable::read(&disk, 512).unwrap().unwrap().partitions, expected.partitions);
}

#[test]
fn a_disk_that_grew_has_its_backup_where_it_was() {
    let mut disk = gpt(512);
    disk.resize(place(9 * MIB), 0);
    let table = PartitionTable::read(&disk, 512).unwrap().unwrap();
    assert!(!table.from_backup && table.partitions.len() == 2);
    let rules: Vec<_> = check_partitions(&disk, 512).unwrap().into_iter().map(|finding| finding.rule).collect();
    assert_eq!(rules, ["gpt-protective-mbr", "gpt-backup-header", "gpt-copies"]);
    // And one that shrank has none.
    disk.truncate(place(7 * MIB));
    let table = PartitionTable::read(&disk, 512).unwrap().unwrap();
    assert_eq!(table.partitions.len(), 2);
    assert!(check_partitions(&disk, 512).unwrap().len() > 2);
}

#[test]
fn partitions_within_an_extended_one_are_found() {
    let disk = extended();
    let table = PartitionTable::read(&disk, 512).unwrap().unwrap();
    let places: Vec<_> =
        table.partitions.iter().map(|part| (part.number, part.first / 512, part.size / 512)).collect();
    assert_eq!(places, [(1, 2048, 4096), (2, 6144, 2048), (5, 10_248, 2040), (6, 12_296, 2048)]);
    // Chains that lead back, to themselves or out are cut.
    for to in [0_u32, 2048, 1, 3 * 2048, u32::MAX] {
        let mut disk = disk.clone();
        mbr_entry(&mut disk, place(6 * MIB) + MBR_ENTRIES + 16, 0, 5, to, 1);
        let table = PartitionTable::read(&disk, 512).unwrap().unwrap();
        assert_eq!(table.partitions.len(), 4);
        assert_eq!(check_partitions(&disk, 512).unwrap()[0].rule, "mbr-extended", "{to}");
    }
    // As are those that are too long.
    let mut disk = mbr();
    mbr_entry(&mut disk, MBR_ENTRIES + 32, 0, 0x05, 8192, 8192);
    for link in 0..4000_u32 {
        let at = (8192 + place(link.into()) * 2) * 512;
        mbr_entry(&mut disk, at + MBR_ENTRIES, 0, 7, 1, 1);
        mbr_entry(&mut disk, at + MBR_ENTRIES + 16, 0, 5, (link + 1) * 2, 2);
        set(&mut disk, at + 510, [0x55, 0xaa]);
    }
    assert_eq!(PartitionTable::read(&disk, 512).unwrap().unwrap().partitions.len(), 2 + 128);
    let findings = check_partitions(&disk, 512).unwrap();
    assert_eq!(findings.iter().map(|finding| finding.rule).collect::<Vec<_>>(), ["mbr-extended"]);
}

#[test]
fn a_disk_without_a_table_has_none() {
    let mut ntfs = vec![0; 4096];
    ntfs[..11].copy_from_slice(b"\xeb\x52\x90NTFS    ");
    set(&mut ntfs, 11, [0, 2, 8]);
    ntfs[21] = 0xf8;
    // Code where an MBR has its entries.
    ntfs[446..510].fill(0x80);
    set(&mut ntfs, 510, [0x55, 0xaa]);
    // A GPT in the place where the volume has something else now.
    let mut stale = gpt(512);
    stale[..512].copy_from_slice(&ntfs[..512]);
    // As exFAT has it, which says nothing of sectors where the others do.
    let mut exfat = vec![0; 4096];
    exfat[..11].copy_from_slice(b"\xeb\x76\x90EXFAT   ");
    exfat[446..512].copy_from_slice(&ntfs[446..512]);
    // Some other code that is no table.
    let mut code = pattern(5, 4096);
    set(&mut code, 510, [0x55, 0xaa]);
    for disk in [
        stale,
        exfat,
        code,
        vec![],
        vec![0; 511],
        vec![0; 512],
        vec![0xff; 512],
        vec![0; 1 << 20],
        vec![0x5a; 1 << 20],
        ntfs,
    ] {
        assert_eq!(PartitionTable::read(&disk, 512).unwrap(), None);
        assert_eq!(check_partitions(&disk, 512).unwrap(), []);
    }
    for sector_size in [0, 1, 520, 1024, u32::MAX] {
        let error = PartitionTable::read(&gpt(512), sector_size).unwrap_err();
        assert!(matches!(error, PartitionReadError::SectorSize(found) if found == sector_size));
        assert!(check_partitions(&gpt(512), sector_size).is_err());
    }
}

#[test]
fn headers_that_claim_too_much_are_refused() {
    // Offset in the header, bytes, and how many of them.
    for (at, value, len) in [
        (12, 0_u64, 4),
        (12, 91, 4),
        (12, 513, 4),
        (12, u64::from(u32::MAX), 4),
        (72, u64::MAX, 8),
        (72, 1, 8),
        (72, u64::MAX / 512, 8),
        (80, u64::from(u32::MAX), 4),
        (80, 0, 4),
        (84, 0, 4),
        (84, 129, 4),
        (84, 64, 4),
        (84, 1 << 31, 4),
    ] {
        let mut disk = gpt(512);
        for (header, _) in COPIES {
            disk[header + at..][..len].copy_from_slice(&value.to_le_bytes()[..len]);
            let length = u32::from_le_bytes(disk[header + 12..header + 16].try_into().unwrap());
            set(&mut disk, header + 16, [0; 4]);
            let end = header + usize::try_from(length).unwrap().min(512);
            let checksum = crc32(&disk[header..end]);
            set(&mut disk, header + 16, checksum.to_le_bytes());
        }
        let error = PartitionTable::read(&disk, 512).unwrap_err();
        assert!(matches!(error, PartitionReadError::Gpt { .. }), "{at} {value:#x}");
        assert_eq!(check_partitions(&disk, 512).unwrap().len(), 2, "{at} {value:#x}");
    }
    // Larger entries and fewer of them are allowed.
    let mut disk = gpt(512);
    for (header, entries) in COPIES {
        set(&mut disk, header + 80, 64_u32.to_le_bytes());
        set(&mut disk, header + 84, 256_u32.to_le_bytes());
        seal_copy(&mut disk, header, entries);
    }
    let table = PartitionTable::read(&disk, 512).unwrap().unwrap();
    assert_eq!(table.partitions.len(), 1, "every other entry is taken for the end of the one before");
}

/// A change to a good disk.
type Corruption = dyn Fn(&mut Vec<u8>);

#[test]
fn further_corruptions_of_tables_are_found() {
    use PartitionRule as R;
    let lba = |index, at: usize, lba: u64| {
        move |disk: &mut Vec<u8>| entries(disk, index, |entry| set(entry, at, lba.to_le_bytes()))
    };
    let cases: [(PartitionRule, &Corruption); 11] = [
        (R::GptPlace, &lba(0, 40, 2047)),
        (R::GptPlace, &lba(0, 40, u64::MAX)),
        (R::GptPlace, &lba(1, 40, 16_351)),
        (R::GptIdentifier, &|disk| entries(disk, 1, |entry| set(entry, 16, [0; 16]))),
        // A header that was copied from elsewhere.
        (R::GptPrimaryHeader, &|disk| {
            disk[512 + 24] = 2;
            seal_header(disk, 512);
        }),
        (R::GptPrimaryHeader, &|disk| {
            disk[512 + 8] = 1;
            seal_header(disk, 512);
        }),
        (R::GptCopies, &|disk| {
            disk[512 + 32] -= 1;
            seal_header(disk, 512);
        }),
        (R::GptUsable, &|disk| {
            for (header, _) in COPIES {
                set(disk, header + 48, u64::MAX.to_le_bytes());
                seal_header(disk, header);
            }
        }),
        (R::GptProtectiveMbr, &|disk| set(disk, 510, [0; 2])),
        (R::GptProtectiveMbr, &|disk| set(disk, MBR_ENTRIES + 4, [0])),
        // Hybrid: others see the partition at 3 MiB only.
        (R::GptProtectiveMbr, &|disk| mbr_entry(disk, MBR_ENTRIES + 16, 0, 7, 3 * 2048, 4 * 2048)),
    ];
    for (number, (rule, corrupt)) in cases.into_iter().enumerate() {
        let mut disk = gpt(512);
        corrupt(&mut disk);
        let findings = check_partitions(&disk, 512).unwrap();
        assert!(findings.iter().any(|finding| finding.rule == rule.name()), "{number}: {rule:?} {findings:#?}");
        let table = PartitionTable::read(&disk, 512).unwrap().unwrap();
        assert_eq!(table.scheme, Scheme::Gpt);
        // Nothing that isn't on the disk is handed out.
        assert!(table.partitions.iter().all(|part| part.size > 0 && part.first + part.size <= SIZE), "{number}");
    }
}
