#!/usr/bin/env python3
"""Writes small disc images with what the usual tools don't write, without any of our code.

    make_iso.py VARIANT OUTPUT.img

Beside the image, OUTPUT.txt says what is in it: for each file a line "SHA-256 LENGTH MTIME PATH", for each
directory "- - - PATH/". The same call gives the same bytes.

Structures: ECMA-167 3rd edition, OSTA UDF 2.60, ECMA-119.
"""

import hashlib
import struct
import sys

TIME = 1468674365  # 2016-07-16T13:06:05Z
STAMP = struct.pack("<HhBBBBBBBB", 0x1000, 2016, 7, 16, 13, 6, 5, 0, 0, 0)
SHORT, LONG, EMBEDDED = 0, 1, 3
HOLE = None


def crc(data):
    value = 0
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ 0x1021 if value & 0x8000 else value << 1) & 0xFFFF
    return value


def tagged(identifier, location, body, version=3):
    head = struct.pack("<HHBBHHHI", identifier, version, 0, 0, 0, crc(body), len(body), location)
    return head[:4] + bytes([sum(head) & 0xFF]) + head[5:] + body


def cs0(text):
    units = text.encode("utf-16-be", "surrogatepass")
    if not any(units[::2]):
        return b"\x08" + units[1::2]
    return b"\x10" + units


def dstring(text, size):
    data = cs0(text)
    return data.ljust(size - 1, b"\0") + bytes([len(data)])


def entity(name, suffix=b""):
    return b"\0" + name.ljust(23, b"\0") + suffix.ljust(8, b"\0")


def long_ad(length, block, partition=0):
    return struct.pack("<IIH6x", length, block, partition)


def both(number):
    return struct.pack("<I", number) + struct.pack(">I", number)


def both16(number):
    return struct.pack("<H", number) + struct.pack(">H", number)


CHARSET = b"\0" + b"OSTA Compressed Unicode".ljust(63, b"\0")


class Node:
    """A file or directory. `pieces` are the lengths of its extents, negative for holes; `ads` is the kind of its
    allocation descriptors, of which `per_area` fit into an area before they go on in another block."""

    def __init__(self, name, data=b"", children=None, ads=SHORT, extended=False, pieces=None, per_area=None,
                 hidden=False, deleted=False, shown=None, file_type=None, strategy=4, attributes=b""):
        self.name, self.data, self.children, self.ads = name, data, children, ads
        self.extended, self.pieces, self.per_area = extended, pieces, per_area
        self.hidden, self.deleted, self.shown = hidden, deleted, shown if shown is not None else name
        self.strategy, self.attributes = strategy, attributes
        self.file_type = file_type or (5 if children is None else 4)


