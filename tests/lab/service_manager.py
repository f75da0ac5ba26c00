"""A lab run as a service: this is its manager. Sees that the run is ready, alive and stopping, in this order, and that
QEMU is not told where the manager listens."""
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

RVMM, CONFIG = sys.argv[1:]
BEAT = 0.5  # seconds: half of the watchdog's time


def children_of(process):
    with open(f"/proc/{process}/task/{process}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


def main():
    with tempfile.TemporaryDirectory() as folder:
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        manager.bind(f"{folder}/notify")
        manager.settimeout(120)
        environment = os.environ | {"NOTIFY_SOCKET": f"{folder}/notify",
                                    "WATCHDOG_USEC": str(int(2 * BEAT * 1e6))}
        command = [RVMM, "run", CONFIG, "--set", "boot.cmdline=spin", "--host", "lab"]
        with open(f"{folder}/out", "wb") as out:
            # WATCHDOG_PID is the process itself.
            run = subprocess.Popen(["sh", "-c", 'WATCHDOG_PID=$$ exec "$@"', "sh"] + command, env=environment,
                                   stdin=subprocess.DEVNULL, stdout=out, stderr=out)
            told = []
            beats = []
            try:
                while len(beats) < 6:
                    message = manager.recv(4096).decode()
                    if message == "WATCHDOG=1":
                        beats.append(time.monotonic())
                    else:
                        told.append(message)
                for child in children_of(run.pid):
                    with open(f"/proc/{child}/environ", "rb") as file:
                        inherited = file.read()
                    assert b"PATH=" in inherited, "nothing of the environment can be seen"
                    for name in (b"NOTIFY_SOCKET", b"WATCHDOG"):
                        assert name not in inherited, f"QEMU has {name}"
                assert len(children_of(run.pid)) == 1, "there is no QEMU"
                run.terminate()
                assert run.wait(30) == 143, f"exit code {run.returncode}"
            finally:
                run.kill()
                run.wait()
        manager.setblocking(False)
        rest = []
        try:
            while True:
                rest.append(manager.recv(4096).decode())
        except BlockingIOError:
            pass
        told += [message for message in rest if message != "WATCHDOG=1"]
        assert rest[-1] == told[-1], f"something follows the end: {rest}"
        patterns = [r"STATUS=host lab, launching", r"READY=1\nSTATUS=host lab, running",
                    r"STOPPING=1\nSTATUS=host lab, ending"]
        assert len(told) == len(patterns) and all(map(re.fullmatch, patterns, told)), told
        gaps = [later - earlier for earlier, later in zip(beats, beats[1:])]
        assert max(gaps) < 2 * BEAT, f"the watchdog would have bitten: {gaps}"
        assert min(gaps) > BEAT / 4, f"too often: {gaps}"
        print(f"measured: a lab run as a service: beats every {BEAT} s, "
              f"{min(gaps):.3f} to {max(gaps):.3f} s apart")


main()
