#!/usr/bin/env python3
"""Measures how a build grows with the number of files.

    measure_many.py NANOVHD FOLDER [--few 100000] [--many 1000000] [--rounds 3]

Makes two images with make_many.py in FOLDER, unless they are there, and builds a disk of each in turn, the few
first, ROUNDS times. Prints what each build took, then the ratio of the medians of time and of CPU time (user and
system), and the peak memory for each name that the larger image has more than the smaller one: what is
constant is not in it. In the end the larger disk is verified against its image. FOLDER needs about
six times the room of the images. Linux and macOS only.
"""
import argparse
import os
import re
import statistics
import subprocess
import sys
import time

MAKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "make_many.py")
# getrusage counts in units of 1024 bytes, on macOS in bytes.
PEAK_UNIT = 1 if sys.platform == "darwin" else 1024


def run(arguments):
    """Elapsed seconds, CPU seconds and peak bytes of a command that must succeed."""
    start = time.monotonic()
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    elapsed = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit("%s: exit code %d" % (" ".join(arguments), process.returncode))
    return elapsed, used.ru_utime + used.ru_stime, used.ru_maxrss * PEAK_UNIT


def names(path):
    """Names of files and directories that the XML data of an image tell of."""
    with open(path, "rb") as wim:
        wim.seek(-4096, os.SEEK_END)
        text = wim.read().decode("utf-16-le", "ignore")
    return sum(int(re.search("<%s>([0-9]+)<" % tag, text)[1]) for tag in ("DIRCOUNT", "FILECOUNT"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("nanovhd")
    parser.add_argument("folder")
    parser.add_argument("--few", type=int, default=100_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    wims = {count: os.path.join(args.folder, "many-%d.wim" % count) for count in (args.few, args.many)}
    disk = os.path.join(args.folder, "many.vhdx")
    for count, wim in wims.items():
        if not os.path.exists(wim):
            # In a process of its own: a child's peak memory begins with that of its parent.
            subprocess.run([sys.executable, MAKER, str(count), wim], check=True)
    found = {count: [] for count in wims}
    for number in range(args.rounds):
        for count, wim in wims.items():
            if os.path.exists(disk):
                os.remove(disk)
            os.sync()
            ran = run([args.nanovhd, "build", "--quiet", "--media", wim, "--image", "1", "--no-boot", "-o", disk])
            found[count].append(ran)
            print("build %d: %9d files %7.2f s %7.2f s CPU %7.1f MB" % (number + 1, count, *ran[:2], ran[2] / 1e6))
    middle = {count: [statistics.median(column) for column in zip(*rows)] for count, rows in found.items()}
    few, many = middle[args.few], middle[args.many]
    print("%d : %d files: time %.2f, CPU time %.2f, of %.2f times the names" % (
        args.many, args.few, many[0] / few[0], many[1] / few[1], names(wims[args.many]) / names(wims[args.few])))
    more = names(wims[args.many]) - names(wims[args.few])
    print("peak memory: %.0f bytes a name, and %.1f MB" % (
        (many[2] - few[2]) / more, (few[2] - (many[2] - few[2]) / more * names(wims[args.few])) / 1e6))
    ran = run([args.nanovhd, "verify", disk, "--against", wims[args.many] + ":1"])
    print("verify --against the larger image, no findings: %.2f s %.2f s CPU %.1f MB" % (*ran[:2], ran[2] / 1e6))
    os.remove(disk)


if __name__ == "__main__":
    main()
