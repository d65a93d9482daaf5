#!/usr/bin/env python3
"""Reads the file tree of a WIM image, for judging what other programs made of it.

    wim_reader.py FILE.wim IMAGE          prints the tree, one JSON object a line

IMAGE is a number; `2:bios` means the second image with what a disk for BIOS machines has besides.

The metadata are parsed here, byte by byte, from the format's description; nothing of nanovhd's own code
takes part. Compressed metadata are first turned into plain ones by `wimlib-imagex export --compress=none
--pipable`, whose output begins with them, so that no file data need be read. Contents are told apart by
the SHA-1 values and sizes that the WIM states: `wimlib-imagex verify` says whether those are true.
"""
import hashlib
import json
import os
import struct
import subprocess
import sys

from bios_files import with_bios_files

DIRECTORY, REPARSE = 0x10, 0x400
COMPRESSED_FLAG, METADATA_FLAG, SOLID_FLAG = 0x04, 0x02, 0x10
SOLID_MAGIC = 0x100000000
PIPE_BLOB_MAGIC = struct.pack("<Q", 0x2B9B9BA2443DB9D8)
EMPTY_SHA1 = bytes(20)
TAG_OBJECT_ID, TAG_XATTRS = 1, 2


class WimError(Exception):
    """The file is not what it should be."""


def resource(data, at):
    word, offset, size = struct.unpack_from("<QQQ", data, at)
    return {"stored": word & (1 << 56) - 1, "flags": word >> 56, "offset": offset, "size": size}


class Wim:
    """An opened WIM: its blob sizes and, on demand, its images' files."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as f:
            header = f.read(208)
            if header[:8] not in (b"MSWIM\0\0\0", b"WLPWM\0\0\0"):
                raise WimError("%s: no WIM header" % path)
            if header.startswith(b"WLPWM"):
                # A pipable file ends with the header that knows where things lie.
                f.seek(-208, os.SEEK_END)
                header = f.read(208)
            table = resource(header, 0x30)
            if table["flags"] & COMPRESSED_FLAG:
                raise WimError("%s: compressed blob table" % path)
            f.seek(table["offset"])
            entries = f.read(table["size"])
        self.sizes, self.images = {}, []
        for at in range(0, len(entries) - 49, 50):
            item = resource(entries, at)
            sha1 = entries[at + 30:at + 50]
            if item["flags"] & METADATA_FLAG:
                self.images.append((item, sha1))
            elif item["flags"] & SOLID_FLAG:
                if item["size"] != SOLID_MAGIC:
                    self.sizes[sha1] = item["stored"]
            else:
                self.sizes[sha1] = item["size"]

    def metadata(self, image):
        """The metadata resource of image `image` (1 is the first), as it is when not compressed."""
        if not 1 <= image <= len(self.images):
            raise WimError("%s: no image %d, there are %d" % (self.path, image, len(self.images)))
        item, sha1 = self.images[image - 1]
        if item["flags"] & COMPRESSED_FLAG:
            data = self._exported_metadata(image, item["size"], sha1)
        else:
            with open(self.path, "rb") as f:
                f.seek(item["offset"])
                data = f.read(item["size"])
        if hashlib.sha1(data).digest() != sha1:
            raise WimError("%s: metadata of image %d have another SHA-1" % (self.path, image))
        return data

    def _exported_metadata(self, image, size, sha1):
        command = ["wimlib-imagex", "export", self.path, str(image), "-", "--pipable", "--compress=none"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            # Header, XML and the metadata lie ahead of all file data. XML data are small beside 64 MiB.
            head = process.stdout.read(size + (64 << 20))
            process.stdout.close()
            process.kill()
            message = process.stderr.read().decode(errors="replace")
        at = head.find(PIPE_BLOB_MAGIC)
        while at >= 0:
            length, flags = struct.unpack_from("<Q", head, at + 8)[0], struct.unpack_from("<I", head, at + 36)[0]
            if flags & METADATA_FLAG and head[at + 16:at + 36] == sha1:
                return head[at + 40:at + 40 + length]
            at = head.find(PIPE_BLOB_MAGIC, at + 1)
        raise WimError("%s: wimlib-imagex gave no metadata of image %d: %s" % (self.path, image, message))

    def files(self, image):
        """{path: facts} of every name in the image, a number or such a one as `2:bios`; the root's path is `/`."""
        number, _, kind = str(image).partition(":")
        files = Parser(self.metadata(int(number)), self.sizes).files()
        if kind not in ("", "bios"):
            raise WimError("%s is no image: expected a number, or with :bios behind it" % image)
        return with_bios_files(files) if kind else files


