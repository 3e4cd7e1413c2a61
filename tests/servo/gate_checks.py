"""What a gate must do, as functions of a gate's class: for the gate, its mutants and a control.

Speeds and accelerations are found by differentiating what was emitted.
"""

from dataclasses import dataclass
from dataclasses import replace as replaced
from math import inf, nan

import numpy as np
from msgspec.structs import replace

from robotd.core.arm_codes import Limit, Verdict
from robotd.core.arm_model import kinematics_of
from robotd.core.config import ArmConfig, Box, EnvelopeConfig, Pose
from robotd.core.errors import EnvelopeError
from robotd.core.ur_models import UR5E

HOME = np.array([2.87173, -1.24451, 2.13738, -2.46367, -1.5708, -0.26986])
RAISED = np.array([2.87173, -1.41374, 2.04882, -2.20588, -1.5708, -0.26986])  # 0.1 m over the table
CONFIG = ArmConfig(
    kind="sim", model="ur5e", tool=Pose(position_m=(0.0, 0.0, 0.15)), home_q_rad=tuple(HOME)
)
KINEMATICS = kinematics_of(CONFIG)
WIDE = EnvelopeConfig(
    q_min_rad=(-6.2,) * 6,
    q_max_rad=(6.2,) * 6,
    joint_speed_rad_s=1.0,
    joint_acceleration_rad_s2=5.0,
    tool_box=Box(min_m=(-2.0, -2.0, -2.0), max_m=(2.0, 2.0, 2.0)),
    table_z_m=-2.0,
    tool_speed_m_s=1.5,
    tool_cone_rad=3.15,
    min_singular_value=0.0,
)
CELL = replace(
    WIDE,
    tool_box=Box(min_m=(0.3, -0.2, 0.0), max_m=(0.7, 0.2, 0.3)),
    table_z_m=0.0,
    tool_speed_m_s=0.25,
    tool_cone_rad=0.4,
    min_singular_value=0.02,
)
DT_S = 0.008
BRAKED = Verdict(accepted=False, limit=Limit.NONE, braking=True)


def build(gate_class, envelope=CELL, start=HOME, dt_s=DT_S, model=UR5E):
    gate = gate_class(envelope=envelope, model=model, kinematics=KINEMATICS, dt_s=dt_s)
    gate.reset(start, np.zeros(6))
    return gate


@dataclass
class Excess:
    """By how much the worst emitted sample passes each limit; <= 0 is inside."""

    value: dict[Limit, float]

    def assert_none(self, slack=1e-6):
        broken = {limit.name: x for limit, x in self.value.items() if not x <= slack}
        assert not broken, broken


def excess(start, emitted, envelope=CELL, dt_s=DT_S) -> Excess:
    q = np.vstack((start, start, emitted))
    v = np.diff(q, axis=0) / dt_s
    a = np.diff(v, axis=0) / dt_s
    at = KINEMATICS.points_batch(q)
    speed = max(
        np.linalg.norm(np.diff(p, axis=0), axis=1).max() / dt_s
        for p in (at.p_base_tcp, at.p_base_elbow)
    )
    tilt = np.arccos(np.clip(at.z_base_tcp @ np.array(envelope.tool_axis), -1, 1))
    box = envelope.tool_box
    sigma = np.linalg.svd(at.J_base_tcp, compute_uv=False)[:, -1].min()
    return Excess(
        {
            Limit.FINITE: 0.0 if np.isfinite(q).all() else inf,
            Limit.JOINT_RANGE: max((envelope.q_min_rad - q).max(), (q - envelope.q_max_rad).max()),
            Limit.JOINT_SPEED: np.abs(v).max() - envelope.joint_speed_rad_s,
            Limit.JOINT_ACCELERATION: np.abs(a).max() - envelope.joint_acceleration_rad_s2,
            Limit.WORKSPACE: max(
                (box.min_m - at.p_base_tcp).max(), (at.p_base_tcp - box.max_m).max()
            ),
            Limit.TABLE: envelope.table_z_m - at.p_base_tcp[:, 2].min(),
            Limit.ELBOW: envelope.table_z_m
            + envelope.elbow_clearance_m
            - at.p_base_elbow[:, 2].min(),
            Limit.TOOL_SPEED: speed - envelope.tool_speed_m_s,
            Limit.TOOL_CONE: tilt.max() - envelope.tool_cone_rad,
            Limit.SINGULARITY: envelope.min_singular_value - sigma,
        }
    )


