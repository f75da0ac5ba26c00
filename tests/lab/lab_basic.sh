#!/usr/bin/env bash
# What the lab promises, shown with real boots: prints "ok NAME" or "FAIL NAME" for each promise and
# exits with 1 if one fails. RVMM is the rvmm to try; it finds its cache by itself.
set -u
: "${RVMM:?set RVMM to the rvmm to try}"
work=$(mktemp -d)
export RVMM_LAB_BASIC=$work
trap 'rm -rf -- "$work"' EXIT
failed=0

verdict() { # verdict NAME STATUS [DETAIL]
  if [[ $2 -eq 0 ]]; then
    echo "ok $1"
  else
    echo "FAIL $1${3:+ ($3)}"
    failed=1
  fi
}
lab() { timeout 180 "$RVMM" lab run "$@"; }
sum() { sha256sum "$@" | cut -d' ' -f1; }
same() { [[ $(sum "$1") == "$(sum "$2")" ]]; }
seconds_since() { echo "$(($(date +%s%N) - $1))" | awk '{ printf "%.1f", $1 / 1e9 }'; }

check_uname() {
  local start text
  start=$(date +%s%N)
  text=$(lab -- uname -sm </dev/null)
  [[ $text == "Linux aarch64" ]]
  verdict uname $? "$text"
  echo "# one command took $(seconds_since "$start") s"
}

check_exit_codes() {
  local code signal
  # A boot each: all of them with RVMM_SOAK=1.
  local codes=(255) signals=(15)
  [[ ${RVMM_SOAK:-0} -eq 1 ]] && codes=(0 1 63 64 127 128 255) signals=(9 11 15)
  for code in "${codes[@]}"; do
    lab -- sh -c "exit $code" </dev/null
    [[ $? -eq $code ]]
    verdict "exit-code-$code" $?
  done
  for signal in "${signals[@]}"; do
    lab -- sh -c "kill -$signal \$\$" </dev/null
    [[ $? -eq $((128 + signal)) ]]
    verdict "ended-by-signal-$signal" $?
  done
  lab no-such-program </dev/null 2>"$work/err"
  [[ $? -eq 127 && $(<"$work/err") == *no-such-program* ]]
  verdict command-not-found $?
}

check_streams() {
  local start
  start=$(date +%s%N)
  lab -- sh -c 'dd if=/dev/urandom of=/tmp/x bs=1M count=100 2>/dev/null
    cat /tmp/x; sha256sum </tmp/x >&2' </dev/null >"$work/out" 2>"$work/err"
  [[ $(stat -c %s "$work/out") -eq 104857600 && $(sum "$work/out") == "$(cut -d' ' -f1 "$work/err")" ]]
  verdict stdout-100M-and-stderr-apart $?
  echo "# 100 MiB made, hashed and sent in $(seconds_since "$start") s"

  head -c 20M /dev/urandom >"$work/in"
  # Through a pipe, and from a file; both end.
  cat "$work/in" | lab -- sh -c 'cat; echo end >&2' >"$work/out" 2>"$work/err"
  [[ $(<"$work/err") == end ]] && same "$work/in" "$work/out"
  verdict stdin-20M-through-a-pipe $?
  lab -- cat <"$work/in" >"$work/out"
  same "$work/in" "$work/out"
  verdict stdin-20M-from-a-file $?
  [[ $(yes | lab -- echo done) == done ]]
  verdict stdin-nobody-reads $?
  lab -- yes </dev/null | head -n 1 >/dev/null
  [[ ${PIPESTATUS[0]} -eq 141 ]]
  verdict stdout-nobody-reads $?
  [[ $(lab -- printf '%s|' 'a b' '' '[x,y]' -h --cpus </dev/null) == 'a b||[x,y]|-h|--cpus|' ]]
  verdict arguments-as-typed $?
}

check_files() {
  head -c 1000 /dev/urandom >"$work/small"
  head -c 40M /dev/urandom >"$work/large"
  chmod 755 "$work/large"
  lab --put "$work/small" --put "$work/large:/tmp/other" --get small:"$work/small2" \
    --get /tmp/copy:"$work/large2" --get /tmp/empty:"$work/empty2" \
    -- sh -c '[ -x /tmp/other ] && [ "$(stat -c %a /tmp)" = 1777 ] && cp /tmp/other /tmp/copy && : >/tmp/empty' </dev/null
  [[ $? -eq 0 ]] && same "$work/small" "$work/small2" && same "$work/large" "$work/large2" &&
    [[ -e $work/empty2 && ! -s $work/empty2 ]]
  verdict files-there-and-back $?

  lab --get /etc/passwd:"$work/small" -- true </dev/null 2>"$work/err"
  [[ $? -eq 64 && $(wc -l <"$work/err") -eq 1 ]] && same "$work/small" "$work/small2"
  verdict get-overwrites-nothing $? "$(<"$work/err")"
  lab --get /no/such:"$work/new" -- true </dev/null 2>"$work/err"
  [[ $? -eq 71 && ! -e $work/new && $(<"$work/err") == *"/no/such"* ]]
  verdict get-of-a-missing-file $? "$(<"$work/err")"
}

