#!/usr/bin/env bash
# A WIM to a VHDX that starts (GPT, EFI system partition, NTFS), by the programs of a Linux distribution:
# what nanovhd is compared with.
#
#   pipeline.sh WIM OUT.vhdx MIB        MIB: size of the disk
#
# INDEX=1      the image in the WIM
# STEPS=FILE   gets a line "STEP SECONDS" for each step
#
# Each partition is a file of its own, and qemu-img reads one after the other as one disk: so the volume is
# copied only once, into the VHDX. Nothing is synced. The disk's identifiers are fixed, so that the boot
# configuration (bcd.reg) can be a file.
set -euo pipefail
[ $# = 3 ] || { sed -n '5p' "$0" >&2; exit 2; }
wim=$1 out=$2 size=$3 index=${INDEX:-1} steps=${STEPS:-/dev/null}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PATH=$PATH:/usr/sbin:/sbin
work=$(mktemp -d "$out.XXXXXX")
trap 'rm -rf "$work"' EXIT

began=$EPOCHREALTIME
step() { # NAME: what was done since the step before
  local now=$EPOCHREALTIME
  printf '%s %d.%06d\n' "$1" $(((${now/./} - ${began/./}) / 1000000)) $(((${now/./} - ${began/./}) % 1000000)) >>"$steps"
  began=$now
}

quietly() { # COMMAND...: says something only if it fails
  "$@" >"$work/said" 2>&1 || { cat "$work/said" >&2; exit 1; }
}

esp=100 msr=16 # MiB; the disk begins and ends with 1 MiB for the tables
windows=$((size - esp - msr - 2))
id=6E616E6F-7668-4420-A000-00000000000

truncate -s "${size}M" "$work/disk"
sfdisk --quiet --no-reread --no-tell-kernel "$work/disk" <<TABLE
label: gpt
label-id: ${id}0
start=1MiB, size=${esp}MiB, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, uuid=${id}1, name="EFI system partition"
start=$((1 + esp))MiB, size=${msr}MiB, type=E3C9E316-0B5C-4DB8-817D-F92DF00215AE, uuid=${id}2, name="Microsoft reserved partition"
start=$((1 + esp + msr))MiB, size=${windows}MiB, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7, uuid=${id}3, name="Basic data partition"
TABLE
head -c 1M "$work/disk" >"$work/head"
tail -c 1M "$work/disk" >"$work/tail"
truncate -s "${msr}M" "$work/msr"
step partitions

truncate -s "${windows}M" "$work/windows"
quietly mkntfs --quick --force --sector-size 512 --partition-start $(((1 + esp + msr) * 2048)) --heads 255 \
  --sectors-per-track 63 --label Windows "$work/windows"
step mkntfs

quietly wimlib-imagex apply "$wim" "$index" "$work/windows"
step wimapply

truncate -s "${esp}M" "$work/esp"
quietly mkfs.vfat -F 32 -n SYSTEM -h 2048 "$work/esp"
quietly wimlib-imagex extract "$wim" "$index" /Windows/Boot/EFI /Windows/Boot/Fonts /Windows/System32/config/BCD-Template \
  --no-acls --dest-dir="$work/boot"
mkdir -p "$work/EFI/Boot" "$work/EFI/Microsoft"
mv "$work/boot/EFI" "$work/EFI/Microsoft/Boot"
mv "$work/boot/Fonts" "$work/EFI/Microsoft/Boot/Fonts"
mv "$work/boot/BCD-Template" "$work/EFI/Microsoft/Boot/BCD"
cp "$work/EFI/Microsoft/Boot/bootmgfw.efi" "$work/EFI/Boot/bootx64.efi"
hivexregedit --merge "$work/EFI/Microsoft/Boot/BCD" "$here/bcd.reg"
MTOOLS_SKIP_CHECK=1 mcopy -s -Q -i "$work/esp" "$work/EFI" ::
step esp

rm -f "$out"
qemu-img convert -f raw -O vhdx -o subformat=dynamic \
  "$work/head" "$work/esp" "$work/msr" "$work/windows" "$work/tail" "$out"
step convert

rm -rf "$work"
step remove
