#!/usr/bin/env python3
"""Compares an NTFS volume, mounted read-only with ntfs-3g, with the WIM image that it was made from.

    compare_mount.py VOLUME FILE.wim IMAGE [PATTERN]

Walks the mounted tree like any program would and compares, for every path: whether it is a directory, size
and SHA-1 of the unnamed data and of each named stream, attributes, the security descriptor, the reparse
point, the object id, the times of creation, last write and last access, the 8.3 name, extended
attributes, and which other paths are the same file. The attributes of paths that match PATTERN, as `fnmatch`
knows it, are left out. Needs ntfs-3g and /dev/fuse, and the right to
mount. Exit status 0: equal, 1: different, 2: an input could not be read, 77: there is no FUSE here.
"""
import ctypes
import fnmatch
import hashlib
import os
import resource
import stat
import struct
import subprocess
import sys
import tempfile

from wim_reader import DIRECTORY, Wim, WimError

NO_FUSE = 77
# What a volume says by other means than attributes; see ntfs3_compare.py.
NORMAL = 0x80
NO_DESCRIPTOR_OF_ITS_OWN = None
libc = ctypes.CDLL("libc.so.6")
buffer = ctypes.create_string_buffer(1 << 17)


def path_bytes(path):
    """The path as ntfs-3g shows it: lone surrogates are encoded like any other character."""
    return path.encode("utf-8", "surrogatepass")


def xattr(path, key):
    """An extended attribute. `os.getxattr` tries a short buffer first, which ntfs-3g takes for a fault."""
    size = libc.lgetxattr(path, key.encode(), buffer, len(buffer))
    return ctypes.string_at(buffer, size) if size >= 0 else None


def digest(path):
    sha1, size = hashlib.sha1(), 0
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(1 << 20):
            sha1.update(piece)
            size += len(piece)
    return [size, sha1.hexdigest()] if size else [0, None]


def streams(path):
    names = xattr(path, "ntfs.streams.list") or b""
    named = [name for name in names.split(b"\0") if name]
    return {name.decode("utf-8", "surrogatepass"): digest(path + b":" + name) for name in sorted(named)}


def reparse(path):
    data = xattr(path, "system.ntfs_reparse_data")
    if data is None:
        return None
    sha1 = hashlib.sha1(data[8:]).hexdigest() if data[8:] else None
    return [struct.unpack_from("<I", data)[0], len(data) - 8, sha1]


def extended_attributes(path):
    """As wim_reader.py has them; the format is that of `$EA`."""
    data, found, at = xattr(path, "system.ntfs_ea") or b"", [], 0
    while at < len(data):
        step, flags, name_bytes, value_bytes = struct.unpack_from("<IBBH", data, at)
        value = at + 8 + name_bytes + 1
        name = data[at + 8:value - 1].decode("latin-1")
        found.append([flags, name, data[value:value + value_bytes].hex()])
        at += step or len(data)
    return found


def short_name(path):
    """The 8.3 name, unless the name itself is one."""
    short = xattr(path, "system.ntfs_dos_name") or b""
    return short.decode("utf-8", "surrogatepass") if short.lower() != os.path.basename(path).lower() and short else None


def facts_of(path):
    status = os.lstat(path)
    link = xattr(path, "system.ntfs_reparse_data") is not None
    times = xattr(path, "system.ntfs_times")
    directory = bool(struct.unpack("<I", xattr(path, "system.ntfs_attrib"))[0] & DIRECTORY)
    return {
        "directory": directory,
        "record": status.st_ino,
        # ntfs-3g follows links itself, so the data beneath can't be read this way.
        "data": digest(path) if stat.S_ISREG(status.st_mode) and not link else None,
        "streams": None if link else streams(path),
        "attributes": struct.unpack("<I", xattr(path, "system.ntfs_attrib"))[0],
        "security": (xattr(path, "system.ntfs_acl") or b"").hex() or None,
        "reparse": reparse(path),
        "object_id": (xattr(path, "system.ntfs_object_id") or b"")[:16].hex() or None,
        "times": list(struct.unpack("<4Q", times)),
        "short_name": short_name(path),
        "extended_attributes": extended_attributes(path),
    }


