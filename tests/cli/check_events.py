"""What `rvmm run --events` wrote is as docs/events.schema.json says, its times never go back, and its
phases sum to the time that the run took.

  check_events.py SCHEMA FILE           one run
  check_events.py SCHEMA FILE SECONDS   one run, that took so long
  check_events.py SCHEMA --alone FILE   many, from a lab: before each run a line {"name": ..., "seconds": ...}
  check_events.py SCHEMA --linux FILE   the same, of a lab beside which other tests ran
"""

import json
import sys

import jsonschema

# What it may take to start rvmm under emulation, where clocks have steps of 10 ms.
START = {"--alone": 0.25, "--linux": 1.5}
PHASES = ["config", "layout", "measure", "host", "lab", "populate", "guest", "shutdown"]


def check_order(events):
    times = [event["time"] for event in events]
    assert times == sorted(times), "times go back"
    assert events[0]["event"] == "start" and events[0]["time"] == 0, "no start"
    assert [e["event"] for e in events].count("end") == 1 and events[-1]["event"] == "end", "no end"
    phases = [e for e in events if e["event"] == "phase"]
    names = [e["phase"] for e in phases]
    assert names == sorted(set(names), key=PHASES.index) and names[0] == "config", names
    end = events[-1]
    assert list(end["phases"]) == names, (list(end["phases"]), names)
    # Each lasts until the next begins.
    for phase, after in zip(phases, phases[1:] + [end]):
        lasted = after["time"] - phase["time"]
        assert abs(lasted - end["phases"][phase["phase"]]) < 5e-6, (phase, lasted)
    assert phases[0]["time"] == 0, "a gap before the first phase"
    if "guest" in names:
        assert any(e["event"] == "first_entry" for e in events), "no first entry"
        assert end.get("report") or "error" in end, "no report"
    panicked = any(e["event"] == "panic" for e in events)
    assert panicked == (end.get("report", {}).get("outcome") == "panic"), "a panic, or none"
    if "report" in end:
        assert end["report"]["exit_code"] == end["exit_code"] or "error" in end or end["exit_code"] == 71


def check_run(validator, lines, seconds, start):
    events = [json.loads(line) for line in lines]
    for event in events:
        validator.validate(event)
    check_order(events)
    if seconds is None:
        return 0
    summed = sum(events[-1]["phases"].values())
    missing = seconds - summed
    assert -0.02 <= missing <= max(0.02, seconds / 100) + start, f"{summed} of {seconds} s"
    return missing


def runs_of(path):
    """The runs of a lab's file: (name, seconds, lines)."""
    runs = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            head = json.loads(line)
            if "seconds" in head:
                runs.append((head["name"], head["seconds"], []))
            else:
                runs[-1][2].append(line)
    return runs


def main(schema_path, *args):
    with open(schema_path, encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    if args[0] in START:
        runs = runs_of(args[1])
    else:
        with open(args[0], encoding="utf-8") as file:
            runs = [(args[0], float(args[1]) if len(args) > 1 else None, file.readlines())]
    start = START.get(args[0], 0)
    failed, most, kinds = 0, 0, set()
    for name, seconds, lines in runs:
        try:
            most = max(most, check_run(validator, lines, seconds, start))
            kinds |= {json.loads(line)["event"] for line in lines}
        except (AssertionError, jsonschema.ValidationError, ValueError, LookupError) as error:
            failed += 1
            print(f"FAIL {name}: {str(error).splitlines()[0] if str(error) else repr(error)}")
    print(f"{len(runs)} runs, {failed} wrong; at most {most:.3f} s are in no phase; {sorted(kinds)}")
    return 1 if failed or not runs else 0


sys.exit(main(*sys.argv[1:]))
