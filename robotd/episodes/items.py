"""Items of the cell as messages of an episode; pure functions. `unpack.py` reads them back."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from robotd.core.clock import S
from robotd.core.journal import ChunkNote, ChunkUse, EventNote, RequestNote
from robotd.core.types import ArmTick, Orders, Signal, TeleopSample
from robotd.core.world_state import WorldState
from robotd.episodes.schemas import IMAGE, VIDEO, message_class

_TICK = message_class("robotd.ArmTick")
_PLAN = message_class("robotd.Plan")
_CHUNK = message_class("robotd.Chunk")
_CHUNK_USE = message_class("robotd.ChunkUse")
_REQUEST = message_class("robotd.Request")
_TELEOP = message_class("robotd.TeleopSample")
_SIGNAL = message_class("robotd.Signal")
_WORLD = message_class("robotd.WorldState")
_EVENT = message_class("robotd.Event")
_GAP = message_class("robotd.Gap")
_TIMES = message_class("robotd.FrameTimes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Items that were lost before they could be written.

    Attributes:
        stream: The topic that they were for.
        count: How many.
        t_from_ns: The last item before, or when the stream was first followed.
        t_to_ns: The first item after, or when the loss was noticed.
        reason: Why, one sentence.
    """

    stream: str
    count: int
    t_from_ns: int
    t_to_ns: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameTimes:
    """When a picture was what; one for each message of its camera, in the same order.

    Attributes:
        t_capture_ns: When the light was captured, as calibrated.
        t_arrival_ns: When the driver got it.
        t_device_ns: What the device's own clock said; 0 where it has none.
        ring_index: Its number in the camera's ring; a jump is a lost picture.
        key: A decoder may begin here.
        frame_number: The device's own count, a jump is a frame lost before the driver; -1 where it
            counts nothing, 0 in an episode from before it was kept.
    """

    t_capture_ns: int
    t_arrival_ns: int
    t_device_ns: int
    ring_index: int
    key: bool
    frame_number: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A compressed picture, or what video needs to make one from those before it.

    Attributes:
        t_capture_ns: When the light was captured.
        camera: Its name.
        data: One access unit of H.264 in Annex B, or a JPEG or PNG file.
        codec: `h264`, `jpeg` or `png`.
    """

    t_capture_ns: int
    camera: str
    data: bytes
    codec: str


def pack_tick(tick: ArmTick) -> bytes:
    """Return the message of an `ArmTick`."""
    state, verdict = tick.state, tick.verdict
    return _TICK(
        t_ns=tick.t_ns,
        session=tick.session,
        plan_epoch=tick.plan_epoch,
        source=tick.source.value,
        refused_epoch=tick.refused_epoch,
        late_ns=tick.late_ns,
        skipped_n=tick.skipped_n,
        phase=tick.phase.value,
        fault=tick.fault.value,
        accepted=verdict.accepted,
        limit=verdict.limit.value,
        braking=verdict.braking,
        t_state_ns=state.t_ns,
        q_rad=state.q_rad.tolist(),
        qd_rad_s=state.qd_rad_s.tolist(),
        T_base_tcp=state.T_base_tcp.ravel().tolist(),
        safety_bits=state.safety_bits,
        program_running=state.program_running,
        speed_scaling=state.speed_scaling,
        q_cmd_rad=tick.q_cmd_rad.tolist(),
        T_base_cmd=tick.T_base_cmd.ravel().tolist(),
        hold=tick.hold.value,
        robot_mode=state.robot_mode,
        runtime_state=state.runtime_state,
        force_n=state.force_n.tolist(),
        current_a=state.current_a.tolist(),
    ).SerializeToString()


def pack_orders(orders: Orders) -> bytes:
    """Return the robotd.Plan message of what the mailbox got, a plan or none."""
    plan = orders.plan
    if plan is None:
        return _PLAN(t_ns=orders.t_ns, session=orders.session).SerializeToString()
    return _PLAN(
        t_ns=orders.t_ns,
        session=orders.session,
        present=True,
        epoch=plan.epoch,
        source=plan.source.value,
        valid_until_ns=plan.valid_until_ns,
        row_t_ns=plan.t_ns.tolist(),
        T_base_tcp=plan.T_base_tcp.ravel().tolist(),
    ).SerializeToString()


def pack_chunk(note: ChunkNote) -> bytes:
    """Return the robotd.Chunk message of a chunk that came."""
    return _CHUNK(
        t_ns=note.t_ns,
        request_id=note.request_id,
        seed=note.seed,
        t_obs_ns=note.t_obs_ns,
        dt_s=note.dt_s,
        i0=note.i0,
        meaning=note.meaning,
        dim=note.dim,
        actions=np.frombuffer(note.actions, np.float64).tolist(),
    ).SerializeToString()


def pack_chunk_use(note: ChunkUse) -> bytes:
    """Return the robotd.ChunkUse message."""
    return _CHUNK_USE(**_fields(note)).SerializeToString()


def pack_request(note: RequestNote) -> bytes:
    """Return the robotd.Request message."""
    return _REQUEST(**_fields(note)).SerializeToString()


def pack_event(note: EventNote) -> bytes:
    """Return the robotd.Event message."""
    return _EVENT(**_fields(note)).SerializeToString()


def _fields(note: ChunkUse | RequestNote | EventNote) -> dict[str, Any]:
    return {name: getattr(note, name) for name in note.__struct_fields__}


def pack_teleop(sample: TeleopSample) -> bytes:
    """Return the message of a `TeleopSample`."""
    return _TELEOP(
        t_ns=sample.t_ns,
        deflection=sample.deflection.tolist(),
        buttons=sorted(sample.buttons),
        number=sample.number,
    ).SerializeToString()


def pack_signal(signal: Signal) -> bytes:
    """Return the message of a `Signal`, mostly of one row: a sample."""
    return _SIGNAL(
        t_ns=signal.t_ns.tolist(),
        columns=signal.value.shape[1],
        value=signal.value.ravel().tolist(),
    ).SerializeToString()


def pack_world(state: WorldState) -> bytes:
    """Return the message of a `WorldState`."""
    return _WORLD(
        t_ns=state.t_ns,
        episode=state.episode,
        seed=state.seed,
        step_n=state.step_n,
        success=state.success,
        coverage=state.coverage,
        best_coverage=state.best_coverage,
        best_score=state.best_score,
        start_xy_px=state.start_xy_px.tolist(),
        agent_xy_px=state.agent_xy_px.tolist(),
        block_pose_px=state.block_pose_px.tolist(),
        tool_height_m=state.tool_height_m,
    ).SerializeToString()


def pack_gap(gap: Gap) -> bytes:
    """Return the message of a `Gap`."""
    return _GAP(**{name: getattr(gap, name) for name in Gap.__slots__}).SerializeToString()


def pack_times(times: FrameTimes) -> bytes:
    """Return the message of `FrameTimes`."""
    return _TIMES(
        **{name: getattr(times, name) for name in FrameTimes.__slots__}
    ).SerializeToString()


def picture_schema(codec: str) -> str:
    """Return the schema of a camera's messages: Foxglove's video, or its image."""
    return VIDEO if codec == "h264" else IMAGE


def pack_picture(picture: Picture) -> bytes:
    """Return the message of a `Picture`, in Foxglove's type."""
    seconds, nanos = divmod(picture.t_capture_ns, S)
    return message_class(picture_schema(picture.codec))(
        timestamp={"seconds": seconds, "nanos": nanos},
        frame_id=picture.camera,
        data=picture.data,
        format=picture.codec,
    ).SerializeToString()


Item = (
    ArmTick
    | Orders
    | ChunkNote
    | ChunkUse
    | RequestNote
    | EventNote
    | TeleopSample
    | Signal
    | WorldState
    | Gap
    | FrameTimes
    | Picture
)
