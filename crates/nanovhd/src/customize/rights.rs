//! The access rights that a new file or folder inherits: what Windows gives it when a program of the system
//! makes it. [MS-DTYP] 2.5.3.4, for one that is made without a descriptor of its own.

/// What is made in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Child {
    /// A file.
    File,
    /// A folder.
    Folder,
}

/// `OBJECT_INHERIT_ACE`. [MS-DTYP] 2.4.4.1.
const FOR_FILES: u8 = 0x01;
/// `CONTAINER_INHERIT_ACE`.
const FOR_FOLDERS: u8 = 0x02;
/// `NO_PROPAGATE_INHERIT_ACE`.
const ONCE: u8 = 0x04;
/// `INHERIT_ONLY_ACE`.
const NOT_HERE: u8 = 0x08;
/// `INHERITED_ACE`.
const INHERITED: u8 = 0x10;
/// `ACCESS_ALLOWED_ACE_TYPE` and `ACCESS_DENIED_ACE_TYPE`; others say nothing of a file's access rights, or are
/// for objects of a directory service.
const ALLOWED_AND_DENIED: [u8; 2] = [0, 1];
/// `SE_SELF_RELATIVE` and `SE_DACL_PRESENT`. [MS-DTYP] 2.4.6.
const ALWAYS: u16 = 0x8004;
/// `SE_DACL_PROTECTED`.
const PROTECTED: u16 = 0x1000;
/// `SE_DACL_AUTO_INHERITED`.
const AUTO_INHERITED: u16 = 0x0400;
/// Generic rights and what they are of a file: all, execute, write, read. [MS-DTYP] 2.4.3.
const GENERIC: [(u32, u32); 4] =
    [(0x1000_0000, 0x001f_01ff), (0x2000_0000, 0x0012_00a0), (0x4000_0000, 0x0012_0116), (0x8000_0000, 0x0012_0089)];
/// All rights to a file.
const FULL: u32 = 0x001f_01ff;
/// `S-1-5-32-544`. [MS-DTYP] 2.4.2.4.
const ADMINISTRATORS: &[u8] = &[1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0];
/// `S-1-5-18`.
const SYSTEM: &[u8] = &[1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];
/// `S-1-3-0`: whoever owns what inherits.
const CREATOR_OWNER: &[u8] = &[1, 1, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0];
/// `S-1-3-1`: its group.
const CREATOR_GROUP: &[u8] = &[1, 1, 0, 0, 0, 0, 0, 3, 1, 0, 0, 0];

/// The self-relative descriptor of a child of a folder with the descriptor `parent`. It is owned by the
/// administrators, as are files that the system makes; the group is the system. Where nothing can be
/// inherited, also because `parent` is no descriptor, the two have full access and nobody else has any.
pub(crate) fn inherited(parent: &[u8], child: Child) -> Vec<u8> {
    let aces: Vec<Ace> = entries(parent).unwrap_or_default().iter().flat_map(|ace| ace.passed_on(child)).collect();
    if aces.is_empty() {
        let flags = if child == Child::Folder { FOR_FILES | FOR_FOLDERS } else { 0 };
        let full = |sid: &[u8]| Ace { kind: 0, flags, mask: FULL, sid: sid.to_vec() };
        return descriptor(PROTECTED, &[full(ADMINISTRATORS), full(SYSTEM)]);
    }
    descriptor(AUTO_INHERITED, &aces)
}

/// Who may do what. [MS-DTYP] 2.4.4.2.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ace {
    kind: u8,
    flags: u8,
    mask: u32,
    sid: Vec<u8>,
}

