"""Bytes for test files: seeded, the same with every Python version, and all our own.

Nothing here is Microsoft's. The programs are PE files in form only (correct headers, made-up code and
data), so that tools which look at headers see what they expect and compressors meet what they would
meet in real programs.
"""
import hashlib
import os
import struct

import hive_writer
from descriptors import ADMINISTRATORS, LOCAL_SYSTEM, USERS, ace, acl, descriptor

PROBES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../crates/boot/tests")


class Random:
    """SHA-256 in counter mode. `random.Random` promises no fixed sequence across Python versions."""

    def __init__(self, seed):
        self.seed = seed.encode()
        self.counter = 0
        self.pool = b""

    def bytes(self, count):
        while len(self.pool) < count:
            block = hashlib.sha256(self.seed + struct.pack("<Q", self.counter)).digest()
            self.pool += block
            self.counter += 1
        taken, self.pool = self.pool[:count], self.pool[count:]
        return taken

    def below(self, limit):
        return int.from_bytes(self.bytes(4), "little") % limit

    def pick(self, items):
        return items[self.below(len(items))]


WORDS = """adapter address allocate audio backup binding bitmap bridge buffer cache catalog channel
 cipher cluster codec commit config context counter credential crypto cursor device digest directory
 domain driver encoder endpoint engine event extent fabric filter firewall flush format frame garbage
 gateway handle hash header heap host index inherit journal kernel latch layout lease ledger listener
 loader lock manager manifest mapper marker memory metric mirror module monitor mount mutex namespace
 native network notify object offset packet parser partition pattern payload pipeline plugin policy
 pool port process profile provider proxy queue quota reader record registry relay release remote
 replica report request resolver resource restore router sandbox schedule schema scope sector security
 segment sensor serial server service session signal socket source spool stack storage stream subnet
 switch symbol table target task telemetry thread timer token topology trace transport trigger tunnel
 update vector version virtual volume watch window worker writer zone""".split()

# Shapes of instructions and how many bytes of operand follow: enough like code for a compressor.
OPCODES = [(b"\x48\x89\x5c\x24", 1), (b"\x48\x8b\x05", 4), (b"\xe8", 4), (b"\x48\x8d\x0d", 4), (b"\x74", 1),
           (b"\x48\x83\xec", 1), (b"\x33\xc0", 0), (b"\xc3\xcc\xcc\xcc", 0), (b"\x0f\x84", 4), (b"\x4c\x8b\xdc", 0),
           (b"\x48\x85\xc0", 0), (b"\xff\x15", 4), (b"\x8b\x44\x24", 1), (b"\x41\xb8", 4), (b"\xeb", 1),
           (b"\x48\x8b\xcf", 0), (b"\x45\x33\xc9", 0), (b"\x89\x44\x24", 1), (b"\x5f\x5e\x5b\xc3", 0)]


def code(random, size):
    """Made-up machine code of `size` bytes with near calls, as compressors preprocess them."""
    out = bytearray()
    while len(out) < size:
        opcode, operand = OPCODES[random.below(len(OPCODES))]
        out += opcode
        if operand == 4:
            out += struct.pack("<i", random.below(1 << 14) * 16 - len(out) % 65536)
        elif operand:
            out.append(random.below(16) * 8)
    return bytes(out[:size])


def strings(random, size):
    """Texts and tables, half of them UTF-16, as a program's read-only data have them."""
    out = bytearray()
    while len(out) < size:
        text = "%s_%s %s failed: 0x%08x\n" % (random.pick(WORDS), random.pick(WORDS), random.pick(WORDS),
                                              random.below(1 << 16))
        out += text.encode("utf-16-le") if random.below(2) else text.encode()
        out += struct.pack("<QQ", 0x180000000 + random.below(1 << 16) * 8, random.below(64))
        if random.below(8) == 0:
            out += bytes(random.below(96))
    return bytes(out[:size])


