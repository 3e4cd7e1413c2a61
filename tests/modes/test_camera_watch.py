"""When a camera counts as silent: by its own rate, over restarts, without its pictures."""

import msgspec
import pytest

from robotd.core.clock import MonoNs, S
from robotd.core.ring import RingWriter
from robotd.core.ring_layout import ALIVE_CHECK
from robotd.core.run_files import camera_ring
from robotd.modes.cell_file import load_cell
from robotd.modes.daemon.camera_watch import CameraWatch
from robotd.modes.options import CellOptions

BEGIN = 100 * S
MISSED_N = 2
LIMIT_NS = int((MISSED_N + 0.4) * S / 20)


def make_ring(run_dir):
    return RingWriter.create(run_dir / camera_ring("top"), 64, 2)


@pytest.fixture
def watched(tmp_path):
    cell = load_cell(CellOptions(mock="direct"))
    camera = msgspec.structs.replace(cell.cameras["top"], rate_hz=20.0)
    observe = msgspec.structs.replace(cell.observe, missed_frames_stop=MISSED_N)
    cell = msgspec.structs.replace(cell, cameras={"top": camera}, observe=observe)
    watch = CameraWatch(cell, tmp_path)
    yield watch, tmp_path
    watch.close()


def test_a_camera_is_silent_soon_after_the_last_picture_that_it_may_miss_was_due(watched):
    watch, run_dir = watched
    with make_ring(run_dir) as ring:
        ring.beat(BEGIN)
        assert watch.look(MonoNs(BEGIN + LIMIT_NS)) == ""
        assert watch.look(MonoNs(BEGIN + LIMIT_NS + 1)) == (
            "camera@top: no new picture for 120 ms, expected one within 120; "
            "see its log and its cable"
        )
        ring.beat(BEGIN + LIMIT_NS)
        assert watch.look(MonoNs(BEGIN + LIMIT_NS + 1)) == ""


def test_a_camera_that_never_began_or_whose_ring_is_none_is_silent(watched):
    watch, run_dir = watched
    assert watch.look(MonoNs(BEGIN)) == "camera@top: has brought no picture yet; see its log"
    (run_dir / camera_ring("top")).write_bytes(b"nothing of the kind" * 1000)
    assert watch.look(MonoNs(BEGIN)) == "camera@top: has brought no picture yet; see its log"


def test_a_sign_of_life_that_is_torn_counts_as_the_one_before(watched):
    watch, run_dir = watched
    with make_ring(run_dir) as ring:
        ring.beat(BEGIN)
        assert watch.look(MonoNs(BEGIN)) == ""
        ring._words[ALIVE_CHECK] = 0
        assert watch.look(MonoNs(BEGIN + LIMIT_NS)) == ""
        assert "no new picture" in watch.look(MonoNs(BEGIN + LIMIT_NS + 1))


def test_a_camera_that_was_started_again_counts_anew(watched):
    watch, run_dir = watched
    with make_ring(run_dir) as ring:
        ring.beat(BEGIN - S)
        assert "no new picture" in watch.look(MonoNs(BEGIN))
    with make_ring(run_dir) as ring:
        assert "no new picture" in watch.look(MonoNs(BEGIN))
        ring.beat(BEGIN)
        assert watch.look(MonoNs(BEGIN)) == ""
