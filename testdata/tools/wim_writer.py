"""Writes uncompressed WIM files from a file tree in memory.

Only for test data: every bit of the metadata is under our control (names with lone surrogates, names
that differ only in case, any reparse tag, object ids, 100 ns times), which no capture of a mounted
volume offers, and the same tree gives the same bytes. `wimlib-imagex export` then compresses the
result, so another program has read every file before it becomes a fixture.

Format: Microsoft's "Windows Imaging File Format (WIM)" paper of 2007; what it leaves out (streams of
files that also have named ones, object ids, the security data's padding) follows what DISM and wimlib
write. All integers are little-endian.
"""
import hashlib
import struct

HEADER_SIZE = 208
VERSION = 0x10D00
DENTRY_SIZE = 102
STREAM_SIZE = 38
METADATA_FLAG = 0x02
ZERO_HASH = bytes(20)

READONLY, HIDDEN, SYSTEM, DIRECTORY, ARCHIVE = 0x01, 0x02, 0x04, 0x10, 0x20
NORMAL, TEMPORARY, SPARSE, REPARSE, COMPRESSED = 0x80, 0x100, 0x200, 0x400, 0x800
OFFLINE, NOT_INDEXED, ENCRYPTED, INTEGRITY, VIRTUAL, NO_SCRUB = 0x1000, 0x2000, 0x4000, 0x8000, 0x10000, 0x20000
DEVICE, RECALL_ON_OPEN, PINNED, UNPINNED, RECALL_ON_ACCESS = 0x40, 0x40000, 0x80000, 0x100000, 0x400000

TAG_OBJECT_ID, TAG_XATTRS = 1, 2


def units(name):
    """A name as UTF-16LE; lone surrogates go through as they are."""
    return name.encode("utf-16-le", "surrogatepass")


def align8(data):
    return data + bytes(-len(data) % 8)


class Zeros:
    """A content of so many zeros, which need not be in memory; in the WIM they are a hole."""

    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size

    def sha1(self):
        piece, sha1 = bytes(1 << 20), hashlib.sha1()
        for left in range(self.size, 0, -len(piece)):
            sha1.update(piece[:left])
        return sha1.digest()


class Node:
    """A file or directory, apart from its names."""

    def __init__(self, *, data=None, attributes=0, times=(0, 0, 0), security=None):
        self.data = data                  # None for a directory
        self.entries = {}                 # name -> Node, directories only
        self.short_names = {}             # name of an entry -> its 8.3 name
        self.attributes = attributes
        self.times = times                # created, accessed, written: 100 ns since 1601
        self.security = security          # descriptor bytes or None
        self.streams = []                 # [(name, bytes)]
        self.reparse = None               # (tag, reserved, bytes after the eight header bytes)
        self.object_id = None             # 16 or 64 bytes
        self.extended = []                # extended attributes: [(flags, name, value)], bytes
        self.links = 0
        self.group = 0                    # hard link group id, given when written

    @property
    def is_directory(self):
        return self.data is None

    def contents(self):
        """Every stream's bytes, the reparse data among them."""
        if self.data is not None:
            yield self.data
        if self.reparse:
            yield self.reparse[2]
        for _, data in self.streams:
            yield data


