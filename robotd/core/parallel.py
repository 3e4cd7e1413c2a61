"""The same work on many items, by as many processes as asked for."""

import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

from robotd.core.errors import ProcessDiedError
from robotd.core.process import die_with_parent

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_processes(
    work: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> Generator[Result]:
    """Yield the result of every item, in their order, as soon as it is there.

    The processes do not outlive this one, however it ends.

    Args:
        work: What to do with an item; must be importable by name, as its arguments.
        items: All items.
        workers: Processes; 1: this one.

    Raises:
        ProcessDiedError: A process was killed.
    """
    if workers == 1:
        yield from map(work, items)
        return
    with ProcessPoolExecutor(
        min(workers, len(items)),
        get_context("spawn"),
        initializer=die_with_parent,
        initargs=(os.getpid(),),
    ) as pool:
        try:
            yield from pool.map(work, items)
        except BrokenProcessPool as error:
            raise ProcessDiedError("a worker process died; is there memory left?") from error
