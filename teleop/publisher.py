"""Writes a device's samples to its ring, 100 a second, whatever the rest of the process does."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

from robotd.core.clock import MonoNs, seconds_to_ns
from robotd.core.errors import RobotdError
from robotd.core.protocols import Clock, TeleopDevice
from robotd.core.ring import RingWriter
from robotd.core.run_files import TELEOP_RING
from robotd.core.sample_records import TELEOP_BYTES, pack_teleop

RATE_HZ: Final = 100.0
_SLOTS: Final = 512
_PERIOD_NS: Final = seconds_to_ns(1.0 / RATE_HZ)


class TeleopPublisher:
    """The ring of one device, and its only writer; a context manager that leaves the file."""

    def __init__(self, run_dir: Path, device: TeleopDevice) -> None:
        """Make the ring anew in a run directory.

        Args:
            run_dir: Of the cell's daemon.
            device: Open.

        Raises:
            OSError: No room or no right to make it.
        """
        self._device = device
        self._ring = RingWriter.create(run_dir / TELEOP_RING, TELEOP_BYTES, _SLOTS)

    def cycle(self) -> None:
        """Publish the device's newest sample, where there is a new one.

        Raises:
            DeviceError: The device is gone.
        """
        sample = self._device.read()
        if sample is not None:
            self._ring.write(pack_teleop(sample))

    def run(self, clock: Clock, stopped: Callable[[], bool]) -> None:
        """Cycle at absolute deadlines until `stopped`; late cycles never burst.

        Raises:
            DeviceError: The device is gone.
        """
        deadline_ns = clock.now()
        while not stopped():
            self.cycle()
            missed = max(0, clock.now() - deadline_ns) // _PERIOD_NS
            deadline_ns = MonoNs(deadline_ns + (1 + missed) * _PERIOD_NS)
            clock.sleep_until(deadline_ns)

    def close(self) -> None:
        """Unmap the ring."""
        self._ring.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class PublisherThread:
    """Publishes in a thread of its own, for a client that waits for its daemon now and then.

    A context manager: leaving it ends the thread. When the client itself hangs, its lease runs out
    and the daemon stops the arm.
    """

    def __init__(self, publisher: TeleopPublisher, clock: Clock) -> None:
        """Prepare; entering starts it."""
        self._publisher, self._clock = publisher, clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="teleop", daemon=True)
        self._error: RobotdError | None = None

    def check(self) -> None:
        """Say whether it still publishes.

        Raises:
            DeviceError: The device is gone.
        """
        if self._error is not None:
            raise self._error

    def join(self, timeout_s: float) -> None:
        """Wait for its end, which comes by itself where the device is gone."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            self._publisher.run(self._clock, self._stop.is_set)
        except RobotdError as error:
            self._error = error

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()
