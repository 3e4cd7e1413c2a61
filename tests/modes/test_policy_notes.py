"""What became of every row of every chunk, as the journal tells it."""

import msgspec
import numpy as np
import pytest

from robotd.core.arm_model import kinematics_of
from robotd.core.clock import MonoNs, S
from robotd.core.journal import ChunkNote, ChunkUse
from robotd.core.types import ActionChunk
from robotd.modes.run.policy_notes import PolicyNotes, request_note
from robotd.pipeline.chunk_source import RequestStats
from robotd.pipeline.executor import ChunkRecord
from robotd.pipeline.make_executor import make_executor

T0_NS = 50 * S
ROWS_N = 15


class FakeScribe:
    def __init__(self):
        self.notes = []

    def note(self, note):
        self.notes.append(note)

    def of(self, kind):
        return [note for note in self.notes if isinstance(note, kind)]


class FakeExecutor:
    def __init__(self):
        self.records, self.unusable = [], ""


class FakeDriver:
    """Gets a chunk a step, as a policy's driver does."""

    def __init__(self, executor):
        self.executor, self.chunks = executor, []

    def get(self, number, *, at_s, first_row=0, sent_s=None, epoch=None, why=""):
        """Take chunk `number`; `sent_s`: when its first row begins to act."""
        t_obs_ns = MonoNs(T0_NS + round(at_s * S))
        actions = np.full((ROWS_N, 2), float(number))
        self.chunks.append(
            ActionChunk(
                t_obs_ns=t_obs_ns,
                dt_s=0.1,
                i0=0,
                meaning="command",
                actions=actions,
                request_id=number,
                seed=9,
            )
        )
        self.executor.unusable = why
        if not why:
            self.executor.records.append(
                ChunkRecord(
                    request_id=number,
                    t_obs_ns=t_obs_ns,
                    added_ns=t_obs_ns,
                    rows_n=ROWS_N,
                    first_row=first_row,
                    first_sent_ns=None if sent_s is None else MonoNs(T0_NS + round(sent_s * S)),
                    plan_epoch=epoch,
                )
            )


@pytest.fixture
def scribe():
    return FakeScribe()


@pytest.fixture
def driver():
    return FakeDriver(FakeExecutor())


@pytest.fixture
def notes(scribe, driver):
    return PolicyNotes(scribe, driver)


def at(seconds):
    return MonoNs(T0_NS + round(seconds * S))


def test_a_chunk_is_noted_whole_when_it_comes(scribe, driver, notes):
    driver.get(1, at_s=0.0, sent_s=0.05, epoch=4)
    notes.follow(at(0.04))
    notes.follow(at(0.05))

    [note] = scribe.of(ChunkNote)
    assert (note.t_ns, note.request_id, note.seed) == (at(0.04), 1, 9)
    actions = np.frombuffer(note.actions).reshape(-1, note.dim)
    np.testing.assert_array_equal(actions, np.full((ROWS_N, 2), 1.0))
    assert scribe.of(ChunkUse) == []  # in force


def test_late_rows_and_replaced_ones_are_named(scribe, driver, notes):
    driver.get(1, at_s=0.0, first_row=1, sent_s=0.15, epoch=4)
    notes.follow(at(0.14))
    driver.get(2, at_s=0.8, first_row=0, sent_s=0.85, epoch=5)
    notes.follow(at(0.85))

    [use] = scribe.of(ChunkUse)
    assert (use.request_id, use.rows_n, use.first_row) == (1, ROWS_N, 1)
    assert (use.first_sent_ns, use.plan_epoch) == (at(0.15), 4)
    # Row 1 began at 0.15, rows 2 to 7 followed by 0.75; row 8 would have at 0.85.
    assert use.dropped == "row 0: late; rows 8 to 14: replaced by chunk 2"


def test_a_chunk_that_ran_out_dropped_nothing(scribe, driver, notes):
    driver.get(1, at_s=0.0, sent_s=0.0, epoch=4)
    notes.follow(at(0.0))
    driver.get(2, at_s=3.0, sent_s=3.0, epoch=5)
    notes.follow(at(3.0))

    assert scribe.of(ChunkUse)[0].dropped == ""


def test_a_chunk_whose_rows_were_all_late_replaces_nothing(scribe, driver, notes):
    driver.get(1, at_s=0.0, sent_s=0.0, epoch=4)
    notes.follow(at(0.0))
    driver.get(2, at_s=0.1, first_row=ROWS_N)
    notes.follow(at(2.0))

    [use] = scribe.of(ChunkUse)
    assert (use.request_id, use.first_row, use.dropped) == (2, ROWS_N, "all rows were late")
    assert (use.first_sent_ns, use.plan_epoch) == (0, -1)


def test_why_a_chunk_was_unusable_is_told(scribe, driver, notes):
    driver.get(1, at_s=0.0, why="chunk 1: got an action that is not finite")
    notes.follow(at(0.1))

    [use] = scribe.of(ChunkUse)
    assert (use.first_row, use.dropped) == (ROWS_N, "chunk 1: got an action that is not finite")


def test_an_answer_to_an_older_observation_is_told(scribe, driver, notes):
    driver.get(2, at_s=0.5, sent_s=0.5, epoch=4)
    notes.follow(at(0.5))
    driver.get(1, at_s=0.4)
    driver.executor.records.pop()
    notes.follow(at(0.6))

    [use] = scribe.of(ChunkUse)
    assert (use.request_id, use.dropped) == (1, "an observation as new was answered before")


def test_the_last_chunk_says_what_cut_it_off_once(scribe, driver, notes):
    driver.get(1, at_s=0.0, sent_s=0.0, epoch=4)
    notes.follow(at(0.0))
    notes.end("the run was over: success", at(0.45))
    notes.end("again", at(0.5))

    [use] = scribe.of(ChunkUse)
    assert use.dropped == "rows 5 to 14: the run was over: success"


def test_averaged_chunks_are_not_replaced(scribe, cell, spec):
    config = msgspec.structs.replace(cell.executor, kind="ensemble")
    executor = make_executor(spec, msgspec.structs.replace(cell, executor=config))
    driver = FakeDriver(executor)
    notes = PolicyNotes(scribe, driver)
    for number in (1, 2):
        now = at(0.1 * number)
        driver.chunks.append(
            ActionChunk(
                t_obs_ns=now,
                dt_s=spec.dt_s,
                i0=spec.i0,
                meaning=spec.meaning,
                actions=np.full((spec.horizon, 2), 256.0),
                request_id=number,
            )
        )
        executor.add(driver.chunks[-1], now)
        executor.plan(now, kinematics_of(cell.arm).fk(np.array(cell.arm.home_q_rad)))
        notes.follow(now)

    [use] = scribe.of(ChunkUse)
    assert (use.request_id, use.plan_epoch >= 0, use.dropped) == (1, True, "")


def test_what_became_of_a_question_is_told():
    stats = RequestStats(
        request_id=3,
        t_obs_ns=MonoNs(T0_NS),
        outcome="answered",
        round_trip_s=0.03,
        queue_s=0.001,
        infer_s=0.02,
        total_s=0.022,
    )
    note = request_note(stats, at(1.0))

    assert (note.request_id, note.outcome, note.round_trip_s) == (3, "answered", 0.03)
    assert (note.queue_s, note.infer_s, note.total_s) == (0.001, 0.02, 0.022)
    lost = RequestStats(request_id=4, t_obs_ns=MonoNs(T0_NS), outcome="timeout")
    assert request_note(lost, at(1.0)).round_trip_s == -1.0
