"""Security descriptors in self-relative form. [MS-DTYP] 2.4.6."""
import struct

SE_DACL_PRESENT, SE_SACL_PRESENT, SE_DACL_PROTECTED = 0x0004, 0x0010, 0x1000
SE_DACL_AUTO_INHERITED, SE_SACL_AUTO_INHERITED, SE_SELF_RELATIVE = 0x0400, 0x0800, 0x8000

ALLOW, DENY, AUDIT, CALLBACK_ALLOW, MANDATORY_LABEL, RESOURCE_ATTRIBUTE = 0x00, 0x01, 0x02, 0x09, 0x11, 0x12
OBJECT_INHERIT, CONTAINER_INHERIT, INHERIT_ONLY, INHERITED = 0x01, 0x02, 0x08, 0x10
FULL, READ_EXECUTE, MODIFY = 0x1F01FF, 0x1200A9, 0x1301BF


def sid(authority, *parts):
    return struct.pack("<BB", 1, len(parts)) + struct.pack(">Q", authority)[2:] + \
        b"".join(struct.pack("<I", part) for part in parts)


TRUSTED_INSTALLER = sid(5, 80, 956008885, 3418522649, 1831038044, 1853292631, 2271478464)
LOCAL_SYSTEM, ADMINISTRATORS, USERS = sid(5, 18), sid(5, 32, 544), sid(5, 32, 545)
CREATOR_OWNER, EVERYONE, GUESTS = sid(3, 0), sid(1, 0), sid(5, 32, 546)
ALL_PACKAGES, RESTRICTED_PACKAGES = sid(15, 2, 1), sid(15, 2, 2)
HIGH_LABEL = sid(16, 12288)


def ace(kind, flags, mask, who, tail=b""):
    body = struct.pack("<I", mask) + who + tail
    body += bytes(-len(body) % 4)
    return struct.pack("<BBH", kind, flags, 4 + len(body)) + body


def acl(aces, revision=2):
    body = b"".join(aces)
    return struct.pack("<BBHHH", revision, 0, 8 + len(body), len(aces), 0) + body


def descriptor(owner, group, dacl, sacl=None, control=0, owner_first=False):
    """`dacl` may be None (present but null, which allows everything) or absent (`False`)."""
    control |= SE_SELF_RELATIVE
    control |= SE_DACL_PRESENT if dacl is not False else 0
    control |= SE_SACL_PRESENT if sacl else 0
    lists = [("sacl", sacl), ("dacl", dacl)]
    names = [("owner", owner), ("group", group)]
    offsets, body = {}, b""
    for key, part in names + lists if owner_first else lists + names:
        offsets[key] = 20 + len(body) if part else 0
        body += part or b""
    return struct.pack("<BBHIIII", 1, 0, control, offsets["owner"], offsets["group"], offsets["sacl"],
                       offsets["dacl"]) + body


def _usual(flags):
    return [ace(ALLOW, flags, FULL, TRUSTED_INSTALLER), ace(ALLOW, flags, READ_EXECUTE, ADMINISTRATORS),
            ace(ALLOW, flags, READ_EXECUTE, LOCAL_SYSTEM), ace(ALLOW, flags, READ_EXECUTE, USERS)]


def service(number):
    """The SID of a made-up service."""
    return sid(5, 80, 1000 + number, 7, 7, 7, 7)


_BOTH = OBJECT_INHERIT | CONTAINER_INHERIT
_BELOW = _BOTH | INHERIT_ONLY

