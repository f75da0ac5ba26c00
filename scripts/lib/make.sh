# shellcheck shell=bash
# Making the items of the cache (items.sh). An item is built in $WORK/new and renamed to items/<name>,
# then linked: a change is one rename, and an interrupted setup leaves whole items only.
# Each make_<item> ITEM RAW CONTENT makes CONTENT from the unpacked packages in RAW, and prints the
# item's part of the manifest.

# make ITEM: downloads and unpacks what was planned for it, and puts it in place.
make() {
  local item=$1 parts part debs=() new=$WORK/new
  mapfile -t parts < <(printf '%s' "${PLAN_PARTS[$item]}")
  if ((${#parts[@]})); then
    download_in "${PLAN_SUITE[$item]}" "$WORK/debs" "${parts[@]}" || die 69 "$item: the download failed"
  fi
  rm -rf -- "$new" "$WORK/raw"
  mkdir -p -- "$new" "$WORK/raw/usr/"{bin,sbin,lib}
  ln -s usr/bin usr/sbin usr/lib "$WORK/raw" # as on any Debian: /lib is /usr/lib
  for part in "${parts[@]}"; do
    part=${part/=/_}
    debs+=("$WORK/debs/${part//:/%3a}"_*.deb)
    dpkg-deb --fsys-tarfile "${debs[-1]}" | tar -x -p --no-same-owner --keep-directory-symlink -C "$WORK/raw"
  done
  "make_${item//-/_}" "$item" "$WORK/raw" "$new/$(place_of "$item")" >"$new/manifest"
  place "$item" "$(request_of "$item")" "${PLAN_PARTS[$item]}" "${PLAN_VERSION[$item]}"
  rm -rf -- "$WORK/raw" "${debs[@]}"
}

make_host_kernel() { make_kernel "$@"; }
make_guest_kernel() { make_kernel "$@"; }
make_pages16k_kernel() { make_kernel "$@"; }

make_kernel() {
  local item=$1 raw=$2 content=$3 image release
  mkdir -- "$content"
  for image in "$raw"/boot/vmlinuz-* "$raw"/usr/lib/modules/*/vmlinuz; do
    [[ ! -f $image ]] || mv -- "$image" "$content/Image"
  done
  [[ -f $content/Image ]] || die 69 "$item: no kernel in ${PLAN_PARTS[$item]//$'\n'/, }"
  chmod 644 -- "$content/Image"
  [[ $(od -An -tx1 -j56 -N4 -- "$content/Image") == ' 41 52 4d 64' ]] ||
    die 69 "$item: ${PACKAGE[$item]} ${PLAN_VERSION[$item]} is not a plain arm64 Image"
  release=$(basename -- "$raw"/usr/lib/modules/*)
  take_modules "$raw/usr/lib/modules/$release" "$content/modules"
  kernel_manifest "$item" "${PACKAGE[$item]}" "${PLAN_VERSION[$item]}" "${PLAN_SUITE[$item]}" "$release" \
    "$item/modules"
}

# take_modules TREE ROOT: moves lib/modules/<release> to that place under ROOT.
take_modules() {
  local release=${1##*/}
  mkdir -p -- "$2/lib/modules" "$2/usr"
  mv -- "$1" "$2/lib/modules/$release"
  # Depending on its build, depmod looks under lib/ or usr/lib/.
  ln -s ../lib "$2/usr/lib"
  depmod -b "$2" "$release"
  rm -r -- "${2:?}/usr"
}

# kernel_manifest ITEM PACKAGE VERSION SUITE RELEASE MODULES [SOURCE]
kernel_manifest() {
  printf '"%s": {"package": "%s", "version": "%s", "suite": "%s", "release": "%s", ' "${1/-/_}" "$2" "$3" "$4" "$5"
  printf '"image": "%s/Image", "modules": "%s"%s}' "$1" "$6" "${7:+, \"source\": $(json_string "$7")}"
}

# make_override ITEM: a kernel that the user gives; nothing is fetched.
make_override() {
  local item=$1 content=$WORK/new/$1 file modules release
  file=$(override_of "$item")
  modules=$(override_of "$item" MODULES)
  rm -rf -- "$WORK/new" "$WORK/raw"
  mkdir -p -- "$content" "$WORK/raw"
  cp -- "$file" "$content/Image"
  chmod 644 -- "$content/Image"
  release=$(grep -aom1 'Linux version [0-9][^ ]*' -- "$file" | head -n1 | cut -d' ' -f3) || release=
  if [[ -n $modules ]]; then
    modules=$(module_tree "$modules" "$release")
    release=${modules##*/}
    cp -aL -- "$modules" "$WORK/raw/$release"
    take_modules "$WORK/raw/$release" "$content/modules"
  fi
  say "$item: taken from $file"
  kernel_manifest "$item" '' '' file "$release" "${modules:+$item/modules}" "$file" >"$WORK/new/manifest"
  place "$item" "$(request_of "$item")" '' file
}

# module_tree FOLDER RELEASE: FOLDER may be the tree itself, hold it, or be a root with lib/modules.
module_tree() {
  local tree
  for tree in "$1" "$1/$2" "$1/lib/modules/$2" "$1/usr/lib/modules/$2" "$1"/lib/modules/* "$1"/*; do
    if [[ -d $tree/kernel ]]; then
      realpath -- "$tree"
      return
    fi
  done
  die 64 "$1 holds no tree of kernel modules"
}

make_busybox() {
  mv -- "$2/usr/bin/busybox" "$3"
  path_manifest "$1"
}

make_libfdt() {
  mkdir -p -- "$3/lib" "$3/include"
  mv -- "$2/usr/lib/aarch64-linux-gnu/libfdt.a" "$3/lib"
  mv -- "$2"/usr/include/{libfdt,fdt,libfdt_env}.h "$3/include"
  path_manifest "$1"
}

# The kernel's headers, with arm64's asm/. On an x86 machine this folder comes before its own headers,
# so asm/ holds no more than <linux/kvm.h> needs: arm64's asm/unistd.h, say, would silently give
# <sys/syscall.h> wrong numbers.
make_uapi() {
  local header
  mkdir -p -- "$3/asm"
  mv -- "$2/usr/include/linux" "$2/usr/include/asm-generic" "$3"
  for header in kvm kvm_para ptrace sve_context hwcap; do
    cp -L -- "$2/usr/include/aarch64-linux-gnu/asm/$header.h" "$3/asm"
  done
  path_manifest "$1"
}

path_manifest() {
  printf '"%s": {"version": "%s", "suite": "%s", "path": "%s"}' \
    "$1" "${PLAN_VERSION[$1]}" "${PLAN_SUITE[$1]}" "$(place_of "$1")"
}

make_lab_root() {
  local part separator=''
  if [[ -n ${PLAN_PARTS[$1]} ]]; then mv -- "$2" "$3"; else mkdir -- "$3"; fi
  printf '"lab_packages": ['
  for part in ${PLAN_PARTS[$1]}; do
    printf '%s{"package": "%s", "version": "%s"}' "$separator" "${part%%=*}" "${part#*=}"
    separator=', '
  done
  printf ']'
}

# --- putting in place ---

# place ITEM REQUEST PARTS VERSION: $WORK/new becomes the item.
place() {
  local item=$1 name
  printf '%s\n' "$2" ${3:+"$3"} >"$WORK/new/made-from"
  name=$item-${4#*:}-$(sha256sum <"$WORK/new/made-from" | cut -c1-8)
  mkdir -p -- "$CACHE/items"
  rm -rf -- "$CACHE/items/$name" # a partly removed one
  mv -T -- "$WORK/new" "$CACHE/items/$name"
  link_item "$item" "$CACHE/items/$name"
}

# link_item ITEM FOLDER: gives it its public name. The one that it replaces goes, but a Debian kernel
# stays while the user's own is in use, and the reverse.
link_item() {
  local item=$1 folder=$2 place other
  place=$(place_of "$item")
  ln -sfn -- "items/${folder##*/}/$place" "$WORK/link"
  mv -T -- "$WORK/link" "$CACHE/$place"
  for other in "$CACHE/items/$item"-*; do
    if [[ $other != "$folder" && $(kind_of "$other") =~ ^($(kind_of "$folder"))?$ ]]; then
      rm -f -- "$other/made-from" # first: half an item must not pass for one
      rm -rf -- "$other"
    fi
  done
}

# kind_of FOLDER: debian or file; nothing for what is left of an interrupted removal.
kind_of() { sed -n '1s/ .*//p' -- "$1/made-from" 2>/dev/null || true; }
