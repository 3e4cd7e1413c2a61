"""What a test can do to an emulated controller, as JSON lines on its control port.

A line is an object with `op` and the op's own keys; the answer is one line, `{"ok": true, ...}` or
`{"ok": false, "error": "..."}`. `ports` is a list of `rtde`, `script`, `dashboard`; by default all.

| op | keys | what happens |
|---|---|---|
| `state` | | how it is: see `Faults.state` |
| `events` | `since` | what happened from that number on |
| `mark` | | travel is counted from here on |
| `cut` | `ports`, `reset` | connections end with FIN, or with RST |
| `refuse`, `accept` | `ports` | nobody listens there; somebody does again |
| `freeze` | `seconds` | nothing is read, written or moved; 0: until `thaw` |
| `thaw` | | it goes on, its clock as if nothing had been |
| `mute` | `ports`, `on` | nothing is sent |
| `delay` | `ports`, `seconds`, `jitter` | both ways slower |
| `garbage` | `ports`, `bytes`, `seed` | random bytes are sent |
| `protective_stop` | `program` | `pause` or `stop`; by default as it is set up |
| `safeguard`, `reduced`, `recovery`, `fault`, `violation` | `on` | that safety condition |
| `estop` | `on`, `system` | the robot's own emergency stop, or the system's |
| `power_off` | | as if a person had switched the arm off |
| `slider` | `fraction` | the speed slider |
| `local` | `on`, `stop` | local control; ends the program unless `stop` is false |
| `stop`, `pause`, `play` | | the program, from the pendant |
| `restart` | `seconds` | connections are reset, its clock begins at 0, nobody listens for so long |
| `offset` | `q_rad` | measured joints are off by (6,) [rad] |
| `block` | `joints` | joints 0 to 5 that do not move; empty: all move |
| `force` | `wrench` | pushes on the tool (6,) [N, Nm], base frame |
| `identity` | `serial`, `model`, `version`, `tcp`, `payload_kg` | it is, or is set up as, another |
| `claim` | `names` | inputs belong to a fieldbus |
| `on_protective_stop` | `program` | `pause` or `stop` from now on |
| `limits` | `joint_speed_rad_s`, `tool_speed_m_s`, `path_deviation_rad` | of the safety system |
"""

import random
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from robotd.core.errors import RobotdError
from robotd.sim.ur.controller import Controller
from robotd.sim.ur.ports.link import Disturbance
from robotd.sim.ur.setup import PauseOrStop
from robotd.sim.ur.states import SafetyMode
from robotd.sim.ur.version import PolyScope

Port = Literal["rtde", "script", "dashboard"]
Six = tuple[float, float, float, float, float, float]
Order = tuple[str, frozenset[str], bool]
"""What is to be done to sockets: what, kinds of port, and whether with a reset."""

ALL: Final[tuple[Port, ...]] = ("rtde", "script", "dashboard")
NEVER_NS: Final = 1 << 62


