#!/usr/bin/env bash
# install-packages.sh PACKAGE...: the only part of setup that runs as root. Installs these Debian
# packages; reads the archive's index again only if the one at hand does not do. Removes nothing.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"
sane_environment

options=(-y --no-install-recommends --no-remove -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
log=$(mktemp)
trap 'rm -f -- "$log"' EXIT
packages=("$@")

update() {
  say 'reading the archive index'
  quietly "$log" apt-get update -q -o DPkg::Lock::Timeout=300
}

# Can apt install the packages? If it cannot, $log says why.
feasible() { apt-get install --simulate "${options[@]}" "${packages[@]}" >"$log" 2>&1; }

# An arm64 library must have the version of its native twin: name the twins, so that apt may upgrade them.
add_twins() {
  local package
  for package in "${packages[@]}"; do
    [[ $package != *:arm64 ]] || packages+=("${package%:arm64}:$(dpkg --print-architecture)")
  done
}

install() {
  local count size
  read -r count size < <(apt-get install --print-uris -qq "${options[@]}" "${packages[@]}" 2>/dev/null |
    awk '/^\047/ { n++; size += $3 } END { print n + 0, size + 0 }')
  say "downloading $count packages, $(megabytes "$size")"
  quietly "$log" apt-get install -q "${options[@]}" "${packages[@]}"
}

updated=
if [[ " $* " == *:arm64\ * ]] &&
  ! { dpkg --print-architecture && dpkg --print-foreign-architectures; } | grep -qx arm64; then
  dpkg --add-architecture arm64
  updated=yes
  update
fi
if ! feasible; then
  if [[ -z $updated ]]; then
    updated=yes
    update
  fi
  if ! feasible; then
    add_twins
    feasible || { tail -n 20 -- "$log" >&2; exit 1; }
  fi
fi
# A file that has left the archive means that the index is old.
install || { [[ -z $updated ]] && update && install; }
