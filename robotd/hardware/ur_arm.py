"""A Universal Robots arm behind the `RobotArm` protocol: connected, checked, engaged, let go.

States, the dashboard and the script's text go through the vendor's library, setpoints through our
own channel.
"""

from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Protocol, Self

from robotd.core.arm_model import kinematics_of
from robotd.core.clock import MS, MonoNs, S
from robotd.core.config import ArmConfig, EnvelopeConfig
from robotd.core.errors import DeviceError, LinkLostError, one_line
from robotd.core.protocols import Clock
from robotd.core.recovery import RecoveryStep
from robotd.core.types import SAFETY_NORMAL, ArmState, Setpoint
from robotd.core.ur_codes import RobotMode
from robotd.core.ur_models import ur_model
from robotd.hardware.output_limit import OutputLimit
from robotd.hardware.ur_checks import check, line, refusal
from robotd.hardware.ur_facts import ControllerFacts, Dashboard, gather
from robotd.hardware.ur_grip import Grip
from robotd.hardware.ur_state import StateReader, StateSource

LOST_NS: Final = S
"""A controller that is silent for so long while nothing moves is connected to again."""

RETRY_NS: Final = 2 * S
LISTEN_NS: Final = 60 * MS
_POLL_NS: Final = 50_000
_END_NS: Final = 3 * S


class Library(Protocol):
    """What of ur_rtde is used."""

    def receive(self, host: str, rate_hz: float) -> StateSource:
        """Return the outputs as they come; may end the process where the library hangs.

        Raises:
            DeviceError: The library refused.
        """
        ...

    def dashboard(self, host: str) -> Dashboard:
        """Return the dashboard server, not connected yet."""
        ...

    def upload(self, host: str, version: tuple[int, int, int, int], text: str) -> None:
        """Send a script to a controller of that version; raises `DeviceError`."""
        ...


