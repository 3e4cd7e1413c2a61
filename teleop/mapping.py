"""Turns what a hand-held device says into a path of the tool; pure, the caller brings the time.

The target goes where the device points to while its button is held, in the axes that it moves; all
others stay at the value held, to the last bit. It is taken back to the setpoint at every press of
the button and whenever the two part, so that the tool is always where the person thinks it is.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robotd.core.clock import MonoNs, seconds_to_ns
from robotd.core.config import EnvelopeConfig
from robotd.core.config_teleop import TeleopConfig
from robotd.core.geometry import so3_exp, so3_log
from robotd.core.types import Plan
from teleop.deadman import DeadMan, Readiness, Reading
from teleop.deflection import TwistScale
from teleop.fence import Fence
from teleop.glide import VALID_S, Glide, approach

Array = NDArray[np.float64]

SPEED_SHARE = 0.85
"""Share of the envelope's tool speed that a target uses: the arm can always keep up with it."""

HELD_SLACK_M = 0.002
HELD_SLACK_RAD = 0.02
"""Where the tool is further than this from the value held, as something else moved it, that value
is taken anew: a press of the button never moves an axis that the device does not."""

_NO_TWIST = np.zeros(6)
_NO_SPEED = np.zeros((2, 6))


@dataclass(frozen=True, slots=True, kw_only=True)
class TeleopStep:
    """What came of one cycle.

    Attributes:
        readiness: What stands between the device and the arm.
        T_base_target: (4, 4) the target now [m].
        twist: (6,) its speed now [m/s, rad/s], in the base frame.
        anchored: The target was taken to the setpoint in this cycle.
        plan: What the arm is to follow; None once the target stands: the arm holds.
    """

    readiness: Readiness
    T_base_target: Array
    twist: Array
    anchored: bool
    plan: Plan | None


class TeleopMapping:
    """One device's target. `begin` where the tool stands, then `step` in every cycle."""

    def __init__(self, config: TeleopConfig, envelope: EnvelopeConfig) -> None:
        """Take the device's scale and the box in which the target stays."""
        self._scale = TwistScale(config, max_speed_m_s=SPEED_SHARE * envelope.tool_speed_m_s)
        self._fence = Fence(envelope)
        self._deadman = DeadMan(button=config.deadman_button, max_age_s=config.max_age_s)
        self._max_lead = (config.max_lead_m, config.max_lead_rad)
        self._glide = Glide.at_rest(np.eye(4), MonoNs(0))
        self._made_ns = MonoNs(0)
        self._settling_until_ns = MonoNs(0)

    def begin(self, now: MonoNs, T_base_cmd: Array) -> None:
        """Hold here: where teleoperation begins, and wherever something else has moved the tool.

        The device must be neutral before it moves anything.

        Args:
            now: The present instant.
            T_base_cmd: (4, 4) tool pose of the last setpoint [m].
        """
        self._glide = Glide.at_rest(T_base_cmd, now)
        self._made_ns = now
        self._settling_until_ns = now
        self._deadman.distrust()

    def step(
        self, now: MonoNs, reading: Reading | None, T_base_cmd: Array, *, epoch: int
    ) -> TeleopStep:
        """Do one cycle.

        Args:
            now: The present instant; may have come late.
            reading: The device's newest sample with its number, new or not; None before the first.
            T_base_cmd: (4, 4) tool pose of the last setpoint [m].
            epoch: Number of the plan, if one is made.
        """
        wanted = _NO_TWIST if reading is None else self._scale.twist(reading.sample.deflection)
        readiness = self._deadman.look(now, reading, deflected=bool(wanted.any()))
        T, speed, anchored = self._onset(now, T_base_cmd)
        if readiness is not Readiness.MOVING:
            wanted = _NO_TWIST
        wanted = np.concatenate((self._fence.slowed(T[:3, 3], wanted[:3]), wanted[3:]))
        self._glide = self._glide.onward(now, T, approach(speed, wanted), self._fence)
        self._made_ns = now
        return TeleopStep(
            readiness=readiness,
            T_base_target=T,
            twist=speed[0],
            anchored=anchored,
            plan=self._plan(now, epoch, moving=readiness is Readiness.MOVING),
        )

    def _onset(self, now: MonoNs, T_base_cmd: Array) -> tuple[Array, Array, bool]:
        """Return pose (4, 4) and speed (2, 6) to go on from, and whether that is the setpoint."""
        T_led, speed = self._glide.at(now)
        too_late = now - self._made_ns > seconds_to_ns(VALID_S)  # its plan ran out: the arm braked
        if too_late or self._parted(T_led, T_base_cmd):
            T_anchored = self._anchored(T_led, T_base_cmd)
            self._glide = Glide.at_rest(T_anchored, now)
            return T_anchored, _NO_SPEED, True
        if self._deadman.pressed:
            return self._anchored(T_led, T_base_cmd), speed, True
        return T_led, speed, False

    def _plan(self, now: MonoNs, epoch: int, *, moving: bool) -> Plan | None:
        """Return the plan while the button is held, or until the arm has caught up with it."""
        if moving or not self._glide.stands:
            self._settling_until_ns = MonoNs(now + seconds_to_ns(VALID_S))
        return self._glide.plan(epoch) if now < self._settling_until_ns else None

    def _parted(self, T: Array, T_base_cmd: Array) -> bool:
        gap_m, gap_rad = _gap(T, T_base_cmd)
        return gap_m > self._max_lead[0] or gap_rad > self._max_lead[1]

    def _anchored(self, T: Array, T_base_cmd: Array) -> Array:
        """Return the target at the setpoint: in the free axes, and in all if the others are off."""
        free = self._scale.free
        turn = so3_log(T_base_cmd[:3, :3] @ T[:3, :3].T)
        anchored = T.copy()
        anchored[:3, 3] = np.where(free[:3], T_base_cmd[:3, 3], T[:3, 3])
        if free[3:].any():
            anchored[:3, :3] = so3_exp(np.where(free[3:], turn, 0.0)) @ T[:3, :3]
        off_m, off_rad = _gap(anchored, T_base_cmd)
        if off_m > HELD_SLACK_M or off_rad > HELD_SLACK_RAD:
            return T_base_cmd.copy()
        return anchored


def _gap(T_a: Array, T_b: Array) -> tuple[float, float]:
    """Distance [m] and angle [rad] between two poses."""
    turn = so3_log(T_a[:3, :3].T @ T_b[:3, :3])
    return float(np.linalg.norm(T_a[:3, 3] - T_b[:3, 3])), float(np.linalg.norm(turn))
