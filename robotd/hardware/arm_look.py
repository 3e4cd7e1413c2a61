"""Looks at an arm once, for the doctor: what is checked before arming. Nothing moves."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from robotd.core.config import ArmConfig
from robotd.core.errors import DeviceError
from robotd.core.finding import Finding
from robotd.core.script_codes import ScriptRegisters
from robotd.core.ur_models import ur_model
from robotd.hardware.ur_checks import check, registers_finding, start_finding
from robotd.hardware.ur_facts import Dashboard, gather
from robotd.hardware.ur_setpoints import SetpointChannel

Outside = Callable[[NDArray[np.float64]], Sequence[str]]
"""Says in which bounds of the envelope joints (6,) [rad] are not; nothing where inside."""


def look(host: str, arm: ArmConfig, dashboard: Dashboard, outside: Outside) -> list[Finding]:
    """Ask a controller for all that has to be so before its arm may be armed.

    Args:
        host: Its address.
        arm: What it should be.
        dashboard: Of that controller; not connected yet, closed at the end.
        outside: The cell's envelope.
    """
    rate_hz = ur_model(arm.model).servo_rate_hz
    try:
        facts = gather(host, dashboard, rate_hz=rate_hz)
    except DeviceError as error:
        return [
            Finding(
                name="controller",
                found=str(error),
                status="fail",
                expected="answers over RTDE and dashboard",
                fix="switch it on, wait until it has booted, and ask again",
            )
        ]
    finally:
        dashboard.close()
    return [
        *check(facts, arm),
        registers_finding(arm.ur.register_base, _refused(host, arm, rate_hz)),
        start_finding("; ".join(outside(np.array(facts.q_rad)))),
    ]


def _refused(host: str, arm: ArmConfig, rate_hz: float) -> str:
    """Return why the registers cannot be had; they are given back at once where they can."""
    registers = ScriptRegisters(base=arm.ur.register_base)
    try:
        with SetpointChannel(host, rate_hz=rate_hz, registers=registers):
            return ""
    except DeviceError as error:
        return str(error)
