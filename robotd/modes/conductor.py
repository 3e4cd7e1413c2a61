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
from robotd.core.process_names import ARM
from robotd.core.protocols import Clock
from robotd.core.ring import RingWriter
from robotd.core.run_files import ARM_RIGHTS, MAILBOX, WORLD_ORDERS
from robotd.core.types import Orders, Plan
from robotd.core.world_state import WORLD_ORDER_BYTES, WorldOrder, pack_world_order
from robotd.modes.arm_watch import STOP_LIMIT_NS, ArmWatch, silent
from robotd.modes.children import Children
from robotd.modes.control import ControlServer
from robotd.modes.daemon_status import daemon_status
from robotd.modes.episode import Episode
from robotd.modes.feed import Feed
from robotd.modes.lease import Lease, check_age
from robotd.modes.messages import ControlReply, ControlRequest, RunRequest
from robotd.modes.policy_link import PolicyLink
from robotd.modes.run_record import RunRecord
from robotd.modes.supervisor import ENGAGED, Event, State, Supervisor

CYCLE_NS: Final = 10 * MS

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
        self._lease, self._arm_watch = Lease(), ArmWatch()
        self._episode: Episode | None = None
        self._record: RunRecord | None = None
        self._world_episode = 0
        self._cycle_ns = clock.now()
        self._quit = False
        self._mailbox.put(Orders(t_ns=clock.now(), session=0, plan=None))

    def run(self, stop: StopFlag) -> None:
        """Run until a signal or a client's `quit`; the arm has stopped when it returns.

        Raises:
            ProcessDiedError: A process of the cell did not start.
        """
        try:
            self._children.start(stop)
            deadline_ns = self._clock.now()
            while not (stop.requested or self._quit):
                self.cycle(self._clock.now())
                missed = max(0, self._clock.now() - deadline_ns) // CYCLE_NS
                deadline_ns = MonoNs(deadline_ns + (1 + missed) * CYCLE_NS)
                self._clock.sleep_until(deadline_ns)
            self._come_to_rest()
        finally:
            self.close()

    def cycle(self, now: MonoNs) -> None:
        """Do one cycle; to be called every 10 ms."""
        self._watch_own_gap(now)
        dead = self._children.poll(now)
        ticks, worlds = self._feed.read(now)
        if self._record is not None and not self._record.closed:
            self._record.add(ticks, worlds, self._link.source)
        for peer, request in self._control.requests():
            self._answer(peer, request, now)
        self._watch(dead, now)
        plan = self._plan(now)
        if plan is not None:
            self._mailbox.put(Orders(t_ns=now, session=self._supervisor.session, plan=plan))
        else:
            self._mailbox.beat(now)

    def _watch_own_gap(self, now: MonoNs) -> None:
        """Pause after a hold-up in which the arm braked for want of a heartbeat.

        Nothing goes on from a stop without a person.
        """
        gap_ns, self._cycle_ns = now - self._cycle_ns, now
        if gap_ns > self._cell.arm.max_orders_age_s * S and self._supervisor.state is State.RUNNING:
            reason = f"the daemon was held up for {gap_ns // MS} ms; check the computer's load"
            self._handle(Event.PAUSE, reason)

    def _watch(self, dead: dict[str, str], now: MonoNs) -> None:
        """See what can go wrong: a process died, the arm failed, the client disappeared."""
        for name, sentence in dead.items():
            log.warning("%s", sentence)
            if name == ARM and self._supervisor.state in ENGAGED:
                self._handle(Event.FAIL, f"{sentence}; it was started again, disarmed")
            elif self._supervisor.state is State.RUNNING:
                self._handle(Event.PAUSE, sentence)
        s = self._supervisor
        if seen := self._arm_watch.look(now, self._feed.tick, s.state, s.session):
            self._handle(*seen)
            if silent(self._feed.tick, now):
                self._children.kill(ARM)  # hung: only a new one can be armed again
        if self._lease.silent(now) and self._supervisor.state in ENGAGED:
            lost = self._lease.owner
            self._lease.release()
            self._handle(Event.CLIENT_LOST, f"client {lost} disappeared")

    def _handle(self, event: Event, reason: str = "") -> None:
        """Make a transition and everything that belongs to it."""
        before, now = self._supervisor.state, self._clock.now()
        state = self._supervisor.handle(event, reason)
        if state is before:
            return
        log.info("%s -> %s by %s%s", before, state, event, f": {reason}" if reason else "")
        self._arm_watch.entered(state, now)
        if state is not State.RUNNING:
            self._mailbox.put(Orders(t_ns=now, session=self._supervisor.session, plan=None))
        if self._record is not None and state not in (State.RUNNING, State.PAUSED):
            outcome = {Event.FAIL: "fault", Event.CLIENT_LOST: "client lost"}.get(event, "stopped")
            self._record.end(outcome, self._supervisor.reason, now)
        if self._record is not None and event is Event.PAUSE:
            self._record.pauses_n += 1
        if state in (State.DISARMED, State.FAULT):
            self._finish()

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
        self._episode = None
        self._lease.release()
        if self._record is None:
            return
        unwritten = self._record.close(self._link.spec, realtime=self._realtime())
        if unwritten:
            log.warning("%s", unwritten)
            why = self._supervisor.reason
            self._supervisor.reason = f"{why}; {unwritten}" if why else unwritten

    def _realtime(self) -> bool:
        """Whether the arm process has all real-time rights, as it says when it starts."""
        said = self._run_dir / ARM_RIGHTS
        return said.exists() and not said.read_text()

    # Clients

    def _answer(self, peer: bytes, request: ControlRequest, now: MonoNs) -> None:
        self._lease.heard(request.client, min(now, request.t_ns))
        ok, message = True, ""
        try:
            self._obey(request, now)
        except RobotdError as error:
            ok, message = False, str(error)
        status = daemon_status(
            cell=self._cell,
            supervisor=self._supervisor,
            owner=self._lease.owner,
            link=self._link,
            realtime=self._realtime(),
            logs=self._children.log_dir,
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
        if op in ("stop", "disarm"):  # anybody may stop, however late
            self._stop(Event(op), request.client)
            return
        check_age(op, now - request.t_ns)
        self._lease.check(request.client, op)
        if op == "prepare":
            if self._supervisor.state is not State.DISARMED:
                raise SupervisorError(f"cannot prepare while {self._supervisor.state.value}")
            self._link.connect(request.endpoint)
            self._lease.prepared_by = request.client
        elif op == "arm":
            self._arm(request, now)
        elif op == "start":
            self._start(request, now)
        elif op == "resume":
            self._handle(Event.RESUME)
            if self._episode is not None:
                self._episode.resume(now)
        elif op == "ack":
            self._handle(Event.ACK)
        elif op == "quit":
            self._quit = True

    def _stop(self, event: Event, client: str) -> None:
        """Stop; why the cell had paused before is worth more than who stopped it then."""
        if self._supervisor.allows(event):
            told = self._supervisor.state in (State.PAUSED, State.STOPPING)
            self._handle(event, "" if told else f"{event} by {client}")

    def _arm(self, request: ControlRequest, now: MonoNs) -> None:
        waiting = self._children.why_not_ready()
        if waiting and self._supervisor.allows(Event.ARM):
            raise SupervisorError(f"cannot arm: {waiting}; see their logs (`robotd status`)")
        if silent(self._feed.tick, now) and self._supervisor.allows(Event.ARM):
            raise SupervisorError("cannot arm: the arm process is silent")
        self._handle(Event.ARM)
        self._lease.take(request.client, now)

    def _start(self, request: ControlRequest, now: MonoNs) -> None:
        spec, source, tick = self._link.spec, self._link.source, self._feed.tick
        run = request.run or RunRequest()
        if spec is None or source is None:
            raise SupervisorError(f"cannot start: {self._link.failure or 'no policy is connected'}")
        if self._lease.prepared_by != request.client:
            who = self._lease.prepared_by
            raise SupervisorError(f"cannot start: {who} has connected another policy meanwhile")
        if tick is None or tick.session != self._supervisor.session:
            raise SupervisorError("cannot start: the arm has not engaged yet")
        self._feed.watch_cameras(frozenset(f.key for f in spec.observation if f.image is not None))
        episode = Episode(
            cell=self._cell,
            spec=spec,
            source=source,
            request=run,
            reset_world=self._world_resetter(run.seed) if self._cell.mock else None,
        )
        self._handle(Event.START)
        self._episode = episode
        self._record = RunRecord(cell=self._cell, request=run, episode=episode, now=now)

    def _world_resetter(self, seed: int) -> Callable[[], int]:
        def reset() -> int:
            self._world_episode += 1
            order = WorldOrder(episode=self._world_episode, seed=seed)
            self._world_orders.write(pack_world_order(order))
            return self._world_episode

        return reset

    def _come_to_rest(self) -> None:
        """Stop the arm before its process is asked to end."""
        if self._supervisor.allows(Event.STOP):
            self._handle(Event.STOP, "the daemon ends")
        if self._supervisor.allows(Event.DISARM):
            self._handle(Event.DISARM, "the daemon ends")
        deadline_ns = self._clock.now() + STOP_LIMIT_NS
        while self._supervisor.state is State.STOPPING and self._clock.now() < deadline_ns:
            self.cycle(self._clock.now())
            self._clock.sleep_until(MonoNs(self._clock.now() + CYCLE_NS))

    def close(self) -> None:
        """End the processes, the arm's first, and let go of all files."""
        self._children.stop()
        self._link.close()
        self._control.close()
        self._feed.close()
        self._world_orders.close()
        self._mailbox.close()
