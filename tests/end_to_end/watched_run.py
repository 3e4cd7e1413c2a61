"""A `robotd run` in progress whose arm is watched, and what is made of its end."""

import time
from random import Random

from robotd.episodes.dataset import episodes
from robotd.episodes.reader import Episode
from robotd.episodes.verify import verify
from tests.end_to_end.cell_site import ArmTail, wait_for


def end_of(run, limit_s=30.0):
    """Return the exit code and stderr's lines, after at most `limit_s`."""
    _, stderr = run.communicate(timeout=limit_s)
    return run.returncode, stderr.splitlines()


def complaints(lines):
    return [line for line in lines if line.startswith("robotd: ")]


def the_episode(dataset, *, health="ok"):
    """Open the only episode of a data set, every byte, message and picture of which is checked."""
    [name] = episodes(dataset)
    found = verify(dataset / name, deep=True)
    assert found.health == health, found
    return Episode(dataset / name)


class Watched:
    """A run in progress whose arm is watched."""

    def __init__(self, site, endpoint, out, *words):
        self.site = site
        self.run = site.robotd("run", f"--server={endpoint}", f"--out={out}", *words)
        wait_for("the daemon", lambda: (site.run_dir / "arm.ring").exists())
        self.tail = ArmTail(site.run_dir)

    def __enter__(self):
        self.tail.__enter__()
        return self

    def __exit__(self, *error):
        self.tail.__exit__()

    def moving(self, when, seed):
        """Wait until the tool moves, on its way to the start or under the policy."""
        epochs = {"approach": range(1, 4), "act": range(4, 10**6)}[when]
        time.sleep(Random(seed).uniform(0.0, 0.2))
        wait_for(
            f"motion in {when}",
            lambda: (
                self.tail.ticks
                and self.tail.ticks[-1][1].plan_epoch in epochs
                and self.tail.speed_m_s() > 0.03
            ),
        )

    def assert_stopped_inside(self, *, rests=True):
        self.tail.assert_inside(self.site.cell)
        assert self.tail.lost_n == 0
        if rests:
            self.tail.assert_rests()
