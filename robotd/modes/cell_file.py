"""From what a person typed to a checked cell."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from robotd.core.config import CellConfig
from robotd.core.config_check import check_cell
from robotd.core.config_load import load_toml
from robotd.core.data_files import data_file, given_or_shipped
from robotd.core.errors import ConfigError
from robotd.core.overrides import COMMAND_LINE, parse_overrides
from robotd.core.run_files import CELL_FILE
from robotd.modes.drivers import direct, missing
from robotd.modes.options import MOCK_CELLS, CellOptions

MOCK = "mock"
FIXED = {
    "envelope": "the safety envelope has no flag: edit the cell's file",
    "name": "the cell's name is its file's",
}


def cell_path(options: CellOptions) -> Path:
    """Return the cell's file: the mock's, a folder's, or a file.

    Raises:
        ConfigError: None was named.
    """
    if options.config == MOCK or (options.mock and not options.config):
        return data_file(MOCK_CELLS[options.model or next(iter(MOCK_CELLS))])
    if not options.config:
        raise ConfigError(
            COMMAND_LINE, "--config", got="nothing", expected="a cell's file, or --mock"
        )
    path = given_or_shipped(options.config)
    return path / "cell.toml" if path.is_dir() else path


def load_cell(
    options: CellOptions,
    tell: Callable[[str], object] | None = None,
    lacks: Callable[[CellConfig], str] = missing,
) -> CellConfig:
    """Read, merge, validate and check the cell.

    A mock whose drivers lack a library here goes without them.

    Args:
        options: What was typed.
        tell: Gets the line that says so.
        lacks: Says what the drivers of a cell lack on this computer.

    Raises:
        ConfigError: One line: file, key, value, expected, nearest name.
    """
    path = cell_path(options)
    overrides = parse_overrides(options.set, FIXED)
    cell = load_toml(path, CellConfig, overrides)
    if not cell.mock and "arm" in overrides:
        raise ConfigError(
            COMMAND_LINE,
            "arm",
            got="a flag",
            expected="no such flag for a real arm",
            hint="the envelope is checked for this arm and tool: edit the cell's file",
        )
    _check_words(options, cell, path)
    if options.mock == "direct":
        cell = direct(cell)
    elif cell.mock and (lack := lacks(cell)):
        cell = direct(cell)
        if tell is not None:
            tell(f"robotd: {lack}: goes on without the drivers, as with --mock=direct\n")
    check_cell(cell, str(path))
    return cell


def _check_words(options: CellOptions, cell: CellConfig, path: Path) -> None:
    """Refuse words that say another cell than the file.

    Raises:
        ConfigError: The file is of a real cell, or of another arm.
    """
    if options.mock and not cell.mock:
        raise ConfigError(
            COMMAND_LINE, "--mock", got=f"the real cell {path} too", expected="one of the two"
        )
    if options.model and options.model != cell.arm.model:
        raise ConfigError(
            COMMAND_LINE,
            "--model",
            got=options.model,
            expected=f"{cell.arm.model}, as {path} says",
            hint="it is for --mock alone",
        )


def write_cell(cell: CellConfig, run_dir: Path) -> None:
    """Leave the checked cell where the daemon's processes read it."""
    (run_dir / CELL_FILE).write_bytes(msgspec.json.encode(cell))


def read_cell(run_dir: Path) -> CellConfig:
    """Return the cell of a run directory.

    Raises:
        ConfigError: There is none, or it is not as a daemon writes it.
    """
    path = run_dir / CELL_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=CellConfig)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigError(
            str(path), "file", got=str(error), expected="the cell of a running daemon"
        ) from error
