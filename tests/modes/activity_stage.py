"""An activity on a fake clock: the test is its arm, its world, its recorder and its processes."""

from types import SimpleNamespace

import numpy as np

from robotd.core.arm_codes import ArmPhase, Source
from robotd.core.clock import MS, FakeClock, MonoNs, S
from robotd.core.errors import SupervisorError
from robotd.modes.daemon.activity import Workplace
from robotd.servo.plan_track import PlanTrack, pose_at

CYCLE_NS = 10 * MS


class FakeScribe:
    """Does at once what a recorder does later, unless the test says otherwise."""

    def __init__(self):
        self.ready, self.obeys = True, True
        self.dataset = "/data"
        self.episode = self.problem = ""
        self.begun = False
        self.begins, self.ends, self.moves, self.events = [], [], [], []
        self.refusals = {}
        self.ended = ""
        self.status = SimpleNamespace(left_s=float("inf"), committed="", recovered=())

    def begin(self, kind, about, now):
        if self.episode:
            raise SupervisorError(f"cannot record: {self.episode} is being recorded")
        if not self.ready:
            raise SupervisorError(f"cannot record: {self.why_not_ready()}")
        self.episode = f"episode-{len(self.begins) + 1}"
        self.begins.append((self.episode, kind, about, now))
        self.begun = self.obeys
        return self.episode

    def end(self, outcome, *, reason="", label="", score=-1.0, keep=True, now=None):
        if not self.episode:
            return
        self.ends.append(
            SimpleNamespace(
                episode=self.episode,
                outcome=outcome,
                reason=reason,
                label=label,
                score=score,
                keep=keep,
                now=now,
            )
        )
        self.ended, self.episode, self.begun = self.episode, "", False
        if self.obeys:
            self.complete()

    def complete(self):
        """The recorder has completed the episode that was ended."""
        self.status.committed, self.ended = self.ended, ""

    def drop(self, episode):
        self.moves.append(("drop", episode))
        return len(self.moves)

    def restore(self, episode):
        self.moves.append(("restore", episode))
        return len(self.moves)

    def answer(self, number):
        return self.refusals.get(number, "")

    def why_not_ready(self):
        return "" if self.ready else "the recorder is not at work"

    def note_event(self, name, text=""):
        self.events.append((name, text))

    def lost(self, reason):
        """The recorder's process has died."""
        self.problem, self.episode, self.ended, self.begun = reason, "", "", False


class FakeChildren:
    def __init__(self):
        self.started, self.stopped, self.killed = [], [], []

    def start_one(self, name, arguments=None):
        self.started.append((name, tuple(arguments or ())))

    def stop_one(self, name):
        self.stopped.append(name)

    def kill(self, name):
        self.killed.append(name)


class FakeWorldOrders:
    def __init__(self):
        self.orders = []

    @property
    def episode(self):
        return len(self.orders)

    def reset(self, seed, board_state=None):
        self.orders.append((seed, None if board_state is None else np.array(board_state)))
        return len(self.orders)


class ActivityStage:
    """The arm is where its plan wants it, as its process would follow it."""

    def __init__(self, cell, run_dir, make_tick, make_world):
        self.cell, self.clock = cell, FakeClock(MonoNs(100 * S))
        self.scribe, self.children = FakeScribe(), FakeChildren()
        self.world_orders = FakeWorldOrders() if cell.mock else None
        self.feed = SimpleNamespace(tick=None, world=None)
        self.place = Workplace(
            cell=cell,
            run_dir=run_dir,
            feed=self.feed,
            scribe=self.scribe,
            link=None,
            children=self.children,
            world=self.world_orders,
        )
        self._make_tick, self._make_world = make_tick, make_world
        self.T = np.array(make_tick(0).T_base_cmd)
        self._track, self._plan = PlanTrack(0.05), None
        self.world_answers, self.obeys = True, True
        self.world = {}
        self.activity = None
        self.plans = []
        self.moved_m = 0.0
        self.on_cycle = lambda: None
        self.cycle_parts()

    @property
    def now(self):
        return self.clock.now()

    def cycle_parts(self):
        """Let arm and world go on; return what they published."""
        now = self.now
        plan = self._track.follow(self._plan, now, self.T)
        T = pose_at(plan, now) if plan is not None and self.obeys else self.T
        self.moved_m = float(np.linalg.norm(T[:3, 3] - self.T[:3, 3]))
        self.T = np.array(T)
        tick = self._make_tick(
            now,
            T_base_tcp=self.T,
            phase=ArmPhase.FOLLOWING if plan is not None else ArmPhase.HOLDING,
            source=plan.source if plan is not None else Source.HOLD,
            plan_epoch=plan.epoch if plan is not None else -1,
            refused_epoch=self._track.refused_epoch,
        )
        self.feed.tick = tick
        worlds = []
        if self.world_orders is not None:
            number = self.world_orders.episode if self.world_answers else 0
            start = [200.0, 300.0]
            if number and self.world_orders.orders[-1][1] is not None:
                start = self.world_orders.orders[-1][1][:2]
            more = {"start_xy_px": np.array(start), **self.world}
            self.feed.world = self._make_world(now, episode=number, **more)
            worlds = [self.feed.world]
        return [tick], worlds

    def cycle(self, times=1, *, running=True):
        """Do cycles as the conductor does them."""
        for _ in range(times):
            self.clock.advance(CYCLE_NS)
            self.on_cycle()
            ticks, worlds = self.cycle_parts()
            self.activity.see(self.now, ticks, worlds)
            if not running:
                self._plan = None
                continue
            plan = self.activity.step(self.now, self.feed.tick, self.feed)
            if plan is not None:
                assert all(plan.epoch > before.epoch for before in self.plans[-1:])
                self._plan = plan
                self.plans.append(plan)

    def until(self, what, limit_s=20.0):
        """Go on until it is so."""
        for _ in range(round(limit_s * S / CYCLE_NS)):
            if what():
                return
            self.cycle()
        raise AssertionError(f"not within {limit_s} s; {self.activity.status(self.now)}")

    def pause(self, reason="camera: killed by SIGKILL"):
        self._plan = None
        self.activity.paused(reason, self.now)

    def resume(self):
        """As the daemon does it."""
        self.scribe.problem = ""
        self.activity.resume(self.now)