class UrArm:
    """Implements `RobotArm`; one thread of ours, and the library's own for the states."""

    def __init__(
        self,
        config: ArmConfig,
        envelope: EnvelopeConfig,
        clock: Clock,
        *,
        find_host: Callable[[], str],
        gap_fault_s: float,
        library: Library,
    ) -> None:
        """Take what is configured; nothing is connected.

        Args:
            config: The arm.
            envelope: Its limits: the control script keeps to them as well.
            clock: The computer's.
            find_host: Returns the controller's address whenever it is connected to; an emulated
                one may come back with another. Raises `DeviceError`.
            gap_fault_s: Own gap of the loop that is a fault [s].
            library: The vendor's.
        """
        self._config, self._envelope, self._clock = config, envelope, clock
        self._find_host, self._gap_fault_s = find_host, gap_fault_s
        self._host = ""
        self._rate_hz = ur_model(config.model).servo_rate_hz
        self._kinematics = kinematics_of(config)
        self._library = library
        self._dashboard: Dashboard | None = None
        self._output = OutputLimit()
        self._source: StateSource | None = None
        self._reader: StateReader | None = None
        self._grip: Grip | None = None
        self._engaged = False
        self._restarts_n = 0
        self._why = ""
        self._tried_ns = MonoNs(0)

    @property
    def rate_hz(self) -> float:
        """The controller's servo rate [Hz]."""
        return self._rate_hz

    def read(self) -> ArmState:
        """Return the newest state; connects again by itself while not engaged.

        Raises:
            LinkLostError: While engaged: a connection broke, or the controller was started again.
            DeviceError: It cannot be reached.
        """
        now_ns = self._clock.now()
        self._output.check(now_ns)
        if self._engaged:
            return self._read_engaged()
        if self._grip is not None and self._grip.tend():
            self._drop_grip()
        if self._reader is not None and self._reader.connected:
            state = self._reader.read(running=False, settled=self._grip is not None)
            if now_ns - state.t_ns <= LOST_NS:
                return state
        if self._grip is None:
            self._connect_again(now_ns)
        raise DeviceError(f"ur: {self._host} says nothing; check its power and the cable")

    def engage(self) -> None:
        """Check the controller, send the control script and have it follow; takes up to seconds.

        Raises:
            DeviceError: One sentence: what is in the way and what to do.
        """
        self._await_end()
        self._why = ""
        facts = self._ask()
        findings = check(facts, self._config)
        for finding in findings:
            self._output.say(f"ur: {one_line(line(finding))}")
        if words := refusal(findings):
            raise DeviceError(f"ur: {one_line(words)}")
        if self._reader is None:
            raise DeviceError(f"ur: {self._host} says nothing; check its power and the cable")
        self._listen()
        state = self._reader.read(running=False, settled=True)
        if self._clock.now() - state.t_ns > self._config.max_state_age_s * S:
            raise DeviceError(f"ur: {self._host} says nothing new; check the cable, arm again")
        grip = self._grip = Grip(
            self._host,
            self._config,
            self._envelope,
            self._clock,
            gap_fault_s=self._gap_fault_s,
            upload=lambda text: self._library.upload(self._host, facts.version, text),
        )
        try:
            grip.take(state.q_rad)
        except DeviceError:
            self._let_go()
            raise
        self._restarts_n, self._engaged = self._reader.restarts_n, True

    def servo(self, setpoint: Setpoint) -> None:
        """Send the next setpoint.

        Raises:
            LinkLostError: The connection is gone.
            DeviceError: Not engaged.
        """
        if self._grip is None or self._grip.run is None or not self._engaged:
            raise DeviceError("ur: no control script runs that would follow setpoints")
        self._grip.run.follow(setpoint.q_rad)

    def disengage(self) -> None:
        """Have the control script brake and end; `read` sees to it that it does."""
        if self._engaged:
            self._let_go()

    def why(self) -> str:
        """Return what the control script said when it ended."""
        return self._why if self._grip is None else self._grip.why() or self._why

    def recover(self, step: RecoveryStep) -> None:
        """Do a step on the way back from a stop.

        Raises:
            DeviceError: The controller refused, in its own words.
        """
        self._await_end()
        if self._dashboard is None:
            raise DeviceError("ur: no controller has answered yet")
        self._dashboard.connect()
        self._dashboard.recover(step)

    def __enter__(self) -> Self:
        """Connect.

        Raises:
            DeviceError: Nobody answers there.
        """
        try:
            self._connect()
        except DeviceError:
            self._output.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the arm and disconnect."""
        self.disengage()
        self._await_end()
        self._disconnect()
        self._output.close()

    def _read_engaged(self) -> ArmState:
        grip, reader = self._grip, self._reader
        if grip is None or reader is None:
            raise LinkLostError("ur: no connection")
        grip.listen()
        report = None if grip.run is None else grip.run.report
        state = reader.read(running=grip.following, settled=True, report=report)
        if reader.restarts_n != self._restarts_n:
            raise LinkLostError("ur: the controller's time went back: it was started again")
        return state

    def _let_go(self) -> None:
        self._engaged = False
        if self._grip is not None:
            self._grip.let_go(well=self._well())

    def _well(self) -> bool:
        """Whether the controller can be expected to hear its script out."""
        state = None
        if self._reader is not None:
            with suppress(DeviceError):
                state = self._reader.read(running=False, settled=True)
        if state is None:
            return False
        return state.safety_bits == SAFETY_NORMAL and state.robot_mode == RobotMode.RUNNING

    def _await_end(self) -> None:
        """Wait until the program of the last session has ended."""
        deadline_ns = self._clock.now() + _END_NS
        while self._grip is not None and self._clock.now() < deadline_ns:
            if self._grip.tend():
                self._drop_grip()
            self._clock.sleep_until(MonoNs(self._clock.now() + MS))

    def _drop_grip(self) -> None:
        if self._grip is not None:
            self._why = self._grip.why()
            self._grip.close()
        self._grip = None

    def _connect(self) -> None:
        """Find out that somebody answers, then have the library receive.

        Raises:
            DeviceError: Nobody answers there.
        """
        self._host = self._find_host()
        self._dashboard = self._library.dashboard(self._host)
        facts = self._ask()
        self._output.say(f"ur: connecting to {self._host}")
        self._source = self._library.receive(self._host, round(1.0 / facts.period_s))
        self._reader = StateReader(self._source, self._kinematics, self._clock)
        self._listen()

    def _ask(self) -> ControllerFacts:
        if self._dashboard is None:
            raise DeviceError("ur: no controller has answered yet")
        return gather(self._host, self._dashboard, rate_hz=self._rate_hz)

    def _connect_again(self, now_ns: MonoNs) -> None:
        """Once in a while; nothing can move: the control script is not sent."""
        if now_ns - self._tried_ns < RETRY_NS:
            return
        self._disconnect()
        try:
            self._connect()
        finally:
            self._tried_ns = self._clock.now()

    def _disconnect(self) -> None:
        if self._source is not None:
            self._source.disconnect()
        if self._dashboard is not None:
            self._dashboard.close()
        self._source = self._reader = self._dashboard = None

    def _listen(self) -> None:
        """Look so often for a while that samples are seen as soon as they come: to date them."""
        if self._reader is None:
            return
        deadline_ns = self._clock.now() + LISTEN_NS
        while self._clock.now() < deadline_ns:
            self._reader.read(running=False, settled=False)
            self._clock.sleep_until(MonoNs(self._clock.now() + _POLL_NS))
