"""The world between its rings: obeys, publishes, survives others' deaths and its own."""

import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np
import pytest

from robotd.core.arm_records import TICK_BYTES, pack_tick
from robotd.core.board_frame import BoardFrame
from robotd.core.clock import MS, FakeClock, MonoNs
from robotd.core.config import CellConfig
from robotd.core.errors import ConfigError, CorruptRecordError
from robotd.core.ring import RingReader, RingWriter
from robotd.core.run_files import ARM_RING, WORLD_ORDERS, WORLD_RING
from robotd.core.types import ArmState, ArmTick
from robotd.core.world_state import (
    WORLD_ORDER_BYTES,
    WorldOrder,
    pack_world_order,
    unpack_world_state,
)
from robotd.sim.world import World
from robotd.sim.world_process import MAX_STEPS, WorldLink, main, run_world

BOARD = BoardFrame(np.diag([1.0, -1.0, -1.0, 1.0]), 0.3)
CELL = {
    "name": "mock",
    "arm": {
        "kind": "sim",
        "model": "ur5e",
        "tool": {"position_m": [0, 0, 0.13]},
        "home_q_rad": [0, -1.57, -1.57, -1.57, 1.57, 0],
    },
    "envelope": {
        "q_min_rad": [-6.0] * 6,
        "q_max_rad": [6.0] * 6,
        "tool_box": {"min_m": [0, -1, 0], "max_m": [1, 1, 1]},
        "table_z_m": 0.0,
    },
    "cameras": {},
    "task": {"T_base_table": {"position_m": [0, 0, 0], "quat_wxyz": [0, 1, 0, 0]}},
    "world": {"seed": 100_001},
}


def tick(xy_px, height_m=0.01):
    T_base_tcp = np.eye(4)
    T_base_tcp[:3, 3] = BOARD.to_base(xy_px, height_m)
    zeros = np.zeros(6)
    state = ArmState(t_ns=MonoNs(1), q_rad=zeros, qd_rad_s=zeros, T_base_tcp=T_base_tcp)
    return pack_tick(ArmTick(t_ns=MonoNs(1), state=state, q_cmd_rad=zeros, T_base_cmd=T_base_tcp))


@pytest.fixture
def link(tmp_path):
    with closing(WorldLink(World(BOARD, 0.01, 100_001), tmp_path)) as link:
        yield link


def newest(run_dir):
    with RingReader(run_dir / WORLD_RING) as ring:
        return unpack_world_state(ring.newest().payload)


def order(run_dir, *orders):
    with RingWriter.create(run_dir / WORLD_ORDERS, WORLD_ORDER_BYTES, 4) as ring:
        for one in orders:
            ring.write(pack_world_order(one))


def test_publishes_the_resting_board_while_there_is_no_arm(link, tmp_path):
    link.cycle(MonoNs(5 * MS), 1)
    state = newest(tmp_path)
    assert (state.t_ns, state.episode, state.seed) == (5 * MS, 0, 100_001)
    assert state.tool_height_m == float("inf")


def test_follows_the_newest_tick_and_a_restarted_arm(link, tmp_path):
    with RingWriter.create(tmp_path / ARM_RING, TICK_BYTES, 8) as arm:
        arm.write(tick([10, 10]))
        arm.write(tick([100, 50]))
        link.cycle(MonoNs(1), 1)
    assert newest(tmp_path).agent_xy_px == pytest.approx([100, 50])
    link.cycle(MonoNs(2), 1)  # the arm is dead: its tool stays
    assert newest(tmp_path).agent_xy_px == pytest.approx([100, 50])
    time.sleep(0.001)  # indexes of a new ring count from the microseconds since boot
    with RingWriter.create(tmp_path / ARM_RING, TICK_BYTES, 8) as arm:
        arm.write(tick([110, 55]))
        link.cycle(MonoNs(3), 1)
    state = newest(tmp_path)
    assert state.agent_xy_px == pytest.approx([110, 55])
    assert state.tool_height_m == pytest.approx(0.01)


