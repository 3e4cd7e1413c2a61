"""How a Push-T episode starts and ends in the paper's evaluation.

Source: Chi et al. 2023, "Diffusion Policy"; its evaluation draws each start from a legacy numpy
generator. gym-pusht draws other starts from the same seeds, so name the protocol beside a score.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

PROTOCOL_NAME: Final = "diffusion-policy-2023"
EPISODE_STEPS: Final = 300
"""An episode ends after so many actions, or at the first coverage above `SUCCESS_COVERAGE`."""
ACTION_HZ: Final = 10
FIRST_TEST_SEED: Final = 100_000
"""The paper's seeds of evaluation begin here."""


def draw_start(seed: int) -> NDArray[np.float64]:
    """Return the (5,) start of `seed`: agent x, y, block x, y [px], unwrapped block angle [rad].

    These are the numbers drawn. `PushTBoard.place_legacy` sets them as the paper's code does,
    which turns the block about its centre of gravity, so the state that it then reads differs.
    """
    generator = np.random.RandomState(seed)
    return np.array(
        [
            generator.randint(50, 450),
            generator.randint(50, 450),
            generator.randint(100, 400),
            generator.randint(100, 400),
            generator.randn() * 2 * np.pi - np.pi,
        ],
        dtype=np.float64,
    )
