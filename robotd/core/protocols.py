"""The seams: what an arm, a camera, a teleoperation device, a policy and a clock promise."""

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from robotd.core.clock import MonoNs
from robotd.core.recovery import RecoveryStep
from robotd.core.spec import PolicySpec
from robotd.core.types import ArmState, Frame, PolicyRequest, Setpoint, TeleopSample


class Clock(Protocol):
    """A monotonic clock."""

    def now(self) -> MonoNs:
        """Return the present instant [ns]."""
        ...

    def sleep_until(self, t_ns: MonoNs) -> None:
        """Block until `t_ns`; returns at once where it has passed."""
        ...


class RobotArm(Protocol):
    """A position-servoed arm; used by one thread at a time.

    A context manager: leaving the block stops the arm, whatever the reason.
    """

    @property
    def rate_hz(self) -> float:
        """The controller's own servo rate [Hz]: 125 for a CB3, 500 for an e-Series."""
        ...

    def read(self) -> ArmState:
        """Return the newest state. Real-time: returns within 1 ms.

        Raises:
            DeviceError: The arm cannot be read.
        """
        ...

    def engage(self) -> None:
        """Make the controller follow setpoints, from rest. May block for seconds.

        Raises:
            DeviceError: The controller refused.
        """
        ...

    def servo(self, setpoint: Setpoint) -> None:
        """Track (6,) joint positions [rad] until the next call. Real-time: returns within 1 ms.

        Only `servo/gate.py` builds a `Setpoint` (a test holds this).

        Raises:
            DeviceError: The controller refused or is gone.
        """
        ...

    def disengage(self) -> None:
        """Make the controller stop following; brakes where it moves. Never raises."""
        ...

    def why(self) -> str:
        """Return what is known of why the controller stopped following, one sentence or nothing.

        Never raises, never blocks.
        """
        ...

    def recover(self, step: RecoveryStep) -> None:
        """Do one step on the way back from a stop; only while not engaged. May block for seconds.

        Raises:
            DeviceError: The controller refused, in its own words, or cannot be reached.
        """
        ...

    def __enter__(self) -> Self:
        """Connect."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the arm and disconnect. Never raises."""
        ...


class Camera(Protocol):
    """A source of frames; used by one thread. A context manager: opened on entry."""

    def read(self, timeout_s: float) -> Frame:
        """Block for the next frame.

        Raises:
            StaleDataError: None came within `timeout_s`.
            DeviceError: The camera is gone.
        """
        ...

    def __enter__(self) -> Self:
        """Open the camera."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the camera. Never raises."""
        ...


class Tracker(Protocol):
    """Takes one signal from the frames of one camera; used by the camera's thread."""

    @property
    def key(self) -> str:
        """Name of the signal, as in `cameras.<name>.tracks` and in a policy's spec."""
        ...

    @property
    def width(self) -> int:
        """Numbers in a sample."""
        ...

    def measure(self, frame: Frame) -> NDArray[np.float64] | None:
        """Return the (width,) sample of this frame, or None where it cannot be seen."""
        ...


class TeleopDevice(Protocol):
    """A hand-held device; used by one thread. A context manager: opened on entry."""

    def read(self) -> TeleopSample | None:
        """Return the newest sample since the last call, or None. Never blocks.

        Raises:
            DeviceError: The device is gone.
        """
        ...

    def __enter__(self) -> Self:
        """Open the device."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the device. Never raises."""
        ...


class Policy(Protocol):
    """Maps observations to chunks of actions; stateless; used by one thread."""

    @property
    def spec(self) -> PolicySpec:
        """What it sees and answers."""
        ...

    def infer(self, requests: Sequence[PolicyRequest]) -> list[NDArray[np.float32]]:
        """Answer a batch: one (spec.horizon, spec.action_dim) float32 array a request.

        The same batch gives the same chunks bit for bit. Another batch around the same request and
        seed gives the same chunk within the rounding of float32.

        Raises:
            WireError: A request does not fit the spec; its message names the key.
        """
        ...
