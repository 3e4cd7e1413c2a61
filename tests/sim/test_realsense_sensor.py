"""The emulated camera before the library: its noise, its faults by file, its number."""

import numpy as np
import pytest

pytest.importorskip("pyrealsense2", exc_type=ImportError)

import msgspec

from robotd.sim.realsense_faults import HEALTHY, CameraFaults, FaultsFile, faults_file, write_faults
from robotd.sim.realsense_link import emulated_serial
from robotd.sim.realsense_sensor import SensorNoise


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("size", [(96, 96), (480, 640)])
def test_no_two_pictures_of_a_still_scene_are_the_same(level, size):
    still = np.full((*size, 3), level, np.uint8)
    noise = SensorNoise(*size, seed=3)
    before = noise.on(still)
    for _ in range(50):
        picture = noise.on(still)
        changed = np.mean((picture != before).any(axis=2))
        assert changed > 0.05
        assert np.abs(picture.astype(int) - level).max() == 1
        before = picture


def test_noise_is_the_same_for_the_same_seed():
    still = np.full((48, 64, 3), 90, np.uint8)
    first, second, other = SensorNoise(48, 64, 3), SensorNoise(48, 64, 3), SensorNoise(48, 64, 4)
    assert np.array_equal(first.on(still), second.on(still))
    assert not np.array_equal(first.on(still), other.on(still))


def test_faults_are_those_of_the_file_while_it_is_there(tmp_path):
    path = faults_file(tmp_path, "top")
    faults = FaultsFile(path)
    assert faults() == HEALTHY
    for wanted in (CameraFaults(unplugged=True), CameraFaults(delay_s=0.5, frozen="content")):
        write_faults(path, wanted)
        assert faults() == wanted
        assert faults() == wanted
    path.unlink()
    assert faults() == HEALTHY


def test_a_fault_that_does_not_exist_is_refused(tmp_path):
    path = faults_file(tmp_path, "top")
    path.write_text('{"unplgged": true}')
    with pytest.raises(msgspec.ValidationError, match="unplgged"):
        FaultsFile(path)()


def test_a_mock_s_camera_has_a_number_even_where_none_is_configured():
    assert emulated_serial("top", "123") == "123"
    assert emulated_serial("top", "") == emulated_serial("top", "") != emulated_serial("side", "")
    assert len(emulated_serial("top", "")) == 12
    assert emulated_serial("top", "").isdigit()
