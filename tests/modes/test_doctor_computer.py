"""Kernel, cores, jitter, disk, clock and libraries, on trees and figures that a test made."""

from pathlib import Path

import msgspec
import pytest

from robotd.core.clock import MS, FakeClock, MonoNs
from robotd.core.config import RecordConfig
from robotd.modes.doctor import wall_clock
from robotd.modes.doctor.computer import check_computer
from robotd.modes.doctor.disk import check_disk
from robotd.modes.doctor.host import Host
from robotd.modes.doctor.jitter import JitterFigures, measure
from robotd.modes.doctor.packages import check_packages
from robotd.modes.doctor.realtime import Limits, check_realtime, measure_jitter
from robotd.modes.doctor.wall_clock import check_clock

RUN = Path("/run/user/1000/robotd")
NO_LIMITS = Limits(rtprio=-1, memlock_bytes=-1)
GOOD = JitterFigures(
    rate_hz=500.0,
    seconds=10.0,
    fifo=True,
    locked=True,
    refusal="",
    cycles_n=5000,
    missed_n=0,
    late_p50_s=30e-6,
    late_p99_s=50e-6,
    late_p999_s=90e-6,
    late_max_s=300e-6,
)


def tree(root, **files):
    """Write files of a host, `__` in a name for `/`."""
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Host(root=root)


def by_name(findings):
    return {finding.name: finding for finding in findings}


def computer(host, *, real=True):
    return by_name(check_computer(host, RUN, real=real))


@pytest.fixture
def good_host(tmp_path):
    host = tree(
        tmp_path,
        proc__version="Linux version 6.12.9-rt (x) #1 SMP PREEMPT_RT Debian\n",
        sys__kernel__realtime="1\n",
        sys__devices__system__cpu__online="0-3,6-7\n",
        sys__devices__system__cpu__isolated="\n",
        proc__self__mounts="/dev/sda1 / ext4 rw 0 0\ntmpfs /run/user/1000 tmpfs rw 0 0\n",
    )
    for core in range(4):
        tree(
            tmp_path,
            **{f"sys__devices__system__cpu__cpu{core}__cpufreq__scaling_governor": "performance\n"},
        )
    return host


def test_a_computer_set_up_for_it_is_ok_in_every_line(good_host):
    found = computer(good_host)

    assert {finding.status for finding in found.values()} == {"ok"}
    assert found["kernel"].found == "6.12.9-rt, PREEMPT_RT"
    assert found["cores"].found == "6"
    assert found["run directory"].found.endswith("(tmpfs)")


def test_a_computer_that_says_nothing_is_unknown_and_no_error(tmp_path):
    found = computer(Host(root=tmp_path))

    assert {finding.status for finding in found.values()} == {"unknown", "ok"}
    assert found["isolated cores"].status == "ok"


@pytest.mark.parametrize(
    ("file", "text", "line", "status", "said"),
    [
        ("sys__devices__system__cpu__online", "0-1", "cores", "warn", "2"),
        (
            "sys__devices__system__cpu__cpu2__cpufreq__scaling_governor",
            "powersave",
            "CPU governor",
            "warn",
            "performance, powersave",
        ),
        ("sys__devices__system__cpu__isolated", "2-3", "isolated cores", "unknown", "2-3"),
        ("proc__self__mounts", "/dev/sda1 / ext4 rw 0 0", "run directory", "warn", "(ext4)"),
    ],
)
def test_what_is_not_as_it_should_be_is_told_with_a_remedy(
    good_host, tmp_path, file, text, line, status, said
):
    found = computer(tree(tmp_path, **{file: text}))[line]

    assert found.status == status
    assert said in found.found
    assert found.fix


def test_few_cores_are_no_warning_in_a_mock(good_host, tmp_path):
    found = computer(tree(tmp_path, sys__devices__system__cpu__online="0-1"), real=False)

    assert found["cores"].status == "unknown"


# Real time


def realtime(figures, limits=NO_LIMITS, judged_for="real"):
    return by_name(check_realtime(limits, figures, judged_for))


def test_a_loop_with_rights_and_little_jitter_is_ok():
    assert {line.status for line in realtime(GOOD).values()} == {"ok"}


@pytest.mark.parametrize(
    ("judged_for", "status"), [("real", "fail"), ("any", "warn"), ("mock", "unknown")]
)
def test_a_real_arm_is_refused_without_rights_and_a_mock_does_without(judged_for, status):
    figures = msgspec.structs.replace(GOOD, fifo=False, locked=False)
    limits = Limits(rtprio=0, memlock_bytes=8 * 2**20)

    real = realtime(figures, limits, judged_for)

    assert real["real-time rights"].status == real["locked memory"].status == status
    assert "rtprio limit 0" in real["real-time rights"].found
    assert "memlock limit 8 MiB" in real["locked memory"].found
    assert "LimitRTPRIO=99" in real["real-time rights"].fix


