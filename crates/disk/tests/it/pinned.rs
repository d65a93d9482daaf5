//! Whole outputs by their SHA-256: the same input gives the same bytes. A change that is meant
//! updates the value.

use nanovhd_disk::{ContainerOptions, DiskLayout, EspData, EspFile, EspOptions, Format, format_esp};
use nanovhd_tree::Attributes;
use uuid::Uuid;

use crate::support::*;

fn pin(what: &str, bytes: &[u8], expected: &str) {
    assert_eq!(sha256(bytes), expected, "{what} changed; if that is meant, update the value");
}

/// Offsets and bytes of ranges, one behind the other.
fn flat(ranges: Vec<(u64, Vec<u8>)>) -> Vec<u8> {
    ranges.into_iter().flat_map(|(offset, bytes)| [offset.to_le_bytes().to_vec(), bytes].concat()).collect()
}

#[test]
fn containers() {
    let content = Content::markers([0, 2 * MIB - 700, 5 * MIB], 1400);
    let cases = [
        (Format::Raw, "29d1e9deede9c36f6ecdecc2160b2fb925a8690ae0cfb2399daa83f1fde69286"),
        (Format::VhdFixed, "9e94f688b0557f7e97343afd0317d9309e8ba64d971f45eebb1f27b18a9b813e"),
        (Format::VhdDynamic, "3e44d7c77f85d00c8b85bea0c322a838894f42d4356070865c702386e61d2e3d"),
        (Format::VhdxFixed, "ba238796141ea41bbe527dae7a45d7e19bc1afb673ab70f6c159e48e7d57d067"),
        (Format::VhdxDynamic, "5ea9bff0540b2e1ac3cf4e6e1a1b92620cce9b659555a15b3ef3dc3b4e15298a"),
    ];
    for (format, expected) in cases {
        let bytes = in_memory(&options(format, 7 * MIB), &content).bytes();
        pin(&format!("{format:?}"), &bytes, expected);
    }
    let large = ContainerOptions { sector_size: 4096, ..options(Format::VhdxDynamic, 7 * MIB) };
    pin(
        "4096-byte sectors",
        &in_memory(&large, &content).bytes(),
        "09a9e644c522ccd296ca9f5c647d91a0f51598f2f104ed73f83147bfd7a08185",
    );
}

#[test]
fn partition_tables() {
    let id = Uuid::from_u128(42);
    for (layout, expected) in [
        (DiskLayout::uefi(4 * GIB, 512, id), "15caf36392cd53a028effa0da7df018146d608dda03d32d598f3268258742b21"),
        (DiskLayout::uefi(4 * GIB, 4096, id), "1f75baa0329c1e0c038347e99ee660b87b4152c2367af29797babc4e73cfad47"),
        (DiskLayout::bios(4 * GIB, id), "7ec91f6460c72fe957f1f0067df10c71245086c21dce64d8c653c42a7cb1f432"),
    ] {
        let layout = layout.unwrap();
        pin(&format!("{layout:?}"), &flat(layout.table(&[]).unwrap()), expected);
    }
}

#[test]
fn esp() {
    let file = |path: &str, len, attributes| EspFile {
        path: path.into(),
        data: EspData::Bytes(pattern(len, usize::try_from(len).unwrap())),
        attributes,
        written: None,
    };
    let files = [
        file("EFI/Boot/bootx64.efi", 100_000, Attributes::default()),
        file("EFI/Microsoft/Boot/BCD", 16_384, Attributes::ARCHIVE),
        file("EFI/Microsoft/Boot/empty", 0, Attributes::HIDDEN.with(Attributes::SYSTEM)),
    ];
    for (sector_size, mib, expected) in [
        (512, 100, "6979cf40f44167b6357f871afe472bdc1ee4b6aeae7839e583ca122b84a68761"),
        (4096, 260, "9d90858e143c08af277325563760d737e312a551b58360cc6defcabf779ef746"),
    ] {
        let options = EspOptions {
            size: mib * MIB,
            sector_size,
            hidden_sectors: MIB / u64::from(sector_size),
            serial: 0x1122_3344,
            label: "System".into(),
            time: TIME,
        };
        pin("the ESP", &flat(format_esp(&options, &files).unwrap().ranges), expected);
    }
}
