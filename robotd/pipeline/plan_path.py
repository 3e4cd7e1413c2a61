"""The tool's path that rows of actions ask for, continued without a jump when new rows come.

Two times meet here. *Path time* is when the tool should be somewhere; *sending time* is when the
arm is told. They differ by `lead_ns`: the arm's calibrated action latency where the path says where
the tool *is* (rows that were `reached`, and the output of a command filter, which is the path that
the simulated agent takes), and 0 where rows are targets *given* at their time (`command` without a
filter: the arm's lag is in the data already).
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from robotd.core.arm_codes import Source
from robotd.core.clock import MonoNs
from robotd.core.types import MAX_PLAN_ROWS, Plan
from robotd.pipeline.action_map import ActionMap
from robotd.pipeline.command_filter import FILTER_DT_NS, pusht_pd
from robotd.pipeline.rows import Rows, held, interpolate

Array = NDArray[np.float64]
Times = NDArray[np.int64]
CommandFilter = Literal["none", "pusht_pd"]

_HISTORY_ROWS: Final = 4
"""Rows of the old path kept before a new plan's start: the arm's tick may be a little behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Splice:
    """What became of new rows.

    Attributes:
        plan: The plan to send.
        first_row: The first of the new rows that is executed.
        first_sent_ns: When that row begins to act on what is sent.
        seam_m: Distance between what the old and the new rows ask for at that time [m]; None
            where there was no path to continue.
        churn_m: Mean distance between the old and the new path where both exist [m], or None.
    """

    plan: Plan
    first_row: int
    first_sent_ns: MonoNs
    seam_m: float | None
    churn_m: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Path:
    t_ns: Times  # (N,) path times, 10 ms apart
    position: Array  # (N, A)
    velocity: Array  # (N, A), of the filter
    rows: Rows

    @property
    def end_ns(self) -> int:
        return self.rows.end_ns


