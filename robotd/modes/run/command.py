"""`robotd run`: let a policy drive the arm, episode by episode, and leave figures and a video."""

import contextlib
import sys
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from robotd.core.clock import S, SystemClock
from robotd.core.config import LONGEST_EPISODE_S, SEEDS_N, CellConfig
from robotd.core.errors import ConfigError, ProcessDiedError, SupervisorError
from robotd.core.figures import standard_error
from robotd.core.json_file import check_json, write_json
from robotd.core.process import ChildProcess, StopFlag
from robotd.core.rundir import run_path
from robotd.episodes.dataset import quarantined
from robotd.episodes.mp4 import export_mp4
from robotd.episodes.reader import Episode
from robotd.modes.cell_client import OVER, CellClient
from robotd.modes.cell_file import load_cell
from robotd.modes.collect.request import SPACEMOUSE
from robotd.modes.daemon.messages import DaemonStatus, RunRequest
from robotd.modes.daemon.supervisor import State
from robotd.modes.daemon_process import daemon_of
from robotd.modes.options import RunOptions
from robotd.modes.real_cell import EnterKey, require_terminal
from robotd.modes.run.local_server import check_policy, local_server
from robotd.modes.run.recorded_run import load_run
from robotd.modes.run.report import RunFigures, draw, sentence, unrecorded
from robotd.modes.show import Progress
from robotd.pipeline.slower import NOTICE
from teleop.spacemouse import try_out

CONNECT_S: Final = 30.0
"""Of a server that is up, and a recorder that may have a crash's remains to complete first."""
COMPLETE_S: Final = 30.0
"""Likewise, of a recorder that died meanwhile and was started again."""
EXIT_OK, EXIT_FAILED, EXIT_INTERRUPTED = 0, 1, 130
ENDED_BY_ITSELF = frozenset({"success", "time"})
SLOWEST: Final = 0.2
REFUSED_SHARE = 0.001
"""Over this share of refused setpoints a run is not in normal operation."""
PAGE, VIDEO = "figures.png", "run.mp4"


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
    cell = load_cell(options, tell=sys.stderr.write)
    seeds = _check(options, cell)
    require_terminal(cell)
    if options.operator == SPACEMOUSE:
        try_out(cell.teleop, SystemClock())
    if options.speed < 1.0:
        notice = NOTICE.format(speed=options.speed, factor=1.0 / options.speed)
        sys.stderr.write(f"robotd: {notice}\n")
    options.out.mkdir(parents=True, exist_ok=True)
    run_dir = run_path(cell.name, options.run_dir)
    with (
        StopFlag() as stop,
        daemon_of(cell, options, stop, client="run") as control,
        _server(options, run_dir, stop) as (endpoint, server),
        Progress() as progress,
    ):
        session = _Session(cell, options, CellClient(cell, control, stop), progress)
        session.connect(endpoint, server)
        figures = session.episodes(seeds)
    return _conclude(figures, options, interrupted=stop.requested)


def _check(options: RunOptions, cell: CellConfig) -> range:
    """Refuse words that cannot be meant, before anything starts; return the seeds."""
    if bool(options.policy) == bool(options.server):
        got = "both" if options.policy else "neither"
        raise _refusal("--policy, --server", got, "exactly one of them")
    if options.episodes < 1:
        raise _refusal("--episodes", str(options.episodes), "1 or more")
    first = options.seed if options.seed is not None else (cell.world.seed if cell.world else 0)
    if not 0 <= first <= SEEDS_N - options.episodes:
        raise _refusal("--seed", str(first), f"0 to {SEEDS_N - options.episodes}")
    if not SLOWEST <= options.speed <= 1.0:
        raise _refusal("--speed", f"{options.speed:g}", f"{SLOWEST:g} to 1")
    if options.operator not in ("", SPACEMOUSE):
        raise _refusal("--operator", options.operator, f"{SPACEMOUSE} or nothing")
    if options.policy:
        check_policy(options.policy)
    if options.json is not None:
        check_json(options.json)
    return range(first, first + options.episodes)


