"""A person's button goes down while the arm follows somebody else's plan at full pace."""

import numpy as np
import pytest

from robotd.core.arm_codes import Limit, Source


@pytest.mark.parametrize(
    ("model", "push"),
    [
        ("ur5", (0.0, 0.0)),
        ("ur5", (1.0, 0.0)),
        ("ur5", (0.0, 1.0)),
        ("ur5e", (0.0, 0.0)),
        ("ur5e", (-1.0, 0.0)),
    ],
)
def test_it_joins_without_a_refusal_and_the_arm_stops_or_goes_where_it_is_pushed(
    make_drive, model, push
):
    drive = make_drive(model=model, start_m=(0.4, 0.0, 0.01))
    drive.bench.line_to((0.64, 0.0, 0.01), 1.2)  # 0.2 m/s

    drive.run(lambda t_s: (push, True) if t_s >= 0.5 else ((0.0, 0.0), False), 0.5)
    assert drive.ticks[-1].source is not Source.HUMAN
    drive.run(lambda _: (push, True), 0.7)

    pressed_m = drive.tool_m[0]
    assert {tick.verdict.limit for tick in drive.ticks} == {Limit.NONE}
    assert drive.bench.loop.refused_plans_n == 0
    assert drive.bench.arm.oracle.breaches == []
    assert drive.ticks[-1].source is Source.HUMAN
    if push == (0.0, 0.0):
        speed_m_s = np.linalg.norm(drive.speed_m_s, axis=1)
        assert speed_m_s[-20:].max() < 1e-3
        assert 0.0 < drive.tool_m[:, 0].max() - pressed_m[0] < 0.045
    else:
        way_m = (drive.tool_m[-1] - drive.tool_m[len(drive.ticks) // 2])[:2]
        assert way_m @ push > 0.03
