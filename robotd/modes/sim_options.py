"""What a person types after `robotd sim`."""

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro


@dataclass(frozen=True, kw_only=True)
class SimOptions:
    """Emulate a device by itself, for any client of a real one: `robotd sim ur`."""

    device: Annotated[tyro.conf.Positional[Literal["ur"]], tyro.conf.arg(metavar="ur")]
    """`ur`: the controller of a UR arm."""
    model: Literal["ur5", "ur5e"] = "ur5e"
    """`ur5`: CB3, 125 Hz; `ur5e`: e-Series, 500 Hz."""
    address: str = "127.0.0.1"
    """Where it listens; several on one computer are on 127.0.0.2, 127.0.0.3, ..."""
    version: str = ""
    """PolyScope's, for example 5.9.1 or 3.15.8; by default 5.13 and 3.15."""
    serial: str = ""
    """By default one that is made up."""
    off: bool = False
    """Begin switched off."""
    on_protective_stop: Literal["pause", "stop"] = "pause"
    """What becomes of a program at a protective stop: both are seen on real ones."""
