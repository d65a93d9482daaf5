#!/usr/bin/env python3
"""Writes plain WIMs with everything that an NTFS volume may have to hold.

    make_torture.py [--scale N] [--large] OUT.wim          every odd case there is, in one image
    make_torture.py --random SEED [--count N] OUT          a random tree; with --count, trees of N seeds
                                                           that follow each other, OUT being a folder

--scale multiplies the cases that are about mere numbers: 1 (usual) stands for 1,000 entries in a
directory, 50 names of a file, 200 security descriptors and so on, 100 for 100,000, 5,000 and 20,000.
A file gets at most 4,000 streams or 7,001 names and a path 1,000 directories. --large adds a file of more than 4 GiB; in the
WIM it is a hole.

What lies where is told in testdata/README.md. What NTFS can't keep is below `/lost` and nowhere else.
The random trees hold nothing that can't be kept. The same arguments give the same bytes.
"""
import argparse
import os
import struct

import content
import descriptors
import wim_writer
from make_media import RELEASE, Builder, add_names, add_shapes, identifier
from wim_writer import (ARCHIVE, COMPRESSED, DEVICE, ENCRYPTED, HIDDEN, INTEGRITY, NO_SCRUB, NORMAL, NOT_INDEXED,
                        OFFLINE, PINNED, READONLY, RECALL_ON_ACCESS, RECALL_ON_OPEN, SPARSE, SYSTEM, TEMPORARY,
                        UNPINNED, VIRTUAL, Node, Tree, Zeros, units)

# Bits that a volume keeps: of files and, but for the last, of directories.
KEPT = (READONLY, HIDDEN, SYSTEM, ARCHIVE, TEMPORARY, OFFLINE, NOT_INDEXED, NO_SCRUB, PINNED, UNPINNED,
        RECALL_ON_ACCESS, COMPRESSED, SPARSE)
LOST = (DEVICE, INTEGRITY, VIRTUAL, RECALL_ON_OPEN, 0x8, 0x200000, 0x10000000, 0x20000000, 0x80000000)

# Microsoft's tags of [MS-FSCC] 2.1.2.1 and some that are not theirs: those have a GUID ahead of their data.
SYMLINK, JUNCTION, WOF = 0xA000000C, 0xA0000003, 0x80000017
MICROSOFT_TAGS = (0x80000005, 0x80000006, 0x80000007, 0x80000008, 0x80000009, 0x8000000A, 0x8000000B, 0x80000012,
                  0x80000013, 0x80000014, 0x80000015, 0x80000016, WOF, 0x80000018, 0xA0000019, 0x9000001A, 0x9000101A,
                  0x9000F01A, 0x8000001B, 0x9000001C, 0xA000001D, 0x8000001E, 0x8000001F, 0xA0000022, 0x80000023,
                  0x80000024, 0x80000025, 0x80000026, 0xA0000027, 0xC0000004, 0xC0000014, 0x8000FFFF)
OTHER_TAGS = (0x00000005, 0x00000042, 0x20000042, 0x0000FFFF)
MAX_REPARSE = 16384 - 8


def point_data(tag, size, random):
    """Data for a reparse point: a GUID first where the tag asks for one."""
    return random.bytes(max(size, 0 if tag & 0x80000000 else 16))


def symlink(target, relative=True):
    printed = target.encode("utf-16-le")
    return SYMLINK, 0, struct.pack("<HHHHI", 0, len(printed), 0, len(printed), int(relative)) + printed


def extended(random, count, size):
    """Extended attributes with names as Windows allows them."""
    return [(0x80 if random.below(4) == 0 else 0, b"ATTRIBUTE.%d" % n, random.bytes(random.below(size + 1)))
            for n in range(count)]


class Torture(Builder):
    """The image with every case; `scale` times a number where numbers are the case."""

    def __init__(self, scale):
        super().__init__("torture")
        self.scale = scale

    def times_of(self, number, most=1 << 30):
        return min(max(int(number * self.scale), 1), most)

    def add(self, path, data=b"", attributes=ARCHIVE):
        return self.file(path, data, "inherited file", attributes)