impl Ace {
    /// What a child gets of it: nothing, an entry for itself, one for what will be in it, or both.
    fn passed_on(&self, child: Child) -> Vec<Ace> {
        let (for_files, for_folders) = (self.flags & FOR_FILES != 0, self.flags & FOR_FOLDERS != 0);
        let here = Ace { flags: INHERITED, mask: self.mapped(), sid: self.resolved().to_vec(), kind: self.kind };
        let further = (child == Child::Folder && self.flags & ONCE == 0 && (for_files || for_folders))
            .then(|| Ace { flags: self.flags & (FOR_FILES | FOR_FOLDERS) | INHERITED, ..self.clone() });
        let is_for_child = if child == Child::File { for_files } else { for_folders };
        match (is_for_child, further) {
            (false, None) => Vec::new(),
            (false, Some(further)) => vec![further.with(NOT_HERE)],
            (true, None) => vec![here],
            // One entry says both, unless it means something else here than further down.
            (true, Some(further)) if here.mask == further.mask && here.sid == further.sid => vec![further],
            (true, Some(further)) => vec![here, further.with(NOT_HERE)],
        }
    }

    fn with(mut self, flags: u8) -> Self {
        self.flags |= flags;
        self
    }

    /// The rights with generic ones as those of a file.
    fn mapped(&self) -> u32 {
        GENERIC.into_iter().fold(
            self.mask,
            |mask, (generic, of_files)| {
                if mask & generic == 0 { mask } else { mask & !generic | of_files }
            },
        )
    }

    /// Whom it is about, as far as the child itself is concerned.
    fn resolved(&self) -> &[u8] {
        match &*self.sid {
            CREATOR_OWNER => ADMINISTRATORS,
            CREATOR_GROUP => SYSTEM,
            sid => sid,
        }
    }
}

