from functools import reduce
from math import cos, pi, sin

import numpy as np
import pytest
import ur_analytic_ik
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from robotd.core.kinematics import DhParameters, Kinematics
from robotd.core.ur_models import UR5, UR5E, UR_MODELS, ur_model

MODELS = pytest.mark.parametrize("model", UR_MODELS.values(), ids=UR_MODELS)
VENDOR = {"ur5": ur_analytic_ik.ur5, "ur5e": ur_analytic_ik.ur5e}
TOOL = np.array([[0.0, -1.0, 0, 0.02], [1, 0, 0, -0.01], [0, 0, 1, 0.13], [0, 0, 0, 1]])
HOME = np.array([0.1, -1.9, 1.8, -1.5, -1.6, 0.4])
angles = arrays(np.float64, 6, elements=st.floats(-2 * pi, 2 * pi))


def calibrated():
    """A UR5e whose elbow axis is tilted by 1 and 2 mrad, as a factory calibration would find.

    The common normal of the two nearly parallel axes, from which DH measures, then lies a hundred
    metres away. Link 2 is derived from the lines, and link 3 takes the detour back.
    """
    point, direction = np.array([-0.425, 0.0, 0.0]), np.array([1e-3, -2e-3, 1.0])
    direction /= np.linalg.norm(direction)
    normal = np.cross([0.0, 0.0, 1.0], direction)
    sin_alpha = np.linalg.norm(normal)
    normal /= sin_alpha
    along = -(direction[:2] @ point[:2]) / sin_alpha**2  # foot of the normal on the tilted axis
    foot = point + along * direction
    nominal = UR5E.dh
    return DhParameters(
        a_m=np.concatenate(([0.0, foot @ normal], nominal.a_m[2:])),
        d_m=np.concatenate((nominal.d_m[:1], [foot[2], -along], nominal.d_m[3:])),
        alpha_rad=np.concatenate(([pi / 2, np.arcsin(sin_alpha)], nominal.alpha_rad[2:])),
        theta_rad=np.array([0.0, np.arctan2(normal[1], normal[0]), 0.0, 0.0, 0.0, 0.0]),
    )


CALIBRATED = calibrated()


