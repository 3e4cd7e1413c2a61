"""A policy that does not fit the cell is refused with both sides named."""

import pytest

from robotd.core.errors import SpecMismatchError
from robotd.core.image import ImageSpec
from robotd.core.spec import ObsFeature, SamplerSpec
from robotd.pipeline.handshake import ActionOffer, CellOffer, SignalOffer, check_spec

AGENT = ObsFeature(key="agent_xy", shape=(2,), dtype="float32", unit="px")
TOP = ObsFeature(
    key="top", shape=(96, 96, 3), dtype="uint8", unit="RGB", image=ImageSpec(height=96, width=96)
)
OFFER = CellOffer(
    name="mock",
    signals={"agent_xy": SignalOffer(width=2, unit="px")},
    cameras=frozenset({"top"}),
    actions={"board_xy": ActionOffer(dim=2, unit="px", meanings=("command",))},
    dt_min_s=0.05,
    dt_max_s=0.5,
)


def changed(feature, **changes):
    values = {name: getattr(feature, name) for name in feature.__struct_fields__}
    return ObsFeature(**{**values, **changes})


@pytest.mark.parametrize("features", [(AGENT,), (TOP,), (AGENT, TOP)])
def test_a_policy_that_fits_is_taken(make_spec, features):
    check_spec(make_spec(observation=features), OFFER)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"observation": (changed(AGENT, key="force"),)}, ["force", "agent_xy"]),
        ({"observation": (changed(AGENT, shape=(3,)),)}, [r"(3,)", r"(2,)"]),
        ({"observation": (changed(AGENT, shape=(1, 2)),)}, [r"(1, 2)", r"(2,)"]),
        ({"observation": (changed(AGENT, unit="m"),)}, ["'m'", "'px'"]),
        ({"observation": (changed(AGENT, image=TOP.image),)}, ["float32", "uint8"]),
        ({"observation": (changed(TOP, key="side"),)}, ["side", "top"]),
        ({"observation": (changed(TOP, image=None),)}, ["image transform"]),
        ({"observation": (changed(TOP, shape=(3, 96, 96)),)}, ["(3, 96, 96)", "(96, 96, 3)"]),
        ({"dt_s": 0.04}, ["0.04 s", "0.05"]),
        ({"dt_s": 0.6}, ["0.6 s", "0.5 s"]),
        ({"n_action_steps": 16}, ["16", "15"]),
        ({"observation": ()}, ["wants none"]),
        ({"n_obs_steps": 9}, ["0.8 s", "0.75"]),
        ({"n_obs_steps": 2**62}, ["4.61169e+17 s", "0.75"]),
        ({"horizon": 601}, ["60.1 s", "60 s"]),
        ({"i0": 2**62}, ["4.612e+17 s", "60 s"]),
        ({"i0": -(2**62)}, ["4.612e+17 s", "60 s"]),
        ({"action_space": "tcp_pose"}, ["tcp_pose", "board_xy"]),
        ({"action_dim": 3}, ["3", "2"]),
        ({"action_unit": "m"}, ["'m'", "'px'"]),
        ({"meaning": "reached"}, ["reached", "command"]),
    ],
)
def test_each_difference_is_named_with_both_sides(make_spec, changes, words):
    spec = make_spec(**{"observation": (AGENT,), **changes})

    with pytest.raises(SpecMismatchError) as caught:
        check_spec(spec, OFFER)

    message = str(caught.value)
    assert all(word in message for word in ["policy test", "cell mock", *words])
    assert "\n" not in message


@pytest.mark.parametrize("dt_s", [0.05, 0.5])
def test_the_timing_limits_themselves_are_taken(make_spec, dt_s):
    check_spec(make_spec(observation=(AGENT,), dt_s=dt_s), OFFER)


def test_all_differences_are_told_at_once(make_spec):
    spec = make_spec(observation=(changed(AGENT, unit="m"),), dt_s=2.0, meaning="reached")

    with pytest.raises(SpecMismatchError) as caught:
        check_spec(spec, OFFER)

    assert all(word in str(caught.value) for word in ["unit", "dt_s", "meaning"])


def test_a_sampler_that_the_policy_lacks_is_refused(make_spec):
    spec = make_spec(observation=(AGENT,), samplers=(SamplerSpec(name="ddim", steps=10),))

    check_spec(spec, OFFER, sampler="ddim")
    with pytest.raises(SpecMismatchError, match="ddim"):
        check_spec(spec, OFFER, sampler="flow")