class PlanPath:
    """Keeps the path being executed; `splice` continues it with new rows.

    A path has a point every 10 ms. New rows begin at the first point that can still be changed, in
    the position and velocity that the old path has there, so that plans join without a jump.
    """

    def __init__(
        self,
        *,
        action_map: ActionMap,
        command_filter: CommandFilter,
        lead_ns: int,
        max_jump_m: float,
        first_epoch: int = 0,
        speed: float = 1.0,
    ) -> None:
        """Begin without a path.

        Args:
            action_map: What the actions mean.
            command_filter: `pusht_pd`, or `none` for straight lines from row to row.
            lead_ns: How much earlier than its path time a pose is sent [ns].
            max_jump_m: A path that is further than this from the commanded pose has lost the arm;
                the next one starts where the arm is [m].
            first_epoch: Epoch of the first plan.
            speed: Of the filter's dynamics, a share of its own.
        """
        self._map = action_map
        self._filter: CommandFilter = command_filter
        self._lead_ns = lead_ns
        self._max_jump_m = max_jump_m
        self._epoch = first_epoch
        self._speed = speed
        self._path: _Path | None = None
        self._sent_until = 0

    @property
    def lead_ns(self) -> int:
        """How much earlier than its path time a pose is sent [ns]."""
        return self._lead_ns

    @property
    def end_ns(self) -> MonoNs | None:
        """When the last pose of the path is sent; None without a path."""
        return None if self._path is None else MonoNs(self._path.end_ns - self._lead_ns)

    def forget(self) -> None:
        """Start the next path from the arm's pose."""
        self._path = None

    def splice(self, now: MonoNs, rows: Rows, T_base_cmd: Array) -> Splice | None:
        """Continue the path with new rows; None where all of them are late.

        Args:
            now: The present.
            rows: The new rows; at least one.
            T_base_cmd: (4, 4) tool pose commanded now: where a path starts when none is running.
        """
        old = self._running(now, T_base_cmd)
        reach_ns = now + self._lead_ns
        if old is None:
            index, start_ns = 0, reach_ns
            position, velocity = self._map.action(T_base_cmd), np.zeros(self._map.dim)
            merged = rows
        else:
            index = int(np.searchsorted(old.t_ns, reach_ns, side="left"))
            start_ns = int(old.t_ns[index])
            position, velocity = old.position[index], old.velocity[index]
            merged = old.rows.replaced_by(rows)
        first = rows.first_alive(start_ns)
        if first == len(rows.due_ns):
            return None
        tail = self._drive(start_ns, position, velocity, merged.since(start_ns))
        new = tail if old is None else _joined(old, tail, max(0, index - _HISTORY_ROWS), index)
        seam_m, churn_m = (None, None) if old is None else self._changes(old, tail, rows, first)
        self._path = new
        first_due_ns = max(start_ns, int(rows.due_ns[first]))
        return Splice(
            plan=self._plan(new.t_ns[0]),
            first_row=first,
            first_sent_ns=MonoNs(first_due_ns - self._lead_ns),
            seam_m=seam_m,
            churn_m=churn_m,
        )

    def renewal(self, now: MonoNs) -> Plan | None:
        """Return the rest of a path that is longer than one plan, while half of it is sent."""
        path = self._path
        reach_ns = now + self._lead_ns
        margin_ns = MAX_PLAN_ROWS // 2 * FILTER_DT_NS
        if path is None or self._sent_until >= path.t_ns[-1]:
            return None
        if reach_ns < self._sent_until - margin_ns or reach_ns > path.end_ns:
            return None
        return self._plan(reach_ns - _HISTORY_ROWS * FILTER_DT_NS)

    def _running(self, now: MonoNs, T_base_cmd: Array) -> _Path | None:
        """Return the path if it is still being followed."""
        path = self._path
        if path is None or now + self._lead_ns > path.t_ns[-1]:
            return None
        at = int(np.searchsorted(path.t_ns, now + self._lead_ns, side="left"))
        T_base_path = self._map.poses(path.position[at : at + 1])[0]
        distance_m = float(np.linalg.norm(T_base_path[:3, 3] - T_base_cmd[:3, 3]))
        return path if distance_m <= self._max_jump_m else None

    def _drive(self, start_ns: int, position: Array, velocity: Array, rows: Rows) -> _Path:
        steps = max(1, (rows.end_ns - start_ns) // FILTER_DT_NS)
        t_ns = start_ns + FILTER_DT_NS * np.arange(steps + 1, dtype=np.int64)
        if self._filter == "pusht_pd":
            actions = held(rows, t_ns[:-1], position)
            path, speeds = pusht_pd(position, velocity, actions, speed=self._speed)
        else:
            path = self._lines(start_ns, position, rows, t_ns)
            speeds = np.zeros_like(path)
        return _Path(t_ns=t_ns, position=path, velocity=speeds, rows=rows)

    def _lines(self, start_ns: int, position: Array, rows: Rows, t_ns: Times) -> Array:
        """Straight lines from the start to the rows ahead, passing by one that is nearly due."""
        ahead = rows.due_ns > start_ns + rows.dt_ns // 2
        if ahead.any():
            due_ns, goals = rows.due_ns[ahead], rows.actions[ahead]
        else:  # only the last row's own interval is left: be there when it ends
            end_ns = max(rows.end_ns, start_ns + FILTER_DT_NS)
            due_ns, goals = np.array([end_ns], dtype=np.int64), rows.actions[-1:]
        knots_ns = np.concatenate([[start_ns], due_ns])
        return interpolate(self._map, knots_ns, np.vstack([position, goals]), t_ns)

    def _changes(self, old: _Path, tail: _Path, rows: Rows, first: int) -> tuple[float, float]:
        """Return seam and churn [m] of new rows against the old path."""
        t_ns = max(int(tail.t_ns[0]), int(rows.due_ns[first]))
        asked = np.stack([self._asked(old.rows, t_ns), self._asked(rows, t_ns)])
        T_asked = self._map.poses(asked)
        seam_m = float(np.linalg.norm(T_asked[1, :3, 3] - T_asked[0, :3, 3]))
        begin = int(np.searchsorted(old.t_ns, tail.t_ns[0]))
        overlap = min(len(old.t_ns) - begin, len(tail.t_ns))
        before = self._map.poses(old.position[begin : begin + overlap])[:, :3, 3]
        after = self._map.poses(tail.position[:overlap])[:, :3, 3]
        return seam_m, float(np.linalg.norm(after - before, axis=1).mean())

    def _asked(self, rows: Rows, t_ns: int) -> Array:
        """Return the (A,) action that rows ask for at a path time."""
        times = np.array([t_ns], dtype=np.int64)
        if self._filter == "pusht_pd":
            return held(rows, times, rows.actions[0])[0]
        return interpolate(self._map, rows.due_ns, rows.actions, times)[0]

    def _plan(self, from_ns: int) -> Plan:
        """Make the plan of the path from a path time on, as far as it goes into one plan."""
        path = self._path
        if path is None:
            raise ValueError("PlanPath: got no path, expected one to send")
        begin = int(np.searchsorted(path.t_ns, from_ns, side="left"))
        window = slice(begin, begin + MAX_PLAN_ROWS)
        t_ns = path.t_ns[window]
        self._sent_until = int(t_ns[-1])
        whole = self._sent_until == path.t_ns[-1]
        until_ns = path.end_ns if whole else self._sent_until
        plan = Plan(
            epoch=self._epoch,
            t_ns=t_ns - self._lead_ns,
            T_base_tcp=self._map.poses(path.position[window]),
            valid_until_ns=MonoNs(until_ns - self._lead_ns),
            source=Source.POLICY,
        )
        self._epoch += 1
        return plan


def _joined(old: _Path, tail: _Path, begin: int, end: int) -> _Path:
    return _Path(
        t_ns=np.concatenate([old.t_ns[begin:end], tail.t_ns]),
        position=np.concatenate([old.position[begin:end], tail.position]),
        velocity=np.concatenate([old.velocity[begin:end], tail.velocity]),
        rows=tail.rows,
    )