def test_obeys_the_newest_order_once(link, tmp_path):
    order(tmp_path, WorldOrder(episode=1, seed=7), WorldOrder(episode=2, seed=100_002))
    for cycle in range(5):
        link.cycle(MonoNs(cycle), 1)
    state = newest(tmp_path)
    assert (state.episode, state.seed, state.step_n) == (2, 100_002, 5)
    assert np.array_equal(
        state.board_state, World(BOARD, 0.01, 100_002).state(MonoNs(0)).board_state
    )


def test_a_ring_of_something_else_is_an_error_and_no_motion(link, tmp_path):
    with RingWriter.create(tmp_path / ARM_RING, TICK_BYTES, 8) as arm:
        arm.write(b"x" * TICK_BYTES)
        with pytest.raises(CorruptRecordError):
            link.cycle(MonoNs(1), 1)


class Recorder:
    """Stands in for the link; each cycle takes its time."""

    def __init__(self, clock, costs_ms):
        self.clock, self.costs_ms, self.cycles = clock, list(costs_ms), []

    def cycle(self, now_ns, steps):
        self.cycles.append((now_ns // MS, steps))
        self.clock.advance(round(self.costs_ms.pop(0) * MS))

    def stopped(self):
        return not self.costs_ms


@pytest.mark.parametrize(
    ("costs_ms", "cycles"),
    [
        ([1, 2, 9.9, 1], [(0, 1), (10, 1), (20, 1), (30, 1)]),
        ([1, 25, 1, 1], [(0, 1), (10, 1), (40, 3), (50, 1)]),
        ([1, 1005, 1, 1], [(0, 1), (10, 1), (1020, MAX_STEPS), (1030, 1)]),
    ],
)
def test_a_late_cycle_makes_up_for_lost_steps_within_bounds(costs_ms, cycles):
    clock = FakeClock()
    recorder = Recorder(clock, costs_ms)
    run_world(recorder, clock, recorder.stopped)
    assert recorder.cycles == cycles


def test_refuses_a_cell_without_a_world(tmp_path):
    table = {key: value for key, value in CELL.items() if key != "world"}
    with pytest.raises(ConfigError, match="mock: world: got nothing"):
        main(tmp_path, msgspec.convert(table, CellConfig))


BODY = """
import sys, json, msgspec
from pathlib import Path
from robotd.core.config import CellConfig
from robotd.sim.world_process import main
main(Path(sys.argv[1]), msgspec.convert(json.loads(sys.argv[2]), CellConfig))
"""


def start(run_dir):
    (run_dir / "world.ready").unlink(missing_ok=True)
    cell = msgspec.json.encode(CELL).decode()
    root = Path(__file__).parents[2]
    process = subprocess.Popen([sys.executable, "-c", BODY, str(run_dir), cell], cwd=root)
    deadline = time.monotonic() + 20
    while not (run_dir / "world.ready").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


def wait_for(run_dir, condition):
    deadline = time.monotonic() + 10
    while not condition(state := newest(run_dir)):
        assert time.monotonic() < deadline, state
        time.sleep(0.01)
    return state


def test_the_process_steps_obeys_survives_a_kill_and_ends_on_sigterm(tmp_path):
    first = start(tmp_path)
    order(tmp_path, WorldOrder(episode=4, seed=100_004))
    wait_for(tmp_path, lambda state: state.episode == 4 and state.step_n > 10)
    first.kill()
    assert first.wait(10) == -signal.SIGKILL
    dead = newest(tmp_path)

    second = start(tmp_path)
    after = wait_for(tmp_path, lambda state: state.t_ns > dead.t_ns and state.step_n > 5)
    assert (after.episode, after.seed) == (4, 100_004)
    second.terminate()
    assert second.wait(10) == 0
