#!/usr/bin/env bash
# Tests of scripts/setup and of guest-images/linux/mkinitramfs: no network, no root, a few seconds.
# One line a case; fails if one fails.
set -uo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
top=$(cd -- "$here/../.." && pwd)
TEST=$(mktemp -d)
trap 'rm -rf -- "$TEST"' EXIT
# shellcheck source=tests/scripts/fake_archive.sh
source "$here/fake_archive.sh"

unset "${!RVMM_@}"
export RVMM_CACHE=$TEST/cache RVMM_OS_RELEASE=$TEST/os-release LC_ALL=C PATH=$PATH:/usr/sbin:/sbin
# The list in the tree names packages of Debian, which the archive here has not.
export RVMM_LAB_PACKAGES=
printf '%s\n' ID=debian 'VERSION_ID="12"' VERSION_CODENAME=bookworm 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"' \
  >"$RVMM_OS_RELEASE"
setup=$top/scripts/setup
failures=0

# check NAME COMMAND...: runs it in a shell of its own.
check() {
  local name=$1 status
  shift
  (set -e; "$@") >"$TEST/out" 2>&1
  status=$? # not in an if, where bash would ignore set -e
  if ((status == 0)); then
    printf 'ok    %s\n' "$name"
  else
    printf 'FAIL  %s\n' "$name"
    sed 's/^/      /' "$TEST/out"
    failures=$((failures + 1))
  fi
}

# exits STATUS LINES COMMAND...: its exit status and how many lines it prints.
exits() {
  local status=0 output
  output=$("${@:3}" 2>&1 </dev/null) || status=$?
  printf '%s\n' "$output"
  [[ $status == "$1" && $(grep -c . <<<"$output") == "$2" ]]
}

# apt_sources FOLDER [SETTING...]: the machine's apt, with the sources in FOLDER alone.
apt_sources() {
  mkdir -p -- "$1"/{sources,lists/partial}
  printf '%s\n' 'Dir::Etc::sourcelist "/dev/null";' "Dir::Etc::sourceparts \"$1/sources\";" \
    "Dir::State::lists \"$1/lists\";" "${@:2}" >"$1/apt.conf"
  export APT_CONFIG=$1/apt.conf
}

# --- the machine ---

refuses_system() {
  printf '%s\n' "$@" >"$TEST/other-os"
  RVMM_OS_RELEASE=$TEST/other-os exits 69 1 "$setup"
  grep -q 'Debian 12' <<<"$(RVMM_OS_RELEASE=$TEST/other-os "$setup" 2>&1)"
}

finds_missing_packages() {
  # shellcheck source=scripts/lib/common.sh
  source "$top/scripts/lib/common.sh"
  # shellcheck source=scripts/lib/machine.sh
  source "$top/scripts/lib/machine.sh"
  printf '%s\n' '# a comment' 'bash # installed everywhere' 'no-such-package:arm64' '' 'base-files' 'nor-this' >"$TEST/list"
  [[ $(missing_packages "$TEST/list" | xargs) == 'no-such-package:arm64 nor-this' ]]
}

prints_cache_of_bare_environment() {
  local home
  home=$(getent passwd "$(id -u)" | cut -d: -f6)
  [[ $(env -i bash "$setup" --print-cache) == "$home/.cache/rvmm" ]]
  [[ $(env -i XDG_CACHE_HOME=/x bash "$setup" --print-cache) == /x/rvmm ]]
  [[ $(cd / && env -i RVMM_CACHE=y/../z bash "$setup" --print-cache) == /z ]]
}

# --- the mirror ---

# finds_mirror URI SIGNED-BY (a pattern): what find_mirror gives for the sources at hand.
finds_mirror() {
  CODENAME=bookworm
  # shellcheck source=scripts/lib/archive.sh
  source "$top/scripts/lib/archive.sh"
  find_mirror
  printf '%s\n' "$MIRROR" "$SIGNED_BY"
  # shellcheck disable=SC2053
  [[ $MIRROR == "$1" && $SIGNED_BY == $2 ]]
}

mirror_from_deb822() {
  apt_sources "$TEST/deb822"
  cat >"$TEST/deb822/sources/debian.sources" <<'END'
Types: deb
URIs: http://security.test/debian-security
Suites: bookworm-security
Components: main
Signed-By: /security.gpg

# the archive
Types: deb deb-src
URIs: http://one.test/debian
Suites: bookworm-updates bookworm
Components: main contrib
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
END
  finds_mirror http://one.test/debian/ $'Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc'
}

