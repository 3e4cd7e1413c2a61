"""What a person sees while collecting: one line that changes, and one that stays an episode."""

from collections.abc import Collection

from robotd.modes.collect.messages import CollectStatus
from robotd.modes.daemon.messages import DaemonStatus
from robotd.modes.daemon.supervisor import State
from teleop.keys import COMMANDS

LOW_ROOM_S = 600.0
"""With less room on the disk the line says how long it lasts."""


def live_line(status: DaemonStatus, collect: CollectStatus) -> str:
    """Return the line that shows how the session is doing."""
    now, counts = collect.open, collect.counts
    runs = status.state == State.RUNNING
    parts = [collect.session if runs else status.state]
    parts += [status.reason] if status.reason and not runs else []
    if now.episode:
        parts.append(f"{now.elapsed_s:.1f} of {now.max_episode_s:g} s")
        parts += [f"score {now.score:.2f}"] if now.score >= 0 else []
    kept = f"kept {counts.kept_n}"
    if counts.success_n or counts.failure_n:
        kept += f" ({counts.success_n} success, {counts.failure_n} failure)"
    parts.append(kept)
    parts += [f"dropped {counts.dropped_n}"] if counts.dropped_n else []
    parts += ["no device"] if not collect.teleop else []
    parts += ["let the device go"] if collect.neutral and collect.teleop else []
    left_s = status.recorder.left_s if status.recorder is not None else LOW_ROOM_S
    parts += [f"room for {left_s / 60:.0f} min"] if left_s < LOW_ROOM_S else []
    parts += [collect.note] if collect.note else []
    return " · ".join(parts)


def keys_line(possible: Collection[str]) -> str:
    """Return what keys say now, for example `space record · q quit`."""
    said = {command: key for key, command in COMMANDS.items() if command.value in possible}
    words = [f"{key} {command.value}" for command, key in said.items()]
    return " · ".join([*words, "? help", "Ctrl-C end"])


def episode_line(collect: CollectStatus) -> str:
    """Return the sentence about the episode that ended last."""
    last = collect.last
    label = last.label or ("no label" if last.keep else "dropped")
    score = f", score {last.score:.3f}" if last.score >= 0 else ""
    reason = f" ({last.reason})" if last.reason else ""
    saved = "" if last.saved else "; not complete yet: it is recovered at the next start"
    return (
        f"try {collect.counts.tries_n}: {last.episode}: {label}, {last.outcome}{reason} after "
        f"{last.length_s:.1f} s{score}{saved}"
    )