def walk(root):
    """Each file is reached through an open directory, as its whole path may be longer than Linux takes."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    found = {}
    directory = os.open(root, os.O_RDONLY)
    stack = [(b"", directory, os.listdir(b"/proc/self/fd/%d" % directory))]
    while stack:
        parent, directory, names = stack[-1]
        if not names:
            os.close(directory)
            stack.pop()
            continue
        name = names.pop()
        path, here = parent + b"/" + name, b"/proc/self/fd/%d/" % directory + name
        found[path] = facts_of(here)
        if found[path]["directory"] and not found[path]["reparse"]:
            inner = os.open(here, os.O_RDONLY)
            stack.append((path, inner, os.listdir(b"/proc/self/fd/%d" % inner)))
    groups = {}
    for path, facts in found.items():
        groups.setdefault(facts.pop("record"), []).append(path)
    for group in groups.values():
        for path in group:
            found[path]["links"] = sorted(group)
    return found


def expected(facts):
    is_link = facts["attributes"] & 0x400
    return {
        "directory": facts["directory"],
        "data": None if facts["directory"] or is_link else facts["data"] or [0, None],
        "streams": None if is_link else dict(sorted(facts["streams"].items())),
        "attributes": facts["attributes"] & ~NORMAL,
        "security": facts["security"],
        "reparse": facts["reparse"] and [facts["reparse"][0], *facts["reparse"][2:]],
        "object_id": facts["object_id"] and facts["object_id"][:32],
        "extended_attributes": facts["extended_attributes"],
        "links": sorted(map(path_bytes, facts["links"])),
        "times": [facts["created"], facts["written"], facts["accessed"]],
        "short_name": facts["short_name"],
    }


def differences(found, wanted, pattern):
    for path in sorted(found.keys() | wanted.keys()):
        if path not in wanted or path not in found:
            yield "%r: only in the %s" % (path, "volume" if path in found else "image")
            continue
        one = found[path]
        # Created, written, accessed; the fourth, of the record's last change, is not in a WIM.
        one["times"] = [one["times"][0], one["times"][1], one["times"][2]]
        one["attributes"] &= ~NORMAL
        if fnmatch.fnmatchcase(os.fsdecode(path), pattern):
            one["attributes"] = wanted[path]["attributes"]
        if len(one["links"]) > 1:
            # Of such a file it may keep the 8.3 name to itself; compare_wims.py looks at that.
            one["short_name"] = wanted[path]["short_name"]
        for field, value in wanted[path].items():
            # A file without a descriptor gets that of a new volume.
            if one[field] != value and (field, value) != ("security", NO_DESCRIPTOR_OF_ITS_OWN):
                yield "%r: %s: volume %s, image %s" % (path, field, str(one[field])[:200], str(value)[:200])


def mounted(volume, work):
    """Mounts the volume; whether there is FUSE to do it with."""
    command = ["ntfs-3g", "-o", "ro,streams_interface=windows", volume, work]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0:
        return True
    if not os.path.exists("/dev/fuse") or "fuse" in done.stderr.lower():
        print("no FUSE here: %s" % done.stderr.strip().splitlines()[:1])
        return False
    raise ValueError("ntfs-3g can't mount %s: %s" % (volume, done.stderr.strip()))


def main():
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__.split("\n\n")[1])
    volume, wim, image, pattern = [*sys.argv[1:], ""][:4]
    try:
        wanted = {path_bytes(path): expected(facts) for path, facts in Wim(wim).files(image).items()}
        with tempfile.TemporaryDirectory() as work:
            if not mounted(volume, work):
                return NO_FUSE
            try:
                found = walk(os.fsencode(work))
            finally:
                subprocess.run(["umount", work], check=True)
    except (OSError, ValueError, WimError) as error:
        print("error: %s" % error, file=sys.stderr)
        return 2
    wanted.pop(b"/")
    lines = list(differences(found, wanted, pattern))
    print("\n".join(lines[:100] + ["%d names compared with ntfs-3g, %d differences" % (len(found), len(lines))]))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
