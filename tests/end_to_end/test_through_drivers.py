"""The same episodes through ur_rtde, librealsense and pyspacemouse, against emulated devices."""

import contextlib
import json
import re
import time

import numpy as np
import pytest

from robotd.core.arm_codes import ArmPhase, Source
from robotd.core.errors import DeviceError
from robotd.core.run_files import CONTROLLER
from robotd.episodes.dataset import episodes
from robotd.episodes.reader import Episode
from robotd.episodes.verify import verify
from tests.end_to_end.cell_site import wait_for
from tests.end_to_end.watched_run import complaints, end_of, the_episode
from tests.faults.emulator import Emulator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
RATE_HZ = {"ur5": 125.0, "ur5e": 500.0}
START_S = 60.0
HELD_UP = re.compile(r"before the next chunk came|no answer within|held up|computer's load")


class Oracle:
    """The emulated controller of a cell that runs, asked for what its judge has seen."""

    def __init__(self, site):
        path = site.run_dir / CONTROLLER
        wait_for("the controller", path.exists, limit_s=START_S)
        self._emulator = Emulator(json.loads(path.read_text())["host"])

    def watch(self, process):
        """Look until the process ends; return the controller's last state."""
        state = None
        with self._emulator as emulator, contextlib.suppress(DeviceError, OSError):
            while process.poll() is None:  # it ends with the cell
                state = emulator.state()
                time.sleep(0.05)
        return state


def assert_recorded_through_drivers(recorded, site):
    """Ticks at the controller's rate and pictures in their order, none missing."""
    ticks = recorded.streams.ticks
    period_s = 1.0 / RATE_HZ[site.cell.arm.model]
    assert np.median(np.diff(ticks.t_ns)) * 1e-9 == pytest.approx(period_s, rel=0.1)
    assert recorded.streams.gaps == ()
    for times in recorded.streams.cameras.values():
        assert len(times.t_capture_ns) > 20
        assert (np.diff(times.t_capture_ns) > 0).all()


def driven_run(site, folder):
    """One short run in `folder`; its exit code, complaints, and the controller's last state."""
    run = site.robotd(
        "run",
        "--policy=constant",
        f"--out={folder}/out",
        f"--json={folder}/run.json",
        "--seed=7",
        "--no-video",
        "--set=task.max_episode_s=3",
    )
    seen = Oracle(site).watch(run)
    code, lines = end_of(run, limit_s=90.0)
    return code, complaints(lines), seen


def test_a_run_goes_through_the_drivers(driven_site, tmp_path):
    for attempt in range(3):  # a computer that is held up stops a run, rightly
        folder = tmp_path / str(attempt)
        folder.mkdir()
        code, complained, seen = driven_run(driven_site, folder)
        if not any(HELD_UP.search(line) for line in complained):
            break
    out = folder / "out"

    assert (code, complained) == (0, [])
    assert seen["breaches"] == []
    assert seen["checked_n"] > RATE_HZ[driven_site.cell.arm.model]
    assert seen["travel_rad"] > 0.05
    recorded = the_episode(out / "episodes")
    assert (recorded.about.outcome, recorded.about.label) == ("time", "failure")
    assert recorded.streams.ticks.phase[-1] == ArmPhase.HOLDING
    assert_recorded_through_drivers(recorded, driven_site)
    driven_site.assert_nothing_is_left()


def test_a_demonstration_is_collected_through_the_drivers(driven_site, tmp_path):
    dataset = tmp_path / "D"
    collecting = driven_site.robotd(
        "collect",
        f"--dataset={dataset}",
        "--operator=pusher",
        "--episodes=1",
        "--count-failures",
        "--seed=3",
        "--set=task.max_episode_s=3",
    )

    seen = Oracle(driven_site).watch(collecting)
    code, lines = end_of(collecting, limit_s=120.0)

    assert (code, complaints(lines)) == (0, [])
    assert seen["breaches"] == []
    assert seen["checked_n"] > RATE_HZ[driven_site.cell.arm.model]
    name = episodes(dataset)[-1]
    assert verify(dataset / name, deep=True).health == "ok"
    recorded = Episode(dataset / name)
    assert recorded.about.origin.about["operator"] == "pusher"
    assert Source.HUMAN in recorded.streams.ticks.source
    assert len(recorded.streams.teleop) > 50
    assert_recorded_through_drivers(recorded, driven_site)
    driven_site.assert_nothing_is_left()
