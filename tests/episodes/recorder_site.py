"""A cell made of rings alone, for the recorder's tests: this process writes what devices would."""

import time
from contextlib import ExitStack

import msgspec
import numpy as np

from robotd.core.arm_codes import Source
from robotd.core.arm_records import TICK_BYTES, pack_tick
from robotd.core.clock import MonoNs
from robotd.core.config import CameraConfig
from robotd.core.journal import (
    NOTE_BYTES,
    NOTES_KEPT_N,
    BeginEpisode,
    DropEpisode,
    EndEpisode,
    OpenDataset,
    RestoreEpisode,
    pack_note,
)
from robotd.core.recorder_status import unpack_recorder_status
from robotd.core.ring import RingReader, RingWriter
from robotd.core.run_files import (
    ARM_RING,
    CELL_FILE,
    JOURNAL,
    RECORDER_RING,
    TELEOP_RING,
    WORLD_RING,
    camera_ring,
    signal_ring,
)
from robotd.core.sample_records import (
    TELEOP_BYTES,
    frame_bytes,
    pack_frame,
    pack_signal,
    pack_teleop,
    signal_bytes,
)
from robotd.core.types import ArmState, ArmTick, Frame, Signal, TeleopSample
from robotd.core.world_state import WORLD_STATE_BYTES, WorldState, pack_world_state
from robotd.episodes.episode_file import LOG_NAME, read_episode_file
from robotd.episodes.log import LogReader
from robotd.episodes.unpack import unpack
from robotd.episodes.verify import verify
from robotd.modes.cell_file import load_cell
from robotd.modes.options import CellOptions

WIDTH_PX, HEIGHT_PX = 64, 48
CAMERA, SIGNAL = "top", "block_pose"
EPISODE = "20261120-120000-0001"


def small_cell(**record):
    """The mock cell with one small camera that has a tracker."""
    cell = load_cell(CellOptions(mock="direct"))
    camera = CameraConfig(
        kind="sim", width_px=WIDTH_PX, height_px=HEIGHT_PX, rate_hz=30.0, tracks=(SIGNAL,)
    )
    settings = {"reserve_mb": 1.0, "stop_mb": 0.5, **record}
    changed = msgspec.structs.replace(cell.record, **settings)
    return msgspec.structs.replace(cell, cameras={CAMERA: camera}, record=changed)


def tick_at(t_ns, late_ns=0):
    state = ArmState(
        t_ns=MonoNs(t_ns - 1000), q_rad=np.zeros(6), qd_rad_s=np.zeros(6), T_base_tcp=np.eye(4)
    )
    return ArmTick(
        t_ns=MonoNs(t_ns),
        state=state,
        q_cmd_rad=np.zeros(6),
        T_base_cmd=np.eye(4),
        source=Source.HUMAN,
        late_ns=late_ns,
    )


