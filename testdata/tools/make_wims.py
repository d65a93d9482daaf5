#!/usr/bin/env python3
"""Writes the plain WIMs from which make-wims.sh makes testdata/wims.

    make_wims.py small OUT.wim CHUNK SIZE    the common tree; its file of several chunks has SIZE bytes,
                                             CHUNK of them incompressible
    make_wims.py attributes OUT.wim          attributes that NTFS keeps and some that we do not
    make_wims.py CASE OUT.wim                one of the files that must be refused
"""
import struct
import sys

import content
import descriptors
import wim_writer
from make_media import RELEASE, identifier
from wim_writer import ARCHIVE, COMPRESSED, HIDDEN, NORMAL, SPARSE, TEMPORARY, Node, Tree

OFFLINE, INTEGRITY, NO_SCRUB = 0x1000, 0x8000, 0x20000
FILE, DIRECTORY = descriptors.LIBRARY["inherited file"], descriptors.LIBRARY["inherited directory"]
BARE_XML = "<DIRCOUNT>1</DIRCOUNT><FILECOUNT>0</FILECOUNT>"


class Small:
    """A tree whose files get their times from a counter."""

    def __init__(self):
        self.count = 0
        self.tree = Tree(self.node(None, 0, DIRECTORY), lambda path: self.node(None, 0, DIRECTORY))
        self.tree.root.links = 1

    def node(self, data, attributes, security):
        self.count += 1
        times = tuple(RELEASE + self.count * 10_000_000 + n for n in (1, 2, 3))
        return Node(data=data, attributes=attributes, times=times, security=security)

    def file(self, path, data, attributes=ARCHIVE, security=FILE):
        return self.tree.add(path, self.node(data, attributes, security))


def xml(tree, name):
    directories, files, total, linked = tree.statistics()
    text = "<DIRCOUNT>%d</DIRCOUNT><FILECOUNT>%d</FILECOUNT><TOTALBYTES>%d</TOTALBYTES><HARDLINKBYTES>%d" \
           "</HARDLINKBYTES>" % (directories, files, total, linked)
    return text + ("<NAME>%s</NAME>" % name if name else "")


