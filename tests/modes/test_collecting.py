"""A collecting session in the daemon, on fakes and a fake clock: the test holds the device."""

import msgspec
import numpy as np
import pytest

from robotd.core.arm_codes import Source
from robotd.core.board_frame import BoardFrame
from robotd.core.clock import MS, MonoNs, S
from robotd.core.errors import EnvelopeError, SupervisorError
from robotd.core.ring import RingWriter
from robotd.core.run_files import TELEOP_RING
from robotd.core.sample_records import TELEOP_BYTES, pack_teleop
from robotd.core.types import TeleopSample
from robotd.modes.collect.collecting import IDLE_NS, SILENT_NS, SPEAKS_NS, Collecting
from robotd.modes.collect.messages import CollectRequest
from robotd.modes.collect.places import home_pose
from robotd.modes.replay.messages import ReplayRequest
from robotd.modes.start_place import Place
from tests.modes.activity_stage import ActivityStage

STATE_A, STATE_B = (100.0, 110.0, 250.0, 260.0, 0.3), (120.0, 410.0, 150.0, 360.0, 1.3)


class Device:
    """Writes a sample a cycle while it speaks."""

    def __init__(self, stage, run_dir):
        self._stage = stage
        self._ring = RingWriter.create(run_dir / TELEOP_RING, TELEOP_BYTES, 64)
        self.speaks = True
        self.clock_error_ns = self.number = 0
        self.deflection, self.buttons = np.zeros(6), frozenset()
        stage.on_cycle = self.write

    def write(self):
        if self.speaks:
            t_ns = MonoNs(self._stage.now + self.clock_error_ns)
            self.number += 1
            sample = TeleopSample(
                t_ns=t_ns, number=self.number, deflection=self.deflection, buttons=self.buttons
            )
            self._ring.write(pack_teleop(sample))

    def push(self, x=0.0, y=0.0):
        """Hold the dead-man and deflect."""
        self.deflection, self.buttons = np.array([x, y, 0, 0, 0, 0.0]), frozenset({0})

    def let_go(self):
        self.deflection, self.buttons = np.zeros(6), frozenset()

    def press(self, button, cycles=5):
        """Press a button for a moment."""
        self.buttons = self.buttons | {button}
        self._stage.cycle(cycles)
        self.buttons = self.buttons - {button}
        self._stage.cycle(5)


class Bench(ActivityStage):
    """A stage with a device and a session on it."""

    def __init__(self, cell, run_dir, make_tick, make_world):
        super().__init__(cell, run_dir, make_tick, make_world)
        self.device = Device(self, run_dir)
        self.request = {"operator": "test", "places": (Place(seed=7),)}

    def start(self, **changes):
        request = CollectRequest(**{**self.request, **changes})
        self.activity = Collecting(self.place, request, self.now)
        return self

    @property
    def status(self):
        return self.activity.status(self.now)

    def state(self, name, limit_s=30.0):
        """Go on until the session is in a state."""
        self.until(lambda: self.status.session == name, limit_s)
        return self

    def say(self, command):
        self.activity.obey(command, self.now)

    def record(self):
        self.state("READY")
        self.cycle(3)
        self.say("start")
        self.cycle(3)
        assert self.status.session == "RECORDING"
        return self

    def push_until_it_moves(self, x=0.5):
        self.device.push(x)
        self.until(lambda: self.moved_m > 0.0005, limit_s=1.0)


@pytest.fixture
def bench(cell, run_dir, make_tick, make_world):
    return Bench(cell, run_dir, make_tick, make_world)


@pytest.fixture
def real_bench(real_cell, run_dir, make_tick, make_world):
    return Bench(real_cell, run_dir, make_tick, make_world)


# From episode to episode


def test_a_session_goes_home_resets_the_world_and_stands_at_its_start(bench):
    bench.start().state("RESET")
    home = home_pose(bench.cell)
    np.testing.assert_allclose(bench.T[:3, 3], home[:3, 3], atol=1e-4)
    assert bench.world_orders.orders == [(7, None)]

    bench.state("READY")

    tip_m = bench.cell.task.tip_height_m
    assert bench.T[2, 3] == pytest.approx(tip_m, abs=1e-4)
    assert {plan.source for plan in bench.plans} == {Source.APPROACH}
    assert bench.scribe.begins == []


