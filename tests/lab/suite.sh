#!/bin/sh
# Runs inside the lab: every case of RVMM_LAB_CASES launches something real with the arm64 rvmm and says
# "ok NAME" or "FAIL NAME: why" in /job/results. RVMM_SOAK=1 runs every count in full.
# Facts worth keeping are printed as "measured: ..." lines.

cd /job || exit 1
results=/job/results
: >"$results"
# A folder that every user may write to: some cases launch as another.
events=/job/events
mkdir -m 1777 $events
: >events.ndjson
: >exit_codes
soak=${RVMM_SOAK:-0}
count() { if [ "$soak" = 1 ]; then echo "$1"; else echo "$2"; fi; }

ok() { echo "ok $1" | tee -a "$results"; }
bad() {
    echo "FAIL $1: $2" | tee -a "$results"
    echo "--- output of $1"
    tail -n 60 "$1.out" "$1.err" 2>/dev/null
    echo "---"
}

# launch NAME EXPECTED_CODE ARGS...: output in NAME.out and NAME.err (CR removed), seconds in $took.
launch() {
    name=$1 expected=$2
    shift 2
    before=$(cut -d' ' -f1 /proc/uptime)
    # Realms are emulated ones, on whatever lab this is.
    case "$*" in *-vm.cfg* | *host*) emulated='' ;; *) emulated='--host emulated' ;; esac
    rm -f "$events/now"
    # shellcheck disable=SC2086
    ${run_as:-} rvmm run $emulated "$@" --events "$events/now" >"$name.raw" 2>"$name.err" </dev/null
    code=$?
    after=$(cut -d' ' -f1 /proc/uptime)
    took=$(awk "BEGIN { print $after - $before }")
    # What this machine checks afterwards. A wrong command line has no events.
    if [ -e "$events/now" ]; then
        { echo "{\"name\":\"$name\",\"seconds\":$took}"; cat "$events/now"; } >>events.ndjson
    fi
    tr -d '\r' <"$name.raw" >"$name.out"
    if [ "$code" != "$expected" ]; then
        bad "$name" "exit code $code, expected $expected"
        return 1
    fi
    echo "$code" >>exit_codes
}
# has NAME LINE...: every LINE is a line of NAME's output.
has() {
    name=$1
    shift
    for line in "$@"; do
        grep -qxF -e "$line" "$name.out" || { bad "$name" "no line: $line"; return 1; }
    done
}
says() { grep -qF -e "$2" "$1.err" || { bad "$1" "does not say: $2"; return 1; }; }

hello_lines() {
    has "$1" 'hello: RSI version 1.1' 'hello: shared page does not show private content: ok' \
        'hello: printed by the host from a shared page' 'hello: unshared page reads zero: ok'
}

case_hello() {
    launch hello 0 hello.cfg --report hello.json || return
    hello_lines hello || return
    has hello 'hello: 1 of 1 CPUs, MPIDRs ok' 'hello: ipa_bits 40, hash sha-256' || return
    says hello 'EMULATED realm' || return
    rim=$(sed -n 's/^hello: RIM //p' hello.out)
    grep -qF "\"rim\":\"$rim\"" hello.json || { bad hello "report and guest differ about the RIM"; return; }
    grep -qF '"emulated":true' hello.json || { bad hello "the report does not say emulated"; return; }
    # REM' = SHA-256(32 zero bytes || bytes 0 to 31)
    rem=$( (head -c 32 /dev/zero
            i=0; while [ $i -lt 32 ]; do printf "\\$(printf %03o $i)"; i=$((i + 1)); done) |
           sha256sum | cut -d' ' -f1)
    has hello "hello: REM 1 extended $rem" || return
    echo "measured: hello in a running lab host: $took s"
    ok hello
}

# The token that hello hands over: kept for this machine to verify. With another challenge it is another.
case_hello_token() {
    for challenge in 01 02ff; do
        launch "hello_token_$challenge" 0 hello.cfg --set realm.profile=emulated --set realm.hash=sha512 \
            --token "hello-$challenge.cbor" --challenge $challenge || return
        size=$(wc -c <"hello-$challenge.cbor")
        has "hello_token_$challenge" "hello: gave a token of $size bytes" || return
        rem=$(sed -n 's/^hello: REM 1 extended //p' "hello_token_$challenge.out")
        echo "hello_token $challenge $rem $(base64 "hello-$challenge.cbor" | tr -d '\n')" >>"$results"
    done
    launch hello_token_kept 64 hello.cfg --token hello-01.cbor || return
    launch hello_token_none 71 hello-vm.cfg --token none.cbor || return
    says hello_token_none 'the guest gave no token' || return
    [ ! -e none.cbor ] || { bad hello_token 'left a file'; return; }
    ok hello_token
}

