# The lab's part of the attestation test, for suite.sh: Linux realms that ask for tokens.
# shellcheck source=tests/lab/attest/config.sh
. ./config.sh

case_attest() {
    for realm in $(attest_names "$soak"); do
        attest_config "$realm" "$soak" >"$realm.cfg"
        launch "attest_$realm" 0 "$realm.cfg" --token "$realm.cbor" --challenge "$attest_challenge" || return
        n=$(attest_count "$soak")
        has "attest_$realm" "attest: $n and $n tokens" || return
        tr -d '\r' <"$realm.tokens" | sed "s/^token /token $realm /" >>"$results"
        echo "token $realm $attest_challenge $(base64 "$realm.cbor" | tr -d '\n')" >>"$results"
        echo "measured: $((2 * n)) tokens of a realm with ${realm##*-} vCPUs: guest run $took s"
    done
    ok attest
}
