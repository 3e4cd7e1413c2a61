"""`robotd collect`: teleoperate, and record episode after episode into a data set."""

import contextlib
import sys
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from robotd.core.clock import MS, MonoNs, S, SystemClock
from robotd.core.config import CellConfig
from robotd.core.errors import SupervisorError
from robotd.core.figures import standard_error
from robotd.core.json_file import check_json, write_json
from robotd.core.process import StopFlag
from robotd.core.rundir import run_path
from robotd.modes.cell_client import OVER, CellClient
from robotd.modes.cell_file import load_cell
from robotd.modes.collect.keys import Keys, keys_of
from robotd.modes.collect.messages import CollectRequest, CollectStatus, LastStatus
from robotd.modes.collect.request import KEYBOARD, SPACEMOUSE, check_dataset, request_of
from robotd.modes.collect.view import episode_line, keys_line, live_line
from robotd.modes.daemon.messages import DaemonStatus
from robotd.modes.daemon.supervisor import State
from robotd.modes.daemon_process import daemon_of
from robotd.modes.options import CollectOptions
from robotd.modes.real_cell import require_terminal
from robotd.modes.show import Progress
from teleop.keys import help_lines
from teleop.session_table import Command
from teleop.spacemouse import try_out

LOOK_NS: Final = 50 * MS
"""Between two looks at the keys and the daemon: also the heartbeat of the lease."""
PAUSED_NS: Final = 30 * S
"""A session without a person ends where a process does not come back for so long."""
MEANT_NS: Final = 1 * S
"""A key that means `resume` in a pause means something else before it: so soon after the pause
began, nobody has seen it yet."""
RESUMES_N: Final = 20
"""So often a session without a person goes on after a process has died."""
ONWARD: Final = frozenset({Command.START, Command.TOGGLE})
EXIT_OK, EXIT_FAILED, EXIT_INTERRUPTED = 0, 1, 130


class CollectSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` gets."""

    dataset: str
    operator: str
    kept_n: int
    success_n: int
    failure_n: int
    dropped_n: int
    tries_n: int
    mean_score: float
    """Of the episodes that have one; -1 where none has."""
    episodes: list[LastStatus]


def collect(options: CollectOptions) -> int:
    """Collect; 0 when the wanted number is there or the person quit.

    Raises:
        RobotdError: Nothing was started, or it could not go on; one sentence.
        KeyboardInterrupt: A signal came before the session began.
    """
    cell = load_cell(options, tell=sys.stderr.write)
    request = request_of(options, cell)
    check_dataset(options.dataset, cell, allow_different=options.allow_different)
    if options.json is not None:
        check_json(options.json)
    require_terminal(cell)
    if request.operator == SPACEMOUSE:
        try_out(cell.teleop, SystemClock())
    run_dir = run_path(cell.name, options.run_dir)
    with (
        StopFlag() as stop,
        daemon_of(cell, options, stop, client="collect") as control,
        Progress() as progress,
    ):
        client = CellClient(cell, control, stop)
        _tell_recovered(client.prepare(options.dataset), progress)
        if not client.arm():
            sys.stderr.write("robotd: not armed; nothing was collected\n")
            return EXIT_INTERRUPTED if stop.requested else EXIT_FAILED
        with (
            keys_of(cell.teleop, run_dir, operates=request.operator == KEYBOARD) as keys,
            client.driving(),
        ):
            control.call("start", collect=request)
            session = _Session(cell, request, client, keys, progress)
            status = session.follow()
    return session.conclude(options, status)


def _tell_recovered(status: DaemonStatus, progress: Progress) -> None:
    """Say what a crash had left in the data set."""
    if status.recorder is None:
        return
    for episode in status.recorder.recovered:
        progress.say(f"{episode}: recovered; a crash had cut it off")
    for episode in status.recorder.quarantined:
        progress.say(f"{episode}: could not be read; it is in .quarantine")


class _Session:
    """One person's session, or that of an operator that works by itself."""

    def __init__(
        self,
        cell: CellConfig,
        request: CollectRequest,
        client: CellClient,
        keys: Keys,
        progress: Progress,
    ) -> None:
        self._cell, self._request, self._client = cell, request, client
        self._keys, self._progress = keys, progress
        self._clock = SystemClock()
        self._told: dict[str, LastStatus] = {}
        self._said = ""
        self._resumes_n = 0
        self._paused_ns: MonoNs | None = None

    def follow(self) -> DaemonStatus:
        """Go on until the session is over; Ctrl-C ends it, and keeps what is being recorded."""
        control = self._client.control
        while True:
            status = control.call("status")
            self._client.check_own(status)
            collect = status.collect
            if collect is None:
                raise SupervisorError(status.reason or "the session did not begin")
            self._show(status, collect)
            if self._client.stop.requested or status.state in OVER or collect.outcome:
                break
            if status.state != State.PAUSED:
                self._paused_ns = None
            elif self._paused_ns is None:
                self._paused_ns = self._clock.now()
            if self._request.by_itself and self._paused_ns is not None:
                if not self._resume(status, self._paused_ns):
                    break
            else:
                self._obey()
            self._clock.sleep_until(MonoNs(self._clock.now() + LOOK_NS))
        status = self._client.bring_to_rest()
        if status.collect is not None:
            self._tell(status.collect)
        return status

    def _obey(self) -> None:
        """Pass on what the person says."""
        for command in self._keys.commands():
            try:
                if self._paused_ns is not None and command in ONWARD:
                    self._go_on(self._paused_ns)
                else:
                    self._client.control.call("say", command=command.value)
            except SupervisorError as error:
                self._said = str(error)
            else:
                self._said = ""
        if self._keys.help_wanted():
            for line in help_lines(self._cell.teleop.axes):
                self._progress.say(line)

    def _go_on(self, paused_ns: int) -> None:
        """Resume, unless the key was meant for what went on before the pause."""
        if self._clock.now() - paused_ns < MEANT_NS:
            raise SupervisorError("it has paused just now; see why, and say it again to go on")
        self._client.control.call("resume")

    def _resume(self, status: DaemonStatus, paused_ns: int) -> bool:
        """Go on after a pause, where nobody is there to do so; whether there is hope."""
        now = self._clock.now()
        whole = bool(status.dataset) and all(p.alive for p in status.processes.values())
        if not whole:
            return now - paused_ns < PAUSED_NS
        self._resumes_n += 1
        if self._resumes_n > RESUMES_N:
            return False
        self._progress.say(f"{status.reason}: goes on")
        with contextlib.suppress(SupervisorError):
            self._client.control.call("resume")
        return True

    def _show(self, status: DaemonStatus, collect: CollectStatus) -> None:
        self._tell(collect)
        if self._progress.live:
            possible = collect.possible
            if status.state == State.PAUSED:
                possible = (Command.TOGGLE.value, *possible)
            lines = [live_line(status, collect), f"{collect.prompt} · {keys_line(possible)}"]
            lines += [self._said] if self._said else []
            self._progress.show_text("\n".join(lines))

    def _tell(self, collect: CollectStatus) -> None:
        """Say what became of an episode, once, and again where it was completed later."""
        last = collect.last
        if last.episode and self._told.get(last.episode) != last:
            self._told[last.episode] = last
            self._progress.say(episode_line(collect))

    def conclude(self, options: CollectOptions, status: DaemonStatus) -> int:
        """Print and write the summary; return the exit code."""
        collect = status.collect
        if collect is None:
            raise SupervisorError(status.reason or "the session did not begin")
        counts = collect.counts
        scores = [last.score for last in self._told.values() if last.keep and last.score >= 0]
        mean = sum(scores) / len(scores) if scores else -1.0
        summary = CollectSummary(
            dataset=str(options.dataset),
            operator=self._request.operator,
            kept_n=counts.kept_n,
            success_n=counts.success_n,
            failure_n=counts.failure_n,
            dropped_n=counts.dropped_n,
            tries_n=counts.tries_n,
            mean_score=mean,
            episodes=list(self._told.values()),
        )
        if options.json is not None:
            write_json(options.json, summary)
        sys.stderr.write(f"{_sentence(summary, options.dataset, scores)}\n")
        if self._client.stop.requested:
            return EXIT_INTERRUPTED
        why = self._why_failed(status, collect)
        if why:
            sys.stderr.write(f"robotd: {why}\n")
        return EXIT_FAILED if why else EXIT_OK

    def _why_failed(self, status: DaemonStatus, collect: CollectStatus) -> str:
        """Say in one sentence why it ended otherwise than it should; empty where it did."""
        if collect.outcome != "quit":
            why = collect.note or status.reason or "nobody said why"
            return f"{collect.outcome}: {why}"
        wanted, found = self._request.episodes, collect.counts.counted_n
        if self._request.by_itself and found < wanted:
            tries = collect.counts.tries_n
            return f"{found} of {wanted} episodes after {tries} tries; see --max-tries"
        return ""


def _sentence(summary: CollectSummary, dataset: Path, scores: list[float]) -> str:
    labels = f"{summary.success_n} success, {summary.failure_n} failure"
    score = ""
    if scores:
        score = f"; mean score {summary.mean_score:.3f} ± {standard_error(np.array(scores)):.3f}"
    return f"kept {summary.kept_n} of {summary.tries_n} tries ({labels}) in {dataset}{score}"
