#!/usr/bin/env python3
"""Compresses made-up contents with wimlib: one chunk each, for the unit tests of the codecs.

    ./make.py        (needs the library of wimlib, libwim.so.15)

The contents are not kept: src/codec/vectors.rs makes them again with the same few lines. Made with
wimlib 1.13.6; other versions may compress a little differently, which does no harm.
"""
import ctypes
from pathlib import Path

XPRESS, LZX, LZMS = 1, 2, 3
HERE = Path(__file__).parent


class Numbers:
    """A linear congruential generator; the upper half of its state is what counts."""

    def __init__(self, seed):
        self.state = seed

    def below(self, bound):
        self.state = (self.state * 1664525 + 1013904223) % 2**32
        return (self.state >> 16) % bound


def words(size):
    numbers, out = Numbers(1), bytearray()
    table = [b"Windows ", b"the ", b"of ", b"driver ", b"a ", b"service ", b"\r\n", b"and "]
    while len(out) < size:
        out += table[numbers.below(8)]
    return bytes(out[:size])


def code(size):
    """Calls to a few functions between other instructions."""
    numbers, out = Numbers(2), bytearray()
    table = [b"\x48\x89\x5c\x24\x08", b"\x55", b"\x8b\xec", b"\xc3\xcc"]
    while len(out) < size:
        if numbers.below(4) == 0:
            target = numbers.below(20) * 997
            out += b"\xe8" + (target - len(out) - 5).to_bytes(4, "little", signed=True)
        else:
            out += table[numbers.below(4)]
    return bytes(out[:size])


def records(size):
    """Eight bytes at a time, so that low bits of distances are zero: aligned blocks suit that."""
    numbers, out = Numbers(4), bytearray()
    table = [bytes(numbers.below(256) for _ in range(8)) for _ in range(64)]
    while len(out) < size:
        out += table[numbers.below(64)]
    return bytes(out[:size])


def far(size):
    """Noise that comes again at the end, after zeros."""
    numbers = Numbers(3)
    noise = bytes(numbers.below(256) for _ in range(200))
    return noise + bytes(size - 400) + noise


def series(size):
    """Numbers that rise evenly, for delta matches, among others."""
    numbers, out, rising = Numbers(5), bytearray(), 0
    while len(out) < size:
        rising += 0x0101
        out += rising.to_bytes(4, "little")
        if rising % 0x400101 == 0:
            out.append(numbers.below(256))
    return bytes(out[:size])


def compress(kind, chunk_size, plain):
    wim = ctypes.CDLL("libwim.so.15")
    wim.wimlib_create_compressor.argtypes = [ctypes.c_int, ctypes.c_size_t, ctypes.c_uint, ctypes.POINTER(ctypes.c_void_p)]
    wim.wimlib_compress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p]
    wim.wimlib_compress.restype = ctypes.c_size_t
    handle = ctypes.c_void_p()
    assert wim.wimlib_create_compressor(kind, chunk_size, 50, ctypes.byref(handle)) == 0
    out = ctypes.create_string_buffer(len(plain))
    size = wim.wimlib_compress(plain, len(plain), out, len(plain) - 1, handle)
    assert size > 0
    return out.raw[:size]


for name, kind, chunk_size, plain in [
    ("xpress-4k-words", XPRESS, 4096, words(4096)),
    ("xpress-32k-code", XPRESS, 32768, code(5001)),
    ("xpress-64k-far", XPRESS, 65536, far(65536)),
    ("lzx-4k-words", LZX, 4096, words(4096)),
    ("lzx-32k-code", LZX, 32768, code(5001)),
    ("lzx-32k-records", LZX, 32768, records(6000)),
    ("lzx-64k-far", LZX, 65536, far(65536)),
    ("lzx-2m-far", LZX, 2**21, far(2**21)),
    ("lzms-32k-words", LZMS, 2**15, words(2**15)),
    ("lzms-128k-code", LZMS, 2**17, code(100001)),
    ("lzms-128k-records", LZMS, 2**17, records(60000)),
    ("lzms-128k-series", LZMS, 2**17, series(90000)),
    ("lzms-4m-far", LZMS, 2**22, far(2**22)),
    ("lzms-32k-short", LZMS, 2**15, words(40)),
]:
    stored = compress(kind, chunk_size, plain)
    (HERE / f"{name}.chunk").write_bytes(stored)
    print(f"{name}.chunk: {len(plain)} bytes in {len(stored)}")
