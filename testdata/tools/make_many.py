#!/usr/bin/env python3
"""Writes a plain WIM of very many small files, for measuring how time and memory grow with their number.

    make_many.py COUNT OUT.wim

COUNT files, a sixteenth as many hard links, and about a twelfth as many directories, in the proportions of a
Windows tree: a component store of many small folders, three flat folders that each hold a sixteenth of all
(so 62,500 of a million), and programs in folders of up to 200 files, some of them deep. Names have 5 to 120
units, some beyond ASCII, and one in eight a short name too. A third of the contents are shared, most are
so small that they lie in their file's record, and one file in twenty is empty. COUNT / 500 and some more
security descriptors. The same COUNT gives the same bytes.

Unlike wim_writer.py this keeps no tree: an entry's bytes are made at once, and all that is filled in later is
where the entries of a directory lie. A million files take a minute and about 1.5 GB of memory.
"""
import argparse
import hashlib
import struct

import descriptors
from content import WORDS
from make_media import RELEASE, identifier
from wim_writer import (ARCHIVE, DIRECTORY, HEADER_SIZE, HIDDEN, METADATA_FLAG, READONLY, VERSION, ZERO_HASH,
                        resource, security_block)

FIXED = struct.Struct("<QIiQQQQQQ20sIQHHH")
LANGUAGES = ["en-us", "de-de", "ja-jp", "none", "none", "none"]
# Letters that fold outside ASCII, that fold to nothing else, and that take two units.
BEYOND = ["ü", "É", "я", "Ω", "日本", "ß", "\U0001f4be"]
SUFFIXES = ["dll", "sys", "exe", "DLL", "mui", "inf", "cat", "manifest", "xml", "txt", "h", "psd1"]
POOL = hashlib.shake_128(b"nanovhd test data many").digest(1 << 16)
# Half an hour's worth of times, so that they differ and are plausible.
SPAN = 1800 * 10_000_000


class Numbers:
    """A plain linear congruential generator: fast, and the same with every Python version."""

    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
        return (self.state >> 33) % limit


class Contents:
    """The blobs: their bytes go to the file at once."""

    def __init__(self, out, numbers):
        self.out, self.numbers = out, numbers
        self.at = HEADER_SIZE
        self.known = []                   # [digest, size]
        self.entries = []                 # [size, offset, references]

    def size(self):
        kind = self.numbers.below(20)
        if kind < 12:
            return 8 + self.numbers.below(560)
        return 600 + self.numbers.below(2400) if kind < 19 else 4096 + self.numbers.below(12_000)

    def take(self):
        """The number of a content, new or known, or None for the empty one."""
        kind = self.numbers.below(60)
        if kind < 3:
            return None
        if kind < 20 and self.known:
            # Most that are shared are shared by few; every eighth is one of the first hundred.
            few = self.numbers.below(8)
            number = self.numbers.below(len(self.known) if few else min(len(self.known), 100))
            return self.again(number)
        start = self.numbers.below(len(POOL) - 16_384)
        data = struct.pack("<Q", len(self.known)) + POOL[start:start + self.size() - 8]
        self.out.write(data)
        self.known.append((hashlib.sha1(data).digest(), len(data)))
        self.entries.append([len(data), self.at, 1])
        self.at += len(data)
        return len(self.known) - 1

    def again(self, number):
        if number is not None:
            self.entries[number][2] += 1
        return number

    def table(self):
        for (digest, _), (size, offset, references) in zip(self.known, self.entries):
            yield resource(size, 0, offset) + struct.pack("<HI", 1, references) + digest


class Directory:
    """A directory's entries, by the units of their names; where its subdirectories are is filled in at the end."""

    def __init__(self):
        self.entries = []                 # (name as UTF-16LE, bytes, Directory or None)


