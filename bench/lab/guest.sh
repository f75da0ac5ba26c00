# Runs in the guest of bench/devices, by the stock image's init (as /extra.sh): says "bench: KEY VALUE".
# rvmm.rounds=N on the kernel's command line is how often each speed is measured.
word() { tr ' ' '\n' </proc/cmdline | sed -n "s/^rvmm\.$1=//p"; }
host_says() { wget -q -O - "http://10.9.0.1:8080/cgi-bin/$1"; }
speed() { sed 's/.* \([0-9.]*\) MB\/s$/\1/'; }

# exits KEY COMMAND...: exits for device registers that reach rvmm while the command runs, and those that
# the kernel answers.
exits() {
  key=$1 before=$(host_says exits) doorbells=$(host_says doorbells)
  shift
  "$@" >/dev/null 2>&1
  echo "bench: exits_$key $(($(host_says exits) - before)), $(($(host_says doorbells) - doorbells)) in the kernel"
}
reads() { dd if=/dev/vda of=/dev/null bs=4k count="$1" iflag=direct; }
fetch() { wget -q -O /dev/null "http://10.9.0.1:8080/$1"; }
say_100k() { head -c 100000 /dev/zero | tr '\0' x >/dev/hvc0; }

ip link set eth0 up && ip address add 10.9.0.2/24 dev eth0
stty -F /dev/hvc0 raw -echo
exits disk_300 reads 300
exits disk_3000 reads 3000
exits net_1 fetch 1m
exits net_10 fetch 10m
exits console say_100k
for _ in $(seq "$(word rounds)"); do
  echo "bench: sequential $(speedtool read /dev/vda 0 2 | speed)"
  echo "bench: random $(speedtool read /dev/vda 4096 2 | speed)"
  echo "bench: random_4 $(speedtool read /dev/vda 4096 2 4 | speed)"
  echo "bench: to $(speedtool bulk 9000 10.9.0.1 to 2 | speed)"
  echo "bench: from $(speedtool bulk 9000 10.9.0.1 from 2 | speed)"
done
echo "bench: memory $(host_says memory)"
