//! The access rights of what a build adds to the Windows volume: those that Windows gives its own boot
//! files, for administrators and the system alone.

/// `O:BAG:SYD:P(A;OICI;FA;;;BA)(A;OICI;FA;;;SY)`: a folder that takes over nothing from above it.
pub(super) fn folder() -> Vec<u8> {
    descriptor(PROTECTED, INHERITABLE)
}

/// `O:BAG:SYD:AI(A;OICIID;FA;;;BA)(A;OICIID;FA;;;SY)`: a folder in such a folder.
pub(super) fn folder_within() -> Vec<u8> {
    descriptor(AUTO_INHERITED, INHERITABLE | INHERITED)
}

/// `O:BAG:SYD:P(A;;FA;;;BA)(A;;FA;;;SY)`: a file.
pub(super) fn file() -> Vec<u8> {
    descriptor(PROTECTED, 0)
}

/// `SE_DACL_PROTECTED`. [MS-DTYP] 2.4.6.
const PROTECTED: u16 = 0x1000;
/// `SE_DACL_AUTO_INHERITED`.
const AUTO_INHERITED: u16 = 0x0400;
/// `SE_SELF_RELATIVE` and `SE_DACL_PRESENT`.
const ALWAYS: u16 = 0x8004;
/// `OBJECT_INHERIT_ACE` and `CONTAINER_INHERIT_ACE`. [MS-DTYP] 2.4.4.1.
const INHERITABLE: u8 = 0x03;
/// `INHERITED_ACE`.
const INHERITED: u8 = 0x10;
/// All rights to a file.
const FULL: u32 = 0x001f_01ff;
/// `S-1-5-32-544`. [MS-DTYP] 2.4.2.4.
const ADMINISTRATORS: [u8; 16] = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0];
/// `S-1-5-18`.
const SYSTEM: [u8; 12] = [1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];

/// Header, list with an entry for each of the two, owner, group. [MS-DTYP] 2.4.4.2, 2.4.5 and 2.4.6.
fn descriptor(control: u16, flags: u8) -> Vec<u8> {
    const HEADER: u32 = 20;
    const LIST: u16 = 8 + (8 + 16) + (8 + 12);
    const OWNER: u32 = HEADER + LIST as u32;
    const GROUP: u32 = OWNER + 16;
    let mut bytes = vec![1, 0];
    bytes.extend((control | ALWAYS).to_le_bytes());
    // There is no list of what is audited.
    bytes.extend([OWNER, GROUP, 0, HEADER].into_iter().flat_map(u32::to_le_bytes));
    bytes.extend([2, 0]);
    bytes.extend([LIST, 2, 0].into_iter().flat_map(u16::to_le_bytes));
    entry(&mut bytes, flags, 8 + 16, &ADMINISTRATORS);
    entry(&mut bytes, flags, 8 + 12, &SYSTEM);
    bytes.extend(ADMINISTRATORS);
    bytes.extend(SYSTEM);
    bytes
}

/// `ACCESS_ALLOWED_ACE`.
fn entry(bytes: &mut Vec<u8>, flags: u8, size: u16, sid: &[u8]) {
    bytes.extend([0, flags]);
    bytes.extend(size.to_le_bytes());
    bytes.extend(FULL.to_le_bytes());
    bytes.extend(sid);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_those_of_the_words() {
        let hex = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let entries = |flags: &str| {
            format!(
                "0200340002000000\
                 00{flags}1800ff011f0001020000000000052000000020020000\
                 00{flags}1400ff011f00010100000000000512000000"
            )
        };
        let sids = "01020000000000052000000020020000010100000000000512000000";
        for (found, control, flags) in
            [(folder(), "0490", "03"), (folder_within(), "0484", "13"), (file(), "0490", "00")]
        {
            // Owner and group are behind the list, which is behind the header.
            let expected = format!("0100{control}480000005800000000000000140000000{}{sids}", &entries(flags)[1..]);
            assert_eq!(hex(found), expected);
        }
    }
}
