"""A SpaceMouse that is not there: raw reports of what an operator does, behind easyhid's interface.

Reports come as from the device: every 8 ms while the cap is deflected, once more as it comes to
rest, then none; a button's once, when it changes.
"""

from collections import deque
from types import TracebackType
from typing import Final, Protocol, Self

from robotd.core.clock import MS, MonoNs
from robotd.core.errors import ConfigError
from robotd.core.protocols import Clock
from robotd.core.types import TeleopSample
from robotd.sim.hid_reports import Layout, axes_reports, button_report

PERIOD_NS: Final = 8 * MS
BUTTONS_N: Final = 2
_VENDOR: Final = 0x256F
_PRODUCTS: Final[dict[Layout, int]] = {"split": 0xC635, "whole": 0xC62E}
"""SpaceMouse Compact, and SpaceMouse Wireless."""


class Operator(Protocol):
    """Whose hand lies on the cap: any `TeleopDevice` that always answers."""

    def read(self) -> TeleopSample:
        """Return what the hand does now."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class FakeHandle:
    """A device with two buttons, as easyhid hands one out; it never blocks."""

    def __init__(
        self, operator: Operator, clock: Clock, *, buttons: int = 0, layout: Layout = "split"
    ) -> None:
        """Lay a hand on the cap.

        Args:
            operator: Asked as often as the device reports.
            clock: The robot computer's.
            buttons: Highest number of a button that the operator presses.
            layout: How the device reports its axes.

        Raises:
            ConfigError: It has no such button.
        """
        if buttons >= BUTTONS_N:
            raise ConfigError(
                "cell",
                "teleop.deadman_button",
                got=str(buttons),
                expected=f"0 to {BUTTONS_N - 1}",
                hint="the mock's SpaceMouse has two buttons",
            )
        self._operator, self._clock = operator, clock
        self._layout: Layout = layout
        self._waiting: deque[bytes] = deque()
        self._due_ns = MonoNs(0)
        self._rests = True
        self._pressed: frozenset[int] = frozenset()
        self._is_open = self._gone = False
        self.path = "mock"
        self.vendor_id, self.product_id = _VENDOR, _PRODUCTS[layout]
        self.release_number = 0
        self.manufacturer_string: str | None = "3Dconnexion"
        self.product_string: str | None = "emulated SpaceMouse"
        self.serial_number: str | None = None

    def open(self) -> None:
        """Open it."""
        if self._gone:
            raise OSError("no such device")
        self._operator.__enter__()
        self._is_open = True

    def close(self) -> None:
        """Close it."""
        if self._is_open:
            self._is_open = False
            self._operator.__exit__(None, None, None)

    def set_nonblocking(self, enable_nonblocking: bool) -> None:
        """Reads never block here."""
        del enable_nonblocking

    def unplug(self) -> None:
        """Have every read fail from now on."""
        self._gone = True

    def read(self, size: int) -> bytearray:
        """Return the next report padded with zeros as easyhid does, or nothing.

        Raises:
            OSError: It is unplugged.
        """
        if self._gone:
            raise OSError("Failed to read from HID device: -1")
        now = self._clock.now()
        if not self._waiting and now >= self._due_ns:
            self._due_ns = MonoNs(now + PERIOD_NS)
            self._report(self._operator.read())
        if not self._waiting:
            return bytearray()
        return bytearray(self._waiting.popleft()[:size].ljust(size, b"\0"))

    def _report(self, sample: TeleopSample) -> None:
        """Queue what the device says of the hand."""
        if sample.buttons != self._pressed:
            self._pressed = sample.buttons
            self._waiting.append(button_report(sample.buttons))
        reports = axes_reports(sample.deflection, self._layout)
        rests = not any(any(report[1:]) for report in reports)
        if not (rests and self._rests):
            self._waiting.extend(reports)
        self._rests = rests
