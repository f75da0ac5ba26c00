# shellcheck shell=bash disable=SC2034 # make.sh reads the plans
# The items of the cache: what each is made from, whether it is there, and which version to take.
# items/<name>/ holds an item's content; made-from, which says what was asked for (first line) and what
# that gave; and manifest, its part of manifest.json. A symbolic link to the content is its public place.
# Needs CACHE, CODENAME, SCRIPTS; make.sh makes the items.

ITEMS=(uapi libfdt busybox host-kernel guest-kernel lab-root)
TEST_ITEMS=(pages16k-kernel) # for scripts/setup --tests
RECIPE=1 # raise it when the way of unpacking changes: every item is then made again

declare -A PACKAGE=([host-kernel]=linux-image-cloud-arm64 [guest-kernel]=linux-image-cloud-arm64
  [pages16k-kernel]=linux-image-arm64-16k [busybox]=busybox-static [libfdt]=libfdt-dev [uapi]=linux-libc-dev)
declare -A MINIMUM=([host-kernel]=6.4 [guest-kernel]=6.13 [pages16k-kernel]=6.4 [busybox]=0 [libfdt]=0 [uapi]=7.0)
declare -A SUITES PLAN_SUITE=() PLAN_VERSION=() PLAN_PARTS=()

# Once CODENAME is known. The first suite that has a suitable version gives its newest.
choose_suites() {
  SUITES=([host-kernel]='bookworm-backports trixie trixie-backports'
    [pages16k-kernel]='bookworm-backports trixie trixie-backports'
    [guest-kernel]='trixie-backports forky sid' [uapi]='trixie-backports forky sid'
    [busybox]=$CODENAME [libfdt]=$CODENAME [lab-root]=$CODENAME)
}

lab_packages() {
  if [[ -n ${RVMM_LAB_PACKAGES+set} ]]; then
    xargs -n1 <<<"$RVMM_LAB_PACKAGES"
  else
    list_of "$SCRIPTS/lab-packages.txt"
  fi | sort -u | xargs
}

# override_of ITEM [MODULES]: the file (or folder of modules) that the user gives instead, if any.
override_of() {
  local variable=${1%-kernel}
  variable=RVMM_${variable^^}_${2:-KERNEL}
  [[ $1 != *-kernel || -z ${!variable:-} ]] || realpath -m -- "${!variable}"
}

check_overrides() {
  local item file
  for item in "${!PACKAGE[@]}"; do
    file=$(override_of "$item")
    [[ -z $file || (-f $file && -r $file) ]] || die 64 "$item: $file is not a readable file"
    file=$(override_of "$item" MODULES)
    [[ -z $file || -d $file ]] || die 64 "modules of $item: $file is not a folder"
  done
}

# request_of ITEM: one line that says all that the item depends on.
request_of() {
  local item=$1 file modules
  file=$(override_of "$item")
  if [[ -n $file ]]; then
    modules=$(override_of "$item" MODULES)
    printf 'file %s %s recipe %s' "$(stat -c '%n %s %Y' -- "$file")" \
      "${modules:+$(stat -c '%n %Y' -- "$modules")}" "$RECIPE"
  elif [[ $item == lab-root ]]; then
    printf 'debian %s in %s recipe %s' "$(lab_packages)" "${SUITES[$item]}" "$RECIPE"
  else
    printf 'debian %s >= %s in %s recipe %s' "${PACKAGE[$item]}" "${MINIMUM[$item]}" "${SUITES[$item]}" "$RECIPE"
  fi
}

# place_of ITEM: its public name in the cache.
place_of() { if [[ $1 == libfdt ]]; then printf sysroot; else printf '%s' "$1"; fi; }

# folder_of ITEM: where its public name leads, or nothing.
folder_of() {
  local link
  link=$(readlink -- "$CACHE/$(place_of "$1")") || return 0
  printf '%s' "$CACHE/${link%/*}"
}

# made_for FOLDER REQUEST: is it there, and made for this request?
made_for() {
  local request
  [[ -n $1 && -r $1/made-from ]] && IFS= read -r request <"$1/made-from" && [[ $request == "$2" ]]
}

