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


def given_or_shipped(name: str) -> Path:
    """Return a path that a person gave, or the project's own data of that name where it has none.

    So `checkpoints/pusht-state` means the shipped policy outside a checkout too.
    """
    path = Path(name)
    if path.exists() or path.is_absolute():
        return path
    try:
        return data_file(name)
    except ConfigError:
        return path
