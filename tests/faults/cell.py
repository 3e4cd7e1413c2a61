"""A mock cell of real processes to do harm to: its daemon, its operator, a collecting session."""

import contextlib
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import psutil

from robotd.core.errors import SupervisorError
from robotd.core.janitor import remove_tree
from robotd.core.process import PARENT_VARIABLE
from robotd.core.recorder_status import RecorderStatus
from robotd.core.ring import RingReader
from robotd.core.run_files import (
    ARM_RING,
    TELEOP_RING,
    WORLD_RING,
    camera_ring,
    signal_ring,
)
from robotd.episodes.dataset import episodes
from robotd.modes.cell_file import load_cell
from robotd.modes.collect.messages import CollectRequest, CollectStatus
from robotd.modes.daemon.control import SOCKET_NAME
from robotd.modes.daemon.messages import DaemonStatus
from robotd.modes.options import MOCK_CELLS, Mock, Model, UpOptions
from tests.end_to_end.cell_site import CHECKOUT, PATIENCE_S, Operator, Site, wait_for
from tests.faults.witness import Witness

MAX_ORDERS_AGE_S: Final = 1.0
SETTINGS: Final = (
    # A cell that shares two cores with another one, and with whoever watches them both.
    "arm.gap_fault_s=0.5",
    f"arm.max_orders_age_s={MAX_ORDERS_AGE_S}",
    "cameras.side.width_px=160",
    "cameras.side.height_px=120",
    "task.travel_height_m=0.03",
    "record.reserve_mb=100",
    "record.stop_mb=50",
)
DRIVERS: Final = (
    "arm.kind=ur",
    "cameras.side.kind=realsense",
    "cameras.side.serial=S101",
    "cameras.top.kind=realsense",
    "cameras.top.serial=S102",
    "teleop.device=spacemouse",
)
RUNNING: Final = "RUNNING"
TRIES_N: Final = 5
START_S: Final = 40.0
"""All processes of a cell start at once; on a loaded computer that takes a while."""
EPISODE_S: Final = 120.0
"""Long enough that no episode of these ends because its time is over."""