def add_many_streams(b):
    base = "/streams/"
    random = content.Random("torture streams")
    node = b.add(base + "many.txt", b"a file with very many streams\r\n")
    node.streams = [("stream %d" % i, random.bytes(i * 37 % 1500)) for i in range(b.times_of(100, 4000))]
    node = b.add(base + "long names.txt", b"names of 255 units\r\n")
    node.streams = [("%03d" % i + "長" * 252, b"%d" % i) for i in range(40)]
    node = b.add(base + "large.txt", b"")
    node.streams = [("empty", b""), ("large", random.bytes(700_000)), ("resident", b"r" * 300), ("zeros", bytes(9000))]
    node = b.directory(base + "directory")
    node.streams = [("stream %d" % i, random.bytes(i * 200)) for i in range(50)]
    for number in range(30):
        b.add("%sdirectory/beside the streams %02d.txt" % (base, number), b"x")
    # The records after the root's belong to system files, so those that its streams need lie elsewhere.
    b.tree.root.streams = [("of the root %d" % i, b"the root directory may have streams too" * i) for i in range(40)]
    link = b.add(base + "link", b"")
    link.reparse, link.streams = symlink("many.txt"), [("of a link", b"a link with a stream" * 50)]
    link = b.directory(base + "junction")
    link.reparse = (JUNCTION, 0, random.bytes(80))
    link.streams = [("of a junction", b"a junction with a stream")]
    lone = b.add(base + "names.txt", b"odd stream names\r\n")
    lone.streams = [("\ud800 lone", b"1"), ("dots...", b"2"), (" spaces ", b"3"), ("$DATA", b"4"), ("ß", b"5")]


def add_many_points(b):
    base = "/reparse/"
    random = content.Random("torture reparse")
    for number, tag in enumerate(MICROSOFT_TAGS + OTHER_TAGS):
        node = b.add("%sfile %08x" % (base, tag), b"data of a file with a reparse point" * (number % 3 * 40))
        node.reparse = (tag, number * 257 & 0xFFFF, point_data(tag, number * 29, random))
        node = b.directory("%sdirectory %08x" % (base, tag))
        node.reparse = (tag, 0, point_data(tag, 40, random))
    for size in (0, 1, 7, 8, 9, 600, 700, 4096, MAX_REPARSE):
        b.add("%ssize %d" % (base, size)).reparse = (0x80000024, 0, random.bytes(size))
    b.add(base + "only a guid").reparse = (0x42, 0, random.bytes(16))
    # As the files of a compact system are: the data are in a stream, the unnamed stream has holes only.
    node = b.add(base + "compact.exe", bytes(50_000), ARCHIVE | SPARSE)
    node.reparse = (WOF, 0, struct.pack("<IIII", 1, 2, 1, 0))
    node.streams = [("WofCompressedData", random.bytes(20_000))]
    for number in range(b.times_of(60)):
        b.add("%smany/link %d" % (base, number)).reparse = symlink("..\\file %d" % number)


def add_short_names(b):
    base = "/short names/"
    for number in range(b.times_of(40)):
        path = "%sA name that is longer than eight letters %d.html" % (base, number)
        b.add(path, b"%d" % number)
        b.tree.short_name(path, "ANAM~%d.HTM" % number if number < 100 else "A~%06X.HTM" % number)
    # One of two names has a short one; the other is short itself.
    node = b.add(base + "links/FIRST.TXT", b"one file, two names\r\n")
    b.tree.add(base + "links/the second name.txt", node)
    b.tree.short_name(base + "links/the second name.txt", "THESEC~1.TXT")
    b.add(base + "lower.txt", b"lower")
    b.tree.short_name(base + "lower.txt", "LOWER~1.TXT")
    b.directory(base + "a directory with a long name")
    b.tree.short_name(base + "a directory with a long name", "ADIREC~1")
    for name in ("NOTHING.TXT", "nothing.txt", "Nothing.Txt"):
        b.add(base + "twins/" + name, name.encode())


