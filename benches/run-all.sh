#!/usr/bin/env bash
# Measures everything that benches/README.md says, and writes it there:
#
#   benches/run-all.sh WIMS OUT
#
# WIMS: a folder with .wim and .esd files; those of 1 GB and more get fewer runs. OUT: a folder for the results
# (JSON), and for the disks while they are made: several times as large as the largest of them unpacked.
# RUNS=5 sets the runs of small images. The machine should do nothing else.
set -euo pipefail
[ $# = 2 ] || { sed -n '4p' "$0" >&2; exit 2; }
wims=$(cd "$1" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)
runs=${RUNS:-5}
cd "$(dirname "${BASH_SOURCE[0]}")/.."

small=() large=()
for wim in "$wims"/*.wim "$wims"/*.esd; do
  [ -e "$wim" ] || continue
  if [ "$(stat -c %s "$wim")" -lt 1000000000 ]; then small+=("$wim"); else large+=("$wim"); fi
done

cargo build --release --locked -p nanovhd-cli -p nanovhd-benches
bin=${CARGO_TARGET_DIR:-target}/release
measure() { # PROGRAM RESULTS ARGUMENTS...
  local program=$1 results=$2
  shift 2
  "$bin/$program" "$@" --scratch "$out" --json "$out/$results.json"
}

rm -f "$out"/{compare,limit,scaling}-*.json
if [ ${#small[@]} != 0 ]; then
  measure compare compare-1 "${small[@]}" --runs "$runs"
  measure limit limit-1 "${small[@]}" --runs "$runs"
  measure scaling scaling-1 "${small[@]}" --runs 3
fi
if [ ${#large[@]} != 0 ]; then
  # A minute or more for each run of the tool chain: three have to do.
  measure compare compare-2 "${large[@]}" --runs "$runs" --peer-runs 3
  measure limit limit-2 "${large[@]}" --runs 1
  measure scaling scaling-2 "${large[@]}" --runs 1 --threads "1,$(nproc)"
fi
"$bin/report" "$out" --plots docs --tables README.md benches/README.md >"$out/report.md"
echo "results: $out; tables: README.md, benches/README.md; plots: docs"
