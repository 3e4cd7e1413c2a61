"""A SpaceMouse that is pulled out while it moves the arm, or whose cap is stuck.

The unmodified library reads reports from a hidapi of the tests, in the teleop process of a whole
cell that collects through the drivers.
"""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from math import dist
from pathlib import Path
from random import Random
from typing import Final

from robotd.core.arm_codes import ArmPhase
from robotd.core.clock import MS
from robotd.modes.collect.messages import CollectRequest, Place
from tests.end_to_end.cap import PUSH, UP, Cap, speed_m_s
from tests.end_to_end.cell_site import ArmTail, Operator, wait_for
from tests.faults.cell import FaultCell
from tests.faults.injection import Bound, Injection, Row
from tests.teleop.hid_shim import Plug, build, environment

UNPLUGGED: Final = "SpaceMouse unplugged"
STUCK: Final = "SpaceMouse stuck"
STILL_M: Final = 1e-5
WATCHED_S: Final = 0.5
_MOVED: Final = Bound(measure="moved_mm", limit=STILL_M * 1e3)
HAND_ROWS: Final = (
    Row(
        id=UNPLUGGED,
        matrix="T1",
        fault="the SpaceMouse is unplugged while deflected",
        how="its file goes and reading fails; plugged in again, still deflected and held",
        promise="the session pauses; nothing moves until the cap was let go and pressed anew",
        bounds=(Bound(measure="react_ms", limit=100.0), _MOVED),
    ),
    Row(
        id=STUCK,
        matrix="T3",
        fault="an axis of the SpaceMouse is stuck",
        how="the same deflection for ever, its button up",
        promise="nothing moves",
        bounds=(_MOVED,),
    ),
)


def pulled(folder: Path, *, count: int, seed: int) -> Iterator[Injection]:
    """Pull it out and plug it in again, `count` times; then the stuck cap as often."""
    folder.mkdir(parents=True, exist_ok=True)
    plug = Plug(folder / "hid").plug()
    shim = {**os.environ, **environment(build(folder), plug)}
    with ExitStack() as stack:
        stack.callback(plug.close)
        cell = stack.enter_context(FaultCell(folder / "cell", mock="drivers", environment=shim))
        operator = cell.up()
        operator.arm()
        tail = stack.enter_context(ArmTail(cell.run_dir))
        cap = stack.enter_context(Cap(plug))
        operator.control.call("start", collect=_request())
        plug.await_opened()
        operator.until("READY", lambda s: s.collect is not None and s.collect.session == "READY")
        operator.until("the device", _heard)
        for number in range(count):
            yield _unplugged(operator, plug, cap, tail, number, seed + number)
        for number in range(count):
            yield _stuck(plug, tail, number, seed + number)
        operator.disarm()


def _unplugged(
    operator: Operator, plug: Plug, cap: Cap, tail: ArmTail, number: int, seed: int
) -> Injection:
    failures: list[str] = []
    cap.press_until_it_moves(tail)
    time.sleep(Random(seed).uniform(0.05, 0.4))
    fault_ns = time.monotonic_ns()
    plug.unplug()
    status = operator.until_state("PAUSED")
    if "unplugged" not in status.reason:
        failures.append(f"it says {status.reason}")
    wait_for("rest", lambda: speed_m_s(tail) < 1e-4)
    ticks = [tick for _, tick in list(tail.ticks) if tick.t_ns > fault_ns]
    braked = next(tick.t_ns for tick in ticks if tick.phase is not ArmPhase.FOLLOWING)
    operator.control.call("resume")
    operator.until("its absence", lambda s: s.collect is not None and not s.collect.teleop)
    plug.plug().await_opened()
    cap.press()
    operator.until("its hand", lambda s: s.collect is not None and s.collect.neutral)
    moved_m = _travel_m(tail)
    cap.let_go()
    operator.until("neutral", lambda s: s.collect is not None and not s.collect.neutral)
    return Injection(
        row=UNPLUGGED,
        number=number,
        seed=seed,
        measures={"react_ms": (braked - fault_ns) / MS, "moved_mm": moved_m * 1e3},
        failures=tuple(failures),
    )


def _stuck(plug: Plug, tail: ArmTail, number: int, seed: int) -> Injection:
    plug.send(UP)
    begun = time.monotonic()
    places = [tail.ticks[-1][1].T_base_cmd[:3, 3]]
    while time.monotonic() < begun + WATCHED_S:
        plug.send(*PUSH)
        time.sleep(0.008)
        places.append(tail.ticks[-1][1].T_base_cmd[:3, 3])
    moved_m = max(dist(place, places[0]) for place in places)
    return Injection(row=STUCK, number=number, seed=seed, measures={"moved_mm": moved_m * 1e3})


def _travel_m(tail: ArmTail) -> float:
    here = tail.ticks[-1][1].T_base_cmd[:3, 3]
    begun = time.monotonic()
    moved_m = 0.0
    while time.monotonic() < begun + WATCHED_S:
        moved_m = max(moved_m, dist(tail.ticks[-1][1].T_base_cmd[:3, 3], here))
        time.sleep(0.01)
    return moved_m


def _request() -> CollectRequest:
    return CollectRequest(
        operator="spacemouse",
        arguments=("--operator=spacemouse",),
        start="task",
        places=(Place(seed=3),),
        max_episode_s=600.0,
    )


def _heard(status: object) -> bool:
    collect = status.collect
    return collect is not None and collect.teleop and not collect.neutral
