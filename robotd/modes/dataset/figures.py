"""An episode in numbers: what its page says beside the drawings."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from robotd.core.arm_codes import Source
from robotd.core.clock import MS, S
from robotd.core.figures import quantile
from robotd.episodes.reader import Episode
from robotd.episodes.streams import CameraTimes, Ticks
from robotd.modes.arm_figures import action_ages, brakes_n, by_limit, refusals

Array = NDArray[np.float64]


class CameraFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One camera; -1 where nothing was measured."""

    frames_n: int
    lost_n: int
    """Numbers of the camera's ring that are missing between the frames."""
    rate_hz: float
    latency_p50_ms: float
    """Capture to arrival."""
    latency_max_ms: float
    longest_wait_ms: float
    """Between two frames."""


class EpisodeFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One episode; -1 where nothing was measured."""

    id: str
    kind: str
    outcome: str
    label: str
    score: float
    duration_s: float
    sources_s: dict[str, float]
    """How long each was the one who wanted the motion."""
    ticks_n: int
    rate_hz: float
    late_p50_ms: float
    late_p99_ms: float
    late_max_ms: float
    skipped_periods_n: int
    refused_n: int
    refused_by_limit: dict[str, int]
    brakes_n: int
    tracking_p99_mm: float
    cameras: dict[str, CameraFigures]
    teleop_n: int
    chunks_n: int
    action_age_p50_ms: float
    action_age_p99_ms: float
    round_trip_p50_ms: float
    gaps_n: int
    dropped_n: int
    lost_s: float
    bytes_n: int


def figures(episode: Episode) -> EpisodeFigures:
    """Reduce an episode to its numbers."""
    about, streams = episode.about, episode.streams
    ticks = streams.ticks
    late_ms = ticks.late_ns / MS
    off_m = np.linalg.norm(ticks.T_base_tcp[:, :3, 3] - ticks.T_base_cmd[:, :3, 3], axis=1)
    _, ages_ms = action_ages(streams)
    trips = [note.round_trip_s * 1e3 for note in streams.requests if note.round_trip_s >= 0]
    refused = refusals(ticks.accepted, ticks.limit)
    return EpisodeFigures(
        id=about.id,
        kind=about.origin.kind,
        outcome=about.outcome,
        label=about.label,
        score=about.score,
        duration_s=about.duration_s,
        sources_s=_sources_s(ticks),
        ticks_n=len(ticks),
        rate_hz=_rate_hz(ticks.t_ns),
        late_p50_ms=quantile(late_ms, 0.5),
        late_p99_ms=quantile(late_ms, 0.99),
        late_max_ms=quantile(late_ms, 1.0),
        skipped_periods_n=int(ticks.skipped_n.sum()),
        refused_n=int(refused.sum()),
        refused_by_limit=by_limit(ticks.limit[refused]),
        brakes_n=brakes_n(ticks.phase),
        tracking_p99_mm=quantile(off_m * 1e3, 0.99),
        cameras={name: _camera(times) for name, times in streams.cameras.items()},
        teleop_n=len(streams.teleop),
        chunks_n=len(streams.chunks),
        action_age_p50_ms=quantile(ages_ms, 0.5),
        action_age_p99_ms=quantile(ages_ms, 0.99),
        round_trip_p50_ms=quantile(trips, 0.5),
        gaps_n=len(streams.gaps),
        dropped_n=sum(about.dropped.values()),
        lost_s=about.lost_s,
        bytes_n=about.log_bytes,
    )


def _sources_s(ticks: Ticks) -> dict[str, float]:
    if len(ticks) < 2:
        return {}
    period_s = float(np.median(np.diff(ticks.t_ns))) / S
    return {
        Source(value).name.lower(): int((ticks.source == value).sum()) * period_s
        for value in np.unique(ticks.source).tolist()
    }


def _camera(times: CameraTimes) -> CameraFigures:
    latency_ms = (times.t_arrival_ns - times.t_capture_ns) / MS
    steps = np.diff(times.ring_index)
    return CameraFigures(
        frames_n=len(times),
        lost_n=int((steps[steps > 1] - 1).sum()),
        rate_hz=_rate_hz(times.t_capture_ns),
        latency_p50_ms=quantile(latency_ms, 0.5),
        latency_max_ms=quantile(latency_ms, 1.0),
        longest_wait_ms=quantile(np.diff(times.t_capture_ns) / MS, 1.0),
    )


def _rate_hz(t_ns: NDArray[np.int64]) -> float:
    return (len(t_ns) - 1) * S / max(1, int(t_ns[-1] - t_ns[0])) if len(t_ns) > 1 else -1.0
