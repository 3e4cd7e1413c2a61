"""The tool's way around the T without touching it: shortest paths between its grown corners."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from robotd.sim.pusher_block import COG_PX, CORNERS, Contacts, crosses, inside, tool_fits
from robotd.sim.pusht_geometry import AGENT_RADIUS_PX, BAR_PX, STEM_PX

Complex = NDArray[np.complexfloating[Any, Any]]
Float = NDArray[np.floating[Any]]

CLEARANCE_PX: Final = 10.0
"""The tool's rim keeps so far away on its way."""

_AROUND_PX: Final = AGENT_RADIUS_PX + CLEARANCE_PX
_CROSS_PX: Final = _AROUND_PX - 0.5
_FAR_PX: Final = 1e4


class Routes:
    """Ways to where pushes begin; constant.

    Attributes:
        begin: (K,) where the tool turns towards each contact, in the block's frame.
        between: (K, K) length of the way from contact to contact, walls apart [px].
    """

    def __init__(self, contacts: Contacts) -> None:
        self.begin: Complex = contacts.tool - contacts.normal * CLEARANCE_PX
        self._corners: Complex = _grown_corners()
        self._links = _lengths(self._corners[:, None], self._corners)
        self._ends = _lengths(self._corners[:, None], self.begin)  # (N, K)
        direct = _lengths(self.begin[:, None], self.begin)
        around = (self._ends.T[:, :, None] + _shortest(self._links)).min(axis=1)  # (K, N)
        around = (around[:, :, None] + self._ends).min(axis=1)
        self.between = np.minimum(direct, around) + 2 * CLEARANCE_PX

    def lengths(self, tool: complex, place: complex, turn: complex) -> Float:
        """Return the (K,) lengths of the ways from the tool to every contact [px]."""
        start, out_px = exit_of((tool - place) / turn)
        first, onward = self._open(start, place, turn)
        through = (first[:, None] + onward).min(axis=0)
        around = (through[:, None] + self._ends).min(axis=0)
        direct = _lengths(np.array([start]), self.begin)
        fits = tool_fits(place + self.begin * turn)
        return np.where(fits, np.minimum(direct, around), _FAR_PX) + out_px + CLEARANCE_PX

    def next_stop(self, contact: int, tool: complex, place: complex, turn: complex) -> complex:
        """Return where on the board the tool heads straight for, on its way to a contact.

        Where block and walls leave no way, it goes straight there and shoves the block aside.
        """
        start, out_px = exit_of((tool - place) / turn)
        goal = complex(self.begin[contact])
        first, onward = self._open(start, place, turn)
        by_first = first + (onward + self._ends[:, contact]).min(axis=1)
        node = int(by_first.argmin())
        straight = float(_lengths(np.array([start]), np.array([goal]))[0])
        if min(straight, float(by_first[node])) >= _FAR_PX:
            return place + goal * turn
        if out_px > 0:
            return place + start * turn
        body = goal if straight <= by_first[node] else complex(self._corners[node])
        return place + body * turn

    def _open(self, start: complex, place: complex, turn: complex) -> tuple[Float, Float]:
        """Return lengths from the start to the corners, and between them, where walls allow."""
        fits = tool_fits(place + self._corners * turn)
        first = np.where(fits, _lengths(np.array([start]), self._corners), _FAR_PX)
        links = np.where(fits & fits[:, None], self._links, _FAR_PX)
        return first, _shortest(links)


def exit_of(tool: complex) -> tuple[complex, float]:
    """Return the nearest place clear of the block, in its frame, and how far it is [px]."""
    if not bool(inside(np.array([tool]), _CROSS_PX)[0]):
        return tool, 0.0
    ways: list[complex] = []
    for x_min, y_min, x_max, y_max in (BAR_PX, STEM_PX):
        low, high = y_min - COG_PX - _AROUND_PX, y_max - COG_PX + _AROUND_PX
        ways += [complex(x, tool.imag) for x in (x_min - _AROUND_PX, x_max + _AROUND_PX)]
        ways += [complex(tool.real, y) for y in (low, high)]
    places = np.array(ways)
    away = np.where(inside(places, _CROSS_PX), _FAR_PX, np.abs(places - tool))
    nearest = int(away.argmin())
    return ways[nearest], float(away[nearest])


def _grown_corners() -> Complex:
    """Return the corners of the T's outline, moved outwards along both edges."""
    before, after = CORNERS - np.roll(CORNERS, 1), np.roll(CORNERS, -1) - CORNERS
    normals = -1j * (before / np.abs(before) + after / np.abs(after))
    return CORNERS + normals * _AROUND_PX


def _lengths(start: Complex, end: Complex) -> Float:
    """Return the lengths of straight ways; far where the block is in between."""
    return np.where(crosses(start, end, _CROSS_PX), _FAR_PX, np.abs(end - start))


def _shortest(links: Float) -> Float:
    """Return the lengths of the shortest ways between all nodes (Floyd and Warshall)."""
    ways = links.copy()
    np.fill_diagonal(ways, 0.0)
    for node in range(len(ways)):
        ways = np.minimum(ways, ways[:, node, None] + ways[node])
    return ways