def test_an_episode_is_recorded_from_start_to_stop_and_kept(bench):
    bench.start(about={"note": "x"}).record()
    bench.device.push(0.4)
    bench.cycle(50)
    bench.say("stop")
    bench.state("CLEARING")

    (_, kind, about, _) = bench.scribe.begins[0]
    (end,) = bench.scribe.ends
    assert kind == "collect"
    assert (about["operator"], about["seed"], about["attempt"], about["note"]) == (
        "test",
        "7",
        "1",
        "x",
    )
    assert (end.outcome, end.label, end.keep) == ("stopped", "", True)
    status = bench.status
    assert (status.counts.kept_n, status.last.episode, status.counts.tries_n) == (1, "episode-1", 1)
    assert status.last.length_s == pytest.approx(0.53, abs=0.02)


@pytest.mark.parametrize(
    ("command", "outcome", "label", "keep"),
    [
        ("stop", "stopped", "", True),
        ("toggle", "stopped", "", True),
        ("success", "success", "success", True),
        ("failure", "failure", "failure", True),
        ("drop", "dropped", "", False),
    ],
)
def test_every_way_to_end_an_episode(bench, command, outcome, label, keep):
    bench.start().record()

    bench.say(command)
    bench.cycle()

    (end,) = bench.scribe.ends
    assert (end.outcome, end.label, end.keep) == (outcome, label, keep)
    assert (bench.status.counts.kept_n, bench.status.counts.dropped_n) == (
        (1, 0) if keep else (0, 1)
    )


def test_the_next_attempt_has_the_next_seed(bench):
    bench.start()
    for _ in range(3):
        bench.record().say("stop")
        bench.state("CLEARING")
    bench.state("READY")

    assert [seed for seed, _ in bench.world_orders.orders] == [7, 8, 9, 10]


def test_given_states_are_taken_in_turn_and_the_tool_starts_there(bench):
    places = (Place(seed=3, board_state=STATE_A), Place(seed=4, board_state=STATE_B))
    bench.start(places=places, start="given")
    for _ in range(2):
        bench.record().say("stop")
        bench.state("CLEARING")
    bench.state("READY")

    orders = bench.world_orders.orders
    assert [seed for seed, _ in orders] == [3, 4, 3]
    np.testing.assert_array_equal(orders[1][1], STATE_B)
    at_px = BoardFrame.of_task(bench.cell.task).to_px(bench.T[:3, 3])
    np.testing.assert_allclose(at_px, STATE_A[:2], atol=0.2)


def test_the_worlds_success_ends_and_labels_the_episode(bench):
    bench.start().record()
    bench.world = {"success": True, "best_score": 1.0}
    bench.cycle(3)

    (end,) = bench.scribe.ends
    assert (end.outcome, end.label, end.score) == ("success", "success", 1.0)
    assert bench.status.counts.success_n == 1


@pytest.mark.parametrize("label", ["", "failure"])
def test_time_ends_an_episode_with_the_label_that_was_asked_for(bench, label):
    bench.start(max_episode_s=1.0, time_label=label).record()
    bench.world = {"best_score": 0.4}
    bench.cycle(120)

    (end,) = bench.scribe.ends
    assert (end.outcome, end.label, end.score) == ("time", label, 0.4)
    assert bench.status.last.length_s == pytest.approx(1.0, abs=0.03)


def test_the_score_is_that_of_the_present_attempt(bench):
    bench.start()
    bench.world = {"best_score": 0.9}
    bench.record().say("stop")
    bench.world = {"best_score": 0.1}
    bench.state("CLEARING")
    bench.record().say("stop")

    assert [end.score for end in bench.scribe.ends] == [0.9, 0.1]


def test_drop_and_undo_of_the_last_episode(bench):
    bench.start().record().say("stop")
    bench.state("READY")
    bench.say("drop")
    bench.cycle(2)
    assert (bench.status.counts.kept_n, bench.status.counts.dropped_n) == (0, 1)

    bench.say("undo")
    bench.cycle(2)

    assert bench.scribe.moves == [("drop", "episode-1"), ("restore", "episode-1")]
    assert (bench.status.counts.kept_n, bench.status.counts.dropped_n) == (1, 0)


