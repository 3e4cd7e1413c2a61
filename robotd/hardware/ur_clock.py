"""From the controller's time to the robot computer's, so that a state is dated when it was sampled.

A sample cannot be seen before it was taken: all observations (controller time, arrival) lie on or
above the line that relates the two clocks, and those that came quickest lie on it. The line is the
edge of their lower convex hull that faces the middle of the window: it minimises the sum of the
distances (Moon, Skelly and Towsley, "Estimation and removal of clock skew from network delay
measurements", INFOCOM 1999). Pure: it knows the time by what it is told.
"""

from itertools import pairwise
from typing import Final

from robotd.core.clock import MS, MonoNs, S

BUCKET_NS: Final = S
"""The quickest observation of each second is kept."""

WINDOW_N: Final = 60
"""So many of them."""

DRIFT_SPAN_NS: Final = 4 * S
"""A shorter window says nothing about drift."""

MAX_DRIFT: Final = 300e-6
"""Quartz clocks drift by less against each other."""

JUMP_NS: Final = 20 * MS
"""Further off than this, one of the clocks has jumped, or packets are held up."""

LATE_NS: Final = S
"""Packets that come late for so long, while it may be assumed, are a jump of the clock."""

Point = tuple[int, int]
"""Controller time since the first sample, and arrival less that time [ns]."""


class ControllerClock:
    """Dates samples; used by one thread.

    Attributes:
        restarts_n: How often the controller's time went back.
        jumps_n: How often it jumped ahead or stood still.
    """

    def __init__(self) -> None:
        self.restarts_n = self.jumps_n = 0
        self._points: list[Point] = []
        self._origin_ns = self._last_ns = 0
        self._offset_ns, self._drift = 0.0, 0.0
        self._late_since_ns: int | None = None
        self._dated_ns = 0

    @property
    def drift(self) -> float:
        """How much faster the computer's clock runs than the controller's, as a share."""
        return self._drift

    def date(self, timestamp_s: float, now_ns: MonoNs, *, settled: bool = False) -> MonoNs:
        """Return when a new sample was taken: never after now, never before the one before it.

        Args:
            timestamp_s: The controller's own time of it [s], another than of the last call.
            now_ns: When it was first seen.
            settled: Whether motion depends on it: then packets that come late are never taken for
                a clock that jumped, so that a slow link shows as old states.
        """
        stamp_ns = round(timestamp_s * S)
        if not self._points or stamp_ns < self._last_ns:
            self.restarts_n += bool(self._points)
            self._begin(stamp_ns, now_ns)
        self._last_ns = stamp_ns
        x = stamp_ns - self._origin_ns
        point = (x, now_ns - stamp_ns)
        early_ns = self._line(x) - point[1]
        if early_ns > JUMP_NS or self._late_too_long(early_ns, now_ns, settled=settled):
            self.jumps_n += 1
            self._begin(stamp_ns, now_ns)
            point, early_ns = (0, now_ns - stamp_ns), 0.0
        self._offset_ns -= max(0.0, early_ns)
        self._keep(point)
        dated_ns = min(now_ns, round(stamp_ns + self._line(point[0])))
        self._dated_ns = max(self._dated_ns, dated_ns)
        return MonoNs(self._dated_ns)

    def _begin(self, stamp_ns: int, now_ns: int) -> None:
        """Know nothing but this one sample."""
        self._origin_ns, self._points = stamp_ns, []
        self._offset_ns, self._drift = float(now_ns - stamp_ns), 0.0
        self._late_since_ns = None

    def _line(self, x: int) -> float:
        return self._offset_ns + self._drift * x

    def _late_too_long(self, early_ns: float, now_ns: int, *, settled: bool) -> bool:
        if early_ns >= -JUMP_NS or settled:
            self._late_since_ns = None
        elif self._late_since_ns is None:
            self._late_since_ns = now_ns
        return self._late_since_ns is not None and now_ns - self._late_since_ns > LATE_NS

    def _keep(self, point: Point) -> None:
        """Keep the quickest of each second; with a new second, draw the line anew."""
        points = self._points
        if points and point[0] // BUCKET_NS == points[-1][0] // BUCKET_NS:
            if point[1] < points[-1][1]:
                points[-1] = point
            return
        self._fit()
        points.append(point)
        del points[:-WINDOW_N]

    def _fit(self) -> None:
        points = self._points
        if not points:
            return
        self._drift = _drift(points) if points[-1][0] - points[0][0] >= DRIFT_SPAN_NS else 0.0
        self._offset_ns = min(y - self._drift * x for x, y in points)


def _drift(points: list[Point]) -> float:
    """Return the slope of the lower hull's edge over the middle of the points, within bounds."""
    middle = sum(x for x, _ in points) / len(points)
    hull: list[Point] = []
    for point in points:
        while len(hull) > 1 and _turns_down(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    edges = pairwise(hull)
    (x0, y0), (x1, y1) = next(edge for edge in edges if edge[1][0] >= middle)
    return max(-MAX_DRIFT, min(MAX_DRIFT, (y1 - y0) / (x1 - x0)))


def _turns_down(a: Point, b: Point, c: Point) -> bool:
    """Whether b lies on or above the line from a to c."""
    return (b[1] - a[1]) * (c[0] - a[0]) >= (c[1] - a[1]) * (b[0] - a[0])
