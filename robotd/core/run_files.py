"""The names under which processes find each other's rings in the run directory."""

from typing import Final

ARM_RING: Final = "arm.ring"
"""`ArmTick`, every cycle; written by the arm process."""

MAILBOX: Final = "mailbox"
"""`Orders`; written by the conductor."""

ARM_RIGHTS: Final = "arm.rights"
"""Text: the real-time rights that the arm process was refused; empty where it has them all."""

WORLD_RING: Final = "world.ring"
"""`WorldState`; written by the simulated world."""

WORLD_ORDERS: Final = "world_orders.ring"
"""`WorldOrder`; written by the conductor."""

CELL_FILE: Final = "cell.json"
"""The cell's configuration as the daemon checked it."""


def camera_ring(name: str) -> str:
    """Return the ring of a camera's `Frame`s."""
    return f"camera.{name}.ring"


def signal_ring(key: str) -> str:
    """Return the ring of a tracker's `Signal`."""
    return f"signal.{key}.ring"