def test_a_drop_that_the_recorder_refuses_is_told_and_not_counted(bench):
    bench.start().record().say("stop")
    bench.state("READY")
    bench.scribe.refusals[1] = "episode-1: no such episode"
    bench.say("drop")
    bench.cycle(2)

    assert (bench.status.counts.kept_n, bench.status.counts.dropped_n) == (1, 0)
    assert bench.status.note == "episode-1: no such episode"


def test_a_stage_is_marked_in_the_episode(bench):
    bench.start().record()
    bench.say("stage")
    bench.say("stage")

    assert [event for event in bench.scribe.events if event[0] == "stage"] == [
        ("stage", "1"),
        ("stage", "2"),
    ]


def test_what_does_not_fit_is_refused_in_one_line_that_says_what_does(bench):
    bench.start().state("READY")

    with pytest.raises(SupervisorError, match=r"cannot success while READY; possible now: .*start"):
        bench.say("success")


def test_a_real_cell_waits_for_the_person_to_set_up_the_scene(real_bench):
    bench = real_bench.start().state("RESET")
    bench.cycle(500)
    assert bench.status.session == "RESET"

    bench.say("toggle")
    bench.state("READY")

    assert bench.status.open.score == -1.0


def test_quit_ends_the_session(bench):
    bench.start().state("READY")
    bench.say("quit")
    bench.cycle()

    assert bench.activity.outcome == "quit"
    assert bench.activity.step(bench.now, bench.feed.tick, bench.feed) is None


def test_quit_while_recording_keeps_the_episode_first(bench):
    bench.start().record()
    bench.scribe.obeys = False
    bench.say("quit")
    bench.cycle(5)
    assert (bench.activity.outcome, bench.status.session) == ("", "ENDING")

    bench.scribe.complete()
    bench.cycle(2)

    assert bench.activity.outcome == "quit"
    assert [end.keep for end in bench.scribe.ends] == [True]
    assert bench.status.counts.kept_n == 1


# The device


def test_the_device_moves_the_tool_where_it_points_to_while_its_button_is_held(bench):
    bench.start().record()
    before = bench.T.copy()
    bench.device.push(x=0.6)
    bench.cycle(60)
    bench.device.let_go()
    bench.cycle(30)

    moved = bench.T[:3, 3] - before[:3, 3]
    assert moved[0] > 0.03
    assert moved[1:] == pytest.approx(0.0, abs=1e-9)
    assert bench.moved_m < 1e-9


def test_without_the_dead_man_nothing_moves(bench):
    bench.start().record()
    before = bench.T.copy()
    bench.device.deflection = np.array([1.0, 1, 0, 0, 0, 0])
    bench.cycle(100)

    np.testing.assert_array_equal(bench.T, before)


def test_the_device_moves_the_tool_when_ready_too_and_in_no_other_state(bench):
    bench.start().state("READY")
    bench.cycle(5)
    bench.push_until_it_moves()
    bench.device.let_go()
    bench.cycle(20)
    bench.say("start")
    bench.cycle(5)
    bench.device.push(0.5)
    bench.cycle(20)
    bench.say("stop")
    bench.scribe.obeys = False
    plans_n = len(bench.plans)
    bench.state("CLEARING")
    bench.device.push(0.5)
    bench.cycle(60)

    assert all(plan.source is Source.APPROACH for plan in bench.plans[plans_n:])


def test_a_device_held_down_while_the_tool_was_sent_must_be_let_go_first(bench):
    bench.device.push(0.5)
    bench.start().state("READY")
    bench.cycle(100)
    assert bench.status.neutral
    assert bench.plans[-1].source is Source.APPROACH

    bench.device.let_go()
    bench.cycle(5)

    assert not bench.status.neutral
    bench.push_until_it_moves()


@pytest.mark.parametrize("state", ["READY", "RECORDING"])
def test_a_device_that_falls_silent_while_deflected_brakes_within_100_ms(bench, state):
    bench.start().state("READY")
    bench.cycle(3)
    if state == "RECORDING":
        bench.say("start")
    bench.push_until_it_moves()
    bench.cycle(40)
    speed_m = bench.moved_m
    bench.device.speaks = False
    moved = []
    for _ in range(50):
        bench.cycle()
        moved.append(bench.moved_m)

    braking = next(k for k, step in enumerate(moved, 1) if step < speed_m * 0.999)
    assert braking * 10 * MS <= 100 * MS
    assert max(moved[30:]) < 1e-9


