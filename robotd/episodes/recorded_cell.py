"""The configuration of the cell in which an episode was recorded: every log carries it."""

from pathlib import Path

import msgspec

from robotd.core.config import CellConfig
from robotd.core.errors import DatasetError, one_line
from robotd.core.run_files import CELL_FILE
from robotd.episodes.episode_file import LOG_NAME
from robotd.episodes.log import LogReader


def recorded_cell(log: LogReader) -> CellConfig:
    """Return what a log says of its cell.

    Raises:
        DatasetError: It says nothing, or what it says is no cell.
    """
    found = log.opening.attachments.get(CELL_FILE)
    if found is None:
        raise DatasetError(f"{log.path}: does not say in which cell it was recorded")
    try:
        return msgspec.json.decode(found, type=CellConfig)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DatasetError(f"{log.path}: {CELL_FILE}: {one_line(str(error))}") from error


def cell_of(folder: Path) -> CellConfig:
    """Return the cell of an episode's folder, from the beginning of its log alone.

    Raises:
        DatasetError: It cannot be read.
    """
    return recorded_cell(LogReader(folder / LOG_NAME))
