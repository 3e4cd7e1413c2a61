import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from robotd.core.clock import MonoNs
from robotd.core.errors import DatasetError
from robotd.core.journal import EventNote
from robotd.episodes import topics
from robotd.episodes.dataset import Dataset, episodes, open_episodes, quarantined
from robotd.episodes.episode_file import FILE_NAME, LOG_NAME, read_episode_file, sha256_of
from robotd.episodes.items import Gap, pack_event, pack_gap
from robotd.episodes.log import EpisodeLog, LogReader
from robotd.episodes.recover import recover
from robotd.episodes.salvage import Salvage
from robotd.episodes.verify import verify
from tests.episodes.small_episode import T0_NS, TICK_NS, origin, record, write_log

ROOT = Path(__file__).parents[2]
ID, EARLIER = "20260101-000001-bbbb", "20260101-000000-aaaa"


def leave_open(path, *, cut_bytes=0, **settings):
    """Leave an episode as a killed recorder does; return its folder."""
    with Dataset.open(path) as dataset:
        opened = dataset.create(ID)
        write_log(opened.log_path, ID, finish=False, **settings).abandon()
        os.truncate(opened.log_path, opened.log_path.stat().st_size - cut_bytes)
    return opened.folder


def recover_now(path):
    with Dataset.open(path) as dataset:
        return recover(dataset)


def test_an_open_episode_is_completed_up_to_its_last_whole_chunk(tmp_path):
    leave_open(tmp_path, ticks=11, flush_every=4, cut_bytes=20)

    found = recover_now(tmp_path)

    assert found.recovered == (ID,)
    assert episodes(tmp_path) == [ID]
    assert open_episodes(tmp_path) == []
    file = read_episode_file(tmp_path / ID)
    assert (file.status, file.outcome) == ("recovered", "aborted")
    assert file.counts["/arm"] == 8
    assert file.counts["/teleop"] == 0
    assert (file.t_first_ns, file.t_last_ns) == (T0_NS, T0_NS + 7 * TICK_NS)
    assert verify(tmp_path / ID, deep=True).health == "lossy"


def test_what_was_lost_is_counted_up_to_the_last_beat(tmp_path):
    folder = leave_open(tmp_path, ticks=8)
    last_ns, wall_offset_ns = T0_NS + 7 * TICK_NS, 7
    beat_ns = last_ns + 400_000_000 + wall_offset_ns
    os.utime(folder / ".alive", ns=(beat_ns, beat_ns))

    recover_now(tmp_path)

    assert read_episode_file(tmp_path / ID).lost_s == pytest.approx(0.4, abs=1e-9)  # s


def test_a_second_recovery_finds_nothing_to_do(tmp_path):
    leave_open(tmp_path, cut_bytes=20)
    recover_now(tmp_path)
    before = sha256_of(tmp_path / ID / FILE_NAME)

    found = recover_now(tmp_path)

    assert (found.recovered, found.quarantined, found.left) == ((), {}, {})
    assert sha256_of(tmp_path / ID / FILE_NAME) == before


def test_losses_while_recording_are_counted_again(tmp_path):
    with Dataset.open(tmp_path) as dataset:
        opened = dataset.create(ID)
        log = write_log(opened.log_path, ID, finish=False)
        log.add_topic(topics.GAP, "robotd.Gap")
        t_ns = T0_NS + 8 * TICK_NS
        for count in (3, 4):
            gap = Gap(stream="/arm", count=count, t_from_ns=0, t_to_ns=t_ns, reason="queue full")
            log.write(topics.GAP, pack_gap(gap), t_ns, t_ns)
        log.flush()
        log.abandon()

    recover_now(tmp_path)

    assert read_episode_file(tmp_path / ID).dropped == {"/arm": 7}
    assert verify(tmp_path / ID, deep=True).health == "lossy"


