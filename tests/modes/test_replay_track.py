"""The path of an episode as it is handed over, and the windows in which it is done again."""

import msgspec
import numpy as np
import pytest

from robotd.core.arm_codes import Source
from robotd.core.arm_model import kinematics_of
from robotd.core.clock import MS, MonoNs, S
from robotd.core.errors import DatasetError, EnvelopeError
from robotd.modes.replay.plans import RENEW_NS, SETTLE_NS, WINDOW_ROWS, ReplayPlans
from robotd.modes.replay.track import ROW_NS, Track, check_inside
from robotd.servo.plan_track import PlanTrack, pose_at


@pytest.fixture
def home(cell):
    return kinematics_of(cell.arm).fk(np.array(cell.arm.home_q_rad))


def straight(home, duration_s, rate_hz=500, speed_m_s=0.01):
    """A path along x."""
    rows = round(duration_s * rate_hz) + 1
    t_ns = np.arange(rows, dtype=np.int64) * (S // rate_hz) + 77 * S
    T = np.tile(home, (rows, 1, 1))
    T[:, 0, 3] += speed_m_s * (t_ns - t_ns[0]) / S
    return t_ns, T


def test_a_track_has_at_most_a_hundred_rows_a_second_and_both_ends(home):
    t_ns, T = straight(home, 3.003, rate_hz=500)

    track = Track.of_ticks(t_ns, T)

    assert np.diff(track.t_ns)[:-1].min() >= ROW_NS * 0.99
    assert (track.t_ns[0], track.t_ns[-1]) == (0, t_ns[-1] - t_ns[0])
    np.testing.assert_array_equal(track.T_base_cmd[[0, -1]], T[[0, -1]])


def test_slower_cycles_are_all_kept(home):
    t_ns, T = straight(home, 2.0, rate_hz=50)

    assert len(Track.of_ticks(t_ns, T).t_ns) == len(t_ns)


def test_a_track_survives_its_file(home, tmp_path):
    track = Track.of_ticks(*straight(home, 1.0))

    track.save(tmp_path / "track.npz")
    found = Track.load(tmp_path / "track.npz")

    np.testing.assert_array_equal(found.t_ns, track.t_ns)
    np.testing.assert_array_equal(found.T_base_cmd, track.T_base_cmd)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda t, T: (t[:1], T[:1]), "got 1 rows"),
        (lambda t, T: (t[::-1].copy(), T), "grow from 0"),
        (lambda t, T: (t, T * 1.01), "orientation"),
        (lambda t, T: (t, np.where(T[3, 0, 3] == T, np.nan, T)), "not finite"),
        (lambda t, T: (t, T[:-1]), "expected"),
    ],
)
def test_what_is_no_path_is_no_track(home, damage, words):
    track = Track.of_ticks(*straight(home, 1.0))

    t_ns, T = damage(track.t_ns.copy(), track.T_base_cmd.copy())

    with pytest.raises(ValueError, match=words):
        Track(t_ns=t_ns, T_base_cmd=T)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04nothing", b"text", None])
def test_another_file_is_one_line(tmp_path, content):
    path = tmp_path / "track.npz"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(DatasetError, match="not a track to replay") as caught:
        Track.load(path)

    assert "\n" not in str(caught.value)


def test_a_file_with_objects_in_it_is_not_loaded(tmp_path):
    path = tmp_path / "track.npz"
    np.savez(path, t_ns=np.array([{}], dtype=object), T_base_cmd=np.eye(4))

    with pytest.raises(DatasetError, match="not a track"):
        Track.load(path)


def test_a_path_inside_the_envelope_is_let_through_and_one_outside_named(cell, home):
    track = Track.of_ticks(*straight(home, 2.0))
    check_inside(track, cell.envelope)

    box = cell.envelope.tool_box
    x_m = float(track.T_base_cmd[100, 0, 3])
    narrow = msgspec.structs.replace(
        cell.envelope,
        tool_box=msgspec.structs.replace(box, max_m=(x_m, *box.max_m[1:])),
    )
    with pytest.raises(
        EnvelopeError, match=r"after 1\.01 s is at .* m, outside envelope\.tool_box"
    ):
        check_inside(track, narrow)


def test_a_tool_that_leans_more_than_it_may_now_is_named(cell, home):
    track = Track.of_ticks(*straight(home, 1.0))
    axis = (0.5, 0.0, -1.0)

    with pytest.raises(EnvelopeError, match="tool_cone_rad"):
        check_inside(track, msgspec.structs.replace(cell.envelope, tool_axis=axis))


def follow(plans, home, duration_ns, *, step_ns=10 * MS, start_ns=0):
    """Let an arm follow the plans as its process does; return times, poses and epochs."""
    arm, plan, T = PlanTrack(0.05), None, home
    seen = []
    for now in range(start_ns, start_ns + duration_ns, step_ns):
        fresh = plans.step(MonoNs(now), len(seen) + 1)
        plan = fresh or plan
        followed = arm.follow(plan, MonoNs(now), T)
        T = pose_at(followed, now) if followed is not None else T
        seen.append((now, T[0, 3], plan.epoch, followed is not None))
    return seen, arm


def test_the_windows_join_into_the_recorded_path(home):
    track = Track.of_ticks(*straight(home, 7.3, speed_m_s=0.02))
    start = 5 * S
    plans = ReplayPlans(track, MonoNs(start))

    seen, arm = follow(plans, home, 8 * S, start_ns=start)

    during = [(t, x) for t, x, _, _ in seen if t <= start + track.duration_ns]
    wanted = [home[0, 3] + 0.02 * (t - start) / S for t, _ in during]
    np.testing.assert_allclose([x for _, x in during], wanted, atol=1e-9)
    assert arm.refused_n == 0
    assert len({epoch for _, _, epoch, _ in seen}) >= 4
    assert plans.over(MonoNs(start + track.duration_ns + SETTLE_NS + 1))
    assert not plans.over(MonoNs(start + track.duration_ns))


def test_every_window_is_a_replay_that_ends_by_itself(home):
    track = Track.of_ticks(*straight(home, 7.3))
    plans = ReplayPlans(track, MonoNs(0))

    plan = plans.step(MonoNs(0), 1)

    assert plan.source is Source.REPLAY
    assert len(plan.t_ns) == WINDOW_ROWS
    assert plan.valid_until_ns == plan.t_ns[-1]
    assert plans.step(MonoNs(int(plan.t_ns[-1]) - RENEW_NS - 1), 2) is None
    assert plans.step(MonoNs(int(plan.t_ns[-1]) - RENEW_NS), 2) is not None


def test_a_daemon_that_stops_sending_leaves_an_arm_that_brakes(home):
    track = Track.of_ticks(*straight(home, 7.3))
    plan = ReplayPlans(track, MonoNs(0)).step(MonoNs(0), 1)

    assert PlanTrack(0.05).follow(plan, MonoNs(plan.valid_until_ns + 1), home) is None
