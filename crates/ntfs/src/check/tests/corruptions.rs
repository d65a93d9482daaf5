//! How to break each rule, by one change where one is enough.

use crate::Rule;
use crate::format::AttributeType as A;

use super::image::{Image, get32, put16, put32, put64};

/// Bytes of an entry's header, behind which a directory's entries have their `$FILE_NAME`.
const KEY: usize = 0x10;
/// Where the entries begin in an index block.
const ENTRIES: usize = 0x40;
const VOLUME: u64 = 3;
const ATTRDEF: u64 = 4;
const ROOT: u64 = 5;
const BITMAP: u64 = 6;
const SECURE: u64 = 9;
const UPCASE: u64 = 10;
const QUOTA: u64 = 24;

/// Makes a good volume one that breaks `rule`; others may be broken along.
pub(super) fn break_rule(image: &mut Image, rule: Rule) {
    // Which function knows a rule is settled by its stage; each falls through to the next.
    let known = start(image, rule)
        || record(image, rule)
        || attribute(image, rule)
        || stream(image, rule)
        || list(image, rule)
        || value(image, rule)
        || node(image, rule)
        || entry(image, rule)
        || name(image, rule)
        || system(image, rule)
        || security(image, rule)
        || clusters(image, rule);
    assert!(known, "nothing breaks {rule:?}");
}

fn start(image: &mut Image, rule: Rule) -> bool {
    let boot = &mut image.bytes;
    match rule {
        Rule::BootOem => boot[3] ^= 1,
        Rule::BootSignature => boot[510] = 0,
        Rule::BootSectorSize => boot[0xb] = 1,
        Rule::BootClusterSize => boot[0xd] = 3,
        Rule::BootRecordSize => boot[0x40] = 0,
        Rule::BootIndexSize => boot[0x44] = 0,
        Rule::BootTotalSectors => put64(boot, 0x28, 1 << 40),
        Rule::BootPlaces => put64(boot, 0x30, 1 << 40),
        Rule::BootBackup => *boot.last_mut().unwrap() ^= 1,
        Rule::MftMirror => {
            let at = usize::try_from(image.mft.boot.cluster.offset(image.mft.boot.mirror)).unwrap();
            boot[at + 0x80] ^= 1;
        }
        Rule::MftPlace => {
            // The first records, found somewhere else, say where the table really is.
            let (from, to) = (image.offset(0), 10 << 20);
            image.bytes.copy_within(from..from + 4096, to);
            put64(&mut image.bytes, 0x30, (to / 4096) as u64);
        }
        Rule::MirrorPlace => {
            let (from, to) = (image.offset(0), 10 << 20);
            image.bytes.copy_within(from..from + 4096, to);
            put64(&mut image.bytes, 0x38, (to / 4096) as u64);
        }
        _ => return false,
    }
    true
}

fn record(image: &mut Image, rule: Rule) -> bool {
    let file = image.named("first");
    let bits = image.stream(0, A::Bitmap, "");
    match rule {
        Rule::RecordMagic => image.raw(file, 0, b"BAAD"),
        Rule::RecordUpdateSequence => image.raw(file, 4, &[0x10, 0]),
        Rule::RecordTorn => image.raw(file, 510, &[0xd1, 0xd1]),
        Rule::RecordBounds => image.edit(file, |b| put16(b, 0x14, 7)),
        Rule::RecordNumber => image.edit(file, |b| put32(b, 0x2c, 999)),
        Rule::RecordUnmarked => image.bytes[bits + usize::try_from(file / 8).unwrap()] &= !(1 << (file % 8)),
        Rule::RecordMarked => {
            let last = image.mft.records() - 1;
            image.bytes[bits + usize::try_from(last / 8).unwrap()] |= 1 << (last % 8);
        }
        Rule::RecordSequence => image.edit(file, |b| put16(b, 0x10, 0)),
        Rule::RecordExtension => {
            let extension = image.named("streams") + 1;
            image.edit(extension, |b| put64(b, 0x20, 1 << 48 | file));
        }
        Rule::RecordLinkCount => image.edit(file, |b| put16(b, 0x12, 2)),
        Rule::RecordDirectory => image.edit(file, |b| b[0x16] |= 2),
        Rule::RecordView => image.edit(file, |b| b[0x16] |= 8),
        Rule::RootDirectory => image.edit(ROOT, |b| b[0x16] &= !2),
        Rule::MftBitmapSize => {
            let (at, _) = image.attribute(0, A::Bitmap, "");
            image.edit(0, |b| {
                put64(b, at + 0x30, 1);
                put64(b, at + 0x38, 1);
            });
        }
        _ => return false,
    }
    true
}

