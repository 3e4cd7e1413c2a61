"""Pictures and videos of the best, the median and the worst episode of an evaluation."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from policy_server.rollout import Rollout
from robotd.core.errors import ConfigError, RobotdError
from robotd.sim.pusht_protocol import ACTION_HZ

SIZE_PX = 384


def pick_episodes(rollout: Rollout) -> dict[str, int]:
    """Return the index of the best, median and worst episode.

    Equal scores are told apart by their length, so the best is the fastest of the perfect ones.
    """
    order = np.lexsort((-rollout.steps, rollout.scores))
    return {
        "best": int(order[-1]),
        "median": int(order[len(order) // 2]),
        "worst": int(order[0]),
    }


def save_media(rollout: Rollout, out: Path) -> list[Path]:
    """Write a PNG (last state, path of the agent) and an mp4 for each picked episode.

    Raises:
        ConfigError: OpenCV or PyAV is not installed.
        RobotdError: The folder cannot be written.
    """
    try:
        import cv2
        from av.error import FFmpegError
    except ImportError as error:
        raise ConfigError(
            "command line",
            "--out",
            got=f"no {error.name} to draw with",
            expected="OpenCV and PyAV",
            hint="pip install opencv-python-headless av, or leave --out away",
        ) from error
    paths: list[Path] = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, index in pick_episodes(rollout).items():
            states = rollout.states[: int(rollout.steps[index]) + 1, index]  # (T + 1, 5)
            score = float(rollout.scores[index])
            stem = out / f"{name}_seed{int(rollout.seeds[index])}_score{score:.3f}"
            picture = _picture(states)
            png, mp4 = stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.mp4")
            if not cv2.imwrite(str(png), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)):
                raise RobotdError(f"{png}: cannot be written")
            _write_mp4(mp4, _frames(states))
            paths += [png, mp4]
    except (OSError, FFmpegError) as error:
        raise RobotdError(f"{out}: pictures cannot be written: {error}") from error
    return paths


def _frames(states: NDArray[np.float64]) -> Iterator[NDArray[np.uint8]]:
    from robotd.sim.render import render_board

    for state in states:
        yield render_board(state, SIZE_PX)


def _picture(states: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Draw the last state with the agent's whole path over it, (SIZE_PX, SIZE_PX, 3) RGB."""
    from robotd.sim.render import draw_path, render_board

    return draw_path(render_board(states[-1], SIZE_PX), states[:, :2], dots=False)


def _write_mp4(path: Path, frames: Iterator[NDArray[np.uint8]]) -> None:
    """Encode (SIZE_PX, SIZE_PX, 3) RGB frames at the actions' rate."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=ACTION_HZ)
        stream.width = stream.height = SIZE_PX
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        stream.options = {"preset": "veryfast", "crf": "23"}
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
