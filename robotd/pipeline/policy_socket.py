"""The DEALER socket of a policy client, with every limit and timer set."""

from collections.abc import Sequence
from typing import Final

import zmq

from robotd.core import wire

_OPTIONS: Final = (
    (zmq.LINGER, 0),
    (zmq.SNDHWM, 4),
    (zmq.RCVHWM, 16),
    (zmq.MAXMSGSIZE, wire.MAX_REPLY_FRAME_BYTES),
    (zmq.IMMEDIATE, 1),  # nothing is queued for a server that is not there
    (zmq.HANDSHAKE_IVL, 2000),
    (zmq.HEARTBEAT_IVL, 200),
    (zmq.HEARTBEAT_TIMEOUT, 600),
    (zmq.RECONNECT_IVL, 20),
    (zmq.RECONNECT_IVL_MAX, 200),
)
"""ZeroMQ's own defaults keep 1000 messages, wait for ever on close and have no heartbeat."""


def connect(context: "zmq.Context[zmq.Socket[bytes]]", endpoint: str) -> "zmq.Socket[bytes]":
    """Return a socket that connects, and connects again, by itself; never blocks."""
    dealer = context.socket(zmq.DEALER)
    for option, value in _OPTIONS:
        dealer.setsockopt(option, value)
    if endpoint.startswith("tcp://["):
        dealer.setsockopt(zmq.IPV6, 1)
    dealer.connect(endpoint)
    return dealer


def try_send(dealer: "zmq.Socket[bytes]", message: Sequence[wire.Buffer]) -> bool:
    """Send a message, unless there is no connection or it takes no more."""
    try:
        dealer.send_multipart(message, zmq.NOBLOCK)
    except zmq.Again:
        return False
    return True