check_root() {
  lab -- sh -ec '
    [ "$(stat -f -c %T /)" = tmpfs ]
    [ "$(id -u nobody)" = 65534 ]
    ping -c 1 127.0.0.1
    ip route get 192.0.2.1
    grep nameserver /etc/resolv.conf
    [ -c /dev/kvm ] && [ -c /dev/ptmx ] && [ "$PWD" = /job ]
    mkdir /tmp/new && mount -t tmpfs new /tmp/new && cp -a /bin /usr /tmp/new && mkdir /tmp/new/old
    cd /tmp/new && unshare -m sh -c "pivot_root . old && /bin/busybox test -d /old/job"
  ' </dev/null >/dev/null
  verdict root-pivots-nobody-network $?
}

# start_sleeper: a lab that has come up and sleeps; sets $lab_pid and $qemu_pid.
start_sleeper() {
  : >"$work/out"
  "$RVMM" lab run -- sh -c 'echo up; exec sleep 1000' </dev/null >"$work/out" 2>&1 &
  lab_pid=$!
  for _ in $(seq 600); do
    [[ $(<"$work/out") == up ]] && break
    sleep 0.1
  done
  qemu_pid=$(pgrep -P "$lab_pid")
  [[ -n $qemu_pid ]]
}
gone() { # gone PID: within 2 seconds
  for _ in $(seq 20); do
    [[ ! -d /proc/$1 ]] && return 0
    sleep 0.1
  done
  return 1
}

check_ends() {
  local signal status signals=(KILL INT)
  [[ ${RVMM_SOAK:-0} -eq 1 ]] && signals=(KILL TERM INT HUP)
  for signal in "${signals[@]}"; do
    start_sleeper
    verdict "lab-up-before-SIG$signal" $?
    kill "-$signal" "$lab_pid"
    wait "$lab_pid" 2>/dev/null
    status=$?
    [[ $status -eq $((128 + $(kill -l "$signal"))) ]] && gone "$qemu_pid"
    verdict "qemu-ends-with-rvmm-on-SIG$signal" $? "status $status"
  done
  start_sleeper
  kill -KILL "$qemu_pid"
  wait "$lab_pid"
  [[ $? -eq 71 && $(<"$work/out") == *"ended before the command"* ]]
  verdict qemu-killed-is-an-error $? "$(<"$work/out")"
}

# on_terminal KEYS WAIT_FOR: a `lab shell` on a terminal; types KEYS once WAIT_FOR is on the screen.
on_terminal() {
  rm -f "$work/keys" && mkfifo "$work/keys"
  : >"$work/screen"
  timeout 120 script -qefc "'$RVMM' lab shell; echo status=\$?; stty -a" /dev/null \
    <"$work/keys" >"$work/screen" 2>&1 &
  local pid=$!
  exec 3>"$work/keys"
  for _ in $(seq 600); do
    grep -q -- "$2" "$work/screen" && break
    sleep 0.1
  done
  printf '%b' "$1" >&3
  wait "$pid"
  exec 3>&-
}

check_terminal() {
  on_terminal '\001x' '#'
  grep -q 'status=130' "$work/screen" && grep -q 'isig icanon' "$work/screen" &&
    grep -qE '(^|[^-])opost' "$work/screen"
  verdict ctrl-a-x-ends-the-shell $? "$(tail -c 300 "$work/screen")"
  on_terminal 'tty; stty size | wc -w; echo a$((1+1))b; exit 5\r' '#'
  grep -q 'status=5' "$work/screen" && grep -q /dev/pts/ "$work/screen" && grep -q a2b "$work/screen"
  verdict shell-on-a-terminal $? "$(tail -c 300 "$work/screen")"
}

check_refusals() {
  local start text status
  local -x RVMM_LAB=  # RVMM_HOST_KERNEL is for the stock lab
  start=$(date +%s%N)
  text=$(RVMM_CACHE=$work/none lab -- true 2>&1 </dev/null)
  status=$?
  [[ $status -eq 69 && $text == *manifest.json*scripts/setup* && $(wc -l <<<"$text") -le 2 ]]
  verdict no-cache $? "$text"
  text=$(RVMM_HOST_KERNEL=$work/none lab -- true 2>&1 </dev/null)
  [[ $? -eq 69 && $text == *RVMM_HOST_KERNEL* ]]
  verdict no-kernel $? "$text"
  head -c 4096 /dev/zero >"$work/zeros"
  text=$(RVMM_HOST_KERNEL=$work/zeros lab -- true 2>&1 </dev/null)
  [[ $? -eq 69 && $text == *"not an arm64 Image"* ]]
  verdict kernel-of-zeros $? "$text"
  text=$(RVMM_ARM64=/bin/sh lab -- true 2>&1 </dev/null)
  [[ $? -eq 69 && $text == *RVMM_ARM64* ]]
  verdict rvmm-of-another-machine $? "$text"
  lab --memory 1K -- true </dev/null 2>/dev/null
  [[ $? -eq 64 ]]
  verdict too-little-memory $?
  echo "# refusals took $(seconds_since "$start") s"
}

check_uname
check_exit_codes
check_streams
check_files
check_root
check_ends
check_terminal
check_refusals
# Every process of these labs has our mark in its environment.
! grep -lsz "^RVMM_LAB_BASIC=$work\$" /proc/[0-9]*/environ | grep -v "/proc/$$/" |
  while read -r file; do readlink "${file%/environ}/exe"; done | grep -E 'qemu|rvmm'
verdict nothing-left-running $?
exit "$failed"
