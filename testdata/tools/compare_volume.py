#!/usr/bin/env python3
"""Compares an NTFS volume with a WIM image, reading the volume with dissect.ntfs.

    compare_volume.py VOLUME FILE.wim IMAGE

A second opinion beside `wimlib-imagex capture` and compare_wims.py, which read volumes with libntfs-3g:
dissect.ntfs (PyPI) is an implementation of its own. Walks the directory indexes from the root and compares
every path, the unnamed data and each named stream by SHA-1, the extended attributes (which wimlib does
not capture from a volume), and which names are one file. Exit status 0: equal, 1: different.
"""
import codecs
import hashlib
import struct
import sys

from dissect.cstruct.types.wchar import Wchar
from dissect.ntfs import NTFS
from dissect.ntfs.attr import AttributeHeader
from dissect.ntfs.mft import ATTRIBUTE_TYPE_CODE
from wim_reader import Wim

DATA = ATTRIBUTE_TYPE_CODE.DATA
# The root and the system files: Windows and all others keep the first 24 records for them.
FIRST_USER_RECORD = 24


def allow_lone_surrogates():
    """NTFS takes any 16-bit units for a name; dissect.ntfs would stop at those that are no UTF-16."""
    plain = codecs.lookup("utf-16-le")
    codec = codecs.CodecInfo(lambda text, errors="": plain.encode(text, "surrogatepass"),
                             lambda data, errors="": plain.decode(data, "surrogatepass"), name="ntfs-name")
    codecs.register(lambda name: codec if name in ("ntfs-name", "ntfs_name") else None)
    Wchar.__encoding_map__ = {**Wchar.__encoding_map__, "<": "ntfs-name"}
    AttributeHeader.name = property(attribute_name)


def attribute_name(header):
    """The name of a stream, which may hold lone surrogates too."""
    header.fh.seek(header.offset + header.header.NameOffset)
    return header.fh.read(2 * header.header.NameLength).decode("utf-16-le", "surrogatepass")


def digest(record, stream):
    sha1 = hashlib.sha1()
    data = record.open(stream)
    size = 0
    while piece := data.read(1 << 20):
        sha1.update(piece)
        size += len(piece)
    return [size, sha1.hexdigest()] if size else [0, None]


def streams_of(record):
    named = {a.header.name: digest(record, a.header.name) for a in record.attributes.get(DATA, [])
             if a.header.name}
    return dict(sorted(named.items()))


def extended_attributes(record):
    """Each as [flags, name, value], as wim_reader.py has them. The sizes that are told besides must fit."""
    found, packed, at = [], 0, 0
    attributes = record.attributes.get(ATTRIBUTE_TYPE_CODE.EA, [])
    data = attributes[0].data() if attributes else b""
    while at < len(data):
        step, flags, name_bytes, value_bytes = struct.unpack_from("<IBBH", data, at)
        end = at + 8 + name_bytes + 1 + value_bytes
        if step != (end - at + 3 & ~3) or data[at + 8 + name_bytes]:
            raise ValueError("record %d has an extended attribute of %d bytes" % (record.segment, step))
        name = data[at + 8:at + 8 + name_bytes].decode("latin-1")
        found.append([flags, name, data[end - value_bytes:end].hex()])
        packed += end - at - 4
        at += step
    needed = sum(flags >> 7 for flags, _, _ in found)
    told = [a.data() for a in record.attributes.get(ATTRIBUTE_TYPE_CODE.EA_INFORMATION, [])]
    if told != ([struct.pack("<HHI", packed, needed, len(data))] if found else []):
        raise ValueError("record %d tells wrong sizes of its extended attributes" % record.segment)
    return found


def volume_files(path):
    """{path: [unnamed data, streams, extended attributes, record number]} of what the indexes lead to."""
    found, seen = {}, {}
    with open(path, "rb") as f:
        volume = NTFS(f)
        stack = [("", volume.mft.root)]
        while stack:
            parent, directory = stack.pop()
            for name, reference in directory.listdir().items():
                record = reference.dereference()
                # A name may stand twice in an index: as long name and as short name.
                if record.segment < FIRST_USER_RECORD or name in short_names(record, directory):
                    continue
                at = parent + "/" + name
                if record.segment not in seen:
                    data = None if record.is_dir() else digest(record, "")
                    seen[record.segment] = (data, streams_of(record), extended_attributes(record))
                found[at] = [*seen[record.segment], record.segment]
                if record.is_dir():
                    stack.append((at, record))
    return found


def short_names(record, directory):
    dos_only = 2
    return {a.file_name for a in record.attributes[ATTRIBUTE_TYPE_CODE.FILE_NAME]
            if a.flags == dos_only and a.attr.ParentDirectory.SegmentNumberLowPart == directory.segment}


def link_groups(numbers):
    groups = {}
    for path, number in numbers.items():
        groups.setdefault(number, []).append(path)
    return {path: sorted(group) for group in groups.values() for path in group}


def main():
    allow_lone_surrogates()
    volume = volume_files(sys.argv[1])
    image = Wim(sys.argv[2]).files(sys.argv[3])
    image.pop("/")
    links = link_groups({path: facts[3] for path, facts in volume.items()})
    differences = ["%s: only in the volume" % p for p in volume.keys() - image.keys()]
    differences += ["%s: only in the image" % p for p in image.keys() - volume.keys()]
    for path in volume.keys() & image.keys():
        facts = image[path]
        for what, one, two in (("data", volume[path][0], facts["data"]),
                               ("streams", volume[path][1], facts["streams"]),
                               ("extended_attributes", volume[path][2], facts["extended_attributes"]),
                               ("links", links[path], facts["links"])):
            if one != two:
                differences.append("%s: %s: %s / %s" % (path, what, str(one)[:200], str(two)[:200]))
    for line in sorted(differences):
        print(ascii(line)[1:-1])
    print("%d names compared with dissect.ntfs, %d differences" % (len(image), len(differences)))
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
