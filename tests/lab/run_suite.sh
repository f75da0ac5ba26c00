#!/bin/bash
# run_suite.sh NAME: boots one lab, runs the cases RVMM_LAB_CASES of suite.sh in it, and brings the
# results back to $RVMM_LAB_OUT/NAME.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$RVMM_LAB_OUT/$1
rm -rf "$out"
mkdir -p "$out"
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
    >"$out/attest.cpio"
for file in "$out/attest.cpio" "$here"/attest/{config,attest}.sh; do puts+=(--put "$file"); done
gets=(results events.ndjson exit_codes)
case " $RVMM_LAB_CASES " in *' rsi_probe '*) gets+=(rsi_probe.out) ;; esac
for file in "${gets[@]}"; do puts+=(--get "/job/$file:$out/$file"); done
"$RVMM" lab run "${puts[@]}" --put "$here/suite.sh" --put "$here/exits.sh" \
    --put "$here/killed.sh" --put "$here/control_inside.sh" \
    -- env RVMM_SOAK="${RVMM_SOAK:-0}" RVMM_LAB_CASES="$RVMM_LAB_CASES" \
    RVMM_KILL_SEED="${RVMM_KILL_SEED:-$RANDOM}" sh /job/suite.sh </dev/null
