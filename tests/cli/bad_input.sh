#!/bin/bash
# What a person can get wrong: each gives one clear line, its exit code, within a second, and leaves
# nothing behind. Prints "ok NAME" or "FAIL NAME: why".
set -uo pipefail
scratch=$(mktemp -d)
trap 'chmod -R u+rw "$scratch"; rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
failed=0

# check NAME CODE PATTERN ARGS...: rvmm ARGS ends with CODE and an error line that matches PATTERN.
check() {
    local name=$1 code=$2 pattern=$3 begin end got lines
    shift 3
    begin=$(date +%s%N)
    timeout 10 "$RVMM" "$@" >out 2>err </dev/null
    got=$?
    end=$(date +%s%N)
    lines=$(grep -c '^rvmm: error: ' err)
    if [ $got != "$code" ]; then echo "FAIL $name: exit code $got, expected $code"; cat err; failed=1
    elif [ "$lines" != 1 ]; then echo "FAIL $name: $lines error lines"; cat err; failed=1
    elif ! grep -qE -e "$pattern" err; then echo "FAIL $name: no '$pattern' in:"; cat err; failed=1
    elif [ -s out ]; then echo "FAIL $name: it wrote to standard output"; failed=1
    elif [ $(((end - begin) / 1000000)) -ge 1000 ]; then
        echo "FAIL $name: took $(((end - begin) / 1000000)) ms"; failed=1
    else echo "ok $name"; fi
}

cp "$RVMM_GUESTS/hello" hello
cfg() { # NAME LINE...: a config file
    local name=$1
    shift
    printf '%s\n' "$@" >"$name"
}
cfg good.cfg '[boot]' 'kernel = "hello"' '[realm]' '[host]' 'allow = ["cca", "emulated", "lab"]'

check missing_config 66 'cannot open config .*none.cfg: No such file' run none.cfg
check config_is_directory 66 'is a directory' run .
check missing_kernel 66 'cannot open kernel .*nowhere: No such file' run good.cfg --set boot.kernel=nowhere
check kernel_is_directory 66 'kernel .* is a directory' run good.cfg --set boot.kernel=.
: >empty
check empty_kernel 66 'kernel .*empty' run good.cfg --set boot.kernel=empty
mkfifo fifo
check kernel_is_fifo 66 'is a FIFO' run good.cfg --set boot.kernel=fifo
check initrd_is_device 66 'is a device' run good.cfg --set boot.initrd=/dev/zero
{ printf 'MZ'; head -c 508 /dev/zero; printf 'U\252\353jHdrS'; head -c 8192 /dev/zero; } >bzimage
check x86_bzimage 66 'x86' run good.cfg --set boot.kernel=bzimage
truncate -s 600M huge
check initrd_larger_than_ram 66 'initrd .*(large|fit)' run good.cfg --set boot.initrd=huge
check too_many_vcpus 65 'vcpus.*512' run good.cfg --set machine.vcpus=513
check tiny_memory 65 'memory' run good.cfg --set machine.memory=1K
check small_ipa 65 'ipa_bits' run good.cfg --set realm.ipa_bits=32 --set machine.memory=4G
cfg typo.cfg '[machine]' 'vcpu = 2' '[boot]' 'kernel = "hello"'
check unknown_key 65 'typo.cfg:2:1: .*vcpu.*vcpus' run typo.cfg
cfg syntax.cfg '[machine' 'vcpus = 2'
check syntax 65 'syntax.cfg:1:' run syntax.cfg
head -c 2000 "$RVMM" >binary.cfg
check binary_config 65 'binary.cfg' run binary.cfg
check unknown_override 65 '.*--set machine.cpus=2.*vcpus' run good.cfg --set machine.cpus=2
check timeout_no_time 64 '^rvmm: error: --timeout is a time such as .*, not soon' run good.cfg --timeout soon
check boot_timeout_zero 64 '\-\-boot-timeout is a time' run good.cfg --boot-timeout 0
check no_regex 64 '\-\-expect \(a: missing \)' run good.cfg --expect '(a'
check no_regex_fail_on 64 '\-\-fail-on \\1' run good.cfg --fail-on '\1'
check send_first 64 '\-\-send comes after the --expect' run good.cfg --send x --expect y
check send_escape 64 '\-\-send \\q: ' run good.cfg --expect y --send '\q'
check end_without_expect 64 '\-\-end-when-met needs an --expect' run good.cfg --end-when-met
echo '{}' >launch.log
check expect_is_file 64 '\-\-expect looks for text .*launch.log is a file' run good.cfg --expect launch.log
cfg mute.cfg '[boot]' 'kernel = "hello"' '[serial]' 'mode = "none"'
check send_nowhere 64 'no console to type into' run mute.cfg --expect x --send y
cfg cca.cfg '[boot]' 'kernel = "hello"' '[realm]'
check host_not_allowed 77 'real CCA hosts only' run cca.cfg
cfg plain.cfg '[boot]' 'kernel = "hello"'
check realm_by_flag 77 'real CCA hosts only' run --realm plain.cfg
check profile 65 'sha512|hash' run good.cfg --set realm.hash=sha512
check failed_run_leaves_no_report 66 'cannot open kernel' run good.cfg --set boot.kernel=nowhere --report new.json
if [ -e new.json ]; then echo "FAIL report_of_nothing: an empty report is left"; failed=1; fi
check one_file_for_two 64 '--report and --token name the same file, ./new' run good.cfg --report new --token ./new
check unwritable_report 64 'cannot create the report' run good.cfg --report /nowhere/report.json

