#!/bin/bash
# Boots one lab whose host kernel has pages of 16 KiB, and runs realms in it: suite.sh's case pages16k.
# Skipped (77) where the cache lacks that kernel.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
kernel=$RVMM_CACHE/pages16k-kernel
if [ ! -e "$kernel/Image" ]; then
    echo "skipped: scripts/setup --tests fetches a kernel with pages of 16 KiB"
    exit 77
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cat >"$scratch/lab.toml" <<END
[kernel]
image = "$kernel/Image"
modules = "$(echo "$kernel"/modules/lib/modules/*)"
END

# What this machine predicts.
for image in hello linux; do
    rim=$("$RVMM" measure "$RVMM_GUESTS/$image.cfg" --json | sed -n 's/^  "rim": "\(.*\)",$/\1/p' | head -n 1)
    echo "$image $rim"
done >"$scratch/rims"

puts=()
for file in hello convert.bin vmlinuz linux.cpio hello.cfg convert.cfg linux.cfg; do
    puts+=(--put "$RVMM_GUESTS/$file")
done
"$RVMM" lab run --lab "$scratch/lab.toml" "${puts[@]}" --put "$here/suite.sh" --put "$scratch/rims" \
    -- env RVMM_SOAK="${RVMM_SOAK:-0}" RVMM_LAB_CASES=pages16k sh /job/suite.sh </dev/null |
    tee "$scratch/out"
grep -qx 'ok pages16k' "$scratch/out"
