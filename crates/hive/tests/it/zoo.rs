//! One fault of each kind in a good hive: it is found, and told with its place.

use nanovhd_hive::{CellFault, Hive, MinorVersion, OpenError, Options, ValueData};
use nanovhd_tree::Filetime;

/// A hive with one of each record, and the offsets of cells by the two bytes that they start with.
fn good() -> Vec<u8> {
    let mut hive = Hive::create(&Options { minor_version: MinorVersion::V5, ..Options::default() }).unwrap();
    let (root, time) = (hive.root_id(), Filetime(1));
    for number in 0..1013 {
        hive.create_key(root, &format!("k{number:04}"), time).unwrap();
    }
    let key = hive.create_key(root, r"k0007\ωωω", time).unwrap();
    hive.set_class(key, Some("class"), time).unwrap();
    hive.set_value(key, "resident", ValueData::dword(7), time).unwrap();
    hive.set_value(key, "text", ValueData::sz("in a cell of its own"), time).unwrap();
    hive.set_value(key, "long", ValueData::binary(vec![0xd1; 16_345]), time).unwrap();
    hive.to_bytes().unwrap()
}

/// Offsets of the cells that start with two bytes.
fn cells(hive: &[u8], signature: [u8; 2]) -> Vec<u32> {
    let (bins, mut found, mut at) = (&hive[4096..], Vec::new(), 0);
    while at < bins.len() {
        let word = |at: usize| u32::from_le_bytes(bins[at..at + 4].try_into().unwrap());
        let end = at + word(at + 8) as usize;
        at += 32;
        while at < end {
            if bins[at + 4..at + 6] == signature && word(at) > i32::MAX.unsigned_abs() {
                found.push(u32::try_from(at).unwrap());
            }
            at += word(at).cast_signed().unsigned_abs() as usize;
        }
    }
    found
}

/// Where a record's field lies in the file.
fn field(cell: u32, field: usize) -> usize {
    4096 + cell as usize + 4 + field
}

struct Fault {
    name: &'static str,
    /// A record, which of its kind it is, and the field to change.
    signature: [u8; 2],
    number: usize,
    field: usize,
    value: u32,
    expected: fn(&CellFault) -> bool,
}