rim=$(printf '0%.0s' $(seq 64))
check find_rim_not_hex 64 '64, 96 or 128 hex digits, not other characters' find good.cfg --rim "${rim}x"
check find_rim_too_short 64 '64, 96 or 128 hex digits, not 63' find good.cfg --rim "${rim%0}"
check find_unknown_key 64 'machine.vcpu;.*machine.vcpus' find good.cfg --rim "$rim" --vary machine.vcpu=2
check find_value_out_of_range 64 'from 1 to 512' find good.cfg --rim "$rim" --vary machine.vcpus=0-4
check find_unknown_only 64 'realm.ipa_bit;.*realm.ipa_bits' find good.cfg --rim "$rim" --only machine.vcpus,realm.ipa_bit
check find_no_try_file 66 'list of command lines .*No such file' find good.cfg --rim "$rim" --try-file nowhere
check find_missing_kernel 66 'cannot open kernel' find good.cfg --rim "$rim" --set boot.kernel=nowhere
check find_nothing 76 'no variation has this RIM: [0-9]+ tried, with up to 1 key changed' find good.cfg --rim "$rim" --changes 1
check profiles_missing 66 "cannot open profiles none.toml" profiles --profiles none.toml
printf "[emulated]\npmo = true\n" >mine.toml
check profiles_typo 65 "mine.toml:2:1: .*pmo.*pmu" measure good.cfg --profiles mine.toml
check measure_vm 65 "no .realm. table" measure plain.cfg
check measure_nothing 64 "needs a config" measure
check measure_empty_initrd 66 "initrd empty: it is empty" measure good.cfg --set boot.initrd=empty
check measure_fifo 66 "initrd fifo is a FIFO" measure good.cfg --set boot.initrd=fifo
check steps_not_json 65 "hello" measure --steps hello
check foreign_dtb 66 "hello" measure --layout kvmtool --dtb hello --kernel hello --memory 256M
# The commands that look at an image without running it.
check explain_vm 65 'plain.cfg.*no \[realm\] table' explain plain.cfg
check explain_missing_kernel 66 'cannot open kernel' explain good.cfg --set boot.kernel=nowhere
check explain_fifo 66 'initrd .* is a FIFO' explain good.cfg --set boot.initrd=fifo
echo mine >mine.dtb
check dtb_overwrites_nothing 64 'cannot create the device tree mine.dtb: File exists' dtb good.cfg --output mine.dtb
if [ "$(cat mine.dtb)" != mine ]; then echo "FAIL dtb_overwrites_nothing: it did"; failed=1; fi
check diff_missing 66 'cannot open file none.json' diff good.cfg none.json
check diff_fifo 66 'is a FIFO' diff good.cfg fifo
check diff_empty 66 'file empty is empty' diff empty good.cfg
check diff_binary 66 'hello: it is no config, measurement log' diff good.cfg hello
printf '{"level":"info"}\n{"level":"warn"}\n' >other.log
check diff_foreign_log 66 'other.log: it is not a JSON object' diff good.cfg other.log
echo '{"rim":"00"}' >other.json
check diff_foreign_json 66 'other.json: it is not a measurement that rvmm wrote' diff good.cfg other.json
timeout 10 "$RVMM" measure good.cfg --log full.log >/dev/null
head -c -20 full.log >cut.log
check diff_truncated_log 66 'cut.log: line .* ends before its trailer' diff good.cfg cut.log
timeout 10 "$RVMM" diff good.cfg full.log >out && echo "ok diff_same" || { echo "FAIL diff_same"; failed=1; }
timeout 10 "$RVMM" diff good.cfg good.cfg --json >out && echo "ok diff_json" || { echo "FAIL diff_json"; failed=1; }
cfg other.cfg '[boot]' 'kernel = "hello"' 'cmdline = "quiet"' '[realm]'
timeout 10 "$RVMM" diff good.cfg other.cfg >out
if [ $? = 76 ] && grep -q '^  fdt /chosen bootargs$' out; then echo "ok diff_different"; else echo "FAIL diff_different"; failed=1; fi

