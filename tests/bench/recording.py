"""Recording two cameras and the arm at 500 Hz: is all of it in the episode, and what does it cost.

The cameras are processes that give pre-rendered pictures, a texture that moves plus sensor noise;
the arm is the real process with the simulated arm, driven round the board. The arm's lateness is
measured while the recorder waits and while it records. `--camera` and `--recorder` are the
children; by hand, for ten minutes: `python -m tests.bench.recording --seconds 600`.
"""

import argparse
import json
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil

from robotd.core.arm_records import pack_orders, unpack_tick
from robotd.core.clock import MS, MonoNs, S, SystemClock, seconds_to_ns
from robotd.core.config import CameraConfig, CellConfig
from robotd.core.journal import (
    NOTE_BYTES,
    NOTES_KEPT_N,
    BeginEpisode,
    EndEpisode,
    OpenDataset,
    Order,
    PlanNote,
    pack_note,
)
from robotd.core.mailbox import MailboxWriter
from robotd.core.process import ChildProcess, StopFlag, announce_ready, die_with_parent, spawn
from robotd.core.process_names import ARM, RECORDER, camera_process
from robotd.core.recorder_status import RecorderStatus, unpack_recorder_status
from robotd.core.ring import RingReader, RingWriter
from robotd.core.run_files import ARM_RING, JOURNAL, MAILBOX, RECORDER_RING
from robotd.core.rundir import RunDir
from robotd.core.types import Frame
from robotd.episodes import topics
from robotd.episodes.episode_file import LOG_NAME, read_episode_file
from robotd.episodes.log import EpisodeLog, LogReader
from robotd.hardware.camera_process import CameraPublisher
from robotd.modes.cell_file import read_cell, write_cell
from tests.bench.machine import quantiles
from tests.bench.motion import CircleOrders, mock_cell

CAMERAS = ("front", "side")
EPISODE = "20260101-000000-0001"
WIDTH_PX, HEIGHT_PX, RATE_HZ, LOOP_N = 640, 480, 30.0, 60
ORDERS_S = 0.02
LATENCY_NS = 40 * MS


def run(*, seconds: float = 60.0) -> dict[str, object]:
    """Record for `seconds`, after a third of that, at most a minute, without recording."""
    with tempfile.TemporaryDirectory(prefix="robotd-bench-") as folder:
        return _run(Path(folder), seconds)


def bench_cell() -> CellConfig:
    """Return the mock cell with two cameras of the usual size."""
    camera = CameraConfig(kind="sim", width_px=WIDTH_PX, height_px=HEIGHT_PX, rate_hz=RATE_HZ)
    cell = msgspec.structs.replace(mock_cell(), name="bench-recording")
    return msgspec.structs.replace(cell, cameras=dict.fromkeys(CAMERAS, camera))


@dataclass
class Lateness:
    """What the arm's ticks of one phase say."""

    t_ns: list[int] = field(default_factory=list)
    late_ns: list[int] = field(default_factory=list)
    skipped_n: int = 0

    def figures(self) -> dict[str, object]:
        return {
            "ticks": len(self.t_ns),
            "missed_periods": self.skipped_n,
            **quantiles(np.array(self.late_ns), "late_ms", factor=1e-6),
        }


class Conductor:
    """Stands in for it: keeps the arm moving, orders the recorder, reads the ticks."""

    def __init__(self, cell: CellConfig, run_dir: Path, stack: ExitStack) -> None:
        self.clock = SystemClock()
        self._mailbox = MailboxWriter.create(run_dir / MAILBOX)
        stack.callback(self._mailbox.close)
        self._journal = stack.enter_context(
            RingWriter.create(run_dir / JOURNAL, NOTE_BYTES, NOTES_KEPT_N)
        )
        self._ticks = stack.enter_context(RingReader(run_dir / ARM_RING))
        self._status = stack.enter_context(RingReader(run_dir / RECORDER_RING))
        self._orders = CircleOrders(cell, self.clock.now())
        self._tick_index, self._epoch = -1, -1
        self.lost_n = self.most_silent_ns = 0
        self._moving_from_ns = self.clock.now() + S // 2

    def turn(self, into: Lateness) -> None:
        """Renew the orders, note a new plan, read the ticks."""
        now = self.clock.now()
        orders = self._orders.disarmed(now) if now < self._moving_from_ns else self._orders(now)
        self._mailbox.put(orders)
        if orders.plan is not None and orders.plan.epoch != self._epoch:
            self._epoch = orders.plan.epoch
            self.note(PlanNote(t_ns=now, orders=pack_orders(orders)))
        backlog = self._ticks.since(self._tick_index)
        if self._tick_index >= 0:
            self.lost_n += backlog.lost_n
        self._tick_index = backlog.upto
        for record in backlog.records:
            tick = unpack_tick(record.payload)
            into.t_ns.append(tick.t_ns)
            into.late_ns.append(tick.late_ns)
            into.skipped_n += tick.skipped_n
        time.sleep(ORDERS_S)

    def note(self, note: PlanNote | Order) -> None:
        self._journal.write(pack_note(note))

    def status(self) -> RecorderStatus | None:
        record = self._status.newest()
        if record is None:
            return None
        status = unpack_recorder_status(record.payload)
        self.most_silent_ns = max(self.most_silent_ns, self.clock.now() - status.t_ns)
        return status

    def obey(self, order: Order, into: Lateness, timeout_s: float = 60.0) -> float:
        """Give an order and wait for it; return how long it took [s]."""
        start = time.monotonic()
        self.note(order)
        while True:
            status = self.status()
            if status is not None and status.obeyed == order.number:
                break
            if time.monotonic() > start + timeout_s:
                raise TimeoutError(f"no answer to {order}")
            self.turn(into)
        if status.refusal:
            raise RuntimeError(status.refusal)
        return time.monotonic() - start


