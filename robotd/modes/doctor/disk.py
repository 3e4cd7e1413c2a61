"""Room and speed where episodes are recorded."""

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Final

from robotd.core.config import RecordConfig
from robotd.core.finding import Finding

BLOCK_BYTES: Final = 2**20
BLOCKS_N: Final = 24
SYNC_EVERY: Final = 4
MIN_MB_S: Final = 10.0
"""Two cameras and the arm write about 1 MB/s; ten times that leaves room for others."""
MAX_SYNC_S: Final = 0.5


def check_disk(folder: Path, record: RecordConfig) -> list[Finding]:
    """Look at the disk of a folder, by writing 24 MiB that are gone afterwards.

    Args:
        folder: Where episodes are to go; it need not exist yet.
        record: The room that recording asks for.
    """
    whole = folder.absolute()
    existing = next(place for place in (whole, *whole.parents) if place.is_dir())
    try:
        return [_room(existing, record), _speed(existing)]
    except OSError as error:
        return [
            Finding(
                name="disk",
                found=f"{existing}: {error.strerror or error}",
                expected="a folder that can be written",
                status="fail",
                fix="name another with --dataset",
            )
        ]


def _room(folder: Path, record: RecordConfig) -> Finding:
    free_mb = shutil.disk_usage(folder).free / 1e6
    enough = free_mb >= record.reserve_mb
    return Finding(
        name="room for episodes",
        found=f"{free_mb / 1e3:.1f} GB free at {folder}",
        expected=f"{record.reserve_mb / 1e3:g} GB or more (record.reserve_mb)",
        status="ok" if enough else "fail",
        fix="" if enough else "make room, or name another disk with --dataset",
    )


def _speed(folder: Path) -> Finding:
    block = os.urandom(BLOCK_BYTES)
    slowest_s = 0.0
    with tempfile.TemporaryFile(dir=folder) as file:
        begun = time.monotonic()
        for index in range(BLOCKS_N):
            file.write(block)
            if (index + 1) % SYNC_EVERY == 0:
                file.flush()
                before = time.monotonic()
                os.fdatasync(file.fileno())
                slowest_s = max(slowest_s, time.monotonic() - before)
        mb_s = BLOCKS_N * BLOCK_BYTES / 1e6 / (time.monotonic() - begun)
    quick = mb_s >= MIN_MB_S and slowest_s <= MAX_SYNC_S
    return Finding(
        name="speed of the disk",
        found=f"{mb_s:.0f} MB/s to the disk itself, slowest sync {slowest_s * 1e3:.0f} ms",
        expected=f"{MIN_MB_S:g} MB/s or more, each sync under {MAX_SYNC_S * 1e3:g} ms",
        status="ok" if quick else "warn",
        fix="" if quick else "a local SSD; no network folder",
    )
