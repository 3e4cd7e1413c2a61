"""Children are started again when they die, not for ever, and nobody waits for them."""

import pytest

from robotd.core.clock import MS, MonoNs, S
from robotd.core.errors import ProcessDiedError
from robotd.modes.daemon.children import (
    RESTART_PAUSE_NS,
    RESTARTS_MAX,
    RESTARTS_WINDOW_NS,
    STOP_S,
    Children,
    processes_of,
)

NAMES = ("world", "arm", "camera@top", "camera@side", "recorder")


class FakeChild:
    """A process that lives and dies as the test says."""

    def __init__(self, name, pid, arguments):
        self.name, self.pid, self.arguments = name, pid, arguments
        self.alive = self.ready = True
        self.waited_s = None
        self.endings = []
        self.asked = self.held_up = False

    def died(self):
        return ProcessDiedError(f"{self.name}: killed by SIGKILL, without a word")

    def wait_ready(self, timeout_s, stop=None):
        del stop
        self.waited_s = timeout_s
        return True

    def ask_to_end(self):
        self.asked = True

    def kill(self):
        raise AssertionError("waits for its end, for ever where a disk holds it up")

    def send_kill(self):
        self.alive = self.held_up

    def terminate(self, timeout_s):
        assert timeout_s > 0
        self.endings.append(self.name)
        self.alive = False
        return 0


class Nursery:
    """Where children are started; remembers all, newest last."""

    def __init__(self):
        self.born = []

    def __call__(self, name, run, *, arguments, log_dir):
        assert run.is_dir()
        self.born.append(FakeChild(name, 100 + len(self.born), tuple(arguments)))
        return self.born[-1]

    def newest(self, name):
        return [child for child in self.born if child.name == name][-1]


@pytest.fixture
def nursery():
    return Nursery()


@pytest.fixture
def children(cell, tmp_path, nursery):
    children = Children(cell, tmp_path, start=nursery)
    children.start()
    return children


def test_a_mock_has_a_world_and_a_real_cell_has_none(cell, real_cell):
    assert processes_of(cell) == ("world", "arm", "camera@top", "camera@side", "recorder")
    assert processes_of(real_cell) == ("arm", "camera@top", "camera@side", "recorder")


def test_all_are_started_before_the_first_is_waited_for(children, nursery):
    assert [child.name for child in nursery.born] == [*NAMES]
    assert all(child.waited_s for child in nursery.born)
    assert children.why_not_ready() == ""


def test_only_the_arm_is_told_to_do_without_real_time(cell, tmp_path, nursery):
    Children(cell, tmp_path, no_realtime=True, start=nursery).start()

    told = {child.name: child.arguments for child in nursery.born}
    assert told == {
        "world": (),
        "arm": ("--no-realtime",),
        "camera@top": (),
        "camera@side": (),
        "recorder": (),
    }


def test_a_death_is_told_once_and_the_restart_waits(children, nursery):
    nursery.newest("world").alive = False

    assert children.poll(MonoNs(0)) == {"world": "world: killed by SIGKILL, without a word"}
    assert children.poll(MonoNs(RESTART_PAUSE_NS - 1)) == {}
    assert len(nursery.born) == 5
    assert children.why_not_ready() == "not at work: world"
    children.poll(MonoNs(RESTART_PAUSE_NS))
    assert len(nursery.born) == 6
    assert children.why_not_ready() == ""
    assert children.status()["world"].restarts_n == 1
    assert children.status()["world"].pid == nursery.newest("world").pid


def test_a_restarted_child_that_is_not_ready_is_named(children, nursery):
    nursery.newest("arm").alive = False
    children.poll(MonoNs(0))
    children.poll(MonoNs(RESTART_PAUSE_NS))
    nursery.newest("arm").ready = False

    assert children.why_not_ready() == "not at work: arm"


