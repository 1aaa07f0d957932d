#!/usr/bin/env bash
# cassandra-driver 3.30.1: a step of the wall clock moves the deadlines of requests in flight.
#
# A timeout is a duration, and the wall clock may be set while it runs (PEP 418 has time.monotonic for
# that). The driver's timers take time.time: connection.Timer, connection.TimerManager.
#
# Expected: a timer of 10 s waits for 10 s, whatever happens to the wall clock.
# Happens:  set forward by an hour, it fires at once, and every request in flight is reported as timed
#           out; set back by an hour, it does not fire for another hour.
# What helps: give the driver's modules a `time` that is steady, as their global name is looked up at
#           each call.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cassandra-driver==3.30.1
"$folder/venv/bin/python" - <<'PYTHON'
import time

import cassandra
from cassandra.connection import Timer, TimerManager

wall_clock = time.time


def fires(after_seconds, step_seconds):
    """Return whether a timer of 10 s fires after *after_seconds* and a step of the wall clock."""
    fired, timers = [], TimerManager()
    timers.add_timer(Timer(10, lambda: fired.append(True)))
    time.time = lambda: wall_clock() + after_seconds + step_seconds
    timers.service_timeouts()
    time.time = wall_clock
    return bool(fired)


print("cassandra-driver", cassandra.__version__)
early, late = fires(1, 3600), fires(11, -3600)
print("after 1 s and a step forward: expected False, found", early)
print("after 11 s and a step back: expected True, found", late)
assert early, "it waits now: the finding is out of date"
assert not late, "it fires now: the finding is out of date"
PYTHON
# Seen:
#   cassandra-driver 3.30.1
#   after 1 s and a step forward: expected False, found True
#   after 11 s and a step back: expected True, found False
