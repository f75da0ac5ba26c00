#!/bin/bash
# Prints for each config of measured_configs.txt: its name, the RIM that rvmm predicts, and the hash of
# the whole document. Runs where hello, hello.cfg and small.initrd lie; RVMM is the rvmm.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
grep -v '^#' "$here/measured_configs.txt" | while IFS='|' read -r -a config; do
    sets=()
    for change in "${config[@]:1}"; do sets+=(--set "$change"); done
    document=$("$RVMM" measure hello.cfg --json "${sets[@]}")
    rim=$(sed -n 's/^  "rim": "\(.*\)",$/\1/p' <<<"$document" | head -n 1)
    echo "${config[0]} $rim $(sha256sum <<<"$document" | cut -d' ' -f1)"
done
