"""What the guide for the first time says is what the code says."""

import re
from pathlib import Path

import pytest

from robotd.core.config import CellConfig
from robotd.core.config_load import load_toml
from robotd.core.script_codes import REASONS, ScriptState
from robotd.modes.doctor.pendant import pendant_limits
from robotd.modes.doctor.realtime import RIGHTS_FIX
from robotd.sim.ur import faults
from teleop.spacemouse_found import RULES_FILE, udev_rule

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def guide():
    return (CHECKOUT / "docs/first-time.md").read_text()


def between(text, name):
    return text.split(f"<!-- {name} -->\n")[1].split(f"<!-- /{name} -->")[0].strip()


def test_the_table_of_the_pendant_is_that_of_the_shipped_cell(guide):
    cell = load_toml(CHECKOUT / "configs/pusht/cell.toml", CellConfig)

    rows = [
        f"| {limit.name} | {limit.ours} | {limit.theirs} | {limit.where} |"
        for limit in pendant_limits(cell)
    ]
    table = "\n".join(
        ["| limit | robotd | pendant | page (e-Series / CB3) |", "|---|---|---|---|", *rows]
    )
    assert between(guide, "pendant") == table


def test_the_udev_rules_are_those_that_are_printed_when_one_is_missing(guide):
    rules = "\n".join([udev_rule(0x256F), udev_rule(0x046D)])

    assert between(guide, "udev") == f"```\n{rules}\n```"
    assert RULES_FILE in guide


def test_the_rights_are_those_that_the_doctor_asks_for(guide):
    for line in ("@robotd - rtprio 99", "@robotd - memlock unlimited"):
        assert line in between(guide, "limits")
        assert line in RIGHTS_FIX


def test_every_file_that_a_page_leads_to_is_there():
    pages = [CHECKOUT / "README.md", *(CHECKOUT / "docs").glob("*.md")]
    links = [
        (page, link)
        for page in pages
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    ]

    assert links
    assert [(page.name, link) for page, link in links if not (page.parent / link).exists()] == []


def test_the_states_of_the_control_script_are_those_of_the_code():
    text = (CHECKOUT / "docs/drivers.md").read_text()

    rows = [f"| {state.value} | `{state.name}` | {REASONS[state]} |" for state in ScriptState]
    table = "\n".join(["| number | name | in words |", "|---|---|---|", *rows])
    assert between(text, "states") == table


def test_the_faults_of_the_emulator_are_those_of_the_code():
    text = (CHECKOUT / "docs/drivers.md").read_text()

    table = [line for line in (faults.__doc__ or "").splitlines() if line.startswith("|")]
    assert between(text, "faults") == "\n".join(table)
