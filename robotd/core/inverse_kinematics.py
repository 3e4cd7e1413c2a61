"""Inverse kinematics that stays on its branch: damped Newton steps from the previous setpoint."""

from dataclasses import dataclass
from math import hypot, inf, isfinite
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from robotd.core.chain import Axis, Chain, Pose, jacobian_rows, singularity_measures
from robotd.core.geometry.scalar import (
    Quat,
    quat_between,
    quat_of_columns,
    rotvec_of_quat,
)

Array = NDArray[np.float64]

_M_PER_RAD = 0.3  # a radian of tool rotation weighs as much as 0.3 m
_WEIGHTS = np.array([1.0, 1.0, 1.0, _M_PER_RAD, _M_PER_RAD, _M_PER_RAD])
_SINGULAR_BELOW = 0.02  # product of the singularity measures [m] under which steps are damped
_SINGULAR_DAMPING = 1e-3  # damping at a singularity [m²]; bounds a step to error / (2 * 0.03 m)


@dataclass(frozen=True, slots=True, kw_only=True)
class IkSolution:
    """The nearest that inverse kinematics came to a target.

    Attributes:
        q_rad: (6,) joint positions [rad], near the start, not wrapped.
        position_error_m: Distance left to the target [m]; inf for a target that is not finite.
        rotation_error_rad: Angle left to the target [rad]; inf for a target that is not finite.
        iterations: Newton steps tried.
    """

    q_rad: Array
    position_error_m: float
    rotation_error_rad: float
    iterations: int


class _Error(NamedTuple):
    cost: float  # squared weighted length [m²]
    twist: tuple[float, ...]  # weighted, base frame [m]
    position_m: float
    rotation_rad: float


def solve(
    chain: Chain,
    T_target: Array,
    q_start: list[float],
    *,
    max_step_rad: float,
    max_iterations: int,
    tolerance_m: float,
) -> IkSolution:
    """See `Kinematics.ik`, which checks the shapes and that `q_start` is finite."""
    start = np.array(q_start)
    x, y, z, p = T_target[:3].T.tolist()
    if not isfinite(sum(x + y + z + p)):
        return IkSolution(q_rad=start, position_error_m=inf, rotation_error_rad=inf, iterations=0)
    quat = quat_of_columns(x, y, z)
    axes, tcp = chain.at(q_start)
    q, best = start, _error(tcp, p, quat)
    jacobian_t = _weighted_jacobian(axes, tcp)
    damping = best.cost + _singular_damping(q_start, axes)
    iterations = 0
    while best.cost > tolerance_m * tolerance_m and iterations < max_iterations:
        iterations += 1
        trial = _bounded(start, q + _step(jacobian_t, best.twist, damping), max_step_rad)
        angles: list[float] = trial.tolist()
        axes, tcp = chain.at(angles)
        error = _error(tcp, p, quat)
        if error.cost < best.cost:
            q, best = trial, error
            jacobian_t = _weighted_jacobian(axes, tcp)
            damping = best.cost + _singular_damping(angles, axes)
        else:
            damping = 10.0 * damping + 1e-6
    return IkSolution(
        q_rad=q,
        position_error_m=best.position_m,
        rotation_error_rad=best.rotation_rad,
        iterations=iterations,
    )


def _error(tcp: Pose, p_target: list[float], quat_target: Quat) -> _Error:
    x, y, z, p = tcp
    e0, e1, e2 = p_target[0] - p[0], p_target[1] - p[1], p_target[2] - p[2]
    r0, r1, r2 = rotvec_of_quat(quat_between(quat_of_columns(x, y, z), quat_target))
    position, rotation = hypot(e0, e1, e2), hypot(r0, r1, r2)
    cost = position * position + _M_PER_RAD * _M_PER_RAD * rotation * rotation
    twist = (e0, e1, e2, _M_PER_RAD * r0, _M_PER_RAD * r1, _M_PER_RAD * r2)
    return _Error(cost, twist, position, rotation)


def _weighted_jacobian(axes: list[Axis], tcp: Pose) -> Array:
    """Transposed Jacobian (6, 6) in the units of the error [m/rad]."""
    return np.array(jacobian_rows(axes, tcp[3])) * _WEIGHTS


def _singular_damping(q: list[float], axes: list[Axis]) -> float:
    wrist, elbow, shoulder = singularity_measures(q, axes)
    near = max(0.0, 1.0 - wrist * elbow * shoulder / _SINGULAR_BELOW)
    return 1e-10 + _SINGULAR_DAMPING * near * near


def _step(jacobian_t: Array, twist: tuple[float, ...], damping: float) -> Array:
    """Minimiser of |J dq - twist|² + damping |dq|² [rad]; `damping` > 0 keeps it solvable."""
    normal = jacobian_t @ jacobian_t.T
    normal.flat[::7] += damping
    return np.asarray(np.linalg.solve(normal, jacobian_t @ np.array(twist)), dtype=np.float64)


def _bounded(start: Array, q: Array, max_step_rad: float) -> Array:
    """`q`, drawn back along the straight line to `start` until no joint is too far from it."""
    moved = q - start
    longest = float(np.abs(moved).max())
    return q if longest <= max_step_rad else start + moved * (max_step_rad / longest)