fn attribute(image: &mut Image, rule: Rule) -> bool {
    let file = image.named("first");
    let (information, _) = image.attribute(file, A::StandardInformation, "");
    let (name, _) = image.attribute(file, A::FileName, "");
    let (data, _) = image.attribute(file, A::Data, "");
    match rule {
        Rule::AttributeBounds => image.edit(file, |b| put32(b, information + 4, 12)),
        Rule::AttributeEnd => image.edit(file, |b| put32(b, 0x18, get32(b, 0x18) - 8)),
        Rule::AttributeForm => image.edit(file, |b| b[information + 8] = 2),
        Rule::AttributeName => image.edit(file, |b| b[information + 9] = 200),
        Rule::AttributeValue => image.edit(file, |b| put32(b, information + 0x10, 1 << 20)),
        Rule::AttributeOrder => image.edit(file, |b| put32(b, information, 0x100)),
        Rule::AttributeInstance => {
            image.edit(file, |b| b.copy_within(information + 0xe..information + 0x10, name + 0xe));
        }
        Rule::AttributeType => image.edit(file, |b| put32(b, information, 0x15)),
        Rule::AttributeResidency => image.edit(file, |b| put32(b, data, 0x90)),
        Rule::AttributeNamed => image.edit(file, |b| b[information + 9] = 1),
        Rule::AttributeFlags => image.edit(file, |b| put16(b, information + 0xc, 1)),
        Rule::AttributeIndexed => image.edit(file, |b| b[name + 0x16] = 0),
        Rule::AttributeTwice => {
            let two = image.named("two");
            let (second, _) = image.attribute(two, A::Data, "b");
            image.edit(two, |b| b[second + 0x18] = b'a');
        }
        Rule::StandardInformation => image.edit(file, |b| put32(b, information + 0x10, 40)),
        Rule::DataStream => {
            let plain = image.named("linked");
            let (data, _) = image.attribute(plain, A::Data, "");
            image.edit(plain, |b| b[data + 9] = 1);
        }
        _ => return false,
    }
    true
}

fn stream(image: &mut Image, rule: Rule) -> bool {
    let (file, packed) = (image.named("first"), image.named("packed"));
    let (data, _) = image.attribute(file, A::Data, "");
    let (pressed, _) = image.attribute(packed, A::Data, "");
    let runs = image.runs(file, A::Data, "");
    match rule {
        Rule::AttributeSizes => image.edit(file, |b| put64(b, data + 0x30, 1 << 30)),
        Rule::RunEncoding => image.edit(file, |b| b[runs] = 0xff),
        Rule::RunPlace => image.edit(file, |b| {
            let (length, lcn) = (usize::from(b[runs] & 15), usize::from(b[runs] >> 4));
            b[runs + 1 + length..][..lcn].fill(0x7f);
        }),
        Rule::RunCount => image.edit(file, |b| b[data + 0x18] += 1),
        Rule::StreamPieces => image.edit(file, |b| b[data + 0x10] = 1),
        Rule::StreamHole => image.edit(file, |b| {
            let (length, lcn) = (usize::from(b[runs] & 15), usize::from(b[runs] >> 4));
            b[runs] &= 15;
            b[runs + 1 + length..][..lcn].fill(0);
        }),
        Rule::StreamTotal => image.edit(packed, |b| b[pressed + 0x41] ^= 0x10),
        Rule::CompressionUnit => image.edit(packed, |b| b[pressed + 0x22] = 9),
        _ => return false,
    }
    true
}

