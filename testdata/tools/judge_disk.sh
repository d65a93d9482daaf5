#!/usr/bin/env bash
# Lets other people's programs judge a disk that nanovhd built, against the image it was built from.
#
#   judge_disk.sh DISK FILE.wim IMAGE
#
# Needs qemu-img, sfdisk, sgdisk, fsck.vfat, mcopy, ntfs-3g, ntfsfix, ntfsinfo, ntfscat, fsstat, fls, hivexml,
# wimlib-imagex, and from PyPI checkdisk and dissect.ntfs for the python3 on the PATH. No root. Stops at the first
# complaint.
set -euo pipefail
disk=$1 wim=$2 image=$3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PATH=$PATH:/usr/sbin:/sbin

complain() {
  printf '%s: %s\n' "$disk" "$1" >&2
  exit 1
}

# Runs a checker quietly and shows what it said when it complains.
check() {
  "$@" >"$work/said" 2>&1 || { cat "$work/said"; complain "$1 complains"; }
  echo "ok: $1"
}

# The image's boot files.
boot=$work/boot/Boot
wimlib-imagex extract "$wim" "$image" /Windows/Boot --dest-dir="$work/boot" --no-acls --quiet

# The EFI system partition holds the image's boot files at the places where Windows has them, a store and
# nothing else.
judge_esp() { # VOLUME
  local expected=$work/expected found=$work/esp
  check fsck.vfat -n "$1"
  mkdir "$found" && mcopy -s -n -i "$1" '::/*' "$found/"
  judge_store "$found/EFI/Microsoft/Boot/BCD" 'winload\.efi'
  rm "$found/EFI/Microsoft/Boot/BCD"
  mkdir -p "$expected/EFI/Boot" "$expected/EFI/Microsoft"
  cp -r "$boot/EFI" "$expected/EFI/Microsoft/Boot"
  for folder in Fonts Resources; do
    [ ! -d "$boot/$folder" ] || cp -r "$boot/$folder" "$expected/EFI/Microsoft/Boot/"
  done
  cp "$boot/EFI/bootmgfw.efi" "$expected/EFI/Boot/bootx64.efi"
  check diff -r "$expected" "$found"
}

# The files in the root and \Boot are compared with all others below; here, that a BIOS comes to them.
judge_bios_start() { # VOLUME FIRST-SECTOR
  local sectors=$(($(stat -c %s "$1") / 512)) hidden
  cmp -s -n 440 "$work/disk" /dev/zero && complain "the master boot record has no code"
  hidden=$(($(od -A n -t u4 -j 28 -N 4 "$1")))
  [ $hidden = "$2" ] || complain "the boot record says that the volume begins at $hidden"
  check cmp -n 512 -i 0:$(((sectors - 1) * 512)) "$1" "$1"
  ntfscat -i 7 "$1" >"$work/record"
  [ "$(stat -c %s "$work/record")" = 8192 ] || complain "\$Boot has not 8192 bytes"
  check cmp -n 8192 "$1" "$work/record"
  ntfscat "$1" /bootmgr >"$work/bootmgr"
  check cmp "$work/bootmgr" "$boot/PCAT/bootmgr"
  ntfscat "$1" /Boot/BCD >"$work/BCD"
  judge_store "$work/BCD" 'winload\.exe'
}

# A store is a hive in which the boot manager has a default, and that one a loader.
judge_store() { # FILE LOADER
  hivexml "$1" >"$work/store.xml" || complain "hivexml can't read the store"
  tr -d '\n' <"$work/store.xml" | grep -q '{9dea862c-5cdd-4e70-acc1-f32b344d4795}.*"23000003"' &&
    grep -qi "system32.$2" "$work/store.xml" || complain "the store starts nothing"
  echo "ok: hivexml"
}

case $disk in
  *.vhdx | *.vhd)
    check qemu-img info "$disk"
    # qemu-img knows no check for VHD, and says so with status 63.
    [ "${disk##*.}" = vhd ] || check qemu-img check "$disk" ;;
esac
format=$(case $disk in *.vhdx) echo vhdx ;; *.vhd) echo vpc ;; *) echo raw ;; esac)
qemu-img convert -f "$format" -O raw "$disk" "$work/disk"

# The partitions, each in a file of its own.
sfdisk --dump "$work/disk" >"$work/table"
number=0
while read -r start size; do
  number=$((number + 1))
  dd if="$work/disk" of="$work/part$number" bs=512 skip="$start" count="$size" conv=sparse status=none
  truncate -s $((size * 512)) "$work/part$number"
done < <(sed -nE 's/.*start= *([0-9]+), size= *([0-9]+),.*/\1 \2/p' "$work/table")
volume=$work/part$number
if grep -q '^label: gpt' "$work/table"; then
  [ $number = 3 ] || complain "$number partitions, expected 3"
  sgdisk --verify "$work/disk" >"$work/said"
  grep -q '^No problems found' "$work/said" || { cat "$work/said"; complain "sgdisk complains"; }
  echo "ok: sgdisk"
  judge_esp "$work/part1"
else
  [ $number = 1 ] || complain "$number partitions, expected 1"
  judge_bios_start "$volume" "$(sed -nE 's/.*start= *([0-9]+),.*/\1/p' "$work/table")"
  image=$image:bios
fi

check ntfsfix -n "$volume"
check ntfsinfo -m "$volume"
check fsstat -f ntfs "$volume"
check fls -f ntfs -r "$volume"

# The exit status of checkdisk may not cover every count that it states, so these are looked at too.
check checkdisk fix "$volume"
counted='torn|runlist|lost|mirror|index|unrepairable|dangling|leaked|missing|problem|mismatch|orphan'
if grep -E "(^|[^0-9])[1-9][0-9]* ($counted)" "$work/said" || ! grep -q 'directories walked: 0 dangling' "$work/said" ||
  ! grep -q 'leaked bit' "$work/said" || ! grep -q 'index problem' "$work/said"; then
  cat "$work/said"
  complain "checkdisk counts faults"
fi

python3 "$here/compare_volume.py" "$volume" "$wim" "$image"
# Mounting needs FUSE, which a container may not have; then libntfs-3g still judges through wimlib.
python3 "$here/compare_mount.py" "$volume" "$wim" "$image" || [ $? = 77 ] || complain "the mounted volume differs"
check wimlib-imagex capture "$volume" "$work/found.wim" found --compress=none
# wimlib captures no extended attributes from a volume; the comparison with dissect.ntfs covers those.
python3 "$here/compare_wims.py" --ignore extended_attributes "$wim" "$image" "$work/found.wim" 1