def test_a_child_that_keeps_dying_is_given_up(children, nursery):
    now = 0
    for n in range(RESTARTS_MAX):
        nursery.newest("arm").alive = False
        assert "given up" not in children.poll(MonoNs(now))["arm"]
        now += RESTART_PAUSE_NS
        assert children.poll(MonoNs(now)) == {}
        assert children.status()["arm"].restarts_n == n + 1
    nursery.newest("arm").alive = False

    assert children.poll(MonoNs(now))["arm"].endswith("given up after 5 restarts, until you go on")
    for later_s in (1, 70, 7000):
        assert children.poll(MonoNs(now + later_s * S)) == {}
    assert children.status()["arm"].restarts_n == RESTARTS_MAX
    assert not children.status()["arm"].alive

    children.pardon(MonoNs(now + 7001 * S))
    assert children.poll(MonoNs(now + 7001 * S)) == {}
    assert children.status()["arm"].alive
    nursery.newest("arm").alive = False
    assert "given up" not in children.poll(MonoNs(now + 7002 * S))["arm"]


def test_nobody_who_goes_on_hurries_a_restart(children, nursery):
    nursery.newest("arm").alive = False
    children.poll(MonoNs(0))

    children.pardon(MonoNs(0))

    children.poll(MonoNs(RESTART_PAUSE_NS - 1))
    assert not children.status()["arm"].alive
    children.poll(MonoNs(RESTART_PAUSE_NS))
    assert children.status()["arm"].alive


def test_deaths_far_apart_are_not_counted_together(children, nursery):
    now = 0
    for _ in range(3 * RESTARTS_MAX):
        nursery.newest("arm").alive = False
        assert "given up" not in children.poll(MonoNs(now))["arm"]
        children.poll(MonoNs(now + RESTART_PAUSE_NS))
        now += RESTARTS_WINDOW_NS // RESTARTS_MAX + 1 * MS

    assert children.status()["arm"].restarts_n == 3 * RESTARTS_MAX


def test_several_deaths_in_one_cycle_are_all_told(children, nursery):
    for name in ("arm", "camera@side"):
        nursery.newest(name).alive = False

    assert set(children.poll(MonoNs(0))) == {"arm", "camera@side"}


def test_a_child_that_does_not_come_up_ends_the_start(cell, tmp_path):
    class Stillborn(Nursery):
        def __call__(self, name, run, *, arguments, log_dir):
            child = super().__call__(name, run, arguments=arguments, log_dir=log_dir)
            if name == "arm":

                def fail(timeout_s, stop=None):
                    raise child.died()

                child.wait_ready = fail
            return child

    with pytest.raises(ProcessDiedError, match="arm: killed"):
        Children(cell, tmp_path, start=Stillborn()).start()


def test_the_arm_is_ended_first_the_recorder_last_and_all_are(children, nursery):
    ended = []
    for child in nursery.born:
        child.endings = ended

    children.stop()

    assert (ended[0], ended[-1]) == ("arm", "recorder")
    assert sorted(ended) == sorted(NAMES)
    assert children.status() == {}


def test_a_process_is_started_on_demand_and_again_with_its_arguments(children, nursery):
    children.start_one("teleop", ["--operator", "pusher"])

    assert nursery.newest("teleop").arguments == ("--operator", "pusher")
    assert children.status()["teleop"].alive
    nursery.newest("teleop").alive = False
    assert "teleop" in children.poll(MonoNs(0))
    children.poll(MonoNs(RESTART_PAUSE_NS))
    assert nursery.newest("teleop").arguments == ("--operator", "pusher")
    assert children.status()["teleop"].restarts_n == 1


def test_one_that_is_stopped_is_not_waited_for_and_not_started_again(children, nursery):
    children.start_one("teleop", [])
    child = nursery.newest("teleop")
    children.stop_one("teleop")

    assert child.asked
    assert "teleop" not in children.status()
    assert children.why_not_ready() == ""
    for now_s in (0, 2):
        assert children.poll(MonoNs(now_s * S)) == {}
        assert child.alive
    children.poll(MonoNs(round((STOP_S + 0.1) * S)))
    assert not child.alive
    assert len([each for each in nursery.born if each.name == "teleop"]) == 1


def test_one_that_hangs_on_a_disk_holds_nobody_up(children, nursery):
    recorder = nursery.newest("recorder")
    recorder.held_up = True
    children.kill("recorder")
    assert children.poll(MonoNs(0)) == {}

    recorder.alive = False

    assert list(children.poll(MonoNs(1 * S))) == ["recorder"]


def test_stopping_what_does_not_run_changes_nothing(children):
    children.stop_one("teleop")
    children.kill("teleop")

    assert "teleop" not in children.status()
