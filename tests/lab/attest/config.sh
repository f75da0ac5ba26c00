# Realms that ask for tokens, as data for the lab, which runs them, and for this machine, which verifies
# their tokens.

# attest_names SOAK: one a line.
attest_names() {
    # hello has one of the other form and another hash.
    [ "$1" = 1 ] || { echo sha384-cca-token-4; return; }
    for hash in sha256 sha384 sha512; do
        for form in cca-token cmw-collection; do
            for vcpus in 1 4; do echo "$hash-$form-$vcpus"; done
        done
    done
}

# What rvmm run --token asks for.
attest_challenge=a77e57

# attest_count SOAK: tokens that each of the guest's two processes asks for.
attest_count() { if [ "$1" = 1 ]; then echo 50; else echo 4; fi; }

# attest_config NAME SOAK: the image.cfg of HASH-FORM-VCPUS.
attest_config() {
    form=${1#*-}
    cat <<END
[machine]
vcpus = ${1##*-}
memory = "512M"
[boot]
kernel = "vmlinuz"
initrd = "attest.cpio"
cmdline = "console=ttyS0 swiotlb=8192 quiet panic=-1 rvmm.tokens=$(attest_count "$2")"
[realm]
profile = "emulated"
hash = "${1%%-*}"
personalization = "c0ffee${1##*-}0"
[attestation]
form = "${form%-*}"
profile = "$(case $form in cca*) echo 2023 ;; *) echo 2024 ;; esac)"
[host]
allow = ["emulated"]
[[console]]
mode = "file"
path = "$1.tokens"
END
}
