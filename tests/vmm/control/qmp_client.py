#!/usr/bin/env python3
"""A QMP client as the specification has it, and nothing more: connects to the socket given, holds the
guest and lets it go, and ends it; or gives the commands named. Prints what it was told.

usage: qmp_client.py SOCKET [COMMAND...]"""

import json
import socket
import sys

server = socket.socket(socket.AF_UNIX)
server.settimeout(20)
server.connect(sys.argv[1])
lines = server.makefile("rw", encoding="utf-8", newline="\r\n")


def receive():
    return json.loads(lines.readline())


def execute(command, **arguments):
    """What the command returns; events on the way are printed."""
    json.dump({"execute": command, "arguments": arguments, "id": command}, lines)
    lines.flush()
    while True:
        message = receive()
        if "event" in message:
            print("event", message["event"], sorted(message["timestamp"]))
            continue
        assert message["id"] == command, message
        return message.get("return", message.get("error", {}).get("class"))


print("greeting", sorted(receive()["QMP"]))
print(execute("query-status"))
print(execute("qmp_capabilities"))
everything = ("query-status", "stop", "query-status", "cont", "system_powerdown", "no-such", "quit")
for name in sys.argv[2:] or everything:
    print(name, execute(name))
