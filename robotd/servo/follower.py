"""Moves the setpoint along a plan, continuous in position, speed and acceleration.

Each tick takes a step from the last setpoint towards the plan, limited to a share of the tool's
speed limit, through inverse kinematics that stays on its branch. The step is a joint speed, which
an online trajectory generator (ruckig) approaches within limits of acceleration and jerk. The
generator follows speeds, not places: one that follows places makes up for lost ground faster than
the tool may move, which the gate would refuse. What it loses is a distance for the next steps.
"""

from math import cos, hypot, pi, sin, sqrt

import numpy as np
from numpy.typing import NDArray
from ruckig import (
    ControlInterface,
    InputParameter,
    OutputParameter,
    Result,
    Ruckig,
    RuckigError,
)

from robotd.core.config import EnvelopeConfig
from robotd.core.geometry.scalar import (
    Quat,
    columns_of_quat,
    quat_between,
    quat_of_columns,
    rotvec_of_quat,
)
from robotd.core.kinematics import Kinematics

Array = NDArray[np.float64]

SHARE = 0.9
"""Share of each of the gate's limits that the follower uses."""

_JOINTS = 6
_GAIN_S = 15.0  # how fast a small distance is made up for [1/s]
_CLOSING_M_S2 = 0.8  # a large one as fast as this deceleration can still end in time
_CLOSING_RAD_S2 = 2.0


class Follower:
    """The setpoint's state (q, v, a) and the step to the next one. Call `seed` first."""

    def __init__(self, *, envelope: EnvelopeConfig, kinematics: Kinematics, dt_s: float) -> None:
        """Take `SHARE` of the envelope's limits.

        Args:
            envelope: The gate's limits.
            kinematics: The arm with its tool.
            dt_s: Servo period [s].
        """
        self._dt_s = dt_s
        self._kinematics = kinematics
        self._tool_step = SHARE * envelope.tool_speed_m_s * dt_s
        self._joint_step = SHARE * envelope.joint_speed_rad_s * dt_s
        self._upper_arm_m = _upper_arm_m(kinematics)
        self._generator = Ruckig(_JOINTS, dt_s)
        self._state = InputParameter(_JOINTS)
        self._state.control_interface = ControlInterface.Velocity
        self._acceleration = SHARE * envelope.joint_acceleration_rad_s2
        self._state.max_acceleration = [self._acceleration] * _JOINTS
        self._state.max_jerk = [SHARE * envelope.joint_jerk_rad_s3] * _JOINTS
        self._next = OutputParameter(_JOINTS)

    def seed(self, q_rad: Array, qd_rad_s: Array, qdd_rad_s2: Array) -> None:
        """Continue from what the gate emitted: joints (6,) [rad], and their two derivatives."""
        self._state.current_position = q_rad.tolist()
        self._state.current_velocity = qd_rad_s.tolist()
        clipped = np.clip(qdd_rad_s2, -self._acceleration, self._acceleration)
        self._state.current_acceleration = clipped.tolist()

    def step(self, T_before: Array, T_now: Array) -> Array | None:
        """Return the next joints (6,) [rad], or None where the generator finds no way.

        Args:
            T_before: (4, 4) the plan's pose T_base_tcp one period ago [m].
            T_now: (4, 4) the plan's pose now.
        """
        q = np.array(self._state.current_position)
        moved = self._kinematics.ik(self._pose_step(q, T_before, T_now), q).q_rad - q
        self._state.target_velocity = (moved * (self._allowed(moved) / self._dt_s)).tolist()
        try:
            result = self._generator.update(self._state, self._next)
        except (
            RuckigError,
            ValueError,
        ):  # so the binding says most of what is an error code in C++
            return None
        if result not in (Result.Working, Result.Finished):
            return None
        self._next.pass_to_input(self._state)
        return np.array(self._next.new_position)

    def _pose_step(self, q: Array, T_before: Array, T_now: Array) -> Array:
        """The pose one period after `q`: the plan's own step, and part of what is missing."""
        T = self._kinematics.fk(q)
        missing = T_before[:3, 3] - T[:3, 3]
        step = T_now[:3, 3] - T_before[:3, 3] + missing * self._closing(missing, _CLOSING_M_S2)
        T[:3, 3] += step * min(1.0, self._tool_step / max(_length(step), 1e-12))
        quat, before = _quat(T), _quat(T_before)
        lacking = np.array(rotvec_of_quat(quat_between(quat, before)))
        turn = np.array(rotvec_of_quat(quat_between(before, _quat(T_now))))
        turn += lacking * self._closing(lacking, _CLOSING_RAD_S2)
        turn *= min(1.0, self._joint_step / max(_length(turn), 1e-12))
        T[:3, :3] = np.array(columns_of_quat(_turned(quat, turn))).T
        return T

    def _closing(self, missing: Array, deceleration: float) -> float:
        """Share of a distance that one period makes up for.

        Its speed is `_GAIN_S * d` near zero and goes over, without a kink, into the speed that the
        deceleration can still bring to rest on the way.
        """
        linear = deceleration / (_GAIN_S * _GAIN_S)
        distance = max(_length(missing), linear)
        return sqrt(2.0 * deceleration * (distance - 0.5 * linear)) / distance * self._dt_s

    def _allowed(self, moved: Array) -> float:
        """Share of a joint step that keeps to the limits of the joints and of the elbow."""
        fastest = max(float(np.abs(moved).max()), 1e-12)
        # Joint 1 moves the elbow across the arm's plane, joint 2 within it.
        elbow = max(self._upper_arm_m * hypot(moved[0], moved[1]), 1e-12)
        return min(1.0, self._joint_step / fastest, self._tool_step / elbow)


def _upper_arm_m(kinematics: Kinematics) -> float:
    """Distance of the elbow from the axis of joint 2 [m]: half its way through half a turn."""
    elbow = kinematics.points_batch(np.eye(_JOINTS)[1] * [[0.0], [pi]])
    return 0.5 * _length(elbow.p_base_elbow[1] - elbow.p_base_elbow[0])


def _length(vector: Array) -> float:
    x, y, z = vector.tolist()
    return hypot(x, y, z)


def _turned(quat: Quat, rotvec_rad: Array) -> Quat:
    """The rotation `quat` followed by a small turn in the outer frame."""
    x, y, z = rotvec_rad.tolist()
    half = 0.5 * hypot(x, y, z)
    share = 0.5 * sin(half) / max(half, 1e-300)
    w, i, j, k = quat
    return quat_between((w, -i, -j, -k), (cos(half), share * x, share * y, share * z))


def _quat(T: Array) -> Quat:
    x, y, z, _ = T[:3].T.tolist()
    return quat_of_columns(x, y, z)
