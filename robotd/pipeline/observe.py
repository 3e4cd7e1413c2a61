"""The observation that a policy is shown, chosen from the streams by capture time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from robotd.core.clock import MonoNs, ns_to_seconds, seconds_to_ns
from robotd.core.config import ObserveConfig
from robotd.core.errors import SkewedDataError, StaleDataError
from robotd.core.geometry.rotations import matrix_to_quat, quat_to_matrix, slerp
from robotd.core.types import ArmState, Frames, Observation, Signal

Array = NDArray[np.float64]
Times = NDArray[np.int64]
Stream = Signal | Frames


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One key of the observation: where it comes from and how rows are taken from it.

    Attributes:
        key: The policy's name for it.
        stream: The stream that it is taken from.
        pick: `nearest` for frames; `linear` for signals; `pose` for signals of 7 numbers, position
            [m] and quaternion wxyz: the position by line, the rotation by slerp.
        angles: Columns of a `linear` signal that are angles [rad]: the short way round.
        convert: From (n, D) rows of the stream to (n, D') rows in the policy's units.
    """

    key: str
    stream: str
    pick: Literal["nearest", "linear", "pose"]
    angles: tuple[int, ...] = ()
    convert: Callable[[Array], Array] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Rows wanted: `rows_n` of them, `dt_s` apart, the last at the observation's time."""

    rows_n: int
    dt_s: float


def tool_stream(states: Sequence[ArmState]) -> Signal:
    """Return what the arm reported as a `pose` signal of the tool, oldest first."""
    T_base_tcp = np.array([state.T_base_tcp for state in states]).reshape(-1, 4, 4)
    return Signal(
        t_ns=np.array([state.t_ns for state in states], dtype=np.int64),
        value=np.hstack([T_base_tcp[:, :3, 3], matrix_to_quat(T_base_tcp[:, :3, :3])]),
    )


def observe(
    parts: Sequence[Part],
    streams: Mapping[str, Stream],
    window: Window,
    now: MonoNs,
    config: ObserveConfig,
    *,
    start_ns: MonoNs | None = None,
) -> Observation:
    """Choose the newest observation of which every part is available.

    Its time t is the newest that all streams have reached: normally the capture time of the newest
    frame or tracked pose, at which the arm's pose is interpolated. Rows lie at t - k dt. Samples
    with a number that is not finite (a tracker that lost its object) do not count, nor do those
    that are dated later than now: a clock that is off says nothing of the present.

    Args:
        parts: What to take.
        streams: Newest part of each stream, oldest first, at least the window long.
        window: Rows wanted.
        now: The present.
        config: Largest age and skew.
        start_ns: The episode's start: rows that would lie before it are those of the start, as
            the benchmark repeats its first observation. None: none may lie before the first sample.

    Raises:
        StaleDataError: The newest sample of a stream is older than `config.max_age_s`.
        SkewedDataError: No sample lies within `config.max_skew_s` of a row.
    """
    names = {part.stream for part in parts}
    usable = {name: _usable(name, streams.get(name), now, config) for name in sorted(names)}
    t_obs = min(int(stream.t_ns[-1]) for stream in usable.values())
    rows_ns = t_obs - seconds_to_ns(window.dt_s) * np.arange(window.rows_n - 1, -1, -1)
    if start_ns is not None:
        rows_ns = np.maximum(rows_ns, min(start_ns, t_obs))
    taken = {part.key: _take(part, usable[part.stream], rows_ns, config) for part in parts}
    return Observation(t_ns=MonoNs(t_obs), window=taken)


def _usable(name: str, stream: Stream | None, now: MonoNs, config: ObserveConfig) -> Stream:
    """Return the samples that count, where the newest of them is not too old."""
    if stream is not None and not (good := _good(stream, now)).all():
        stream = (
            Signal(t_ns=stream.t_ns[good], value=stream.value[good])
            if isinstance(stream, Signal)
            else Frames(t_ns=stream.t_ns[good], rgb=stream.rgb[good])
        )
    if stream is None or len(stream.t_ns) == 0:
        raise StaleDataError(name, age_s=inf, limit_s=config.max_age_s)
    age_s = ns_to_seconds(now - int(stream.t_ns[-1]))
    if age_s > config.max_age_s:
        raise StaleDataError(name, age_s=age_s, limit_s=config.max_age_s)
    return stream


def _good(stream: Stream, now: MonoNs) -> NDArray[np.bool_]:
    past = stream.t_ns <= now
    return past & np.isfinite(stream.value).all(axis=1) if isinstance(stream, Signal) else past


def _take(part: Part, stream: Stream, rows_ns: Times, config: ObserveConfig) -> Stream:
    nearest = _nearest(stream.t_ns, rows_ns)
    skew_s = float(np.abs(stream.t_ns[nearest] - rows_ns).max()) / 1e9
    if skew_s > config.max_skew_s:
        raise SkewedDataError(part.stream, skew_s=skew_s, limit_s=config.max_skew_s)
    if isinstance(stream, Frames):
        return Frames(t_ns=stream.t_ns[nearest], rgb=stream.rgb[nearest])
    value = _between(part, stream, rows_ns)
    return Signal(t_ns=rows_ns, value=value if part.convert is None else part.convert(value))


def _nearest(t_ns: Times, rows_ns: Times) -> NDArray[np.intp]:
    after = np.clip(np.searchsorted(t_ns, rows_ns), 0, len(t_ns) - 1)
    before = np.maximum(after - 1, 0)
    return np.where(rows_ns - t_ns[before] < t_ns[after] - rows_ns, before, after)


def _between(part: Part, signal: Signal, rows_ns: Times) -> Array:
    """Interpolate at each row between the samples around it; the end samples are held."""
    t_ns, value = signal.t_ns, signal.value
    after = np.clip(np.searchsorted(t_ns, rows_ns), min(1, len(t_ns) - 1), len(t_ns) - 1)
    before = np.maximum(after - 1, 0)
    span_ns = np.maximum(t_ns[after] - t_ns[before], 1)
    share = np.clip((rows_ns - t_ns[before]) / span_ns, 0.0, 1.0)
    step = value[after] - value[before]
    for column in part.angles:
        step[:, column] = (step[:, column] + np.pi) % (2 * np.pi) - np.pi
    taken = value[before] + step * share[:, np.newaxis]
    if part.pick == "pose":
        R_before, R_after = quat_to_matrix(value[before, 3:]), quat_to_matrix(value[after, 3:])
        taken[:, 3:] = matrix_to_quat(slerp(R_before, R_after, share))
    return taken