class Usage:
    """Processor and memory of a process, looked at once a second."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.own_mb: list[float] = []
        self.begin()

    def begin(self) -> None:
        times = self._process.cpu_times()
        self._start = (time.monotonic(), times.user + times.system)

    def look(self) -> None:
        memory = self._process.memory_info()
        self.own_mb.append((memory.rss - memory.shared) / 1e6)

    def cores(self) -> float:
        times = self._process.cpu_times()
        since_s, used_s = self._start
        return (times.user + times.system - used_s) / (time.monotonic() - since_s)


def _run(folder: Path, seconds: float) -> dict[str, object]:
    cell, module = bench_cell(), "tests.bench.recording"
    with RunDir.create(cell.name) as run_dir, ExitStack() as stack:
        path = run_dir.path
        write_cell(cell, path)
        conductor = Conductor(cell, path, stack)

        def child(name: str, *words: str) -> ChildProcess:
            command = (sys.executable, "-m", module, *words, str(path)) if words else None
            started = spawn(name, path, command=command, log_dir=folder)
            stack.callback(started.terminate, 5.0)
            return started

        children = [child(camera_process(name), f"--camera={name}") for name in CAMERAS]
        recorder = child(RECORDER, "--recorder")
        children += [child(ARM), recorder]
        for started in children:
            started.wait_ready(120.0)
        return _measure(conductor, recorder, children, folder, path, seconds)


def _measure(
    conductor: Conductor,
    recorder: ChildProcess,
    children: list[ChildProcess],
    folder: Path,
    path: Path,
    seconds: float,
) -> dict[str, object]:
    clock, dataset, usage = conductor.clock, folder / "data", Usage(recorder.pid)
    idle, busy, apart = Lateness(), Lateness(), Lateness()
    _turn_for(conductor, apart, 3.0, usage)  # everything is loaded, the arm moves
    conductor.obey(OpenDataset(t_ns=clock.now(), number=1, dataset=str(dataset)), apart)
    usage.begin()
    _turn_for(conductor, idle, min(60.0, max(5.0, seconds / 3)), usage)
    waiting_cores = usage.cores()

    begin = BeginEpisode(t_ns=clock.now(), number=2, episode=EPISODE, kind="collect")
    begin_s = conductor.obey(begin, busy)
    usage.begin()
    usage.own_mb.clear()
    conductor.most_silent_ns = 0
    worst = _turn_for(conductor, busy, seconds, usage)
    silent_ms = conductor.most_silent_ns / MS
    cores, memory_mb = usage.cores(), list(usage.own_mb)
    end_ns = clock.now()
    end = EndEpisode(t_ns=end_ns, number=3, episode=EPISODE, outcome="bench")
    end_s = conductor.obey(end, busy)
    for started in reversed(children):
        started.terminate(5.0)
    conductor.turn(busy)

    window = (begin.t_ns, end_ns)
    syncs_ms = np.array(json.loads((path / "syncs.json").read_text())) * 1e3
    file = read_episode_file(dataset / EPISODE)
    early = memory_mb[: max(1, len(memory_mb) // 10)]
    return {
        "seconds": seconds,
        "ticks": _compare(within(busy.t_ns, window), _times(dataset, topics.ARM)),
        "frames": {
            name: _compare(
                within(json.loads((path / f"{name}.json").read_text()), window),
                _times(dataset, topics.times_topic(name)),
            )
            for name in CAMERAS
        },
        "gaps": dict(file.dropped),
        "most_behind_s": round(worst, 3),
        "longest_silence_ms": round(silent_ms, 1),
        "recorder_cores": round(cores, 3),
        "recorder_cores_waiting": round(waiting_cores, 3),
        "recorder_memory_mb_at_10_percent": round(early[-1], 1),
        "recorder_memory_mb_at_end": round(memory_mb[-1], 1),
        "recorder_memory_mb_most": round(max(memory_mb), 1),
        "mb_a_minute": round(file.log_bytes / 1e6 / file.duration_s * 60, 1),
        "fdatasync_ms_mean": round(float(syncs_ms.mean()), 2),
        "fdatasync_ms_max": round(float(syncs_ms.max()), 2),
        "begin_s": round(begin_s, 3),
        "end_s": round(end_s, 3),
        "arm_not_recording": idle.figures(),
        "arm_recording": busy.figures(),
        "ticks_unseen_by_the_bench": conductor.lost_n,
    }


def _turn_for(conductor: Conductor, into: Lateness, seconds: float, usage: Usage) -> float:
    """Turn for a while; return how far the recorder was behind at most [s]."""
    until, look_at, worst = time.monotonic() + seconds, time.monotonic(), 0.0
    while time.monotonic() < until:
        conductor.turn(into)
        if time.monotonic() >= look_at:
            usage.look()
            look_at += 1.0
        if (status := conductor.status()) is not None:
            worst = max(worst, status.behind_s)
            if status.problem:
                raise RuntimeError(status.problem)
    return worst


def within(t_ns: list[int], window: tuple[int, int]) -> list[int]:
    """Return the instants in a window, its ends included."""
    return [t for t in t_ns if window[0] <= t <= window[1]]


def _times(dataset: Path, topic: str) -> list[int]:
    log = LogReader(dataset / EPISODE / LOG_NAME)
    return [message.t_log_ns for message in log.messages([topic])]


def _compare(produced: list[int], written: list[int]) -> dict[str, int]:
    return {
        "produced": len(produced),
        "written": len(written),
        "lost": len(set(produced) - set(written)),
        "more_than_produced": len(set(written) - set(produced)),
    }


def pictures(seed: int) -> list[np.ndarray]:
    """Return (480, 640, 3) uint8 pictures of a texture that moves in a circle, with noise."""
    random = np.random.default_rng(seed)
    height, width = HEIGHT_PX + 64, WIDTH_PX + 64
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = 1.0
    planes = []
    for _ in range(3):
        white = np.fft.rfft2(random.standard_normal((height, width)))
        plane = np.fft.irfft2(white / frequency**1.3, s=(height, width))
        planes.append(128 + 45 * plane / plane.std())
    texture = np.stack(planes, axis=-1).astype(np.float32)
    made = []
    for step in range(LOOP_N):
        angle = 2 * np.pi * step / LOOP_N
        y, x = (round(32 + 31 * f(angle)) for f in (np.sin, np.cos))
        cut = texture[y : y + HEIGHT_PX, x : x + WIDTH_PX]
        noise = 2 * random.standard_normal(cut.shape, dtype=np.float32)
        made.append(np.clip(cut + noise, 0, 255).astype(np.uint8))
    return made


def be_camera(run_dir: Path, name: str) -> None:
    """Publish pictures at absolute deadlines until SIGTERM; leave when each arrived."""
    config = bench_cell().cameras[name]
    shown, clock, arrivals = pictures(CAMERAS.index(name)), SystemClock(), list[int]()
    with StopFlag() as stop, CameraPublisher(run_dir, name, config, ()) as publisher:
        die_with_parent()
        announce_ready(run_dir, camera_process(name))
        start = clock.now()
        while not stop.requested:
            clock.sleep_until(MonoNs(start + seconds_to_ns(len(arrivals) / RATE_HZ)))
            now = clock.now()
            rgb = shown[len(arrivals) % LOOP_N]
            frame = Frame(t_ns=MonoNs(now - LATENCY_NS), t_arrival_ns=now, rgb=rgb)
            publisher.publish(frame)
            arrivals.append(now)
    (run_dir / f"{name}.json").write_text(json.dumps(arrivals))


def be_recorder(run_dir: Path) -> None:
    """Be the recorder's process, but time how long the disk takes."""
    import os

    from robotd.episodes.recorder import process

    took_s: list[float] = []

    def sync(fd: int) -> None:
        start = time.perf_counter()
        os.fdatasync(fd)
        took_s.append(time.perf_counter() - start)

    def create_log(path: Path, **more: Any) -> EpisodeLog:
        return EpisodeLog.create(path, sync=sync, **more)

    process.main(run_dir, read_cell(run_dir), create_log)
    (run_dir / "syncs.json").write_text(json.dumps(took_s))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--camera")
    parser.add_argument("--recorder", action="store_true")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("run_dir", type=Path, nargs="?")
    words = parser.parse_args()
    if words.camera:
        be_camera(words.run_dir, words.camera)
    elif words.recorder:
        be_recorder(words.run_dir)
    else:
        sys.stdout.write(json.dumps(run(seconds=words.seconds), indent=2) + "\n")
