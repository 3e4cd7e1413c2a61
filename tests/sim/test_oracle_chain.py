"""The oracle's kinematics against the vendor's points, another library, and what it judges."""

import numpy as np
import pytest
import ur_analytic_ik

from robotd.core.geometry import pose_from_quat
from robotd.core.kinematics import DhParameters, Kinematics
from robotd.core.ur_models import UR5, UR5E, UR_MODELS
from robotd.sim.oracle_chain import OracleChain

VENDOR = {"ur5": ur_analytic_ik.ur5, "ur5e": ur_analytic_ik.ur5e}
MODELS = pytest.mark.parametrize("name", UR_MODELS)
NO_TOOL = ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0))
TOOL = ((0.02, -0.01, 0.15), (0.9, 0.1, -0.2, 0.3))
# An elbow axis tilted by 2 mrad about the upper arm: the origin of frame 2 is then somewhere else.
_TILT = np.array([0.0, 2e-3, 0, 0, 0, 0])
CALIBRATED = DhParameters(
    a_m=UR5E.dh.a_m,
    d_m=UR5E.dh.d_m + np.array([0.0, 150.0, -150.0, 0.0, 0.0, 0.0]),
    alpha_rad=UR5E.dh.alpha_rad + _TILT,
    theta_rad=np.array([0.0, 1e-3, -1e-3, 0.0, 0.0, 0.0]),
)
UPRIGHT = (0.0, -np.pi / 2, 0.0, -np.pi / 2, 0.0, 0.0)


@pytest.mark.parametrize(
    ("name", "q", "flange_m", "elbow_m"),
    [
        # Universal Robots, "DH Parameters for calculations of kinematics and dynamics": the pose
        # of the flange with every joint at zero, and what follows from the links standing upright.
        ("ur5e", (0.0,) * 6, (-0.8172, -0.2329, 0.0628), (-0.425, 0.0, 0.1625)),
        ("ur5", (0.0,) * 6, (-0.81725, -0.19145, -0.005491), (-0.425, 0.0, 0.089159)),
        ("ur5e", UPRIGHT, (0.0, -0.2329, 1.0794), (0.0, 0.0, 0.5875)),
        ("ur5", UPRIGHT, (0.0, -0.19145, 1.001059), (0.0, 0.0, 0.514159)),
    ],
)
def test_the_vendors_points(name, q, flange_m, elbow_m):
    parts = OracleChain(UR_MODELS[name].dh, *NO_TOOL).parts(np.array(q))

    np.testing.assert_allclose(parts.tool_point, flange_m, atol=1e-12)
    np.testing.assert_allclose(parts.elbow, elbow_m, atol=1e-12)


@MODELS
def test_an_independent_library_says_the_same(name):
    chain = OracleChain(UR_MODELS[name].dh, *NO_TOOL)
    for q in np.random.default_rng(2).uniform(-2 * np.pi, 2 * np.pi, (200, 6)):
        expected = VENDOR[name].forward_kinematics(*q)
        np.testing.assert_allclose(chain.parts(q).T_base_flange, expected, atol=1e-12)


@pytest.mark.parametrize("dh", [UR5.dh, UR5E.dh, CALIBRATED], ids=["ur5", "ur5e", "calibrated"])
def test_all_parts_are_where_the_kinematics_that_it_judges_has_them(dh):
    chain = OracleChain(dh, *TOOL)
    ours = Kinematics(dh, pose_from_quat(*TOOL))
    for q in np.random.default_rng(3).uniform(-2 * np.pi, 2 * np.pi, (100, 6)):
        parts, expected = chain.parts(q), ours.points_batch(q[None])
        np.testing.assert_allclose(parts.tool_point, expected.p_base_tcp[0], atol=1e-9)
        np.testing.assert_allclose(parts.tool_axis, expected.z_base_tcp[0], atol=1e-9)
        np.testing.assert_allclose(parts.elbow, expected.p_base_elbow[0], atol=1e-9)
        sigma = np.linalg.svd(expected.J_base_tcp[0], compute_uv=False)[-1]
        assert parts.smallest_singular_value == pytest.approx(sigma, abs=1e-9)
