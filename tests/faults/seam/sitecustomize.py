"""A disk and a clock that misbehave on demand: on PYTHONPATH, Python imports this before anything.

The file named by FAULTY_DISK says what the calls that bring data to the disk do from now on, in the
processes that inherit the variable: `stall S` sleeps S seconds first, `EIO N` (or another error)
fails N calls, counted down in a file beside it so that the next one would succeed again.
"""

import errno
import os
import time
from pathlib import Path


def _faulty(call, orders: Path):
    def act(*args, **options):
        try:
            word, number = orders.read_text().split()
        except (OSError, ValueError):
            return call(*args, **options)
        if word == "stall":
            time.sleep(float(number))
        elif int(number) > 0:
            orders.write_text(f"{word} {int(number) - 1}")
            code = getattr(errno, word)
            raise OSError(code, os.strerror(code))
        return call(*args, **options)

    return act


def _stepped(now, step: Path, per_second):
    """The clock, and as many seconds more as the file says; the monotonic clock stays as it is."""

    def read():
        try:
            return now() + type(now())(float(step.read_text()) * per_second)
        except (OSError, ValueError):
            return now()

    return read


if _orders := os.environ.get("FAULTY_DISK"):
    os.fdatasync = _faulty(os.fdatasync, Path(_orders))
    os.fsync = _faulty(os.fsync, Path(_orders))
if _step := os.environ.get("STEPPED_CLOCK"):
    for _name, _per_second in (("time", 1.0), ("time_ns", 1e9)):
        setattr(time, _name, _stepped(getattr(time, _name), Path(_step), _per_second))
