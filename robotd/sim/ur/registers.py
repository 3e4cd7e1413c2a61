"""What clients write and scripts read, and the other way round."""

from robotd.sim.ur.ports.fields import INPUTS, NOT_FOUND
from robotd.sim.ur.version import PolyScope

REGISTERS_N = 48
BITS_N = 128

Number = int | float | bool
Slot = tuple[list[int], int] | tuple[list[float], int] | tuple[dict[str, list[Number]], str]


class Registers:
    """General-purpose registers and the named inputs.

    Attributes:
        in_int: (48,) as clients left them.
        in_double: (48,) as clients left them; may be NaN or infinite.
        named: Other inputs by name, each a list of its numbers; what was set last.
        out_int: (48,) as the program left them.
        out_double: (48,) as the program left them.
        out_bits: The program's output bits, bit i of the number.
    """

    def __init__(self) -> None:
        self.in_int = [0] * REGISTERS_N
        self.in_double = [0.0] * REGISTERS_N
        self.named: dict[str, list[Number]] = {
            name: [0] * field.width
            for name, field in INPUTS.items()
            if not name.startswith(("input_int_register_", "input_double_register_"))
        }
        self.out_int = [0] * REGISTERS_N
        self.out_double = [0.0] * REGISTERS_N
        self.out_bits = 0

    def slot(self, name: str) -> Slot:
        """Return the container and the key under which that input is kept."""
        prefix, _, number = name.rpartition("_")
        if prefix == "input_int_register":
            return self.in_int, int(number)
        if prefix == "input_double_register":
            return self.in_double, int(number)
        return self.named, name

    def in_bit(self, index: int) -> bool:
        """Return an input bit, 0 to 127."""
        if index >= 64:
            return bool(self.named[f"input_bit_register_{index}"][0])
        low = index < 32
        word = self.named[f"input_bit_registers{'0_to_31' if low else '32_to_63'}"][0]
        return bool(int(word) >> (index % 32) & 1)

    def set_out_bit(self, index: int, *, value: bool) -> None:
        """Set an output bit, 0 to 127."""
        self.out_bits = self.out_bits & ~(1 << index) | (int(value) << index)


class Owners:
    """Who writes which input: one client at a time (RTDE guide, `IN_USE`)."""

    def __init__(self) -> None:
        self._of: dict[str, int] = {}

    def claim(self, names: list[str], client: int, version: PolyScope) -> list[str]:
        """Take all of `names` for a client; return their types, or what is wrong with each.

        Nothing is taken where one of them is not known or belongs to somebody else.
        """
        kinds = [self._kind(name, client, version) for name in names]
        if not any(kind in ("NOT_FOUND", "IN_USE") for kind in kinds):
            self._of.update(dict.fromkeys(names, client))
        return kinds

    def release(self, client: int) -> None:
        """Free what a client had."""
        self._of = {name: owner for name, owner in self._of.items() if owner != client}

    def reserve(self, names: list[str]) -> None:
        """Take `names` for nobody that is a client: a fieldbus that a test switched on."""
        self._of.update(dict.fromkeys(names, -1))

    def _kind(self, name: str, client: int, version: PolyScope) -> str:
        field = INPUTS.get(name)
        if field is None or not field.known(version):
            return NOT_FOUND
        return field.kind if self._of.get(name, client) == client else "IN_USE"
