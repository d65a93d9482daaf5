//! How the bytes reach the file: once, in as few writes as can be, from any thread.

use std::error::Error;
use std::io::ErrorKind;

use nanovhd_disk::{Container, ContainerOptions, Format, OutsidePlan};
use nanovhd_tree::WriteAt;

use crate::support::*;

const ALL: [Format; 5] = [Format::Raw, Format::VhdFixed, Format::VhdDynamic, Format::VhdxFixed, Format::VhdxDynamic];

#[test]
fn no_byte_of_the_file_is_written_twice() {
    // The file in memory would refuse.
    for format in ALL {
        let content = Content::markers((0..40).map(|n| n * 777_216), 4096);
        in_memory(&options(format, 32 * MIB), &content);
    }
}

#[test]
fn what_lies_in_the_file_in_one_piece_is_one_write() {
    // Ten MiB across twelve blocks of VHDX, seven of VHD.
    let mut content = Content::default();
    content.add(MIB - 512, pattern(1, 10 << 20));
    content.add(20 * MIB, pattern(2, 100));
    for format in ALL {
        let container = Container::plan(&options(format, 32 * MIB), &content.used()).unwrap();
        let file = Memory::new(container.file_len());
        let disk = container.create(&file);
        for (offset, bytes) in content.iter() {
            disk.write_all_at(bytes, offset).unwrap();
        }
        let pieces = if format == Format::VhdDynamic { 6 + 1 } else { 2 };
        assert_eq!(file.writes(), pieces, "{format:?}");
    }
}

#[test]
fn threads_share_the_writer_and_order_does_not_matter() {
    let pieces: Vec<u64> = (0..240).map(|n| n * 131_072).collect();
    let content = Content::markers(pieces.iter().copied(), 100_000);
    for format in ALL {
        let options = options(format, 31 * MIB);
        let expected = in_memory(&options, &content).bytes();
        let container = Container::plan(&options, &content.used()).unwrap();
        let file = Memory::new(container.file_len());
        let disk = container.create(&file);
        let writes: Vec<_> = content.iter().collect();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (disk, writes) = (&disk, &writes);
                scope.spawn(move || {
                    for (offset, bytes) in writes.iter().rev().skip(thread).step_by(4) {
                        // Cut where neither blocks nor sectors end.
                        let (front, back) = bytes.split_at(33_333);
                        disk.write_all_at(back, offset + 33_333).unwrap();
                        disk.write_all_at(front, *offset).unwrap();
                    }
                });
            }
        });
        disk.finish().unwrap();
        assert!(file.bytes() == expected, "{format:?}");
    }
}

#[test]
fn writes_outside_the_plan_are_refused() {
    let size = 33 * MIB + 512;
    let used = [5 * MIB..6 * MIB, size - 512..size];
    for format in ALL {
        let container = Container::plan(&options(format, size), &used).unwrap();
        let file = Memory::new(container.file_len());
        let disk = container.create(&file);
        let refused = |offset, len: usize| {
            let error = disk.write_all_at(&vec![1; len], offset).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            *error.get_ref().and_then(|source| (source as &dyn Error).downcast_ref::<OutsidePlan>()).unwrap()
        };
        // Past the end of the disk there is nothing, though the last block reaches further.
        assert_eq!(refused(size, 1), OutsidePlan { offset: size, len: 1 }, "{format:?}");
        assert_eq!(refused(size - 1, 2), OutsidePlan { offset: size, len: 1 }, "{format:?}");
        assert_eq!(refused(u64::MAX, 2).offset, u64::MAX);
        if format.is_dynamic() {
            assert_eq!(refused(20 * MIB, 5), OutsidePlan { offset: 20 * MIB, len: 5 });
            let end = 6 * MIB;
            assert_eq!(refused(6 * MIB - 3, 7), OutsidePlan { offset: end, len: 4 });
        }
        disk.write_all_at(&[], u64::MAX).unwrap();
        disk.write_all_at(&[1; 511], size - 512).unwrap();
    }
}

#[test]
fn a_message_says_where() {
    let container = Container::plan(&options(Format::VhdxDynamic, 8 * MIB), &[]).unwrap();
    let file = Memory::new(container.file_len());
    let error = container.create(&file).write_all_at(&[0; 3], 0x1234).unwrap_err();
    let expected = "a write of 3 bytes at 0x1234 of the virtual disk is outside the planned ranges";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn the_plan_says_what_the_file_will_be() {
    let used = [0..1, 5 * MIB..7 * MIB + 1];
    for (format, blocks, allocated, file_len) in [
        (Format::Raw, 1, 1, 64 * MIB),
        (Format::VhdFixed, 1, 1, 64 * MIB + 512),
        (Format::VhdDynamic, 32, 3, 4096 + 3 * (2 * MIB + 4096)),
        (Format::VhdxFixed, 64, 64, 68 * MIB),
        (Format::VhdxDynamic, 64, 4, 8 * MIB),
    ] {
        let options = options(format, 64 * MIB);
        let container = Container::plan(&options, &used).unwrap();
        assert_eq!((container.blocks(), container.allocated_blocks()), (blocks, allocated), "{format:?}");
        assert_eq!(container.file_len(), file_len, "{format:?}");
        assert_eq!((container.virtual_size(), container.options()), (64 * MIB, &options));
        assert!(container.file_len().is_multiple_of(512));
    }
}

#[test]
fn identifiers_are_derived_and_differ() {
    let with = |id: u128| {
        let options = ContainerOptions { id: uuid::Uuid::from_u128(id), ..options(Format::VhdxDynamic, 8 * MIB) };
        in_memory(&options, &Content::default()).bytes()
    };
    let (one, other) = (with(1), with(2));
    assert_eq!(one, with(1));
    for place in [0x1_0010, 0x1_0020, 0x21_0018] {
        assert_ne!(one[place..place + 16], other[place..place + 16], "{place:#x}");
        assert_ne!(one[place..place + 16], [0; 16], "{place:#x}");
    }
    assert_ne!(one[0x1_0010..0x1_0020], one[0x1_0020..0x1_0030]);
    assert_eq!(one[0x1_0030..0x1_0040], [0; 16], "the log is empty");
}
