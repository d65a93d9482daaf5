"""Writes registry hives (regf 1.5) from a tree of keys: one bin, cells in the order of the tree.

Format: what the readers in hive_judge.py agree on. Values' data of more than one cell (16,344 bytes) are
not needed here.
"""
import struct

SZ, BINARY, DWORD, MULTI_SZ = 1, 3, 4, 7
NONE = 0xFFFFFFFF
# A key: its name is in Latin-1. The root: and it can't be deleted.
KEY, ROOT = 0x20, 0x2C


class Key:
    def __init__(self, name, security, values=(), keys=()):
        self.name = name
        self.security = security          # descriptor bytes
        self.values = list(values)        # [(name, type, bytes)]
        self.keys = list(keys)


def text(value):
    return (value + "\0").encode("utf-16-le")


class _Writer:
    def __init__(self, filetime):
        self.filetime = filetime
        self.cells = bytearray(0x20)      # offsets count from the bin's header
        self.descriptors = {}             # descriptor -> [places of its offset]

    def reserve(self, length):
        """A cell for so many bytes, and its offset."""
        at, size = len(self.cells), 4 + length + 7 & ~7
        self.cells += struct.pack("<i", -size) + bytes(size - 4)
        return at

    def fill(self, at, data):
        self.cells[at + 4:at + 4 + len(data)] = data

    def cell(self, data):
        at = self.reserve(len(data))
        self.fill(at, data)
        return at

    def value(self, name, kind, data):
        name = name.encode("latin-1")
        if len(data) <= 4:
            length, at = len(data) | 0x80000000, int.from_bytes(data, "little")
        else:
            assert len(data) <= 16344
            length, at = len(data), self.cell(data)
        return self.cell(struct.pack("<2sHIIIHH", b"vk", len(name), length, at, kind, 1, 0) + name)

    def key(self, key, parent=0):
        name = key.name.encode("latin-1")
        at = self.reserve(0x4C + len(name))
        self.descriptors.setdefault(key.security, []).append(at + 4 + 0x2C)
        values, keys = NONE, NONE
        if key.values:
            values = self.cell(b"".join(struct.pack("<I", self.value(*value)) for value in key.values))
        if key.keys:
            # Whoever looks for a key relies on this order.
            children = sorted(key.keys, key=lambda child: child.name.upper())
            entries = [struct.pack("<I4s", self.key(child, at), child.name[:4].encode()) for child in children]
            keys = self.cell(struct.pack("<2sH", b"lf", len(entries)) + b"".join(entries))
        longest = [max((2 * len(child.name) for child in key.keys), default=0), 0,
                   max((2 * len(name) for name, _, _ in key.values), default=0),
                   max((len(data) for _, _, data in key.values), default=0)]
        self.fill(at, struct.pack("<2sHQIIIIIIIIIIIIIIIHH", b"nk", KEY if parent else ROOT, self.filetime, 0,
                                  parent or NONE, len(key.keys), 0, keys, NONE, len(key.values), values, 0, NONE,
                                  *longest, 0, len(name), 0) + name)
        return at

    def security(self):
        """The security cells, in a ring, each with the number of keys that have it."""
        at = {data: self.reserve(20 + len(data)) for data in self.descriptors}
        ring = list(at.values())
        for number, (data, places) in enumerate(self.descriptors.items()):
            after, before = ring[(number + 1) % len(ring)], ring[number - 1]
            self.fill(at[data], struct.pack("<2sHIIII", b"sk", 0, after, before, len(places), len(data)) + data)
            for place in places:
                struct.pack_into("<I", self.cells, place, at[data])


def hive(name, filetime, root):
    """The bytes of a hive; `name` is what the base block says of the file."""
    writer = _Writer(filetime)
    at = writer.key(root)
    writer.security()
    size = len(writer.cells) + 4095 & ~4095
    free = size - len(writer.cells)
    if free:
        writer.cells += struct.pack("<i", free) + bytes(free - 4)
    struct.pack_into("<4sIIQQI", writer.cells, 0, b"hbin", 0, size, 0, filetime, 0)
    base = struct.pack("<4sIIQIIIIIII", b"regf", 1, 1, filetime, 1, 5, 0, 1, at, size, 1)
    base = (base + name.encode("utf-16-le")[:62]).ljust(508, b"\0")
    checksum = 0
    for (word,) in struct.iter_unpack("<I", base):
        checksum ^= word
    return (base + struct.pack("<I", checksum)).ljust(4096, b"\0") + bytes(writer.cells)
