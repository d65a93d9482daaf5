#!/bin/sh
# Makes small-lzx.wim and small-xpress.wim: some of this crate's own sources, so that the content
# has the same licence as the rest. Needs wimlib-imagex. The files need not be made again when the
# sources change: the tests only want something compressed.
set -eu
cd "$(dirname "$0")"
in=$(mktemp -d)
trap 'rm -r "$in"' EXIT
mkdir "$in/folder" "$in/folder/empty"
cp ../../src/reader.rs ../../src/format.rs "$in"
cp ../../src/stream.rs "$in/folder"
ln "$in/format.rs" "$in/folder/linked.rs"
: > "$in/nothing"
head -c 3000 ../../src/xml.rs > "$in/folder/short"
for compression in LZX XPRESS; do
    name=small-$(echo "$compression" | tr A-Z a-z).wim
    rm -f "$name"
    wimlib-imagex capture "$in" "$name" small --compress=$compression --check
done
