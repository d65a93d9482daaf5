use uuid::uuid;

use super::*;
use crate::bcd::element;

/// Bytes of words of 32 bits.
fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// A device with zeros in front of its descriptor.
fn plain(descriptor: &[u32]) -> Vec<u8> {
    [vec![0; OPTIONS_LEN], words(descriptor)].concat()
}

fn both_ways(device: &Device, bytes: &[u8]) {
    assert_eq!(device.encode(), bytes, "{device:?}");
    assert_eq!(Device::decode(bytes).as_ref(), Ok(device));
}

fn mbr() -> Device {
    Device::Partition(PartitionDevice::Mbr { signature: 0xddba_6bbb, offset: 0x1_0010_0000 })
}

fn file(device: Device, path: &str) -> DeviceFile {
    DeviceFile { device: Box::new(device), path: path.to_owned() }
}

/// The words of `\a` and a zero, and one more zero.
const BACKSLASH_A: [u32; 2] = [0x61_005c, 0];

#[test]
fn partitions_and_the_boot_device_have_88_bytes() {
    both_ways(&Device::Boot, &plain(&[5, 0, 0x48, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
    let bytes = plain(&[6, 0, 0x48, 0, 0x0010_0000, 1, 0, 0, 0, 1, 0xddba_6bbb, 0, 0, 0, 0, 0, 0, 0]);
    both_ways(&mbr(), &bytes);
    let gpt = Device::Partition(PartitionDevice::Gpt {
        disk: uuid!("00112233-4455-6677-8899-aabbccddeeff"),
        partition: uuid!("01020304-0506-0708-090a-0b0c0d0e0f10"),
    });
    let (partition, disk) = ([0x0102_0304, 0x0708_0506, 0x0c0b_0a09, 0x100f_0e0d], [0x0011_2233, 0x6677_4455]);
    let bytes = [&[6, 0, 0x48, 0], &partition[..], &[0, 0], &disk, &[0xbbaa_9988, 0xffee_ddcc], &[0; 4]].concat();
    both_ways(&gpt, &plain(&bytes));
}

#[test]
fn devices_are_looked_for_by_an_element_or_a_path() {
    let mut bytes = plain(&[8, 0, 0x1e, 0, 0, 0x1200_0002, 0]);
    bytes.extend([0; 2]);
    both_ways(&Device::locate(element::APPLICATION_PATH), &bytes);
    let by_path = Device::Locate { element: ElementId(0), path: r"\a".to_owned(), parent: None };
    let mut bytes = plain(&[8, 0, 0x22, 0, 1, 0, 0, BACKSLASH_A[0]]);
    bytes.extend([0; 2]);
    both_ways(&by_path, &bytes);
    let inside = Device::Locate { element: element::SYSTEM_ROOT, path: String::new(), parent: Some(Box::new(mbr())) };
    let mut bytes = plain(&[8, 0, 0x66, 0, 0, 0x2200_0002, 0x1e]);
    bytes.extend([0; 2]);
    bytes.extend(&mbr().encode()[OPTIONS_LEN..]);
    both_ways(&inside, &bytes);
}

#[test]
fn devices_lie_in_files_of_devices() {
    let options = Uuid::from_u128(1);
    let disk = |size| Device::Ramdisk { options, base: 0, size, offset: 0, file: file(Device::Boot, r"\abc") };
    let head = [0, 1, 0x86, 0, 3, 0, 0, 0x8c, 0, 0, 1, 0x5e, 5];
    let expected = [
        options.to_bytes_le().to_vec(),
        words(&head),
        Device::Boot.encode()[OPTIONS_LEN..].to_vec(),
        b"\\\0a\0b\0c\0\0\0".to_vec(),
    ];
    both_ways(&disk(0x8c), &expected.concat());
    let file = Device::File(file(mbr(), r"\disk.vhd"));
    let vhd = Device::VirtualDisk(Box::new(file.clone()));
    let partition = PartitionDevice::Mbr { signature: 1, offset: 2 };
    for device in [
        file.clone(),
        vhd.clone(),
        Device::VirtualPartition { partition, file: Box::new(file) },
        Device::Locate { element: element::SYSTEM_ROOT, path: String::new(), parent: Some(Box::new(vhd)) },
    ] {
        both_ways(&device, &device.encode());
    }
}

#[test]
fn what_is_not_understood_to_the_last_byte_is_kept() {
    let known = mbr().encode();
    for at in (0..16).chain([0x1c, 0x28, 0x35, 0x3c, 0x48, 0x57]) {
        let mut bytes = known.clone();
        bytes[at] ^= 0x20;
        both_ways(&Device::Unknown(bytes.clone()), &bytes);
    }
    let trailing = [known.clone(), vec![0]].concat();
    both_ways(&Device::Unknown(trailing.clone()), &trailing);
    // A serial port, say, and one that a file is on.
    let serial = plain(&[3, 0, 0x14, 0, 7]);
    both_ways(&Device::Unknown(serial.clone()), &serial);
    let odd = Device::File(file(Device::Unknown(serial[OPTIONS_LEN..].to_vec()), r"\a"));
    both_ways(&odd, &odd.encode());
}

#[test]
fn sizes_that_lie_are_told() {
    let spoiled = |at: usize, value: u32| {
        let ramdisk =
            Device::Ramdisk { options: Uuid::nil(), base: 0, size: 0, offset: 0, file: file(Device::Boot, r"\a") };
        let mut bytes = ramdisk.encode();
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        Device::decode(&bytes).unwrap_err().to_string()
    };
    let descriptor = "a descriptor at 0x10 has the size 0xf, expected 0x10 to 0x82";
    assert_eq!(spoiled(0x18, 0xf), descriptor);
    assert_eq!(spoiled(0x18, 0x83), descriptor.replace("0xf,", "0x83,"));
    assert_eq!(spoiled(0x18, 0x30), "a file at 0x38 needs 0xc bytes, but there are 0x8");
    assert_eq!(spoiled(0x3c, u32::MAX), "a file at 0x38 has the size 0xffffffff, expected 0xc to 0x5a");
    assert_eq!(spoiled(0x4c, 0x49), "the path at 0x8d is not UTF-16 with a zero at its end");
    assert_eq!(
        Device::decode(&[0; 9]).unwrap_err().to_string(),
        "the GUID of the options at 0x0 needs 0x10 bytes, but there are 0x9"
    );
    let mut locate = Device::locate(element::SYSTEM_ROOT).encode();
    locate[0x28] = 0x1f;
    let told = "the offset of the device to look on at 0x10 has the size 0x1f, expected 0x1c to 0x1e";
    assert_eq!(Device::decode(&locate).unwrap_err().to_string(), told);
}

#[test]
fn devices_in_devices_end_somewhere() {
    let nested = |levels: u32| (0..levels).fold(Device::Boot, |inner, _| Device::VirtualDisk(Box::new(inner)));
    let most = nested(MAX_NESTING - 1);
    both_ways(&most, &most.encode());
    assert_eq!(Device::decode(&nested(MAX_NESTING).encode()), Err(DeviceFault::TooDeep));
    assert_eq!(Device::decode(&nested(100).encode()), Err(DeviceFault::TooDeep));
}