mirror_from_one_line() {
  apt_sources "$TEST/oneline"
  cat >"$TEST/oneline/sources/debian.list" <<'END'
# deb http://zero.test/debian bookworm main
deb http://three.test/debian trixie main
deb [arch=amd64 signed-by=/a.gpg,/b.gpg] mirror+file:/etc/mirrors.list bookworm main contrib
deb http://four.test/debian bookworm-backports main
END
  finds_mirror mirror+file:/etc/mirrors.list/ 'Signed-By: /a.gpg /b.gpg*'
}

# With an index at hand: a suite named "stable", and a third party that says the same of itself.
mirror_from_index() {
  local state=$TEST/index origin
  apt_sources "$state"
  printf 'deb http://%s.test/x stable main\n' other Debian >"$state/sources/debian.list"
  for origin in other Debian; do
    printf '%s\n' "Origin: $origin" 'Suite: stable' 'Codename: bookworm' 'Components: main' SHA256: \
      >"$state/lists/${origin}.test_x_dists_stable_Release"
    : >"$state/lists/${origin}.test_x_dists_stable_main_binary-$(dpkg --print-architecture)_Packages"
  done
  finds_mirror http://Debian.test/x/ '*'
}

mirror_unknown() {
  apt_sources "$TEST/none"
  echo 'deb http://other.test/x trixie main' >"$TEST/none/sources/other.list"
  RVMM_CACHE=$TEST/none/cache exits 69 1 "$setup" --cache-only
}

# --- the cache ---

fills_cache() {
  "$setup" --cache-only
  python3 -c 'import json, sys; json.load(open(sys.argv[1]))' "$RVMM_CACHE/manifest.json" 2>/dev/null ||
    ! python3 -c 'import json' 2>/dev/null
  cat "$RVMM_CACHE/manifest.json"
  grep -q '"host_kernel": .*"version": "6.12.10-1", "suite": "trixie", "release": "6.12.10-cloud-arm64"' "$RVMM_CACHE/manifest.json"
  grep -q '"guest_kernel": .*"version": "7.2-1", "suite": "forky", "release": "7.2-cloud-arm64"' "$RVMM_CACHE/manifest.json"
  [[ -s $RVMM_CACHE/host-kernel/Image && -s $RVMM_CACHE/guest-kernel/Image ]]
  [[ -e $RVMM_CACHE/host-kernel/modules/lib/modules/6.12.10-cloud-arm64/modules.dep ]]
  [[ -e $RVMM_CACHE/guest-kernel/modules/lib/modules/7.2-cloud-arm64/modules.dep ]]
  [[ $(<"$RVMM_CACHE/busybox") == 'busybox 1:1.35-1' ]]
  [[ -e $RVMM_CACHE/uapi/linux/kvm.h && -e $RVMM_CACHE/uapi/asm/kvm.h && ! -e $RVMM_CACHE/uapi/asm/unistd.h ]]
  [[ -e $RVMM_CACHE/sysroot/lib/libfdt.a && -e $RVMM_CACHE/sysroot/include/libfdt.h ]]
  [[ -d $RVMM_CACHE/lab-root && ! -e $RVMM_CACHE/work ]]
}