class Words(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line: `op`, and the keys of all ops, those not used left out."""

    op: str
    ports: tuple[Port, ...] = ALL
    since: int = 0
    reset: bool = False
    seconds: Annotated[float, Meta(ge=0, le=3600)] = 0.0
    jitter: Annotated[float, Meta(ge=0, le=60)] = 0.0
    on: bool = True
    system: bool = False
    stop: bool = True
    bytes: Annotated[int, Meta(ge=0, le=65536)] = 64
    seed: int = 0
    program: PauseOrStop | None = None
    fraction: Annotated[float, Meta(ge=0, le=1)] = 1.0
    q_rad: Six = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    wrench: Six = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    tcp: Six | None = None
    joints: tuple[Annotated[int, Meta(ge=0, le=5)], ...] = ()
    serial: str | None = None
    model: Literal["ur3", "ur3e", "ur5", "ur5e", "ur10", "ur10e", "ur16e"] | None = None
    version: str | None = None
    payload_kg: float | None = None
    names: tuple[str, ...] = ()
    joint_speed_rad_s: float | None = None
    tool_speed_m_s: float | None = None
    path_deviation_rad: float | None = None


class Faults:
    """Obeys the lines; what concerns sockets it hands on as an `Order`.

    Attributes:
        trouble: Kind of port to what happens to its bytes.
        garbage: What an order of that name sends.
        is_frozen: Whether the controller stands still.
    """

    def __init__(self, controller: Controller) -> None:
        self.trouble = {kind: Disturbance() for kind in (*ALL, "control")}
        self.garbage = b""
        self.is_frozen = False
        self._c = controller
        self._thaw_ns = 0
        self._later: list[tuple[int, Order]] = []
        self._mark_rad = 0.0
        self._order: Order | None = None
        self._ops: dict[str, Callable[[Words, int], object]] = {
            "state": lambda _, now_ns: self.state(now_ns),
            "events": self._events,
            "mark": self._mark,
            "cut": lambda words, _: self._give("cut", words.ports, reset=words.reset),
            "refuse": lambda words, _: self._give("refuse", words.ports),
            "accept": lambda words, _: self._give("accept", words.ports),
            "freeze": self._freeze,
            "thaw": self._thaw,
            "mute": self._mute,
            "delay": self._delay,
            "garbage": self._garbage,
            "protective_stop": self._protective_stop,
            "estop": self._estop,
            "power_off": lambda _, __: controller.power_off(),
            "slider": lambda words, _: controller.set_slider(words.fraction),
            "local": self._local,
            "stop": lambda _, __: controller.stop_program("stopped on the pendant"),
            "pause": lambda _, __: controller.pause_program("paused on the pendant"),
            "play": lambda _, __: {"playing": controller.resume_program()},
            "restart": self._restart,
            "offset": self._offset,
            "block": self._block,
            "force": self._force,
            "identity": self._identity,
            "claim": lambda words, _: controller.owners.reserve(list(words.names)),
            "on_protective_stop": self._on_protective_stop,
            "limits": self._limits,
            **{
                name: self._condition(mode)
                for name, mode in (
                    ("safeguard", SafetyMode.SAFEGUARD_STOP),
                    ("reduced", SafetyMode.REDUCED),
                    ("recovery", SafetyMode.RECOVERY),
                    ("fault", SafetyMode.FAULT),
                    ("violation", SafetyMode.VIOLATION),
                )
            },
        }

    def hear(self, line: str, now_ns: int) -> tuple[str, Order | None]:
        """Obey a line; return the answer, and what is to be done to the sockets."""
        self._order = None
        try:
            words = msgspec.json.decode(line, type=Words)
            if words.op not in self._ops:
                raise ValueError(f"op {words.op!r}, expected one of {', '.join(sorted(self._ops))}")
            found = self._ops[words.op](words, now_ns)
        except (msgspec.MsgspecError, RobotdError, ValueError) as error:
            return msgspec.json.encode({"ok": False, "error": str(error)}).decode(), None
        answer = found if isinstance(found, dict) else {}
        return msgspec.json.encode({"ok": True, "t_ns": now_ns, **answer}).decode(), self._order

    def frozen(self, now_ns: int) -> bool:
        """Whether it stands still; thaws it when its time is over."""
        if self.is_frozen and now_ns >= self._thaw_ns:
            self.is_frozen = False
        return self.is_frozen

    def due(self, now_ns: int) -> list[Order]:
        """Return the orders whose time has come."""
        if not self._later:
            return []
        ready = [order for at_ns, order in self._later if at_ns <= now_ns]
        self._later = [(at_ns, order) for at_ns, order in self._later if at_ns > now_ns]
        return ready

    def state(self, now_ns: int) -> dict[str, object]:
        """How the controller is, for a test to judge."""
        c = self._c
        judge = c.judge
        return {
            "now_ns": now_ns,
            "timestamp_s": c.timestamp_s,
            "q_rad": c.joints.measured,
            "qd_rad_s": c.joints.qd,
            "standing": c.joints.standing,
            "travel_rad": c.joints.travel_rad - self._mark_rad,
            "robot_mode": c.power.mode.name,
            "safety_mode": c.safety.mode.name,
            "safety_bits": c.safety.bits,
            "runtime": c.program.runtime.name,
            "program": c.program.name,
            "programs_n": c.program.started_n,
            "slider": c.slider,
            "remote": c.remote,
            "out_int": c.registers.out_int,
            "checked_n": 0 if judge is None else judge.taken_n,
            "breaches": [] if judge is None else [asdict(b) for b in judge.oracle.breaches],
        }

    def _events(self, words: Words, _: int) -> dict[str, object]:
        return {"events": [asdict(event) for event in self._c.events.since(words.since)]}

    def _mark(self, _: Words, __: int) -> None:
        self._mark_rad = self._c.joints.travel_rad

    def _give(self, what: str, ports: tuple[Port, ...], *, reset: bool = False) -> None:
        self._order = (what, frozenset(ports), reset)

    def _freeze(self, words: Words, now_ns: int) -> None:
        self.is_frozen = True
        self._thaw_ns = now_ns + round(words.seconds * 1e9) if words.seconds > 0 else NEVER_NS

    def _thaw(self, _: Words, now_ns: int) -> None:
        self._thaw_ns = now_ns

    def _mute(self, words: Words, _: int) -> None:
        for port in words.ports:
            self.trouble[port].mute = words.on

    def _delay(self, words: Words, _: int) -> None:
        for port in words.ports:
            self.trouble[port].delay_s = words.seconds
            self.trouble[port].jitter_s = words.jitter

    def _garbage(self, words: Words, _: int) -> None:
        self.garbage = random.Random(words.seed).randbytes(words.bytes)
        self._give("garbage", words.ports)

    def _protective_stop(self, words: Words, _: int) -> None:
        self._c.protective_stop("injected", words.program)

    def _estop(self, words: Words, _: int) -> None:
        robot, system = SafetyMode.ROBOT_EMERGENCY_STOP, SafetyMode.SYSTEM_EMERGENCY_STOP
        self._condition(system if words.system else robot)(words, 0)

    def _condition(self, mode: SafetyMode) -> Callable[[Words, int], None]:
        def put(words: Words, _: int) -> None:
            self._c.put_condition(mode, present=words.on)

        return put

    def _local(self, words: Words, _: int) -> None:
        self._c.remote = not words.on
        if words.on and words.stop:
            self._c.stop_program("switched to local control")

    def _restart(self, words: Words, now_ns: int) -> None:
        self._c.reboot(now_ns)
        self._order = ("reboot", frozenset(ALL), True)
        self._later.append((now_ns + round(words.seconds * 1e9), ("accept", frozenset(ALL), False)))

    def _offset(self, words: Words, _: int) -> None:
        self._c.joints.offset = list(words.q_rad)

    def _block(self, words: Words, _: int) -> None:
        self._c.joints.blocked = set(words.joints)

    def _force(self, words: Words, _: int) -> None:
        self._c.external_wrench = list(words.wrench)

    def _identity(self, words: Words, _: int) -> None:
        setup = self._c.setup
        setup.serial = words.serial or setup.serial
        setup.shown_model = words.model or setup.shown_model
        if words.version is not None:
            setup.version = PolyScope.parse(words.version)
        if words.tcp is not None:
            self._c.set_tcp(list(words.tcp))
        if words.payload_kg is not None:
            self._c.set_payload(words.payload_kg, setup.payload_cog_m)

    def _on_protective_stop(self, words: Words, _: int) -> None:
        self._c.setup.on_protective_stop = words.program or "pause"

    def _limits(self, words: Words, _: int) -> None:
        limits = self._c.setup.limits
        for name in ("joint_speed_rad_s", "tool_speed_m_s", "path_deviation_rad"):
            if (value := getattr(words, name)) is not None:
                setattr(limits, name, value)
