#!/usr/bin/env python3
"""Predicts the RIM of realms that kvmtool and QEMU launch, written from the fact sheets with hashlib
alone: the oracle of `rvmm measure --layout`.

foreign_oracle.py --write FILE   writes the cases with their RIMs (tests/data/foreign/cases.json)
foreign_oracle.py --check FILE   says whether FILE is still what this script computes
foreign_oracle.py                runs $RVMM on every case and compares"""

import hashlib
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
PAGE = 4 * KIB
HASHES = {"sha256": (0, 32), "sha512": (1, 64), "sha384": (2, 48)}


def up(value, alignment):
    return (value + alignment - 1) // alignment * alignment


def down(value, alignment):
    return value // alignment * alignment


# --- files -----------------------------------------------------------------------------------


def kernel_file(size, text_offset=0, image_size=0x10000):
    """An arm64 Image: a header, then a pattern."""
    body = bytearray((i * 7 + 1) & 0xFF for i in range(size))
    body[:64] = bytes(64)
    struct.pack_into("<QQQ", body, 8, text_offset, image_size, 0xA)
    body[56:60] = b"ARM\x64"
    return bytes(body)


def pattern_file(size):
    return bytes((i * 11 + 3) & 0xFF for i in range(size))


def make_file(recipe):
    if "image" in recipe:
        return kernel_file(recipe["image"], recipe["text_offset"], recipe["image_size"])
    return pattern_file(recipe["pattern"])


class Fdt:
    """A flattened device tree (devicetree specification 0.4, section 5)."""

    def __init__(self):
        self.tree, self.names = b"", b""

    def begin(self, name):
        text = name.encode() + b"\0"
        self.tree += struct.pack(">I", 1) + text.ljust(up(len(text), 4), b"\0")

    def end(self):
        self.tree += struct.pack(">I", 2)

    def prop(self, name, value):
        text = name.encode() + b"\0"
        offset = self.names.find(text)
        if offset < 0:
            offset = len(self.names)
            self.names += text
        self.tree += struct.pack(">III", 3, len(value), offset) + value.ljust(up(len(value), 4), b"\0")

    def cells(self, name, *values):
        self.prop(name, struct.pack(f">{len(values)}I", *values))

    def pairs(self, name, *values):
        self.prop(name, struct.pack(f">{len(values)}Q", *values))

    def bytes(self):
        tree = self.tree + struct.pack(">I", 9)
        header = struct.pack(">10I", 0xD00DFEED, 56 + len(tree) + len(self.names), 56, 56 + len(tree),
                             40, 17, 16, 0, len(self.names), len(tree))
        return header + bytes(16) + tree + self.names


def device_tree(ram, memory, cpus, initrd, cmdline):
    fdt = Fdt()
    fdt.begin("")
    fdt.cells("#address-cells", 2)
    fdt.cells("#size-cells", 2)
    fdt.prop("compatible", b"linux,dummy-virt\0")
    fdt.begin("chosen")
    fdt.prop("bootargs", cmdline.encode() + b"\0")
    if initrd:
        fdt.pairs("linux,initrd-start", initrd[0])
        fdt.pairs("linux,initrd-end", initrd[1])
    fdt.end()
    fdt.begin(f"memory@{ram:x}")
    fdt.prop("device_type", b"memory\0")
    fdt.pairs("reg", ram, memory)
    fdt.end()
    fdt.begin("cpus")
    fdt.cells("#address-cells", 1)
    fdt.cells("#size-cells", 0)
    for i in range(cpus):
        fdt.begin(f"cpu@{i:x}")
        fdt.prop("device_type", b"cpu\0")
        fdt.prop("compatible", b"arm,arm-v8\0")
        fdt.cells("reg", i)
        fdt.end()
    fdt.end()
    fdt.end()
    return fdt.bytes()


# --- layouts: measurement sheet section 7 ----------------------------------------------------


def kvmtool_layout(case, sizes):
    ram, memory = 0x80000000, case["memory"]
    top = min(ram + memory, 0x90000000)
    log = 64 * KIB if case.get("event_log") else 0
    dtb = up(top - log - 2 * MIB - 64 * KIB, 2 * MIB)
    kernel = ram + case["kernel"]["text_offset"]
    places = {"kernel": kernel, "dtb": dtb}
    if "initrd" in sizes:
        places["initrd"] = up(dtb - sizes["initrd"] - 4, 4)
    if log:
        places["log"] = top - log
    bits = max((ram + memory - 1).bit_length(), 32) + 1
    return {"ram": ram, "places": places, "pc": kernel, "x0": dtb, "ipa_bits": bits}


