# Part of suite.sh: Linux guests that use devices. Needs devtool, guest.sh, linux.cpio and vmlinuz here.

# An initramfs: the stock one, with what guest.sh needs behind it.
devices_initramfs() {
    [ -e devices.cpio ] && return
    rm -rf extra && mkdir -p extra/bin extra/lib extra/etc extra/usr
    cp guest.sh extra/extra.sh
    cp devtool extra/bin/devtool
    chmod 755 extra/bin/devtool
    cp /sbin/mke2fs extra/bin/
    cp /etc/mke2fs.conf extra/etc/
    # "name => path (address)", and the loader by its path alone
    for file in $(/lib/ld-linux-aarch64.so.1 --list /sbin/mke2fs | sed -n 's/.* => \([^ ]*\) .*/\1/p'); do
        cp "$file" extra/lib/
    done
    cp /lib/ld-linux-aarch64.so.1 extra/lib/
    (cd extra && find . | cpio -o -H newc 2>/dev/null) >extra.cpio
    cat linux.cpio extra.cpio >devices.cpio
    rm -rf extra extra.cpio
}

# What the host gives to guests, once: networks, files by HTTP, a name, a disk that can be told to fail.
devices_host() {
    [ -e /dev/dm-0 ] && return
    for module in tun loop dm-mod; do
        insmod "./$module.ko" || echo "no module $module"
    done
    mkdir -p /dev/net
    [ -e /dev/net/tun ] || mknod /dev/net/tun c 10 200
    chmod 666 /dev/net/tun
    # passt gives its guest the addresses of the interface that has the default route.
    for tap in ext0 tap0; do ./devtool tap $tap; done
    ip address add 192.0.2.2/24 dev ext0
    ip address add 10.9.0.1/24 dev tap0
    ip link set ext0 up && ip link set tap0 up
    ip route del default && ip route add default via 192.0.2.1 dev ext0
    ./devtool dns files.test 192.0.2.1 &
    mkdir -p /srv/cgi-bin
    grep -q debugfs /proc/mounts || mount -t debugfs debugfs /sys/kernel/debug
    for fact in exits doorbells memory; do
        printf '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n"\n. %s/devices.sh\ndevices_%s\n' \
            "$PWD" $fact >/srv/cgi-bin/$fact
    done
    chmod 755 /srv/cgi-bin/*
    httpd -p 8080 -h /srv
    truncate -s 16M third.img
    losetup /dev/loop0 third.img
    /sbin/dmsetup create failing --noudevsync --table '0 32768 linear /dev/loop0 0'
}
# What a guest may ask by HTTP: exits for registers that reached rvmm, those that the kernel answered
# (doorbells are among them), and the KiB of memory that rvmm has besides the guest's, which is in files
# in memory or one big mapping.
devices_exits() { cat /sys/kernel/debug/kvm/mmio_exit_user; }
devices_doorbells() { cat /sys/kernel/debug/kvm/mmio_exit_kernel; }
devices_memory() {
    awk '/^[0-9a-f]+-/ { guest = $6 ~ /memfd/ } /^Size:/ && $2 >= 262144 { guest = 1 }
        /^Rss:/ && !guest { sum += $2 } END { print sum }' \
        "/proc/$(ps -o pid,args | awk '$2 == "rvmm" && $3 == "run" { print $1; exit }')/smaps"
}
devices_fail() { # devices_fail linear|error: what reads of the third disk come to
    table="0 32768 $1"
    [ "$1" = error ] || table="$table /dev/loop0 0"
    /sbin/dmsetup suspend --noudevsync failing && /sbin/dmsetup load failing --table "$table" &&
        /sbin/dmsetup resume --noudevsync failing
}

# devices_config FILE TRANSPORT REALM: a machine with one of each.
devices_config() {
    cat >"$1" <<END
[machine]
vcpus = 4
memory = "512M"
rtc = true
power_key = true
[boot]
kernel = "vmlinuz"
initrd = "devices.cpio"
cmdline = "$(cat devices.cmdline)"
[[disk]]
path = "first.img"
serial = "rvmm-first"
queues = 2
transport = "$2"
[[disk]]
path = "second.img"
readonly = true
transport = "$2"
[[disk]]
path = "/dev/dm-0"
transport = "$2"
[[net]]
transport = "$2"
[[net]]
backend = "tap"
tap = "tap0"
queues = 2
transport = "$2"
[rng]
transport = "$2"
[[console]]
name = "term"
mode = "none"
transport = "$2"
[[console]]
name = "log"
mode = "file"
path = "$1.log"
[[vsock]]
cid = 7
path = "$1.vsock"
transport = "$2"
END
    [ "$3" = realm ] || return 0
    printf '[realm]\n[host]\nallow = ["emulated"]\n' >>"$1"
}

as_nobody() { su -s /bin/sh -- nobody -c 'exec "$0" "$@"' "$@"; }

# devices_run NAME TRANSPORT realm|vm: a guest that tries everything. The VM is a user's without privileges.
devices_run() {
    name=$1 cfg=devices-$3.cfg
    devices_initramfs
    devices_host
    devices_fail linear
    rm -f first.img "$cfg.log" "$cfg.vsock"*
    truncate -s 64M first.img
    dd if=/dev/urandom of=second.img bs=64k count=48 2>/dev/null
    cp second.img /srv/
    rm -f /srv/fetched
    sum=$(sha256sum second.img | cut -c1-64)
    swiotlb='' end=reset code=80
    [ "$3" = realm ] && swiotlb='swiotlb=8192 ' end=off code=0
    chown nobody .
    echo "console=ttyS0 ${swiotlb}quiet panic=-1 rvmm.sum=$sum rvmm.rounds=$(count 50 5)" \
        "rvmm.talks=$(count 1000 100) rvmm.tests=disk,readonly_disk,failing,rng,console,rtc,power,net,data_path,rebind,vsock rvmm.end=$end" >devices.cmdline
    devices_config "$cfg" "$2" "$3"
    as_nobody ./devtool echo "$cfg.vsock_6000" >/dev/null &
    echoes=$!
    devices_talk "$name" "$cfg" &
    talks=$!
    devices_watch "$name" &
    watches=$!
    if [ "$3" = vm ]; then
        chmod 666 /dev/kvm && chown nobody *.img "$cfg" /dev/dm-0
        run_as=as_nobody
    fi
    launch "$name" $code "$cfg" --report "$name.json"
    launched=$?
    run_as=
    kill $echoes $talks $watches 2>/dev/null
    wait $echoes $talks $watches 2>/dev/null
    [ $launched = 0 ] || return 1
    pidof passt >/dev/null && { bad "$name" 'passt lives on'; return 1; }
    sed -n 's/^dev: /measured: '"$name"': /p' "$name.out" | grep -v ': ok ' || true
    for test in disk readonly failing rng console power passt tap rebind vsock; do
        has "$name" "dev: ok $test" || return 1
    done
    grep -q '^dev: FAIL' "$name.out" && { bad "$name" "$(grep '^dev: FAIL' "$name.out")"; return 1; }
    devices_counted "$name" "$2" || return 1
    # What the guest left behind.
    /sbin/e2fsck -fn first.img >e2fsck.out 2>&1 || { bad "$name" "e2fsck: $(cat e2fsck.out)"; return 1; }
    [ "$(tr -d '\r' <"$cfg.log" | sha256sum)" = "$(seq 1 20000 | sha256sum)" ] ||
        { bad "$name" 'the port'"'"'s file holds something else'; return 1; }
    [ "$(sha256sum second.img | cut -c1-64)" = "$sum" ] || { bad "$name" 'a read-only disk changed'; return 1; }
    [ "$(cat "$name.talk")" = ok ] || { bad "$name" "vsock, host to guest: $(cat "$name.talk")"; return 1; }
    echo "measured: $name: guest run $took s"
    ok "$name"
}

# devices_counted NAME TRANSPORT: with virtio-pci, data needs no exit for a register (but with
# virtio-mmio, so they are counted), and doorbells end in the kernel. 20,000 bytes on hvc0 do not go one
# by one. rvmm has less than 8 MiB of its own, all devices together.
devices_counted() {
    counted() { sed -n "s/^dev: $2 //p" "$1.out"; }
    exits=$(counted "$1" exits)
    [ "$(counted "$1" doorbells)" -gt 10 ] || { bad "$1" 'exits are not counted'; return 1; }
    case $2 in pci) [ "$exits" = 0 ] ;; *) [ "$exits" -gt 200 ] ;; esac ||
        { bad "$1" "$exits exits while data went by $2"; return 1; }
    [ "$(counted "$1" memory)" -gt 1000 ] && [ "$(counted "$1" memory)" -lt 8192 ] ||
        { bad "$1" "rvmm has $(counted "$1" memory) KiB of its own"; return 1; }
    [ "$(counted "$1" hvc0)" -lt 2000 ] || { bad "$1" "$(counted "$1" hvc0) exits for hvc0"; return 1; }
}

# devices_watch NAME: does what the guest waits for.
devices_watch() {
    while ! grep -q 'dev: reads what will fail' "$1.raw" 2>/dev/null; do sleep 0.2; done
    devices_fail error
    press_power_key "$1" 'waits for the key'
    while ! grep -q 'dev: serves' "$1.raw"; do sleep 0.2; done
    wget -q -O fetched http://10.9.0.2:8081/copy
    [ "$(sha256sum <fetched)" = "$(sha256sum <second.img)" ] && echo yes >/srv/fetched
}

# devices_talk NAME CONFIG: the host's side of vsock talks to the guest once it listens.
devices_talk() {
    echo 'never began' >"$1.talk"
    while ! grep -q 'vsock listens' "$1.raw" 2>/dev/null; do sleep 0.2; done
    if ./devtool talk "$(count 1000 100)" "$PWD/$2.vsock:5000" >"$1.talk.out" 2>&1; then
        echo ok >"$1.talk"
    else
        cat "$1.talk.out" >"$1.talk"
    fi
    as_nobody ./devtool echo "$2.vsock_6001" >/dev/null
}

case_devices_realm() { devices_run devices_realm pci realm; }
case_devices_vm() { devices_run devices_vm mmio vm; }
