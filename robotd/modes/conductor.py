"""The daemon: supervises the cell's processes, obeys its clients, and is the mailbox's only writer.

One thread, a cycle every 10 ms: processes, rings, clients, the episode, the mailbox. The policy
server is asked from a thread of its own. Nothing here waits for anything but the next cycle.
"""

import logging
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

from robotd.core.clock import MS, MonoNs, S
from robotd.core.config import CellConfig
from robotd.core.errors import RobotdError, SupervisorError
from robotd.core.mailbox import MailboxWriter
from robotd.core.process import StopFlag
from robotd.core.protocols import Clock
from robotd.core.ring import RingWriter
from robotd.core.run_files import ARM_RIGHTS, MAILBOX, WORLD_ORDERS
from robotd.core.types import ArmFault, ArmPhase, ArmTick, Orders, Plan
from robotd.core.world_state import WORLD_ORDER_BYTES, WorldOrder, pack_world_order
from robotd.modes.children import ARM, Children
from robotd.modes.control import ControlServer
from robotd.modes.daemon_status import daemon_status
from robotd.modes.episode import Episode
from robotd.modes.feed import Feed
from robotd.modes.messages import ControlReply, ControlRequest, RunRequest
from robotd.modes.policy_link import PolicyLink
from robotd.modes.run_record import RunRecord
from robotd.modes.supervisor import ENGAGED, Event, State, Supervisor

CYCLE_NS: Final = 10 * MS
CLIENT_SILENT_NS: Final = 1 * S
"""A client that holds the lease and is silent for longer stops the motion."""
ARM_SILENT_NS: Final = 300 * MS
ENGAGE_LIMIT_NS: Final = 10 * S
STOP_LIMIT_NS: Final = 3 * S

FAULTS: Final = {
    ArmFault.NONE: "the arm process stopped without saying why",
    ArmFault.STALE_STATE: "the arm's state went stale; check the network to the controller",
    ArmFault.SAFETY_STOP: "the controller stopped the arm (safety status); see its pendant",
    ArmFault.PROGRAM_STOPPED: "the controller no longer follows setpoints; see its pendant",
    ArmFault.DRIVER_ERROR: "the arm's driver failed; see arm.log in the run directory",
    ArmFault.OWN_GAP: "the arm process was held up for too long; check the computer's load",
    ArmFault.TRACKING: "the arm is not where it was told to be; check for a collision and payload",
    ArmFault.START_OUTSIDE: "the arm is outside the safety envelope; move it inside by hand",
    ArmFault.START_MOVING: "the arm was moving when it was armed; wait until it rests",
}

log = logging.getLogger(__name__)