def several_chunks(chunk, size):
    """Text, one aligned chunk that no compressor makes smaller, made-up code, a partial last chunk."""
    random = content.Random("chunks")
    head = b"".join(b"line %d of the first chunk\r\n" % i for i in range(chunk // 24 + 40))[:max(chunk, 4096)]
    noise = random.bytes(chunk)
    calls = content.code(random, 6000)
    body = head + noise + calls
    return body + (b"nanovhd " * (size // 8))[:size - len(body)]


def small(path, chunk, size):
    s = Small()
    node = s.file("/folder/hello.txt", b"hello, world\r\n")
    s.tree.add("/folder/second name.txt", node)
    s.tree.short_name("/folder/second name.txt", "SECOND~1.TXT")
    s.file("/folder/empty.txt", b"")
    s.file("/文件.txt", "文字\r\n".encode(), ARCHIVE | HIDDEN).streams = [("info", b"a named stream")]
    s.file("/program.exe", content.pe("small", 5000, dll=False))
    s.tree.directory("/folder/empty folder")
    second = Small()
    second.file("/only.txt", b"the second image\r\n")
    if size:
        s.file("/chunks.bin", several_chunks(chunk, size))
    images = [(s.tree, xml(s.tree, "small")), (second.tree, xml(second.tree, "zweites Bild – 第二"))]
    wim_writer.write(path, images, identifier("small"), boot_index=0 if size else 2)


def attributes(path):
    s = Small()
    for name, bits in (("none", 0), ("normal", NORMAL), ("temporary", TEMPORARY), ("compressed", COMPRESSED | ARCHIVE),
                       ("sparse", SPARSE | ARCHIVE), ("offline", OFFLINE | ARCHIVE),
                       ("integrity", INTEGRITY | ARCHIVE), ("no scrub", NO_SCRUB | ARCHIVE)):
        s.file("/%s.bin" % name, b"content of a file that is %s " % name.encode() * 400, bits)
    s.tree.add("/compressed folder", s.node(None, COMPRESSED, DIRECTORY))
    s.file("/compressed folder/inside.bin", bytes(70_000) + b"end", COMPRESSED | ARCHIVE)
    s.file("/no descriptor.txt", b"no security descriptor\r\n", security=None)
    wim_writer.write(path, [(s.tree, xml(s.tree, "attributes"))], identifier("attributes"))


def patched(path, patch, name="a.txt", data=b"content\r\n"):
    """A WIM of one file whose metadata `patch` has changed; the metadata's SHA-1 is right all the same."""
    s = Small()
    s.file("/folder/" + name, data)
    s.file("/folder/" + name[:-1] + "u", data)
    keep = wim_writer.metadata

    def metadata(tree, ids):
        changed = bytearray(keep(tree, ids))
        patch(changed)
        return bytes(changed)

    wim_writer.metadata = metadata
    wim_writer.write(path, [(s.tree, BARE_XML)], identifier("refused"))


def entry_of(metadata, name):
    """Where the directory entry with this name begins."""
    at = metadata.find(wim_writer.units(name) + b"\0\0")
    assert at > 0x66
    return at - 0x66


def rename(to):
    def patch(metadata):
        at = entry_of(metadata, "a.txt")
        metadata[at + 0x66:at + 0x66 + 10] = wim_writer.units(to)
    return patch


def cycle(metadata):
    # The file becomes a directory whose entries are those of the directory that it is in.
    folder, inside = entry_of(metadata, "folder"), entry_of(metadata, "a.txt")
    metadata[inside + 8:inside + 12] = struct.pack("<I", wim_writer.DIRECTORY)
    metadata[inside + 0x10:inside + 0x18] = metadata[folder + 0x10:folder + 0x18]


def parent_name(metadata):
    at = entry_of(metadata, "a.txt")
    metadata[at + 0x64:at + 0x66] = struct.pack("<H", 4)
    metadata[at + 0x66:at + 0x66 + 10] = wim_writer.units("..\0\0\0")


def security_id(metadata):
    at = entry_of(metadata, "a.txt")
    metadata[at + 0x0C:at + 0x10] = struct.pack("<i", 77)


def security_size(metadata):
    metadata[8:16] = struct.pack("<Q", 1 << 62)


def name_length(metadata):
    at = entry_of(metadata, "a.txt")
    metadata[at + 0x64:at + 0x66] = struct.pack("<H", 0xFFF0)


def lost_child(metadata):
    at = entry_of(metadata, "folder")
    metadata[at + 0x10:at + 0x18] = struct.pack("<Q", len(metadata) + 4096)


def edit(path, change):
    """Changes bytes of the finished file."""
    patched(path, lambda metadata: None)
    with open(path, "rb") as f:
        data = bytearray(f.read())
    change(data)
    with open(path, "wb") as f:
        f.write(data)


def wrong_hash(data):
    data[wim_writer.HEADER_SIZE] ^= 1


def no_blob(data):
    # The blob's entry gets another SHA-1, so that no entry has the one that the file refers to.
    (table,) = struct.unpack_from("<Q", data, 0x38)
    data[table + 30] ^= 0xFF


def half_written(data):
    data[0x10] |= 0x40


REFUSED = {
    "cycle": lambda path: patched(path, cycle),
    "parent-name": lambda path: patched(path, parent_name),
    "slash-name": lambda path: patched(path, rename("a/txt")),
    "same-name": lambda path: patched(path, rename("a.txu")),
    "security-id": lambda path: patched(path, security_id),
    "security-size": lambda path: patched(path, security_size),
    "name-length": lambda path: patched(path, name_length),
    "lost-child": lambda path: patched(path, lost_child),
    "wrong-hash": lambda path: edit(path, wrong_hash),
    "no-blob": lambda path: edit(path, no_blob),
    "half-written": lambda path: edit(path, half_written),
}


def main():
    kind, path = sys.argv[1:3]
    if kind == "small":
        small(path, int(sys.argv[3]), int(sys.argv[4]))
    elif kind == "attributes":
        attributes(path)
    else:
        REFUSED[kind](path)


if __name__ == "__main__":
    main()
