# Runs in the guest, by the stock image's init (as /extra.sh): uses every device that devices.sh in the
# lab host gave it, and prints "dev: ok NAME" or "dev: FAIL NAME: why". rvmm.rounds=N on the kernel's
# command line is how often drivers are unbound.
word() { tr ' ' '\n' </proc/cmdline | sed -n "s/^rvmm\.$1=//p"; }
good() { echo "dev: ok $*"; }
fail() { echo "dev: FAIL $*"; }
rounds=$(word rounds)
mkdir -p /mnt /tmp /root
dmesg -n 1 # what the kernel says of a disk that fails would be in the middle of our lines

# The driver of a device, and the device as the driver calls it.
driver_of() { basename "$(readlink "/sys/bus/virtio/devices/$1/driver")"; }
virtio_of() { for d in /sys/bus/virtio/devices/*; do
    [ "$(cat "$d/device")" = "$1" ] && { basename "$d"; return; }
  done; }

disk() {
  [ "$(ls /sys/block/vda/mq | wc -l)" = 2 ] || { fail disk 'not 2 queues'; return; }
  [ "$(cat /sys/block/vda/serial)" = rvmm-first ] || { fail disk 'another serial'; return; }
  /bin/mke2fs -q -t ext4 -F /dev/vda && mount -t ext4 /dev/vda /mnt || { fail disk 'no ext4'; return; }
  for i in 1 2 3 4; do
    dd if=/dev/urandom of="/mnt/file$i" bs=64k count=24 2>/dev/null &
  done
  wait
  (cd /mnt && sha256sum file*) >/tmp/sums
  for round in 1 2; do
    umount /mnt && echo 3 >/proc/sys/vm/drop_caches && mount -t ext4 /dev/vda /mnt || break
    (cd /mnt && sha256sum -c /tmp/sums >/dev/null) || { fail disk "other contents, round $round"; return; }
    rm /mnt/file$round && sed -i "/file$round$/d" /tmp/sums
  done
  fstrim /mnt >/dev/null 2>&1 || fail disk 'no discard'
  umount /mnt && good disk
}
readonly_disk() {
  [ "$(cat /sys/block/vdb/ro)" = 1 ] || { fail readonly 'is writable'; return; }
  [ "$(sha256sum </dev/vdb | cut -c1-64)" = "$(word sum)" ] && good readonly || fail readonly 'other contents'
}
# A disk that begins to fail while it is used: errors in time, not a hang.
failing() {
  dd if=/dev/vdc of=/dev/null bs=4k count=16 iflag=direct 2>/dev/null || { fail failing 'too early'; return; }
  echo 'dev: reads what will fail'
  for i in $(seq 300); do
    dd if=/dev/vdc of=/dev/null bs=4k skip="$i" count=1 iflag=direct 2>/dev/null || { good failing; return; }
    sleep 0.1
  done
  fail failing 'no error'
}
rng() {
  [ "$(cat /sys/class/misc/hw_random/rng_current)" = virtio_rng.0 ] || { fail rng 'not the source'; return; }
  first=$(dd if=/dev/hwrng bs=256 count=1 2>/dev/null | sha256sum)
  second=$(dd if=/dev/hwrng bs=256 count=1 2>/dev/null | sha256sum)
  [ "$first" != "$second" ] && good rng || fail rng "twice the same"
}
console() {
  ports=$(cat /sys/class/virtio-ports/*/name 2>/dev/null | xargs)
  [ "$ports" = "term log rvmm.status" ] || { fail console "ports: $ports"; return; }
  stty -F /dev/hvc0 raw -echo 2>/dev/null
  echo 'said on hvc0' >/dev/hvc0
  port=$(ls /dev/vport*p1) && seq 1 20000 >"$port" && good console || fail console 'cannot write'
}
rtc() {
  [ "$(cat /sys/class/rtc/rtc0/name | cut -d' ' -f1)" = rtc-pl031 ] || { fail rtc 'no PL031'; return; }
  echo "dev: rtc $(cat /sys/class/rtc/rtc0/since_epoch)"
}
sum_of() { wget -q -O - "$1" | sha256sum | cut -c1-64; }
# eth0 is a passt, eth1 a tap. The lab host serves files, and names.
net() {
  ip link set eth0 up && ip address add 192.0.2.2/24 dev eth0 && ip route add default via 192.0.2.1
  echo 'nameserver 192.0.2.1' >/etc/resolv.conf
  [ "$(sum_of http://files.test:8080/second.img)" = "$(word sum)" ] && good passt || fail passt 'by name'
  ip link set eth1 up && ip address add 10.9.0.2/24 dev eth1
  ping -c 3 -W 5 10.9.0.1 >/dev/null || { fail tap 'no ping'; return; }
  [ "$(sum_of http://10.9.0.1:8080/second.img)" = "$(word sum)" ] || { fail tap 'to the guest'; return; }
  mkdir /srv && cp /dev/vdb /srv/copy && httpd -p 8081 -h /srv
  echo 'dev: serves'
  for i in $(seq 100); do
    [ "$(wget -q -O - http://10.9.0.1:8080/fetched)" = yes ] && { good tap; return; }
    sleep 0.2
  done
  fail tap 'from the guest'
}
# The stock kernel has no driver for the key: the line of the GPIO itself.
power() {
  devtool gpio 3 && good power || fail power 'no key'
}
# Exits while data goes, as the host counts them, and rvmm's memory. Those for registers more than once
# if need be: what the kernel has to say in between goes out by registers.
host_says() { wget -q -O - "http://10.9.0.1:8080/cgi-bin/$1"; }
data_path() {
  for i in 1 2 3; do
    exits=$(host_says exits) doorbells=$(host_says doorbells)
    dd if=/dev/vdb of=/dev/null bs=4k count=200 iflag=direct 2>/dev/null
    dd if=/dev/hwrng of=/dev/null bs=64 count=20 2>/dev/null
    exits=$(($(host_says exits) - exits))
    [ $exits = 0 ] && break
  done
  echo "dev: exits $exits"
  echo "dev: doorbells $(($(host_says doorbells) - doorbells))"
  doorbells=$(host_says doorbells) exits=$(host_says exits)
  head -c 20000 /dev/zero | tr '\0' x >/dev/hvc0
  echo "dev: hvc0 $(($(host_says doorbells) - doorbells + $(host_says exits) - exits))"
  echo "dev: memory $(host_says memory)"
}
# Drivers that come and go, and a reset with I/O in flight.
rebind() {
  for device in $(ls /sys/bus/virtio/devices); do
    driver=$(driver_of "$device")
    for i in $(seq "$rounds"); do
      if [ "$driver" = virtio_blk ]; then
        disk=$(ls "/sys/bus/virtio/devices/$device/block")
        dd if="/dev/$disk" of=/dev/null bs=64k iflag=direct 2>/dev/null &
      fi
      echo "$device" >"/sys/bus/virtio/drivers/$driver/unbind"
      wait
      echo "$device" >"/sys/bus/virtio/drivers/$driver/bind" || { fail rebind "$driver, round $i"; return; }
    done
  done
  [ "$(sha256sum </dev/vdb | cut -c1-64)" = "$(word sum)" ] && good rebind || fail rebind 'other contents'
}
vsock() {
  devtool echo vsock:4294967295:5000 >/echo &
  for i in $(seq 100); do
    grep -q listens /echo && break
    sleep 0.1
  done
  echo 'dev: vsock listens'
  devtool talk "$(word talks)" vsock:2:6000 | grep -q '^ok' && good vsock || fail vsock 'guest to host'
  # The host talks to us as well; it says when it is done.
  for i in $(seq 100); do
    devtool talk 2 vsock:2:6001 >/dev/null 2>&1 && break
    sleep 0.2
  done
}

for test in $(word tests | tr , ' '); do "$test"; done
echo 'dev: end'
# A reset with I/O in flight.
if [ "$(word end)" = reset ]; then
  for i in 1 2 3 4; do
    (while :; do dd if=/dev/vda of=/dev/null bs=64k skip="$i" iflag=direct; done) 2>/dev/null &
  done
  sleep 0.5
  reboot -f
fi
