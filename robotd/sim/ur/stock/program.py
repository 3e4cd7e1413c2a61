"""The register protocol of ur_rtde's control script: what unmodified ur_rtde clients talk to.

Source: ur_rtde 1.6.5. A command is a number in the first integer register, its arguments are in the
others; the answer is a state (1 ready, 2 done) and results. Real-time commands are processed in
every cycle in which they stand there, the others once, until the client takes them away.
"""

from typing import Final

from robotd.sim.ur.arm.motions import STOP_RAD_S2, MotionError
from robotd.sim.ur.controller import Controller
from robotd.sim.ur.machine import Machine
from robotd.sim.ur.ports.rtde_wire import Level
from robotd.sim.ur.program import Body
from robotd.sim.ur.script.machine import PoseValue, Six
from robotd.sim.ur.stock.answers import Answers
from robotd.sim.ur.stock.commands import REAL_TIME, REFUSED, WITHOUT_EFFECT, Command
from robotd.sim.ur.stock.script import PathMove, StockScript

READY: Final = 1
DONE: Final = 2

MOVES: Final = frozenset(
    {Command.MOVEJ, Command.MOVEJ_IK, Command.MOVEL, Command.MOVEL_FK, Command.MOVE_PATH}
)
STOPS: Final = frozenset(
    {Command.SPEED_STOP, Command.SERVO_STOP, Command.STOPL, Command.STOPJ, Command.JOG_STOP}
)


