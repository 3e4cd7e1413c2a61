"""The arm process's cycle: read, follow the plan, pass the gate, servo, publish.

`ArmLoop.tick` is the cycle without clock, socket or file of its own, so lockstep calls it as the
real-time shell `run` does.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robotd.core.arm_codes import ArmFault, ArmPhase, Limit, PauseCause, Source, Verdict
from robotd.core.arm_model import kinematics_of
from robotd.core.clock import MS, MonoNs, S
from robotd.core.config import ArmConfig, EnvelopeConfig
from robotd.core.errors import EnvelopeError
from robotd.core.protocols import Clock, RobotArm
from robotd.core.types import ArmState, ArmTick, Orders
from robotd.core.ur_models import ur_model
from robotd.servo.driver_calls import DriverCalls
from robotd.servo.gate import REST_RAD_S, Gate
from robotd.servo.health import BRAKED, fault_of_state, words_of_state
from robotd.servo.hold import HoldWatch
from robotd.servo.motion import JogMotion, Motion, Moved, PlanMotion
from robotd.servo.recovery_desk import Desk, nobody_asks
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
        call_limit_s: float | None = None,
        explain: Callable[[int, str], None] = lambda _session, _words: None,
        desk: Desk = nobody_asks,
    ) -> None:
        """Build what moves the setpoint, for the arm's own rate.

        Args:
            arm: Connected: the caller has entered it.
            config: The arm's configuration.
            envelope: The limits.
            max_jump_m: A plan that begins further away is not followed [m].
            gap_fault_s: Time between two cycles that is a fault [s].
            orders: Returns the newest orders, or None before the first. Must not block.
            publish: Takes what flows back. Must not block.
            clock: Monotonic; also that of `orders` and of the arm's states.
            call_limit_s: A call of the driver in a cycle that takes longer is a fault [s]; default:
                `gap_fault_s`.
            explain: Takes a session and why it ended by a fault, in words, before the tick that
                says so.
            desk: Does what a person asks of the controller while no session is obeyed.
        """
        dt_s = 1.0 / arm.rate_hz
        self.counts = LoopCounts()
        self.period_ns = round(dt_s * S)
        self._config, self._clock = config, clock
        limit_s = gap_fault_s if call_limit_s is None else call_limit_s
        self._driver = DriverCalls(arm, clock, limit_s=limit_s)
        self._orders, self._publish, self._explain = orders, publish, explain
        self._gap_fault_ns = gap_fault_s * S
        self._max_age_s = min(config.max_state_age_s, gap_fault_s)
        model, kinematics = ur_model(config.model), kinematics_of(config)
        self._plans = PlanMotion(
            envelope=envelope, model=model, kinematics=kinematics, dt_s=dt_s, max_jump_m=max_jump_m
        )
        self._jogs = JogMotion(envelope=envelope, model=model, kinematics=kinematics, dt_s=dt_s)
        self._motion: Motion = self._plans
        self._serve_desk = lambda: desk(arm)
        self._sessions = SessionWatch(config.max_orders_age_s)
        self._hold = HoldWatch(config.guard, force_sensor=model.force_sensor)
        self._session = 0
        self._fault = ArmFault.NONE
        self._engaged = False
        self._closing = False
        self._gap_words = ""
        self._state: ArmState | None = None
        self._last_ns: MonoNs | None = None
        self._rested_ns: MonoNs | None = None

    @property
    def refused_plans_n(self) -> int:
        """How many plans began too far from the setpoint and were not followed."""
        return self._plans.track.refused_n

    @property
    def engaged(self) -> bool:
        """Whether the arm follows setpoints, or is being braked."""
        return self._engaged

    @property
    def _gate(self) -> Gate:
        return self._motion.gate

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
        orders = self._orders()
        state, call_fault = self._driver.read()
        self._state = state or self._state
        gap_fault = self._watch_gap(now_ns)
        if self._engaged:
            self._stop_for(gap_fault, self._gap_words)
            self._stop_for(call_fault, self._driver.words)
            self._stop_for(*self._wrong_with(state, now_ns))
        moved = None
        if self._engaged:
            moved = self._obey(orders, state, now_ns, MonoNs(now_ns - late_ns))
            phase = moved.phase
        else:
            phase = self._wait(orders, state, now_ns)
        if self._state is not None:
            self._report(phase, moved, self._state, late_ns=late_ns, skipped_n=skipped_n)

    def _obey(
        self, orders: Orders | None, state: ArmState | None, now_ns: MonoNs, due_ns: MonoNs
    ) -> Moved:
        """Servo, and let go of the arm once it stands and the session is over."""
        in_force = fresh(orders, now_ns, self._config.max_orders_age_s)
        if state is not None:
            self._hold.look(state, orders)
        moved = self._servo(orders if in_force else None, due_ns)
        if self._gate.at_rest and self._ending(orders) and self._settled(state, now_ns):
            self._disengage()
            self._session = self._session if self._fault else 0
        return moved

    def _wait(self, orders: Orders | None, state: ArmState | None, now_ns: MonoNs) -> ArmPhase:
        """Look out for a session that begins; do what is asked of the controller until then."""
        session = self._sessions.begun(orders, now_ns)
        if session == 0 or self._closing or orders is None:
            self._serve_desk()
            return ArmPhase.DISARMED
        self._motion = self._plans if orders.jog is None else self._jogs
        self._begin(session, state, now_ns)
        return ArmPhase.HOLDING

    def _watch_gap(self, now_ns: MonoNs) -> ArmFault:
        """Measure the time since the last cycle; after `engage`, which may block, there is none."""
        gap_ns = 0 if self._last_ns is None else now_ns - self._last_ns
        self._last_ns = now_ns
        self.counts.gaps_n += self._engaged and gap_ns > LONG_GAP_PERIODS * self.period_ns
        self._gap_words = f"{gap_ns / MS:.1f} ms between two cycles"
        return ArmFault.OWN_GAP if gap_ns > self._gap_fault_ns else ArmFault.NONE

    def _wrong_with(self, state: ArmState | None, now_ns: MonoNs) -> tuple[ArmFault, str]:
        """Return what is wrong with an arm that should be following setpoints, and the figures."""
        q_cmd_rad = self._gate.q_rad
        if state is not None and not self._engaged:
            q_cmd_rad = state.q_rad
        fault = fault_of_state(
            state,
            q_cmd_rad,
            now_ns,
            max_age_s=self._max_age_s,
            max_tracking_error_rad=self._config.max_tracking_error_rad,
        )
        words = words_of_state(fault, state, q_cmd_rad, now_ns) if fault else ""
        why = self._driver.why() if fault is ArmFault.PROGRAM_STOPPED else ""
        return fault, why or words

    def _stop_for(self, fault: ArmFault, words: str) -> None:
        """Latch the first fault; stop at the controller where braking makes no sense."""
        if not fault:
            return
        first, self._fault = not self._fault, self._fault or fault
        if fault not in BRAKED:
            self._disengage()
        if first:
            self._explain(self._session, words)

    def _servo(self, orders: Orders | None, due_ns: MonoNs) -> Moved:
        """Send one setpoint: where the orders lead to, else the brake's."""
        stopped = self._ending(orders) or self._hold.cause
        moved = self._motion.step(None if stopped else orders, due_ns)
        self.counts.refused_setpoints_n += moved.verdict.limit is not Limit.NONE
        self._stop_for(self._driver.servo(moved.setpoint), self._driver.words)
        return moved

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
        self._fault, self._hold.cause = ArmFault.NONE, PauseCause.NONE
        fault, words = self._wrong_with(state, now_ns)
        if fault is not ArmFault.PROGRAM_STOPPED:  # which `engage` starts
            self._stop_for(fault, words or self._driver.words)
        if state is not None and not self._fault and self._rests_inside(state):
            self._engage()
        self._last_ns = None  # `engage` may have taken long: that is no gap

    def _engage(self) -> None:
        self._engaged = True
        state, fault = self._driver.engage()
        self._stop_for(fault, self._driver.words)
        if state is not None and not self._fault and self._rests_inside(state):
            self._hold.restart(state)
            self._motion.begin()

    def _rests_inside(self, state: ArmState) -> bool:
        """Begin the gate's account where the arm stands, or latch why it cannot begin there."""
        try:
            self._gate.reset(state.q_rad, state.qd_rad_s)
        except EnvelopeError as error:
            moves = not np.abs(state.qd_rad_s).max() <= REST_RAD_S
            self._stop_for(ArmFault.START_MOVING if moves else ArmFault.START_OUTSIDE, str(error))
            return False
        return True

    def _disengage(self) -> None:
        if self._engaged:
            self._driver.disengage()
        self._engaged = False

    def _report(
        self, phase: ArmPhase, moved: Moved | None, state: ArmState, *, late_ns: int, skipped_n: int
    ) -> None:
        self._publish(
            ArmTick(
                t_ns=self._clock.now(),
                state=state,
                q_cmd_rad=self._gate.q_rad if moved else state.q_rad,
                T_base_cmd=self._motion.T_base_cmd if moved else state.T_base_tcp,
                verdict=moved.verdict if moved else Verdict(accepted=True),
                phase=ArmPhase.FAULT if self._fault else phase,
                fault=self._fault,
                hold=self._hold.cause,
                session=self._session,
                plan_epoch=moved.epoch if moved else -1,
                source=moved.source if moved else Source.HOLD,
                refused_epoch=self._motion.refused_epoch,
                late_ns=late_ns,
                skipped_n=skipped_n,
            )
        )
