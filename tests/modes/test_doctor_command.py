"""`robotd doctor` from words to lines, file and exit code; and a policy server that is asked."""

import io
import logging
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from robotd.cli import main
from robotd.core.finding import Finding
from robotd.core.rundir import RunDir
from robotd.modes.doctor.policy import REQUESTS_N, check_policy_server
from robotd.modes.doctor.report import EXIT_CODES, Report, Section, report_of
from robotd.modes.doctor.show import Show, plain_line
from robotd.pipeline.fake_policy_server import FakePolicyServer, stay_silent

CONFIGS = Path(__file__).parents[2] / "configs"
QUICK = ["doctor", "--seconds=0.1"]


@pytest.fixture(autouse=True)
def _own_runtime_folder(run_dir, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(run_dir))
    level = logging.getLogger().level
    yield
    logging.getLogger().setLevel(level)


@pytest.fixture
def ask(capsys, tmp_path):
    """Return an asker of the doctor: exit code, lines and report."""

    def run(*words):
        file = tmp_path / "report.json"
        with pytest.raises(SystemExit) as ended:
            main([*QUICK, f"--json={file}", f"--dataset={tmp_path}", *words])
        captured = capsys.readouterr()
        assert captured.err == ""
        report = msgspec.json.decode(file.read_bytes(), type=Report)
        return ended.value.code, captured.out.splitlines(), report

    return run


@pytest.fixture
def cell_with_driver(tmp_path):
    """Return a maker of a mock cell's file whose arm is driven by the driver."""

    def make(model):
        text = (
            (CONFIGS / "mock/cell.toml").read_text().replace('model = "ur5e"', f'model = "{model}"')
        )
        head, cameras, rest = text.partition("[cameras.top]")
        file = tmp_path / "cell.toml"
        file.write_text(head.replace('kind = "sim"', 'kind = "ur"', 1) + cameras + rest)
        return file

    return make


def findings(report):
    return {
        f"{section.name}: {finding.name}": finding
        for section in report.sections
        for finding in section.findings
    }


def test_without_a_cell_and_devices_there_are_useful_lines(ask):
    code, lines, report = ask()

    found = findings(report)
    assert code == EXIT_CODES[report.status]
    assert found["cell: configuration"].status == "unknown"
    assert "--config" in found["cell: configuration"].fix
    assert "real time: loop jitter" in found
    assert len(lines) == len(found) + 1
    assert not any("Traceback" in line for line in lines)


def test_a_mock_cell_is_looked_at_too(ask):
    code, _, report = ask("--mock=direct")

    assert report.cell == "mock"
    assert findings(report)["cell: configuration"].status == "ok"
    assert code in (0, 3)


@pytest.mark.parametrize("model", ["ur5e", "ur5"])
def test_an_emulated_arm_is_asked_all_that_is_checked_before_arming(ask, model, cell_with_driver):
    _, _, report = ask(f"--config={cell_with_driver(model)}")

    found = findings(report)
    asked = [found[name] for name in found if name.startswith("before arming: ")]
    assert len(asked) >= 14
    assert {finding.status for finding in asked} <= {"ok", "unknown"}
    assert found["before arming: start pose"].status == "ok"
    rate = "500 Hz" if model == "ur5e" else "125 Hz"
    assert found["before arming: rate"].found == rate


def test_a_faulty_cell_is_a_line_and_the_rest_is_looked_at_all_the_same(ask, tmp_path):
    path = tmp_path / "cell.toml"
    text = (CONFIGS / "pusht/cell.toml").read_text()
    path.write_text(text.replace("tool_speed_m_s", "tool_sped_m_s"))

    code, lines, report = ask(f"--config={path}")

    fault = findings(report)["cell: configuration"]
    assert code == 1
    assert fault.status == "fail"
    assert "did you mean `tool_speed_m_s`?" in fault.found
    assert any("disk: room for episodes" in line for line in lines)


