"""What a person types, as types: the command line is made from them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

MOCK_CELL = "configs/mock/cell.toml"


@dataclass(frozen=True, kw_only=True)
class CellOptions:
    """Which cell, and values over its file."""

    config: str = ""
    """A cell's file or folder, or `mock`."""
    mock: bool = False
    """The mock cell: the same as `--config mock`."""
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
    """Folder for figures, video and trace."""
    video: bool = True
    """An mp4 of what the cell's first camera of view `perspective` saw."""
    json: Path | None = None
    """Write the figures there."""
    min_score: float | None = None
    """Exit with an error where the mean score is below."""


@dataclass(frozen=True, kw_only=True)
class StatusOptions(CellOptions):
    """Show how the daemon of a cell is doing."""

    json: Path | None = None
    """Write it there."""


@dataclass(frozen=True, kw_only=True)
class AckOptions(CellOptions):
    """Acknowledge a fault: the daemon goes back to DISARMED."""
