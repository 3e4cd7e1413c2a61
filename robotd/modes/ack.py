"""`robotd ack`: walks a person through what a stop needs, step by step, and acknowledges it."""

import sys
from collections.abc import Callable
from typing import Final, Protocol

from robotd.core.clock import MS, MonoNs, S, SystemClock
from robotd.core.config import CellConfig
from robotd.core.errors import SupervisorError
from robotd.core.protocols import Clock
from robotd.core.recovery import UNLOCK_WAIT_S, RecoveryStep
from robotd.modes.cell_file import load_cell
from robotd.modes.daemon.messages import DaemonStatus, NeedStatus, Op
from robotd.modes.daemon.supervisor import State
from robotd.modes.inspect import daemon_client
from robotd.modes.options import AckOptions
from robotd.modes.real_cell import ask, require_terminal

POLL_NS: Final = 200 * MS
ANSWER_NS: Final = 10 * S
"""The arm process answers within so long, or hangs."""
EFFECT_NS: Final = 40 * S
"""A controller that was asked for a step has done it within so long: power on takes ten seconds."""
BY_HAND_NS: Final = 600 * S
"""A person who has to do something at the arm is waited for."""
TRIES_N: Final = 5


def ack(options: AckOptions) -> int:
    """Walk through it; 0 once it is acknowledged, 1 where the person stopped on the way.

    Raises:
        RobotdError: There is nothing to acknowledge, or it does not go on; one sentence.
    """
    cell = load_cell(options)
    require_terminal(cell)
    with daemon_client(cell, options.run_dir, "ack") as control:
        walk = Walk(control, say=_say, ask=lambda text: _ask(cell, text), clock=SystemClock())
        return 0 if walk.done() else 1


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _ask(cell: CellConfig, text: str) -> bool:
    """Ask the person; in a mock without a terminal nobody has to be asked."""
    if cell.mock and not (sys.stdin and sys.stdin.isatty()):
        _say(text)
        return True
    return ask(f"{text} Type y and Enter, anything else leaves: ") == "y"


class Daemon(Protocol):
    """What of a `ControlClient` is used."""

    def call(self, op: Op, *, step: RecoveryStep | None = None) -> DaemonStatus:
        """Send one command and return the daemon's status."""
        ...


class Walk:
    """One walk over one daemon; each step is asked about."""

    def __init__(
        self,
        control: Daemon,
        *,
        say: Callable[[str], None],
        ask: Callable[[str], bool],
        clock: Clock,
    ) -> None:
        """Take the daemon and the person.

        Args:
            control: A client of the daemon.
            say: Shows one line.
            ask: Asks, and returns whether they agree.
            clock: For waiting.
        """
        self._control, self._say, self._ask, self._clock = control, say, ask, clock

    def done(self) -> bool:
        """Go to the end; False where the person did not agree to a step.

        Raises:
            SupervisorError: There is nothing to acknowledge, or the controller does not follow.
        """
        before = status = self._control.call("status")
        self._tell(status)
        tries_n = 0
        while status.need is not None and status.need.said:
            tries_n += 1
            if tries_n > TRIES_N:
                raise SupervisorError(f"the controller still needs: {status.need.said}")
            followed = self._meet(status.need)
            if followed is None:
                return False
            status = followed
        if status.state != State.FAULT and tries_n:
            self._say("The controller is ready.")
            return True
        if status.state == State.FAULT and not self._ask("Checked all that? Acknowledge."):
            return False
        after = self._control.call("ack")
        self._say(f"{before.state} ({before.reason or 'no reason'}) -> {after.state}")
        return True

    def _tell(self, status: DaemonStatus) -> None:
        """Say what happened and what to look at."""
        trouble = status.trouble
        if trouble is None or status.state == State.DISARMED:
            return
        self._say(f"{status.state}, {trouble.cause}: {status.reason}")
        self._say(trouble.happened)
        for number, check in enumerate(trouble.checks, 1):
            self._say(f"  {number}. {check}")
        self._say(trouble.then)
        self._say(f"The arm's last seconds: robotd flight {trouble.flight}")

    def _meet(self, need: NeedStatus) -> DaemonStatus | None:
        """Do one thing that the controller needs; None where the person does not agree."""
        if need.step is None:
            self._say(f"Now: {need.said}. Ctrl-C leaves.")
            return self._until_changed(need, BY_HAND_NS)
        self._count_down(need.wait_s, need.said)
        if not self._ask(f"Now: {need.said}."):
            return None
        return self._step(need, need.step)

    def _step(self, need: NeedStatus, step: RecoveryStep) -> DaemonStatus:
        """Have the controller do a step and wait for what comes of it."""
        asked = self._control.call("recover", step=step).need
        asked_n = 0 if asked is None else asked.asked_n
        status = self._until(
            lambda s: s.need is not None and s.need.answered_n >= asked_n,
            ANSWER_NS,
            "the arm process does not answer; see arm.log (`robotd status`)",
        )
        if status.need is not None and status.need.refusal:
            self._say(f"Refused: {status.need.refusal}")
            if step is RecoveryStep.UNLOCK:
                self._count_down(UNLOCK_WAIT_S, need.said)
            return self._control.call("status")
        return self._until_changed(need, EFFECT_NS)

    def _count_down(self, wait_s: float, said: str) -> None:
        """Wait, and say every second how long still."""
        end_ns = self._clock.now() + round(wait_s * S)
        while (left_ns := end_ns - self._clock.now()) > 0:
            self._say(f"{said}: possible in {left_ns / S:.0f} s")
            self._clock.sleep_until(MonoNs(self._clock.now() + min(left_ns, S)))

    def _until_changed(self, need: NeedStatus, limit_ns: int) -> DaemonStatus:
        return self._until(
            lambda s: s.need is None or s.need.said != need.said,
            limit_ns,
            f"the controller still needs: {need.said}",
        )

    def _until(
        self, ready: Callable[[DaemonStatus], bool], limit_ns: int, problem: str
    ) -> DaemonStatus:
        """Ask until it is so.

        Raises:
            SupervisorError: It is not so within the limit; says `problem`.
        """
        end_ns = self._clock.now() + limit_ns
        while not ready(status := self._control.call("status")):
            if self._clock.now() > end_ns:
                raise SupervisorError(problem)
            self._clock.sleep_until(MonoNs(self._clock.now() + POLL_NS))
        return status