case_hello_cpus() {
    launch "hello_cpus_$1" 0 hello.cfg --set "machine.vcpus=$1" || return
    has "hello_cpus_$1" "hello: $1 of $1 CPUs, MPIDRs ok" && ok "hello_cpus_$1"
}

case_hello_hash() {
    launch hello_sha512 0 hello.cfg --set realm.profile=emulated --set realm.hash=sha512 \
        --set realm.ipa_bits=34 --set realm.breakpoints=9 --set realm.sve_vl=256 || return
    says hello_sha512 'measured, but not imposed' || return
    [ "$(grep -c 'not imposed' hello_sha512.err)" = 1 ] || { bad hello_sha512 'more than one warning'; return; }
    has hello_sha512 'hello: ipa_bits 34, hash sha-512' && ok hello_sha512
}

# In a lab host: the RIM that the guest reads, and the whole document, are those predicted outside.
case_measured() {
    n=0
    while IFS= read -r line; do
        case $line in '#'*) continue ;; esac
        old=$IFS
        IFS='|'
        # shellcheck disable=SC2086 # split at the bars
        set -- $line
        IFS=$old
        config=$1
        shift
        changes=$#
        for change in "$@"; do set -- "$@" --set "$change"; done
        shift $changes
        launch "measured_$config" 0 hello.cfg "$@" || return
        rim=$(sed -n 's/^hello: RIM //p' "measured_$config.out")
        document=$(rvmm measure hello.cfg --json "$@")
        here="$config $rim $(echo "$document" | sha256sum | cut -d' ' -f1)"
        there=$(grep "^$config " predicted)
        [ "$here" = "$there" ] || { bad "measured_$config" "here $here, predicted $there"; return; }
        n=$((n + 1))
    done <measured_configs.txt
    [ $n -ge 12 ] || { bad measured "only $n configs"; return; }
    ok measured
}

case_hello_vm() {
    launch hello_vm 0 hello-vm.cfg || return
    has hello_vm 'hello: no RSI, an ordinary VM' 'hello: printed by the host' && ok hello_vm
}

case_endings() {
    launch end_status 7 hello.cfg --set boot.cmdline=status=7 || return
    launch end_off 0 hello.cfg --set boot.cmdline=off || return
    launch end_reset 80 hello.cfg --set boot.cmdline=reset || return
    launch end_badmmio 0 hello.cfg --set boot.cmdline=badmmio || return
    has end_badmmio 'hello: an unmapped device reads 0x0' || return
    ok endings
}

# A guest that says how it ends by a device. pvstatus=64 is no status: hello says that nothing came of it.
case_pvpanic() {
    for config in hello hello-vm; do
        run="pvpanic_$config"
        launch "$run" 81 $config.cfg --set machine.pvpanic=true --set boot.cmdline=pvpanic --report "$run.json" || return
        has "$run" 'hello: panic by pvpanic, as asked' || return
        says "$run" 'the guest says by pvpanic that it panicked' || return
        grep -qF '"outcome":"panic"' "$run.json" || { bad "$run" 'the report says no panic'; return; }
        launch "${run}_status" 9 $config.cfg --set machine.pvpanic=true --set boot.cmdline=pvstatus=9 || return
        # hello waits 10 s for what does not come.
        [ $config = hello-vm ] || launch "${run}_none" 57 $config.cfg --set machine.pvpanic=true --set boot.cmdline=pvstatus=64 || return
        launch "${run}_without" 56 $config.cfg --set boot.cmdline=pvpanic || return
        has "${run}_without" 'hello: FAIL the device tree has no pvpanic' || return
    done
    ok pvpanic
}

# killed_run NAME SIGNAL CODE ARGS...: hello that never ends, and rvmm gets the signal.
killed_run() {
    name=$1 signal=$2 want=$3
    shift 3
    rvmm run --host emulated hello.cfg "$@" >"$name.out" 2>"$name.err" </dev/null &
    pid=$!
    while ! grep -q 'hello: ' "$name.out" && kill -0 $pid 2>/dev/null; do sleep 0.1; done
    sleep 1
    kill "-$signal" $pid
    wait $pid
    code=$?
    [ $code = "$want" ] || { bad "$name" "SIG$signal gave $code, expected $want"; return 1; }
    echo $code >>exit_codes
}

