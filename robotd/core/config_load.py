"""Read a TOML file into a closed type, with command-line values merged over it.

Values are merged as a dict and validated once, so a fault reads the same wherever it came from.
"""

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from robotd.core.errors import ConfigError

MAX_CONFIG_BYTES = 256 * 1024
T = TypeVar("T")

_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<path>[^`]*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>[^`]*)`")
_MISSING = re.compile(r"Object missing required field `(?P<name>[^`]*)`")
_EXPECTED = re.compile(r"Expected (?P<want>.*?)(?:, got (?P<got>.*))?$")
_ENUM = re.compile(r"Invalid (?:enum )?value (?P<got>.*)$")


def read_toml(path: Path) -> dict[str, Any]:
    """Return the file's tables.

    Raises:
        ConfigError: Missing, too large, not UTF-8, or not TOML (names the line).
    """
    source = str(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(source, "file", got=reason, expected="a readable TOML file") from error
    if len(data) > MAX_CONFIG_BYTES:
        raise ConfigError(
            source, "file", got=f"{len(data)} bytes", expected=f"at most {MAX_CONFIG_BYTES}"
        )
    try:
        return tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(source, "file", got=f"`{error}`", expected="valid TOML") from error
    except RecursionError as error:
        raise ConfigError(
            source, "file", got="very deep nesting", expected="a few levels of tables"
        ) from error


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay `over` onto `base`: tables merge, other values are replaced, None in `over` is unset."""
    merged = dict(base)
    for key, value in over.items():
        if value is None:
            continue
        below = merged.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            merged[key] = merge(below, value)
        else:
            merged[key] = value
    return merged


def to_struct(table: Mapping[str, Any], kind: type[T], source: str) -> T:
    """Validate a table into `kind`.

    Raises:
        ConfigError: Names source, key, value, what was expected, and the nearest known name.
    """
    try:
        return msgspec.convert(table, kind, strict=True)
    except msgspec.ValidationError as error:
        raise _explain(str(error), table, kind, source) from error


def load_toml(path: Path, kind: type[T], overrides: Mapping[str, Any] | None = None) -> T:
    """Read `path`, merge `overrides` over it and validate once.

    Raises:
        ConfigError: As `read_toml` and `to_struct`.
    """
    table = read_toml(path)
    source = str(path)
    if overrides:
        table = merge(table, overrides)
        source = f"{path} (with command-line values)"
    return to_struct(table, kind, source)


def _explain(message: str, table: Mapping[str, Any], kind: type[Any], source: str) -> ConfigError:
    """Turn msgspec's sentence into file, key, value, expected, nearest name."""
    match = _AT.match(message)
    what, path = (match["what"], match["path"] or "") if match else (message, "")
    key = _name_entries(table, kind, path.lstrip("."))
    if unknown := _UNKNOWN.search(what):
        name = unknown["name"]
        known = _field_names(kind, key, _value_at(table, key))
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean `{near[0]}`?" if near else ""
        dotted = f"{key}.{name}" if key else name
        return ConfigError(
            source, dotted, got="an unknown key", expected=f"one of {', '.join(known)}", hint=hint
        )
    if missing := _MISSING.search(what):
        dotted = f"{key}.{missing['name']}" if key else missing["name"]
        return ConfigError(source, dotted, got="nothing", expected="a value (it has no default)")
    value = _value_at(table, key)
    if enum := _ENUM.search(what):
        choices = _choices(kind, key)
        near = difflib.get_close_matches(str(value), choices, n=1, cutoff=0.5)
        hint = f"did you mean `{near[0]}`?" if near else ""
        wanted = f"one of {', '.join(choices)}" if choices else "a listed value"
        return ConfigError(source, key, got=enum["got"], expected=wanted, hint=hint)
    expected = _EXPECTED.search(what)
    want = expected["want"] if expected else what
    return ConfigError(source, key, got=_show(value), expected=want.replace("`", ""), hint="")


def _name_entries(table: Any, kind: Any, path: str) -> str:
    """Replace each `[...]` (an entry of a table of tables) by the name of the entry at fault."""
    while "[...]" in path:
        before, _, after = path.partition("[...]")
        entries, entry_type = _value_at(table, before), _type_at(kind, f"{before}[...]")
        name = "?"
        for candidate, value in entries.items() if isinstance(entries, Mapping) else ():
            try:
                msgspec.convert(value, entry_type, strict=True)
            except msgspec.ValidationError:
                name = str(candidate)
                break
        path = f"{before}.{name}{after}"
    return path


def _steps(path: str) -> list[str]:
    """Split `a.b[0].c` and `a[...].c` into their steps."""
    return [step.strip("[]") for step in re.findall(r"\[[^\]]*\]|[^.\[]+", path)]


def _type_at(kind: Any, path: str) -> Any:
    """Return the declared type at a path, or None; `X | None` counts as X."""
    for step in _steps(path):
        info = _inspect(kind)
        if isinstance(info, msgspec.inspect.StructType):
            found = [field for field in info.fields if field.encode_name == step]
            kind = get_type_hints(info.cls, include_extras=True)[found[0].name] if found else None
        elif isinstance(info, msgspec.inspect.DictType):
            kind = get_args(_plain(kind))[1]
        elif isinstance(info, (msgspec.inspect.VarTupleType, msgspec.inspect.TupleType)):
            kind = get_args(_plain(kind))[0]
        else:
            return None
    return kind


def _plain(kind: Any) -> Any:
    """Look through `Annotated[X, ...]` and `X | None`."""
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    parts = [part for part in get_args(kind) if part is not NoneType]
    if get_origin(kind) in (Union, UnionType) and len(parts) == 1:
        return _plain(parts[0])
    return kind


def _inspect(kind: Any) -> msgspec.inspect.Type | None:
    return None if kind is None else msgspec.inspect.type_info(_plain(kind))


def _field_names(kind: type[Any], path: str, given: Any) -> list[str]:
    """Return the keys known at a path; of a union, those of the member whose tag is given."""
    structs = _structs(_inspect(_type_at(kind, path)))
    if len(structs) > 1 and isinstance(given, Mapping):
        structs = [one for one in structs if given.get(one.tag_field) == one.tag] or structs
    return list(dict.fromkeys(field.encode_name for info in structs for field in info.fields))


def _structs(info: msgspec.inspect.Type | None) -> list[msgspec.inspect.StructType]:
    """Return the struct, or all that a union chooses from."""
    each = info.types if isinstance(info, msgspec.inspect.UnionType) else (info,)
    return [one for one in each if isinstance(one, msgspec.inspect.StructType)]


def _choices(kind: type[Any], path: str) -> list[str]:
    info = _inspect(_type_at(kind, path))
    if isinstance(info, msgspec.inspect.LiteralType):
        return [str(value) for value in info.values]
    above, _, last = path.rpartition(".")
    union = _structs(_inspect(_type_at(kind, above)))
    return [str(one.tag) for one in union if one.tag_field == last]


def _value_at(table: Any, path: str) -> Any:
    value = table
    for step in _steps(path):
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