class Site:
    """The rings of a run directory, written by hand; a context manager."""

    def __init__(self, run_dir, cell=None, *, tick_slots=4096):
        self.run_dir = run_dir
        self.cell = small_cell() if cell is None else cell
        self.tick_slots = tick_slots
        self._number = 0
        self._open = ExitStack()

    def __enter__(self):
        (self.run_dir / CELL_FILE).write_bytes(msgspec.json.encode(self.cell))
        self.frame_slots = 17
        sizes = {
            JOURNAL: (NOTE_BYTES, NOTES_KEPT_N),
            ARM_RING: (TICK_BYTES, self.tick_slots),
            TELEOP_RING: (TELEOP_BYTES, 256),
            WORLD_RING: (WORLD_STATE_BYTES, 256),
            signal_ring(SIGNAL): (signal_bytes(1, 3), 256),
            camera_ring(CAMERA): (frame_bytes(HEIGHT_PX, WIDTH_PX), self.frame_slots),
        }
        self.rings = {name: self.make(name, *size) for name, size in sizes.items()}
        self.status_ring = self._open.enter_context(RingReader(self.run_dir / RECORDER_RING))
        return self

    def __exit__(self, *error):
        self._open.close()

    def make(self, name, slot_bytes, slots):
        return self._open.enter_context(RingWriter.create(self.run_dir / name, slot_bytes, slots))

    def restart_arm(self):
        self.rings[ARM_RING] = self.make(ARM_RING, TICK_BYTES, self.tick_slots)

    def note(self, note):
        self.rings[JOURNAL].write(pack_note(note))

    def tick(self, t_ns):
        self.rings[ARM_RING].write(pack_tick(tick_at(t_ns)))

    def frame(self, t_ns, *, arrival_ns=None, value=100, width_px=WIDTH_PX):
        rgb = np.full((HEIGHT_PX, width_px, 3), value, np.uint8)
        arrival_ns = t_ns if arrival_ns is None else arrival_ns
        frame = Frame(t_ns=MonoNs(t_ns), t_arrival_ns=MonoNs(arrival_ns), t_device_ns=7, rgb=rgb)
        self.rings[camera_ring(CAMERA)].write(*pack_frame(frame))

    def signal(self, t_ns):
        signal = Signal(t_ns=np.array([t_ns]), value=np.ones((1, 3)))
        self.rings[signal_ring(SIGNAL)].write(pack_signal(signal))

    def teleop(self, t_ns):
        sample = TeleopSample(t_ns=MonoNs(t_ns), deflection=np.zeros(6), buttons=frozenset({0}))
        self.rings[TELEOP_RING].write(pack_teleop(sample))

    def world(self, t_ns):
        state = WorldState(
            t_ns=MonoNs(t_ns),
            episode=1,
            seed=2,
            step_n=3,
            start_xy_px=np.zeros(2),
            agent_xy_px=np.zeros(2),
            tool_height_m=0.01,
            block_pose_px=np.zeros(3),
            coverage=0.5,
            best_coverage=0.5,
            best_score=0.5,
            success=False,
        )
        self.rings[WORLD_RING].write(pack_world_state(state))

    def _order(self, note, t_ns, **fields):
        self._number += 1
        self.note(note(t_ns=t_ns, number=self._number, **fields))
        return self._number

    def open(self, dataset, t_ns=0):
        return self._order(OpenDataset, t_ns, dataset=str(dataset))

    def begin(self, t_ns, episode=EPISODE):
        return self._order(
            BeginEpisode, t_ns, episode=episode, kind="collect", about={"operator": "hand"}
        )

    def end(self, t_ns, episode=EPISODE, **more):
        return self._order(EndEpisode, t_ns, episode=episode, outcome="stopped", **more)

    def drop(self, episode=EPISODE):
        return self._order(DropEpisode, 0, episode=episode)

    def restore(self, episode=EPISODE):
        return self._order(RestoreEpisode, 0, episode=episode)

    @property
    def status(self):
        """The recorder's newest status; None before the first."""
        self.status_ring.newest_index()  # follows a restarted recorder
        record = self.status_ring.newest()
        return None if record is None else unpack_recorder_status(record.payload)

    def wait(self, condition, what, *, turn=None, timeout_s=15.0):
        """Wait until `condition(status)`, turning the recorder meanwhile; return the status."""
        deadline = time.monotonic() + timeout_s
        while True:
            if turn is not None:
                turn()
            status = self.status
            if status is not None and condition(status):
                return status
            assert time.monotonic() < deadline, f"{what}: {status}"
            time.sleep(0.002)


def read_episode(dataset, episode=EPISODE):
    """Return `episode.json` and the items of each topic with their log times, verified deeply."""
    folder = dataset / episode
    verified = verify(folder, deep=True)
    assert verified.health != "bad", verified.reasons
    items = {}
    for message in LogReader(folder / LOG_NAME).messages():
        item = unpack(message.schema, message.data)
        items.setdefault(message.topic, []).append((message.t_log_ns, item))
    return read_episode_file(folder), items


def times(items, topic):
    return [t_ns for t_ns, _ in items.get(topic, [])]
