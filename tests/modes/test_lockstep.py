"""The whole cell in lockstep: by seed, like the benchmark, and safe whatever fails."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import pytest

from policy_server.constant import ConstantPolicy
from robotd.core.config import CellConfig
from robotd.core.config_load import load_toml
from robotd.core.errors import SpecMismatchError
from robotd.core.image import ImageSpec
from robotd.core.pusht_spec import pusht_spec
from robotd.core.spec import ObsFeature
from robotd.modes.lockstep.cell import Faults, LockstepCell
from robotd.modes.lockstep.evaluate import Latencies, evaluate, run_episode
from robotd.sim.pusht import PushTBoard

CELL_FILE = Path(__file__).parents[2] / "configs" / "mock" / "cell-ur5.toml"
SEED = 100000

SPEC = pusht_spec("scripted", sampler="scripted")


class Orbit:
    """Goes round the board's middle; a `Policy`."""

    spec = SPEC
    step_px = 10.0

    def infer(self, requests):
        return [self.chunk(request.arrays["agent_xy"][-1]) for request in requests]

    def chunk(self, agent_px):
        x, y = np.array([256.0, 256.0]) - agent_px
        ahead = np.array([-y, x]) / max(1.0, np.hypot(x, y)) * self.step_px
        rows = agent_px + ahead * np.arange(1, 16)[:, np.newaxis]
        return rows.clip(40, 470).astype(np.float32)


class Pusher:
    """Runs at the block; a `Policy`."""

    spec = SPEC

    def infer(self, requests):
        return [self.chunk(r.arrays["agent_xy"][-1], r.arrays["block_pose"][-1]) for r in requests]

    def chunk(self, agent_px, block_pose):
        way = block_pose[:2] - agent_px
        rows = agent_px + way / np.hypot(*way) * 8.0 * np.arange(1, 16)[:, np.newaxis]
        return rows.clip(40, 470).astype(np.float32)


class Broken:
    """Answers NaN; a `Policy`."""

    spec = SPEC

    def infer(self, requests):
        return [np.full((15, 2), np.nan, dtype=np.float32) for _ in requests]


class Script:
    """Answers one chunk relative to where the agent is, as long as the episode; a `Policy`."""

    def __init__(self, offsets_px):
        self._offsets_px = offsets_px
        self.spec = msgspec.structs.replace(
            SPEC, horizon=len(offsets_px), n_action_steps=len(offsets_px)
        )

    def infer(self, requests):
        return [(r.arrays["agent_xy"][-1] + self._offsets_px).astype(np.float32) for r in requests]


class Watcher:
    """Keeps the pictures that it is shown, and stays where it is; a `Policy`."""

    spec = msgspec.structs.replace(
        SPEC,
        observation=(
            SPEC.observation[0],
            ObsFeature(
                key="top",
                shape=(48, 48, 3),
                dtype="uint8",
                unit="RGB",
                image=ImageSpec(height=48, width=48),
            ),
        ),
    )

    def __init__(self):
        self.seen = []

    def infer(self, requests):
        self.seen.extend(request.arrays["top"] for request in requests)
        return [np.tile(r.arrays["agent_xy"][-1], (15, 1)).astype(np.float32) for r in requests]


@pytest.fixture
def make_cell():
    def make(seconds=2.0, **changes):
        overrides = {"task": {"max_episode_s": seconds}, "arm": {"action_latency_s": 0.036}}
        return load_toml(CELL_FILE, CellConfig, {**overrides, **changes})

    return make


def assert_stopped_inside(result, cell):
    """The arm rests, and the oracle, which knows the limits by itself, saw no breach."""
    assert result.outcome == "stopped"
    assert result.at_rest
    assert result.breaches_n == 0
    still = result.tool_px[-5:]
    np.testing.assert_allclose(still - still[-1], 0.0, atol=0.05)  # px: the servo's lag dies away


