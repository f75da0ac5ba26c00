#!/bin/bash
# rvmm token: prints "ok NAME" or "FAIL NAME: why". RVMM is the rvmm, RVMM_GUESTS the folder with hello.
set -uo pipefail
# shellcheck source=tests/cli/verdicts.sh
source "$(dirname "$0")/verdicts.sh"
rvmm() { timeout 60 "$RVMM" token "$@" >out 2>err </dev/null; }
# ends CODE ARGUMENT...: rvmm ends with it, and says something on standard error only if that is an error.
ends() {
    local code=$1
    shift
    rvmm "$@"
    [ $? = "$code" ]
}
cp "$RVMM_GUESTS/hello" .
printf '%s\n' '[boot]' 'kernel = "hello"' '[realm]' 'profile = "emulated"' >image.cfg
sed -n '/BEGIN PUBLIC KEY/,/END PUBLIC KEY/p' "$here/../../docs/attestation.md" >test-key.pem
python3 - "$here/../data/vectors/tokens.json" <<'END'
import json, sys
for name, token in json.load(open(sys.argv[1]))["tokens"].items():
    open(name + ".cbor", "wb").write(bytes.fromhex(token))
END

# Tokens of TF-RMM and of the three launches.
status=0
for token in rmm1-sha256 rmm2-sha256 rmm2-sha384 launch-v14 launch-v12 launch-v10; do
    ends 0 show $token.cbor && grep -q '44238  cca-realm-initial-measurement = ' out && [ ! -s err ] || status=1
    grep -q '^ok         realm signature' out && grep -q '^ok         key binding' out &&
        grep -q '^unchecked  platform signature' out || status=1
    ends 0 verify $token.cbor --realm-only || status=1
    ends 66 verify $token.cbor && grep -q '^FAILED     platform signature' out || status=1
    ends 0 show $token.cbor --json && [ "$(field 'len(d["checks"]) > 3 and d["form"] in (399, 907)')" = True ] || status=1
done
verdict tf_rmm $status
ends 0 show rmm2-sha384.cbor --json
[ "$(field '[c["value"][:8] for c in d["realm"]["claims"] if c["name"] == "cca-realm-initial-measurement"]')" = "['e7764ae7']" ]
verdict json_claims $?
rim=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["rim"])' "$here/../data/vectors/real-launch-v14.json")
ends 0 verify launch-v14.cbor --realm-only --rim "$rim" --challenge 00
verdict launch_rim $?
ends 76 verify launch-v14.cbor --realm-only --rim "${rim//a/b}" && grep -q '^FAILED     RIM: ' out
verdict other_rim $?

# One that is issued here.
challenge=$(head -c 40 /dev/urandom | od -An -v -tx1 | tr -d ' \n')
ends 0 issue image.cfg --challenge "$challenge" --output token.cbor && [ ! -s out ] && [ ! -s err ]
verdict issue $?
all=(--trust-anchor test-key.pem --allow-emulated --config image.cfg)
ends 0 verify token.cbor "${all[@]}" --challenge "$challenge" && ! grep -qv '^ok  ' out
verdict accepted $? "$(cat out)"
ends 64 issue image.cfg --output token.cbor
verdict nothing_overwritten $?
ends 66 verify token.cbor --trust-anchor test-key.pem --config image.cfg && grep -q '^FAILED     platform: it is emulated' out
verdict emulated_refused $?
ends 66 verify token.cbor --realm-only --config image.cfg && grep -q '^FAILED     platform: it is emulated' out
verdict emulated_realm_only $?
ends 66 verify token.cbor "${all[@]}" --challenge 1234 && grep -q '^FAILED     challenge' out
verdict other_challenge $?
ends 76 verify token.cbor "${all[@]}" --set machine.vcpus=3 --set realm.watchpoints=5 &&
    grep -q '^hint: image.cfg has the token.s RIM with .*machine.vcpus = 1 (now 3)' out
verdict hint $?
ends 76 verify token.cbor "${all[@]}" --set realm.hash=sha512 && grep -q '^FAILED     hash' out
verdict other_hash $?
ends 76 verify token.cbor "${all[@]}" --rem 2="$rim" && grep -q '^FAILED     REM2' out
verdict other_rem $?
ends 66 verify token.cbor "${all[@]}" --realm-profile tag:arm.com,2023:realm#1.0.0 && grep -q '^FAILED     profile' out
verdict other_profile $?
ends 76 verify token.cbor "${all[@]}" --rim "$rim" --json &&
    [ "$(field 'd["genuine"], d["expected"]')" = "(True, False)" ]
