"""A cell, ticks of its arm and a scripted policy for tests of the modes."""

import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from robotd.core.arm_codes import ArmPhase
from robotd.core.arm_model import kinematics_of
from robotd.core.clock import MS, MonoNs
from robotd.core.config import CellConfig
from robotd.core.config_load import load_toml
from robotd.core.pusht_spec import pusht_spec
from robotd.core.spec import PolicySpec
from robotd.core.types import ActionChunk, ArmState, ArmTick, PolicyRequest
from robotd.core.world_state import WorldState
from robotd.modes.drivers import direct
from robotd.pipeline.chunk_source import Failures, RequestStats
from tests.modes.daemon_stage import Stage

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def cell() -> CellConfig:
    """The mock cell with a UR5, its devices simulated without drivers."""
    return direct(load_toml(CHECKOUT / "configs/mock/cell-ur5.toml", CellConfig))


@pytest.fixture
def real_cell(cell: CellConfig) -> CellConfig:
    """The same cell as if its devices were real."""
    return msgspec.structs.replace(cell, world=None)


@pytest.fixture
def spec() -> PolicySpec:
    return pusht_spec("scripted")


@pytest.fixture
def run_dir() -> Iterator[Path]:
    """A folder whose path is short enough for sockets."""
    folder = Path(f"/dev/shm/robotd-modes-{uuid.uuid4().hex[:8]}")
    folder.mkdir(mode=0o700)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def make_tick(cell: CellConfig) -> Callable[..., ArmTick]:
    """Return a maker of ticks; the arm stands at home, or with its tool at `T_base_tcp`."""
    q_rad = np.array(cell.arm.home_q_rad)
    home = kinematics_of(cell.arm).fk(q_rad)

    def make(t_ns: int, T_base_tcp: np.ndarray | None = None, **changes: object) -> ArmTick:
        T = home if T_base_tcp is None else T_base_tcp
        values: dict[str, object] = {
            "t_ns": MonoNs(t_ns),
            "state": ArmState(
                t_ns=MonoNs(t_ns), q_rad=q_rad.copy(), qd_rad_s=np.zeros(6), T_base_tcp=T.copy()
            ),
            "q_cmd_rad": q_rad.copy(),
            "T_base_cmd": T.copy(),
            "phase": ArmPhase.HOLDING,
            "session": 1,
        }
        return ArmTick(**{**values, **changes})

    return make


@pytest.fixture
def make_world() -> Callable[..., WorldState]:
    """Return a maker of world states."""

    def make(t_ns: int, **changes: object) -> WorldState:
        values: dict[str, object] = {
            "t_ns": MonoNs(t_ns),
            "episode": 1,
            "seed": 3,
            "step_n": 0,
            "start_xy_px": np.array([200.0, 300.0]),
            "agent_xy_px": np.array([200.0, 300.0]),
            "tool_height_m": 0.01,
            "block_pose_px": np.array([256.0, 256.0, 0.5]),
            "coverage": 0.1,
            "best_coverage": 0.1,
            "best_score": 0.1,
            "success": False,
        }
        return WorldState(**{**values, **changes})

    return make


class ScriptedSource:
    """A `ChunkSource` whose answers the test gives."""

    def __init__(self, spec: PolicySpec) -> None:
        self._spec = spec
        self.asked: list[tuple[PolicyRequest, MonoNs, float]] = []
        self.chunk: ActionChunk | None = None
        self.failures = Failures()
        self.resets_n = 0
        self.stats: list[RequestStats] = []

    def hello(self, timeout_s: float) -> PolicySpec:
        del timeout_s
        return self._spec

    def request(self, request: PolicyRequest, *, t_obs_ns: MonoNs, deadline_s: float) -> int:
        self.asked.append((request, t_obs_ns, deadline_s))
        return len(self.asked)

    def answer(self, xy_px: tuple[float, float] = (256.0, 256.0)) -> None:
        """Answer the newest request: stay at one place of the board."""
        request, t_obs_ns, _ = self.asked[-1]
        self.chunk = ActionChunk(
            t_obs_ns=t_obs_ns,
            dt_s=self._spec.dt_s,
            i0=self._spec.i0,
            meaning=self._spec.meaning,
            actions=np.tile(np.array(xy_px), (self._spec.horizon, 1)),
            request_id=len(self.asked),
            seed=request.seed,
        )

    def newest_chunk(self) -> ActionChunk | None:
        chunk, self.chunk = self.chunk, None
        return chunk

    def reset(self) -> None:
        self.resets_n += 1
        self.failures = Failures(total_n=self.failures.total_n)

    def take_stats(self) -> list[RequestStats]:
        stats, self.stats = self.stats, []
        return stats

    def close(self) -> None:
        pass


@pytest.fixture
def stage(
    cell: CellConfig,
    run_dir: Path,
    make_tick: Callable[..., ArmTick],
    make_world: Callable[..., WorldState],
) -> Iterator[Stage]:
    """A daemon that has run for a few cycles."""
    stage = Stage(cell, run_dir, make_tick, make_world)
    with stage.close:
        stage.cycle(3)
        yield stage


@pytest.fixture
def source(spec: PolicySpec) -> ScriptedSource:
    return ScriptedSource(spec)


@pytest.fixture
def cycle_ns() -> int:
    return 10 * MS
