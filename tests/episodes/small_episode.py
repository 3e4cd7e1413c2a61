"""A small episode, written by the code itself."""

from pathlib import Path

import numpy as np

from robotd.core.arm_codes import ArmPhase, Source
from robotd.core.clock import MonoNs
from robotd.core.journal import EventNote
from robotd.core.types import ArmState, ArmTick
from robotd.episodes import topics
from robotd.episodes.dataset import Dataset
from robotd.episodes.episode_file import CameraInfo, EpisodeFile, Origin
from robotd.episodes.items import (
    FrameTimes,
    Picture,
    pack_event,
    pack_picture,
    pack_tick,
    pack_times,
    picture_schema,
)
from robotd.episodes.log import EpisodeLog
from robotd.episodes.video import make_encoder

T0_NS = 1_000_000_000
TICK_NS = 8_000_000
FRAME_NS = 33_000_000
SIDE_PX = 32


def arm_tick(t_ns):
    state = ArmState(
        t_ns=MonoNs(t_ns - 1000),
        q_rad=np.linspace(-1, 1, 6),
        qd_rad_s=np.full(6, 0.25),
        T_base_tcp=np.eye(4),
    )
    return ArmTick(
        t_ns=MonoNs(t_ns),
        state=state,
        q_cmd_rad=np.linspace(-1, 1, 6),
        T_base_cmd=np.eye(4),
        phase=ArmPhase.FOLLOWING,
        session=1,
        plan_epoch=3,
        source=Source.HUMAN,
    )


def picture(frame):
    rgb = np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
    rgb[..., 0], rgb[..., 1], rgb[..., 2] = 10 + 5 * frame, 100, 200 - 5 * frame
    return rgb


def origin(episode, *, codec="h264"):
    return Origin(
        id=episode,
        kind="collect",
        cell="mock",
        t_begin_ns=T0_NS,
        wall_offset_ns=7,
        about={"operator": "somebody"},
        versions={"robotd": "0.1.0"},
        cameras={"top": CameraInfo(codec=codec, width_px=SIDE_PX, height_px=SIDE_PX, fps=30.0)},
    )


def write_log(path, episode, *, ticks=8, frames=3, flush_every=4, codec="h264", finish=True):
    """Write a log with ticks, pictures and one event; return it, finished or not."""
    begun = origin(episode, codec=codec)
    log = EpisodeLog.create(
        path,
        about=begun.as_metadata(),
        attachments={"cell.json": b'{"name": "mock"}'},
        t_ns=MonoNs(T0_NS),
    )
    camera, times = topics.camera_topic("top"), topics.times_topic("top")
    log.add_topic(topics.ARM, "robotd.ArmTick")
    log.add_topic(topics.EVENT, "robotd.Event")
    log.add_topic(topics.TELEOP, "robotd.TeleopSample")
    log.add_topic(camera, picture_schema(codec))
    log.add_topic(times, "robotd.FrameTimes")
    encoder = make_encoder(codec, width_px=SIDE_PX, height_px=SIDE_PX, fps=4.0)
    note = EventNote(t_ns=T0_NS, name="begin", text="")
    log.write(topics.EVENT, pack_event(note), T0_NS, T0_NS)
    for n in range(ticks):
        t_ns = T0_NS + n * TICK_NS
        log.write(topics.ARM, pack_tick(arm_tick(t_ns)), t_ns, t_ns)
        if n < frames:
            data, key = encoder.encode(picture(n))
            made = Picture(t_capture_ns=t_ns - 500, camera="top", data=data, codec=codec)
            when = FrameTimes(
                t_capture_ns=t_ns - 500, t_arrival_ns=t_ns, t_device_ns=0, ring_index=n, key=key
            )
            log.write(camera, pack_picture(made), t_ns, t_ns - 500)
            log.write(times, pack_times(when), t_ns, t_ns - 500)
        if (n + 1) % flush_every == 0:
            log.flush()
    if finish:
        log.finish()
    return log


def describe(log, episode, *, ticks=8, codec="h264"):
    return EpisodeFile(
        origin=origin(episode, codec=codec),
        outcome="success",
        label="success",
        score=0.9,
        t_first_ns=T0_NS,
        t_last_ns=T0_NS + (ticks - 1) * TICK_NS,
        counts=log.counts,
        log_bytes=log.size_bytes,
        log_sha256=log.sha256,
    )


def record(dataset: Dataset, episode: str, **settings) -> Path:
    """Write one complete episode into a held data set; return its folder."""
    opened = dataset.create(episode)
    log = write_log(opened.log_path, episode, **settings)
    ticks, codec = settings.get("ticks", 8), settings.get("codec", "h264")
    return opened.commit(describe(log, episode, ticks=ticks, codec=codec))
