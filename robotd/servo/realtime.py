"""What the operating system grants a control loop: scheduling first, and memory that stays."""

import ctypes
import gc
import os
from dataclasses import dataclass

from msgspec.structs import replace

from robotd.core.config import EnvelopeConfig
from robotd.core.errors import RealtimeError

PRIORITY = 80
"""SCHED_FIFO priority: above the kernel's threaded interrupts (50), below its watchdogs (99)."""

GAP_PERIODS = 5
GAP_WITHOUT_RIGHTS_S = 0.04
GAP_IN_MOCK_S = 0.1

_MCL_CURRENT_AND_FUTURE = 3  # linux/mman.h


@dataclass(frozen=True, slots=True, kw_only=True)
class RealtimeRights:
    """What was obtained.

    Attributes:
        fifo: The process runs under SCHED_FIFO.
        locked: Its memory stays in RAM.
        cpu: The core that it is bound to, or None.
        refusal: What was refused, in words; empty where nothing was.
    """

    fifo: bool
    locked: bool
    cpu: int | None = None
    refusal: str = ""


def obtain(*, priority: int = PRIORITY, cpu: int | None = None) -> RealtimeRights:
    """Ask for SCHED_FIFO, locked memory and a core. Never raises.

    Args:
        priority: SCHED_FIFO priority, 1 to 99.
        cpu: Core to be bound to; None leaves the choice to the scheduler.
    """
    refused: list[str] = []
    fifo = locked = True
    bound = cpu
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except (OSError, ValueError) as error:
        fifo = False
        refused.append(f"SCHED_FIFO {priority}: {error}")
    if ctypes.CDLL(None, use_errno=True).mlockall(_MCL_CURRENT_AND_FUTURE) != 0:
        locked = False
        refused.append(f"mlockall: {os.strerror(ctypes.get_errno())}")
    if cpu is not None:
        try:
            os.sched_setaffinity(0, {cpu})
        except (OSError, ValueError) as error:
            bound = None
            refused.append(f"core {cpu}: {error}")
    return RealtimeRights(fifo=fifo, locked=locked, cpu=bound, refusal="; ".join(refused))


def stop_collecting() -> None:
    """Stop the garbage collector; to be called once everything is built."""
    gc.collect()
    gc.freeze()
    gc.disable()


def require(rights: RealtimeRights) -> None:
    """Refuse to go on without scheduling ahead of others and locked memory.

    Raises:
        RealtimeError: One of them is missing; says which, and what to do.
    """
    if not (rights.fifo and rights.locked):
        raise RealtimeError(
            f"arm: no real-time rights ({rights.refusal}); raise the limits"
            " rtprio to 99 and memlock to unlimited, or accept half speed with --no-realtime"
        )


def halved(envelope: EnvelopeConfig) -> EnvelopeConfig:
    """Return the envelope at half speed: what an arm without real-time rights may do."""
    return replace(
        envelope,
        joint_speed_rad_s=0.5 * envelope.joint_speed_rad_s,
        tool_speed_m_s=0.5 * envelope.tool_speed_m_s,
    )


def call_limit_s(gap_s: float, *, rate_hz: float, fifo: bool, mock: bool) -> float:
    """Return how long a call of the driver may take in a cycle [s]: a period where it has rights.

    Without them, or in a mock, the computer may take the processor away in the middle of a call: so
    it is the own gap that is a fault, `gap_s`.
    """
    return 1.0 / rate_hz if fifo and not mock else gap_s


def gap_fault_s(configured_s: float | None, *, rate_hz: float, fifo: bool, mock: bool) -> float:
    """Return the own gap that is a fault [s]: the configured one, or what the rights are good for.

    Args:
        configured_s: From the cell's configuration.
        rate_hz: The servo rate [Hz].
        fifo: Whether the process runs under SCHED_FIFO.
        mock: Whether no real arm moves.
    """
    if configured_s is not None:
        return configured_s
    if mock:
        return GAP_IN_MOCK_S
    return GAP_PERIODS / rate_hz if fifo else GAP_WITHOUT_RIGHTS_S
