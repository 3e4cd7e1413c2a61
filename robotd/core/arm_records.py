"""The bytes of what goes to the arm process and comes back: `Orders` and `ArmTick`."""

import struct

import numpy as np

from robotd.core.arm_codes import ArmFault, ArmPhase, Limit, PauseCause, Source, Verdict
from robotd.core.clock import MonoNs
from robotd.core.errors import CorruptRecordError
from robotd.core.jog import JogFrame, JogOrder
from robotd.core.record_bytes import check_length, read_doubles, read_flag, read_head
from robotd.core.types import MAX_PLAN_ROWS, ArmState, ArmTick, Orders, Plan

_TICK = struct.Struct("<4s4x18q")
_TICK_TAG = b"TIK3"
_TICK_DOUBLES = 63
_ORDERS = struct.Struct("<4s4x7q")
_ORDERS_TAG = b"ORD2"
_JOG = 2  # instead of the flag that says whether there is a plan
_ROW_BYTES = 8 + 16 * 8

TICK_BYTES = _TICK.size + _TICK_DOUBLES * 8
"""Size of an `ArmTick` [bytes]."""

MAX_ORDERS_BYTES = _ORDERS.size + MAX_PLAN_ROWS * _ROW_BYTES
"""Size of `Orders` with the longest plan [bytes]."""


def pack_tick(tick: ArmTick) -> bytes:
    """Return the bytes of an `ArmTick`. Real-time: constant size, no checks of the values."""
    state, verdict = tick.state, tick.verdict
    head = _TICK.pack(
        _TICK_TAG,
        tick.t_ns,
        tick.session,
        tick.plan_epoch,
        tick.source,
        tick.refused_epoch,
        tick.late_ns,
        tick.skipped_n,
        tick.phase,
        tick.fault,
        tick.hold,
        verdict.accepted,
        verdict.limit,
        verdict.braking,
        state.t_ns,
        state.safety_bits,
        state.program_running,
        state.robot_mode,
        state.runtime_state,
    )
    measured = (state.q_rad, state.qd_rad_s, state.T_base_tcp)
    arrays = (*measured, tick.q_cmd_rad, tick.T_base_cmd, state.force_n, state.current_a)
    doubles = [np.asarray(array, np.float64).tobytes() for array in arrays]
    return b"".join((head, *doubles, struct.pack("<d", state.speed_scaling)))


def unpack_tick(data: bytes) -> ArmTick:
    """Return the `ArmTick` of `pack_tick`.

    Raises:
        CorruptRecordError: Anything else than its bytes, or a value that is not finite.
    """
    values = read_head(_TICK, _TICK_TAG, data)
    check_length("ArmTick", data, TICK_BYTES)
    doubles = read_doubles("ArmTick", data, _TICK.size)
    t_ns, session, epoch, source, refused, late_ns, skipped_n, phase, fault = values[:9]
    hold, accepted, limit, braking, t_state_ns, safety_bits, running, mode, runtime = values[9:]
    try:
        return ArmTick(
            t_ns=MonoNs(t_ns),
            state=ArmState(
                t_ns=MonoNs(t_state_ns),
                q_rad=doubles[0:6],
                qd_rad_s=doubles[6:12],
                T_base_tcp=doubles[12:28].reshape(4, 4),
                safety_bits=safety_bits,
                program_running=read_flag(running),
                speed_scaling=float(doubles[62]),
                robot_mode=mode,
                runtime_state=runtime,
                force_n=doubles[50:56],
                current_a=doubles[56:62],
            ),
            q_cmd_rad=doubles[28:34],
            T_base_cmd=doubles[34:50].reshape(4, 4),
            verdict=Verdict(
                accepted=read_flag(accepted), limit=Limit(limit), braking=read_flag(braking)
            ),
            phase=ArmPhase(phase),
            fault=ArmFault(fault),
            hold=PauseCause(hold),
            session=session,
            plan_epoch=epoch,
            source=Source(source),
            refused_epoch=refused,
            late_ns=late_ns,
            skipped_n=skipped_n,
        )
    except ValueError as error:
        raise CorruptRecordError(f"ArmTick: {error}") from error


def pack_orders(orders: Orders) -> bytes:
    """Return the bytes of `Orders`; as long as the plan."""
    plan, jog = orders.plan, orders.jog
    if jog is not None:
        head = (orders.t_ns, orders.session, _JOG, jog.frame, 0, jog.valid_until_ns, 0)
        return _ORDERS.pack(_ORDERS_TAG, *head) + np.asarray(jog.rates, np.float64).tobytes()
    if plan is None:
        return _ORDERS.pack(_ORDERS_TAG, orders.t_ns, orders.session, 0, 0, 0, 0, 0)
    rows = plan.t_ns.shape[0]
    head = _ORDERS.pack(
        _ORDERS_TAG,
        orders.t_ns,
        orders.session,
        1,
        plan.epoch,
        plan.source,
        plan.valid_until_ns,
        rows,
    )
    times = np.asarray(plan.t_ns, np.int64).tobytes()
    return b"".join((head, times, np.asarray(plan.T_base_tcp, np.float64).tobytes()))


def unpack_orders(data: bytes) -> Orders:
    """Return the `Orders` of `pack_orders`.

    Raises:
        CorruptRecordError: Anything else than its bytes, a plan that `Plan` refuses, or a pose
            that is not finite.
    """
    t_ns, session, has_plan, epoch, source, valid_ns, rows = read_head(_ORDERS, _ORDERS_TAG, data)
    try:
        if has_plan == _JOG:
            check_length("Orders", data, _ORDERS.size + 6 * 8)
            jog = JogOrder(
                frame=JogFrame(epoch),
                rates=read_doubles("Orders", data, _ORDERS.size),
                valid_until_ns=MonoNs(valid_ns),
            )
            return Orders(t_ns=MonoNs(t_ns), session=session, plan=None, jog=jog)
        if not read_flag(has_plan):
            check_length("Orders", data, _ORDERS.size)
            return Orders(t_ns=MonoNs(t_ns), session=session, plan=None)
        if not 1 <= rows <= MAX_PLAN_ROWS:
            raise ValueError(f"got a plan of {rows} rows, expected 1 to {MAX_PLAN_ROWS}")
        check_length("Orders", data, _ORDERS.size + rows * _ROW_BYTES)
        plan = Plan(
            epoch=epoch,
            t_ns=np.frombuffer(data, np.int64, rows, _ORDERS.size),
            T_base_tcp=read_doubles("Orders", data, _ORDERS.size + rows * 8).reshape(rows, 4, 4),
            valid_until_ns=MonoNs(valid_ns),
            source=Source(source),
        )
    except ValueError as error:
        raise CorruptRecordError(f"Orders: {error}") from error
    return Orders(t_ns=MonoNs(t_ns), session=session, plan=plan)