case_signals() {
    for signal in 'TERM 143' 'INT 130' 'HUP 129' 'KILL 137'; do
        # shellcheck disable=SC2086 # two words
        killed_run signals $signal --set boot.cmdline=spin || return
    done
    # A guest that waits in WFI is inside KVM_RUN all the time: the kick has to reach it.
    killed_run signals TERM 143 --set boot.cmdline=wfi --set machine.vcpus=4 || return
    ok signals
}

case_pipe() {
    # The reader goes away: no crash, no hang.
    rvmm run --host emulated hello.cfg 2>pipe.err </dev/null | head -n 1 >pipe.out
    grep -q hello pipe.out && ok pipe || bad pipe "no output"
}

case_convert() {
    launch convert_all 0 convert.cfg --set "boot.cmdline=all=$(count 100 10)" || return
    grep 'conversions of' convert_all.out | sed 's/^/measured: /'
    grep -q "convert: $(count 100 10) conversions of .* ok" convert_all.out ||
        { bad convert_all 'no ok line'; return; }
    ok convert_all
}
case_pages() {
    pages=$(count 20000 4000)
    launch convert_pages 0 convert.cfg --set "boot.cmdline=pages=$pages" || return
    grep 'alternate pages' convert_pages.out | sed 's/^/measured: /'
    grep -q "convert: $pages alternate pages ok" convert_pages.out ||
        { bad convert_pages 'no ok line'; return; }
    ok convert_pages
}

case_probe() {
    launch rsi_probe 0 rsi_probe.cfg || return
    grep -c PROBE rsi_probe.out | sed 's/^/measured: probe lines: /'
    ok rsi_probe
}

# What a machine that has been left alone looks like: our processes, and files in the usual places.
leftovers() {
    ps -o args | grep -c '[r]vmm run'
    ls /tmp /run /run/rvmm /dev/shm 2>/dev/null
    ls /job | grep -vE '^(launches|results)'
    grep -c memfd:rvmm /proc/[0-9]*/maps 2>/dev/null | grep -v ':0$'
    wc -l </proc/net/unix
}
case_launches() {
    n=$(count 100 10)
    mkdir -p -m 700 /run/rvmm  # as the first run does
    rvmm ps >/dev/null || { bad launches 'rvmm ps fails'; return; }
    leftovers >/tmp/.before
    mv /tmp/.before /root/before
    i=0
    started=$(cut -d' ' -f1 /proc/uptime)
    while [ $i -lt "$n" ]; do
        i=$((i + 1))
        rvmm run --host emulated hello.cfg >launches.out 2>launches.err </dev/null ||
            { bad launches "launch $i of $n: exit code $?"; return; }
    done
    ended=$(cut -d' ' -f1 /proc/uptime)
    leftovers >/root/after
    cmp -s /root/before /root/after || { diff /root/before /root/after; bad launches 'left something'; return; }
    echo "measured: $n launches of hello: $(awk "BEGIN { print ($ended - $started) / $n }") s each"
    ok launches
}

# The profile of a CCA host; nothing elsewhere.
cca_profile() { rvmm doctor --json | sed -n 's/.*"profile_host":"\([^"]*\)".*/\1/p'; }

case_not_allowed() {
    profile=$(cca_profile)
    if [ -n "$profile" ]; then
        launch not_allowed 0 hello.cfg --host cca --set "realm.profile=$profile" && ok not_allowed
        return
    fi
    launch not_allowed 77 hello.cfg --set 'host.allow=["cca"]' || return
    says not_allowed 'CCA' || return
    says not_allowed '--emulate' || return
    launch not_allowed 69 hello.cfg --host cca || return
    says not_allowed "cannot run a real realm: this kernel's KVM makes no realms" || return
    [ "$(grep -c '^rvmm: error' not_allowed.err)" = 1 ] || { bad not_allowed 'more than one error'; return; }
    ok not_allowed
}

