#!/bin/bash
# Boots one lab, runs suite.sh in it, and brings the results back to $RVMM_LAB_OUT.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rm -rf "$RVMM_LAB_OUT"
mkdir -p "$RVMM_LAB_OUT"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# What this machine predicts: the lab's rvmm and the guests have to come to the same.
cp "$RVMM_GUESTS/hello" "$RVMM_GUESTS/hello.cfg" "$scratch"
head -c 10000 /dev/zero | tr '\0' i >"$scratch/small.initrd"
(cd "$scratch" && "$here/predict.sh" >predicted)

puts=(--put "$scratch/small.initrd" --put "$scratch/predicted" --put "$here/measured_configs.txt")
for file in hello convert.bin rsi_probe.bin hostile vmlinuz linux.cpio \
            hello.cfg hello-vm.cfg convert.cfg rsi_probe.cfg hostile.cfg linux.cfg linux-vm.cfg; do
    puts+=(--put "$RVMM_GUESTS/$file")
done
for module in tun loop dm-mod; do
    xzcat "$(find -L "$RVMM_CACHE/host-kernel/modules" -name "$module.ko.xz")" >"$scratch/$module.ko"
    puts+=(--put "$scratch/$module.ko")
done
for file in devtool guest.sh devices.sh hostile.sh; do puts+=(--put "$RVMM_DEVICES/$file"); done
# The stock image with a script that asks for tokens. Kept, for it is measured here afterwards.
mkdir "$scratch/extra"
cp "$here/attest/guest.sh" "$scratch/extra/extra.sh"
{ cat "$RVMM_GUESTS/linux.cpio" && (cd "$scratch/extra" && echo extra.sh | cpio --quiet -o -H newc); } \
    >"$RVMM_LAB_OUT/attest.cpio"
for file in "$RVMM_LAB_OUT/attest.cpio" "$here"/attest/{config,attest}.sh; do puts+=(--put "$file"); done
"$RVMM" lab run "${puts[@]}" --put "$here/suite.sh" --put "$here/exits.sh" \
    --put "$here/killed.sh" --put "$here/control_inside.sh" \
    --get /job/results:"$RVMM_LAB_OUT/results" \
    --get /job/events.ndjson:"$RVMM_LAB_OUT/events.ndjson" \
    --get /job/exit_codes:"$RVMM_LAB_OUT/exit_codes" \
    --get /job/rsi_probe.out:"$RVMM_LAB_OUT/rsi_probe.out" \
    -- env RVMM_SOAK="${RVMM_SOAK:-0}" RVMM_LAB_CASES="${RVMM_LAB_CASES:-}" \
    RVMM_KILL_SEED="${RVMM_KILL_SEED:-$RANDOM}" sh /job/suite.sh </dev/null
