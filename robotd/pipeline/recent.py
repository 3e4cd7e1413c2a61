"""The newest part of every stream: what the daemon and lockstep alike observe from."""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

from robotd.core.clock import MonoNs, S
from robotd.core.types import ArmState, Frame, Frames, Signal
from robotd.pipeline.observe import Stream, tool_stream
from robotd.pipeline.request import TOOL_STREAM

AHEAD_NS: Final = S // 10
"""A sample that is dated further ahead than a cycle may lag is wrong, and would hide later ones."""

KEPT_NS: Final = 1 * S
"""How much of each stream is kept: longer than any observation's window."""


class Recent:
    """Takes what comes, oldest first, and forgets what is older than `KEPT_NS`."""

    def __init__(self) -> None:
        self._states: deque[ArmState] = deque()
        self._signals: dict[str, deque[Signal]] = {}
        self._frames: dict[str, deque[Frame]] = {}

    def add_states(self, states: Iterable[ArmState]) -> None:
        """Take what the arm reported; a state that is not newer than the last is left out."""
        for state in states:
            if not self._states or state.t_ns > self._states[-1].t_ns:
                self._states.append(state)

    def add_signals(self, key: str, signals: Iterable[Signal]) -> None:
        """Take samples of a tracker's signal, one or more rows each."""
        self._signals.setdefault(key, deque()).extend(signals)

    def add_frames(self, camera: str, frames: Iterable[Frame]) -> None:
        """Take a camera's pictures."""
        self._frames.setdefault(camera, deque()).extend(frames)

    def drop_camera(self, camera: str) -> None:
        """Forget a camera's pictures."""
        self._frames.pop(camera, None)

    def forget(self, now: MonoNs) -> None:
        """Drop what is too old by now, and what is dated in the future."""
        before_ns, after_ns = now - KEPT_NS, now + AHEAD_NS
        while self._states and self._states[-1].t_ns > after_ns:
            self._states.pop()
        for signals in self._signals.values():
            while signals and signals[-1].t_ns[-1] > after_ns:
                signals.pop()
        for frames in self._frames.values():
            while frames and frames[-1].t_ns > after_ns:
                frames.pop()
        while self._states and self._states[0].t_ns < before_ns:
            self._states.popleft()
        for signals in self._signals.values():
            while signals and signals[0].t_ns[-1] < before_ns:
                signals.popleft()
        for frames in self._frames.values():
            while frames and frames[0].t_ns < before_ns:
                frames.popleft()

    def streams(self) -> Mapping[str, Stream]:
        """Return every stream that has samples, under the names that `observe` knows."""
        streams: dict[str, Stream] = {
            key: _joined(signals) for key, signals in self._signals.items() if signals
        }
        if self._states:
            streams[TOOL_STREAM] = tool_stream(list(self._states))
        for camera, frames in self._frames.items():
            if frames:
                streams[camera] = Frames(
                    t_ns=np.array([frame.t_ns for frame in frames], dtype=np.int64),
                    rgb=np.stack([frame.rgb for frame in frames]),
                )
        return streams


def _joined(signals: deque[Signal]) -> Signal:
    """Return the samples as one signal; one that is not newer than those before is left out."""
    t_ns = np.concatenate([signal.t_ns for signal in signals])
    value = np.concatenate([signal.value for signal in signals])
    newer = np.concatenate([[True], t_ns[1:] > np.maximum.accumulate(t_ns)[:-1]])
    return Signal(t_ns=t_ns[newer], value=value[newer])
