"""In a mock cell: every setpoint, as the bytes on the wire were read, goes before the oracle."""

from typing import Final

import numpy as np

from robotd.core.config import ArmConfig, EnvelopeConfig
from robotd.core.script_codes import ScriptRegisters
from robotd.core.ur_models import ur_model
from robotd.sim.oracle import SetpointOracle
from robotd.sim.ur.registers import Registers

_NEVER: Final = 0
_STANDS_N: Final = 2
"""A setpoint that was repeated so often has neither speed nor acceleration: it was judged."""
_ON_ITS_WAY_N: Final = 100
"""Setpoints of the program before that may come in after another one has begun."""
_TOGETHER_S: Final = 0.024
"""Setpoints wait so long to be judged together, which costs a fifth; a wild one does not wait."""


class Judge:
    """Knows which input packages are setpoints of the cell's own control script.

    Attributes:
        oracle: Its verdicts; those of the last moment may still be out.
        taken_n: Setpoints received, those that only repeat the last one too.
    """

    def __init__(self, arm: ArmConfig, envelope: EnvelopeConfig) -> None:
        """Judge what is sent to this arm in this envelope."""
        base = arm.ur.register_base
        rate_hz = ur_model(arm.model).servo_rate_hz
        self.oracle = SetpointOracle(arm, envelope, dt_s=1.0 / rate_hz)
        self.taken_n = 0
        self._base = base
        self._recipe = ScriptRegisters(base=base).inputs
        self._most_n = round(_TOGETHER_S * rate_hz)
        self._wild_rad = 2.0 * envelope.joint_speed_rad_s / rate_hz
        self._newest = self._before = _NEVER
        self._target: list[float] = []
        self._same_n = 0
        self._waiting: list[list[float]] = []
        self._age = 0

    def begin(self) -> None:
        """A program starts: ours begins with a number of its own, another one follows none."""
        self._before, self._newest = self._newest or self._before, _NEVER

    def take(self, names: tuple[str, ...], registers: Registers, q_rad: list[float]) -> str:
        """Take note of a package; return what is wrong with it, or an empty text.

        A number that is not newer repeats a setpoint, and a negative one is a word to the script.
        """
        number = registers.in_int[self._base]
        if names != self._recipe or number <= self._newest:
            return ""
        found = ""
        late = 0 < number - self._before <= _ON_ITS_WAY_N and self._before != _NEVER
        if self._newest == _NEVER and not late:
            found = self.settle()
            self.oracle.restart(np.array(q_rad))
            self._target = q_rad
        self._newest = number
        self.taken_n += 1
        target = registers.in_double[self._base : self._base + 6]
        before, self._target = self._target, target
        self._same_n = self._same_n + 1 if target == before else 0
        if self._same_n > _STANDS_N:
            return found
        self._waiting.append(target)
        wild = not all(abs(b - a) < self._wild_rad for a, b in zip(before, target, strict=True))
        return self.settle() if wild or len(self._waiting) >= self._most_n else found

    def cycle(self) -> str:
        """A controller cycle passes; return what is wrong with what waited for too long."""
        if not self._waiting:
            return ""
        self._age += 1
        return self.settle() if self._age >= self._most_n else ""

    def settle(self) -> str:
        """Judge all that waits; return what is wrong with it, or an empty text."""
        waiting, self._waiting, self._age = self._waiting, [], 0
        breach = self.oracle.check_many(np.array(waiting)) if waiting else None
        if breach is None:
            return ""
        return f"{breach.limit}: {breach.value:.6g}, allowed {breach.bound:.6g}"
