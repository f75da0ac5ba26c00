#!/bin/bash
# A run in a lab, listed and controlled from outside: by rvmm ps and rvmm ctl, by a QMP client, by
# socat, and by clients that behave badly. Prints "ok NAME" or "FAIL NAME: why".
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -m 700 "$scratch/runtime"
export XDG_RUNTIME_DIR=$scratch/runtime
failed=0
ok() { echo "ok $1"; }
bad() {
    echo "FAIL $1: $2"
    tail -n 20 "$scratch/err" 2>/dev/null
    failed=1
}
# expect NAME WANTED GOT
expect() { if [[ $3 == $2 ]]; then ok "$1"; else bad "$1" "$3"; fi; }
ctl() { "$RVMM" ctl web "$@" 2>&1; }
status() { "$RVMM" ps --json | python3 -c 'import json,sys; print(*(run["status"] for run in json.load(sys.stdin)))'; }
size() { stat -c %s "$scratch/out"; }
start() {
    "$RVMM" run "$RVMM_GUESTS/hello.cfg" --set boot.cmdline=chatter --host lab --name web "$@" \
        >"$scratch/out" 2>"$scratch/err" </dev/null &
    pid=$!
    for _ in $(seq 100); do
        qemu=$(pgrep -P $pid -f qemu-system-aarch64) && [ -n "$(status)" ] && break
        sleep 0.1
    done
}
# ended NAME CODE: the run is over, and nothing of it is left.
ended() {
    wait $pid
    local code=$? left
    left=$(ls "$scratch/runtime/rvmm")
    for _ in $(seq 10); do kill -0 "$qemu" 2>/dev/null || break; sleep 0.1; done
    if [ $code != "$2" ]; then bad "$1" "exit code $code, expected $2"
    elif [ -n "$left" ]; then bad "$1" "left $left"
    elif kill -0 "$qemu" 2>/dev/null; then bad "$1" 'QEMU lives on'
    else ok "$1"; fi
}

# A signal at the first moment that there is something to remove.
"$RVMM" run "$RVMM_GUESTS/hello.cfg" --host lab --name web >"$scratch/out" 2>"$scratch/err" </dev/null &
pid=$! qemu=none
until [ -S "$scratch/runtime/rvmm/web.sock" ]; do sleep 0.01; done
kill -TERM $pid
ended first_moment 143

# Runs that end before the lab is up: by a signal, by their time, and with their lab. Clients wait till then.
start
expect launching launching "$(status)"
socat -u "UNIX-CONNECT:$scratch/runtime/rvmm/web.sock" - >"$scratch/client" &
client=$!
kill -TERM $pid
ended early_signal 143
wait $client
expect early_client '0' "$?$(<"$scratch/client")"
start --timeout 2
ended early_limit 124
start --control "$scratch/c.sock"
[ -S "$scratch/c.sock" ] || bad early_death 'no socket'
kill -KILL "$qemu"
ended early_death 71
expect early_death_socket '' "$(ls "$scratch/c.sock" 2>/dev/null)"

start
sock=$scratch/runtime/rvmm/web.sock
# One that has come before the guest is there gets its answers when it is.
printf '{"execute":"qmp_capabilities"}{"execute":"query-name"}' |
    socat -t 60 - "UNIX-CONNECT:$sock" >"$scratch/client" &
client=$!
while [ "$(status)" = launching ]; do sleep 0.2; done
expect running running "$(status)"
wait $client
expect early_question '*"return":{"name":"web"}*' "$(<"$scratch/client")"
python3 "$here/../vmm/control/qmp_client.py" "$sock" query-status query-version query-commands query-name \
    query-cpus-fast query-block no-such system_powerdown stop query-status cont >"$scratch/client" 2>&1
expect qmp_client "greeting*query-status {'running': True*no-such CommandNotFound*system_powerdown GenericError*event STOP*stop {}*'status': 'paused'}*event RESUME*cont {}" "$(<"$scratch/client")"
printf '{"execute":"qmp_capabilities"}{"execute":"query-status"}' | socat -t 20 - "UNIX-CONNECT:$sock" >"$scratch/client"
expect socat '*"QMP"*"return":{}*"status":"running"*' "$(<"$scratch/client")"

expect ctl_status running "$(ctl status)"
rim=$(tr -d '\r' <"$scratch/out" | sed -n 's/^hello: RIM //p')
expect ctl_realm "*\"host\": \"emulated\"*\"rim\": \"$rim\"*" "$(ctl realm)"
expect ctl_stats '*"exits"*' "$(ctl stats)"
expect ps_rim "*\"host\":\"lab\",\"rim\":\"$rim\"*" "$("$RVMM" ps --json)"
expect ctl_stop '' "$(ctl stop)"
sleep 1
before=$(size)
sleep 1
expect held "$before paused paused" "$(size) $(ctl status) $(status)"
expect ctl_cont '' "$(ctl cont)"
for _ in $(seq 50); do [ "$(size)" != "$before" ] && break; sleep 0.1; done
if [ "$(size)" -gt "$before" ]; then ok goes_on; else bad goes_on 'the guest prints nothing'; fi

python3 "$here/control_abuse.py" "$RVMM" web "$sock" "$scratch/out" 2>&1 || { failed=1; kill $pid; }
ended quit 143
exit $failed
