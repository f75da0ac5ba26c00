# The lab's part of the exit codes' test, for suite.sh: a launch for each row of docs/exit-codes.md. Those of
# signals are in case_signals.

linux_words='console=ttyS0 swiotlb=8192 quiet'

# ends_within NAME SECONDS: the launch took no longer, all told.
ends_within() {
    awk "BEGIN { exit !($took <= $2) }" || { bad "$1" "took $took s, and $2 s were allowed"; return 1; }
}

# The host takes back memory that rvmm shares with the guest, while the guest prints from it.
memory_taken() {
    rvmm run --host emulated hello.cfg --set boot.cmdline=chatter >exit_70.out 2>exit_70.err </dev/null &
    pid=$!
    while [ "$(grep -c 'printed by the host' exit_70.out)" -lt 5 ]; do sleep 0.1; done
    for fd in /proc/$pid/fd/*; do
        case $(readlink "$fd") in */memfd:*shared*) : >"$fd" ;; esac
    done
    wait $pid
    code=$?
    [ $code = 70 ] || { bad exit_70 "exit code $code, expected 70"; return 1; }
    echo $code >>exit_codes
    says exit_70 'guest memory'
}

case_exits() {
    for n in $(count "$(seq -s ' ' 1 63)" '1 42 63'); do
        launch "exit_$n" "$n" hello.cfg --set "boot.cmdline=status=$n" || return
    done
    launch exit_0 0 hello.cfg --set boot.cmdline=status=0 || return
    launch exit_met 0 hello.cfg --set boot.cmdline=spin --expect 'RSI version' --end-when-met || return
    launch exit_64 64 hello.cfg --no-such-option || return
    launch exit_65 65 hello.cfg --set machine.vcpus=0 || return
    launch exit_66 66 hello.cfg --set boot.kernel=nowhere || return
    launch exit_69 69 hello.cfg --host cca || return
    memory_taken || return
    launch exit_71 71 hello.cfg --expect 'RSI version' --expect 'login: ' --report exit_71.json || return
    says exit_71 'the console did not say what --expect names, login:  (2 of 2)' || return
    grep -qF '"outcome":"unmet"' exit_71.json || { bad exit_71 'the report says something else'; return; }
    launch exit_76 76 hello.cfg --expect-rim "$(printf %064d 0)" || return
    launch exit_77 77 hello.cfg --set 'host.allow=["cca"]' || return
    launch exit_80 80 hello.cfg --set boot.cmdline=reset || return
    launch exit_81 81 hello.cfg --fail-on 'RSI version [0-9]' --report exit_81.json || return
    grep -qF '"console_tail":["hello: RSI version' exit_81.json || { bad exit_81 'no console in the report'; return; }
    ok exits
}

# Linux, whose programs and kernel cannot make host calls.
case_exits_linux() {
    launch linux_panic 81 linux.cfg --set "boot.cmdline=$linux_words panic=-1 rvmm.panic" --report linux_panic.json || return
    says linux_panic 'guest panic: Kernel panic - not syncing: sysrq triggered crash' || return
    grep -qF 'Kernel panic - not syncing' linux_panic.json || { bad linux_panic 'no console in the report'; return; }
    launch linux_stays 81 linux-vm.cfg --set "boot.cmdline=$linux_words rvmm.panic" || return
    # Logged in by what is typed, and ended by what is seen.
    launch linux_shell 0 linux.cfg --set "boot.cmdline=$linux_words panic=-1 rvmm.shell" --console-log shell.log \
        --boot-timeout 240 --timeout 300 --expect "'exit' powers off" --expect '# ' --send 'echo $((6 * 7)) answers\n' \
        --expect '^42 answers' --end-when-met || return
    cmp shell.log linux_shell.raw || { bad linux_shell 'the log is not what was printed'; return; }
    ok exits_linux
}

case_time_limits() {
    launch limit_spin 124 hello.cfg --set boot.cmdline=spin --timeout 3 --report limit.json || return
    ends_within limit_spin 5 || return
    grep -qF '"outcome":"time-limit"' limit.json && grep -qF '"last_exits":[["' limit.json ||
        { bad limit_spin 'the report does not say so'; return; }
    launch limit_wfi 124 hello.cfg --set boot.cmdline=wfi --set machine.vcpus=4 --timeout 3 || return
    ends_within limit_wfi 5 || return
    # hello says READY; so early Linux does not.
    launch limit_boot 124 hello.cfg --set boot.cmdline=spin --expect never --boot-timeout 2 --timeout 4 || return
    says limit_boot 'the time limit (--timeout) was reached' || return
    launch limit_not_up 124 linux-vm.cfg --boot-timeout 1 || return
    ok time_limits
}
