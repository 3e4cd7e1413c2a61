"""Whether the wall clock is kept in time; only told: motion has a clock of its own."""

import ctypes
from collections.abc import Callable
from typing import Final

from robotd.core.finding import Finding

_TIMEX_BYTES: Final = 256
"""More than `struct timex` has (208 on x86-64)."""
_STATUS_OFFSET: Final = 40
"""After modes (4 bytes, 4 of padding), offset, freq, maxerror and esterror (8 each)."""
_STA_UNSYNC: Final = 0x40  # linux/timex.h


def in_sync() -> bool | None:
    """Whether the kernel's clock is disciplined (adjtimex); None where it does not say."""
    buffer = (ctypes.c_char * _TIMEX_BYTES)()  # modes 0: only read
    if ctypes.CDLL(None, use_errno=True).adjtimex(buffer) < 0:
        return None
    status = int.from_bytes(buffer[_STATUS_OFFSET : _STATUS_OFFSET + 4], "little")
    return not status & _STA_UNSYNC


def check_clock(ask: Callable[[], bool | None] = in_sync) -> list[Finding]:
    """Tell whether the clock is in time."""
    synced = ask()
    found = {True: "in time (NTP)", False: "not kept in time", None: "the kernel does not say"}
    return [
        Finding(
            name="wall clock",
            found=found[synced],
            expected="in time; only the episodes' names and dates depend on it",
            status="ok" if synced else "unknown",
            fix="" if synced else "sudo timedatectl set-ntp true, or install chrony",
        )
    ]