def still_tool(start):
    """Joint direction that moves the elbow while the tool's point stays."""
    J = KINEMATICS.jacobian(start)[:3]
    direction = np.zeros(6)
    direction[1] = 1.0
    direction[2:] = -np.linalg.pinv(J[:, 2:]) @ J[:, 1]
    return direction / np.abs(direction).max()


def joint(index, sign=1.0):
    direction = np.zeros(6)
    direction[index] = sign
    return direction


_HOME_POINTS = KINEMATICS.points_batch(np.array([HOME, RAISED]))
_HOME_P = _HOME_POINTS.p_base_tcp[0]
_ELBOW_Z = float(_HOME_POINTS.p_base_elbow[1, 2])
_NEARLY_STRAIGHT_WRIST = RAISED + np.array([0.0, 0.0, 0.0, 0.0, 1.25, 0.0])


@dataclass
class Approach:
    """A straight way in joint space into one limit."""

    limit: Limit
    envelope: EnvelopeConfig
    start: np.ndarray
    direction: np.ndarray


def _box(**bounds):
    low, high = [-2.0] * 3, [2.0] * 3
    for name, value in bounds.items():
        (low if name[1] == "0" else high)["xyz".index(name[0])] = value
    return replace(WIDE, tool_box=Box(min_m=tuple(low), max_m=tuple(high)))


def _range(index, low, high):
    q_min, q_max = [-6.2] * 6, [6.2] * 6
    q_min[index], q_max[index] = low, high
    return replace(WIDE, q_min_rad=tuple(q_min), q_max_rad=tuple(q_max))


_x, _y, _z = (float(c) for c in _HOME_P)
_WAYS = [
    Approach(Limit.JOINT_RANGE, _range(0, -6.2, HOME[0] + 0.1), HOME, joint(0)),
    Approach(Limit.JOINT_RANGE, _range(5, HOME[5] - 0.1, 6.2), HOME, joint(5, -1)),
    Approach(Limit.JOINT_SPEED, replace(WIDE, joint_speed_rad_s=0.3), HOME, joint(3)),
    Approach(Limit.JOINT_SPEED, replace(WIDE, joint_speed_rad_s=0.3), HOME, joint(3, -1)),
    Approach(Limit.WORKSPACE, _box(y1=_y + 0.05), HOME, joint(0, -1)),
    Approach(Limit.WORKSPACE, _box(y0=_y - 0.05), HOME, joint(0)),
    Approach(Limit.WORKSPACE, _box(x1=_x + 0.03), HOME, joint(2, -1)),
    Approach(Limit.WORKSPACE, _box(x0=_x - 0.03), HOME, joint(2)),
    Approach(Limit.WORKSPACE, _box(z1=_z + 0.05), HOME, joint(1, -1)),
    Approach(Limit.TABLE, replace(WIDE, table_z_m=_z - 0.05), HOME, joint(1)),
    Approach(
        Limit.ELBOW,
        replace(WIDE, table_z_m=_ELBOW_Z - 0.52, elbow_clearance_m=0.5),
        RAISED,
        still_tool(RAISED),
    ),
    Approach(Limit.TOOL_SPEED, replace(WIDE, tool_speed_m_s=0.2), HOME, joint(0)),
    Approach(Limit.TOOL_SPEED, replace(WIDE, tool_speed_m_s=0.04), HOME, still_tool(HOME)),
    Approach(Limit.TOOL_CONE, replace(WIDE, tool_cone_rad=0.1), HOME, joint(4)),
    Approach(
        Limit.SINGULARITY,
        replace(WIDE, min_singular_value=0.02),
        _NEARLY_STRAIGHT_WRIST,
        joint(4),
    ),
]


def _towards(way: Approach) -> Approach:
    """The way, or its opposite: whichever gets nearer to the limit."""
    near, far = (
        excess(way.start, [way.start + sign * 0.04 * way.direction], way.envelope).value[way.limit]
        for sign in (1.0, -1.0)
    )
    return replaced(way, direction=way.direction if near >= far else -way.direction)


APPROACHES = [_towards(way) for way in _WAYS]


def drive(gate, direction, speed_rad_s, ticks, *, acceleration=4.5, until_refused=True, dt_s=DT_S):
    """Speed up along a joint direction; return emitted joints and verdicts."""
    emitted, verdicts = [], []
    for _ in range(ticks):
        now = float(gate.qd_rad_s @ direction / (direction @ direction))
        wanted = min(now + acceleration * dt_s, speed_rad_s)
        setpoint, verdict = gate.step(gate.q_rad + direction * (wanted * dt_s))
        emitted.append(setpoint.q_rad)
        verdicts.append(verdict)
        if until_refused and not verdict.accepted:
            break
    return emitted, verdicts


