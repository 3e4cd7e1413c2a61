"""The daemon: supervises the cell's processes, obeys its clients, and is the mailbox's only writer.

One thread, a cycle every 10 ms: processes, rings, clients, the activity, the mailbox. The policy
server is asked from a thread of its own. Nothing here waits for anything but the next cycle.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from robotd.core.arm_reason import read_reason
from robotd.core.clock import MS, MonoNs, S, seconds_to_ns
from robotd.core.config import CellConfig
from robotd.core.process import StopFlag
from robotd.core.process_names import ARM, RECORDER
from robotd.core.protocols import Clock
from robotd.modes.daemon.activity import Workplace
from robotd.modes.daemon.arm_watch import STOP_LIMIT_NS, Seen, silent
from robotd.modes.daemon.camera_watch import CameraWatch
from robotd.modes.daemon.causes import Cause
from robotd.modes.daemon.children import Children
from robotd.modes.daemon.clients import Clients
from robotd.modes.daemon.control import ControlServer
from robotd.modes.daemon.drive import Drive
from robotd.modes.daemon.feed import Feed
from robotd.modes.daemon.flights import Flights
from robotd.modes.daemon.policy_link import PolicyLink
from robotd.modes.daemon.scribe import HUNG_NS, SILENT_NS, Scribe
from robotd.modes.daemon.supervisor import ENGAGED, Event, State
from robotd.modes.daemon.world_orders import WorldOrders

CYCLE_NS: Final = 10 * MS
COMMIT_LIMIT_NS: Final = 3 * S
"""The daemon's end waits so long for the recorder to complete the episode."""

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
        silent_ns = max(SILENT_NS, seconds_to_ns(cell.arm.max_orders_age_s))
        self._scribe = Scribe(run_dir, clock.now(), silent_ns=silent_ns)
        flights = Flights(children.log_dir / "flights", cell.name)
        self._drive = Drive(run_dir, self._scribe, clock, flights)
        self._feed, self._cameras = Feed(cell, run_dir), CameraWatch(cell, run_dir)
        self._link = PolicyLink(cell, clock)
        self._world = WorldOrders(run_dir) if cell.mock else None
        place = Workplace(
            cell=cell,
            run_dir=run_dir,
            feed=self._feed,
            scribe=self._scribe,
            link=self._link,
            children=children,
            world=self._world,
        )
        self._clients = Clients(ControlServer(run_dir), self._drive, place)
        self._cycle_ns = clock.now()

    def run(self, stop: StopFlag) -> None:
        """Run until a signal or a client's `quit`; the arm has stopped when it returns.

        Raises:
            ProcessDiedError: A process of the cell did not start.
        """
        try:
            self._children.start(stop)
            deadline_ns = self._clock.now()
            while not (stop.requested or self._clients.quit):
                self.cycle(self._clock.now())
                missed = max(0, self._clock.now() - deadline_ns) // CYCLE_NS
                deadline_ns = MonoNs(deadline_ns + (1 + missed) * CYCLE_NS)
                self._clock.sleep_until(deadline_ns)
            self._come_to_rest()
        finally:
            self.close()

    def cycle(self, now: MonoNs) -> None:
        """Do one cycle; to be called every 10 ms."""
        ticks, worlds = self._feed.read(now)
        self._drive.flights.add(ticks)
        self._watch_own_gap(now)
        dead = self._children.poll(now)
        self._scribe.read(now)
        self._drive.desk.see(ticks)
        if self._drive.activity is not None:
            self._drive.activity.see(now, ticks, worlds)
        self._clients.serve(now)
        self._watch(dead, now)
        self._drive.step(now, self._feed)

    def _watch_own_gap(self, now: MonoNs) -> None:
        """Pause after a hold-up in which the arm braked for want of a heartbeat.

        Nothing goes on from a stop without a person.
        """
        gap_ns, self._cycle_ns = now - self._cycle_ns, now
        if gap_ns > self._cell.arm.max_orders_age_s * S and self._drive.state is State.RUNNING:
            reason = f"the daemon was held up for {gap_ns // MS} ms; check the computer's load"
            self._drive.handle(Event.PAUSE, reason, Cause.DAEMON)

    def _watch(self, dead: dict[str, str], now: MonoNs) -> None:
        """See what can go wrong: a process died, the arm failed, the client disappeared."""
        drive = self._drive
        for name, sentence in dead.items():
            log.warning("%s", sentence)
            self._scribe.note_event("died", sentence)
            if name == RECORDER:
                self._scribe.lost(sentence)
            if name == ARM and drive.state in ENGAGED:
                drive.handle(Event.FAIL, f"{sentence}; it was started again, disarmed")
            elif drive.state is State.RUNNING:
                cause = Cause.RECORDER if name == RECORDER else Cause.PROCESS
                drive.handle(Event.PAUSE, sentence, cause)
        self._watch_recorder()
        self._watch_cameras(now)
        if seen := drive.arm_watch.look(
            now, self._feed.tick, drive.state, drive.supervisor.session
        ):
            drive.handle(*self._explained(seen))
            if silent(self._feed.tick, now):
                self._children.kill(ARM)  # hung: only a new one can be armed again
        if drive.lease.silent(now) and drive.state in ENGAGED:
            lost = drive.lease.owner
            drive.lease.release()
            drive.handle(Event.CLIENT_LOST, f"client {lost} disappeared")

    def _explained(self, seen: Seen) -> Seen:
        """Add what the arm's driver or a check said about it, where it did."""
        words = ""
        if seen.event is Event.FAIL:
            words = read_reason(self._run_dir, self._drive.supervisor.session)
        return seen._replace(reason=f"{seen.reason} ({words})") if words else seen

    def _watch_recorder(self) -> None:
        """Brake where the episode cannot go on; replace a recorder that hangs."""
        if self._scribe.problem and self._drive.state is State.RUNNING:
            self._drive.handle(Event.PAUSE, self._scribe.problem, Cause.RECORDER)
        if self._scribe.status is not None and self._scribe.silent(HUNG_NS):
            self._children.kill(RECORDER)

    def _watch_cameras(self, now: MonoNs) -> None:
        """Brake where an episode that is being recorded lacks pictures."""
        recorded = self._scribe.begun and self._drive.state is State.RUNNING
        if recorded and (said := self._cameras.look(now)):
            self._drive.handle(Event.PAUSE, said, Cause.CAMERA)

    def _come_to_rest(self) -> None:
        """Stop the arm before its process is asked to end, then let the recorder finish."""
        self._clients.ending = True
        for event in (Event.STOP, Event.DISARM):
            if self._drive.supervisor.allows(event):
                self._drive.handle(event, "the daemon ends")
        self._cycle_while(lambda: self._drive.state is State.STOPPING, STOP_LIMIT_NS)
        self._cycle_while(lambda: bool(self._scribe.ended), COMMIT_LIMIT_NS)

    def _cycle_while(self, going_on: Callable[[], bool], limit_ns: int) -> None:
        deadline_ns = self._clock.now() + limit_ns
        while going_on() and self._clock.now() < deadline_ns:
            self.cycle(self._clock.now())
            self._clock.sleep_until(MonoNs(self._clock.now() + CYCLE_NS))

    def close(self) -> None:
        """End the processes, the arm's first, and let go of all files."""
        self._children.stop()
        self._link.close()
        self._clients.close()
        self._feed.close()
        self._cameras.close()
        self._drive.close()
        self._scribe.close()
        if self._world is not None:
            self._world.close()
