"""Whether an episode was recorded in a cell like the present one."""

from collections.abc import Iterator

from robotd.core.config import CellConfig, Pose


def difference(recorded: CellConfig, present: CellConfig, *, cameras: bool) -> str:
    """Return the first difference that matters, in words; empty where there is none.

    Args:
        recorded: The cell of an episode.
        present: The cell of today.
        cameras: Whether what the cameras see matters: for learning, not for the arm's path.
    """
    for key, was, now in _values(recorded, present, cameras=cameras):
        if was != now:
            return f"{key} was {was}, is {now}"
    return ""


def _values(a: CellConfig, b: CellConfig, *, cameras: bool) -> Iterator[tuple[str, str, str]]:
    """Yield key, value then and value now."""
    yield "the cell's name", a.name, b.name
    yield "mock", str(a.mock).lower(), str(b.mock).lower()
    yield "arm.model", a.arm.model, b.arm.model
    yield "arm.tool", _words(a.arm.tool), _words(b.arm.tool)
    yield "task.kind", a.task.kind, b.task.kind
    yield "task.board_m", f"{a.task.board_m:g}", f"{b.task.board_m:g}"
    yield "task.T_base_table", _words(a.task.T_base_table), _words(b.task.T_base_table)
    yield "task.tip_height_m", f"{a.task.tip_height_m:g}", f"{b.task.tip_height_m:g}"
    if not cameras:
        return
    yield "cameras", ", ".join(sorted(a.cameras)), ", ".join(sorted(b.cameras))
    for name in sorted(a.cameras):
        was, now = a.cameras[name], b.cameras[name]
        for key in ("width_px", "height_px", "rate_hz", "view", "tracks"):
            yield f"cameras.{name}.{key}", str(getattr(was, key)), str(getattr(now, key))


def _words(pose: Pose) -> str:
    """Return a pose in words."""
    return f"{list(pose.position_m)} m {list(pose.quat_wxyz)}"
