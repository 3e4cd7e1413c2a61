"""What an episode lost: counted by stream, told once for each stretch."""

from collections import Counter
from dataclasses import replace

from robotd.episodes.items import Gap


class GapLedger:
    """Joins items that a stream loses one after another into one gap.

    Attributes:
        lost: Topic to items lost so far.
    """

    def __init__(self) -> None:
        self.lost: Counter[str] = Counter()
        self._open: dict[str, Gap] = {}
        self._newest_ns: dict[str, int] = {}

    def add(self, gap: Gap) -> None:
        """Count a gap; it is told by `told` or `rest`."""
        self.lost[gap.stream] += gap.count
        before = self._open.get(gap.stream)
        if before is not None:
            gap = replace(gap, count=gap.count + before.count, t_from_ns=before.t_from_ns)
        self._open[gap.stream] = gap

    def drop(self, stream: str, t_ns: int, reason: str) -> None:
        """Count one item of the instant `t_ns` that did not fit into a queue."""
        since_ns = min(t_ns, self._newest_ns.get(stream, t_ns))
        self.add(Gap(stream=stream, count=1, t_from_ns=since_ns, t_to_ns=t_ns, reason=reason))

    def passed(self, stream: str, t_ns: int) -> Gap | None:
        """Note that an item of a stream was kept; return the gap before it, if there is one."""
        self._newest_ns[stream] = t_ns
        gap = self._open.pop(stream, None)
        return None if gap is None else replace(gap, t_to_ns=max(gap.t_to_ns, t_ns))

    def rest(self) -> list[Gap]:
        """Return the gaps that no item has followed."""
        gaps = list(self._open.values())
        self._open.clear()
        return gaps