def test_an_episode_repeats_bit_for_bit(make_cell):
    first, second = (
        run_episode(make_cell(), Pusher(), SEED, Latencies(response_s=(0.02, 0.05, 0.11)))
        for _ in range(2)
    )

    for name in ("tool_px", "wanted_px", "coverage", "action_ages_s"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert first.chunks == second.chunks
    assert first.score == second.score


def test_another_seed_is_another_episode(make_cell):
    cell = make_cell(seconds=0.5)

    starts = [run_episode(cell, Orbit(), seed).tool_px[0] for seed in (SEED, SEED + 1)]

    assert np.linalg.norm(starts[1] - starts[0]) > 5.0


def test_the_tool_starts_where_the_papers_protocol_puts_the_agent(make_cell):
    cell = LockstepCell(make_cell(), seed=SEED)

    board = PushTBoard()
    board.reset(SEED)

    np.testing.assert_allclose(cell.state.agent_xy_px, board.state[:2], atol=1e-3)  # px
    np.testing.assert_allclose(cell.state.block_pose_px, board.state[2:], atol=1e-3)


def test_the_policy_drives_the_tool_to_the_block_and_pushes_it(make_cell):
    result = run_episode(make_cell(seconds=4.0), Pusher(), SEED)

    assert result.outcome == "time"
    assert result.breaches_n == result.refused_n == result.starved_n == 0
    assert np.ptp(result.coverage) > 0 or result.max_coverage == 0
    travelled = np.linalg.norm(np.diff(result.tool_px, axis=0), axis=1).sum()
    assert travelled > 100.0
    assert np.percentile(result.tracking_px, 99) < 3.0
    assert result.action_ages_s.max() < 0.15


def test_the_agent_and_block_move_as_on_the_board_of_the_benchmark(make_cell):
    """With no latency but the arm's own, one action stream gives nearly the same episode."""
    board = PushTBoard()
    board.reset(SEED)
    to_block = board.state[2:4] - board.state[:2]
    share = np.clip(np.arange(40) / 25.0 - 0.2, 0.0, 1.3)
    offsets_px = share[:, np.newaxis] * to_block
    top = {"top": {"kind": "sim", "view": "board", "width_px": 96, "height_px": 96}}
    top["top"] |= {"latency_s": 0.0, "tracks": ["block_pose"]}
    cell = make_cell(seconds=3.9, cameras=top)

    result = run_episode(cell, Script(offsets_px), SEED, Latencies(response_s=(0.0,)))

    t_obs_s = result.chunks[0].first_sent_ns - result.chunks[0].t_obs_ns
    agent, block = [], []
    for action in board.state[:2] + offsets_px:
        board.step_action(action)
        agent.append(board.state[:2])
        block.append(board.state[2:])
    since_obs_s = 0.1 * np.arange(1, 41) - t_obs_s / 1e9
    seen = since_obs_s < result.t_s[-1]
    tool_px = np.stack(
        [np.interp(since_obs_s[seen], result.t_s, result.tool_px[:, k]) for k in range(2)], axis=1
    )
    np.testing.assert_allclose(tool_px, np.array(agent)[seen], atol=2.0)  # px
    assert np.linalg.norm(block[-1][:2] - block[0][:2]) > 20.0  # the benchmark's block was pushed
    assert result.coverage[-1] == pytest.approx(board.coverage(), abs=0.03)


def test_a_silent_server_lets_the_chunk_run_out_and_the_arm_brakes(make_cell):
    cell = make_cell(seconds=20.0)

    result = run_episode(cell, Orbit(), SEED, faults=Faults(server_stops_s=1.0))

    assert_stopped_inside(result, cell)
    assert result.starved_n <= 1
    assert "policy: " in result.message
    assert result.duration_s < 1.0 + 1.6 + 1.0  # s: the chunk's tail, then the brake


def test_stale_cameras_stop_the_questions_and_the_plan_expires(make_cell):
    cell = make_cell(seconds=20.0)

    result = run_episode(cell, Orbit(), SEED, faults=Faults(cameras_stop_s=1.0))

    assert_stopped_inside(result, cell)
    assert result.message.startswith("observation: block_pose: newest sample is")
    last_asked_s = (result.chunks[-1].t_obs_ns - result.chunks[0].t_obs_ns) / 1e9
    assert last_asked_s < 1.0


def test_a_dead_conductor_stops_the_arm_within_its_heartbeat(make_cell):
    cell = make_cell(seconds=20.0)

    result = run_episode(cell, Orbit(), SEED, faults=Faults(conductor_stops_s=1.0))

    assert_stopped_inside(result, cell)
    assert result.message == "conductor: stopped"
    heartbeat_s, brake_s, seen_s = cell.arm.max_orders_age_s, 0.2, 0.3
    assert result.duration_s < 1.0 + heartbeat_s + brake_s + seen_s


def test_a_late_server_costs_rows_but_no_jump(make_cell):
    cell = make_cell(seconds=4.0, policy={"deadline_s": 1.0})

    result = run_episode(cell, Orbit(), SEED, Latencies(response_s=(0.7,)))

    assert result.outcome == "time"
    assert result.breaches_n == result.refused_n == 0
    assert min(chunk.first_row for chunk in result.chunks) >= 7
    assert result.action_ages_s.min() > 0.7


def test_a_server_later_than_the_deadline_stops_the_run(make_cell):
    cell = make_cell(seconds=20.0, policy={"deadline_s": 0.2})

    result = run_episode(cell, Orbit(), SEED, Latencies(response_s=(0.3,)))

    assert_stopped_inside(result, cell)
    assert "requests failed" in result.message
    assert not result.chunks


def test_actions_that_are_no_numbers_never_reach_the_arm(make_cell):
    cell = make_cell(seconds=20.0)

    result = run_episode(cell, Broken(), SEED)

    assert_stopped_inside(result, cell)
    assert not result.chunks
    np.testing.assert_allclose(result.tool_px, result.tool_px[:1].repeat(len(result.tool_px), 0))


def test_the_ensemble_drives_the_same_cell(make_cell):
    result = run_episode(make_cell(executor={"kind": "ensemble"}), Orbit(), SEED)

    assert result.breaches_n == result.refused_n == result.starved_n == 0
    assert len(result.chunks) >= 15  # one a row
    assert np.percentile(result.tracking_px, 99) < 3.0


def test_a_policy_that_sees_pictures_is_shown_the_board(make_cell):
    policy = Watcher()

    result = run_episode(make_cell(seconds=1.0), policy, SEED)

    assert result.chunks
    assert {pictures.shape for pictures in policy.seen} == {(2, 48, 48, 3)}
    assert min(np.ptp(pictures[-1]) for pictures in policy.seen) > 50  # a board, not a blank


def test_a_policy_that_does_not_fit_is_refused(make_cell):
    policy = Orbit()
    policy.spec = msgspec.structs.replace(SPEC, action_space="joints", action_dim=6)

    with pytest.raises(SpecMismatchError, match="joints"):
        run_episode(make_cell(), policy, SEED)


def test_processes_give_what_one_process_gives(make_cell):
    cell, seeds = make_cell(seconds=0.5), [SEED, SEED + 1, SEED + 2]
    factory = partial(ConstantPolicy, SPEC)

    alone = list(evaluate(cell, factory, seeds))
    shared = list(evaluate(cell, factory, seeds, workers=2))

    assert [result.seed for result in shared] == seeds
    for one, other in zip(alone, shared, strict=True):
        np.testing.assert_array_equal(one.tool_px, other.tool_px)
        assert replace(one, **ARRAYS) == replace(other, **ARRAYS)


ARRAYS = {name: None for name in ("t_s", "coverage", "tool_px", "wanted_px")}
