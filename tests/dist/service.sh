#!/bin/bash
# dist/rvmm@.service: systemd finds nothing wrong with it, rvmm takes its command lines, and what a guest that has taken
# over rvmm would find is little. Prints "ok NAME" or "FAIL NAME: why".
set -uo pipefail
# shellcheck source=tests/cli/verdicts.sh
source "$(dirname "$0")/../cli/verdicts.sh"
dist=$here/../../dist
unit=$dist/rvmm@.service
# with PROGRAM: the unit, which names it instead of the installed one.
with() { sed "s#/usr/bin/rvmm#$1#" "$unit" >"$scratch/rvmm@.service"; }
verify() { SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no "$scratch/rvmm@.service" >"$scratch/out" 2>&1; }

with "$RVMM"
verify && [ ! -s "$scratch/out" ]
verdict verify $?
# What verify is there for: it says so where something is wrong.
with "$scratch/none"
if verify; then verdict verify_sees 1 "no program, and no complaint"; else verdict verify_sees 0; fi
with "$RVMM"
echo 'NoSuchDirective=yes' >>"$scratch/rvmm@.service"
verify
grep -q NoSuchDirective "$scratch/out"
verdict verify_sees_keys $?

with "$RVMM"
systemd-analyze security --no-pager --offline=yes --threshold=15 "$scratch/rvmm@.service" >"$scratch/out" 2>&1
verdict security $? "the exposure is above 1.5"
sed -n 's/.*Overall exposure level for [^:]*: \([0-9.]*\).*/measured: exposure of rvmm@.service: \1 of 10/p' "$scratch/out"

systemd-sysusers --dry-run "$dist/rvmm.sysusers.conf" >"$scratch/out" 2>&1
verdict sysusers $?

# line_of KEY: the unit's command line of that name, for an instance "web" in the scratch folder.
line_of() { sed -n "s#^$1=-\\{0,1\\}/usr/bin/rvmm ##p" "$unit" | sed "s#/etc/rvmm#$scratch#; s#%i#web#g"; }
printf '[machine]\nvcpus = 1\nmemory = "64M"\n[boot]\nkernel = "kernel"\n[host]\nallow = ["emulated", "lab"]\n[realm]\n' \
    >"$scratch/web.cfg"
head -c 5000 /dev/zero >"$scratch/kernel"
export XDG_RUNTIME_DIR=$scratch
# No machine that tests run on makes real realms, and nothing else will do: 69, not 64.
# shellcheck disable=SC2046 # words
"$RVMM" $(line_of ExecStart) >"$scratch/out" 2>&1 </dev/null
code=$?
[ $code = 69 ] && grep -q 'cannot run a real realm' "$scratch/out"
verdict start $? "exit code $code, expected 69"
# shellcheck disable=SC2046
"$RVMM" $(line_of ExecStop) >"$scratch/out" 2>&1 </dev/null
code=$?
[ $code = 64 ] && grep -q 'web' "$scratch/out" && ! grep -q -e '--wait' "$scratch/out"
verdict stop $? "exit code $code: a run that is not there is all that may be wrong"
exit $failed
