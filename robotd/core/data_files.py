"""Where the project's own data lies: beside the source tree, or inside the installed wheel."""

from pathlib import Path

from robotd.core.errors import ConfigError

_PACKAGE = Path(__file__).resolve().parents[1]


def data_file(name: str) -> Path:
    """Return the path of, for example, `configs/mock/cell.toml` or `checkpoints/pusht-state`.

    Raises:
        ConfigError: Neither the source tree nor the wheel has it.
    """
    candidates = (_PACKAGE.parent / name, _PACKAGE / "data" / name)
    for candidate in candidates:
        if candidate.exists():
            return candidate
    raise ConfigError(
        name, "path", got="nothing there", expected=f"one of {candidates[0]}, {candidates[1]}"
    )
