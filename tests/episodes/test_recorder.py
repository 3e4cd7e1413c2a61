"""The recorder over rings that the test writes: what is in an episode, and what it answers."""

import os
import threading
import time

import pytest

from robotd.core.arm_records import pack_orders
from robotd.core.clock import MS, FakeClock, MonoNs, S
from robotd.core.journal import NOTES_KEPT_N, EventNote, PlanNote
from robotd.core.types import Orders
from robotd.episodes import topics
from robotd.episodes.dataset import Dataset, trashed
from robotd.episodes.log import EpisodeLog, LogReader
from robotd.episodes.recorder import episode as recorder_episode
from robotd.episodes.recorder import pipe as recorder_pipe
from robotd.episodes.recorder.pipe import Limits
from robotd.episodes.recorder.recorder import Recorder
from robotd.episodes.recorder.streams import messages_of
from robotd.episodes.video import make_decoder, make_encoder
from tests.episodes.recorder_site import (
    CAMERA,
    EPISODE,
    HEIGHT_PX,
    SIGNAL,
    WIDTH_PX,
    Site,
    read_episode,
    small_cell,
    times,
)

BEGIN = 10 * S


class Bench:
    """A recorder on a fake clock, turned by hand, over the rings of a site."""

    def __init__(self, tmp_path, *, recorder=None, **site):
        self._recorder = recorder or {}
        self.clock = FakeClock(MonoNs(BEGIN - S))
        self.dataset = tmp_path / "data"
        run_dir = tmp_path / "run"
        run_dir.mkdir()
        self.site = Site(run_dir, **site)

    def __enter__(self):
        self.site.__enter__()
        self.recorder = Recorder(self.site.cell, self.site.run_dir, self.clock, **self._recorder)
        return self

    def __exit__(self, *error):
        timer = threading.Timer(0.05, self.clock.advance, [S])  # it waits for nothing else
        timer.start()
        self.recorder.wind_up("the test is over")
        timer.join()
        self.site.__exit__(*error)

    def turn(self, duration_ns=10 * MS):
        self.clock.advance(duration_ns)
        self.recorder.cycle()

    def answer(self, number):
        """Turn until an order is answered; return the refusal."""
        status = self.site.wait(
            lambda status: status.obeyed >= number,
            f"answer to {number}",
            turn=lambda: self.turn(5 * MS),
        )
        assert status.obeyed == number
        return status.refusal

    def to(self, t_ns):
        """Go to an instant, 10 ms a cycle."""
        while self.clock.now() < t_ns:
            self.turn(min(10 * MS, t_ns - self.clock.now()))
            time.sleep(0.0005)

    def waiting_bytes(self):
        return sum(work.recording.pipe.n_bytes for work in self.recorder._works)

    def begin(self):
        assert self.answer(self.site.open(self.dataset)) == ""
        self.to(BEGIN)
        assert self.answer(self.site.begin(self.clock.now())) == ""

    def end(self, **more):
        refusal = self.answer(self.site.end(self.clock.now(), **more))
        return refusal

    def read(self):
        return read_episode(self.dataset)


@pytest.fixture
def bench(tmp_path):
    with Bench(tmp_path) as bench:
        yield bench


