"""The rows of the fault matrix that an arm and its controller alone show."""

from typing import Final

from tests.faults.arm_cases import CASES, ArmCase
from tests.faults.arm_jitter import HOGS_N, JITTER, STARVED, WATCHED_S
from tests.faults.arm_trial import PERIOD_S
from tests.faults.injection import Bound, Row
from tests.faults.reconnect import ROW as RECONNECT

NOTHING: Final = "nothing moves, no program starts and none is uploaded until a person arms anew"
_REST: Final = tuple(
    Bound(measure=measure, limit=0.0) for measure in ("travel_rad", "programs_n", "uploads_n")
)


def _row(case: ArmCase) -> Row:
    bounds: list[Bound] = []
    for model, period_s in PERIOD_S.items():
        if case.react_periods is not None:
            limit = round(case.react_periods * period_s * 1e3, 1)
            bounds.append(Bound(measure=f"{model}_arm_ms", limit=limit))
        if model in case.ended_s:
            limit = round(case.ended_s[model] * 1e3, 1)
            bounds.append(Bound(measure=f"{model}_ended_ms", limit=limit))
    words = "refused before anything moves" if case.before_arming else "the arm says what it was"
    return Row(
        id=case.id,
        matrix=case.matrix,
        fault=case.fault,
        how=case.how,
        promise=f"{words}; no breach of the envelope; {NOTHING}",
        bounds=(*bounds, *_REST),
    )


ARM_ROWS: Final[tuple[Row, ...]] = (
    Row(
        id=RECONNECT,
        matrix="",
        fault="the link of a plain ur_rtde loop is cut",
        how="all connections of the emulated controller closed, with FIN or RST",
        promise="the reference: it connects, uploads and moves by itself, and that is seen",
    ),
    *map(_row, CASES),
    Row(
        id=JITTER,
        matrix="R3",
        fault="a hundredth of the packets is up to two periods late",
        how=f"delayed on the controller's side for {WATCHED_S:g} s",
        promise="no stop, no breach of the envelope",
        bounds=(Bound(measure="stops_n", limit=0.0), Bound(measure="bursts_n", limit=0.0)),
    ),
    Row(
        id=STARVED,
        matrix="N2",
        fault="the computer is busy",
        how=f"{HOGS_N} processes that never wait, for {WATCHED_S:g} s",
        promise="no breach of the envelope; a gap that is too long is a fault before a setpoint",
        bounds=(
            Bound(measure="largest_gap_periods", limit=5.0),
            Bound(measure="bursts_n", limit=0.0),
        ),
    ),
)
