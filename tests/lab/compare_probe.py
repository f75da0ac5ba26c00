#!/usr/bin/env python3
"""Compares what tests/lab/guests/rsi_probe printed with the answers of a running RMM.

usage: compare_probe.py CONSOLE_LOG

Each line of tests/data/rsi/rsi-answers.txt has to be in the log, in that order and equal, or to be on the
list of exceptions (tests/data/rsi/exceptions.txt, entries for "lab" and "both"). Prints what is wrong and
the counts; the exit status is 1 if anything is.
"""

import re
import sys
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "data" / "rsi"
MARK = "PROBE "


class Entry:
    """An entry of exceptions.txt."""

    def __init__(self, where, values, begins, reason):
        self.where, self.values, self.begins, self.reason = where, values.split(","), begins, reason
        self.lines = 0
        self.needed = 0

    @property
    def whole_line(self):
        return self.values == ["*"]

    def without_values(self, line):
        """`line` with the values that this exception names taken out."""
        for name in self.values:
            line = re.sub(rf"( |^)({re.escape(name)} ?= ?)[^ ]+", r"\1\2...", line)
        return line


def recorded_lines():
    text = (DATA / "rsi-answers.txt").read_text()
    return [line[len(MARK):] for line in text.splitlines() if line.startswith(MARK)]


def lab_exceptions():
    exceptions = []
    for line in (DATA / "exceptions.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            entry = Entry(*line.split(" | "))
            if entry.where in ("lab", "both"):
                exceptions.append(entry)
    return exceptions


def printed_lines(log):
    """The probe's lines: from the mark to the end, whatever a console puts before it."""
    text = Path(log).read_bytes().decode("utf-8", "replace")
    found = (re.search(rf"{MARK}(.*)", line.rstrip()) for line in re.split(r"[\r\n]+", text))
    return [match.group(1) for match in found if match]


def find_exception(line, exceptions):
    return next((e for e in exceptions if line.startswith(e.begins)), None)


def is_given(line, exception, printed, start):
    """The place in `printed`, from `start`, of a line that gives `line`; None if there is none."""
    if exception is None or exception.whole_line:
        wanted, of = line, lambda other: other
    else:
        wanted, of = exception.without_values(line), exception.without_values
    return next((i for i in range(start, len(printed)) if of(printed[i]) == wanted), None)


def head(line):
    """What a line is about: all before its answer."""
    return re.split(r" ->|: |=", line)[0]


def compare(recorded, printed, exceptions):
    problems = []
    counts = {"equal": 0, "equal but for named values": 0, "not given here": 0}
    position = 0
    for line in recorded:
        exception = find_exception(line, exceptions)
        if exception:
            exception.lines += 1
        place = is_given(line, exception, printed, position)
        if place is not None:
            position = place + 1
            same = printed[place] == line
            counts["equal" if same else "equal but for named values"] += 1
            if exception and not same:
                exception.needed += 1
        elif exception and exception.whole_line:
            exception.needed += 1
            counts["not given here"] += 1
        else:
            near = next((p for p in printed[position:] if head(p) == head(line)), "(no such line)")
            problems.append(f"recorded: {line}\n printed: {near}")
    problems += [f"an exception for no recorded line: {e.begins}" for e in exceptions if not e.lines]
    return problems, counts


def main(arguments):
    if len(arguments) != 1:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    recorded, exceptions = recorded_lines(), lab_exceptions()
    printed = printed_lines(arguments[0])
    problems, counts = compare(recorded, printed, exceptions)
    for problem in problems:
        print(problem)
    for entry in exceptions:
        if entry.lines and not entry.needed:
            print(f"note: not needed here: {entry.begins}")
    summary = ", ".join(f"{count} {what}" for what, count in counts.items())
    print(f"{len(recorded)} recorded lines, {len(printed)} printed: {summary}, {len(problems)} wrong")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
