"""A cell of a test's own, its processes as the system sees them, its arm and its operator."""

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from robotd.core.arm_codes import ArmPhase
from robotd.core.arm_records import unpack_tick
from robotd.core.config import CellConfig
from robotd.core.config_load import load_toml
from robotd.core.errors import RobotdError, SupervisorError
from robotd.core.ring import RingReader
from robotd.core.run_files import ARM_RING, WORLD_RING, camera_ring, signal_ring
from robotd.core.types import ArmTick
from robotd.modes.daemon.control import ControlClient
from robotd.modes.daemon.messages import DaemonStatus, RunRequest

CHECKOUT = Path(__file__).parents[2]
PATIENCE_S = 20.0
ENGAGED = (ArmPhase.HOLDING, ArmPhase.FOLLOWING, ArmPhase.BRAKING)


def wait_for(what: str, look: Callable[[], Any], limit_s: float = PATIENCE_S) -> Any:
    """Poll until `look` returns something true."""
    deadline = time.monotonic() + limit_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited {limit_s} s for {what}"
        time.sleep(0.01)
    return found


@dataclass
class Site:
    """One cell's file, its run directory's folder, and its processes."""

    config: Path
    base: Path
    name: str
    mock: str = "direct"
    """`direct`, or `drivers`; empty for a real cell."""
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def run_dir(self) -> Path:
        return self.base / self.name

    @property
    def cell(self) -> CellConfig:
        return load_toml(self.config, CellConfig)

    def robotd(self, *words: str, **options: object) -> subprocess.Popen[str]:
        """Start `robotd`, with the words that every command of this cell needs."""
        cell = [f"--config={self.config}", f"--run-dir={self.base}"]
        cell += [f"--mock={self.mock}"] if self.mock else []
        return self.start("-m", "robotd.cli", words[0], *cell, *words[1:], **options)

    def start(self, *words: str, **options: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *words],
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        self.started.append(process)
        return process

    def processes(self) -> list[psutil.Process]:
        """Everything that names this cell's folder, whoever started it."""
        found = []
        for process in psutil.process_iter(["cmdline", "status"]):
            words = " ".join(process.info["cmdline"] or [])
            if str(self.base) in words and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process)
        return found

    def process(self, *words: str) -> psutil.Process | None:
        """The one process whose command line has all these words."""
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                if all(word in process.cmdline() for word in words):
                    return process
        return None

    def left(self) -> list[str]:
        """Name what is there: processes and files."""
        names = []
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                names.append(" ".join(process.cmdline()))
        return [*names, *(str(path) for path in self.base.rglob("*"))]

    def assert_nothing_is_left(self, limit_s: float = PATIENCE_S) -> None:
        deadline = time.monotonic() + limit_s
        while (left := self.left()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert left == []


class ArmTail:
    """Collects every tick of the arm, in a thread, over restarts of its process."""

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / ARM_RING
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self.ticks: list[tuple[int, ArmTick]] = []
        self.lost_n = 0

    def _read(self) -> None:
        with RingReader(self._path) as ring:
            newest = ring.newest()
            index = -1 if newest is None else newest.index
            ending = False
            while not ending:
                ending = self._stop.is_set()
                backlog = ring.since(index)
                self.lost_n += backlog.lost_n
                for record in backlog.records:
                    index = record.index
                    self.ticks.append((index, unpack_tick(record.payload)))
                time.sleep(0.02)

    def __enter__(self) -> "ArmTail":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def engaged(self) -> list[list[ArmTick]]:
        """Runs of consecutive cycles of one session in which a setpoint was sent."""
        runs: list[list[ArmTick]] = [[]]
        last = -2
        for index, tick in list(self.ticks):
            # In the cycle that disengages the command is what was measured, and the session 0.
            engaged = tick.session != 0 and tick.phase in ENGAGED
            if index != last + 1 or not engaged:
                runs.append([])
            if engaged:
                runs[-1].append(tick)
            last = index
        return [run for run in runs if run]

    def assert_inside(self, cell: CellConfig, rate_hz: float = 125.0) -> None:
        """Every setpoint lies in the envelope, and they were never accelerated too much."""
        box, envelope = cell.envelope.tool_box, cell.envelope
        for run in self.engaged():
            q = np.array([tick.q_cmd_rad for tick in run])
            p = np.array([tick.T_base_cmd[:3, 3] for tick in run])
            assert np.all(p >= np.array(box.min_m) - 1e-9), f"below the box: {p.min(axis=0)}"
            assert np.all(p <= np.array(box.max_m) + 1e-9), f"above the box: {p.max(axis=0)}"
            assert np.all(q >= np.array(envelope.q_min_rad)), f"joints: {q.min(axis=0)}"
            assert np.all(q <= np.array(envelope.q_max_rad)), f"joints: {q.max(axis=0)}"
            fastest = (np.abs(np.diff(q, n=2, axis=0)) * rate_hz**2).max(initial=0.0)
            limit = envelope.joint_acceleration_rad_s2
            assert fastest <= limit * 1.001, f"accelerated by {fastest} rad/s2, limit {limit}"

    def assert_rests(self) -> None:
        """The last setpoints of the last engagement stand still, and it was a stop that did it."""
        last = self.engaged()[-1]
        step_rad = np.abs(last[-1].q_cmd_rad - last[-2].q_cmd_rad).max()
        assert last[-1].phase is not ArmPhase.FOLLOWING, f"{last[-1]} of {len(last)}"
        assert step_rad < 1e-6, f"moves by {step_rad} rad a cycle at its end: {last[-1]}"

    def speed_m_s(self) -> float:
        """The tool's measured speed now."""
        recent = [tick for _, tick in self.ticks[-6:]]
        a, b = recent[0].state, recent[-1].state
        moved = np.linalg.norm(b.T_base_tcp[:3, 3] - a.T_base_tcp[:3, 3])
        return float(moved) / max(1e-3, (b.t_ns - a.t_ns) * 1e-9)


def _is_fresh(ring: RingReader) -> bool:
    """Whether a record comes within a fifth of a second."""
    before = ring.newest()
    time.sleep(0.2)
    return ring.newest(-1 if before is None else before.index) is not None


class Operator:
    """A client of a running daemon that keeps its lease from a thread, as `robotd run` does."""

    def __init__(self, run_dir: Path, name: str = "operator") -> None:
        self._run_dir = run_dir
        self.control = ControlClient(run_dir, name=name)
        self._beats = ControlClient(run_dir, name=name)
        self._silent = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def _beat(self) -> None:
        while not self._silent.is_set():
            with contextlib.suppress(RobotdError):
                self._beats.call("status", timeout_s=0.5)
            self._silent.wait(0.1)

    def disappear(self) -> None:
        """Send nothing from now on."""
        self._silent.set()
        self._thread.join()

    def close(self) -> None:
        self.disappear()
        self._beats.close()
        self.control.close()

    def status(self) -> DaemonStatus:
        return self.control.call("status", timeout_s=PATIENCE_S)  # it may still be starting

    def until(
        self, what: str, look: Callable[[DaemonStatus], bool], limit_s: float = PATIENCE_S
    ) -> DaemonStatus:
        deadline = time.monotonic() + limit_s
        while not look(status := self.status()):
            assert time.monotonic() < deadline, f"waited {limit_s} s for {what}; {status}"
            time.sleep(0.02)
        return status

    def until_state(self, state: str, limit_s: float = PATIENCE_S) -> DaemonStatus:
        return self.until(state, lambda s: s.state == state, limit_s)

    def disarm(self) -> None:
        """Bring the daemon to DISARMED, whatever a test before left."""
        if self.status().state == "FAULT":
            self.control.call("ack")
        self.control.call("stop")
        self.control.call("disarm")
        self.until_state("DISARMED")

    def prepare(self, endpoint: str) -> None:
        self.control.call("prepare", endpoint=endpoint)
        status = self.until("the policy", lambda s: bool(s.policy or s.policy_failure))
        assert status.policy_failure == ""

    def arm(self) -> None:
        self._until_fresh()
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                session = self.control.call("arm").session
                break
            except SupervisorError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        self.until("engaged", lambda s: s.arm is not None and s.arm.session == session)

    def _until_fresh(self) -> None:
        """Wait until world and cameras write: one that died may take another with it."""
        names = (WORLD_RING, camera_ring("side"), camera_ring("top"), signal_ring("block_pose"))
        for name in names:
            with RingReader(self._run_dir / name) as ring:
                wait_for(name, lambda r=ring: _is_fresh(r))

    def start(self, *phases: str, seed: int = 0) -> DaemonStatus:
        """Arm, start an episode and wait until it is in one of these phases."""
        self.arm()
        self.control.call("start", run=RunRequest(seed=seed, max_episode_s=60.0))
        return self.until(
            " or ".join(phases), lambda s: s.run is not None and s.run.phase in phases
        )
