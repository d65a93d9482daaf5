#!/usr/bin/env bash
# Makes testdata/wims anew. Needs python3 and wimlib-imagex (Debian: wimtools), no root.
#
#   testdata/make-wims.sh [DIR]         DIR: where to put them (default: testdata/wims)
#
# The same version of wimlib gives the same bytes (split.swm and solid.esd too); another version may
# compress otherwise.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:-$here/wims}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PYTHONDONTWRITEBYTECODE=1
tools=$here/tools
rm -rf "${out:?}"
mkdir -p "$out/refused"

# NAME CHUNK SIZE [export options]: the common tree, exported and compared with what was meant.
small() {
  local name=$1 chunk=$2 size=$3; shift 3
  python3 "$tools/make_wims.py" small "$work/small.wim" "$chunk" "$size"
  wimlib-imagex export "$work/small.wim" all "$out/$name" --quiet "$@"
  python3 "$tools/make_media.py" stamp "$name" "$out/$name"
  for image in 1 2; do
    python3 "$tools/compare_wims.py" "$work/small.wim" $image "$out/$name" $image
  done
}

python3 "$tools/make_wims.py" small "$out/plain.wim" 0 0
small xpress-4k.wim   4096    70000 --compress=XPRESS --chunk-size=4K
small xpress-32k.wim 32768   100000 --compress=XPRESS --chunk-size=32K
small xpress-64k.wim  8192   140000 --compress=XPRESS --chunk-size=64K
small lzx-32k.wim    32768   100000 --compress=LZX --chunk-size=32K
small lzx-64k.wim     8192   140000 --compress=LZX --chunk-size=64K
small lzx-2m.wim      8192  5000000 --compress=LZX --chunk-size=2M
small integrity.wim   8192    70000 --compress=LZX --check
small solid.esd       4096    70000 --solid
small pipable.wim     4096    70000 --compress=XPRESS --pipable
python3 "$tools/make_wims.py" attributes "$work/attributes.wim"
wimlib-imagex export "$work/attributes.wim" all "$out/attributes.wim" --quiet --compress=LZX
python3 "$tools/make_media.py" stamp attributes "$out/attributes.wim"

# A set of parts. The identifier is the same in all of them.
small split.wim       8192    70000 --compress=LZX
wimlib-imagex split "$out/split.wim" "$out/split.swm" 0.012 --quiet
for part in "$out"/split*.swm; do
  python3 "$tools/make_media.py" stamp split.swm "$part"
done
rm "$out/split.wim"

for case in cycle parent-name slash-name same-name security-id security-size name-length lost-child wrong-hash \
  no-blob half-written; do
  python3 "$tools/make_wims.py" "$case" "$out/refused/$case.wim"
done