case_linux() {
    launch linux_realm 0 linux.cfg --report linux_realm.json --token linux.cbor --challenge 11ab || return
    echo "linux_token 11ab - $(base64 linux.cbor | tr -d '\n')" >>"$results"
    has linux_realm 'RME: Using RSI version 1.0' 'cpus: 2 online' 'tsm provider: arm_cca_guest' || return
    realm_init=$(sed -n 's/^init: uptime //p' linux_realm.out)
    realm_total=$took
    # With a status of its own, by the port.
    launch linux_vm 9 linux-vm.cfg --set 'boot.cmdline=console=ttyS0 quiet panic=-1 rvmm.exit=9' || return
    has linux_vm 'realm: no' 'cpus: 2 online' || return
    vm_init=$(sed -n 's/^init: uptime //p' linux_vm.out)
    awk "BEGIN { printf \"measured: Linux to init: realm %s s, ordinary VM %s s, ratio %.2f\n\", \
        $realm_init, $vm_init, $realm_init / $vm_init }"
    echo "measured: Linux from launch to exit: realm $realm_total s, ordinary VM $took s"
    grep -o '"memory":{[^}]*}' linux_realm.json | sed 's/^/measured: Linux realm: /'
    ok linux
}

# The host's kernel has pages of 16 KiB: realms have theirs of 4 KiB there, and the RIMs of any other host.
case_pages16k() {
    grep -q '^KernelPageSize: *16 kB' /proc/self/smaps || { bad pages16k 'pages have another size'; return; }
    launch pages16k_hello 0 hello.cfg --report pages16k_hello.json || return
    hello_lines pages16k_hello || return
    launch pages16k_convert 0 convert.cfg --set "boot.cmdline=all=2 pages=$(count 20000 400)" || return
    grep ' ok, ' pages16k_convert.out | sed 's/^/measured: pages of 16 KiB: /'
    [ "$(grep -c ' ok, ' pages16k_convert.out)" = 2 ] || { bad pages16k_convert 'no ok lines'; return; }
    launch pages16k_linux 0 linux.cfg --report pages16k_linux.json || return
    has pages16k_linux 'RME: Using RSI version 1.0' 'cpus: 2 online' || return
    for image in hello linux; do
        rim=$(sed -n "s/^$image //p" rims)
        [ -n "$rim" ] && grep -qF "\"rim\":\"$rim\"" "pages16k_$image.json" ||
            { bad pages16k "the RIM of $image is not $rim"; return; }
    done
    ok pages16k
}

# press_power_key NAME WAITS: SIGPWR to rvmm once NAME's guest has said that it waits.
press_power_key() {
    while ! grep -q "$2" "$1.raw" 2>/dev/null; do sleep 0.2; done
    for process in /proc/[0-9]*; do
        { tr '\0' ' ' <"$process/cmdline"; } 2>/dev/null | grep -q '^rvmm run' && kill -PWR "${process#/proc/}"
    done
}

# A guest with the driver gpio_keys.
case_power_key() {
    press_power_key power_key 'key: waits' &
    launch power_key 0 power-vm.cfg || return
    has power_key 'key: pressed' && ok power_key
}

case_doctor() {
    rvmm doctor --json >doctor.out 2>doctor.err
    if [ -n "$(cca_profile)" ]; then
        grep -qF '"cca":true' doctor.out && grep -qF '"realm_host":{"revision":' doctor.out && ok doctor ||
            bad doctor 'wrong diagnosis of a CCA host'
        return
    fi
    grep -qF '"emulated":true' doctor.out && grep -qF '"cca":false' doctor.out ||
        { bad doctor 'wrong diagnosis'; return; }
    # What is missing for real realms, and what to do about it.
    rvmm doctor >doctor.out 2>>doctor.err
    grep -A 1 "^missing realms .*this kernel's KVM makes no realms" doctor.out |
        grep -q -e '-> boot a kernel with the CCA host series on a CPU with RME' && ok doctor ||
        bad doctor 'does not say what is missing for real realms'
}

# shellcheck source=tests/lab/devices/devices.sh
[ ! -e devices.sh ] || . ./devices.sh
# shellcheck source=tests/lab/devices/hostile.sh
[ ! -e hostile.sh ] || . ./hostile.sh
# shellcheck source=tests/lab/exits.sh
[ ! -e exits.sh ] || . ./exits.sh
# shellcheck source=tests/lab/killed.sh
[ ! -e killed.sh ] || . ./killed.sh
# shellcheck source=tests/lab/control_inside.sh
[ ! -e control_inside.sh ] || . ./control_inside.sh
# shellcheck source=tests/lab/attest/attest.sh
[ ! -e attest.sh ] || . ./attest.sh

for case in $RVMM_LAB_CASES; do
    case $case in
        hello_cpus_*) case_hello_cpus "${case#hello_cpus_}" ;;
        hello_sha512) case_hello_hash ;;
        convert_all) case_convert ;;
        convert_pages) case_pages ;;
        rsi_probe) case_probe ;;
        *) "case_$case" ;;
    esac
done
exit 0
