#!/usr/bin/env bash
# Makes testdata/media anew. Needs python3 and wimlib-imagex (Debian: wimtools), no root.
#
#   testdata/make-media.sh [DIR]        DIR: where to put it (default: testdata/media)
#
# The same version of wimlib gives the same bytes; another version may compress otherwise.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:-$here/media}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PYTHONDONTWRITEBYTECODE=1

# One WIM: written plain by our own script, compressed by wimlib, compared with what was meant.
make() { # KIND FILE COMPRESSION
  local kind=$1 file=$2 compression=$3
  python3 "$here/tools/make_media.py" "$kind" "$work/$kind.wim"
  rm -f "$file"
  wimlib-imagex export "$work/$kind.wim" all "$file" --compress="$compression" --quiet
  python3 "$here/tools/make_media.py" stamp "$kind" "$file"
  wimlib-imagex verify "$file" --quiet --nocheck
  for image in 1 2; do
    python3 "$here/tools/compare_wims.py" "$work/$kind.wim" $image "$file" $image
  done
}

mkdir -p "$out/NanoServer" "$out/sources"
make nano "$out/NanoServer/NanoServer.wim" LZX
make core "$out/sources/install.wim" XPRESS
du -sb "$out" | awk '{ print $1 " bytes"; if ($1 > 3 * 1048576) exit 1 }'
