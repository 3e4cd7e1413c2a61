"""ur_rtde, as far as the driver of the arm needs it: states, dashboard, the script's text.

The only file that imports it. Its control interface is not used: after a dropped connection it
reconnects and uploads by itself, or crashes the process.
"""

import os
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Final, TypeVar

from dashboard_client import DashboardClient
from rtde_receive import RTDEReceiveInterface
from script_client import ScriptClient

from robotd.core.errors import DeviceError, one_line
from robotd.core.recovery import RecoveryStep
from robotd.hardware.ur_arm import UrArm
from robotd.hardware.ur_state import OUTPUTS

__all__ = ["CONSTRUCTOR_S", "UrArm", "UrDashboard", "UrRtde"]

T = TypeVar("T")

CONSTRUCTOR_S: Final = 4.0
"""A constructor of the library may hang for ever, and no Python runs meanwhile: after so long the
kernel ends the process, which is started again."""

THREAD_PRIORITIES_BELOW: Final = 20
"""The library's own thread polls all the time: at the loop's own priority it would hold it up."""


class UrRtde:
    """The library; see `ur_arm.Library`."""

    def receive(self, host: str, rate_hz: float) -> RTDEReceiveInterface:
        """Return the outputs as they come.

        Raises:
            DeviceError: The library refused.
        """
        with _limited(CONSTRUCTOR_S), _below_own_priority():
            return _asked(
                lambda: RTDEReceiveInterface(host, rate_hz, list(OUTPUTS)), "sends no states"
            )

    def dashboard(self, host: str) -> "UrDashboard":
        """Return the dashboard server, not connected yet."""
        return UrDashboard(host)

    def upload(self, host: str, version: tuple[int, int, int, int], text: str) -> None:
        """Send a script.

        Raises:
            DeviceError: The controller does not take it.
        """
        client = ScriptClient(host, version[0], version[1])

        def send() -> bool:
            client.connect()
            try:
                return client.sendScriptCommand(text)
            finally:
                client.disconnect()

        with _limited(CONSTRUCTOR_S):
            if not _asked(send, "does not take the control script"):
                raise DeviceError("ur: the controller does not take the control script; reboot it")


class UrDashboard:
    """The dashboard server through ur_rtde, each call limited to 2.5 s by the library."""

    def __init__(self, host: str) -> None:
        """Take the controller's address."""
        self._host, self._client = host, DashboardClient(host)

    def connect(self) -> None:
        """Connect anew.

        Raises:
            DeviceError: Nobody answers as a dashboard server does.
        """
        self.close()
        self._client = DashboardClient(self._host)
        _asked(lambda: self._client.connect(1000), "has no dashboard server; reboot it")

    def model(self) -> str | None:
        """Return the arm's model in the controller's words."""
        return _said(self._client.getRobotModel)

    def polyscope(self) -> str | None:
        """Return the version of PolyScope."""
        return _said(self._client.polyscopeVersion)

    def serial(self) -> str | None:
        """Return the arm's serial number."""
        return _said(self._client.getSerialNumber)

    def remote(self) -> bool | None:
        """Return whether it takes commands from outside."""
        return _said(self._client.isInRemoteControl)

    def stop(self) -> None:
        """End the program; raises `DeviceError`."""
        _asked(self._client.stop, "did not stop the program")

    def recover(self, step: RecoveryStep) -> None:
        """Do a step on the way back from a stop; raises `DeviceError`."""
        if step is RecoveryStep.UNLOCK:
            self._end_program()  # a paused one would go on with its old motion
            _asked(self._client.closeSafetyPopup, "did not close its popup")
            _asked(self._client.unlockProtectiveStop, "did not unlock")
        elif step is RecoveryStep.RESTART_SAFETY:
            _asked(self._client.closeSafetyPopup, "did not close its popup")
            _asked(self._client.restartSafety, "did not restart its safety system")
        elif step is RecoveryStep.POWER_ON:
            _asked(self._client.powerOn, "did not power on")
        else:
            _asked(self._client.brakeRelease, "did not release the brakes")

    def _end_program(self) -> None:
        """Have no program run nor be paused; a controller may refuse to stop what is stopped."""
        try:
            self.stop()
        except DeviceError:
            if not (_said(self._client.programState) or "").startswith("STOPPED"):
                raise

    def close(self) -> None:
        """Disconnect."""
        with suppress(RuntimeError):
            self._client.disconnect()


def _said(question: Callable[[], T]) -> T | None:
    """Return the answer; None where this controller knows no such question."""
    try:
        answer = question()
    except RuntimeError:
        return None
    return None if isinstance(answer, str) and not answer.strip() else answer


def _asked(order: Callable[[], T], otherwise: str) -> T:
    """Return what the library does, its error as ours."""
    try:
        return order()
    except RuntimeError as error:
        said = one_line(str(error).strip())
        raise DeviceError(f"ur: the controller {otherwise} ({said})") from error


@contextmanager
def _limited(limit_s: float) -> Generator[None]:
    """Have the kernel end this process where what is inside takes longer."""
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)


@contextmanager
def _below_own_priority() -> Generator[None]:
    """Have threads that are begun inside run below this one, where it has real-time rights."""
    policy, own = os.sched_getscheduler(0), os.sched_getparam(0)
    if policy != os.SCHED_FIFO:
        yield
        return
    lower = os.sched_param(max(1, own.sched_priority - THREAD_PRIORITIES_BELOW))
    os.sched_setscheduler(0, policy, lower)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, own)
