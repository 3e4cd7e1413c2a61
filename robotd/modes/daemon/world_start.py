"""The wait for the simulated world to stand at the start that was ordered."""

from typing import Final

from robotd.core.clock import MonoNs, S
from robotd.core.world_state import WorldState

RESET_LIMIT_NS: Final = 2 * S


class WorldStart:
    """One order of a start; a new one for each. Pure: whoever has it brings time and the world.

    Attributes:
        problem: Why it is waited for in vain, one sentence; empty while it may still come.
    """

    def __init__(self, episode: int, now: MonoNs) -> None:
        """Take the order's number and when it was given."""
        self._episode, self._until_ns = episode, now + RESET_LIMIT_NS
        self.problem = ""

    def own(self, world: WorldState | None) -> WorldState | None:
        """Return the world's state where it is one since that start."""
        return world if world is not None and world.episode == self._episode else None

    def stands(self, now: MonoNs, world: WorldState | None) -> bool:
        """Whether the world stands there."""
        if self.own(world) is not None:
            return True
        if now > self._until_ns:
            self.problem = "world: did not go to its start within 2 s; is its process alive?"
        return False
