"""The fault matrix in small: the same harm as `make faults`, less often."""

import pytest

from tests.faults import disk_full, disk_slow, signals
from tests.faults.cell import FaultCell
from tests.faults.flips import damage
from tests.faults.injection import judged
from tests.faults.kills import AFTER_S, PLAIN, Killing, series
from tests.faults.reference import Reference
from tests.faults.rows import BY_ID
from tests.faults.second_recorder import second
from tests.faults.tiny_disk import TinyDisk

KILLS_N = 60
PARTS_N = 4
SEED = 1

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def check(injections):
    """Fail where any of them did; return them by row."""
    rows = {}
    for injection in injections:
        result = judged(BY_ID[injection.row], injection)
        assert result.failures == (), (
            f"{result.row} #{result.number} (seed {result.seed}): {result}"
        )
        rows.setdefault(result.row, []).append(result)
    return rows


@pytest.fixture
def tiny_disks(tmp_path):
    """Skip where the system lends no namespaces."""
    try:
        TinyDisk(tmp_path / "probe").__exit__()
    except OSError as error:
        pytest.skip(f"no disk of its own: {error}")


@pytest.mark.parametrize("part", range(PARTS_N))
def test_a_killed_process_costs_at_most_half_a_second_and_moves_nothing(tmp_path, part):
    size = KILLS_N // PARTS_N
    kills = series(KILLS_N, SEED)[part * size : (part + 1) * size]

    with Killing(tmp_path) as killing:
        rows = check(killing.run(kills))

    assert sum(len(found) for row, found in rows.items() if row != PLAIN) == size
    for found in rows.get(PLAIN, []):  # the reference loses all, whenever it is killed
        assert found.measures["lost_s"] == found.measures["recorded_s"] >= AFTER_S[0]


@pytest.mark.parametrize("case", signals.CASES)
def test_a_signal_brings_the_arm_to_rest_and_completes_the_episode(tmp_path, case):
    check(signals.signalled(tmp_path, case, count=1, seed=SEED))


@pytest.mark.usefixtures("tiny_disks")
def test_an_episode_is_refused_below_the_reserve(tmp_path):
    check(disk_full.refused(tmp_path, SEED))


@pytest.mark.usefixtures("tiny_disks")
def test_a_disk_that_fills_up_stops_the_arm_and_costs_no_episode(tmp_path):
    check(disk_full.filled(tmp_path, count=1, seed=SEED))


def test_a_slow_or_failing_disk_is_noticed_by_nobody_but_the_recorder(tmp_path):
    for attempt in range(3):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        try:
            check(disk_slow.slow(folder, count=1, seed=SEED))
        except disk_slow.ClientHeldUpError:
            continue
        return
    pytest.fail(
        "three times this computer held the test's own process up for so long that the daemon took "
        "its client for lost (arm.max_orders_age_s): run it with less beside it"
    )


def test_a_second_recorder_is_refused_and_damage_is_found(tmp_path):
    with FaultCell(tmp_path) as cell:
        episode = cell.keep_one(0.6)
        with Reference(cell.run_dir, tmp_path / "reference", cell.cameras) as reference:
            check(second(cell, tmp_path / "second", seed=SEED))
            reference.wait_ready()
            reference.end()
            readable = reference.held()
        check(damage(episode, tmp_path, flips_n=1500, seed=SEED))

    # Where the plain recorder may end as it wishes, all of it can be read.
    assert readable.ticks_n > 0
    assert readable.pictures_n >= len(cell.cameras)
