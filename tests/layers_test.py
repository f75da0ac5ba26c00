#!/usr/bin/env python3
"""Checks that includes never go up a floor, that only vmm/ includes KVM's headers, and that each room
is linked with what the table allows. Usage: layers_test.py SOURCE_DIR"""

import pathlib
import re
import sys

ALLOWED = {
    "base": set(),
    "rmi": {"base"},
    "measure": {"base", "rmi"},
    "realm": {"base", "rmi", "measure"},
    "devices": {"base"},
    "vmm": {"base", "rmi", "measure", "realm", "devices"},
    "cli": {"base", "rmi", "measure", "realm", "devices", "vmm"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
KERNEL_HEADERS = re.compile(r"^(linux|asm|asm-generic)/")

source = pathlib.Path(sys.argv[1]) / "src"
problems = []
seen = 0
for path in sorted(source.rglob("*.[ch]pp")):
    room = path.relative_to(source).parts[0]
    if room not in ALLOWED:
        continue  # main.cpp stands above all rooms
    seen += 1
    for quote, name in INCLUDE.findall(path.read_text()):
        where = f"{path.relative_to(source.parent)} includes {name}"
        if quote == "<":
            if KERNEL_HEADERS.match(name) and room != "vmm":
                problems.append(f"{where}: only vmm may include the kernel's headers")
            continue
        other = name.split("/")[0]
        if other not in ALLOWED:
            problems.append(f"{where}: not a path from src/")
        elif other != room and other not in ALLOWED[room]:
            problems.append(f"{where}: {room} may not use {other}")

for room, allowed in ALLOWED.items():
    text = (source / room / "CMakeLists.txt").read_text()
    rooms = re.search(r"\bROOMS\s+([a-z \n]+?)(?=\s+[A-Z]|\s*\))", text)
    linked = set(rooms.group(1).split()) if rooms else set()
    if not linked <= allowed:
        problems.append(f"{room} links {sorted(linked - allowed)}")

if seen == 0:
    problems.append("no source files found")
print("\n".join(problems) or f"{seen} files, no include goes up")
sys.exit(bool(problems))
