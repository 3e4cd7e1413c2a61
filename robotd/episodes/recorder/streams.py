"""Which rings of a cell become which streams of an episode, and items as messages of its file."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robotd.core.arm_records import unpack_orders, unpack_tick
from robotd.core.clock import MonoNs
from robotd.core.config import CellConfig
from robotd.core.journal import ChunkNote, ChunkUse, EventNote, Note, PlanNote, RequestNote
from robotd.core.run_files import ARM_RING, TELEOP_RING, WORLD_RING, camera_ring, signal_ring
from robotd.core.sample_records import unpack_frame, unpack_signal, unpack_teleop
from robotd.core.types import ArmTick, Frame, Orders, Signal, TeleopSample
from robotd.core.world_state import WorldState, unpack_world_state
from robotd.episodes import items, topics
from robotd.episodes.items import FrameTimes, Gap, Picture
from robotd.episodes.schemas import IMAGE, VIDEO

Sample = ArmTick | Signal | TeleopSample | WorldState


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture with its times, which no crash may part."""

    picture: Picture
    times: FrameTimes


Written = Sample | Orders | ChunkNote | ChunkUse | RequestNote | EventNote | Gap | Shot


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A ring whose records go into the episode one by one.

    Attributes:
        topic: In the episode.
        schema: Full name of the type of its messages.
        path: The ring.
        unpack: Makes an item of a record; raises CorruptRecordError.
        log_ns: When the item arrived; None: when its record was first seen.
        publish_ns: When it was sampled.
    """

    topic: str
    schema: str
    path: Path
    unpack: Callable[[bytes], Sample]
    log_ns: Callable[[Any], MonoNs] | None
    publish_ns: Callable[[Any], MonoNs]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One message on its way to the file.

    Attributes:
        topic: Its stream.
        t_log_ns: When it arrived or was noted.
        t_publish_ns: When it was captured or sampled.
        item: What it says.
    """

    topic: str
    t_log_ns: int
    t_publish_ns: int
    item: Written


def streams_of(cell: CellConfig, run_dir: Path) -> tuple[Stream, ...]:
    """Return the streams of a cell's rings, cameras and journal apart."""
    streams = [
        Stream(
            topic=topics.ARM,
            schema="robotd.ArmTick",
            path=run_dir / ARM_RING,
            unpack=unpack_tick,
            log_ns=_tick_ns,
            publish_ns=_state_ns,
        ),
        Stream(
            topic=topics.TELEOP,
            schema="robotd.TeleopSample",
            path=run_dir / TELEOP_RING,
            unpack=unpack_teleop,
            log_ns=_sample_ns,
            publish_ns=_sample_ns,
        ),
    ]
    streams += [
        Stream(
            topic=topics.signal_topic(key),
            schema="robotd.Signal",
            path=run_dir / signal_ring(key),
            unpack=unpack_signal,
            log_ns=None,
            publish_ns=_newest_row_ns,
        )
        for camera in cell.cameras.values()
        for key in camera.tracks
    ]
    if cell.mock:
        streams.append(
            Stream(
                topic=topics.WORLD,
                schema="robotd.WorldState",
                path=run_dir / WORLD_RING,
                unpack=unpack_world_state,
                log_ns=_sample_ns,
                publish_ns=_sample_ns,
            )
        )
    return tuple(streams)


def camera_path(run_dir: Path, camera: str) -> Path:
    """Return the ring of a camera."""
    return run_dir / camera_ring(camera)


def frame_arrival_ns(frame: Frame) -> MonoNs:
    """Return the log time of a frame."""
    return frame.t_arrival_ns


read_frame = unpack_frame
"""Makes a frame of a record; raises CorruptRecordError."""


def note_ns(note: Note) -> MonoNs:
    """Return the log time of a note."""
    return MonoNs(note.t_ns)


NOTE_STREAMS = {
    topics.PLAN: "robotd.Plan",
    topics.CHUNK: "robotd.Chunk",
    topics.CHUNK_USE: "robotd.ChunkUse",
    topics.REQUEST: "robotd.Request",
    topics.EVENT: "robotd.Event",
}
"""Topic to schema of what the journal holds."""


def of_note(note: Note) -> Outgoing | None:
    """Return a note of the journal as a message; None for an order to the recorder.

    Raises:
        CorruptRecordError: A plan that is none.
    """
    match note:
        case PlanNote():
            return _noted(topics.PLAN, note.t_ns, unpack_orders(note.orders))
        case ChunkNote():
            return _noted(topics.CHUNK, note.t_ns, note, t_publish_ns=note.t_obs_ns)
        case ChunkUse():
            return _noted(topics.CHUNK_USE, note.t_ns, note)
        case RequestNote():
            return _noted(topics.REQUEST, note.t_ns, note, t_publish_ns=note.t_obs_ns)
        case EventNote():
            return _noted(topics.EVENT, note.t_ns, note)
        case _:
            return None


def of_gap(gap: Gap, t_ns: int) -> Outgoing:
    """Return a gap that was noted at `t_ns` as a message."""
    return _noted(topics.GAP, t_ns, gap, t_publish_ns=gap.t_from_ns)


def messages_of(outgoing: Outgoing) -> list[tuple[str, bytes]]:
    """Return topic and bytes of what an item becomes in the file: mostly one message."""
    item = outgoing.item
    if isinstance(item, Shot):
        times = topics.times_topic(item.picture.camera)
        return [
            (times, items.pack_times(item.times)),
            (outgoing.topic, items.pack_picture(item.picture)),
        ]
    return [(outgoing.topic, _PACK[type(item)](item))]


def schemas_of(cell: CellConfig, streams: tuple[Stream, ...]) -> dict[str, str]:
    """Return topic to schema of everything that an episode of the cell can hold."""
    picture = VIDEO if cell.record.codec == "h264" else IMAGE
    cameras = {topics.camera_topic(name): picture for name in cell.cameras}
    times = {topics.times_topic(name): "robotd.FrameTimes" for name in cell.cameras}
    rings = {stream.topic: stream.schema for stream in streams}
    return {**rings, **NOTE_STREAMS, topics.GAP: "robotd.Gap", **cameras, **times}


def _noted(topic: str, t_ns: int, item: Written, t_publish_ns: int | None = None) -> Outgoing:
    published_ns = t_ns if t_publish_ns is None else t_publish_ns
    return Outgoing(topic=topic, t_log_ns=t_ns, t_publish_ns=published_ns, item=item)


def _tick_ns(tick: ArmTick) -> MonoNs:
    return tick.t_ns


def _state_ns(tick: ArmTick) -> MonoNs:
    return tick.state.t_ns


def _sample_ns(sample: TeleopSample | WorldState) -> MonoNs:
    return sample.t_ns


def _newest_row_ns(signal: Signal) -> MonoNs:
    return MonoNs(int(signal.t_ns[-1])) if len(signal.t_ns) else MonoNs(0)


_PACK: dict[type, Callable[[Any], bytes]] = {
    ArmTick: items.pack_tick,
    Orders: items.pack_orders,
    ChunkNote: items.pack_chunk,
    ChunkUse: items.pack_chunk_use,
    RequestNote: items.pack_request,
    EventNote: items.pack_event,
    TeleopSample: items.pack_teleop,
    Signal: items.pack_signal,
    WorldState: items.pack_world,
    Gap: items.pack_gap,
}
