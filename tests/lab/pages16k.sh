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
# That kernel as a guest: it has a driver for the power key, which the stock guest kernel has not.
mkdir "$scratch/extra"
cat >"$scratch/extra/extra.sh" <<'END'
(dd if=/dev/input/event0 of=/dev/null bs=24 count=1 2>/dev/null && echo 'key: pressed') &
sleep 1
echo 'key: waits'
wait
END
"$here/../../guest-images/linux/mkinitramfs" "$RVMM_CACHE" "$scratch/linux16k.cpio" pages16k-kernel
(cd "$scratch/extra" && find . | cpio --quiet -o -H newc) >>"$scratch/linux16k.cpio"
puts+=(--put "$kernel/Image:/job/image16k" --put "$scratch/linux16k.cpio")
printf '%s\n' '[machine]' 'memory = "512M"' 'power_key = true' '[boot]' 'kernel = "image16k"' \
    'initrd = "linux16k.cpio"' 'cmdline = "console=ttyS0 quiet panic=-1"' >"$scratch/power-vm.cfg"
puts+=(--put "$scratch/power-vm.cfg")

"$RVMM" lab run --lab "$scratch/lab.toml" "${puts[@]}" --put "$here/suite.sh" --put "$scratch/rims" \
    -- env RVMM_SOAK="${RVMM_SOAK:-0}" RVMM_LAB_CASES='pages16k power_key' sh /job/suite.sh </dev/null |
    tee "$scratch/out"
grep -qx 'ok pages16k' "$scratch/out"
grep -qx 'ok power_key' "$scratch/out"
