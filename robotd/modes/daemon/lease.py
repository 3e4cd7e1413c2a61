"""Who drives the cell: one client at a time, for as long as it is heard."""

from robotd.core.clock import MonoNs, S
from robotd.core.errors import SupervisorError

SILENT_NS = 1 * S
"""A client that holds the lease and is silent for longer has disappeared."""


def check_age(what: str, age_ns: int) -> None:
    """Refuse a command that was sent long ago: whoever sent it may have left since.

    Raises:
        SupervisorError: It is older than a client may be silent.
    """
    if age_ns > SILENT_NS:
        raise SupervisorError(
            f"{what}: refused, it was sent {age_ns / S:.1f} s ago, limit {SILENT_NS / S:g} s; "
            "say it again"
        )


class Lease:
    """Held from arming until the cell is disarmed.

    Attributes:
        owner: The client that holds it; empty while nobody does.
        prepared_by: The client that chose the present policy server.
    """

    def __init__(self) -> None:
        self.owner = ""
        self.prepared_by = ""
        self._heard_ns = MonoNs(0)

    def check(self, client: str, what: str) -> None:
        """Let the owner pass, and everybody while there is none.

        Raises:
            SupervisorError: Somebody else drives.
        """
        if self.owner and client != self.owner:
            raise SupervisorError(f"{what}: refused, {self.owner} drives this cell")

    def take(self, client: str, now: MonoNs) -> None:
        """Give the lease to a client."""
        self.owner, self._heard_ns = client, now

    def heard(self, client: str, t_ns: int) -> None:
        """Note a sign of life of an instant; anything that the owner sends is one."""
        if client == self.owner:
            self._heard_ns = MonoNs(max(self._heard_ns, t_ns))

    def silent(self, now: MonoNs) -> bool:
        """Whether there is an owner who has disappeared."""
        return bool(self.owner) and now - self._heard_ns > SILENT_NS

    def release(self) -> None:
        """Let go of the owner."""
        self.owner = ""