def test_everything_of_the_cell_is_in_the_episode(bench):
    bench.begin()
    t_ns = bench.clock.now()
    for step in range(10):
        bench.site.tick(t_ns + step * MS)
        bench.site.frame(t_ns + step * MS, arrival_ns=t_ns + step * MS + 5)
        bench.site.signal(t_ns + step * MS)
        bench.site.teleop(t_ns + step * MS)
        bench.site.world(t_ns + step * MS)
    orders = Orders(t_ns=MonoNs(t_ns), session=1, plan=None)
    bench.site.note(PlanNote(t_ns=t_ns, orders=pack_orders(orders)))
    bench.site.note(EventNote(t_ns=t_ns, name="mark", text="stage 1"))
    bench.to(t_ns + 100 * MS)

    assert bench.end(label="success", score=0.9) == ""

    file, items = bench.read()
    assert (file.status, file.outcome, file.label, file.score) == (
        "complete",
        "stopped",
        "success",
        0.9,
    )
    assert file.counts == {
        topics.ARM: 10,
        topics.TELEOP: 10,
        topics.WORLD: 10,
        topics.signal_topic(SIGNAL): 10,
        topics.camera_topic(CAMERA): 10,
        topics.times_topic(CAMERA): 10,
        topics.PLAN: 1,
        topics.EVENT: 1,
        topics.CHUNK: 0,
        topics.CHUNK_USE: 0,
        topics.REQUEST: 0,
        topics.GAP: 0,
    }
    assert file.dropped == {}
    assert items[topics.ARM][3][1].t_ns == t_ns + 3 * MS
    assert items[topics.EVENT][0][1].text == "stage 1"
    first = items[topics.times_topic(CAMERA)][0][1]
    assert (first.t_capture_ns, first.t_arrival_ns, first.t_device_ns) == (t_ns, t_ns + 5, 7)
    assert first.key
    opening = LogReader(bench.dataset / EPISODE / "episode.mcap").opening
    assert "cell.json" in opening.attachments
    assert bench.site.status.committed == EPISODE
    assert bench.site.status.episode == ""


def test_begin_and_end_cut_exactly_and_the_rings_remember_the_begin(bench):
    bench.answer(bench.site.open(bench.dataset))
    bench.to(BEGIN - 40 * MS)
    t_begin, t_end = BEGIN, BEGIN + 60 * MS
    for t_ns in range(BEGIN - 40 * MS, BEGIN + 20 * MS, 2 * MS):
        bench.to(t_ns)
        bench.site.tick(t_ns)
        bench.site.frame(t_ns - 40 * MS, arrival_ns=t_ns)
    number = bench.site.begin(t_begin)  # 20 ms late
    assert bench.answer(number) == ""
    for t_ns in range(BEGIN + 20 * MS, BEGIN + 80 * MS, 2 * MS):
        bench.to(t_ns)
        bench.site.tick(t_ns)
        bench.site.frame(t_ns - 40 * MS, arrival_ns=t_ns)
        time.sleep(0.002)
    assert bench.answer(bench.site.end(t_end)) == ""

    file, items = bench.read()

    expected = list(range(t_begin, t_end + 1, 2 * MS))
    assert times(items, topics.ARM) == expected
    # 30 frames are written in 60 ms, and the ring keeps 17.
    kept = times(items, topics.camera_topic(CAMERA))
    assert kept == expected[-len(kept) :]
    assert len(kept) + file.dropped.get(topics.camera_topic(CAMERA), 0) == len(expected)
    assert (file.t_first_ns, file.t_last_ns) == (t_begin, t_end)


def test_no_tick_is_lost_when_the_ring_wraps_or_its_writer_restarts(tmp_path):
    with Bench(tmp_path, tick_slots=64) as bench:
        bench.begin()
        t_ns, written = bench.clock.now(), []
        for step in range(400):
            if step in (100, 250):
                bench.to(t_ns)
                time.sleep(0.05)
                bench.site.restart_arm()
            written.append(t_ns := t_ns + 2 * MS)
            bench.site.tick(t_ns)
            if step % 16 == 0:
                bench.to(t_ns)
                time.sleep(0.015)
        bench.to(t_ns)
        assert bench.end() == ""

        file, items = bench.read()

    assert times(items, topics.ARM) == written
    assert file.dropped == {}


def test_what_a_ring_lost_is_a_gap_with_the_exact_count(tmp_path):
    with Bench(tmp_path, tick_slots=8) as bench:
        bench.begin()
        bench.site.tick(bench.clock.now())
        time.sleep(0.05)
        for step in range(1, 101):
            bench.site.tick(BEGIN + S + step)
        time.sleep(0.05)
        bench.to(BEGIN + 2 * S)
        assert bench.end() == ""

        file, items = bench.read()

    kept, lost = len(items[topics.ARM]), file.dropped[topics.ARM]
    gaps = [gap for _, gap in items[topics.GAP]]
    assert kept + lost == 101
    assert sum(gap.count for gap in gaps) == lost > 0
    assert {gap.stream for gap in gaps} == {topics.ARM}
    assert "ring" in gaps[0].reason


