"""The items refuse other shapes, cannot be written to, and know when rows are due."""

from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robotd.core.arm_codes import Source, Verdict
from robotd.core.clock import MonoNs
from robotd.core.types import (
    MAX_PLAN_ROWS,
    ActionChunk,
    ArmState,
    ArmTick,
    Frame,
    Frames,
    Orders,
    Plan,
    Setpoint,
    Signal,
    TeleopSample,
)


def plan(**changes):
    values = {
        "epoch": 1,
        "t_ns": np.array([0, 10], dtype=np.int64),
        "T_base_tcp": np.stack([np.eye(4)] * 2),
        "valid_until_ns": MonoNs(20),
        "source": Source.HUMAN,
    }
    return Plan(**(values | changes))


def arm_state(**changes):
    values = {
        "t_ns": MonoNs(0),
        "q_rad": np.zeros(6),
        "qd_rad_s": np.zeros(6),
        "T_base_tcp": np.eye(4),
    }
    return ArmState(**(values | changes))


def arm_tick(**changes):
    values = {
        "t_ns": MonoNs(0),
        "state": arm_state(),
        "q_cmd_rad": np.zeros(6),
        "T_base_cmd": np.eye(4),
    }
    return ArmTick(**(values | changes))


def chunk(**changes):
    values = {
        "t_obs_ns": MonoNs(1000),
        "dt_s": 0.1,
        "i0": 0,
        "meaning": "command",
        "actions": np.zeros((8, 2)),
    }
    return ActionChunk(**(values | changes))


def frame(**changes):
    values = {
        "t_ns": MonoNs(0),
        "rgb": np.zeros((4, 6, 3), np.uint8),
        "t_arrival_ns": MonoNs(9),
    }
    return Frame(**(values | changes))


def frames(**changes):
    values = {"t_ns": np.zeros(2, np.int64), "rgb": np.zeros((2, 4, 6, 3), np.uint8)}
    return Frames(**(values | changes))


def signal(**changes):
    return Signal(**({"t_ns": np.zeros(2, np.int64), "value": np.zeros((2, 3))} | changes))


def setpoint(**changes):
    return Setpoint(**({"q_rad": np.zeros(6)} | changes))


def teleop(**changes):
    return TeleopSample(**({"t_ns": MonoNs(0), "deflection": np.zeros(6)} | changes))


MAKERS = [plan, arm_state, arm_tick, chunk, frame, frames, signal, setpoint, teleop]


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_items_and_their_arrays_cannot_be_written_to(make):
    item = make()
    for field in fields(item):
        with pytest.raises(FrozenInstanceError):
            setattr(item, field.name, None)
        value = getattr(item, field.name)
        if isinstance(value, np.ndarray):
            assert not value.flags.writeable, field.name


@pytest.mark.parametrize(
    ("make", "changes", "says"),
    [
        (frame, {"rgb": np.zeros((4, 6), np.uint8)}, r"Frame.rgb: got shape \(4, 6\), expected"),
        (frame, {"rgb": np.zeros((4, 6, 4), np.uint8)}, r"Frame.rgb: .*\('N', 'N', 3\)"),
        (frames, {"t_ns": np.zeros(3, np.int64)}, r"Frames.rgb: .*expected \(3, 'N', 'N', 3\)"),
        (signal, {"value": np.zeros(2)}, r"Signal.value: got shape \(2,\), expected \(2, 'N'\)"),
        (signal, {"value": np.zeros((3, 1))}, "Signal.value"),
        (chunk, {"actions": np.zeros(4)}, "ActionChunk.actions"),
        (chunk, {"dt_s": 0.0}, "ActionChunk.dt_s: got 0.0 s, expected > 0"),
        (chunk, {"dt_s": float("nan")}, "ActionChunk.dt_s"),
        (plan, {"t_ns": np.array([0])}, "Plan.T_base_tcp"),
        (plan, {"t_ns": np.array([5, 5])}, "strictly growing"),
        (plan, {"t_ns": np.array([5, 4])}, "strictly growing"),
        (plan, {"T_base_tcp": np.full((2, 4, 4), np.nan)}, "not finite"),
        (plan, {"T_base_tcp": np.zeros((2, 3, 4))}, r"expected \(2, 4, 4\)"),
        (arm_state, {"q_rad": np.zeros(7)}, "ArmState.q_rad"),
        (arm_state, {"qd_rad_s": np.zeros(5)}, "ArmState.qd_rad_s"),
        (arm_state, {"T_base_tcp": np.eye(3)}, "ArmState.T_base_tcp"),
        (arm_tick, {"q_cmd_rad": np.zeros(5)}, "ArmTick.q_cmd_rad"),
        (arm_tick, {"T_base_cmd": np.eye(3)}, "ArmTick.T_base_cmd"),
        (setpoint, {"q_rad": np.zeros((1, 6))}, "Setpoint.q_rad"),
        (teleop, {"deflection": np.zeros(3)}, "TeleopSample.deflection"),
    ],
)
def test_another_shape_is_refused_by_name(make, changes, says):
    with pytest.raises(ValueError, match=says):
        make(**changes)


@pytest.mark.parametrize(("rows", "fits"), [(0, False), (1, True), (512, True), (513, False)])
def test_a_plan_has_between_one_and_the_largest_number_of_rows(rows, fits):
    changes = {"t_ns": np.arange(rows), "T_base_tcp": np.zeros((rows, 4, 4)) + np.eye(4)}
    assert MAX_PLAN_ROWS == 512
    if fits:
        assert plan(**changes).t_ns.shape == (rows,)
    else:
        with pytest.raises(ValueError, match=f"got {rows} rows, expected 1 to 512"):
            plan(**changes)


@given(st.integers(0, 63), st.integers(-4, 4), st.sampled_from([0.01, 0.02, 0.05, 0.1]))
def test_row_i_is_due_at_the_observation_plus_i_and_i0_steps(row, i0, dt_s):
    due = chunk(i0=i0, dt_s=dt_s, t_obs_ns=MonoNs(10**12)).due_ns(row)
    assert due == 10**12 + (row + i0) * round(dt_s * 1e9)


def test_a_tick_and_orders_begin_harmless():
    tick = arm_tick()
    assert (tick.verdict, tick.session, tick.plan_epoch) == (Verdict(accepted=True), 0, -1)
    assert Orders(t_ns=MonoNs(0), session=0, plan=None).plan is None
