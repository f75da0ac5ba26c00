# For scripts that try rvmm's commands: a scratch folder, which is left behind by nobody, and verdicts. The
# caller runs rvmm with its output in the files out and err, and ends with `exit $failed`.
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
failed=0
verdict() { # NAME STATUS [WHY]
    if [ "$2" = 0 ]; then echo "ok $1"; else
        echo "FAIL $1${3:+: $3}"
        head -n 30 out err 2>/dev/null
        failed=1
    fi
}
# What a Python expression makes of the JSON document d in out.
field() { python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' out "$1"; }
