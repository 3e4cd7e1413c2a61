"""How things stand, for clients to show."""

import os

import numpy as np

from robotd.core.arm_codes import Source
from robotd.core.clock import MonoNs, ns_to_seconds
from robotd.core.ur_codes import robot_mode_name, safety_names
from robotd.core.ur_models import UR_MODELS
from robotd.modes.collect.messages import CollectStatus
from robotd.modes.daemon.activity import Workplace
from robotd.modes.daemon.causes import GUIDANCE
from robotd.modes.daemon.drive import Drive
from robotd.modes.daemon.feed import Feed
from robotd.modes.daemon.messages import (
    ArmStatus,
    DaemonStatus,
    NeedStatus,
    RunStatus,
    TroubleStatus,
)
from robotd.modes.daemon.supervisor import State
from robotd.modes.jog.messages import JogStatus
from robotd.modes.replay.messages import ReplayStatus


def arm_status(feed: Feed, now: MonoNs, rate_hz: float) -> ArmStatus | None:
    """Return how the arm process is doing; None before its first cycle."""
    tick = feed.tick
    if tick is None:
        return None
    late_ms = np.array(feed.late_ns) * 1e-6
    p50, p99, most = (float(v) for v in np.quantile(late_ms, (0.5, 0.99, 1.0)))
    return ArmStatus(
        phase=tick.phase.name.lower(),
        fault="" if not tick.fault else tick.fault.name.lower(),
        session=tick.session,
        age_s=ns_to_seconds(now - tick.t_ns),
        rate_hz=rate_hz,
        late_p50_ms=p50,
        late_p99_ms=p99,
        late_max_ms=most,
        safety=safety_names(tick.state.safety_bits),
        mode=robot_mode_name(tick.state.robot_mode),
        speed_scaling=tick.state.speed_scaling,
    )


def trouble_status(drive: Drive) -> TroubleStatus | None:
    """Return why the cell stopped by itself, in words; None where it did not."""
    trouble = drive.trouble
    if trouble is None:
        return None
    told = GUIDANCE[trouble.cause]
    return TroubleStatus(
        cause=trouble.cause.value,
        happened=told.happened,
        checks=told.checks,
        then=told.then,
        flight=str(trouble.flight),
    )


def need_status(drive: Drive, feed: Feed, now: MonoNs) -> NeedStatus:
    """Return what the controller needs next, and what became of the last step."""
    need, answer = drive.desk.need(feed.tick, now), drive.desk.answer
    return NeedStatus(
        said=need.said,
        step=need.step,
        wait_s=need.wait_s,
        asked_n=drive.desk.asked_n,
        answered_n=answer.number if answer else 0,
        refusal=answer.refusal if answer else "",
    )


def doing(drive: Drive, feed: Feed) -> str:
    """Return who moves the arm; empty while nobody does."""
    moves = drive.state is State.RUNNING and feed.tick is not None
    source = feed.tick.source if moves and feed.tick is not None else Source.HOLD
    return "" if source is Source.HOLD else source.name.lower()


def daemon_status(drive: Drive, place: Workplace, now: MonoNs) -> DaemonStatus:
    """Return everything that a client shows."""
    supervisor, cell, link, scribe = drive.supervisor, place.cell, place.link, place.scribe
    activity = drive.status(now)
    return DaemonStatus(
        cell=cell.name,
        mock=cell.mock,
        pid=os.getpid(),
        state=supervisor.state.value,
        reason=supervisor.reason,
        session=supervisor.session,
        owner=drive.lease.owner,
        policy=link.spec.name if link.spec else "",
        policy_failure=link.failure,
        dataset=scribe.dataset if scribe.ready else "",
        dataset_failure=scribe.failure,
        recording=scribe.episode or scribe.ended,
        realtime=place.realtime,
        logs=str(place.children.log_dir),
        processes=place.children.status(),
        arm=arm_status(place.feed, now, UR_MODELS[cell.arm.model].servo_rate_hz),
        recorder=scribe.status,
        run=activity if isinstance(activity, RunStatus) else None,
        collect=activity if isinstance(activity, CollectStatus) else None,
        replay=activity if isinstance(activity, ReplayStatus) else None,
        jog=activity if isinstance(activity, JogStatus) else None,
        doing=doing(drive, place.feed),
        trouble=trouble_status(drive),
        need=need_status(drive, place.feed, now),
        flight=str(drive.flights.newest or ""),
    )
