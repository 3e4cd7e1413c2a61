"""The daemon's end of what a person asks the controller for: steps of recovery, and the answers."""

from collections.abc import Sequence
from pathlib import Path

from robotd.core.clock import MonoNs
from robotd.core.recovery import (
    REQUEST_BYTES,
    REQUESTS_KEPT_N,
    ArmAnswer,
    ArmRequest,
    RecoveryStep,
    pack_arm_request,
    unpack_arm_answer,
)
from robotd.core.ring import RingWriter
from robotd.core.run_files import ARM_ANSWERS, ARM_REQUESTS
from robotd.core.types import ArmTick
from robotd.modes.daemon.feed import Tail
from robotd.modes.daemon.recovery import Need, StopClock, need_of


class ArmDesk:
    """Used by the conductor's thread; never waits.

    Attributes:
        asked_n: Number of the last request; 0 before the first.
        answer: The arm process's last answer; None before the first.
    """

    def __init__(self, run_dir: Path) -> None:
        """Make the ring of requests; the arm process may not be there yet."""
        self._requests = RingWriter.create(run_dir / ARM_REQUESTS, REQUEST_BYTES, REQUESTS_KEPT_N)
        self._answers = Tail(run_dir / ARM_ANSWERS, unpack_arm_answer)
        self._stopped = StopClock()
        self.asked_n = 0
        self.answer: ArmAnswer | None = None

    def see(self, ticks: Sequence[ArmTick]) -> None:
        """Take in what came in one cycle."""
        for tick in ticks:
            self._stopped.see(tick)
        for answer in self._answers.read():
            self.answer = answer

    def need(self, tick: ArmTick | None, now: MonoNs) -> Need:
        """Return what the controller needs next."""
        return need_of(tick, self._stopped.wait_s(now))

    def ask(self, step: RecoveryStep, now: MonoNs) -> None:
        """Ask for a step."""
        self.asked_n += 1
        request = ArmRequest(t_ns=now, number=self.asked_n, step=step)
        self._requests.write(pack_arm_request(request))

    def close(self) -> None:
        """Unmap both rings."""
        self._requests.close()
        self._answers.close()
