#!/usr/bin/env python3
"""Checks a CoRIM of a realm with cbor2, a codec that is not rvmm's: the form of profile
tag:arm.com,2025:cca_realm#1.0.0, and that it endorses exactly what the command line says.

usage: check_corim.py CORIM --hash sha256|sha384|sha512 --rim HEX [--rem N=HEX ...] [--rpv HEX]

N is 0 to 3, as the form counts REMs. Prints what is wrong, one line each; exit 1 if anything is."""

import argparse
import sys

import cbor2

PROFILE = "tag:arm.com,2025:cca_realm#1.0.0"
ALGORITHMS = {"sha256": (1, 32), "sha384": (7, 48), "sha512": (8, 64)}


class Wrong(Exception):
    """One thing that is not as it should be."""


def want(found, expected, what):
    if found != expected or isinstance(found, bool) != isinstance(expected, bool):
        raise Wrong(f"{what} is {found!r}, not {expected!r}")


def untag(value, tag, what):
    if not isinstance(value, cbor2.CBORTag):
        raise Wrong(f"{what} is {value!r}, not tag {tag}")
    want(value.tag, tag, f"the tag of {what}")
    return value.value


def loads(data, what):
    value = cbor2.loads(data)
    # Keys are small integers, for which canonical order is that of RFC 8949 section 4.2.1 too.
    want(cbor2.dumps(value, canonical=True), data, f"the deterministic encoding of {what}")
    return value


def check_uuid(value, what):
    if not isinstance(value, bytes) or len(value) != 16:
        raise Wrong(f"{what} is {value!r}, not a UUID")
    want(value[6] >> 4, 8, f"the version of {what}")
    want(value[8] >> 6, 2, f"the variant of {what}")


def measurements(hash_name, rim, rems, rpv):
    algorithm, size = ALGORITHMS[hash_name]
    named = [("cca.rim", rim)] + [(f"cca.rem{n}", rems[n]) for n in sorted(rems)]
    for name, value in named:
        want(len(value), size, f"the size of {name}")
    values = [{0: name, 1: {2: [[algorithm, value]]}} for name, value in named]
    if rpv is not None:
        values.append({0: "cca.rpv", 1: {4: cbor2.CBORTag(560, rpv)}})
    return values


def check(data, hash_name, rim, rems, rpv):
    """Raises Wrong unless `data` is the CoRIM of exactly these values."""
    corim = untag(loads(data, "the CoRIM"), 501, "the CoRIM")
    want(sorted(corim), [0, 1, 3], "the CoRIM's keys")
    check_uuid(corim[0], "corim-id")
    want(untag(corim[3], 32, "the profile"), PROFILE, "the profile")
    want(len(corim[1]), 1, "the number of tags")
    comid = loads(untag(corim[1][0], 506, "the comid"), "the comid")
    want(sorted(comid), [1, 4], "the comid's keys")
    want(list(comid[1]), [0], "the tag identity's keys")
    check_uuid(comid[1][0], "tag-id")
    if comid[1][0] == corim[0]:
        raise Wrong("corim-id and tag-id are the same")
    environment = {0: {0: cbor2.CBORTag(560, rim)}}
    triple = [environment, measurements(hash_name, rim, rems, rpv)]
    want(comid[4], {0: [triple]}, "the triples")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("corim")
    parser.add_argument("--hash", required=True, choices=sorted(ALGORITHMS))
    parser.add_argument("--rim", required=True, type=bytes.fromhex)
    parser.add_argument("--rem", action="append", default=[])
    parser.add_argument("--rpv", type=bytes.fromhex)
    options = parser.parse_args()
    rems = {int(n): bytes.fromhex(value) for n, value in (rem.split("=") for rem in options.rem)}
    with open(options.corim, "rb") as file:
        data = file.read()
    try:
        check(data, options.hash, options.rim, rems, options.rpv)
    except (Wrong, cbor2.CBORDecodeError) as error:
        print(f"{options.corim}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
