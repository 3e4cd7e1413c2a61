"""What clients ask of the daemon, and what it answers."""

from typing import Final

from robotd.core.arm_codes import PauseCause
from robotd.core.arm_state import FULL_SPEED
from robotd.core.clock import MonoNs
from robotd.core.errors import RobotdError, SupervisorError
from robotd.core.types import ArmTick
from robotd.modes.daemon.activities import activity_of
from robotd.modes.daemon.activity import Activity, Workplace
from robotd.modes.daemon.arm_watch import PAUSES, silent
from robotd.modes.daemon.control import ControlServer
from robotd.modes.daemon.drive import Drive
from robotd.modes.daemon.lease import check_age
from robotd.modes.daemon.messages import ControlReply, ControlRequest
from robotd.modes.daemon.status import daemon_status
from robotd.modes.daemon.supervisor import ENGAGED, Event, State

LOOKED: Final = frozenset({"prepare", "arm", "resume", "ack"})
"""Whoever asks for these, in vain or not, goes on: a process that was given up is tried again."""


class Clients:
    """Obeys the control socket; never waits.

    Attributes:
        quit: Whether a client asked the daemon to end.
        ending: Whether it ends: nothing begins any more.
    """

    def __init__(self, control: ControlServer, drive: Drive, place: Workplace) -> None:
        self._control, self._drive, self._place = control, drive, place
        self.quit = self.ending = False

    def serve(self, now: MonoNs) -> None:
        """Do and answer what has come in."""
        for peer, request in self._control.requests():
            self._drive.lease.heard(request.client, min(now, request.t_ns))
            ok, message = True, ""
            try:
                self._obey(request, now)
            except RobotdError as error:
                ok, message = False, str(error)
            status = daemon_status(self._drive, self._place, now)
            reply = ControlReply(id=request.id, ok=ok, message=message, status=status)
            self._control.reply(peer, reply)

    def _obey(self, request: ControlRequest, now: MonoNs) -> None:
        """Do what a client asks.

        Raises:
            RobotdError: It cannot be done now; one sentence.
        """
        op = request.op
        if op == "status":
            return
        if op in ("stop", "disarm"):  # anybody may stop, however late
            self._stop(Event(op), request.client)
            return
        if self.ending and op != "quit":
            raise SupervisorError(f"cannot {op}: the daemon ends")
        check_age(op, now - request.t_ns)
        self._drive.lease.check(request.client, op)
        if op in LOOKED:
            self._place.children.pardon(now)
        if op == "prepare":
            self._prepare(request)
        elif op == "arm":
            self._arm(request, now)
        elif op == "start":
            self._start(request, now)
        elif op == "say":
            self._say(request, now)
        elif op == "resume":
            self._resume()
        elif op == "recover":
            self._recover(request, now)
        elif op == "ack":
            self._drive.handle(Event.ACK)
        elif op == "quit":
            self.quit = True

    def _stop(self, event: Event, client: str) -> None:
        """Stop; why the cell had paused before is worth more than who stopped it then."""
        if self._drive.supervisor.allows(event):
            told = self._drive.state in (State.PAUSED, State.STOPPING)
            self._drive.handle(event, "" if told else f"{event} by {client}")

    def _prepare(self, request: ControlRequest) -> None:
        """Begin to connect with the policy server and to open the data set; `status` tells."""
        if self._drive.state is not State.DISARMED:
            raise SupervisorError(f"cannot prepare while {self._drive.state.value}")
        if request.endpoint:
            self._place.link.connect(request.endpoint)
        else:
            self._place.link.close()
        self._place.scribe.open(request.dataset)
        self._drive.lease.prepared_by = request.client

    def _arm(self, request: ControlRequest, now: MonoNs) -> None:
        allowed = self._drive.supervisor.allows(Event.ARM)
        if allowed and (waiting := self._place.children.why_not_ready()):
            raise SupervisorError(f"cannot arm: {waiting}; see their logs (`robotd status`)")
        if allowed and silent(self._place.feed.tick, now):
            raise SupervisorError("cannot arm: the arm process is silent")
        need = self._drive.desk.need(self._place.feed.tick, now)
        if allowed and need.said:
            raise SupervisorError(f"cannot arm: {need.said}; `robotd ack` walks through it")
        if allowed:
            self._drive.jogs = request.jog is not None
        self._drive.handle(Event.ARM)
        self._drive.lease.take(request.client, now)

    def _start(self, request: ControlRequest, now: MonoNs) -> None:
        if not self._drive.supervisor.allows(Event.START):
            self._drive.handle(Event.START)  # says what is possible instead
        activity = activity_of(request, self._place, now)
        try:
            self._check_start(activity, request)
        except SupervisorError:
            activity.close(now)  # the process of its device, where it has begun one
            raise
        self._drive.begin(activity)

    def _check_start(self, activity: Activity, request: ControlRequest) -> None:
        """Refuse what the cell is not prepared or armed for."""
        if request.jog is None and self._drive.lease.prepared_by != request.client:
            who = self._drive.lease.prepared_by
            raise SupervisorError(f"cannot start: {who} has prepared the cell meanwhile")
        tick = self._place.feed.tick
        if tick is None or tick.session != self._drive.supervisor.session:
            raise SupervisorError("cannot start: the arm has not engaged yet")
        if self._drive.jogs is not (request.jog is not None):
            raise SupervisorError("cannot start: the cell is armed for something else; disarm it")
        self._check_speed(activity, tick, "start")

    def _resume(self) -> None:
        activity, tick = self._drive.activity, self._place.feed.tick
        if activity is not None and tick is not None:
            self._check_speed(activity, tick, "resume")
        self._drive.handle(Event.RESUME)

    def _check_speed(self, activity: Activity, tick: ArmTick, what: str) -> None:
        """Refuse plans that are timed for full speed to a controller that runs below it."""
        if activity.full_speed and not tick.state.speed_scaling >= FULL_SPEED:
            share = tick.state.speed_scaling
            raise SupervisorError(
                f"cannot {what}: the controller runs at {share:.0%} of full speed, least "
                f"{FULL_SPEED:.0%}; {PAUSES[PauseCause.SPEED_SCALING].partition('; ')[2]}"
            )

    def _recover(self, request: ControlRequest, now: MonoNs) -> None:
        """Ask the controller for the step that it needs next, and for no other."""
        step, tick = request.step, self._place.feed.tick
        if self._drive.state in ENGAGED:
            raise SupervisorError(f"cannot recover while {self._drive.state.value}; stop it first")
        if step is None or silent(tick, now):
            raise SupervisorError("cannot recover: no step was named, or the arm process is silent")
        need = self._drive.desk.need(tick, now)
        if need.step is not step:
            raise SupervisorError(
                f"cannot {step}: the controller needs {need.said or 'nothing'} now"
            )
        if need.wait_s > 0:
            raise SupervisorError(f"cannot {step}: refused for another {need.wait_s:.1f} s")
        self._drive.desk.ask(step, now)

    def _say(self, request: ControlRequest, now: MonoNs) -> None:
        activity = self._drive.activity
        if activity is None or request.command is None:
            raise SupervisorError("cannot say: nothing is in progress, or no command was given")
        activity.obey(request.command, now)

    def close(self) -> None:
        """Close the socket."""
        self._control.close()
