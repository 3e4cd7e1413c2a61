"""Many setpoints at once are judged as one after another."""

from pathlib import Path

import numpy as np
import pytest

from robotd.core.config import CellConfig
from robotd.core.config_load import load_toml
from robotd.core.ur_models import UR5E
from robotd.sim.oracle import SetpointOracle
from robotd.sim.oracle_chain import OracleChain

CELL = load_toml(Path(__file__).parents[2] / "configs/mock/cell.toml", CellConfig)
HOME = np.array(CELL.arm.home_q_rad)


def oracle():
    return SetpointOracle(CELL.arm, CELL.envelope, dt_s=0.002)


def way(n, amplitude, hz, seed):
    """From rest at HOME, each joint swinging by itself."""
    rng = np.random.default_rng(seed)
    swing = amplitude * rng.uniform(-1, 1, 6)
    t = np.arange(1, n + 1)[:, None] * 0.002
    return HOME + swing * (1 - np.cos(2 * np.pi * hz * t * rng.uniform(0.5, 1, 6)))


@pytest.mark.parametrize("size", [1, 2, 7, 12, 64])
@pytest.mark.parametrize("amplitude", [0.001, 0.01, 0.05, 0.3])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_same_breaches_are_found(size, amplitude, seed):
    setpoints = way(192, amplitude, 1.5, seed)
    together, alone = oracle(), oracle()
    for start in range(0, len(setpoints), size):
        together.check_many(setpoints[start : start + size])
    for q in setpoints:
        alone.check(q)
    assert together.checked_n == alone.checked_n == 192
    assert [(b.limit, b.setpoint_n) for b in together.breaches] == [
        (b.limit, b.setpoint_n) for b in alone.breaches
    ]
    values = [b.value for b in alone.breaches]
    assert [b.value for b in together.breaches] == pytest.approx(values, rel=1e-6)


def test_the_ways_hold_both_kinds():
    still, wild = oracle(), oracle()
    assert still.check_many(way(192, 0.001, 1.5, 0)) is None
    assert wild.check_many(way(192, 0.3, 1.5, 0)) is not None


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
@pytest.mark.parametrize("row", [0, 5, 11])
def test_what_is_no_angle_is_found_in_the_midst_of_others(value, row):
    setpoints = np.tile(HOME, (12, 1))
    setpoints[row, 2] = value
    judge = oracle()
    assert judge.check_many(setpoints).setpoint_n == row + 1


def test_rows_are_where_the_parts_are():
    chain = OracleChain(
        UR5E.dh,
        (0.02, -0.01, 0.15),
        (0.9, 0.1, -0.2, 0.3),
    )
    q = np.random.default_rng(3).uniform(-3, 3, (50, 6))
    rows = chain.rows(q)
    for i, joints in enumerate(q):
        parts = chain.parts(joints)
        assert rows.tool_point[i] == pytest.approx(parts.tool_point, abs=1e-12)
        assert rows.tool_axis[i] == pytest.approx(parts.tool_axis, abs=1e-12)
        assert rows.elbow[i] == pytest.approx(parts.elbow, abs=1e-9)
        assert rows.smallest_singular_value[i] == pytest.approx(
            parts.smallest_singular_value, abs=1e-12
        )
