"""What a camera's pictures must look like to count as new ones."""

import numpy as np
import pytest

from robotd.core.errors import DeviceError
from robotd.hardware.frame_watch import BLACK_N, DARK_LEVEL, FrameWatch, is_black, is_white

SHAPE = (48, 64, 3)


@pytest.fixture
def random():
    return np.random.default_rng(7)


def scene(random, level=128, noise=2):
    """A still scene as a sensor gives it: no two are the same."""
    picture = np.full(SHAPE, level, np.int16) + random.integers(-noise, noise + 1, SHAPE)
    return picture.clip(0, 255).astype(np.uint8)


def test_a_still_scene_is_new_in_every_frame(random):
    watch = FrameWatch("camera top")
    assert all(watch.is_new(number, scene(random, noise=1)) for number in range(200))
    assert (watch.repeated_n, watch.missed_n) == (0, 0)


def test_the_same_number_again_is_no_new_frame_and_twice_a_fault(random):
    watch = FrameWatch("camera top")
    assert watch.is_new(8, scene(random))
    assert not watch.is_new(8, scene(random))
    with pytest.raises(DeviceError, match="camera top: frozen, got the same number 8 3 times"):
        watch.is_new(8, scene(random))


def test_the_same_picture_under_growing_numbers_is_a_fault_too(random):
    watch, picture = FrameWatch("camera top"), scene(random)
    assert watch.is_new(1, picture)
    assert not watch.is_new(2, picture)
    with pytest.raises(DeviceError, match="camera top: frozen, got the same picture 3 times"):
        watch.is_new(9, picture.copy())


def test_a_single_repeat_is_forgiven(random):
    watch = FrameWatch("camera top")
    for number in range(20):
        assert watch.is_new(number, scene(random))
        assert not watch.is_new(number, scene(random))
    assert watch.repeated_n == 20


def test_numbers_that_are_skipped_are_counted(random):
    watch = FrameWatch("camera top")
    for number in (5, 6, 9, 10, 20):
        assert watch.is_new(number, scene(random))
    assert watch.missed_n == 2 + 9


def test_a_count_that_starts_again_is_no_gap(random):
    watch = FrameWatch("camera top")
    for number in (2**32 - 1, 0, 1):
        assert watch.is_new(number, scene(random))
    assert watch.missed_n == 0


def test_a_covered_lens_is_a_fault_at_the_third_picture(random):
    watch = FrameWatch("camera top")
    assert watch.is_new(0, scene(random))
    assert all(watch.is_new(n, scene(random, level=6, noise=6)) for n in range(1, BLACK_N))
    with pytest.raises(DeviceError, match="black pictures, 3 in a row; check the light, the lens"):
        watch.is_new(BLACK_N, scene(random, level=6, noise=6))


def test_a_short_darkness_is_forgiven(random):
    watch = FrameWatch("camera top")
    for number in range(30):
        level = 128 if number % BLACK_N == 0 else 4
        assert watch.is_new(number, scene(random, level=level, noise=4))


@pytest.mark.parametrize(("level", "black"), [(DARK_LEVEL, True), (DARK_LEVEL + 1, False)])
def test_darkness_has_a_level(level, black):
    assert is_black(np.full(SHAPE, level, np.uint8)) is black


@pytest.mark.parametrize(("bright_rows", "black"), [(0, True), (2, False)])
def test_a_dark_scene_with_something_lit_is_not_black(bright_rows, black):
    picture = np.zeros((480, 640, 3), np.uint8)
    picture[: bright_rows * 8] = 200
    assert is_black(picture) is black


@pytest.mark.parametrize(("level", "white"), [(249, False), (250, True)])
def test_overexposure_has_a_level(level, white):
    assert is_white(np.full(SHAPE, level, np.uint8)) is white
