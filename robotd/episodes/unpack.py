"""Messages of an episode as items of the cell again, checked in full.

Sizes, codes, and that every number is finite: whatever the bytes, the answer is a valid item or a
`DatasetError`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf, isfinite, isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotd.core.arm_codes import ArmFault, ArmPhase, Limit, PauseCause, Source, Verdict
from robotd.core.clock import MonoNs, S
from robotd.core.errors import DatasetError, one_line
from robotd.core.journal import ChunkNote, ChunkUse, EventNote, RequestNote
from robotd.core.types import NO_FORCE, ArmState, ArmTick, Orders, Plan, Signal, TeleopSample
from robotd.core.world_state import WorldState
from robotd.episodes.items import (
    FrameTimes,
    Gap,
    Item,
    Picture,
)
from robotd.episodes.schemas import IMAGE, VIDEO, parse


def unpack(schema: str, data: bytes) -> Item:
    """Return the item of a message.

    Args:
        schema: Full name of its type: `Logged.schema`.
        data: Its bytes.

    Raises:
        DatasetError: An unknown type, other bytes, or a number that is not finite.
    """
    message = parse(schema, data)
    try:
        return _READERS[schema](message)
    except (ValueError, TypeError, OverflowError) as error:
        raise DatasetError(f"a message of {schema}: {one_line(str(error))}") from error


def _tick(m: Any) -> ArmTick:
    return ArmTick(
        t_ns=MonoNs(m.t_ns),
        state=ArmState(
            t_ns=MonoNs(m.t_state_ns),
            q_rad=_array(m.q_rad),
            qd_rad_s=_array(m.qd_rad_s),
            T_base_tcp=_array(m.T_base_tcp).reshape(4, 4),
            safety_bits=m.safety_bits,
            program_running=m.program_running,
            speed_scaling=_finite(m.speed_scaling),
            robot_mode=m.robot_mode,
            runtime_state=m.runtime_state,
            force_n=_array(m.force_n) if m.force_n else NO_FORCE,
            current_a=_array(m.current_a) if m.current_a else NO_FORCE,
        ),
        q_cmd_rad=_array(m.q_cmd_rad),
        T_base_cmd=_array(m.T_base_cmd).reshape(4, 4),
        verdict=Verdict(accepted=m.accepted, limit=Limit(m.limit), braking=m.braking),
        phase=ArmPhase(m.phase),
        fault=ArmFault(m.fault),
        hold=PauseCause(m.hold),
        session=m.session,
        plan_epoch=m.plan_epoch,
        source=Source(m.source),
        refused_epoch=m.refused_epoch,
        late_ns=m.late_ns,
        skipped_n=m.skipped_n,
    )


def _orders(m: Any) -> Orders:
    plan = None
    if m.present:
        plan = Plan(
            epoch=m.epoch,
            t_ns=np.array(m.row_t_ns, np.int64),
            T_base_tcp=_array(m.T_base_tcp).reshape(-1, 4, 4),
            valid_until_ns=MonoNs(m.valid_until_ns),
            source=Source(m.source),
        )
    return Orders(t_ns=MonoNs(m.t_ns), session=m.session, plan=plan)


def _chunk(m: Any) -> ChunkNote:
    actions = _array(m.actions)
    if m.dim < 1 or actions.size % m.dim:
        raise ValueError(f"{actions.size} actions do not make rows of {m.dim}")
    names = ("t_ns", "request_id", "seed", "t_obs_ns", "i0", "meaning", "dim")
    return ChunkNote(
        **{name: getattr(m, name) for name in names},
        dt_s=_finite(m.dt_s),
        actions=actions.tobytes(),
    )


def _teleop(m: Any) -> TeleopSample:
    return TeleopSample(
        t_ns=MonoNs(m.t_ns),
        deflection=_array(m.deflection),
        buttons=frozenset(m.buttons),
        number=m.number,
    )


def _signal(m: Any) -> Signal:
    t_ns = np.array(m.t_ns, np.int64)
    return Signal(t_ns=t_ns, value=_array(m.value).reshape(t_ns.size, m.columns))


def _world(m: Any) -> WorldState:
    if isnan(m.tool_height_m) or m.tool_height_m == -inf:
        raise ValueError(f"a tool height of {m.tool_height_m} m")
    return WorldState(
        t_ns=m.t_ns,
        episode=m.episode,
        seed=m.seed,
        step_n=m.step_n,
        success=m.success,
        coverage=_finite(m.coverage),
        best_coverage=_finite(m.best_coverage),
        best_score=_finite(m.best_score),
        start_xy_px=_array(m.start_xy_px),
        agent_xy_px=_array(m.agent_xy_px),
        block_pose_px=_array(m.block_pose_px),
        tool_height_m=m.tool_height_m,
    )


def _picture(m: Any) -> Picture:
    return Picture(
        t_capture_ns=m.timestamp.seconds * S + m.timestamp.nanos,
        camera=m.frame_id,
        data=m.data,
        codec=m.format,
    )


def _plain(made: type[Any], names: Iterable[str]) -> Callable[[Any], Any]:
    names = tuple(names)

    def read(m: Any) -> Any:
        values = {name: getattr(m, name) for name in names}
        for value in values.values():
            if isinstance(value, float):
                _finite(value)
        return made(**values)

    return read


def _array(values: Sequence[float]) -> NDArray[np.float64]:
    array = np.array(values[:], np.float64)  # as a list: thrice as fast
    if not np.isfinite(array).all():
        raise ValueError("a value that is not finite")
    return array


def _finite(value: float) -> float:
    if not isfinite(value):
        raise ValueError("a value that is not finite")
    return value


_READERS: Mapping[str, Callable[[Any], Item]] = {
    VIDEO: _picture,
    IMAGE: _picture,
    "robotd.ArmTick": _tick,
    "robotd.Plan": _orders,
    "robotd.Chunk": _chunk,
    "robotd.ChunkUse": _plain(ChunkUse, ChunkUse.__struct_fields__),
    "robotd.Request": _plain(
        RequestNote,
        RequestNote.__struct_fields__,
    ),
    "robotd.TeleopSample": _teleop,
    "robotd.Signal": _signal,
    "robotd.WorldState": _world,
    "robotd.Event": _plain(EventNote, EventNote.__struct_fields__),
    "robotd.Gap": _plain(Gap, Gap.__slots__),
    "robotd.FrameTimes": _plain(FrameTimes, FrameTimes.__slots__),
}
