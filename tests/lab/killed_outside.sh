#!/bin/bash
# What SIGKILL leaves of a run that is in a lab, and of a lab that is a service. Prints "ok NAME" or "FAIL NAME: why".
# RVMM_KILL_SEED repeats the random moments, which are from before the first line to after the guest's.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# What rvmm may leave anywhere is in folders of our own.
mkdir "$scratch/tmp" "$scratch/work"
mkdir -m 700 "$scratch/runtime"
export TMPDIR=$scratch/tmp XDG_RUNTIME_DIR=$scratch/runtime
cd "$scratch/work" || exit 1
failed=0
bad() {
    echo "FAIL $1: $2"
    tail -n 30 "$scratch/out" "$scratch/err" 2>/dev/null
    failed=1
}
# Ours has the run's own folder in its command line.
labs() { pgrep -f "qemu-system-aarch64.*$scratch/work/disk\\.img"; }

head -c 65536 /dev/urandom >disk.img
cp disk.img "$scratch/disk.img"
sed "s#^kernel = \"hello\"#kernel = \"$RVMM_GUESTS/hello\"#" "$RVMM_GUESTS/hello.cfg" >killed.cfg
printf '[[disk]]\nname = "data"\npath = "disk.img"\n' >>killed.cfg
run() { exec "$RVMM" run "$scratch/work/killed.cfg" --host lab --report report.json --console-log console.log \
    >"$scratch/out" 2>"$scratch/err" </dev/null; }

# whole_run WHICH: to its end, in $whole seconds.
whole_run() {
    local begin code
    begin=$(date +%s.%N)
    (run)
    code=$?
    whole=$(awk "BEGIN { print $(date +%s.%N) - $begin }")
    [ $code = 0 ] || { bad killed "$1: exit code $code"; return 1; }
    [ -s report.json ] && cmp -s console.log "$scratch/out" || { bad killed "$1: wrote too little"; return 1; }
    rm report.json console.log
}

# after_the_kill WHICH CHILDREN...: what there may be now.
after_the_kill() {
    local which=$1 child left
    shift
    for _ in $(seq 20); do
        left=$(labs; for child in "$@"; do [ -e "/proc/$child" ] && echo "$child"; done)
        [ -n "$left" ] || break
        sleep 0.1
    done
    [ -z "$left" ] || { bad killed "$which: processes live on after two seconds: $left"; return 1; }
    [ "$("$RVMM" ps --json)" = '[]' ] || { bad killed "$which: rvmm ps shows a ghost"; return 1; }
    left=$(find "$scratch/tmp" "$scratch/runtime" -mindepth 1 ! -path "$scratch/runtime/rvmm")
    [ -z "$left" ] || { bad killed "$which: left $left"; return 1; }
    left=$(find . -mindepth 1 ! -name disk.img ! -name killed.cfg ! -name console.log ! -name report.json)
    [ -z "$left" ] || { bad killed "$which: left $left"; return 1; }
    cmp -s disk.img "$scratch/disk.img" || { bad killed "$which: the disk has changed"; return 1; }
    [ ! -e report.json ] || grep -q '^{.*"exit_code":0.*}$' report.json || { bad killed "$which: half a report"; return 1; }
    rm -f report.json console.log
}

kill_and_look() {
    local n=2 i=0 in_time=0 moment pid code children seen which seed=${RVMM_KILL_SEED:-$RANDOM}
    [ "${RVMM_SOAK:-0}" = 1 ] && n=10
    whole_run 'before any kill' || return
    echo "measured: SIGKILL of a lab run: RVMM_KILL_SEED=$seed, a run takes $whole s"
    for moment in $(awk "BEGIN { srand($seed); for (i = 0; i < $n; ++i) printf \"%.3f \", rand() * $whole }"); do
        i=$((i + 1))
        which="$i, at $moment s"
        run &
        pid=$!
        sleep "$moment"
        children=$(cat "/proc/$pid/task/$pid/children" 2>/dev/null)
        seen=$(labs)
        kill -KILL $pid 2>/dev/null
        wait $pid 2>/dev/null
        code=$?
        case $code in
            137) in_time=$((in_time + 1)) ;;
            0) ;;
            *) bad killed "$which: exit code $code"; return ;;
        esac
        if [ $code = 137 ] && [ "${moment%.*}" -ge 3 ] && [ -z "$seen" ]; then
            bad killed "$which: there was no QEMU to be seen"
            return
        fi
        # shellcheck disable=SC2086 # numbers
        after_the_kill "$which" $children || return
    done
    whole_run "after $i kills" || return
    echo "measured: SIGKILL of a lab run: $n random moments, $in_time before its end"
    # Else nothing was tried.
    [ $in_time -ge 1 ] || { bad killed "none of $n was killed before its end"; return; }
    echo "ok killed"
}
kill_and_look

if python3 "$here/service_manager.py" "$RVMM" "$RVMM_GUESTS/hello.cfg" >"$scratch/out" 2>&1; then
    grep '^measured: ' "$scratch/out"
    echo "ok service"
else bad service "see above"; fi
exit $failed
