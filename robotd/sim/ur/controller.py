"""The controller: its cycle, and what a person or a fault does to it. No sockets, no clock."""

from collections.abc import Callable

from robotd.core.chain import Axis, Chain, Pose
from robotd.core.errors import RobotdError
from robotd.core.kinematics import Kinematics
from robotd.core.ur_codes import RobotMode
from robotd.sim.ur.arm.joints import Joints
from robotd.sim.ur.arm.loads import holding_torques
from robotd.sim.ur.arm.motions import STOP_RAD_S2
from robotd.sim.ur.arm.pose6 import matrix_of
from robotd.sim.ur.events import Events
from robotd.sim.ur.judge import Judge
from robotd.sim.ur.ports.rtde import InputRecipe
from robotd.sim.ur.ports.rtde_wire import Level
from robotd.sim.ur.power import Power
from robotd.sim.ur.program import Body, Program
from robotd.sim.ur.registers import Owners, Registers
from robotd.sim.ur.safety import Safety
from robotd.sim.ur.setup import ControllerSetup, PauseOrStop
from robotd.sim.ur.states import SafetyMode
from robotd.sim.ur.version import PolyScope
from robotd.sim.ur.watchdogs import Watchdogs


class Controller:
    """One emulated controller.

    Attributes:
        setup: What it is, as the pendant shows it.
        now_ns: The robot computer's clock at this cycle.
        cycles: Controller cycles since it was started; its clock.
        remote: Remote control, not local.
        slider: The speed slider, 0 to 1.
        external_wrench: Pushes on the tool (6,) [N, Nm], base frame.
        say: Where its messages go; set by whoever has clients.
        judge: Judges setpoints in a mock cell; None elsewhere.
    """

    def __init__(self, setup: ControllerSetup, now_ns: int, judge: Judge | None = None) -> None:
        """Be switched on at `now_ns`, as `setup` says."""
        self.setup = setup
        self.judge = judge
        self.events = Events()
        self.registers, self.owners = Registers(), Owners()
        self.watchdogs, self.program = Watchdogs(), Program()
        self.safety, self.joints = Safety(), Joints(setup.q_start)
        self.power = Power(RobotMode.RUNNING if setup.ready else RobotMode.POWER_OFF)
        self.now_ns, self.cycles = now_ns, 0
        self.remote, self.slider = True, 1.0
        self.external_wrench = [0.0] * 6
        self.digital_outputs = 0
        self.say: Callable[[str, Level], None] = lambda _text, _level: None
        self.period_s = 1.0 / setup.rate_hz
        self._offset, self._pushed = [0.0] * 6, False
        self._held: list[float] | None = None
        self.set_tcp(setup.tcp_offset)

    @property
    def version(self) -> PolyScope:
        """Its software."""
        return self.setup.version

    @property
    def rate_hz(self) -> float:
        """Cycles a second."""
        return self.setup.rate_hz

    @property
    def timestamp_s(self) -> float:
        """Time since it was started [s]."""
        return self.cycles * self.period_s

    @property
    def can_move(self) -> bool:
        """Whether a program could move the arm."""
        return self.power.mode == RobotMode.RUNNING and not self.safety.stopped

    def set_tcp(self, tcp_offset: list[float]) -> None:
        """Set the active tool centre point, a pose of six numbers in the flange frame."""
        self.setup.tcp_offset = list(tcp_offset)
        dh, T = self.setup.kinematics, matrix_of(tcp_offset)
        self.kinematics = Kinematics(dh, T)
        self._chain = Chain(dh, T)
        self.axes, self.tcp = self._chain.at(self.joints.measured)
        self._held = None

    def holding_torques(self) -> list[float]:
        """What holds arm and payload where they are (6,) [Nm]."""
        if self._held is None:
            self._held = holding_torques(self.axes, self.tcp, self.setup.payload_kg)
        return self._held

    def set_payload(self, mass_kg: float, centre_m: list[float]) -> None:
        """Set the active payload."""
        self.setup.payload_kg, self.setup.payload_cog_m = mass_kg, centre_m
        self._held = None

    def chain_at(self, q: list[float]) -> tuple[list[Axis], Pose]:
        """Axes and tool for six joints."""
        return self._chain.at(q)

    def cycle(self, now_ns: int, cycles: int = 1) -> None:
        """Do what a controller does in a cycle; `cycles` > 1 where some were missed."""
        self.now_ns = now_ns
        self.cycles += cycles
        dt_s = cycles * self.period_s
        if self.power.step(now_ns):
            self.events.add(now_ns, "robot_mode", self.power.mode.name)
        if self.judge is not None:
            self._condemn(self.judge.cycle())
        if (late := self.watchdogs.overdue(now_ns)) is not None:
            self._bite(*late)
        self._run_program()
        moved_from = self.tcp[3]
        try:
            self.joints.step(dt_s, self.slider if self.program.there else 1.0)
        except RobotdError as error:
            self._fail(error)
        if self.joints.moving or self.joints.offset != self._offset:
            self._look()
        if self.joints.moving or self.joints.blocked or self._pushed:
            self._supervise(moved_from, dt_s)
            self._pushed = False
        if self.joints.ref.at_rest:
            self.program.paused()
            if self.safety.powerless and self.power.on:
                self.power_off()

    def inputs_changed(self, recipe: InputRecipe) -> None:
        """An input package was taken."""
        self.watchdogs.fed(recipe.names, self.now_ns)
        if recipe.special:
            self._take_special(recipe.names)
        if self.judge is not None and not self.program.stock:
            self._condemn(self.judge.take(recipe.names, self.registers, self.joints.measured))

    # Programs.

    def start(self, name: str, body: Body, *, stock: bool = False) -> None:
        """Run a program instead of the one that runs."""
        if self.program.there:
            self.stop_program("replaced")
        self.program.start(name, body, stock=stock)
        if self.judge is not None:
            self.judge.begin()
        self.events.add(self.now_ns, "program_started", name)

    def stop_program(self, reason: str) -> None:
        """End the program; the arm brakes."""
        if not self.program.there:
            return
        self.program.stop()
        self.watchdogs.clear()
        self.joints.brake(STOP_RAD_S2)
        self.events.add(self.now_ns, "program_stopped", reason)

    def pause_program(self, reason: str) -> None:
        """Leave the program where it is; the arm brakes."""
        if self.program.playing:
            self.program.pause()
            self.joints.pause()
            self.events.add(self.now_ns, "program_paused", reason)

    def resume_program(self) -> bool:
        """Go on with a paused program; False where there is none, or the arm may not move."""
        if self.program.playing or not (self.program.there and self.can_move):
            return False
        self.program.resume()
        self.joints.resume()
        self.events.add(self.now_ns, "program_resumed", self.program.name)
        return True

    # Safety and power.

    def protective_stop(self, reason: str, program: PauseOrStop | None = None) -> None:
        """Stop at once, as after a collision."""
        if self.safety.has(SafetyMode.PROTECTIVE_STOP):
            return
        self._stop_for(SafetyMode.PROTECTIVE_STOP, reason)
        if (program or self.setup.on_protective_stop) == "stop":
            self.stop_program("protective stop")
        else:
            self.pause_program("protective stop")

    def safety_stop(self, mode: SafetyMode, reason: str) -> None:
        """Stop for a safeguard (the program pauses), or for something graver (it ends)."""
        if self.safety.has(mode):
            return
        self._stop_for(mode, reason)
        if mode == SafetyMode.SAFEGUARD_STOP:
            self.pause_program("safeguard stop")
        else:
            self.stop_program(reason)

    def put_condition(self, mode: SafetyMode, *, present: bool) -> None:
        """Have a safety condition come or go, as a person's hand or a cable does it."""
        if not present:
            self.safety.clear(mode)
            self.events.add(self.now_ns, "cleared", mode.name)
        elif mode in (SafetyMode.REDUCED, SafetyMode.RECOVERY):
            self.safety.set(mode, self.now_ns)
        else:
            self.safety_stop(mode, "injected")

    def violation(self, reason: str) -> None:
        """Stop for good: only a restart of the safety system clears it."""
        self.safety_stop(SafetyMode.VIOLATION, reason)

    def power_off(self) -> None:
        """Take the power from the joints; the brakes hold them where they are."""
        self.stop_program("power off")
        self.power.power_off()
        self.joints.drop()
        self.events.add(self.now_ns, "robot_mode", self.power.mode.name)

    def reboot(self, now_ns: int) -> None:
        """Start anew: the clock at zero, no program, registers empty, the arm powered as before."""
        self.stop_program("restart")
        then = self.power.mode if self.power.on else RobotMode.POWER_OFF
        self.registers, self.owners, self.safety = Registers(), Owners(), Safety()
        self.cycles, self.now_ns, self.slider = 0, now_ns, 1.0
        self.joints.drop()
        self.power.boot(now_ns, then)
        self.events.add(now_ns, "rebooted")

    def message(self, text: str, level: Level) -> None:
        """Tell all clients."""
        self.events.add(self.now_ns, "message", text)
        self.say(text, level)

    def note(self, text: str) -> None:
        """Write a line to the log, which no client reads."""
        self.events.add(self.now_ns, "log", text)

    def _condemn(self, breach: str) -> None:
        if breach:
            self.violation(f"setpoint outside the envelope: {breach}")

    def _run_program(self) -> None:
        try:
            going = self.program.step()
        except RobotdError as error:
            self._fail(error)
            return
        if not going:
            self.stop_program("ended")

    def _fail(self, error: RobotdError) -> None:
        self.message(str(error), Level.EXCEPTION)
        self.stop_program(f"runtime error: {error}")

    def _bite(self, variable: str, action: str) -> None:
        self.events.add(self.now_ns, "watchdog", f"{variable}: {action}")
        if action == "stop":
            self.stop_program(f"RTDE watchdog of {variable}")
        elif action == "pause":
            self.pause_program(f"RTDE watchdog of {variable}")

    def _stop_for(self, mode: SafetyMode, reason: str) -> None:
        self.safety.set(mode, self.now_ns)
        self.events.add(self.now_ns, mode.name.lower(), reason)
        self.message(f"{mode.name}: {reason}", Level.ERROR)
        if not self.program.there:
            self.joints.brake(STOP_RAD_S2)

    def _look(self) -> None:
        self._pushed = self.joints.offset != self._offset
        self._offset = list(self.joints.offset)
        self.axes, self.tcp = self._chain.at(self.joints.measured)
        self._held = None

    def _supervise(self, moved_from: tuple[float, float, float], dt_s: float) -> None:
        """Hold the arm to the limits of the safety system."""
        if self.safety.stopped:
            return
        limits, joints = self.setup.limits, self.joints
        excess = limits.joints_excess(joints.q, joints.speeds_ref(), joints.tracking_error_rad)
        if not excess and not self._pushed:
            excess = limits.tool_excess(moved_from, self.tcp[3], dt_s)
        if excess:
            self.protective_stop(excess)

    def _take_special(self, names: tuple[str, ...]) -> None:
        """Let the named inputs of a package have their effect."""
        named = self.registers.named
        if "speed_slider_mask" in names and named["speed_slider_mask"][0]:
            self.set_slider(float(named["speed_slider_fraction"][0]))
        for group, shift in (("standard", 0), ("configurable", 8), ("tool", 16)):
            if f"{group}_digital_output" in names:
                mask = int(named[f"{group}_digital_output_mask"][0]) << shift
                bits = int(named[f"{group}_digital_output"][0]) << shift
                self.digital_outputs = self.digital_outputs & ~mask | bits & mask

    def set_slider(self, fraction: float) -> None:
        """Move the speed slider."""
        self.slider = min(1.0, max(0.0, fraction))
        self.events.add(self.now_ns, "slider", f"{self.slider:.2f}")
