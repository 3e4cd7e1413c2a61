"""What is done to an arm and its controller while it moves, and what a person puts right after.

A case strikes, which says when; it lifts, as a hand at the cell does, which arms nothing.
"""

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from robotd.core.arm_codes import ArmFault, PauseCause
from robotd.core.script_codes import ScriptRegisters
from tests.faults.rig import Rig

ALONE_S: Final = {"ur5": 0.042, "ur5e": 0.022}
"""A controller that hears nothing has stopped its program."""

UNLOCK_S: Final = 5.2
"""A protective stop may be unlocked 5 s after it came (UR user manual)."""

Strike = Callable[[Rig, Random], int]
"""Does the harm; returns when [ns]."""
Lift = Callable[[Rig], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmCase:
    """One fault.

    Attributes:
        id: Of its row.
        matrix: Its number in the fault matrix.
        fault: What happens, in words.
        how: How it is injected.
        strike: Does it, to an arm that moves; or before arming.
        lift: Ends it.
        faults: What the arm's process may say; empty where it has ended.
        hold: Why it holds instead, though the arm is well.
        before_arming: It is there when a person arms, who is refused.
        react_periods: From the fault to the arm's first cycle that follows no plan.
        ended_s: Model to the time from the fault to the end of the program on the controller.
        ends: The program is ended, not left paused; else nobody can, or it has been already.
        survived: The arm's process lives on.
    """

    id: str
    matrix: str
    fault: str
    how: str
    strike: Strike
    lift: Lift = field(default=lambda rig: None)
    faults: frozenset[ArmFault] = frozenset()
    hold: PauseCause = PauseCause.NONE
    before_arming: bool = False
    react_periods: float | None = None
    ended_s: Mapping[str, float] = field(default_factory=dict)
    ends: bool = False
    survived: bool = True


def _order(op: str, **keys: object) -> Strike:
    def strike(rig: Rig, random: Random) -> int:
        drawn = {name: value(random) if callable(value) else value for name, value in keys.items()}
        return int(rig.emulator.do(op, **drawn)["t_ns"])

    return strike


def _undo(op: str, **keys: object) -> Lift:
    return lambda rig: rig.emulator.do(op, **keys) and None


def _unlock(rig: Rig) -> None:
    time.sleep(UNLOCK_S)
    rig.emulator.pendant("close safety popup", "unlock protective stop")
    rig.emulator.until("unlocked", _normal)


def _released(op: str, **keys: Any) -> Lift:
    def lift(rig: Rig) -> None:
        rig.emulator.do(op, on=False, **keys)
        _power_on(rig)

    return lift


def _release_both(rig: Rig) -> None:
    rig.emulator.do("estop", on=False, system=True)
    _released("estop", system=False)(rig)


def _power_on(rig: Rig) -> None:
    rig.emulator.until("normal", _normal)
    rig.emulator.pendant("close safety popup", "power on")
    rig.emulator.until("idle", lambda s: s["robot_mode"] in ("IDLE", "RUNNING"))
    rig.emulator.pendant("brake release")
    rig.emulator.until("running", lambda s: s["robot_mode"] == "RUNNING")


def _normal(state: dict[str, Any]) -> bool:
    return state["safety_mode"] in ("NORMAL", "REDUCED")


def _send(number: signal.Signals) -> Strike:
    def strike(rig: Rig, random: Random) -> int:
        del random
        t_ns = time.monotonic_ns()
        os.kill(rig.arm.pid, number)
        return t_ns

    return strike


def _freeze_process(rig: Rig, random: Random) -> int:
    t_ns = _send(signal.SIGSTOP)(rig, random)
    time.sleep(random.choice((0.2, 0.5, 1.0)) * random.uniform(0.8, 1.2))
    os.kill(rig.arm.pid, signal.SIGCONT)
    return t_ns


def _start_again(rig: Rig) -> None:
    rig.arm.kill()
    rig.restart_arm()


def _claim(rig: Rig, random: Random) -> int:
    """The arm's process comes when somebody else has the registers."""
    rig.arm.kill()
    rig.emulator.until("its registers are free", lambda s: s["runtime"] == "STOPPED")
    inputs = ScriptRegisters(base=rig.cell.arm.ur.register_base).inputs
    t_ns = int(rig.emulator.do("claim", names=[random.choice(inputs)])["t_ns"])
    rig.restart_arm()
    return t_ns


def _disclaim(rig: Rig) -> None:
    rig.emulator.do("restart", seconds=0.1)  # nothing else frees what a fieldbus has
    time.sleep(0.2)
    _power_on(rig)


def _identity(**keys: object) -> Strike:
    return _order("identity", **keys)


_LINK: Final = frozenset({ArmFault.LINK_LOST, ArmFault.STALE_STATE, ArmFault.DRIVER_ERROR})
_SAFETY: Final = frozenset({ArmFault.SAFETY_STOP})
_STOPPED: Final = frozenset({ArmFault.PROGRAM_STOPPED})
_REFUSED: Final = frozenset({ArmFault.REFUSED})
_TCP_OFF: Final = (0.0, 0.0, 0.15, 0.0, 0.0, 0.0)

CASES: Final[tuple[ArmCase, ...]] = (
    ArmCase(
        id="link cut",
        matrix="R1",
        fault="the link is cut while the arm moves",
        how="all connections closed by the controller, with FIN or RST",
        ended_s=ALONE_S,
        ends=True,
        strike=_order("cut", reset=lambda random: random.random() < 0.5),
        faults=_LINK,
        react_periods=2.0,
    ),
    ArmCase(
        id="link frozen",
        matrix="R2",
        fault="the link freezes: connections stay, nothing comes",
        how="the controller sends nothing on its RTDE port for 0.6 s",
        strike=_order("mute", ports=["rtde"], on=True),
        lift=_undo("mute", ports=["rtde"], on=False),
        faults=frozenset({ArmFault.STALE_STATE, ArmFault.LINK_LOST}),
        react_periods=6.0,
    ),
    ArmCase(
        id="controller frozen",
        matrix="R2",
        fault="the controller hangs: connections stay, nothing is read or sent",
        how="the controller stands still for 0.6 s",
        strike=_order("freeze", seconds=0.6),
        lift=lambda rig: time.sleep(0.6),
        faults=frozenset({ArmFault.STALE_STATE, ArmFault.LINK_LOST}),
        react_periods=6.0,
    ),
    *(
        ArmCase(
            id=f"protective stop, program {becomes}",
            matrix="R4",
            fault=f"protective stop; its program is {becomes} by the controller",
            how="injected; unlocked by hand 5.2 s later",
            strike=_order("protective_stop", program="pause" if becomes == "paused" else "stop"),
            lift=_unlock,
            faults=_SAFETY,
            react_periods=2.0,
            ends=True,
        )
        for becomes in ("paused", "stopped")
    ),
    ArmCase(
        id="emergency stop",
        matrix="R5",
        fault="emergency stop, of the robot or of the system",
        how="injected; released, powered on and brakes released by hand",
        strike=_order("estop", system=lambda random: random.random() < 0.5),
        lift=_release_both,
        faults=_SAFETY,
        react_periods=2.0,
    ),
    ArmCase(
        id="safeguard stop",
        matrix="R5",
        fault="safeguard stop: the controller pauses its program",
        how="injected; cleared by hand",
        strike=_order("safeguard", on=True),
        lift=_released("safeguard"),
        faults=_SAFETY,
        react_periods=2.0,
        ends=True,
    ),
    ArmCase(
        id="power off",
        matrix="R5",
        fault="the arm is switched off",
        how="injected; powered on and brakes released by hand",
        strike=_order("power_off"),
        lift=_power_on,
        faults=frozenset({ArmFault.ROBOT_MODE, ArmFault.SAFETY_STOP, ArmFault.PROGRAM_STOPPED}),
        react_periods=2.0,
    ),
    ArmCase(
        id="program stopped",
        matrix="R6",
        fault="the program is stopped on the pendant",
        how="injected",
        strike=_order("stop"),
        faults=_STOPPED,
        react_periods=2.0,
    ),
    ArmCase(
        id="program paused",
        matrix="R6",
        fault="the program is paused on the pendant",
        how="injected",
        strike=_order("pause"),
        faults=_STOPPED,
        react_periods=2.0,
        ends=True,
    ),
    ArmCase(
        id="local control",
        matrix="R6",
        fault="somebody switches to local control",
        how="injected; switched back by hand",
        strike=_order("local", on=True),
        lift=_undo("local", on=False),
        faults=_STOPPED,
        react_periods=2.0,
    ),
    ArmCase(
        id="speed slider",
        matrix="R6",
        fault="the speed slider is moved to 0.1 to 0.9",
        how="injected; moved back by hand",
        strike=_order("slider", fraction=lambda random: random.uniform(0.1, 0.9)),
        lift=_undo("slider", fraction=1.0),
        hold=PauseCause.SPEED_SCALING,
        react_periods=2.0,
    ),
    ArmCase(
        id="joints off",
        matrix="R7",
        fault="the joints are elsewhere than commanded",
        how="the measured joints jump by 0.3 rad",
        strike=_order("offset", q_rad=(0.3, 0.0, 0.0, 0.0, 0.0, 0.0)),
        lift=_undo("offset", q_rad=(0.0,) * 6),
        faults=frozenset({ArmFault.TRACKING, ArmFault.SAFETY_STOP, ArmFault.PROGRAM_STOPPED}),
        react_periods=5.0,
    ),
    ArmCase(
        id="restart",
        matrix="R9",
        fault="the controller restarts, its clock begins at zero",
        how="connections reset, registers empty, nobody listens for 0.3 s",
        strike=_order("restart", seconds=0.3),
        lift=_power_on,
        faults=_LINK | {ArmFault.ROBOT_MODE, ArmFault.PROGRAM_STOPPED},
        react_periods=2.0,
    ),
    ArmCase(
        id="arm killed",
        matrix="K1",
        fault="kill -9 of the arm's process: the controller is alone",
        how="SIGKILL while it moves; started again while the same orders stand",
        strike=_send(signal.SIGKILL),
        lift=_start_again,
        ended_s=ALONE_S,
        ends=True,
        survived=False,
    ),
    ArmCase(
        id="arm stopped and continued",
        matrix="K4",
        fault="the arm's process stands still for 0.2 to 1.2 s",
        how="SIGSTOP, SIGCONT",
        ended_s=ALONE_S,
        ends=True,
        strike=_freeze_process,
        faults=frozenset({ArmFault.OWN_GAP, ArmFault.LINK_LOST, ArmFault.PROGRAM_STOPPED}),
    ),
    *(
        ArmCase(
            id=f"wrong {what}",
            matrix="R8",
            fault=f"another {what} than configured",
            how="the controller says so before arming",
            strike=strike,
            lift=lift,
            faults=_REFUSED,
            before_arming=True,
        )
        for what, strike, lift in (
            (
                "tool",
                _identity(tcp=_TCP_OFF),
                lambda rig: _identity(tcp=tcp_of(rig))(rig, Random()),
            ),
            (
                "payload",
                _identity(payload_kg=1.3),
                lambda rig: _identity(payload_kg=rig.cell.arm.payload_kg)(rig, Random()),
            ),
        )
    ),
    ArmCase(
        id="registers in use",
        matrix="R10",
        fault="the registers belong to somebody else",
        how="claimed as by a fieldbus before the arm's process connects",
        strike=_claim,
        lift=_disclaim,
        faults=_REFUSED,
        before_arming=True,
    ),
)


def tcp_of(rig: Rig) -> tuple[float, ...]:
    """The tool that is configured, as six numbers; it is not turned in the mock."""
    return (*rig.cell.arm.tool.position_m, 0.0, 0.0, 0.0)
