"""Lists a mounted volume for ntfs3_vm.sh, inside its virtual machine.

One line for each name, sorted by path, fields separated by tabs:

    TYPE SIZE MTIME LINKS INODE ATTRIBUTES SHA1 SECURITY-SHA1 EXTENDED-SHA1 PATH [TARGET]

TYPE is d, f, l (symbolic link or junction) or o (other); MTIME is in seconds since 1970 with nine
decimals; ATTRIBUTES are the DOS attributes in hexadecimal; EXTENDED-SHA1 is that of the extended attributes
(see `extended_sha1`); TARGET is where a link leads. What can't be
said is "-". In PATH and TARGET, tab, line feed, carriage return and backslash are \\t \\n \\r \\\\. A name that
the driver lists but then does not find, and whatever else contradicts itself, is a line that starts
with "!".
"""

import ctypes
import os
import stat
import struct
import sys
from hashlib import sha1

ESCAPES = {b"\\": b"\\\\", b"\t": b"\\t", b"\n": b"\\n", b"\r": b"\\r"}
TYPES = {stat.S_IFDIR: "d", stat.S_IFREG: "f", stat.S_IFLNK: "l"}
libc = ctypes.CDLL("libc.so.6", use_errno=True)
value = ctypes.create_string_buffer(1 << 16)
buffers = [memoryview(bytearray(1 << 20))]


def escaped(name):
    for character, escape in ESCAPES.items():
        if character in name:
            name = name.replace(character, escape)
    return name


def xattr(name, key):
    """An extended attribute. `os.getxattr` tries a short buffer first, and the driver then says of a longer
    descriptor that there is none."""
    size = libc.lgetxattr(name, key, value, len(value))
    return ctypes.string_at(value, size) if size >= 0 else None


def extended_sha1(attributes):
    """The SHA-1 of extended attributes {name: value}, or "-" if there are none."""
    parts = [b"%s=%d:%s" % (name, len(data), data) for name, data in sorted(attributes.items())]
    return sha1(b"".join(parts)).hexdigest() if parts else "-"


def extended(name):
    """The extended attributes of a file, {name: value}."""
    size = libc.llistxattr(name, value, len(value))
    if size < 0:
        raise OSError(ctypes.get_errno(), "can't list the extended attributes")
    names = ctypes.string_at(value, size).split(b"\0")[:-1]
    return {attribute: xattr(name, attribute) for attribute in names}


def content_sha1(name):
    digest = sha1()
    file = os.open(name, os.O_RDONLY)
    try:
        while n := os.readv(file, buffers):
            digest.update(buffers[0][:n])
    finally:
        os.close(file)
    return digest.hexdigest()


def written(s):
    """The driver gives times before 1970 negative nanoseconds, which lose their sign on the way here."""
    time = s.st_mtime_ns
    if time < 0 and time % 10**9:
        time -= 2**32
    return "%d.%09d" % divmod(time, 10**9)


def target(name):
    """Where a link leads, if the driver can say it: not for the mount point of a volume without a letter."""
    try:
        return escaped(os.readlink(name))
    except OSError:
        return b"-"


def describe(name, s, shown):
    """The line of a file of the working directory; `shown` is its path in the volume."""
    kind = TYPES.get(stat.S_IFMT(s.st_mode), "o")
    attributes, security = xattr(name, b"system.ntfs_attrib"), xattr(name, b"system.ntfs_security")
    fields = [
        kind,
        str(s.st_size),
        written(s),
        str(s.st_nlink),
        str(s.st_ino),
        "%x" % struct.unpack("<I", attributes) if attributes else "-",
        content_sha1(name) if kind == "f" else "-",
        sha1(security).hexdigest() if security else "-",
        extended_sha1(extended(name)),
    ]
    line = "\t".join(fields).encode() + b"\t" + escaped(shown)
    return line + b"\t" + target(name) if kind == "l" else line


def check(entry, s):
    """What a directory says of an entry and what the file itself says must be the same."""
    if entry.inode() != s.st_ino:
        raise ValueError(f"directory says record {entry.inode()}, file says {s.st_ino}")
    if entry.is_dir(follow_symlinks=False) != stat.S_ISDIR(s.st_mode):
        raise ValueError("directory and file disagree whether it is a directory")


def complaint(path, error):
    what = os.strerror(error.errno) if isinstance(error, OSError) else str(error)
    return path, b"! %s: %s" % (escaped(path), what.encode())


def walk(parent, name, shown, lines):
    """Lists a directory: `name` in the open directory `parent`. So no path is too long for the system."""
    folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    os.fchdir(folder)
    folders = []
    for entry in os.scandir(folder):
        name = os.fsencode(entry.name)
        path = shown + b"/" + name
        try:
            s = os.lstat(name)
            check(entry, s)
            lines.append((path, describe(name, s, path)))
            if stat.S_ISDIR(s.st_mode):
                folders.append((name, path))
        except (OSError, ValueError) as e:
            lines.append(complaint(path, e))
    for name, path in folders:
        try:
            walk(folder, name, path, lines)
        except OSError as e:
            lines.append(complaint(path, e))
    os.close(folder)


def main():
    sys.setrecursionlimit(100_000)
    os.chdir(sys.argv[1])
    space = os.statvfs(".")
    lines = [(b"", describe(b".", os.lstat(b"."), b"/"))]
    walk(None, b".", b"", lines)
    lines.sort()
    with open(sys.argv[2], "wb") as out:
        out.write(b"# cluster %d, clusters %d, free %d\n" % (space.f_frsize, space.f_blocks, space.f_bfree))
        out.writelines(line + b"\n" for _, line in lines)


if __name__ == "__main__":
    main()