verdict json_verdict $?

# Keys of one's own.
openssl ecparam -name secp521r1 -genkey -noout -out platform.pem 2>/dev/null
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out realm.pem 2>/dev/null
openssl pkey -in platform.pem -pubout -out cpak.pem 2>/dev/null
openssl pkey -in platform.pem -pubout -outform DER -out cpak.der 2>/dev/null
printf '%s\n' '[attestation]' 'platform_key = "platform.pem"' 'realm_key = "realm.pem"' 'lifecycle = 0x3000' \
    'profile = "2023"' 'form = "cca-token"' >>image.cfg
ends 0 issue image.cfg --output own.cbor &&
    ends 0 verify own.cbor --trust-anchor cpak.pem --allow-emulated --config image.cfg &&
    ends 0 verify own.cbor --trust-anchor cpak.der --allow-emulated --config image.cfg &&
    ends 66 verify own.cbor --trust-anchor cpak.pem --config image.cfg &&
    ends 66 verify own.cbor --trust-anchor test-key.pem --allow-emulated --config image.cfg
verdict own_keys $?
ends 0 show own.cbor && grep -q 'signed by ES512' out && grep -q 'signed by ES256' out && grep -q EMULATED out
verdict own_keys_shown $?

# What verifiers are to know.
ends 0 platform --format pem && diff out test-key.pem >err
verdict published_key $?
ends 0 platform image.cfg --format pem && cmp -s out cpak.pem && ends 0 platform image.cfg --output platform.cbor &&
    ends 64 platform image.cfg --output platform.cbor
verdict platform $?

# What is none of what it should be: one line that names it.
says() { # NAME CODE TEXT ARGUMENT...
    local name=$1 code=$2 text=$3
    shift 3
    ends "$code" "$@" && [ "$(wc -l <err)" -le 2 ] && [ ! -s out ] && grep -qF -- "$text" err
    verdict "$name" $? "$(cat err)"
}
head -c 100 token.cbor >short.cbor
(cat token.cbor && echo) >long.cbor
openssl pkey -in realm.pem -aes128 -passout pass:x -out locked.pem 2>/dev/null
openssl ecparam -name secp256k1 -genkey -noout 2>/dev/null | openssl pkey -pubout -out other-curve.pem 2>/dev/null
: >empty
says missing 66 'missing.cbor' show missing.cbor
says folder 66 'directory' show .
says empty 66 'empty' show empty
says cut_off 66 'token short.cbor' show short.cbor
says left_over 66 'token long.cbor' show long.cbor
says no_token 66 'token hello' show hello
says no_anchor 66 'trust anchor image.cfg' verify token.cbor --trust-anchor image.cfg
says empty_anchor 66 'no public key' verify token.cbor --trust-anchor empty
says missing_anchor 66 'no.pem' verify token.cbor --trust-anchor no.pem
says other_curve 66 'P-256, P-384 or P-521' verify token.cbor --trust-anchor other-curve.pem
says bad_rim 64 '--rim takes' verify token.cbor --rim 12
says bad_rem 64 '--rem takes' verify token.cbor --rem 5="$rim"
says bad_challenge 64 '--challenge takes' verify token.cbor --challenge xyz
says long_challenge 64 '--challenge takes' verify token.cbor --challenge "$challenge$challenge"
says bad_config 65 'machine.vcpus must be' verify token.cbor --config image.cfg --set machine.vcpus=0
says bad_key 66 'realm_key empty: it is no private key' issue image.cfg --set attestation.realm_key=empty
says locked_key 66 'without a password' issue image.cfg --set attestation.platform_key=locked.pem
says public_key 66 'no private key' issue image.cfg --set attestation.platform_key=cpak.pem
says short_rem 64 'hex digits' issue image.cfg --rem "$rim$rim"

# 10 MB of nesting, and lengths that are not there: at once, in little memory.
python3 - <<'END'
open("nested.cbor", "wb").write(b"\x81" * 10_000_000)
open("deep.cbor", "wb").write(b"\xd9\x01\x8f" + b"\x81" * 1000 + b"\0")
open("huge.cbor", "wb").write(bytes.fromhex("d9018fbb00ffffffffffffff"))
END
status=0
for file in nested deep huge; do
    begin=$(date +%s%N)
    # shellcheck disable=SC2016
    (ulimit -v 1000000 && ends 66 show $file.cbor) || status=1
    took=$((($(date +%s%N) - begin) / 1000000))
    [ $took -lt 2000 ] || status=1
done
verdict nesting $status
exit $failed
