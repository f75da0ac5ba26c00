# shellcheck shell=sh
# The lab's part of what SIGKILL leaves, for suite.sh: rvmm is killed at random moments of a run, from before its
# first line to after its last. RVMM_KILL_SEED repeats the moments.

# A folder with hello and a disk, for case_killed.
killed_folder() {
    mkdir -p /job/killed && cd /job/killed || return
    head -c 65536 /dev/urandom >disk.img
    cp disk.img /root/killed-disk.img
    sed 's#^kernel = "hello"#kernel = "/job/hello"#' ../hello.cfg >killed.cfg
    printf '[[disk]]\nname = "data"\npath = "disk.img"\n' >>killed.cfg
    ls -A /tmp /dev/shm >/root/killed-before
}

# The command that is killed, and that runs to its end afterwards.
run_to_kill() {
    exec rvmm run --host emulated killed.cfg --name killed --control c.sock --report report.json --token token.cbor \
        --challenge 11ab --console-log console.log >killed.out 2>killed.err </dev/null
}
remove_outputs() { rm -f report.json token.cbor console.log; }

is_beginning_of() { head -c "$(wc -c <"$1")" "$2" | cmp -s - "$1"; }

# after_the_kill WHICH: what there may be now.
after_the_kill() {
    ps -o args | grep -q '[r]vmm run' && { bad killed "$1: a process lives on"; return 1; }
    [ "$(rvmm ps --json)" = '[]' ] || { bad killed "$1: rvmm ps shows a ghost"; return 1; }
    left=$(ls -A /run/rvmm)
    [ -z "$left" ] || { bad killed "$1: /run/rvmm has $left"; return 1; }
    cmp -s disk.img /root/killed-disk.img || { bad killed "$1: the disk has changed"; return 1; }
    left=$(ls -A | grep -vxE 'killed.cfg|disk.img|killed.out|killed.err|console.log|report.json|token.cbor')
    [ -z "$left" ] || { bad killed "$1: left $left"; return 1; }
    ls -A /tmp /dev/shm | cmp -s - /root/killed-before || { bad killed "$1: left $(ls -A /tmp /dev/shm)"; return 1; }
    # Whole, or not there.
    [ ! -e report.json ] || grep -q '^{.*"exit_code":0.*}$' report.json || { bad killed "$1: half a report"; return 1; }
    [ ! -e token.cbor ] || [ "$(wc -c <token.cbor)" = "$token_size" ] || { bad killed "$1: half a token"; return 1; }
    # As far as it came: one of the two has what the other has, and perhaps more.
    [ ! -e console.log ] || is_beginning_of console.log killed.out || is_beginning_of killed.out console.log ||
        { bad killed "$1: the console's log has something else"; return 1; }
}

# whole_run WHICH: the same command to its end.
whole_run() {
    begin=$(cut -d' ' -f1 /proc/uptime)
    (run_to_kill) || { bad killed "$1: exit code $?"; return 1; }
    whole=$(awk "BEGIN { print $(cut -d' ' -f1 /proc/uptime) - $begin }")
    [ -s report.json ] && [ -s token.cbor ] && cmp -s console.log killed.out || { bad killed "$1: wrote too little"; return 1; }
    token_size=$(wc -c <token.cbor)
    remove_outputs
}

kill_and_look() {
    n=$(count 50 8) i=0 in_time=0
    seed=${RVMM_KILL_SEED:-1}
    whole_run 'before any kill' || return
    echo "measured: SIGKILL: RVMM_KILL_SEED=$seed, a run takes $whole s"
    for part in $(awk "BEGIN { srand($seed); for (i = 0; i < $n; ++i) printf \"%.3f \", rand() * 1.1 }"); do
        i=$((i + 1))
        moment=$(awk "BEGIN { print $part * $whole }")  # of what the last one took
        run_to_kill &
        pid=$!
        sleep "$moment"
        kill -KILL $pid 2>/dev/null
        wait $pid
        code=$?
        case $code in
            137) in_time=$((in_time + 1)) ;;
            0) ;;
            *) bad killed "$i, at $moment s: exit code $code"; return ;;
        esac
        after_the_kill "$i, at $moment s" || return
        remove_outputs
        whole_run "after $i, at $moment s" || return
    done
    echo "measured: SIGKILL: $n random moments of a run, $in_time before its end"
    # Else nothing was tried.
    [ $in_time -ge $((n / 4)) ] || { bad killed "only $in_time of $n were killed before their end"; return; }
    ok killed
}

case_killed() {
    killed_folder && kill_and_look
    cd /job || exit 1
}
