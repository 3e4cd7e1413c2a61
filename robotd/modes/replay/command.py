"""`robotd replay EPISODE`: the same commands again, then against now."""

import sys
import tempfile
from pathlib import Path

from robotd.core.board_frame import BoardFrame
from robotd.core.config import CellConfig
from robotd.core.errors import ConfigError, DatasetError, ProcessDiedError, SupervisorError
from robotd.core.json_file import check_json, write_json
from robotd.core.process import StopFlag
from robotd.modes.cell_client import OVER, CellClient
from robotd.modes.cell_file import load_cell
from robotd.modes.daemon.messages import DaemonStatus
from robotd.modes.daemon.supervisor import State
from robotd.modes.daemon_process import daemon_of
from robotd.modes.options import ReplayOptions
from robotd.modes.real_cell import require_terminal
from robotd.modes.replay.messages import ReplayRequest
from robotd.modes.replay.report import Account, ReplayFigures, compare, draw
from robotd.modes.replay.same_cell import difference
from robotd.modes.replay.source import Recorded
from robotd.modes.replay.track import Track, check_inside
from robotd.modes.show import Progress

EXIT_OK, EXIT_FAILED, EXIT_INTERRUPTED = 0, 1, 130
DONE = "done"


def replay(options: ReplayOptions) -> int:
    """Replay the episode; 0 when it was done to its end.

    Raises:
        RobotdError: Nothing was started, or it could not go on; one sentence.
        KeyboardInterrupt: A signal came before it began.
    """
    cell = load_cell(options, tell=sys.stderr.write)
    recorded = Recorded(options.episode)
    track = _check(recorded, cell)
    if options.json is not None:
        check_json(options.json)
    require_terminal(cell)
    options.out.mkdir(parents=True, exist_ok=True)
    with (
        StopFlag() as stop,
        daemon_of(cell, options, stop, client="replay") as control,
        tempfile.TemporaryDirectory(prefix="robotd-replay-") as folder,
        Progress() as progress,
    ):
        client = CellClient(cell, control, stop)
        client.prepare(options.out / "episodes")
        path = Path(folder) / "track.npz"
        track.save(path)
        if not client.arm():
            return _not_armed(stop)
        with client.driving():
            status = control.call("start", replay=_request(recorded, path))
            status = _follow(client, progress, status)
    return _conclude(options, recorded, cell, status, interrupted=stop.requested)


def _check(recorded: Recorded, cell: CellConfig) -> Track:
    """Refuse an episode that is none of this cell's; return its path."""
    found = difference(recorded.cell, cell, cameras=False)
    if found:
        raise ConfigError(
            cell.name,
            "episode",
            got=f"{recorded.name} of another cell: {found}",
            expected="an episode of this cell",
            hint="name its own configuration with --config",
        )
    track = recorded.track()
    check_inside(track, cell.envelope)
    return track


def _request(recorded: Recorded, path: Path) -> ReplayRequest:
    seed, board_state = recorded.start()
    return ReplayRequest(episode=recorded.name, track=str(path), seed=seed, board_state=board_state)


def _follow(client: CellClient, progress: Progress, status: DaemonStatus) -> DaemonStatus:
    """Watch the replay to its end; what pauses it, or Ctrl-C, ends it here."""
    while status.state not in OVER:
        progress.show_text(_line(status))
        if client.stop.requested or status.state == State.PAUSED:
            return client.bring_to_rest()
        client.rest()
        status = client.control.call("status")
    return client.bring_to_rest()


def _line(status: DaemonStatus) -> str:
    if (now := status.replay) is None:
        return status.state
    score = f" · score {now.score:.2f}" if now.score >= 0 else ""
    return f"{status.state} · {now.phase} {now.elapsed_s:.1f} of {now.duration_s:.1f} s{score}"


def _not_armed(stop: StopFlag) -> int:
    sys.stderr.write("robotd: not armed; nothing was replayed\n")
    return EXIT_INTERRUPTED if stop.requested else EXIT_FAILED


def _conclude(
    options: ReplayOptions,
    recorded: Recorded,
    cell: CellConfig,
    status: DaemonStatus,
    *,
    interrupted: bool,
) -> int:
    """Compare, print, draw; return the exit code."""
    now = status.replay
    if now is None or not now.episode:
        if interrupted:
            return EXIT_INTERRUPTED
        raise SupervisorError(status.reason or "the replay did not begin")
    try:
        then, account = recorded.account(), _replayed(options.out / "episodes" / now.episode)
    except (DatasetError, ProcessDiedError):
        if interrupted:  # before there was anything to compare
            return EXIT_INTERRUPTED
        raise
    numbers = compare(
        then,
        account,
        episode=recorded.name,
        replayed_as=now.episode,
        outcome=now.outcome,
        board_m=cell.task.board_m,
    )
    board = BoardFrame.of_task(cell.task)
    draw(then, account, numbers, board, options.out / "figures.png")
    if options.json is not None:
        write_json(options.json, numbers)
    sys.stderr.write("".join(f"{line}\n" for line in _table(numbers, options.out)))
    if interrupted:
        return EXIT_INTERRUPTED
    if now.outcome != DONE:
        sys.stderr.write(f"robotd: {now.outcome}: {status.reason or 'nobody said why'}\n")
        return EXIT_FAILED
    return EXIT_OK


def _replayed(folder: Path) -> Account:
    if not folder.is_dir():
        raise ProcessDiedError(f"{folder}: was not completed; see `robotd status`")
    return Recorded(folder).account()


def _table(n: ReplayFigures, out: Path) -> list[str]:
    lines = [
        f"{n.episode} replayed as {n.replayed_as}: {n.outcome}",
        f"tool path error: p50 {n.path_error_p50_mm:.2f} mm, max {n.path_error_max_mm:.2f} mm",
    ]
    if n.block_error_mm >= 0:
        lines.append(
            f"block at its end: {n.block_error_mm:.1f} mm and {n.block_error_deg:.1f}° apart"
        )
        lines.append(f"score: {n.score_then:.3f} then, {n.score_now:.3f} now")
    lines.append(f"duration: {n.duration_then_s:.2f} s then, {n.duration_now_s:.2f} s now")
    return [*lines, f"see {out}/figures.png"]
