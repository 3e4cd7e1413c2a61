"""The one program that a controller runs, as a generator that is resumed once a cycle."""

from collections.abc import Generator
from typing import Final

from robotd.core.ur_codes import RuntimeState

Body = Generator[None, None, None]

_NAMES: Final = {RuntimeState.PLAYING: "PLAYING", RuntimeState.STOPPED: "STOPPED"}


class Program:
    """Which program, and how it is.

    Attributes:
        runtime: RTDE `runtime_state`.
        name: As the dashboard says it; of the last one where none runs.
        stock: Whether it is ur_rtde's own.
        started_n: Programs started so far.
    """

    def __init__(self) -> None:
        self.runtime = RuntimeState.STOPPED
        self.name = ""
        self.stock = False
        self.started_n = 0
        self._body: Body | None = None
        self._in_step = False

    @property
    def there(self) -> bool:
        """Whether one runs or is paused."""
        return self._body is not None

    @property
    def playing(self) -> bool:
        """Whether one runs."""
        return self.runtime == RuntimeState.PLAYING

    @property
    def state_name(self) -> str:
        """As the dashboard's `programState` says it."""
        return _NAMES.get(self.runtime, "PAUSED")

    def start(self, name: str, body: Body, *, stock: bool) -> None:
        """Run this one; the one before must have been stopped."""
        self.name, self._body, self.stock = name, body, stock
        self.runtime = RuntimeState.PLAYING
        self.started_n += 1

    def step(self) -> bool:
        """Run it for a cycle; False where it has come to its end.

        Raises:
            RobotdError: It failed.
        """
        if self._body is None or self.runtime != RuntimeState.PLAYING:
            return True
        self._in_step = True
        try:
            next(self._body)
        except StopIteration:
            return False
        finally:
            self._in_step = False
        return True

    def pause(self) -> None:
        """Leave it where it is."""
        if self.playing:
            self.runtime = RuntimeState.PAUSING

    def paused(self) -> None:
        """The arm stands still."""
        if self.runtime == RuntimeState.PAUSING:
            self.runtime = RuntimeState.PAUSED

    def resume(self) -> None:
        """Go on with it."""
        if self._body is not None:
            self.runtime = RuntimeState.PLAYING

    def stop(self) -> None:
        """End it."""
        body, self._body = self._body, None
        self.runtime = RuntimeState.STOPPED
        if body is not None and not self._in_step:  # one that stops itself just never goes on
            body.close()
