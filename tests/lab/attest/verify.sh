#!/bin/bash
# What the lab's realms got from the stock driver is verified on this machine: each token is genuine and of
# the realm that its config describes, asked with its challenge. Needs the results of run_suite.sh.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lab/attest/config.sh
. "$here/config.sh"
soak=${RVMM_SOAK:-0}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
ln -s "$RVMM_GUESTS/vmlinuz" "$RVMM_LAB_OUT/linux/attest.cpio" .
sed -n '/BEGIN PUBLIC KEY/,/END PUBLIC KEY/p' "$here/../../../docs/attestation.md" >test-key.pem
failed=0
# verified NAME ARGS...: token.cbor holds, every check of it.
verified() {
    local name=$1
    shift
    "$RVMM" token verify token.cbor --trust-anchor test-key.pem --allow-emulated "$@" >out 2>&1 &&
        ! grep -qv '^ok ' out || { echo "FAIL $name"; cat out; failed=1; }
}
for name in $(attest_names "$soak"); do
    attest_config "$name" "$soak" >"$name.cfg"
    measured=$("$RVMM" measure "$name.cfg" --json) || failed=1
    rim=$(python3 -c 'import json,sys; print(json.load(sys.stdin)["rim"])' <<<"$measured")
    n=0
    while read -r _ _ challenge token; do
        n=$((n + 1))
        base64 -d <<<"$token" >token.cbor
        # One against the config itself, the others against what that measures to.
        expected=(--rim "$rim")
        [ $n -gt 1 ] || expected=(--config "$name.cfg")
        verified "$name, token $n" "${expected[@]}" --rpv "c0ffee${name##*-}0" --challenge "$challenge"
        sha256sum <token.cbor
    done < <(grep "^token $name " "$RVMM_LAB_OUT/linux/results") >sums
    grep -v '^[0-9a-f]\{64\}  -$' sums && failed=1
    n=$(grep -c . sums)
    # And the one that rvmm run --token brought.
    [ "$n" = $((2 * $(attest_count "$soak") + 1)) ] || { echo "FAIL $name: $n tokens"; failed=1; }
    [ "$(sort -u sums | wc -l)" = "$n" ] || { echo "FAIL $name: tokens that are the same"; failed=1; }
    echo "$name: $n tokens"
done
# The stock image, as rvmm run --token got it.
read -r _ challenge _ token < <(grep '^linux_token ' "$RVMM_LAB_OUT/linux/results")
base64 -d <<<"$token" >token.cbor
verified linux.cfg --config "$RVMM_GUESTS/linux.cfg" --challenge "$challenge"
# hello, by the host call: what it extended shows.
for challenge in 01 02ff; do
    read -r _ _ rem token < <(grep "^hello_token $challenge " "$RVMM_LAB_OUT/alone/results")
    base64 -d <<<"$token" >token.cbor
    verified "hello, challenge $challenge" --config "$RVMM_GUESTS/hello.cfg" --set realm.profile=emulated \
        --set realm.hash=sha512 --challenge $challenge --rem "1=$rem"
done
exit $failed
