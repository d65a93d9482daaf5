#!/usr/bin/env bash
# Lets the NTFS driver of the Linux kernel, ntfs3, read volumes, in a virtual machine: the host's kernel
# need not have the driver, and nothing is installed or mounted on the host. Needs Debian 12 or 13 on
# amd64; no root, no KVM.
#
#   ntfs3_vm.sh --prepare
#       With apt-get, fetch a kernel, QEMU and Python of Debian (90 MB, half a minute) into the cache, if
#       they are not there. DEBIAN_MIRROR names a mirror other than the one in the host's sources.
#   ntfs3_vm.sh [--sector-size N] IMAGE[@OFFSET]...
#       List the NTFS volumes of up to 24 images, in one boot.
#
#   --sector-size N    the disks of the images that follow have sectors of N bytes (default 512)
#   --timeout S        give up after S seconds (default 900)
#   --cache DIR        default ${XDG_CACHE_HOME:-~/.cache}/nanovhd-ntfs3
#
# IMAGE is a volume, or a disk with MBR or GPT; QEMU reads .vhd and .vhdx (with sectors of 512 bytes only),
# all other names are raw. OFFSET is the byte where disk or volume begin. On standard output, for each
# volume:
#
#   # IMAGE, DEVICE                       vda, vda1, ...
#   # cluster BYTES, clusters COUNT, free COUNT
#   one line for each name, sorted by path: see ntfs3_list.py
#   ! COMPLAINT                           of the kernel, the lister, or that an image has no volume
#
# Exit status: 0 no complaint; 1 complaints; 2 wrong usage, or the machine did not run to its end; 77 not
# prepared.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/nanovhd-ntfs3
# The release whose kernel has the driver as a module; Debian 12's own has it not. A change of what
# prepare makes needs another format number.
suite=trixie format=2
libs=usr/lib/x86_64-linux-gnu

die() { echo "ntfs3_vm.sh: $1" >&2; exit "${2:-2}"; }

# apt-get with a world of its own in the folder $1, whose sources are the release we want from the mirror
# that the host uses.
write_apt_config() {
  local mirror
  # shellcheck disable=SC2016  # apt replaces it
  mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
    grep -m1 '/debian/$')} || die "no Debian mirror in the sources of apt: set DEBIAN_MIRROR"
  mkdir -p "$1/lists/partial" "$1/archives/partial"
  : >"$1/status"
  echo "deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$1/sources.list"
  cat >"$1/apt.conf" <<CONF
Dir::Etc::SourceList "$1/sources.list";
Dir::Etc::SourceParts "-";
Dir::State::Lists "$1/lists";
Dir::State::Status "$1/status";
Dir::State::extended_states "$1/extended_states";
Dir::Cache "$1";
APT::Architecture "amd64";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Debug::NoLocking "true";
CONF
}

# Everything but the scripts of this folder: a compressed module can't be loaded by busybox.
make_initramfs() { # ROOT OUTPUT
  local root=$1 tree=$1/initramfs kernel module
  kernel=$(echo "$root"/usr/lib/modules/*/kernel)
  mkdir -p "$tree"/{bin,proc,sys,dev,mnt,modules,lib64,usr/bin,$libs}
  for module in drivers/block/virtio_blk fs/nls/nls_utf8 fs/ntfs3/ntfs3; do
    "$root/usr/bin/busybox" unxz -c "$kernel/$module.ko.xz" >"$tree/modules/${module##*/}.ko"
  done
  cp "$root/usr/bin/busybox" "$tree/bin/"
  cp "$root"/usr/bin/python3.* "$tree/usr/bin/python3"
  cp -r "$root"/usr/lib/python3.* "$tree/usr/lib/"
  cp "$root/$libs/ld-linux-x86-64.so.2" "$tree/lib64/"
  cp -L "$root/$libs"/{libc.so.6,libm.so.6,libz.so.1,libexpat.so.1,libffi.so.8} "$tree/$libs/"
  archive "$root" "$tree" >"$2"
  rm -r "$tree"
}

archive() { # ROOT TREE
  local busybox=$1/usr/bin/busybox
  (cd "$2" && find . | "$busybox" cpio -o -H newc 2>/dev/null)
}

# Sets qemu[] to the command of the QEMU below ROOT, with the libraries that belong to it.
find_qemu() { # ROOT
  qemu=(
    "$1/$libs/ld-linux-x86-64.so.2" --library-path "$1/$libs" "$1/usr/bin/qemu-system-x86_64"
    -L "$1/usr/share/qemu" -L "$1/usr/share/seabios"
  )
}

