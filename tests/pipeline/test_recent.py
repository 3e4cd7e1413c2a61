"""What the daemon and lockstep keep of their streams."""

import numpy as np

from robotd.core.clock import MS, MonoNs, S
from robotd.core.types import ArmState, Frame, Signal
from robotd.pipeline.recent import AHEAD_NS, KEPT_NS, Recent
from robotd.pipeline.request import TOOL_STREAM

NOW = MonoNs(100 * S)


def state(t_ns):
    return ArmState(
        t_ns=MonoNs(t_ns), q_rad=np.zeros(6), qd_rad_s=np.zeros(6), T_base_tcp=np.eye(4)
    )


def sample(t_ns):
    return Signal(t_ns=np.array([t_ns]), value=np.array([[1.0, 2.0, 3.0]]))


def frame(t_ns):
    return Frame(t_ns=MonoNs(t_ns), t_arrival_ns=MonoNs(t_ns), rgb=np.zeros((2, 2, 3), np.uint8))


def filled(*times):
    recent = Recent()
    recent.add_states(map(state, times))
    recent.add_signals("block_pose", map(sample, times))
    recent.add_frames("top", map(frame, times))
    recent.forget(NOW)
    return recent


def kept(recent):
    return {name: stream.t_ns.tolist() for name, stream in recent.streams().items()}


def test_what_is_older_than_the_window_is_forgotten():
    times = [NOW - KEPT_NS - 1, NOW - KEPT_NS, NOW]

    assert kept(filled(*times)) == {name: times[1:] for name in ("block_pose", TOOL_STREAM, "top")}


def test_a_sample_of_the_future_is_dropped_and_hides_none_that_comes_later():
    recent = filled(NOW - 10 * MS, NOW + AHEAD_NS + 1)
    later = NOW + 10 * MS
    recent.add_states([state(later)])
    recent.add_signals("block_pose", [sample(later)])
    recent.add_frames("top", [frame(later)])

    for times in kept(recent).values():
        assert times == [NOW - 10 * MS, later]


def test_a_sample_a_cycle_ahead_is_kept():
    for times in kept(filled(NOW + AHEAD_NS)).values():
        assert times == [NOW + AHEAD_NS]
