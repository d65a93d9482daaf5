//! Who may do what with the keys of a store.
//!
//! bcdboot gives the keys of a new store one of two descriptors. Both are owned by the administrators, with
//! the group of the system, and their entries are not passed on. [MS-DTYP] 2.4.6.

/// An access list whose first entry, for the administrators, has certain rights, in a descriptor.
const fn descriptor(rights: u32) -> [u8; 100] {
    let rights = rights.to_le_bytes();
    #[rustfmt::skip]
    let bytes = [
        // Revision 1, self-relative with an access list; owner at 0x48, group at 0x58, list at 0x14.
        1, 0, 0x04, 0x80, 0x48, 0, 0, 0, 0x58, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0,
        // The list: revision 2, 0x34 bytes, two entries.
        2, 0, 0x34, 0, 2, 0, 0, 0,
        // Allowed, 0x18 bytes, to S-1-5-32-544.
        0, 0, 0x18, 0, rights[0], rights[1], rights[2], rights[3],
        1, 2, 0, 0, 0, 0, 0, 5, 0x20, 0, 0, 0, 0x20, 2, 0, 0,
        // Allowed, 0x14 bytes, all rights of a key, to S-1-5-18.
        0, 0, 0x14, 0, 0x3f, 0, 0x0f, 0, 1, 1, 0, 0, 0, 0, 0, 5, 0x12, 0, 0, 0,
        // Owner S-1-5-32-544, group S-1-5-18.
        1, 2, 0, 0, 0, 0, 0, 5, 0x20, 0, 0, 0, 0x20, 2, 0, 0,
        1, 1, 0, 0, 0, 0, 0, 5, 0x12, 0, 0, 0,
    ];
    bytes
}

/// Of the root and the store's description: administrators and the system may do all.
/// `O:BAG:SYD:(A;;KA;;;BA)(A;;KA;;;SY)`.
pub(super) const DESCRIPTION: &[u8] = &descriptor(0x000f_003f);

/// Of all else: administrators may read and change who may do what, the system may do all.
/// `O:BAG:SYD:(A;;KRWDWO;;;BA)(A;;KA;;;SY)`.
pub(super) const OBJECTS: &[u8] = &descriptor(0x0006_0019);
