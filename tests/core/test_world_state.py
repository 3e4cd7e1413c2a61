"""The world's items as bytes: exact both ways, and nothing else gets in."""

from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robotd.core.clock import MonoNs
from robotd.core.errors import CorruptRecordError
from robotd.core.world_state import (
    WORLD_ORDER_BYTES,
    WORLD_STATE_BYTES,
    WorldOrder,
    WorldState,
    pack_world_order,
    pack_world_state,
    unpack_world_order,
    unpack_world_state,
)


def some_state(**changes):
    values = {
        "t_ns": MonoNs(123456789),
        "episode": 3,
        "seed": 200_000,
        "step_n": 77,
        "start_xy_px": np.array([60.0, 70.0]),
        "agent_xy_px": np.array([100.5, 200.25]),
        "tool_height_m": 0.012,
        "block_pose_px": np.array([256.0, 300.0, 1.5]),
        "coverage": 0.4,
        "best_coverage": 0.6,
        "best_score": 0.63,
        "success": False,
    }
    return WorldState(**(values | changes))


@pytest.mark.parametrize("changes", [{}, {"tool_height_m": inf}, {"success": True}])
def test_a_state_survives_the_ring(changes):
    state = some_state(**changes)
    payload = pack_world_state(state)
    assert len(payload) == WORLD_STATE_BYTES
    back = unpack_world_state(payload)
    for name in WorldState.__slots__:
        assert np.array_equal(getattr(back, name), getattr(state, name)), name


def test_the_board_state_is_agent_then_block():
    assert some_state().board_state.tolist() == [100.5, 200.25, 256.0, 300.0, 1.5]


def test_an_order_survives_the_ring():
    order = WorldOrder(episode=2, seed=2**32 - 1)
    assert len(pack_world_order(order)) == WORLD_ORDER_BYTES
    assert unpack_world_order(pack_world_order(order)) == order


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_an_order_refuses_a_seed_that_the_protocol_does_not_take(seed):
    with pytest.raises(ValueError, match="seed"):
        WorldOrder(episode=1, seed=seed)


@pytest.mark.parametrize("name", ["coverage", "best_score", "tool_height_m"])
def test_refuses_a_nan(name):
    payload = pack_world_state(some_state(**{name: float("nan")}))
    with pytest.raises(CorruptRecordError, match="world state"):
        unpack_world_state(payload)


def test_a_state_refuses_another_shape():
    with pytest.raises(ValueError, match="block_pose_px"):
        some_state(block_pose_px=np.zeros(2))


@given(st.binary(max_size=200))
def test_any_other_bytes_are_a_corrupt_record(payload):
    for unpack in (unpack_world_state, unpack_world_order):
        with pytest.raises(CorruptRecordError):
            unpack(payload)


@given(st.binary(min_size=WORLD_STATE_BYTES - 8, max_size=WORLD_STATE_BYTES - 8))
def test_well_tagged_junk_is_a_finite_state_or_a_corrupt_record(body):
    try:
        state = unpack_world_state(b"WLD1\0\0\0\0" + body)
    except CorruptRecordError:
        return
    assert np.isfinite(state.board_state).all()


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_well_tagged_order_has_a_seed_in_range_or_is_corrupt(seed):
    payload = b"WOR2\0\0\0\0" + (5).to_bytes(8, "little") + seed.to_bytes(8, "little", signed=True)
    payload += bytes(6 * 8)
    if 0 <= seed < 2**32:
        assert unpack_world_order(payload) == WorldOrder(episode=5, seed=seed)
    else:
        with pytest.raises(CorruptRecordError):
            unpack_world_order(payload)


def test_an_order_carries_the_state_to_start_at():
    state = np.array([100.0, 200.0, 300.0, 250.5, 1.25])
    order = unpack_world_order(pack_world_order(WorldOrder(episode=3, seed=8, board_state=state)))

    assert (order.episode, order.seed) == (3, 8)
    np.testing.assert_array_equal(order.board_state, state)


@pytest.mark.parametrize("state", [np.zeros(4), np.array([1.0, 2.0, np.nan, 4.0, 5.0])])
def test_an_order_with_a_state_that_is_none_is_refused(state):
    with pytest.raises(ValueError, match="5 finite numbers"):
        WorldOrder(episode=1, seed=1, board_state=state)