def test_a_device_whose_clock_stands_still_is_as_silent(bench):
    """New records come, all of the same instant: it hangs, and something repeats its last word."""
    bench.start().record()
    bench.push_until_it_moves()
    t_hung = bench.now

    def write():
        bench.device.number += 1
        sample = TeleopSample(
            t_ns=t_hung,
            number=bench.device.number,
            deflection=bench.device.deflection,
            buttons=bench.device.buttons,
        )
        bench.device._ring.write(pack_teleop(sample))

    bench.on_cycle = write
    bench.cycle(40)

    assert bench.moved_m < 1e-9


def test_a_program_that_repeats_the_devices_last_word_is_as_silent(bench):
    """New records come, stamped anew each time, with the number of the same report."""
    bench.start().record()
    bench.push_until_it_moves()

    def write():
        device = bench.device
        sample = TeleopSample(
            t_ns=MonoNs(bench.now),
            number=device.number,
            deflection=device.deflection,
            buttons=device.buttons,
        )
        device._ring.write(pack_teleop(sample))

    bench.on_cycle = write
    bench.cycle(40)

    assert bench.moved_m < 1e-9


def test_a_device_with_a_clock_in_the_future_does_not_outlive_its_last_word(bench):
    bench.start().record()
    bench.push_until_it_moves()
    bench.device.clock_error_ns = 50 * MS
    bench.cycle(10)
    bench.device.speaks = False
    bench.cycle(40)

    assert bench.moved_m < 1e-9


def test_after_a_silence_it_must_be_neutral_before_it_moves_again(bench):
    bench.start().record()
    bench.push_until_it_moves()
    bench.device.speaks = False
    bench.cycle(40)
    bench.device.speaks = True
    bench.cycle(40)
    assert bench.moved_m < 1e-9

    bench.device.let_go()
    bench.cycle(3)

    bench.push_until_it_moves()


def test_a_device_silent_for_long_ends_the_episode_and_keeps_it(bench):
    bench.start(arguments=("--operator", "pusher")).record()
    bench.device.speaks = False
    bench.until(lambda: bench.activity.problem, limit_s=3.0)
    assert "not heard for 1 s" in bench.activity.problem
    assert bench.children.killed == ["teleop"]

    bench.pause(bench.activity.problem)

    (end,) = bench.scribe.ends
    assert (end.outcome, end.keep, end.label) == ("teleop lost", True, "")
    assert "not heard" in end.reason


def test_another_device_in_its_place_must_be_let_go_first_too(bench):
    bench.start().record()
    bench.push_until_it_moves()
    deflected = bench.device
    bench.device = Device(bench, bench.place.run_dir)
    bench.device.push(0.5)
    bench.cycle(40)
    assert bench.moved_m < 1e-9
    assert deflected.buttons == bench.device.buttons

    bench.device.let_go()
    bench.cycle(3)

    bench.push_until_it_moves()


def test_buttons_of_the_device_say_what_the_cell_says_they_do(bench):
    bench.start().state("READY")
    bench.cycle(5)
    bench.device.press(1)
    assert bench.status.session == "RECORDING"

    bench.device.press(1, cycles=120)

    assert [end.keep for end in bench.scribe.ends] == [False]


def test_a_button_that_does_not_fit_is_told_and_changes_nothing(bench):
    bench.start().record()
    bench.scribe.obeys = False
    bench.say("stop")
    bench.cycle(3)
    bench.device.press(1)

    assert "cannot toggle while SAVING" in bench.status.note


@pytest.mark.parametrize("by_key", [False, True])
@pytest.mark.parametrize("state", ["CLEARING", "PLACING", "HOMING"])
def test_the_button_that_begins_and_ends_halts_the_tool_on_its_way(bench, state, by_key):
    bench.start()
    if state == "HOMING":
        bench.state("READY")
        bench.say("home")
    bench.state(state)
    bench.cycle(30)
    if by_key:
        bench.say("toggle")
    else:
        bench.device.press(1)

    assert bench.activity.problem == "halted on its way"
    bench.pause(bench.activity.problem)
    bench.cycle(3, running=False)
    assert bench.status.session == "PAUSED"
    bench.resume()
    bench.cycle(30)
    assert (bench.status.session, bench.activity.problem) == ("READY", "")
    assert bench.moved_m < 1e-9


