#!/bin/bash
# rvmm run --events of runs that come to nothing: prints "ok NAME" or "FAIL NAME: why". RVMM is the rvmm,
# RVMM_GUESTS the folder with hello. Runs with a guest are lab.events.
set -uo pipefail
tests=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/cli/verdicts.sh
source "$tests/verdicts.sh"
rvmm() { timeout 60 "$RVMM" "$@" >out 2>err </dev/null; }
valid() { "$RVMM_DEBIAN_PYTHON" "$tests/check_events.py" "$tests/../../docs/events.schema.json" "$1"; }
# ends CODE: the last line of `events` says so.
ends() { tail -n 1 events | grep -q "\"event\":\"end\",\"exit_code\":$1,"; }
cp "$RVMM_GUESTS/hello" .
printf '%s\n' '[boot]' 'kernel = "hello"' '[machine]' 'memory = "64M"' '[realm]' 'profile = "emulated"' >image.cfg

# run NAME CODE LAST_PHASE ARGS...
run() {
    local name=$1 code=$2 phase=$3
    shift 3
    rm -f events
    rvmm run "$@" --events events
    local got=$?
    [ $got = "$code" ] && ends "$code" && valid events >valid.out &&
        [ "$(grep '"event":"phase"' events | tail -n 1 | sed 's/.*"phase":"\([a-z]*\)".*/\1/')" = "$phase" ]
    verdict "$name" $? "code $got, $(cat err valid.out)"
}
run no_config 66 config nothing.cfg
run config_typo 65 config image.cfg --set machine.vcpu=1
run no_image 66 layout image.cfg --set boot.kernel=nothing
run wrong_rim 76 measure image.cfg --expect-rim "$(printf '0%.0s' {1..64})"
run not_allowed 77 host image.cfg
run existing_report 64 config image.cfg --report image.cfg
rvmm measure image.cfg --json && rim=$(field 'd["rim"]')
rm -f events
rvmm run image.cfg --events events
grep -q "\"event\":\"measured\",.*\"rim\":\"$rim\"" events
verdict says_rim $? "$(cat events)"

echo mine >mine
rvmm run image.cfg --events mine
[ $? = 64 ] && [ "$(cat mine)" = mine ] && grep -q 'nothing is overwritten' err
verdict existing_file $? "$(cat err)"
rvmm run image.cfg --events fd:77
[ $? = 64 ] && grep -q 'descriptor 77 is not open for writing' err
verdict closed_descriptor $? "$(cat err)"
mkfifo fifo
rvmm run image.cfg --events fifo
[ $? = 64 ] && grep -q 'nobody reads the FIFO fifo' err
verdict fifo_unread $? "$(cat err)"
timeout 60 cat fifo >events &
sleep 0.2
rvmm run nothing.cfg --events fifo
code=$?
wait
[ $code = 66 ] && ends 66 && valid events >valid.out
verdict fifo $? "$(cat err events)"
timeout 60 "$RVMM" run nothing.cfg --events fd:5 5>events 2>err
[ $? = 66 ] && ends 66
verdict descriptor $? "$(cat err)"
timeout 60 "$RVMM" run nothing.cfg --events fd:5 5> >(true) 2>err
[ $? = 66 ]
verdict reader_gone $? "$(cat err)"
timeout 60 "$RVMM" run nothing.cfg --events fd:5 5>/dev/full 2>err
[ $? = 66 ] && [ "$(grep -c 'no more is said' err)" = 1 ]
verdict disk_full $? "$(cat err)"
rvmm run image.cfg --dry-run --host lab --events new
[ $? = 64 ] && [ ! -e new ]
verdict dry_run $? "$(cat err)"
exit $failed
