# Runs in a Linux realm, by the stock image's init (as /extra.sh): asks the stock driver for
# rvmm.tokens=N tokens in each of two processes at once, and writes "token CHALLENGE TOKEN" a line (hex,
# base64) to hvc0.
report=/sys/kernel/config/tsm/report
count=$(tr ' ' '\n' </proc/cmdline | sed -n 's/^rvmm\.tokens=//p')

tokens() { # NAME
  mkdir "$report/$1" || return
  for i in $(seq "$count"); do
    # 32 to 64 bytes
    head -c $((32 + i % 33)) /dev/urandom >"/challenge.$1"
    cat "/challenge.$1" >"$report/$1/inblob"
    echo "token $(od -An -v -tx1 "/challenge.$1" | tr -d ' \n') $(base64 -w 0 "$report/$1/outblob")"
  done
}
stty -F /dev/hvc0 raw -echo
tokens first >/first &
tokens second >/second
wait
cat /first /second >/dev/hvc0
echo "attest: $(grep -c '^token [0-9a-f]* [^ ]' /first) and $(grep -c '^token [0-9a-f]* [^ ]' /second) tokens"
