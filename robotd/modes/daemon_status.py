"""How things stand, for clients to show."""

import os
from pathlib import Path

import numpy as np

from robotd.core.clock import MonoNs, ns_to_seconds
from robotd.core.config import CellConfig
from robotd.core.ur_models import UR_MODELS
from robotd.modes.feed import Feed
from robotd.modes.messages import ArmStatus, DaemonStatus, ProcessStatus, RunStatus
from robotd.modes.policy_link import PolicyLink
from robotd.modes.supervisor import Supervisor


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
    )


def daemon_status(
    *,
    cell: CellConfig,
    supervisor: Supervisor,
    owner: str,
    link: PolicyLink,
    realtime: bool,
    logs: Path,
    processes: dict[str, ProcessStatus],
    feed: Feed,
    run: RunStatus | None,
    now: MonoNs,
) -> DaemonStatus:
    """Return everything that a client shows."""
    return DaemonStatus(
        cell=cell.name,
        mock=cell.mock,
        pid=os.getpid(),
        state=supervisor.state.value,
        reason=supervisor.reason,
        session=supervisor.session,
        owner=owner,
        policy=link.spec.name if link.spec else "",
        policy_failure=link.failure,
        realtime=realtime,
        logs=str(logs),
        processes=processes,
        arm=arm_status(feed, now, UR_MODELS[cell.arm.model].servo_rate_hz),
        run=run,
    )
