"""The names of an episode's streams."""

from typing import Final

ARM: Final = "/arm"
PLAN: Final = "/plan"
CHUNK: Final = "/chunk"
CHUNK_USE: Final = "/chunk_use"
REQUEST: Final = "/request"
TELEOP: Final = "/teleop"
WORLD: Final = "/world"
EVENT: Final = "/event"
GAP: Final = "/gap"

_SIGNAL: Final = "/signal/"
_CAMERA: Final = "/camera/"
_TIMES: Final = "/times"


def signal_topic(key: str) -> str:
    """Return the topic of a tracker's samples."""
    return f"{_SIGNAL}{key}"


def signal_of(topic: str) -> str | None:
    """Return whose samples that topic holds; None where it holds something else."""
    return topic.removeprefix(_SIGNAL) if topic.startswith(_SIGNAL) else None


def camera_topic(name: str) -> str:
    """Return the topic of a camera's pictures."""
    return f"{_CAMERA}{name}"


def times_topic(name: str) -> str:
    """Return the topic of the times of a camera's pictures, one message a picture."""
    return f"{_CAMERA}{name}{_TIMES}"


def camera_of(topic: str) -> str | None:
    """Return whose pictures that topic holds; None where it holds something else."""
    if not topic.startswith(_CAMERA) or topic.endswith(_TIMES):
        return None
    return topic.removeprefix(_CAMERA)
