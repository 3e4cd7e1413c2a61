"""The supervisor, the activity in progress and the mailbox, kept in step with each other."""

import logging
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from robotd.core.clock import MonoNs
from robotd.core.jog import JogOrder, still
from robotd.core.mailbox import MailboxWriter
from robotd.core.protocols import Clock
from robotd.core.run_files import MAILBOX
from robotd.core.types import Orders, Plan
from robotd.modes.daemon.activity import Activity
from robotd.modes.daemon.arm_desk import ArmDesk
from robotd.modes.daemon.arm_watch import ArmWatch
from robotd.modes.daemon.causes import Cause
from robotd.modes.daemon.feed import Feed
from robotd.modes.daemon.flights import Flights
from robotd.modes.daemon.lease import Lease
from robotd.modes.daemon.messages import ActivityStatus
from robotd.modes.daemon.scribe import Scribe
from robotd.modes.daemon.supervisor import Event, State, Supervisor

ENDED_AS: Final = {Event.FAIL: "fault", Event.CLIENT_LOST: "client lost"}
"""Outcome of an activity that did not end by itself; `stopped` by any other event."""
CAUSES: Final = {
    Event.FAIL: Cause.ARM_PROCESS,
    Event.PAUSE: Cause.ACTIVITY,
    Event.CLIENT_LOST: Cause.CLIENT,
}
"""Events that stop the arm though nobody asked for it, with their causes where none is given."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why the cell stopped by itself.

    Attributes:
        cause: In the table of causes.
        flight: The record of the arm's last seconds before it.
    """

    cause: Cause
    flight: Path


class Drive:
    """Every transition is made here, with all that belongs to it.

    Attributes:
        supervisor: The present state; changed by `handle` alone.
        lease: Who drives; given up when the arm is disarmed.
        arm_watch: What the arm's cycles amount to.
        desk: What the controller is asked for.
        flights: The arm's last seconds, saved at every stop.
        trouble: Why the cell stopped by itself; None once something begins anew.
        jogs: Whether the present arming, or the next one, is for jogging.
        activity: What is in progress, from its start until the arm rests; else None.
    """

    def __init__(self, run_dir: Path, scribe: Scribe, clock: Clock, flights: Flights) -> None:
        """Make the mailbox, with orders that bind nobody."""
        self._mailbox = MailboxWriter.create(run_dir / MAILBOX)
        self._scribe, self._clock = scribe, clock
        self._last: Activity | None = None
        self.supervisor = Supervisor()
        self.supervisor.first_session(1 + secrets.randbits(40))
        self.lease, self.arm_watch = Lease(), ArmWatch()
        self.desk, self.flights = ArmDesk(run_dir), flights
        self.activity: Activity | None = None
        self.trouble: Trouble | None = None
        self.jogs = False
        self._mailbox.put(Orders(t_ns=clock.now(), session=0, plan=None))

    @property
    def state(self) -> State:
        """The supervisor's."""
        return self.supervisor.state

    def handle(self, event: Event, reason: str = "", cause: Cause | None = None) -> None:
        """Make a transition and everything that belongs to it.

        Args:
            event: What happens.
            reason: One sentence, where nobody asked for it.
            cause: In the table of causes, likewise.

        Raises:
            SupervisorError: The present state does not allow it.
        """
        before, now = self.state, self._clock.now()
        state = self.supervisor.handle(event, reason)
        if state is before:
            return
        told = f"{before} -> {state} by {event}{f': {reason}' if reason else ''}"
        log.info("%s", told)
        self._scribe.note_event("state", told)
        self.arm_watch.entered(state, now)
        if state is not State.RUNNING:
            self._mailbox.put(self._orders(now))
        if event in CAUSES:
            self._note_trouble(before, event, reason, cause or CAUSES[event], now)
        elif state in (State.ARMED, State.RUNNING):
            self.trouble = None
        if state in (State.DISARMED, State.FAULT):
            self.lease.release()
        self._tell_activity(event, state, reason, now)

    def _orders(self, now: MonoNs, wanted: Plan | JogOrder | None = None) -> Orders:
        """Return the orders of this session; without a wish the arm brakes and holds."""
        session = self.supervisor.session
        jog = wanted if isinstance(wanted, JogOrder) else still()
        return Orders(
            t_ns=now,
            session=session,
            plan=wanted if isinstance(wanted, Plan) else None,
            jog=jog if self.jogs and session else None,
        )

    def _note_trouble(
        self, before: State, event: Event, reason: str, cause: Cause, now: MonoNs
    ) -> None:
        """Save the arm's last seconds, and keep why it stopped for whoever looks."""
        flight = self.flights.save(
            now,
            before=before.value,
            state=self.state.value,
            event=event.value,
            cause=cause.value,
            reason=reason,
            episode=self._scribe.episode,
        )
        self.trouble = Trouble(cause=cause, flight=flight)
        self._scribe.note_event("flight", flight.name)

    def _tell_activity(self, event: Event, state: State, reason: str, now: MonoNs) -> None:
        activity = self.activity
        if activity is None:
            return
        if event is Event.RESUME:
            self._scribe.problem = ""
            activity.resume(now)
        elif event is Event.PAUSE:
            activity.paused(reason, now)
        elif event is not Event.START:
            activity.end(ENDED_AS.get(event, "stopped"), self.supervisor.reason, now)
        if state in (State.DISARMED, State.FAULT):
            activity.close(now)
            self.activity = None

    def begin(self, activity: Activity) -> None:
        """Let an activity have the arm.

        Raises:
            SupervisorError: The present state does not allow it.
        """
        self._scribe.problem = ""
        self.handle(Event.START)
        self.activity = self._last = activity

    def step(self, now: MonoNs, feed: Feed) -> None:
        """Let the activity do its cycle, and renew the orders."""
        wanted = self._wanted(now, feed)
        if wanted is None:
            self._mailbox.beat(now)
            return
        orders = self._orders(now, wanted)
        self._mailbox.put(orders)
        if orders.plan is not None:
            self._scribe.note_plan(orders)

    def _wanted(self, now: MonoNs, feed: Feed) -> Plan | JogOrder | None:
        activity = self.activity
        if self.state is not State.RUNNING or feed.tick is None or activity is None:
            return None
        wanted = activity.step(now, feed.tick, feed)
        if activity.outcome:
            activity.end(activity.outcome, "", now)
            self.handle(Event.STOP)
            return None
        if problem := activity.problem or self._scribe.problem:
            cause = Cause.ACTIVITY if activity.problem else Cause.RECORDER
            self.handle(Event.PAUSE, problem, cause)
            return None
        return wanted

    def status(self, now: MonoNs) -> ActivityStatus | None:
        """Return what the activity in progress says, or the last one; None before the first."""
        return None if self._last is None else self._last.status(now)

    def close(self) -> None:
        """Let go of the mailbox; a flight record is written to its end."""
        self._mailbox.close()
        self.desk.close()
        self.flights.close()
