"""What a controller must be before it is armed: each line just inside and just outside."""

from dataclasses import replace

import numpy as np
import pytest
from msgspec.structs import replace as struct_replace

from robotd.core.arm_model import kinematics_of
from robotd.core.config import ArmConfig, DhTable, Pose, UrConfig
from robotd.core.geometry import so3_log
from robotd.core.ur_codes import RobotMode, SafetyBit
from robotd.core.ur_models import ur_model
from robotd.hardware.ur_checks import check, line, refusal, registers_finding, start_finding
from robotd.hardware.ur_status import safety_finding
from tests.hardware.ur_fakes import FACTS as BARE_FACTS

CONFIG = ArmConfig(
    kind="ur", model="ur5e", tool=Pose(position_m=(0.0, 0.0, 0.13)), home_q_rad=(0.0,) * 6
)


def pose_of(config, q_rad, away_m=0.0, turned_rad=0.0):
    T = kinematics_of(config).fk(np.array(q_rad))
    x, y, z = T[:3, 3].tolist()
    c, s = np.cos(turned_rad), np.sin(turned_rad)
    R = T[:3, :3] @ np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    return (x + away_m, y, z, *so3_log(R).tolist())


FACTS = replace(BARE_FACTS, pose=pose_of(CONFIG, BARE_FACTS.q_rad))
CB3 = replace(
    FACTS,
    version=(3, 15, 8, 106339),
    period_s=0.008,
    serial=None,
    remote=None,
    tcp_offset=None,
    polyscope="3.15.8.106339",
    pose=pose_of(struct_replace(CONFIG, model="ur5"), FACTS.q_rad),
)


def found(name, facts=FACTS, config=CONFIG):
    return next(each for each in check(facts, config) if each.name == name)


def test_a_controller_as_configured_passes():
    assert {each.status for each in check(FACTS, CONFIG)} == {"ok"}
    assert refusal(check(FACTS, CONFIG)) == ""


def test_what_a_cb3_cannot_answer_is_left_to_the_pendant():
    findings = check(CB3, struct_replace(CONFIG, model="ur5"))

    unknown = {each.name: each for each in findings if each.status == "unknown"}
    assert set(unknown) == {"serial number", "tool centre point"}
    assert all("confirm on the pendant" in each.fix for each in unknown.values())
    assert refusal(findings) == ""


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("model", {"model": "UR10"}),
        ("model", {"version": (3, 15, 8, 1)}),
        ("rate", {"period_s": 0.008}),
        ("remote control", {"remote": False}),
        ("safety", {"safety_bits": int(SafetyBit.PROTECTIVE_STOP)}),
        ("safety", {"safety_bits": int(SafetyBit.NORMAL | SafetyBit.STOPPED_BY_SAFETY)}),
        ("robot mode", {"robot_mode": int(RobotMode.IDLE)}),
        ("program", {"runtime_state": 2}),
        ("program", {"runtime_state": 4}),
        ("tool centre point", {"tcp_offset": (0.0, 0.0, 0.1312, 0.0, 0.0, 0.0)}),
        ("tool centre point", {"tcp_offset": (0.0, 0.0, 0.13, 0.0, 0.0, 0.011)}),
        ("payload", {"payload_kg": 0.06}),
        ("kinematics", {"pose": pose_of(CONFIG, FACTS.q_rad, away_m=0.0101)}),
        ("kinematics", {"pose": pose_of(CONFIG, FACTS.q_rad, turned_rad=0.021)}),
    ],
)
def test_a_controller_that_differs_is_refused(name, change):
    finding = found(name, replace(FACTS, **change))

    assert finding.status == "fail"
    assert finding.fix
    assert "\n" not in refusal(check(replace(FACTS, **change), CONFIG))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("tool centre point", {"tcp_offset": (0.0, 0.0, 0.1309, 0.0, 0.0, 0.009)}),
        ("payload", {"payload_kg": 0.04}),
        ("kinematics", {"pose": pose_of(CONFIG, FACTS.q_rad, away_m=0.0099, turned_rad=0.019)}),
        ("rate", {"period_s": 0.00205}),
        ("model", {"model": "UR5e"}),
    ],
)
def test_within_tolerance_it_passes(name, change):
    assert found(name, replace(FACTS, **change)).status == "ok"


def test_the_deviation_of_the_kinematics_is_told():
    facts = replace(FACTS, pose=pose_of(CONFIG, FACTS.q_rad, away_m=0.0025))

    assert "2.50 mm" in line(found("kinematics", facts))


@pytest.mark.parametrize(("away_m", "status"), [(0.0009, "ok"), (0.0011, "fail")])
def test_an_arms_own_kinematics_are_held_to_a_millimetre(away_m, status):
    dh = ur_model("ur5e").dh
    own = DhTable(
        a_m=tuple(dh.a_m.tolist()),
        d_m=(float(dh.d_m[0]) + 0.002, *dh.d_m[1:].tolist()),
        alpha_rad=tuple(dh.alpha_rad.tolist()),
        theta_rad=(0.0,) * 6,
    )
    config = struct_replace(CONFIG, calibrated_dh=own)
    facts = replace(FACTS, pose=pose_of(config, FACTS.q_rad, away_m=away_m))

    assert found("kinematics", facts, config).status == status


@pytest.mark.parametrize(
    ("setting", "status"),
    [
        ({"serial": "20225500001"}, "ok"),
        ({"serial": "20225500002"}, "fail"),
        ({"polyscope": "5.13"}, "ok"),
        ({"polyscope": "5.1"}, "fail"),
        ({"polyscope": "5.13.1.1147273"}, "ok"),
    ],
)
def test_serial_and_version_are_held_to_what_is_configured(setting, status):
    config = struct_replace(CONFIG, ur=UrConfig(**setting))
    name = "serial number" if "serial" in setting else "PolyScope"

    assert found(name, FACTS, config).status == status


def test_a_slow_slider_is_a_warning():
    finding = found("speed slider", replace(FACTS, speed_scaling=0.5))

    assert (finding.status, finding.found) == ("warn", "50%")


@pytest.mark.parametrize("bit", SafetyBit)
def test_every_safety_bit_has_its_name_and_what_to_do(bit):
    finding = safety_finding(int(bit))

    assert "unknown" not in finding.found
    assert (finding.status == "ok") is (bit is SafetyBit.NORMAL)
    assert bool(finding.fix) is (bit is not SafetyBit.NORMAL)


def test_the_refusal_is_the_first_finding_and_the_names_of_the_others():
    facts = replace(FACTS, remote=False, payload_kg=1.0)

    words = refusal(check(facts, CONFIG))

    assert words.startswith("remote control: off: local control, expected on; switch to Remote")
    assert words.endswith("(and 1 more: payload)")


def test_registers_and_start_pose_have_their_lines():
    assert registers_finding(24, "").status == "ok"
    assert registers_finding(24, "input_int_register_24 is written by another").status == "fail"
    assert start_finding("").status == "ok"
    assert "jog" in start_finding("workspace is 0.2, bound 0.1").fix
