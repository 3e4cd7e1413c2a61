"""Work shared between processes."""

import os
import signal
from math import sqrt

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


def test_more_workers_than_items_are_none_too_many():
    assert list(map_in_processes(os.fspath, ["a"], 8)) == ["a"]
