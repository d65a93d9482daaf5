//! Containers as other readers see them.

use nanovhd_disk::{Container, ContainerOptions, Format};

use crate::support::*;

const ALL: [Format; 5] = [Format::Raw, Format::VhdFixed, Format::VhdDynamic, Format::VhdxFixed, Format::VhdxDynamic];

/// What qemu calls the format.
fn qemu_format(format: Format) -> &'static str {
    match format {
        Format::Raw => "raw",
        Format::VhdFixed | Format::VhdDynamic => "vpc",
        Format::VhdxFixed | Format::VhdxDynamic => "vhdx",
    }
}

/// Markers at both ends of the disk, around multiples of 4 GiB (where the first chunks of a VHDX
/// end) and over the ends of blocks, and nothing in between.
fn scattered(size: u64) -> Content {
    let around = |at: u64| [at.wrapping_sub(4096), at, at + 2 * MIB - 2048, at + 77 * MIB + 512];
    // Every chunk of a small disk, some of a large one.
    let step = 1 + size / (64 * GIB);
    let chunks = (0..=size / (4 * GIB)).step_by(usize::try_from(step).unwrap());
    let ends = [size - 4096, size / 2 + 1536, size / 3 / 512 * 512];
    let offsets = chunks.flat_map(|chunk| around(chunk * 4 * GIB)).chain(ends);
    Content::markers(offsets.filter(|&offset| offset <= size - 4096), 4096)
}

/// The readers for the format, every byte.
fn read_all(options: &ContainerOptions, content: &Content) {
    let mut file = in_memory(options, content);
    let size = options.size;
    match options.format {
        Format::Raw => file.expect_all(content, size),
        Format::VhdFixed | Format::VhdDynamic => {
            let mut reader = vhd_reader(&file, options.format == Format::VhdFixed);
            assert_eq!((reader.virtual_disk_size(), reader.original_size()), (size, size));
            reader.expect_all(content, size);
        }
        Format::VhdxFixed | Format::VhdxDynamic => {
            let mut reader = vhdx_reader(&file);
            assert_eq!(reader.virtual_disk_size(), size);
            assert_eq!(reader.logical_sector_size(), options.sector_size);
            reader.expect_all(content, size);
        }
    }
}

/// What qemu says of the file, and that it reads every byte as it should be. Of a fixed VHDX it
/// reads holes from the disk, which takes long, so of a large one only some bytes.
fn qemu_agrees(options: &ContainerOptions, content: &Content) {
    let file = on_disk(options, content);
    let format = qemu_format(options.format);
    let path = file.path().to_str().unwrap();
    let Some(info) = check("qemu-img", ["info", "--output=json", "-f", format, path]) else { return };
    assert!(info.contains(&format!("\"virtual-size\": {},", options.size)), "{info}");
    if format == "vhdx" {
        let report = check("qemu-img", ["check", "-f", format, path]).unwrap();
        assert!(report.contains("No errors were found"), "{report}");
    }
    if options.format == Format::VhdxFixed && options.size > GIB {
        return qemu_reads(&file, content, options.size);
    }
    let raw = on_disk(&ContainerOptions { format: Format::Raw, block_size: None, ..options.clone() }, content);
    let raw = raw.path().to_str().unwrap();
    // Where qemu doesn't know the holes of a format it compares slowly, but converts fast.
    let copy = tempfile::Builder::new().suffix(".raw").tempfile().unwrap();
    let copy = copy.path().to_str().unwrap();
    check("qemu-img", ["convert", "-f", format, "-O", "raw", path, copy]).unwrap();
    check("qemu-img", ["compare", "-f", "raw", "-F", "raw", copy, raw]).unwrap();
}

/// The markers and zeros behind them as qemu reads them from a VHDX.
fn qemu_reads(file: &tempfile::NamedTempFile, content: &Content, size: u64) {
    let mut commands = Vec::new();
    for (offset, bytes) in content.iter() {
        commands.push(format!("read -v {offset} {}", bytes.len()));
        let behind = offset + 2 * 4096;
        if behind + 4096 <= size && content.iter().all(|(other, _)| other.abs_diff(behind) >= 4096) {
            commands.push(format!("read -P 0 {behind} 4096"));
        }
    }
    let arguments = ["-r", "-f", "vhdx", file.path().to_str().unwrap()].map(String::from);
    let commands = commands.into_iter().flat_map(|command| ["-c".to_owned(), command]);
    let Some(dump) = check("qemu-io", arguments.into_iter().chain(commands)) else { return };
    assert!(!dump.contains("verification failed"), "{dump}");
    for (offset, bytes) in content.iter() {
        for (line, offset) in bytes.chunks(16).zip((offset..).step_by(16)) {
            let hex: Vec<_> = line.iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(dump.contains(&format!("{offset:08x}:  {}", hex.join(" "))), "{offset:#x} differs");
        }
    }
}

#[test]
fn disks_of_12_gib_are_read_alike_by_everyone() {
    for format in ALL {
        let options = options(format, 12 * GIB);
        let content = scattered(options.size);
        read_all(&options, &content);
        qemu_agrees(&options, &content);
    }
}

