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
labs() { pgrep -fc 'qemu-system-aarch64.*org\.rvmm\.control'; }

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
exit $failed
