#!/usr/bin/env python3
"""Starts a machine from a disk and prints what it says on its console, up to the hand-off.

    boot_disk.py DISK [--firmware auto|bios|uefi] [--controller NAME] [--kernel FILE] [--expect REGEX]
                      [--seconds N]

The machine is QEMU's, emulated without help by the processor. Its firmware is SeaBIOS or, with an
empty variable store, OVMF (Debian: qemu-system-x86, ovmf); `auto` takes OVMF for disks with a GPT. The disk
itself is not changed. Exit status 0 when the program that test data have in the boot manager's place
has reported, or what was expected came; 1 when firmware or boot code gave up or nothing came in time.
"""
import argparse
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

QEMU = "qemu-system-x86_64"
OVMF = ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd")
# Below which device the disk hangs.
CONTROLLERS = {"ide": ["ide-hd,drive=disk"], "ahci": ["ich9-ahci,id=ahci", "ide-hd,drive=disk,bus=ahci.0"],
               "virtio": ["virtio-blk-pci,drive=disk"], "nvme": ["nvme,drive=disk,serial=1"],
               "scsi": ["virtio-scsi-pci", "scsi-hd,drive=disk"]}
# The last words of the probes, of our boot code and of the firmware, when it has nothing to start.
REPORTED = re.compile(rb"^PROBE [^\r\n]*\r?\n|^END OF PROBE", re.M)
GIVEN_UP = re.compile(rb"Press a key|No bootable device|No bootable option|Shell> ")
# To a place on the screen, and all others.
MOVES, ESCAPES = re.compile(rb"\x1b\[[0-9;]*H"), re.compile(rb"\x1b(\[[0-9;=?]*[A-Za-z]|[^\[])")


def container(path):
    """QEMU's word for the kind of file."""
    with open(path, "rb") as f:
        start = f.read(8)
        f.seek(0, os.SEEK_END)
        f.seek(max(f.tell() - 512, 0))
        end = f.read(8)
    if start == b"vhdxfile":
        return "vhdx"
    return "vpc" if b"conectix" in (start, end) else "raw"


def gpt_sector(path, kind):
    """The sector size of a disk with a GPT, whose header is in the second sector; None if it has none."""
    with tempfile.TemporaryDirectory() as work:
        start = os.path.join(work, "start")
        subprocess.run(["qemu-img", "dd", "-f", kind, "-O", "raw", "bs=8192", "count=1", "if=" + path, "of=" + start],
                       check=True, stdout=subprocess.DEVNULL)
        with open(start, "rb") as f:
            start = f.read()
    return next((size for size in (512, 4096) if start[size:size + 8] == b"EFI PART"), None)


def machine(options, kind, firmware, sector, work):
    """The command that starts the machine. Nothing is in it but what it needs."""
    path = options.disk.replace(",", ",,")
    command = [QEMU, "-accel", "tcg", "-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio",
               "-drive", "file=%s,format=%s,if=none,id=disk,snapshot=on" % (path, kind)]
    if options.kernel:
        command += ["-kernel", options.kernel]
    if firmware == "bios":
        # Without graphics, SeaBIOS shows its screen on the first serial port.
        command += ["-machine", "pc,graphics=off", "-m", "64"]
    else:
        variables = os.path.join(work, "variables")
        shutil.copy(OVMF[1], variables)
        command += ["-machine", "q35", "-m", "256",
                    "-drive", "if=pflash,unit=0,format=raw,readonly=on,file=" + OVMF[0],
                    "-drive", "if=pflash,unit=1,format=raw,file=" + variables]
    usual = "ide" if firmware == "bios" else "scsi" if sector == 4096 else "ahci"
    *others, disk = CONTROLLERS[options.controller or usual]
    if sector == 4096:
        disk += ",logical_block_size=4096,physical_block_size=4096"
    for device in others + [disk]:
        command += ["-device", device]
    return command


def listen(child, wanted, seconds):
    """Prints what comes, line by line. True when what was wanted has come."""
    end = time.monotonic() + seconds
    said, printed = b"", 0
    while True:
        text = ESCAPES.sub(b"", MOVES.sub(b"\n", said))
        found = wanted.search(text)
        done = found or GIVEN_UP.search(text)
        shown = len(text) if done else text.rfind(b"\n") + 1
        for line in text[printed:shown].decode("utf-8", "replace").splitlines():
            # Frames on a screen are no text.
            if re.search(r"\w", line, re.ASCII):
                print(line.strip(), flush=True)
        printed = max(printed, shown)
        if done:
            return bool(found)
        ready, _, _ = select.select([child.stdout], [], [], max(end - time.monotonic(), 0))
        new = os.read(child.stdout.fileno(), 65536) if ready else b""
        if not new:
            print(text[printed:].decode("utf-8", "replace").strip())
            return False
        said += new


def boot(options):
    kind = container(options.disk)
    sector = gpt_sector(options.disk, kind)
    firmware = options.firmware
    if firmware == "auto":
        firmware = "uefi" if sector else "bios"
    with tempfile.TemporaryDirectory() as work:
        command = machine(options, kind, firmware, sector, work)
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        try:
            return listen(child, options.expect, options.seconds)
        finally:
            child.kill()
            child.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("disk")
    parser.add_argument("--firmware", choices=("auto", "bios", "uefi"), default="auto")
    parser.add_argument("--controller", choices=sorted(CONTROLLERS),
                        help="what the disk hangs on: ide for a BIOS, else ahci, or scsi for sectors of 4096 bytes")
    parser.add_argument("--kernel", metavar="FILE",
                        help="a program in the form of a Linux kernel, to start instead of the disk's code")
    parser.add_argument("--expect", type=lambda text: re.compile(text.encode(), re.M), default=REPORTED,
                        metavar="REGEX", help="what else than a probe's report is to come")
    parser.add_argument("--seconds", type=float, default=120, help="how long to wait at most")
    options = parser.parse_args()
    try:
        came = boot(options)
    except (OSError, subprocess.CalledProcessError) as error:
        # A program or the firmware is not there, or the disk is none.
        sys.exit("error: %s" % error)
    if not came:
        sys.exit("%s: that is all that came" % options.disk)


if __name__ == "__main__":
    main()
