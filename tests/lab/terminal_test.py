#!/usr/bin/env python3
"""Runs rvmm on a pseudo-terminal: the guest's output comes, Ctrl-A x ends the run, and the terminal
has the settings that it had. Usage: terminal_test.py RVMM CONFIG"""

import os
import pty
import select
import subprocess
import sys
import termios
import time

rvmm, config = sys.argv[1:3]
master, slave = pty.openpty()
before = termios.tcgetattr(slave)
child = subprocess.Popen(
    [rvmm, "run", config, "--host", "lab", "--set", "boot.cmdline=wfi"],
    stdin=slave, stdout=slave, stderr=slave, start_new_session=True)

seen = b""
deadline = time.monotonic() + 60
while b"RIM" not in seen:
    if time.monotonic() > deadline or child.poll() is not None:
        sys.exit(f"no guest output: {seen!r}")
    if select.select([master], [], [], 0.5)[0]:
        seen += os.read(master, 4096)
time.sleep(1)
raw = termios.tcgetattr(slave)
if raw[3] & termios.ICANON:
    sys.exit("the terminal is not raw while the guest runs")
os.write(master, b"\x01x")
deadline = time.monotonic() + 10
while child.poll() is None:
    if time.monotonic() > deadline:
        child.kill()
        sys.exit(f"Ctrl-A x did not end it: {seen!r}")
    if select.select([master], [], [], 0.2)[0]:
        seen += os.read(master, 4096)
if child.returncode != 130:
    sys.exit(f"exit code {child.returncode}, expected 130: {seen!r}")
if termios.tcgetattr(slave) != before:
    sys.exit("the terminal was not restored")
