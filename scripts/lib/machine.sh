# shellcheck shell=bash
# The machine: is it Debian 12 or later, and are the packages of packages.txt installed?

# Sets CODENAME, the name of the machine's own Debian release.
check_machine() {
  local file=${RVMM_OS_RELEASE:-/etc/os-release} id='' version='' name=''
  if [[ -r $file ]]; then
    id=$(os_release_field "$file" ID)
    version=$(os_release_field "$file" VERSION_ID)
    name=$(os_release_field "$file" PRETTY_NAME)
    CODENAME=$(os_release_field "$file" VERSION_CODENAME)
  fi
  # Testing and unstable have a codename, but no number.
  if [[ $id != debian || -z ${CODENAME:-} || (-n $version && ${version%%.*} -lt 12) ]]; then
    die 69 "rvmm builds and runs its lab on Debian 12 (bookworm) or later; this is ${name:-another system}"
  fi
}

os_release_field() {
  local value
  value=$(sed -n "s/^$2=//p" -- "$1")
  value=${value#[\"\']}
  printf '%s' "${value%[\"\']}"
}

# missing_packages LIST: those of the list file that are not installed.
missing_packages() {
  local native names installed name wanted
  native=$(dpkg --print-architecture)
  mapfile -t names < <(list_of "$1")
  # dpkg-query fails if one is unknown: that is an answer here, not an error.
  # shellcheck disable=SC2016 # dpkg-query's own variables
  installed=$(dpkg-query -W -f '${Package}:${Architecture} ${db:Status-Status}\n' \
    "${names[@]}" 2>/dev/null) || true
  for name in "${names[@]}"; do
    wanted=$name
    [[ $name == *:* ]] || wanted=$name:$native
    if ! grep -qxF -e "$wanted installed" -e "$name:all installed" <<<"$installed"; then
      printf '%s\n' "$name"
    fi
  done
}

# install_packages LIST: asks for root at most once, and only if something is missing.
install_packages() {
  local missing command
  mapfile -t missing < <(missing_packages "$1")
  ((${#missing[@]})) || return 0
  say "Debian packages to install: ${missing[*]}"
  command=(env "PATH=$PATH" DEBIAN_FRONTEND=noninteractive)
  for name in http_proxy https_proxy ftp_proxy no_proxy APT_CONFIG; do
    [[ -z ${!name:-} ]] || command+=("$name=${!name}")
  done
  command+=(bash "$SCRIPTS/lib/install-packages.sh" "${missing[@]}")
  if ((EUID != 0)); then
    command -v sudo >/dev/null || die 77 "needs root for that: run 'scripts/setup --packages-only' as root"
    command=(sudo -p "setup: password of %p, to install packages: " -- "${command[@]}")
  fi
  "${command[@]}" || die 77 'the packages could not be installed'
  mapfile -t missing < <(missing_packages "$1")
  ((${#missing[@]} == 0)) || die 69 "still missing after the installation: ${missing[*]}"
}
