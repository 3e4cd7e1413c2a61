"""Faults of devices and processes in a whole cell that records through the drivers."""

import time
from collections.abc import Iterator
from contextlib import suppress
from math import dist
from pathlib import Path
from random import Random
from typing import Final

from robotd.core.arm_codes import ArmPhase
from robotd.core.clock import MS, S
from robotd.core.errors import SupervisorError
from robotd.episodes.dataset import episodes, open_episodes
from robotd.episodes.verify import verify
from tests.end_to_end.cell_site import CHECKOUT, wait_for
from tests.faults.account import rest_after
from tests.faults.cell import FaultCell
from tests.faults.device_cases import DeviceCase, clock_environment
from tests.faults.injection import Bound, Injection, Row
from tests.faults.witness import Witness

STOPPED: Final = ("PAUSED", "FAULT", "STOPPING", "DISARMED")
STOP_S: Final = 5.0
BORNE_S: Final = 2.0
WATCHED_S: Final = 0.5
BACK_S: Final = 60.0
STILL_M: Final = 1e-5
FACTOR: Final = 3.0
"""This computer, which the emulated hardware shares, may hold up whoever has to react."""
IN_FLIGHT_FRAMES: Final = 2.0
MODELS: Final = ("ur5", "ur5e")


def device_row(case: DeviceCase) -> Row:
    """Return the line of a case in the table."""
    bounds = (
        ()
        if case.react_ms is None
        else (Bound(measure="react_ms", limit=case.react_ms, factor=FACTOR),)
    )
    promise = {
        True: "the arm stops; the episode is kept; nothing moves without a person",
        False: "no stop; the episode is kept whole",
        None: "the episode is kept; once stopped, nothing moves without a person",
    }[case.stops]
    return Row(
        id=case.id,
        matrix=case.matrix,
        fault=case.fault,
        how=case.how,
        promise=promise,
        bounds=bounds,
    )


def struck(folder: Path, case: DeviceCase, *, count: int, seed: int) -> Iterator[Injection]:
    """Do a case again and again in one cell of each model."""
    for first, model in enumerate(MODELS):
        numbers = range(first, count, len(MODELS))
        if not numbers:
            continue
        where = folder / model
        environment = clock_environment(where, CHECKOUT / "tests/faults/seam")
        with FaultCell(
            where, mock="drivers", model=model, environment=environment, settings=case.settings
        ) as cell:
            cell.up()
            with Witness(cell.run_dir, cell.cameras) as witness:
                for number in numbers:
                    trial = _Trial(cell, witness, case, Random(seed + number))
                    try:
                        trial.run()
                    finally:
                        case.lift(cell)
                    yield Injection(
                        row=case.id,
                        number=number,
                        seed=seed + number,
                        measures=trial.measures,
                        failures=tuple(f"{model}: {failure}" for failure in trial.failures),
                    )
                    witness.forget_before(time.monotonic_ns() - S)


class _Trial:
    """One of a case."""

    def __init__(self, cell: FaultCell, witness: Witness, case: DeviceCase, random: Random) -> None:
        self.measures: dict[str, float] = {}
        self.failures: list[str] = []
        self._cell, self._witness, self._case, self._random = cell, witness, case, random

    def run(self) -> None:
        """Strike, look, put right, look again."""
        case, cell = self._case, self._cell
        episode = cell.record_for(self._random.uniform(0.5, 1.5), self._witness)
        fault_ns = time.monotonic_ns()
        case.strike(cell, self._random)
        stopped = self._stopped()
        if case.pictures:
            fault_ns = self._silent_since_ns(fault_ns)
        ticks = self._witness.ticks_between(fault_ns - S, time.monotonic_ns())
        rest = rest_after(ticks, fault_ns)
        if rest.moving:
            after = [tick for tick in ticks if tick.t_ns > fault_ns]
            braked = next((t.t_ns for t in after if t.phase is not ArmPhase.FOLLOWING), None)
            if braked is not None:
                self.measures["react_ms"] = (braked - fault_ns) / MS
            elif case.react_ms is not None:
                self.failures.append("the arm did not brake")
        if stopped:
            self.failures += rest.failures
            if rest.still_ms is not None:
                self.measures["still_ms"] = rest.still_ms
            self._nothing_moves("before anything is put right")
            case.lift(cell)
            wait_for("all devices", cell.all_at_work, limit_s=BACK_S)
            self._nothing_moves("after all was put right")
        else:
            with suppress(SupervisorError):  # at its goal just then
                cell.operator.control.call("say", command="stop")
        self._look_at(episode)

    def _silent_since_ns(self, strike_ns: int) -> int:
        """Return when the camera that fell silent brought its last picture.

        One or two may be on their way at the strike; later ones are those of its next start.
        """
        upto_ns = strike_ns + round(IN_FLIGHT_FRAMES * S / 30.0)
        cameras = self._cell.cameras
        newest = [self._witness.pictures_between(name, strike_ns, upto_ns) for name in cameras]
        return min(seen[-1].t_arrival_ns if seen else strike_ns for seen in newest)

    def _stopped(self) -> bool:
        """Whether the arm stopped; a failure where it should not have, or should."""
        case, operator = self._case, self._cell.operator
        deadline = time.monotonic() + (STOP_S if case.stops else BORNE_S)
        while time.monotonic() < deadline:
            status = operator.status()
            if status.state in STOPPED:
                time.sleep(0.3)
                if case.stops is False:
                    self.failures.append(f"it stopped: {status.reason}")
                return True
            time.sleep(0.02)
        if case.stops:
            self.failures.append(f"it did not stop: {operator.status().state}")
        return False

    def _nothing_moves(self, when: str) -> None:
        time.sleep(0.3)  # what is left of the brake
        begin_ns = time.monotonic_ns()
        time.sleep(WATCHED_S)
        ticks = self._witness.ticks_between(begin_ns, time.monotonic_ns())
        moved_m = max((dist(tick.p_cmd_m, ticks[0].p_cmd_m) for tick in ticks), default=0.0)
        if moved_m > STILL_M:
            self.failures.append(f"{when}: moved by {moved_m * 1e3:.2f} mm without a person")

    def _look_at(self, episode: str) -> None:
        dataset = self._cell.dataset
        wait_for("the episode", lambda: episode not in open_episodes(dataset), limit_s=BACK_S)
        if episode not in episodes(dataset):
            self.failures.append("the episode was not kept")
            return
        found = verify(dataset / episode, deep=True)
        allowed = {"ok", "lossy"} if self._case.lossy else {"ok"}
        if found.health not in allowed:
            self.failures.append(f"verify says {found.health}: {'; '.join(found.reasons)}")
