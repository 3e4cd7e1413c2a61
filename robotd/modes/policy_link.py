"""The daemon's link to a policy server: connect and shake hands beside the control loop."""

import threading

from robotd.core.config import CellConfig
from robotd.core.errors import RobotdError
from robotd.core.protocols import Clock
from robotd.core.spec import PolicySpec
from robotd.modes.offer import offer_of
from robotd.pipeline.chunk_source import ChunkSource
from robotd.pipeline.handshake import check_spec
from robotd.pipeline.make_executor import make_executor
from robotd.pipeline.policy_client import PolicyClient

HELLO_S = 10.0
"""A server listens once it is warm, and then answers at once."""


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
        except RobotdError as error:
            if client is self._client:
                self.failure = str(error)
            return
        if client is self._client:
            self.spec = spec

    def close(self) -> None:
        """Let go of the server."""
        client, self._client = self._client, None
        self.endpoint, self.failure, self.spec = "", "", None
        if client is not None:
            client.close()