# With an apt that cannot do anything.
without_apt() {
  mkdir -p -- "$TEST/bin"
  # shellcheck disable=SC2016
  printf '#!/bin/sh\necho "$0 $*" >>%s/apt-calls\nexit 1\n' "$TEST" |
    tee "$TEST/bin/apt-get" "$TEST/bin/apt-cache" >"$TEST/bin/apt-config"
  chmod +x "$TEST"/bin/*
  PATH=$TEST/bin:$PATH "$@"
  [[ ! -e $TEST/apt-calls ]]
}

does_nothing_again() {
  find "$RVMM_CACHE" -printf '%p %C@\n' >"$TEST/before"
  without_apt exits 0 0 "$setup" --cache-only
  find "$RVMM_CACHE" -printf '%p %C@\n' | diff "$TEST/before" -
}

# What a killed setup may leave: an item gone, half an item, downloads, an old manifest.
repairs() {
  local before
  before=$(readlink "$RVMM_CACHE/host-kernel")
  rm "$(dirname "$(readlink -f "$RVMM_CACHE/busybox")")/made-from" "$RVMM_CACHE/sysroot"
  mkdir -p "$RVMM_CACHE/work/new/x" "$RVMM_CACHE/work/debs"
  echo half >"$RVMM_CACHE/work/debs/busybox-static_1%3a1.35-1_arm64.deb"
  echo '{}' >"$RVMM_CACHE/manifest.json"
  fills_cache
  [[ $(readlink "$RVMM_CACHE/host-kernel") == "$before" ]]
}

two_at_once() {
  local cache=$TEST/both first
  RVMM_CACHE=$cache "$setup" --cache-only &
  first=$!
  RVMM_CACHE=$cache "$setup" --cache-only
  wait "$first"
  [[ $(find "$cache/items" -mindepth 1 -maxdepth 1 | wc -l) == 6 ]]
}

# The kernel that tests alone need comes only when asked for, and then belongs to the cache.
test_items() {
  [[ ! -e $RVMM_CACHE/pages16k-kernel ]]
  "$setup" --cache-only --tests
  [[ -s $RVMM_CACHE/pages16k-kernel/Image && -s $RVMM_CACHE/host-kernel/Image ]]
  grep '"pages16k_kernel": .*"suite": "trixie", "release": "6.12.10-arm64-16k"' "$RVMM_CACHE/manifest.json"
  without_apt exits 0 0 "$setup" --cache-only --tests
  without_apt exits 0 0 "$setup" --cache-only
  grep '"pages16k_kernel"' "$RVMM_CACHE/manifest.json"
}

refreshes() {
  "$setup" --cache-only --refresh 2>&1 | grep 'up to date'
  fake_busybox bookworm 1:1.36-1
  fake_index bookworm
  exits 0 0 "$setup" --cache-only
  "$setup" --cache-only --refresh
  [[ $(<"$RVMM_CACHE/busybox") == 'busybox 1:1.36-1' ]]
  [[ $(find "$RVMM_CACHE/items" -name 'busybox-*' | wc -l) == 1 ]]
  grep '"busybox": {"version": "1:1.36-1"' "$RVMM_CACHE/manifest.json"
}

lab_root() {
  RVMM_LAB_PACKAGES=' outer ' "$setup" --cache-only
  [[ -e $RVMM_CACHE/lab-root/usr/bin/outer && -e $RVMM_CACHE/lab-root/bin/outer ]]
  grep '"lab_packages": \[{"package": "inner", "version": "1-1"}, {"package": "outer", "version": "2-1"}\]' \
    "$RVMM_CACHE/manifest.json"
  "$setup" --cache-only
  grep '"lab_packages": \[\]' "$RVMM_CACHE/manifest.json"
}

own_kernel() {
  { fake_image; printf 'Linux version 9.9-own (x)\n'; } >"$TEST/own Image"
  mkdir -p "$TEST/own/lib/modules/9.9-own/kernel"
  : >"$TEST/own/lib/modules/9.9-own/modules.order"
  : >"$TEST/own/lib/modules/9.9-own/modules.builtin"
  RVMM_GUEST_KERNEL="$TEST/own Image" RVMM_GUEST_MODULES=$TEST/own without_apt "$setup" --cache-only
  grep '"guest_kernel": .*"release": "9.9-own".*"source": ".*/own Image"' "$RVMM_CACHE/manifest.json"
  cmp "$TEST/own Image" "$RVMM_CACHE/guest-kernel/Image"
  [[ -e $RVMM_CACHE/guest-kernel/modules/lib/modules/9.9-own/modules.dep ]]
  without_apt "$setup" --cache-only
  grep '"guest_kernel": .*"release": "7.2-cloud-arm64"' "$RVMM_CACHE/manifest.json"
  RVMM_GUEST_KERNEL=$TEST/nothing exits 64 1 "$setup"
}

refuses_unsigned() {
  apt_sources "$TEST/signed"
  cp "$TEST/apt/sources/debian.list" "$TEST/signed/sources"
  export RVMM_CACHE=$TEST/unsigned
  local status=0
  "$setup" --cache-only 2>&1 | tee "$TEST/said" || status=$?
  [[ $status == 69 && ! -e $RVMM_CACHE/uapi ]]
  grep 'not signed' "$TEST/said"
}

