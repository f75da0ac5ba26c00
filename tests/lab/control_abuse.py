#!/usr/bin/env python3
"""Clients of a run's control socket that behave badly, while its guest prints for ever and one client
behaves well: each is answered or dropped, the good client is answered, and the guest goes on. Prints
"ok NAME" or "FAIL NAME: why". Ends the run by `rvmm ctl`.

usage: control_abuse.py RVMM NAME SOCKET CONSOLE"""

import json
import os
import socket
import subprocess
import sys
import threading
import time

rvmm, name, path, console = sys.argv[1:]
LIMIT = 64  # clients at once
failed = False
begun = time.monotonic()


def verdict(what, good, why=""):
    global failed, begun
    print(f"# {what}: {time.monotonic() - begun:.1f} s")
    begun = time.monotonic()
    failed = failed or not good
    print(f"ok {what}" if good else f"FAIL {what}: {why}", flush=True)


class Client:
    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)  # waits where many are there already
        self.socket.settimeout(60)
        self.received = b""

    def line(self):
        """The next line; nothing at the end of the connection."""
        while b"\r\n" not in self.received:
            try:
                part = self.socket.recv(65536)
            except ConnectionResetError:
                part = b""
            if not part:
                return None
            self.received += part
        line, self.received = self.received.split(b"\r\n", 1)
        return json.loads(line)

    def send(self, data):
        """False: nobody takes it any more."""
        try:
            self.socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def ask(self, command):
        self.send(json.dumps({"execute": command, "id": 7}).encode())
        while True:
            reply = self.line()
            if reply is None or "event" not in reply:
                return reply

    def negotiated(self):
        assert "QMP" in self.line()
        assert self.ask("qmp_capabilities")["return"] == {}
        return self


class Progress:
    """How the console grows: bytes a second, and the longest time in which it did not."""

    def __init__(self):
        self.end = threading.Event()
        self.begin, self.size = time.monotonic(), os.path.getsize(console)
        self.stall = 0
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self):
        last, size = self.begin, self.size
        while not self.end.wait(0.05):
            now, grown = time.monotonic(), os.path.getsize(console)
            self.stall = max(self.stall, now - last)
            if grown != size:
                last, size = now, grown

    def stop(self):
        self.end.set()
        self.thread.join()
        seconds = time.monotonic() - self.begin
        return (os.path.getsize(console) - self.size) / seconds, self.stall


def malformed():
    for text in (b"}{\n", b"\xff\xfe\n", b"[1]\n", b'{"execute": 1}\n', b'{"execute" "stop"}\n', b"[" * 60000 + b"\n"):
        client = Client().negotiated()
        client.send(text)
        reply = client.line()
        if reply is None or "error" not in reply:
            return f"{text[:20]} was answered by {reply}"
        # None of these ends a connection: the next line counts again. Some are several mistakes.
        for _ in range(5):
            reply = client.ask("query-name")
            if reply is None or "error" not in reply:
                break
        if reply != {"return": {"name": name}, "id": 7}:
            return f"query-name was answered by {reply} after {text[:20]}"
    return ""


def long_line(begin, mebibytes):
    client = Client().negotiated()
    piece = b"x" * (1 << 20)
    client.send(begin)
    sent = 0
    while sent < mebibytes << 20 and client.send(piece):
        sent += len(piece)
    reply = client.line()
    print(f"measured: of a line of {mebibytes} MiB that begins with {begin!r}, {sent >> 20} MiB were taken")
    return "" if reply is None or "error" in reply else f"answered by {reply}"


def half_closed():
    for _ in range(20):
        client = Client()
        client.send(b'{"execute":"qmp_capabilities"}{"execute":"query-name"}')
        client.socket.shutdown(socket.SHUT_WR)
        lines = [client.line() for _ in range(4)]
        if lines[2] != {"return": {"name": name}} or lines[3] is not None:
            return f"answered by {lines}"
    return ""


def never_reads():
    """One that asks for ever and reads nothing: dropped, or not listened to. It stays."""
    client = Client()
    client.socket.settimeout(1)
    request = b'{"execute":"qmp_capabilities"}' + b'{"execute":"query-commands"}' * 1000
    sent = 0
    try:
        for _ in range(1000):
            client.socket.sendall(request)
            sent += len(request)
    except OSError:
        return client, ""
    return client, f"{sent} bytes were taken"


def thousand():
    """In groups, some of which are beyond the limit. The last of them stay."""
    answered = dropped = 0
    clients = []
    for group in (50,) * 16 + (100,) * 2:
        del clients[:]
        clients = [Client() for _ in range(group)]
        for i, client in enumerate(clients):
            client.send((b"", b"{", b'{"execute":"qmp_capabilities"}', b"\0")[i % 4])
            if client.line() is None:
                dropped += 1
            else:
                answered += 1
    print(f"measured: of 1000 connections {answered} were answered and {dropped} dropped")
    good = answered + dropped == 1000 and answered >= 200 and dropped >= 2 * (100 - LIMIT)
    return clients, "" if good else "as measured"


def main():
    good = Client().negotiated()
    time.sleep(1)
    progress = Progress()
    time.sleep(3)
    before, _ = progress.stop()
    verdict("progress_before", before > 0, "the guest prints nothing")

    progress = Progress()
    waited = []
    kept = []

    def check(what, problem):
        begin = time.monotonic()
        alive = good.ask("query-status") == {
            "return": {"running": True, "singlestep": False, "status": "running"}, "id": 7}
        waited.append(time.monotonic() - begin)
        verdict(what, not problem and alive, problem or "the good client had no answer")

    check("malformed_json", malformed())
    check("half_closed", half_closed())
    client, problem = never_reads()
    kept.append(client)
    check("client_that_never_reads", problem)
    check("long_line", long_line(b'{"execute":"', 100))
    # All of it goes through the lab.
    check("long_line_of_garbage", long_line(b"", 32 if os.environ.get("RVMM_SOAK") == "1" else 1))
    clients, problem = thousand()
    kept += clients
    check("thousand_connections", problem)
    during, stall = progress.stop()
    print(f"measured: console bytes a second: {before:.0f} before, {during:.0f} meanwhile; "
          f"longest pause {stall:.2f} s; slowest answer {max(waited):.2f} s")
    verdict("guest_goes_on", during > before / 20 and stall < 5, "see above")

    # The end, as all see it.
    del kept[:]
    subprocess.run([rvmm, "ctl", name, "quit"], check=True, timeout=60)
    last = None
    while (line := good.line()) is not None:
        last = line
    verdict("last_words", last is not None and last.get("event") == "SHUTDOWN"
            and last["data"] == {"guest": False, "reason": "host-qmp-quit"}, f"{last}")


main()
sys.exit(failed)
