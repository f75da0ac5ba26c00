#include "vmm/lab/init_scripts.hpp"

namespace rvmm::vmm::lab {

std::string_view early_init() {
    return R"sh(#!/lab/usr/bin/busybox sh
b=/lab/usr/bin/busybox
die() { echo "rvmm-lab: $*" >/dev/console; $b poweroff -f; }
$b mkdir -p /new && $b mount -t tmpfs -o mode=755,size=90% root /new || die "cannot make the root"
$b cp -a /lab/. /new/ || die "cannot fill the root"
exec $b switch_root /new /usr/lib/rvmm/init
)sh";
}

std::string_view host_init() {
    return R"sh(#!/usr/bin/busybox sh
b=/usr/bin/busybox
die() { echo "rvmm-lab: $*" >/dev/console; $b poweroff -f; }
$b mount -t devtmpfs dev /dev && $b mount -t proc proc /proc && $b mount -t sysfs sys /sys ||
  die "cannot mount the kernel's file systems"
exec </dev/null >/dev/console 2>&1
$b mkdir -p /dev/pts /dev/shm
$b mount -t devpts -o mode=620,ptmxmode=666 pts /dev/pts
$b mount -t tmpfs -o mode=1777 shm /dev/shm
$b ln -sf /proc/self/fd /dev/fd
$b ln -sf /proc/self/fd/0 /dev/stdin
$b ln -sf /proc/self/fd/1 /dev/stdout
$b ln -sf /proc/self/fd/2 /dev/stderr
$b --install -s
for module in /usr/lib/rvmm/modules/*; do
  case $module in
    *.xz) xzcat "$module" ;;
    *.gz) zcat "$module" ;;
    *.ko) cat "$module" ;;
    *) continue ;;
  esac >/run/module.ko && insmod /run/module.ko || die "cannot load $module"
  rm /run/module.ko
done
if [ -e /usr/lib/rvmm/payload ]; then
  [ -b /dev/vda ] || die "the kernel does not show the disk with the files"
  cd / && cpio -idmu </dev/vda 2>/run/cpio.log || die "cannot unpack the files: $(cat /run/cpio.log)"
fi
$b mkdir -p /dev/disk
for disk in /sys/block/vd*; do
  serial=$(cat "$disk/serial" 2>/dev/null)
  [ -z "$serial" ] || ln -s "../${disk##*/}" "/dev/disk/$serial"
done
hostname lab
ip link set lo up
if [ -e /sys/class/net/eth0 ]; then
  # QEMU's user-mode network: the addresses that it has by default.
  ip link set eth0 up && ip address add 10.0.2.15/24 dev eth0 &&
    ip route add default via 10.0.2.2 && echo 'nameserver 10.0.2.3' >/etc/resolv.conf ||
    die "cannot set up the network"
else
  ip route add default dev lo
fi
exec /usr/bin/rvmm lab agent
)sh";
}

}  // namespace rvmm::vmm::lab
