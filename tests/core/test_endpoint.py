"""Unencrypted messages stay on this machine."""

import pytest

from robotd.core.endpoint import check_endpoint
from robotd.core.errors import ConfigError


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("tcp://127.0.0.1:5555", "tcp://127.0.0.1:5555"),
        ("tcp://127.8.0.1:1", "tcp://127.8.0.1:1"),
        ("tcp://localhost:65535", "tcp://127.0.0.1:65535"),
        ("tcp://[::1]:5555", "tcp://[::1]:5555"),
        ("tcp://127.0.0.1:0", "tcp://127.0.0.1:*"),
        ("tcp://127.0.0.1:*", "tcp://127.0.0.1:*"),
        ("ipc:///run/robotd/policy", "ipc:///run/robotd/policy"),
        ("ipc://" + "a" * 107, "ipc://" + "a" * 107),
    ],
)
def test_loopback_and_local_sockets_are_allowed(given, expected):
    assert check_endpoint(given) == expected


@pytest.mark.parametrize(
    "endpoint",
    [
        "tcp://*:5555",
        "tcp://0.0.0.0:5555",
        "tcp://192.168.1.10:5555",
        "tcp://[::]:5555",
        "tcp://gpu-machine:5555",
        "tcp://127.0.0.1.example.org:5555",
        "tcp://eth0:5555",
    ],
)
def test_tcp_off_loopback_is_refused_and_says_what_to_do(endpoint):
    with pytest.raises(ConfigError, match="tunnel") as caught:
        check_endpoint(endpoint, key="--endpoint")
    assert "--endpoint" in str(caught.value)


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "127.0.0.1:5555",
        "tcp://127.0.0.1",
        "tcp://127.0.0.1:65536",
        "tcp://127.0.0.1:x",
        "tcp://127.0.0.1:5555;tcp://0.0.0.0:1",
        "udp://127.0.0.1:5555",
        "inproc://x",
        "ipc://",
        "ipc://" + "a" * 108,
        "ipc://@abstract",
        "ipc://*",
        "ipc:///run/robotd/policy\0",
        "ipc:///run/robotd/\x1b[2Jpolicy",
    ],
)
def test_other_addresses_are_refused(endpoint):
    with pytest.raises(ConfigError, match="expected"):
        check_endpoint(endpoint)
