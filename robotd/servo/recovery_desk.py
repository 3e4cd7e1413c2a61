"""Does what a person asks of the controller while no session is obeyed, and answers."""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from robotd.core.clock import S
from robotd.core.errors import CorruptRecordError, DeviceError
from robotd.core.protocols import Clock, RobotArm
from robotd.core.recovery import (
    ANSWER_BYTES,
    REQUEST_AGE_S,
    REQUESTS_KEPT_N,
    ArmAnswer,
    ArmRequest,
    pack_arm_answer,
    unpack_arm_request,
)
from robotd.core.ring import RingReader, RingWriter
from robotd.core.run_files import ARM_ANSWERS, ARM_REQUESTS

Desk = Callable[[RobotArm], None]
"""Looks whether something is asked and does it; called in each cycle while not engaged."""


def nobody_asks(arm: RobotArm) -> None:
    """Be a desk without a bell: for arms that no daemon supervises."""
    del arm


class RecoveryDesk:
    """The arm process's end of both rings; a context manager, and a `Desk` by `serve`."""

    def __init__(self, run_dir: Path, clock: Clock) -> None:
        """Open them; what was asked before is nobody's wish any more."""
        self._requests = RingReader(run_dir / ARM_REQUESTS)
        self._answers = RingWriter.create(run_dir / ARM_ANSWERS, ANSWER_BYTES, REQUESTS_KEPT_N)
        self._clock = clock
        self._index = -1
        if (old := self._newest()) is not None:
            self._index = old[0]

    def serve(self, arm: RobotArm) -> None:
        """Do the newest request that has not been done. May block for seconds."""
        newest = self._newest()
        if newest is None:
            return
        self._index, request = newest
        if request is None:
            return
        refusal = self._do(arm, request)
        answer = ArmAnswer(t_ns=self._clock.now(), number=request.number, refusal=refusal)
        self._answers.write(pack_arm_answer(answer))

    def _do(self, arm: RobotArm, request: ArmRequest) -> str:
        """Do it; return why not, empty where it was done."""
        age_s = (self._clock.now() - request.t_ns) / S
        if not 0.0 <= age_s <= REQUEST_AGE_S:
            return f"{request.step}: refused, it was asked {age_s:.1f} s ago; ask again"
        try:
            arm.recover(request.step)
        except DeviceError as error:
            return str(error)
        return ""

    def _newest(self) -> tuple[int, ArmRequest | None] | None:
        """Return what is new, with its index; None where nothing is."""
        try:
            record = self._requests.newest(self._index)
            if record is None:
                return None
            try:
                return record.index, unpack_arm_request(record.payload)
            except CorruptRecordError:
                return record.index, None
        except CorruptRecordError:
            return None

    def close(self) -> None:
        """Unmap both rings."""
        self._requests.close()
        self._answers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
