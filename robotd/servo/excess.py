"""By how much joints lie beyond each single bound of the envelope: what has to come back to zero.

The gate asks whether a path is inside. On the way back from outside more is to be known: every
bound on its own, so that none is left further behind while another one is won back.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from robotd.core.arm_codes import Limit
from robotd.core.config import EnvelopeConfig
from robotd.core.kinematics import BatchPoints, Kinematics
from robotd.core.ur_models import UrModel

Array = NDArray[np.float64]

_JOINTS: Final = tuple((Limit.JOINT_RANGE, f"joint {joint} ", "rad") for joint in range(1, 7))
BOUNDS: Final[tuple[tuple[Limit, str, str], ...]] = (
    *((limit, f"{name}below its range", unit) for limit, name, unit in _JOINTS),
    *((limit, f"{name}above its range", unit) for limit, name, unit in _JOINTS),
    *((Limit.WORKSPACE, f"tool below the box in {axis}", "m") for axis in "xyz"),
    *((Limit.WORKSPACE, f"tool above the box in {axis}", "m") for axis in "xyz"),
    (Limit.TABLE, "tool below the table", "m"),
    (Limit.ELBOW, "elbow too near the table", "m"),
    (Limit.TOOL_CONE, "tool tilted too far", "rad"),
    (Limit.SINGULARITY, "arm too near a singularity", ""),
)
"""Each bound: its limit, in words, and the unit of an excess over it."""


class Excess:
    """The bounds of one cell on where the arm may stand; pure."""

    def __init__(self, *, envelope: EnvelopeConfig, model: UrModel, kinematics: Kinematics) -> None:
        """Take the bounds: the envelope's, and the vendor's where they are narrower."""
        self._kinematics = kinematics
        self._q_min = np.maximum(envelope.q_min_rad, model.joint_min_rad)
        self._q_max = np.minimum(envelope.q_max_rad, model.joint_max_rad)
        self._box_min = np.array(envelope.tool_box.min_m)
        self._box_max = np.array(envelope.tool_box.max_m)
        self._table_z = envelope.table_z_m
        self._elbow_z = envelope.table_z_m + envelope.elbow_clearance_m
        self._axis = np.array(envelope.tool_axis) / np.linalg.norm(envelope.tool_axis)
        self._cone = envelope.tool_cone_rad
        self._sigma = envelope.min_singular_value

    def of(self, q: Array, at: BatchPoints | None = None) -> Array:
        """Return (N, len(BOUNDS)) how far joints (N, 6) [rad] are beyond each bound; 0 inside.

        Args:
            q: The joints.
            at: Their points, where the caller has them already.
        """
        at = self._kinematics.points_batch(q) if at is None else at
        tcp, elbow = at.p_base_tcp, at.p_base_elbow
        tilt = np.arccos(np.clip(at.z_base_tcp @ self._axis, -1.0, 1.0))
        beyond = np.column_stack(
            (
                self._q_min - q,
                q - self._q_max,
                self._box_min - tcp,
                tcp - self._box_max,
                self._table_z - tcp[:, 2],
                self._elbow_z - elbow[:, 2],
                tilt - self._cone,
                self._sigma - self._smallest(at.J_base_tcp),
            )
        )
        return np.maximum(beyond, 0.0)

    def said(self, q: Array) -> list[str]:
        """Return what is outside at joints (6,) [rad], in words; nothing where all is inside."""
        beyond = self.of(q[np.newaxis])[0]
        return [
            f"{name} by {_text(float(value), unit)}"
            for value, (_, name, unit) in zip(beyond, BOUNDS, strict=True)
            if value > 0
        ]

    def _smallest(self, J: Array) -> Array:
        """(N,) smallest singular values; the bound itself where all are surely above it."""
        gram = J @ J.transpose(0, 2, 1)
        gram[:, range(6), range(6)] -= self._sigma * self._sigma
        try:
            np.linalg.cholesky(gram)
        except np.linalg.LinAlgError:
            return np.asarray(np.linalg.svd(J, compute_uv=False)[:, -1], dtype=np.float64)
        return np.full(len(J), self._sigma)


def _text(value: float, unit: str) -> str:
    if unit == "m":
        return f"{value * 1e3:.1f} mm"
    return f"{np.rad2deg(value):.1f} deg" if unit == "rad" else f"{value:.3f}"
