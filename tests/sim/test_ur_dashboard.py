"""The dashboard of the emulated controller, and the text on its script ports."""

import pytest

from robotd.core.ur_codes import RuntimeState
from robotd.sim.ur.ports.uploads import ScriptStream
from tests.sim.ur_site import Bench, output_setup, packet, packets

FOREVER = "def wait():\n while True:\n  sync()\n end\nend\n"


@pytest.fixture
def bench():
    return Bench()


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("robotmode", "Robotmode: RUNNING"),
        ("safetymode", "Safetymode: NORMAL"),
        ("safetystatus", "Safetystatus: NORMAL"),
        ("running", "Program running: false"),
        ("programState", "STOPPED external_control.urp"),
        ("get robot model", "UR5"),
        ("get serial number", "20225500001"),
        ("is in remote control", "true"),
        ("stop", "Stopped"),
        ("play", "Failed to execute: play"),
        ("load other.urp", "Loading program: other.urp"),
        ("load other.txt", "File not found: other.txt"),
        ("popup hello there", "showing popup"),
        ("close popup", "closing popup"),
        ("addToLog a line", "Added log message"),
        ("unlock protective stop", "Protective stop releasing"),
        ("no such thing", 'could not understand: "no such thing"'),
        ("", 'could not understand: ""'),
    ],
)
def test_the_dashboard_answers(bench, line, answer):
    assert bench.dashboard.answer(line) == answer


def test_the_version_is_told_as_four_numbers():
    answer = Bench("ur5", "3.15.8.106339").dashboard.answer("PolyscopeVersion")
    assert "3.15.8.106339" in answer


@pytest.mark.parametrize("line", ["is in remote control", "get serial number"])
@pytest.mark.parametrize(("model", "version"), [("ur5", "3.15"), ("ur5e", "5.5")])
def test_an_older_dashboard_does_not_know_newer_questions(line, model, version):
    assert Bench(model, version).dashboard.answer(line).startswith("could not understand")


@pytest.mark.parametrize("line", ["play", "stop", "power off", "unlock protective stop"])
def test_local_control_refuses_what_moves_or_stops(bench, line):
    bench.run(FOREVER)
    bench.c.remote = False
    assert bench.dashboard.answer(line).startswith("Failed to execute")
    assert bench.c.program.playing
    assert bench.dashboard.answer("is in remote control") == "false"


def test_local_control_refuses_programs(bench):
    bench.c.remote = False
    assert not bench.run(FOREVER)
    assert bench.told("refused") == ["wait: not in remote control"]


def test_a_cb3_has_no_local_control():
    bench = Bench("ur5")
    bench.c.remote = False
    assert bench.run(FOREVER)


def test_pause_and_play_from_the_dashboard(bench):
    bench.run(FOREVER)
    assert bench.dashboard.answer("pause") == "Pausing program"
    bench.cycle(2)
    assert bench.dashboard.answer("programState") == "PAUSED external_control.urp"
    assert bench.dashboard.answer("play") == "Starting program"
    assert bench.dashboard.answer("running") == "Program running: true"


def test_a_program_may_come_in_any_pieces():
    stream = ScriptStream()
    text = "# head\ndef a():\n if True: # why\n  x = 1\n end\nend\ndef b():\n sync()\nend\n"
    found = [program for byte in text.encode() for program in stream.feed(bytes((byte,)))]
    assert found == [text[: text.index("def b")], text[text.index("def b") :]]


def test_a_line_outside_of_a_program_is_one_by_itself():
    assert ScriptStream().feed(b"\nstopj(2.0)\ntextmsg(1)\n") == ["stopj(2.0)\n", "textmsg(1)\n"]


def test_a_script_that_stops_the_arm_ends_the_program_that_moves_it(bench):
    bench.run("def go():\n movej([-0.57, -1.57, -1.57, -1.57, 1.57, 0.0], a=2.0, v=0.5)\nend\n")
    bench.seconds(0.5)
    assert bench.run("stopj(5)\n")
    bench.seconds(0.3)
    assert (bench.c.program.runtime, bench.c.joints.standing) == (RuntimeState.STOPPED, True)


def test_a_refused_script_is_told_with_line_and_column(bench):
    session = bench.session()
    session.receive(output_setup(["timestamp"]) + packet("S"))
    session.out.clear()
    bench.c.say = session.say
    assert not bench.run("def bad():\n sync()\n no_such_function(1)\nend\n")
    [(kind, payload)] = packets(session.out)
    assert kind == "M"
    assert b"line 3, column 2" in payload
    assert bench.c.program.started_n == 0


def test_a_secondary_program_leaves_the_one_that_runs_alone(bench):
    bench.run(FOREVER)
    assert bench.run("sec out():\n set_standard_digital_out(2, True)\nend\n")
    assert (bench.c.program.name, bench.c.digital_outputs) == ("wait", 4)
