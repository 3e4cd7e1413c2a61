"""The items that flow from the cameras to the arm, in the order in which they are made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from robotd.core.arm_codes import ArmFault, ArmPhase, PauseCause, Source, Verdict
from robotd.core.arm_state import NO_FORCE, SAFETY_NORMAL, ArmState, Setpoint
from robotd.core.arrays import check_shape, freeze
from robotd.core.clock import MonoNs
from robotd.core.jog import JogOrder

__all__ = [
    "MAX_PLAN_ROWS",
    "NO_FORCE",
    "SAFETY_NORMAL",
    "ActionChunk",
    "ArmState",
    "ArmTick",
    "Frame",
    "Frames",
    "Meaning",
    "Observation",
    "Orders",
    "Plan",
    "PolicyRequest",
    "Setpoint",
    "Signal",
    "TeleopSample",
]

Meaning = Literal["command", "reached"]
"""`command`: a target given at that time; `reached`: a pose that the tool had at that time."""

MAX_PLAN_ROWS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One camera picture.

    Attributes:
        t_ns: When the light was captured, as calibrated.
        rgb: (H, W, 3) uint8, RGB.
        t_arrival_ns: When the driver got it.
        t_device_ns: What the device's own clock said; 0 where it has none.
        frame_number: The device's own count; -1 where it counts nothing.
        depth: (H, W) uint16 distances in units of `depth_unit_m`, 0 unknown; None without. It is
            there for trackers, in the camera's process: other processes and episodes have none.
        depth_unit_m: Of `depth` [m].
    """

    t_ns: MonoNs
    rgb: NDArray[np.uint8]
    t_arrival_ns: MonoNs
    t_device_ns: int = 0
    frame_number: int = -1
    depth: NDArray[np.uint16] | None = None
    depth_unit_m: float = 0.0

    def __post_init__(self) -> None:
        check_shape("Frame.rgb", self.rgb, (None, None, 3))
        freeze(self.rgb)
        if self.depth is not None:
            check_shape("Frame.depth", self.depth, (None, None))
            freeze(self.depth)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """Pictures of one camera, oldest first.

    Attributes:
        t_ns: (N,) int64, when each was captured.
        rgb: (N, H, W, 3) uint8, RGB.
    """

    t_ns: NDArray[np.int64]
    rgb: NDArray[np.uint8]

    def __post_init__(self) -> None:
        check_shape("Frames.t_ns", self.t_ns, (None,))
        check_shape("Frames.rgb", self.rgb, (self.t_ns.shape[0], None, None, 3))
        freeze(self.t_ns, self.rgb)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """Samples of one low-dimensional quantity, oldest first.

    Attributes:
        t_ns: (N,) int64, when each sample was true (captured), not when it arrived.
        value: (N, D) float64; units are those of the source.
    """

    t_ns: NDArray[np.int64]
    value: NDArray[np.float64]

    def __post_init__(self) -> None:
        check_shape("Signal.t_ns", self.t_ns, (None,))
        check_shape("Signal.value", self.value, (self.t_ns.shape[0], None))
        freeze(self.t_ns, self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a policy is shown: one window a key, all ending at `t_ns`.

    Attributes:
        t_ns: Capture time of the newest row; the time that rows of a chunk count from.
        window: Key of the policy's spec to its rows, oldest first.
    """

    t_ns: MonoNs
    window: Mapping[str, Frames | Signal]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRequest:
    """One observation as the policy's own arrays, with everything that decides the answer.

    Attributes:
        arrays: Key of the spec to (n_obs_steps, *shape) array of the spec's dtype, oldest first.
        seed: Seed of the sampling noise: same request and seed, same chunk.
        sampler: Name of one of the spec's samplers; empty for the spec's first.
        steps: Number of denoising steps; 0 for the sampler's default.
    """

    arrays: Mapping[str, NDArray[Any]]
    seed: int
    sampler: str = ""
    steps: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionChunk:
    """A policy's answer. Row i is due at `t_obs_ns + (i + i0) * dt_s`.

    Attributes:
        t_obs_ns: Capture time of the observation that it answers.
        dt_s: Spacing of the rows [s].
        i0: Offset of row 0 from the observation [rows].
        meaning: Whether a row is a target given, or a pose reached, at its due time.
        actions: (H, A) float64 in the units of the policy's action space.
        request_id: The request that it answers.
        seed: The request's noise seed.
    """

    t_obs_ns: MonoNs
    dt_s: float
    i0: int
    meaning: Meaning
    actions: NDArray[np.float64]
    request_id: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        check_shape("ActionChunk.actions", self.actions, (None, None))
        if not self.dt_s > 0:
            raise ValueError(f"ActionChunk.dt_s: got {self.dt_s} s, expected > 0")
        freeze(self.actions)

    def due_ns(self, row: int) -> MonoNs:
        """Return when row `row` is due."""
        return MonoNs(self.t_obs_ns + round((row + self.i0) * self.dt_s * 1e9))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A timed path of the tool, made by an executor or by teleoperation.

    Attributes:
        epoch: Number of the plan within its session, growing.
        t_ns: (N,) int64, strictly increasing: when each pose is to be commanded.
        T_base_tcp: (N, 4, 4) poses of the tool centre point in the base frame [m].
        valid_until_ns: After this the arm brakes, whatever the rows say.
        source: Who wants it.
    """

    epoch: int
    t_ns: NDArray[np.int64]
    T_base_tcp: NDArray[np.float64]
    valid_until_ns: MonoNs
    source: Source

    def __post_init__(self) -> None:
        check_shape("Plan.t_ns", self.t_ns, (None,))
        rows = self.t_ns.shape[0]
        check_shape("Plan.T_base_tcp", self.T_base_tcp, (rows, 4, 4))
        if not 1 <= rows <= MAX_PLAN_ROWS:
            raise ValueError(f"Plan: got {rows} rows, expected 1 to {MAX_PLAN_ROWS}")
        if not bool(np.all(self.t_ns[1:] > self.t_ns[:-1])):
            raise ValueError("Plan.t_ns: got times that do not increase, expected strictly growing")
        if not bool(np.all(np.isfinite(self.T_base_tcp))):
            raise ValueError("Plan.T_base_tcp: got a value that is not finite")
        freeze(self.t_ns, self.T_base_tcp)


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """All that the conductor tells the arm process: the whole content of the mailbox.

    Attributes:
        t_ns: When it was last written: the conductor's heartbeat.
        session: 0: disarmed. Otherwise the arming that it belongs to; the arm process obeys only a
            session that it saw begin, so nothing moves after a restart.
        plan: What to follow; None: brake and hold still.
        jog: Present in every order of a session of jogging, and in no other; such a session
            follows no plans, and may begin outside the envelope.
    """

    t_ns: MonoNs
    session: int
    plan: Plan | None
    jog: JogOrder | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmTick:
    """One cycle of the arm process: all that flows back.

    Attributes:
        t_ns: When the setpoint was handed to the arm.
        state: What was read at the start of the cycle.
        q_cmd_rad: (6,) joints commanded in this cycle [rad]; the measured ones while disarmed.
        T_base_cmd: (4, 4) pose of the tool at `q_cmd_rad` [m].
        verdict: The gate's.
        phase: What the arm process is doing.
        fault: Why it stopped, while `phase` is FAULT.
        hold: Why it follows no plan though the arm is well, until orders without a plan have come.
        session: The arming that it obeys; 0 while disarmed.
        plan_epoch: The plan followed; -1 for none.
        source: Who made that plan.
        refused_epoch: The newest plan of this session that was not followed, because it began too
            far away or held no rotation; -1 for none.
        late_ns: How late the cycle began after its deadline.
        skipped_n: Deadlines skipped before this cycle.
    """

    t_ns: MonoNs
    state: ArmState
    q_cmd_rad: NDArray[np.float64]
    T_base_cmd: NDArray[np.float64]
    verdict: Verdict = field(default_factory=lambda: Verdict(accepted=True))
    phase: ArmPhase = ArmPhase.DISARMED
    fault: ArmFault = ArmFault.NONE
    hold: PauseCause = PauseCause.NONE
    session: int = 0
    plan_epoch: int = -1
    source: Source = Source.HOLD
    refused_epoch: int = -1
    late_ns: int = 0
    skipped_n: int = 0

    def __post_init__(self) -> None:
        check_shape("ArmTick.q_cmd_rad", self.q_cmd_rad, (6,))
        check_shape("ArmTick.T_base_cmd", self.T_base_cmd, (4, 4))
        freeze(self.q_cmd_rad, self.T_base_cmd)


@dataclass(frozen=True, slots=True, kw_only=True)
class TeleopSample:
    """One reading of a hand-held device.

    Attributes:
        t_ns: When the device reported it; at rest, where some report nothing, when it was read.
        deflection: (6,) translation x y z and rotation x y z, each -1 to 1 of full scale.
        buttons: Pressed buttons, by index.
        number: Grows with every report of the device: what only repeats itself keeps it.
    """

    t_ns: MonoNs
    deflection: NDArray[np.float64]
    buttons: frozenset[int] = frozenset()
    number: int = 0

    def __post_init__(self) -> None:
        check_shape("TeleopSample.deflection", self.deflection, (6,))
        freeze(self.deflection)