def brake(gate, ticks=200):
    emitted = []
    for _ in range(ticks):
        setpoint, verdict = gate.step(None)
        assert verdict == BRAKED
        emitted.append(setpoint.q_rad)
        if gate.at_rest:
            return emitted
    raise AssertionError("no standstill")


def check_approaches(gate_class):
    """Every limit stops the motion, is named, is never passed, and can be come close to."""
    for way in APPROACHES:
        gate = build(gate_class, way.envelope, way.start)
        emitted, verdicts = drive(gate, way.direction, 0.9, 200)
        assert verdicts[-1] == Verdict(accepted=False, limit=way.limit, braking=True), way
        assert all(v == Verdict(accepted=True) for v in verdicts[:-1])
        emitted += brake(gate)
        if way.limit not in (Limit.JOINT_SPEED, Limit.TOOL_SPEED):
            more, verdicts = drive(gate, way.direction, 0.02, 1500, acceleration=1.0)
            assert verdicts[-1].limit is way.limit
            emitted += more + brake(gate)
        found = excess(way.start, emitted, way.envelope)
        found.assert_none()
        speeds = {
            Limit.JOINT_SPEED: way.envelope.joint_speed_rad_s,
            Limit.TOOL_SPEED: way.envelope.tool_speed_m_s,
        }
        near = 0.2 * speeds[way.limit] if way.limit in speeds else 1e-3
        assert found.value[way.limit] > -near, (way, found)


def check_acceleration_boundary(gate_class):
    for sign in (1.0, -1.0):
        for factor, accepted in (
            (1.001, False),
            (1 + 1e-9, False),
            (1 - 1e-9, True),
            (0.999, True),
        ):
            gate = build(gate_class, WIDE)
            q = HOME + joint(2, sign * 5.0 * factor * DT_S * DT_S)
            _, verdict = gate.step(q)
            assert verdict.accepted is accepted, factor
            if not accepted:
                assert verdict.limit is Limit.JOINT_ACCELERATION
                np.testing.assert_array_equal(gate.q_rad, HOME)
    gate = build(gate_class, WIDE)  # the second difference, not the first, counts
    drive(gate, joint(2), 0.4, 30)
    v = gate.qd_rad_s[2]
    for change, accepted in ((-5.01, False), (5.01, False)):
        _, verdict = gate.step(gate.q_rad + joint(2, (v + change * DT_S) * DT_S))
        assert verdict.accepted is accepted
        assert verdict.limit is Limit.JOINT_ACCELERATION
        brake(gate)
        drive(gate, joint(2), 0.4, 30)
        v = gate.qd_rad_s[2]


def check_speed_boundary(gate_class):
    for factor, accepted in ((1 - 1e-6, True), (1 - 1e-3, True), (1 + 1e-6, False), (1.01, False)):
        gate = build(gate_class, replace(WIDE, joint_speed_rad_s=0.03))
        _, verdict = gate.step(HOME + joint(4, 0.03 * factor * DT_S))
        assert verdict.accepted is accepted
        assert accepted or verdict.limit is Limit.JOINT_SPEED
    # The vendor's speed holds where the configuration allows more.
    slow = replace_model(joint_speed_max_rad_s=np.array([1, 1, 1, 1, 1, 0.03]))
    gate = build(gate_class, WIDE, model=slow)
    assert gate.step(HOME + joint(0, 0.031 * DT_S))[1].limit is Limit.JOINT_SPEED
    assert gate.step(HOME + joint(0, 0.029 * DT_S))[1].accepted


def replace_model(**changes):
    return replaced(UR5E, **changes)


