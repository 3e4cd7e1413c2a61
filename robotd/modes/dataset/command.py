"""`robotd dataset`: look at recorded episodes, check them, delete them and take them back."""

import base64
import sys
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from robotd.core.errors import ConfigError, DatasetError
from robotd.core.json_file import check_json, write_json
from robotd.core.whole_file import whole_file
from robotd.episodes.dataset import (
    TRASH,
    Dataset,
    delete,
    episode_folder,
    episodes,
    open_episodes,
    trashed,
    undelete,
)
from robotd.episodes.recover import recover
from robotd.episodes.survey import rows_of, survey
from robotd.episodes.verify import EXIT_CODES, Verified, verify, worst
from robotd.modes.dataset.options import (
    DatasetOptions,
    DeleteOptions,
    InfoOptions,
    ListOptions,
    PageOptions,
    RecoverOptions,
    UndeleteOptions,
    VerifyOptions,
)
from robotd.modes.dataset.table import print_info, print_rows

LAST = "last"


def dataset(options: DatasetOptions) -> int:
    """Do what was asked, and return the exit status.

    Raises:
        DatasetError: No such data set or episode, or its disk refuses.
        BusyError: A recorder holds what is to be recovered.
        ConfigError: No episode was named.
    """
    asked = options.do
    if asked.json is not None:
        check_json(asked.json)
    status = 0
    figures: object
    match asked:
        case InfoOptions():
            figures = survey(asked.dataset)
            print_info(figures)
        case ListOptions():
            figures = rows_of(asked.dataset, everything=asked.all)
            print_rows(figures)
        case VerifyOptions():
            found = _verify(asked)
            figures, status = found, EXIT_CODES[worst(found)]
        case DeleteOptions():
            figures = _delete(asked)
        case UndeleteOptions():
            figures = _undelete(asked)
        case RecoverOptions():
            figures = _recover(asked)
        case PageOptions():
            figures = _page(asked)
    if asked.json is not None:
        write_json(asked.json, figures)
    return status


def _verify(asked: VerifyOptions) -> list[Verified]:
    folder = asked.dataset
    names = _named(folder, asked.ids) if asked.ids else episodes(folder)
    found: list[Verified] = []
    with _progress() as progress:
        task = progress.add_task("verifying", total=len(names))
        for name in names:
            result = verify(episode_folder(folder, name), deep=asked.deep)
            found.append(result)
            if result.health != "ok":
                reasons = "; ".join(result.reasons)
                _say(f"{name}  {result.health}  {reasons}")
            progress.advance(task)
    counts = [(sum(each.health == health for each in found), health) for health in EXIT_CODES]
    _say(f"episodes: {', '.join(f'{count} {health}' for count, health in counts)}")
    if left := open_episodes(folder):
        _say(f"{len(left)} still open: being recorded, or for `robotd dataset recover {folder}`")
    return found


def _delete(asked: DeleteOptions) -> dict[str, list[str]]:
    folder = asked.dataset
    names = _named(folder, _some(asked.ids))
    for name in names:
        delete(folder, name)
    ids = " ".join(names)
    _say(f"deleted {ids}; take back: robotd dataset undelete {folder} {ids}")
    return {"deleted": names}


def _undelete(asked: UndeleteOptions) -> dict[str, list[str]]:
    folder = asked.dataset
    names = [_deleted_last(folder) if name == LAST else name for name in _some(asked.ids)]
    for name in dict.fromkeys(names):
        undelete(folder, name)
    _say(f"taken back: {' '.join(names)}")
    return {"undeleted": names}


def _recover(asked: RecoverOptions) -> dict[str, object]:
    if not asked.dataset.is_dir():
        raise DatasetError(f"data set {asked.dataset}: no such folder")
    with Dataset.open(asked.dataset) as held:
        done = recover(held)
    for name in done.recovered:
        _say(f"recovered {name}")
    for name, why in done.quarantined.items():
        _say(f"to the quarantine: {name}: {why}")
    for name, why in done.left.items():
        _say(f"still open: {name}: {why}")
    if not (done.recovered or done.quarantined or done.left):
        _say("nothing was left open")
    return {
        "recovered": list(done.recovered),
        "quarantined": done.quarantined,
        "left": done.left,
    }


def _page(asked: PageOptions) -> object:
    from robotd.episodes.reader import Episode
    from robotd.modes.dataset.page import draw_page  # loads matplotlib

    (name,) = _named(asked.dataset, (asked.id,))
    out = asked.out or Path(f"{name}.png")
    if out.suffix not in (".png", ".html"):
        raise ConfigError("command line", "--out", got=str(out), expected="a .png or an .html")
    episode = Episode(episode_folder(asked.dataset, name))
    out.parent.mkdir(parents=True, exist_ok=True)
    picture = BytesIO()
    figures = draw_page(episode, picture)
    with whole_file(out) as partial:
        if out.suffix == ".png":
            partial.write_bytes(picture.getvalue())
        else:
            data = base64.b64encode(picture.getvalue()).decode()
            partial.write_text(_HTML.format(name=name, data=data))
    _say(f"wrote {out}")
    return figures


_HTML = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>episode {name}</title>
<body style="margin:0;background:#fff"><img alt="episode {name}" style="width:100%;max-width:1700px"
src="data:image/png;base64,{data}"></body></html>
"""


def _some(ids: Sequence[str]) -> Sequence[str]:
    if not ids:
        raise ConfigError(
            "command line", "ID", got="nothing", expected="names of episodes, or `last`"
        )
    return ids


def _named(folder: Path, ids: Sequence[str]) -> list[str]:
    """Return the names of complete episodes, each once; all are there, so that all is done."""
    known = episodes(folder)
    if LAST in ids and not known:
        raise DatasetError(f"data set {folder}: no complete episode in it")
    names = list(dict.fromkeys(known[-1] if name == LAST else name for name in ids))
    for name in names:
        episode_folder(folder, name)
    return names


def _deleted_last(folder: Path) -> str:
    """Return the name of the episode deleted last: a rename changes the time of its folder."""
    names = trashed(folder)
    if not names:
        raise DatasetError(f"data set {folder}: no episode in the trash")
    return max(names, key=lambda name: (folder / TRASH / name).stat().st_ctime_ns)


def _progress() -> Progress:
    """Return a bar on stderr; none without a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
