import contextlib

import numpy as np
import pytest

from robotd.core.errors import DatasetError
from robotd.episodes.video import begins_anew, decode_at, make_decoder, make_encoder

SIZE = {"width_px": 64, "height_px": 48}
CODECS = ("h264", "jpeg", "png")


def scene(n):
    """A smooth picture that changes with its number."""
    x, y = np.meshgrid(np.linspace(0, 1, 64), np.linspace(0, 1, 48))
    rgb = np.stack([60 + 100 * x, 60 + 100 * y, 100 + 50 * np.sin(6 * x + 0.2 * n)], axis=-1)
    rgb[..., 0] += 3 * (n % 20)
    return rgb.astype(np.uint8)


def encode(count, codec="h264", fps=30.0, **settings):
    encoder = make_encoder(codec, fps=fps, **SIZE, **settings)
    return [encoder.encode(scene(n)) for n in range(count)]


def decoder(codec="h264"):
    return make_decoder(codec, **SIZE)


@pytest.mark.parametrize("codec", CODECS)
def test_a_picture_comes_back_with_its_colours(codec):
    reader = decoder(codec)
    limit = {"h264": 6.0, "jpeg": 4.0, "png": 0.0}[codec]

    for n, (data, _) in enumerate(encode(20, codec)):
        difference = np.abs(reader.decode(data).astype(int) - scene(n))
        assert difference.mean() <= limit  # grey levels


@pytest.mark.parametrize(("fps", "every"), [(30.0, 15), (15.0, 7), (5.0, 2), (1.0, 1)])
def test_a_key_frame_comes_at_least_every_half_second(fps, every):
    keys = [key for _, key in encode(40, fps=fps)]

    assert keys == [n % every == 0 for n in range(40)]


def test_key_frames_alone_carry_parameter_sets_and_all_begin_with_a_start_code():
    for data, key in encode(40):
        assert data.startswith(b"\x00\x00\x00\x01")
        assert begins_anew(data) is key


@pytest.mark.parametrize("codec", ["jpeg", "png"])
def test_every_image_stands_alone(codec):
    assert all(key for _, key in encode(3, codec))


def test_a_decoder_that_begins_in_the_middle_says_how_many_it_skipped():
    units = [data for data, _ in encode(40)]
    whole = decoder()
    expected = [whole.decode(data) for data in units]
    late = decoder()

    got = [late.decode(data) for data in units[8:]]

    assert late.skipped_n == 7
    assert all(picture is None for picture in got[:7])
    np.testing.assert_array_equal(got[7:], expected[15:])


def test_pictures_are_decoded_at_any_place_in_any_order():
    made = encode(40)
    units, keys = [data for data, _ in made], [key for _, key in made]
    whole = decoder()
    expected = [whole.decode(data) for data in units]
    wanted = [3, 3, 17, 16, 39, 0, 15]

    got = list(decode_at(decoder, units, keys, wanted))

    np.testing.assert_array_equal(got, [expected[n] for n in wanted])


def test_a_far_picture_needs_no_more_than_its_own_group():
    made = encode(40)
    units, keys = [data for data, _ in made], [key for _, key in made]
    units[:30] = [b"damaged"] * 30

    (got,) = decode_at(decoder, units, keys, [33])

    assert got.shape == (48, 64, 3)


def test_a_picture_before_the_first_key_frame_is_refused():
    made = encode(5)[1:]

    with pytest.raises(DatasetError, match="before the first key frame"):
        list(decode_at(decoder, [data for data, _ in made], [key for _, key in made], [2]))


@pytest.mark.parametrize("codec", CODECS)
def test_damage_is_a_dataset_error_or_another_picture_never_more(codec):
    rng = np.random.default_rng(7)
    units = [data for data, _ in encode(16, codec)]
    for trial in range(60):
        reader = decoder(codec)
        for n, data in enumerate(units):
            damaged = bytearray(data)
            if n == trial % 16:
                for at in rng.integers(len(data), size=3):
                    damaged[at] ^= 1 << int(rng.integers(8))
            with contextlib.suppress(DatasetError):
                picture = reader.decode(bytes(damaged))
                assert picture is None or picture.shape == (48, 64, 3)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("data", [b"", b"nothing", b"\x00\x00\x00\x01", b"\x00\x00\x01\x67"])
def test_bytes_that_are_no_picture_are_refused_or_skipped(codec, data):
    reader = decoder(codec)
    with contextlib.suppress(DatasetError):
        assert reader.decode(data) is None


def test_after_damage_the_next_key_frame_is_read_again():
    units = [data for data, _ in encode(40)]
    units[4] = units[4][:6]
    reader = decoder()
    got = []
    for data in units:
        try:
            got.append(reader.decode(data) is not None)
        except DatasetError:
            got.append(False)

    assert got[:4] == [True] * 4
    assert got[15:] == [True] * 25


@pytest.mark.parametrize("codec", CODECS)
def test_a_picture_of_another_size_than_announced_is_refused(codec):
    (data, _) = encode(1, codec)[0]

    with pytest.raises(DatasetError, match="size"):
        make_decoder(codec, width_px=32, height_px=48).decode(data)


@pytest.mark.parametrize("codec", CODECS)
def test_an_encoder_refuses_another_size(codec):
    with pytest.raises(ValueError, match="expected uint8"):
        make_encoder(codec, fps=30.0, **SIZE).encode(np.zeros((48, 62, 3), np.uint8))


def test_h264_wants_even_sides():
    with pytest.raises(ValueError, match="even"):
        make_encoder("h264", width_px=63, height_px=48, fps=30.0)
