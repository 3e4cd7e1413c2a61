"""Figures as a JSON file: what `--json FILE` gets."""

from pathlib import Path

import msgspec


def write_json(path: Path, figures: object) -> None:
    """Write a struct or plain values as JSON for people and scripts, in a folder made if missing.

    Raises:
        OSError: No room, or no right.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=2) + b"\n")
