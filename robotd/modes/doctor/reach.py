"""Whether the controller's ports answer, whether it is a controller, and how fast."""

import socket
import time
from collections.abc import Callable
from typing import Final

from robotd.core.finding import Finding

DASHBOARD, SCRIPT, RTDE = 29999, 30003, 30004
PORTS: Final = {DASHBOARD: "dashboard", SCRIPT: "script", RTDE: "RTDE"}
GREETING: Final = "Universal Robots Dashboard Server"
CONNECTS_N: Final = 5
SLOW_S: Final = 0.005
"""On a cable of its own a connection takes a fifth of a millisecond."""
TIMEOUT_S: Final = 1.0
_GREETING_BYTES: Final = 256

Connect = Callable[[str, int], float | str]
"""Opens a TCP connection and closes it: how long it took [s], or why not."""
Greet = Callable[[str], str]
"""Returns the first line that the dashboard server says."""

_PORTS_FIX: Final = (
    "switch the controller on, compare arm.host with the pendant's network page; PolyScope 5: "
    "Settings, Security, Services: enable dashboard, real-time client and RTDE; Security, General: "
    "let this computer in"
)


def connect_once(address: str, port: int) -> float | str:
    """Open a TCP connection and close it."""
    begun = time.monotonic()
    try:
        with socket.create_connection((address, port), TIMEOUT_S):
            return time.monotonic() - begun
    except OSError as error:
        return error.strerror or "timed out"


def greeting(address: str) -> str:
    """Return what the dashboard server says first; empty where it says nothing."""
    try:
        with socket.create_connection((address, DASHBOARD), TIMEOUT_S) as server:
            server.settimeout(TIMEOUT_S)
            return server.recv(_GREETING_BYTES).decode(errors="replace").strip()
    except OSError:
        return ""


def check_ports(
    address: str, connect: Connect = connect_once, greet: Greet = greeting
) -> list[Finding]:
    """Look whether an arm's controller answers at an address; blocks for a few seconds at most."""
    answers = {port: connect(address, port) for port in PORTS}
    closed = {port: why for port, why in answers.items() if isinstance(why, str)}
    open_text = ", ".join(f"{PORTS[port]} {port}" for port in PORTS if port not in closed)
    closed_text = ", ".join(f"{PORTS[port]} {port}: {why}" for port, why in closed.items())
    lines = [
        Finding(
            name="the arm's ports",
            found="; ".join(filter(None, (f"{address}: {open_text or 'none'} open", closed_text))),
            expected=f"open: {', '.join(f'{name} {port}' for port, name in PORTS.items())}",
            status="fail" if closed else "ok",
            fix=_PORTS_FIX if closed else "",
        )
    ]
    lines += [] if DASHBOARD in closed else [_identity(greet(address))]
    return lines if RTDE in closed else [*lines, _round_trip(address, connect)]


def _identity(said: str) -> Finding:
    is_controller = GREETING in said
    return Finding(
        name="who answers",
        found=said.splitlines()[0] if said else "somebody who says nothing",
        expected=f"a dashboard server: {GREETING}",
        status="ok" if is_controller else "fail",
        fix="" if is_controller else "no arm's controller is there: check arm.host, proxies, VPN",
    )


def _round_trip(address: str, connect: Connect) -> Finding:
    times = [connect(address, RTDE) for _ in range(CONNECTS_N)]
    taken_s = sorted(each for each in times if not isinstance(each, str))
    quick = len(taken_s) == CONNECTS_N and taken_s[-1] <= SLOW_S
    found = f"{CONNECTS_N - len(taken_s)} of {CONNECTS_N} connections failed"
    if taken_s:
        middle_s = taken_s[len(taken_s) // 2]
        found = f"{middle_s * 1e3:.2f} ms, slowest of {len(taken_s)} {taken_s[-1] * 1e3:.2f} ms"
    return Finding(
        name="round trip to the arm",
        found=found,
        expected=f"each under {SLOW_S * 1e3:g} ms",
        status="ok" if quick else "warn",
        fix="" if quick else "a cable of its own, no switch or VPN between",
    )
