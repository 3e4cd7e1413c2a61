"""The body of the arm process: one thread, one loop, from the mailbox to the ring of ticks."""

from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from robotd.core.arm_reason import write_reason
from robotd.core.arm_records import TICK_BYTES, pack_tick
from robotd.core.clock import SystemClock
from robotd.core.config import CellConfig
from robotd.core.mailbox import MailboxReader
from robotd.core.process import StopFlag, announce_ready, die_with_parent
from robotd.core.process_names import ARM
from robotd.core.protocols import Clock, RobotArm
from robotd.core.ring import RingWriter
from robotd.core.run_files import ARM_RIGHTS, ARM_RING, MAILBOX
from robotd.core.types import ArmTick
from robotd.core.ur_models import ur_model
from robotd.servo.loop import ArmLoop
from robotd.servo.realtime import (
    call_limit_s,
    gap_fault_s,
    halved,
    obtain,
    require,
    stop_collecting,
)
from robotd.servo.recovery_desk import RecoveryDesk

ArmBuilder = Callable[[CellConfig, Clock, float], RobotArm]
"""Builds the arm, given its cell, the clock and the largest own gap of the loop [s]: the
controller's watchdog must allow at least 1.5 times that."""

TICK_SLOTS = 4096
"""Ticks kept in the ring: 8 s at 500 Hz, for a recorder that pauses."""


def main(
    run: Path, cell: CellConfig, build_arm: ArmBuilder, *, without_realtime: bool = False
) -> None:
    """Run the arm until SIGTERM, SIGINT or the end of the parent; then brake and leave.

    Args:
        run: The run directory.
        cell: The cell's configuration.
        build_arm: Makes the arm; nothing is connected yet.
        without_realtime: Accept a real arm without real-time rights, at half speed.

    Raises:
        RealtimeError: A real arm, no real-time rights, and not `without_realtime`.
        DeviceError: The arm cannot be connected.
    """
    with (
        StopFlag() as stop,
        MailboxReader(run / MAILBOX) as mailbox,
        RingWriter.create(run / ARM_RING, TICK_BYTES, TICK_SLOTS) as ring,
    ):
        die_with_parent()
        clock = SystemClock()
        rights = obtain()
        (run / ARM_RIGHTS).write_text(rights.refusal)
        if not (cell.mock or (rights.fifo and rights.locked)):
            if not without_realtime:
                require(rights)
            cell = replace(cell, envelope=halved(cell.envelope))  # the controller's script too
        rate_hz = ur_model(cell.arm.model).servo_rate_hz
        fifo, mock = rights.fifo, cell.mock
        gap_s = gap_fault_s(cell.arm.gap_fault_s, rate_hz=rate_hz, fifo=fifo, mock=mock)

        def publish(tick: ArmTick) -> None:
            ring.write(pack_tick(tick))

        with RecoveryDesk(run, clock) as desk, build_arm(cell, clock, gap_s) as arm:
            loop = ArmLoop(
                arm=arm,
                config=cell.arm,
                envelope=cell.envelope,
                max_jump_m=cell.executor.max_jump_m,
                gap_fault_s=gap_s,
                orders=mailbox.read,
                publish=publish,
                clock=clock,
                call_limit_s=call_limit_s(gap_s, rate_hz=rate_hz, fifo=fifo, mock=mock),
                explain=lambda session, words: write_reason(run, session, words),
                desk=desk.serve,
            )
            stop_collecting()
            announce_ready(run, ARM)
            loop.run(lambda: stop.requested)