class FaultCell:
    """One cell and one data set; the daemon is started and started again as often as needed."""

    def __init__(
        self,
        folder: Path,
        *,
        dataset: Path | None = None,
        settings: Sequence[str] = (),
        prefix: Sequence[str] = (),
        environment: dict[str, str] | None = None,
        mock: Mock = "direct",
        model: Model = "ur5",
    ) -> None:
        """Nothing runs yet.

        Args:
            folder: For the daemon's words, and the data set by default.
            dataset: Where episodes are recorded, as the cell's processes see it.
            settings: More for `--set`.
            prefix: Words before the command: another mount namespace.
            environment: All variables of the daemon; default: as here.
            mock: Whether its devices are simulated, or emulated below the drivers.
            model: Its arm.
        """
        folder.mkdir(parents=True, exist_ok=True)
        key = uuid.uuid4().hex[:8]
        self.folder = folder
        self._file = CHECKOUT / MOCK_CELLS[model]
        settings = (*(DRIVERS if mock == "drivers" else ()), *settings)
        self._words = [f"--mock={mock}"]
        self._words += [f"--set={setting}" for setting in (*SETTINGS, *settings)]
        self.config = load_cell(
            UpOptions(config=str(self._file), mock=mock, set=(*SETTINGS, *settings), run_dir=folder)
        )
        self.site = Site(self._file, Path(f"/dev/shm/robotd-faults-{key}"), self.config.name)
        self.dataset = folder / "episodes" if dataset is None else dataset
        self._prefix, self._environment = tuple(prefix), environment
        self._log = folder / f"daemon-{key}.log"
        self._daemon: subprocess.Popen[bytes] | None = None
        self._operator: Operator | None = None

    @property
    def run_dir(self) -> Path:
        """Where its processes meet."""
        return self.site.run_dir

    @property
    def cameras(self) -> tuple[str, ...]:
        """Names of its cameras."""
        return tuple(self.config.cameras)

    @property
    def daemon(self) -> subprocess.Popen[bytes]:
        """The daemon's process."""
        assert self._daemon is not None, "it was not started"
        return self._daemon

    @property
    def operator(self) -> Operator:
        """The client that keeps the lease."""
        assert self._operator is not None, "the daemon was not started"
        return self._operator

    def command(self, word: str, *words: str) -> subprocess.Popen[bytes]:
        """Start `robotd WORD` of this cell; its words go to the log."""
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [
                    *self._prefix,
                    *(sys.executable, "-m", "robotd.cli", word),
                    *(f"--config={self._file}", f"--run-dir={self.site.base}"),
                    *self._words,
                    *words,
                ],
                cwd=CHECKOUT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**(self._environment or os.environ), PARENT_VARIABLE: str(os.getpid())},
            )

    def said(self) -> list[str]:
        """Return the lines that daemon and commands have said so far."""
        return self._log.read_text(errors="replace").splitlines()

    def up(self) -> Operator:
        """Start the daemon, if none runs, and have it hold the data set."""
        if self._operator is not None and self.daemon.poll() is None:
            return self._operator
        self.drop_client()
        wait_for("the last run's end", lambda: not self.run_dir.exists())
        daemon = self._daemon = self.command("up")
        control = self.run_dir / SOCKET_NAME
        wait_for("the daemon", lambda: control.exists() or daemon.poll() is not None)
        assert daemon.poll() is None, f"the daemon ended: {self.said()[-3:]}"
        operator = self._operator = Operator(self.run_dir, name="faults")
        operator.control.call("status", timeout_s=START_S)
        operator.until("the arm", lambda s: s.arm is not None)
        operator.control.call("prepare", dataset=str(self.dataset))
        operator.until("the data set", lambda s: bool(s.dataset or s.dataset_failure))
        return operator

    def drop_client(self) -> None:
        """Let go of the client of a daemon that is gone."""
        if self._operator is not None:
            self._operator.close()
            self._operator = None

    def pid(self, name: str) -> int:
        """Return the process id of one of its processes; of the daemon for `conductor`."""
        status = self.operator.status()
        return status.pid if name == "conductor" else status.processes[name].pid

    def all_at_work(self) -> bool:
        """Whether every device writes and the recorder holds the data set."""
        status = self.operator.status()
        keys = [key for camera in self.config.cameras.values() for key in camera.tracks]
        names = [ARM_RING, WORLD_RING, *map(camera_ring, self.cameras), *map(signal_ring, keys)]
        return (
            bool(status.dataset)
            and all(process.alive for process in status.processes.values())
            and _fresh([self.run_dir / name for name in names])
        )

    def record(self) -> str:
        """Bring the cell to where an episode has begun, from whatever state; return its name.

        A loaded computer may stop the arm on the way there: that is no fault of these.
        """
        for _ in range(TRIES_N):
            if episode := self._try_to_record():
                return episode
        raise AssertionError(f"no episode after {TRIES_N} tries: {self.operator.status()}")

    def record_for(self, seconds: float, witness: Witness) -> str:
        """Record, and let it go on for a while; return the name of an episode that goes on.

        The operator may come to its goal just then, which ends one.
        """
        for _ in range(TRIES_N):
            episode = self.record()
            time.sleep(seconds)
            if episode not in witness.ends:
                return episode
        raise AssertionError(f"none of {TRIES_N} episodes lasted for {seconds} s")

    def keep_one(self, seconds: float) -> Path:
        """Record a short episode to its end; return its folder."""
        episode = self.record()
        time.sleep(seconds)
        with contextlib.suppress(SupervisorError):  # its operator has come to its goal just then
            self.operator.control.call("say", command="stop")
        wait_for("its end", lambda: episode in episodes(self.dataset))
        return self.dataset / episode

    def _try_to_record(self) -> str:
        operator = self.up()
        wait_for("all processes", self.all_at_work, limit_s=START_S)
        state = operator.status().state
        if state == "FAULT":
            operator.control.call("ack")
        elif state == "PAUSED":
            operator.until("the recorder", lambda s: _collect(s).session == "PAUSED")
            operator.control.call("resume")
        if operator.status().state == "DISARMED":
            operator.arm()
            operator.control.call("start", collect=self._request())
        ready = operator.until("the place", lambda s: s.state != RUNNING or _may_start(s), START_S)
        if ready.state != RUNNING or not _fresh([self.run_dir / TELEOP_RING]):
            return ""
        with contextlib.suppress(SupervisorError):  # stopped meanwhile
            operator.control.call("say", command="start")
        before_n = _collect(ready).counts.tries_n

        def over(status: DaemonStatus) -> bool:  # begun where the block lay in its goal already
            return _collect(status).counts.tries_n > before_n

        status = operator.until(
            "an episode", lambda s: s.state != RUNNING or _begun(s) or _was_refused(s) or over(s)
        )
        return status.recorder.episode if _begun(status) and status.state == RUNNING else ""

    def _request(self) -> CollectRequest:
        return CollectRequest(
            operator="pusher",
            arguments=("--operator=pusher",),
            start="task",
            max_episode_s=EPISODE_S,
        )

    def end(self) -> None:
        """Stop what goes on, and have the daemon let go of everything."""
        with contextlib.suppress(SupervisorError):
            self.operator.disarm()

    def close(self) -> None:
        """End the daemon, and see that nothing of it is left."""
        self.drop_client()
        if self._daemon is not None:
            self._daemon.terminate()
            self._daemon.wait(PATIENCE_S)
        self.site.assert_nothing_is_left()

    def __enter__(self) -> "FaultCell":
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        try:
            if kind is None:
                self.close()
        finally:
            self.drop_client()
            for process in self.site.processes():
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            if self._daemon is not None:
                self._daemon.wait()
            remove_tree(str(self.site.base))


def _collect(status: DaemonStatus) -> CollectStatus:
    assert status.collect is not None, status
    return status.collect


def _may_start(status: DaemonStatus) -> bool:
    """Whether the tool is in its place, and whoever operates it is heard."""
    session = _collect(status)
    return "start" in session.possible and session.teleop


def _was_refused(status: DaemonStatus) -> bool:
    """Whether the session stays where it was: a device that was held up just then is not heard."""
    session = _collect(status)
    return session.session == "READY" and session.note.startswith("cannot record: ")


def _begun(status: DaemonStatus) -> bool:
    recorder: RecorderStatus | None = status.recorder
    return recorder is not None and bool(recorder.episode and recorder.t_first_ns)


def _fresh(rings: Sequence[Path]) -> bool:
    """Whether each ring gets a record within a fifth of a second."""
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(RingReader(path)) for path in rings]
        before = [reader.newest_index() for reader in readers]
        deadline = time.monotonic() + 0.2
        while time.monotonic() < deadline:
            time.sleep(0.01)
            if all(r.newest_index() > b >= 0 for r, b in zip(readers, before, strict=True)):
                return True
    return False