def test_a_daemon_that_runs_is_told(ask, run_dir):
    with RunDir.create("mock", base=run_dir / "robotd"):
        _, _, report = ask("--mock")

    assert "running, process" in findings(report)["cell: daemon"].found


@pytest.mark.parametrize("seconds", ["0", "0.05", "601", "nan"])
def test_seconds_that_are_none_are_refused(capsys, seconds):
    with pytest.raises(SystemExit) as ended:
        main(["doctor", f"--seconds={seconds}"])

    assert ended.value.code == 1
    assert "--seconds: got" in capsys.readouterr().err


# Reports


def section(*statuses):
    each = (Finding(name="it", found="so", expected="thus", status=s, fix="do") for s in statuses)
    return Section(name="part", findings=tuple(each))


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ([], 0),
        (["ok", "unknown"], 0),
        (["ok", "warn", "unknown"], 3),
        (["fail", "warn", "ok"], 1),
    ],
)
def test_the_exit_code_says_the_worst(statuses, code):
    report = report_of("cell", [section("ok"), section(*statuses)])

    assert EXIT_CODES[report.status] == code
    assert sum(report.counts.values()) == len(statuses) + 1


def test_a_line_says_found_expected_and_what_to_do_and_obeys_nobody():
    finding = Finding(name="it", found="\x1b[2Jso\nfar", expected="thus", status="warn", fix="do")

    assert plain_line("part", finding) == (
        "warn    part: it: \\x1b[2Jso\\nfar; expected thus; to do: do"
    )


def test_a_terminal_gets_it_drawn():
    screen = io.StringIO()
    show = Show(Console(file=screen, force_terminal=True, width=80, color_system=None))

    with show.busy("looking"):
        show.section(section("ok", "fail"))
    show.total(report_of("cell", [section("ok", "fail", "unknown")]))

    drawn = screen.getvalue()
    assert "part" in drawn
    assert "→ do" in drawn
    assert "1 ok, 1 fail, 1 unknown (for you to judge)" in drawn


# The policy server


def test_a_policy_server_that_answers_in_time_is_ok(spec, cell):
    with FakePolicyServer(spec) as server:
        found = check_policy_server(server.endpoint, cell)

    assert [line.status for line in found] == ["ok"] * len(found)
    assert spec.name in found[0].found
    assert len(server.requests) == REQUESTS_N
    assert f"slowest of {REQUESTS_N}" in found[-1].found


def test_a_policy_server_that_hangs_is_a_failure_with_its_reason(spec, cell):
    quick = msgspec.structs.replace(
        cell, policy=msgspec.structs.replace(cell.policy, deadline_s=0.02)
    )
    with FakePolicyServer(spec, stay_silent) as server:
        found = check_policy_server(server.endpoint, quick)[-1]

    assert found.status == "fail"
    assert f"{REQUESTS_N} of {REQUESTS_N} requests failed" in found.found
    assert "20 ms (policy.deadline_s)" in found.expected


def test_a_policy_that_does_not_fit_the_cell_is_a_failure(spec, cell):
    other = msgspec.structs.replace(spec, action_space="joints")
    with FakePolicyServer(other) as server:
        found = check_policy_server(server.endpoint, cell)

    assert any(line.status == "fail" and "action_space" in line.found for line in found)


@pytest.mark.parametrize("endpoint", ["tcp://127.0.0.1:1", "tcp://10.1.2.3:5555", "nonsense"])
def test_a_policy_server_that_is_not_there_is_one_line(endpoint, monkeypatch):
    monkeypatch.setattr("robotd.modes.doctor.policy.HELLO_S", 0.1)

    (found,) = check_policy_server(endpoint, None)

    assert found.status == "fail"
    assert "robotd serve" in found.fix


def test_no_policy_server_named_is_no_failure():
    (found,) = check_policy_server("", None)

    assert found.status == "unknown"
