"""The journal's writer and a recorder that obeys, refuses, falls silent, dies and comes again."""

import re

import msgspec
import pytest

from robotd.core.clock import MS, MonoNs, S
from robotd.core.errors import SupervisorError
from robotd.core.journal import (
    BeginEpisode,
    DropEpisode,
    EndEpisode,
    EpisodeId,
    EventNote,
    OpenDataset,
    RestoreEpisode,
)
from robotd.modes.daemon.scribe import BEGIN_LIMIT_NS, HUNG_NS, SILENT_NS, Scribe, new_episode_id
from tests.modes.fake_recorder import FakeRecorder

CYCLE_NS = 10 * MS


class Desk:
    """A scribe and its recorder on one clock."""

    def __init__(self, run_dir):
        self.now = 100 * S
        self.scribe = Scribe(run_dir, MonoNs(self.now))
        self.recorder = FakeRecorder(run_dir)
        self.dead = False

    def cycle(self, times=1):
        for _ in range(times):
            self.now += CYCLE_NS
            if not self.dead:
                self.recorder.cycle(self.now)
            self.scribe.read(MonoNs(self.now))

    def until_silent(self, limit_ns):
        self.dead = True
        self.cycle(limit_ns // CYCLE_NS + 1)

    def recording(self):
        """Open a data set and begin an episode, which the recorder obeys."""
        self.cycle()
        self.scribe.open("/data/d")
        self.cycle()
        name = self.scribe.begin("run", {"seed": "7"}, MonoNs(self.now))
        self.cycle()
        assert self.scribe.begun
        return name


@pytest.fixture
def desk(run_dir):
    desk = Desk(run_dir)
    yield desk
    desk.scribe.close()
    desk.recorder.close()


def test_a_data_set_is_held_once_the_recorder_says_so(desk):
    desk.cycle()
    desk.scribe.open("/data/d")
    assert not desk.scribe.ready
    assert desk.scribe.why_not_ready() == "the recorder does not hold /data/d yet"
    desk.cycle()

    assert desk.scribe.ready
    assert desk.scribe.why_not_ready() == ""
    assert [order.dataset for order in desk.recorder.of(OpenDataset)] == ["/data/d"]


def test_a_recorder_that_is_not_up_yet_is_told_when_it_is(desk):
    desk.scribe.open("/data/d")
    assert desk.recorder.read() == []
    desk.cycle(2)

    assert desk.scribe.ready


def test_a_refusal_is_the_recorders_own_sentence(desk):
    desk.recorder.refusals[OpenDataset] = "/data/d: held by process 7"
    desk.cycle()
    desk.scribe.open("/data/d")
    desk.cycle()

    assert not desk.scribe.ready
    assert desk.scribe.failure == "/data/d: held by process 7"
    with pytest.raises(SupervisorError, match="cannot record: /data/d: held by process 7"):
        desk.scribe.begin("run", {}, MonoNs(desk.now))


def test_another_data_set_is_another_question(desk):
    desk.recorder.refusals[OpenDataset] = "no"
    desk.cycle()
    desk.scribe.open("/data/d")
    desk.cycle()
    del desk.recorder.refusals[OpenDataset]
    desk.scribe.open("/data/e")
    assert (desk.scribe.failure, desk.scribe.ready) == ("", False)
    desk.cycle()

    assert desk.scribe.ready


def test_nothing_is_recorded_without_a_data_set(desk):
    desk.cycle()
    desk.scribe.open("")
    desk.cycle()

    assert desk.recorder.of(OpenDataset) == []
    with pytest.raises(SupervisorError, match="cannot record: no data set is open"):
        desk.scribe.begin("run", {}, MonoNs(desk.now))


def test_an_episode_is_begun_ended_and_complete(desk):
    desk.recorder.completes = False
    name = desk.recording()
    desk.scribe.end("success", label="success", score=0.97, now=MonoNs(desk.now))
    desk.cycle()
    assert (desk.scribe.episode, desk.scribe.begun) == ("", False)

    [begin], [end] = desk.recorder.of(BeginEpisode), desk.recorder.of(EndEpisode)
    assert (begin.episode, begin.kind, begin.about) == (name, "run", {"seed": "7"})
    assert (end.episode, end.outcome, end.label, end.score) == (name, "success", "success", 0.97)
    assert begin.number < end.number
    assert desk.scribe.ended == name  # obeyed, not yet complete
    desk.recorder.committed = name
    desk.cycle()
    assert desk.scribe.ended == ""


def test_a_second_episode_waits_for_the_end_of_the_first(desk):
    name = desk.recording()

    with pytest.raises(SupervisorError, match=f"cannot record: {name} is being recorded"):
        desk.scribe.begin("run", {}, MonoNs(desk.now))
    with pytest.raises(SupervisorError, match=f"cannot change the data set: {name}"):
        desk.scribe.open("/data/e")


def test_a_refused_begin_leaves_no_episode_and_a_problem(desk):
    desk.recorder.refusals[BeginEpisode] = "/data/d: 3 MB are free"
    desk.cycle()
    desk.scribe.open("/data/d")
    desk.cycle()
    desk.scribe.begin("run", {}, MonoNs(desk.now))
    desk.cycle()

    assert (desk.scribe.episode, desk.scribe.begun) == ("", False)
    assert desk.scribe.problem == "/data/d: 3 MB are free"
    desk.scribe.end("stopped")
    desk.cycle()
    assert desk.recorder.of(EndEpisode) == []


def test_a_begin_that_is_never_answered_is_a_problem(desk):
    desk.cycle()
    desk.scribe.open("/data/d")
    desk.cycle()
    desk.recorder.deaf = True
    desk.scribe.begin("run", {}, MonoNs(desk.now))
    desk.cycle(BEGIN_LIMIT_NS // CYCLE_NS)
    assert desk.scribe.problem == ""
    desk.cycle(2)

    assert desk.scribe.problem == "recorder: did not begin within 3 s; see its log"
    assert desk.scribe.episode == ""


def test_a_problem_of_the_recorder_ends_the_episode_with_its_sentence(desk):
    desk.recording()
    desk.recorder.problem = "/data/d: 90 MB are free, the episode ends below 500 MB"
    desk.cycle(2)

    assert desk.scribe.problem == "/data/d: 90 MB are free, the episode ends below 500 MB"
    assert desk.scribe.episode == ""
    [end] = desk.recorder.of(EndEpisode)
    assert (end.outcome, end.reason) == ("stopped", desk.scribe.problem)


def test_a_recorder_that_falls_silent_loses_the_episode_within_its_limit(desk):
    name = desk.recording()
    desk.dead = True
    desk.cycle(SILENT_NS // CYCLE_NS)
    assert (desk.scribe.problem, desk.scribe.episode) == ("", name)
    desk.cycle()

    assert desk.scribe.problem.startswith("recorder: not heard for 200 ms")
    assert desk.scribe.episode == ""


def test_a_recorder_that_was_only_held_up_completes_the_episode_that_was_ended_meanwhile(desk):
    name = desk.recording()
    desk.until_silent(SILENT_NS)
    assert desk.scribe.ended == name
    desk.dead = False
    desk.cycle()

    [end] = desk.recorder.of(EndEpisode)
    assert (end.episode, end.outcome, end.reason) == (name, "stopped", desk.scribe.problem)
    assert (desk.recorder.committed, desk.scribe.ended) == (name, "")


def test_silence_without_an_episode_is_no_problem(desk):
    desk.cycle()
    desk.scribe.open("/data/d")
    desk.cycle()
    desk.until_silent(SILENT_NS)

    assert desk.scribe.problem == ""
    assert desk.scribe.ready
    desk.cycle(HUNG_NS // CYCLE_NS)
    assert not desk.scribe.ready
    assert desk.scribe.why_not_ready() == "the recorder is not at work"


def test_a_new_recorder_is_told_the_data_set_again_and_knows_no_episode(desk):
    desk.recording()
    desk.recorder.start_again()
    desk.cycle()
    assert desk.scribe.problem == "recorder: its process was started again"
    assert desk.scribe.episode == ""
    assert not desk.scribe.ready
    desk.cycle()

    assert desk.scribe.ready
    opens = desk.recorder.of(OpenDataset)
    assert [order.dataset for order in opens] == ["/data/d", "/data/d"]
    assert opens[0].number < opens[1].number


def test_orders_before_the_last_answer_count_as_done(desk):
    desk.cycle()
    desk.scribe.open("/data/d")
    desk.cycle()
    drop = desk.scribe.drop("20261120-120000-0001")
    restore = desk.scribe.restore("20261120-120000-0001")
    assert (desk.scribe.answer(drop), desk.scribe.answer(restore)) == (None, None)
    desk.recorder.refusals[RestoreEpisode] = "no such episode"
    desk.cycle()

    assert (desk.scribe.answer(drop), desk.scribe.answer(restore)) == ("", "no such episode")
    assert [order.number for order in desk.recorder.of(DropEpisode)] == [drop]
    assert desk.scribe.answer(restore + 1) is None


@pytest.mark.parametrize("noticed", [False, True])
def test_what_a_dead_recorder_did_not_obey_is_refused_and_never_counts_as_done(desk, noticed):
    desk.recording()
    desk.scribe.end("stopped")
    desk.cycle(2)
    desk.dead = True
    if noticed:
        desk.scribe.lost("recorder: killed by SIGKILL, without a word")
    drop = desk.scribe.drop("20261120-120000-0001")
    if not noticed:
        desk.cycle()
        desk.scribe.lost("recorder: killed by SIGKILL, without a word")
    assert desk.scribe.answer(drop)
    desk.recorder.start_again()
    desk.dead = False
    desk.cycle(3)

    assert desk.scribe.ready
    assert "recorder" in desk.scribe.answer(drop)


def test_answers_are_not_kept_for_ever(desk):
    desk.cycle()
    desk.scribe.open("/data/d")
    numbers = []
    for _ in range(200):
        numbers.append(desk.scribe.drop("x"))
        desk.cycle()

    assert all(desk.scribe.answer(number) == "" for number in numbers)


def test_events_stand_in_the_journal_in_their_order(desk):
    desk.scribe.note_event("state", "DISARMED -> ARMED by arm")
    desk.scribe.note_event("mark")
    desk.cycle()

    events = desk.recorder.of(EventNote)
    assert [(event.name, event.text) for event in events] == [
        ("state", "DISARMED -> ARMED by arm"),
        ("mark", ""),
    ]


def test_names_of_episodes_are_the_time_and_something_random():
    names = {new_episode_id() for _ in range(20)}

    assert len(names) > 10
    for name in names:
        assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{4}", name)
        assert msgspec.convert(name, EpisodeId) == name
