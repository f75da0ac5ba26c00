"""Every exit code of docs/exit-codes.md was that of a real launch, and no launch had another.

  exit_codes.py DOCUMENT FILE...   the files have the code of each launch of the suite, one a line
"""

import re
import sys


def rows(document):
    """The codes of each row of the table, and its name."""
    with open(document, encoding="utf-8") as file:
        for line in file:
            row = re.match(r"\| (\d+)(?:–(\d+)|(\+n))? \| ([^|]+) \| (\*reserved\*)?", line)
            if row is None:
                continue
            first = int(row[1])
            last = first + 64 if row[3] else int(row[2] or first)
            if not row[5]:
                codes = range(first + bool(row[3]), last + 1)
                # Of signals, those that the row names.
                yield codes, row[4], {int(code) for code in re.findall(r"\b1\d\d\b", line[len(row[0]):]) if row[3]}


def main(document, *paths):
    seen = set()
    for path in paths:
        with open(path, encoding="utf-8") as file:
            seen |= {int(line) for line in file}
    table = list(rows(document))
    missing = [name for codes, name, named in table if not seen.intersection(codes) or named - seen]
    unknown = seen.difference(*(codes for codes, _, _ in table))
    print(f"{len(table)} rows; codes seen: {sorted(seen)}; missing: {missing}; unknown: {sorted(unknown)}")
    return 1 if missing or unknown or len(table) < 13 else 0


sys.exit(main(*sys.argv[1:]))