class Disc:
    def __init__(self, size=2048, revision=0x102, metadata=None, packet=0, start=257):
        self.size, self.revision, self.metadata, self.packet = size, revision, metadata, packet
        self.start, self.next, self.next_meta = start, 0, 0
        self.sectors = {}
        self.old, self.newest = "none", 0
        self.spared = {}
        self.meta_base = []
        self.version = 2 if revision < 0x200 else 3
        # Blocks for the metadata file, in two pieces that are not neighbours, and the entries that say so.
        if metadata:
            self.meta_entries = [self.allocate(1), self.allocate(1)]
            one, two = metadata
            first = self.allocate(one)
            self.allocate(3)
            second = self.allocate(two)
            self.meta_base = [*range(first, first + one), *range(second, second + two)]
            self.meta_extents = [(one, first), (two, second)]

    # Places.

    def allocate(self, count, meta=False):
        if meta and self.metadata:
            at, self.next_meta = self.next_meta, self.next_meta + count
            return at
        at, self.next = self.next, self.next + count
        return at

    def meta(self):
        return 1 if self.metadata else 0

    def sector(self, block, partition=0):
        if partition == 1:
            block = self.meta_base[block]
        if self.packet:
            first = block - block % self.packet
            if first in self.spared:
                return self.spared[first] + block % self.packet
        return self.start + block

    def put(self, sector, data):
        for index in range(0, max(len(data), 1), self.size):
            self.sectors[sector + index // self.size] = data[index:index + self.size].ljust(self.size, b"\0")

    def put_blocks(self, block, data, partition=0):
        for index in range(0, len(data), self.size):
            self.put(self.sector(block + index // self.size, partition), data[index:index + self.size])

    def tagged(self, identifier, location, body):
        return tagged(identifier, location, body, self.version)

    # Files.

    def write_tree(self, root):
        block = self.file_set = self.allocate(1, meta=True)
        self.reserve(root)
        self.write_node(root, root)
        domain = entity(b"*OSTA UDF Compliant", struct.pack("<H", self.revision))
        body = STAMP + struct.pack("<HHIIII", 3, 3, 1, 1, 0, 0) + CHARSET + dstring("TORTURE", 128) + CHARSET
        body += dstring("TORTURE", 32) + bytes(64) + long_ad(self.size * root.blocks, root.block, self.meta()) + domain
        body += bytes(16 + 16 + 32)
        self.put_blocks(block, self.tagged(256, block, body), self.meta())

    def reserve(self, node):
        node.blocks = 2 if node.strategy == 4096 else 1
        node.block = self.allocate(node.blocks, meta=True)
        for child in node.children or []:
            if not child.deleted:
                self.reserve(child)

    def write_node(self, node, parent):
        partition = 0
        if node.children is not None:
            for child in node.children:
                if not child.deleted:
                    self.write_node(child, node)
            partition = self.meta()
            node.data = self.directory(node, parent, None)
        if node.ads == EMBEDDED:
            length, descriptors = len(node.data), node.data
            if node.children is not None:
                descriptors = self.directory(node, parent, lambda _: node.block)
        else:
            length, extents = self.place(node, partition)
            node.extents = extents
            if node.children is not None:
                # Now that places are known, tags can say them.
                data = self.directory(node, parent, lambda at: self.block_at(extents, at))
                self.write_data(extents, data)
            else:
                self.write_data(extents, node.data)
            descriptors = self.descriptors(node, extents)
        self.write_entry(node, length, descriptors)

    def place(self, node, partition):
        """The extents of a node: (length, block or None, partition)."""
        extents, length = [], 0
        for piece in node.pieces or ([len(node.data)] if node.data else []):
            if piece < 0:
                extents.append((-piece, HOLE, 0))
            else:
                block = self.allocate(-(-piece // self.size), meta=partition == 1)
                if node.pieces:
                    self.allocate(1, meta=partition == 1)  # so that the next is no neighbour
                extents.append((piece, block, partition))
            length += abs(piece)
        return length, extents

    def block_at(self, extents, at):
        for length, block, _ in extents:
            if at < length:
                return block + at // self.size
            at -= length
        raise ValueError(at)

    def write_data(self, extents, data):
        at = 0
        for length, block, partition in extents:
            if block is not HOLE:
                self.put_blocks(block, data[at:at + length], partition)
            at += length

    def descriptors(self, node, extents):
        def one(kind, length, block, partition):
            if node.ads == LONG:
                return long_ad(length | kind << 30, block, partition)
            return struct.pack("<II", length | kind << 30, block)

        list_ = []
        for index, (length, block, partition) in enumerate(extents):
            if block is HOLE:
                list_.append(one(1 + index % 2, length, 0, 0))
            else:
                list_.append(one(0, length, block, partition))
        if not node.per_area:
            return b"".join(list_)
        areas = [list_[at:at + node.per_area] for at in range(0, len(list_), node.per_area)]
        blocks = [None] + [self.allocate(1, meta=True) for _ in areas[1:]]
        for index, area in enumerate(areas):
            text = b"".join(area)
            if index + 1 < len(areas):
                text += one(3, self.size, blocks[index + 1], self.meta())
            if index == 0:
                first = text
            else:
                body = struct.pack("<II", 0, len(text)) + text
                self.put_blocks(blocks[index], self.tagged(258, blocks[index], body), self.meta())
        return first

    def directory(self, node, parent, block_at):
        """The list of a directory; `block_at` tells the block of an offset once that is known."""
        data = b""

        def add(name, characteristics, target, use=b""):
            nonlocal data
            location = block_at(len(data)) if block_at else 0
            icb = long_ad(self.size * target.blocks, target.block, self.meta()) if target else bytes(16)
            body = struct.pack("<HBB", 1, characteristics, len(name)) + icb + struct.pack("<H", len(use)) + use + name
            body = body.ljust(-(-(len(body) + 16) // 4) * 4 - 16, b"\0")
            data += self.tagged(257, location, body)

        add(b"", 0x0A, parent)
        for index, child in enumerate(node.children):
            kind = (1 if child.hidden else 0) | (2 if child.children is not None else 0) | (4 if child.deleted else 0)
            name = child.name if isinstance(child.name, bytes) else cs0(child.name)
            use = entity(b"*make_iso.py") if index % 3 == 1 else b""
            add(name, kind, None if child.deleted else child, use)
        return data

    def write_entry(self, node, length, descriptors, block=None, partition=None, file_type=None, strategy=None):
        block = node.block if block is None else block
        partition = self.meta() if partition is None else partition
        strategy = strategy or node.strategy
        icb = struct.pack("<IHHHBB6xH", 0, strategy, 0, 1, 0, file_type or node.file_type, node.ads)
        body = icb + struct.pack("<IIIHBBIQ", 0, 0, 0x14A5, 1, 0, 0, 0, length)
        if node.extended:
            body += struct.pack("<QQ", length, 0) + STAMP * 4 + struct.pack("<II", 1, 0) + bytes(32)
        else:
            body += struct.pack("<Q", 0) + STAMP * 3 + struct.pack("<I", 1) + bytes(16)
        body += entity(b"*make_iso.py") + struct.pack("<QII", 0, len(node.attributes), len(descriptors))
        body += node.attributes + descriptors
        assert len(body) + 16 <= self.size, (node.name, len(body))
        identifier = 266 if node.extended else 261
        if strategy == 4096:
            self.write_chain(node, identifier, block, partition, body)
        else:
            self.put_blocks(block, self.tagged(identifier, block, body), partition)

    def write_chain(self, node, identifier, block, partition, body):
        """An old entry with other content, a link, and the entry that is right."""
        old = body[:40] + struct.pack("<Q", 0) + body[48:]
        new = self.allocate(2, meta=True)
        link = struct.pack("<IHHHBB6xH", 0, 4096, 0, 1, 0, 3, 0) + long_ad(2 * self.size, new, partition)
        self.put_blocks(block, self.tagged(identifier, block, old), partition)
        self.put_blocks(block + 1, self.tagged(259, block + 1, link), partition)
        self.put_blocks(new, self.tagged(identifier, new, body), partition)

    # The volume.

    def finish(self, label, bridge=False, bad_main=False, bad_metadata=False):
        if self.metadata:
            self.write_metadata_files(bad_metadata)
        total = self.start + self.next + 1
        if self.packet:
            total = max([total, *(sector + self.packet + 1 for sector in self.spared.values())])
        self.recognition(bridge)
        # With sectors of 1024 bytes, the recognition area begins at 32.
        main, reserve = (80, 96) if self.size == 1024 else (32, 48)
        for base in (main, reserve):
            self.sequence(base, label, total)
        if bad_main:
            self.sectors[main + 1] = self.sectors[main + 1][:100] + b"\xee" + self.sectors[main + 1][101:]
        extents = struct.pack("<IIII", 16 * self.size, main, 16 * self.size, reserve)
        for sector in (256, total - 1):
            self.put(sector, self.tagged(2, sector, extents + bytes(480)))
        self.total = total

    def write_metadata_files(self, bad):
        text = b"".join(struct.pack("<II", count * self.size, block) for count, block in self.meta_extents)
        length = sum(count for count, _ in self.meta_extents) * self.size
        for file_type, block in zip((250, 251), self.meta_entries):
            node = Node("metadata", extended=True)
            self.write_entry(node, length, text, block, 0, file_type)
        if bad:
            sector = self.sector(self.meta_entries[0])
            self.sectors[sector] = b"\xee" * self.size

    def recognition(self, bridge):
        names = [b"BEA01", b"NSR02" if self.revision < 0x200 else b"NSR03", b"TEA01"]
        step = max(2048, self.size)
        at = 0x8000
        if bridge:
            at += 4096
            self.write_iso()
        for name in names:
            data = (b"\0" + name + b"\1").ljust(2048, b"\0")
            self.put(at // self.size, data)
            at += step

    def sequence(self, base, label, total):
        domain = entity(b"*OSTA UDF Compliant", struct.pack("<H", self.revision))
        own = entity(b"*make_iso.py")
        primary = struct.pack("<II", 1, 0) + dstring(label, 32) + struct.pack("<HHHHII", 1, 1, 2, 2, 1, 1)
        primary += dstring("0123456789abcdef", 128) + CHARSET * 2 + bytes(16) + own + STAMP + own + bytes(64)
        primary += bytes(4 + 2 + 22)
        contents = entity(b"+NSR02" if self.revision < 0x200 else b"+NSR03")
        partition = struct.pack("<IHH", 2, 1, 7) + contents + bytes(128)
        partition += struct.pack("<III", 1, self.start, self.next + 1) + own + bytes(128 + 156)
        maps = [struct.pack("<BBHH", 1, 6, 1, 7)]
        if self.packet:
            maps = [self.sparable_map()]
        if self.metadata:
            maps.append(struct.pack("<BBH", 2, 64, 0) + entity(b"*UDF Metadata Partition", struct.pack("<H", 0x250))
                        + struct.pack("<HHIIIIHB5x", 1, 7, *self.meta_entries, 0xFFFFFFFF, 32, 32, 0))
        volume = struct.pack("<I", 3) + CHARSET + dstring(label, 128) + struct.pack("<I", self.size) + domain
        volume += long_ad(self.size, self.file_set, self.meta()) + struct.pack("<II", len(b"".join(maps)), len(maps))
        volume += own + bytes(128) + struct.pack("<II", 0, 0) + b"".join(maps)
        unallocated = struct.pack("<II", 4, 0)
        # An old descriptor of the same partition, which doesn't prevail.
        old = struct.pack("<IHH", 1, 1, 7) + contents + bytes(128) + struct.pack("<III", 1, 0, 1) + bytes(316)
        # With sectors of 512 bytes, maps of 64 bytes go beyond the first of them.
        # Linux 6.1 reads the old one all the same and 7-Zip gives up, so that most images are without.
        partitions = {"none": [partition], "first": [old, partition], "last": [partition, old]}[self.old]
        descriptors = [(1, primary), *((5, body) for body in partitions), (6, volume), (7, unallocated)]
        for index, (identifier, body) in enumerate([*descriptors, (8, bytes(496))]):
            self.put(base + index, self.tagged(identifier, base + index, body))

    def sparable_map(self):
        """Two tables, of which one is older and lacks what was moved last. (Linux 6.1 takes the first.)"""
        tables = [self.start - 40, self.start - 20]
        for index, sector in enumerate(tables):
            newest = index == self.newest
            moved = list(self.spared.items())[:None if newest else -1]
            entries = moved + [(0xFFFFFFFF, 0x7FFF0000), (0xFFFFFFF0, 0x7FFF8000)]
            body = entity(b"*UDF Sparing Table", struct.pack("<H", self.revision))
            body += struct.pack("<HHI", len(entries), 0, 6 if newest else 5)
            body += b"".join(struct.pack("<II", *entry) for entry in entries)
            self.put(sector, self.tagged(0, sector, body))
        return (struct.pack("<BBH", 2, 64, 0) + entity(b"*UDF Sparable Partition", struct.pack("<H", 0x150))
                + struct.pack("<HHHBBIII8x", 1, 7, self.packet, 2, 0, self.size, *tables))

    def write_iso(self):
        """An ISO 9660 tree with nothing in it but the text that Microsoft's discs have there in its sense."""
        text = b"This disc contains a UDF file system and needs a system that reads it.\r\n"
        root, readme, table = 22, 23, 24
        self.put(root, self.record(b"\0", root, 2048, 2) + self.record(b"\1", root, 2048, 2)
                 + self.record(b"README.TXT;1", readme, len(text), 0))
        self.put(readme, text)
        self.volume(root, table, 26, b"WINDOWS")

    def write_level3(self):
        """ISO 9660 alone, with files of several extents and a directory of several sectors."""
        files = [Node("LARGE.DAT", lines("large", 900)), Node("SMALL.DAT", b"small"), Node("EMPTY", b"")]
        many = Node("MANY", children=[Node(f"FILE{n:04}.TXT", b"%d" % n) for n in range(120)])
        next_ = 40

        def store(data):
            nonlocal next_
            at = next_
            self.put(at, data)
            next_ += -(-len(data) // 2048) + 1
            return at

        def sectors(records):
            out = b""
            for record in records:
                room = 2048 - len(out) % 2048
                out += (bytes(room) if len(record) > room else b"") + record
            return out.ljust(-(-len(out) // 2048) * 2048, b"\0")

        def records(node):
            name = (node.name + ("" if "." in node.name else ".") + ";1").encode()
            pieces = [node.data[at:at + 4096] for at in range(0, len(node.data), 4096)] or [b""]
            for index, piece in enumerate(pieces):
                yield self.record(name, store(piece), len(piece), 0x80 if index + 1 < len(pieces) else 0)

        root_at, many_at = 20, 24
        inner = [record for child in many.children for record in records(child)]
        length = len(sectors([self.record(b"\0", many_at, 0, 2), self.record(b"\1", root_at, 0, 2), *inner]))
        self.put(many_at, sectors([self.record(b"\0", many_at, length, 2), self.record(b"\1", root_at, 2048, 2), *inner]))
        outer = [record for child in files for record in records(child)]
        outer.append(self.record(b"MANY", many_at, length, 2))
        self.put(root_at, sectors([self.record(b"\0", root_at, 2048, 2), self.record(b"\1", root_at, 2048, 2), *outer]))
        self.total = next_
        self.volume(root_at, 30, next_, b"LEVEL3")
        return Node("", children=[*files, many])

    @staticmethod
    def record(name, sector, length, flags):
        body = bytes([0]) + both(sector) + both(length) + bytes([116, 7, 16, 13, 6, 5, 0])
        body += bytes([flags, 0, 0]) + both16(1) + bytes([len(name)]) + name + (b"" if len(name) % 2 else b"\0")
        return bytes([len(body) + 1]) + body

    def volume(self, root, table, sectors, label):
        self.put(table, struct.pack("<BBIH", 1, 0, root, 1) + b"\0\0")
        self.put(table + 1, struct.pack(">BBIH", 1, 0, root, 1) + b"\0\0")
        volume = b"\1CD001\1\0" + b" " * 32 + label.ljust(32) + bytes(8) + both(sectors) + bytes(32)
        volume += both16(1) + both16(1) + both16(2048) + both(10) + struct.pack("<II", table, 0)
        volume += struct.pack(">II", table + 1, 0) + self.record(b"\0", root, 2048, 2)
        volume += b" " * 623 + (b"2016071613060500\0" * 2) + (b"0" * 16 + b"\0") * 2 + b"\1\0"
        self.put(16, volume.ljust(2048, b"\0"))
        self.put(17, b"\xffCD001\1".ljust(2048, b"\0"))

    def save(self, path):
        with open(path, "wb") as file:
            for sector, data in sorted(self.sectors.items()):
                file.seek(sector * self.size)
                file.write(data)
            file.truncate(self.total * self.size)


def lines(name, count):
    return "".join(f"{name}: line {n}\n" for n in range(count)).encode()


def holes(data, pieces):
    """The data with zeros where the pieces have holes."""
    out, at = b"", 0
    for piece in pieces:
        out += bytes(-piece) if piece < 0 else data[at:at + piece]
        at += abs(piece)
    return out


def traits(size, long_=False):
    """Files of all kinds, for blocks of `size` bytes."""
    ads = LONG if long_ else SHORT
    pieces = [size * 2, -size * 3, size, -size, size * 2, 77]
    data = holes(lines("pieces", 1200), pieces)
    many = [size] * 13 + [5]
    return Node("", children=[
        Node("NanoServer", ads=ads if not long_ else SHORT, children=[
            Node("NanoServer.wim", lines("wim", 200), ads=ads),
            Node("Packages", children=[Node("P.cab", lines("cab", 20), ads=LONG, extended=True)]),
        ]),
        Node("embedded", b"within the entry", ads=EMBEDDED),
        Node("embedded, extended", b"within the extended entry", ads=EMBEDDED, extended=True, attributes=bytes(24)),
        Node("pieces", data, ads=ads, pieces=pieces),
        Node("pieces, long", data, ads=LONG, pieces=pieces, extended=True),
        Node("areas", lines("areas", 9000)[:sum(many)], ads=ads, pieces=many, per_area=3),
        Node("areas, long", lines("areas", 9000)[:sum(many)], ads=LONG, pieces=many, per_area=4),
        Node("hidden", b"hidden", ads=EMBEDDED, hidden=True),
        Node("deleted", deleted=True),
        Node(b"\xff" + bytes(8), deleted=True),
        Node("empty"),
        Node("n" * 254, b"254 characters", ads=EMBEDDED),
        Node("語" * 127, b"127 characters", ads=EMBEDDED),
        Node("日本語 😀", b"surrogate pair", ads=EMBEDDED),
        Node("lone \ud800 surrogate", b"lone", ads=EMBEDDED, shown="lone \ufffd surrogate"),
        Node("é", b"Latin-1", ads=EMBEDDED),
        Node("Case", b"upper", ads=EMBEDDED),
        Node("case", b"lower", ads=EMBEDDED),
        Node("..", b"dots", ads=EMBEDDED, shown="\ufffd\ufffd"),
        Node("a/b\\c:d\0e", b"separators", ads=EMBEDDED, shown="a\ufffdb\ufffdc\ufffdd\ufffde"),
        Node("directory, embedded", ads=EMBEDDED, children=[Node("in it", b"x", ads=EMBEDDED)]),
        Node("directory, in pieces", pieces=None, children=[
            Node(f"a name of some length {n}", b"%d" % n, ads=EMBEDDED) for n in range(14)]),
        Node("link", b"\x05\x00\x00\x00", ads=EMBEDDED, file_type=12),
    ])


def simple():
    return Node("", children=[
        Node("NanoServer", children=[
            Node("NanoServer.wim", lines("wim", 9000)),
            Node("Packages", children=[Node(f"Package {n}.cab", lines("cab", n)) for n in range(40)]),
        ]),
        Node("sources", children=[Node("install.wim", lines("install", 3000))]),
    ])


def long_for_files(node):
    """In a metadata partition, short descriptors can't lead out of it."""
    if node.children is None and node.ads == SHORT:
        node.ads = LONG
    for child in node.children or []:
        long_for_files(child)


def main(variant, output):
    root = simple()
    if variant == "torture":
        root = traits(512)
        disc = Disc(size=512, revision=0x201)
        disc.write_tree(root)
        disc.finish("Torture 日本語")
    elif variant in ("metadata", "metadata-mirror"):
        root = traits(2048)
        long_for_files(root)
        disc = Disc(size=2048, revision=0x260, metadata=(40, 60))
        disc.write_tree(root)
        disc.finish("METADATA", bad_metadata=variant == "metadata-mirror")
    elif variant == "small":
        # With a metadata partition, within 200 KiB.
        root = Node("", children=[
            Node("NanoServer", children=[Node("NanoServer.wim", lines("wim", 90), ads=LONG, pieces=[512, -512, 513])]),
            Node("areas", lines("areas", 200), ads=LONG, pieces=[512] * 4 + [3], per_area=2),
            Node("embedded", b"in the entry", ads=EMBEDDED, extended=True),
        ])
        root.children[0].children[0].data = holes(lines("wim", 200), [512, -512, 513])
        root.children[1].data = lines("areas", 200)[:4 * 512 + 3]
        disc = Disc(size=512, revision=0x260, metadata=(8, 14))
        disc.write_tree(root)
        disc.finish("SMALL")
    elif variant == "small-sparable":
        root = Node("", children=[
            Node("NanoServer", children=[Node("NanoServer.wim", lines("wim", 400))]),
            Node("embedded", b"in the entry", ads=EMBEDDED),
        ])
        disc = Disc(size=512, revision=0x201, packet=4, start=300)
        disc.spared, disc.newest = {0: 360, 4: 364, 12: 368}, 1
        disc.write_tree(root)
        disc.next = 48
        disc.finish("SMALL SPARABLE")
    elif variant == "sparable":
        disc = Disc(size=2048, revision=0x150, packet=16, start=320)
        disc.spared = {0: 700, 32: 740}
        disc.write_tree(root)
        disc.next = 200
        disc.finish("SPARABLE")
    elif variant == "strategy":
        for node in (root, root.children[0], root.children[0].children[0]):
            node.strategy = 4096
        disc = Disc(size=1024, revision=0x102)
        disc.write_tree(root)
        disc.old = "first"
        disc.finish("STRATEGY")
    elif variant == "reserve":
        disc = Disc(size=4096, revision=0x201)
        disc.old = "last"
        disc.write_tree(root)
        disc.finish("RESERVE", bad_main=True)
    elif variant == "windows":
        disc = Disc(size=2048, revision=0x102)
        disc.write_tree(root)
        disc.finish("SSS_X64FREV_EN-US_DV9", bridge=True)
    elif variant == "big":
        # As genisoimage writes it: extents of a block less than 1 GiB. Each begins with its number.
        big = Node("NanoServer big.wim", b"", pieces=[(1 << 30) - 2048] * 5 + [12345])
        root.children.append(big)
        disc = Disc(size=2048, revision=0x102)
        disc.write_tree(root)
        for index, (_, block, _) in enumerate(big.extents):
            disc.put_blocks(block, b"extent %d" % index)
        disc.finish("BIG", bridge=True)
        big.data = None
    elif variant == "level3":
        disc = Disc()
        root = disc.write_level3()
    else:
        sys.exit(f"no variant {variant}")
    disc.save(output)
    with open(output.rsplit(".", 1)[0] + ".txt", "w") as listing:
        listing.write("\n".join(sorted(describe(root), key=lambda line: line.split(" ", 3)[3])) + "\n")


def describe(node, path=""):
    for child in node.children:
        if child.deleted or child.file_type == 12:
            continue
        name = path + child.shown
        if child.children is not None:
            yield f"- - - {name}/"
            yield from describe(child, name + "/")
        elif child.data is not None:
            yield f"{hashlib.sha256(child.data).hexdigest()} {len(child.data)} {TIME} {name}"


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
