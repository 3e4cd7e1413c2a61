"""The daemon's link to a policy server: connect and shake hands beside the control loop."""

import threading

import numpy as np

from robotd.core.config import CellConfig
from robotd.core.errors import RobotdError, SpecMismatchError
from robotd.core.protocols import Clock
from robotd.core.spec import PolicySpec
from robotd.core.types import PolicyRequest
from robotd.modes.daemon.offer import offer_of
from robotd.pipeline.chunk_source import ChunkSource
from robotd.pipeline.handshake import check_spec
from robotd.pipeline.make_executor import make_executor
from robotd.pipeline.policy_client import PolicyClient

HELLO_S = 10.0
"""A server listens once it is warm, and then answers at once."""

TRIALS_N = 3
"""The first answer of a process that was idle may be late."""
POLL_S = 0.005


class PolicyLink:
    """One server at a time.

    Attributes:
        endpoint: The server's address; empty before the first.
        spec: What it serves, once it was found to fit the cell.
        failure: Why there is no spec, one sentence; empty while it is still being asked.
    """

    def __init__(self, cell: CellConfig, clock: Clock, *, hello_s: float = HELLO_S) -> None:
        self._cell, self._clock, self._hello_s = cell, clock, hello_s
        self._client: PolicyClient | None = None
        self._closed = threading.Event()
        self.endpoint = ""
        self.spec: PolicySpec | None = None
        self.failure = ""

    @property
    def source(self) -> ChunkSource | None:
        """The client to ask; None before `connect`."""
        return self._client

    def connect(self, endpoint: str) -> None:
        """Begin to connect; returns at once.

        Raises:
            ConfigError: The address is not one that is allowed.
        """
        self.close()
        self._closed.clear()
        client = PolicyClient(endpoint, self._cell.name, self._clock)
        self.endpoint, self._client = endpoint, client
        thread = threading.Thread(target=self._greet, args=(client,), name="hello", daemon=True)
        thread.start()

    def _greet(self, client: PolicyClient) -> None:
        """Ask for the spec and compare it with the cell; runs in its own thread."""
        try:
            spec = client.hello(self._hello_s)
            check_spec(spec, offer_of(self._cell), sampler=self._cell.policy.sampler)
            make_executor(spec, self._cell)
            self._try_out(client, spec)
        except RobotdError as error:
            if client is self._client:
                self.failure = str(error)
            return
        if client is self._client:
            self.spec = spec

    def _try_out(self, client: PolicyClient, spec: PolicySpec) -> None:
        """Ask for a chunk that nobody will execute: what fails or is late here would so in flight.

        Raises:
            SpecMismatchError: No usable answer within the cell's deadline, in several tries.
        """
        config = self._cell.policy
        blank = {f.key: np.zeros((spec.n_obs_steps, *f.shape), f.dtype) for f in spec.observation}
        request = PolicyRequest(arrays=blank, seed=0, sampler=config.sampler, steps=config.steps)
        for _ in range(TRIALS_N):
            before_n = client.failures.total_n
            client.request(request, t_obs_ns=self._clock.now(), deadline_s=config.deadline_s)
            while client is self._client and client.failures.total_n == before_n:
                if client.newest_chunk() is not None:
                    client.reset()
                    client.take_stats()
                    return
                self._closed.wait(POLL_S)
        raise SpecMismatchError(
            f"policy {spec.name}: {TRIALS_N} trial requests failed, the last: "
            f"{client.failures.reason}; see policy.steps, policy.sampler and policy.deadline_s"
        )

    def close(self) -> None:
        """Let go of the server."""
        self._closed.set()
        client, self._client = self._client, None
        self.endpoint, self.failure, self.spec = "", "", None
        if client is not None:
            client.close()
