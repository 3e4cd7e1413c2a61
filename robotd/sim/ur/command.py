"""`robotd sim ur`: an emulated UR controller by itself, for any client of a real one."""

import sys

from robotd.core.process import StopFlag, die_with_parent
from robotd.sim.ur.ports.server import PORTS
from robotd.sim.ur.process import run_alone
from robotd.sim.ur.setup import PauseOrStop, of_model
from robotd.sim.ur.version import PolyScope


def sim_ur(
    *,
    model: str,
    address: str,
    version: str = "",
    serial: str = "",
    off: bool = False,
    on_protective_stop: PauseOrStop = "pause",
) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit code.

    Args:
        model: `ur5` (CB3, 125 Hz) or `ur5e` (e-Series, 500 Hz).
        address: One of this computer's, for example 127.0.0.2.
        version: PolyScope's; by default the model's newest that is emulated.
        serial: By default one that is made up.
        off: Begin switched off, as after the main switch.
        on_protective_stop: Whether a program is paused or stopped by a protective stop.

    Raises:
        ConfigError: A version that is not emulated.
        BusyError: A port is taken there.
    """
    setup = of_model(model, PolyScope.parse(version) if version else None)
    setup.ready, setup.on_protective_stop = not off, on_protective_stop
    setup.serial = serial or setup.serial
    with StopFlag() as stop:
        die_with_parent()
        sys.stderr.write(
            f"emulated {model}, PolyScope {setup.version}, on {address}, "
            f"ports {', '.join(map(str, PORTS))}; Ctrl-C ends it\n"
        )
        run_alone(setup, address, stop)
    return 0
