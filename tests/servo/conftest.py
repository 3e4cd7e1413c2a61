"""The mock cell's arms, and a bench that runs the arm loop in lockstep."""

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from robotd.core.arm_codes import Source
from robotd.core.clock import MS, FakeClock, MonoNs
from robotd.core.config import ArmConfig, Box, EnvelopeConfig, Pose
from robotd.core.geometry import pose
from robotd.core.types import ArmTick, Orders, Plan
from robotd.servo.loop import ArmLoop
from robotd.sim.arm import SimArm

HOME = {
    "ur5": (2.92152, -1.33422, 2.0589, -2.29548, -1.5708, -0.22007),
    "ur5e": (2.87173, -1.24451, 2.13738, -2.46367, -1.5708, -0.26986),
}
R_DOWN = np.array([[0.0, -1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
ENVELOPE = EnvelopeConfig(
    q_min_rad=(-6.2,) * 6,
    q_max_rad=(6.2,) * 6,
    tool_box=Box(min_m=(0.32, -0.18, 0.003), max_m=(0.68, 0.18, 0.30)),
    table_z_m=0.0,
)


def arm_config(model: str = "ur5e") -> ArmConfig:
    return ArmConfig(
        kind="sim", model=model, tool=Pose(position_m=(0.0, 0.0, 0.15)), home_q_rad=HOME[model]
    )


def tool_at(x: float, y: float, z: float):
    return pose(R_DOWN, (x, y, z))


@dataclass
class Bench:
    """Clock, simulated arm and loop, one tick at a time."""

    model: str = "ur5e"
    envelope: EnvelopeConfig = ENVELOPE
    q_start: tuple[float, ...] | None = None
    ticks: list[ArmTick] = field(default_factory=list)
    session: int = 0
    plan: Plan | None = None
    alive: bool = True
    gap_fault_s: float = 0.04

    def __post_init__(self):
        self.clock = FakeClock(MonoNs(1_000_000_000))
        config = arm_config(self.model)
        self.arm = SimArm(
            config, self.envelope, self.clock, watchdog_s=0.06, q_start_rad=self.q_start
        )
        self.orders_ns = self.clock.now()
        self.epoch = 0
        self.loop = self.new_loop()

    def new_loop(self) -> ArmLoop:
        return ArmLoop(
            arm=self.arm,
            config=arm_config(self.model),
            envelope=self.envelope,
            max_jump_m=0.05,
            gap_fault_s=self.gap_fault_s,
            orders=self.orders,
            publish=self.ticks.append,
            clock=self.clock,
        )

    def orders(self) -> Orders | None:
        if self.alive:
            self.orders_ns = self.clock.now()
        return Orders(t_ns=self.orders_ns, session=self.session, plan=self.plan)

    def run(self, duration_s: float, each: Callable[[], None] = lambda: None) -> list[ArmTick]:
        first = len(self.ticks)
        for _ in range(round(duration_s * 1e9 / self.loop.period_ns)):
            each()
            self.loop.tick(self.clock.now())
            self.clock.advance(self.loop.period_ns)
        return self.ticks[first:]

    def arm_it(self, session: int = 1) -> "Bench":
        self.run(0.02)
        self.session = session
        self.run(0.02)
        return self

    def tool_m(self) -> np.ndarray:
        return self.ticks[-1].T_base_cmd[:3, 3]

    def line_to(self, target_m, duration_s: float = 1.0, valid_s: float = 0.5) -> Plan:
        """Order a straight line from the present setpoint, at constant speed."""
        self.epoch += 1
        n = int(duration_s / 0.01) + 1
        share = np.linspace(0.0, 1.0, n)[:, None]
        here = self.tool_m()
        p = here + share * (np.array(target_m) - here)
        now = self.clock.now()
        t_ns = now + 10 * MS * np.arange(n)
        self.plan = Plan(
            epoch=self.epoch,
            t_ns=t_ns,
            T_base_tcp=pose(R_DOWN, p),
            valid_until_ns=MonoNs(int(t_ns[-1]) + round(valid_s * 1e9)),
            source=Source.POLICY,
        )
        return self.plan


def _beside(name: str):
    """Load a module that lies beside this one."""
    spec = importlib.util.spec_from_file_location(
        f"servo_{name}", Path(__file__).with_name(f"{name}.py")
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


GATE_CHECKS = _beside("gate_checks")


def pytest_generate_tests(metafunc):
    if "gate_check" in metafunc.fixturenames:
        checks = GATE_CHECKS.CHECKS
        metafunc.parametrize("gate_check", checks, ids=[check.__name__ for check in checks])


@pytest.fixture(scope="session")
def gate_checks():
    return GATE_CHECKS


@pytest.fixture(scope="session")
def demonstrations():
    return _beside("demonstrations")


@pytest.fixture
def bench() -> Bench:
    """A UR5e at home, not yet armed."""
    return Bench()


@pytest.fixture
def make_bench() -> type[Bench]:
    return Bench
