"""The safety system: conditions that stop the arm, and what clears each."""

from typing import Final

from robotd.sim.ur.states import BITS, RANK, STOPPED_BIT, SafetyMode

UNLOCK_AFTER_NS: Final = 5_000_000_000
"""A protective stop cannot be unlocked sooner (Universal Robots, "Dashboard Server")."""

_POWERLESS: Final = frozenset(
    {
        SafetyMode.FAULT,
        SafetyMode.VIOLATION,
        SafetyMode.ROBOT_EMERGENCY_STOP,
        SafetyMode.SYSTEM_EMERGENCY_STOP,
    }
)


class Safety:
    """Conditions that are present now; several can be at once.

    Attributes:
        mode: The gravest of them.
        bits: RTDE `safety_status_bits`: those of all of them.
    """

    def __init__(self) -> None:
        self._since_ns: dict[SafetyMode, int] = {}
        self.mode = SafetyMode.NORMAL
        self.bits = BITS[SafetyMode.NORMAL]

    @property
    def stopped(self) -> bool:
        """Whether the arm may not move."""
        return bool(self.bits & STOPPED_BIT)

    @property
    def powerless(self) -> bool:
        """Whether the arm's power is taken away."""
        return self.mode in _POWERLESS

    def has(self, mode: SafetyMode) -> bool:
        """Whether that condition is present."""
        return mode in self._since_ns

    def set(self, mode: SafetyMode, now_ns: int) -> None:
        """A condition is present from now on."""
        self._since_ns.setdefault(mode, now_ns)
        self._update()

    def clear(self, mode: SafetyMode) -> None:
        """A condition is over."""
        self._since_ns.pop(mode, None)
        self._update()

    def unlock(self, now_ns: int) -> bool:
        """Clear the protective stop; False where there is none, or it is too young."""
        since = self._since_ns.get(SafetyMode.PROTECTIVE_STOP)
        if since is None or now_ns - since < UNLOCK_AFTER_NS:
            return False
        self.clear(SafetyMode.PROTECTIVE_STOP)
        return True

    def restart(self) -> None:
        """Clear what only a restart of the safety system clears."""
        for mode in (SafetyMode.FAULT, SafetyMode.VIOLATION):
            self.clear(mode)

    def _update(self) -> None:
        self.mode = next((m for m in RANK if m in self._since_ns), SafetyMode.NORMAL)
        self.bits = BITS[SafetyMode.NORMAL] if not self._since_ns else 0
        for mode in self._since_ns:
            self.bits |= BITS[mode]
