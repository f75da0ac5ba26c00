# Part of suite.sh, behind devices.sh: a guest whose driver does everything wrong
# (tests/lab/guests/hostile). Needs hostile and hostile.cfg here.

# hostile_counter REPORT DEVICE COUNTER: what the report says of a device.
hostile_counter() {
    tr '{' '\n' <"$1" | sed -n "s/^\"name\":\"$2\".*\"$3\":\([0-9]*\).*/\1/p"
}

# hostile_device NAME DEVICE GUEST_NAME GROUPS: the guest was through with all groups of cases, and
# the report counts what it did wrong.
hostile_device() {
    groups=$(grep -c "^hostile: $3 .*: ok [0-9]* cases$" "$1.out")
    [ "$groups" = "$4" ] || { bad "$1" "$3: $groups groups of cases, not $4"; return 1; }
    needed=$(sed -n "s/^hostile: $3: needed \([0-9]*\) resets.*/\1/p" "$1.out")
    errors=$(hostile_counter "$1.json" "$2" errors)
    if [ "${needed:-0}" -lt 25 ] || [ "${errors:-0}" -lt "$needed" ]; then
        bad "$1" "$3 needed ${needed:-no} resets, the report has ${errors:-no} errors of $2"
        return 1
    fi
    # One warning each, however often.
    [ "$(grep -c "^rvmm: warning: $2 waits for a reset: " "$1.err")" = 1 ] ||
        { bad "$1" "not one warning about $2"; return 1; }
}

# hostile_run NAME CONFIG "DEVICE=GUEST_NAME ..." ARGS...: the guest's names, with a colon for the
# space in them.
hostile_run() {
    name=$1 config=$2 devices=$3
    shift 3
    devices_host
    rm -f hostile.port hostile.vsock hostile-a.img hostile-b.img
    truncate -s 4M hostile-a.img hostile-b.img
    counts="conversions=$(count 100 12) resets=$(count 50 8) races=$(count 100 10) sample=$(count 1 3)"
    launch "$name" 0 "$config" --report "$name.json" "$@" --set boot.cmdline="scrubbed $counts" || return 1
    grep -q FAIL "$name.out" && { bad "$name" "$(grep FAIL "$name.out")"; return 1; }
    has "$name" 'hostile: end' || return 1
    for device in $devices; do
        guest_name=$(echo "${device#*=}" | tr : ' ')
        groups=8
        case $guest_name in *pci*) groups=9 ;; esac
        hostile_device "$name" "${device%%=*}" "$guest_name" $groups || return 1
    done
    # Of what was wrong with the console nothing came out, but for races within a request.
    lines=$(grep -cx good hostile.port)
    bytes=$(wc -c <hostile.port)
    if [ "$lines" -lt 100 ] || [ $((bytes - 5 * lines)) -gt 4096 ]; then
        bad "$name" "the console printed $bytes bytes, with $lines good lines"
        return 1
    fi
    grep ' needed ' "$name.out" | sed "s/^hostile: /measured: $name: /"
    echo "measured: $name: $(sed -n 's/.* ok \([0-9]*\) cases$/\1/p' "$name.out" |
        awk '{ n += $1 } END { print n }') cases, $took s"
}

hostile_as_is='disk0=blk:pci.1 disk1=blk:mmio.0 net0=net:pci.2 rng0=rng:pci.3 port=console:pci.4
vsock0=vsock:mmio.1'
# The same on the other transport.
hostile_swapped='disk0=blk:mmio.0 disk1=blk:pci.1 net0=net:mmio.1 rng0=rng:mmio.2 port=console:mmio.3
vsock0=vsock:pci.2'
hostile_swap='--set disk.0.transport=mmio --set disk.1.transport=pci --set net.0.transport=mmio
--set rng.transport=mmio --set console.0.transport=mmio --set vsock.0.transport=pci'

# Every device on every transport: here or as an ordinary VM; in a soak, in both.
case_hostile_realm() {
    hostile_run hostile_realm hostile.cfg "$hostile_as_is" --host emulated || return
    [ "$(sed -n 's/.*"refused_accesses":\([0-9]*\).*/\1/p' hostile_realm.json)" -ge 50 ] ||
        { bad hostile_realm 'private memory was not asked for'; return; }
    if [ "$soak" = 1 ]; then
        # shellcheck disable=SC2086
        hostile_run hostile_realm2 hostile.cfg "$hostile_swapped" --host emulated $hostile_swap || return
    fi
    ok hostile_realm
}
case_hostile_vm() {
    # Without its last tables: [realm] and [host].
    sed '/^\[realm\]/,$d' hostile.cfg >hostile-vm.cfg
    # shellcheck disable=SC2086
    hostile_run hostile_vm hostile-vm.cfg "$hostile_swapped" $hostile_swap || return
    if [ "$soak" = 1 ]; then
        hostile_run hostile_vm2 hostile-vm.cfg "$hostile_as_is" || return
    fi
    ok hostile_vm
}