class Tree:
    """A tree of nodes. Paths use `/`; missing parents are made by `make_parent`."""

    def __init__(self, root, make_parent):
        self.root = root
        self.make_parent = make_parent

    def directory(self, path):
        at, walked = self.root, ""
        for name in [part for part in path.split("/") if part]:
            walked += "/" + name
            if name not in at.entries:
                at.entries[name] = self.make_parent(walked)
            at = at.entries[name]
            assert at.is_directory, walked
        return at

    def add(self, path, node):
        parent, _, name = path.rpartition("/")
        entries = self.directory(parent).entries
        assert name and name not in entries, path
        assert len(units(name)) <= 510, path
        entries[name] = node
        node.links += 1
        return node

    def get(self, path):
        at = self.root
        for name in [part for part in path.split("/") if part]:
            at = at.entries[name]
        return at

    def short_name(self, path, short):
        parent, _, name = path.rpartition("/")
        directory = self.directory(parent)
        assert name in directory.entries, path
        directory.short_names[name] = short

    def walk(self):
        """(path, node) of every name, the root first, parents before what they hold."""
        stack = [("", self.root)]
        while stack:
            path, node = stack.pop()
            yield path, node
            for name in sorted(node.entries, key=units, reverse=True):
                stack.append((path + "/" + name, node.entries[name]))

    def statistics(self):
        """What the XML data tell of an image: directories, files, bytes, bytes saved by links.

        As wimlib counts: the root is a directory, a directory with a reparse point is a file.
        """
        directories = files = total = linked = 0
        seen = set()
        for _, node in self.walk():
            size = sum(len(data) for data in node.contents())
            if node.is_directory and not node.reparse:
                directories += 1
            else:
                files += 1
            if id(node) in seen:
                linked += size
            seen.add(id(node))
            total += size
        return directories, files, total, linked


def digest(data):
    if not data:
        return ZERO_HASH
    return data.sha1() if isinstance(data, Zeros) else hashlib.sha1(data).digest()


def xattr_entry(flags, name, value):
    """An extended attribute as DISM stores it: no padding, a null behind the name."""
    return struct.pack("<HBB", len(value), len(name), flags) + name + b"\0" + value


def security_block(descriptors):
    """Total length, count, a length each, the descriptors; padded to 8 bytes."""
    body = b"".join(struct.pack("<Q", len(d)) for d in descriptors) + b"".join(descriptors)
    length = (8 + len(body) + 7) & ~7
    return align8(struct.pack("<II", length, len(descriptors)) + body)


def stream_entry(name, data):
    name = units(name)
    body = digest(data) + struct.pack("<H", len(name)) + name + (b"\0\0" if name else b"")
    body = struct.pack("<Q", 0) + body
    length = (8 + len(body) + 7) & ~7
    return align8(struct.pack("<Q", length) + body)


def dentry(node, name, short, descriptor_ids, child_offset):
    """One directory entry with the stream entries that follow it."""
    name, short = units(name), units(short or "")
    streams, default = [], ZERO_HASH
    if node.streams:
        # A file with named streams lists all its streams; the entry's own hash stays zero.
        if node.reparse:
            streams.append(stream_entry("", node.reparse[2]))
        if not node.is_directory or not node.reparse:
            streams.append(stream_entry("", node.data or b""))
        streams += [stream_entry(n, d) for n, d in node.streams]
    elif node.reparse:
        default = digest(node.reparse[2])
        if node.data:
            default = ZERO_HASH
            streams = [stream_entry("", node.reparse[2]), stream_entry("", node.data)]
    else:
        default = digest(node.data)
    if node.reparse:
        union = struct.pack("<IHH", node.reparse[0], node.reparse[1], 0)
    else:
        union = struct.pack("<Q", node.group)
    attributes = node.attributes | (DIRECTORY if node.is_directory else 0) | (REPARSE if node.reparse else 0)
    security = -1 if node.security is None else descriptor_ids[node.security]
    fixed = struct.pack("<IiQQQQQQ", attributes, security, child_offset, 0, 0, *node.times)
    fixed += default + struct.pack("<I", 0) + union
    fixed += struct.pack("<HHH", len(streams), len(short), len(name))
    text = (name + b"\0\0" if name else b"") + (short + b"\0\0" if short else b"")
    body = align8(bytes(8) + fixed + text)
    if node.object_id:
        body += struct.pack("<II", TAG_OBJECT_ID, len(node.object_id)) + align8(node.object_id)
    if node.extended:
        item = b"".join(xattr_entry(*entry) for entry in node.extended)
        body += struct.pack("<II", TAG_XATTRS, len(item)) + align8(item)
    return struct.pack("<Q", len(body)) + body[8:] + b"".join(streams)


