"""A folder of files that appears whole or not at all, with the hash of each in a manifest."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robotd.core.errors import CheckpointError

MANIFEST = "manifest.json"


def write_folder(target: Path, files: Mapping[str, bytes]) -> None:
    """Write the files and their manifest, replacing what was at `target`.

    Everything is on disk under another name before `target` changes; a crash leaves the old
    folder, or the new one, or at the worst instant the old one as `NAME.previous`.

    Raises:
        CheckpointError: Nothing can be written there (full, no right); `target` is untouched.
    """
    fresh = target.with_name(f".{target.name}.{os.getpid()}.new")
    previous = target.with_name(f"{target.name}.previous")
    manifest = {name: _sha256(data) for name, data in files.items()}
    manifest_json = json.dumps({"version": 1, "sha256": manifest}, indent=2).encode() + b"\n"
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        for name, data in {**files, MANIFEST: manifest_json}.items():
            _write_synced(fresh / name, data)
        _sync_folder(fresh)
        if target.exists():
            shutil.rmtree(previous, ignore_errors=True)
            target.rename(previous)
        fresh.rename(target)
        _sync_folder(target.parent)
        shutil.rmtree(previous, ignore_errors=True)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise CheckpointError(f"{target}: cannot be written: {error}") from error


def read_folder(folder: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    """Read the named files and check each against the manifest.

    Raises:
        CheckpointError: The folder or a file is missing, or differs from what was written.
    """
    if not folder.is_dir():
        previous = folder.with_name(f"{folder.name}.previous")
        hint = f"; {previous} is the one before it" if previous.is_dir() else ""
        raise CheckpointError(f"{folder}: no such checkpoint folder{hint}")
    expected = _read_manifest(folder)
    files: dict[str, bytes] = {}
    for name in names:
        if name not in expected:
            raise CheckpointError(f"{folder}/{MANIFEST}: does not list {name}; copy it again")
        data = _read(folder, name)
        if _sha256(data) != expected[name]:
            raise CheckpointError(
                f"{folder}/{name}: damaged: its sha256 is {_sha256(data)[:12]}…, "
                f"the manifest says {expected[name][:12]}…; copy the folder again"
            )
        files[name] = data
    return files


def _read_manifest(folder: Path) -> dict[str, str]:
    try:
        manifest: Any = json.loads(_read(folder, MANIFEST))
        version, hashes = manifest["version"], manifest["sha256"]
        if version != 1:
            raise CheckpointError(f"{folder}/{MANIFEST}: version {version}, this code reads 1")
        return {str(name): str(value) for name, value in hashes.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{folder}/{MANIFEST}: damaged: {error!r}") from error


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError as error:
        raise CheckpointError(f"{folder}: {name} is missing; copy the whole folder") from error
    except OSError as error:
        raise CheckpointError(f"{folder}/{name}: cannot be read: {error}") from error


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
