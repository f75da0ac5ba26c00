# shellcheck shell=bash
# A Debian archive of tiny packages in a folder, so that scripts/setup can be tested without a network.
# Needs TEST, a scratch folder; makes $TEST/archive. Its indexes carry no signature.

# fake_deb SUITE PACKAGE VERSION DEPENDS FOLDER: adds a package that holds FOLDER's files.
fake_deb() {
  local pool=$TEST/archive/pool/$1 control=$5/DEBIAN
  mkdir -p -- "$pool" "$control"
  printf '%s\n' "Package: $2" "Version: $3" 'Architecture: arm64' 'Maintainer: nobody' ${4:+"Depends: $4"} \
    'Description: fake' >"$control/control"
  dpkg-deb --root-owner-group -Znone -b "$5" "$pool" >/dev/null
}

# fake_index SUITE: (re)writes its Packages and Release.
fake_index() {
  local dist=$TEST/archive/dists/$1 deb
  local packages=$dist/main/binary-arm64/Packages
  mkdir -p -- "${packages%/*}"
  for deb in "$TEST/archive/pool/$1"/*.deb; do
    [[ -e $deb ]] || continue
    dpkg-deb -f "$deb"
    printf 'Filename: %s\nSize: %s\nSHA256: %s\n\n' "${deb#"$TEST/archive/"}" "$(stat -c %s -- "$deb")" \
      "$(sha256sum <"$deb" | cut -d' ' -f1)"
  done >"$packages"
  printf '%s\n' 'Origin: Debian' "Suite: $1" "Codename: $1" 'Components: main' 'Architectures: arm64' 'SHA256:' \
    " $(sha256sum <"$packages" | cut -d' ' -f1) $(stat -c %s -- "$packages") main/binary-arm64/Packages" >"$dist/Release"
}

# A new empty folder for a package's files.
fake_folder() { mktemp -d -- "$TEST/deb.XXXX"; }

# fake_kernel SUITE VERSION RELEASE META [split]: the meta package META, and either one package with Image
# and modules, or three.
fake_kernel() {
  local suite=$1 version=$2 release=$3 image modules tree
  image=$(fake_folder)
  modules=$image
  [[ -z ${5:-} ]] || modules=$(fake_folder)
  tree=$modules/${5:+usr/}lib/modules/$release
  mkdir -p -- "$tree/kernel" "$image/boot"
  : >"$tree/modules.order"
  : >"$tree/modules.builtin"
  if [[ -z ${5:-} ]]; then
    fake_image >"$image/boot/vmlinuz-$release"
    fake_deb "$suite" "linux-image-$release" "$version" 'kmod' "$image"
  else
    mkdir -p -- "$image/usr/lib/modules/$release"
    fake_image >"$image/usr/lib/modules/$release/vmlinuz"
    fake_deb "$suite" "linux-binary-$release" "$version" '' "$image"
    fake_deb "$suite" "linux-modules-$release" "$version" 'kmod' "$modules"
    fake_deb "$suite" "linux-image-$release" "$version" \
      "dracut | initramfs-tools, linux-binary-$release (= $version), linux-modules-$release (= $version)" "$(fake_folder)"
  fi
  fake_deb "$suite" "$4" "$version" "linux-image-$release (= $version)" "$(fake_folder)"
}

# The least that passes for an arm64 Image.
fake_image() {
  head -c 56 /dev/zero
  printf 'ARMd'
}

fake_headers() {
  local folder header
  folder=$(fake_folder)
  mkdir -p -- "$folder/usr/include/"{linux,asm-generic,aarch64-linux-gnu/asm}
  for header in kvm kvm_para ptrace sve_context hwcap unistd; do
    : >"$folder/usr/include/aarch64-linux-gnu/asm/$header.h"
  done
  : >"$folder/usr/include/linux/kvm.h"
  fake_deb "$1" linux-libc-dev "$2" '' "$folder"
}

fake_busybox() {
  local folder
  folder=$(fake_folder)
  mkdir -- "$folder/bin"
  printf 'busybox %s\n' "$2" >"$folder/bin/busybox"
  fake_deb "$1" busybox-static "$2" '' "$folder"
}

fake_libfdt() {
  local folder header
  folder=$(fake_folder)
  mkdir -p -- "$folder/usr/lib/aarch64-linux-gnu" "$folder/usr/include"
  : >"$folder/usr/lib/aarch64-linux-gnu/libfdt.a"
  for header in libfdt fdt libfdt_env; do
    : >"$folder/usr/include/$header.h"
  done
  fake_deb "$1" libfdt-dev "$2" '' "$folder"
}

# The archive that the tests use: bookworm-backports has no suitable host kernel but a newer one whose
# parts have not arrived; trixie-backports is absent, forky serves.
fake_archive() {
  local suite cloud=linux-image-cloud-arm64
  fake_busybox bookworm 1:1.35-1
  fake_libfdt bookworm 1.6-1
  fake_kernel bookworm-backports 6.1-1 6.1-cloud-arm64 $cloud
  fake_deb bookworm-backports $cloud 6.20-1 'linux-image-6.20-cloud-arm64 (= 6.20-1)' "$(fake_folder)"
  fake_kernel trixie 6.12.9-1 6.12.9-cloud-arm64 $cloud
  fake_kernel trixie 6.12.10-1 6.12.10-cloud-arm64 $cloud
  fake_kernel trixie 6.12.10-1 6.12.10-arm64-16k linux-image-arm64-16k
  fake_kernel forky 7.2-1 7.2-cloud-arm64 $cloud split
  fake_headers forky 7.2-1
  fake_deb bookworm inner 1-1 '' "$(fake_folder)"
  local folder
  folder=$(fake_folder)
  mkdir -- "$folder/bin"
  : >"$folder/bin/outer"
  fake_deb bookworm outer 2-1 'inner (>= 1)' "$folder"
  for suite in bookworm bookworm-backports trixie forky; do
    fake_index "$suite"
  done
}