class StockProgram:
    """One run of that script on a controller."""

    def __init__(self, controller: Controller, script: StockScript) -> None:
        self._c = controller
        self._machine = Machine(controller)
        self._script = script
        self._base = script.offset
        self._answers = Answers(controller, self._machine, script.offset)
        self._streaming = ""  # which thread of the script moves the arm
        self._last_speed = 0
        self._background: Body | None = None
        self._writes_n = self._operation = 0
        self._said: set[int] = set()

    def body(self) -> Body:
        """The script, a cycle at a time."""
        self._progress(-1)
        self._state(READY)
        latched = False
        while True:
            command = self._c.registers.in_int[self._base]
            if command in REAL_TIME:
                self._real_time(command)
                self._state(READY)
            elif command == 0:
                latched = False
                self._state(READY)
            elif command == Command.STOP_SCRIPT and not latched:
                return
            elif not latched:
                latched = True
                yield from self._once(command)
                self._state(DONE)
            self._step_background()
            yield

    def _real_time(self, command: int) -> None:
        if command == Command.SERVOJ:
            self._servo(self._six(0))
        elif command == Command.SERVOL:
            self._servo(_of(self._machine.inverse(PoseValue(self._six(0)))))
        elif command in (Command.SPEEDJ, Command.SPEEDL):
            self._take("speed")
            self._last_speed = command
            if command == Command.SPEEDJ:
                self._machine.speedj(self._six(0), acceleration_rad_s2=self._d(6))
            else:
                self._machine.speedl(self._six(0), acceleration_m_s2=self._d(6))
        elif command in REFUSED:
            raise MotionError(f"{Command(command).name.lower()} is not emulated")
        elif command in WITHOUT_EFFECT:
            self._hear(command)
        else:
            self._answers.answer(command)

    def _once(self, command: int) -> Body:
        if command in MOVES:
            self._kill_background()
            moving = self._path() if command == Command.MOVE_PATH else self._move(command)
            if self._i(1) == 1:
                self._begin_background(moving)
            else:
                yield from moving
        elif command == Command.SERVOC:
            self._take("servo")
            q = self._machine.inverse(PoseValue(self._six(0)))
            self._machine.servoj(_of(q), t_s=self._machine.period_s, lookahead_s=0.1, gain=300.0)
        elif command in STOPS:
            yield from self._stop(command)
        elif command == Command.PROTECTIVE_STOP:
            self._c.protective_stop("the program asked for it")
        elif command == Command.SET_WATCHDOG:
            name = f"input_int_register_{self._base}"
            self._machine.rtde_set_watchdog(name, self._d(0), "stop")
        elif command == Command.JOG_START:
            self._take("jog")
            self._machine.speedl(self._six(0), acceleration_m_s2=self._d(7))
        elif command == Command.MOVE_UNTIL_CONTACT:
            yield from self._move_until_contact()
        elif command in WITHOUT_EFFECT:
            self._hear(command)
        else:
            self._answers.answer(command)

    def _servo(self, q: Six) -> None:
        self._take("servo")
        t_s, lookahead_s, gain = self._d(8), self._d(9), self._d(10)
        self._machine.servoj(q, t_s=max(t_s, 1e-6), lookahead_s=lookahead_s, gain=gain)

    def _take(self, thread: str) -> None:
        """One thread of a script may move the arm at a time."""
        if self._streaming not in ("", thread) or self._background is not None:
            raise MotionError("another thread is already controlling the robot")
        self._streaming = thread

    def _move(self, command: int) -> Body:
        values, speed, acceleration = self._six(0), self._d(6), self._d(7)
        kind = "movej" if command in (Command.MOVEJ, Command.MOVEJ_IK) else "movel"
        return self._go(
            PathMove(
                move=kind,
                values=list(values),
                pose=command in (Command.MOVEJ_IK, Command.MOVEL),
                acceleration=acceleration,
                speed=speed,
            )
        )

    def _go(self, move: PathMove) -> Body:
        if self._streaming:
            raise MotionError("another thread is already controlling the robot")
        target = PoseValue(_of(move.values)) if move.pose else _of(move.values)
        if move.move == "movej":
            self._machine.movej(
                target, acceleration_rad_s2=move.acceleration, speed_rad_s=move.speed, t_s=0.0
            )
        else:
            self._machine.movel(
                target, acceleration_m_s2=move.acceleration, speed_m_s=move.speed, t_s=0.0
            )
        yield
        while not self._machine.motion_done():
            yield

    def _path(self) -> Body:
        for step in self._script.path:
            if isinstance(step, int):
                self._progress(step)
            else:
                yield from self._go(step)

    def _stop(self, command: int) -> Body:
        deceleration = self._d(0) if command != Command.JOG_STOP else 1.2
        self._kill_background()
        joints = command == Command.STOPJ or (
            command == Command.SPEED_STOP and self._last_speed == Command.SPEEDJ
        )
        self._streaming = ""
        stopping = self._braking(deceleration, joints=joints)
        if command in (Command.STOPL, Command.STOPJ) and self._i(1) == 1:
            self._begin_background(stopping)
        else:
            yield from stopping

    def _braking(self, deceleration: float, *, joints: bool) -> Body:
        if joints:
            self._machine.stopj(deceleration)
        else:
            self._machine.stopl(deceleration)
        yield
        while not self._machine.motion_done():
            yield

    def _move_until_contact(self) -> Body:
        acceleration = self._d(12)
        self._machine.speedl(self._six(0), acceleration_m_s2=acceleration)
        yield
        while max(map(abs, self._c.external_wrench)) < 10.0 and not self._c.joints.blocked:
            yield
        self._c.joints.brake(STOP_RAD_S2)
        while not self._machine.motion_done():
            yield

    def _begin_background(self, body: Body) -> None:
        self._background = body
        self._progress(0)
        self._step_background()

    def _step_background(self) -> None:
        if self._background is None:
            return
        try:
            next(self._background)
        except StopIteration:
            self._background = None
            self._progress(-1)

    def _kill_background(self) -> None:
        if self._background is not None:
            self._background.close()
            self._background = None
            self._progress(-1)

    def _progress(self, value: int) -> None:
        """Write how an asynchronous operation goes on; negative: there is none any more."""
        self._writes_n = (self._writes_n + 1) % 128
        if value == 0:
            self._operation = (self._operation + 1) % 128
        word = self._writes_n << 16 | self._operation << 24
        if value >= 0:
            word |= min(value, 0x7FFF) | 0x8000
        self._c.registers.out_int[self._base + 2] = word

    def _hear(self, command: int) -> None:
        if command not in self._said:
            self._said.add(command)
            name = Command(command).name.lower()
            self._c.message(f"{name} is not emulated: no effect", Level.WARNING)

    def _state(self, state: int) -> None:
        self._c.registers.out_int[self._base] = state

    def _i(self, index: int) -> int:
        return self._c.registers.in_int[self._base + index]

    def _d(self, index: int) -> float:
        return self._c.registers.in_double[self._base + index]

    def _six(self, index: int) -> Six:
        start = self._base + index
        return _of(self._c.registers.in_double[start : start + 6])


def _of(values: list[float]) -> Six:
    a, b, c, d, e, f = values
    return a, b, c, d, e, f
