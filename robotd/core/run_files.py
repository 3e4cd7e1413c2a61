"""The names under which processes find each other's rings in the run directory."""

from typing import Final

ARM_RING: Final = "arm.ring"
"""`ArmTick`, every cycle; written by the arm process."""

MAILBOX: Final = "mailbox"
"""`Orders`; written by the conductor."""

ARM_RIGHTS: Final = "arm.rights"
"""Text: the real-time rights that the arm process was refused; empty where it has them all."""

ARM_REASON: Final = "arm.reason"
"""Why the arm process stopped last: `arm_reason.py`."""

ARM_REQUESTS: Final = "arm_requests.ring"
"""`recovery.ArmRequest`: steps of recovery that a person asked for; written by the conductor."""

ARM_ANSWERS: Final = "arm_answers.ring"
"""`recovery.ArmAnswer`; written by the arm process."""

WORLD_RING: Final = "world.ring"
"""`WorldState`; written by the simulated world."""

WORLD_ORDERS: Final = "world_orders.ring"
"""`WorldOrder`; written by the conductor."""

JOURNAL: Final = "journal.ring"
"""`journal.Note`s: orders to the recorder and all that the conductor does; written by it."""

RECORDER_RING: Final = "recorder.ring"
"""`RecorderStatus`; written by the recorder."""

TELEOP_RING: Final = "teleop.ring"
"""`TeleopSample`; written by whoever operates: the teleop process, or a client's keyboard."""

CONTROLLER: Final = "controller.json"
"""Where the emulated controller of a mock is: `{"host": "...", "model": ..., "version": ...}`."""

CELL_FILE: Final = "cell.json"
"""The cell's configuration as the daemon checked it."""


def camera_ring(name: str) -> str:
    """Return the ring of a camera's `Frame`s."""
    return f"camera.{name}.ring"


def signal_ring(key: str) -> str:
    """Return the ring of a tracker's `Signal`."""
    return f"signal.{key}.ring"
