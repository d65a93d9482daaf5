#!/usr/bin/env python3
"""Compares what the NTFS driver of Linux read from a volume with the WIM image that it was made from.

    ntfs3_vm.sh disk.vhdx >listing; ntfs3_compare.py listing FILE.wim IMAGE

Compared are, for every path: kind, size and SHA-1 of the data, time of the last write, attributes, the
security descriptor, and which other paths are the same file. Left out are names with lone surrogates,
which the driver can't say, and where links lead. Prints each complaint of the listing, a line for each difference, and a
summary. Exit status 0: equal, 1: different, 2: an input could not be read.
"""
import hashlib
import sys

from ntfs3_list import escaped
from wim_reader import DIRECTORY, Wim, WimError

# What the driver follows; other reparse points look like plain files and directories.
LINK_TAGS = 0xA000000C, 0xA0000003
# The driver's own mark of directories, beside the attributes that are stored.
IS_DIRECTORY = 0x10000000
NORMAL = 0x80
# Where the attributes that say how NTFS stores a file come from the volume, not from the image.
STORED_AS = 0x0A00
UNIX_EPOCH = 116444736000000000


def utf8(path):
    """The path as the listing has it, or None if it can't be said in UTF-8."""
    try:
        return escaped(path.encode())
    except UnicodeEncodeError:
        return None


def complaint_of(path):
    """Of a name with lone surrogates the driver lists the rest, and then finds no such file."""
    rest = "".join(c for c in path if not "\ud800" <= c <= "\udfff")
    return b"! %s: No such file or directory" % escaped(rest.encode())


def read_listing(file):
    """{path: facts} and the complaints."""
    found, complaints, volumes, records = {}, [], 0, {}
    for line in file.read().split(b"\n"):
        if line.startswith(b"#"):
            volumes += not line.startswith(b"# cluster ")
        elif line.startswith(b"!"):
            complaints.append(line)
        elif line:
            kind, size, written, _, record, attributes, sha1, security, path = line.split(b"\t")[:9]
            found[path] = {
                "kind": kind.decode(),
                "size": int(size) if kind == b"f" else None,
                "written": written.decode(),
                "attributes": int(attributes, 16),
                "sha1": sha1.decode(),
                "security": security.decode(),
            }
            records.setdefault(record, []).append(path)
    if volumes != 1:
        raise ValueError("the listing has %d volumes, not one" % volumes)
    for paths in records.values():
        for path in paths:
            found[path]["links"] = sorted(paths)
    return found, complaints


def expected(facts):
    link = facts["reparse"] and facts["reparse"][0] in LINK_TAGS
    directory = facts["directory"] and not link
    data = None if link or directory else facts["data"] or [0, None]
    seconds, ticks = divmod(facts["written"] - UNIX_EPOCH, 10**7)
    attributes = facts["attributes"] & ~(DIRECTORY | NORMAL | STORED_AS)
    return {
        "kind": "l" if link else "d" if directory else "f",
        "size": data and data[0],
        "written": "%d.%09d" % (seconds, ticks * 100),
        "attributes": attributes | (IS_DIRECTORY if directory else 0),
        "sha1": data and data[1] or (hashlib.sha1().hexdigest() if data else "-"),
        "security": hashlib.sha1(bytes.fromhex(facts["security"])).hexdigest() if facts["security"] else None,
        "links": sorted(filter(None, map(utf8, facts["links"]))),
    }


def differences(found, wanted):
    for path in sorted(found.keys() | wanted.keys()):
        if path not in wanted or path not in found:
            yield path, "only in the %s" % ("volume" if path in found else "image")
            continue
        for field, value in wanted[path].items():
            # A file without a descriptor gets that of a new volume.
            if found[path][field] != value and (field, value) != ("security", None):
                yield path, "%s: volume %s, image %s" % (field, found[path][field], value)


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__.split("\n\n")[1])
    try:
        with open(sys.argv[1], "rb") as file:
            found, complaints = read_listing(file)
        files = Wim(sys.argv[2]).files(int(sys.argv[3]))
    except (OSError, ValueError, WimError) as error:
        print("error: %s" % error, file=sys.stderr)
        sys.exit(2)
    wanted = {utf8(path): expected(facts) for path, facts in files.items() if utf8(path)}
    lost = {complaint_of(path) for path in files if not utf8(path)}
    lines = [line for line in complaints if line not in lost]
    lines += [b"%s: %s" % (path, what.encode()) for path, what in differences(found, wanted)]
    for line in lines:
        sys.stdout.buffer.write(line + b"\n")
    print("%d names, %d differences and complaints" % (len(found), len(lines)), flush=True)
    sys.exit(1 if lines else 0)


if __name__ == "__main__":
    main()
