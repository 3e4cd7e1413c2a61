"""Command-line values for a configuration, `--set executor.kind=ensemble`, as nested tables."""

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from robotd.core.errors import ConfigError

COMMAND_LINE = "command line"


def parse_overrides(settings: Sequence[str], fixed: Mapping[str, str]) -> dict[str, Any]:
    """Turn `a.b=1` settings into {"a": {"b": 1}}; values are TOML, a bare word is a string.

    Args:
        settings: As typed, the later over the earlier.
        fixed: First keys that only the file may set, with the reason.

    Raises:
        ConfigError: Not of that form, or a key that only the file may set.
    """
    tables: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        steps = key.strip().split(".")
        if not equals or not all(steps):
            raise ConfigError(COMMAND_LINE, "--set", got=repr(setting), expected="`key.name=value`")
        if steps[0] in fixed:
            raise ConfigError(
                COMMAND_LINE, key, got=repr(text), expected="no such flag", hint=fixed[steps[0]]
            )
        place = tables
        for step in steps[:-1]:
            place = place.setdefault(step, {})
            if not isinstance(place, dict):
                raise ConfigError(
                    COMMAND_LINE, key, got=repr(text), expected="a key that is not set already"
                )
        place[steps[-1]] = _value(text.strip())
    return tables


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