def pe(name, size, *, subsystem=3, dll=True, text=None, seed=""):
    """A PE32+ file for x86-64 of `size` bytes (rounded up to 512) with .text, .rdata and .data.

    `text` is real code for the entry point; without it the code is made up and must never run.
    """
    random = Random("pe " + name + seed)
    size = max(size + 511 & ~511, 2048)
    text_raw = text or code(random, (size - 1024) * 6 // 10)
    text_size = len(text_raw) + 511 & ~511
    data_size = 512
    rdata_size = max(size - 512 - text_size - data_size & ~511, 512)

    def pages(length):
        return length + 4095 & ~4095

    text_rva, rdata_rva = 0x1000, 0x1000 + pages(text_size)
    data_rva = rdata_rva + pages(rdata_size)
    stub = b"Test data of nanovhd, not a Windows program.\r\n$"
    dos = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0\xb8" + bytes(43) + struct.pack("<I", 0x80)
    dos += b"\x0e\x1f\xba\x0e\0\xb4\x09\xcd\x21\xb8\x01\x4c\xcd\x21" + stub
    dos = dos.ljust(0x80, b"\0")
    kind = 0x2022 if dll else 0x0022
    stamp = random.below(1 << 30) + (1 << 30)
    coff = struct.pack("<HHIIIHH", 0x8664, 3, stamp, 0, 0, 240, kind)
    optional = struct.pack("<HBBIIIII", 0x20B, 14, 0, text_size, rdata_size + data_size, 0, text_rva, text_rva)
    optional += struct.pack("<QIIHHHHHHI", 0x180000000, 4096, 512, 10, 0, 10, 0, 10, 0, 0)
    optional += struct.pack("<IIIHH", data_rva + 4096, 512, 0, subsystem, 0x0160)
    optional += struct.pack("<QQQQII", 0x100000, 0x1000, 0x100000, 0x1000, 0, 16) + bytes(128)
    assert len(optional) == 240
    sections = b""
    for title, rva, length, at, flags in (
            (b".text", text_rva, text_size, 512, 0x60000020),
            (b".rdata", rdata_rva, rdata_size, 512 + text_size, 0x40000040),
            (b".data", data_rva, data_size, 512 + text_size + rdata_size, 0xC0000040)):
        sections += struct.pack("<8sIIIIIIHHI", title, length, rva, length, at, 0, 0, 0, 0, flags)
    head = (dos + b"PE\0\0" + coff + optional + sections).ljust(512, b"\0")
    assert len(head) == 512
    return head + text_raw.ljust(text_size, b"\xcc") + strings(random, rdata_size) + bytes(data_size)


def efi_hello(message):
    """A UEFI application of our own that prints `message` on the console and waits for ever."""
    # sub rsp,28h; mov rcx,[rdx+40h] (ConOut); lea rdx,[rip+message]; call [rcx+8] (OutputString);
    # hang: hlt-free loop `pause; jmp hang`
    program = b"\x48\x83\xec\x28\x48\x8b\x4a\x40\x48\x8d\x15" + struct.pack("<i", 7)
    program += b"\xff\x51\x08\xf3\x90\xeb\xfc" + (message + "\r\n\0").encode("utf-16-le")
    return pe("efi " + message, 4096, subsystem=10, dll=False, text=program)


def probe(name):
    """One of the programs that say what they find in a machine; their sources are beside them."""
    with open(os.path.join(PROBES, name), "rb") as f:
        return f.read()


def bios_boot_manager():
    """The probe that a BIOS machine can start as \\bootmgr, about as long as the largest real one."""
    program = probe("bios/probe.bin")
    data = program + strings(Random("bootmgr"), 432_571 - len(program))
    # The length of what the probe sums up.
    data = data[:4] + struct.pack("<I", len(data)) + data[8:]
    sectors = [data[at:at + 512] for at in range(0, len(data), 512)]
    assert len(set(sectors)) == len(sectors), "a sector in another's place would not be seen"
    return data


def efi_boot_manager():
    """The probe that a UEFI machine can start as bootmgfw.efi, with more behind it, as signed programs have."""
    return probe("uefi/probe.efi") + strings(Random("bootmgfw"), 90_001)


def manifest(random, name):
    """Component XML in the form of a manifest, with made-up identities and hashes."""
    out = ['<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\r\n<!-- test data of nanovhd -->\r\n',
           '<assembly xmlns="urn:schemas-microsoft-com:asm.v3" manifestVersion="1.0">\r\n',
           '  <assemblyIdentity name="%s" version="10.0.14393.0" processorArchitecture="amd64"/>\r\n' % name]
    for _ in range(1 + random.below(4)):
        out.append('  <file name="%s.dll" destinationPath="$(runtime.system32)\\">\r\n    <hash>%s</hash>\r\n'
                   '  </file>\r\n' % (random.pick(WORDS), random.bytes(32).hex()))
    return ("".join(out) + "</assembly>\r\n").encode()


def driver_inf(random, name):
    """Driver setup text with made-up hardware ids."""
    out = "; test data of nanovhd\r\n[Version]\r\nSignature=\"$Windows NT$\"\r\nClass=System\r\n" \
          "Provider=%%P%%\r\nCatalogFile=%s.cat\r\nDriverVer=06/21/2016,10.0.14393.0\r\n" \
          "[Manufacturer]\r\n%%P%%=M,NTamd64\r\n[M.NTamd64]\r\n" % name
    for i in range(3 + random.below(24)):
        out += "%%D%d%%=%s_Install,PCI\\VEN_%04X&DEV_%04X\r\n" % (i, name, 0xF000 + random.below(16),
                                                                  random.below(65536))
    out += "[Strings]\r\nP=\"nanovhd test data\"\r\n"
    return b"\xff\xfe" + out.encode("utf-16-le") if random.below(2) else out.encode()


def catalog(random, members):
    """DER in the form of a catalogue: a sequence of octet strings with made-up hashes."""
    body = b"".join(b"\x30\x22\x04\x20" + random.bytes(32) for _ in range(members))
    return b"\x30\x82" + struct.pack(">H", len(body)) + body


def hive(name, filetime):
    """A registry hive with a root key and its security cell, nothing else."""
    security = descriptor(LOCAL_SYSTEM, LOCAL_SYSTEM, acl([
        ace(0, 2, 0xF003F, LOCAL_SYSTEM), ace(0, 2, 0xF003F, ADMINISTRATORS), ace(0, 2, 0x20019, USERS)]))
    return hive_writer.hive(name, filetime, hive_writer.Key("ROOT", security))
