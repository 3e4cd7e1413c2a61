"""What a session's setpoints are made of: a plan that is followed, or a person's slow rates.

Each has its own gate, which alone builds setpoints; the loop knows neither plans nor rates.
"""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from robotd.core.arm_codes import ArmPhase, Source, Verdict
from robotd.core.clock import MonoNs, seconds_to_ns
from robotd.core.config import EnvelopeConfig
from robotd.core.kinematics import Kinematics
from robotd.core.types import Orders, Setpoint
from robotd.core.ur_models import UrModel
from robotd.servo.follower import Follower
from robotd.servo.gate import Gate
from robotd.servo.jog_gate import JogGate
from robotd.servo.jogger import Jogger
from robotd.servo.plan_track import PlanTrack, pose_at

Array = NDArray[np.float64]


class Moved(NamedTuple):
    """One setpoint and how it came about."""

    setpoint: Setpoint
    verdict: Verdict
    phase: ArmPhase
    epoch: int = -1
    source: Source = Source.HOLD


class Motion(Protocol):
    """The way from orders to setpoints in one session; real-time."""

    @property
    def gate(self) -> Gate:
        """Reset it where the session begins, before the first `step`."""
        ...

    @property
    def T_base_cmd(self) -> Array:
        """(4, 4) pose of the tool at the last setpoint [m]."""
        ...

    @property
    def refused_epoch(self) -> int:
        """The newest plan of this session that was not followed; -1 for none."""
        ...

    def begin(self) -> None:
        """Begin at rest where the gate was reset; what was before is forgotten."""
        ...

    def step(self, orders: Orders | None, due_ns: MonoNs) -> Moved:
        """Return the next setpoint; None: brake, then hold.

        Args:
            orders: Those in force.
            due_ns: When the setpoint is due.
        """
        ...


class PlanMotion:
    """Follows plans; a `Motion`."""

    def __init__(
        self,
        *,
        envelope: EnvelopeConfig,
        model: UrModel,
        kinematics: Kinematics,
        dt_s: float,
        max_jump_m: float,
    ) -> None:
        """Build gate and follower.

        Args:
            envelope: The limits.
            model: The vendor's figures for the arm.
            kinematics: The arm with its tool.
            dt_s: Servo period [s].
            max_jump_m: A plan that begins further away is not followed [m].
        """
        self.gate = Gate(envelope=envelope, model=model, kinematics=kinematics, dt_s=dt_s)
        self.track = PlanTrack(max_jump_m)
        self.T_base_cmd = np.eye(4)
        self._follower = Follower(envelope=envelope, kinematics=kinematics, dt_s=dt_s)
        self._kinematics, self._period_ns = kinematics, seconds_to_ns(dt_s)

    @property
    def refused_epoch(self) -> int:
        """The newest plan of this session that was not followed; -1 for none."""
        return self.track.refused_epoch

    def begin(self) -> None:
        """Begin at rest."""
        self.track.restart()
        self.T_base_cmd = self._kinematics.fk(self.gate.q_rad)
        self._seed()

    def step(self, orders: Orders | None, due_ns: MonoNs) -> Moved:
        """Follow the plan, or brake."""
        plan = self.track.follow(None if orders is None else orders.plan, due_ns, self.T_base_cmd)
        phase = ArmPhase.HOLDING if self.gate.at_rest else ArmPhase.BRAKING
        candidate = None
        if plan is not None:
            phase = ArmPhase.FOLLOWING
            before = pose_at(plan, due_ns - self._period_ns)
            candidate = self._follower.step(before, pose_at(plan, due_ns))
        setpoint, verdict = self.gate.step(candidate)
        if not verdict.accepted:
            self._seed()
        self.T_base_cmd = self._kinematics.fk(setpoint.q_rad)
        if plan is None:
            return Moved(setpoint, verdict, phase)
        return Moved(setpoint, verdict, phase, plan.epoch, plan.source)

    def _seed(self) -> None:
        self._follower.seed(self.gate.q_rad, self.gate.qd_rad_s, self.gate.qdd_rad_s2)


class JogMotion:
    """Moves as a person jogs; a `Motion` that may begin outside the envelope."""

    refused_epoch = -1

    def __init__(
        self, *, envelope: EnvelopeConfig, model: UrModel, kinematics: Kinematics, dt_s: float
    ) -> None:
        """Build its gate; arguments as of `PlanMotion`."""
        self.gate = JogGate(envelope=envelope, model=model, kinematics=kinematics, dt_s=dt_s)
        self.T_base_cmd = np.eye(4)
        self._jogger = Jogger(kinematics=kinematics, envelope=envelope, dt_s=dt_s)
        self._kinematics = kinematics

    def begin(self) -> None:
        """Begin at rest."""
        self._jogger.restart()
        self.T_base_cmd = self._kinematics.fk(self.gate.q_rad)

    def step(self, orders: Orders | None, due_ns: MonoNs) -> Moved:
        """Move while somebody wants it, or brake."""
        candidate = None
        if orders is not None and orders.jog is not None:
            q, qd = self.gate.q_rad, self.gate.qd_rad_s
            candidate = self._jogger.step(q, qd, orders.jog, due_ns)
        rests = self.gate.at_rest
        setpoint, verdict = self.gate.step(candidate)
        if not verdict.accepted:
            self._jogger.restart()
        self.T_base_cmd = self._kinematics.fk(setpoint.q_rad)
        if candidate is not None:
            return Moved(setpoint, verdict, ArmPhase.FOLLOWING, source=Source.JOG)
        return Moved(setpoint, verdict, ArmPhase.HOLDING if rests else ArmPhase.BRAKING)
