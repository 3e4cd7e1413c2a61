"""Forward, inverse and batch kinematics of a UR arm, fast enough for a 500 Hz loop."""

from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from robotd.core.chain import Chain, jacobian_rows, singularity_measures
from robotd.core.inverse_kinematics import IkSolution, solve
from robotd.core.ur_models import DhParameters

__all__ = ["BatchPoints", "DhParameters", "IkSolution", "Kinematics"]

Array = NDArray[np.float64]

# Where a batch finds what it carries inwards, in the order in which it joins.
_TCP, _ELBOW = 0, 10
_LINEAR, _ANGULAR = [13, 11, 8, 6, 4, 2], [14, 12, 9, 7, 5, 3]  # columns of joints 1 to 6
_CARRIED = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPoints:
    """Where the parts of the arm are that a safety check looks at, for N configurations.

    Positions are in the base frame [m].

    Attributes:
        p_base_tcp: (N, 3) tool centre point.
        z_base_tcp: (N, 3) unit z axis of the tool.
        p_base_elbow: (N, 3) elbow: where the axis of joint 3 crosses the plane of the upper arm.
        J_base_tcp: (N, 6, 6) Jacobian as in `Kinematics.jacobian`.
    """

    p_base_tcp: Array
    z_base_tcp: Array
    p_base_elbow: Array
    J_base_tcp: Array