LIBRARY = {
    # What nearly all files and directories of a Windows tree have.
    "system file": descriptor(TRUSTED_INSTALLER, TRUSTED_INSTALLER, acl(_usual(0) + [
        ace(ALLOW, 0, READ_EXECUTE, ALL_PACKAGES), ace(ALLOW, 0, READ_EXECUTE, RESTRICTED_PACKAGES)]),
        control=SE_DACL_PROTECTED),
    "system directory": descriptor(TRUSTED_INSTALLER, TRUSTED_INSTALLER, acl(_usual(0) + _usual(_BELOW) + [
        ace(ALLOW, _BELOW, FULL, CREATOR_OWNER)]), control=SE_DACL_PROTECTED | SE_DACL_AUTO_INHERITED),
    "inherited file": descriptor(ADMINISTRATORS, LOCAL_SYSTEM, acl([
        ace(ALLOW, INHERITED, FULL, LOCAL_SYSTEM), ace(ALLOW, INHERITED, FULL, ADMINISTRATORS),
        ace(ALLOW, INHERITED, READ_EXECUTE, USERS)]), control=SE_DACL_AUTO_INHERITED),
    "inherited directory": descriptor(ADMINISTRATORS, LOCAL_SYSTEM, acl([
        ace(ALLOW, INHERITED | _BOTH, FULL, LOCAL_SYSTEM), ace(ALLOW, INHERITED | _BOTH, FULL, ADMINISTRATORS),
        ace(ALLOW, INHERITED | _BOTH, READ_EXECUTE, USERS),
        ace(ALLOW, INHERITED | _BELOW, FULL, CREATOR_OWNER)]), control=SE_DACL_AUTO_INHERITED),
    "root": descriptor(TRUSTED_INSTALLER, TRUSTED_INSTALLER, acl([
        ace(ALLOW, _BOTH, FULL, LOCAL_SYSTEM), ace(ALLOW, _BOTH, FULL, ADMINISTRATORS),
        ace(ALLOW, _BOTH, READ_EXECUTE, USERS), ace(ALLOW, _BELOW, MODIFY, CREATOR_OWNER)])),
    "private": descriptor(LOCAL_SYSTEM, LOCAL_SYSTEM, acl([
        ace(ALLOW, 0, FULL, LOCAL_SYSTEM), ace(ALLOW, 0, FULL, ADMINISTRATORS)]), control=SE_DACL_PROTECTED),
    "junction": descriptor(LOCAL_SYSTEM, LOCAL_SYSTEM, acl([
        ace(DENY, 0, 0x1, EVERYONE), ace(ALLOW, 0, FULL, LOCAL_SYSTEM), ace(ALLOW, 0, READ_EXECUTE, EVERYONE)]),
        control=SE_DACL_PROTECTED),
    # Rarer forms.
    "audited": descriptor(TRUSTED_INSTALLER, TRUSTED_INSTALLER, acl(_usual(0)),
                          acl([ace(AUDIT, 0xC0, 0xD0116, EVERYONE)])),
    "audited, inherited": descriptor(
        LOCAL_SYSTEM, ADMINISTRATORS, acl(_usual(INHERITED)), acl([ace(AUDIT, 0x40 | INHERITED, 0x10000, EVERYONE)]),
        control=SE_DACL_AUTO_INHERITED | SE_SACL_AUTO_INHERITED),
    "labelled": descriptor(ADMINISTRATORS, ADMINISTRATORS, acl(_usual(0)),
                           acl([ace(MANDATORY_LABEL, 0, 0x1, HIGH_LABEL)])),
    "empty list": descriptor(ADMINISTRATORS, USERS, acl([])),
    "guests denied": descriptor(USERS, USERS, acl([
        ace(DENY, 0, FULL, GUESTS), ace(ALLOW, 0, MODIFY, USERS)])),
    "owner first": descriptor(ADMINISTRATORS, LOCAL_SYSTEM, acl([
        ace(ALLOW, INHERITED, FULL, LOCAL_SYSTEM), ace(ALLOW, INHERITED, FULL, ADMINISTRATORS),
        ace(ALLOW, INHERITED, READ_EXECUTE, USERS)]), control=SE_DACL_AUTO_INHERITED, owner_first=True),
    "conditional": descriptor(ADMINISTRATORS, USERS, acl([
        # Expression: 1 == 1, in the byte form of [MS-DTYP] 2.4.4.17.
        ace(CALLBACK_ALLOW, 0, READ_EXECUTE, EVERYONE, b"artx" + b"\x04" + struct.pack("<qBB", 1, 3, 2) +
            b"\x04" + struct.pack("<qBB", 1, 3, 2) + b"\x80"),
        ace(ALLOW, 0, FULL, ADMINISTRATORS)])),
    "many entries": descriptor(LOCAL_SYSTEM, LOCAL_SYSTEM, acl([
        ace(ALLOW, 0, READ_EXECUTE, service(i)) for i in range(120)])),
    "very many entries": descriptor(LOCAL_SYSTEM, LOCAL_SYSTEM, acl([
        ace(ALLOW, 0, READ_EXECUTE, service(1000 + i)) for i in range(1500)])),
    "null list": descriptor(ADMINISTRATORS, USERS, None),
    "no list": descriptor(ADMINISTRATORS, USERS, False),
}
LIBRARY.update({"service %d" % i: descriptor(service(i), service(i), acl(_usual(0) + [
    ace(ALLOW, 0, FULL, service(i))])) for i in range(8)})
