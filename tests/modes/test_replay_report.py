"""Then against now, in numbers and drawn."""

import numpy as np
import pytest

from robotd.core.board_frame import BoardFrame
from robotd.modes.replay.report import Account, compare, draw


def account(duration_s=2.0, offset_m=0.0, block=(256.0, 256.0, 0.1), score=0.5, rate_hz=100):
    t_s = np.arange(0.0, duration_s, 1 / rate_hz)
    tool_m = np.stack([0.1 * t_s + offset_m, 0 * t_s, 0 * t_s], axis=1)
    world_t_s = np.arange(0.0, duration_s, 0.01)
    pushed = np.linspace([200.0, 200.0, 0.0], block, len(world_t_s))
    return Account(
        tool_t_s=t_s,
        tool_m=tool_m,
        world_t_s=world_t_s,
        block_px=pushed,
        coverage=np.linspace(0.0, score, len(world_t_s)),
        score=score,
        duration_s=duration_s,
    )


def numbers(then, now):
    return compare(then, now, episode="a", replayed_as="b", outcome="time", board_m=0.30)


def test_the_same_path_at_another_rate_has_no_error():
    found = numbers(account(rate_hz=500), account(rate_hz=125))

    assert found.path_error_max_mm < 1e-9
    assert (found.block_error_mm, found.block_error_deg) == (0.0, 0.0)


def test_errors_are_told_in_millimetres_and_degrees():
    turned = account(offset_m=0.002, block=(256.0, 276.0, 0.1 - 2 * np.pi + np.pi / 2), score=0.7)

    found = numbers(account(), turned)

    assert found.path_error_p50_mm == pytest.approx(2.0)
    assert found.block_error_mm == pytest.approx(20 * 300 / 512)
    assert found.block_error_deg == pytest.approx(90.0)
    assert (found.score_then, found.score_now) == (0.5, 0.7)


def test_a_replay_cut_short_is_compared_as_far_as_it_went():
    found = numbers(account(), account(duration_s=0.5))

    assert found.path_error_max_mm < 1e-9
    assert (found.duration_then_s, found.duration_now_s) == (2.0, 0.5)


@pytest.mark.parametrize("worldless", [False, True])
def test_both_are_drawn(tmp_path, worldless):
    then = account()
    if worldless:
        then = Account(
            tool_t_s=then.tool_t_s,
            tool_m=then.tool_m,
            world_t_s=np.empty(0),
            block_px=np.empty((0, 3)),
            coverage=np.empty(0),
            score=-1.0,
            duration_s=2.0,
        )
    found = numbers(then, then)

    draw(then, then, found, BoardFrame(np.eye(4), 0.3), tmp_path / "figures.png")

    assert (found.block_error_mm == -1.0) == worldless
    assert (tmp_path / "figures.png").stat().st_size > 10_000