def check_start_boundaries(gate_class):
    """A start exactly at a bound is inside; one ulp, 0.1 % and 1 % beyond are outside."""
    at = KINEMATICS.points_batch(HOME[None])
    p, elbow_z = at.p_base_tcp[0], float(at.p_base_elbow[0, 2])
    cases = []
    for index in range(6):
        bound = float(HOME[index])
        cases.append((Limit.JOINT_RANGE, bound, lambda b, i=index: _range(i, -6.2, b), 1))
        cases.append((Limit.JOINT_RANGE, bound, lambda b, i=index: _range(i, b, 6.2), -1))
    for axis, bound in zip("xyz", p.tolist(), strict=True):
        cases.append((Limit.WORKSPACE, bound, lambda b, n=axis: _box(**{f"{n}1": b}), 1))
        cases.append((Limit.WORKSPACE, bound, lambda b, n=axis: _box(**{f"{n}0": b}), -1))
    cases.append((Limit.TABLE, float(p[2]), lambda b: replace(WIDE, table_z_m=b), -1))
    table = float(p[2]) - 0.005
    cases.append(
        (
            Limit.ELBOW,
            elbow_z,
            lambda b: replace(WIDE, table_z_m=table, elbow_clearance_m=b - table),
            -1,
        )
    )
    for limit, bound, envelope, side in cases:
        inside = [bound + side * abs(bound) * share for share in (0.0, 1e-3, 1e-2)]
        outside = [np.nextafter(bound, -side * inf)]
        outside += [bound - side * abs(bound) * share for share in (1e-3, 1e-2)]
        if limit is Limit.ELBOW:  # the bound is a sum: an ulp is lost in it
            inside[0], outside[0] = bound - 1e-12, bound + 1e-12
        for value in inside:
            build(gate_class, envelope(value))
        for value in outside:
            assert_start_refused(gate_class, envelope(value), HOME, limit)


def check_tilt_and_singularity_boundaries(gate_class):
    tilted = HOME + joint(4, 0.2)
    for cone, refused in ((0.2 - 1e-5, True), (0.2 + 1e-5, False), (3.15, False)):
        envelope = replace(WIDE, tool_cone_rad=cone)
        if refused:
            assert_start_refused(gate_class, envelope, tilted, Limit.TOOL_CONE)
        else:
            build(gate_class, envelope, tilted)
    away = replace(WIDE, tool_axis=(0.0, 0.0, 3.0), tool_cone_rad=3.0)
    assert_start_refused(gate_class, away, HOME, Limit.TOOL_CONE)
    build(gate_class, replace(away, tool_cone_rad=3.15))
    build(gate_class, replace(WIDE, tool_axis=(0.0, 0.0, -2.0), tool_cone_rad=0.01))
    tilted_cell = replace(WIDE, tool_axis=(0.0, 0.0, -2.0), tool_cone_rad=0.1)
    assert_start_refused(gate_class, tilted_cell, tilted, Limit.TOOL_CONE)
    # A cosine that rounding puts beyond 1 is no tilt, or half a turn.
    turned = HOME + np.random.default_rng(0).uniform(-1, 1, (200, 6)) * [1, 0, 0, 0, 1, 1]
    beyond_one = 0
    for q in turned:
        z = KINEMATICS.points_batch(np.vstack((q, q))).z_base_tcp
        if beyond_one < 3 and (z @ (z[0] / np.linalg.norm(z[0]))).max() > 1.0:
            beyond_one += 1
            build(gate_class, replace(WIDE, tool_axis=tuple(z[0]), tool_cone_rad=0.1), q)
            build(gate_class, replace(WIDE, tool_axis=tuple(-z[0]), tool_cone_rad=3.15), q)
    assert beyond_one
    sigma = KINEMATICS.sigma_min(HOME)
    for share, refused in ((1.01, True), (1 + 1e-9, True), (1 - 1e-9, False), (0.99, False)):
        envelope = replace(WIDE, min_singular_value=sigma * share)
        if refused:
            figure = f"singularity is {sigma:.4g}, bound {sigma * share:.4g}"
            assert_start_refused(gate_class, envelope, HOME, Limit.SINGULARITY, figure)
        else:
            build(gate_class, envelope)


def assert_start_refused(gate_class, envelope, start, limit, words=""):
    message = refusal(lambda: build(gate_class, envelope, start))
    assert (words or limit.name.lower()) in message, (limit, message)
    assert "\n" not in message


def refusal(action):
    """The message of the refusal; empty where there was none."""
    try:
        action()
    except EnvelopeError as error:
        return str(error)
    return ""


def check_start_is_at_rest_and_finite(gate_class):
    gate = build(gate_class)
    for speed, refused in (
        (0.0, False),
        (0.01, False),
        (-0.01, False),
        (0.0101, True),
        (-1.0, True),
    ):
        for index in range(6):
            assert_reset(gate, HOME, joint(index, speed), refused, "moves")
    assert_reset(gate, HOME, np.full(6, nan), True, "moves")
    for bad in (np.full(6, nan), HOME[:5], np.append(HOME, 0.0), HOME.astype(np.float32), [*HOME]):
        assert_reset(gate, bad, np.zeros(6), True, "six finite")
    drive(gate, joint(0), 0.2, 20)
    gate.reset(HOME, np.zeros(6))
    assert gate.at_rest
    np.testing.assert_array_equal(gate.q_rad, HOME)
    assert not gate.qd_rad_s.any()
    assert not gate.qdd_rad_s2.any()
    low = replace(WIDE, q_max_rad=(2.8717, 6, 6, 6, 6, 6))
    message = refusal(lambda: build(gate_class, low))
    assert "joint_range is 3e-05, bound 0 (rad beyond)" in message