def add_object_ids(b):
    random = content.Random("torture object ids")
    for number in range(b.times_of(60)):
        path = "/object ids/%d" % number
        node = b.add(path, b"has an object id") if number % 3 else b.directory(path)
        node.object_id = random.bytes(64)


def add_extended(b):
    base = "/extended attributes/"
    random = content.Random("torture extended attributes")
    b.add(base + "one", b"x").extended = [(0, b"$KERNEL.PURGE.ESBCACHE", random.bytes(60))]
    b.add(base + "needed", b"x").extended = [(0x80, b"NEEDED", b"v"), (0, b"NOT.NEEDED", b""), (0x80, b"A", b"abc")]
    b.add(base + "empty file").extended = [(0, b"X" * 255, b"the longest name")]
    b.add(base + "sizes").extended = [(0, b"SIZE%d" % n, random.bytes(n)) for n in range(40)]
    # In all 65,528 bytes, the most that fit.
    b.add(base + "large").extended = [(0, b"ONE", random.bytes(65_500)), (0, b"TWO", b"12")]
    b.directory(base + "directory").extended = extended(random, 9, 200)
    b.add(base + "directory/inside").extended = extended(random, 3, 900)
    link = b.add(base + "link")
    link.reparse, link.extended = symlink("one"), [(0, b"LXUID", bytes(4))]
    node = b.add(base + "special file")
    node.reparse, node.extended = (0x80000024, 0, b""), [(0, b"$LXMOD", bytes(4)), (0, b"$LXUID", bytes(4))]
    node = b.add(base + "with everything", random.bytes(5000), ARCHIVE | COMPRESSED)
    node.extended, node.object_id = extended(random, 30, 100), random.bytes(64)
    node.streams = [("stream %d" % i, random.bytes(300)) for i in range(20)]
    for number in range(60):
        b.tree.add("%slinks/one of many names of the file with everything %02d" % (base, number), node)


def add_marks(b):
    base = "/attributes/"
    random = content.Random("torture attributes")
    for bit in KEPT:
        b.add("%s%07x.txt" % (base, bit), b"attribute %x\r\n" % bit, bit)
        b.add("%slarge %07x.txt" % (base, bit), random.bytes(70_001), bit | ARCHIVE)
        if bit != SPARSE:
            b.directory("%sdirectory %07x" % (base, bit), "inherited directory", bit)
            b.add("%sdirectory %07x/inside" % (base, bit), b"inside")
    everything = 0
    for bit in KEPT:
        everything |= bit
    b.add(base + "all", random.bytes(5000), everything)
    b.directory(base + "all of a directory", "inherited directory", everything & ~SPARSE)
    # Compression units have sixteen clusters; sizes around clusters, units and what a record holds.
    for name, bits in (("compressed", COMPRESSED), ("sparse", SPARSE), ("both", COMPRESSED | SPARSE)):
        for size in (0, 1, 600, 800, 4095, 4096, 4097, 65535, 65536, 65537, 200_000):
            data = bytes(size) if size % 4096 == 1 else random.bytes(size)
            node = b.add("%s%s/%d.bin" % (base, name, size), data, bits | ARCHIVE)
            if size % 2:
                node.streams = [("plain", random.bytes(size))]
        b.tree.add("%s%s/second name.bin" % (base, name), b.tree.get("%s%s/4097.bin" % (base, name)))
    b.add(base + "compressed/many streams.bin", random.bytes(70_000), COMPRESSED).streams = [
        ("stream %d" % i, random.bytes(400)) for i in range(30)]


def add_depth(b):
    b.add("/deep/" + "d/" * b.times_of(100, 1000) + "bottom.txt", b"at the bottom\r\n")
    b.add("/long/" + "/".join("%02d %s" % (i, "l" * 200) for i in range(20)) + "/bottom.txt", b"a path of 4,000 units")


def add_links(b):
    node = b.add("/links/a file with very many names.txt", b"one file\r\n" * 600)
    for number in range(b.times_of(25, 3500)):
        b.tree.add("/links/%d of many names in one directory" % number, node)
        b.tree.add("/links/%d/%d of many in others" % (number % 50, number), node)


