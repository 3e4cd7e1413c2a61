"""Does this policy fit this cell? Asked at hello, before anything can be armed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from robotd.core.errors import SpecMismatchError
from robotd.core.spec import ObsFeature, PolicySpec
from robotd.core.types import Meaning


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalOffer:
    """A low-dimensional quantity that the cell observes: (width,) numbers in `unit`."""

    width: int
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionOffer:
    """An action space that the cell can carry out: (dim,) numbers in `unit`."""

    dim: int
    unit: str
    meanings: tuple[Meaning, ...] = ("command", "reached")


@dataclass(frozen=True, slots=True, kw_only=True)
class CellOffer:
    """What a cell has for a policy.

    Attributes:
        name: The cell's, for messages.
        signals: Key to the signal observed under it.
        cameras: Keys under which pictures come; any size is made of them by `core/image.py`.
        actions: Action space to how it is carried out.
        dt_min_s: Shortest spacing of action rows that it can follow [s].
        dt_max_s: Longest spacing [s].
        window_max_s: Longest span of an observation's rows: streams are kept for 1 s, and the
            newest sample may be a quarter of it old [s].
        chunk_max_s: Furthest that a chunk may reach from its observation [s].
    """

    name: str
    signals: Mapping[str, SignalOffer]
    cameras: frozenset[str] = frozenset()
    actions: Mapping[str, ActionOffer] = field(default_factory=dict[str, ActionOffer])
    dt_min_s: float = 0.005
    dt_max_s: float = 1.0
    window_max_s: float = 0.75
    chunk_max_s: float = 60.0


def check_spec(spec: PolicySpec, offer: CellOffer, *, sampler: str = "") -> None:
    """Refuse a policy that the cell cannot observe for, or whose actions it cannot carry out.

    Args:
        spec: The policy's, from `hello` or a checkpoint.
        offer: The cell's.
        sampler: The sampler that the configuration asks for; empty for the policy's first.

    Raises:
        SpecMismatchError: Lists every difference, each with what both sides say.
    """
    faults = [
        *([] if spec.observation else ["observation: the policy wants none"]),
        *(fault for feature in spec.observation for fault in _feature(feature, offer)),
        *_timing(spec, offer),
        *_action(spec, offer),
        *_sampler(spec, sampler),
    ]
    if faults:
        raise SpecMismatchError(
            f"policy {spec.name} does not fit cell {offer.name}: {'; '.join(faults)}; "
            f"serve another checkpoint, or change the cell's configuration"
        )


def _feature(feature: ObsFeature, offer: CellOffer) -> Iterator[str]:
    if feature.dtype == "uint8":
        yield from _image(feature, offer)
        return
    key = f"observation {feature.key}"
    if feature.image is not None:
        yield f"{key}: the policy wants a picture of {feature.dtype}, the cell gives uint8"
        return
    signal = offer.signals.get(feature.key)
    if signal is None:
        yield f"{key}: the policy wants it, the cell has signals {_names(offer.signals)}"
        return
    if feature.shape != (signal.width,):
        yield f"{key}: the policy wants shape {feature.shape}, the cell gives ({signal.width},)"
    if feature.unit != signal.unit:
        yield f"{key}: the policy wants unit {feature.unit!r}, the cell gives {signal.unit!r}"


def _image(feature: ObsFeature, offer: CellOffer) -> Iterator[str]:
    key = f"observation {feature.key}"
    if feature.key not in offer.cameras:
        yield f"{key}: the policy wants pictures, the cell has cameras {_names(offer.cameras)}"
    if feature.image is None:
        yield f"{key}: the policy names no image transform, the cell needs one"
        return
    made = (feature.image.height, feature.image.width, 3)
    if feature.shape != made:
        yield f"{key}: the policy wants shape {feature.shape}, its image transform makes {made}"


def _timing(spec: PolicySpec, offer: CellOffer) -> Iterator[str]:
    if not offer.dt_min_s <= spec.dt_s <= offer.dt_max_s:
        yield (
            f"dt_s: the policy steps every {spec.dt_s:g} s, the cell follows "
            f"{offer.dt_min_s:g} to {offer.dt_max_s:g} s"
        )
    window_s = (spec.n_obs_steps - 1) * spec.dt_s
    if window_s > offer.window_max_s:
        yield f"n_obs_steps: the policy sees {window_s:g} s, the cell shows {offer.window_max_s:g}"
    reach_s = (abs(spec.i0) + spec.horizon) * spec.dt_s
    if reach_s > offer.chunk_max_s:
        yield (
            f"horizon, i0: the policy's rows reach {reach_s:.4g} s, "
            f"the cell takes {offer.chunk_max_s:g} s"
        )
    if spec.n_action_steps > spec.horizon:
        yield f"n_action_steps: the policy executes {spec.n_action_steps} of {spec.horizon} rows"


def _action(spec: PolicySpec, offer: CellOffer) -> Iterator[str]:
    action = offer.actions.get(spec.action_space)
    if action is None:
        yield (
            f"action_space: the policy answers {spec.action_space}, "
            f"the cell carries out {_names(offer.actions)}"
        )
        return
    if spec.action_dim != action.dim:
        yield f"action_dim: the policy answers {spec.action_dim}, the cell takes {action.dim}"
    if spec.action_unit != action.unit:
        yield f"action_unit: the policy has {spec.action_unit!r}, the cell takes {action.unit!r}"
    if spec.meaning not in action.meanings:
        yield (
            f"meaning: the policy answers `{spec.meaning}` rows, "
            f"the cell takes {_names(action.meanings)}"
        )


def _sampler(spec: PolicySpec, sampler: str) -> Iterator[str]:
    names = [each.name for each in spec.samplers]
    if sampler and sampler not in names:
        yield f"sampler: the policy has {_names(names)}, the cell asks for {sampler}"


def _names(names: "Mapping[str, object] | frozenset[str] | tuple[str, ...] | list[str]") -> str:
    return ", ".join(sorted(names)) or "none"
