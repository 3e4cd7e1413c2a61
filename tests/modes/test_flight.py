"""Flight records as files: read back, refused where damaged, told and drawn."""

import numpy as np
import pytest

from robotd.core.arm_codes import ArmFault, ArmPhase, Limit, Source, Verdict
from robotd.core.clock import MS, S
from robotd.core.errors import DatasetError
from robotd.modes.flight.command import account, flight
from robotd.modes.flight.file import FlightAbout, read_flight, write_flight
from robotd.modes.options import FlightOptions

ABOUT = FlightAbout(
    cell="mock",
    t_wall="2026-01-02T03:04:05.678+00:00",
    t_stop_ns=12 * S,
    before="RUNNING",
    state="FAULT",
    event="fail",
    cause="protective stop",
    reason="arm: the controller stopped the arm (protective stop); see its pendant",
    doing="policy",
    episode="20260102-030400-abcd",
)


@pytest.fixture
def ticks(make_tick):
    found = [
        make_tick(
            10 * S + 8 * MS * n,
            phase=ArmPhase.FAULT if n > 240 else ArmPhase.FOLLOWING,
            fault=ArmFault.SAFETY_STOP if n > 240 else ArmFault.NONE,
            source=Source.POLICY,
            verdict=Verdict(accepted=n % 50 != 0, limit=Limit.TOOL_SPEED if n % 50 == 0 else 0),
            late_ns=n * 1000,
        )
        for n in range(250)
    ]
    return found


def test_a_record_is_read_back_as_it_was_written(tmp_path, ticks):
    path = tmp_path / "f.npz"
    write_flight(path, ABOUT, ticks)

    found = read_flight(path)

    assert found.about == ABOUT
    assert found.columns["t_ns"].tolist() == [tick.t_ns for tick in ticks]
    assert np.array_equal(found.columns["T_base_cmd"][7], ticks[7].T_base_cmd)
    assert found.columns["phase"][-1] == ArmPhase.FAULT
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "other"])
def test_what_is_no_record_is_refused_in_one_line(tmp_path, ticks, damage):
    path = tmp_path / "f.npz"
    write_flight(path, ABOUT, ticks)
    whole = path.read_bytes()
    if damage == "other":
        np.savez(path, a=np.zeros(3))
    else:
        path.write_bytes({"cut": whole[: len(whole) // 2], "text": b"hello", "empty": b""}[damage])

    with pytest.raises(DatasetError, match="flight record") as refused:
        read_flight(path)
    assert "\n" not in str(refused.value)


def test_the_account_says_what_happened_and_how_it_was(tmp_path, ticks):
    path = tmp_path / "f.npz"
    write_flight(path, ABOUT, ticks)

    text = "\n".join(account(read_flight(path)))

    for part in (ABOUT.reason, "RUNNING -> FAULT", "check:", ABOUT.episode, "250 cycles"):
        assert part in text
    assert "gate refusals 5" in text


def test_a_record_without_a_cycle_is_told_and_drawn(tmp_path, capsys):
    path = tmp_path / "f.npz"
    write_flight(path, ABOUT, [])

    assert flight(FlightOptions(file=path)) == 0

    assert "no cycle" in capsys.readouterr().out
    assert path.with_suffix(".png").read_bytes()[:4] == b"\x89PNG"


def test_the_picture_goes_where_it_is_wanted(tmp_path, ticks, capsys):
    path, out = tmp_path / "f.npz", tmp_path / "g.png"
    write_flight(path, ABOUT, ticks)

    assert flight(FlightOptions(file=path, out=out)) == 0

    assert str(out) in capsys.readouterr().err
    assert len(out.read_bytes()) > 20_000
