"""A camera of the mock cell: takes pictures of the world's newest state, delivers them late."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from robotd.core.clock import MS, MonoNs, ns_to_seconds, seconds_to_ns
from robotd.core.config import CameraConfig
from robotd.core.errors import DeviceError, StaleDataError
from robotd.core.protocols import Clock
from robotd.core.types import Frame
from robotd.core.world_state import WorldState
from robotd.sim.latency_line import LatencyLine
from robotd.sim.pusht_geometry import BOARD_PX
from robotd.sim.render import render_board
from robotd.sim.render_perspective import PerspectiveView

Draw = Callable[[NDArray[np.float64]], NDArray[np.uint8]]
"""Makes an (H, W, 3) RGB picture of a (5,) board state."""

StateSource = Callable[[], WorldState | None]
"""Gives the world's newest state; None while it never spoke. Never blocks."""

OPEN_TIMEOUT_S: Final = 5.0
FRESH_S: Final = 0.1
_POLL_NS: Final = 10 * MS
_KEPT_STATES: Final = 64


def drawing(config: CameraConfig, board_m: float) -> Draw:
    """Return what draws the view that a simulated camera is configured for.

    Raises:
        ValueError: The view from above is configured with unequal sides.
    """
    if config.view == "board":
        if config.width_px != config.height_px:
            raise ValueError(
                f"the view `board` is square: got {config.width_px} x {config.height_px} px"
            )
        return lambda state: render_board(state, config.width_px)
    return _view_from_front(config.width_px, config.height_px, board_m).render


def _view_from_front(width_px: int, height_px: int, board_m: float) -> PerspectiveView:
    """Return the view of the whole board in a picture of that size."""
    front = PerspectiveView.from_front(board_m)
    scale = min(width_px / front.width_px, height_px / front.height_px)
    matrix = np.diag([front.K[0, 0] * scale, front.K[1, 1] * scale, 1.0])
    matrix[:2, 2] = 0.5 * (width_px - 1), 0.5 * (height_px - 1)
    return PerspectiveView(
        T_cam_table=front.T_cam_table,
        K=matrix,
        width_px=width_px,
        height_px=height_px,
        board_m=board_m,
    )


class SimCamera:
    """Implements the `Camera` protocol over a source of world states; see `poll` for lockstep.

    A frame carries the instant at which the world was as it shows. A world that stands still in
    time gives no frame, so that a dead world is noticed and no picture is ever repeated.

    Attributes:
        skipped_n: Pictures not taken because the reader was late or the world had nothing new.
    """

    def __init__(
        self, name: str, config: CameraConfig, draw: Draw, source: StateSource, clock: Clock
    ) -> None:
        self.name = name
        self.skipped_n = 0
        self._draw, self._source, self._clock = draw, source, clock
        self._period_ns = seconds_to_ns(1.0 / config.rate_hz)
        self._line = LatencyLine[Frame](config.latency_s)
        self._states: deque[WorldState] = deque(maxlen=_KEPT_STATES)
        self._next_ns = MonoNs(0)
        self._newest_ns = MonoNs(0)

    def __enter__(self) -> Self:
        """Wait for a world that lives; the first picture is due at once.

        Raises:
            DeviceError: None within `OPEN_TIMEOUT_S`.
        """
        give_up_ns = self._clock.now() + seconds_to_ns(OPEN_TIMEOUT_S)
        while (now_ns := self._clock.now()) <= give_up_ns:
            state = self._source()
            if state is not None and now_ns - state.t_ns <= seconds_to_ns(FRESH_S):
                self._next_ns = now_ns
                self._newest_ns = MonoNs(state.t_ns - 1)
                return self
            self._clock.sleep_until(MonoNs(now_ns + _POLL_NS))
        raise DeviceError(
            f"{self.name}: the simulated world said nothing for {OPEN_TIMEOUT_S:g} s; "
            f"check that its process runs"
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Drop what was not delivered."""
        self._line.clear()

    def poll(self) -> Frame | None:
        """Take a picture where one is due, return a frame where one arrives. Never blocks."""
        now_ns = self._clock.now()
        if now_ns >= self._next_ns:
            self._capture(now_ns)
        frame = self._line.take(now_ns)
        return None if frame is None else replace(frame, t_arrival_ns=now_ns)

    def read(self, timeout_s: float) -> Frame:
        """Block for the next frame.

        Raises:
            StaleDataError: None came within `timeout_s`.
        """
        give_up_ns = MonoNs(self._clock.now() + seconds_to_ns(timeout_s))
        while (frame := self.poll()) is None:
            now_ns = self._clock.now()
            if now_ns >= give_up_ns:
                age_s = ns_to_seconds(now_ns - self._newest_ns)
                raise StaleDataError(self.name, age_s=age_s, limit_s=timeout_s)
            arrival_ns = self._line.due_ns
            wake_ns = min(self._next_ns, give_up_ns)
            self._clock.sleep_until(wake_ns if arrival_ns is None else min(wake_ns, arrival_ns))
        return frame

    def state_at(self, t_ns: MonoNs) -> WorldState | None:
        """Return what the world was like in the picture of that instant; None if long ago."""
        return next((state for state in reversed(self._states) if state.t_ns == t_ns), None)

    def state_near(self, t_ns: MonoNs) -> WorldState | None:
        """Return what the world was like in the picture nearest to that instant.

        None where it is half a period away: what dated the picture may be off a little. May be
        called while another thread reads.
        """
        states = tuple(self._states)
        nearest = min(states, key=lambda state: abs(state.t_ns - t_ns), default=None)
        if nearest is None or abs(nearest.t_ns - t_ns) > self._period_ns // 2:
            return None
        return nearest

    def _capture(self, now_ns: MonoNs) -> None:
        missed = (now_ns - self._next_ns) // self._period_ns
        self._next_ns = MonoNs(self._next_ns + (1 + missed) * self._period_ns)
        self.skipped_n += missed
        state = self._source()
        if state is None or state.t_ns <= self._newest_ns:
            self.skipped_n += 1
            return
        self._newest_ns = state.t_ns
        self._states.append(state)
        # Far outside the picture it is all the same where, and drawing needs whole numbers.
        shown = state.board_state.clip(-BOARD_PX, 2 * BOARD_PX)
        frame = Frame(
            t_ns=state.t_ns,
            rgb=self._draw(shown),
            t_arrival_ns=state.t_ns,  # until it arrives
            t_device_ns=state.t_ns,
        )
        self._line.put(state.t_ns, frame)
