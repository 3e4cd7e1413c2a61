import dataclasses
import logging

import msgspec
import numpy as np
import pytest

from robotd.core.arm_codes import Source
from robotd.core.errors import DatasetError
from robotd.episodes.pusht_actions import STEP_NS
from robotd.episodes.pusht_view import stretches_of
from robotd.episodes.reader import Episode
from robotd.pipeline.command_filter import pusht_pd
from tests.episodes.made_episode import (
    BEGIN_NS,
    CELL,
    Made,
    circle,
    drifting_block,
    write_episode,
)

MM_PER_PX = CELL.task.board_m * 1e3 / 512
NO_FILTER = msgspec.structs.replace(
    CELL, task=msgspec.structs.replace(CELL.task, command_filter="none")
)


def view(tmp_path, **changes):
    return stretches_of(Episode(write_episode(tmp_path, Made(**changes))))


def seconds(stretch):
    return (stretch.t_ns - BEGIN_NS) / 1e9


def test_observations_are_what_was_true_at_the_row_whatever_the_latencies(tmp_path):
    (stretch,) = view(tmp_path)

    t_s = seconds(stretch)
    assert stretch.agent_xy == pytest.approx(circle(t_s), abs=0.02)
    assert stretch.block_pose[:, :2] == pytest.approx(drifting_block(t_s)[:, :2], abs=1e-6)
    turn = stretch.block_pose[:, 2] - drifting_block(t_s)[:, 2]
    assert np.abs((turn + np.pi) % (2 * np.pi) - np.pi).max() < 1e-9
    assert np.diff(t_s) == pytest.approx(np.full(len(t_s) - 1, 0.1))


def test_the_actions_take_the_agent_where_the_tool_was_at_that_time(tmp_path):
    (stretch,) = view(tmp_path)

    start = stretch.agent_xy[0]
    path, _ = pusht_pd(start, np.zeros(2), np.repeat(stretch.action, 10, axis=0))
    t_s = seconds(stretch)[0] + STEP_NS / 1e9 * np.arange(len(path))
    error_mm = np.linalg.norm(path - circle(t_s), axis=1) * MM_PER_PX

    assert error_mm.mean() < 0.3
    assert error_mm.max() < 0.8


def test_a_cell_without_a_filter_gets_the_commands_themselves(tmp_path):
    (stretch,) = view(tmp_path, cell=NO_FILTER)

    commanded = circle(seconds(stretch) + CELL.arm.action_latency_s)
    assert stretch.action == pytest.approx(commanded, abs=0.02)


def test_idle_time_before_and_after_is_left_out(tmp_path):
    (stretch,) = view(tmp_path)

    t_s = seconds(stretch)
    assert 0.5 < t_s[0] < 1.0  # the circle begins softly at 0.5 s
    assert 4.0 < t_s[-1] < 4.9  # and ends at 4.5 s
    moved_mm = np.linalg.norm(circle(t_s[0]) - circle(0.0)) * MM_PER_PX
    assert moved_mm < 1.0


def test_a_pause_is_left_out_and_what_follows_goes_on_from_where_it_was(tmp_path):
    def there_pause_and_on(t_s):
        moving_s = np.minimum(t_s, 2.5) + np.maximum(t_s - 4.5, 0.0)
        share = np.clip((moving_s - 0.5) / 4.0, 0.0, 1.0)
        ease = share - np.sin(4 * np.pi * share) / (4 * np.pi)  # at rest at a half as well
        return 256 + 100 * np.stack([np.cos(np.pi * ease), np.sin(np.pi * ease)], axis=-1)

    (stretch,) = view(tmp_path, command=there_pause_and_on, seconds=7.5, human=(0.3, 7.0))

    t_s = seconds(stretch)
    steps_s = np.diff(t_s)
    (jump,) = np.flatnonzero(steps_s > 0.11)
    assert 2.0 <= steps_s[jump] < 2.5  # it stands for 2 s, and hardly moves around them
    assert (steps_s[-3:] < 0.11).all()  # the pause at the end stays: the policy learns to stop
    assert 2.2 < t_s[jump] < 2.5
    assert 4.3 < t_s[jump + 1] < 4.7
    apart_mm = np.linalg.norm(np.diff(stretch.agent_xy, axis=0)[jump]) * MM_PER_PX
    assert apart_mm < 1.0
    path, _ = pusht_pd(stretch.agent_xy[0], np.zeros(2), np.repeat(stretch.action, 10, axis=0))
    assert np.linalg.norm(path[::10][:-1] - stretch.agent_xy, axis=1).max() * MM_PER_PX < 0.8


def test_rows_are_split_where_the_tracker_lost_the_block(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        stretches = view(tmp_path, block_gap=(2.0, 2.5))

    first, second = stretches
    assert seconds(first)[-1] < 2.07
    assert seconds(second)[0] > 2.4
    assert second.agent_xy == pytest.approx(circle(seconds(second)), abs=0.02)
    assert "rows left out" in caplog.text
    assert "block_pose" in caplog.text


def test_rows_are_split_where_ticks_were_lost(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        stretches = view(tmp_path, arm_gap=(2.0, 2.3))

    assert len(stretches) == 2
    assert "the commands" in caplog.text


def test_a_stretch_too_short_to_learn_from_is_left_out(tmp_path):
    (stretch,) = view(tmp_path, block_gap=(1.2, 1.6))

    assert seconds(stretch)[0] > 1.5


def test_a_stretch_of_pauses_alone_is_left_out(tmp_path):
    def a_little_pause_and_on(t_s):
        moving_s = np.minimum(t_s, 1.0) + np.maximum(t_s - 4.5, 0.0)
        share = np.clip((moving_s - 0.4) / 3.0, 0.0, 1.0)
        return 256 + 100 * np.stack([np.cos(np.pi * share), np.sin(np.pi * share)], axis=-1)

    moving = {"command": a_little_pause_and_on, "seconds": 7.5, "human": (0.3, 7.0)}
    (stretch,) = view(tmp_path, block_gap=(4.0, 4.4), **moving)

    assert seconds(stretch)[0] > 4.3


@pytest.mark.parametrize(
    ("kind", "source", "drives"),
    [
        ("collect", Source.HUMAN, True),
        ("collect", Source.POLICY, False),
        ("run", Source.POLICY, True),
        ("run", Source.APPROACH, False),
        ("replay", Source.REPLAY, True),
    ],
)
def test_only_the_motion_of_who_demonstrates_counts(tmp_path, kind, source, drives):
    made = Made(kind=kind, source=source)
    episode = Episode(write_episode(tmp_path, made))

    if drives:
        assert len(stretches_of(episode)) == 1
    else:
        with pytest.raises(DatasetError, match="no motion by"):
            stretches_of(episode)


def test_rows_that_somebody_else_drives_are_left_out(tmp_path):
    episode = Episode(write_episode(tmp_path))
    streams = episode.streams
    t_s = (streams.ticks.t_ns - BEGIN_NS) / 1e9
    source = np.where((t_s > 2.0) & (t_s < 2.3), Source.APPROACH, streams.ticks.source)
    ticks = dataclasses.replace(streams.ticks, source=source)
    episode.streams = dataclasses.replace(streams, ticks=ticks)

    first, second = stretches_of(episode)

    assert seconds(first)[-1] + 0.1 < 2.04
    assert seconds(second)[0] > 2.3


def test_without_a_tracked_block_there_is_no_such_view(tmp_path):
    with pytest.raises(DatasetError, match="no block_pose"):
        view(tmp_path, block_gap=(0.0, 99.0))
