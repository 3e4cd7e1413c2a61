"""The process `controller`: the emulated UR controller of a mock cell, on an address of its own."""

import gc
import json
import os
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from robotd.core.config import CellConfig
from robotd.core.errors import BusyError, ConfigError
from robotd.core.process import StopFlag, announce_ready, die_with_parent
from robotd.core.process_names import CONTROLLER
from robotd.core.run_files import CONTROLLER as CONTROLLER_FILE
from robotd.core.whole_file import whole_file
from robotd.sim.ur.controller import Controller
from robotd.sim.ur.judge import Judge
from robotd.sim.ur.ports.server import Server
from robotd.sim.ur.setup import ControllerSetup, of_arm

PRIORITY: Final = 20
"""SCHED_FIFO, below the arm's process: emulated hardware does not wait for programs either."""

_ADDRESSES_N: Final = 4096


def serve(server: Server, stop: StopFlag) -> None:
    """Be a controller until `stop`, ahead of ordinary processes where that is allowed."""
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    gc.collect()
    gc.freeze()  # what is there now is never looked through again
    server.run(stop)


def main(run_dir: Path, cell: CellConfig) -> None:
    """Be the controller of a mock cell until SIGTERM, SIGINT or the parent's end.

    Raises:
        ConfigError: The cell has no `[world]`: it is a real one.
        BusyError: No loopback address has all ports free.
    """
    if cell.world is None:
        raise ConfigError(
            cell.name, "world", got="nothing", expected="a [world] table", hint="only mocks have it"
        )
    controller = Controller(of_arm(cell.arm), time.monotonic_ns(), Judge(cell.arm, cell.envelope))
    with StopFlag() as stop, closing(_anywhere(controller, _last_host(run_dir))) as server:
        die_with_parent()
        about = {"host": server.host, "model": cell.arm.model, "version": str(controller.version)}
        with whole_file(run_dir / CONTROLLER_FILE) as partial:
            partial.write_text(json.dumps(about))
        announce_ready(run_dir, CONTROLLER)
        serve(server, stop)


def run_alone(setup: ControllerSetup, host: str, stop: StopFlag) -> None:
    """Be a controller that belongs to no cell, on `host`, until `stop`.

    Raises:
        BusyError: A port is taken there.
    """
    controller = Controller(setup, time.monotonic_ns())
    with closing(Server(controller, host)) as server:
        serve(server, stop)


def _anywhere(controller: Controller, first: str) -> Server:
    for host in (*filter(None, (first,)), *_addresses()):
        with suppress(BusyError):
            return Server(controller, host)
    raise BusyError("no loopback address has the ports 29999 and 30001 to 30004 free")


def _last_host(run_dir: Path) -> str:
    """Where this run's controller was before it was started again; empty for the first."""
    with suppress(OSError, ValueError, KeyError):
        return str(json.loads((run_dir / CONTROLLER_FILE).read_text())["host"])
    return ""


def _addresses() -> Iterator[str]:
    """Loopback addresses, from one that depends on this process on."""
    start = os.getpid() * 7
    for i in range(_ADDRESSES_N):
        n = (start + i) % (253 * 254)
        yield f"127.77.{n // 254 + 1}.{n % 254 + 1}"
