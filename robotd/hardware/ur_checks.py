"""Whether a controller is the one that is configured, and ready: what is checked before arming.

What a model cannot answer is left to a person: `unknown`, to be confirmed on the pendant.
"""

from collections.abc import Sequence
from math import hypot
from typing import Final

import numpy as np
from numpy.typing import NDArray

from robotd.core.arm_model import kinematics_of
from robotd.core.config import ArmConfig
from robotd.core.finding import Finding
from robotd.core.geometry import pose_distance, pose_from_quat, pose_from_rotvec
from robotd.core.ur_models import ur_model
from robotd.hardware.ur_facts import ControllerFacts
from robotd.hardware.ur_status import mode_finding, program_finding, safety_finding, speed_finding

MAX_DEVIATION_M: Final = 0.010
"""Of nominal kinematics: the factory calibration of a single arm is not in them."""
MAX_DEVIATION_CALIBRATED_M: Final = 0.001
_PERIOD_SHARE: Final = 0.1
_ON_PENDANT: Final = "confirm on the pendant"


def check(facts: ControllerFacts, config: ArmConfig) -> list[Finding]:
    """Return a finding for each thing that is to be so before the arm may be armed.

    Args:
        facts: What the controller said.
        config: What it should be.
    """
    return [
        _model(facts, config),
        _rate(facts, config),
        _polyscope(facts, config),
        _serial(facts, config),
        _remote(facts),
        safety_finding(facts.safety_bits),
        mode_finding(facts.robot_mode),
        program_finding(facts.runtime_state),
        speed_finding(facts.speed_scaling),
        _tool(facts, config),
        _payload(facts, config),
        _kinematics(facts, config),
    ]


def refusal(findings: Sequence[Finding]) -> str:
    """Return the sentence with which arming is refused; empty where nothing is in the way."""
    failed = [each for each in findings if each.status == "fail"]
    if not failed:
        return ""
    first = failed[0]
    more = f" (and {len(failed) - 1} more: {', '.join(f.name for f in failed[1:])})"
    tail = more if len(failed) > 1 else ""
    return f"{first.name}: {first.found}, expected {first.expected}; {first.fix}{tail}"


def line(finding: Finding) -> str:
    """Return a finding as one line of a log."""
    expected = f", expected {finding.expected}" if finding.expected else ""
    fix = f"; {finding.fix}" if finding.fix else ""
    return f"{finding.status:7} {finding.name}: {finding.found}{expected}{fix}"


def start_finding(outside: str) -> Finding:
    """Say whether the arm stands inside its envelope.

    Args:
        outside: What the gate says about it; empty where it stands inside.
    """
    if not outside:
        return Finding(name="start pose", found="inside the envelope", status="ok")
    return Finding(
        name="start pose",
        found=outside,
        status="fail",
        expected="inside the envelope",
        fix="`robotd jog` leads back inside",
    )


def registers_finding(base: int, refused: str) -> Finding:
    """Say whether the registers are free.

    Args:
        base: The first of those that are used.
        refused: Why the controller did not let us have them; empty where it did.
    """
    found = f"{base} to {base + 5} are free"
    if not refused:
        return Finding(name="registers", found=found, status="ok")
    return Finding(
        name="registers",
        found=refused,
        status="fail",
        expected=found,
        fix="stop the other program, or set arm.ur.register_base",
    )


def _model(facts: ControllerFacts, config: ArmConfig) -> Finding:
    expected = config.model.upper().replace("E", "e")
    if facts.model is None:
        series = "an e-Series controller" if facts.e_series else "a CB3 controller"
        fits = facts.e_series == ur_model(config.model).force_sensor
        return Finding(
            name="model",
            found=series,
            status="unknown" if fits else "fail",
            expected=expected,
            fix=_ON_PENDANT if fits else "set arm.model to the arm that is there",
        )
    said = facts.model.strip()
    # The dashboard of an e-Series leaves the `e` out: the version tells the series.
    found = said.rstrip("eE") + ("e" if facts.e_series else "")
    return _same("model", found, expected, "set arm.model to the arm that is there")


def _rate(facts: ControllerFacts, config: ArmConfig) -> Finding:
    wanted_s = 1.0 / ur_model(config.model).servo_rate_hz
    found, expected = f"{1.0 / facts.period_s:.0f} Hz", f"{1.0 / wanted_s:.0f} Hz"
    right = abs(facts.period_s - wanted_s) <= _PERIOD_SHARE * wanted_s
    return _judged("rate", found, expected, right, "set arm.model to the arm that is there")


def _polyscope(facts: ControllerFacts, config: ArmConfig) -> Finding:
    found = facts.polyscope or ".".join(map(str, facts.version))
    numbers = [part for part in found.replace(" ", ".").split(".") if part.isdigit()]
    wanted = config.ur.polyscope.split(".") if config.ur.polyscope else []
    right = numbers[: len(wanted)] == wanted
    fix = "update the controller, or arm.ur.polyscope once its motion was tried at low speed"
    return _judged("PolyScope", found, config.ur.polyscope or "any", right, fix)


