#!/bin/bash
# Labs that a file describes (docs/lab.md): the machine inside is what the file says. Prints "ok NAME"
# or "FAIL NAME: why".
set -uo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
verdict() { # verdict NAME STATUS DETAIL
    if [ "$2" = 0 ]; then echo "ok $1"; else echo "FAIL $1: $3"; failed=1; fi
}
unset RVMM_LAB

cat >"$scratch/other.toml" <<'EOF'
[machine]
cpu = "neoverse-n1"
cpus = 1
memory = "768M"
arguments = ["-name", "other-lab", "-device", "virtio-rng-pci"]

[kernel]
arguments = "other_lab=yes"
EOF
# One line: the command line's last word, CPUs, memory in MiB, the CPU's part number, rng devices.
cat >"$scratch/look.sh" <<'EOF'
echo "$(tr ' ' '\n' </proc/cmdline | tail -n 1) $(nproc)" \
    "$(($(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo) / 1024))" \
    "$(sed -n 's/^CPU part.*: //p' /proc/cpuinfo | sort -u)" \
    "$(grep -lE '0x1005|0x1044' /sys/bus/pci/devices/*/device /dev/null | wc -l)" "$(wc -c </job/large)"
EOF
head -c 3M /dev/urandom >"$scratch/large"

look() { # look ARGS...: what the lab of these arguments is
    timeout 300 "$RVMM" lab run --put "$scratch/look.sh" --put "$scratch/large" "$@" \
        -- sh /job/look.sh </dev/null 2>&1
}
is_other() { # is_other TEXT CPUS MEMORY: with up to 200 MiB of it the kernel's own
    read -r word cpus memory part rng large <<<"$1"
    [ "$word" = other_lab=yes ] && [ "$cpus" = "$2" ] && [ "$part" = 0xd0c ] && [ "$rng" = 1 ] &&
        [ "$large" = 3145728 ] && [ "$memory" -le "$3" ] && [ "$memory" -ge $(($3 - 200)) ]
}

text=$(look --lab "$scratch/other.toml")
is_other "$text" 1 768
verdict lab_file $? "$text"

text=$(RVMM_LAB=$scratch/other.toml look --cpus 2 --memory 1G)
is_other "$text" 2 1024
verdict variable_and_options $? "$text"

timeout 300 "$RVMM" run "$RVMM_GUESTS/hello.cfg" --lab "$scratch/other.toml" --host lab --json \
    >"$scratch/out" 2>"$scratch/err" </dev/null
[ $? = 0 ] && head -n 1 "$scratch/err" | grep -q 'EMULATED realm in a lab' &&
    grep -q '"host":"lab","emulated":true' "$scratch/out"
verdict realm $? "$(cat "$scratch/err" "$scratch/out")"

# The stock kernel's own modules, named by a file, are found and loaded.
modules=$(dirname "$(find -L "$RVMM_CACHE/host-kernel/modules" -name modules.dep)")
printf '[kernel]\nimage = "%s"\nmodules = "%s"\n[machine]\nboot_limit = 120\n' \
    "$RVMM_CACHE/host-kernel/Image" "$modules" >"$scratch/kernel.toml"
text=$(look --lab "$scratch/kernel.toml")
[[ $text == *" 3145728" ]]
verdict named_kernel $? "$text"

# A machine that cannot come up says so in time, and nothing of it is left.
printf '[machine]\nboot_limit = 1\n' >"$scratch/late.toml"
text=$(timeout 60 "$RVMM" lab run --lab "$scratch/late.toml" true 2>&1 </dev/null)
[ $? = 71 ] && [[ $text == *"did not come up within 1 seconds"* ]]
verdict boot_limit $? "$text"
exit $failed
