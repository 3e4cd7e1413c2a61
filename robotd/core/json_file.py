"""Figures as a JSON file: what `--json FILE` gets."""

from pathlib import Path

import msgspec

from robotd.core.errors import ConfigError


def check_json(path: Path) -> None:
    """Refuse, before long work begins, a file that could not be written at its end.

    Raises:
        ConfigError: It is a folder.
        OSError: No right, or no such place.
    """
    if path.is_dir():
        raise ConfigError("command line", "--json", got=f"{path}, a folder", expected="a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.open("ab").close()


def write_json(path: Path, figures: object) -> None:
    """Write a struct or plain values as JSON for people and scripts, in a folder made if missing.

    Raises:
        OSError: No room, or no right.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=2) + b"\n")
