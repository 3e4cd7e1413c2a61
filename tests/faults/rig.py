"""An arm's process and an emulated controller, with this process in the conductor's place.

Nothing else of a cell runs, so that what is measured is the arm's: its orders are written here, and
go on being written whatever happens, as by a conductor that has noticed nothing.
"""

import threading
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from robotd.core.arm_codes import ArmPhase, Source
from robotd.core.arm_reason import read_reason
from robotd.core.arm_records import unpack_tick
from robotd.core.clock import MS, MonoNs, S
from robotd.core.config import CellConfig
from robotd.core.errors import CorruptRecordError
from robotd.core.mailbox import MailboxWriter
from robotd.core.process import ChildProcess, spawn
from robotd.core.process_names import ARM, CONTROLLER
from robotd.core.ring import RingReader
from robotd.core.run_files import ARM_RIGHTS, ARM_RING, CELL_FILE, MAILBOX
from robotd.core.run_files import CONTROLLER as CONTROLLER_FILE
from robotd.core.rundir import RunDir
from robotd.core.types import ArmTick, Orders, Plan
from robotd.modes.cell_file import load_cell
from robotd.modes.options import MOCK_CELLS, UpOptions
from tests.faults.emulator import Emulator

START_S: Final = 40.0
PATIENCE_S: Final = 20.0
BEAT_S: Final = 0.01
SETTINGS: Final = ("arm.kind=ur", "arm.max_orders_age_s=1.0")
"""Who writes the orders here is held up like anybody else: that is not what is measured."""
TRIES_N: Final = 3
FAST_M_S: Final = 0.06
SWAY_M: Final = 0.04
SWAY_S: Final = 2.0
ROWS: Final = 200
ROW_NS: Final = 10 * MS