fn list(image: &mut Image, rule: Rule) -> bool {
    let file = image.named("streams");
    let list = |image: &Image| image.stream(file, A::AttributeList, "");
    match rule {
        Rule::ListEntry => {
            let at = list(image);
            image.put(at + 4, &[12]);
        }
        Rule::ListRecord => {
            let at = list(image);
            image.put(at + 0x10, &[20]);
        }
        Rule::ListAttribute => {
            let at = list(image);
            image.put(at + 0x18, &[0xe7]);
        }
        Rule::ListOrder | Rule::ListMissing => {
            // The streams' entries are of one size, as their names are.
            let (at, size) = (list(image), 0x20);
            let end = at + 0x1000;
            let is_stream = |at: &usize| image.bytes[*at] == 0x80 && image.bytes[at + 6] == 3;
            let first = (at..end).step_by(8).find(is_stream).unwrap();
            let (one, other) = image.bytes[first..].split_at_mut(size);
            if rule == Rule::ListOrder {
                one.swap_with_slice(&mut other[..size]);
            } else {
                other[..size].copy_from_slice(one);
            }
        }
        _ => return false,
    }
    true
}

fn value(image: &mut Image, rule: Rule) -> bool {
    let (link, extended, folder) = (image.named("link"), image.named("extended"), image.named("a long folder"));
    match rule {
        Rule::ReparseForm => {
            let at = image.value(link, A::ReparsePoint, "");
            image.edit(link, |b| b[at + 4] += 1);
        }
        Rule::ReparseFlag => {
            let at = image.value(link, A::StandardInformation, "");
            image.edit(link, |b| b[at + 0x21] &= !4);
        }
        Rule::ReparseIndex => {
            let at = image.value(link, A::ReparsePoint, "");
            image.edit(link, |b| b[at] ^= 1);
        }
        Rule::ObjectIdForm => {
            let (at, _) = image.attribute(folder, A::ObjectId, "");
            image.edit(folder, |b| b[at + 0x10] -= 1);
        }
        Rule::ObjectIdIndex => {
            let at = image.value(folder, A::ObjectId, "");
            image.edit(folder, |b| b[at] ^= 1);
        }
        Rule::EaForm => {
            let at = image.value(extended, A::Ea, "");
            image.edit(extended, |b| b[at] = 0xf0);
        }
        Rule::EaInformation => {
            let at = image.value(extended, A::EaInformation, "");
            image.edit(extended, |b| b[at] += 1);
        }
        Rule::QuotaIndex => {
            // The last sub-authority of the owner, which is the key in `$O`.
            let at = image.value(QUOTA, A::IndexRoot, "$O") + 0x20 + KEY + 12;
            image.edit(QUOTA, |b| b[at] ^= 1);
        }
        _ => return false,
    }
    true
}

fn node(image: &mut Image, rule: Rule) -> bool {
    let full = image.named("full");
    let root = image.value(full, A::IndexRoot, "$I30");
    let block = image.block(full, 0);
    match rule {
        Rule::IndexRoot => image.edit(full, |b| b[root + 4] = 0x10),
        Rule::IndexBlockMagic => image.put(block, b"BAAD"),
        Rule::IndexUpdateSequence => image.put(block + 4, &[0x10, 0]),
        Rule::IndexBlockTorn => image.put(block + 510, &[0xd1, 0xd1]),
        Rule::IndexBlockNumber => image.edit_block(full, 0, |b| b[0x10] ^= 0x80),
        Rule::IndexNode => image.edit_block(full, 0, |b| put32(b, 0x1c, 0xffff)),
        Rule::IndexEntry => image.edit_block(full, 0, |b| put16(b, ENTRIES + 8, 12)),
        Rule::IndexChildren => image.edit_block(full, 0, |b| b[0x24] |= 1),
        Rule::IndexParts => {
            let (at, _) = image.attribute(full, A::Bitmap, "$I30");
            image.edit(full, |b| b[at + 0x18 + 6] ^= 1);
        }
        Rule::IndexChild | Rule::IndexShared => {
            // The entry that ends the root leads to the last block.
            let end = |b: &[u8]| root + 0x10 + get32(b, root + 0x14) as usize;
            let vcn = if rule == Rule::IndexChild { 1 << 40 } else { 0 };
            image.edit(full, |b| put64(b, end(b) - 8, vcn));
        }
        Rule::IndexBlockLost => {
            let at = image.value(full, A::Bitmap, "$I30");
            image.edit(full, |b| b[at + 7] |= 0x80);
        }
        Rule::IndexBlockUnmarked => {
            let at = image.value(full, A::Bitmap, "$I30");
            image.edit(full, |b| b[at] &= !1);
        }
        _ => return false,
    }
    true
}

