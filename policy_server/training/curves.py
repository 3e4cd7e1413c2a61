"""A picture of a run's curves."""

from pathlib import Path

from policy_server.training.log import read_log


def draw_curves(folder: Path) -> Path | None:
    """Draw `curves.png` of the run in `folder`; None where matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return None
    lines = read_log(folder)
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    losses = figure.add_subplot()
    for key, label in (("loss", "training loss"), ("validation_loss", "validation loss")):
        points = [(line["step"], line[key]) for line in lines if key in line]
        if points:
            losses.plot(*zip(*points, strict=True), label=label)
            losses.set_yscale("log")
    losses.set_xlabel("step")
    losses.set_ylabel("mean squared error (normalised)")
    losses.legend(loc="upper right")
    scores = [(line["step"], line["score"]) for line in lines if "score" in line]
    if scores:
        right = losses.twinx()
        right.plot(*zip(*scores, strict=True), "o-", color="tab:green", label="score")
        right.set_ylabel("mean max reward")
        right.set_ylim(0, 1)
        right.legend(loc="lower right")
    path = folder / "curves.png"
    figure.savefig(path, dpi=120)
    return path