def test_notes_belong_by_their_place_in_the_journal_not_by_their_time(bench):
    bench.answer(bench.site.open(bench.dataset))
    bench.to(BEGIN)
    bench.site.note(EventNote(t_ns=BEGIN, name="before"))
    number = bench.site.begin(BEGIN)
    bench.site.note(EventNote(t_ns=BEGIN - 5, name="inside"))
    bench.answer(number)
    number = bench.site.end(BEGIN + 10 * MS)
    bench.site.note(EventNote(t_ns=BEGIN + 5, name="after"))
    bench.answer(number)

    _, items = bench.read()

    assert [event.name for _, event in items[topics.EVENT]] == ["inside"]


def test_the_next_episode_begins_while_the_last_one_is_completed(bench):
    bench.begin()
    t_ns, second = bench.clock.now(), "20261120-120000-0002"
    bench.site.tick(t_ns + MS)
    bench.site.end(t_ns + 2 * MS)
    bench.site.begin(t_ns + 3 * MS, second)
    bench.site.tick(t_ns + 4 * MS)
    bench.to(t_ns + 20 * MS)
    bench.site.tick(t_ns + 20 * MS)
    bench.to(t_ns + 40 * MS)
    assert bench.answer(bench.site.end(t_ns + 30 * MS, second)) == ""

    _, first_items = read_episode(bench.dataset)
    _, second_items = read_episode(bench.dataset, second)

    assert times(first_items, topics.ARM) == [t_ns + MS]
    assert times(second_items, topics.ARM) == [t_ns + 4 * MS, t_ns + 20 * MS]


def test_an_episode_that_is_not_to_be_kept_goes_to_the_trash_and_comes_back(bench):
    bench.begin()
    bench.site.tick(bench.clock.now())
    bench.to(BEGIN + 50 * MS)

    assert bench.end(keep=False) == ""
    assert trashed(bench.dataset) == [EPISODE]
    assert bench.answer(bench.site.restore()) == ""
    assert bench.read()[0].outcome == "stopped"
    assert bench.answer(bench.site.drop()) == ""
    assert trashed(bench.dataset) == [EPISODE]
    assert "no complete episode" in bench.answer(bench.site.drop())


def test_many_long_names_of_what_was_left_do_not_stop_the_recorder(bench):
    for n in range(75):
        (bench.dataset / f"{n:03}{'x' * 240}.open").mkdir(parents=True)
    (bench.dataset / os.fsdecode(b"\xff.open")).mkdir()

    assert bench.answer(bench.site.open(bench.dataset)) == ""
    assert len(bench.site.status.quarantined) == 8


def test_a_second_recorder_is_refused_by_name_of_the_first(bench):
    with Dataset.open(bench.dataset):
        refusal = bench.answer(bench.site.open(bench.dataset))

    assert "records into it" in refusal
    assert "\n" not in refusal
    assert bench.site.status.dataset == ""
    assert "no data set is open" in bench.answer(bench.site.begin(bench.clock.now()))


def test_a_disk_below_the_reserve_is_refused_when_the_data_set_is_opened(tmp_path):
    with Bench(tmp_path, cell=small_cell(reserve_mb=1e9)) as bench:
        refusal = bench.answer(bench.site.open(bench.dataset))

    assert "lower record.reserve_mb" in refusal


def test_a_disk_nearly_full_is_a_problem_and_the_episode_ends_itself_if_nobody_ends_it(tmp_path):
    with Bench(tmp_path, cell=small_cell(reserve_mb=0.0, stop_mb=1e9)) as bench:
        bench.begin()
        bench.site.tick(bench.clock.now())
        status = bench.site.wait(lambda s: s.problem, "a problem", turn=bench.turn)
        assert "recording stops below" in status.problem
        bench.to(bench.clock.now() + 2 * S)
        bench.site.wait(lambda s: s.committed == EPISODE, "the end", turn=bench.turn)

        assert "ended by itself" in bench.end() or "not being recorded" in bench.site.status.refusal
        file, items = bench.read()

    assert file.outcome == "aborted"
    assert "recording stops below" in file.reason
    assert len(items[topics.ARM]) == 1


