# shellcheck shell=bash
# What every part of scripts/setup uses: a sane environment, messages, small formatting.

# Everything that setup says goes to stderr, so that a caller's stdout stays its own.
say() { printf 'setup: %s\n' "$*" >&2; }

# die STATUS MESSAGE: one line, then out. 64 usage, 69 this machine or its archive cannot, 77 no permission.
die() {
  local status=$1
  shift
  say "$*"
  exit "$status"
}

# Works after `env -i`, from cron, and for users whose PATH lacks the sbin folders.
sane_environment() {
  PATH=${PATH:-/usr/local/bin:/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin
  HOME=${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}
  export PATH HOME LC_ALL=C
  unset CDPATH GREP_OPTIONS TAR_OPTIONS
  umask 022
}

cache_folder() { realpath -m -- "${RVMM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rvmm}"; }

# megabytes BYTES: "12.34 MB"
megabytes() {
  local hundredths=$((($1 + 5000) / 10000))
  printf '%d.%02d MB' $((hundredths / 100)) $((hundredths % 100))
}

# json_string TEXT: TEXT as a JSON string.
json_string() {
  local text=${1//\\/\\\\}
  printf '"%s"' "${text//\"/\\\"}"
}

# list_of FILE: its lines without comments and blank lines.
list_of() { sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e '/^$/d' -- "$1"; }

# quietly LOG COMMAND...: on a terminal the command shows its progress; elsewhere it is silent, and
# what it said is shown only if it fails.
quietly() {
  local log=$1
  shift
  if [[ -t 2 ]]; then
    "$@" >&2
  elif ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 20 -- "$log" >&2
    return 1
  fi
}