def written_out_fk(dh, q):
    """An independent FK: the product of the four elementary 4x4 matrices of each link."""

    def rot_z(t):
        return np.array(
            [[cos(t), -sin(t), 0, 0], [sin(t), cos(t), 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
        )

    def rot_x(t):
        return np.array(
            [[1, 0, 0, 0], [0, cos(t), -sin(t), 0], [0, sin(t), cos(t), 0], [0, 0, 0, 1]]
        )

    def shift(x, z):
        return np.array([[1, 0, 0, x], [0, 1, 0, 0], [0, 0, 1, z], [0, 0, 0, 1.0]])

    links = zip(q, dh.theta_rad, dh.a_m, dh.d_m, dh.alpha_rad, strict=True)
    return list(_cumulative([rot_z(t + o) @ shift(a, d) @ rot_x(al) for t, o, a, d, al in links]))


def _cumulative(links):
    for n in range(1, len(links) + 1):
        yield reduce(np.matmul, links[:n])


def test_the_zero_pose_of_the_ur5e_is_the_vendors():
    T = Kinematics(UR5E.dh).fk(np.zeros(6))

    np.testing.assert_allclose(T[:3, 3], [-0.8172, -0.2329, 0.0628], atol=1e-12)
    np.testing.assert_allclose(T[:3, :3], [[1, 0, 0], [0, 0, -1], [0, 1, 0]], atol=1e-12)


def test_the_zero_pose_of_the_ur5_follows_from_its_table():
    T = Kinematics(UR5.dh).fk(np.zeros(6))

    np.testing.assert_allclose(T[:3, 3], [-0.81725, -0.19145, -0.005491], atol=1e-12)


def test_the_ur5e_standing_upright_is_as_high_as_its_links_are_long():
    T = Kinematics(UR5E.dh).fk(np.array([0, -pi / 2, 0, -pi / 2, 0, 0]))

    np.testing.assert_allclose(
        T[:3, 3], [0, -0.1333 - 0.0996, 0.1625 + 0.8172 + 0.0997], atol=1e-12
    )


@MODELS
@given(q=angles)
@settings(max_examples=60, deadline=None)
def test_fk_agrees_with_an_independent_library(model, q):
    expected = VENDOR[model.name].forward_kinematics(*q)

    np.testing.assert_allclose(Kinematics(model.dh).fk(q), expected, atol=1e-12)


@pytest.mark.parametrize("dh", [UR5.dh, UR5E.dh, CALIBRATED], ids=["ur5", "ur5e", "calibrated"])
@given(q=angles)
@settings(max_examples=40, deadline=None)
def test_fk_with_a_tool_agrees_with_the_written_out_product(dh, q):
    expected = written_out_fk(dh, q)[-1] @ TOOL

    np.testing.assert_allclose(Kinematics(dh, TOOL).fk(q), expected, atol=1e-10)


@pytest.mark.parametrize("dh", [UR5.dh, UR5E.dh, CALIBRATED], ids=["ur5", "ur5e", "calibrated"])
def test_a_batch_agrees_with_the_written_out_product_row_by_row(dh):
    q = np.random.default_rng(1).uniform(-2 * pi, 2 * pi, (40, 6))

    points = Kinematics(dh, TOOL).points_batch(q)

    for n, row in enumerate(q):
        links = written_out_fk(dh, row)
        tcp = links[5] @ TOOL
        np.testing.assert_allclose(points.p_base_tcp[n], tcp[:3, 3], atol=1e-10)
        np.testing.assert_allclose(points.z_base_tcp[n], tcp[:3, 2], atol=1e-10)


def test_the_elbow_of_the_nominal_arm_is_the_origin_of_its_second_frame():
    q = np.random.default_rng(2).uniform(-pi, pi, (20, 6))

    elbow = Kinematics(UR5E.dh).points_batch(q).p_base_elbow

    expected = [written_out_fk(UR5E.dh, row)[1][:3, 3] for row in q]
    np.testing.assert_allclose(elbow, expected, atol=1e-12)


def test_the_elbow_of_a_calibrated_arm_is_on_the_arm_and_not_at_its_far_dh_origin():
    q = np.random.default_rng(3).uniform(-pi, pi, (20, 6))

    elbow = Kinematics(CALIBRATED).points_batch(q).p_base_elbow

    assert abs(CALIBRATED.d_m[1]) > 50.0, "the case is the hard one [m]"
    np.testing.assert_allclose(elbow, Kinematics(UR5E.dh).points_batch(q).p_base_elbow, atol=1e-9)


@pytest.mark.parametrize("n", [0, 1])
def test_a_batch_may_be_small(n):
    points = Kinematics(UR5E.dh).points_batch(np.zeros((n, 6)))

    assert points.p_base_tcp.shape == points.p_base_elbow.shape == (n, 3)


@MODELS
@given(q=angles)
@settings(max_examples=30, deadline=None)
def test_the_jacobian_is_the_derivative_of_fk(model, q):
    kinematics = Kinematics(model.dh, TOOL)
    step = 1e-6

    J = kinematics.jacobian(q)

    for joint in range(6):
        dq = np.eye(6)[joint] * step
        T_minus, T_plus = kinematics.fk(q - dq), kinematics.fk(q + dq)
        turn = (T_plus[:3, :3] @ T_minus[:3, :3].T - np.eye(3)) / (2 * step)
        np.testing.assert_allclose(J[:3, joint], (T_plus - T_minus)[:3, 3] / (2 * step), atol=1e-8)
        expected = [turn[2, 1], turn[0, 2], turn[1, 0]]
        np.testing.assert_allclose(J[3:, joint], expected, atol=1e-5)


@MODELS
@given(q=angles)
@settings(max_examples=40, deadline=None)
def test_the_product_of_the_singularity_measures_is_the_determinant(model, q):
    kinematics = Kinematics(model.dh, TOOL)

    wrist, elbow, shoulder_m = kinematics.singularity(q)

    det = np.prod(np.linalg.svd(kinematics.jacobian(q), compute_uv=False))
    scale = model.dh.a_m[1] * model.dh.a_m[2]
    assert wrist * elbow * shoulder_m * scale == pytest.approx(det, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "q"),
    [
        ("wrist", [0.3, -1.9, 1.8, -1.5, 0.0, 0.4]),
        ("wrist", [0.3, -1.9, 1.8, -1.5, pi, 0.4]),
        ("elbow", [0.3, -1.9, 0.0, -1.5, -1.6, 0.4]),
        ("shoulder", None),
    ],
)
def test_each_measure_vanishes_at_its_singularity_alone(name, q):
    kinematics = Kinematics(UR5E.dh)
    if q is None:  # wrist 3 above the base: a2 c2 + a3 c23 + d5 s234 = 0, with q2 from a symmetry
        a2, a3, d5 = UR5E.dh.a_m[1], UR5E.dh.a_m[2], UR5E.dh.d_m[4]
        q3, s234 = 1.5, 0.0
        q2 = np.arctan2(a2 + a3 * cos(q3), a3 * sin(q3))
        q4 = np.arcsin(s234) - q2 - q3
        assert a2 * cos(q2) + a3 * cos(q2 + q3) + d5 * s234 == pytest.approx(0.0, abs=1e-12)
        q = [0.3, q2, q3, q4, -1.6, 0.4]
    q = np.array(q)

    measures = dict(zip(("wrist", "elbow", "shoulder"), kinematics.singularity(q), strict=True))

    assert measures.pop(name) < 1e-12
    assert min(measures.values()) > 0.05
    assert kinematics.sigma_min(q) < 1e-9


def test_far_from_singularities_the_jacobian_is_well_conditioned():
    assert Kinematics(UR5E.dh).sigma_min(HOME) > 0.1


def test_a_whole_turn_is_another_configuration_with_the_same_pose():
    kinematics = Kinematics(UR5E.dh, TOOL)
    turned = HOME + 2 * pi * np.eye(6)[5]

    solution = kinematics.ik(kinematics.fk(HOME), turned)

    np.testing.assert_allclose(solution.q_rad, turned, atol=1e-9)


@pytest.mark.parametrize("bad", [np.zeros(5), np.zeros((6, 1)), np.zeros((1, 6))])
def test_a_wrong_shape_is_refused_with_both_shapes(bad):
    kinematics = Kinematics(UR5E.dh)

    for call in (kinematics.fk, kinematics.jacobian, kinematics.singularity):
        with pytest.raises(ValueError, match=r"q: got shape .*, expected \(6,\)"):
            call(bad)
    with pytest.raises(ValueError, match=r"expected \(6,\)"):
        kinematics.ik(np.eye(4), bad)


def test_other_wrong_shapes_are_refused():
    kinematics = Kinematics(UR5E.dh)

    with pytest.raises(ValueError, match=r"\(N, 6\)"):
        kinematics.points_batch(np.zeros(6))
    with pytest.raises(ValueError, match=r"T_target.*\(4, 4\)"):
        kinematics.ik(np.eye(3), HOME)
    with pytest.raises(ValueError, match="T_flange_tcp"):
        Kinematics(UR5E.dh, np.eye(3))
    with pytest.raises(ValueError, match="T_flange_tcp"):
        Kinematics(UR5E.dh, np.full((4, 4), np.nan))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_angles_that_are_not_finite_are_refused(bad):
    kinematics = Kinematics(UR5E.dh)
    q = HOME.copy()
    q[3] = bad

    with pytest.raises(ValueError, match="finite"):
        kinematics.fk(q)
    with pytest.raises(ValueError, match="finite"):
        kinematics.ik(np.eye(4), q)


def test_the_models_have_the_vendors_rates_and_ranges():
    assert (UR5.servo_rate_hz, UR5E.servo_rate_hz) == (125.0, 500.0)
    for model in UR_MODELS.values():
        np.testing.assert_allclose(model.joint_max_rad, 2 * pi)
        np.testing.assert_allclose(model.joint_min_rad, -2 * pi)
        np.testing.assert_allclose(model.joint_speed_max_rad_s, pi)


def test_the_tables_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        UR5.dh.a_m[1] = 0.0
    with pytest.raises(ValueError, match="read-only"):
        UR5.joint_max_rad[0] = 9.0


def test_an_unknown_model_is_refused_with_the_names_that_exist():
    assert ur_model("ur5e") is UR5E
    with pytest.raises(ValueError, match="'ur7' is unknown; valid: ur5, ur5e"):
        ur_model("ur7")


@pytest.mark.parametrize("bad", [np.zeros(5), np.array([0, 0, np.nan, 0, 0, 0])])
def test_faulty_parameters_are_refused_by_name(bad):
    with pytest.raises(ValueError, match=r"DhParameters\.d_m: expected 6 finite numbers"):
        DhParameters(a_m=UR5.dh.a_m, d_m=bad, alpha_rad=UR5.dh.alpha_rad)
