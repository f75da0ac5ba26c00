# The lab's part of the control socket's test, for suite.sh: a run on this very machine, listed and
# controlled by rvmm ps and rvmm ctl, also by clients that behave badly. control.sh does more from outside.

web() { rvmm ctl web "$@" 2>&1; }
console_size() { stat -c %s control_inside.out; }
# goes_on SECONDS: the guest's console grows meanwhile; how much is in $grown.
goes_on() {
    grown=$(console_size)
    sleep "$1"
    grown=$(($(console_size) - grown))
    [ $grown -gt 0 ]
}
# ctl_says NAME WANTED ARGS...
ctl_says() {
    what=$1 wanted=$2
    shift 2
    said=$(web "$@")
    # shellcheck disable=SC2254
    case $said in $wanted) ;; *) bad control_inside "$what: $said"; return 1 ;; esac
}

# Clients that are stopped while they wait for an answer, and a thousand that come and go, with requests of all kinds.
bad_clients() {
    hold=''
    for _ in 1 2 3 4 5; do
        rvmm ctl web stats >/dev/null 2>&1 &
        kill -STOP $!
        hold="$hold $!"
    done
    # As long as an argument can be, and no JSON.
    long=$(head -c 120000 /dev/zero | tr '\0' x)
    ctl_says long_request '*error*' raw "{\"execute\":\"$long\"}" || return
    ctl_says long_garbage '*error*' raw "$long" || return
    for _ in $(seq "$(count 250 15)"); do
        ctl_says malformed '*error*' raw '{"execute" 1}' || return
        ctl_says array '*error*' raw '[1]' || return
        ctl_says unknown '*error*' raw '{"execute":"no-such"}' || return
        ctl_says name '*web*' raw '{"execute":"query-name"}' || return
    done
    # shellcheck disable=SC2086
    kill -KILL $hold
}

controlled() {
    while [ "$(grep -c 'printed by the host' control_inside.out)" -lt 5 ]; do sleep 0.1; done
    rvmm ps | grep -q '^web .* running ' || { bad control_inside 'rvmm ps does not list it'; return 1; }
    ctl_says status running status || return
    rim=$(tr -d '\r' <control_inside.out | sed -n 's/^hello: RIM //p')
    ctl_says realm "*\"host\": \"emulated\"*\"rim\": \"$rim\"*" realm || return
    ctl_says stop '' stop || return
    sleep 0.5
    ! goes_on 1 || { bad control_inside 'a held guest goes on'; return 1; }
    ctl_says paused paused status || return
    ctl_says cont '' cont || return
    goes_on 2 || { bad control_inside 'the guest does not go on'; return 1; }
    before=$grown
    begin=$(cut -d' ' -f1 /proc/uptime)
    size=$(console_size)
    bad_clients || return
    size=$(($(console_size) - size))
    end=$(cut -d' ' -f1 /proc/uptime)
    awk "BEGIN { before = $before / 2; during = $size / ($end - $begin)
        printf \"measured: console bytes a second: %d before, %d with bad clients\n\", before, during
        exit !(during > before / 20) }" || { bad control_inside 'bad clients keep the guest'; return 1; }
    ctl_says quit '' quit
}

case_control_inside() {
    rvmm run --host emulated hello.cfg --name web --set boot.cmdline=chatter >control_inside.out 2>control_inside.err </dev/null &
    pid=$!
    controlled || { kill -KILL $pid; return; }
    wait $pid
    code=$?
    [ $code = 143 ] || { bad control_inside "exit code $code, expected 143"; return; }
    left=$(ls /run/rvmm)
    [ -z "$left" ] || { bad control_inside "left $left"; return; }
    ok control_inside
}