prepare() {
  local root kernel python deb
  [ "$(cat "$cache/format" 2>/dev/null)" != $format ] || return 0
  [ "$(dpkg --print-architecture)" = amd64 ] || die "can only be prepared on amd64"
  mkdir -p "$(dirname "$cache")"
  work=$(mktemp -d "$cache.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  root=$work/root
  write_apt_config "$work/apt"
  export APT_CONFIG=$work/apt/apt.conf
  apt-get update -qq
  apt-get install -qq -y --download-only --no-install-recommends qemu-system-x86 busybox-static python3-minimal >/dev/null
  # These alone, without what the whole of them needs: the kernel, and Python's ctypes.
  kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: //p')
  python=$(apt-cache depends python3-minimal | grep -m1 -o 'python3\.[0-9]*')
  (cd "$work/apt/archives" && apt-get download -qq "$kernel" "lib$python-stdlib")
  for deb in "$work"/apt/archives/*.deb; do dpkg-deb -x "$deb" "$root"; done
  make_initramfs "$root" "$work/initramfs"
  mv "$root"/boot/vmlinuz-* "$work/vmlinuz"
  find_qemu "$root"
  echo "$kernel, $("${qemu[@]}" --version | head -1)" >"$work/versions"
  rm -rf "$work/apt" "${root:?}"/{boot,etc,var,usr/lib/modules,usr/share/{doc,locale,man,i18n}}
  echo $format >"$work/format"
  rm -rf "$cache"
  mv -T "$work" "$cache"
  trap - EXIT
}

# The arguments for image $2 as disk number $1.
drive() { # NUMBER IMAGE SECTOR-SIZE
  local image=$2 offset=0 driver=raw
  if [[ $image =~ ^(.*)@([0-9]+)$ ]]; then
    image=${BASH_REMATCH[1]} offset=${BASH_REMATCH[2]}
  fi
  case $image in
    *.vhdx) driver=vhdx ;;
    *.vhd) driver=vpc ;;
  esac
  [ -r "$image" ] || die "$image: not readable"
  # In an option of QEMU, a comma is doubled.
  arguments+=(
    -drive "if=none,id=d$1,read-only=on,driver=raw,offset=$offset,file.driver=$driver,file.file.driver=file,file.file.filename=${image//,/,,}"
    -device "virtio-blk-pci,drive=d$1,serial=$1,logical_block_size=$3,physical_block_size=$3"
  )
}

# What the machine sent, with the names of the images; fails if there is a complaint.
show() { # LISTING IMAGE...
  local listing=$1 line image='' status=0
  shift
  local images=("$@")
  while IFS= read -r line; do
    case $line in
      '@ end') return $status ;;
      '@ '*) image=${images[${line#@ }]} ;;
      '@@ '*) printf '# %s, %s\n' "$image" "${line#@@ }" ;;
      '! no '*) status=1; printf '! %s: %s\n' "$image" "${line#! }" ;;
      '!'*) status=1; printf '%s\n' "$line" ;;
      *) printf '%s\n' "$line" ;;
    esac
  done <"$listing"
  return 2
}

run() { # IMAGES in images[], DISKS in arguments[]
  local status=0
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir "$work/scripts"
  : >"$work/listing"
  cp "$here/ntfs3_list.py" "$work/scripts/list.py"
  install -m 755 "$here/ntfs3_init.sh" "$work/scripts/init"
  { cat "$cache/initramfs"; archive "$cache/root" "$work/scripts"; } >"$work/initramfs"
  echo "ntfs3_vm.sh: ${#images[@]} images with $(cat "$cache/versions")" >&2
  find_qemu "$cache/root"
  timeout "$timeout" "${qemu[@]}" -machine q35 -accel tcg -cpu max -m 1G -nodefaults -no-reboot -display none \
    -serial "file:$work/console" \
    -kernel "$cache/vmlinuz" -initrd "$work/initramfs" \
    -append "console=ttyS0 quiet panic=-1 oops=panic mitigations=off random.trust_cpu=on" \
    -device virtio-serial-pci -chardev "file,id=listing,path=$work/listing" -device virtserialport,chardev=listing \
    "${arguments[@]}" </dev/null >&2 || echo "ntfs3_vm.sh: QEMU ended with status $?" >&2
  show "$work/listing" "${images[@]}" || status=$?
  if [ $status = 2 ]; then
    echo "ntfs3_vm.sh: the machine did not run to its end; its console:" >&2
    tail -n 50 "$work/console" >&2
  fi
  return $status
}

timeout=900 sector=512 images=() arguments=() prepare_only=no
while [ $# -gt 0 ]; do
  case $1 in
    --prepare) prepare_only=yes ;;
    --cache) cache=${2:?}; shift ;;
    --timeout) timeout=${2:?}; shift ;;
    --sector-size) sector=${2:?}; shift ;;
    --*) die "unknown option $1" ;;
    *)
      drive ${#images[@]} "$1" "$sector"
      images+=("$1")
      ;;
  esac
  shift
done
if [ $prepare_only = yes ]; then
  prepare
  exit
fi
(( ${#images[@]} >= 1 && ${#images[@]} <= 24 )) || die "give 1 to 24 images; see the head of the script"
[ "$(cat "$cache/format" 2>/dev/null)" = $format ] || die "run testdata/tools/ntfs3_vm.sh --prepare first" 77
run
