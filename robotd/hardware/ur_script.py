"""One run of the control script: sent, begun, followed number by number, and ended."""

from collections.abc import Callable
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from robotd.core.clock import MS, MonoNs, S
from robotd.core.errors import DeviceError, LinkLostError
from robotd.core.protocols import Clock
from robotd.core.script_codes import LAST_NUMBER, REASONS, ScriptState
from robotd.core.ur_codes import RuntimeState
from robotd.hardware.ur_setpoints import ScriptReport

Array = NDArray[np.float64]

START_S: Final = 4.0
"""The controller may take so long from the text of the script to its first line."""

BEGIN_S: Final = 0.5
"""And so long from the first number to the acknowledgement."""


class Channel(Protocol):
    """What `ur_setpoints.SetpointChannel` does of use here; every error is a `DeviceError`."""

    def send(self, number: int, q_rad: Array) -> None:
        """Send number and joints; never blocks."""
        ...

    def poll(self) -> ScriptReport | None:
        """Return what is new, or None; never blocks."""
        ...


class ScriptRun:
    """From the upload to the end of one program; used by one thread. Cannot be begun again.

    Attributes:
        report: The newest that the controller said.
    """

    def __init__(
        self,
        channel: Channel,
        upload: Callable[[], None],
        *,
        first_number: int,
        period_s: float,
        ack_limit_s: float,
        clock: Clock,
    ) -> None:
        """Nothing is sent yet.

        Args:
            channel: Connected.
            upload: Sends the script; raises `DeviceError`.
            first_number: What the script waits for.
            period_s: Of the controller [s].
            ack_limit_s: A controller that acknowledges nothing new for longer is lost [s].
            clock: The computer's.
        """
        self.report: ScriptReport | None = None
        self._channel, self._upload, self._clock = channel, upload, clock
        self._first = self._number = first_number
        self._period_ns, self._ack_limit_ns = round(period_s * S), round(ack_limit_s * S)
        self._q = np.zeros(6)
        self._acknowledged = 0
        self._acknowledged_ns = MonoNs(0)
        self._begun = False

    @property
    def following(self) -> bool:
        """Whether the script follows numbers of this run."""
        report = self.report
        return report is not None and report.state is ScriptState.FOLLOWING and self._runs(report)

    @property
    def over(self) -> bool:
        """Whether no program runs nor is paused, as far as was heard."""
        return self.report is not None and self.report.runtime_state == RuntimeState.STOPPED

    def begin(self, q_rad: Array) -> None:
        """Send the script and have it follow, first to where the arm stands; takes up to seconds.

        Args:
            q_rad: (6,) measured joints [rad], at rest.

        Raises:
            DeviceError: The script did not start, or ended at once.
        """
        self._q = q_rad
        self._upload()
        self._await(
            lambda report: (
                report.state is ScriptState.WAITING
                and report.acknowledged == -self._first
                and self._runs(report)
            ),
            START_S,
            "the control script did not start; see the pendant's log, and whether it is in remote"
            " control",
        )
        self._begun = True
        self._await(
            lambda report: report.state is ScriptState.FOLLOWING,
            BEGIN_S,
            "the control script does not follow its first setpoint",
            each_period=lambda: self._channel.send(self._first, q_rad),
        )
        self._acknowledged_ns = self._clock.now()

    def follow(self, q_rad: Array) -> None:
        """Send the next number and (6,) joints [rad]. Real-time.

        Raises:
            LinkLostError: The connection is gone.
            DeviceError: The session has lasted for weeks, and its numbers are used up.
        """
        if self._number >= LAST_NUMBER:
            raise DeviceError("ur: the numbers of this arming are used up after weeks; arm again")
        self._number, self._q = self._number + 1, q_rad
        try:
            self._channel.send(self._number, q_rad)
        except DeviceError as error:
            raise LinkLostError(str(error)) from error

    def listen(self) -> None:
        """Take what the controller said since the last call. Real-time.

        Raises:
            LinkLostError: The connection is gone, nothing new is acknowledged for too long, or
                what is acknowledged was never sent.
        """
        try:
            report = self._channel.poll()
        except DeviceError as error:
            raise LinkLostError(str(error)) from error
        self.report = report or self.report
        if report is not None and report.acknowledged != self._acknowledged:
            if self.following and not self._first <= report.acknowledged <= self._number:
                raise LinkLostError(
                    f"ur: setpoint {report.acknowledged} was acknowledged and never sent; does"
                    " another program write the registers?"
                )
            self._acknowledged, self._acknowledged_ns = report.acknowledged, self._clock.now()
        silent_ns = self._clock.now() - self._acknowledged_ns
        if self.following and silent_ns > self._ack_limit_ns:
            raise LinkLostError(
                f"ur: no setpoint acknowledged for {silent_ns / MS:.0f} ms, limit "
                f"{self._ack_limit_ns / MS:.0f} ms"
            )

    def ask_to_end(self) -> bool:
        """Send the stop number; to be repeated until `over`. Returns whether it was sent."""
        try:
            self._channel.send(-self._first, self._q)
        except DeviceError:
            return False
        return True

    def why(self) -> str:
        """Return what the script said last, in words; empty where it said nothing of this run."""
        if self.report is None or not self._begun or self.report.state is ScriptState.FOLLOWING:
            return ""
        return REASONS[self.report.state]

    def _await(
        self,
        there: Callable[[ScriptReport], bool],
        limit_s: float,
        otherwise: str,
        each_period: Callable[[], None] = lambda: None,
    ) -> None:
        deadline_ns = self._clock.now() + round(limit_s * S)
        while self._clock.now() < deadline_ns:
            each_period()
            self.report = self._channel.poll() or self.report
            if self.report is not None and there(self.report):
                return
            if self._begun and self.report is not None and self.report.state.ended:
                raise DeviceError(f"ur: {REASONS[self.report.state]}")
            self._clock.sleep_until(MonoNs(self._clock.now() + self._period_ns))
        raise DeviceError(f"ur: {otherwise} (waited {limit_s:g} s)")

    def _runs(self, report: ScriptReport) -> bool:
        return report.runtime_state == RuntimeState.PLAYING
