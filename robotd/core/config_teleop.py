"""The configuration of a cell's hand-held device, and what a person may say by it."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

Axis = Literal["x", "y", "z", "rx", "ry", "rz"]
SessionCommand = Literal[
    "start",
    "stop",
    "toggle",
    "success",
    "failure",
    "drop",
    "undo",
    "stage",
    "home",
    "reset",
    "quit",
]
"""What a person says while collecting, by a key or a button of the device."""


class TeleopConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a hand-held device moves the tool."""

    device: Literal["none", "spacemouse"] = "none"
    """What the cell has; the keyboard works everywhere. In a mock the scripted operators deflect
    an emulated one, or with `none` speak for themselves."""
    select: str = ""
    """Which one, where several are connected: its model, serial number or path."""
    speed_m_s: Annotated[float, Meta(gt=0, le=1)] = 0.2
    """At full deflection."""
    speed_rad_s: Annotated[float, Meta(gt=0, le=3)] = 0.6
    """At full deflection."""
    deadzone: Annotated[float, Meta(ge=0, lt=1)] = 0.05
    """Deflections below are zero; above, the speed grows from zero."""
    axes: tuple[Axis, ...] = ("x", "y")
    """Axes of the base frame that the device moves; a planar task has two."""
    yaw_rad: Annotated[float, Meta(ge=-3.2, le=3.2)] = 0.0
    """How the device is turned about the base frame's z: where it points to is where it moves."""
    max_lead_m: Annotated[float, Meta(gt=0, le=0.1)] = 0.02
    """A target further from the setpoint is taken back to it."""
    max_lead_rad: Annotated[float, Meta(gt=0, le=0.5)] = 0.1
    max_age_s: Annotated[float, Meta(gt=0, le=0.5)] = 0.1
    """A device silent for longer no longer moves the arm."""
    deadman_button: Annotated[int, Meta(ge=0, le=62)] = 0
    """Held while the arm is to move."""
    buttons: dict[str, SessionCommand] = field(default_factory=lambda: {"1": "toggle"})
    """Other buttons by number, and what a press says."""
    hold_buttons: dict[str, SessionCommand] = field(default_factory=lambda: {"1": "drop"})
    """The same for a button held for a second."""