@pytest.mark.parametrize(
    ("changes", "judged_for", "status"),
    [
        ({"late_max_s": 0.0079}, "real", "ok"),  # 9.9 ms between cycles; 5 periods are 10 ms
        ({"late_max_s": 0.0081}, "real", "fail"),
        ({"late_max_s": 0.0081}, "mock", "ok"),
        ({"late_max_s": 0.099}, "mock", "warn"),  # 101 ms; a mock takes 100 ms
        ({"late_max_s": 0.037, "fifo": False}, "real", "ok"),  # 39 ms; 40 ms without rights
        ({"late_max_s": 0.039, "fifo": False}, "real", "fail"),
        ({"late_p999_s": 0.00021}, "real", "warn"),
        ({"late_p999_s": 0.00019}, "real", "ok"),
        ({"missed_n": 1}, "real", "warn"),  # of 5001
        ({"missed_n": 1, "cycles_n": 10_000}, "real", "ok"),
        ({"late_max_s": 0.0081}, "any", "warn"),
    ],
)
def test_jitter_is_judged_by_the_gap_that_would_be_a_fault(changes, judged_for, status):
    figures = msgspec.structs.replace(GOOD, **changes)

    assert realtime(figures, judged_for=judged_for)["loop jitter"].status == status


class LateClock(FakeClock):
    """Wakes up late by the next of the given durations [ms], then in time."""

    def __init__(self, late_ms):
        super().__init__(MonoNs(0))
        self._late_ms = iter(late_ms)

    def sleep_until(self, t_ns):
        super().sleep_until(t_ns)
        self.advance(next(self._late_ms, 0) * MS)


def test_a_late_wake_up_skips_periods_and_counts_them():
    figures = measure(
        LateClock([0, 17, 3]), rate_hz=125.0, seconds=0.8, fifo=True, locked=True, refusal=""
    )

    assert figures.missed_n == 2
    assert figures.cycles_n + figures.missed_n == 100
    assert figures.late_max_s == pytest.approx(0.017)
    assert figures.gap_s == pytest.approx(0.025)


def test_the_loop_is_measured_in_a_process_of_its_own():
    figures = measure_jitter(rate_hz=500.0, seconds=0.1)

    assert figures.cycles_n + figures.missed_n == 50
    assert figures.late_p50_s >= 0.0


# Disk, clock, libraries


def test_a_disk_with_room_is_ok_and_nothing_is_left_on_it(tmp_path):
    found = by_name(check_disk(tmp_path / "not" / "there", RecordConfig(reserve_mb=1.0)))

    assert found["room for episodes"].status == "ok"
    assert "MB/s" in found["speed of the disk"].found
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_room_is_told_before_an_episode_is_begun(tmp_path):
    found = by_name(check_disk(tmp_path, RecordConfig(reserve_mb=1e12)))

    assert found["room for episodes"].status == "fail"
    assert "1e+09 GB or more" in found["room for episodes"].expected


def test_a_folder_that_cannot_be_written_is_one_line():
    found = check_disk(Path("/proc/1"), RecordConfig(reserve_mb=0.0))

    assert [line.status for line in found] == ["fail"]
    assert "/proc/1" in found[0].found


@pytest.mark.parametrize(
    ("synced", "status"), [(True, "ok"), (False, "unknown"), (None, "unknown")]
)
def test_the_clock_is_only_told(synced, status):
    (found,) = check_clock(lambda: synced)

    assert found.status == status


def test_the_kernel_is_asked_whether_its_clock_is_in_time():
    assert wall_clock.in_sync() in (True, False, None)


def test_libraries_are_wanted_by_the_cells_that_use_them():
    wanted = frozenset(["ur_rtde", "pyrealsense2"])
    versions = {"pyrealsense2": "2.59.1"}

    found = by_name(check_packages(wanted, versions.get, lambda _: False))

    assert found["ur_rtde"].status == "fail"
    assert "pip install 'robotd[robot]'" in found["ur_rtde"].fix
    assert found["pyrealsense2"].status == "fail"
    assert found["pyrealsense2"].fix == "sudo apt-get install libusb-1.0-0"
    assert found["pyspacemouse"].status == "unknown"


def test_libraries_that_are_there_are_ok():
    found = check_packages(frozenset(), lambda _: "1.0", lambda _: True)

    assert {line.status for line in found} == {"ok"}