@pytest.mark.parametrize("left", ["nothing", "no log", "empty log", "garbage", "only its head"])
def test_what_holds_no_message_goes_to_the_quarantine(tmp_path, left):
    folder = leave_open(tmp_path, ticks=0)
    log = folder / LOG_NAME
    if left == "nothing":
        shutil.rmtree(folder)
        folder.mkdir()
    elif left == "no log":
        log.unlink()
    elif left == "empty log":
        log.write_bytes(b"")
    elif left == "garbage":
        log.write_bytes(bytes(range(256)) * 30)
    else:
        log.write_bytes(log.read_bytes()[:300])

    found = recover_now(tmp_path)

    assert list(found.quarantined) == [ID]
    assert "\n" not in found.quarantined[ID]
    assert quarantined(tmp_path) == [ID]
    assert (episodes(tmp_path), open_episodes(tmp_path)) == ([], [])


def test_the_quarantine_keeps_every_one_of_the_same_name(tmp_path):
    for _ in range(3):
        (tmp_path / f"{ID}.open").mkdir()
        recover_now(tmp_path)

    assert quarantined(tmp_path) == [ID, f"{ID}.1", f"{ID}.2"]


def test_the_log_of_another_episode_goes_to_the_quarantine(tmp_path):
    leave_open(tmp_path).rename(tmp_path / f"{EARLIER}.open")

    found = recover_now(tmp_path)

    assert "is of episode" in found.quarantined[EARLIER]


def test_the_episode_of_the_holder_itself_is_left_alone(tmp_path):
    with Dataset.open(tmp_path) as dataset:
        opened = dataset.create(ID)
        write_log(opened.log_path, ID, finish=False).abandon()

        assert recover(dataset).recovered == ()

        dataset.disown(opened)
        assert recover(dataset).recovered == (ID,)


def test_damage_in_the_middle_keeps_every_whole_chunk_before_it(tmp_path):
    folder = leave_open(tmp_path, ticks=12, flush_every=2)
    log = folder / LOG_NAME
    found = Salvage(log)
    ends = [found.end_bytes for _ in found]
    data = bytearray(log.read_bytes())
    data[ends[3] + 120] ^= 4
    log.write_bytes(data)

    recover_now(tmp_path)

    assert read_episode_file(tmp_path / ID).counts["/arm"] == 8


def test_a_log_cut_at_any_place_is_completed_or_put_away(memory_path):
    whole = memory_path / "whole"
    leave_open(whole, ticks=4, frames=0, flush_every=2)
    size = (whole / f"{ID}.open" / LOG_NAME).stat().st_size
    ends, counts = [0], [0]
    for messages in (found := Salvage(whole / f"{ID}.open" / LOG_NAME)):
        ends.append(found.end_bytes)
        counts.append(counts[-1] + len(messages))
    path = memory_path / "D"

    for length in range(0, size + 1, 17):
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(whole, path)
        os.truncate(path / f"{ID}.open" / LOG_NAME, length)

        found = recover_now(path)

        expected = counts[max(n for n, end in enumerate(ends) if end <= length)]
        if expected == 0:
            assert list(found.quarantined) == [ID]
        else:
            assert found.recovered == (ID,)
            assert sum(read_episode_file(path / ID).counts.values()) == expected
            assert len(list(LogReader(path / ID / LOG_NAME).messages())) == expected


def steps(what, how, folder):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.episodes.crash_steps", what, how, folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("how", ["kill", "fail"])
@pytest.mark.parametrize("what", ["commit", "recover"])
def test_ended_before_any_step_the_next_start_completes_it(tmp_path, what, how):
    tries = steps(what, how, str(tmp_path))

    assert len(tries) > 10
    for told in tries:
        assert told["episodes"] == [EARLIER, ID]
        assert told["health"] in ("ok", "lossy")
        assert told["files"] == [FILE_NAME, LOG_NAME]
        assert told["earlier_same"]
        assert (told["open"], told["quarantined"], told["left"]) == ([], [], {})
    if (what, how) == ("recover", "kill"):  # it comes to the same in the end
        assert len({told["text"] for told in tries}) == 1


def test_complete_episodes_are_not_opened(tmp_path):
    with Dataset.open(tmp_path) as dataset:
        folder = record(dataset, EARLIER)
    before = {entry.name: entry.stat() for entry in folder.iterdir()}
    leave_open(tmp_path, cut_bytes=5)

    recover_now(tmp_path)

    assert {entry.name: entry.stat() for entry in folder.iterdir()} == before