fn entry(image: &mut Image, rule: Rule) -> bool {
    let full = image.named("full");
    let key = ENTRIES + KEY;
    match rule {
        Rule::IndexOrder => image.edit_block(full, 0, |b| {
            // The names have one length, and so the entries.
            let size = usize::from(b[ENTRIES + 8]);
            let (one, other) = b[ENTRIES..].split_at_mut(size);
            one.swap_with_slice(&mut other[..size]);
        }),
        Rule::IndexEntryData => {
            let at = image.value(QUOTA, A::IndexRoot, "$O") + 0x20;
            image.edit(QUOTA, |b| put16(b, at, 0xfff));
        }
        Rule::EntryParent => image.edit_block(full, 0, |b| b[key] ^= 1),
        Rule::EntryFile => image.edit_block(full, 0, |b| b[ENTRIES + 6] += 1),
        Rule::EntryName => image.edit_block(full, 0, |b| b[key + 0x41] = 3),
        Rule::EntryCopy => image.edit_block(full, 0, |b| b[key + 0x30] += 1),
        _ => return false,
    }
    true
}

fn name(image: &mut Image, rule: Rule) -> bool {
    let (file, folder) = (image.named("linked"), image.named("a long folder"));
    let at = image.value(file, A::FileName, "");
    let names = image.attributes(folder, A::FileName);
    match rule {
        Rule::FileNameForm => image.edit(file, |b| b[at + 0x40] = 0),
        Rule::FileNameNamespace => image.edit(file, |b| b[at + 0x41] = 7),
        Rule::FileNameCharacters => image.edit(file, |b| b[at + 0x42] = b'/'),
        Rule::FileNamePair => image.edit(folder, |b| b[names[1] + 0x18 + 0x41] = 0),
        Rule::FileNameless => {
            let second = image.named("second");
            let (at, _) = image.attribute(second, A::FileName, "");
            image.edit(second, |b| b[at] = 0x40);
        }
        Rule::DirectoryNames => image.edit(folder, |b| b[names[1] + 0x18 + 0x41] = 0),
        Rule::NameParent => image.edit(file, |b| b[at + 6] += 1),
        Rule::NameEntry => image.edit(file, |b| b[at + 0x42] = b'L'),
        Rule::DirectoryWay => {
            let (outer, inner) = (image.named("outer"), image.named("inner"));
            let at = image.value(outer, A::FileName, "");
            image.edit(outer, |b| put64(b, at, 1 << 48 | inner));
        }
        _ => return false,
    }
    true
}