class Rig:
    """Controller and arm of one model; a context manager that ends both.

    Attributes:
        cell: Its configuration.
        ticks: Every cycle of the arm since the last `forget`, oldest first.
        session: The arming that is being ordered; 0 for none.
    """

    def __init__(self, folder: Path, model: str, *, settings: tuple[str, ...] = ()) -> None:
        """Start both, disarmed.

        Args:
            folder: For what the processes say.
            model: `ur5` (CB3, 125 Hz) or `ur5e` (500 Hz).
            settings: For `--set`.
        """
        self.cell: CellConfig = load_cell(
            UpOptions(config=str(MOCK_CELLS[model]), set=(*SETTINGS, *settings))
        )
        self.ticks: list[ArmTick] = []
        self.session = 0
        self._lock = threading.Lock()
        self._plan: Plan | None = None
        self._centre: tuple[int, np.ndarray] | None = None
        self._epoch = 0
        self._stop = threading.Event()
        self._open = ExitStack()
        self._log = folder
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            base = Path(f"/dev/shm/robotd-rig-{uuid.uuid4().hex[:8]}")
            stack.callback(lambda: base.rmdir() if base.exists() else None)
            self.run = stack.enter_context(RunDir.create("rig", base=base, grace_s=1.0)).path
            (self.run / CELL_FILE).write_bytes(msgspec.json.encode(self.cell))
            self._mailbox = stack.enter_context(MailboxWriter.create(self.run / MAILBOX))
            self._ring = stack.enter_context(RingReader(self.run / ARM_RING))
            self.controller = self._spawn(CONTROLLER, stack)
            about = msgspec.json.decode((self.run / CONTROLLER_FILE).read_bytes())
            self.emulator = stack.enter_context(Emulator(about["host"]))
            self._beating = threading.Thread(target=self._beat, name="orders", daemon=True)
            self._beating.start()
            stack.callback(self._quiet)
            self.arm: ChildProcess = self._spawn(ARM, stack)
            self._open = stack.pop_all()

    def __enter__(self) -> "Rig":
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    @property
    def period_s(self) -> float:
        """Servo period [s]."""
        return 1.0 / self.rate_hz

    @property
    def rate_hz(self) -> float:
        """Servo rate [Hz]."""
        return 125.0 if self.cell.arm.model == "ur5" else 500.0

    @property
    def realtime(self) -> bool:
        """Whether the arm's process got its real-time rights."""
        return (self.run / ARM_RIGHTS).read_text() == ""

    def restart_arm(self) -> None:
        """Start the arm's process again after it has ended."""
        assert not self.arm.alive
        self.arm = self._spawn(ARM, self._open)

    def engage(self) -> ArmTick:
        """Arm, as a person does; return the first cycle that holds."""
        self._centre, self._plan = None, None
        for _ in range(TRIES_N):  # its connections may still be coming back
            self.session += 1
            tick = self.until(
                "an answer",
                lambda t: t.session == self.session and bool(t.fault or t.state.program_running),
            )
            if not tick.fault:
                return tick
            time.sleep(1.0)
        why = read_reason(self.run, self.session)
        raise AssertionError(f"a person arms: {tick.fault.name} ({why})")

    def sway(self) -> None:
        """Have the tool go to and fro from now on, whatever becomes of it."""
        self._centre = (time.monotonic_ns(), self.newest().T_base_cmd.copy())

    def moving(self, seconds: float) -> None:
        """Arm, and let it sway for so long; ends while the tool is fast."""
        for _ in range(TRIES_N):  # a loaded computer may stop the arm on the way
            self.engage()
            self.sway()
            self.until("following", lambda t: t.fault or t.phase is ArmPhase.FOLLOWING)
            time.sleep(seconds)
            tick = self.until("a fast instant", lambda t: t.fault or self.speed_m_s() > FAST_M_S)
            if not tick.fault:
                return
        raise AssertionError(f"stopped {TRIES_N} times without a fault of ours: {tick.fault.name}")

    def disarm(self) -> None:
        """Order no session, and wait until the arm's process obeys none."""
        self._centre, self._plan, self.session = None, None, 0
        self.until("disarmed", lambda t: t.phase in (ArmPhase.DISARMED, ArmPhase.FAULT))

    def newest(self) -> ArmTick:
        """Return the newest cycle that has been seen."""
        assert self.ticks, "no cycle of the arm yet"
        return self.ticks[-1]

    def since(self, t_ns: int) -> list[ArmTick]:
        """Return the cycles after an instant."""
        return [tick for tick in list(self.ticks) if tick.t_ns > t_ns]

    def speed_m_s(self) -> float:
        """Speed of the tool as commanded in the newest cycles."""
        a, b = self.ticks[-2], self.ticks[-1]
        moved = np.linalg.norm(b.T_base_cmd[:3, 3] - a.T_base_cmd[:3, 3])
        return float(moved) * S / max(1, b.t_ns - a.t_ns)

    def until(
        self, what: str, look: Callable[[ArmTick], bool], limit_s: float = PATIENCE_S
    ) -> ArmTick:
        """Wait until a cycle from now on meets a condition; return it."""
        deadline, seen = time.monotonic() + limit_s, len(self.ticks)
        while time.monotonic() < deadline:
            for tick in self.ticks[seen:]:
                seen += 1
                if look(tick):
                    return tick
            if not self.arm.alive:
                raise AssertionError(f"waited for {what}: the arm {self.arm.last_lines(2)}")
            time.sleep(0.002)
        newest = self.ticks[-1] if self.ticks else None
        if newest is None:
            raise AssertionError(f"waited {limit_s} s for {what}: no cycle at all")
        about = f"{newest.phase.name} {newest.fault.name} {newest.hold.name} {newest.session}"
        age_s = (time.monotonic_ns() - newest.t_ns) / S
        about += f" of {self.session}, {age_s:.2f} s ago; {read_reason(self.run, newest.session)}"
        raise AssertionError(f"waited {limit_s} s for {what}: {about}")

    def forget(self) -> None:
        """Keep the newest few cycles alone."""
        with self._lock:
            del self.ticks[:-10]

    def _spawn(self, name: str, stack: ExitStack) -> ChildProcess:
        child = spawn(name, self.run, log_dir=self._log)
        stack.callback(child.terminate, PATIENCE_S)
        child.wait_ready(START_S)
        return child

    def _beat(self) -> None:
        """Write orders and read cycles, to the end."""
        index = -1
        while not self._stop.is_set():
            now = MonoNs(time.monotonic_ns())
            self._mailbox.put(Orders(t_ns=now, session=self.session, plan=self._way(now)))
            try:
                backlog = self._ring.since(index)
            except CorruptRecordError:  # being made anew
                continue
            index = backlog.upto
            with self._lock:
                self.ticks += [unpack_tick(record.payload) for record in backlog.records]
            self._stop.wait(BEAT_S)

    def _way(self, now: MonoNs) -> Plan | None:
        """The plan of the next second, made anew four times a second."""
        centre, plan = self._centre, self._plan  # another thread sets them
        if centre is None:
            return None
        if plan is not None and now - int(plan.t_ns[0]) < S // 4:
            return plan
        begun_ns, T = centre
        t_ns = now + ROW_NS * np.arange(ROWS, dtype=np.int64)
        poses = np.repeat(T[None], ROWS, axis=0)
        since_s = (t_ns - begun_ns) / S
        poses[:, 0, 3] += SWAY_M * np.sin(2 * np.pi * since_s / SWAY_S)
        self._epoch += 1
        plan = self._plan = Plan(
            epoch=self._epoch,
            t_ns=t_ns,
            T_base_tcp=poses,
            valid_until_ns=MonoNs(int(t_ns[-1])),
            source=Source.POLICY,
        )
        return plan

    def _quiet(self) -> None:
        self._stop.set()
        self._beating.join()