# Devices. Where the host is a lab these are found before it boots; tap, passt and vsock, which no lab
# has of this machine, are another host's to refuse: tests of vmm.
dev() { # LINE...: dev.cfg with these devices
    cfg dev.cfg '[boot]' 'kernel = "hello"' '[realm]' '[host]' 'allow = ["cca", "emulated", "lab"]' "$@"
}
has_hint() { # NAME PATTERN: the last check's error came with this remedy
    if [ "$(grep -c '^rvmm: hint: ' err)" = 1 ] && grep '^rvmm: hint: ' err | grep -qE -e "$2"; then
        echo "ok $1_hint"
    else echo "FAIL $1_hint: no '$2' in:"; cat err; failed=1; fi
}
check_dev() { # NAME CODE PATTERN HINT
    check "$1" "$2" "$3" run dev.cfg
    has_hint "$1" "$4"
}
truncate -s 1M disk.img
dev '[[disk]]' 'path = "none.img"'
check_dev disk_missing 66 'disk0: cannot open disk none.img: No such file' 'truncate -s'
dev '[[disk]]' 'path = "."'
check_dev disk_is_directory 66 'disk0: disk . is a directory' 'raw image or a block device'
dev '[[disk]]' 'path = "fifo"'
check_dev disk_is_fifo 66 'neither a file nor a block device' 'raw image or a block device'
dev '[[disk]]' 'path = "empty"'
check_dev disk_too_small 66 'has 0 bytes, less than a sector' 'make it larger'
dev '[[disk]]' 'path = "disk.img"' 'name = "data"' '[rng]' '[[disk]]' 'path = "disk.img"'
check disk_twice 65 'dev.cfg:11:1: disk.path "disk.img" is that of the ' run dev.cfg
dev '[[disk]]' 'path = "disk.img"' 'name = "a"' '[[net]]' 'name = "a"'
check device_name_twice 65 'dev.cfg:10:1: the device at dev.cfg:8:1 has the name "a" too; rename one' run dev.cfg
# A lock like rvmm's own, of the whole file.
python3 -c '
import fcntl, struct, sys, time
image = open("disk.img", "r+b")
fcntl.fcntl(image, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
print("locked", flush=True)
time.sleep(60)' >locker 2>&1 &
locker=$!
for _ in $(seq 100); do grep -q locked locker && break; sleep 0.1; done
dev '[[disk]]' 'path = "disk.img"'
check_dev disk_locked 66 'disk0: disk disk.img is in use by another process' 'stop that process'
dev '[[disk]]' 'path = "disk.img"' 'readonly = true'
check_dev disk_locked_readonly 66 'disk disk.img is in use by another process, which may write it' 'its own copy'
kill $locker
wait $locker 2>/dev/null
# Root may write everything but a file of the kernel's for reading.
dev '[[disk]]' 'path = "/sys/kernel/uevent_seqnum"'
check_dev disk_unwritable 66 'cannot open disk /sys/kernel/uevent_seqnum for writing: (Permission|Read-only)' 'make it writable.*readonly = true'
# Anyone else needs the file's mode alone; root becomes such a one, if that one can reach a lab.
plain=$RVMM
if [ "$(id -u)" = 0 ]; then
    chmod 755 .
    printf '#!/bin/sh\nexec setpriv --reuid 65534 --regid 65534 --clear-groups "%s" "$@"\n' "$plain" >as_nobody
    chmod 755 as_nobody
    RVMM=./as_nobody
fi
chmod 444 disk.img
dev '[[disk]]' 'path = "none.img"'
if "$RVMM" run dev.cfg 2>&1 </dev/null | grep -q 'cannot open disk'; then
    dev '[[disk]]' 'path = "disk.img"'
    check_dev disk_of_another 66 'cannot open disk disk.img for writing: Permission denied' 'make it writable.*readonly = true'
    chmod 000 disk.img
    dev '[[disk]]' 'path = "disk.img"' 'readonly = true'
    check_dev disk_unreadable 66 'cannot open disk disk.img for reading: Permission denied' 'make it readable'
else echo "ok disk_of_another (not shown: other users cannot reach rvmm and its lab)"; fi
RVMM=$plain
echo precious >console.txt
dev '[[console]]' '[[console]]' 'mode = "file"' 'path = "console.txt"'
check_dev console_file_is_there 64 "cannot make the console's file console.txt: File exists" 'nothing is overwritten'
if [ "$(cat console.txt)" != precious ]; then echo "FAIL console_file_is_there: overwritten"; failed=1; fi
dev '[[console]]' '[[console]]' 'mode = "file"' 'path = "nowhere/console.txt"'
check_dev console_file_in_no_folder 64 "cannot make the console's file nowhere/console.txt: No such file" 'folder'
dev '[[console]]' '[[console]]' 'mode = "file"' 'path = "new.txt"' '[[disk]]' 'path = "none.img"'
check failed_run_leaves_no_console_file 66 'cannot open disk none.img' run dev.cfg
if [ -e new.txt ]; then echo "FAIL failed_run_leaves_no_console_file: it is left"; failed=1; fi
if [ "$(uname -m)" != aarch64 ] || ! [ -w /dev/kvm ]; then
    dev '[[net]]' 'backend = "tap"' 'tap = "tap0"'
    check_dev lab_tap 69 'net0: a lab has no way to a tap interface' 'backend = "passt"'
    dev '[[net]]' 'socket = "passt.sock"'
    check_dev lab_passt_socket 69 'net0: a lab has no way to a passt' 'leave socket out'
    dev '[[vsock]]' 'cid = 3' 'path = "v.sock"'
    check_dev lab_vsock 69 'vsock0: a lab has no way to a Unix socket' 'arm64 KVM'
else
    dev '[[net]]' 'backend = "tap"' 'tap = "nonesuch0"'
    check_dev tap_missing 69 'net0: (there is no tap nonesuch0|cannot open /dev/net/tun)' 'tun'
    dev '[[net]]'
    PATH=/nowhere check_dev no_passt 69 'net0: there is no passt on PATH' 'install passt'
    : >v.sock
    dev '[[vsock]]' 'cid = 3' 'path = "v.sock"'
    check_dev vsock_path_taken 69 'vsock0: cannot listen at v.sock' 'remove it'
fi

# Files that describe a lab.
check lab_missing 66 'cannot open lab none.toml: No such file' lab run --lab none.toml true
cfg lab.toml '[machine]' 'memmory = "4G"'
check lab_typo 65 'lab.toml:2:1: unknown key machine.memmory; did you mean machine.memory' lab shell --lab lab.toml
check lab_typo_run 65 'lab.toml:2:1: ' run good.cfg --lab lab.toml
check lab_typo_doctor 65 'lab.toml:2:1: ' doctor --lab lab.toml
RVMM_LAB=lab.toml check lab_typo_variable 65 'lab.toml:2:1: ' lab run true
cfg lab.toml '[machine]' 'firmware = "nowhere.bin"'
check lab_no_firmware 69 'firmware nowhere.bin, which is not a file' lab run --lab lab.toml true
check lab_no_firmware_run 69 'boot a lab: .*firmware nowhere.bin' run good.cfg --host lab --lab lab.toml
cfg lab.toml '[machine]' 'qemu = "./good.cfg"'
check lab_qemu_no_program 69 'good.cfg, which is not a program' lab run --lab lab.toml true
cfg lab.toml '[kernel]' 'image = "good.cfg"'
check lab_kernel_no_image 69 "kernel good.cfg is not an arm64 Image" lab run --lab lab.toml true

# Names of runs, and whom to ask.
export XDG_RUNTIME_DIR=$scratch/runtime
mkdir -m 700 "$XDG_RUNTIME_DIR"
check run_bad_name 64 'name takes 1 to 64 of letters' run good.cfg --name ../web
check run_hidden_name 64 'not beginning with a dot: .web' run good.cfg --name .web
check ctl_unknown 64 'no run is named web' ctl web status
check ctl_raw_nothing 64 'raw needs a request' ctl web raw
check ctl_wait_for_nothing 64 '--wait is for powerdown and quit: status ends no run' ctl web status --wait 5
check ctl_wait_time 64 '--wait takes a time such as 30s, not soon' ctl web quit --wait soon
check ctl_argument 64 'stop takes no argument' ctl web stop now
if [ "$("$RVMM" ps --json)" = '[]' ] && [ ! -e "$XDG_RUNTIME_DIR/rvmm" ]; then echo "ok ps_nothing"
else echo "FAIL ps_nothing"; failed=1; fi
mkdir -m 700 "$XDG_RUNTIME_DIR/rvmm"
echo '{"pid":1,"start_time":1,"socket":"/none"}' >"$XDG_RUNTIME_DIR/rvmm/dead.json"
check ctl_stale 64 'no run is named dead' ctl dead stop
if [ -n "$(ls -A "$XDG_RUNTIME_DIR/rvmm")" ]; then echo "FAIL ctl_stale: it is left"; failed=1; fi
chmod 755 "$XDG_RUNTIME_DIR/rvmm"
check ps_open_folder 69 'is open to others' ps
unset XDG_RUNTIME_DIR

# Usage errors are CLI11's to word; their code is ours.
for arguments in '' 'run' 'frobnicate' 'run good.cfg --host mars'; do
    # shellcheck disable=SC2086
    timeout 10 "$RVMM" $arguments >out 2>err </dev/null
    got=$?
    if [ $got = 64 ]; then echo "ok usage '$arguments'"; else echo "FAIL usage '$arguments': $got"; failed=1; fi
done

# Closed standard streams.
timeout 10 "$RVMM" doctor <&- >/dev/null 2>&1 && echo "ok closed_stdin" || { echo "FAIL closed_stdin"; failed=1; }
timeout 10 "$RVMM" run good.cfg --set machine.vcpus=0 >&- 2>err <&-
if [ $? = 65 ]; then echo "ok closed_stdout"; else echo "FAIL closed_stdout"; failed=1; fi

# A file that shrinks or grows while it is read is an error, never half an image.
truncate -s 400M moving
( for _ in $(seq 200); do truncate -s 1M moving; truncate -s 400M moving; done ) 2>/dev/null &
mover=$!
got=0
for _ in $(seq 20); do
    timeout 10 "$RVMM" run cca.cfg --set boot.initrd=moving >out 2>err </dev/null
    got=$?
    [ $got = 66 ] && grep -q 'changed while it was read' err && break
done
kill $mover 2>/dev/null
wait $mover 2>/dev/null
if [ $got = 66 ]; then echo "ok changing_file"; else echo "FAIL changing_file: $got"; failed=1; fi

if pgrep -f "$RVMM run" >/dev/null; then echo "FAIL leftovers: something still runs"; failed=1; fi
exit $failed
