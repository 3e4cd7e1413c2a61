"""The teleop process: one device's samples into its ring until it is told to end."""

import contextlib
import logging
from pathlib import Path
from typing import Final

from robotd.core.clock import SystemClock
from robotd.core.errors import AbsentDeviceError
from robotd.core.process import StopFlag, announce_ready, die_with_parent
from robotd.core.process_names import TELEOP
from robotd.core.protocols import TeleopDevice
from teleop.publisher import TeleopPublisher

TRIES_N: Final = 600
"""A device that is not there is looked for so often, five minutes long, then the process ends."""
PAUSE_S: Final = 0.5
"""Between two looks."""

log = logging.getLogger(__name__)


def main(run_dir: Path, device: TeleopDevice, *, tries_n: int = TRIES_N) -> None:
    """Be the process of a device until SIGTERM, SIGINT or the parent's end.

    A device that fails ends the process: nothing is published any more, the arm stops for want of
    samples, and whoever watches pauses and starts a new one. That one waits for the device and
    only then says that it is at work, without which nobody can resume.

    Args:
        run_dir: Of the cell's daemon.
        device: Not opened yet.
        tries_n: How often a device is looked for that is not connected.

    Raises:
        DeviceError: The device cannot be opened, or is gone.
    """
    with StopFlag() as stop, contextlib.ExitStack() as stack:
        die_with_parent()
        if not _opened(device, stack, stop, tries_n):
            return
        publisher = stack.enter_context(TeleopPublisher(run_dir, device))
        publisher.cycle()
        announce_ready(run_dir, TELEOP)
        publisher.run(SystemClock(), lambda: stop.requested)


def _opened(
    device: TeleopDevice, stack: contextlib.ExitStack, stop: StopFlag, tries_n: int
) -> bool:
    """Open the device, as soon as it is there; False where the end was asked for first."""
    said = ""
    for left in reversed(range(tries_n)):
        try:
            stack.enter_context(device)
        except AbsentDeviceError as error:
            if left == 0:
                raise
            if str(error) != said:
                said = str(error)
                log.warning("%s; waits for it", said)
            if stop.wait(PAUSE_S):
                return False
        else:
            return True
    return False
