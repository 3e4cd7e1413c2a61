"""The test's side of `faults.py`: one connection to the control port of an emulated controller."""

import json
import socket
import time
from types import TracebackType
from typing import Any, Final, Self

from robotd.core.errors import DeviceError

CONTROL_PORT: Final = 30999


class Injection:
    """A connection; `faults.py` lists the ops and their keys."""

    def __init__(self, host: str, *, timeout_s: float = 5.0) -> None:
        """Connect, waiting for the controller as long as `timeout_s`.

        Raises:
            DeviceError: Nobody is there.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                self._socket = socket.create_connection((host, CONTROL_PORT), timeout_s)
                break
            except ConnectionRefusedError as error:
                if time.monotonic() > deadline:
                    raise DeviceError(f"no emulated controller on {host}") from error
                time.sleep(0.01)
        self._file = self._socket.makefile("rwb")

    def do(self, op: str, **keys: object) -> dict[str, Any]:
        """Have something done; return the answer.

        Raises:
            DeviceError: The controller refuses, with its sentence, or is gone.
        """
        self._file.write(json.dumps({"op": op, **keys}).encode() + b"\n")
        self._file.flush()
        line = self._file.readline()
        if not line:
            raise DeviceError("the emulated controller is gone")
        answer: dict[str, Any] = json.loads(line)
        if not answer.pop("ok"):
            raise DeviceError(f"{op}: {answer['error']}")
        return answer

    def state(self) -> dict[str, Any]:
        """Return how it is: see `Faults.state`."""
        return self.do("state")

    def events(self, since: int = 0) -> list[dict[str, Any]]:
        """Return what happened: `n`, `t_ns`, `what`, `detail` of each, oldest first."""
        found: list[dict[str, Any]] = self.do("events", since=since)["events"]
        return found

    def close(self) -> None:
        """End the connection; what was done stays done."""
        self._file.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
