#!/bin/bash
# rvmm man: prints "ok NAME" or "FAIL NAME: why". RVMM is the rvmm.
set -uo pipefail
# shellcheck source=tests/cli/verdicts.sh
source "$(dirname "$0")/verdicts.sh"
rvmm() { timeout 60 "$RVMM" "$@" >out 2>err </dev/null; }

rvmm man --output pages && [ ! -s out ] && [ ! -s err ] && [ -s pages/rvmm.1 ] && [ -s pages/rvmm-run.1 ] &&
    [ -s pages/rvmm-token-verify.1 ] && [ -s pages/rvmm-man.1 ] && [ ! -e pages/rvmm-lab-agent.1 ]
verdict pages $? "$(ls pages)"

# Nothing that groff or mandoc warns of. There is no date: a page depends on rvmm alone.
groff -Tutf8 -man -ww -z pages/*.1 >out 2>err && [ ! -s err ]
verdict groff $? "$(cat err)"
mandoc -T lint -W warning pages/*.1 >out 2>err
! grep -v 'missing date, using "": TH$' out >odd
verdict mandoc $? "$(cat odd)"

# Every page: its parts; what --help shows, of options with their help; the same as on standard output.
for file in pages/*.1; do
    name=$(basename "$file" .1)
    read -ra words <<<"${name//-/ }"
    status=0
    rvmm man "${words[@]:1}" && cmp -s out "$file" || status=1
    mandoc -T utf8 -O width=500 "$file" 2>err | LC_ALL=C.UTF-8 sed 's/.\x08//g' >page
    for part in NAME SYNOPSIS DESCRIPTION OPTIONS 'EXIT STATUS' 'SEE ALSO'; do
        grep -qx "$part" page || status=1
    done
    rvmm "${words[@]:1}" --help
    grep -q '^Examples:' out && ! grep -qx EXAMPLES page && status=1
    sed -n 's/^  \(-[^ ]*\).*/\1/p' out | tr , '\n' >names
    while read -r option; do
        grep -qE "^ +(-[a-z], )?$option([ ,]|\$)" page || {
            echo "$option is missing"
            status=1
        }
    done <names >err
    grep -q -- --help names || status=1
    # The help texts, without the line ends that either put into them.
    tr -s ' \n' ' ' <page >flat
    python3 - "$here" <<'END' >>err || status=1
import re, sys
help_text = open("out").read()
flat = open("flat").read()
missing = []
for entry in re.findall(r"^  -\S.*(?:\n {30}.*)*", help_text, re.M):
    words = " ".join(entry.split())
    # After the names, the type and what CLI11 says of other options.
    for sentence in re.findall(r"[A-Z][a-z]+ [a-z].*$", words)[:1]:
        sentence = re.sub(r"^(Excludes|Needs): (--\S+ )+", "", sentence)
        if sentence not in flat:
            missing.append(sentence)
print("\n".join(missing))
sys.exit(bool(missing))
END
    [ $status = 0 ] || cp page odd
    verdict "$name" $status "$(cat err)"
done

# Nothing is overwritten; if one page is there, none is written.
mkdir other
echo mine >other/rvmm-run.1
rvmm man --output other
[ $? = 64 ] && grep -q 'other/rvmm-run.1' err && [ "$(ls other)" = rvmm-run.1 ] && [ "$(cat other/rvmm-run.1)" = mine ]
verdict nothing_overwritten $? "$(ls other)"
rvmm man --output no/such/folder/ && diff -r pages no/such/folder >out
verdict new_folders $? "$(cat err)"
# What was made is gone again.
rvmm man --output other/rvmm-run.1/man1
[ $? = 64 ] && grep -q 'cannot create the folder other/rvmm-run.1' err
verdict a_file_above $? "$(cat err)"
(ulimit -f 0; trap '' XFSZ; timeout 60 "$RVMM" man --output gone/man/man1 2>&1) | cat >said
grep -q '^rvmm: error: ' said && [ ! -e gone ]
verdict no_new_folders_on_errors $? "$(cat said)"
rvmm man --output other/rvmm-run.1
[ $? = 64 ] && [ "$(cat other/rvmm-run.1)" = mine ]
verdict a_file_for_a_folder $?
mkdir empty && rvmm man --output empty && diff -r pages empty >out
verdict existing_folder $?
rvmm man --output pages run
[ $? = 64 ]
verdict folder_or_command $?
rvmm man tokn verify
[ $? = 64 ] && grep -q 'rvmm has no command tokn' err && grep -q 'did you mean token' err && [ ! -s out ]
verdict unknown_command $?
rvmm man lab agent
[ $? = 64 ] && grep -q 'rvmm lab has no command agent' err
verdict hidden_command $?
rvmm man run frobnicate
[ $? = 64 ] && grep -q 'rvmm run has no command frobnicate' err
verdict too_long $?
faketime '2031-02-03' "$RVMM" man token >out 2>err && cmp -s out pages/rvmm-token.1
verdict any_day $?
exit $failed