class Conductor:
    """Startup, main loop, shutdown."""

    def __init__(
        self,
        *,
        cell: CellConfig,
        run_dir: Path,
        clock: Clock,
        children: Children,
    ) -> None:
        """Open the run's files; the processes are started by `run`."""
        self._cell, self._clock, self._children = cell, clock, children
        self._run_dir = run_dir
        self._mailbox = MailboxWriter.create(run_dir / MAILBOX)
        self._world_orders = RingWriter.create(run_dir / WORLD_ORDERS, WORLD_ORDER_BYTES, 8)
        self._feed = Feed(cell, run_dir)
        self._control = ControlServer(run_dir)
        self._link = PolicyLink(cell, clock)
        self._supervisor = Supervisor()
        self._supervisor.first_session(1 + secrets.randbits(40))
        self._owner, self._owner_heard_ns = "", MonoNs(0)
        self._armed_ns = self._stopping_ns = MonoNs(0)
        self._episode: Episode | None = None
        self._record: RunRecord | None = None
        self._world_episode = 0
        self._quit = False
        self._put(Orders(t_ns=clock.now(), session=0, plan=None))

    def run(self, stop: StopFlag) -> None:
        """Run until a signal or a client's `quit`; the arm has stopped when it returns.

        Raises:
            ProcessDiedError: A process of the cell did not start.
        """
        try:
            self._children.start(stop)
            deadline_ns = self._clock.now()
            while not (stop.requested or self._quit):
                self._cycle(self._clock.now())
                missed = max(0, self._clock.now() - deadline_ns) // CYCLE_NS
                deadline_ns = MonoNs(deadline_ns + (1 + missed) * CYCLE_NS)
                self._clock.sleep_until(deadline_ns)
            self._come_to_rest()
        finally:
            self._close()

    def _cycle(self, now: MonoNs) -> None:
        dead = self._children.poll(now)
        ticks, worlds = self._feed.read(now)
        if self._record is not None and not self._record.outcome:
            self._record.add(ticks, worlds, self._link.source)
        for peer, request in self._control.requests():
            self._answer(peer, request, now)
        self._watch_processes(dead)
        self._watch_arm(now)
        self._watch_client(now)
        plan = self._plan(now)
        if plan is not None:
            self._put(Orders(t_ns=now, session=self._supervisor.session, plan=plan))
        else:
            self._mailbox.beat(now)

    # What can go wrong

    def _watch_processes(self, dead: dict[str, str]) -> None:
        for name, sentence in dead.items():
            log.warning("%s", sentence)
            if name == ARM and self._supervisor.state in ENGAGED:
                self._handle(Event.FAIL, f"{sentence}; it was started again, disarmed")
            elif self._supervisor.state is State.RUNNING:
                self._handle(Event.PAUSE, sentence)

    def _watch_arm(self, now: MonoNs) -> None:
        tick, state = self._feed.tick, self._supervisor.state
        if state not in ENGAGED or tick is None:
            return
        if now - tick.t_ns > ARM_SILENT_NS:
            silent_ms = (now - tick.t_ns) // MS
            self._handle(Event.FAIL, f"arm: no cycle for {silent_ms} ms; its process hangs")
        elif tick.session == self._supervisor.session and tick.phase is ArmPhase.FAULT:
            self._handle(Event.FAIL, f"arm: {FAULTS[tick.fault]}")
        elif tick.session != self._supervisor.session and now - self._armed_ns > ENGAGE_LIMIT_NS:
            self._handle(Event.FAIL, "arm: did not engage within 10 s; see arm.log")
        elif state is State.STOPPING and self._at_rest(tick):
            self._handle(Event.AT_REST)
        elif state is State.STOPPING and now - self._stopping_ns > STOP_LIMIT_NS:
            self._handle(Event.FAIL, "arm: did not come to rest within 3 s")

    def _watch_client(self, now: MonoNs) -> None:
        silent = now - self._owner_heard_ns > CLIENT_SILENT_NS
        if self._owner and silent and self._supervisor.state in ENGAGED:
            lost, self._owner = self._owner, ""
            self._handle(Event.CLIENT_LOST, f"client {lost} disappeared")

    def _at_rest(self, tick: ArmTick) -> bool:
        return tick.phase in (ArmPhase.HOLDING, ArmPhase.DISARMED)

    # The state and what follows from it

    def _handle(self, event: Event, reason: str = "") -> None:
        """Make a transition and everything that belongs to it."""
        before, now = self._supervisor.state, self._clock.now()
        state = self._supervisor.handle(event, reason)
        if state is before:
            return
        log.info("%s -> %s by %s%s", before, state, event, f": {reason}" if reason else "")
        if state is State.ARMED:
            self._armed_ns = now
        if state is State.STOPPING:
            self._stopping_ns = now
        if self._record is not None and state not in (State.RUNNING, State.PAUSED):
            outcome = {Event.FAIL: "fault", Event.CLIENT_LOST: "client lost"}.get(event, "stopped")
            self._record.end(outcome, reason, now)
        if self._record is not None and event is Event.PAUSE:
            self._record.pauses_n += 1
        if state in (State.DISARMED, State.FAULT):
            self._finish()
        if state is not State.RUNNING:
            self._put(Orders(t_ns=now, session=self._supervisor.session, plan=None))

    def _plan(self, now: MonoNs) -> Plan | None:
        """Let the episode do its cycle while it runs."""
        tick, episode = self._feed.tick, self._episode
        if self._supervisor.state is not State.RUNNING or tick is None or episode is None:
            return None
        plan = episode.step(now, tick, self._feed)
        if episode.outcome:
            if self._record is not None:
                self._record.end(episode.outcome, "", now)
            self._handle(Event.STOP)
            return None
        if episode.problem:
            self._handle(Event.PAUSE, episode.problem)
            return None
        return plan

    def _finish(self) -> None:
        """Write what the episode left; the next arming starts afresh."""
        record, self._episode, self._owner = self._record, None, ""
        if record is None or not record.request.trace:
            return
        spec = self._link.spec
        try:
            record.save(
                Path(record.request.trace),
                policy=spec.name if spec else "",
                checkpoint_sha256=spec.checkpoint_sha256 if spec else "",
                realtime=self._realtime(),
            )
        except OSError as error:
            self._supervisor.reason = f"{record.request.trace}: trace not written ({error})"
            log.warning("%s", self._supervisor.reason)

    def _realtime(self) -> bool:
        """Whether the arm process has all real-time rights, as it says when it starts."""
        said = self._run_dir / ARM_RIGHTS
        return said.exists() and not said.read_text()

    def _put(self, orders: Orders) -> None:
        self._mailbox.put(orders)

    # Clients

    def _answer(self, peer: bytes, request: ControlRequest, now: MonoNs) -> None:
        if request.client == self._owner:
            self._owner_heard_ns = now
        ok, message = True, ""
        try:
            self._obey(request, now)
        except RobotdError as error:
            ok, message = False, str(error)
        status = daemon_status(
            cell=self._cell,
            supervisor=self._supervisor,
            owner=self._owner,
            link=self._link,
            realtime=self._realtime(),
            processes=self._children.status(),
            feed=self._feed,
            run=self._record.status(now) if self._record else None,
            now=now,
        )
        self._control.reply(
            peer, ControlReply(id=request.id, ok=ok, message=message, status=status)
        )

    def _obey(self, request: ControlRequest, now: MonoNs) -> None:
        """Do what a client asks.

        Raises:
            RobotdError: It cannot be done now; one sentence.
        """
        op = request.op
        if op == "status":
            return
        if op in ("stop", "disarm"):  # anybody may stop
            if self._supervisor.allows(Event(op)):
                self._handle(Event(op), f"{op} by {request.client}")
            return
        self._check_lease(request)
        if op == "prepare":
            self._require_disarmed("prepare")
            self._link.connect(request.endpoint)
        elif op == "arm":
            self._arm(request, now)
        elif op == "start":
            self._start(request.run or RunRequest(), now)
        elif op == "resume":
            self._handle(Event.RESUME)
            if self._episode is not None:
                self._episode.resume(now)
        elif op == "ack":
            self._handle(Event.ACK)
        elif op == "quit":
            self._quit = True

    def _check_lease(self, request: ControlRequest) -> None:
        if self._owner and request.client != self._owner:
            raise SupervisorError(f"{request.op}: refused, {self._owner} drives this cell")

    def _require_disarmed(self, what: str) -> None:
        if self._supervisor.state is not State.DISARMED:
            raise SupervisorError(f"cannot {what} while {self._supervisor.state.value}")

    def _arm(self, request: ControlRequest, now: MonoNs) -> None:
        if waiting := self._children.why_not_ready():
            raise SupervisorError(f"cannot arm: {waiting}; see their logs in the run directory")
        tick = self._feed.tick
        if tick is None or now - tick.t_ns > ARM_SILENT_NS:
            raise SupervisorError("cannot arm: the arm process is silent")
        self._owner, self._owner_heard_ns = request.client, now
        try:
            self._handle(Event.ARM)
        except SupervisorError:
            self._owner = ""
            raise

    def _start(self, request: RunRequest, now: MonoNs) -> None:
        spec, source, tick = self._link.spec, self._link.source, self._feed.tick
        if spec is None or source is None:
            raise SupervisorError(f"cannot start: {self._link.failure or 'no policy is connected'}")
        if tick is None or tick.session != self._supervisor.session:
            raise SupervisorError("cannot start: the arm has not engaged yet")
        self._handle(Event.START)
        self._feed.watch_cameras(frozenset(f.key for f in spec.observation if f.image is not None))
        self._record = RunRecord(cell=self._cell, request=request, now=now)
        self._episode = Episode(
            cell=self._cell,
            spec=spec,
            source=source,
            request=request,
            reset_world=self._world_resetter(request.seed) if self._cell.mock else None,
        )
        self._record.watch(self._episode)

    def _world_resetter(self, seed: int) -> Callable[[], int]:
        def reset() -> int:
            self._world_episode += 1
            order = WorldOrder(episode=self._world_episode, seed=seed)
            self._world_orders.write(pack_world_order(order))
            return self._world_episode

        return reset

    # The end

    def _come_to_rest(self) -> None:
        """Stop the arm before its process is asked to end."""
        if self._supervisor.allows(Event.STOP):
            self._handle(Event.STOP, "the daemon ends")
        if self._supervisor.allows(Event.DISARM):
            self._handle(Event.DISARM, "the daemon ends")
        deadline_ns = self._clock.now() + STOP_LIMIT_NS
        while self._supervisor.state is State.STOPPING and self._clock.now() < deadline_ns:
            self._cycle(self._clock.now())
            self._clock.sleep_until(MonoNs(self._clock.now() + CYCLE_NS))

    def _close(self) -> None:
        self._children.stop()
        self._link.close()
        self._control.close()
        self._feed.close()
        self._world_orders.close()
        self._mailbox.close()
