"""From a policy's spec to its arrays."""

import msgspec
import numpy as np
import pytest

from robotd.core.board_frame import BoardFrame
from robotd.core.clock import MS, MonoNs
from robotd.core.config import ObserveConfig
from robotd.core.errors import SpecMismatchError
from robotd.core.geometry import pose_from_rotvec
from robotd.core.spec import ObsFeature
from robotd.core.types import ArmState, Frames, Signal
from robotd.pipeline.action_map import BoardXy
from robotd.pipeline.observe import Part, observe, tool_stream
from robotd.pipeline.request import parts_for, to_request, window_of

T_NS = np.array([0, 50, 100, 150], dtype=np.int64) * MS


@pytest.fixture
def streams(make_cell):
    cell = make_cell()
    board = BoardFrame.of_task(cell.task)
    tool = BoardXy(board, 0.01).poses(np.array([[100.0, 200.0]] * 4))
    states = [
        ArmState(t_ns=MonoNs(int(t)), q_rad=np.zeros(6), qd_rad_s=np.zeros(6), T_base_tcp=T)
        for t, T in zip(T_NS, tool, strict=True)
    ]
    block = board.pose_to_table(np.array([[300.0, 250.0, 7.0]] * 4))
    return {
        "tool_pose": tool_stream(states),
        "block_pose": Signal(t_ns=T_NS, value=block),
        "top": Frames(t_ns=T_NS, rgb=np.full((4, 480, 640, 3), 90, dtype=np.uint8)),
    }


def request_of(spec, cell, streams, **options):
    now = MonoNs(int(T_NS[-1]))
    seen = observe(parts_for(spec, cell), streams, window_of(spec), now, ObserveConfig())
    return to_request(seen, spec, seed=3, **options)


def test_a_state_policy_gets_board_units(make_spec, make_cell, streams):
    request = request_of(make_spec(), make_cell(), streams, sampler="ddim", steps=4)

    agent, block = request.arrays["agent_xy"], request.arrays["block_pose"]
    assert agent.dtype == block.dtype == np.float32
    np.testing.assert_allclose(agent, [[100, 200]] * 2, atol=1e-4)
    np.testing.assert_allclose(block, [[300, 250, 7 - 2 * np.pi]] * 2, atol=1e-4)
    assert (request.seed, request.sampler, request.steps) == (3, "ddim", 4)


def test_a_picture_is_brought_to_the_size_that_the_policy_knows(make_spec, make_cell, streams):
    from robotd.core.image import ImageSpec

    top = ObsFeature(
        key="top",
        shape=(96, 96, 3),
        dtype="uint8",
        unit="RGB",
        image=ImageSpec(height=96, width=96),
    )

    request = request_of(make_spec(observation=(top,)), make_cell(), streams)

    assert request.arrays["top"].shape == (2, 96, 96, 3)
    assert request.arrays["top"].dtype == np.uint8


def test_a_key_that_the_cell_does_not_have_is_refused_with_what_it_has(make_spec, make_cell):
    force = ObsFeature(key="force", shape=(6,), dtype="float32", unit="N")

    with pytest.raises(SpecMismatchError, match=r"observes force .* has agent_xy, block_pose, top"):
        parts_for(make_spec(observation=(force,)), make_cell())


def test_another_size_of_a_known_key_is_refused(make_spec, make_cell):
    agent = ObsFeature(key="agent_xy", shape=(3,), dtype="float32", unit="px")

    with pytest.raises(SpecMismatchError, match="agent_xy"):
        parts_for(make_spec(observation=(agent,)), make_cell())


def test_a_camera_without_a_transform_must_have_the_size_that_the_policy_knows(
    make_spec, make_cell, streams
):
    raw = ObsFeature(key="top", shape=(480, 640, 3), dtype="uint8", unit="RGB")
    seen = observe(
        [Part(key="top", stream="top", pick="nearest")],
        streams,
        window_of(make_spec()),
        MonoNs(int(T_NS[-1])),
        ObserveConfig(),
    )

    assert to_request(seen, make_spec(observation=(raw,)), seed=0).arrays["top"].shape[0] == 2
    small = msgspec.structs.replace(raw, shape=(96, 96, 3))
    with pytest.raises(SpecMismatchError, match=r"rows of \(480, 640, 3\)"):
        to_request(seen, make_spec(observation=(small,)), seed=0)


def test_the_tool_may_stand_at_any_height_and_yaw(make_spec, make_cell, streams):
    board = BoardFrame.of_task(make_cell().task)
    p_base = board.to_base([100.0, 200.0], 0.07)
    states = [
        ArmState(
            t_ns=MonoNs(int(t)),
            q_rad=np.zeros(6),
            qd_rad_s=np.zeros(6),
            T_base_tcp=pose_from_rotvec(p_base, [0.3, 3.0, 0.1]),
        )
        for t in T_NS
    ]

    request = request_of(make_spec(), make_cell(), {**streams, "tool_pose": tool_stream(states)})

    np.testing.assert_allclose(request.arrays["agent_xy"], [[100, 200]] * 2, atol=1e-4)