#[test]
fn disks_of_odd_sizes_are_read_alike_by_everyone() {
    // Not whole blocks, not whole cylinders, and at 6 GiB the size that a reader which takes
    // chunks for twice as large gets wrong.
    for size in [6 * GIB + 512, 33 * MIB + 1536, 3 * MIB, 4096] {
        for format in ALL {
            let options = options(format, size);
            let content = scattered(size);
            read_all(&options, &content);
            qemu_agrees(&options, &content);
        }
    }
}

#[test]
fn disks_with_large_sectors_have_larger_chunks() {
    for format in [Format::VhdxDynamic, Format::VhdxFixed] {
        let options = ContainerOptions { sector_size: 4096, ..options(format, 36 * GIB) };
        let chunk = 32 * GIB;
        let content = Content::markers([0, 4 * GIB, chunk - 4096, chunk, 36 * GIB - 4096], 4096);
        let mut reader = vhdx_reader(&in_memory(&options, &content));
        assert_eq!(reader.logical_sector_size(), 4096);
        for start in (0..options.size).step_by(1 << 20) {
            reader.expect_at(&content, start, 4096);
            reader.expect_at(&content, start + MIB - 4096, 4096);
        }
    }
}

#[test]
fn two_tib_have_the_right_chunks() {
    let size = 2048 * GIB;
    let options = options(Format::VhdxDynamic, size);
    let content = scattered(size);
    let mut reader = vhdx_reader(&in_memory(&options, &content));
    assert_eq!(reader.virtual_disk_size(), size);
    let block = Container::plan(&options, &content.used()).unwrap().block_size();
    // Both ends of each block, and every marker whole.
    for start in (0..size).step_by(usize::try_from(block).unwrap()) {
        reader.expect_at(&content, start, 4096);
        reader.expect_at(&content, start + block - 4096, 4096);
    }
    for (offset, bytes) in content.iter() {
        reader.expect_at(&content, offset, bytes.len());
    }
    let file = on_disk(&options, &content);
    check("qemu-img", ["check".as_ref(), file.path().as_os_str()]);
    qemu_reads(&file, &content, size);
}

#[test]
fn every_block_size_is_right_at_the_ends_of_chunks() {
    for shift in 20..=28 {
        let block = 1_u64 << shift;
        let size = 9 * GIB;
        let options = ContainerOptions { block_size: Some(1 << shift), ..options(Format::VhdxDynamic, size) };
        let ends = [0, 4 * GIB, 8 * GIB].into_iter().flat_map(|chunk| {
            [chunk.wrapping_sub(block), chunk.wrapping_sub(512), chunk, chunk + block - 512, chunk + block]
        });
        let content = Content::markers(ends.filter(|&offset| offset < size), 512);
        let mut reader = vhdx_reader(&in_memory(&options, &content));
        for start in (0..size).step_by(usize::try_from(block).unwrap()) {
            reader.expect_at(&content, start, 4096);
            reader.expect_at(&content, start + block - 4096, 4096);
        }
        for (offset, bytes) in content.iter() {
            reader.expect_at(&content, offset, bytes.len());
        }
    }
}

#[test]
fn the_small_old_reader_opens_disks_to_4_gib() {
    for format in [Format::VhdxDynamic, Format::VhdxFixed] {
        for size in [3 * MIB, 200 * MIB, 4 * GIB] {
            let options = options(format, size);
            let content = scattered(size);
            let file = on_disk(&options, &content);
            let mut disk = vhdx_card::Vhdx::load(file.path());
            if size < GIB {
                disk.reader().expect_all(&content, size);
            }
            for (offset, bytes) in content.iter() {
                disk.reader().expect_at(&content, offset, bytes.len());
            }
        }
    }
}

#[test]
fn an_empty_disk_is_nothing_but_zeros() {
    for format in ALL {
        let options = options(format, 70 * MIB);
        let content = Content::default();
        read_all(&options, &content);
        qemu_agrees(&options, &content);
        let len = Container::plan(&options, &[]).unwrap().file_len();
        match format {
            Format::VhdDynamic => assert_eq!(len, 4096),
            Format::VhdxDynamic => assert_eq!(len, 4 * MIB),
            _ => assert!(len >= 70 * MIB),
        }
    }
}

#[test]
fn small_vhd_blocks_are_read_alike_by_everyone() {
    let options = ContainerOptions { block_size: Some(512 << 10), ..options(Format::VhdDynamic, 9 * GIB) };
    let content = scattered(options.size);
    read_all(&options, &content);
    qemu_agrees(&options, &content);
}

#[test]
fn the_largest_vhd_is_read_at_its_ends() {
    let options = options(Format::VhdDynamic, 2040 * GIB);
    let content = Content::markers([0, 1020 * GIB, 2040 * GIB - 4096], 4096);
    let mut reader = vhd_reader(&in_memory(&options, &content), false);
    assert_eq!(reader.virtual_disk_size(), options.size);
    for (offset, bytes) in content.iter() {
        reader.expect_at(&content, offset, bytes.len());
    }
    qemu_agrees(&options, &content);
}
