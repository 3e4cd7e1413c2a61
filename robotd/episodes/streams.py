"""The streams of an episode other than pictures, as arrays: what views and figures read.

Streams are in the order of their times, whatever the order in which their messages came; the times
of pictures are in the order of the pictures.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from robotd.core.journal import ChunkNote, ChunkUse, EventNote, RequestNote
from robotd.core.types import ArmTick, Orders, Signal, TeleopSample
from robotd.core.world_state import WorldState
from robotd.episodes.items import FrameTimes, Gap

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


class _Columns:
    """A stream as columns of one length, the first of them its times."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(_columns(self)[0])

    @classmethod
    def join(cls, parts: Iterable[Self]) -> Self:
        """Return one part or more one after the other, in the order of their times."""
        same = zip(*(_columns(part) for part in parts), strict=True)
        stacked = [np.concatenate(columns) for columns in same]
        order = np.argsort(stacked[0], kind="stable")
        ordered = [_frozen(column[order]) for column in stacked]
        return cls(**dict(zip(cls.__slots__, ordered, strict=True)))


def _columns(stream: _Columns) -> list[NDArray[Any]]:
    return [getattr(stream, name) for name in stream.__slots__]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticks(_Columns):
    """What the arm process did, one row a cycle; see `core.types.ArmTick`.

    Attributes:
        t_ns: (N,) when the setpoint was handed to the arm.
        t_state_ns: (N,) when the controller sampled the state.
        q_rad: (N, 6) measured joints [rad].
        qd_rad_s: (N, 6) measured joint velocities [rad/s].
        T_base_tcp: (N, 4, 4) measured pose of the tool [m].
        q_cmd_rad: (N, 6) commanded joints [rad].
        T_base_cmd: (N, 4, 4) pose of the tool at them [m].
        source: (N,) who wanted it, a `Source`.
        phase: (N,) an `ArmPhase`.
        fault: (N,) an `ArmFault`.
        session: (N,) the arming that was obeyed; 0 while disarmed.
        plan_epoch: (N,) the plan followed; -1 for none.
        refused_epoch: (N,) the newest plan refused; -1 for none.
        accepted: (N,) the gate emitted the candidate.
        limit: (N,) the `Limit` that refused it.
        braking: (N,) the setpoint belongs to the verified brake.
        late_ns: (N,) how late the cycle began.
        skipped_n: (N,) deadlines skipped before it.
        speed_scaling: (N,) the controller's, 0 to 1.
        hold: (N,) a `PauseCause`.
        force_n: (N, 6) wrench at the tool in the base frame [N, Nm]; zeros where none was recorded.
        current_a: (N, 6) joint currents beyond those expected [A]; zeros where none were recorded.
    """

    t_ns: Ints
    t_state_ns: Ints
    q_rad: Array
    qd_rad_s: Array
    T_base_tcp: Array
    q_cmd_rad: Array
    T_base_cmd: Array
    source: Ints
    phase: Ints
    fault: Ints
    session: Ints
    plan_epoch: Ints
    refused_epoch: Ints
    accepted: Flags
    limit: Ints
    braking: Flags
    late_ns: Ints
    skipped_n: Ints
    speed_scaling: Array
    hold: Ints
    force_n: Array
    current_a: Array

    @classmethod
    def of(cls, ticks: list[ArmTick]) -> Self:
        """Return the columns of these."""
        return cls(
            t_ns=_ints(tick.t_ns for tick in ticks),
            t_state_ns=_ints(tick.state.t_ns for tick in ticks),
            q_rad=_stack((tick.state.q_rad for tick in ticks), 6),
            qd_rad_s=_stack((tick.state.qd_rad_s for tick in ticks), 6),
            T_base_tcp=_stack((tick.state.T_base_tcp for tick in ticks), 4, 4),
            q_cmd_rad=_stack((tick.q_cmd_rad for tick in ticks), 6),
            T_base_cmd=_stack((tick.T_base_cmd for tick in ticks), 4, 4),
            source=_ints(tick.source for tick in ticks),
            phase=_ints(tick.phase for tick in ticks),
            fault=_ints(tick.fault for tick in ticks),
            session=_ints(tick.session for tick in ticks),
            plan_epoch=_ints(tick.plan_epoch for tick in ticks),
            refused_epoch=_ints(tick.refused_epoch for tick in ticks),
            accepted=_flags(tick.verdict.accepted for tick in ticks),
            limit=_ints(tick.verdict.limit for tick in ticks),
            braking=_flags(tick.verdict.braking for tick in ticks),
            late_ns=_ints(tick.late_ns for tick in ticks),
            skipped_n=_ints(tick.skipped_n for tick in ticks),
            speed_scaling=_floats(tick.state.speed_scaling for tick in ticks),
            hold=_ints(tick.hold for tick in ticks),
            force_n=_stack((tick.state.force_n for tick in ticks), 6),
            current_a=_stack((tick.state.current_a for tick in ticks), 6),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Worlds(_Columns):
    """The simulated world, one row a step; see `core.world_state.WorldState`.

    Attributes:
        t_ns: (N,) when it was so.
        episode: (N,) the order that it obeyed.
        seed: (N,) of its start.
        agent_xy_px: (N, 2) where the tool was over the board.
        block_pose_px: (N, 3) the block [px, px, rad].
        coverage: (N,) of the goal, 0 to 1.
        best_coverage: (N,) the largest so far.
        best_score: (N,) the score so far.
        success: (N,) the episode is won.
    """

    t_ns: Ints
    episode: Ints
    seed: Ints
    agent_xy_px: Array
    block_pose_px: Array
    coverage: Array
    best_coverage: Array
    best_score: Array
    success: Flags

    @classmethod
    def of(cls, states: list[WorldState]) -> Self:
        """Return the columns of these."""
        return cls(
            t_ns=_ints(state.t_ns for state in states),
            episode=_ints(state.episode for state in states),
            seed=_ints(state.seed for state in states),
            agent_xy_px=_stack((state.agent_xy_px for state in states), 2),
            block_pose_px=_stack((state.block_pose_px for state in states), 3),
            coverage=_floats(state.coverage for state in states),
            best_coverage=_floats(state.best_coverage for state in states),
            best_score=_floats(state.best_score for state in states),
            success=_flags(state.success for state in states),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Teleops(_Columns):
    """What the hand-held device said.

    Attributes:
        t_ns: (N,) when it said so.
        deflection: (N, 6) -1 to 1.
        buttons: (N,) pressed ones as bits.
    """

    t_ns: Ints
    deflection: Array
    buttons: Ints

    @classmethod
    def of(cls, samples: list[TeleopSample]) -> Self:
        """Return the columns of these."""
        return cls(
            t_ns=_ints(sample.t_ns for sample in samples),
            deflection=_stack((sample.deflection for sample in samples), 6),
            buttons=_ints(sum(1 << button for button in s.buttons if button < 63) for s in samples),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraTimes(_Columns):
    """When each picture of one camera was what, in the order of the pictures.

    Attributes:
        t_capture_ns: (N,) when the light was captured, as calibrated.
        t_arrival_ns: (N,) when the driver got it.
        t_device_ns: (N,) what the device's clock said; 0 where it has none.
        ring_index: (N,) its number in the camera's ring.
        key: (N,) a decoder may begin there.
        frame_number: (N,) the device's own count; -1 where it counts nothing.
    """

    t_capture_ns: Ints
    t_arrival_ns: Ints
    t_device_ns: Ints
    ring_index: Ints
    key: Flags
    frame_number: Ints

    @classmethod
    def of(cls, times: list[FrameTimes]) -> Self:
        """Return the columns of these, in their order."""
        return cls(
            t_capture_ns=_ints(item.t_capture_ns for item in times),
            t_arrival_ns=_ints(item.t_arrival_ns for item in times),
            t_device_ns=_ints(item.t_device_ns for item in times),
            ring_index=_ints(item.ring_index for item in times),
            key=_flags(item.key for item in times),
            frame_number=_ints(item.frame_number for item in times),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """All of an episode but the pictures themselves.

    Attributes:
        ticks: The arm.
        signals: Key to a tracker's samples, by capture time.
        world: The simulated world; empty in a real cell.
        teleop: The hand-held device.
        cameras: Name to the times of its pictures.
        plans: What the mailbox got.
        chunks: What the policy answered.
        uses: What became of those.
        requests: What became of the questions.
        events: What happened.
        gaps: What was lost before it could be written.
    """

    ticks: Ticks
    signals: Mapping[str, Signal]
    world: Worlds
    teleop: Teleops
    cameras: Mapping[str, CameraTimes]
    plans: tuple[Orders, ...]
    chunks: tuple[ChunkNote, ...]
    uses: tuple[ChunkUse, ...]
    requests: tuple[RequestNote, ...]
    events: tuple[EventNote, ...]
    gaps: tuple[Gap, ...]


def join_signals(parts: list[Signal]) -> Signal:
    """Return samples in the order of their capture times; of two of one time the first.

    Raises:
        ValueError: They differ in their columns.
    """
    t_ns = np.concatenate([part.t_ns for part in parts])
    unique, first = np.unique(t_ns, return_index=True)
    return Signal(t_ns=unique, value=np.concatenate([part.value for part in parts])[first])


def _ints(values: Iterable[int]) -> Ints:
    return _frozen(np.fromiter(values, np.int64))


def _floats(values: Iterable[float]) -> Array:
    return _frozen(np.fromiter(values, np.float64))


def _flags(values: Iterable[bool]) -> Flags:
    return _frozen(np.fromiter(values, np.bool_))


def _stack(values: Iterable[Array], *shape: int) -> Array:
    return _frozen(np.array(list(values), np.float64).reshape(-1, *shape))


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    array.setflags(write=False)
    return array