# find_made ITEM REQUEST: a folder made for this request earlier.
find_made() {
  local folder
  for folder in "$CACHE/items/$1"-*; do
    if made_for "$folder" "$2"; then
      printf '%s' "$folder"
      return
    fi
  done
}

manifest() {
  local item folder separator=' '
  printf '{"schema": 1'
  for item in "${ITEMS[@]}"; do
    folder=$(folder_of "$item")
    [[ ! -r $folder/manifest ]] || printf ',\n%s%s' "$separator" "$(<"$folder/manifest")"
  done
  printf '}\n'
}

# cache_complete: nothing to do? Looks at local files alone.
cache_complete() {
  local item
  for item in "${ITEMS[@]}"; do
    made_for "$(folder_of "$item")" "$(request_of "$item")" || return 1
  done
  [[ -r $CACHE/manifest.json && $(<"$CACHE/manifest.json") == "$(manifest)" ]]
}

# --- choosing ---

# parts_of ITEM SUITE VERSION: lines "package=version", the packages to unpack.
parts_of() {
  if [[ $1 == *-kernel ]]; then
    kernel_parts "$2" "${PACKAGE[$1]}" "$3" | sort -u
  else
    printf '%s=%s\n' "${PACKAGE[$1]}" "$3"
  fi
}

# A kernel is a meta package that needs a versioned one, which holds Image and modules or (since 7.x)
# needs others that do. Fails if one of them has not reached the suite yet.
kernel_parts() {
  local depends package version
  depends=$(depends_in "$@") || return 1
  while read -r package version; do
    if [[ $package =~ ^linux-(image|binary|modules|base)-[0-9] ]]; then
      printf '%s=%s\n' "$package" "$version"
      kernel_parts "$1" "$package" "$version" || return 1
    fi
  done <<<"$depends"
}

# plan ITEM: which version of which suite; sets PLAN_*[ITEM].
plan() {
  local item=$1 suite version suites
  read -ra suites <<<"${SUITES[$item]}"
  for suite in "${suites[@]}"; do
    open_suite "$suite" || continue
    while read -r version; do
      dpkg --compare-versions "$version" ge "${MINIMUM[$item]}" || break
      if PLAN_PARTS[$item]=$(parts_of "$item" "$suite" "$version") && [[ -n ${PLAN_PARTS[$item]} ]]; then
        PLAN_SUITE[$item]=$suite
        PLAN_VERSION[$item]=$version
        return 0
      fi
    done < <(versions_in "$suite" "${PACKAGE[$item]}")
  done
  archive_failures "${suites[@]}"
  die 69 "the mirror has no ${PACKAGE[$item]} >= ${MINIMUM[$item]} in ${SUITES[$item]}, or cannot be reached"
}

plan_lab_root() {
  local packages suite=${SUITES[lab-root]}
  read -ra packages <<<"$(lab_packages)"
  PLAN_SUITE[lab-root]=$suite
  PLAN_VERSION[lab-root]=${#packages[@]}
  PLAN_PARTS[lab-root]=
  ((${#packages[@]})) || return 0
  open_suite "$suite" || { archive_failures "$suite"; die 69 "the mirror cannot be reached for $suite"; }
  PLAN_PARTS[lab-root]=$(with_dependencies_in "$suite" "${packages[@]}" | tr ' ' '=') ||
    die 69 "packages of the lab's root cannot be had from $suite: ${packages[*]}"
}

# announce ITEM...: what will be downloaded, and how much.
announce() {
  local item part file size total=0 count=0
  for item in "$@"; do
    for part in ${PLAN_PARTS[$item]}; do
      read -r file size < <(sizes_in "${PLAN_SUITE[$item]}" "$part") || die 69 "$part has no download"
      # A whole one from an interrupted setup is not downloaded again.
      [[ $(stat -c %s -- "$WORK/debs/$file" 2>/dev/null) != "$size" ]] || size=0
      say "  $(printf '%-40s %s' "${part%%=*}" "${part#*=}"), ${PLAN_SUITE[$item]}, $(megabytes "$size")"
      ((total += size, count += 1)) || true
    done
  done
  ((count == 0)) || say "downloading $count packages, $(megabytes "$total"), to $CACHE"
}