class Kinematics:
    """One arm with one tool; immutable, so that calls share no state.

    Angles are never wrapped: q and q + 2 pi are two configurations with one pose.
    """

    def __init__(self, dh: DhParameters, T_flange_tcp: Array | None = None) -> None:
        """Precompute the constants.

        Args:
            dh: The model's parameters, or the cell's own calibrated ones.
            T_flange_tcp: (4, 4) pose of the tool centre point in the flange frame [m]; None puts
                it on the flange.

        Raises:
            ValueError: `T_flange_tcp` is not a finite (4, 4) array.
        """
        tool = np.eye(4) if T_flange_tcp is None else np.array(T_flange_tcp, dtype=np.float64)
        if tool.shape != (4, 4) or not np.isfinite(tool).all():
            raise ValueError(f"T_flange_tcp: expected a finite (4, 4) pose, got {tool.tolist()}")
        self._chain = Chain(dh, tool)
        self._theta_rad = dh.theta_rad
        fixed = [_fixed_part(dh, joint) for joint in range(6)]
        self._fixed_T = [np.ascontiguousarray(part.T) for part in fixed]
        # Calibrated axes 2 and 3 can meet far away: back along axis 3 to the arm's own plane.
        elbow = np.array([0.0, 0.0, -dh.d_m[1] / np.cos(dh.alpha_rad[1]), 1.0])
        # The points that a batch carries inwards, by the joint at which they set out.
        self._joining: dict[int, list[Array]] = {
            5: [fixed[5] @ tool[:, 3], fixed[5] @ tool[:, 2]],
            1: [fixed[1] @ elbow],
        }

    def fk(self, q: Array) -> Array:
        """Pose of the tool for one configuration.

        Args:
            q: (6,) joint positions [rad].

        Returns:
            T_base_tcp (4, 4) [m].

        Raises:
            ValueError: `q` is not six finite numbers.
        """
        (x0, x1, x2), (y0, y1, y2), (z0, z1, z2), (p0, p1, p2) = self._chain.at(_angles(q))[1]
        return np.array(
            (
                (x0, y0, z0, p0),
                (x1, y1, z1, p1),
                (x2, y2, z2, p2),
                (0.0, 0.0, 0.0, 1.0),
            )
        )

    def jacobian(self, q: Array) -> Array:
        """Geometric Jacobian of the tool centre point, in the base frame.

        Args:
            q: (6,) joint positions [rad].

        Returns:
            (6, 6): rows 0-2 linear [m/rad], rows 3-5 angular [rad/rad].

        Raises:
            ValueError: `q` is not six finite numbers.
        """
        axes, tcp = self._chain.at(_angles(q))
        return np.array(jacobian_rows(axes, tcp[3])).T.copy()

    def sigma_min(self, q: Array) -> float:
        """Smallest singular value of the Jacobian, metres and radians as they are; q as in `fk`."""
        return float(np.linalg.svd(self.jacobian(q), compute_uv=False)[-1])

    def singularity(self, q: Array) -> tuple[float, float, float]:
        """Wrist, elbow and shoulder [m], as in `chain.singularity_measures`; q as in `fk`."""
        angles = _angles(q)
        return singularity_measures(angles, self._chain.at(angles)[0])

    def ik(
        self,
        T_target: Array,
        q_start: Array,
        *,
        max_step_rad: float = 0.1,
        max_iterations: int = 5,
        tolerance_m: float = 1e-8,
    ) -> IkSolution:
        """The configuration nearest to `q_start` that brings the tool to a pose.

        Gauss-Newton, damped by the error (Sugihara 2011, "Solvability-unconcerned inverse
        kinematics by the Levenberg-Marquardt method") and near singularities (Nakamura and
        Hanafusa 1986). A step that does not come nearer is undone and damped more, so the result is
        never further from the target than the start. An unreachable target gives the best pose
        found, a target that is not finite the start. Joint ranges are the caller's business.

        Args:
            T_target: (4, 4) wanted pose T_base_tcp [m].
            q_start: (6,) where to start, the previous setpoint [rad].
            max_step_rad: No joint ends further than this from `q_start` [rad].
            max_iterations: Bound on the steps, hence on the time.
            tolerance_m: Error at which to stop [m]; one radian counts as 0.3 m.

        Raises:
            ValueError: A wrong shape, or a `q_start` that is not finite.
        """
        if T_target.shape != (4, 4):
            raise ValueError(f"T_target: got shape {T_target.shape}, expected (4, 4)")
        return solve(
            self._chain,
            T_target,
            _angles(q_start),
            max_step_rad=max_step_rad,
            max_iterations=max_iterations,
            tolerance_m=tolerance_m,
        )

    def points_batch(self, q: Array) -> BatchPoints:
        """Points and Jacobians of many configurations at once.

        All points are carried from the tool to the base together; a joint's turn is one complex
        product. Numbers that are not finite come out as not finite.

        Args:
            q: (N, 6) joint positions [rad].

        Raises:
            ValueError: `q` is not of shape (N, 6).
        """
        if q.ndim != 2 or q.shape[1] != 6:
            raise ValueError(f"q: got shape {q.shape}, expected (N, 6)")
        turns = np.empty((6, len(q)), dtype=np.complex128)
        angles = np.add(q, self._theta_rad).T
        np.cos(angles, out=turns.real)
        np.sin(angles, out=turns.imag)
        points = np.empty((_CARRIED, len(q), 4))
        plane = points.view(np.complex128)[:, :, 0]  # x + iy
        jacobian_t = np.empty((len(q), 6, 6))
        count = 0
        for joint in range(5, -1, -1):
            if count:
                points[:count] = points[:count] @ self._fixed_T[joint]
            for point in self._joining.get(joint, ()):
                points[count] = point
                count += 1
            plane[:count] *= turns[joint]
            # The joint's own column: here its axis is z through the origin.
            points[count : count + 2] = 0.0
            plane[count] = 1j * plane[_TCP]
            points[count + 1, :, 2] = 1.0
            count += 2
        jacobian_t[:, :, :3] = points[_LINEAR, :, :3].transpose(1, 0, 2)
        jacobian_t[:, :, 3:] = points[_ANGULAR, :, :3].transpose(1, 0, 2)
        return BatchPoints(
            p_base_tcp=points[_TCP, :, :3],
            z_base_tcp=points[_TCP + 1, :, :3],
            p_base_elbow=points[_ELBOW, :, :3],
            J_base_tcp=jacobian_t.transpose(0, 2, 1),
        )


def _fixed_part(dh: DhParameters, joint: int) -> Array:
    """Tz(d) Tx(a) Rx(alpha) of one link (4, 4)."""
    c, s = np.cos(dh.alpha_rad[joint]), np.sin(dh.alpha_rad[joint])
    return np.array(
        (
            (1.0, 0.0, 0.0, dh.a_m[joint]),
            (0.0, c, -s, 0.0),
            (0.0, s, c, dh.d_m[joint]),
            (0.0, 0.0, 0.0, 1.0),
        )
    )


def _angles(q: Array) -> list[float]:
    """Six finite floats."""
    if q.shape != (6,):
        raise ValueError(f"q: got shape {q.shape}, expected (6,)")
    angles: list[float] = q.tolist()
    if not isfinite(sum(angles)):
        raise ValueError(f"q: expected finite angles [rad], got {angles}")
    return angles
