"""A controller without wires or dynamics, for tests of scripts: it notes what it is told."""

from collections.abc import Generator
from dataclasses import dataclass, field
from functools import lru_cache

from robotd.sim.ur.script.interpreter import run
from robotd.sim.ur.script.machine import PoseValue, Six, WatchdogAction
from robotd.sim.ur.script.parser import parse

ZERO: Six = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(slots=True)
class FakeMachine:
    """Registers as dicts; joints that are where `servoj` wants them; motions of `motion_n` cycles.

    Attributes:
        calls: Every command in order: its name, then its arguments.
        cycle_n: Cycles that `FakeRun` has run.
    """

    period_s: float = 0.008
    q_rad: Six = ZERO
    motion_n: int = 3
    integers: dict[int, int] = field(default_factory=dict[int, int])
    floats: dict[int, float] = field(default_factory=dict[int, float])
    bits: dict[int, bool] = field(default_factory=dict[int, bool])
    out_integers: dict[int, int] = field(default_factory=dict[int, int])
    out_floats: dict[int, float] = field(default_factory=dict[int, float])
    out_bits: dict[int, bool] = field(default_factory=dict[int, bool])
    calls: list[tuple[object, ...]] = field(default_factory=list[tuple[object, ...]])
    follows: bool = True
    cycle_n: int = 0
    _left_n: int = 0

    def named(self, name: str) -> list[tuple[object, ...]]:
        """The arguments of every call of that name."""
        return [call[1:] for call in self.calls if call[0] == name]

    def read_input_integer_register(self, index: int) -> int:
        """See `ScriptMachine`."""
        return self.integers.get(index, 0)

    def read_input_float_register(self, index: int) -> float:
        """See `ScriptMachine`."""
        return self.floats.get(index, 0.0)

    def read_input_boolean_register(self, index: int) -> bool:
        """See `ScriptMachine`."""
        return self.bits.get(index, False)

    def write_output_integer_register(self, index: int, value: int) -> None:
        """See `ScriptMachine`."""
        self.out_integers[index] = value

    def write_output_float_register(self, index: int, value: float) -> None:
        """See `ScriptMachine`."""
        self.out_floats[index] = value

    def write_output_boolean_register(self, index: int, *, value: bool) -> None:
        """See `ScriptMachine`."""
        self.out_bits[index] = value

    def get_actual_joint_positions(self) -> Six:
        """See `ScriptMachine`."""
        return self.q_rad

    def get_target_joint_positions(self) -> Six:
        """See `ScriptMachine`."""
        return self.q_rad

    def get_actual_joint_speeds(self) -> Six:
        """See `ScriptMachine`."""
        return ZERO

    def get_actual_tcp_pose(self) -> PoseValue:
        """See `ScriptMachine`."""
        return PoseValue(self.q_rad)

    def servoj(self, q_rad: Six, *, t_s: float, lookahead_s: float, gain: float) -> None:
        """See `ScriptMachine`."""
        self.calls.append(("servoj", q_rad, t_s, lookahead_s, gain))
        if self.follows:
            self.q_rad = q_rad

    def stopj(self, deceleration_rad_s2: float) -> None:
        """See `ScriptMachine`."""
        self._begin("stopj", deceleration_rad_s2)

    def stopl(self, deceleration_m_s2: float) -> None:
        """See `ScriptMachine`."""
        self._begin("stopl", deceleration_m_s2)

    def movej(
        self,
        target: Six | PoseValue,
        *,
        acceleration_rad_s2: float,
        speed_rad_s: float,
        t_s: float,
    ) -> None:
        """See `ScriptMachine`."""
        self._begin("movej", target, acceleration_rad_s2, speed_rad_s, t_s)

    def movel(
        self,
        target: Six | PoseValue,
        *,
        acceleration_m_s2: float,
        speed_m_s: float,
        t_s: float,
    ) -> None:
        """See `ScriptMachine`; refuses to go below the base, as if it could not reach there."""
        if isinstance(target, PoseValue) and target.values[2] < 0.0:
            raise ValueError("no joints reach that pose")
        self._begin("movel", target, acceleration_m_s2, speed_m_s, t_s)

    def speedj(self, speed_rad_s: Six, *, acceleration_rad_s2: float) -> None:
        """See `ScriptMachine`."""
        self._begin("speedj", speed_rad_s, acceleration_rad_s2)

    def speedl(self, speed: Six, *, acceleration_m_s2: float) -> None:
        """See `ScriptMachine`."""
        self._begin("speedl", speed, acceleration_m_s2)

    def motion_done(self) -> bool:
        """See `ScriptMachine`."""
        self._left_n -= 1
        return self._left_n <= 0

    def rtde_set_watchdog(self, variable: str, minimum_hz: float, action: WatchdogAction) -> None:
        """See `ScriptMachine`."""
        self.calls.append(("rtde_set_watchdog", variable, minimum_hz, action))

    def set_tcp(self, pose: PoseValue) -> None:
        """See `ScriptMachine`."""
        self.calls.append(("set_tcp", pose))

    def set_payload(self, mass_kg: float, centre_m: tuple[float, float, float]) -> None:
        """See `ScriptMachine`."""
        self.calls.append(("set_payload", mass_kg, centre_m))

    def set_digital_output(self, index: int, *, value: bool) -> None:
        """See `ScriptMachine`."""
        self.calls.append(("set_digital_output", index, value))

    def textmsg(self, text: str) -> None:
        """See `ScriptMachine`."""
        self.calls.append(("textmsg", text))

    def popup(self, text: str) -> None:
        """See `ScriptMachine`."""
        self.calls.append(("popup", text))

    def _begin(self, *call: object) -> None:
        self.calls.append(call)
        self._left_n = self.motion_n


class FakeRun:
    """A script that runs on a `FakeMachine`, cycle by cycle.

    Attributes:
        running: Whether it has not ended yet.
    """

    def __init__(self, text: str, machine: FakeMachine) -> None:
        """Read the script; nothing has run yet."""
        self.machine = machine
        self.running = True
        self._cycles: Generator[None, None, None] = run(_parse(text), machine)

    def cycle(self, count: int = 1) -> bool:
        """Run so many controller cycles; whether the script still runs after them."""
        for _ in range(count):
            if self.running:
                self.running = next(self._cycles, _ENDED) is not _ENDED
                self.machine.cycle_n += self.running
        return self.running

    def close(self) -> None:
        """Stop the script, as a controller does that is told to."""
        self._cycles.close()
        self.running = False

    def finish(self, at_most: int = 10_000) -> int:
        """Run to the end of the script; return the cycles it took.

        Raises:
            TimeoutError: It runs for longer than `at_most` cycles.
        """
        for n in range(at_most):
            if not self.cycle():
                return n
        raise TimeoutError(f"the script still runs after {at_most} cycles")


_ENDED = object()
_parse = lru_cache(maxsize=64)(parse)  # many tests run one text
