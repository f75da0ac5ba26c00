#!/bin/bash
# Same config, same bytes: every build, two folders, another user, locale, time zone and day give the
# same documents, logs, CoRIMs and device trees. RVMM is the rvmm; RVMM_BUILDS names others, by spaces
# (the arm64 build shows the same in the lab: tests/lab/suite.sh, case measured).
set -uo pipefail
scratch=$(mktemp -d)
chmod 755 "$scratch"
trap 'rm -rf "$scratch"' EXIT
failed=0

mkdir "$scratch/here"
cd "$scratch/here" || exit 1
yes 'kernel page' | head -c 900001 >kernel
yes 'an initrd' | head -c 300000 >initrd
cat >image.cfg <<'EOF'
[machine]
vcpus = 5
memory = "1G"
[boot]
kernel = "kernel"
initrd = "initrd"
cmdline = "console=ttyS0 ünï"
[realm]
personalization = "00ff"
profile = "emulated"
EOF
chmod a+r ./*

# outputs FOLDER OUT COMMAND...: everything that rvmm makes of the config in FOLDER.
outputs() {
    local folder=$1 out=$2 profile
    shift 2
    mkdir -p "$out"
    chmod 777 "$out"
    for profile in emulated kvm-v10 kvm-v12 'rmm-2.0/spec + kvm-v14' 'rmm-2.0/tf-rmm + kvm-v14 + 64k'; do
        local sets=(--profile "$profile")
        case $profile in emulated | kvm-v10) ;; *) sets+=(--set realm.personalization=) ;; esac
        (cd "$folder" && "$@" measure image.cfg "${sets[@]}" --json --log "$out/${profile/\//-}.log" &&
            "$@" measure image.cfg "${sets[@]}" --format corim &&
            "$@" measure image.cfg "${sets[@]}" --format comid-json) || echo "failed: $profile"
    done >"$out/documents" 2>&1
    (cd "$folder" && "$@" dtb image.cfg) >"$out/dtb" 2>&1
    (cd "$folder" && "$@" explain image.cfg) >"$out/explained" 2>&1
    (cd "$out" && sha256sum ./*.log documents dtb explained 2>&1)
}

# same NAME FOLDER COMMAND...
same() {
    local name=$1 folder=$2
    shift 2
    outputs "$folder" "$scratch/out-$name" "$@" >"$scratch/$name.sums"
    if cmp -s "$scratch/reference.sums" "$scratch/$name.sums"; then echo "ok $name"
    else
        echo "FAIL $name"
        diff "$scratch/reference.sums" "$scratch/$name.sums"
        head -n 5 "$scratch/out-$name/documents"
        failed=1
    fi
}

outputs "$scratch/here" "$scratch/out-reference" "$RVMM" >"$scratch/reference.sums"
if grep -q failed "$scratch/out-reference/documents" || [ "$(wc -l <"$scratch/reference.sums")" -lt 6 ]; then
    echo "FAIL reference"
    cat "$scratch/reference.sums" "$scratch/out-reference/documents"
    exit 1
fi

same again "$scratch/here" "$RVMM"
mkdir -p "$scratch/elsewhere/deep in/a folder"
cp kernel initrd image.cfg "$scratch/elsewhere/deep in/a folder"
touch -d '1999-12-31 23:59' "$scratch/elsewhere/deep in/a folder"/*
same folder "$scratch/elsewhere/deep in/a folder" "$RVMM"
cp "$RVMM" "$scratch/rvmm"
if [ "$(id -u)" = 0 ]; then
    same user "$scratch/here" setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/nonexistent "$scratch/rvmm"
else
    same user "$scratch/here" unshare --user --map-root-user env HOME=/nonexistent "$scratch/rvmm"
fi
same locale "$scratch/here" env LC_ALL=tr_TR.UTF-8 LANG=de_DE TZ=Pacific/Apia "$RVMM"
same day "$scratch/here" faketime '2031-02-03 04:05:06' "$RVMM"
same one-cpu "$scratch/here" taskset -c 0 "$RVMM"
for build in ${RVMM_BUILDS:-}; do same "$(basename "$(dirname "$build")")" "$scratch/here" "$build"; done
exit $failed