def assert_reset(gate, q, qd, refused, words):
    message = refusal(lambda: gate.reset(q, qd))
    assert words in message if refused else not message, (q, qd, message)


HOSTILE = [
    np.full(6, nan),
    np.full(6, inf),
    np.full(6, -inf),
    np.append(HOME[:5], nan),
    HOME[:5],
    np.append(HOME, 0.0),
    HOME[None],
    np.empty(0),
    np.array(1.0),
    HOME.astype(np.float32),
    HOME.astype(complex),
    HOME.astype(object),
    np.array(["a"] * 6),
    np.ma.masked_invalid(np.append(HOME[:5], nan)),
    [*HOME],
    "joints",
    0.0,
    {},
]


def check_hostile_input(gate_class):
    """Whatever is no six finite numbers is refused, without an exception, at rest and in motion."""
    gate = build(gate_class)
    for bad in HOSTILE:
        setpoint, verdict = gate.step(bad)
        assert verdict == Verdict(accepted=False, limit=Limit.FINITE, braking=True), bad
        np.testing.assert_array_equal(setpoint.q_rad, HOME)
    for bad in (np.full(6, 1e300), np.full(6, -1e300), HOME + 2 * np.pi):
        assert gate.step(bad)[1].limit is Limit.JOINT_RANGE
    tiny = HOME.copy()
    tiny[3] = 5e-324
    assert gate.step(tiny)[1].limit is Limit.JOINT_SPEED
    # The vendor's range holds where the configuration allows more.
    endless = replace(WIDE, q_min_rad=(-99.0,) * 6, q_max_rad=(99.0,) * 6)
    for far in (2 * np.pi + 1e-6, -2 * np.pi - 1e-6):
        assert build(gate_class, endless).step(np.full(6, far))[1].limit is Limit.JOINT_RANGE
    gate = build(gate_class, WIDE)
    for bad in HOSTILE:
        drive(gate, joint(0), 0.3, 10)
        before, speed = gate.q_rad.copy(), gate.qd_rad_s[0]
        assert gate.step(bad)[1].limit is Limit.FINITE
        assert 0 < (gate.q_rad - before)[0] < speed * DT_S


def check_brake(gate_class):
    """None slows all joints together at just under the limit and then holds exactly still."""
    for dt_s in (0.008, 0.002):
        gate = build(gate_class, WIDE, dt_s=dt_s)
        direction = np.array([1.0, -0.5, 0.25, 0.0, 0.1, -1.0])
        emitted, verdicts = drive(gate, direction, 0.5, 400, until_refused=False, dt_s=dt_s)
        assert all(v.accepted for v in verdicts)
        assert not gate.at_rest
        start_v = gate.qd_rad_s
        stop = brake(gate)
        assert len(stop) == int(np.ceil(0.5 / (0.999 * 5.0 * dt_s)))
        v = np.diff(np.vstack((emitted[-1], *stop)), axis=0) / dt_s
        np.testing.assert_allclose(v / start_v[0], v[:, :1] / start_v[0] * direction, atol=1e-9)
        slowing = -np.diff(np.vstack((start_v, v)), axis=0)[:, 0] / dt_s
        np.testing.assert_allclose(slowing, slowing[0], atol=1e-6)
        assert 4.8 < slowing[0] <= 5.0 * 0.999 + 1e-6
        assert not gate.qd_rad_s.any()
        np.testing.assert_array_equal(stop[-1], stop[-2])
        for _ in range(3):
            setpoint, verdict = gate.step(None)
            assert verdict == BRAKED
            np.testing.assert_array_equal(setpoint.q_rad, stop[-1])
        assert not gate.qd_rad_s.any()
        assert not gate.qdd_rad_s2.any()
        excess(HOME, emitted + stop, WIDE, dt_s).assert_none()


