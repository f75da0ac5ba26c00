#!/bin/bash
# rvmm test and rvmm run --junit, as far as they come without a lab: prints "ok NAME" or "FAIL NAME: why".
# RVMM is the rvmm, RVMM_GUESTS the folder with hello.
set -uo pipefail
# shellcheck source=tests/cli/verdicts.sh
source "$(dirname "$0")/verdicts.sh"
rvmm() { timeout 60 "$RVMM" "$@" >out 2>err </dev/null; }
cp "$RVMM_GUESTS/hello" .
mkdir -p tests/deep empty tmp
export TMPDIR=$PWD/tmp  # for other tests leave theirs in the usual one for a while
printf '%s\n' '[boot]' 'kernel = "hello"' '[realm]' '[host]' 'allow = ["cca", "emulated", "lab"]' >image.cfg
printf '%s\n' '[boot]' 'kernel = "hello"' >plain.cfg
printf '%s\n' 'image = "../image.cfg"' '[vary]' 'vcpus = [1, 2]' '"realm.hash" = ["sha256", "sha512"]' >tests/b.test.toml
printf '%s\n' 'image = "../../image.cfg"' >tests/deep/a.test.toml

# ends NAME CODE TEXT ARGUMENT...: nothing is run, and why.
ends() {
    local name=$1 code=$2 text=$3
    shift 3
    rvmm test "$@"
    [ $? = "$code" ] && [ ! -s out ] && grep -qE -- "$text" err
    verdict "$name" $? "$(cat err)"
}
ends no_host 64 'b.test.toml names no host' tests
grep -q '^hint: .*--host' err || grep -q 'hint: host' err
verdict no_host_hint $? "$(cat err)"
ends no_folder 66 'cannot read nowhere' nowhere --host lab
ends no_file 66 'cannot read tests/c.test.toml' tests/c.test.toml --host lab
ends no_test 66 'no \*.test.toml in empty' empty --host lab
ends no_such_case 64 'no case has a name' tests --host lab --filter vcpus=3
ends wrong_filter 64 '--filter \(' tests --host lab --filter '('
ends wrong_host 64 '--host' tests --host x86
ends junit_kept 64 'cannot create the JUnit file err' tests --host lab --junit err
printf '%s\n' 'image = "../image.cfg"' 'exit-code = 3' >tests/typo.test.toml
ends typo 65 '^rvmm: error: tests/typo.test.toml:2:1: unknown key exit-code; did you mean exit_code\?$' tests --host lab
rm tests/typo.test.toml
# A suite for another host is no success.
printf '%s\n' 'image = "image.cfg"' 'host = "cca"' >cca.test.toml
rvmm test cca.test.toml --host lab --junit skipped.xml
[ $? = 64 ] && [ "$(cat out)" = 'TAP version 14
1..1
ok 1 - cca # SKIP it is for host cca, and --host is lab' ] && grep -q 'no case was run: it is for host cca' err
verdict all_skipped $? "$(cat out err)"

rvmm test tests --list
[ $? = 0 ] && diff out - <<'END'
b/vcpus=1,realm.hash=sha256
b/vcpus=1,realm.hash=sha512
b/vcpus=2,realm.hash=sha256
b/vcpus=2,realm.hash=sha512
deep/a
END
verdict list $?
rvmm test tests/b.test.toml --list --filter 'vcpus=1.*512$' --repeat 2
[ "$(cat out)" = "b/vcpus=1,realm.hash=sha512
b/vcpus=1,realm.hash=sha512@2" ]
verdict filter_repeat $? "$(cat out)"

# Two shares have everything, and a third may be empty.
rvmm test tests --list && LC_ALL=C sort out >all
(timeout 60 "$RVMM" test tests --list --shard 1/2; timeout 60 "$RVMM" test tests --list --shard 2/2) | LC_ALL=C sort | diff - all >out
verdict shards $?
rvmm test tests/deep --host cca --shard 2/2 --junit empty.xml
[ $? = 0 ] && grep -q '^1..0' out && [ -s empty.xml ]
verdict empty_shard $? "$(cat out err)"
# So may be one of which all is skipped, where another has something to run; hosts are missed by every share.
for name in b c; do printf '%s\n' 'image = "../../image.cfg"' 'host = "cca"' >tests/deep/$name.test.toml; done
rvmm test tests/deep --host lab --shard 2/2
[ $? = 0 ] && [ "$(sed 1d out)" = '1..1
ok 1 - c # SKIP it is for host cca, and --host is lab' ]
verdict skipped_share $? "$(cat out err)"
for share in 1/2 3/3; do
    rvmm test tests/deep/b.test.toml tests/deep/c.test.toml --host lab --shard $share
    [ $? = 64 ] && grep -q 'no case was run: it is for host cca' err
    verdict all_skipped_$share $? "$(cat out err)"
done
ends shard_no_host 64 'a.test.toml names no host' tests/deep --shard 2/3
rm tests/deep/[bc].test.toml
ends wrong_shard 64 'not 3/2$' tests --host lab --shard 3/2

# parsed FILE EXPRESSION: what Python's parser makes of a JUnit file r; counts must be right.
parsed() {
    python3 - "$1" "$2" <<'END'
import sys, xml.etree.ElementTree as ET
r = ET.parse(sys.argv[1]).getroot()
assert r.tag == "testsuites"
for s in [r] + r.findall("testsuite"):
    cases = list(s.iter("testcase"))
    count = lambda tag: sum(c.find(tag) is not None for c in cases)
    assert int(s.get("tests")) == len(cases) and float(s.get("time")) >= 0
    assert (int(s.get("failures")), int(s.get("errors")), int(s.get("skipped"))) == \
        (count("failure"), count("error"), count("skipped"))
assert all(c.get("classname") and c.get("name") and c.get("time") for c in r.iter("testcase"))
print(eval(sys.argv[2]))
END
}
[ "$(parsed skipped.xml '[(c.get("name"), c.find("skipped").get("message")) for c in r.iter("testcase")]')" = \
    "[('cca', 'it is for host cca, and --host is lab')]" ]
verdict junit_skipped $?

# What cannot be launched is a case that failed, with rvmm's own reason; the others go on.
if [ "$(uname -m)" != aarch64 ]; then
    printf '%s\n' 'image = "image.cfg"' 'host = "emulated"' >here.test.toml
    printf '%s\n' 'image = "none.cfg"' '[vary]' 'host = ["cca", "lab", "vm"]' >none.test.toml
    printf '%s\n' 'image = "plain.cfg"' 'host = "vm"' >vm.test.toml
    printf '%s\n' 'image = "image.cfg"' 'host = "vm"' >realm.test.toml
    RVMM_CACHE=/nowhere rvmm test here.test.toml cca.test.toml none.test.toml vm.test.toml realm.test.toml tests/deep/a.test.toml \
        --filter 'here|cca|none|vm|realm' -j 3 --junit bad.xml
    [ $? = 71 ]
    verdict bad_exit_code $?
    [ "$(sed -n 2p out)" = 1..7 ] && [ "$(grep -c '^not ok' out)" = 7 ] && ! grep -q '^ok' out
    verdict bad_tap $?
    grep -q 'message: "exit code 69 (this machine cannot), and no report: this machine cannot emulate a realm' out &&
        grep -q 'message: "exit code 69 .*this machine cannot run a real realm' out &&
        [ "$(grep -c 'message: ".*none.cfg' out)" = 3 ] && grep -q 'this machine cannot run this VM' out &&
        grep -q 'message: "host vm is for ordinary VMs' out
    verdict bad_reasons $?
    tail -n 1 err | grep -qE '^rvmm: 0 of 7 passed, 7 failed, in [0-9.]+ s$'
    verdict bad_summary $? "$(cat err)"
    [ "$(parsed bad.xml 'len(list(r.iter("error")))')" = 7 ]
    verdict bad_junit $?
    # Also where whoever started it ignores SIGCHLD, which a program inherits.
    RVMM_CACHE=/nowhere timeout 60 python3 -c 'import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execv(sys.argv[1], sys.argv[1:])' "$RVMM" test here.test.toml >out 2>err </dev/null
    [ $? = 71 ] && grep -q 'message: "exit code 69 (this machine cannot)' out
    verdict children_ignored $? "$(cat out err)"
    # No lab is there: each of its cases fails, and says what is missing.
    RVMM_CACHE=/nowhere rvmm test tests --host lab
    [ $? = 71 ] && [ "$(grep -c '^not ok' out)" = 5 ] && grep -q 'scripts/setup' out
    verdict no_lab $?
    [ -z "$(ls tmp)" ]
    verdict nothing_left $?
fi

# rvmm run --junit: the launch itself fails, in words that XML cannot carry as they are.
rvmm run --junit run.xml image.cfg --set "boot.cmdline=$(head -c 3000 /dev/zero | tr '\0' '<')" --host lab
[ $? = 65 ] && [ "$(parsed run.xml '[(c.get("classname"), c.get("name"), c.find("error").get("message")[:30]) for c in r.iter("testcase")]')" = \
    "[('rvmm.run', 'image', '--set boot.cmdline=<<<<<<<<<<<')]" ]
verdict run_junit_of_a_wrong_config $?
rvmm run --junit run.xml image.cfg --host lab
[ $? = 64 ] && grep -q 'cannot create the JUnit file run.xml' err
verdict run_junit_kept $?
# Two options that mean one file, however they name it.
rvmm run image.cfg --host lab --report "$PWD/both" --junit ./both
[ $? = 64 ] && grep -q -- '--report and --junit name the same file' err && [ ! -e both ]
verdict run_junit_is_the_report $? "$(cat err)"
# The launch's own error is what is said, and that the file is not there besides.
if [ "$(uname -m)" != aarch64 ]; then
    (ulimit -f 0; trap '' XFSZ; timeout 60 "$RVMM" run image.cfg --host emulated --junit full.xml 2>&1) | cat >said
    grep -q '^rvmm: error: this machine cannot emulate' said && grep -q '^rvmm: warning: cannot write the JUnit file' said
    verdict run_junit_unwritten $? "$(cat said)"
fi
exit $failed