def metadata(tree, descriptors):
    """The metadata resource of one image: security data, then the entries, level by level."""
    ids = {d: i for i, d in enumerate(descriptors)}
    group = 0
    seen = set()
    for _, node in tree.walk():
        if node.links > 1 and id(node) not in seen:
            group += 1
            node.group = group
            seen.add(id(node))
    out = security_block(descriptors)

    def size(node, name, short):
        return len(dentry(node, name, short, ids, 0))

    # Layout: the root entry and an end mark, then each directory's entries and an end mark.
    offsets = {}
    at = len(out) + size(tree.root, "", None) + 8
    order = [node for _, node in tree.walk() if node.is_directory]
    listing = {id(n): sorted(n.entries, key=units) for n in order}
    for node in order:
        if not node.entries and node is not tree.root:
            offsets[id(node)] = 0
            continue
        offsets[id(node)] = at
        at += sum(size(node.entries[n], n, node.short_names.get(n)) for n in listing[id(node)]) + 8
    parts = [out, dentry(tree.root, "", None, ids, offsets[id(tree.root)]), bytes(8)]
    for node in order:
        if not offsets[id(node)]:
            continue
        for name in listing[id(node)]:
            child = node.entries[name]
            parts.append(dentry(child, name, node.short_names.get(name), ids, offsets.get(id(child), 0)))
        parts.append(bytes(8))
    result = b"".join(parts)
    assert len(result) == at
    return result


def resource(size, flags, offset):
    return struct.pack("<Q", size | flags << 56) + struct.pack("<QQ", offset, size)


def write(path, images, guid, blob_order=None, boot_index=0):
    """Writes `images` [(Tree, xml of the IMAGE element's children)] to `path`.

    `blob_order` is a key for sorting the blobs' SHA-1 values; without it they lie in tree order.
    """
    blobs, references = {}, {}
    for tree, _ in images:
        for _, node in tree.walk():
            for data in node.contents():
                if data:
                    sha1 = digest(data)
                    blobs[sha1] = data
                    references[sha1] = references.get(sha1, 0) + 1
    order = sorted(blobs, key=blob_order) if blob_order else list(blobs)
    with open(path, "wb") as out:
        out.write(bytes(HEADER_SIZE))
        table = []
        for sha1 in order:
            entry = resource(len(blobs[sha1]), 0, out.tell())
            table.append(entry + struct.pack("<HI", 1, references[sha1]) + sha1)
            if isinstance(blobs[sha1], Zeros):
                out.seek(len(blobs[sha1]), 1)
            else:
                out.write(blobs[sha1])
        boot = bytes(24)
        for number, (tree, _) in enumerate(images, 1):
            descriptors = list(dict.fromkeys(n.security for _, n in tree.walk() if n.security is not None))
            data = metadata(tree, descriptors)
            entry = resource(len(data), METADATA_FLAG, out.tell())
            boot = entry if number == boot_index else boot
            table.append(entry + struct.pack("<HI", 1, 1) + hashlib.sha1(data).digest())
            out.write(data)
        table_at, table = out.tell(), b"".join(table)
        out.write(table)
        xml_at = out.tell()
        xml = "<WIM><TOTALBYTES>%d</TOTALBYTES>" % table_at
        for number, (_, text) in enumerate(images, 1):
            xml += '<IMAGE INDEX="%d">%s</IMAGE>' % (number, text)
        xml = ("\ufeff" + xml + "</WIM>").encode("utf-16-le")
        out.write(xml)
        out.seek(0)
        out.write(b"MSWIM\0\0\0" + struct.pack("<IIII", HEADER_SIZE, VERSION, 0, 0) + guid)
        out.write(struct.pack("<HHI", 1, 1, len(images)) + resource(len(table), 0, table_at))
        out.write(resource(len(xml), 0, xml_at) + boot + struct.pack("<I", boot_index) + bytes(24 + 60))
        assert out.tell() == HEADER_SIZE
