#!/usr/bin/env python3
"""Writes the uncompressed WIMs that make-media.sh compresses into testdata/media.

    make_media.py nano OUT.wim            the two images of NanoServer.wim
    make_media.py core OUT.wim            the two small images of sources/install.wim
    make_media.py stamp NAME FILE.wim     gives FILE the identifier that belongs to NAME

What lies where in the trees, and why, is told in testdata/README.md.
"""
import hashlib
import os
import struct
import sys

import bcd_template
import content
import descriptors
import wim_writer
from wim_writer import ARCHIVE, HIDDEN, NORMAL, NOT_INDEXED, READONLY, SYSTEM, TEMPORARY, Node, Tree

TOKEN = "31bf3856ad364e35"
VERSION = "10.0.14393.0"
# 2016-07-16T13:00:00Z, the days of the Server 2016 release, in 100 ns since 1601.
RELEASE = (1468674000 + 11644473600) * 10_000_000

SYSTEM_DLLS = """advapi32 api-ms-win-core-file-l1-1-0 api-ms-win-core-heap-l1-1-0 api-ms-win-crt-stdio-l1-1-0
 authz bcrypt bcryptprimitives cfgmgr32 clusapi combase crypt32 cryptbase cryptsp dbghelp devobj dhcpcsvc
 dnsapi dpapi firewallapi fltlib gdi32 imagehlp iphlpapi kernel32 kernelbase logoncli lsasrv mpr msasn1
 mswsock msvcrt ncrypt netapi32 netutils nsi ntdll ntlmshared ole32 oleaut32 powrprof profapi psapi rpcrt4
 samcli samlib sechost secur32 setupapi shlwapi spinf srvcli sspicli ucrtbase user32 userenv version wevtapi
 winbrand winsta wkscli wldap32 ws2_32 wtsapi32 xmllite""".split()
SYSTEM_EXES = "cmd csrss lsass net reg sc services smss svchost wininit winlogon wpeutil".split()
DRIVERS = """acpi cng disk fltmgr http ksecdd mountmgr ndis netvsc ntfs partmgr pci storport storvsc tcpip
 vhdmp vmbus volmgr volsnap""".split()
LANGUAGES = "de-DE en-US ja-JP zh-CN".split()


class Builder:
    """A tree with the defaults that a Windows tree has."""

    def __init__(self, seed):
        self.random = content.Random(seed)
        self.tree = Tree(self.directory_node("root"), lambda path: self.directory_node())
        self.tree.root.links = 1

    def times(self):
        """Created, accessed, written: three different times with a fraction of 100 ns."""
        created = RELEASE + self.random.below(86400) * 10_000_000 + self.random.below(10_000_000)
        written = created - self.random.below(30 * 86400) * 10_000_000 - self.random.below(10_000_000)
        accessed = created + self.random.below(3600) * 10_000_000 + self.random.below(10_000_000)
        return created, accessed, written

    def directory_node(self, security="system directory", attributes=0):
        return Node(attributes=attributes, times=self.times(), security=descriptors.LIBRARY[security])

    def directory(self, path, security=None, attributes=None):
        node = self.tree.directory(path)
        if security:
            node.security = descriptors.LIBRARY[security]
        if attributes is not None:
            node.attributes = attributes
        return node

    def file(self, path, data=b"", security="system file", attributes=ARCHIVE):
        if isinstance(data, str):
            data = data.encode()
        node = Node(data=data, attributes=attributes, times=self.times(), security=descriptors.LIBRARY[security])
        return self.tree.add(path, node)

    def component(self, name, arch="amd64", language="none"):
        """The folder of a component in the component store, and its manifest."""
        key = hashlib.sha256((arch + name + language).encode()).hexdigest()[:16]
        folder = "%s_%s_%s_%s_%s_%s" % (arch, name, TOKEN, VERSION, language, key)
        self.file("/Windows/WinSxS/Manifests/%s.manifest" % folder, content.manifest(self.random, name))
        return "/Windows/WinSxS/" + folder

    def binary(self, path, data, component):
        """A program in the component store with a hard link at `path`."""
        node = self.file(component + "/" + path.rpartition("/")[2], data)
        self.tree.add(path, node)
        return node

    def point(self, path, target, *, symlink=False, relative=False, file=False):
        """A junction, or a symbolic link to a directory or a file."""
        node = self.file(path, b"") if file else self.directory(path)
        node.security = descriptors.LIBRARY["junction"]
        node.attributes = HIDDEN | SYSTEM | (0 if not file else ARCHIVE)
        printed = target.encode("utf-16-le")
        real = printed if relative else ("\\??\\" + target).encode("utf-16-le")
        if symlink:
            body = struct.pack("<HHHHI", len(printed), len(real), 0, len(printed), int(relative)) + printed + real
            node.reparse = (0xA000000C, 0, body)
        else:
            body = struct.pack("<HHHH", 0, len(real), len(real) + 2, len(printed))
            node.reparse = (0xA0000003, 0, body + real + b"\0\0" + printed + b"\0\0")
        return node


