"""From what a person typed to a collecting session; refuses here what cannot be meant."""

import sys
from pathlib import Path
from typing import Final

from robotd.core.config import SEEDS_N, CellConfig
from robotd.core.errors import ConfigError, DatasetError
from robotd.core.overrides import COMMAND_LINE
from robotd.episodes.dataset import episode_folder, episodes
from robotd.episodes.recorded_cell import cell_of
from robotd.episodes.replay_zip import load_replay
from robotd.modes.collect.messages import CollectRequest, Start
from robotd.modes.collect.places import demonstration_places
from robotd.modes.options import CollectOptions
from robotd.modes.replay.same_cell import difference
from robotd.modes.replay.source import Recorded
from robotd.modes.start_place import Place, rows_of

KEYBOARD: Final = "keyboard"
PUSHER: Final = "pusher"
REPLAY: Final = "replay"
SPACEMOUSE: Final = "spacemouse"
OPERATORS: Final = (PUSHER, REPLAY, KEYBOARD, SPACEMOUSE)
BY_THEMSELVES: Final = frozenset({PUSHER, REPLAY})
STARTS: Final[dict[str, Start]] = {"home": "home", "task": "task", "random": "random"}


def request_of(options: CollectOptions, cell: CellConfig) -> CollectRequest:
    """Return the session that was asked for.

    Raises:
        RobotdError: It cannot be; one sentence.
    """
    operator = _operator(options, cell)
    by_itself = operator in BY_THEMSELVES
    episodes_n = _at_least_0("--episodes", options.episodes, int(by_itself))
    tries_n = 4 * episodes_n + 10 if by_itself and episodes_n else 0
    start, places = _places(options, cell, operator)
    fails = options.label_time == "failure" or (options.label_time == "auto" and operator == PUSHER)
    return CollectRequest(
        operator=operator,
        arguments=_arguments(options, operator) if operator != KEYBOARD else None,
        start=start,
        places=places,
        max_episode_s=cell.task.max_episode_s,
        time_label="failure" if fails else "",
        episodes=episodes_n,
        count_failures=options.count_failures,
        max_tries=_at_least_0("--max-tries", options.max_tries, tries_n),
        by_itself=by_itself,
        about={"demos": options.demos.name} if options.demos is not None else {},
    )


def check_dataset(dataset: Path, cell: CellConfig, *, allow_different: bool) -> None:
    """Refuse to mix episodes of different cells.

    Raises:
        ConfigError: The newest episode was recorded in a cell unlike this one; names the first
            difference.
        DatasetError: The newest episode cannot be read.
    """
    if allow_different or not dataset.is_dir() or not (names := episodes(dataset)):
        return
    newest = names[-1]
    if found := difference(cell_of(episode_folder(dataset, newest)), cell, cameras=True):
        raise ConfigError(
            str(dataset),
            newest,
            got=f"another cell: {found}",
            expected="the cell of its episodes",
            hint="collect into another folder, or say --allow-different",
        )


def _operator(options: CollectOptions, cell: CellConfig) -> str:
    device = cell.teleop.device
    default = PUSHER if cell.mock else (KEYBOARD if device == "none" else device)
    operator = options.operator or default
    if operator not in OPERATORS:
        raise _refusal("--operator", operator, f"one of {', '.join(OPERATORS)}")
    if operator in BY_THEMSELVES and not cell.mock:
        raise _refusal("--operator", operator, f"{KEYBOARD} or {SPACEMOUSE}", "it is for a mock")
    if operator == REPLAY and options.demos is None:
        raise _refusal("--demos", "nothing", "the file that `--operator replay` does again")
    if operator != REPLAY and options.demos is not None:
        raise _refusal("--demos", str(options.demos), f"nothing with `--operator {operator}`")
    if operator == KEYBOARD and not (sys.stdin and sys.stdin.isatty()):
        raise _refusal("--operator", operator, "a terminal on stdin", "or name another operator")
    return operator


def _arguments(options: CollectOptions, operator: str) -> tuple[str, ...]:
    """Return the words for the process `teleop`."""
    demos = (f"--demos={options.demos.resolve()}",) if options.demos is not None else ()
    return (f"--operator={operator}", *demos)


def _places(
    options: CollectOptions, cell: CellConfig, operator: str
) -> tuple[Start, tuple[Place, ...]]:
    first = _at_least_0("--seed", options.seed, 0 if cell.world is None else cell.world.seed)
    if operator == REPLAY and options.demos is not None:
        if options.start != "task":
            raise _refusal("--start", options.start, "none with --operator replay")
        demos = load_replay(options.demos)
        return "given", demonstration_places(demos, first if options.seed is not None else 0)
    if first >= SEEDS_N:
        raise _refusal("--seed", str(first), f"0 to {SEEDS_N - 1}")
    if options.start in STARTS:
        return STARTS[options.start], (Place(seed=first),)
    if not Path(options.start).is_dir():
        expected = "home, task, random, or an episode's folder"
        raise _refusal("--start", options.start, expected)
    recorded = Recorded(Path(options.start))
    if found := difference(recorded.cell, cell, cameras=False):
        raise DatasetError(f"--start {options.start}: an episode of another cell: {found}")
    seed, board_state = recorded.start()
    pose = rows_of(recorded.T_base_start())
    return "given", (Place(seed=seed, board_state=board_state, T_base_start=pose),)


def _at_least_0(flag: str, value: int | None, default: int) -> int:
    if value is not None and value < 0:
        raise _refusal(flag, str(value), "0 or more")
    return default if value is None else value


def _refusal(flag: str, got: str, expected: str, hint: str = "") -> ConfigError:
    return ConfigError(COMMAND_LINE, flag, got=got, expected=expected, hint=hint)
