#!/bin/sh
# Runs inside the lab, for bench/devices: everything in one boot. Prints medians and ratios.
cd /job || exit 1
# shellcheck source=tests/lab/devices/devices.sh
. ./devices.sh
rounds=${ROUNDS:-3}
speed() { sed 's/.* \([0-9.]*\) MB\/s$/\1/'; }
# Facts are lines "KEY VALUE" in files, one file a machine.
median() { sed -n "s/^$2 //p" "$1" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
ratio() { awk "BEGIN { printf \"%.2f\", $1 / $2 }"; }

# The loop and rvmm take turns.
mmio() {
    for _ in $(seq "$rounds"); do
        ./mmio_loop mmio_reads.bin reads=20000 | tr -d '\r' | sed -n 's/^mmio_reads: \([0-9]*\) .*/loop \1/p'
        rvmm run mmio_reads.cfg </dev/null 2>/dev/null | tr -d '\r' | sed -n 's/^mmio_reads: \([0-9]*\) .*/rvmm \1/p'
    done >mmio.facts
    loop=$(median mmio.facts loop) rvmm=$(median mmio.facts rvmm)
    echo "MMIO exit: KVM_RUN loop $loop ns, rvmm $rvmm ns: ratio $(ratio "$rvmm" "$loop")"
}

# The same reads of the same file, and TCP through the loopback, which has the tap's MTU: with its own it
# was sometimes at 2 MB/s on a busy machine, as if each segment waited for a delayed acknowledgement.
host() {
    for _ in $(seq "$rounds"); do
        echo "sequential $(./speedtool read disk.img 0 2 | speed)"
        echo "random $(./speedtool read disk.img 4096 2 | speed)"
        echo "random_4 $(./speedtool read disk.img 4096 2 4 | speed)"
        echo "to $(./speedtool bulk 9000 127.0.0.1 to 2 | speed)"
        echo "from $(./speedtool bulk 9000 127.0.0.1 from 2 | speed)"
    done >>host.facts
}

config() { # config FILE TRANSPORT realm|vm
    cat >"$1" <<END
[machine]
vcpus = 2
memory = "512M"
[boot]
kernel = "vmlinuz"
initrd = "devices.cpio"
cmdline = "console=ttyS0 swiotlb=16384 quiet panic=-1 rvmm.rounds=$rounds"
[[disk]]
path = "disk.img"
transport = "$2"
[[net]]
backend = "tap"
tap = "tap0"
transport = "$2"
[[console]]
mode = "none"
transport = "$2"
END
    [ "$3" = vm ] || printf '[realm]\n[host]\nallow = ["emulated"]\n' >>"$1"
}

guest() { # guest TRANSPORT realm|vm
    facts=$2-$1.facts
    config guest.cfg "$1" "$2"
    emulated=
    [ "$2" = vm ] || emulated='--host emulated'
    # shellcheck disable=SC2086
    rvmm run $emulated guest.cfg --report "$facts.json" </dev/null 2>guest.err | tr -d '\r' >guest.out
    sed -n 's/^bench: //p' guest.out >"$facts"
    sed -n 's/.*"exits":{"mmio":\([0-9]*\).*/all_exits \1/p' "$facts.json" >>"$facts"
    sed -n 's/.*"name":"console0","notifications":\([0-9]*\).*/rings \1/p' "$facts.json" >>"$facts"
    if ! grep -q '^memory' "$facts"; then
        tail -n 40 guest.out guest.err
        return 1
    fi
}

report() { # report TRANSPORT realm|vm
    facts=$2-$1.facts
    one() { sed -n "s/^$1 //p" "$facts"; }
    echo "$2, virtio-$1: rvmm's own memory $(one memory) KiB"
    for what in sequential random random_4 to from; do
        here=$(median "$facts" $what) there=$(median host.facts $what)
        echo "$2, virtio-$1: $what: guest $here MB/s, host $there MB/s: ratio $(ratio "$here" "$there")"
    done
    for what in disk_300 disk_3000 net_1 net_10 console; do
        case $what in
            disk*) done="${what#disk_} reads" ;;
            net*) done="${what#net_} MiB received" ;;
            *) done='100 kB to hvc0' ;;
        esac
        echo "$2, virtio-$1: $done: exits for registers: $(one exits_$what)"
    done
    echo "$2, virtio-$1: the whole run: exits for registers $(one all_exits), notifications of the console $(one rings)"
}

devices_initramfs
mkdir -p more/bin && cp speedtool more/bin/
(cd more && find . | cpio -o -H newc 2>/dev/null) >>devices.cpio
devices_host
ip link set lo mtu 1500
truncate -s 1M /srv/1m && truncate -s 10M /srv/10m
./speedtool bulk 9000 &
dd if=/dev/urandom of=disk.img bs=1M count=64 2>/dev/null
mmio
host
for machine in 'pci realm' 'pci vm' 'mmio vm'; do
    # shellcheck disable=SC2086
    guest $machine && host && report $machine
done
mmio
kill %1
