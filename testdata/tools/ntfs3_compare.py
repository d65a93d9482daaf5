#!/usr/bin/env python3
"""Compares what the NTFS driver of Linux read from a volume with the WIM image that it was made from.

    ntfs3_vm.sh disk.vhdx >listing; ntfs3_compare.py listing FILE.wim IMAGE [PATTERN]

Compared are, for every path: kind, size and SHA-1 of the data, time of the last write, attributes (but for
paths that fit PATTERN, where NTFS can't keep them), the security descriptor, the extended attributes, and which
other paths are the same file. Left out are names with lone surrogates,
which the driver can't say, files that it refuses because their data are elsewhere, and where links lead. Prints each complaint of the listing, a line for each difference, and a
summary. Exit status 0: equal, 1: different, 2: an input could not be read.
"""
import fnmatch
import hashlib
import sys

from ntfs3_list import escaped, extended_sha1
from wim_reader import DIRECTORY, Wim, WimError

# Reparse points whose tags have this bit stand for another name, and the driver takes them for links.
# Others look like plain files and directories.
SURROGATE = 0x20000000
# Tags of files whose data are elsewhere, so that the driver does not read them, and says so.
DEDUPLICATED, COMPACT = 0x80000013, 0x80000017
REFUSED = b"read external compressed files", b"read deduplicated not supported"
# The driver's own mark of directories, beside the attributes that are stored.
IS_DIRECTORY = 0x10000000
NORMAL = 0x80
UNIX_EPOCH = 116444736000000000


def utf8(path):
    """The path as the listing has it, or None if it can't be said in UTF-8."""
    try:
        return escaped(path.encode())
    except UnicodeEncodeError:
        return None


def is_refused(facts):
    """Whether the driver may refuse to read the file."""
    return facts["reparse"] and facts["reparse"][0] in (DEDUPLICATED, COMPACT) and not facts["directory"]


def complaint_of(path, refused=False):
    """Of a name with lone surrogates the driver lists the rest, and then finds no such file."""
    rest = "".join(c for c in path if not "\ud800" <= c <= "\udfff")
    what = b"Operation not supported" if refused else b"No such file or directory"
    return b"! %s: %s" % (escaped(rest.encode()), what)


def read_listing(file):
    """{path: facts} and the complaints."""
    found, complaints, volumes, records = {}, [], 0, {}
    for line in file.read().split(b"\n"):
        if line.startswith(b"#"):
            volumes += not line.startswith(b"# cluster ")
        elif line.startswith(b"!"):
            complaints.append(line)
        elif line:
            kind, size, written, _, record, attributes, sha1, security, extended, path = line.split(b"\t")[:10]
            found[path] = {
                "kind": kind.decode(),
                "size": int(size) if kind == b"f" else None,
                "written": written.decode(),
                "attributes": int(attributes, 16),
                "sha1": sha1.decode(),
                "security": security.decode(),
                "extended": extended.decode(),
            }
            records.setdefault(record, []).append(path)
    if volumes != 1:
        raise ValueError("the listing has %d volumes, not one" % volumes)
    for paths in records.values():
        for path in paths:
            found[path]["links"] = sorted(paths)
    return found, complaints


def expected(facts):
    link = facts["reparse"] and facts["reparse"][0] & SURROGATE
    directory = facts["directory"] and not link
    data = None if link or directory else facts["data"] or [0, None]
    seconds, ticks = divmod(facts["written"] - UNIX_EPOCH, 10**7)
    attributes = facts["attributes"] & ~(DIRECTORY | NORMAL)
    extended = {name.encode("latin-1"): bytes.fromhex(value) for _, name, value in facts["extended_attributes"]}
    return {
        "kind": "l" if link else "d" if directory else "f",
        "size": data and data[0],
        "written": "%d.%09d" % (seconds, ticks * 100),
        "attributes": attributes | (IS_DIRECTORY if directory else 0),
        "sha1": data and data[1] or (hashlib.sha1().hexdigest() if data else "-"),
        "security": hashlib.sha1(bytes.fromhex(facts["security"])).hexdigest() if facts["security"] else None,
        "extended": extended_sha1(extended),
        "links": sorted(filter(None, map(utf8, facts["links"]))),
    }


def differences(found, wanted, pattern):
    for path in sorted(found.keys() | wanted.keys()):
        if path not in wanted or path not in found:
            yield path, "only in the %s" % ("volume" if path in found else "image")
            continue
        for field, value in wanted[path].items():
            # A file without a descriptor gets that of a new volume.
            lost = (field, value) == ("security", None) or field == "attributes" and fnmatch.fnmatchcase(path, pattern)
            if found[path][field] != value and not lost:
                yield path, "%s: volume %s, image %s" % (field, found[path][field], value)


def main():
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__.split("\n\n")[1])
    try:
        with open(sys.argv[1], "rb") as file:
            found, complaints = read_listing(file)
        files = Wim(sys.argv[2]).files(int(sys.argv[3]))
    except (OSError, ValueError, WimError) as error:
        print("error: %s" % error, file=sys.stderr)
        sys.exit(2)
    wanted = {utf8(path): expected(facts) for path, facts in files.items() if utf8(path)}
    # Whether the driver refuses such a file depends on its reparse data too.
    refused = {path for path, facts in files.items() if is_refused(facts) and complaint_of(path, True) in complaints}
    for path in refused:
        del wanted[utf8(path)]
    lost = {complaint_of(path) for path in files if not utf8(path)}
    lost |= {complaint_of(path, True) for path in refused}
    lines = [line for line in complaints if line not in lost and not (refused and line.endswith(REFUSED))]
    lines += [b"%s: %s" % (path, what.encode())
              for path, what in differences(found, wanted, "".join(sys.argv[4:]).encode())]
    for line in lines:
        sys.stdout.buffer.write(line + b"\n")
    print("%d names, %d differences and complaints" % (len(found), len(lines)), flush=True)
    sys.exit(1 if lines else 0)


if __name__ == "__main__":
    main()
