"""Human demonstrations pass follower and gate without one refusal.

A fixed sample, spread over the data; `python -m tests.servo.demonstrations` takes all 206.
"""

import pytest


@pytest.mark.parametrize(
    ("model", "first", "every"),
    [("ur5", 3, 24), ("ur5", 15, 24), ("ur5e", 7, 96), ("ur5e", 55, 96)],
)
def test_demonstrations_are_followed_without_a_refusal(demonstrations, model, first, every):
    if not demonstrations.DATA.exists():
        pytest.skip(f"the demonstrations are not at {demonstrations.DATA}")

    outcome = demonstrations.run(model, range(first, demonstrations.EPISODES, every))

    assert outcome.refusals == {}
    assert outcome.tool_speed_m_s < 0.25
    error_mm = outcome.error_m * 1e3
    figures = outcome.figures()
    assert figures["tracking_error_p50_mm"] < 0.2, figures
    assert figures["tracking_error_p99_mm"] < 8.0, figures
    assert error_mm[-1] < 0.5
