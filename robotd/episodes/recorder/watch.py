"""When an episode cannot go on, and when the recorder itself has to end it; pure."""

from robotd.core.clock import MonoNs, S, ns_to_seconds
from robotd.core.config import RecordConfig
from robotd.episodes.recorder.orders import MB, megabytes

GRACE_NS = 2 * S
"""An episode that cannot go on waits for so long for the order to end, then ends by itself."""


class EpisodeWatch:
    """Watches over one episode.

    Attributes:
        problem: Why it cannot go on, one sentence: the first reason stays; empty while it can.
    """

    def __init__(self, config: RecordConfig, dataset: str) -> None:
        self.problem = ""
        self._config, self._dataset = config, dataset
        self._since_ns: MonoNs | None = None

    def look(self, now: MonoNs, *, failure: str, behind_s: float, free_bytes: int) -> None:
        """Judge the episode at `now`.

        Args:
            now: The present instant.
            failure: What its threads say; empty while they work.
            behind_s: Age of the oldest item that waits to be written [s].
            free_bytes: Room on the disk.
        """
        found = failure or self._too_late(behind_s) or self._too_full(free_bytes)
        if found and not self.problem:
            self.problem, self._since_ns = found, now

    def overdue(self, now: MonoNs) -> bool:
        """Whether the order to end is missing for too long."""
        return self._since_ns is not None and now - self._since_ns >= GRACE_NS

    def _too_late(self, behind_s: float) -> str:
        limit_s = self._config.max_behind_s
        if behind_s <= limit_s:
            return ""
        return (
            f"recording is {behind_s:.1f} s behind, limit {limit_s:.1f} s: the disk or this "
            f"computer is too slow; look at both, or raise record.max_behind_s"
        )

    def _too_full(self, free_bytes: int) -> str:
        limit_mb = self._config.stop_mb
        if free_bytes >= limit_mb * MB:
            return ""
        return (
            f"{self._dataset}: {megabytes(free_bytes / MB)} are free, recording stops below "
            f"{megabytes(limit_mb)}; make room, or lower record.stop_mb"
        )


def left_s(free_bytes: int, stop_mb: float, bytes_n: int, elapsed_ns: int) -> float:
    """Return how long the room lasts at the rate of the episode so far [s]; inf where unknown."""
    if bytes_n <= 0 or elapsed_ns < S:
        return float("inf")
    rate = bytes_n / ns_to_seconds(elapsed_ns)
    return max(0.0, (free_bytes - stop_mb * MB) / rate)