def test_where_nobody_is_there_no_key_halts_a_way(bench):
    bench.start(by_itself=True).state("CLEARING")
    with pytest.raises(SupervisorError, match="cannot toggle while CLEARING"):
        bench.say("toggle")


# What goes wrong


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("teleop: killed by SIGKILL, without a word", "teleop lost"),
        ("camera@top: killed by SIGKILL, without a word", "camera@top lost"),
        ("camera@top: no new picture for 81 ms, expected one within 80", "camera@top lost"),
        ("world: killed by SIGKILL, without a word", "world lost"),
        ("the daemon was held up for 300 ms; check the computer's load", "paused"),
    ],
)
def test_a_death_ends_the_episode_which_is_kept_and_the_session_goes_on(bench, reason, outcome):
    bench.start().record()
    bench.push_until_it_moves()
    bench.pause(reason)
    bench.cycle(5, running=False)

    (end,) = bench.scribe.ends
    assert (end.outcome, end.reason, end.keep) == (outcome, reason, True)
    counts = bench.status.counts
    assert (bench.status.session, counts.kept_n, counts.counted_n) == ("PAUSED", 1, 0)
    assert bench.moved_m == 0.0

    bench.device.let_go()
    bench.resume()
    bench.cycle(5)
    assert bench.status.session == "READY"
    bench.record()
    bench.push_until_it_moves()
    bench.say("stop")
    bench.cycle(2)
    assert bench.status.counts.kept_n == 2


def test_the_recorders_death_leaves_an_episode_that_the_next_one_recovers(bench):
    bench.start().record()
    bench.scribe.lost("recorder: killed by SIGKILL")
    bench.pause("recorder: killed by SIGKILL")
    bench.cycle(3, running=False)
    assert bench.scribe.ends == []
    assert (bench.status.session, bench.status.counts.kept_n) == ("PAUSED", 0)
    assert bench.status.last.outcome == "recorder lost"

    bench.scribe.status.recovered = ("episode-1",)
    bench.cycle(2, running=False)

    assert (bench.status.counts.kept_n, bench.status.counts.tries_n) == (1, 1)
    bench.resume()
    bench.record()


def test_what_was_dropped_as_the_recorder_died_is_dropped_once_it_is_recovered(bench):
    bench.start().record()
    bench.scribe.lost("recorder: killed by SIGKILL")
    bench.say("drop")
    bench.pause("recorder: killed by SIGKILL")
    bench.cycle(3, running=False)
    assert bench.scribe.moves == []

    bench.scribe.status.recovered = ("episode-1",)
    bench.cycle(2, running=False)

    assert bench.scribe.moves == [("drop", "episode-1")]
    assert (bench.status.counts.kept_n, bench.status.counts.dropped_n) == (0, 1)


def test_what_was_dropped_as_the_recorder_stopped_it_is_dropped_once_it_is_complete(bench):
    bench.start().record()
    bench.scribe.obeys = False
    bench.scribe.end("stopped", reason="disk: nearly full")
    bench.say("drop")
    bench.scribe.complete()
    bench.cycle(3)

    assert bench.scribe.moves == [("drop", "episode-1")]
    assert (bench.status.counts.kept_n, bench.status.counts.dropped_n) == (0, 1)


def test_an_episode_that_was_never_begun_is_no_try(bench):
    bench.start().state("READY")
    bench.cycle(3)
    bench.scribe.obeys = False
    bench.say("start")
    bench.cycle(2)
    bench.scribe.episode, bench.scribe.problem = "", "disk: 1 GB left, limit 5 GB"
    bench.pause("disk: 1 GB left, limit 5 GB")

    assert (bench.status.session, bench.status.note) == ("PAUSED", "disk: 1 GB left, limit 5 GB")
    assert (bench.status.counts.tries_n, bench.status.last.episode) == (0, "")


def test_why_it_was_stopped_outlives_what_the_recorder_says_later(bench):
    bench.start(episodes=1).record()
    bench.scribe.obeys = False
    bench.say("stop")
    bench.cycle(2)
    bench.activity.end("fault", "arm: the controller stopped", bench.now)
    bench.scribe.complete()

    assert (bench.status.outcome, bench.status.counts.kept_n) == ("fault", 1)


