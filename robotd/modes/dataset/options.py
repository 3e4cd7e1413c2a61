"""What a person types behind `robotd dataset`, as types."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

Folder = Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="FOLDER")]
Name = Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="ID")]
Names = Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="[ID ...]")]


@dataclass(frozen=True, kw_only=True)
class _Options:
    dataset: Folder
    """The data set's folder."""
    json: Path | None = None
    """Write what is found there."""


@dataclass(frozen=True, kw_only=True)
class InfoOptions(_Options):
    """What is in a data set: how much, of which labels, from which starts."""


@dataclass(frozen=True, kw_only=True)
class ListOptions(_Options):
    """A line for each episode."""

    all: bool = False
    """Those in the trash and in the quarantine too."""


@dataclass(frozen=True, kw_only=True)
class VerifyOptions(_Options):
    """Whether every episode is what was recorded: 0 yes, 3 something was lost, 1 damaged."""

    ids: Names = ()
    """Only these episodes; `last` is the newest."""
    deep: bool = False
    """Read every message and decode every picture as well."""


@dataclass(frozen=True, kw_only=True)
class DeleteOptions(_Options):
    """Move episodes to the trash of the data set, from where they can be taken back."""

    ids: Names
    """Which; `last` is the newest."""


@dataclass(frozen=True, kw_only=True)
class UndeleteOptions(_Options):
    """Take episodes back from the trash."""

    ids: Names
    """Which; `last` is the one deleted last."""


@dataclass(frozen=True, kw_only=True)
class RecoverOptions(_Options):
    """Complete what a crash left open; the next recording does so by itself."""


@dataclass(frozen=True, kw_only=True)
class PageOptions(_Options):
    """Draw one episode: frames, state, action, latencies, gaps."""

    id: Name
    """Which; `last` is the newest."""
    out: Path | None = None
    """A .png, or an .html that holds it; by default ID.png in this folder."""


@dataclass(frozen=True, kw_only=True)
class DatasetOptions:
    """Look at recorded episodes: info, list, verify, delete, undelete, recover, page."""

    do: Annotated[
        Annotated[InfoOptions, tyro.conf.subcommand("info", prefix_name=False)]
        | Annotated[ListOptions, tyro.conf.subcommand("list", prefix_name=False)]
        | Annotated[VerifyOptions, tyro.conf.subcommand("verify", prefix_name=False)]
        | Annotated[DeleteOptions, tyro.conf.subcommand("delete", prefix_name=False)]
        | Annotated[UndeleteOptions, tyro.conf.subcommand("undelete", prefix_name=False)]
        | Annotated[RecoverOptions, tyro.conf.subcommand("recover", prefix_name=False)]
        | Annotated[PageOptions, tyro.conf.subcommand("page", prefix_name=False)],
        tyro.conf.arg(name=""),
    ]
