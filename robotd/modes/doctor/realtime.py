"""Real-time rights, locked memory and the jitter of a loop at the arm's rate."""

import resource
import subprocess
import sys
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from robotd.core.errors import ProcessDiedError
from robotd.core.finding import Finding, Status
from robotd.modes.doctor.jitter import JitterFigures
from robotd.servo.realtime import PRIORITY, gap_fault_s

LATE_P999_S: Final = 0.0002
MISSED_SHARE: Final = 1e-4
"""What the loop is good for on a quiet computer with real-time rights."""
SLACK_S: Final = 30.0
"""For the start of the process that measures, beyond what it was asked to measure."""

RIGHTS_FIX: Final = (
    "/etc/security/limits.d/99-robotd.conf: `@robotd - rtprio 99` and `@robotd - memlock "
    "unlimited`, then log in again; in a systemd unit LimitRTPRIO=99 and LimitMEMLOCK=infinity"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the operating system lets this user raise.

    Attributes:
        rtprio: Highest SCHED_FIFO priority; -1 is unlimited.
        memlock_bytes: Memory that may be locked; -1 is unlimited.
    """

    rtprio: int
    memlock_bytes: int


def limits_of_this_process() -> Limits:
    """Return them as they are here."""
    rtprio, memlock = resource.RLIMIT_RTPRIO, resource.RLIMIT_MEMLOCK
    return Limits(
        rtprio=resource.getrlimit(rtprio)[0], memlock_bytes=resource.getrlimit(memlock)[0]
    )


def measure_jitter(*, rate_hz: float, seconds: float) -> JitterFigures:
    """Have a process of its own measure; blocks for `seconds` and a little more.

    Raises:
        ProcessDiedError: It did not come to an end, or not in time; its last line.
    """
    command = [sys.executable, "-m", "robotd.modes.doctor.jitter"]
    command += [f"--rate-hz={rate_hz}", f"--seconds={seconds}"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=seconds + SLACK_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise ProcessDiedError(f"the loop did not end within {error.timeout:g} s") from error
    try:
        return msgspec.json.decode(done.stdout, type=JitterFigures)
    except msgspec.MsgspecError as error:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["nothing"]
        raise ProcessDiedError(f"the loop ended with {done.returncode}: {said[-1]}") from error


For = Literal["real", "mock", "any"]
"""What it is judged for: a real arm, a mock, or no cell in particular."""

_WITHOUT: Final[dict[For, Status]] = {"real": "fail", "any": "warn", "mock": "unknown"}
"""A real arm is refused without rights, a mock does well enough."""


def check_realtime(limits: Limits, figures: JitterFigures, judged_for: For) -> list[Finding]:
    """Judge rights and jitter.

    Args:
        limits: What this user may raise.
        figures: Of a loop that asked for these rights.
        judged_for: What depends on them.
    """
    return [
        _rights(figures, limits, judged_for),
        _memory(figures, limits, judged_for),
        _jitter(figures, judged_for),
    ]


def _rights(figures: JitterFigures, limits: Limits, judged_for: For) -> Finding:
    limit = "unlimited" if limits.rtprio < 0 else str(limits.rtprio)
    got = f"SCHED_FIFO {PRIORITY}" if figures.fifo else "SCHED_FIFO refused"
    return Finding(
        name="real-time rights",
        found=f"{got} (rtprio limit {limit})",
        expected=f"SCHED_FIFO {PRIORITY}; without, a real arm wants --no-realtime and half speed",
        status="ok" if figures.fifo else _WITHOUT[judged_for],
        fix="" if figures.fifo else RIGHTS_FIX,
    )


def _memory(figures: JitterFigures, limits: Limits, judged_for: For) -> Finding:
    limit = "unlimited" if limits.memlock_bytes < 0 else f"{limits.memlock_bytes / 2**20:.0f} MiB"
    return Finding(
        name="locked memory",
        found=f"{'locked' if figures.locked else 'refused'} (memlock limit {limit})",
        expected="locked: a page that has to come from the disk holds the loop up",
        status="ok" if figures.locked else _WITHOUT[judged_for],
        fix="" if figures.locked else RIGHTS_FIX,
    )


def _jitter(figures: JitterFigures, judged_for: For) -> Finding:
    mock = judged_for == "mock"
    gap_limit_s = gap_fault_s(None, rate_hz=figures.rate_hz, fifo=figures.fifo, mock=mock)
    found = (
        f"{figures.rate_hz:g} Hz for {figures.seconds:.1f} s: late p50 / p99 / p99.9 / max "
        f"{_ms(figures.late_p50_s)} / {_ms(figures.late_p99_s)} / {_ms(figures.late_p999_s)} / "
        f"{_ms(figures.late_max_s)} ms, {figures.missed_n} of "
        f"{figures.cycles_n + figures.missed_n} periods missed"
    )
    holds = figures.gap_s <= gap_limit_s
    periods_n = figures.cycles_n + figures.missed_n
    sharp = figures.late_p999_s <= LATE_P999_S and figures.missed_n <= MISSED_SHARE * periods_n
    expected = f"no gap over {_ms(gap_limit_s)} ms (a fault)"
    if not mock:
        expected = f"p99.9 up to {_ms(LATE_P999_S)} ms, {expected}"
    fix = "give the loop real-time rights" if not figures.fifo else "look at governor and kernel"
    fix += "; end what else runs here, in the BIOS switch off deep sleep states"
    well = holds and (sharp or mock)
    return Finding(
        name="loop jitter",
        found=found,
        expected=expected,
        status="ok" if well else "fail" if judged_for == "real" and not holds else "warn",
        fix="" if well else fix,
    )


def _ms(duration_s: float) -> str:
    return f"{duration_s * 1e3:.3g}"