def add_system(b):
    """Windows: programs as hard links into the component store, drivers, hives, boot files."""
    s32 = "/Windows/System32"
    b.directory("/Windows/WinSxS/Temp/PendingDeletes")
    for number, name in enumerate(SYSTEM_DLLS):
        size = (1 << 11 + number % 6) + b.random.below(6000)
        b.binary("%s/%s.dll" % (s32, name), content.pe(name, size), b.component("microsoft-windows-" + name))
    for name in SYSTEM_EXES:
        data = content.pe(name, 4096 + b.random.below(40000), dll=False)
        b.binary("%s/%s.exe" % (s32, name), data, b.component("microsoft-onecore-" + name))
    b.binary(s32 + "/ntoskrnl.exe", content.pe("ntoskrnl", 420_000, subsystem=1, dll=False),
             b.component("microsoft-windows-os-kernel"))
    for name in DRIVERS:
        folder = b.component("dual_%s.inf" % name)
        node = b.binary("%s/drivers/%s.sys" % (s32, name),
                        content.pe(name, 3000 + b.random.below(16000), subsystem=1, dll=False), folder)
        store = "%s/DriverStore/FileRepository/%s.inf_amd64_%s" % (s32, name, folder[-16:])
        b.tree.add("%s/%s.sys" % (store, name), node)
        inf = b.file("%s/%s.inf" % (folder, name), content.driver_inf(b.random, name))
        b.tree.add("%s/%s.inf" % (store, name), inf)
        b.tree.add("/Windows/INF/%s.inf" % name, inf)
    for language in LANGUAGES:
        for name in SYSTEM_DLLS[:6]:
            folder = b.component("microsoft-windows-%s.resources" % name, language=language.lower())
            b.binary("%s/%s/%s.dll.mui" % (s32, language, name),
                     content.pe(name + language, 2048), folder)
    for name in "SYSTEM SOFTWARE SAM SECURITY DEFAULT DRIVERS COMPONENTS BCD-Template".split():
        data = bcd_template.template(RELEASE) if name == "BCD-Template" else content.hive(name, RELEASE)
        b.file("%s/config/%s" % (s32, name), data, "private")
        b.file("%s/config/%s.LOG1" % (s32, name), b"", "private", ARCHIVE | HIDDEN | SYSTEM)
    b.directory(s32 + "/config/RegBack")
    b.directory(s32 + "/config", "private")
    for name in "hosts networks protocol services".split():
        b.file("%s/drivers/etc/%s" % (s32, name), "# test data of nanovhd\r\n# %s\r\n" % name * 8)
    for number in range(24):
        name = "Test-NanoServer-%s-Package~%s~amd64~~%s" % (content.WORDS[number * 5].title(), TOKEN, VERSION)
        b.file("/Windows/servicing/Packages/%s.mum" % name, content.manifest(b.random, name))
        node = b.file("/Windows/servicing/Packages/%s.cat" % name, content.catalog(b.random, 2 + number))
        b.tree.add(s32 + "/CatRoot/{F750E6C3-38EE-11D1-85E5-00C04FC295EE}/%s.cat" % name, node)
    for number in range(40):
        b.file(s32 + "/LogFiles/WMI/empty-%02d.etl" % number, b"", "inherited file")


