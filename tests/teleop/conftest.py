"""A device in a test's hand, and the arm that its plans move."""

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from robotd.core.clock import MS, FakeClock, MonoNs
from robotd.core.config import Box, EnvelopeConfig
from robotd.core.config_teleop import TeleopConfig
from robotd.core.geometry import pose
from robotd.core.types import TeleopSample
from teleop.deadman import Reading
from teleop.mapping import TeleopMapping, TeleopStep

R_DOWN = np.array([[0.0, -1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
START = pose(R_DOWN, (0.5, 0.0, 0.01))
ENVELOPE = EnvelopeConfig(
    q_min_rad=(-6.2,) * 6,
    q_max_rad=(6.2,) * 6,
    tool_box=Box(min_m=(0.32, -0.18, 0.003), max_m=(0.68, 0.18, 0.30)),
    table_z_m=0.0,
)


@dataclass
class Hand:
    """A mapping and the device in front of it, one cycle of 10 ms at a time; no arm.

    The setpoint is where the target was one cycle ago, unless `stuck`.
    """

    config: TeleopConfig = field(default_factory=TeleopConfig)
    start: np.ndarray = field(default_factory=START.copy)

    def __post_init__(self):
        self.clock = FakeClock(MonoNs(1_000_000_000))
        self.mapping = TeleopMapping(self.config, ENVELOPE)
        self.mapping.begin(self.clock.now(), self.start)
        self.T_cmd, self.number, self.epoch, self.stuck = self.start, 0, 0, False
        self.steps: list[TeleopStep] = []

    def reading(self, deflection, *, held, age_ms=0.0):
        full = np.zeros(6)
        full[: len(deflection)] = deflection
        sample = TeleopSample(
            t_ns=MonoNs(self.clock.now() - round(age_ms * MS)),
            deflection=full,
            buttons=frozenset({self.config.deadman_button} if held else ()),
        )
        return Reading(number=self.number, sample=sample)

    def wait(self, ms=10.0) -> "Hand":
        self.clock.advance(round(ms * MS))
        return self

    def cycle(self, reading) -> TeleopStep:
        self.epoch += 1
        step = self.mapping.step(self.clock.now(), reading, self.T_cmd, epoch=self.epoch)
        if not self.stuck:
            self.T_cmd = step.T_base_target
        self.steps.append(step)
        return step

    def hold(self, *deflection, seconds=0.1, held=True) -> TeleopStep:
        for _ in range(round(seconds * 100)):
            self.number += 1
            self.wait().cycle(self.reading(deflection, held=held))
        return self.steps[-1]

    def let_go(self, seconds=0.1) -> TeleopStep:
        return self.hold(held=False, seconds=seconds)

    @property
    def target_m(self):
        return self.steps[-1].T_base_target[:3, 3]


@pytest.fixture
def hand() -> Hand:
    """A planar device that has not been let go yet."""
    return Hand()


@pytest.fixture
def make_hand() -> type[Hand]:
    return Hand


def _bench_of_servo():
    """The arm loop in lockstep lies with the servo's tests."""
    path = Path(__file__).parents[1] / "servo" / "conftest.py"
    spec = importlib.util.spec_from_file_location("teleop_servo_bench", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.Bench


Profile = Callable[[float], tuple[tuple[float, ...], bool] | None]
"""Time [s] to deflection (up to six numbers) and whether the button is held; None: silence."""


@dataclass
class Drive:
    """A device that moves the real follower, gate and simulated arm."""

    model: str = "ur5e"
    config: TeleopConfig = field(default_factory=TeleopConfig)
    cycle_ms: Callable[[int], float] = lambda cycle: 10.0
    start_m: tuple[float, float, float] | None = None

    def __post_init__(self):
        self.bench = _bench_of_servo()(model=self.model).arm_it()
        if self.start_m is not None:
            self.bench.line_to(self.start_m, 1.0)
            self.bench.run(1.4)
        self.mapping = TeleopMapping(self.config, self.bench.envelope)
        self.t0_ns = self.bench.clock.now()
        self.mapping.begin(self.t0_ns, self.bench.ticks[-1].T_base_cmd)
        self.steps: list[tuple[float, TeleopStep]] = []
        self._due_ns, self._cycle = self.t0_ns, 0
        self._reading: Reading | None = None

    def run(self, profile: Profile, duration_s: float) -> "Drive":
        first = len(self.bench.ticks)
        self.bench.run(duration_s, lambda: self._conduct(profile))
        self.ticks = self.bench.ticks[first:]
        return self

    def _conduct(self, profile: Profile):
        now = self.bench.clock.now()
        if now < self._due_ns:
            return
        t_s = (now - self.t0_ns) * 1e-9
        self._cycle += 1
        said = profile(t_s)
        if said is not None:
            full = np.zeros(6)
            full[: len(said[0])] = said[0]
            buttons = frozenset({0} if said[1] else ())
            sample = TeleopSample(t_ns=now, deflection=full, buttons=buttons)
            self._reading = Reading(number=self._cycle, sample=sample)
        T_base_cmd = self.bench.ticks[-1].T_base_cmd
        step = self.mapping.step(now, self._reading, T_base_cmd, epoch=1000 + self._cycle)
        if step.plan is not None:
            self.bench.plan = step.plan
        self.steps.append((t_s, step))
        self._due_ns = MonoNs(now + round(self.cycle_ms(self._cycle) * MS))

    @property
    def t_s(self):
        return np.array([tick.t_ns - self.t0_ns for tick in self.ticks]) * 1e-9

    @property
    def tool_m(self):
        """(N, 3) the setpoints' tool at every tick."""
        return np.array([tick.T_base_cmd[:3, 3] for tick in self.ticks])

    @property
    def error_m(self):
        """(M,) between setpoint and target, at every tick up to the last cycle."""
        t_s = [t for t, _ in self.steps]
        ticks_n = int(np.searchsorted(self.t_s, t_s[-1], side="right"))
        p_m = np.array([step.T_base_target[:3, 3] for _, step in self.steps])
        wanted = np.stack([np.interp(self.t_s[:ticks_n], t_s, p_m[:, i]) for i in range(3)], axis=1)
        return np.linalg.norm(self.tool_m[:ticks_n] - wanted, axis=1)

    @property
    def speed_m_s(self):
        """(N - 1, 3)."""
        return np.diff(self.tool_m, axis=0) / np.diff(self.t_s)[:, None]


@pytest.fixture
def make_drive() -> type[Drive]:
    return Drive
