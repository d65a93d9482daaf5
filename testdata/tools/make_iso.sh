#!/usr/bin/env bash
# Makes the UDF images in testdata/iso: mkudffs formats them, and the UDF driver of the Linux kernel fills them, in a
# virtual machine, since few hosts have that driver. Needs Debian 12 or 13 on amd64 with genisoimage, udftools, busybox-static,
# qemu-system-x86, xz-utils and python3; no root, no KVM. Fetches the kernel with apt-get (70 MB).
#
#   make_iso.sh OUTPUT-FOLDER
#
# For every image NAME there is NAME.img.xz, and NAME.txt: for each file what the kernel reads of it, a line
# "SHA-256 LENGTH MTIME PATH", and for each directory "- - - PATH/".
#
# joliet-rock-ridge.iso is made by genisoimage from a tree like it, with the same kind of list.
#
# The images differ from run to run in their times and identifiers, so that they can't be compared with those
# that are there; the files in them can.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
out=$(mkdir -p "${1:?}" && cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# NAME SIZE ARGUMENTS... of each image.
images() {
  cat <<'IMAGES'
hd-102-2048 4M --media-type=hd --udfrev=1.02 --blocksize=2048
hd-150-512-long 2M --media-type=hd --udfrev=1.50 --blocksize=512 --ad=long
hd-200-1024-short 3M --media-type=hd --udfrev=2.00 --blocksize=1024 --ad=short
hd-201-512 2M --media-type=hd --udfrev=2.01 --blocksize=512
hd-201-4096 6M --media-type=hd --udfrev=2.01 --blocksize=4096
dvdrw-sparable 6M --media-type=dvdrw --udfrev=2.01
hd-201-2048-strategy4096 4M --media-type=hd --udfrev=2.01 --blocksize=2048 --strategy=4096
cdrw-sparable 8M --media-type=cdrw --udfrev=1.50
IMAGES
}

tree() { # FOLDER
  python3 - "$1" <<'PY'
import os, sys
os.chdir(sys.argv[1])
def put(path, text):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
def lines(name, count):
    return "".join(f"{name}: line {n}\n" for n in range(count))
put("NanoServer/NanoServer.wim", lines("wim", 9000))
put("NanoServer/Packages/Microsoft-NanoServer-Compute-Package.cab", lines("compute", 500))
put("NanoServer/Packages/en-us/Microsoft-NanoServer-Compute-Package_en-us.cab", lines("en-us", 90))
put("日本語 フォルダ/ファイル.txt", "日本語\n")
put("emoji 😀 and é.txt", "surrogate pair\n")
put("l" * 250 + ".txt", "254 characters\n")
put("語" * 84, "252 bytes for Linux, 169 on the disc\n")
put("empty", "")
put("one byte", "1")
for n in range(90):
    put(f"many/file number {n:03}.dat", str(n))
PY
}

kernel_package() { apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: //p'; }

# Runs in the machine, with the disks vdb and on to be filled and vda, a tar archive.
cat >init <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
# Which needs which changes from kernel to kernel.
for round in 1 2 3 4; do
  for module in /modules/*.ko; do insmod "$module" 2>/dev/null; done
done
fill() {
  # Two files that grow in turn have many extents each, which don't fit into their entries.
  n=0
  while [ $n -lt 120 ]; do
    for file in turn1 turn2; do
      echo "$file $n: a line of forty letters or a bit more" >>$file
      dd if=/dev/zero bs=4096 count=1 >>$file 2>/dev/null
    done
    sync
    n=$((n + 1))
  done
  echo start >sparse
  echo end | dd of=sparse bs=1 seek=3000000 conv=notrunc 2>/dev/null
  truncate -s 4000000 sparse
  rm "many/file number 007.dat" "many/file number 089.dat"
  mv "one byte" "renamed, one byte"
  ln "renamed, one byte" hardlink
  ln -s empty link
  echo gone >gone && sync && rm gone
}
for disk in /dev/vd[b-z]; do
  echo "@@ ${disk#/dev/}"
  mount -t udf -o rw,utf8 "$disk" /mnt || mount -t udf -o rw,iocharset=utf8,bs=512 "$disk" /mnt || { echo "! can't mount"; continue; }
  (cd /mnt && tar xf /dev/vda && fill) || echo "! can't fill"
  umount /mnt
  mount -t udf -o ro,utf8 "$disk" /mnt
  (cd /mnt && find . -type f | sort | while read -r file; do
    echo "$(sha256sum <"$file" | cut -d' ' -f1) $(stat -c '%s %Y' "$file") ${file#./}"
  done
  find . -type d ! -name . ! -name 'lost+found' | sort | sed 's|^./\(.*\)|- - - \1/|')
  umount /mnt
done
dmesg | grep -iE 'udf|oops|bug:' | sed 's/^/# /'
echo "@ end"
poweroff -f
INIT

package=$(kernel_package)
apt-get download -qq "$package"
dpkg-deb -x ./*.deb kernel
mkdir -p root/{bin,proc,sys,dev,mnt,modules}
for module in virtio virtio_ring virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk cdrom crc-itu-t udf; do
  file=$(find kernel -name "$module.ko*")
  case $file in
    *.xz) xz -dc "$file" >"root/modules/$module.ko" ;;
    *) cp "$file" root/modules/ ;;
  esac
done
cp "${BUSYBOX:-/bin/busybox}" root/bin/busybox
install -m 755 init root/init
(cd root && find . | busybox cpio -o -H newc 2>/dev/null) >initramfs
mkdir tree && tree tree && tar -C tree --sort=name --mtime=@1468674365 --owner=0 --group=0 -cf tree.tar .

drives=(-drive file=tree.tar,format=raw,if=virtio,read-only=on)
names=()
while read -r name size arguments; do
  truncate -s "$size" "$name.img"
  # shellcheck disable=SC2086  # a list of words
  mkudffs $arguments --label="$name" "$name.img" >/dev/null
  names+=("$name")
  drives+=(-drive "file=$name.img,format=raw,if=virtio")
done < <(images)
timeout 1500 qemu-system-x86_64 -machine q35 -accel tcg -cpu max -m 1G -nodefaults -no-reboot -display none \
  -serial "file:$work/console" -kernel kernel/boot/vmlinuz-* -initrd initramfs \
  -append "console=ttyS0 quiet panic=-1 oops=panic mitigations=off random.trust_cpu=on" "${drives[@]}" </dev/null
tr -d '\r' <console | sed -n '/^@@/,/^@ end/p' >listing
grep -q '^@ end' listing || { tail -n 40 console; exit 1; }
grep -E '^[!#]' listing || true
for index in "${!names[@]}"; do
  letter=$(printf '%b' "\\x$(printf '%x' $((98 + index)))")
  name=${names[$index]}
  sed -n "/^@@ vd$letter\$/,/^@/{/^[@#!]/d;p}" listing | LC_ALL=C sort -k4 >"$out/$name.txt"
  xz -9e --check=crc32 -c "$name.img" >"$out/$name.img.xz"
done

mkdir -p disc/a/b/c/d/e/f/g/h/i disc/many disc/日本語
echo deep >disc/a/b/c/d/e/f/g/h/i/deep.txt
echo "a name" >"disc/日本語/a long name with é and 日本語.txt"
for n in $(seq 24); do echo "$n" >"disc/many/file$n.txt"; done
printf '%0300d' 7 >"disc/$(printf 'n%.0s' $(seq 230))"
ln -s many disc/link
find disc -exec touch -h -d @1468674365 {} +
genisoimage -quiet -no-pad -J -joliet-long -R -V JOLIET_ROCK -o "$out/joliet-rock-ridge.iso" disc
(cd disc && {
  find . -type f | while read -r file; do
    echo "$(sha256sum <"$file" | cut -d' ' -f1) $(stat -c '%s %Y' "$file") ${file#./}"
  done
  find . -type d ! -name . | sed 's|^./\(.*\)|- - - \1/|'
} | LC_ALL=C sort -k4) >"$out/joliet-rock-ridge.txt"
ls -l "$out"