def add_numbers(b):
    for number in range(b.times_of(1000)):
        b.add("/many/%06d of many entries in a directory.txt" % number, b"%d" % number if number % 9 == 0 else b"")
    for number in range(b.times_of(200)):
        sd = descriptors.descriptor(descriptors.service(number), descriptors.ADMINISTRATORS, descriptors.acl(
            [descriptors.ace(0, 0, descriptors.FULL, descriptors.service(number + k)) for k in range(number % 4)]))
        b.add("/security/%05d.txt" % number).security = sd


def add_times(b):
    for name, times in (("zero", (0, 0, 0)), ("one", (1, 2, 3)), ("unix", (116444736000000000,) * 3),
                        ("before unix", (116444735999999999, 116444000000000001, 100000000000000007)),
                        ("last", (2 ** 63 - 1, 2 ** 63 - 2, 2 ** 63 - 3))):
        b.add("/times/%s.txt" % name, b"times").times = times


def add_lost(b):
    for bit in LOST:
        b.add("/lost/file %08x" % bit, b"lost", bit | ARCHIVE)
        b.directory("/lost/directory %08x" % bit, "inherited directory", bit)
    for bit in (SPARSE, ENCRYPTED):
        b.directory("/lost/directory %x" % bit, "inherited directory", bit)
    # No descriptor, and two short names for one file.
    b.add("/lost/no descriptor").security = None
    node = b.add("/lost/a file with a long name", b"x")
    b.tree.add("/lost/another of its names", node)
    b.tree.short_name("/lost/a file with a long name", "AFILEW~1")
    b.tree.short_name("/lost/another of its names", "ANOTHE~1")
    # Of an object id alone a volume tells the birth too.
    b.add("/lost/short object id").object_id = bytes(range(16))
    b.add("/lost/no attributes", b"x", 0)


def add_large(b):
    b.add("/large/more than 4 GiB.bin", Zeros(2 ** 32 + 4097), SPARSE | COMPRESSED | ARCHIVE)


def torture(scale, large):
    b = Torture(scale)
    for step in (add_names, add_shapes, add_many_streams, add_many_points, add_short_names, add_object_ids, add_extended,
                 add_marks, add_depth, add_links, add_numbers, add_times, add_lost):
        step(b)
    if large:
        add_large(b)
    return b.tree


