"""What a person types, as types: the command line is made from them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

MOCK_CELLS = {"ur5e": "configs/mock/cell.toml", "ur5": "configs/mock/cell-ur5.toml"}
"""The mock's cell for each model of arm; the first where none is named."""

Mock = Literal["", "drivers", "direct"]
Model = Literal["", "ur5", "ur5e"]


@dataclass(frozen=True, kw_only=True)
class CellOptions:
    """Which cell, and values over its file."""

    config: str = ""
    """A cell's file or folder, or `mock`."""
    mock: Annotated[Mock, tyro.conf.arg(metavar="[=direct]")] = ""
    """The mock cell, the same as `--config mock`: emulated hardware below the real drivers.
    `--mock=direct`: simulated devices without the drivers, for computers without the vendors'
    libraries; also of a mock's `--config`."""
    model: Model = ""
    """The mock's arm: `ur5e` (500 Hz) or `ur5` (CB3, 125 Hz); by default a UR5e."""
    set: Annotated[tuple[str, ...], tyro.conf.arg(metavar="KEY=VALUE")] = ()
    """Values over the file, for example `--set executor.kind=ensemble`. Not for the envelope."""
    run_dir: Path | None = None
    """Where the processes meet; by default `$XDG_RUNTIME_DIR/robotd/<cell>`."""


@dataclass(frozen=True, kw_only=True)
class UpOptions(CellOptions):
    """Start the daemon of a cell in this terminal; it boots DISARMED."""

    no_realtime: bool = False
    """Drive a real arm without real-time rights, at half the speed limits."""


@dataclass(frozen=True, kw_only=True)
class RunOptions(UpOptions):
    """Let a policy drive the arm."""

    policy: str = ""
    """A checkpoint folder: a server is started for it."""
    server: str = ""
    """A running policy server, for example tcp://127.0.0.1:5555, instead of `--policy`."""
    seed: int | None = None
    """Start of the mock's world by the paper's protocol, and of the sampling noise."""
    episodes: int = 1
    """Episodes to run, one seed after the other."""
    out: Path = Path("out/run")
    """Folder for figures and video."""
    dataset: Path | None = None
    """Folder that the episodes are recorded into; by default `episodes` below `--out`."""
    speed: float = 1.0
    """Share of the policy's own speed, 0.2 to 1: rows and observations that much further apart."""
    operator: str = ""
    """`spacemouse`: a person may take over while its button is held; empty: nobody."""
    no_video: bool = False
    """No mp4 of what the cell's first camera of view `perspective` saw."""
    json: Path | None = None
    """Write the figures there."""
    min_score: float | None = None
    """Exit with an error where the mean score is below."""


@dataclass(frozen=True, kw_only=True)
class CollectOptions(UpOptions):
    """Collect demonstrations: teleoperate the arm and record episodes into a data set."""

    dataset: Path
    """Folder that the episodes are recorded into; made where it does not exist."""
    operator: str = ""
    """`keyboard`, `spacemouse`, or in the mock `pusher` (pushes by itself) or `replay` (human
    demonstrations as deflections). By default `pusher` in the mock, else the cell's device."""
    episodes: int | None = None
    """Kept episodes after which it ends, failures not counted; 0: when you quit. By default 1 for
    an operator that works by itself, else 0."""
    demos: Path | None = None
    """Of `--operator replay`: the demonstrations, `.zarr.zip` or `.npz`."""
    seed: int | None = None
    """First start of the mock's world, or first demonstration; each try has the next."""
    start: str = "task"
    """Where the tool starts: `home`, `task`, `random` (anywhere on the board), or the folder of an
    episode, which in the mock places the block as well."""
    label_time: Literal["auto", "none", "failure"] = "auto"
    """Label of an episode whose time was over; `auto`: `failure` for the pusher, which
    has missed its goal then; none for a person and for a demonstration, which are over when they
    are over."""
    count_failures: bool = False
    """Episodes labelled `failure` count too."""
    max_tries: int | None = None
    """Tries after which it ends in any case; 0: no limit. By default four for each episode and ten
    more for an operator that works by itself, else 0."""
    allow_different: bool = False
    """Collect into a data set that was recorded in a cell unlike this one."""
    json: Path | None = None
    """Write the summary there."""


@dataclass(frozen=True, kw_only=True)
class ReplayOptions(UpOptions):
    """Have the arm do an episode's commands again, and compare then with now."""

    episode: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="EPISODE")]
    """Its folder, for example data/my_task/20260101-120000-1a2b."""
    out: Path = Path("out/replay")
    """Folder for the figures; the replay itself is recorded in `episodes` below it."""
    json: Path | None = None
    """Write the figures there."""


@dataclass(frozen=True, kw_only=True)
class JogOptions(UpOptions):
    """Move the arm by hand at 20 mm/s at most, also back from outside the envelope."""

    joints: bool = False
    """Begin with joints instead of the axes of the base frame; the space bar changes them."""
    operator: str = ""
    """`keyboard` or `spacemouse`; by default the cell's device, in the mock the keyboard."""


@dataclass(frozen=True, kw_only=True)
class FlightOptions:
    """Show what the arm did in the two seconds before a stop."""

    file: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="FILE")]
    """A flight record; `robotd status` names the newest."""
    out: Path | None = None
    """The picture; by default beside the record."""


@dataclass(frozen=True, kw_only=True)
class StatusOptions(CellOptions):
    """Show how the daemon of a cell is doing."""

    json: Path | None = None
    """Write it there."""


@dataclass(frozen=True, kw_only=True)
class AckOptions(CellOptions):
    """Go through what a stop needs, step by step, and acknowledge it: back to DISARMED."""


@dataclass(frozen=True, kw_only=True)
class DoctorOptions(CellOptions):
    """Look at the computer, the network and the devices of a cell, and say what to do."""

    seconds: float = 10.0
    """How long the jitter of a loop at the arm's rate is measured."""
    server: str = ""
    """A policy server to ask for a few chunks, for example tcp://127.0.0.1:5555."""
    dataset: Path = Path()
    """Where episodes are to be recorded: its disk is looked at."""
    json: Path | None = None
    """Write the report there."""
