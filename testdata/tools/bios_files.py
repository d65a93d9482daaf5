"""What a disk for BIOS machines has beside the image's own files: bootmgr, `\\Boot` and the BCD store.

Written from what disks have that Windows was installed on, not from nanovhd's code: a second opinion on
where the files go, and on their attributes, times and rights. It expects an image that has none of them yet.
"""
from descriptors import ADMINISTRATORS, ALLOW, CONTAINER_INHERIT, FULL, INHERITED, LOCAL_SYSTEM, OBJECT_INHERIT
from descriptors import SE_DACL_AUTO_INHERITED, SE_DACL_PROTECTED, ace, acl, descriptor

READONLY, HIDDEN, SYSTEM, DIRECTORY, ARCHIVE = 0x01, 0x02, 0x04, 0x10, 0x20
# Compression and the like belong to how the source is stored.
KEPT = READONLY | HIDDEN | SYSTEM | ARCHIVE | 0x2000
SOURCES = (("/Windows/Boot/PCAT", "/Boot"), ("/Windows/Boot/Fonts", "/Boot/Fonts"),
           ("/Windows/Boot/Resources", "/Boot/Resources"))
IN_ROOT = {"/Boot/bootmgr": ("/bootmgr", READONLY | HIDDEN | SYSTEM), "/Boot/bootnxt": ("/BOOTNXT", HIDDEN | SYSTEM)}


class Anything:
    """Equal to all that it is compared with: what the image does not say, as times and the store's bytes."""

    def __eq__(self, other):
        return True

    def __repr__(self):
        return "anything"


ANYTHING = Anything()


def rights(control, flags):
    """All rights for administrators and the system, and none for others."""
    entries = [ace(ALLOW, flags, FULL, ADMINISTRATORS), ace(ALLOW, flags, FULL, LOCAL_SYSTEM)]
    return descriptor(ADMINISTRATORS, LOCAL_SYSTEM, acl(entries), control=control).hex()


def plain(path, attributes, security, times=(ANYTHING,) * 3, data=None):
    return {"directory": bool(attributes & DIRECTORY), "attributes": attributes, "created": times[0],
            "accessed": times[1], "written": times[2], "security": security, "short_name": None, "links": [path],
            "data": data, "streams": {}, "reparse": None, "object_id": None, "extended_attributes": []}


def with_bios_files(files):
    """`files`, as wim_reader.py gives them, and what a BIOS disk has besides."""
    inherit = OBJECT_INHERIT | CONTAINER_INHERIT
    added = {
        "/Boot": plain("/Boot", DIRECTORY | HIDDEN | SYSTEM, rights(SE_DACL_PROTECTED, inherit)),
        "/Boot/BCD": plain("/Boot/BCD", ARCHIVE, rights(SE_DACL_PROTECTED, 0), data=ANYTHING),
    }
    for source, folder in SOURCES:
        for path, facts in files.items():
            if path != source and not path.startswith(source + "/"):
                continue
            place, more = IN_ROOT.get(folder + path[len(source):], (folder + path[len(source):], 0))
            if not facts["directory"]:
                times = facts["created"], facts["accessed"], facts["written"]
                added[place] = plain(place, facts["attributes"] & KEPT | more, facts["security"], times, facts["data"])
            elif place != "/Boot":
                added[place] = plain(place, DIRECTORY, rights(SE_DACL_AUTO_INHERITED, inherit | INHERITED))
    taken = sorted(added.keys() & files.keys())
    if taken:
        raise ValueError("the image has %s itself" % taken[0])
    return {**files, **added}