def test_a_picture_of_another_size_is_a_problem_and_all_else_is_kept(bench):
    bench.begin()
    t_ns = bench.clock.now()
    bench.site.frame(t_ns)
    time.sleep(0.05)
    bench.site.rings["camera.top.ring"].close()
    bench.site.make("camera.top.ring", 100_000, 17)
    bench.site.rings["camera.top.ring"] = bench.site.make("camera.top.ring", 100_000, 17)
    bench.site.frame(t_ns + MS, width_px=32)
    bench.site.tick(t_ns + MS)
    status = bench.site.wait(lambda s: s.problem, "a problem", turn=bench.turn)
    bench.site.frame(t_ns + 2 * MS, width_px=32)
    time.sleep(0.05)
    bench.to(t_ns + 100 * MS)
    assert bench.end() == ""

    file, items = bench.read()

    assert "camera top" in status.problem
    assert (len(items[topics.ARM]), len(items[topics.camera_topic(CAMERA)])) == (1, 1)
    assert file.dropped == {topics.camera_topic(CAMERA): 2}


def test_what_comes_after_reading_has_failed_is_counted_up_to_the_end(bench):
    def broken(index):
        raise OSError("no such luck")

    bench.begin()
    t_ns = bench.clock.now()
    bench.site.tick(t_ns)
    bench.to(t_ns + 100 * MS)
    bench.recorder._places.rings[topics.signal_topic(SIGNAL)].seen_ns = broken
    bench.site.signal(t_ns)
    status = bench.site.wait(lambda s: s.problem, "a problem", turn=bench.turn)
    for step in range(1, 6):
        bench.site.tick(bench.clock.now() + step)
        bench.site.frame(bench.clock.now() + step)
    bench.to(bench.clock.now() + 100 * MS)
    assert bench.end() == ""

    file, items = bench.read()

    assert "reading the rings failed" in status.problem
    assert len(items[topics.ARM]) == 1
    lost = {topics.ARM: 5, topics.camera_topic(CAMERA): 5, topics.signal_topic(SIGNAL): 1}
    assert file.dropped.items() >= lost.items()


def test_an_episode_whose_order_to_end_was_overwritten_ends_by_itself(bench):
    bench.begin()
    bench.site.tick(bench.clock.now())
    bench.to(BEGIN + 50 * MS)
    bench.site.end(bench.clock.now())
    for _ in range(NOTES_KEPT_N):
        bench.site.note(EventNote(t_ns=bench.clock.now(), name="more"))
    status = bench.site.wait(lambda s: s.problem, "a problem", turn=bench.turn)
    bench.to(bench.clock.now() + 2 * S)
    bench.site.wait(lambda s: s.committed == EPISODE, "the end", turn=bench.turn)

    file, _ = bench.read()

    assert "notes of the journal were lost" in status.problem
    assert (file.outcome, file.reason) == ("aborted", status.problem)


def test_what_cannot_be_packed_ends_the_episode_and_costs_no_more_than_that(bench, monkeypatch):
    def packed(outgoing):
        if outgoing.topic == topics.TELEOP:
            raise ValueError("out of range")
        return messages_of(outgoing)

    monkeypatch.setattr(recorder_episode, "messages_of", packed)
    bench.begin()
    bench.site.tick(bench.clock.now())
    bench.to(BEGIN + 100 * MS)
    bench.site.teleop(bench.clock.now())
    status = bench.site.wait(lambda s: s.problem, "a problem", turn=bench.turn)
    assert bench.end() == ""

    file, items = bench.read()

    assert "out of range" in status.problem
    assert (file.status, len(items[topics.ARM])) == ("recovered", 1)


def test_the_name_of_the_log_is_on_the_disk_before_the_episode_has_begun(bench, monkeypatch):
    synced = []
    monkeypatch.setattr(recorder_episode, "sync_folder", synced.append)

    bench.begin()

    assert synced == [bench.dataset / f"{EPISODE}.open"]
    bench.end()


class SlowEncoder:
    """Encodes a picture whenever it is let."""

    def __init__(self):
        self.may, self.did = threading.Semaphore(0), threading.Semaphore(0)

    def encode(self, rgb):
        self.may.acquire()
        self.did.release()
        data, _ = make_encoder("h264", width_px=WIDTH_PX, height_px=HEIGHT_PX, fps=30.0).encode(rgb)
        return data, True


