"""Which activity a `start` asks for."""

from collections.abc import Callable

from robotd.core.clock import MonoNs
from robotd.core.errors import SupervisorError
from robotd.modes.collect.collecting import Collecting
from robotd.modes.daemon.activity import Activity, Workplace
from robotd.modes.daemon.messages import ControlRequest
from robotd.modes.jog.jogging import Jogging
from robotd.modes.replay.replaying import Replaying
from robotd.modes.run.policy_run import PolicyRun

Factory = Callable[[Workplace, MonoNs], Activity]


def activity_of(request: ControlRequest, place: Workplace, now: MonoNs) -> Activity:
    """Make it; nothing moves yet.

    Raises:
        SupervisorError: The request is not exactly one, or what it needs is missing; one sentence.
    """
    wanted: list[Factory] = []
    if (run := request.run) is not None:
        wanted.append(lambda place, now: PolicyRun(place, run, now))
    if (collect := request.collect) is not None:
        wanted.append(lambda place, now: Collecting(place, collect, now))
    if (replay := request.replay) is not None:
        wanted.append(lambda place, now: Replaying(place, replay, now))
    if (jog := request.jog) is not None:
        wanted.append(lambda place, now: Jogging(place, jog, now))
    if len(wanted) != 1:
        raise SupervisorError(f"cannot start: got {len(wanted)} requests, expected exactly one")
    return wanted[0](place, now)
