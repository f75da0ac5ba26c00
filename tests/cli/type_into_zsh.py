"""Types command lines into an interactive zsh that has rvmm's completion, and says what rvmm would
have been given: "ok NAME" or "FAIL NAME: why".

usage: type_into_zsh.py COMPLETION LINES SHOWN_LINE TEXT
LINES has a test a line: its name, what is typed after "rvmm ", with ~ for TAB, and the arguments that
come of it, joined by "|"; the shell is in the folder "files". SHOWN_LINE is typed alike, and TEXT has to be shown.
"""
import os
import pty
import re
import select
import sys
import time

LIMIT = 60  # seconds for a line, on the slowest machine

SETUP = """
PS1='> '
unsetopt prompt_cr prompt_sp
autoload -Uz compinit
compinit -u -D
source {completion}
cd files
rvmm() {{ print -r -- "<${{(j:|:)@}}>" }}
print -r -- "<ready>"
"""


class Zsh:
    def __init__(self, completion):
        os.makedirs("zdot")
        with open("zdot/.zshrc", "w", encoding="ascii") as file:
            file.write(SETUP.format(completion=completion))
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(ZDOTDIR="zdot", TERM="xterm", LINES="50", COLUMNS="200", LC_ALL="C")
            os.execvp("zsh", ["zsh", "-d", "-i"])
        self.text = ""

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def wait_for(self, pattern):
        """The match of `pattern` in what is shown, which is dropped up to its end."""
        end = time.monotonic() + LIMIT
        while not (match := re.search(pattern, self.text)):
            left = end - time.monotonic()
            if left < 0 or not select.select([self.fd], [], [], left)[0]:
                return None
            self.text += os.read(self.fd, 65536).decode(errors="replace")
        self.text = self.text[match.end():]
        return match


def main():
    completion, lines, shown_line, shown = sys.argv[1:]
    zsh = Zsh(completion)
    if not zsh.wait_for("<ready>"):
        print("FAIL zsh_start: ", repr(zsh.text))
        return True
    failed = False

    def verdict(name, ok, why):
        nonlocal failed
        failed |= not ok
        print(f"ok zsh_{name}" if ok else f"FAIL zsh_{name}: {why}")

    with open(lines, encoding="ascii") as file:
        cases = [line.rstrip("\n").split("\t") for line in file]
    for name, keys, expected in cases:
        zsh.type(("rvmm " + keys).replace("~", "\t") + "\r")
        found = zsh.wait_for(r"<([^<>\r\n]*)>")
        verdict(name, found is not None and found[1] == expected, found and found[1])
        if not found:
            return True
    zsh.type(("rvmm " + shown_line).replace("~", "\t"))
    verdict("help", zsh.wait_for(re.escape(shown)) is not None, repr(zsh.text))
    os.close(zsh.fd)  # zsh is hung up on
    os.waitpid(zsh.pid, 0)
    return failed


sys.exit(main())
