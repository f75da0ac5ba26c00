#!/bin/bash
# Runs of rvmm on this machine as a person or a script starts them: the lab is the host. Prints
# "ok NAME" or "FAIL NAME: why".
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
ok() { echo "ok $1"; }
bad() {
    echo "FAIL $1: $2"
    tail -n 30 "$scratch/out" "$scratch/err" 2>/dev/null
    failed=1
}
# The QEMUs of this script: they have its mark in their environment.
export RVMM_OUTSIDE=$scratch
our_qemus() {
    local file
    grep -lsz "^RVMM_OUTSIDE=$scratch\$" /proc/[0-9]*/environ | while read -r file; do
        case $(readlink "${file%/environ}/exe") in *qemu-system-aarch64) basename "${file%/environ}" ;; esac
    done
}
labs() { our_qemus | wc -l; }

# hello, from command to exit: its own lines, its status, our report, the same RIM on both sides.
begin=$(date +%s.%N)
"$RVMM" run --realm "$RVMM_GUESTS/hello.cfg" --set boot.cmdline=status=9 --report "$scratch/report.json" \
    --host lab >"$scratch/out" 2>"$scratch/err" </dev/null
code=$?
end=$(date +%s.%N)
rim=$(tr -d '\r' <"$scratch/out" | sed -n 's/^hello: RIM //p')
if [ $code != 9 ]; then bad run_hello "exit code $code, expected 9"
elif ! head -n 1 "$scratch/err" | grep -q EMULATED; then bad run_hello "the first line does not say emulated"
elif ! grep -q "\"rim\":\"$rim\"" "$scratch/report.json"; then bad run_hello "RIMs differ"
elif ! grep -q '"host":"lab","emulated":true' "$scratch/report.json"; then bad run_hello "the report does not say where it ran"
else
    awk "BEGIN { printf \"measured: hello in the lab, command to exit: %.1f s\n\", $end - $begin }"
    ok run_hello
fi

# The phases of a run make up the time that it took.
begin=$(date +%s.%N)
"$RVMM" run "$RVMM_GUESTS/hello.cfg" --host lab --events "$scratch/events" >"$scratch/out" 2>"$scratch/err" </dev/null
code=$?
end=$(date +%s.%N)
if [ $code = 0 ] && "$RVMM_DEBIAN_PYTHON" "$here/../cli/check_events.py" "$here/../../docs/events.schema.json" \
    "$scratch/events" "$(awk "BEGIN { printf \"%.4f\", $end - $begin }")"; then ok run_events
else bad run_events "exit code $code"; fi

# --json: one document on standard output and nothing else.
"$RVMM" run "$RVMM_GUESTS/hello.cfg" --json --host lab >"$scratch/out" 2>"$scratch/err" </dev/null
code=$?
if [ $code = 0 ] && python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); assert d["emulated"] is True and d["exit_code"] == 0' "$scratch/out" &&
    grep -q 'hello: RSI' "$scratch/err"; then ok run_json; else bad run_json "exit code $code"; fi

# A report is never overwritten.
echo mine >"$scratch/mine.json"
"$RVMM" run "$RVMM_GUESTS/hello.cfg" --report "$scratch/mine.json" >"$scratch/out" 2>"$scratch/err" </dev/null
code=$?
if [ $code = 64 ] && [ "$(cat "$scratch/mine.json")" = mine ]; then ok report_kept; else bad report_kept "exit code $code"; fi

# A terminal: Ctrl-A x ends it, the terminal is as it was.
if python3 "$here/terminal_test.py" "$RVMM" "$RVMM_GUESTS/hello.cfg" >"$scratch/out" 2>&1; then ok terminal
else bad terminal "see above"; fi

# SIGKILL of rvmm takes QEMU along.
"$RVMM" run "$RVMM_GUESTS/hello.cfg" --set boot.cmdline=spin --host lab >"$scratch/out" 2>"$scratch/err" </dev/null &
pid=$!
sleep 3
kill -KILL $pid
wait $pid 2>/dev/null
sleep 0.5
if [ "$(labs)" = 0 ]; then ok killed; else bad killed "QEMU lives on"; fi

# SIGTERM while the guest spins.
"$RVMM" run "$RVMM_GUESTS/hello.cfg" --set boot.cmdline=spin --host lab >"$scratch/out" 2>"$scratch/err" </dev/null &
pid=$!
for _ in $(seq 300); do grep -q RIM "$scratch/out" && break; sleep 0.1; done
kill -TERM $pid
wait $pid
code=$?
if [ $code = 143 ] && [ "$(labs)" = 0 ]; then ok terminated; else bad terminated "exit code $code"; fi

# limited NAME LIMIT ARGS...: a run that --timeout ends, within two seconds of it, and nothing is left.
limited() {
    local name=$1 limit=$2 begin end code
    shift 2
    begin=$(date +%s%N)
    "$RVMM" run "$RVMM_GUESTS/hello.cfg" --set boot.cmdline=spin --host lab --timeout "$limit" --json \
        --console-log "$scratch/$name.log" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
    code=$?
    end=$((($(date +%s%N) - begin) / 1000000))
    if [ $code != 124 ]; then bad "$name" "exit code $code, expected 124"
    elif [ $end -gt $((limit * 1000 + 2000)) ] || [ $end -lt $((limit * 1000)) ]; then bad "$name" "took $end ms"
    elif [ "$(labs)" != 0 ] || pgrep -fx "sleep 6171" >/dev/null; then bad "$name" "something lives on"
    elif ! grep -q '"host":"lab".*"outcome":"time-limit","exit_code":124' "$scratch/out"; then bad "$name" "no report of it"
    else ok "$name"; fi
}
# A guest that spins; then a QEMU that says nothing, and one that stops in the middle.
limited limit 20
if grep -q 'hello: RIM' "$scratch/limit.log"; then ok console_log; else bad console_log "no RIM in it"; fi
printf '#!/bin/sh\nexec sleep 6171\n' >"$scratch/hangs"
chmod +x "$scratch/hangs"
printf '[machine]\nqemu = "%s"\n' "$scratch/hangs" >"$scratch/hangs.toml"
limited limit_dead_lab 3 --lab "$scratch/hangs.toml"
stop_the_lab() {
    for _ in $(seq 300); do grep -qs RIM "$scratch/limit_stopped_lab.log" && break; sleep 0.1; done
    # shellcheck disable=SC2046 # one or several
    kill -STOP $(our_qemus)
}
stop_the_lab &
limited limit_stopped_lab 20
wait
exit $failed
