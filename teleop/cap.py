"""What the reports of a SpaceMouse amount to: samples with the device's own sequence and age. Pure.

Such a device sends reports without a pause (every 8 to 16 ms) while its cap is deflected and
nothing at all while it rests; a button is said once, when it changes. So silence means something
else in each case:

- at rest, silence is fine: a read that went well says that the device is there, and is counted;
- deflected, only the device's own reports count. A report that never comes again leaves the last
  deflection in the parser for ever: it must not look alive, so nothing is said any more;
- a button held over a long silence is not believed: a wireless device may be out of reach.

Translation and rotation may come in reports of their own: each deflected one has to be heard.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from robotd.core.clock import MonoNs, seconds_to_ns
from robotd.core.types import TeleopSample

ALIVE_S: Final = 0.03
"""A deflected axis was heard within so long: two periods of the slowest device."""
SETTLE_S: Final = 0.2
"""A device that was just opened is at rest once it has said nothing for so long: one that is held
deflected speaks within two periods."""
HELD_SILENT_S: Final = 3.0
"""The button for motion, held with a cap that says nothing for so long, must be pressed anew."""


class Cap:
    """From reports to samples; the caller brings time, axes and buttons."""

    def __init__(
        self, report_of_axis: tuple[int, ...], *, deadzone: float, deadman_button: int, now: MonoNs
    ) -> None:
        """Begin with a device that was just opened.

        Args:
            report_of_axis: Number of the report that brings each of the six axes.
            deadzone: Deflections up to this are none.
            deadman_button: Held while the arm is to move.
            now: The present instant.
        """
        self._report_of_axis = report_of_axis
        self._deadzone = deadzone
        self._deadman_button = deadman_button
        self._opened_ns = now
        self._heard_ns: dict[int, MonoNs] = {}
        self._spoke_ns = now
        self._spoke = False
        self._number = 0
        self._expired = False

    def hear(self, report: int, now: MonoNs) -> None:
        """Take note of a report by its number, whatever it is about."""
        self._heard_ns[report] = now
        self._spoke_ns, self._spoke = now, True

    def sample(
        self, now: MonoNs, deflection: NDArray[np.float64], buttons: frozenset[int]
    ) -> TeleopSample | None:
        """Return what the device says now, or None where it says nothing.

        Args:
            now: When it was read.
            deflection: (6,) as parsed, whatever its age.
            buttons: Pressed ones, as parsed.
        """
        spoke, self._spoke = self._spoke, False
        moved = np.abs(deflection) > self._deadzone
        if not moved.any():
            unknown = not self._heard_ns and now - self._opened_ns < seconds_to_ns(SETTLE_S)
            return None if unknown else self._said(now, deflection, self._held(now, buttons))
        reports = {self._report_of_axis[axis] for axis in np.flatnonzero(moved)}
        if not spoke or any(self._silent(now, report) for report in reports):
            return None
        return self._said(now, deflection, self._held(now, buttons))

    def let_go(self, now: MonoNs) -> TeleopSample:
        """Return the last word of a device that is gone: nothing is wanted, nothing is held."""
        return self._said(now, np.zeros(6), frozenset())

    def _said(
        self, now: MonoNs, deflection: NDArray[np.float64], buttons: frozenset[int]
    ) -> TeleopSample:
        self._number += 1
        return TeleopSample(
            t_ns=now,
            number=self._number,
            deflection=np.clip(deflection, -1.0, 1.0),
            buttons=buttons,
        )

    def _silent(self, now: MonoNs, report: int) -> bool:
        heard_ns = self._heard_ns.get(report)
        return heard_ns is None or now - heard_ns > seconds_to_ns(ALIVE_S)

    def _held(self, now: MonoNs, buttons: frozenset[int]) -> frozenset[int]:
        """Return the buttons, without the one for motion where it is not believed any more."""
        if self._deadman_button not in buttons:
            self._expired = False
        elif now - self._spoke_ns > seconds_to_ns(HELD_SILENT_S):
            self._expired = True
        return buttons - {self._deadman_button} if self._expired else buttons
