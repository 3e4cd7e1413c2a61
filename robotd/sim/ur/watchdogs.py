"""The watchdogs of `rtde_set_watchdog`: a variable that must be written often enough."""

from dataclasses import dataclass

from robotd.sim.ur.script.machine import WatchdogAction


@dataclass(slots=True)
class _Watch:
    limit_ns: int
    action: WatchdogAction
    fed_ns: int
    bites: bool = False


class Watchdogs:
    """All that the running program set; they go with it."""

    def __init__(self) -> None:
        self._of: dict[str, _Watch] = {}

    def set(self, variable: str, minimum_hz: float, action: WatchdogAction, now_ns: int) -> None:
        """Expect a variable from now on; at 0 Hz no longer."""
        if minimum_hz <= 0:
            self._of.pop(variable, None)
        else:
            self._of[variable] = _Watch(round(1e9 / minimum_hz), action, now_ns)

    def clear(self) -> None:
        """Remove all."""
        self._of.clear()

    def fed(self, variables: tuple[str, ...], now_ns: int) -> None:
        """An input package with these variables was taken."""
        for variable, watch in self._of.items():
            if variable in variables:
                watch.fed_ns, watch.bites = now_ns, False

    def overdue(self, now_ns: int) -> tuple[str, WatchdogAction] | None:
        """Return a variable that is late and what is to be done, once for each lateness."""
        for variable, watch in self._of.items():
            if not watch.bites and now_ns - watch.fed_ns > watch.limit_ns:
                watch.bites = True
                return variable, watch.action
        return None
