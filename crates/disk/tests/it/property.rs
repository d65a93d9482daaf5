//! Random disks: what is written is what others read.

use nanovhd_disk::{ContainerOptions, Format};
use proptest::prelude::*;

use crate::support::*;

/// Offsets and lengths, made disjoint: what overlaps what is there already is left out.
fn content(places: &[(u64, usize)], size: u64) -> Content {
    let mut content = Content::default();
    for &(at, len) in places {
        let offset = at % size;
        let end = (offset + len as u64).min(size);
        content.add(offset, pattern(at, usize::try_from(end - offset).unwrap()));
    }
    content
}

fn places() -> impl Strategy<Value = Vec<(u64, usize)>> {
    prop::collection::vec((any::<u64>(), prop_oneof![1..700_usize, 1..5_000_000_usize]), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn small_vhd_files_are_read_back(
        sectors in 1..60_000_u64,
        dynamic in any::<bool>(),
        small_blocks in any::<bool>(),
        places in places(),
    ) {
        let format = if dynamic { Format::VhdDynamic } else { Format::VhdFixed };
        let block_size = (dynamic && small_blocks).then_some(512 << 10);
        let options = ContainerOptions { block_size, ..options(format, sectors * 512) };
        let content = content(&places, options.size);
        let file = in_memory(&options, &content);
        our_reader(&file).expect_all(&content, options.size);
        let mut reader = vhd_reader(&file, !dynamic);
        prop_assert_eq!(reader.virtual_disk_size(), options.size);
        reader.expect_all(&content, options.size);
    }

    #[test]
    fn small_vhdx_files_are_read_back(
        sectors in 1..8_000_u64,
        large_sectors in any::<bool>(),
        dynamic in any::<bool>(),
        block in prop_oneof![Just(None), (20..24_u32).prop_map(|shift| Some(1 << shift))],
        places in places(),
    ) {
        let format = if dynamic { Format::VhdxDynamic } else { Format::VhdxFixed };
        let sector_size = if large_sectors { 4096 } else { 512 };
        let size = sectors * u64::from(sector_size);
        let options = ContainerOptions { sector_size, block_size: block, ..options(format, size) };
        let content = content(&places, size);
        let file = in_memory(&options, &content);
        our_reader(&file).expect_all(&content, size);
        let mut reader = vhdx_reader(&file);
        prop_assert_eq!(reader.virtual_disk_size(), size);
        reader.expect_all(&content, size);
    }

    #[test]
    fn vhdx_files_of_any_size_are_read_back(
        sectors in 1..(64_u64 << 40) / 4096,
        large_sectors in any::<bool>(),
        places in places(),
        probes in prop::collection::vec(any::<u64>(), 20),
    ) {
        let sector_size = if large_sectors { 4096 } else { 512 };
        let size = sectors * u64::from(sector_size);
        let options = ContainerOptions { sector_size, ..options(Format::VhdxDynamic, size) };
        let content = content(&places, size);
        let file = in_memory(&options, &content);
        let (mut reader, mut ours) = (vhdx_reader(&file), our_reader(&file));
        let markers = content.iter().flat_map(|(offset, bytes)| {
            let pieces = (0..bytes.len()).step_by(1 << 20);
            pieces.map(move |at| (offset + at as u64, (bytes.len() - at).min(1 << 20)))
        });
        let probes = probes.iter().map(|probe| probe % size);
        let probes = probes.map(|offset| (offset, usize::try_from((size - offset).min(70_000)).unwrap()));
        for (offset, len) in markers.chain(probes) {
            reader.expect_at(&content, offset, len);
            ours.expect_at(&content, offset, len);
        }
    }
}
