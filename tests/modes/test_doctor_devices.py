"""The way to the arm, cameras on USB and the hand-held device, on trees that a test made."""

import socket
import threading

import pytest

from robotd.modes.doctor.host import Host
from robotd.modes.doctor.pendant import check_pendant, pendant_limits
from robotd.modes.doctor.reach import PORTS, RTDE, check_ports, connect_once
from robotd.modes.doctor.route import check_route
from robotd.modes.doctor.usb import check_cameras, check_hand_held
from teleop.spacemouse_found import udev_rule

ARM = "192.168.1.10"
HEAD = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
DEFAULT = "wlan0\t00000000\t0100000A\t0003\t0\t0\t600\t00000000\t0\t0\t0\n"
OWN = "enp3s0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n"
DOWN = OWN.replace("\t0001\t0", "\t0000\t0").replace("enp3s0", "enp9s0")
OF_ALL = "enp3s0\t00000000\t0101A8C0\t0003\t0\t0\t50\t00000000\t0\t0\t0\n"


def write(root, path, text):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{text}\n")


def by_name(findings):
    return {finding.name: finding for finding in findings}


@pytest.fixture
def way(tmp_path):
    """Return a maker of what is said of a routing table's way to the arm."""

    def check(*lines, speed="1000", state="up", duplex="full"):
        write(tmp_path, "proc/net/route", HEAD + "".join(lines))
        write(tmp_path, "sys/class/net/enp3s0/speed", speed)
        write(tmp_path, "sys/class/net/enp3s0/operstate", state)
        write(tmp_path, "sys/class/net/enp3s0/duplex", duplex)
        return by_name(check_route(Host(root=tmp_path), ARM))

    return check


def test_an_interface_of_its_own_is_ok(way):
    found = way(DEFAULT, DOWN, OWN)

    assert found["interface to the arm"].found == "enp3s0, of its own"
    assert found["link to the arm"].found == "enp3s0, up, 1000 Mbit/s, full duplex"
    assert {line.status for line in found.values()} == {"ok"}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((OF_ALL, OWN), "which has the default route too"),
        ((OF_ALL,), "through the gateway 192.168.1.1"),
        ((DEFAULT,), "through the gateway 10.0.0.1"),
    ],
)
def test_a_shared_interface_is_a_warning(way, lines, said):
    found = way(*lines)["interface to the arm"]

    assert found.status == "warn"
    assert said in found.found
    assert "subnet of its own" in found.fix


def test_no_way_to_the_arm_is_a_failure(way):
    found = way(DOWN)

    assert found["interface to the arm"].status == "fail"
    assert ARM in found["interface to the arm"].found


def test_no_routing_table_at_all_is_no_error(tmp_path):
    (found,) = check_route(Host(root=tmp_path), ARM)

    assert found.status == "fail"


@pytest.mark.parametrize(
    ("link", "status"),
    [
        ({"state": "down", "speed": "-1"}, "fail"),
        ({"speed": "100"}, "ok"),
        ({"speed": "99"}, "warn"),
        ({"duplex": "half"}, "warn"),
        ({"speed": "", "duplex": "unknown"}, "unknown"),
    ],
)
def test_the_link_is_up_fast_and_both_ways_at_once(way, link, status):
    assert way(DEFAULT, OWN, **link)["link to the arm"].status == status


def test_an_arm_by_wireless_is_a_warning(way, tmp_path):
    (tmp_path / "sys/class/net/enp3s0/wireless").mkdir(parents=True)

    assert way(DEFAULT, OWN)["link to the arm"].status == "warn"


def test_an_emulated_arm_has_no_cable(tmp_path):
    (found,) = check_route(Host(root=tmp_path), "127.0.0.2")

    assert found.status == "ok"


# Ports


def greet(address):
    assert address == ARM
    return "Connected: Universal Robots Dashboard Server"


def test_a_controller_that_answers_at_once_is_ok():
    found = check_ports(ARM, lambda address, port: 0.0002, greet)

    assert [line.status for line in found] == ["ok"] * 3
    assert "0.20 ms" in found[-1].found


def test_a_controller_that_is_off_is_one_failure_with_every_port():
    (found,) = check_ports(ARM, lambda address, port: "timed out", greet)

    assert found.status == "fail"
    assert all(f"{port}: timed out" in found.found for port in PORTS)
    assert "switch the controller on" in found.fix


def test_a_port_that_is_shut_on_the_pendant_is_named():
    found = check_ports(
        ARM, lambda address, port: "Connection refused" if port == RTDE else 0.001, greet
    )

    assert [line.status for line in found] == ["fail", "ok"]
    assert "RTDE 30004: Connection refused" in found[0].found


@pytest.mark.parametrize("said", ["", "SSH-2.0-OpenSSH_9.2"])
def test_somebody_else_at_the_arms_address_is_a_failure(said):
    found = by_name(check_ports(ARM, lambda address, port: 0.001, lambda address: said))

    assert found["who answers"].status == "fail"


