"""`robotd run`: let a policy drive the arm, episode by episode, and leave figures and a video."""

import contextlib
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import msgspec
import numpy as np

from robotd.core.clock import MS, MonoNs, S, SystemClock
from robotd.core.config import SEEDS_N, CellConfig
from robotd.core.errors import ConfigError, ProcessDiedError, SupervisorError
from robotd.core.figures import standard_error
from robotd.core.json_file import check_json, write_json
from robotd.core.process import ChildProcess, StopFlag
from robotd.core.run_files import camera_ring
from robotd.core.rundir import run_path
from robotd.modes.cell_file import load_cell
from robotd.modes.control import ControlClient
from robotd.modes.daemon_process import daemon_of
from robotd.modes.local_server import check_policy, local_server
from robotd.modes.messages import DaemonStatus, RunRequest
from robotd.modes.options import RunOptions
from robotd.modes.real_cell import ask_to_arm, require_terminal
from robotd.modes.report import RunFigures, draw
from robotd.modes.show import Progress
from robotd.modes.supervisor import State
from robotd.modes.trace import load_trace
from robotd.modes.video import RingVideo

POLL_NS = 100 * MS
"""Between two questions to the daemon: also the heartbeat of the lease."""
CONNECT_S, ENGAGE_S, END_S = 15.0, 12.0, 8.0
EXIT_OK, EXIT_FAILED, EXIT_INTERRUPTED = 0, 1, 130
ENDED_BY_ITSELF = frozenset({"success", "time"})
REFUSED_SHARE = 0.001
"""Over this share of refused setpoints a run is not in normal operation."""
OVER = frozenset({State.DISARMED.value, State.FAULT.value})


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` gets."""

    mean_max_reward: float
    success_rate: float
    standard_error: float
    episodes_n: int
    first_seed: int
    episodes: list[RunFigures]


def run(options: RunOptions) -> int:
    """Run the episodes; 0 when all ended by themselves and the score is high enough.

    Raises:
        RobotdError: Nothing was started, or the run could not go on; one sentence.
        KeyboardInterrupt: A signal came before the first episode.
    """
    cell = load_cell(options)
    seeds = _check(options, cell)
    require_terminal(cell)
    options.out.mkdir(parents=True, exist_ok=True)
    run_dir = run_path(cell.name, options.run_dir)
    with (
        StopFlag() as stop,
        daemon_of(cell, options, stop, client="run") as control,
        _server(options, run_dir, stop) as (endpoint, server),
        Progress() as progress,
    ):
        session = _Session(cell, options, control, stop, progress, run_dir)
        session.connect(endpoint, server)
        figures = session.episodes(seeds)
    return _conclude(figures, options, interrupted=stop.requested)


def _check(options: RunOptions, cell: CellConfig) -> range:
    """Refuse words that cannot be meant, before anything starts; return the seeds."""
    if bool(options.policy) == bool(options.server):
        got = "both" if options.policy else "neither"
        raise ConfigError(
            "command line", "--policy, --server", got=got, expected="exactly one of them"
        )
    if options.episodes < 1:
        raise ConfigError(
            "command line", "--episodes", got=str(options.episodes), expected="1 or more"
        )
    first = options.seed if options.seed is not None else (cell.world.seed if cell.world else 0)
    if not 0 <= first <= SEEDS_N - options.episodes:
        raise ConfigError(
            "command line", "--seed", got=str(first), expected=f"0 to {SEEDS_N - options.episodes}"
        )
    if options.policy:
        check_policy(options.policy)
    if options.json is not None:
        check_json(options.json)
    return range(first, first + options.episodes)


@contextlib.contextmanager
def _server(
    options: RunOptions, run_dir: Path, stop: StopFlag
) -> Generator[tuple[str, ChildProcess | None]]:
    if options.server:
        yield options.server, None
        return
    with local_server(options.policy, run_dir, options.out, stop) as found:
        yield found


class _Session:
    """One person's run over one daemon."""

    def __init__(
        self,
        cell: CellConfig,
        options: RunOptions,
        control: ControlClient,
        stop: StopFlag,
        progress: Progress,
        run_dir: Path,
    ) -> None:
        self._cell, self._options, self._control = cell, options, control
        self._stop, self._progress, self._run_dir = stop, progress, run_dir
        self._clock = SystemClock()

    def connect(self, endpoint: str, server: ChildProcess | None) -> None:
        """Have the daemon shake hands with the server.

        Raises:
            SupervisorError: It did not answer, or does not fit the cell; nothing was armed.
            ProcessDiedError: The server is our own and has ended.
        """

        def settled(status: DaemonStatus) -> bool:
            if server is not None and not server.alive:
                raise server.died()
            return bool(status.policy or status.policy_failure)

        self._control.call("prepare", endpoint=endpoint)
        status = self._await(settled, CONNECT_S, "the server")
        if status.policy_failure:
            raise SupervisorError(status.policy_failure)

    def episodes(self, seeds: range) -> list[RunFigures]:
        """Run one episode after the other, until one does not end by itself."""
        out, figures = self._options.out, list[RunFigures]()
        for seed in seeds:
            if self._stop.requested or not ask_to_arm(self._cell, self._stop):
                break
            folder = out if len(seeds) == 1 else out / f"seed-{seed}"
            figures.append(self._episode(seed, folder))
            if figures[-1].outcome not in ENDED_BY_ITSELF:
                break
        return figures

    def _episode(self, seed: int, folder: Path) -> RunFigures:
        folder.mkdir(parents=True, exist_ok=True)
        trace = (folder / "trace.npz").resolve()
        trace.unlink(missing_ok=True)
        self._arm()
        with self._video(folder / "run.mp4"):
            request = RunRequest(
                seed=seed, max_episode_s=self._cell.task.max_episode_s, trace=str(trace)
            )
            status = self._control.call("start", run=request)
            status = self._follow(status)
        if not trace.exists():
            raise ProcessDiedError(status.reason or f"{trace}: the daemon wrote no trace")
        numbers = draw(load_trace(trace), folder / "figures.png")
        self._progress.say(_sentence(numbers, folder))
        return numbers

    def _arm(self) -> None:
        session = self._control.call("arm").session
        status = self._await(
            lambda s: s.state in OVER or (s.arm is not None and s.arm.session == session),
            ENGAGE_S,
            "the arm",
        )
        if status.state in OVER:
            raise SupervisorError(status.reason or "the arm did not engage")

    def _follow(self, status: DaemonStatus) -> DaemonStatus:
        """Watch the episode to its end; what pauses it, or Ctrl-C, ends it here."""
        asked_ns: int | None = None
        while status.state not in OVER:
            self._progress.show(status)
            if asked_ns is None and (self._stop.requested or status.state == State.PAUSED):
                asked_ns = self._clock.now()
                status = self._control.call("stop")
                continue
            if asked_ns is not None and self._clock.now() - asked_ns > END_S * S:
                raise ProcessDiedError(f"the daemon did not stop within {END_S:g} s")
            self._clock.sleep_until(MonoNs(self._clock.now() + POLL_NS))
            status = self._control.call("status")
        return status

    def _await(
        self, ready: Callable[[DaemonStatus], bool], limit_s: float, what: str
    ) -> DaemonStatus:
        deadline_ns = self._clock.now() + round(limit_s * S)
        while not ready(status := self._control.call("status")):
            if self._stop.requested:
                raise KeyboardInterrupt
            if self._clock.now() > deadline_ns:
                raise SupervisorError(f"waited {limit_s:g} s for {what}; see `robotd status`")
            self._clock.sleep_until(MonoNs(self._clock.now() + POLL_NS))
        return status

    @contextlib.contextmanager
    def _video(self, path: Path) -> Generator[None]:
        cameras = self._cell.cameras
        seeing = [name for name, camera in cameras.items() if camera.view == "perspective"]
        if not self._options.video or not seeing:
            yield
            return
        video = RingVideo(self._run_dir / camera_ring(seeing[0]), path)
        video.start()
        try:
            yield
        finally:
            video.stop()


def _sentence(numbers: RunFigures, folder: Path) -> str:
    score = f"score {numbers.score:.3f}, " if numbers.score >= 0 else ""
    return (
        f"seed {numbers.seed}: {score}{numbers.outcome} after {numbers.duration_s:.1f} s; "
        f"action age p99 {numbers.action_age_p99_ms:.0f} ms, gate refusals {numbers.refused_n}; "
        f"see {folder}/"
    )


def _conclude(figures: list[RunFigures], options: RunOptions, *, interrupted: bool) -> int:
    """Write the summary and return the exit code."""
    scores = np.array([max(0.0, numbers.score) for numbers in figures])
    mean = float(scores.mean()) if figures else 0.0
    spread = standard_error(scores)
    summary = RunSummary(
        mean_max_reward=mean,
        success_rate=float(np.mean([n.success for n in figures])) if figures else 0.0,
        standard_error=spread,
        episodes_n=len(figures),
        first_seed=figures[0].seed if figures else -1,
        episodes=figures,
    )
    if options.json is not None:
        write_json(options.json, summary)
    if len(figures) > 1:
        sys.stderr.write(f"mean score {mean:.3f} ± {spread:.3f} over {len(figures)} episodes\n")
    if interrupted:
        return EXIT_INTERRUPTED
    why = _failure(figures, options, mean)
    if why:
        sys.stderr.write(f"robotd: {why}\n")
    return EXIT_FAILED if why else EXIT_OK


def _failure(figures: list[RunFigures], options: RunOptions, mean: float) -> str:
    """Say in one sentence why the run failed; empty where it did not."""
    if figures and figures[-1].outcome not in ENDED_BY_ITSELF:
        last = figures[-1]
        return f"seed {last.seed}: {last.outcome}: {last.message or 'nobody said why'}"
    if len(figures) < options.episodes:
        return f"not armed; {len(figures)} of {options.episodes} episodes done"
    refused = sum(numbers.refused_n for numbers in figures)
    if refused > REFUSED_SHARE * sum(numbers.ticks_n for numbers in figures):
        sys.stderr.write(f"warning: the gate refused {refused} setpoints; see the figures\n")
    if options.min_score is not None and mean < options.min_score:
        return f"score {mean:.3f}, expected at least {options.min_score}"
    return ""