def add_boot(b):
    """The boot files. What runs is our own: the boot managers say what they find, the others print a line."""
    boot = "/Windows/Boot"
    b.binary(boot + "/EFI/bootmgfw.efi", content.efi_boot_manager(), b.component("test-bootenvironment"))
    b.file(boot + "/EFI/bootmgr.efi", content.efi_hello("nanovhd test data: boot manager, second copy"))
    b.file(boot + "/EFI/memtest.efi", content.efi_hello("nanovhd test data: memory test placeholder"))
    for language in LANGUAGES:
        for name in ("bootmgfw.efi.mui", "bootmgr.efi.mui"):
            b.file("%s/EFI/%s/%s" % (boot, language, name), "Placeholder for %s in %s, test data of nanovhd.\r\n"
                   % (name, language))
    b.file(boot + "/PCAT/bootmgr", content.bios_boot_manager())
    for name in ("PCAT/memtest.exe", "Resources/bootres.dll", "DVD/EFI/en-US/efisys.bin"):
        b.file("%s/%s" % (boot, name), "Placeholder for %s, test data of nanovhd.\r\n" % name * 40)
    for name in ("segoe_slboot", "segmono_boot", "wgl4_boot"):
        b.file("%s/Fonts/%s.ttf" % (boot, name), "Placeholder for a font, test data of nanovhd.\r\n" * 20)
    for name in ("winload", "winresume"):
        data = content.efi_hello("nanovhd test data: %s placeholder" % name)
        node = b.file("/Windows/System32/%s.efi" % name, data)
        b.tree.add("/Windows/System32/Boot/%s.efi" % name, node)
        b.file("/Windows/System32/%s.exe" % name, content.pe(name, 6000, dll=False))


def add_more_boot(b):
    """Boot files that came later: with a sequence of their own, so that all else stays as it was."""
    b.random = content.Random("more boot files")
    for name in ("bootnxt", "bootvhd.dll", "de-DE/bootmgr.exe.mui", "en-US/bootmgr.exe.mui", "en-US/memtest.exe.mui"):
        b.file("/Windows/Boot/PCAT/" + name, "Placeholder for PCAT/%s, test data of nanovhd.\r\n" % name)
def add_users(b):
    """Profiles with junctions, program folders, short names."""
    b.directory("/Users", "inherited directory", READONLY)
    b.directory("/Users/Public", "inherited directory", READONLY)
    b.directory("/Users/Default", "inherited directory", READONLY | HIDDEN)
    b.file("/Users/desktop.ini", "\ufeff[.ShellClassInfo]\r\n".encode("utf-16-le"), "inherited file",
           ARCHIVE | HIDDEN | SYSTEM)
    b.file("/Users/Default/NTUSER.DAT", content.hive("ntuser", RELEASE), "private", ARCHIVE | HIDDEN)
    for name in "Desktop Documents Downloads Favorites Links Music Pictures Videos".split() + ["Saved Games"]:
        b.directory("/Users/Default/" + name, "inherited directory", READONLY)
        b.directory("/Users/Public/" + name, "inherited directory", READONLY | NOT_INDEXED)
    roaming = "/Users/Default/AppData/Roaming/Microsoft/Windows"
    for name in ("SendTo", "Start Menu/Programs", "Templates", "Network Shortcuts"):
        b.directory(roaming + "/" + name)
    b.directory("/Users/Default/AppData", "inherited directory", HIDDEN)
    for name, target in (("Application Data", "AppData\\Roaming"), ("Local Settings", "AppData\\Local"),
                         ("My Documents", "Documents"), ("Cookies", "AppData\\Local\\Cookies")):
        b.point("/Users/Default/" + name, "C:\\Users\\Default\\" + target)
    b.point("/Documents and Settings", "C:\\Users")
    b.point("/Users/All Users", "C:\\ProgramData", symlink=True)
    b.point("/Users/Default User", "C:\\Users\\Default")
    b.directory("/ProgramData", "inherited directory", HIDDEN)
    b.directory("/ProgramData/Microsoft/Crypto/RSA/MachineKeys", "private", SYSTEM)
    b.file("/ProgramData/ntuser.pol", b"PReg\x01\0\0\0", "inherited file", READONLY | HIDDEN | SYSTEM)
    for name in ("/Program Files", "/Program Files (x86)"):
        b.directory(name, None, READONLY)
        b.directory(name + "/Common Files/System")
        b.file(name + "/desktop.ini", "[.ShellClassInfo]\r\n", attributes=ARCHIVE | HIDDEN | SYSTEM)
    b.file("/Program Files/Windows Defender/MsMpEng.exe", content.pe("MsMpEng", 9000, dll=False))
    for path, short in (("/Program Files", "PROGRA~1"), ("/Program Files (x86)", "PROGRA~2"),
                        ("/ProgramData", "PROGRA~3"), ("/Documents and Settings", "DOCUME~1"),
                        ("/Users/Default User", "DEFAUL~1"), ("/Program Files/Common Files", "COMMON~1"),
                        ("/Program Files/Windows Defender", "WINDOW~1"),
                        ("/Users/Default/Saved Games", "SAVEDG~1"),
                        ("/Users/Default/Application Data", "APPLIC~1"),
                        # One name of a file with two: the other has none.
                        ("/Windows/System32/api-ms-win-core-file-l1-1-0.dll", "API-MS~1.DLL")):
        b.tree.short_name(path, short)