refuses_changed_package() {
  local deb=$TEST/archive/pool/bookworm/libfdt-dev_1.6-1_arm64.deb
  cp "$deb" "$TEST/good.deb"
  printf x | dd of="$deb" bs=1 seek=200 conv=notrunc status=none
  local status=0
  RVMM_CACHE=$TEST/changed "$setup" --cache-only 2>&1 || status=$?
  cp "$TEST/good.deb" "$deb"
  [[ $status == 69 && ! -e $TEST/changed/sysroot ]]
}

# --- the initramfs ---

initramfs_is_deterministic() {
  local cache=$TEST/images tree=$TEST/images/guest-kernel/modules/lib/modules/1.0 mk=$top/guest-images/linux/mkinitramfs
  mkdir -p "$tree/kernel/a"
  echo busybox >"$cache/busybox"
  echo module >"$tree/kernel/a/configfs.ko"
  echo report | xz >"$tree/kernel/a/tsm_report.ko.xz"
  echo cca | xz >"$tree/kernel/arm-cca-guest.ko.xz"
  printf '%s\n' 'kernel/a/configfs.ko:' 'kernel/a/tsm_report.ko.xz: kernel/a/configfs.ko' \
    'kernel/arm-cca-guest.ko.xz: kernel/a/tsm_report.ko.xz kernel/a/configfs.ko' >"$tree/modules.dep"
  (umask 022; cd /; TZ=UTC "$mk" "$cache" "$TEST/one.cpio")
  cp -a "$cache" "$TEST/images2"
  chmod -R go-rwx "$TEST/images2"
  (umask 077; cd "$TEST"; TZ=Asia/Tokyo LC_ALL=C.UTF-8 TMPDIR=$TEST "$mk" images2 two.cpio)
  cmp "$TEST/one.cpio" "$TEST/two.cpio"
  [[ $(cpio -i --quiet --to-stdout modules/order <"$TEST/one.cpio" | xargs) == 'configfs.ko tsm_report.ko arm-cca-guest.ko' ]]
  [[ $(cpio -i --quiet --to-stdout modules/tsm_report.ko <"$TEST/one.cpio") == report ]]
  cpio -tv --quiet <"$TEST/one.cpio" | grep -E '^-rwxr-xr-x +1 root +root .* init$'
}

initramfs_without_modules() {
  mkdir -p "$TEST/bare"
  echo busybox >"$TEST/bare/busybox"
  "$top/guest-images/linux/mkinitramfs" "$TEST/bare" "$TEST/bare.cpio"
  cpio -t --quiet <"$TEST/bare.cpio" | grep -x modules/order
}

check 'setup: Fedora is refused in one line' refuses_system ID=fedora VERSION_ID=41 'PRETTY_NAME="Fedora Linux 41"'
check 'setup: Debian 11 is refused in one line' refuses_system ID=debian 'VERSION_ID="11"' VERSION_CODENAME=bullseye
check 'setup: a system without os-release is refused' refuses_system
check 'setup: an unknown argument is refused' exits 64 1 "$setup" --frobnicate
check 'setup: missing packages are found' finds_missing_packages
check 'setup: the cache is found in a bare environment' prints_cache_of_bare_environment
check 'mirror: from deb822 sources, with an inline key' mirror_from_deb822
check 'mirror: from one-line sources' mirror_from_one_line
check 'mirror: the archive itself, not a third party' mirror_from_index
check 'mirror: none known gives one line' mirror_unknown

fake_archive
apt_sources "$TEST/apt" 'Acquire::AllowInsecureRepositories "true";' 'APT::Get::AllowUnauthenticated "true";'
echo "deb file:$TEST/archive bookworm main" >"$TEST/apt/sources/debian.list"

check 'cache: filled with the newest suitable versions' fills_cache
check 'cache: a second setup does nothing' does_nothing_again
check 'cache: what an interrupted setup left is repaired' repairs
check 'cache: two setups at once' two_at_once
check 'cache: what tests alone need, with --tests' test_items
check 'cache: --refresh takes newer versions' refreshes
check "cache: the lab's root has its packages' dependencies" lab_root
check "cache: the user's own kernel, and back, without a network" own_kernel
check 'cache: an unsigned archive is refused' refuses_unsigned
check 'cache: a changed package is refused' refuses_changed_package
check 'initramfs: same bytes for any umask, folder and time zone' initramfs_is_deterministic
check 'initramfs: a kernel without modules' initramfs_without_modules

((failures == 0)) || { printf '%d failed\n' "$failures"; exit 1; }
