"""The mock cell in one thread on a fake clock: the parts of its processes, called in order.

Latencies are numbers. The same calls give the same states, bit for bit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Final

import numpy as np
from numpy.typing import NDArray

from robotd.core.arm_model import kinematics_of
from robotd.core.board_frame import BoardFrame
from robotd.core.clock import MS, FakeClock, MonoNs, S, seconds_to_ns
from robotd.core.config import CellConfig
from robotd.core.errors import EnvelopeError
from robotd.core.pusht_spec import BLOCK_POSE
from robotd.core.types import ArmTick, Orders, Plan, Signal
from robotd.core.world_state import WorldState
from robotd.pipeline.action_map import BoardXy
from robotd.pipeline.observe import Stream
from robotd.pipeline.recent import Recent
from robotd.servo.loop import ArmLoop
from robotd.sim.arm import SimArm
from robotd.sim.camera import SimCamera, drawing
from robotd.sim.tracker import BlockTracker
from robotd.sim.world import World

CYCLE_NS: Final = 10 * MS
"""Period of the conductor, and of the world."""
SESSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What goes wrong and when, in seconds from the policy's start.

    Attributes:
        cameras_stop_s: The cameras take no more pictures.
        conductor_stops_s: The conductor neither plans nor renews its orders any more.
        server_stops_s: The policy answers nothing that is asked from then on.
    """

    cameras_stop_s: float = inf
    conductor_stops_s: float = inf
    server_stops_s: float = inf


@dataclass(slots=True)
class _Eye:
    """One camera and what looks at its pictures."""

    camera: SimCamera
    trackers: tuple[BlockTracker, ...]
    wanted: bool


