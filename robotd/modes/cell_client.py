"""A client's way to an arm that is ready: prepare the daemon, arm it, wait for things to settle."""

import contextlib
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Final

from robotd.core.clock import MS, MonoNs, S, SystemClock
from robotd.core.config import CellConfig
from robotd.core.errors import ProcessDiedError, RobotdError, SupervisorError
from robotd.core.process import StopFlag
from robotd.modes.daemon.control import ControlClient
from robotd.modes.daemon.messages import DaemonStatus
from robotd.modes.daemon.supervisor import State
from robotd.modes.jog.messages import JogRequest
from robotd.modes.real_cell import ask_to_arm

POLL_NS: Final = 100 * MS
"""Between two questions to the daemon: also the heartbeat of the lease."""
OPEN_S: Final = 30.0
"""A data set that a crash left is recovered first."""
ENGAGE_S: Final = 12.0
END_S: Final = 8.0
OVER: Final = frozenset({State.DISARMED.value, State.FAULT.value})


class CellClient:
    """One person's doing over one daemon.

    Attributes:
        control: The daemon.
        stop: Whether a signal asked for the end.
    """

    def __init__(self, cell: CellConfig, control: ControlClient, stop: StopFlag) -> None:
        self._cell, self._clock = cell, SystemClock()
        self._session = 0
        self.control, self.stop = control, stop

    def prepare(self, dataset: Path) -> DaemonStatus:
        """Have the recorder take a data set.

        Raises:
            SupervisorError: It cannot; its own sentence.
        """
        self.control.call("prepare", dataset=str(dataset.resolve()))
        status = self.wait(lambda s: bool(s.dataset or s.dataset_failure), OPEN_S, "the recorder")
        if not status.dataset:
            raise SupervisorError(status.dataset_failure)
        return status

    def arm(self, *, jog: JogRequest | None = None) -> bool:
        """Arm as the person says and wait until the arm has engaged; False where they do not.

        Args:
            jog: Arm for this.

        Raises:
            SupervisorError: It did not engage.
        """
        if self.stop.requested or not ask_to_arm(self._cell, self.stop):
            return False
        session = self._session = self.control.call("arm", jog=jog).session
        status = self.wait(
            lambda s: s.state in OVER or (s.arm is not None and s.arm.session == session),
            ENGAGE_S,
            "the arm",
        )
        if status.state in OVER:
            raise SupervisorError(status.reason or "the arm did not engage")
        if self.stop.requested:
            self.bring_to_rest()
        return not self.stop.requested

    def check_own(self, status: DaemonStatus) -> None:
        """Refuse to take another client's arming for this one's, which has ended meanwhile.

        Raises:
            SupervisorError: Another client drives.
        """
        if status.session not in (0, self._session):
            raise SupervisorError(
                f"this session has ended, and {status.owner} drives the cell now; this client was "
                "held up or suspended for too long"
            )

    @contextlib.contextmanager
    def driving(self) -> Generator[None]:
        """Stop the arm at once where the block fails: nobody waits for the lease to run out."""
        try:
            yield
        except BaseException:
            with contextlib.suppress(RobotdError):
                self.check_own(self.control.call("status", timeout_s=1.0))
                self.control.call("stop", timeout_s=1.0)
            raise

    def wait(
        self, ready: Callable[[DaemonStatus], bool], limit_s: float, what: str
    ) -> DaemonStatus:
        """Ask until it is so.

        Raises:
            SupervisorError: It is not so within the limit.
            KeyboardInterrupt: A signal came first.
        """
        deadline_ns = self._clock.now() + round(limit_s * S)
        while not ready(status := self.control.call("status")):
            if self.stop.requested:
                raise KeyboardInterrupt
            if self._clock.now() > deadline_ns:
                raise SupervisorError(f"waited {limit_s:g} s for {what}; see `robotd status`")
            self.rest()
        return status

    def bring_to_rest(self) -> DaemonStatus:
        """Stop and wait until the arm rests and what was recorded is complete.

        A second Ctrl-C changes nothing about it.

        Raises:
            ProcessDiedError: The daemon does not.
            SupervisorError: Another client drives.
        """
        self.check_own(self.control.call("status"))
        status = self.control.call("stop")
        if status.state == State.ARMED:
            status = self.control.call("disarm")
        deadline_ns = self._clock.now() + round(END_S * S)
        while status.state not in OVER or not complete(status):
            if self._clock.now() > deadline_ns:
                raise ProcessDiedError(f"the daemon did not stop within {END_S:g} s")
            self.rest()
            status = self.control.call("status")
        return status

    def rest(self) -> None:
        """Sleep until the next question is due."""
        self._clock.sleep_until(MonoNs(self._clock.now() + POLL_NS))


def complete(status: DaemonStatus) -> bool:
    """Whether nothing is being recorded or completed any more."""
    return not status.recording