/// The entries of a descriptor's access list that say who may do what.
fn entries(descriptor: &[u8]) -> Option<Vec<Ace>> {
    let control = u16::from_le_bytes(array(descriptor, 2)?);
    let at = usize::try_from(u32::from_le_bytes(array(descriptor, 16)?)).ok()?;
    if control & ALWAYS != ALWAYS || at == 0 {
        return None;
    }
    let count = u16::from_le_bytes(array(descriptor, at.checked_add(4)?)?);
    let mut rest = descriptor.get(at.checked_add(8)?..)?;
    let mut aces = Vec::new();
    for _ in 0..count {
        let size = usize::from(u16::from_le_bytes(array(rest, 2)?));
        let (ace, more) = rest.split_at_checked(size).filter(|(ace, _)| ace.len() >= 8)?;
        rest = more;
        if ALLOWED_AND_DENIED.contains(&ace[0]) {
            // What follows the identifier is no part of it.
            let sid = ace.get(8..)?.get(..8 + 4 * usize::from(*ace.get(9)?))?;
            let mask = u32::from_le_bytes(array(ace, 4)?);
            aces.push(Ace { kind: ace[0], flags: ace[1], mask, sid: sid.to_vec() });
        }
    }
    Some(aces)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// Header, access list, owner, group. [MS-DTYP] 2.4.5 and 2.4.6.
fn descriptor(control: u16, aces: &[Ace]) -> Vec<u8> {
    const HEADER: u32 = 20;
    let entries: Vec<u8> = aces.iter().flat_map(Ace::bytes).collect();
    // The list came out of one whose length has 16 bits. Folders may get two entries for one, so that it can
    // become too long: then there is none that is right.
    let Ok(list) = u16::try_from(8 + entries.len()) else { return inherited(&[], Child::File) };
    let owner = HEADER + u32::from(list);
    let group = owner + 16;
    let mut bytes = vec![1, 0];
    bytes.extend((control | ALWAYS).to_le_bytes());
    // There is no list of what is audited.
    bytes.extend([owner, group, 0, HEADER].into_iter().flat_map(u32::to_le_bytes));
    bytes.extend([2, 0]);
    let count = u16::try_from(aces.len()).unwrap_or(u16::MAX);
    bytes.extend([list, count, 0].into_iter().flat_map(u16::to_le_bytes));
    bytes.extend(entries);
    bytes.extend(ADMINISTRATORS);
    bytes.extend(SYSTEM);
    bytes
}

impl Ace {
    fn bytes(&self) -> Vec<u8> {
        // An identifier has at most 8 + 4 · 255 bytes.
        let size = u16::try_from(8 + self.sid.len()).unwrap_or(u16::MAX);
        let mut bytes = vec![self.kind, self.flags];
        bytes.extend(size.to_le_bytes());
        bytes.extend(self.mask.to_le_bytes());
        bytes.extend(&self.sid);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &[u8] = &[1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x21, 2, 0, 0];

    fn ace(kind: u8, flags: u8, mask: u32, sid: &[u8]) -> Ace {
        Ace { kind, flags, mask, sid: sid.to_vec() }
    }

    fn of_child(parent: &[Ace], child: Child) -> Vec<Ace> {
        entries(&inherited(&descriptor(PROTECTED, parent), child)).unwrap()
    }

    /// What Windows gives files and folders in `\Windows`, whose access list has these entries.
    #[test]
    fn children_get_what_is_for_them() {
        let parent = [
            ace(0, 0x0b, 0x1000_0000, CREATOR_OWNER),
            ace(0, 0x00, 0x001f_01ff, SYSTEM),
            ace(0, 0x0b, 0x1000_0000, SYSTEM),
            ace(0, 0x0b, 0xa000_0000, USERS),
            ace(1, 0x01, 0x0000_0001, USERS),
            ace(0, 0x06, 0x0012_0089, USERS),
        ];
        let file = [
            ace(0, 0x10, FULL, ADMINISTRATORS),
            ace(0, 0x10, FULL, SYSTEM),
            ace(0, 0x10, 0x0012_00a9, USERS),
            ace(1, 0x10, 1, USERS),
        ];
        assert_eq!(of_child(&parent, Child::File), file);
        let folder = [
            ace(0, 0x10, FULL, ADMINISTRATORS),
            ace(0, 0x1b, 0x1000_0000, CREATOR_OWNER),
            ace(0, 0x10, FULL, SYSTEM),
            ace(0, 0x1b, 0x1000_0000, SYSTEM),
            ace(0, 0x10, 0x0012_00a9, USERS),
            ace(0, 0x1b, 0xa000_0000, USERS),
            ace(1, 0x19, 1, USERS),
            ace(0, 0x10, 0x0012_0089, USERS),
        ];
        assert_eq!(of_child(&parent, Child::Folder), folder);
        // What means the same here and further down stays one entry.
        let further = [ace(0, 0x03, FULL, SYSTEM)];
        assert_eq!(of_child(&further, Child::Folder), [ace(0, 0x13, FULL, SYSTEM)]);
    }

    #[test]
    fn where_nothing_is_inherited_administrators_and_the_system_have_all() {
        let full = [ace(0, 0, FULL, ADMINISTRATORS), ace(0, 0, FULL, SYSTEM)];
        let nothing = descriptor(PROTECTED, &[ace(0, 0, FULL, USERS)]);
        for parent in [&nothing[..], &[], &nothing[..30], &[0xff; 64]] {
            assert_eq!(entries(&inherited(parent, Child::File)).unwrap(), full);
        }
        let inheritable = |ace: &Ace| ace.flags == FOR_FILES | FOR_FOLDERS;
        assert!(entries(&inherited(&[], Child::Folder)).unwrap().iter().all(inheritable));
    }

    #[test]
    fn damaged_descriptors_are_none() {
        let good = descriptor(PROTECTED, &[ace(0, 3, FULL, USERS), ace(0, 3, FULL, SYSTEM)]);
        for at in 0..good.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bad = good.clone();
                bad[at] = value;
                // Whatever comes out, it is a descriptor.
                assert!(entries(&inherited(&bad, Child::Folder)).is_some(), "{at} {value}");
                inherited(&bad[..at], Child::File);
            }
        }
    }
}
