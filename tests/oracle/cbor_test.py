#!/usr/bin/env python3
"""rvmm's CBOR codec and CoRIM writer and reader against cbor2. Usage: cbor_test.py MEASURE_ORACLE"""

import pathlib
import random
import subprocess
import sys

import cbor2

sys.path.append(str(pathlib.Path(__file__).parent.parent / "cli"))
import check_corim  # noqa: E402

VALUES = 4000
CORIMS = 200
MAX_DEPTH = 6

rng = random.Random(8949)


def integer():
    bits = rng.choice([0, 3, 5, 8, 9, 16, 17, 32, 33, 63, 64])
    number = rng.getrandbits(bits) if bits else 0
    return rng.choice([number, -1 - number])


def text():
    return "".join(chr(rng.choice([65, 0, 0x7F, 0x80, 0x7FF, 0x800, 0xFFFD, 0x10000, 0x10FFFF]))
                   for _ in range(rng.choice([0, 1, 5, 23, 24, 100])))


def data():
    return rng.randbytes(rng.choice([0, 1, 23, 24, 32, 64, 255, 256, 70000 if rng.random() < 0.02 else 9]))


def value(depth=0):
    kinds = ["integer", "text", "data", "simple"]
    if depth < MAX_DEPTH:
        kinds += ["array", "map", "tag"]
    kind = rng.choice(kinds)
    if kind == "integer":
        return integer()
    if kind == "text":
        return text()
    if kind == "data":
        return data()
    if kind == "simple":
        return rng.choice([True, False, None])
    size = rng.choice([0, 1, 2, 3, 30])
    if kind == "array":
        return [value(depth + 2 if size > 3 else depth + 1) for _ in range(size)]
    if kind == "map":
        return {rng.choice([integer, text, data])(): value(depth + 2 if size > 3 else depth + 1)
                for _ in range(size)}
    return cbor2.CBORTag(rng.choice([18, 399, 501, 506, 560, 907, 2**32, 2**64 - 1]), value(depth + 1))


def shuffled(entries):
    keys = list(entries)
    rng.shuffle(keys)
    return {key: entries[key] for key in keys}


def others_corim(hash_name, rim, rems, rpv):
    """A CoRIM of the same content as someone else may write it: any order, and further parts."""
    values = [shuffled(entry) for entry in check_corim.measurements(hash_name, rim, rems, rpv)]
    rng.shuffle(values)
    comid = {1: {0: text() or "tag", 1: 3}, 4: {0: [[{0: {0: cbor2.CBORTag(560, rim)}}, values]]}}
    corim = {0: rng.choice([rng.randbytes(16), "an id"]),
             1: [cbor2.CBORTag(506, cbor2.dumps(shuffled(comid)))],
             3: cbor2.CBORTag(32, check_corim.PROFILE),
             5: [{0: "ACME", 2: [1]}]}
    return cbor2.dumps(cbor2.CBORTag(501, shuffled(corim)))


def words(hash_name, rim, rems, rpv):
    parts = [rim] + [rems.get(n) for n in range(4)] + [rpv]
    return " ".join([hash_name] + [part.hex() if part else "-" for part in parts])


def random_endorsement():
    hash_name, (_, size) = rng.choice(sorted(check_corim.ALGORITHMS.items()))
    rems = {n: rng.randbytes(size) for n in range(4) if rng.random() < 0.5}
    return hash_name, rng.randbytes(size), rems, rng.choice([None, rng.randbytes(64), b"short"])


class Oracle:
    """Collects orders with a check of each answer, and runs them all at once."""

    def __init__(self):
        self.orders, self.checks, self.problems = [], [], []

    def ask(self, order, check):
        self.orders.append(order)
        self.checks.append(check)

    def run(self, program):
        result = subprocess.run([program], input="\n".join(self.orders) + "\n", text=True,
                                capture_output=True, check=True)
        answers = result.stdout.splitlines()
        assert len(answers) == len(self.orders), (len(answers), len(self.orders))
        for order, check, answer in zip(self.orders, self.checks, answers):
            problem = check(answer)
            if problem:
                self.problems.append(f"{order[:200]}\n  {problem}")


def same(expected):
    return lambda answer: None if answer == expected else f"{answer[:200]}, not {expected[:200]}"


def refused(answer):
    return None if answer.startswith("refused: ") else f"{answer[:200]}, not a refusal"


def right_corim(endorsement):
    def check(answer):
        try:
            check_corim.check(bytes.fromhex(answer), *endorsement)
        except (check_corim.Wrong, ValueError, cbor2.CBORDecodeError) as error:
            return f"{answer[:200]}: {error}"
        return None
    return check


def main(program):
    oracle = Oracle()
    for _ in range(VALUES):
        encoded = cbor2.dumps(value())
        oracle.ask(f"cbor {encoded.hex()}", same(encoded.hex()))
        if len(encoded) > 1:
            oracle.ask(f"cbor {encoded[:rng.randrange(1, len(encoded))].hex()}", refused)
        oracle.ask(f"cbor {encoded.hex()}00", refused)
    for other in [1.5, float("nan"), cbor2.undefined, cbor2.CBORSimpleValue(99), [0.0], {0: 1e300}]:
        oracle.ask(f"cbor {cbor2.dumps(other).hex()}", refused)
    for _ in range(CORIMS):
        endorsement = random_endorsement()
        oracle.ask(f"write {words(*endorsement)}", right_corim(endorsement))
        oracle.ask(f"read {others_corim(*endorsement).hex()}", same(words(*endorsement)))
    oracle.run(program)
    print("\n".join(oracle.problems) or f"{len(oracle.orders)} answers agree with cbor2")
    return 1 if oracle.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