def test_an_episode_that_the_recorder_stops_is_kept(bench):
    """The disk is nearly full: the scribe ends the episode before anybody else does."""
    bench.start().record()
    bench.scribe.end("stopped", reason="disk: nearly full")
    bench.scribe.problem = "disk: nearly full"
    bench.pause("disk: nearly full")
    bench.cycle(2, running=False)

    assert len(bench.scribe.ends) == 1
    assert (bench.status.counts.kept_n, bench.status.session) == (1, "PAUSED")


def test_a_pause_on_a_way_is_resumed_with_the_tool_where_it_is(bench):
    bench.start().state("PLACING")
    bench.cycle(60)
    bench.pause()
    bench.cycle(5, running=False)
    stood = bench.T.copy()

    bench.resume()
    bench.cycle(30)

    assert bench.status.session == "READY"
    np.testing.assert_array_equal(bench.T, stood)


def test_a_world_that_does_not_answer_is_a_problem(bench):
    bench.world_answers = False
    bench.start()
    bench.until(lambda: bench.activity.problem)

    assert "reset: world: did not go to its start" in bench.activity.problem


def test_an_arm_that_does_not_arrive_is_a_problem(bench):
    bench.start()
    bench.cycle(30)
    bench.obeys = False
    bench.until(lambda: bench.activity.problem)

    assert "mm from where it should be" in bench.activity.problem


def test_a_real_arm_is_not_moved_without_a_person(real_bench):
    with pytest.raises(SupervisorError, match="a real arm is not moved without a person"):
        real_bench.start(by_itself=True)


def rows(T):
    return tuple(tuple(float(value) for value in row) for row in T)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda T: T * np.nan, "not finite"),
        (lambda T: T * 2.0, "orientation"),
        (lambda T: T @ np.diag([1.0, 1.0, -1.0, 1.0]), "orientation"),
    ],
)
def test_a_start_that_is_no_pose_is_refused(real_bench, change, words):
    place = Place(T_base_start=rows(change(home_pose(real_bench.cell))))
    with pytest.raises(SupervisorError, match=words):
        real_bench.start(start="given", places=(place,))


def test_a_start_outside_the_envelope_is_refused(real_bench):
    T = home_pose(real_bench.cell)
    T[0, 3] += 5.0
    with pytest.raises(EnvelopeError, match=r"the start is at .* outside envelope.tool_box"):
        real_bench.start(start="given", places=(Place(), Place(T_base_start=rows(T))))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e9])
def test_a_board_that_is_nowhere_is_no_request(value):
    for request in (
        CollectRequest(operator="x", places=(Place(board_state=(value, 1, 1, 1, 1)),)),
        ReplayRequest(episode="e", track="t", board_state=(1, 1, value, 1, 1)),
    ):
        with pytest.raises(msgspec.ValidationError, match="Expected `float`"):
            msgspec.msgpack.decode(msgspec.msgpack.encode(request), type=type(request))


def test_a_recorder_that_is_not_ready_refuses_the_session(bench):
    bench.scribe.ready = False

    with pytest.raises(SupervisorError, match="cannot start: the recorder is not at work"):
        bench.start()


def test_a_recorder_that_refuses_an_episode_says_why_and_the_person_stays_ready(bench):
    bench.start().state("READY")
    bench.scribe.ready = False
    bench.say("start")
    bench.cycle()

    assert bench.status.session == "READY"
    assert bench.status.note == "cannot record: the recorder is not at work"


def test_an_episode_that_could_not_be_completed_is_told(bench):
    bench.start().record()
    bench.scribe.obeys = False
    bench.say("stop")
    bench.cycle(3)
    bench.scribe.ended = ""  # it was refused
    bench.cycle(2)

    assert bench.status.counts.kept_n == 0
    assert "could not complete episode-1" in bench.status.note


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [("client lost", "client me-1 disappeared"), ("fault", "arm: ..."), ("stopped", "stop by me")],
)
def test_whoever_ends_the_session_the_open_episode_is_kept(bench, outcome, reason):
    bench.start(arguments=("--operator", "pusher")).record()
    bench.scribe.obeys = False
    bench.activity.end(outcome, reason, bench.now)
    bench.cycle(10, running=False)
    bench.activity.close(bench.now)
    bench.scribe.complete()

    (end,) = bench.scribe.ends
    assert (end.outcome, end.reason, end.keep) == (outcome, reason, True)
    assert bench.children.stopped == ["teleop"]
    status = bench.status
    assert (status.outcome, status.session, status.counts.kept_n) == (outcome, "ENDED", 1)
    assert status.possible == ()


