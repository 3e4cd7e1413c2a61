"""The simulated camera on a fake clock: when frames come, what they show, when they fail."""

import numpy as np
import pytest

from robotd.core.board_frame import BoardFrame
from robotd.core.clock import MS, FakeClock, MonoNs, S
from robotd.core.config import CameraConfig
from robotd.core.errors import DeviceError, StaleDataError
from robotd.sim.camera import SimCamera, drawing
from robotd.sim.pusht_geometry import AGENT_RADIUS_PX
from robotd.sim.render import AGENT_RGB, render_board
from robotd.sim.world import World

BOARD = BoardFrame(np.eye(4), 0.3)


def config(**changes):
    values = {"kind": "sim", "width_px": 96, "height_px": 96, "view": "board"}
    return CameraConfig(**(values | {"rate_hz": 20.0, "latency_s": 0.04} | changes))


class LiveWorld:
    """A world that is stepped every 10 ms of a fake clock, until it dies."""

    def __init__(self, clock):
        self.clock = clock
        self.world = World(BOARD, 0.01, 100_000)
        self.dies_ns = 10**18

    def __call__(self):
        t_ns = min(self.clock.now(), self.dies_ns)
        return self.world.state(MonoNs(t_ns // (10 * MS) * 10 * MS))


def rig(**changes):
    clock = FakeClock(MonoNs(10 * S))
    source = LiveWorld(clock)
    settings = config(**changes)
    return clock, source, SimCamera("top", settings, drawing(settings, 0.3), source, clock)


def test_frames_come_at_the_rate_each_late_by_the_latency():
    clock, _, camera = rig()
    seen = []
    with camera:
        for _ in range(5):
            frame = camera.read(1.0)
            seen.append(((frame.t_ns - 10 * S) // MS, (clock.now() - frame.t_ns) // MS))
    assert seen == [(0, 40), (50, 40), (100, 40), (150, 40), (200, 40)]


def test_a_latency_longer_than_the_period_keeps_the_rate():
    clock, _, camera = rig(latency_s=0.12)
    with camera:
        frames = [camera.read(1.0) for _ in range(4)]
    assert [(f.t_ns - 10 * S) // MS for f in frames] == [0, 50, 100, 150]
    assert clock.now() - frames[-1].t_ns == 120 * MS


def test_a_late_reader_skips_pictures_instead_of_bursting():
    clock, _, camera = rig()
    with camera:
        camera.read(1.0)
        clock.advance(220 * MS)
        late = [camera.read(1.0) for _ in range(3)]
    assert [(f.t_ns - 10 * S) // MS for f in late] == [260, 300, 350]
    assert camera.skipped_n == 4


def test_the_frame_shows_the_world_of_its_instant():
    _, source, camera = rig()
    with camera:
        frame = camera.read(1.0)
        expected = render_board(source.world.state(frame.t_ns).board_state, 96)
        source.world.reset(100_001)
        later = camera.read(1.0)
    assert np.array_equal(frame.rgb, expected)
    assert not np.array_equal(later.rgb, expected)


def test_a_dead_world_is_a_stale_camera_and_no_repeated_frame():
    clock, source, camera = rig()
    with camera:
        source.dies_ns = 10 * S + 100 * MS
        frames = [camera.read(0.5) for _ in range(3)]
        with pytest.raises(StaleDataError, match=r"top: newest sample is 540 ms old, limit 500 ms"):
            camera.read(0.5)
    assert len({frame.t_ns for frame in frames}) == 3
    assert clock.now() == 10 * S + 640 * MS


def test_opening_fails_when_no_world_answers():
    clock = FakeClock()
    camera = SimCamera("top", config(), drawing(config(), 0.3), lambda: None, clock)
    with pytest.raises(DeviceError, match="top: the simulated world said nothing for 5 s"):
        camera.__enter__()
    assert 5 * S <= clock.now() <= 5 * S + 20 * MS


@pytest.mark.parametrize(("age_ms", "opens"), [(100, True), (101, False)])
def test_opening_takes_only_a_world_that_lives(age_ms, opens):
    clock, source, _ = rig()
    state = source.world.state(MonoNs(10 * S - age_ms * MS))
    fresh = SimCamera("top", config(), drawing(config(), 0.3), lambda: state, clock)
    if opens:
        with fresh:
            assert fresh.read(0.0).t_ns == state.t_ns
    else:
        with pytest.raises(DeviceError):
            fresh.__enter__()


def test_poll_never_moves_the_clock():
    clock, _, camera = rig()
    with camera:
        arrivals = []
        for tick in range(200):
            frame = camera.poll()
            if frame is not None:
                arrivals.append((tick, (frame.t_ns - 10 * S) // MS))
            clock.advance(2 * MS)
    assert arrivals[:3] == [(20, 0), (45, 50), (70, 100)]
    assert len(arrivals) == 8


def test_closing_drops_what_was_not_delivered():
    clock, _, camera = rig()
    with camera:
        camera.poll()
    clock.advance(40 * MS)
    with camera:
        assert camera.read(1.0).t_ns >= 10 * S + 40 * MS


def test_the_states_of_delivered_frames_can_be_looked_up():
    _, _, camera = rig()
    with camera:
        frame = camera.read(1.0)
    state = camera.state_at(frame.t_ns)
    assert state is not None
    assert state.t_ns == frame.t_ns
    assert camera.state_at(MonoNs(frame.t_ns + 1)) is None


@pytest.mark.parametrize("off_ms", [-24, 0, 24])
def test_what_a_picture_shows_is_found_by_a_time_that_is_off_by_less_than_half_a_period(off_ms):
    _, _, camera = rig()
    with camera:
        frame = [camera.read(1.0) for _ in range(3)][1]
    near = camera.state_near(MonoNs(frame.t_ns + off_ms * MS))
    assert near is not None
    assert near.t_ns == frame.t_ns


def test_a_time_before_all_pictures_shows_nothing():
    _, _, camera = rig()
    assert camera.state_near(MonoNs(10 * S)) is None
    with camera:
        frame = camera.read(1.0)
    assert camera.state_near(MonoNs(frame.t_ns - 26 * MS)) is None


@pytest.mark.parametrize(("width_px", "height_px"), [(640, 480), (320, 240)])
def test_the_perspective_view_has_the_configured_size(width_px, height_px):
    _, _, camera = rig(view="perspective", width_px=width_px, height_px=height_px)
    with camera:
        frame = camera.read(1.0)
    assert frame.rgb.shape == (height_px, width_px, 3)
    assert frame.rgb.std() > 5  # something is seen


def test_the_board_view_is_scaled_to_its_side_and_must_be_square():
    _, source, camera = rig(width_px=128, height_px=128)
    with camera:
        frame = camera.read(1.0)
    x, y = (source.world.state(MonoNs(0)).agent_xy_px * 128 / 512).astype(int)
    assert AGENT_RADIUS_PX * 128 / 512 > 2
    assert np.abs(frame.rgb[y, x].astype(int) - AGENT_RGB).max() < 20
    with pytest.raises(ValueError, match="square"):
        drawing(config(width_px=128), 0.3)


@pytest.mark.parametrize("view", ["board", "perspective"])
def test_a_tool_anywhere_can_be_drawn(view):
    sizes = {"board": (96, 96), "perspective": (640, 480)}[view]
    clock, source, camera = rig(view=view, width_px=sizes[0], height_px=sizes[1])
    for p_m in ([100.0, -100.0, 0.0], [-5.0, 0.1, 3.0], [0.1, 1e5, -0.001]):
        T_base_tcp = np.eye(4)
        T_base_tcp[:3, 3] = p_m
        source.world.step(T_base_tcp)
        with camera:
            assert camera.read(1.0).rgb.dtype == np.uint8
        clock.advance(100 * MS)
