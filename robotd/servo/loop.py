"""The arm process's cycle: read, follow the plan, pass the gate, servo, publish.

`ArmLoop.tick` is the cycle without clock, socket or file of its own, so lockstep calls it as the
real-time shell `run` does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from robotd.core.arm_codes import ArmFault, ArmPhase, Limit, Verdict
from robotd.core.arm_model import kinematics_of
from robotd.core.clock import MonoNs, S
from robotd.core.config import ArmConfig, EnvelopeConfig
from robotd.core.errors import DeviceError, EnvelopeError
from robotd.core.protocols import Clock, RobotArm
from robotd.core.types import ArmState, ArmTick, Orders
from robotd.core.ur_models import ur_model
from robotd.servo.follower import Follower
from robotd.servo.gate import REST_RAD_S, Gate
from robotd.servo.health import BRAKED, fault_of_state
from robotd.servo.plan_track import PlanTrack, pose_at
from robotd.servo.session import SessionWatch, fresh

Array = NDArray[np.float64]

SETTLE_S = 0.5
"""How long an arm may take to come to rest behind its last setpoint before it is let go [s]."""

LONG_GAP_PERIODS = 5
"""Own gaps longer than this are counted."""


@dataclass(slots=True)
class LoopCounts:
    """What happened since the process started.

    Attributes:
        gaps_n: Own gaps of more than `LONG_GAP_PERIODS` periods while a session was obeyed.
        refused_setpoints_n: Candidates that the gate refused.
    """

    gaps_n: int = 0
    refused_setpoints_n: int = 0


class _Done(NamedTuple):
    """What a cycle did."""

    phase: ArmPhase
    commanded: bool  # a setpoint was sent
    verdict: Verdict = Verdict(accepted=True)
    epoch: int = -1


class ArmLoop:
    """One arm, the orders for it and the gate between them.

    Attributes:
        counts: What happened since the process started.
    """

    def __init__(
        self,
        *,
        arm: RobotArm,
        config: ArmConfig,
        envelope: EnvelopeConfig,
        max_jump_m: float,
        gap_fault_s: float,
        orders: Callable[[], Orders | None],
        publish: Callable[[ArmTick], None],
        clock: Clock,
    ) -> None:
        """Build gate and follower for the arm's own rate.

        Args:
            arm: Connected: the caller has entered it.
            config: The arm's configuration.
            envelope: The limits.
            max_jump_m: A plan that begins further away is not followed [m].
            gap_fault_s: Time between two cycles that is a fault [s].
            orders: Returns the newest orders, or None before the first. Must not block.
            publish: Takes what flows back. Must not block.
            clock: Monotonic; also that of `orders` and of the arm's states.
        """
        dt_s = 1.0 / arm.rate_hz
        self.counts = LoopCounts()
        self.period_ns = round(dt_s * S)
        self._arm, self._config, self._clock = arm, config, clock
        self._orders, self._publish = orders, publish
        self._gap_fault_ns = gap_fault_s * S
        self._kinematics = kinematics_of(config)
        self._gate = Gate(
            envelope=envelope,
            model=ur_model(config.model),
            kinematics=self._kinematics,
            dt_s=dt_s,
        )
        self._follower = Follower(envelope=envelope, kinematics=self._kinematics, dt_s=dt_s)
        self._track = PlanTrack(max_jump_m)
        self._sessions = SessionWatch(config.max_orders_age_s)
        self._session = 0
        self._fault = ArmFault.NONE
        self._engaged = False
        self._closing = False
        self._state: ArmState | None = None
        self._T_base_cmd = np.eye(4)
        self._last_ns: MonoNs | None = None
        self._rested_ns: MonoNs | None = None

    @property
    def refused_plans_n(self) -> int:
        """How many plans began too far from the setpoint and were not followed."""
        return self._track.refused_n

    @property
    def engaged(self) -> bool:
        """Whether the arm follows setpoints, or is being braked."""
        return self._engaged

    def run(self, stop: Callable[[], bool]) -> None:
        """Tick at absolute deadlines until `stop` says so and the arm has braked.

        A late tick skips deadlines instead of bursting.
        """
        deadline_ns, skipped_n = self._clock.now(), 0
        while not self._closing or self._engaged:
            self._closing = self._closing or stop()
            now_ns = self._clock.now()
            self.tick(now_ns, late_ns=now_ns - deadline_ns, skipped_n=skipped_n)
            skipped_n = max(0, self._clock.now() - deadline_ns) // self.period_ns
            deadline_ns = MonoNs(deadline_ns + (1 + skipped_n) * self.period_ns)
            self._clock.sleep_until(deadline_ns)

    def tick(self, now_ns: MonoNs, *, late_ns: int = 0, skipped_n: int = 0) -> None:
        """Do one cycle.

        Args:
            now_ns: The present instant.
            late_ns: How long ago the cycle was due; the plan counts from then.
            skipped_n: Deadlines skipped before it, for the record.
        """
        orders, state = self._orders(), self._read()
        gap_fault = self._watch_gap(now_ns)
        if self._engaged:
            self._stop_for(
                gap_fault or fault_of_state(state, self._gate.q_rad, now_ns, self._config)
            )
        if self._engaged:
            done = self._obey(orders, state, now_ns, MonoNs(now_ns - late_ns))
        else:
            done = self._wait(orders, state, now_ns)
        if self._state is not None:
            self._report(done, self._state, late_ns=late_ns, skipped_n=skipped_n)

    def _obey(
        self, orders: Orders | None, state: ArmState | None, now_ns: MonoNs, due_ns: MonoNs
    ) -> _Done:
        """Servo, and let go of the arm once it stands and the session is over."""
        in_force = fresh(orders, now_ns, self._config.max_orders_age_s)
        done = self._servo(orders if in_force else None, due_ns)
        if self._gate.at_rest and self._ending(orders) and self._settled(state, now_ns):
            self._disengage()
            self._session = self._session if self._fault else 0
        return done

    def _wait(self, orders: Orders | None, state: ArmState | None, now_ns: MonoNs) -> _Done:
        """Look out for a session that begins."""
        session = self._sessions.begun(orders, now_ns)
        if session == 0 or self._closing:
            return _Done(phase=ArmPhase.DISARMED, commanded=False)
        self._begin(session, state, now_ns)
        return _Done(phase=ArmPhase.HOLDING, commanded=False)

    def _read(self) -> ArmState | None:
        try:
            self._state = self._arm.read()
        except DeviceError:
            return None
        return self._state

    def _watch_gap(self, now_ns: MonoNs) -> ArmFault:
        """Measure the time since the last cycle; after `engage`, which may block, there is none."""
        gap_ns = 0 if self._last_ns is None else now_ns - self._last_ns
        self._last_ns = now_ns
        self.counts.gaps_n += self._engaged and gap_ns > LONG_GAP_PERIODS * self.period_ns
        return ArmFault.OWN_GAP if gap_ns > self._gap_fault_ns else ArmFault.NONE

    def _stop_for(self, fault: ArmFault) -> None:
        """Latch the first fault; stop at the controller where braking makes no sense."""
        self._fault = self._fault or fault
        if fault and fault not in BRAKED:
            self._disengage()

    def _servo(self, orders: Orders | None, due_ns: MonoNs) -> _Done:
        """Send one setpoint: the follower's where there is a plan to follow, else the brake's."""
        wanted = None if orders is None or self._ending(orders) else orders.plan
        plan = self._track.follow(wanted, due_ns, self._T_base_cmd)
        phase = ArmPhase.HOLDING if self._gate.at_rest else ArmPhase.BRAKING
        candidate = None
        if plan is not None:
            phase = ArmPhase.FOLLOWING
            before = pose_at(plan, due_ns - self.period_ns)
            candidate = self._follower.step(before, pose_at(plan, due_ns))
        setpoint, verdict = self._gate.step(candidate)
        if not verdict.accepted:
            self._seed_follower()
        self._T_base_cmd = self._kinematics.fk(setpoint.q_rad)
        self.counts.refused_setpoints_n += verdict.limit is not Limit.NONE
        try:
            self._arm.servo(setpoint)
        except DeviceError:
            self._stop_for(ArmFault.DRIVER_ERROR)
        epoch = -1 if plan is None else plan.epoch
        return _Done(phase=phase, commanded=True, verdict=verdict, epoch=epoch)

    def _ending(self, orders: Orders | None) -> bool:
        """Whether the session is over: by order, by a fault, or because the process ends."""
        other = orders is not None and orders.session != self._session
        return other or self._closing or self._fault is not ArmFault.NONE

    def _settled(self, state: ArmState | None, now_ns: MonoNs) -> bool:
        """Whether the arm has come to rest behind its last setpoint, or has had long enough."""
        self._rested_ns = self._rested_ns or now_ns
        still = state is not None and np.abs(state.qd_rad_s).max() <= REST_RAD_S
        return bool(still) or now_ns - self._rested_ns > SETTLE_S * S

    def _begin(self, session: int, state: ArmState | None, now_ns: MonoNs) -> None:
        """Engage the arm at rest where it stands, or latch why not."""
        self._session, self._rested_ns = session, None
        self._track.restart()
        q_rad = self._gate.q_rad if state is None else state.q_rad
        fault = fault_of_state(state, q_rad, now_ns, self._config)
        # The program that follows setpoints is started by `engage`.
        self._fault = ArmFault.NONE if fault is ArmFault.PROGRAM_STOPPED else fault
        if state is None or self._fault:
            return
        try:
            self._gate.reset(state.q_rad, state.qd_rad_s)
            self._engaged = True
            self._arm.engage()
            state = self._arm.read()
            self._gate.reset(state.q_rad, state.qd_rad_s)
            self._T_base_cmd = self._kinematics.fk(state.q_rad)
            self._seed_follower()
        except EnvelopeError:
            moves = not np.abs(state.qd_rad_s).max() <= REST_RAD_S
            self._stop_for(ArmFault.START_MOVING if moves else ArmFault.START_OUTSIDE)
        except DeviceError:
            self._stop_for(ArmFault.DRIVER_ERROR)
        self._last_ns = None  # `engage` may have taken long: that is no gap

    def _seed_follower(self) -> None:
        self._follower.seed(self._gate.q_rad, self._gate.qd_rad_s, self._gate.qdd_rad_s2)

    def _disengage(self) -> None:
        if self._engaged:
            self._arm.disengage()
        self._engaged = False

    def _report(self, done: _Done, state: ArmState, *, late_ns: int, skipped_n: int) -> None:
        self._publish(
            ArmTick(
                t_ns=self._clock.now(),
                state=state,
                q_cmd_rad=self._gate.q_rad if done.commanded else state.q_rad,
                T_base_cmd=self._T_base_cmd if done.commanded else state.T_base_tcp,
                verdict=done.verdict,
                phase=ArmPhase.FAULT if self._fault else done.phase,
                fault=self._fault,
                session=self._session,
                plan_epoch=done.epoch,
                late_ns=late_ns,
                skipped_n=skipped_n,
            )
        )