def test_pictures_that_cannot_be_encoded_in_time_give_way_and_stop_nothing(tmp_path, monkeypatch):
    slow, problems = SlowEncoder(), set()
    monkeypatch.setattr(recorder_pipe, "make_encoder", lambda *_, **__: slow)
    with Bench(tmp_path, cell=small_cell(max_behind_s=1.0)) as bench:
        bench.begin()
        for step in range(90):
            bench.site.frame(bench.clock.now())
            bench.to(bench.clock.now() + 30 * MS)
            time.sleep(0.012)
            if step % 3 == 2:
                slow.may.release()
                slow.did.acquire(timeout=2)
            problems.add(bench.site.status.problem)
        slow.may.release(1000)
        assert bench.end() == ""

        file, items = bench.read()

    camera = topics.camera_topic(CAMERA)
    assert problems == {""}
    assert file.dropped[camera] > 0
    assert len(items[camera]) + file.dropped[camera] == 90


class Disk:
    """A disk that stands still while `stalled` is set."""

    def __init__(self):
        self.free = threading.Event()
        self.free.set()

    def create_log(self, path, **more):
        return EpisodeLog.create(path, sync=lambda _: self.free.wait(), **more)


def test_a_disk_that_stands_still_bounds_the_memory_and_all_that_is_lost_is_counted(tmp_path):
    disk, limits = Disk(), Limits(frames_bytes=200_000, out_bytes=300_000)
    recorder = {"limits": limits, "create_log": disk.create_log}
    with Bench(tmp_path, recorder=recorder) as bench:
        bench.begin()
        disk.free.clear()
        t_ns, ticks, frames = bench.clock.now(), 0, 0
        for step in range(1200):
            bench.site.tick(t_ns + step * 5 * MS)
            ticks += 1
            if step % 6 == 0:
                bench.site.frame(t_ns + step * 5 * MS, value=step % 250)
                frames += 1
            bench.turn(5 * MS)
            time.sleep(0.0015)
            assert bench.waiting_bytes() <= limits.frames_bytes + limits.out_bytes + 20_000
        status = bench.site.wait(lambda s: s.problem, "a problem", turn=lambda: bench.turn(MS))
        disk.free.set()
        time.sleep(0.1)
        assert bench.end() == ""

        file, items = bench.read()

    camera = topics.camera_topic(CAMERA)
    assert "behind" in status.problem
    assert "max_behind_s" in status.problem
    assert file.reason == status.problem
    assert file.dropped[topics.ARM] > 0
    assert file.dropped[camera] > 0
    assert len(items[topics.ARM]) + file.dropped[topics.ARM] == ticks
    assert len(items[camera]) + file.dropped[camera] == frames
    told = {stream: 0 for stream in file.dropped}
    for _, gap in items[topics.GAP]:
        told[gap.stream] += gap.count
    assert told == file.dropped
    decoder = make_decoder("h264", width_px=WIDTH_PX, height_px=HEIGHT_PX)
    assert all(decoder.decode(p.data) is not None for _, p in items[camera])


def test_the_status_says_what_is_safe_on_the_disk(bench):
    bench.begin()
    t_ns = bench.clock.now()
    for step in range(60):
        bench.site.tick(t_ns + step * 10 * MS)
        bench.to(t_ns + step * 10 * MS)
        time.sleep(0.003)
    status = bench.site.wait(
        lambda s: s.t_flushed_ns > t_ns + 200 * MS, "a flush", turn=lambda: bench.turn(MS)
    )

    assert status.t_first_ns == t_ns
    assert status.t_flushed_ns < bench.clock.now()
    assert (status.episode, status.dropped_n) == (EPISODE, 0)
    assert status.bytes_n > 0
    assert status.free_bytes > 0


def test_the_recorder_says_how_it_is_twenty_times_a_second(bench):
    for _ in range(100):
        bench.turn()

    records = bench.site.status_ring.since(-1).records

    assert len(records) >= 20
    assert threading.active_count() < 10
