#!/bin/bash
# rvmm completion, in the shells themselves: prints "ok NAME" or "FAIL NAME: why". RVMM is the rvmm.
set -uo pipefail
# shellcheck source=tests/cli/verdicts.sh
source "$(dirname "$0")/verdicts.sh"
export HOME=$scratch
mkdir -p files/folder
touch files/image.cfg 'files/with space.cfg'
for shell in bash zsh fish; do
    "$RVMM" completion $shell >$shell.out 2>err && [ -s $shell.out ] && [ ! -s err ]
    verdict ${shell}_prints $?
    # What is hidden does not appear anywhere.
    grep -q verify $shell.out && ! grep -q -e inside-lab -e 'lab agent' $shell.out
    verdict ${shell}_hides $?
done
"$RVMM" completion tcsh >out 2>err
[ $? = 64 ] && [ ! -s out ]
verdict another_shell $?

# bash: what its function offers for the last of the words, which are as bash splits them.
cat >words.bash <<'END'
cd files
source ../bash.out
COMP_WORDS=(rvmm "$@") COMP_CWORD=$#
_rvmm rvmm "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\n' "${COMPREPLY[@]}"
END
# offers NAME EXPECTED WORD...: EXPECTED is what is offered, in order of its letters, with commas.
offers() {
    local name=$1 expected=$2 got
    shift 2
    got=$(bash --norc --noprofile words.bash "$@" 2>err | LC_ALL=C sort | paste -sd,)
    [ "$got" = "$expected" ] && [ ! -s err ]
    verdict "bash_$name" $? "$got"
}
offers command run ru
offers commands man,measure m
offers options --realm,--record,--report run --re
offers hosts cca,emulated,lab run --host ''
offers host emulated run --host em
offers host_after_equals cca,emulated,lab run --host =
offers host_begun_after_equals lab run --host = l
offers after_equals image.cfg run --host = lab ima
offers nested issue,platform,show,verify token ''
offers nested_option --realm-only,--realm-profile token verify --realm
offers after_a_value image.cfg run --host lab ima
offers not_the_hidden_command run,shell lab ''
offers not_the_hidden_option '' run --inside
offers files 'folder,image.cfg,with space.cfg' run --realm ''
offers file_with_space 'with space.cfg' run wi
offers file_of_an_option image.cfg run image.cfg --report ima
offers folders folder man --output ''
offers nothing_for_hex '' find image.cfg --rim ''
offers positional_set bash,fish,zsh completion ''
offers options_where_nothing_else_is --cpus,--help,--lab,--memory,-h lab shell ''
offers after_double_dash image.cfg run -- ima
offers nothing_of_ours_after_cmd '' lab run ls --m
offers file_after_cmd image.cfg lab run cat ima
offers after_two_names --memory lab run --put a : b --m
offers last_positional image.cfg diff other.cfg ima

# Every option that --help shows, of every command, is offered, and no other.
walk() { # COMMAND...
    local help names
    help=$("$RVMM" "$@" --help)
    names=$(sed -n 's/^  \(-[^ ]*\).*/\1/p' <<<"$help" | tr , '\n' | LC_ALL=C sort | paste -sd,)
    offers "options_of_rvmm${*:+_$*}" "$names" "$@" -
    local each
    local -a below
    mapfile -t below < <(sed -n '/^Subcommands:/,/^$/s/^  \([a-z][a-z]*\)\( .*\)*$/\1/p' <<<"$help")
    for each in "${below[@]}"; do walk "$@" "$each"; done
}
walk >walked
cat walked
[ "$(grep -c '^ok ' walked)" -ge 19 ]
verdict walked_all $? "$(wc -l <walked)"

# zsh: lines typed into one.
zsh -n zsh.out 2>err
verdict zsh_syntax $? "$(cat err)"
typed() { # NAME LINE EXPECTED: LINE has a TAB where ~ is; EXPECTED is what rvmm gets, with | between
    printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>typed
}
typed command 'ru~' 'run'
typed nested 'tok~ver~' 'token|verify'
typed nested_lab 'lab sh~' 'lab|shell'
typed option 'run --emu~' 'run|--emulate'
typed nested_option 'token verify --trust~' 'token|verify|--trust-anchor'
typed host 'run --host em~' 'run|--host|emulated'
typed host_after_equals 'run --host=em~' 'run|--host=emulated'
typed file 'run ima~' 'run|image.cfg'
typed file_of_an_option 'token verify --trust-anchor ima~' 'token|verify|--trust-anchor|image.cfg'
typed after_options 'run --realm --host lab ima~' 'run|--realm|--host|lab|image.cfg'
typed positional_set 'completion fi~' 'completion|fish'
typed folder 'man --output fo~' 'man|--output|folder'
typed nothing_for_hex 'find --rim ima~' 'find|--rim|ima'
typed not_the_hidden_command 'lab ag~' 'lab|ag'
python3 "$here/type_into_zsh.py" zsh.out typed 'run --e~' 'Allow a realm without' >walked 2>&1
verdict zsh_typing $? "$(cat walked)"
cat walked
! grep -q '^FAIL' walked || failed=1

# fish: as its own `complete -C` says, with the help texts.
fish --no-config -n fish.out 2>err
verdict fish_syntax $? "$(cat err)"
fishes() { # NAME LINE EXPECTED: what is offered for LINE, with commas
    # shellcheck disable=SC2016
    fish --no-config -c 'source fish.out; cd files; complete -C $argv[1]' "$2" >out 2>err
    local got
    got=$(cut -f1 out | LC_ALL=C sort | paste -sd,)
    [ "$got" = "$3" ] && [ ! -s err ]
    verdict "fish_$1" $? "$got"
}
fishes command 'rvmm ru' run
grep -q $'^run\tLaunch an image as a realm' out
verdict fish_help $?
fishes nested 'rvmm token ' issue,platform,show,verify
fishes option 'rvmm run --emu' --emulate
grep -q $'^--emulate\tAllow a realm without' out
verdict fish_option_help $?
fishes hosts 'rvmm run --host ' cca,emulated,lab
fishes host_after_equals 'rvmm run --host=em' --host=emulated
fishes nested_option 'rvmm token verify --realm-o' --realm-only
fishes file 'rvmm run ima' image.cfg
fishes after_options 'rvmm run --realm --host lab ima' image.cfg
fishes positional_set 'rvmm completion ' bash,fish,zsh
fishes not_the_hidden_command 'rvmm lab ' run,shell
fishes not_the_hidden_option 'rvmm run --inside' ''
fishes nothing_for_hex 'rvmm find --rim ima' ''
fishes folder 'rvmm man --output fo' folder/
exit $failed
