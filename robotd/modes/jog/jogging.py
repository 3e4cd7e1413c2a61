"""Jogging in the daemon: a person's device moves the arm slowly while its button is held.

The only activity that may begin outside the envelope; what it may do there is the jog gate's
business in the arm process, not this file's.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from robotd.core.arm_codes import Limit, Source
from robotd.core.arm_model import kinematics_of
from robotd.core.clock import MS, MonoNs, S
from robotd.core.config_teleop import SessionCommand
from robotd.core.errors import SupervisorError
from robotd.core.jog import JogFrame, JogOrder
from robotd.core.process_names import TELEOP
from robotd.core.types import ArmTick
from robotd.core.ur_models import ur_model
from robotd.core.world_state import WorldState
from robotd.modes.collect.hand import Hand, in_time
from robotd.modes.daemon.activity import Workplace
from robotd.modes.daemon.feed import Feed
from robotd.modes.jog.messages import JogRequest, JogStatus
from robotd.modes.jog.rates import NO_RATES, rates_of
from robotd.servo.excess import Excess
from teleop.deadman import DeadMan, Readiness
from teleop.session_table import Command

VALID_NS: Final = 60 * MS
"""An order is good for so long: a daemon that is gone or late leaves an arm that brakes."""
SILENT_NS: Final = 1 * S
REFUSED_NS: Final = 500 * MS
"""A refusal is shown for so long."""


class Jogging:
    """Implements `Activity`.

    Attributes:
        outcome: Why it is over; empty while it goes on.
        problem: Always empty: a device that is silent moves nothing, and that is all.
    """

    full_speed = False

    def __init__(self, place: Workplace, request: JogRequest, now: MonoNs) -> None:
        """Begin to listen to the device; nothing moves."""
        self._place = place
        self._config = in_time(place.cell.teleop)
        self._frame = JogFrame.JOINT if request.joints else JogFrame.BASE
        self._hand = Hand(place.run_dir, place.cell.teleop, now)
        self._deadman = DeadMan(
            button=self._config.deadman_button, max_age_s=self._config.max_age_s
        )
        arm = place.cell.arm
        self._excess = Excess(
            envelope=place.cell.envelope, model=ur_model(arm.model), kinematics=kinematics_of(arm)
        )
        self._tick = place.feed.tick
        self._refused, self._refused_ns = Limit.NONE, now
        self._moving = False
        self._own_teleop = request.arguments is not None
        if request.arguments is not None:
            place.children.start_one(TELEOP, request.arguments)
        self.outcome = self.problem = ""

    def see(self, now: MonoNs, ticks: Sequence[ArmTick], worlds: Sequence[WorldState]) -> None:
        """Hear the device and look at what the gate said."""
        del worlds
        for command in self._hand.read(now):
            if command is Command.TOGGLE:
                self._toggle()
        for tick in ticks:
            self._tick = tick
            if tick.source is Source.JOG and tick.verdict.limit is not Limit.NONE:
                self._refused, self._refused_ns = tick.verdict.limit, now

    def step(self, now: MonoNs, tick: ArmTick, feed: Feed) -> JogOrder | None:
        """Return what the device asks for while its button is held, and one still order after."""
        del tick, feed
        reading, rates = self._hand.newest, NO_RATES
        if reading is not None:
            rates = rates_of(reading.sample.deflection, self._frame, self._config)
        readiness = self._deadman.look(now, reading, deflected=bool(rates.any()))
        moved, self._moving = self._moving, readiness is Readiness.MOVING
        if not (self._moving or moved):
            return None
        return JogOrder(
            frame=self._frame,
            rates=rates if self._moving else np.zeros(6),
            valid_until_ns=MonoNs(now + VALID_NS),
        )

    def _toggle(self) -> None:
        """Move the other kind of axes; the device has to be let go first."""
        self._frame = JogFrame.BASE if self._frame is JogFrame.JOINT else JogFrame.JOINT
        self._deadman.distrust()

    def obey(self, command: SessionCommand, now: MonoNs) -> None:
        """Change between axes and joints, or quit.

        Raises:
            SupervisorError: Anything else is said.
        """
        del now
        if command == Command.TOGGLE.value:
            self._toggle()
        elif command == Command.QUIT.value:
            self.outcome = "quit"
        else:
            raise SupervisorError(f"cannot {command}: the arm is being jogged")

    def paused(self, reason: str, now: MonoNs) -> None:
        """Stand still."""
        del reason, now
        self._moving = False
        self._deadman.distrust()

    def resume(self, now: MonoNs) -> None:
        """Go on once the device was let go."""
        del now
        self._deadman.distrust()

    def end(self, outcome: str, reason: str, now: MonoNs) -> None:
        """Note why it is over."""
        del reason, now
        self._moving = False
        self.outcome = self.outcome or outcome

    def close(self, now: MonoNs) -> None:
        """Let go of the device."""
        self.end("stopped", "", now)
        if self._own_teleop:
            self._place.children.stop_one(TELEOP)
        self._hand.close()

    def status(self, now: MonoNs) -> JogStatus:
        """Return what clients show."""
        tick, refused = self._tick, self._refused
        if now - self._refused_ns > REFUSED_NS:
            refused = Limit.NONE
        q_rad = np.zeros(6) if tick is None else tick.state.q_rad
        x, y, z = (0.0, 0.0, 0.0) if tick is None else tick.state.T_base_tcp[:3, 3].tolist()
        q1, q2, q3, q4, q5, q6 = q_rad.tolist()
        return JogStatus(
            frame="joints" if self._frame is JogFrame.JOINT else "base",
            outcome=self.outcome,
            outside=() if tick is None else tuple(self._excess.said(q_rad)),
            refused="" if refused is Limit.NONE else refused.name.lower().replace("_", " "),
            p_tool_m=(x, y, z),
            q_rad=(q1, q2, q3, q4, q5, q6),
            teleop=self._hand.silent_ns(now) < SILENT_NS,
            neutral=self._deadman.readiness is Readiness.NEUTRAL_NEEDED,
            moving=self._moving,
        )