@pytest.mark.parametrize(("slowest_s", "status"), [(0.0049, "ok"), (0.0051, "warn")])
def test_a_slow_way_to_the_arm_is_a_warning(slowest_s, status):
    times = iter([0.0] * len(PORTS) + [0.001] * 4 + [slowest_s])

    found = by_name(check_ports(ARM, lambda address, port: next(times), greet))

    assert found["round trip to the arm"].status == status


def test_connections_are_made_and_refusals_told_in_words():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        accepting = threading.Thread(target=lambda: server.accept()[0].close())
        accepting.start()
        assert isinstance(connect_once("127.0.0.1", port), float)
        accepting.join()
    assert connect_once("127.0.0.1", port) == "Connection refused"


# USB and HID


def plug_camera(root, place, speed, product="Intel(R) RealSense(TM) Depth Camera 435"):
    folder = f"sys/bus/usb/devices/{place}"
    for name, text in {
        "idVendor": "8086",
        "product": product,
        "speed": speed,
        "busnum": "2",
        "devnum": "7",
    }.items():
        write(root, f"{folder}/{name}", text)


def host_with(root, *, allowed=True):
    return Host(root=root, may_use=lambda path: allowed)


def test_cameras_at_usb_3_are_ok(tmp_path):
    plug_camera(tmp_path, "2-1", "5000")
    plug_camera(tmp_path, "4-1", "10000")
    plug_camera(tmp_path, "1-9", "12", product="Bluetooth")

    found = check_cameras(host_with(tmp_path), 2)

    assert [line.status for line in found] == ["ok"] * 3
    assert "5000 Mbit/s" in found[1].found


def test_a_camera_that_fell_back_to_usb_2_is_a_warning(tmp_path):
    plug_camera(tmp_path, "1-4", "480")

    found = by_name(check_cameras(host_with(tmp_path), 1))["camera at USB 1-4"]

    assert found.status == "warn"
    assert "USB 3" in found.fix


def test_the_node_of_a_camera_that_others_own_is_a_failure(tmp_path):
    plug_camera(tmp_path, "2-1", "5000")
    asked = []
    host = Host(root=tmp_path, may_use=lambda path: bool(asked.append(path)))

    found = check_cameras(host, 1)[1]

    assert asked == [tmp_path / "dev/bus/usb/002/007"]
    assert found.status == "fail"
    assert "99-realsense-libusb.rules" in found.fix


def test_a_camera_that_is_missing_is_a_failure_only_where_a_cell_wants_it(tmp_path):
    assert check_cameras(host_with(tmp_path), 1)[0].status == "fail"
    assert check_cameras(host_with(tmp_path), 0)[0].status == "unknown"


def plug_hid(root, node, hid_id, name):
    uevent = f"DRIVER=hid-generic\nHID_ID={hid_id}\nHID_NAME={name}\nMODALIAS=x"
    write(root, f"sys/class/hidraw/{node}/device/uevent", uevent)


MOUSE = ("hidraw0", "0003:0000046D:0000C52B", "Logitech USB Receiver")
SPACEMOUSE = ("hidraw3", "0003:0000256F:0000C635", "3Dconnexion SpaceMouse Compact")
NAVIGATOR = ("hidraw4", "0003:0000046D:0000C626", "3Dconnexion SpaceNavigator")


def test_a_spacemouse_is_told_from_other_devices(tmp_path):
    for device in (MOUSE, SPACEMOUSE, NAVIGATOR):
        plug_hid(tmp_path, *device)

    found = check_hand_held(host_with(tmp_path), wanted=True)

    assert [line.found for line in found] == [
        "3Dconnexion SpaceMouse Compact at /dev/hidraw3",
        "3Dconnexion SpaceNavigator at /dev/hidraw4",
    ]
    assert {line.status for line in found} == {"ok"}


@pytest.mark.parametrize(
    ("device", "rule"), [(SPACEMOUSE, udev_rule(0x256F)), (NAVIGATOR, udev_rule(0x046D))]
)
def test_a_spacemouse_that_may_not_be_read_comes_with_its_udev_rule(tmp_path, device, rule):
    plug_hid(tmp_path, *device)

    (found,) = check_hand_held(host_with(tmp_path, allowed=False), wanted=True)

    assert found.status == "fail"
    assert rule in found.fix


def test_a_spacemouse_that_is_missing_is_a_failure_only_where_a_cell_wants_it(tmp_path):
    assert check_hand_held(host_with(tmp_path), wanted=True)[0].status == "fail"
    assert check_hand_held(host_with(tmp_path), wanted=False)[0].status == "unknown"


# On the pendant


def test_every_limit_of_the_pendant_is_wider_than_ours_and_for_a_person(cell):
    limits = {limit.name: limit for limit in pendant_limits(cell)}

    assert limits["tool and elbow speed"].theirs == "0.30 m/s"
    assert limits["joint speed"].theirs == "65°/s, every joint"
    assert limits["planes around the tool"].theirs.startswith("x 0.190 to 0.710")
    assert limits["tool centre point"].ours.startswith("X 0 Y 0 Z 130 mm, RX 0 RY 0 RZ 0")
    assert {finding.status for finding in check_pendant(cell)} == {"unknown"}
