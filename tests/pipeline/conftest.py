"""A cell and a policy's spec for the pipeline's tests, as plain factories."""

from collections.abc import Callable

import pytest

from robotd.core.config import (
    ArmConfig,
    Box,
    CameraConfig,
    CellConfig,
    EnvelopeConfig,
    ExecutorConfig,
    Pose,
    TaskConfig,
    WorldConfig,
)
from robotd.core.image import ImageSpec
from robotd.core.pusht_spec import PUSHT_OBSERVATION
from robotd.core.spec import ObsFeature, PolicySpec, SamplerSpec

TOP = ObsFeature(
    key="top",
    shape=(96, 96, 3),
    dtype="uint8",
    unit="RGB",
    image=ImageSpec(height=96, width=96),
)


@pytest.fixture
def make_spec() -> Callable[..., PolicySpec]:
    """Return a maker of Push-T specs."""

    def make(**changes: object) -> PolicySpec:
        values: dict[str, object] = {
            "name": "test",
            "observation": PUSHT_OBSERVATION,
            "n_obs_steps": 2,
            "dt_s": 0.1,
            "horizon": 15,
            "n_action_steps": 8,
            "action_dim": 2,
            "action_space": "board_xy",
            "action_unit": "px",
            "meaning": "command",
            "samplers": (SamplerSpec(name="ddim", steps=10),),
        }
        return PolicySpec(**{**values, **changes})

    return make


@pytest.fixture
def make_cell() -> Callable[..., CellConfig]:
    """Return a maker of cells whose board lies in front of the arm, turned about all axes."""

    def make(
        *, latency_s: float = 0.0, executor: ExecutorConfig | None = None, **task: object
    ) -> CellConfig:
        values: dict[str, object] = {
            "T_base_table": Pose(position_m=(0.3, 0.15, 0.0), quat_wxyz=(0.0, 1.0, 0.0, 0.0)),
            **task,
        }
        return CellConfig(
            name="test",
            arm=ArmConfig(
                kind="sim",
                model="ur5e",
                tool=Pose(position_m=(0.0, 0.0, 0.13)),
                home_q_rad=(0.0, -1.57, 1.57, -1.57, -1.57, 0.0),
                action_latency_s=latency_s,
            ),
            envelope=EnvelopeConfig(
                q_min_rad=(-6.0,) * 6,
                q_max_rad=(6.0,) * 6,
                tool_box=Box(min_m=(-1.0, -1.0, 0.0), max_m=(1.0, 1.0, 1.0)),
                table_z_m=0.0,
            ),
            cameras={"top": CameraConfig(kind="sim", view="board", tracks=("block_pose",))},
            executor=executor or ExecutorConfig(),
            task=TaskConfig(**values),
            world=WorldConfig(),
        )

    return make
