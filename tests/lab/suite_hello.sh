#!/bin/bash
# rvmm test in a lab: hello many times, four at a time, in one boot; and a suite in which every case must
# fail in its own way. Prints "ok NAME" or "FAIL NAME: why". RVMM_SOAK=1: 200 launches instead of 20.
set -uo pipefail
# shellcheck source=tests/cli/verdicts.sh
source "$(dirname "$0")/../cli/verdicts.sh"
if [ "${RVMM_SOAK:-0}" = 1 ]; then launches=200; else launches=20; fi
cp "$RVMM_GUESTS/hello" "$RVMM_GUESTS/hello.cfg" "$RVMM_GUESTS/hello-vm.cfg" "$scratch"

# Many launches.
cat >hello.test.toml <<'END'
image = "hello.cfg"
expect = ["hello: RSI version 1", "hello: unshared page reads zero: ok"]
fail_on = "hello: FAIL"
timeout = "100s"
END
begin=$(date +%s%N)
"$RVMM" test hello.test.toml --host lab -j 4 --repeat $launches --junit many.xml >out 2>err </dev/null &
pid=$!
# Every lab that it had.
while kill -0 $pid 2>/dev/null; do
    pgrep -P $pid -f qemu-system-aarch64
    sleep 0.2
done | sort -u >labs
wait $pid
code=$?
seconds=$((($(date +%s%N) - begin) / 1000000))
[ $code = 0 ] && [ "$(sed -n 2p out)" = "1..$launches" ] && [ "$(grep -c '^ok ' out)" = $launches ] && ! grep -q '^not ok' out
verdict many $? "exit code $code"
[ "$(wc -l <labs)" = 1 ]
verdict one_boot $? "$(wc -l <labs) labs"
grep -qE "^rvmm: $launches of $launches passed, in [0-9.]+ s\$" err
verdict summary $? "$(cat err)"
echo "measured: $launches launches of hello, 4 at a time, in one lab: $seconds ms in all"

# Memory is flat: of the processes, and of the lab, from the first tenth to the last. A tenth of few runs says
# little: so it is at least four, for four run at a time.
python3 - many.xml <<'END'
import sys, xml.etree.ElementTree as ET
cases = list(ET.parse(sys.argv[1]).getroot().iter("testcase"))
def values(name):
    return [int(p.get("value")) for c in cases for p in c.iter("property") if p.get("name") == name]