class Image:
    def __init__(self, count, out):
        self.numbers = Numbers(count)
        self.contents = Contents(out, self.numbers)
        self.descriptors = self.make_descriptors(count)
        self.directories = [Directory()]
        self.files = self.links = self.names = self.total = self.linked = self.groups = 0

    def make_descriptors(self, count):
        usual = [descriptors.LIBRARY[name] for name in ("system file", "system directory", "inherited file", "private")]
        own = [descriptors.descriptor(who, who, descriptors.acl([descriptors.ace(descriptors.ALLOW, 0, 0x1F01FF, who)]))
               for who in (descriptors.sid(5, 80, 7, number) for number in range(count // 500))]
        return usual + own

    def word(self):
        return WORDS[self.numbers.below(len(WORDS))]

    def name(self, words):
        """A name that no other has, whatever the case."""
        self.names += 1
        parts = [self.word() for _ in range(words)]
        if self.numbers.below(64) == 0:
            parts.append(BEYOND[self.numbers.below(len(BEYOND))])
        style = self.numbers.below(3)
        if style == 0:
            parts = [part.title() for part in parts]
        text = ("-" if style else "").join(parts) + "%x" % self.names
        return text.upper() if self.numbers.below(10) == 0 else text

    def times(self):
        created = RELEASE + self.numbers.below(SPAN)
        return created, created + self.numbers.below(SPAN), created - self.numbers.below(SPAN)

    def security(self):
        number = self.numbers.below(4 * len(self.descriptors))
        return number if number < len(self.descriptors) else number % 4

    def enter(self, parent, name, *, attributes, content=None, group=0, below=None, facts=None):
        digest, size = self.contents.known[content] if content is not None else (ZERO_HASH, 0)
        raw = name.encode("utf-16-le")
        short = ("%s~%X.%s" % (name[0].upper() if name[0].isascii() else "U", self.names % 0xFFFF, "TMP")
                 if len(name) > 12 and self.numbers.below(8) == 0 else "").encode("utf-16-le")
        text = raw + b"\0\0" + (short + b"\0\0" if short else b"")
        length = (FIXED.size + len(text) + 7) & ~7
        security, times = facts or (self.security(), self.times())
        fixed = FIXED.pack(length, attributes, security, 0, 0, 0, *times, digest, 0, group, 0, len(short), len(raw))
        parent.entries.append((raw, (fixed + text).ljust(length, b"\0"), below))
        self.total += size
        return size

    def directory(self, parent, name):
        child = Directory()
        self.directories.append(child)
        self.enter(parent, name, attributes=DIRECTORY, below=child)
        return child

    def file(self, parent, name, links=()):
        """A file, and a hard link to it in each of the folders `links`."""
        attributes = (ARCHIVE, ARCHIVE, ARCHIVE | READONLY, ARCHIVE | HIDDEN)[self.numbers.below(4)]
        content = self.contents.take()
        group = 0
        if links:
            self.groups += 1
            group = self.groups
        facts = self.security(), self.times()
        self.enter(parent, name, attributes=attributes, content=content, group=group, facts=facts)
        self.files += 1
        for link in links:
            self.contents.again(content)
            self.links += 1
            self.linked += self.enter(link, name, attributes=attributes, content=content, group=group, facts=facts)

    def grow(self, count):
        root = self.directories[0]
        windows = self.directory(root, "Windows")
        system32 = self.directory(windows, "System32")
        store = self.directory(windows, "WinSxS")
        flat = [self.directory(store, "Manifests"), self.directory(self.directory(system32, "CatRoot"), "Catalogs"),
                self.directory(windows, "Installer")]
        for folder in flat:
            for _ in range(count // 16):
                self.file(folder, self.name(1 + self.numbers.below(6)) + "." + SUFFIXES[self.numbers.below(12)])
        half = self.files + count // 2
        while self.files < half:
            component = self.directory(store, "amd64_microsoft-windows-%s_31bf3856ad364e35_10.0.14393.0_%s_%016x" % (
                self.name(2).lower(), LANGUAGES[self.numbers.below(6)], self.numbers.state))
            for _ in range(min(1 + self.numbers.below(12), half - self.files)):
                name = self.name(1) + "." + SUFFIXES[self.numbers.below(6)]
                self.file(component, name, [system32] if self.numbers.below(8) == 0 else ())
        self.programs(self.directory(root, "Program Files"), count)

    def programs(self, root, count):
        """Folders in folders: a new one lies in the last one, one of the last few, or any."""
        folders = [root]
        while self.files < count:
            near = self.numbers.below(3)
            back = 1 + self.numbers.below(len(folders) if near == 0 else min(len(folders), 1 if near == 1 else 9))
            folder = self.directory(folders[-back], self.name(1))
            folders.append(folder)
            if len(folders) % 60 == 0:
                folders.append(root)
            for _ in range(min(self.numbers.below(self.numbers.below(200) + 1), count - self.files)):
                self.file(folder, self.name(1 + self.numbers.below(3)) + "." + SUFFIXES[self.numbers.below(12)])

    def metadata(self):
        """Security data, the root, then the entries of each directory with a mark behind them."""
        out = bytearray(security_block(self.descriptors))
        root_at = len(out)
        length = (FIXED.size + 7) & ~7
        out += FIXED.pack(length, DIRECTORY, 1, 0, 0, 0, *self.times(), ZERO_HASH, 0, 0, 0, 0, 0).ljust(length, b"\0")
        out += bytes(8)
        places = {}
        waiting = [(self.directories[0], root_at)]
        while waiting:
            directory, entry_at = waiting.pop()
            if not directory.entries and entry_at != root_at:
                continue
            places[entry_at] = len(out)
            below = []
            for _, data, child in sorted(directory.entries, key=lambda entry: entry[0]):
                if child:
                    below.append((child, len(out)))
                out += data
            out += bytes(8)
            waiting += reversed(below)
        for entry_at, at in places.items():
            struct.pack_into("<Q", out, entry_at + 16, at)
        return out


def write(count, path):
    with open(path, "wb") as out:
        out.write(bytes(HEADER_SIZE))
        image = Image(count, out)
        image.grow(count)
        data = image.metadata()
        at = out.tell()
        out.write(data)
        table = b"".join(image.contents.table()) + resource(len(data), METADATA_FLAG, at) + \
            struct.pack("<HI", 1, 1) + hashlib.sha1(data).digest()
        table_at = out.tell()
        out.write(table)
        xml_at = out.tell()
        xml = '<WIM><TOTALBYTES>%d</TOTALBYTES><IMAGE INDEX="1"><DIRCOUNT>%d</DIRCOUNT><FILECOUNT>%d</FILECOUNT>' \
              "<TOTALBYTES>%d</TOTALBYTES><HARDLINKBYTES>%d</HARDLINKBYTES><NAME>many</NAME></IMAGE></WIM>" % (
                  table_at, len(image.directories), image.files + image.links, image.total, image.linked)
        xml = ("\ufeff" + xml).encode("utf-16-le")
        out.write(xml)
        out.seek(0)
        out.write(b"MSWIM\0\0\0" + struct.pack("<IIII", HEADER_SIZE, VERSION, 0, 0) + identifier("many %d" % count))
        out.write(struct.pack("<HHI", 1, 1, 1) + resource(len(table), 0, table_at) + resource(len(xml), 0, xml_at))
        out.write(bytes(24 + 4 + 24 + 60))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("count", type=int)
    parser.add_argument("output")
    args = parser.parse_args()
    write(args.count, args.output)


if __name__ == "__main__":
    main()