def add_names(b):
    """Names that a tree of files may hold and a careless program may not bear."""
    base = "/Users/Public/Documents/names/"
    names = ["Ünïcödé файл 文件 ファイル 파일.txt", "disk-\U0001F5A5\U0001F4BE.dat", "العربية-עברית.txt",
             "combining-e\u0301.txt", "composed-\u00e9.txt", "長" * 255, "x" * 251 + ".txt", "a", "A-", "_", "~",
             "ß.txt", "ſ.txt", "İıŞşĞğ.txt", "name with  spaces (1) [2] {3} %TEMP% $1 & ;'`!@#^+=,.txt",
             ".leading", "trailing dot.", "trailing space ", "con", "lpt1.txt", "question?star*.txt", "tab\there",
             "quote\"pipe|less<more>", "zero-width-\u200b\u200d.txt", "\ufeffbyte-order-mark.txt", "\uffff.txt"]
    for name in names:
        b.file(base + name, "the name has %d units\r\n" % (len(wim_writer.units(name)) // 2), "inherited file")
    b.file(base + "lone high \ud83d.txt", "a lone high surrogate\r\n", "inherited file")
    b.file(base + "\udcbe lone low", "a lone low surrogate\r\n", "inherited file")
    for name in ("Twin.txt", "TWIN.TXT", "twin.txt"):
        b.file(base + "twins/" + name, name, "inherited file")
    b.file("/Users/Public/Documents/" + "/".join("level-%02d-αβγδε" % i for i in range(24)) + "/deep.txt",
           b"deep\r\n", "inherited file")


def add_shapes(b):
    """Sizes at the borders of formats, many names, many streams, odd reparse points and times."""
    base = "/ProgramData/nanovhd/"
    random = content.Random("sizes")
    # Borders of resident data, sectors, clusters and compression chunks.
    for size in (1, 7, 8, 9, 511, 512, 513, 600, 640, 680, 700, 720, 760, 800, 1023, 1024, 1025, 4095, 4096, 4097,
                 8192, 32767, 32768, 32769, 65535, 65536, 65537):
        data = (b"%d bytes " % size * (size // 8 + 1))[:size - size // 16] + random.bytes(size // 16)
        b.file("%ssizes/%06d.bin" % (base, size), data, "inherited file")
    b.file(base + "sizes/incompressible.bin", random.bytes(150_000), "inherited file")
    b.file(base + "sizes/zeros.bin", bytes(300_000), "inherited file")
    b.file(base + "sizes/text.log", b"".join(b"%08d %s\r\n" % (i * 7919 % 100003, content.WORDS[i % 120].encode())
                                             for i in range(40_000)), "inherited file")
    # Equal bytes in different files: one blob, three files.
    for name in ("one", "two", "three"):
        b.file(base + "equal/%s.dat" % name, content.pe("equal", 9000), "inherited file")
    # More names than a file record holds.
    node = b.file(base + "links/first.txt", b"a file with 41 names\r\n", "inherited file")
    for number in range(40):
        b.tree.add(base + "links/%s/a rather long name so that the record overflows %02d.txt" % (
            "ab"[number % 2], number), node)
    # A directory whose index needs several blocks.
    many = b.file(base + "many/000.txt", b"many\r\n", "inherited file")
    for number in range(1, 260):
        if number % 10 == 0:
            many = b.file(base + "many/%03d.txt" % number, b"many %d\r\n" % number, "inherited file")
        else:
            b.tree.add(base + "many/%03d %s of a directory with many entries.txt" % (
                number, content.WORDS[number * 37 % len(content.WORDS)]), many)
    add_streams(b, base + "streams/")
    add_reparse_points(b, base + "reparse/")
    add_descriptors(b, base + "security/")
    add_attributes(b, base + "attributes/")
    ids = content.Random("object ids")
    b.file(base + "object-id/file.txt", b"has an object id\r\n", "inherited file").object_id = ids.bytes(64)
    b.directory(base + "object-id/directory").object_id = ids.bytes(64)
    early = b.file(base + "times/1601.txt", b"early\r\n", "inherited file")
    early.times = (1, 2, 3)
    late = b.file(base + "times/9999.txt", b"late\r\n", "inherited file")
    late.times = tuple(((253402300799 + 11644473600) * 10_000_000) + n for n in (9999999, 9999998, 9999997))
    b.directory(base + "empty")


def add_streams(b, base):
    random = content.Random("streams")
    node = b.file(base + "setup.cmd", b"@echo off\r\n", "inherited file")
    node.streams = [("Zone.Identifier", b"[ZoneTransfer]\r\nZoneId=3\r\n")]
    node = b.file(base + "several.txt", b"unnamed\r\n", "inherited file")
    node.streams = [("empty", b""), ("big", random.bytes(20_000)), ("ストリーム", b"unicode name"),
                    ("x" * 255, b"long name")]
    node = b.file(base + "no-unnamed.txt", b"", "inherited file")
    node.streams = [("only", b"the unnamed stream is empty")]
    node = b.file(base + "forty.txt", b"more streams than a record holds\r\n", "inherited file")
    node.streams = [("stream-%02d" % i, b"stream %d\r\n" % i * (1 + i)) for i in range(40)]
    b.directory(base + "directory").streams = [("info", b"a directory's stream"), ("more", random.bytes(3000))]
    b.tree.add(base + "linked.txt", b.tree.get(base + "setup.cmd"))


def add_reparse_points(b, base):
    b.file(base + "target.txt", b"target\r\n", "inherited file")
    b.point(base + "file-link.txt", "target.txt", symlink=True, relative=True, file=True)
    b.point(base + "absolute-link.txt", "C:\\ProgramData\\nanovhd\\reparse\\target.txt", symlink=True, file=True)
    b.point(base + "directory-link", "..\\sizes", symlink=True, relative=True)
    b.point(base + "volume-junction", "\\\\?\\Volume{01234567-89ab-cdef-0123-456789abcdef}\\")
    # A tag of Microsoft's that stands for a program alias, with data of our own.
    alias = b.file(base + "alias.exe", b"", "inherited file")
    alias.reparse = (0x8000001B, 0, struct.pack("<I", 3) + "nanovhd.test\0".encode("utf-16-le"))
    # A tag of nobody's: the data begin with a GUID.
    guid = bytes.fromhex("a55e7ba5c0de4d4f8bdf6e616e6f7668")
    other = b.file(base + "third-party.dat", b"", "inherited file")
    other.reparse = (0x00000042, 0, guid + b"data of an unknown file system filter")


def add_descriptors(b, base):
    for name, _ in sorted(descriptors.LIBRARY.items()):
        b.file("%s%s.txt" % (base, name), b"security descriptor: %s\r\n" % name.encode(), name)


def add_attributes(b, base):
    for name, bits in (("normal", NORMAL), ("read-only", READONLY), ("hidden", HIDDEN),
                       ("system", SYSTEM), ("archive", ARCHIVE), ("not-indexed", NOT_INDEXED | ARCHIVE),
                       ("temporary", TEMPORARY), ("all", READONLY | HIDDEN | SYSTEM | ARCHIVE | NOT_INDEXED)):
        b.file("%s%s.txt" % (base, name), name, "inherited file", bits)
        if bits & ~(NORMAL | TEMPORARY):
            b.directory("%sdirectory %s" % (base, name), "inherited directory", bits)


def image_xml(tree, name, edition, installation, number, description):
    """The XML of one image, with the elements that DISM writes for a Windows image."""
    directories, files, total, linked = tree.statistics()

    def time(value):
        return "<HIGHPART>0x%08X</HIGHPART><LOWPART>0x%08X</LOWPART>" % (value >> 32, value & 0xFFFFFFFF)

    return (
        "<DIRCOUNT>%d</DIRCOUNT><FILECOUNT>%d</FILECOUNT><TOTALBYTES>%d</TOTALBYTES>"
        "<HARDLINKBYTES>%d</HARDLINKBYTES><CREATIONTIME>%s</CREATIONTIME>"
        "<LASTMODIFICATIONTIME>%s</LASTMODIFICATIONTIME><WIMBOOT>0</WIMBOOT>"
        "<WINDOWS><ARCH>9</ARCH><PRODUCTNAME>nanovhd test data</PRODUCTNAME><EDITIONID>%s</EDITIONID>"
        "<INSTALLATIONTYPE>%s</INSTALLATIONTYPE><PRODUCTTYPE>ServerNT</PRODUCTTYPE>"
        "<PRODUCTSUITE></PRODUCTSUITE><LANGUAGES><LANGUAGE>en-US</LANGUAGE><DEFAULT>en-US</DEFAULT></LANGUAGES>"
        "<VERSION><MAJOR>10</MAJOR><MINOR>0</MINOR><BUILD>14393</BUILD><SPBUILD>0</SPBUILD>"
        "<SPLEVEL>0</SPLEVEL></VERSION><SYSTEMROOT>WINDOWS</SYSTEMROOT></WINDOWS>"
        "<NAME>%s</NAME><DESCRIPTION>%s</DESCRIPTION><FLAGS>%s</FLAGS><DISPLAYNAME>%s</DISPLAYNAME>"
        "<DISPLAYDESCRIPTION>%s</DISPLAYDESCRIPTION>"
    ) % (directories, files, total, linked, time(RELEASE + number), time(RELEASE + 36_000_000_000 + number),
         edition, installation, name, name, edition, name, description)


def nano_image(edition):
    # One seed for both editions: what they share is equal to the bit, so the WIM holds it once.
    b = Builder("nano")
    for step in (add_system, add_boot, add_users, add_names, add_shapes):
        step(b)
    b.file("/Windows/Server%sNano.xml" % edition, "<!-- test data of nanovhd -->\r\n<edition>%s</edition>\r\n" % edition)
    if edition == "Datacenter":
        for name in ("vmms", "vmcompute", "vmwp", "spaceport"):
            b.binary("/Windows/System32/%s.exe" % name, content.pe(name, 12_000, dll=False),
                     b.component("microsoft-hyper-v-" + name))
    add_more_boot(b)
    return b.tree


def core_image(edition):
    b = Builder("core")
    for name in SYSTEM_DLLS[:12]:
        b.binary("/Windows/System32/%s.dll" % name, content.pe(name, 3000), b.component("microsoft-windows-" + name))
    b.file("/Windows/Server%s.xml" % edition, "<!-- test data of nanovhd -->\r\n<edition>%s</edition>\r\n" % edition)
    add_boot(b)
    add_users(b)
    add_more_boot(b)
    b.file("/Windows/System32/config/BCD-Template", bcd_template.template(RELEASE), "private")
    return b.tree


def identifier(name):
    return hashlib.sha256(b"nanovhd test data " + name.encode()).digest()[:16]


def stamp(name, path):
    """Replaces the random GUID that wimlib gave the file: the same input is to give the same bytes."""
    with open(path, "r+b") as f:
        pipable = f.read(8) == b"WLPWM\0\0\0"
        f.seek(0x18)
        f.write(identifier(name))
        if pipable:
            # These have a second header at the end.
            f.seek(0x18 - wim_writer.HEADER_SIZE, os.SEEK_END)
            f.write(identifier(name))


def write(kind, path):
    images = []
    for number, edition in enumerate(("Standard", "Datacenter"), 1):
        tree = nano_image(edition) if kind == "nano" else core_image(edition)
        suffix = "NANO" if kind == "nano" else "CORE"
        name = "Windows Server 2016 SERVER%s%s" % (edition.upper(), suffix)
        flags = "Server%s%s" % (edition, suffix.title())
        xml = image_xml(tree, name, flags, "Nano Server" if kind == "nano" else "Server Core", number,
                        "Test data of nanovhd, not Windows")
        images.append((tree, xml))
    # Blobs lie in an order that has nothing to do with the tree's.
    wim_writer.write(path, images, identifier(kind), blob_order=lambda sha1: sha1)


def main():
    if len(sys.argv) == 4 and sys.argv[1] == "stamp":
        stamp(sys.argv[2], sys.argv[3])
    elif len(sys.argv) == 3 and sys.argv[1] in ("nano", "core"):
        write(sys.argv[1], sys.argv[2])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
