#!/bin/busybox sh
# shellcheck shell=dash
# The first program in the virtual machine of ntfs3_vm.sh: loads the NTFS driver, lists each NTFS
# volume it finds to the port that leads to the host, and turns the machine off.
#
# Sent for each disk, in the order given:   @ NUMBER     then for each volume
#                                           @@ DEVICE    its listing (see ntfs3_list.py), and
#                                           ! kernel: MESSAGE
# and at the very end:                      @ end
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in /modules/*.ko; do insmod "$module"; done
exec 3>/dev/vport0p1
export PYTHONHOME=/usr
# The lister keeps each folder of a path open.
ulimit -n 100000

is_ntfs() { [ "$(dd if="$1" bs=1 skip=3 count=8 2>/dev/null)" = "NTFS    " ]; }

# What the kernel said since the last time, if it has to do with a file system or a disk. That a volume
# without a letter is mounted in a folder is no fault.
complaints() {
  dmesg -c | grep -iE 'ntfs|error|warning|bug:|oops' | grep -v 'Link target (//?/Volume{' |
    sed 's/^\[ *[0-9.]*\] //; s/^/! kernel: /'
}

list() { # DEVICE
  echo "@@ ${1#/dev/}" >&3
  if mount -t ntfs3 -o ro,iocharset=utf8 "$1" /mnt; then
    /usr/bin/python3 -I -S /list.py /mnt /listing || echo "! the lister failed" >&3
    umount /mnt || echo "! can't unmount" >&3
    cat /listing >&3
    rm -f /listing
  else
    echo "! can't mount" >&3
  fi
  complaints >&3
}

dmesg -c >/dev/null
for disk in /sys/block/vd*; do
  echo "$(cat "$disk/serial") $(basename "$disk")"
done | sort -n | while read -r number disk; do
  echo "@ $number" >&3
  complaints >&3
  if is_ntfs "/dev/$disk"; then
    list "/dev/$disk"
    continue
  fi
  found=no
  for partition in /sys/block/"$disk"/"$disk"*; do
    device=/dev/$(basename "$partition")
    if [ -b "$device" ] && is_ntfs "$device"; then
      found=yes
      list "$device"
    fi
  done
  [ $found = yes ] || echo "! no NTFS volume" >&3
done
echo "@ end" >&3
exec 3>&-
poweroff -f