ON_A_FULL_DISK = """
from pathlib import Path
import sys
from robotd.core.clock import MonoNs
from robotd.core.errors import DatasetError
from robotd.episodes.dataset import Dataset, free_bytes, open_episodes
from robotd.episodes.recover import recover
from robotd.episodes.verify import verify
from tests.episodes.small_episode import write_log, record, T0_NS
path = Path(sys.argv[1])
with Dataset.open(path) as dataset:
    record(dataset, "20260101-000000-aaaa")
    opened = dataset.create("20260101-000001-bbbb")
    log = write_log(opened.log_path, opened.id, finish=False)
    filler = bytes(range(256)) * 8
    try:
        for n in range(100_000):
            log.write("/event", b"\\x1a\\x80\\x10" + bytes((7 * n + k * k) % 96 + 32
                      for k in range(2048)), T0_NS + n, T0_NS + n)
            if n % 20 == 19:
                log.flush()
    except DatasetError as error:
        print(error)
    log.abandon()
    (path / "filler").write_bytes(bytes(free_bytes(path)))
    dataset.disown(opened)
    print(recover(dataset))
    for name in ("20260101-000000-aaaa", "20260101-000001-bbbb"):
        print(verify(path / name, deep=True))
    try:
        dataset.create("20260101-000002-cccc")
    except DatasetError as error:
        print(error)
    print(open_episodes(path))
"""


def test_on_a_full_disk_the_episode_is_completed_where_it_lies(tmp_path):
    mounted = f"mount -t tmpfs -o size=2m none {tmp_path} && exec {sys.executable} -c '{{}}' "
    if (
        shutil.which("unshare") is None
        or subprocess.run(
            ["unshare", "-Urm", "sh", "-c", mounted.format("pass")], capture_output=True, timeout=30
        ).returncode
    ):
        pytest.skip("no right to mount a small disk in a name space of its own")

    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", f"{mounted.format('exec(open(0).read())')} {tmp_path}/D"],
        input=ON_A_FULL_DISK,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    failed, recovery, earlier, cut, refused, left = done.stdout.splitlines()
    assert "writing failed: No space left on device" in failed
    assert "recovered=('20260101-000001-bbbb',), quarantined={}, left={}" in recovery
    assert "health='ok'" in earlier
    assert "health='lossy'" in cut
    assert "No space left on device" in refused
    assert left == "[]"


def test_a_disk_that_does_not_let_it_read_leaves_the_episode_where_it_is(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("nothing is forbidden to root")
    folder = leave_open(tmp_path)
    (folder / LOG_NAME).chmod(0)

    found = recover_now(tmp_path)

    assert list(found.left) == [ID]
    assert open_episodes(tmp_path) == [ID]


def test_the_reader_never_takes_an_open_episode_for_a_complete_one(tmp_path):
    folder = leave_open(tmp_path)

    assert episodes(tmp_path) == []
    with pytest.raises(DatasetError, match=r"episode\.json"):
        read_episode_file(folder)


@pytest.mark.parametrize(
    "damage",
    [
        {"t_begin_ns": "-5"},
        {"t_begin_ns": "9" * 30},
        {"wall_offset_ns": "9" * 30},
        {"wall_offset_ns": "-" + "9" * 30},
        {"about": "[" * 100_000},
        {"cameras": '{"top":' * 5000},
    ],
)
def test_a_beginning_that_makes_no_sense_goes_to_the_quarantine(tmp_path, damage):
    with Dataset.open(tmp_path) as dataset:
        opened = dataset.create(ID)
        about = {**origin(ID).as_metadata(), **damage}
        log = EpisodeLog.create(
            opened.log_path, about=about, attachments={"cell.json": b"{}"}, t_ns=MonoNs(T0_NS)
        )
        log.add_topic(topics.EVENT, "robotd.Event")
        note = EventNote(t_ns=T0_NS, name="begin")
        log.write(topics.EVENT, pack_event(note), T0_NS, T0_NS)
        log.flush()
        log.abandon()

    found = recover_now(tmp_path)

    assert list(found.quarantined) == [ID]
    assert open_episodes(tmp_path) == []
