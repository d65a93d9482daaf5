//! An MFT in pieces: its run list continues in extension records, one of which lies in a run that
//! only another tells of.

use nanovhd_tree::SourceId;

use super::image::{Image, put16, put32, put64};
use super::rules_broken;
use crate::attribute::{Head, StreamForm, write_list_entry, write_resident};
use crate::format::{ATTRIBUTE_END, AttributeType};
use crate::read::Ntfs;
use crate::units::FileRef;

/// Where the attributes of our records begin.
const FIRST: usize = 0x38;
/// Extension records with the first cluster of the piece that each holds. The first piece, in the
/// MFT's own record, has records 0 to 15; the second, which record 14 tells of, has 16 to 23.
const PIECES: [(u64, u64); 2] = [(14, 4), (20, 6)];

impl Image {
    /// Splits the run list of the MFT in three.
    fn scatter(&mut self) {
        let clusters = self.mft.data.extents[0].clusters;
        let lcn = self.mft.data.extents[0].lcn.unwrap().0;
        let own = self.plain(0);
        let (data, _) = self.attribute(0, AttributeType::Data, "");
        let piece = |first: u64, end: u64, instance: u16| {
            let mut piece = own[data..data + 0x40].to_vec();
            put16(&mut piece, 0x0e, instance);
            put64(&mut piece, 0x10, first);
            put64(&mut piece, 0x18, end - 1);
            if first > 0 {
                piece[0x28..].fill(0);
            }
            piece.push(0x44);
            piece.extend(u32::try_from(end - first).unwrap().to_le_bytes());
            piece.extend(u32::try_from(lcn + first).unwrap().to_le_bytes());
            piece.resize(0x50, 0);
            put32(&mut piece, 4, 0x50);
            piece
        };
        let instance = |at: usize| u16::from_le_bytes([own[at + 0x0e], own[at + 0x0f]]);
        for (i, (record, first)) in PIECES.into_iter().enumerate() {
            let end = PIECES.get(i + 1).map_or(clusters, |next| next.1);
            self.edit(record, |bytes| {
                put16(bytes, 0x12, 0);
                put16(bytes, 0x16, 1);
                put64(bytes, 0x20, 1 << 48);
                put16(bytes, 0x28, 1);
                fill(bytes, &piece(first, end, 0));
            });
        }
        // What the bitmap of the MFT says of the second of them.
        let bits = self.stream(0, AttributeType::Bitmap, "");
        let byte = bits + 20 / 8;
        self.put(byte, &[self.bytes[byte] | 1 << (20 % 8)]);

        let sequence = |record: u64| u16::from_le_bytes([self.plain(record)[0x10], self.plain(record)[0x11]]);
        let [second, third] = PIECES.map(|(record, first)| (record, sequence(record), first));
        let name = self.attributes(0, AttributeType::FileName)[0];
        let (bitmap, bitmap_length) = self.attribute(0, AttributeType::Bitmap, "");
        let mut list = Vec::new();
        for (kind, at, (record, sequence, first)) in [
            (AttributeType::StandardInformation, FIRST, (0, 1, 0)),
            (AttributeType::FileName, name, (0, 1, 0)),
            (AttributeType::Data, data, (0, 1, 0)),
            (AttributeType::Data, usize::MAX, second),
            (AttributeType::Data, usize::MAX, third),
            (AttributeType::Bitmap, bitmap, (0, 1, 0)),
        ] {
            let start = list.len();
            let reference = FileRef { record: u32::try_from(record).unwrap(), sequence };
            write_list_entry(kind, &[], reference, if at == usize::MAX { 0 } else { instance(at) }, &mut list);
            put64(&mut list, start + 8, first);
        }
        let mut attributes = own[FIRST..name].to_vec();
        let head = Head { kind: AttributeType::AttributeList, name: &[], form: StreamForm::PLAIN, instance: 40 };
        write_resident(&head, &list, &mut attributes);
        attributes.extend(&own[name..data]);
        attributes.extend(piece(0, PIECES[0].1, instance(data)));
        attributes.extend(&own[bitmap..bitmap + bitmap_length]);
        self.edit(0, |bytes| {
            put16(bytes, 0x28, 41);
            fill(bytes, &attributes);
        });
    }
}

/// Replaces the attributes of a record.
fn fill(record: &mut [u8], attributes: &[u8]) {
    let end = FIRST + attributes.len();
    record[FIRST..end].copy_from_slice(attributes);
    put32(record, end, ATTRIBUTE_END);
    put32(record, 0x18, u32::try_from(end + 8).unwrap());
    put16(record, 0x14, u16::try_from(FIRST).unwrap());
}

#[test]
fn an_mft_in_pieces_is_followed() {
    let whole = Image::new();
    let mut image = whole.clone();
    image.scatter();
    let tree = |image: &Image| Ntfs::open(&image.bytes).unwrap().snapshot(SourceId(0)).unwrap().tree;
    assert_eq!(Ntfs::open(&image.bytes).unwrap().info().mft_records, whole.mft.records());
    assert!(tree(&image) == tree(&whole), "the trees differ");
    assert_eq!(rules_broken(&image.bytes), Default::default());
}
