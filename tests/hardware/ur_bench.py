"""The arm's loop on the driver, against an emulated controller in a process of its own."""

import contextlib
import time

import numpy as np

from robotd.core.arm_codes import ArmPhase, Source
from robotd.core.clock import MS, MonoNs, SystemClock
from robotd.core.config import ArmConfig, Box, EnvelopeConfig, Pose
from robotd.core.types import Orders, Plan
from robotd.hardware.ur import UrArm, UrRtde
from robotd.servo.loop import ArmLoop
from robotd.sim.ur.injection import Injection

GAP_S = 0.4
"""Patience of loop and script here: these tests share their processors with others."""

TOOL_M = (0.0, 0.0, 0.13)
ENVELOPE = EnvelopeConfig(
    q_min_rad=(-6.2,) * 6,
    q_max_rad=(6.2,) * 6,
    tool_box=Box(min_m=(-0.8, -0.9, 0.05), max_m=(0.6, -0.1, 0.9)),
    table_z_m=0.0,
)


def config_of(model, **changes):
    values = {
        "kind": "ur",
        "model": model,
        "tool": Pose(position_m=TOOL_M),
        "home_q_rad": (0.0,) * 6,
        "max_state_age_s": GAP_S,
        "max_orders_age_s": 1.0,
    }
    return ArmConfig(**(values | changes))


class UrBench:
    """An emulated controller, the driver, and the loop that a test lets run for a while."""

    def __init__(self, host, model, **changes):
        self.host, self.config = host, config_of(model, **changes)
        self.clock = SystemClock()
        self.ticks, self.words = [], {}
        self.session, self.asked_n, self.plan, self.epoch = 0, 0, None, 0
        self.emulator = Injection(host)
        self.emulator.do("identity", tcp=(*TOOL_M, 0.0, 0.0, 0.0), payload_kg=0.0)
        self.arm = UrArm(
            self.config,
            ENVELOPE,
            self.clock,
            find_host=lambda: host,
            gap_fault_s=GAP_S,
            library=UrRtde(),
        )

    def __enter__(self):
        self.arm.__enter__()
        self.loop = ArmLoop(
            arm=self.arm,
            config=self.config,
            envelope=ENVELOPE,
            max_jump_m=0.05,
            gap_fault_s=GAP_S,
            orders=lambda: Orders(t_ns=self.clock.now(), session=self.session, plan=self.plan),
            publish=self.ticks.append,
            clock=self.clock,
            explain=self.words.__setitem__,
        )
        return self

    def __exit__(self, *error):
        self.arm.__exit__(None, None, None)
        self.emulator.close()

    def run(self, seconds, until=lambda _: False):
        """Tick for so long, or until a tick is as wanted; return the ticks of that time."""
        first, began_ns = len(self.ticks), self.clock.now()
        due_ns = began_ns
        while self.clock.now() - began_ns < seconds * 1e9:
            self.loop.tick(self.clock.now())
            if self.ticks and until(self.ticks[-1]):
                break
            skipped = max(0, self.clock.now() - due_ns) // self.loop.period_ns
            due_ns = MonoNs(due_ns + (1 + skipped) * self.loop.period_ns)
            self.clock.sleep_until(due_ns)
        return self.ticks[first:]

    def arm_it(self):
        """Begin a session, or fail."""
        self.plan = None
        self.ask()
        self.run(10.0, until=lambda tick: tick.session == self.session)
        self.run(0.05)
        assert self.ticks[-1].phase is ArmPhase.HOLDING, (self.ticks[-1].fault, self.words)
        return self

    def ask(self):
        """Order the next session."""
        self.run(0.05)
        self.asked_n += 1
        self.session = self.asked_n

    def disarm(self):
        """End the session, once the arm stands."""
        self.session = 0
        self.run(5.0, until=lambda tick: tick.session == 0 and tick.phase is ArmPhase.DISARMED)

    def line_to(self, away_m, duration_s=1.0):
        """Order a straight line from the present setpoint, at constant speed."""
        self.epoch += 1
        T = self.ticks[-1].T_base_cmd
        n = round(duration_s / 0.01) + 1
        rows = np.repeat(T[None], n, axis=0)
        rows[:, :3, 3] += np.linspace(0.0, 1.0, n)[:, None] * np.array(away_m)
        t_ns = self.clock.now() + 10 * MS * np.arange(n)
        self.plan = Plan(
            epoch=self.epoch,
            t_ns=t_ns,
            T_base_tcp=rows,
            valid_until_ns=MonoNs(int(t_ns[-1]) + 10**10),
            source=Source.POLICY,
        )

    def moving(self):
        """Be half-way along a line."""
        self.arm_it()
        self.line_to((0.12, 0.0, 0.0), 1.5)
        self.run(0.4)
        assert self.ticks[-1].phase is ArmPhase.FOLLOWING
        return self

    def state(self, **wanted):
        """Return the emulator's state, once it is as wanted."""
        deadline = time.monotonic() + 5.0
        while True:
            state = self.emulator.state()
            if all(state[key] == value for key, value in wanted.items()):
                return state
            assert time.monotonic() < deadline, state
            self.run(0.02)

    def still(self):
        """Whether the arm does not move from now on, whatever the driver does."""
        self.run(0.3)
        self.emulator.do("mark")
        self.run(0.2)
        return self.emulator.state()["travel_rad"] < 1e-4


@contextlib.contextmanager
def connected(host, model, **changes):
    with UrBench(host, model, **changes) as bench:
        yield bench
