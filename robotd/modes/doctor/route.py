"""By which interface this computer reaches the arm, and whether that one is the arm's alone."""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from robotd.core.finding import Finding
from robotd.modes.doctor.host import Host

MIN_SPEED_MBIT_S: Final = 100
_ROUTE_UP: Final = 0x1  # linux/route.h
_DEDICATED: Final = "an interface of its own, the arm's controller on the other end"
_DEDICATED_FIX: Final = (
    "give the arm a network port and a subnet of its own: its ports answer anybody, and other "
    "traffic costs setpoints"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A line of the routing table.

    Attributes:
        interface: For example `enp3s0`.
        bits: Length of its prefix; 0: the default route.
        gateway: The address that passes it on, or None where the arm is on the same network.
        metric: Of two that fit alike the one with less is taken.
    """

    interface: str
    network: int
    bits: int
    gateway: str | None
    metric: int


def routes(host: Host) -> list[Route]:
    """Return the IPv4 routing table (`/proc/net/route`), most specific first."""
    lines = (host.text("proc/net/route") or "").splitlines()[1:]
    return sorted(_parse(lines), key=lambda route: (-route.bits, route.metric))


def _parse(lines: list[str]) -> Iterator[Route]:
    for line in lines:
        words = line.split()
        if len(words) < 8 or not int(words[3], 16) & _ROUTE_UP:
            continue
        network, gateway, mask = (_address(words[column]) for column in (1, 2, 7))
        yield Route(
            interface=words[0],
            network=network,
            bits=mask.bit_count(),
            gateway=str(IPv4Address(gateway)) if gateway else None,
            metric=int(words[6]),
        )


def _address(word: str) -> int:
    """Return an address that the kernel printed as the machine's own (little-endian) number."""
    return int.from_bytes(int(word, 16).to_bytes(4, "little"), "big")


def check_route(host: Host, address: str) -> list[Finding]:
    """Look at the way to an arm.

    Args:
        host: The computer.
        address: The arm's IPv4 address.
    """
    target = ipaddress.ip_address(address)
    if target.is_loopback:
        return [
            Finding(
                name="interface to the arm",
                found=f"{address}: on this computer",
                expected=_DEDICATED,
                status="ok",
            )
        ]
    table = routes(host)
    way = next((route for route in table if _leads(route, int(target))), None)
    if target.version != 4 or way is None:
        return [
            Finding(
                name="interface to the arm",
                found=f"no route to {address}",
                expected=_DEDICATED,
                status="fail",
                fix="give the interface to the arm an address in the arm's subnet: "
                "ip addr add, or nmcli",
            )
        ]
    return [_dedicated(way, table), _link(host, way.interface)]


def _leads(route: Route, target: int) -> bool:
    return (target ^ route.network) >> (32 - route.bits) == 0


def _dedicated(way: Route, table: list[Route]) -> Finding:
    shared = any(route.bits == 0 and route.interface == way.interface for route in table)
    found = f"{way.interface}, of its own"
    if way.gateway is not None:
        found = f"{way.interface}, through the gateway {way.gateway}"
    elif shared:
        found = f"{way.interface}, which has the default route too"
    alone = way.gateway is None and not shared
    return Finding(
        name="interface to the arm",
        found=found,
        expected=_DEDICATED,
        status="ok" if alone else "warn",
        fix="" if alone else _DEDICATED_FIX,
    )


def _link(host: Host, interface: str) -> Finding:
    folder = f"sys/class/net/{interface}"
    state = host.text(f"{folder}/operstate") or "unknown"
    speed = host.text(f"{folder}/speed") or ""
    mbit_s = int(speed) if speed.isdigit() else None
    duplex = host.text(f"{folder}/duplex") or ""
    wireless = bool(host.entries(f"{folder}/wireless"))
    parts = [interface, state]
    parts += ["wireless"] if wireless else [f"{mbit_s} Mbit/s"] if mbit_s is not None else []
    parts += [f"{duplex} duplex"] if duplex not in ("", "unknown") else []
    slow = mbit_s is not None and mbit_s < MIN_SPEED_MBIT_S
    if state == "down":
        status, fix = "fail", "plug in the cable to the controller, and switch it on"
    elif wireless or slow or duplex == "half":
        status, fix = "warn", "a cable of its own to the controller, 100 Mbit/s full duplex or more"
    else:
        status, fix = "ok" if mbit_s is not None else "unknown", ""
    return Finding(
        name="link to the arm",
        found=", ".join(parts),
        expected=f"up, a cable, {MIN_SPEED_MBIT_S} Mbit/s or more, full duplex",
        status=status,
        fix=fix,
    )