def qemu_layout(case, sizes):
    ram, memory = 0x40000000, case["memory"]
    if "firmware" in case:
        return {"ram": ram, "places": {"firmware": 0, "dtb": ram}, "pc": 0, "x0": 0, "ipa_bits": 41}
    end = up(max(ram + min(memory // 2, 128 * MIB), ram + case["kernel"]["image_size"]), PAGE)
    places = {"kernel": ram}
    if "initrd" in sizes:
        places["initrd"] = end
        end += sizes["initrd"]
    places["dtb"] = up(end, 2 * MIB)
    return {"ram": ram, "places": places, "pc": ram, "x0": places["dtb"], "ipa_bits": 41}


def populated(layout, case, files):
    """[(address, bytes)] of whole pages, ascending, and the range of the log."""
    rounding = case["round"]
    pieces = []
    for what, address in layout["places"].items():
        if what == "log":
            continue
        content = files[what]
        if what == "dtb" and case["layout"] == "kvmtool":
            content = content.ljust(64 * KIB, b"\0")
        base = down(address, rounding)
        content = bytes(address - base) + content
        pieces.append((base, content.ljust(up(len(content), rounding), b"\0")))
    log = layout["places"].get("log")
    return sorted(pieces), (log, log + 64 * KIB) if log else None


# --- the RIM: measurement sheet sections 1.1 to 1.4 ------------------------------------------


class Rim:
    def __init__(self, rule, name):
        self.rule, self.name = rule, name
        self.value = bytes(HASHES[name][1])

    def digest(self, data):
        return hashlib.new(self.name, data).digest()

    def create(self, case, ipa_bits):
        if self.rule == "rmm-2.0/spec":
            return
        sve, pmu = case.get("sve_vl", 0), case.get("pmu_counters", 0)
        page = bytearray(4096)
        struct.pack_into("<Q", page, 0x00, (2 if sve else 0) | (4 if pmu else 0))
        struct.pack_into("<I", page, 0x08, ipa_bits)
        struct.pack_into("<I", page, 0x10, sve // 128 - 1 if sve else 0)
        struct.pack_into("<I", page, 0x18, case.get("breakpoints", 6) - 1)
        struct.pack_into("<I", page, 0x20, case.get("watchpoints", 4) - 1)
        struct.pack_into("<I", page, 0x28, pmu)
        page[0x30] = HASHES[self.name][0]
        self.value = self.digest(bytes(page))

    def extend(self, kind, rest):
        descriptor = bytearray(256)
        descriptor[0] = kind
        struct.pack_into("<Q", descriptor, 8, 0x100)
        descriptor[0x10 : 0x10 + len(self.value)] = self.value
        descriptor[0x50 : 0x50 + len(rest)] = rest
        self.value = self.digest(bytes(descriptor))

    def data(self, ipa, page):
        self.extend(0, struct.pack("<QQ", ipa, 1) + self.digest(page))

    def unmeasured(self, ipa):
        self.extend(0, struct.pack("<QQ", ipa, 0))

    def rec(self, pc, x0):
        page = bytearray(4096)
        struct.pack_into("<Q", page, 0, 1)
        struct.pack_into("<Q", page, 0x200, pc)
        struct.pack_into("<Q", page, 0x300, x0)
        self.extend(1, self.digest(bytes(page)))

    def ripas(self, base, top):
        if self.rule == "rmm-1.0":
            self.extend(2, struct.pack("<QQ", base, top))


def entry_sizes(ipa_bits):
    level = 2 if ipa_bits <= 34 else 1 if ipa_bits <= 43 else 0
    return [1 << (12 + 9 * (3 - l)) for l in range(level, 4)]


def ripas_whole(rim, base, top, ipa_bits):
    while base < top:
        size = next(s for s in entry_sizes(ipa_bits) if base % s == 0 and base + s <= top)
        rim.ripas(base, base + size)
        base += size


def ripas_gaps(rim, base, top, ipa_bits, ranges):
    def busy(a, b):
        return any(a < end and start < b for start, end in ranges)

    while base < top:
        if busy(base, base + PAGE):
            base += PAGE
            continue
        size = next(s for s in entry_sizes(ipa_bits)
                    if base % s == 0 and base + s <= top and not busy(base, base + s))
        rim.ripas(base, base + size)
        base += size


def rim_of(case, files):
    sizes = {what: len(data) for what, data in files.items()}
    layout = (kvmtool_layout if case["layout"] == "kvmtool" else qemu_layout)(case, sizes)
    ipa_bits = case.get("ipa_bits", layout["ipa_bits"])
    rule, host = case["profile"].split(" + ")
    rim = Rim(rule, case["expect_hash"])
    rim.create(case, ipa_bits)
    pieces, log = populated(layout, case, files)
    ram = (layout["ram"], layout["ram"] + case["memory"])
    vmm_order = host == "kvm-v10"
    late_log = vmm_order and (case["layout"] == "qemu" or case["round"] == 4 * KIB)
    if vmm_order:
        ripas_whole(rim, *ram, ipa_bits)
    for base, content in pieces:
        for offset in range(0, len(content), PAGE):
            rim.data(base + offset, content[offset : offset + PAGE])

    def populate_log():
        for ipa in range(*log, PAGE):
            rim.unmeasured(ipa)

    if log and not late_log:
        populate_log()
    rim.rec(layout["pc"], layout["x0"])
    if log and late_log:
        populate_log()
    if not vmm_order:
        ranges = [(base, base + len(content)) for base, content in pieces]
        ripas_gaps(rim, *ram, ipa_bits, ranges + ([log] if log else []))
    return rim.value.hex()


# --- cases -----------------------------------------------------------------------------------


def image(size, text_offset=0, image_size=0x10000):
    return {"image": size, "text_offset": text_offset, "image_size": image_size}


V10, V12, V14 = "rmm-1.0 + kvm-v10", "rmm-1.0 + kvm-v12", "rmm-2.0/tf-rmm + kvm-v14"
SPEC = "rmm-2.0/spec + kvm-v14"


def all_cases():
    def kvmtool(name, profile, memory, **more):
        rounding = 64 * KIB if profile == V10 else 4 * KIB
        return {"name": name, "layout": "kvmtool", "profile": profile, "memory": memory, "round": rounding,
                "expect_hash": more.get("hash", "sha256"), **more}

    def qemu(name, profile, memory, **more):
        usual = "sha512" if profile == V10 else "sha256"
        return {"name": name, "layout": "qemu", "profile": profile, "memory": memory, "round": 4 * KIB,
                "expect_hash": more.get("hash", usual), **more}

    kernel, initrd = image(70000, image_size=0x20000), {"pattern": 9001}
    return [
        kvmtool("kvmtool on v14", V14, 256 * MIB, kernel=kernel, initrd=initrd, cpus=2),
        kvmtool("kvmtool on v12", V12, 256 * MIB, kernel=kernel, initrd=initrd, cpus=2),
        kvmtool("kvmtool on v10 rounds to 64 KiB", V10, 256 * MIB, kernel=kernel, initrd=initrd, cpus=2),
        kvmtool("an older kvmtool on v10 rounds to 4 KiB", V10, 256 * MIB, kernel=kernel, initrd=initrd,
                round=4 * KIB, ask_round="4K"),
        kvmtool("kvmtool on v14 may round to 64 KiB", V14, 256 * MIB, kernel=kernel, initrd=initrd,
                round=64 * KIB, ask_round="64K"),
        kvmtool("kvmtool's event log on v10", V10, 256 * MIB, kernel=kernel, initrd=initrd, event_log=True),
        kvmtool("an older kvmtool's event log on v10", V10, 256 * MIB, kernel=kernel, initrd=initrd,
                event_log=True, round=4 * KIB, ask_round="4K"),
        kvmtool("kvmtool's event log on v12", V12, 256 * MIB, kernel=kernel, initrd=initrd, event_log=True),
        kvmtool("kvmtool without initrd, little memory, text_offset", V12, 64 * MIB,
                kernel=image(5000, 0x80000), cpus=17),
        kvmtool("kvmtool's initrd of whole pages", V14, 64 * MIB, kernel=kernel, initrd={"pattern": 8192}),
        kvmtool("kvmtool's initrd that starts on a page", V14, 64 * MIB, kernel=kernel,
                initrd={"pattern": 8188}),
        kvmtool("kvmtool with a tail behind the device tree", V14, 64 * MIB, kernel=kernel, dtb_tail=5000),
        kvmtool("kvmtool with 8 GiB", V12, 8 * GIB, kernel=kernel, initrd=initrd),
        kvmtool("kvmtool by the draft's rule", SPEC, 256 * MIB, kernel=kernel, initrd=initrd),
        kvmtool("kvmtool with every parameter", V10, 256 * MIB, kernel=kernel, hash="sha512", ipa_bits=48,
                sve_vl=256, pmu_counters=4, breakpoints=2, watchpoints=16),
        qemu("qemu on v14", V14, 512 * MIB, kernel=kernel, initrd=initrd, cpus=2),
        qemu("qemu on v12", V12, 1 * GIB, kernel=kernel, initrd=initrd),
        qemu("qemu on v10 takes SHA-512", V10, 1 * GIB, kernel=kernel, initrd=initrd, cpus=4),
        qemu("qemu with SHA-256 asked for", V10, 128 * MIB, kernel=kernel, hash="sha256"),
        qemu("qemu with an initrd after a large kernel", V14, 512 * MIB,
             kernel=image(5000, 0, 129 * MIB + 0x1800), initrd=initrd),
        qemu("qemu with firmware on v10", V10, 256 * MIB, firmware={"pattern": 70001}),
        qemu("qemu with firmware on v14", V14, 256 * MIB, firmware={"pattern": 70001}, ipa_bits=48),
    ]


def case_files(case):
    files = {what: make_file(case[what]) for what in ("kernel", "firmware", "initrd") if what in case}
    sizes = {what: len(data) for what, data in files.items()}
    layout = (kvmtool_layout if case["layout"] == "kvmtool" else qemu_layout)(case, sizes)
    start = layout["places"].get("initrd")
    initrd = (start, start + sizes["initrd"]) if start else None
    tree = device_tree(layout["ram"], case["memory"], case.get("cpus", 1), initrd, "console=ttyS0")
    files["dtb"] = tree + pattern_file(case.get("dtb_tail", 0))
    return files


def document():
    cases = []
    for case in all_cases():
        files = case_files(case)
        tree = len(files["dtb"]) - case.get("dtb_tail", 0)
        cases.append({**case, "dtb": files["dtb"][:tree].hex(), "rim": rim_of(case, files)})
    return json.dumps({"made_by": "tests/cli/foreign_oracle.py --write", "cases": cases}, indent=1) + "\n"


OPTIONS = {"ipa_bits": "--ipa-bits", "breakpoints": "--breakpoints", "watchpoints": "--watchpoints",
           "sve_vl": "--sve-vl", "pmu_counters": "--pmu-counters", "hash": "--hash", "ask_round": "--round"}


def command(case, folder):
    words = [os.environ["RVMM"], "measure", "--layout", case["layout"], "--profile", case["profile"],
             "--memory", f"{case['memory'] // MIB}M", "--format", "json"]
    for what, data in case_files(case).items():
        (folder / what).write_bytes(data)
        words += [f"--{what}", str(folder / what)]
    for key, option in OPTIONS.items():
        if key in case:
            words += [option, str(case[key])]
    return words + (["--event-log"] if case.get("event_log") else [])


def run_all():
    failed = 0
    for case in all_cases():
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(command(case, pathlib.Path(folder)), capture_output=True, text=True)
        expected = rim_of(case, case_files(case))
        got = json.loads(done.stdout)["rim"] if done.returncode == 0 else done.stderr.strip()
        if got == expected:
            print(f"ok {case['name']}")
        else:
            failed += 1
            print(f"FAIL {case['name']}: expected {expected}, got {got}")
    return 1 if failed else 0


def main(arguments):
    if not arguments:
        return run_all()
    mode, path = arguments[0], pathlib.Path(arguments[1])
    if mode == "--write":
        path.write_text(document())
        return 0
    if mode == "--check" and path.read_text() == document():
        return 0
    print(f"{path} is not what foreign_oracle.py computes")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
