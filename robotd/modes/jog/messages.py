"""What clients ask of jogging, and what they are shown of it."""

from typing import Literal

from msgspec import Struct


class JogRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One session of jogging; the arming before it has to be for jogging too.

    Attributes:
        joints: Begin with joints instead of the base frame's axes.
        arguments: Of the process `teleop`; None where a client writes the device's samples.
    """

    joints: bool = False
    arguments: tuple[str, ...] | None = None


class JogStatus(Struct, frozen=True, kw_only=True, tag="jog"):
    """How jogging is doing.

    Attributes:
        frame: What the device moves: `base` or `joints`.
        outcome: Why it is over; empty while it goes on.
        outside: What is outside the envelope, in words, each with by how much; empty when inside.
        refused: The bound that the last motion asked for would have broken; empty for none.
        p_tool_m: Where the tool is, in the base frame [m].
        q_rad: The joints [rad].
        teleop: Whether the device is heard.
        neutral: Whether it has to be let go before it moves anything.
        moving: Whether its button is held.
    """

    frame: Literal["base", "joints"]
    outcome: str
    outside: tuple[str, ...]
    refused: str
    p_tool_m: tuple[float, float, float]
    q_rad: tuple[float, float, float, float, float, float]
    teleop: bool
    neutral: bool
    moving: bool
