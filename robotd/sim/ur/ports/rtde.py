"""One RTDE client as the controller sees it: its recipes, its inputs, what it is due."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct
from typing import Final, Protocol

from robotd.core.errors import WireError
from robotd.sim.ur.ports.fields import FORMATS, IN_USE, INPUTS, NOT_FOUND, OUTPUTS
from robotd.sim.ur.ports.rtde_wire import HEADER, Level, Packet, Splitter, packet, text_packet
from robotd.sim.ur.registers import Number, Owners, Registers, Slot
from robotd.sim.ur.version import PolyScope

Getter = Callable[[], "Number | list[float] | list[int]"]

PROTOCOL_VERSION: Final = 2
_FREQUENCY: Final = Struct(">d")
MAX_RECIPES: Final = 255
MAX_INBOX: Final = 10_000
"""Input packages that wait for the next cycle; more than a client can send in a second."""


class Hub(Protocol):
    """What all RTDE clients of a controller share."""

    @property
    def version(self) -> PolyScope:
        """Its software."""
        ...

    @property
    def registers(self) -> Registers:
        """What clients write and programs read."""
        ...

    @property
    def owners(self) -> Owners:
        """Who writes which input."""
        ...

    @property
    def rate_hz(self) -> float:
        """Cycles a second."""
        ...

    def getter(self, name: str) -> Getter:
        """Return where an output comes from."""
        ...

    def inputs_changed(self, recipe: "InputRecipe") -> None:
        """Take note that the variables of a recipe were set just now."""
        ...


@dataclass(frozen=True, slots=True)
class InputRecipe:
    """Variables that a client sets together.

    Attributes:
        names: In the order of the package.
        layout: Of the values behind the recipe's number.
        slots: Where each value goes, and how many numbers it has.
        special: Whether it sets more than general-purpose registers.
    """

    names: tuple[str, ...]
    layout: Struct
    slots: tuple[tuple[Slot, int], ...]
    special: bool


class RtdeSession:
    """The protocol of one client, without its socket.

    Attributes:
        out: What is to be sent; whoever sends it takes it away.
        started: Whether output packages are sent.
    """

    def __init__(self, hub: Hub, number: int) -> None:
        """Begin.

        Args:
            hub: The controller's side.
            number: By which the owner of an input is known.
        """
        self.out = bytearray()
        self.started = False
        self._hub = hub
        self._number = number
        self._splitter = Splitter()
        self._inputs: list[InputRecipe] = []
        self._inbox: deque[tuple[InputRecipe, bytes]] = deque()
        self._getters: list[tuple[Getter, bool]] = []
        self._layout: Struct | None = None
        self._share = 1.0
        self._due = 1.0

    def receive(self, data: bytes) -> None:
        """Take bytes: setup is answered at once, input packages wait for the next cycle.

        Raises:
            WireError: Not RTDE; the connection is of no more use.
        """
        for kind, payload in self._splitter.feed(data):
            if kind == Packet.DATA:
                self._queue(payload)
            else:
                self._answer(kind, payload)

    @property
    def waiting(self) -> int:
        """Input packages that wait."""
        return len(self._inbox)

    def apply(self, at_most: int) -> None:
        """Let so many of the waiting packages become the inputs, oldest first."""
        while at_most > 0 and self._inbox:
            recipe, payload = self._inbox.popleft()
            values = recipe.layout.unpack_from(payload, 1)
            at = 0
            for (container, key), width in recipe.slots:
                if width == 1 and isinstance(container, list):
                    container[key] = values[at]  # pyright: ignore[reportArgumentType, reportCallIssue]
                else:
                    container[key] = list(values[at : at + width])  # pyright: ignore[reportArgumentType, reportCallIssue]
                at += width
            self._hub.inputs_changed(recipe)
            at_most -= 1

    def emit(self) -> None:
        """Add the output package of this cycle, where one is due."""
        if not self.started or self._layout is None:
            return
        self._due += self._share
        if self._due < 1.0:
            return
        self._due -= 1.0
        values: list[object] = []
        for getter, vector in self._getters:
            value = getter()
            if vector:
                values.extend(value)  # pyright: ignore[reportArgumentType]
            else:
                values.append(value)
        self.out += self._layout.pack(self._layout.size, Packet.DATA, 1, *values)

    def say(self, text: str, level: Level) -> None:
        """Add a text message; only to a client whose setup is over, which expects answers."""
        if self.started:
            self.out += text_packet(text, level)

    def close(self) -> None:
        """Free the inputs that it owns."""
        self._hub.owners.release(self._number)

    def _queue(self, payload: bytes) -> None:
        number = payload[0] if payload else 0
        if not 1 <= number <= len(self._inputs):
            self.say(f"input package of recipe {number}, which there is not", Level.WARNING)
            return
        recipe = self._inputs[number - 1]
        if len(payload) < 1 + recipe.layout.size:
            size = 1 + recipe.layout.size
            self.say(f"input package of {len(payload)} bytes, expected {size}", Level.WARNING)
            return
        if len(self._inbox) < MAX_INBOX:
            self._inbox.append((recipe, payload))

    def _answer(self, kind: int, payload: bytes) -> None:
        if kind == Packet.VERSION:
            accepted = payload[:2] == PROTOCOL_VERSION.to_bytes(2, "big")
            self.out += packet(Packet.VERSION, bytes((accepted,)))
        elif kind == Packet.CONTROLLER_VERSION:
            v = self._hub.version
            numbers = Struct(">4I").pack(v.major, v.minor, v.bugfix, v.build)
            self.out += packet(Packet.CONTROLLER_VERSION, numbers)
        elif kind == Packet.OUTPUTS:
            self._set_up_outputs(payload)
        elif kind == Packet.INPUTS:
            self._set_up_inputs(payload)
        elif kind == Packet.START:
            self.started = self._layout is not None
            self._due = 1.0
            self.out += packet(Packet.START, bytes((self.started,)))
        elif kind == Packet.PAUSE:
            self.started = False
            self.out += packet(Packet.PAUSE, b"\x01")
        elif kind != Packet.TEXT:
            raise WireError("rtde", f"packet of unknown type {kind}")

    def _set_up_outputs(self, payload: bytes) -> None:
        if len(payload) < _FREQUENCY.size:
            raise WireError("rtde", "output recipe without a frequency")
        (frequency_hz,) = _FREQUENCY.unpack_from(payload)
        names = _names(payload[_FREQUENCY.size :])
        fields = [OUTPUTS.get(name) for name in names]
        known = [f if f is not None and f.known(self._hub.version) else None for f in fields]
        kinds = [NOT_FOUND if field is None else field.kind for field in known]
        good = bool(names) and NOT_FOUND not in kinds and frequency_hz > 0
        if good:
            self._getters = [
                (self._hub.getter(name), FORMATS[kind][0].isdecimal())
                for name, kind in zip(names, kinds, strict=True)
            ]
            body = "".join(FORMATS[kind] for kind in kinds)
            self._layout = Struct(f"{HEADER.format}B{body}")
            self._share = min(1.0, frequency_hz / self._hub.rate_hz)
        self.out += packet(Packet.OUTPUTS, bytes((good,)) + ",".join(kinds).encode())

    def _set_up_inputs(self, payload: bytes) -> None:
        names = _names(payload)
        kinds = self._hub.owners.claim(names, self._number, self._hub.version)
        good = (
            bool(names)
            and len(self._inputs) < MAX_RECIPES
            and not any(kind in (NOT_FOUND, IN_USE) for kind in kinds)
        )
        number = 0
        if good:
            widths = [INPUTS[name].width for name in names]
            slots = [self._hub.registers.slot(name) for name in names]
            recipe = InputRecipe(
                names=tuple(names),
                layout=Struct(">" + "".join(FORMATS[kind] for kind in kinds)),
                slots=tuple(zip(slots, widths, strict=True)),
                special=any(container is self._hub.registers.named for container, _ in slots),
            )
            self._inputs.append(recipe)
            number = len(self._inputs)
        self.out += packet(Packet.INPUTS, bytes((number,)) + ",".join(kinds).encode())


def _names(data: bytes) -> list[str]:
    """Names of a recipe; a comma at the end adds none."""
    return [name for name in data.decode("ascii", "replace").split(",") if name]
