"""Which session the arm process may obey, so that nothing moves without a person's new arming."""

from robotd.core.clock import MonoNs, S
from robotd.core.types import Orders


def fresh(orders: Orders | None, now_ns: MonoNs, max_age_s: float) -> bool:
    """Say whether whoever writes the orders is alive; a heartbeat of the future says nothing."""
    return orders is not None and abs(now_ns - orders.t_ns) <= max_age_s * S


class SessionWatch:
    """Sees sessions begin. One that was there before the first look never begins."""

    def __init__(self, max_age_s: float) -> None:
        """Begin without a look; orders older than `max_age_s` [s] begin nothing."""
        self._max_age_s = max_age_s
        self._seen: int | None = None

    def begun(self, orders: Orders | None, now_ns: MonoNs) -> int:
        """Return the number of a session that begins with these orders, 0 where none does.

        To be called only while no session is obeyed. A session begins once: one whose beginning
        could not be used, or whose orders were not fresh then, takes a new arming.
        """
        if orders is None or orders.session == self._seen:
            return 0
        first_look, self._seen = self._seen is None, orders.session
        return 0 if first_look or not fresh(orders, now_ns, self._max_age_s) else orders.session
