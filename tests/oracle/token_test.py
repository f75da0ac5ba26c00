#!/usr/bin/env python3
"""rvmm's attestation tokens against cbor2 and cryptography. Usage: token_test.py RVMM KERNEL DOC

What rvmm issues is taken apart and verified here; what is put together here is verified by rvmm."""

import hashlib
import itertools
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

CURVES = {-7: (ec.SECP256R1(), hashes.SHA256(), 32, 1), -35: (ec.SECP384R1(), hashes.SHA384(), 48, 2),
          -36: (ec.SECP521R1(), hashes.SHA512(), 66, 3)}
PROFILES = {"none": None, "2023": "tag:arm.com,2023:realm#1.0.0", "2024": "tag:arm.com,2024:realm#2.0.0"}
SIZES = {"sha256": 32, "sha384": 48, "sha512": 64}
rng = random.Random(137)
rvmm, kernel, doc = sys.argv[1:]
scratch = pathlib.Path(tempfile.mkdtemp())


def run(*args, code=0):
    done = subprocess.run([rvmm, *map(str, args)], capture_output=True, timeout=60)
    assert done.returncode == code, (args, done.returncode, done.stdout, done.stderr)
    return done.stdout


def tbs(header, payload):
    return cbor2.dumps(["Signature1", header, b"", payload])


def payload_of(message, key):
    """The claims of a COSE_Sign1, after its signature was verified; `key` may need the claims."""
    assert message.tag == 18
    header, unprotected, payload, signature = message.value
    assert unprotected == {}
    protected = cbor2.loads(header)
    assert list(protected) == [1]
    _, digest, size, _ = CURVES[protected[1]]
    claims = cbor2.loads(payload)
    assert len(signature) == 2 * size
    r, s = (int.from_bytes(part, "big") for part in (signature[:size], signature[size:]))
    key(claims).verify(utils.encode_dss_signature(r, s), tbs(header, payload), ec.ECDSA(digest))
    return claims


def rak_of(claims):
    encoded = claims[44237]
    if 265 not in claims:
        curve = {97: ec.SECP384R1()}[len(encoded)]
        return ec.EllipticCurvePublicKey.from_encoded_point(curve, encoded)
    cose = cbor2.loads(encoded)
    assert set(cose) == {1, -1, -2, -3} and cose[1] == 2
    curve = next(row[0] for row in CURVES.values() if row[3] == cose[-1])
    return ec.EllipticCurvePublicKey.from_encoded_point(curve, b"\x04" + cose[-2] + cose[-3])


def check_issued(test_key):
    config = scratch / "image.cfg"
    for hash_name, profile, form in itertools.product(SIZES, PROFILES, ["cca-token", "cmw-collection"]):
        config.write_text(f'[boot]\nkernel = "{kernel}"\n[realm]\nprofile = "emulated"\nhash = "{hash_name}"\n'
                          f'personalization = "c0ffee"\n[attestation]\nprofile = "{profile}"\nform = "{form}"\n')
        challenge = rng.randbytes(rng.randint(1, 64))
        rem3 = rng.randbytes(SIZES[hash_name])
        token = cbor2.loads(run("token", "issue", config, "--challenge", challenge.hex(),
                                "--rem", "3=" + rem3.hex()))
        assert token.tag == {"cca-token": 399, "cmw-collection": 907}[form]
        parts = token.value
        if token.tag == 907:
            assert all(part[0] == 263 for part in parts.values())
            parts = {name: part[1] for name, part in parts.items()}
        platform = payload_of(cbor2.loads(parts[44234]), lambda claims: test_key)
        realm = payload_of(cbor2.loads(parts[44241]), rak_of)
        assert platform[10] == hashlib.new(realm[44240].replace("-", ""), realm[44237]).digest()
        assert platform[2396].rstrip(b"\0") == b"rvmm emulated, no CCA platform"
        assert platform[2395] == 0x40EE and platform[265] == "tag:arm.com,2023:cca_platform#1.0.0"
        measured = json.loads(run("measure", config, "--json"))
        assert realm.get(265) == PROFILES[profile]
        assert realm[10] == challenge.ljust(64, b"\0")
        assert realm[44235] == bytes.fromhex("c0ffee").ljust(64, b"\0")
        assert realm[44236].replace("-", "") == hash_name
        assert realm[44238].hex() == measured["rim"]
        assert realm[44239] == [b"\0" * SIZES[hash_name]] * 2 + [rem3, b"\0" * SIZES[hash_name]]
        assert (256 in realm) == (44243 in realm) == (profile == "2024")