class RandomTree:
    """A tree with a bit of everything, as the seed wants it."""

    LETTERS = ["a", "B", "z", "9", " ", ".", "-", "é", "ß", "ſ", "İ", "я", "文", "\U0001F5A5", "\uffff", "%", "&",
               "[", "*", "?", "\t"]
    LONE_SURROGATES = ["\ud83d", "\udc00"]

    def __init__(self, seed):
        self.random = content.Random("random tree %s" % seed)
        self.number = 0
        self.tree = Tree(self.node(None), lambda path: self.node(None))
        self.tree.root.links = 1
        self.directories = [("", self.tree.root)]
        self.files = []
        self.short_names = set()

    def chance(self, one_in):
        return self.random.below(one_in) == 0

    def time(self):
        if self.chance(20):
            return self.random.pick([0, 1, 2 ** 63 - 1, RELEASE])
        return RELEASE + int.from_bytes(self.random.bytes(6), "little")

    def security(self):
        library = list(descriptors.LIBRARY.values())
        if self.chance(3):
            entries = [descriptors.ace(0, 0, self.random.below(1 << 16), descriptors.service(self.random.below(300)))
                       for _ in range(self.random.below(12))]
            return descriptors.descriptor(descriptors.service(self.random.below(300)), descriptors.USERS,
                                          descriptors.acl(entries))
        return self.random.pick(library)

    def attributes(self, directory):
        bits = 0
        for bit in KEPT:
            if self.chance(12) and not (directory and bit == SPARSE):
                bits |= bit
        # A file without attributes comes back as one that says so.
        return bits or (0 if directory else NORMAL)

    def size(self):
        random = self.random
        if self.chance(4):
            return random.pick([0, 1, 8, 511, 512, 690, 720, 4095, 4096, 4097, 65535, 65536, 65537, 131072])
        return random.below(random.pick([10, 800, 5000, 5000, 80_000]))

    def data(self):
        size = self.size()
        return bytes(size) if self.chance(8) else self.random.bytes(size)

    def name(self, most=255):
        """A name that is not an 8.3 name to be (no tilde) and differs from all others in more than case."""
        self.number += 1
        tail = "%x" % self.number
        length = self.random.pick([1, 3, 8, 20, 100, most]) - len(tail)
        name = "".join(self.random.pick(self.LETTERS) for _ in range(max(length, 0)))
        if self.chance(25):
            name += self.random.pick(self.LONE_SURROGATES)
        while len(units(name)) > 2 * (most - len(tail)):
            name = name[:-1]
        return name + tail

    def node(self, data):
        node = Node(data=data, attributes=self.attributes(data is None), times=tuple(self.time() for _ in range(3)),
                    security=self.security())
        if self.chance(6):
            node.streams = [(self.name(60), self.data()) for _ in range(self.random.pick([1, 1, 2, 5, 40]))]
        if self.chance(12):
            node.object_id = self.random.bytes(64)
        if self.chance(8):
            node.extended = extended(self.random, self.random.pick([1, 2, 9]), self.random.pick([20, 500, 5000]))
        return node

    def reparse(self, node):
        random = self.random
        tag = random.pick(MICROSOFT_TAGS + OTHER_TAGS + (SYMLINK, JUNCTION))
        if tag in (SYMLINK, JUNCTION):
            node.reparse = symlink("..\\" + "x" * random.below(50))
        else:
            node.reparse = (tag, random.below(1 << 16), point_data(tag, random.below(random.pick([30, 900, 9000])), random))
        if node.attributes == NORMAL:
            node.attributes = ARCHIVE

    def enter(self, node, name):
        path, directory = self.random.pick(self.directories)
        if name in directory.entries:
            return None
        self.tree.add(path + "/" + name, node)
        if node.links == 1 and self.chance(5):
            self.number += 1
            directory.short_names[name] = "S~%X" % self.number + self.random.pick(["", ".T", ".TXT"])
            self.short_names.add(id(node))
        return path + "/" + name

    def grow(self, names):
        for _ in range(names):
            kind = self.random.below(10)
            if kind < 2:
                node = self.node(None)
                path = self.enter(node, self.name())
                if self.chance(5):
                    self.reparse(node)
                else:
                    self.directories.append((path, node))
            elif kind < 4 and self.files:
                for _ in range(self.random.pick([1, 1, 2, 30])):
                    self.enter(self.random.pick(self.files), self.name())
            else:
                node = self.node(self.data())
                self.enter(node, self.name())
                if self.chance(8):
                    self.reparse(node)
                else:
                    self.files.append(node)
        self.twins()
        return self.tree

    def twins(self):
        """Names that differ in case only."""
        for twin in ("Twin name", "twin name", "TWIN NAME"):
            self.enter(self.node(self.data()), twin)


def write(tree, path, name):
    directories, files, total, linked = tree.statistics()
    xml = "<DIRCOUNT>%d</DIRCOUNT><FILECOUNT>%d</FILECOUNT><TOTALBYTES>%d</TOTALBYTES><HARDLINKBYTES>%d" \
          "</HARDLINKBYTES><NAME>%s</NAME>" % (directories, files, total, linked, name)
    # In the order of their digests, so that the order of the volume has nothing to do with that of the tree.
    wim_writer.write(path, [(tree, xml)], identifier(name), blob_order=lambda sha1: sha1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--random", type=int, metavar="SEED")
    parser.add_argument("--count", type=int)
    parser.add_argument("output")
    args = parser.parse_args()
    if args.random is None:
        write(torture(args.scale, args.large), args.output, "torture")
        return
    for seed in range(args.random, args.random + (args.count or 1)):
        path = os.path.join(args.output, "%d.wim" % seed) if args.count else args.output
        write(RandomTree(seed).grow(120), path, "random %d" % seed)


if __name__ == "__main__":
    main()