# Without a person


def by_itself(bench, **changes):
    return bench.start(by_itself=True, arguments=("--operator", "pusher"), **changes)


def test_by_itself_it_records_until_there_are_enough(bench):
    by_itself(bench, episodes=2, time_label="failure", max_episode_s=0.5)
    for success in (True, False, True):
        bench.state("RECORDING")
        bench.world = {"success": success, "best_score": 1.0 if success else 0.3}
        bench.until(lambda: bench.status.session != "RECORDING")
        bench.world = {}
    bench.until(lambda: bench.activity.outcome)

    assert [end.label for end in bench.scribe.ends] == ["success", "failure", "success"]
    assert bench.activity.outcome == "quit"
    status = bench.status
    assert (status.counts.tries_n, status.counts.kept_n, status.counts.counted_n) == (3, 3, 2)
    assert bench.children.started == [("teleop", ("--operator", "pusher"))]


def test_an_operator_that_has_let_go_for_long_has_done_what_it_can(bench):
    by_itself(bench, episodes=1, time_label="failure").state("RECORDING")
    bench.cycle(5)
    bench.push_until_it_moves()
    bench.cycle(400)
    assert bench.scribe.ends == []

    bench.device.let_go()
    bench.cycle(IDLE_NS // (10 * MS) + 5)

    assert [(end.outcome, end.label) for end in bench.scribe.ends] == [("time", "failure")]


def test_failures_count_where_asked_for(bench):
    by_itself(
        bench, episodes=1, count_failures=True, time_label="failure", max_episode_s=0.3
    ).until(lambda: bench.activity.outcome)

    assert [end.label for end in bench.scribe.ends] == ["failure"]


def test_tries_are_limited_so_that_it_ends(bench):
    by_itself(bench, episodes=1, max_tries=3, time_label="failure", max_episode_s=0.3).until(
        lambda: bench.activity.outcome, limit_s=60
    )

    assert bench.status.counts.tries_n == 3
    assert bench.status.counts.counted_n == 0


def test_by_itself_it_waits_for_its_operators_first_word(bench):
    bench.device.speaks = False
    by_itself(bench, episodes=1)
    bench.cycle(800)
    assert (bench.scribe.begins, bench.activity.problem) == ([], "")

    bench.device.speaks = True
    bench.state("RECORDING", limit_s=1.0)


def test_an_operator_that_never_speaks_is_a_problem(bench):
    bench.device.speaks = False
    by_itself(bench, episodes=1)
    bench.until(lambda: bench.activity.problem, limit_s=60.0)

    assert f"says nothing for {SPEAKS_NS // S} s" in bench.activity.problem


def test_by_itself_a_refused_episode_ends_the_session_with_its_reason(bench):
    by_itself(bench, episodes=2).state("PLACING")
    bench.scribe.ready = False
    bench.until(lambda: bench.activity.outcome)

    assert bench.activity.outcome == "refused"
    assert bench.status.note == "cannot record: the recorder is not at work"


def test_by_itself_a_resumed_session_begins_a_new_attempt(bench):
    by_itself(bench, episodes=2).state("RECORDING")
    bench.pause("camera@top: killed by SIGKILL")
    bench.cycle(3, running=False)
    bench.resume()
    bench.state("RECORDING")

    assert [seed for seed, _ in bench.world_orders.orders] == [7, 8]


def test_a_client_that_operates_itself_has_no_process(bench):
    bench.start().state("READY")
    bench.activity.end("quit", "", bench.now)
    bench.activity.close(bench.now)

    assert bench.children.started == bench.children.stopped == []


def test_nothing_is_recorded_of_a_device_that_is_not_heard(bench):
    bench.device.speaks = False
    bench.start().state("READY")
    bench.say("start")

    assert (bench.scribe.begins, bench.status.session) == ([], "READY")
    assert bench.status.note == "cannot record: the device is not heard"


def test_a_silent_device_is_told(bench):
    bench.start().state("READY")
    bench.device.speaks = False
    bench.cycle(SILENT_NS // (10 * MS) + 1)

    assert not bench.status.teleop
    assert bench.activity.problem == ""
