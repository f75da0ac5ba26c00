#!/bin/bash
# rvmm run --dry-run: prints "ok NAME" or "FAIL NAME: why". RVMM is the rvmm, RVMM_GUESTS the folder
# with hello.
set -uo pipefail
# shellcheck source=tests/cli/verdicts.sh
source "$(dirname "$0")/verdicts.sh"
rvmm() { timeout 60 "$RVMM" "$@" >out 2>err </dev/null; }
cp "$RVMM_GUESTS/hello" .
printf '%s\n' '[boot]' 'kernel = "hello"' '[machine]' 'vcpus = 3' 'memory = "64M"' >plain.cfg
(cat plain.cfg && printf '%s\n' '[realm]' 'profile = "emulated"') >cca.cfg
(cat cca.cfg && printf '%s\n' '[host]' 'allow = ["cca", "emulated", "lab"]') >image.cfg
(cat image.cfg && printf '%s\n' '[[vsock]]' 'cid = 3' 'path = "v.sock"') >vsock.cfg
touch out err before now
find . | LC_ALL=C sort >before

rvmm measure image.cfg --json && rim=$(field 'd["rim"]') && document=$(cat out)
rvmm measure image.cfg
measured=$(cat out)

# Where a run goes depends on the machine; a lab is there on every one that scripts/setup has seen.
rvmm run image.cfg --host lab --dry-run
verdict text $? "$(cat err)"
[ ! -s err ] && grep -q '^host        lab, an EMULATED realm in a lab: nothing protects it$' out &&
    grep -q '^vCPUs       3$' out && grep -q '^memory      64M at 0x' out
verdict text_says_where $?
[ "$(sed -n '/^RIM /,$p' out)" = "$measured" ]
verdict text_measured $?
rvmm run image.cfg --host lab --dry-run --json
verdict json $?
[ "$(field 'd["host"], d["emulated"], d["realm"], d["dry_run"], d["vcpus"], d["memory"]["size"], d["profile"], d["hash"], d["not"]')" = \
    "('lab', True, True, True, 3, 67108864, 'emulated', 'sha256', [])" ] && [ "$(field 'd["rim"]')" = "$rim" ] &&
    [ "$(wc -l <out)" = 1 ] && [ ! -s err ]
verdict json_fields $?
[ "$(field '[i["what"] for i in d["images"]], [i["base"] for i in d["images"]] == [s["base"] for s in d["measurement"]["steps"] if s["kind"] == "data"]')" = \
    "(['kernel', 'fdt'], True)" ]
verdict json_images $?
python3 -c 'import json,sys; assert json.load(open("out"))["measurement"] == json.loads(sys.argv[1])' "$document"
verdict json_document $?
rvmm run plain.cfg --host lab --dry-run
grep -q '^host        lab, an ordinary VM in a lab$' out && grep -q '^  kernel  0x.* bytes of hello$' out && ! grep -q RIM out
verdict ordinary_vm $?
rvmm run plain.cfg --host lab --dry-run --json
[ "$(field 'd["realm"], d["emulated"], "rim" in d, "measurement" in d, d["images"][0]["source"]')" = "(False, False, False, False, 'hello')" ]
verdict ordinary_vm_json $?
if [ "$(uname -m)" != aarch64 ]; then
    rvmm run image.cfg --dry-run
    grep -q '^            not cca: it is .*, not arm64$' out && grep -q '^            not emulated: it is .*, not arm64$' out
    verdict why_not $?
    rvmm run image.cfg --dry-run --set 'host.allow=["cca", "lab"]' --json
    [ "$(field '[n["host"] for n in d["not"]], d["not"][1]["why"]')" = "(['cca', 'emulated'], 'it is not allowed')" ]
    verdict why_not_json $?
fi

# The errors of a run.
ends() { # NAME CODE TEXT ARGUMENT...
    local name=$1 code=$2 text=$3
    shift 3
    rvmm run --dry-run "$@"
    [ $? = "$code" ] && [ ! -s out ] && grep -qE -- "$text" err
    verdict "$name" $? "$(cat err)"
}
if [ "$(uname -m)" != aarch64 ]; then
    ends not_allowed 77 'real CCA hosts only' cca.cfg
    ends host_cannot 69 'cannot emulate a realm' image.cfg --host emulated
fi
RVMM_CACHE=/nowhere ends no_lab 69 'cannot boot a lab' image.cfg --host lab
ends no_vsock_in_a_lab 69 'vsock0: a lab has no way to' vsock.cfg --host lab
ends another_rim 76 "measures to $rim" image.cfg --host lab --expect-rim "${rim//[0-9]/f}"
ends another_rim_of_the_config 76 "measures to $rim" image.cfg --host lab --set "realm.expect_rim=\"${rim//[0-9]/f}\""
rvmm run image.cfg --host lab --dry-run --expect-rim "$rim"
verdict expected_rim $?
ends config 65 'machine.vcpus' image.cfg --set machine.vcpus=0
ends image 66 'nothing-here' image.cfg --set boot.kernel=nothing-here
ends nothing_to_type_into 64 'no console to type into' image.cfg --host lab --set serial.mode=none --expect x --send y
ends vm_with_a_rim 64 'no measurement' plain.cfg --host lab --expect-rim "$rim"

# Nothing is written, and what asks for it is refused.
for option in --report --token --measurement-log --record --console-log --junit; do
    ends "no_$option" 64 "$option" image.cfg --host lab $option new.file
done
ends no_--stats 64 stats image.cfg --host lab --stats
find . | LC_ALL=C sort >now
diff before now >out
verdict nothing_written $?
exit $failed
