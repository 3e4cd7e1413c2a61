"""A policy server as a process: moves the tool along a line, for ever. Argument: its endpoint."""

import sys
import threading
from math import pi

import numpy as np

from robotd.core.pusht_spec import pusht_spec
from robotd.core.wire_structs import InferRequest
from robotd.pipeline.fake_policy_server import FakePolicyServer, Message, answer_with

SPEC = pusht_spec("moving")


def moving(request: InferRequest) -> list[Message]:
    """Answer a swing of 0.04 m about where the tool is now, twice a second through its middle."""
    t_s = request.t_obs_ns * 1e-9 + SPEC.dt_s * np.arange(SPEC.horizon)
    xy_px = np.full((SPEC.horizon, 2), 256.0)
    xy_px[:, 0] += 70.0 * np.sin(2 * pi * 0.5 * t_s)
    return [answer_with(request, xy_px.astype(np.float32))]


if __name__ == "__main__":
    with FakePolicyServer(SPEC, moving, endpoint=sys.argv[1]):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        threading.Event().wait()
