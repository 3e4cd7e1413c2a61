"""A recorded path as plans that the mailbox holds: windows that slide along it. Pure, no clock."""

from typing import Final

import numpy as np

from robotd.core.arm_codes import Source
from robotd.core.clock import MS, MonoNs, S
from robotd.core.types import MAX_PLAN_ROWS, Plan
from robotd.modes.replay.track import Track

WINDOW_ROWS: Final = min(200, MAX_PLAN_ROWS)
"""Two seconds ahead: what a daemon that dies leaves to the arm is short."""
RENEW_NS: Final = S // 2
"""The next window is sent so long before the present one ends: it joins within the old one."""
PAST_ROWS: Final = 4
"""Rows behind the present: the arm's cycle may be a little behind."""
SETTLE_NS: Final = 300 * MS
"""The last pose is held so long, so that a late arm still comes to it."""


class ReplayPlans:
    """Gives the windows of one track, begun at one instant."""

    def __init__(self, track: Track, start_ns: MonoNs) -> None:
        """Take the track and when its first row is due."""
        self._track = track
        self._t_ns = track.t_ns + start_ns
        self._sent_until_ns = -1
        self.end_ns = MonoNs(int(self._t_ns[-1]) + SETTLE_NS)

    def step(self, now: MonoNs, epoch: int) -> Plan | None:
        """Return the window that is due, or None where the one before still holds."""
        sent_all = self._sent_until_ns >= int(self._t_ns[-1])
        if sent_all or (self._sent_until_ns >= 0 and now < self._sent_until_ns - RENEW_NS):
            return None
        first = max(0, int(np.searchsorted(self._t_ns, now, side="right")) - PAST_ROWS)
        rows = slice(first, first + WINDOW_ROWS)
        t_ns = self._t_ns[rows]
        self._sent_until_ns = int(t_ns[-1])
        is_last = self._sent_until_ns >= int(self._t_ns[-1])
        return Plan(
            epoch=epoch,
            t_ns=t_ns.copy(),
            T_base_tcp=self._track.T_base_cmd[rows].copy(),
            valid_until_ns=self.end_ns if is_last else MonoNs(self._sent_until_ns),
            source=Source.REPLAY,
        )

    def over(self, now: MonoNs) -> bool:
        """Whether the last pose has been held."""
        return now > self.end_ns
