"""Episodes as the recorder would write them, of a tool whose path is known exactly."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from robotd.core.arm_codes import ArmPhase, Limit, Source, Verdict
from robotd.core.board_frame import BoardFrame
from robotd.core.clock import S
from robotd.core.config import CellConfig
from robotd.core.config_load import load_toml
from robotd.core.geometry import pose
from robotd.core.journal import ChunkNote, ChunkUse, EventNote, RequestNote
from robotd.core.pusht_spec import BLOCK_POSE
from robotd.core.types import ArmState, ArmTick, Orders, Plan, Signal, TeleopSample
from robotd.core.world_state import WorldState
from robotd.episodes import items
from robotd.episodes.episode_file import (
    LOG_NAME,
    CameraInfo,
    EpisodeFile,
    Origin,
    sha256_of,
    write_episode_file,
)
from robotd.episodes.log import EpisodeLog
from robotd.episodes.topics import camera_topic, signal_topic, times_topic
from robotd.episodes.video import make_encoder

ROOT = Path(__file__).parents[2]
CELL = load_toml(ROOT / "configs/mock/cell.toml", CellConfig)
BEGIN_NS = 5_000 * S


def circle(t_s):
    """(N, 2) px: rest for half a second, a circle of 12 cm in 4 s beginning softly, rest."""
    share = np.clip((np.asarray(t_s) - 0.5) / 4.0, 0.0, 1.0)
    angle = 2 * np.pi * (share - np.sin(2 * np.pi * share) / (2 * np.pi))
    return 256 + 100 * np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def drifting_block(t_s):
    """(N, 3) px, px, rad."""
    t_s = np.asarray(t_s)
    return np.stack([200 + 10 * t_s, 300 - 5 * t_s, (6.2 + 0.1 * t_s) % (2 * np.pi)], axis=-1)


@dataclass(kw_only=True)
class Made:
    """What to write; times are seconds since the begin."""

    id: str = "20260101-120000-0001"
    seconds: float = 5.5
    command: Callable = circle
    """Where the tool is commanded to be, of path time."""
    block: Callable = drifting_block
    cell: CellConfig = CELL
    kind: str = "collect"
    label: str = ""
    score: float = 0.9
    status: str = "complete"
    outcome: str = "success"
    rate_hz: float = 125.0
    human: tuple[float, float] = (0.3, 5.2)
    """From when to when a person holds the button."""
    source: Source = Source.HUMAN
    block_gap: tuple[float, float] = (0.0, 0.0)
    """From when to when the tracker sees nothing."""
    arm_gap: tuple[float, float] = (0.0, 0.0)
    cameras: dict = field(default_factory=dict)
    """Name to `CameraInfo`."""
    picture: Callable | None = None
    """(H, W, 3) of camera, number and time."""
    policy: bool = False
    latency_s: float = 0.04
    """Of the cameras."""


def tool_poses(cell, xy_px):
    board = BoardFrame.of_task(cell.task)
    return pose(board.T_base_table[:3, :3], board.to_base(xy_px, cell.task.tip_height_m))


def within(t_s, span):
    return span[0] <= t_s < span[1]


def messages_of(made):
    """All (topic, schema, t_log_ns, t_publish_ns, data), unsorted."""
    cell, out = made.cell, []
    latency_s = cell.arm.action_latency_s
    board = BoardFrame.of_task(cell.task)

    def add(topic, schema, t_log_s, t_publish_s, data):
        out.append((topic, schema, ns(t_log_s), ns(t_publish_s), data))

    def ns(t_s):
        return BEGIN_NS + round(t_s * S)

    t_ticks = np.arange(0, made.seconds, 1 / made.rate_hz)
    T_cmd = tool_poses(cell, made.command(t_ticks + latency_s))
    T_tcp = tool_poses(cell, made.command(t_ticks))
    for n, t in enumerate(t_ticks):
        if within(t, made.arm_gap):
            continue
        driven = within(t, made.human)
        moves = driven and 0.5 <= t < 4.5
        tick = ArmTick(
            t_ns=ns(t),
            state=ArmState(
                t_ns=ns(t), q_rad=np.full(6, 0.1 * t), qd_rad_s=np.zeros(6), T_base_tcp=T_tcp[n]
            ),
            q_cmd_rad=np.full(6, 0.1 * t),
            T_base_cmd=T_cmd[n],
            verdict=Verdict(accepted=n % 200 != 7, limit=Limit(7 if n % 200 == 7 else 0)),
            phase=ArmPhase.FOLLOWING if moves else ArmPhase.HOLDING,
            session=1,
            plan_epoch=n if driven else -1,
            source=made.source if driven else (Source.APPROACH if t < 0.2 else Source.HOLD),
            late_ns=50_000 + 1_000 * (n % 97),
        )
        add("/arm", "robotd.ArmTick", t + 0.0004, t, items.pack_tick(tick))
    for t in np.arange(0.013, made.seconds - made.latency_s, 1 / 30):
        if not within(t, made.block_gap):
            value = board.pose_to_table(made.block(t)[np.newaxis])
            signal = Signal(t_ns=np.array([ns(t)]), value=value)
            topic = signal_topic(BLOCK_POSE)
            add(topic, "robotd.Signal", t + made.latency_s, t, items.pack_signal(signal))
    for t in np.arange(0.0, made.seconds, 0.02):
        _world(made, add, ns, t)
    for t in np.arange(*made.human, 0.01):
        sample = TeleopSample(t_ns=ns(t), deflection=np.array([0.3, -0.2, 0, 0, 0, 0]))
        add("/teleop", "robotd.TeleopSample", t + 0.001, t, items.pack_teleop(sample))
    add("/event", "robotd.Event", 2.0, 2.0, items.pack_event(EventNote(t_ns=ns(2.0), name="stage")))
    for t in np.arange(*made.human, 0.1):
        rows = t + 0.05 * np.arange(3)
        plan = Plan(
            epoch=int(t * 100),
            t_ns=np.array([ns(row) for row in rows]),
            T_base_tcp=tool_poses(cell, made.command(rows)),
            valid_until_ns=ns(t + 0.2),
            source=made.source,
        )
        orders = Orders(t_ns=ns(t), session=1, plan=plan)
        add("/plan", "robotd.Plan", t, t, items.pack_orders(orders))
    if made.policy:
        _chunks(made, add, ns)
    for camera, info in made.cameras.items():
        _pictures(made, add, ns, camera, info)
    return out


def _world(made, add, ns, t):
    state = WorldState(
        t_ns=ns(t),
        episode=1,
        seed=200_000,
        step_n=int(t * 100),
        start_xy_px=made.command(0.0),
        agent_xy_px=made.command(t),
        tool_height_m=0.01,
        block_pose_px=made.block(t),
        coverage=min(1.0, t / made.seconds),
        best_coverage=min(1.0, t / made.seconds),
        best_score=min(1.0, t / made.seconds),
        success=False,
    )
    add("/world", "robotd.WorldState", t, t, items.pack_world(state))


def _chunks(made, add, ns):
    for number, t in enumerate(np.arange(made.human[0], made.human[1], 0.8)):
        actions = np.stack([made.command(t + 0.1 * i) for i in range(15)])
        chunk = ChunkNote(
            t_ns=ns(t + 0.05),
            request_id=number + 1,
            seed=number,
            t_obs_ns=ns(t),
            dt_s=0.1,
            i0=0,
            meaning="command",
            dim=2,
            actions=actions.tobytes(),
        )
        use = ChunkUse(
            t_ns=ns(t + 0.051),
            request_id=number + 1,
            rows_n=15,
            first_row=1,
            first_sent_ns=ns(t + 0.1),
            plan_epoch=int((t + 0.1) * made.rate_hz),  # each cycle has its own
            dropped="1 row was late",
        )
        request = RequestNote(
            t_ns=ns(t + 0.05),
            request_id=number + 1,
            t_obs_ns=ns(t),
            outcome="answered",
            round_trip_s=0.045,
            infer_s=0.03,
        )
        add("/chunk", "robotd.Chunk", t + 0.05, t, items.pack_chunk(chunk))
        add("/chunk_use", "robotd.ChunkUse", t + 0.051, t + 0.051, items.pack_chunk_use(use))
        add("/request", "robotd.Request", t + 0.05, t, items.pack_request(request))


def _pictures(made, add, ns, camera, info):
    encoder = make_encoder(
        info.codec, width_px=info.width_px, height_px=info.height_px, fps=info.fps
    )
    for n, t in enumerate(np.arange(0.013, made.seconds - made.latency_s, 1 / info.fps)):
        shape = (info.height_px, info.width_px, 3)
        rgb = made.picture(camera, n, t) if made.picture else np.full(shape, n % 200, np.uint8)
        data, key = encoder.encode(rgb)
        picture = items.Picture(t_capture_ns=ns(t), camera=camera, data=data, codec=info.codec)
        times = items.FrameTimes(
            t_capture_ns=ns(t),
            t_arrival_ns=ns(t + made.latency_s),
            t_device_ns=ns(t),
            ring_index=n,
            key=key,
        )
        schema = items.picture_schema(info.codec)
        log_s = t + made.latency_s
        add(camera_topic(camera), schema, log_s, t, items.pack_picture(picture))
        add(times_topic(camera), "robotd.FrameTimes", log_s, t, items.pack_times(times))


def write_episode(dataset: Path, made: Made | None = None, gaps: tuple = ()) -> Path:
    """Write the episode into a data set's folder and return its own."""
    made = made or Made()
    folder = dataset / made.id
    folder.mkdir(parents=True)
    origin = Origin(
        id=made.id,
        kind=made.kind,
        cell=made.cell.name,
        t_begin_ns=BEGIN_NS,
        wall_offset_ns=1_767_261_600 * S - BEGIN_NS,
        about={"operator": "circle", "seed": "200000"},
        versions={"robotd": "0.1.0"},
        cameras=made.cameras,
    )
    log = EpisodeLog.create(
        folder / LOG_NAME,
        about=origin.as_metadata(),
        attachments={"cell.json": msgspec.json.encode(made.cell)},
        t_ns=BEGIN_NS,
    )
    lost = [("/gap", "robotd.Gap", gap.t_to_ns, gap.t_from_ns, items.pack_gap(gap)) for gap in gaps]
    messages = sorted([*messages_of(made), *lost], key=lambda message: message[2])
    for topic, schema, t_log_ns, t_publish_ns, data in messages:
        log.add_topic(topic, schema)
        log.write(topic, data, t_log_ns, t_publish_ns)
    counts = log.counts
    log.finish()
    write_episode_file(
        folder,
        EpisodeFile(
            origin=origin,
            status=made.status,
            outcome=made.outcome,
            label=made.label,
            score=made.score,
            t_first_ns=messages[0][2],
            t_last_ns=messages[-1][2],
            lost_s=0.3 if made.status == "recovered" else 0.0,
            counts=counts,
            dropped={gap.stream: gap.count for gap in gaps},
            log_bytes=(folder / LOG_NAME).stat().st_size,
            log_sha256=sha256_of(folder / LOG_NAME),
        ),
    )
    return folder


SMALL = CameraInfo(codec="png", width_px=32, height_px=24, fps=30.0)
