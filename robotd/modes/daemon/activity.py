"""What the arm does while the daemon is RUNNING: the seam of policy runs, collecting and replay."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from robotd.core.clock import MonoNs
from robotd.core.config import CellConfig
from robotd.core.config_teleop import SessionCommand
from robotd.core.jog import JogOrder
from robotd.core.run_files import ARM_RIGHTS
from robotd.core.types import ArmTick, Plan
from robotd.core.world_state import WorldState
from robotd.modes.daemon.children import Children
from robotd.modes.daemon.feed import Feed
from robotd.modes.daemon.messages import ActivityStatus
from robotd.modes.daemon.policy_link import PolicyLink
from robotd.modes.daemon.scribe import Scribe
from robotd.modes.daemon.world_orders import WorldOrders


class Activity(Protocol):
    """From `start` until the arm rests again; the conductor holds one and does not know which.

    It is called in this order: in every cycle `see`; then, while the daemon is RUNNING, `step`.
    Once it is over, by itself or by somebody else, `end`, and when the arm rests `close`.
    """

    @property
    def full_speed(self) -> bool:
        """Whether its plans are timed for a controller at full speed."""
        ...

    @property
    def outcome(self) -> str:
        """Why it is over, one word or two; empty while it goes on."""
        ...

    @property
    def problem(self) -> str:
        """Why it cannot go on, one sentence: the daemon pauses; empty while it can."""
        ...

    def see(self, now: MonoNs, ticks: Sequence[ArmTick], worlds: Sequence[WorldState]) -> None:
        """Look at what came in this cycle; also while paused, and until the arm rests."""
        ...

    def step(self, now: MonoNs, tick: ArmTick, feed: Feed) -> Plan | JogOrder | None:
        """Do one cycle of motion; return a new plan, or None where the one before still holds.

        In a session of jogging it returns orders to jog instead.
        """
        ...

    def obey(self, command: SessionCommand, now: MonoNs) -> None:
        """Do what the person says with a key.

        Raises:
            SupervisorError: It has no use for it now; one sentence.
        """
        ...

    def paused(self, reason: str, now: MonoNs) -> None:
        """Note that the arm brakes, and why; a person may resume."""
        ...

    def resume(self, now: MonoNs) -> None:
        """Go on after a pause, from where the tool is."""
        ...

    def end(self, outcome: str, reason: str, now: MonoNs) -> None:
        """Note why it is over; the first one counts. The arm brakes from now on."""
        ...

    def close(self, now: MonoNs) -> None:
        """The arm rests, or has failed: end what is being recorded and let go of everything."""
        ...

    def status(self, now: MonoNs) -> ActivityStatus:
        """Return what clients show; also after `close`, until the next one starts."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """What the conductor lends to an activity.

    Attributes:
        cell: The cell.
        run_dir: Where its processes meet.
        feed: What comes from the rings.
        scribe: The journal and the recorder.
        link: The policy server.
        children: The cell's processes; an activity starts and stops the operator's.
        world: Orders to the simulated world; None in a real cell.
    """

    cell: CellConfig
    run_dir: Path
    feed: Feed
    scribe: Scribe
    link: PolicyLink
    children: Children
    world: WorldOrders | None

    @property
    def realtime(self) -> bool:
        """Whether the arm process has all real-time rights, as it says when it starts."""
        said = self.run_dir / ARM_RIGHTS
        return said.exists() and not said.read_text()
