import subprocess
import sys

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robotd.core.image import ImageSpec, to_policy


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def ramps(height, width):
    """Red grows to the right, green downwards: a place can be read off its colour."""
    rgb = np.zeros((height, width, 3), dtype=np.uint8)
    rgb[:, :, 0] = np.linspace(0, 255, width).round()
    rgb[:, :, 1] = np.linspace(0, 255, height).round()[:, None]
    return rgb


def test_a_picture_of_the_right_size_is_returned_itself():
    rgb = picture(96, 96)

    assert to_policy(rgb, ImageSpec(height=96, width=96)) is rgb


def test_the_input_is_not_written_to():
    rgb = picture(48, 64)
    rgb.setflags(write=False)

    out = to_policy(rgb, ImageSpec(height=20, width=20))

    assert out.flags.writeable
    np.testing.assert_array_equal(rgb, picture(48, 64))


def test_a_whole_number_reduction_is_the_mean_of_each_block():
    rgb = picture(96, 128)

    out = to_policy(rgb, ImageSpec(height=24, width=32))

    mean = rgb.reshape(24, 4, 32, 4, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(out, mean, atol=0.51)  # grey levels, rounding


def test_a_wide_picture_loses_its_sides():
    out = to_policy(ramps(480, 640), ImageSpec(height=96, width=96))

    assert out[0, :, 1].max() <= 2, "nothing is cut at the top"
    assert out[-1, :, 1].min() >= 253, "nothing is cut at the bottom"
    np.testing.assert_allclose(out[:, 0, 0], 255 * 80 / 640, atol=2)
    np.testing.assert_allclose(out[:, -1, 0], 255 * 560 / 640, atol=2)


def test_a_tall_picture_loses_top_and_bottom():
    out = to_policy(ramps(640, 480), ImageSpec(height=96, width=96))

    assert out[:, 0, 0].max() <= 2
    assert out[:, -1, 0].min() >= 253
    np.testing.assert_allclose(out[0, :, 1], 255 * 80 / 640, atol=2)
    np.testing.assert_allclose(out[-1, :, 1], 255 * 560 / 640, atol=2)


def test_the_real_push_t_camera_gives_427_columns_of_which_320_are_kept():
    out = to_policy(ramps(720, 1280), ImageSpec(height=240, width=320))

    assert out.shape == (240, 320, 3)
    np.testing.assert_allclose(out[:, 0, 0], 255 * 53 / 427, atol=1.5)
    np.testing.assert_allclose(out[:, -1, 0], 255 * 373 / 427, atol=1.5)


def test_a_crop_alone_is_exact_and_an_odd_surplus_is_cut_at_the_right():
    rgb = picture(10, 15)

    out = to_policy(rgb, ImageSpec(height=10, width=10))

    np.testing.assert_array_equal(out, rgb[:, 2:12])
    assert out.flags.c_contiguous


def test_a_small_picture_grows():
    out = to_policy(ramps(12, 16), ImageSpec(height=48, width=48))

    assert out.shape == (48, 48, 3)
    steps = np.diff(out[:, 24, 1].astype(int))
    assert steps.min() >= 0
    assert steps.max() < 255 / 11, "smooth, not blocks"


@given(
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    wanted=st.tuples(st.integers(1, 60), st.integers(1, 60)),
)
@settings(max_examples=150, deadline=None)
def test_any_size_gives_the_wanted_one_and_keeps_a_plain_colour(size, wanted):
    rgb = np.broadcast_to(np.array([10, 200, 77], dtype=np.uint8), (*size, 3))

    out = to_policy(rgb, ImageSpec(height=wanted[0], width=wanted[1]))

    assert out.shape == (*wanted, 3)
    assert out.dtype == np.uint8
    assert (out == [10, 200, 77]).all()


def test_a_view_with_gaps_gives_the_same_as_its_copy():
    rgb = picture(60, 80)[::-1, ::2]
    spec = ImageSpec(height=17, width=23)

    np.testing.assert_array_equal(to_policy(rgb, spec), to_policy(rgb.copy(), spec))


def test_the_same_picture_gives_the_same_bytes():
    spec = ImageSpec(height=37, width=41)

    outs = {to_policy(picture(100, 90, seed=4), spec).tobytes() for _ in range(3)}

    assert len(outs) == 1


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((8, 8, 3), dtype=np.float32),
        np.zeros((8, 8), dtype=np.uint8),
        np.zeros((8, 8, 4), dtype=np.uint8),
        np.zeros((3, 8, 8), dtype=np.uint8),
        np.zeros((0, 8, 3), dtype=np.uint8),
        np.zeros((2, 8, 8, 3), dtype=np.uint8),
    ],
    ids=["float", "grey", "alpha", "planar", "empty", "batch"],
)
def test_another_type_or_shape_is_refused(bad):
    with pytest.raises(ValueError, match=r"rgb: got .* expected uint8 \(H, W, 3\)"):
        to_policy(bad, ImageSpec(height=8, width=8))


@pytest.mark.parametrize(
    "text",
    [
        '{"height": 0, "width": 96}',
        '{"height": 96, "width": 96, "transform": "stretch"}',
        '{"height": 96, "width": 96, "crop": 2}',
        '{"height": 96}',
    ],
)
def test_a_faulty_spec_is_refused(text):
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=ImageSpec)


def test_importing_the_module_does_not_load_opencv():
    code = "import sys, robotd.core.image; sys.exit('cv2' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