class Parser:
    """The metadata resource of one image."""

    def __init__(self, data, sizes):
        self.data, self.sizes = data, sizes
        total, count = struct.unpack_from("<II", data, 0)
        lengths = struct.unpack_from("<%dQ" % count, data, 8)
        self.descriptors, at = [], 8 + 8 * count
        for length in lengths:
            self.descriptors.append(data[at:at + length])
            at += length
        if at > max(total, 8) or total > len(data):
            raise WimError("the security data say they have %d bytes and have %d" % (total, at))
        self.root = max(total, 8) + 7 & ~7

    def files(self):
        found, groups = {}, {}
        _, root = self.entry(self.root)
        stack = [("", root)]
        while stack:
            path, facts = stack.pop()
            if (path or "/") in found:
                raise WimError("two entries with the path %r" % path)
            found[path or "/"] = facts
            groups.setdefault(facts.pop("group") or ("only", path), []).append(path or "/")
            child = facts.pop("children")
            while child and facts["directory"]:
                after, entry = self.entry(child)
                if after is None:
                    break
                stack.append((path + "/" + entry.pop("name"), entry))
                child = after
            facts.pop("name", None)
        for paths in groups.values():
            for path in paths:
                found[path]["links"] = sorted(paths)
        return found

    def content(self, sha1):
        """A stream's content as [size, SHA-1]."""
        if sha1 == EMPTY_SHA1:
            return [0, None]
        if sha1 not in self.sizes:
            raise WimError("no blob with the SHA-1 %s" % sha1.hex())
        return [self.sizes[sha1], sha1.hex()]

    def entry(self, at):
        """(offset after it, facts) of the directory entry at `at`; (None, None) at an end mark."""
        data = self.data
        (length,) = struct.unpack_from("<Q", data, at)
        if length <= 8:
            return None, None
        attributes, security, children = struct.unpack_from("<IiQ", data, at + 8)
        created, accessed, written = struct.unpack_from("<QQQ", data, at + 0x28)
        default = data[at + 0x40:at + 0x54]
        streams, short_bytes, name_bytes = struct.unpack_from("<HHH", data, at + 0x60)
        text = at + 0x66
        name = data[text:text + name_bytes].decode("utf-16-le", "surrogatepass")
        text += name_bytes + 2 if name_bytes else 0
        short = data[text:text + short_bytes].decode("utf-16-le", "surrogatepass")
        text += short_bytes + 2 if short_bytes else 0
        facts = {
            "name": name, "group": 0, "children": children, "directory": bool(attributes & DIRECTORY),
            "attributes": attributes, "created": created, "accessed": accessed, "written": written,
            "security": None if security < 0 else self.descriptors[security].hex(),
            # A name of the 8.3 form is its own short name; some programs say so, others leave it out.
            "short_name": short if short != name and short else None, "reparse": None, "object_id": None,
            "extended_attributes": [],
        }
        if attributes & REPARSE:
            facts["reparse"] = list(struct.unpack_from("<IH", data, at + 0x58))
        else:
            (facts["group"],) = struct.unpack_from("<Q", data, at + 0x58)
        self.tagged_items(facts, text + 7 & ~7, at + length)
        return self.streams(facts, default, streams, at + (length + 7 & ~7))

    def tagged_items(self, facts, at, end):
        while at + 8 <= end:
            tag, length = struct.unpack_from("<II", self.data, at)
            if tag == TAG_OBJECT_ID and length >= 16:
                facts["object_id"] = self.data[at + 8:at + 8 + length].hex()
            elif tag == TAG_XATTRS:
                facts["extended_attributes"] += self.extended_attributes(at + 8, at + 8 + length)
            at += 8 + (length + 7 & ~7)

    def extended_attributes(self, at, end):
        """Each as [flags, name, value], the value in hexadecimal."""
        found = []
        while at < end:
            value_bytes, name_bytes, flags = struct.unpack_from("<HBB", self.data, at)
            at += 4
            name = self.data[at:at + name_bytes]
            at += name_bytes + 1
            found.append([flags, name.decode("latin-1"), self.data[at:at + value_bytes].hex()])
            at += value_bytes
        return found

    def streams(self, facts, default, count, at):
        """Sorts the streams into unnamed data, reparse data and named ones."""
        unnamed, named = [] if default == EMPTY_SHA1 and count else [default], {}
        for _ in range(count):
            (length,) = struct.unpack_from("<Q", self.data, at)
            (name_bytes,) = struct.unpack_from("<H", self.data, at + 0x24)
            name = self.data[at + 0x26:at + 0x26 + name_bytes].decode("utf-16-le", "surrogatepass")
            sha1 = self.data[at + 0x10:at + 0x24]
            if name:
                named[name] = self.content(sha1)
            else:
                unnamed.append(sha1)
            at += length + 7 & ~7
        if facts["reparse"]:
            # The reparse data come first; a plain file may have unnamed data besides.
            facts["reparse"] += self.content(unnamed.pop(0) if unnamed else EMPTY_SHA1)
        facts["data"] = None if facts["directory"] else self.content(unnamed[0] if unnamed else EMPTY_SHA1)
        facts["streams"] = dict(sorted(named.items()))
        return at, facts


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.split("\n\n")[1])
    try:
        for path, facts in sorted(Wim(sys.argv[1]).files(sys.argv[2]).items()):
            print(json.dumps({"path": path, **facts}, default=repr))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except (WimError, OSError, ValueError) as error:
        sys.exit("error: %s" % error)


if __name__ == "__main__":
    main()