#[test]
fn each_fault_of_a_record_is_found() {
    let hive = good();
    assert!(Hive::open(hive.clone()).is_ok());
    let (keys, values) = (cells(&hive, *b"nk"), cells(&hive, *b"vk"));
    // The walk is by names: the key that has it all comes after the root and eight others.
    let rich = keys.iter().position(|&key| hive[field(key, 76)] == 0xc9).unwrap();
    let long = values.iter().position(|&value| hive[field(value, 20)] == b'l').unwrap();
    let text = values.iter().position(|&value| hive[field(value, 20)] == b't').unwrap();
    let leaf = cells(&hive, *b"lh").iter().position(|&list| hive[field(list, 3)] > 0).unwrap();
    let fault = |name, signature: &[u8; 2], number, field, value, expected| Fault {
        name,
        signature: *signature,
        number,
        field,
        value,
        expected,
    };
    let faults = [
        fault("a key's parent leads nowhere, which is not judged", b"nk", rich, 16, 4, |_| false),
        fault("no key", b"nk", 2, 0, 0x20_6b76, |f| matches!(f, CellFault::Signature { found: [b'v', b'k'], .. })),
        fault("too many subkeys", b"nk", 0, 20, 2000, |f| {
            matches!(f, CellFault::SubkeyCount { expected: 2000, found: 1013 })
        }),
        fault("a list that is a key", b"nk", 0, 28, keys[1], |f| matches!(f, CellFault::Signature { .. })),
        fault("a list that leads nowhere", b"nk", 0, 28, u32::MAX, |f| matches!(f, CellFault::NotACell { .. })),
        fault("a list between cells", b"nk", 0, 28, keys[1] + 8, |f| matches!(f, CellFault::NotACell { .. })),
        fault("more values than the list has", b"nk", rich, 36, 1 << 31, |f| matches!(f, CellFault::TooShort { .. })),
        fault("values of another key", b"nk", rich, 40, keys[1], |f| matches!(f, CellFault::Taken { .. })),
        fault("security that is a key", b"nk", rich, 44, keys[0], |f| matches!(f, CellFault::Taken { .. })),
        fault("a class that leads nowhere", b"nk", rich, 48, 0x10, |f| matches!(f, CellFault::NotACell { .. })),
        fault("a name longer than its cell", b"nk", rich, 72, 0x000a_7ffe, |f| {
            matches!(f, CellFault::TooShort { .. })
        }),
        fault("a class longer than its cell", b"nk", rich, 72, 0x7000_0006, |f| {
            matches!(f, CellFault::TooShort { .. })
        }),
        fault("half a unit", b"nk", rich, 72, 0x000a_0005, |f| matches!(f, CellFault::OddName { len: 5 })),
        fault("no value", b"vk", 0, 0, 0, |f| matches!(f, CellFault::Signature { .. })),
        fault("resident data of five bytes", b"vk", 0, 4, 0x8000_0005, |f| matches!(f, CellFault::TooShort { .. })),
        fault("data longer than their cell", b"vk", text, 4, 0x100, |f| matches!(f, CellFault::TooShort { .. })),
        fault("data of another value", b"vk", text, 8, values[0], |f| matches!(f, CellFault::Taken { .. })),
        fault("long data in one segment less", b"db", 0, 0, 0x1_6264, |f| {
            matches!(f, CellFault::SegmentCount { len: 16_345, expected: 2, found: 1 })
        }),
        fault("long data of another record", b"db", 0, 0, 0x2_6265, |f| matches!(f, CellFault::Signature { .. })),
        fault("longer data than segments", b"vk", long, 4, 0x7fff_ffff, |f| {
            matches!(f, CellFault::SegmentCount { .. })
        }),
        fault("segments without a list", b"db", 0, 4, 0, |f| matches!(f, CellFault::NotACell { .. })),
        fault("security of another kind", b"sk", 0, 0, 0, |f| matches!(f, CellFault::Signature { .. })),
        fault("a descriptor that is too long", b"sk", 0, 16, u32::MAX, |f| matches!(f, CellFault::TooShort { .. })),
        fault("a broken ring, which is not judged", b"sk", 0, 4, 3, |_| false),
        fault("a wrong reference count, which is not judged", b"sk", 0, 12, 0, |_| false),
        fault("a list of lists of lists", b"lh", leaf, 0, 0x1_6972, |f| matches!(f, CellFault::Signature { .. })),
        fault("a list with too many lists", b"ri", 0, 0, 0xffff_6972, |f| matches!(f, CellFault::TooShort { .. })),
        fault("a list that names a key twice", b"lh", leaf, 12, keys[1], |f| matches!(f, CellFault::Taken { .. })),
        fault("a key below itself", b"lh", leaf, 4, keys[0], |f| matches!(f, CellFault::Taken { .. })),
        fault("a wrong hash, which is not judged", b"lh", leaf, 8, 7, |_| false),
    ];
    for Fault { name, signature, number, field: at, value, expected } in faults {
        let mut spoiled = hive.clone();
        let place = field(cells(&hive, signature)[number], at);
        spoiled[place..place + 4].copy_from_slice(&value.to_le_bytes());
        match Hive::open(spoiled) {
            Ok(_) => assert!(name.ends_with("not judged"), "{name} was not found"),
            Err(OpenError::Cell { fault, .. }) => assert!(expected(&fault), "{name}: {fault}"),
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

#[test]
fn a_fault_is_told_with_its_place() {
    let mut hive = good();
    let value = cells(&hive, *b"vk")[0];
    hive[field(value, 0)] = b'x';
    let error = Hive::open(hive).unwrap_err().to_string();
    assert_eq!(error, format!("the cell at {value:#x}: it starts with \"xk\", expected a value (\"vk\")"));
}

#[test]
fn keys_lie_no_deeper_than_windows_allows() {
    let mut hive = Hive::create(&Options::default()).unwrap();
    let deepest = hive.create_key(hive.root_id(), &vec!["k"; 512].join("\\"), Filetime(1)).unwrap();
    let spare = hive.create_key(hive.root_id(), r"x", Filetime(1)).unwrap();
    hive.create_key(spare, "y", Filetime(1)).unwrap();
    let mut bytes = hive.to_bytes().unwrap();
    assert_eq!(Hive::open(bytes.clone()).unwrap().key(deepest).map(|_| ()), Some(()));
    // The list of "x" is hung below the deepest key, and "x" loses it.
    let keys = cells(&bytes, *b"nk");
    let named = |name: u8| keys.iter().copied().filter(|&key| bytes[field(key, 76)] == name).collect::<Vec<_>>();
    let (x, bottom) = (named(b'x')[0], *named(b'k').last().unwrap());
    let moved = [20, 28].map(|at| (at, bytes[field(x, at)..][..4].to_vec()));
    for (at, word) in moved {
        bytes[field(bottom, at)..][..4].copy_from_slice(&word);
    }
    bytes[field(x, 20)..][..4].fill(0);
    let error = Hive::open(bytes).unwrap_err();
    assert!(matches!(error, OpenError::Cell { fault: CellFault::TooDeep, .. }), "{error}");
}

#[test]
fn subkeys_out_of_order_are_found_and_put_right() {
    let mut bytes = good();
    let list = *cells(&bytes, *b"lh").iter().find(|&&list| bytes[field(list, 3)] > 0).unwrap();
    let (first, second) = (field(list, 4), field(list, 12));
    let element = bytes[first..first + 8].to_vec();
    bytes.copy_within(second..second + 8, first);
    bytes[second..second + 8].copy_from_slice(&element);
    let hive = Hive::open(bytes).unwrap();
    for name in ["K0000", "k0001", "k0002"] {
        assert!(hive.find(name).is_some(), "{name}");
    }
    let saved = hive.to_bytes().unwrap();
    let names: Vec<String> = Hive::open(saved).unwrap().root().subkeys().map(|key| key.name().to_string()).collect();
    assert!(names.is_sorted());
}

#[test]
fn files_that_are_too_short_are_told() {
    let hive = good();
    for len in [0, 3, 511, 4095, 4096, 4100, hive.len() - 1] {
        let error = Hive::open(hive[..len].to_vec()).unwrap_err();
        assert!(matches!(error, OpenError::TooShort { found, .. } if found == len as u64), "{error}");
    }
    // What lies behind the bins is nothing.
    let padded = [&hive[..], &[0xd1; 5000]].concat();
    assert_eq!(Hive::open(padded).unwrap().to_bytes().unwrap().len(), hive.len());
}
