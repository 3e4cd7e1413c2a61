"""A person takes over while a policy drives: as long as the button of their device is held.

The policy goes on by itself only where the person has let go for sure. A device that falls silent
in their hand, or a button that comes up after a long silence, stops the run: a person resumes it.
"""

from typing import Final

from robotd.core.clock import MonoNs, S
from robotd.core.process_names import TELEOP
from robotd.core.types import ArmTick, Plan
from robotd.modes.collect.hand import Hand, in_time
from robotd.modes.daemon.activity import Workplace
from teleop.deadman import Readiness
from teleop.mapping import TeleopMapping

STILL_NS: Final = 5 * S // 2
"""A button held for longer without a motion may come up though nobody let go: a driver believes a
silent device for no longer than a little more (`teleop/cap.py`)."""

SILENT: Final = "take-over: the device fell silent in a person's hand; see to it, then resume"
UNSURE: Final = (
    "take-over: the button came up after a while without a motion, perhaps by itself; resume to "
    "have the policy go on"
)


class Takeover:
    """One device beside one policy.

    Attributes:
        drives: Whether the person has the arm: from the press of the button until the arm has come
            to rest where they let go.
        problem: Why the policy may not go on by itself, one sentence; empty while it may.
    """

    def __init__(self, place: Workplace, arguments: tuple[str, ...], now: MonoNs) -> None:
        """Start the device's process; nothing moves by it before it was let go once."""
        self._children = place.children
        self._hand = Hand(place.run_dir, place.cell.teleop, now)
        self._mapping = TeleopMapping(in_time(place.cell.teleop), place.cell.envelope)
        self._begun = self.drives = False
        self._moved_ns = now
        self.problem = ""
        place.children.start_one(TELEOP, arguments)

    def see(self, now: MonoNs) -> None:
        """Hear the device; what its other buttons say means nothing here."""
        self._hand.read(now)

    def step(self, now: MonoNs, tick: ArmTick, epoch: int) -> Plan | None:
        """Do one cycle; return the person's plan, or None: they do not drive, or stand still.

        Args:
            now: The present.
            tick: The arm's newest cycle.
            epoch: Of the plan, if one is made.
        """
        if not self._begun:
            self._mapping.begin(now, tick.T_base_cmd)
            self._begun = True
        done = self._mapping.step(now, self._hand.newest, tick.T_base_cmd, epoch=epoch)
        moving = done.readiness is Readiness.MOVING
        if moving and (done.twist.any() or not self.drives):
            self._moved_ns = now
        if self.drives and done.readiness is Readiness.STALE:
            self.problem = SILENT
        elif self.drives and not moving and now - self._moved_ns > STILL_NS:
            self.problem = UNSURE
        self.drives = moving or (self.drives and done.plan is not None)
        return done.plan if self.drives else None

    def restart(self) -> None:
        """Want the device let go first: the arm has stopped meanwhile."""
        self._begun = self.drives = False
        self.problem = ""

    def close(self) -> None:
        """Let go of the device."""
        self._children.stop_one(TELEOP)
        self._hand.close()
