"""All human demonstrations through plan, follower and gate, at 125 and 500 Hz."""

from tests.servo.demonstrations import CELLS, DATA, EPISODES
from tests.servo.demonstrations import run as follow


def run() -> dict[str, object]:
    """Return refusals and tracking error for each arm; needs the data file."""
    if not DATA.exists():
        return {"skipped": f"no {DATA.name} beside the checkout"}
    return {model: follow(model, range(EPISODES)).figures() for model in CELLS}