def _serial(facts: ControllerFacts, config: ArmConfig) -> Finding:
    wanted = config.ur.serial
    if facts.serial is not None:
        right = not wanted or facts.serial == wanted
        fix = "set arm.ur.serial, with the calibration of the arm that is there"
        return _judged("serial number", facts.serial, wanted or "any", right, fix)
    return Finding(
        name="serial number",
        found="not told",
        status="unknown",
        expected=wanted or "any",
        fix=f"{_ON_PENDANT}: this version does not tell it",
    )


def _remote(facts: ControllerFacts) -> Finding:
    if facts.remote is not None:
        found = "on" if facts.remote else "off: local control"
        fix = "switch to Remote Control at the upper right of the pendant"
        return _judged("remote control", found, "on", facts.remote, fix)
    if not facts.e_series:
        return Finding(name="remote control", found="always, on a CB3", status="ok")
    return Finding(
        name="remote control",
        found="not told",
        status="unknown",
        expected="on",
        fix=f"{_ON_PENDANT}: versions before 5.6 do not tell it",
    )


def _tool(facts: ControllerFacts, config: ArmConfig) -> Finding:
    x, y, z = config.tool.position_m
    expected = f"{x * 1e3:.1f} {y * 1e3:.1f} {z * 1e3:.1f} mm, turned as arm.tool"
    if facts.tcp_offset is None:
        return Finding(
            name="tool centre point",
            found="not told",
            status="unknown",
            expected=expected,
            fix=f"{_ON_PENDANT} (Installation, TCP)",
        )
    T_flange_tcp = _pose(facts.tcp_offset)
    away_m, turned_rad = _apart(T_flange_tcp, _configured_tool(config))
    x, y, z = facts.tcp_offset[:3]
    found = f"{x * 1e3:.1f} {y * 1e3:.1f} {z * 1e3:.1f} mm, {turned_rad:.3f} rad off"
    ur = config.ur
    right = away_m <= ur.tcp_tolerance_m and turned_rad <= ur.tcp_tolerance_rad
    fix = "set the TCP on the pendant (Installation, TCP), or arm.tool"
    return _judged("tool centre point", found, expected, right, fix)


def _payload(facts: ControllerFacts, config: ArmConfig) -> Finding:
    expected = f"{config.payload_kg:.2f} kg"
    if facts.payload_kg is None:
        return Finding(
            name="payload",
            found="not told",
            status="unknown",
            expected=expected,
            fix=f"{_ON_PENDANT} (Installation, Payload)",
        )
    right = abs(facts.payload_kg - config.payload_kg) <= config.ur.payload_tolerance_kg
    fix = "set the payload on the pendant (Installation, Payload), or arm.payload_kg"
    return _judged("payload", f"{facts.payload_kg:.2f} kg", expected, right, fix)


def _kinematics(facts: ControllerFacts, config: ArmConfig) -> Finding:
    T_base_tcp = kinematics_of(config).fk(np.array(facts.q_rad))
    away_m, turned_rad = _apart(_pose(facts.pose), T_base_tcp)
    bound_m = config.ur.max_fk_deviation_m
    if bound_m is None:
        calibrated = config.calibrated_dh is not None
        bound_m = MAX_DEVIATION_CALIBRATED_M if calibrated else MAX_DEVIATION_M
    right = away_m <= bound_m and turned_rad <= config.ur.max_fk_deviation_rad
    fix = "compare tool and model; then store the arm's own arm.calibrated_dh"
    return _judged(
        "kinematics",
        f"{away_m * 1e3:.2f} mm and {turned_rad:.4f} rad from the pose that the controller reports",
        f"at most {bound_m * 1e3:.1f} mm and {config.ur.max_fk_deviation_rad:.3f} rad",
        right,
        fix,
    )


def _configured_tool(config: ArmConfig) -> NDArray[np.float64]:
    return pose_from_quat(config.tool.position_m, config.tool.quat_wxyz)


def _pose(six: Sequence[float]) -> NDArray[np.float64]:
    return pose_from_rotvec(np.array(six[:3]), np.array(six[3:]))


def _apart(T_a_found: NDArray[np.float64], T_a_wanted: NDArray[np.float64]) -> tuple[float, float]:
    """Return how far [m] and how much turned [rad] the one is from the other."""
    turned_rad = pose_distance(T_a_found, T_a_wanted)[1]
    x, y, z = (T_a_found[:3, 3] - T_a_wanted[:3, 3]).tolist()
    return hypot(x, y, z), float(turned_rad)


def _same(name: str, found: str, expected: str, fix: str) -> Finding:
    return _judged(name, found, expected, found == expected, fix)


def _judged(name: str, found: str, expected: str, right: bool, fix: str) -> Finding:
    if right:
        return Finding(name=name, found=found, status="ok", expected=expected)
    return Finding(name=name, found=found, status="fail", expected=expected, fix=fix)
