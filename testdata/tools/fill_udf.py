#!/usr/bin/env python3
"""Puts a folder onto an empty UDF volume that mkudffs has made, without any of our code and without root.

    fill_udf.py IMAGE FOLDER

All descriptors of the volume stay what mkudffs wrote; new are the root directory's entry, the files, and their places
in the space bitmap. The integrity descriptor's count of free blocks is left as it was: readers don't ask for it.

Structures: ECMA-167 3rd edition, OSTA UDF 2.60.
"""

import os
import struct
import sys

from make_iso import Disc, Node, tagged

ANCHOR, PARTITION, LOGICAL_VOLUME, TERMINATOR, FILE_SET, BITMAP = 2, 5, 6, 8, 256, 264


def u16(data, at):
    return struct.unpack_from("<H", data, at)[0]


def u32(data, at):
    return struct.unpack_from("<I", data, at)[0]


def node(path, name=""):
    if os.path.isdir(path):
        return Node(name, children=[node(os.path.join(path, name), name) for name in sorted(os.listdir(path))])
    with open(path, "rb") as file:
        data = file.read()
    # Descriptors of extents have 30 bits for the length (4/14.14.1.1).
    most = (1 << 30) - (1 << 16)
    pieces = [min(most, len(data) - at) for at in range(0, len(data), most)]
    return Node(name, data, pieces=pieces if len(pieces) > 1 else None)


class Volume:
    """What mkudffs has written, as far as it matters."""

    def __init__(self, file):
        self.file = file
        for self.size in (512, 1024, 2048, 4096):
            anchor = self.read(256)
            if (u16(anchor, 0), u32(anchor, 12)) == (ANCHOR, 256):
                break
        else:
            sys.exit("no anchor volume descriptor pointer at sector 256")
        length, location = struct.unpack_from("<II", anchor, 16)
        for sector in range(location, location + length // self.size):
            data = self.read(sector)
            if u16(data, 0) == PARTITION:
                self.start, bitmap = u32(data, 188), u32(data, 56 + 12)
            elif u16(data, 0) == LOGICAL_VOLUME:
                self.revision, file_set = u16(data, 216 + 24), u32(data, 248 + 4)
            elif u16(data, 0) == TERMINATOR:
                break
        self.bitmap = self.start + bitmap
        data = self.read(self.start + file_set)
        assert u16(data, 0) == FILE_SET
        self.root = u32(data, 400 + 4)

    def read(self, sector, length=None):
        self.file.seek(sector * self.size)
        return self.file.read(length or self.size)

    def free(self):
        """The space bitmap, and the first block of its longest free piece."""
        bits, length = struct.unpack_from("<II", self.read(self.bitmap), 16)
        head = bytearray(self.read(self.bitmap, 24 + length))
        assert u16(head, 0) == BITMAP
        best, start = (0, 0), None
        for block in range(bits + 1):
            is_free = block < bits and head[24 + block // 8] >> block % 8 & 1
            if is_free and start is None:
                start = block
            elif not is_free and start is not None:
                best, start = max(best, (block - start, start)), None
        return head, best


def main(image, folder):
    with open(image, "r+b") as file:
        volume = Volume(file)
        bitmap, (room, first) = volume.free()
        disc = Disc(size=volume.size, revision=volume.revision, start=volume.start)
        disc.next = first
        root = node(folder)
        root.blocks, root.block = 1, volume.root
        for child in root.children:
            disc.reserve(child)
        disc.write_node(root, root)
        if disc.next - first > room:
            sys.exit(f"{disc.next - first} blocks are needed, {room} are free")
        for sector, data in sorted(disc.sectors.items()):
            file.seek(sector * volume.size)
            file.write(data)
        for block in range(first, disc.next):
            bitmap[24 + block // 8] &= ~(1 << block % 8)
        covered = u16(bitmap, 10)
        head = tagged(BITMAP, u32(bitmap, 12), bytes(bitmap[16:16 + covered]), u16(bitmap, 2))
        file.seek(volume.bitmap * volume.size)
        file.write(head + bitmap[16 + covered:])


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