def check_platform(test_key):
    corim = cbor2.loads(run("token", "platform"))
    assert corim.tag == 501 and corim.value[3] == cbor2.CBORTag(32, "tag:arm.com,2025:cca_platform#1.0.0")
    (tag,) = corim.value[1]
    assert tag.tag == 506
    comid = cbor2.loads(tag.value)
    assert len(corim.value[0]) == len(comid[1][0]) == 16
    (reference,), (attest,) = comid[4][0], comid[4][3]
    token = cbor2.loads(run("token", "issue", scratch / "image.cfg", "--set", "attestation.form=cca-token"))
    claims = payload_of(cbor2.loads(token.value[44234]), lambda _: test_key)
    implementation = {0: cbor2.CBORTag(560, claims[2396])}
    assert reference[0] == {0: implementation}
    component, config = reference[1]
    (said,) = claims[2399]
    assert component == {0: "cca.software-component",
                         1: {2: [[said[6], said[2]]], 11: said[1], 13: [cbor2.CBORTag(560, said[5])]}}
    assert config == {0: "cca.platform-config",
                      1: {4: cbor2.CBORTag(563, [claims[2401], b"\xff" * len(claims[2401])])}}
    assert attest[0] == {0: implementation, 1: cbor2.CBORTag(550, claims[256])}
    (key,) = attest[1]
    assert key.tag == 554
    assert serialization.load_pem_public_key(key.value.encode()).public_numbers() == test_key.public_numbers()
    assert run("token", "platform", "--format", "pem").decode() == key.value


def sign(key, algorithm, claims):
    header = cbor2.dumps({1: algorithm})
    _, digest, size, _ = CURVES[algorithm]
    payload = cbor2.dumps(claims)
    r, s = utils.decode_dss_signature(key.sign(tbs(header, payload), ec.ECDSA(digest)))
    signature = r.to_bytes(size, "big") + s.to_bytes(size, "big")
    return cbor2.dumps(cbor2.CBORTag(18, [header, {}, payload, signature]))


def shuffled(claims):
    """Maps are read in any order."""
    entries = list(claims.items())
    rng.shuffle(entries)
    return dict(entries)


def check_built():
    for algorithm, rak_algorithm, profile, tag in itertools.product(CURVES, CURVES, PROFILES, (399, 907)):
        platform_key = ec.generate_private_key(CURVES[algorithm][0])
        rak = ec.generate_private_key(CURVES[rak_algorithm][0])
        point = rak.public_key().public_bytes(serialization.Encoding.X962,
                                              serialization.PublicFormat.UncompressedPoint)
        size = CURVES[rak_algorithm][2]
        encoded = point if profile == "none" else cbor2.dumps(
            {1: 2, -1: CURVES[rak_algorithm][3], -2: point[1:1 + size], -3: point[1 + size:]})
        hash_name = rng.choice(list(SIZES))
        rim, *rems = (rng.randbytes(SIZES[hash_name]) for _ in range(5))
        challenge, rpv = rng.randbytes(64), rng.randbytes(64)
        rak_hash = rng.choice(["sha-256", "sha-384", "sha-512"])
        realm = {10: challenge, 44235: rpv, 44236: hash_name.replace("sha", "sha-"), 44237: encoded,
                 44238: rim, 44239: rems, 44240: rak_hash}
        if profile != "none":
            realm[265] = PROFILES[profile]
        if rng.random() < 0.5:
            realm[44243] = rng.choice([0, 1, "shared", "private"])
        platform = {265: "tag:arm.com,2023:cca_platform#1.0.0",
                    10: hashlib.new(rak_hash.replace("-", ""), encoded).digest(),
                    2396: rng.randbytes(32), 256: b"\1" + rng.randbytes(32), 2401: rng.randbytes(4),
                    2395: 0x3000 + rng.randrange(256), 2402: "sha-256",
                    2399: [{1: "BL", 2: rng.randbytes(48), 4: "1.2", 5: rng.randbytes(32)}]}
        parts = [sign(platform_key, algorithm, shuffled(platform)), sign(rak, rak_algorithm, shuffled(realm))]
        if tag == 907:
            parts = [[263, part] for part in parts]
        token = scratch / "token.cbor"
        token.write_bytes(cbor2.dumps(cbor2.CBORTag(tag, {44234: parts[0], 44241: parts[1]})))
        anchor = scratch / "cpak.pem"
        encoding = rng.choice([serialization.Encoding.PEM, serialization.Encoding.DER])
        anchor.write_bytes(platform_key.public_key().public_bytes(
            encoding, serialization.PublicFormat.SubjectPublicKeyInfo))
        verify = ["token", "verify", token, "--trust-anchor", anchor, "--rim", rim.hex(),
                  "--challenge", challenge.hex(), "--rpv", rpv.hex(), "--json"]
        for i, rem in enumerate(rems):
            verify += ["--rem", f"{i + 1}={rem.hex()}"]
        found = json.loads(run(*verify))
        assert found["genuine"] and found["expected"]
        assert all(check["state"] == "ok" for check in found["checks"]), found
        run("token", "verify", token, "--trust-anchor", anchor, "--rim", "00" * SIZES[hash_name], code=76)
        run("token", "verify", token, "--trust-anchor", anchor, "--challenge", "00", code=66)
        run("token", "verify", token, code=66)


text = pathlib.Path(doc).read_text()
begin, end = text.index("-----BEGIN PUBLIC KEY-----"), text.index("-----END PUBLIC KEY-----")
published = serialization.load_pem_public_key(text[begin:end + 24].encode() + b"\n")
number = int.from_bytes(hashlib.sha384(b"rvmm: published test key of emulated platforms, 1").digest(), "big")
assert published.public_numbers() == ec.derive_private_key(number, ec.SECP384R1()).public_key().public_numbers()
try:
    check_issued(published)
    check_platform(published)
    check_built()
except InvalidSignature:
    sys.exit("a signature is wrong")
finally:
    for file in scratch.iterdir():
        os.remove(file)
    scratch.rmdir()
print("ok")