def _refusal(option: str, got: str, expected: str) -> ConfigError:
    return ConfigError("command line", option, got=got, expected=expected)


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
        client: CellClient,
        progress: Progress,
        enter: Callable[[], EnterKey] = EnterKey,
    ) -> None:
        self._enter = enter
        self._cell, self._options, self._client = cell, options, client
        self._progress, self._clock = progress, SystemClock()
        self._dataset = (options.dataset or options.out / "episodes").resolve()

    def connect(self, endpoint: str, server: ChildProcess | None) -> None:
        """Have the daemon shake hands with the server, and its recorder take the data set.

        Raises:
            SupervisorError: The server did not answer or does not fit the cell, or nothing can be
                recorded; nothing was armed.
            ProcessDiedError: The server is our own and has ended.
        """

        def settled(status: DaemonStatus) -> bool:
            if server is not None and not server.alive:
                raise server.died()
            return bool(status.policy_failure or status.dataset_failure) or bool(
                status.policy and status.dataset
            )

        control = self._client.control
        control.call("prepare", endpoint=endpoint, dataset=str(self._dataset))
        status = self._client.wait(settled, CONNECT_S, "the server and the recorder")
        if why := status.policy_failure or status.dataset_failure:
            raise SupervisorError(why)

    def episodes(self, seeds: range) -> list[RunFigures]:
        """Run one episode after the other, until one does not end by itself."""
        out, figures = self._options.out, list[RunFigures]()
        for seed in seeds:
            if not self._client.arm():
                break
            folder = out if len(seeds) == 1 else out / f"seed-{seed}"
            figures.append(self._episode(seed, folder))
            if figures[-1].outcome not in ENDED_BY_ITSELF:
                break
        return figures

    def _episode(self, seed: int, folder: Path) -> RunFigures:
        folder.mkdir(parents=True, exist_ok=True)
        for name in (PAGE, VIDEO):
            with contextlib.suppress(OSError):  # whoever writes it will say what is there
                (folder / name).unlink()  # of another run
        speed = self._options.speed
        longest_s = min(self._cell.task.max_episode_s / speed, LONGEST_EPISODE_S)
        arguments = (f"--operator={op}",) if (op := self._options.operator) else None
        request = RunRequest(seed=seed, max_episode_s=longest_s, speed=speed, arguments=arguments)
        status = self._follow(self._client.control.call("start", run=request))
        if status.run is None:
            raise SupervisorError(status.reason or "the daemon started nothing")
        outcome, episode = status.run.outcome, status.run.episode
        if not episode:
            return unrecorded(outcome, status.reason, policy=status.policy, seed=seed)
        recorded = self._complete(episode)
        if recorded is None:
            why = f"{status.reason}; its recording {episode} cannot be read and is kept aside"
            return unrecorded(outcome, why, policy=status.policy, seed=seed)
        # A recovered episode does not know why it ended; the daemon does.
        run = replace(load_run(recorded), outcome=outcome, message=status.reason)
        self._video(recorded, folder / VIDEO)
        numbers = draw(run, folder / PAGE)
        self._progress.say(sentence(numbers, folder))
        return numbers

    def _follow(self, status: DaemonStatus) -> DaemonStatus:
        """Watch the episode to its end.

        A pause needs a person, who resumes with Enter; without one, and by Ctrl-C, it ends here.
        """
        enter: EnterKey | None = None
        while status.state not in OVER:
            self._progress.show(status)
            paused = status.state == State.PAUSED
            if not paused:
                enter = None
            elif enter is None:
                enter = self._enter()
                if enter.present:
                    self._progress.say(f"PAUSED: {status.reason}. Enter resumes, Ctrl-C ends.")
            if self._client.stop.requested or (enter and not enter.present):
                return self._client.bring_to_rest()
            if enter and enter.pressed():
                enter = None
                self._resume()
            self._client.rest()
            status = self._client.control.call("status")
        return status

    def _resume(self) -> None:
        try:
            self._client.control.call("resume")
        except SupervisorError as error:
            self._progress.say(str(error))

    def _complete(self, episode: str) -> Episode | None:
        """Wait until the recorder has completed the episode, or a new one recovered it; open it.

        None where the recorder was killed before there was anything to recover.

        Raises:
            ProcessDiedError: It does not.
            DatasetError: It is damaged.
        """
        deadline_ns = self._clock.now() + round(COMPLETE_S * S)
        while not (self._dataset / episode).is_dir():
            status = self._client.control.call("status")
            if episode in quarantined(self._dataset):
                return None
            if self._clock.now() > deadline_ns:
                why = status.dataset_failure or "see recorder.log (`robotd status`)"
                raise ProcessDiedError(f"{self._dataset}: {episode} was not completed: {why}")
            self._client.rest()
        return Episode(self._dataset / episode)

    def _video(self, episode: Episode, path: Path) -> None:
        """Show what the first camera that sees the cell saw."""
        cameras = self._cell.cameras
        seeing = [name for name, camera in cameras.items() if camera.view == "perspective"]
        if seeing and not self._options.no_video and len(episode.times_of(seeing[0])):
            export_mp4(episode, seeing[0], path)


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
