"""One fault done to an arm that moves, and what arm and controller made of it."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Final

from robotd.core.arm_codes import ArmFault, ArmPhase, PauseCause
from robotd.core.arm_reason import read_reason
from robotd.core.clock import MS
from robotd.core.types import ArmTick
from tests.faults.arm_cases import ArmCase
from tests.faults.emulator import Event
from tests.faults.injection import Injection
from tests.faults.reconnect import unasked
from tests.faults.rig import Rig

MODELS: Final = ("ur5e", "ur5")
PERIOD_S: Final = {"ur5": 0.008, "ur5e": 0.002}
GAP_PERIODS: Final = 5
ENDED: Final = frozenset({"program_stopped", "watchdog"})
AFTER_S: Final = (0.1, 0.6)
STOP_S: Final = 4.0
END_S: Final = 1.0


def settings_of(model: str, *, relaxed: bool = False) -> tuple[str, ...]:
    """The gap that is a fault: five periods, as with real-time rights, or what a mock allows."""
    return () if relaxed else (f"arm.gap_fault_s={GAP_PERIODS * PERIOD_S[model]}",)


def trials(
    case: ArmCase,
    folder: Path,
    *,
    count: int,
    seed: int,
    models: Sequence[str] = MODELS,
    relaxed: bool = False,
) -> Iterator[Injection]:
    """Do a case again and again, to the models in turn; a rig lasts as long as it goes well."""
    for first, model in enumerate(models):
        numbers = range(first, count, len(models))
        if not numbers:
            continue
        rig: Rig | None = None
        try:
            for number in numbers:
                settings = settings_of(model, relaxed=relaxed)
                rig = rig or Rig(folder / f"{model}-{number}", model, settings=settings)
                trial = Trial(case, rig, Random(seed + number))
                trial.run()
                yield Injection(
                    row=case.id,
                    number=number,
                    seed=seed + number,
                    measures=trial.measures,
                    failures=tuple(f"{model}: {failure}" for failure in trial.failures),
                )
                if trial.failures:
                    rig.__exit__()
                    rig = None
        finally:
            if rig is not None:
                rig.__exit__()


class Trial:
    """One of a case.

    Attributes:
        measures: Figures.
        failures: What should not have happened.
    """

    def __init__(self, case: ArmCase, rig: Rig, random: Random) -> None:
        self.measures: dict[str, float] = {}
        self.failures: list[str] = []
        self._case, self._rig, self._random = case, rig, random

    def run(self) -> None:
        """Strike, look, lift, look, and have a person arm again."""
        rig = self._rig
        rig.forget()
        try:
            if self._case.before_arming:
                self._refused()
            else:
                self._stopped()
            self._again()
        except AssertionError as error:
            self.failures.append(str(error).split("\n", 1)[0][:400])
        if breaches := rig.emulator.state()["breaches"]:
            self.failures.append(f"the oracle found {breaches[0]}")

    def _stopped(self) -> None:
        rig, case, emulator = self._rig, self._case, self._rig.emulator
        rig.moving(self._random.uniform(*AFTER_S))
        since = emulator.next_n()
        t_ns = case.strike(rig, self._random)
        if case.survived:
            rig.until("a stop", lambda t: t.t_ns > t_ns and _stops(t), STOP_S)
        standing = emulator.until("standstill", lambda s: s["standing"])
        model = rig.cell.arm.model
        self.measures[f"{model}_still_ms"] = (standing["t_ns"] - t_ns) / MS
        self._look_at(t_ns, since)
        self._nothing_moves("before anything is put right", since)
        case.lift(rig)
        self._nothing_moves("after all was put right", since)

    def _look_at(self, t_ns: int, since: int) -> None:
        """Time the arm's first cycle that follows no plan, and what the controller did."""
        case, model = self._case, self._rig.cell.arm.model
        events = self._events(since)
        ticks = self._rig.since(t_ns)
        reaction = next((t.t_ns for t in ticks if t.phase is not ArmPhase.FOLLOWING), None)
        end = next((event.t_ns for event in events if event.what in ENDED), None)
        if reaction is not None and case.survived:
            self.measures[f"{model}_arm_ms"] = (reaction - t_ns) / MS
        if end is not None:
            self.measures[f"{model}_ended_ms"] = (end - t_ns) / MS
        elif case.ends:
            self.failures.append(f"the program was not ended: {_words(events)}")
        if case.survived:
            self._judge_words(ticks)

    def _events(self, since: int) -> list[Event]:
        """What happened, the end of the program included where it has to end."""
        deadline = time.monotonic() + END_S
        while True:
            time.sleep(0.05)  # for cycles and events that are on their way
            events = self._rig.emulator.happened(since)
            ended = any(event.what in ENDED for event in events)
            if ended or not self._case.ends or time.monotonic() > deadline:
                return events

    def _judge_words(self, ticks: list[ArmTick]) -> None:
        case = self._case
        found = next((tick.fault for tick in ticks if tick.fault), ArmFault.NONE)
        if case.faults and found not in case.faults:
            names = ", ".join(fault.name for fault in case.faults)
            why = read_reason(self._rig.run, self._rig.session)
            self.failures.append(f"the arm says {found.name} ({why}), expected {names}")
        hold = next((tick.hold for tick in ticks if tick.hold), PauseCause.NONE)
        if hold is not case.hold:
            self.failures.append(f"the arm holds for {hold.name}, expected {case.hold.name}")
        stopped = next((i for i, tick in enumerate(ticks) if _stops(tick)), len(ticks))
        if any(tick.phase is ArmPhase.FOLLOWING for tick in ticks[stopped:]):
            self.failures.append("it follows a plan again")

    def _nothing_moves(self, when: str, since: int) -> None:
        """See that nobody's orders, which go on being written, move the arm."""
        found = unasked(self._rig.emulator, since)
        for name, value in found.items():
            self.measures[name] = max(value, self.measures.get(name, 0.0))
            if value:
                self.failures.append(f"{when}: {name} {value:.3g} without a person")

    def _refused(self) -> None:
        rig, case, emulator = self._rig, self._case, self._rig.emulator
        rig.disarm()
        since = emulator.next_n()
        case.strike(rig, self._random)
        rig.session += 1
        tick = rig.until("a refusal", lambda t: t.session == rig.session and bool(t.fault))
        if tick.fault not in case.faults:
            why = read_reason(rig.run, rig.session)
            self.failures.append(f"the arm says {tick.fault.name} ({why})")
        self._nothing_moves("refused", since)
        case.lift(rig)
        self._nothing_moves("after all was put right", since)

    def _again(self) -> None:
        """A person arms anew: that has to work, and the arm moves."""
        rig, begun = self._rig, time.monotonic()
        rig.disarm()
        rig.engage()
        self.measures["again_s"] = time.monotonic() - begun
        rig.disarm()
        rig.moving(0.0)
        rig.disarm()


def _stops(tick: ArmTick) -> bool:
    return bool(tick.fault or tick.hold) or tick.session == 0


def _words(events: list[Event]) -> str:
    return "; ".join(f"{event.what} {event.detail}" for event in events) or "nothing happened"
