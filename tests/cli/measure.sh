#!/bin/bash
# What the commands that measure print and leave behind: prints "ok NAME" or "FAIL NAME: why". RVMM is
# the rvmm, RVMM_GUESTS the folder with hello.
set -uo pipefail
# shellcheck source=tests/cli/verdicts.sh
source "$(dirname "$0")/verdicts.sh"
cp "$RVMM_GUESTS/hello" .
head -c 50000 /dev/urandom >initrd
printf '%s\n' '[boot]' 'kernel = "hello"' 'initrd = "initrd"' '[realm]' 'profile = "emulated"' \
    '[host]' 'allow = ["cca", "emulated", "lab"]' >image.cfg
rvmm() { timeout 60 "$RVMM" "$@" >out 2>err </dev/null; }

# One document on standard output, nothing else anywhere.
rvmm measure image.cfg --json
verdict json $(($? + $(wc -c <err))) "$(cat err)"
rim=$(field 'd["rim"]')
[ "$(field 'sorted({"rim","rems","hash","profile","tool"} - d.keys()), len(d["rems"]), d["steps"][-1]["rim"] == d["rim"]')" = "([], 4, True)" ]
verdict json_fields $?
rvmm measure image.cfg
[ "$(head -n 1 out)" = "RIM         $rim" ]
verdict text $?

# The log ends in the RIM, and diff finds the config and its log the same.
rvmm measure image.cfg --log image.log && tail -n 1 image.log | grep -q "{\"rim\":\"$rim\"" && rvmm diff image.cfg image.log
verdict log $?
cp image.log kept.log
rvmm measure image.cfg --log image.log
[ $? = 64 ] && cmp -s image.log kept.log
verdict log_overwrites_nothing $?

# CoRIM for every hash, with and without a personalization value; cbor2 reads what we wrote.
status=0
for hash in sha256 sha384 sha512; do
    for rpv in '' 0123; do
        sets=(--set "realm.hash=$hash" --set "realm.personalization=$rpv")
        rvmm measure image.cfg --json "${sets[@]}" || status=1
        expected=(--hash "$hash" --rim "$(field 'd["rim"]')")
        [ -z "$rpv" ] || expected+=(--rpv "$(field 'd["personalization"]')")
        rm -f realm.cbor
        rvmm measure image.cfg --format corim --output realm.cbor "${sets[@]}" || status=1
        /usr/bin/python3 "$here/check_corim.py" realm.cbor "${expected[@]}" >out 2>err || status=1
        rvmm measure image.cfg --format comid-json "${sets[@]}" && field 'd["triples"]' >/dev/null || status=1
    done
done
verdict corim $status
rvmm diff realm.cbor image.cfg
[ $? = 76 ]
verdict corim_of_another_hash $?

# A refused launch ends before it looks for a host; a log or a document says what differs first.
rvmm run image.cfg --expect-rim "${rim//[0-9]/f}"
[ $? = 76 ] && grep -q "the realm measures to $rim" err
verdict expect_rim $?
rvmm run image.cfg --set "realm.expect_rim=\"${rim//[0-9]/f}\""
[ $? = 76 ]
verdict expect_rim_of_the_config $?
rvmm run image.cfg --expect-rim "$rim" --set boot.cmdline=quiet --measurement-log refused.log
[ $? = 76 ] && tail -n 1 refused.log | grep -q '{"rim":"'
verdict log_of_a_refused_launch $?
rvmm run image.cfg --expect-measurement image.log --set boot.cmdline=quiet
[ $? = 76 ] && grep -q bootargs err
verdict expect_log $?
rvmm run image.cfg --expect-rim 1234
[ $? = 64 ]
verdict expect_rim_too_short $?
rvmm run image.cfg --expect-rim "$rim" --set realm.hash=sha512
[ $? = 64 ]
verdict expect_rim_of_another_hash $?

# Steps: the answers in the file make no difference, `rule` chooses the variant.
python3 - "$here/../data/vectors/rim-rmm2.json" <<'EOF'
import json, sys
cases = json.load(open(sys.argv[1]))["cases"][:5]
for step in (s for c in cases for s in c["steps"]):
    for answer in ("rc", "rc_level", "rim", "measured", "out_top"):
        if answer in step:
            step[answer] = 99
for rule in ("rmm-2.0/tf-rmm", "rmm-2.0/spec"):
    json.dump({"rule": rule, "cases": cases}, open(rule[8:] + ".json", "w"))
json.dump({"cases": cases}, open("no-rule.json", "w"))
EOF
status=0
for rule in tf-rmm spec; do
    file=rim-rmm2.json
    [ $rule = spec ] && file=rim-rmm2-spec.json
    rvmm measure --steps $rule.json || status=1
    python3 - "$here/../data/vectors/$file" out <<'EOF' || status=1
import json, sys
expected = json.load(open(sys.argv[1]))["cases"][:5]
got = json.load(open(sys.argv[2]))["cases"]
assert [c["name"] for c in got] == [c["name"] for c in expected]
for a, b in zip(got, expected):
    for s, t in zip(a["steps"], b["steps"], strict=True):
        assert (s["rc"], s.get("rc_level"), s["rim"]) == (t["rc"], t.get("rc_level"), t["rim"]), (a["name"], s, t)
EOF
done
verdict steps $status
rvmm measure --steps no-rule.json
[ $? = 65 ] && grep -q rule err
verdict steps_without_rule $?

# find: the RIM of a variation, and its name.
rvmm measure image.cfg --json --set realm.ipa_bits=42 --set machine.vcpus=4
other=$(field 'd["rim"]')
rvmm find image.cfg --rim "$other" && grep -q 'ipa_bits' out && grep -q vcpus out
verdict find $?

# Progress is for terminals, and for images over 1 GiB.
truncate -s 1100M large
python3 - "$RVMM" <<'EOF'
import os, pty, subprocess, sys
arguments = [sys.argv[1], "measure", "image.cfg", "--set", "machine.memory=3G", "--set", "boot.initrd="]
def stderr_of(initrd, terminal):
    command = arguments[:-1] + ["boot.initrd=" + initrd, "--json"]
    if not terminal:
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True).stderr
    master, slave = pty.openpty()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=slave)
    os.close(slave)
    seen = b""
    try:
        while piece := os.read(master, 65536):
            seen += piece
    except OSError:
        pass
    assert process.wait() == 0
    return seen
assert b"measuring: " in stderr_of("large", True)
assert stderr_of("large", False) == b""
assert stderr_of("initrd", True) == b""
EOF
verdict progress $?
exit $failed
