"""Actions with the times at which they are due, and what they ask for in between."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robotd.core.clock import seconds_to_ns
from robotd.core.types import ActionChunk
from robotd.pipeline.action_map import ActionMap

Array = NDArray[np.float64]
Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Actions with the path times at which they are due.

    Row i counts from `due_ns[i]` until the next row is due, the last one for `dt_ns`.

    Attributes:
        due_ns: (M,) int64, strictly increasing path times.
        actions: (M, A).
        dt_ns: Spacing of the newest rows [ns].
    """

    due_ns: Times
    actions: Array
    dt_ns: int

    @property
    def end_ns(self) -> int:
        """Path time at which the last row's interval ends."""
        return int(self.due_ns[-1]) + self.dt_ns

    def first_alive(self, path_ns: int) -> int:
        """Return the first row whose interval is not over at a path time; M where all are late."""
        return int(np.searchsorted(self.due_ns + self.dt_ns, path_ns, side="right"))

    def since(self, path_ns: int) -> "Rows":
        """Drop the rows that a later one has replaced at a path time."""
        first = max(0, int(np.searchsorted(self.due_ns, path_ns, side="right")) - 1)
        return Rows(due_ns=self.due_ns[first:], actions=self.actions[first:], dt_ns=self.dt_ns)

    def replaced_by(self, new: "Rows") -> "Rows":
        """Keep the rows that are due before the first new one, and let the new ones follow."""
        kept = int(np.searchsorted(self.due_ns, new.due_ns[0], side="left"))
        return Rows(
            due_ns=np.concatenate([self.due_ns[:kept], new.due_ns]),
            actions=np.concatenate([self.actions[:kept], new.actions]),
            dt_ns=new.dt_ns,
        )


def rows_of(chunk: ActionChunk) -> Rows:
    """Return a chunk's rows with the path times at which they are due."""
    due_ns = [chunk.due_ns(row) for row in range(chunk.actions.shape[0])]
    return Rows(
        due_ns=np.array(due_ns, dtype=np.int64),
        actions=chunk.actions,
        dt_ns=seconds_to_ns(chunk.dt_s),
    )


def interpolate(action_map: ActionMap, due_ns: Times, actions: Array, t_ns: Times) -> Array:
    """Return the (N, A) actions on straight lines between (M, A) rows, held at both ends."""
    after = np.clip(np.searchsorted(due_ns, t_ns, side="right"), 1, max(1, len(due_ns) - 1))
    if len(due_ns) == 1:
        return np.repeat(actions, len(t_ns), axis=0)
    span_ns = due_ns[after] - due_ns[after - 1]
    share = np.clip((t_ns - due_ns[after - 1]) / span_ns, 0.0, 1.0)
    return action_map.between(actions[after - 1], actions[after], share)


def held(rows: Rows, t_ns: Times, start: Array) -> Array:
    """Return the (N, A) action that holds at each path time; `start` before the first row."""
    index = np.searchsorted(rows.due_ns, t_ns, side="right") - 1
    return np.where((index >= 0)[:, np.newaxis], rows.actions[np.maximum(index, 0)], start)
