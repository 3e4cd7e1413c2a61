"""What the controller's reference can be doing: one class a kind of motion, all pure.

A motion moves the reference by one controller cycle at a time. One that is begun while the joints
still move brakes them first, so it can be begun, and begun again after a pause, at any time.
"""

from collections.abc import Callable
from math import exp
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from robotd.core.errors import RobotdError
from robotd.core.geometry import interpolate_pose, pose_distance
from robotd.core.kinematics import Kinematics
from robotd.sim.ur.arm.trapezoid import Trapezoid

Array = NDArray[np.float64]

STOP_RAD_S2: Final = 10.0
"""How the controller brakes by itself."""

_REST_RAD_S: Final = 1e-9
_RAD_PER_M: Final = 4.0  # how a tool deceleration is turned into one of the joints


class MotionError(RobotdError):
    """A motion that a program asked for cannot be done; the program ends."""


class Reference:
    """Where the controller wants the joints to be.

    Attributes:
        q: Six joints [rad].
        qd: Their speeds [rad/s].
    """

    __slots__ = ("q", "qd")

    def __init__(self, q: list[float]) -> None:
        self.q = list(q)
        self.qd = [0.0] * 6

    @property
    def at_rest(self) -> bool:
        """Whether it stands still."""
        return not any(self.qd)

    def go(self, q: list[float], dt_s: float) -> None:
        """Be at `q` after `dt_s`."""
        self.qd = [(new - old) / dt_s for new, old in zip(q, self.q, strict=True)]
        self.q = q


class Motion(Protocol):
    """One kind of motion."""

    @property
    def done(self) -> bool:
        """Whether it has come to its end."""
        ...

    def step(self, ref: Reference, dt_s: float) -> None:
        """Move the reference on.

        Raises:
            MotionError: There is no way to go on.
        """
        ...


class Brake:
    """Straight on in joint space, the fastest joint at a deceleration, to rest."""

    def __init__(self, deceleration_rad_s2: float = STOP_RAD_S2) -> None:
        self._deceleration = max(deceleration_rad_s2, 0.01)
        self.done = False

    def step(self, ref: Reference, dt_s: float) -> None:
        """See `Motion`."""
        self.done = _brake(ref, self._deceleration, dt_s)


class Servo:
    """`servoj`: a target that changes in every cycle, smoothed by the lookahead time.

    Two equal lags of half the lookahead time each, so that a target moving at constant speed is
    followed one lookahead time behind. That is a model of what users measured (about 34 ms at
    0.03 s, 0.1 s at 0.1 s), not the vendor's algorithm, which is not published.
    """

    done = True

    def __init__(self, ref: Reference) -> None:
        self._target = list(ref.q)
        self._between: list[float] | None = None
        self._lag_s = 0.05

    def aim(self, q: list[float], lookahead_s: float) -> None:
        """Change the target."""
        self._target, self._lag_s = q, 0.5 * lookahead_s

    def step(self, ref: Reference, dt_s: float) -> None:
        """See `Motion`; the exact answer to a target that stays for a cycle."""
        tau = self._lag_s
        between = self._between
        if between is None:  # goes on at the speed that there is
            between = [q + qd * tau for q, qd in zip(ref.q, ref.qd, strict=True)]
        e = exp(-dt_s / tau)
        r = e * dt_s / tau
        q: list[float] = []
        first: list[float] = []
        for u, y1, y2 in zip(self._target, between, ref.q, strict=True):
            ahead = y1 - u
            first.append(u + ahead * e)
            q.append(u + (y2 - u) * e + ahead * r)
        self._between = first
        ref.go(q, dt_s)


class MoveJoints:
    """`movej`: all joints start and arrive together; the leading one has the trapezoid."""

    def __init__(self, goal: list[float], *, speed: float, acceleration: float, t_s: float) -> None:
        self._goal = goal
        self._speed, self._acceleration, self._t_s = speed, acceleration, t_s
        self._start: list[float] = []
        self._way: Trapezoid | None = None
        self._passed_s = 0.0
        self.done = False

    def again(self) -> "MoveJoints":
        """The same move from wherever the joints are then."""
        return MoveJoints(
            self._goal, speed=self._speed, acceleration=self._acceleration, t_s=self._t_s
        )

    def step(self, ref: Reference, dt_s: float) -> None:
        """See `Motion`."""
        if self._way is None:
            if not ref.at_rest:
                _brake(ref, self._acceleration, dt_s)
                return
            self._start = list(ref.q)
            leads = max(abs(b - a) for a, b in zip(self._start, self._goal, strict=True))
            self._way = Trapezoid(leads, self._speed, self._acceleration, self._t_s)
        self._passed_s += dt_s
        share = self._way.share(self._passed_s)
        ref.go(
            [a + share * (b - a) for a, b in zip(self._start, self._goal, strict=True)],
            dt_s,
        )
        self.done = self._passed_s >= self._way.duration_s
        if self.done:
            ref.q, ref.qd = list(self._goal), [0.0] * 6


