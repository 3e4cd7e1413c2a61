"""What the motors and the tool's sensor feel: gravity, friction, and what pushes from outside.

Plausible figures, not measured ones: enough for a force guard to have something to act on.
"""

from typing import Final

import numpy as np

from robotd.core.chain import Axis, Pose, jacobian_rows

GRAVITY_M_S2: Final = 9.82
NM_PER_A: Final = (12.5, 12.5, 12.5, 9.3, 9.3, 9.3)
"""Torque of a joint over its motor's current: a UR5-size gear of 101 and its motor constants."""

_LINK_KG: Final = (8.06, 2.85, 3.0)
"""Upper arm, forearm, wrist: near the masses that the vendor publishes for a UR5e."""
_FRICTION_NM_S: Final = (8.0, 8.0, 8.0, 3.0, 3.0, 3.0)
_CONTACT_NM_PER_RAD: Final = 400.0
_CONTACT_NM: Final = (150.0, 150.0, 150.0, 28.0, 28.0, 28.0)

_NOISE: Final[list[list[float]]] = np.random.default_rng(7).uniform(-0.15, 0.15, (251, 6)).tolist()


def noise(cycle: int) -> list[float]:
    """What the tool's sensor adds in that cycle (6,) [N, Nm]: the same in every run."""
    return _NOISE[cycle % len(_NOISE)]


def holding_torques(axes: list[Axis], tcp: Pose, payload_kg: float) -> list[float]:
    """Torques that hold the arm and its payload against gravity (6,) [Nm]."""
    shoulder, elbow, wrist = (axes[i][3:6] for i in (1, 2, 3))
    parts = (
        (_LINK_KG[0], _middle(shoulder, elbow)),
        (_LINK_KG[1], _middle(elbow, wrist)),
        (_LINK_KG[2], axes[5][3:6]),
        (payload_kg, tcp[3]),
    )
    first_joint = (1, 2, 3, 5)  # which joints carry which part: those before it
    torques = [0.0] * 6
    for (mass, (px, py, _)), last in zip(parts, first_joint, strict=True):
        for i in range(last + 1):
            zx, zy, _, ox, oy, _ = axes[i]
            torques[i] += mass * GRAVITY_M_S2 * (zx * (py - oy) - zy * (px - ox))
    return torques


def contact_torques(ref: list[float], q: list[float], blocked: set[int]) -> list[float]:
    """Torques with which blocked joints press on, more the further they are behind (6,) [Nm]."""
    return [
        max(-top, min(top, _CONTACT_NM_PER_RAD * (r - a))) if i in blocked else 0.0
        for i, (r, a, top) in enumerate(zip(ref, q, _CONTACT_NM, strict=True))
    ]


def friction_torques(qd: list[float]) -> list[float]:
    """Torques that friction takes (6,) [Nm]."""
    return [v * f for v, f in zip(qd, _FRICTION_NM_S, strict=True)]


def joint_torques(axes: list[Axis], tcp: Pose, wrench: list[float]) -> list[float]:
    """Torques that hold against a wrench on the tool (6,) [N, Nm], base frame (6,) [Nm]."""
    rows = jacobian_rows(axes, tcp[3])
    return [-sum(j * f for j, f in zip(row, wrench, strict=True)) for row in rows]


def tool_wrench(axes: list[Axis], tcp: Pose, torques: list[float]) -> list[float]:
    """The wrench on the tool that those contact torques come from (6,) [N, Nm], base frame."""
    rows = np.array(jacobian_rows(axes, tcp[3]))
    normal = rows.T @ rows
    normal.flat[::7] += 1e-3
    found: list[float] = (-np.linalg.solve(normal, rows.T @ np.array(torques))).tolist()
    return found


def _middle(
    a: tuple[float, float, float], b: tuple[float, float, float]
) -> tuple[float, float, float]:
    return (a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2
