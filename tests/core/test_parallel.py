"""Work shared between processes."""

import os
import signal
import subprocess
import sys
from math import sqrt

import psutil
import pytest

from robotd.core.errors import ProcessDiedError
from robotd.core.parallel import map_in_processes


def test_results_come_in_the_order_of_the_items():
    items = [4.0, 1.0, 9.0]

    assert list(map_in_processes(sqrt, items, 1)) == [2.0, 1.0, 3.0]
    assert list(map_in_processes(sqrt, items, 2)) == [2.0, 1.0, 3.0]


def test_a_killed_process_is_one_error():
    with pytest.raises(ProcessDiedError, match="a worker process died"):
        list(map_in_processes(signal.raise_signal, [signal.SIGKILL], 2))


BUSY_PARENT = """
import os, sys, time
from multiprocessing import active_children
from robotd.core.parallel import map_in_processes

if __name__ == "__main__":
    results = map_in_processes(time.sleep, [0.0, 0.0, 60.0, 60.0], 2)
    next(results), next(results)
    print(*(child.pid for child in active_children()), flush=True)
    next(results)
"""


def test_the_workers_of_a_killed_process_end_with_it(tmp_path):
    script = tmp_path / "busy.py"
    script.write_text(BUSY_PARENT)
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True
    ) as parent:
        workers = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
        parent.kill()

    assert len(workers) == 2
    _, alive = psutil.wait_procs(workers, timeout=10.0)
    assert not alive


def test_more_workers_than_items_are_none_too_many():
    assert list(map_in_processes(os.fspath, ["a"], 8)) == ["a"]