class MoveLine:
    """`movel`: the tool on a straight line, its rotation along the shortest turn."""

    def __init__(
        self,
        kinematics: Kinematics,
        T_goal: Array,
        *,
        speed: float,
        acceleration: float,
        t_s: float,
    ) -> None:
        self._kinematics, self._T_goal = kinematics, T_goal
        self._speed, self._acceleration, self._t_s = speed, acceleration, t_s
        self._T_start = T_goal
        self._way: Trapezoid | None = None
        self._passed_s = 0.0
        self.done = False

    def again(self) -> "MoveLine":
        """The same move from wherever the tool is then."""
        return MoveLine(
            self._kinematics,
            self._T_goal,
            speed=self._speed,
            acceleration=self._acceleration,
            t_s=self._t_s,
        )

    def step(self, ref: Reference, dt_s: float) -> None:
        """See `Motion`."""
        if self._way is None:
            if not ref.at_rest:
                _brake(ref, STOP_RAD_S2, dt_s)
                return
            self._T_start = self._kinematics.fk(np.array(ref.q))
            gap_m, turn_rad = pose_distance(self._T_start, self._T_goal)
            length = max(float(gap_m), float(turn_rad) / _RAD_PER_M)
            self._way = Trapezoid(length, self._speed, self._acceleration, self._t_s)
        self._passed_s += dt_s
        share = self._way.share(self._passed_s)
        T = interpolate_pose(self._T_start, self._T_goal, share)
        found = self._kinematics.ik(T, np.array(ref.q), max_iterations=20)
        if found.position_error_m > 1e-4 or found.rotation_error_rad > 1e-3:
            raise MotionError("movel: the tool cannot follow the line from here")
        ref.go(found.q_rad.tolist(), dt_s)
        self.done = self._passed_s >= self._way.duration_s
        if self.done:
            ref.qd = [0.0] * 6


class SpeedJoints:
    """`speedj`: joint speeds, reached at an acceleration, until something else is commanded."""

    done = True

    def __init__(self, qd: Callable[[Reference], list[float]], acceleration: float) -> None:
        """Take the wanted speeds as a function of where the joints are."""
        self._wanted, self._acceleration = qd, acceleration

    def step(self, ref: Reference, dt_s: float) -> None:
        """See `Motion`."""
        wanted = self._wanted(ref)
        change = [b - a for a, b in zip(ref.qd, wanted, strict=True)]
        largest = max(map(abs, change))
        share = min(1.0, self._acceleration * dt_s / largest) if largest > 0 else 1.0
        qd = [a + share * d for a, d in zip(ref.qd, change, strict=True)]
        ref.q = [a + v * dt_s for a, v in zip(ref.q, qd, strict=True)]
        ref.qd = qd


def tool_speeds(kinematics: Kinematics, twist: list[float]) -> Callable[[Reference], list[float]]:
    """Joint speeds that move the tool with a twist [m/s, rad/s], damped near a singularity."""
    wanted = np.array(twist)

    def speeds(ref: Reference) -> list[float]:
        jacobian = kinematics.jacobian(np.array(ref.q))
        normal = jacobian @ jacobian.T
        normal.flat[::7] += 1e-8
        found: list[float] = (jacobian.T @ np.linalg.solve(normal, wanted)).tolist()
        return found

    return speeds


def joint_deceleration(tool_m_s2: float) -> float:
    """Joint deceleration [rad/s²] that stands for one of the tool [m/s²]."""
    return _RAD_PER_M * tool_m_s2


def _brake(ref: Reference, deceleration: float, dt_s: float) -> bool:
    """Brake one cycle further; True once at rest."""
    fastest = max(map(abs, ref.qd))
    if fastest <= _REST_RAD_S:
        ref.qd = [0.0] * 6
        return True
    time_s = min(dt_s, fastest / deceleration)
    keeps = max(0.0, 1.0 - deceleration * time_s / fastest)
    mean_s = 0.5 * (1.0 + keeps) * time_s
    ref.q = [q + v * mean_s for q, v in zip(ref.q, ref.qd, strict=True)]
    ref.qd = [v * keeps for v in ref.qd]
    return keeps == 0.0