peak, free = values("peak_memory"), values("free_memory")
assert len(peak) == len(free) == len(cases), (len(peak), len(free))
part = max(len(cases) // 10, 4)
mean = lambda v: sum(v) / len(v) / 2**20
peak, free = [(mean(v[:part]), mean(v[-part:])) for v in (peak, free)]
print("measured: peak memory of a run %.1f MiB, then %.1f; free in the lab %.1f MiB, then %.1f" % (peak + free))
assert peak[1] < peak[0] * 1.05 + 1, "the runs grow"
# Four guests that begin or end may differ; 200 runs that leave 1 MiB each do more.
assert free[1] > free[0] - 80, "the lab's memory shrinks"
END
verdict memory_flat $?

# Variations and hosts: the example as it is, and an ordinary VM in the same lab.
printf '%s\n' 'image = "hello-vm.cfg"' 'host = "lab"' 'expect = "hello: "' >vm.test.toml
"$RVMM" test "$RVMM_GUESTS/tests/hello.test.toml" vm.test.toml --host lab >out 2>err </dev/null
[ $? = 0 ] && [ "$(grep -c '^ok ' out)" = 9 ] && grep -q 'ok .* - hello/vcpus=4,memory=128M,realm.hash=sha512 # time=' out
verdict variations $?

# It takes nothing from whoever calls it.
printf '%s\n' one two | while read -r name; do
    "$RVMM" test hello.test.toml --host lab >"$name.out" 2>&1
    echo "$name $?"
done >out
[ "$(cat out)" = 'one 0
two 0' ]
verdict stdin_left_alone $? "$(cat out)"

# Each of these fails, and says why.
mkdir bad
bad() { # NAME LINE...
    local name=$1
    shift
    printf '%s\n' 'image = "../hello.cfg"' "$@" >"bad/$name.test.toml"
}
bad status 'set = ["boot.cmdline=status=3"]'
bad expected_status 'exit_code = 3'
bad unmet 'expect = ["hello: RSI", "never"]'
bad unmet_status 'exit_code = 3' 'set = ["boot.cmdline=status=3"]' 'expect = "never"'
bad fail_on 'fail_on = "shared page"'
bad timeout 'set = ["boot.cmdline=spin"]' 'timeout = "2s"'
# hello takes more than a tenth of a second until it is up, under emulation.
bad boot 'set = ["boot.cmdline=spin"]' 'boot_timeout = "20ms"' 'timeout = "20s"' 'expect = "never"'
bad panic 'set = ["machine.pvpanic=true", "boot.cmdline=pvpanic"]'
bad reset 'set = ["boot.cmdline=reset"]'
bad rim "expect_rim = \"$(printf 'ab%.0s' {1..32})\""
bad config '[vary]' 'vcpus = [0]'
bad kernel 'set = ["boot.kernel=../nothing-here"]'
bad disk 'set = ["boot.cmdline=x"]'
sed 's/hello.cfg/disk.cfg/' -i bad/disk.test.toml
(cat hello.cfg && printf '%s\n' '[[disk]]' 'path = "hello"' 'readonly = true') >disk.cfg
[ "$(uname -m)" = aarch64 ] || bad cca 'host = "cca"'
bad good ''
sed -i 's/^image/host = "lab"\nimage/' bad/[!c]*.test.toml bad/config.test.toml
"$RVMM" test bad -j 4 --junit bad.xml >out 2>err </dev/null
code=$?
[ $code = 71 ]
verdict bad_exit_code $? "exit code $code"
[ "$(grep -c '^ok ' out)" = 1 ] && grep -q '^ok .* - good # time=' out
verdict good_beside_bad $?
fails() { # NAME REGEX: the case failed, with that message
    grep -A 2 -E "^not ok [0-9]+ - $1(/| #)" out | grep -qE "  message: \"$2"
    verdict "bad_$1" $? "$(grep -A 2 -- "- $1 " out)"
}
fails status 'exit code 3 \(the guest.s own status\), expected 0 \(shutdown\)'
fails expected_status 'exit code 0 \(shutdown\), expected 3'
fails unmet 'exit code 71 .*expected 0 .*never \(2 of 2\)'
fails unmet_status 'the console said 0 of the 1 that it is expected to say'
fails fail_on 'exit code 81 .*--fail-on names, shared page'
fails timeout 'exit code 124 .*time limit'
fails boot 'exit code 124 .*was not up within 0.02 s'
fails panic 'exit code 81 \(panic\), expected 0'
fails reset 'exit code 80 \(reset\), expected 0'
fails rim '.*measures to [0-9a-f]{64}'
fails config '.*vcpus'
fails kernel '.*nothing-here'
fails disk 'disk0: the guests of a suite share a lab'
[ "$(uname -m)" = aarch64 ] || fails cca 'exit code 69 .*cannot run a real realm'
sed -n '/- status/,/^  \.\.\.$/p' out | grep -q '  console:' && sed -n '/- timeout/,/^  \.\.\.$/p' out | grep -q '  last_exits_0:' &&
    sed -n '/- status/,/^  \.\.\.$/p' out | grep -q '  report: {"tool":"rvmm '
verdict bad_details $?
python3 - bad.xml <<'END'
import sys, xml.etree.ElementTree as ET
r = ET.parse(sys.argv[1]).getroot()
assert int(r.get("tests")) - int(r.get("failures")) - int(r.get("errors")) == 1, r.attrib
assert "hello: RIM" in [c for c in r.iter("testcase") if c.get("name") == "status"][0].find("system-out").text
END
verdict bad_junit $?

# A lab that dies: those that are left fail, and say so. A signal: Bail out!
printf '%s\n' 'image = "hello.cfg"' 'set = ["boot.cmdline=spin"]' 'timeout = "100s"' >spin.test.toml
"$RVMM" test hello.test.toml spin.test.toml --host lab -j 1 >out 2>err </dev/null &
pid=$!
for _ in $(seq 600); do grep -q '^ok 1' out && break; sleep 0.1; done
pkill -KILL -P $pid -f qemu-system-aarch64
wait $pid
[ $? = 71 ] && grep -q '^ok 1 - hello' out && grep -q '^not ok 2 - spin' out && grep -q 'message: "the lab.s machine ended before' out
verdict lab_dies $?
"$RVMM" test hello.test.toml spin.test.toml --host lab -j 1 --junit ended.xml >out 2>err </dev/null &
pid=$!
for _ in $(seq 600); do grep -q '^ok 1' out && break; sleep 0.1; done
kill -TERM $pid
wait $pid
[ $? = 143 ] && [ "$(tail -n 1 out)" = 'Bail out! ended by SIGTERM' ] && grep -q 'not run' err && grep -q 'skipped="1"' ended.xml
verdict bail_out $?
# Nobody takes the results: the lab ends with the first of them.
begin=$(date +%s)
"$RVMM" test hello.test.toml spin.test.toml --host lab -j 1 2>err </dev/null | head -n 1 >out
[ "${PIPESTATUS[0]}" = 71 ] && [ $(($(date +%s) - begin)) -lt 90 ] && grep -q 'cannot write the results' err
verdict nobody_reads $? "$(cat err)"

# One run with --junit.
"$RVMM" run hello.cfg --host lab --set boot.cmdline=status=5 --junit run.xml >out 2>err </dev/null
[ $? = 5 ] && grep -q 'failure message="exit code 5 (the guest' run.xml && grep -q 'hello: RIM' run.xml
verdict run_junit $? "$(cat run.xml)"
exit $failed