class LockstepCell:
    """Arm, world and cameras of one episode, armed and at its start.

    Attributes:
        clock: The cell's time.
        world: The board.
        arm: The simulated arm.
        loop: The arm process's cycle.
        ticks: All cycles of the arm.
    """

    def __init__(
        self, cell: CellConfig, *, seed: int, cameras: frozenset[str] = frozenset()
    ) -> None:
        """Put the tool where the paper's protocol starts it, and arm.

        Args:
            cell: A mock cell.
            seed: Of the start, and of the tracker's noise.
            cameras: Cameras whose pictures are wanted; of the others no picture is drawn.

        Raises:
            EnvelopeError: The arm cannot stand at the start within its envelope.
        """
        self._cell = cell
        self.clock = FakeClock(MonoNs(S))
        board = BoardFrame.of_task(cell.task)
        self.world = World(board, cell.task.tip_height_m, seed)
        T_start = BoardXy(board, cell.task.tip_height_m).poses(
            self.world.state(self.clock.now()).start_xy_px[np.newaxis]
        )[0]
        self.arm = SimArm(
            cell.arm, cell.envelope, self.clock, q_start_rad=start_joints(cell, T_start)
        )
        self.ticks: list[ArmTick] = []
        self.loop = ArmLoop(
            arm=self.arm,
            config=cell.arm,
            envelope=cell.envelope,
            max_jump_m=cell.executor.max_jump_m,
            gap_fault_s=cell.arm.gap_fault_s or 0.1,
            orders=lambda: self._orders,
            publish=self.ticks.append,
            clock=self.clock,
        )
        self._orders = Orders(t_ns=self.clock.now(), session=0, plan=None)
        self._arm_ns = self._cycle_ns = int(self.clock.now())
        self._state = self.world.state(self.clock.now())
        self._eyes = self._open_eyes(board, seed, cameras)
        self._recent = Recent()
        self._read_n = 0
        self.cameras_stop_ns: float = inf
        self.arm.__enter__()
        self._arm_it()

    def _open_eyes(self, board: BoardFrame, seed: int, wanted: frozenset[str]) -> list[_Eye]:
        world = self._cell.world
        eyes: list[_Eye] = []
        for name, config in self._cell.cameras.items():
            draw = drawing(config, self._cell.task.board_m) if name in wanted else _nothing
            camera = SimCamera(name, config, draw, lambda: self._state, self.clock)
            tracker = BlockTracker(
                board,
                camera.state_at,
                noise_m=world.tracker_noise_m if world else 0.0,
                noise_rad=world.tracker_noise_rad if world else 0.0,
                seed=seed,
            )
            tracked = (tracker,) if BLOCK_POSE in config.tracks else ()
            camera.__enter__()
            eyes.append(_Eye(camera=camera, trackers=tracked, wanted=name in wanted))
        return eyes

    def _arm_it(self) -> None:
        """Let the arm process see a session begin, as after a person has armed."""
        self.cycle()
        self.order(None)
        self.cycle()
        if not self.loop.engaged:
            fault = self.ticks[-1].fault.name
            raise EnvelopeError(f"lockstep: the arm did not engage at the start: {fault}")

    @property
    def now(self) -> MonoNs:
        """The present."""
        return self.clock.now()

    @property
    def tick(self) -> ArmTick:
        """The arm's newest cycle."""
        return self.ticks[-1]

    @property
    def plan(self) -> Plan | None:
        """The plan last ordered."""
        return self._orders.plan

    @property
    def state(self) -> WorldState:
        """The world's newest state."""
        return self._state

    def order(self, plan: Plan | None) -> None:
        """Write the conductor's orders: its heartbeat, and what to follow."""
        self._orders = Orders(t_ns=self.now, session=SESSION, plan=plan)

    def beat(self) -> None:
        """Renew the orders."""
        self.order(self._orders.plan)

    def cycle(self) -> None:
        """Let one period of the conductor pass: the arm's cycles in it, the world, the cameras."""
        self._cycle_ns += CYCLE_NS
        while self._arm_ns <= self._cycle_ns:
            self.clock.sleep_until(MonoNs(self._arm_ns))
            self.loop.tick(self.clock.now())
            self._arm_ns += self.loop.period_ns
        self.clock.sleep_until(MonoNs(self._cycle_ns))
        self.world.step(self.tick.state.T_base_tcp)
        self._state = self.world.state(self.now)
        self._look()
        self._recent.add_states(tick.state for tick in self.ticks[self._read_n :])
        self._read_n = len(self.ticks)
        self._recent.forget(self.now)

    def streams(self) -> Mapping[str, Stream]:
        """Return the newest part of every stream under the names that `observe` knows."""
        return self._recent.streams()

    def _look(self) -> None:
        if self.now > self.cameras_stop_ns:
            return
        for eye in self._eyes:
            frame = eye.camera.poll()
            if frame is None:
                continue
            if eye.wanted:
                self._recent.add_frames(eye.camera.name, [frame])
            for tracker in eye.trackers:
                value = tracker.measure(frame)
                if value is not None:
                    t_ns = np.array([frame.t_ns], dtype=np.int64)
                    self._recent.add_signals(tracker.key, [Signal(t_ns=t_ns, value=value[None])])


def start_joints(cell: CellConfig, T_base_tcp: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (6,) joints [rad] nearest to home with the tool at a (4, 4) pose.

    Raises:
        EnvelopeError: The arm does not reach the pose.
    """
    kinematics = kinematics_of(cell.arm)
    q_rad = np.array(cell.arm.home_q_rad)
    for _ in range(100):
        solution = kinematics.ik(T_base_tcp, q_rad)
        q_rad = solution.q_rad
        if solution.position_error_m < 1e-6 and solution.rotation_error_rad < 1e-6:
            return q_rad
    raise EnvelopeError(f"lockstep: the arm does not reach the start at {T_base_tcp[:3, 3]} m")


def _nothing(state: NDArray[np.float64]) -> NDArray[np.uint8]:  # noqa: ARG001 (of the camera)
    """Draw a picture that nobody looks at."""
    return np.zeros((1, 1, 3), dtype=np.uint8)


def instant(start_ns: MonoNs, after_s: float) -> float:
    """Return the instant so long after a start [ns]; inf for never."""
    return inf if after_s == inf else start_ns + seconds_to_ns(after_s)