def check_state(gate_class):
    """The state is that of the emitted samples, and nobody can write to it."""
    gate = gate_class(envelope=CELL, model=UR5E, kinematics=KINEMATICS, dt_s=DT_S)
    for value in (gate.q_rad, gate.qd_rad_s, gate.qdd_rad_s2):
        assert value.shape == (6,)
        assert np.isnan(value).all()
    assert gate.at_rest
    for early in (None, HOME):
        assert "reset" in refusal(lambda value=early: gate.step(value))
    gate.reset(HOME, np.zeros(6))
    assert gate.at_rest
    candidate = HOME + joint(1, 1e-4)
    first, _ = gate.step(candidate)
    candidate[:] = 0.0
    second, _ = gate.step(first.q_rad + joint(1, 1.5e-4))
    third, _ = gate.step(None)
    q = np.vstack((first.q_rad, second.q_rad, third.q_rad))
    np.testing.assert_allclose(gate.q_rad, q[2])
    np.testing.assert_allclose(gate.qd_rad_s, (q[2] - q[1]) / DT_S, atol=1e-12)
    np.testing.assert_allclose(gate.qdd_rad_s2, (q[2] - 2 * q[1] + q[0]) / DT_S / DT_S, atol=1e-8)
    second_again = build(gate_class)
    second_again.step(first.q_rad)
    second_again.step(second.q_rad)
    np.testing.assert_allclose(second_again.qd_rad_s, (q[1] - q[0]) / DT_S, atol=1e-12)
    np.testing.assert_allclose(
        second_again.qdd_rad_s2, (q[1] - 2 * q[0] + HOME) / DT_S / DT_S, atol=1e-8
    )
    assert not first.q_rad.flags.writeable
    small = build(gate_class)  # slow enough to stop within a period
    setpoint, _ = small.step(HOME + joint(1, 1e-6))
    assert not small.at_rest
    np.testing.assert_array_equal(small.step(None)[0].q_rad, setpoint.q_rad)
    assert small.at_rest


def random_candidate(rng, gate):
    """Good, bad and absurd: anything that could come in."""
    kind = rng.integers(9)
    step = DT_S * gate.qd_rad_s
    if kind == 0:
        return None
    if kind == 1:
        return HOSTILE[rng.integers(len(HOSTILE))]
    if kind == 2:
        return HOME + rng.normal(size=6) * 10.0 ** rng.uniform(-6, 1)
    if kind == 3:
        return gate.q_rad + rng.normal(size=6) * 10.0 ** rng.uniform(-6, 0)
    if kind == 4:
        return gate.q_rad.copy()
    push = rng.choice([-1.0, 1.0], size=6) * rng.uniform(0, 1.05) * 5.0 * DT_S * DT_S
    return gate.q_rad + step + (push if kind < 8 else 0.3 * push)


def check_fuzz(gate_class, seeds=range(3), ticks=150):
    """Emitted samples stay inside whatever comes in, in bursts of one kind."""
    for seed in seeds:
        rng = np.random.default_rng(seed)
        gate = build(gate_class)
        emitted, accepted = [], 0
        while len(emitted) < ticks:
            held = rng.choice([-1.0, 1.0], size=6) * rng.uniform(0.2, 1.02, size=6)
            for _ in range(rng.integers(1, 40)):
                if seed % 2 or rng.random() < 0.1:
                    candidate = random_candidate(rng, gate)
                else:
                    push = held * 5.0 * DT_S * DT_S
                    candidate = gate.q_rad + DT_S * gate.qd_rad_s + push
                setpoint, verdict = gate.step(candidate)
                accepted += verdict.accepted
                emitted.append(setpoint.q_rad)
        assert accepted > ticks / 20
        emitted += brake(gate)
        excess(HOME, emitted).assert_none()


def check_replay(gate_class):
    """What was emitted passes a second time, unchanged."""
    rng = np.random.default_rng(5)
    gate, again = build(gate_class), build(gate_class)
    for _ in range(150):
        push = rng.normal(size=6) * 3.0 * DT_S * DT_S
        setpoint, _ = gate.step(gate.q_rad + DT_S * gate.qd_rad_s + push)
        replayed, _ = again.step(setpoint.q_rad)
        np.testing.assert_allclose(replayed.q_rad, setpoint.q_rad, atol=1e-12)


CHECKS = [
    check_state,
    check_speed_boundary,
    check_acceleration_boundary,
    check_start_is_at_rest_and_finite,
    check_start_boundaries,
    check_tilt_and_singularity_boundaries,
    check_hostile_input,
    check_fuzz,
    check_approaches,
    check_replay,
    check_brake,
]