fn system(image: &mut Image, rule: Rule) -> bool {
    let unnamed = |image: &Image, record| image.attribute(record, A::Data, "").0;
    let sizes = |image: &mut Image, record, size| {
        let at = unnamed(image, record);
        image.edit(record, |b| {
            put64(b, at + 0x30, size);
            put64(b, at + 0x38, size);
        });
    };
    let log = image.stream(2, A::Data, "");
    let information = image.value(VOLUME, A::VolumeInformation, "");
    match rule {
        Rule::SystemFile => {
            let at = image.value(ATTRDEF, A::FileName, "");
            image.edit(ATTRDEF, |b| b[at + 0x42] = b'_');
        }
        Rule::SystemReserved => {
            // The attributes of another file of the system.
            let (from, to) = (image.offset(u64::from(crate::system::SystemFile::AttrDef as u32)), image.offset(12));
            image.bytes.copy_within(from + 0x38..from + 510, to + 0x38);
            image.bytes.copy_within(from + 0x18..from + 0x1c, to + 0x18);
        }
        Rule::BootFile => sizes(image, 7, 4096),
        Rule::VolumeInformation => {
            let (at, _) = image.attribute(VOLUME, A::VolumeInformation, "");
            image.edit(VOLUME, |b| b[at + 0x10] = 4);
        }
        Rule::VolumeVersion => image.edit(VOLUME, |b| b[information + 8] = 2),
        Rule::VolumeDirty => image.edit(VOLUME, |b| b[information + 10] |= 1),
        Rule::BadClusters => {
            let (at, _) = image.attribute(8, A::Data, "$Bad");
            image.edit(8, |b| b[at + 0x18] ^= 1);
        }
        Rule::LogForm => image.bytes[log + 5000] = 0,
        Rule::LogClean => {
            image.bytes[log..log + 0x100].fill(0);
            image.put(log, b"RSTR");
            image.put(log + 0x10, &[0, 0x10]);
            image.put(log + 0x18, &[0x30]);
        }
        Rule::AttributeDefinitions => {
            let at = image.stream(ATTRDEF, A::Data, "");
            image.bytes[at + 160 + 128] = 0x10;
        }
        Rule::UpcaseSize => sizes(image, UPCASE, 131_070),
        Rule::UpcaseTable => {
            let at = image.stream(UPCASE, A::Data, "");
            image.bytes[at + 2 * usize::from(b'a')] = b'B';
        }
        Rule::UpcaseInfo => {
            let at = image.stream(UPCASE, A::Data, "");
            image.bytes[at + 2 * 0x3000] = 1;
        }
        _ => return false,
    }
    true
}

fn security(image: &mut Image, rule: Rule) -> bool {
    let sds = image.stream(SECURE, A::Data, "$SDS");
    let second = sds + (get32(&image.bytes, sds + 0x10) as usize).next_multiple_of(16);
    match rule {
        Rule::SecurityStream => image.put(sds + 0x10, &[0xff; 4]),
        Rule::Descriptor => image.bytes[sds + 0x14] = 9,
        Rule::SecurityHash => image.bytes[sds] ^= 1,
        Rule::SecurityId => image.bytes.copy_within(sds + 4..sds + 8, second + 4),
        Rule::SecurityCopy => image.bytes[sds + 0x4_0000 + 0x20] ^= 1,
        Rule::SecurityById => image.put(sds + 4, &[0x99, 0x99]),
        Rule::SecurityByHash => {
            // The end of the first entry's key, which is the id.
            let at = image.value(SECURE, A::IndexRoot, "$SDH") + 0x20 + KEY + 4;
            image.edit(SECURE, |b| b[at] ^= 0x80);
        }
        Rule::FileSecurity => {
            let file = image.named("first");
            let at = image.value(file, A::StandardInformation, "");
            image.edit(file, |b| put32(b, at + 0x34, 0x7777));
        }
        _ => return false,
    }
    true
}

fn clusters(image: &mut Image, rule: Rule) -> bool {
    let bits = image.stream(BITMAP, A::Data, "");
    let file = image.named("first");
    let cluster = image.stream(file, A::Data, "") / 4096;
    match rule {
        Rule::BitmapSize => {
            let (at, _) = image.attribute(BITMAP, A::Data, "");
            image.edit(BITMAP, |b| {
                put64(b, at + 0x30, 1);
                put64(b, at + 0x38, 1);
            });
        }
        Rule::BitmapTail => {
            let last = usize::try_from(image.mft.boot.clusters().next_multiple_of(64)).unwrap() - 1;
            image.bytes[bits + last / 8] &= !(1 << (last % 8));
        }
        Rule::ClusterShared => {
            let runs = image.runs(file, A::Data, "");
            image.edit(file, |b| {
                let length = usize::from(b[runs] & 15);
                b[runs + 1 + length] ^= 1;
            });
        }
        Rule::ClusterUnmarked => image.bytes[bits + cluster / 8] &= !(1 << (cluster % 8)),
        Rule::ClusterLost => {
            let free = (10 << 20) / 4096;
            image.bytes[bits + free / 8] |= 1 << (free % 8);
        }
        _ => return false,
    }
    true
}
