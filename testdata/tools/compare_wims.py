#!/usr/bin/env python3
"""Compares the file trees of two WIM images in every fact that a WIM holds.

    compare_wims.py [--ignore FIELD[:PATH-PATTERN]]... A.wim IMAGE B.wim IMAGE

Prints a line for each difference and a summary. Exit status 0: equal, 1: different, 2: an image could
not be read. Compared are, for every path: directory or file, attributes, times created / accessed /
written (100 ns), the security descriptor's bytes, the 8.3 name, which other paths are the same file, the
unnamed data's size and SHA-1, the named streams with theirs, the reparse point (tag, reserved field,
data), the object id, the extended attributes. FIELD is one of

    directory attributes created accessed written security short_name links data streams reparse object_id
    extended_attributes

IMAGE is a number; with `:bios` behind it, what a disk for BIOS machines has besides is expected too.

A pattern, as `fnmatch` knows it, restricts the exception to paths: `--ignore short_name:/Users/*`.
What `wimlib-imagex apply` and `capture` themselves do not carry over an NTFS volume is listed in
testdata/README.md.

Usual use, to judge a volume that another program wrote:

    wimlib-imagex capture volume.ntfs found.wim x --compress=none
    compare_wims.py source.wim 2 found.wim 1
"""
import argparse
import fnmatch
import sys

from wim_reader import Wim, WimError

FIELDS = ("directory attributes created accessed written security short_name links data streams reparse"
          " object_id extended_attributes").split()


class Exceptions:
    """What is not to be compared."""

    def __init__(self, rules):
        self.rules = []
        for rule in rules:
            field, _, pattern = rule.partition(":")
            if field not in FIELDS:
                raise ValueError("no field %r; there are: %s" % (field, " ".join(FIELDS)))
            self.rules.append((field, pattern or "*"))
        self.used = 0

    def cover(self, field, path):
        hit = any(f == field and fnmatch.fnmatchcase(path, p) for f, p in self.rules)
        self.used += hit
        return hit


def shown(value):
    text = hex(value) if isinstance(value, int) and not isinstance(value, bool) else str(value)
    return ascii(text)[1:-1] if len(text) <= 300 else ascii(text[:300])[1:-1] + "…"


def differences(a, b, exceptions):
    """(path, what) of everything that is not the same."""
    for path in sorted(a.keys() - b.keys()):
        yield path, "only in the first"
    for path in sorted(b.keys() - a.keys()):
        yield path, "only in the second"
    for path in sorted(a.keys() & b.keys()):
        for field in FIELDS:
            one, two = a[path][field], b[path][field]
            if one != two and not exceptions.cover(field, path):
                yield path, "%s: %s / %s" % (field, shown(one), shown(two))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--ignore", action="append", default=[], metavar="FIELD[:PATTERN]")
    parser.add_argument("--limit", type=int, default=200, help="differences to print (default 200)")
    parser.add_argument("first")
    parser.add_argument("first_image")
    parser.add_argument("second")
    parser.add_argument("second_image")
    args = parser.parse_args()
    try:
        exceptions = Exceptions(args.ignore)
        a = Wim(args.first).files(args.first_image)
        b = Wim(args.second).files(args.second_image)
    except (WimError, OSError, ValueError) as error:
        print("error: %s" % error, file=sys.stderr)
        return 2
    count = 0
    for count, (path, what) in enumerate(differences(a, b, exceptions), 1):
        if count <= args.limit:
            print("%s: %s" % (ascii(path)[1:-1], what))
    print("%d names compared, %d differences, %d ignored" % (len(a.keys() | b.keys()), count, exceptions.used))
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
