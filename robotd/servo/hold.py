"""What makes the arm process brake and wait for a person though the arm itself is well."""

import numpy as np
from numpy.typing import NDArray

from robotd.core.arm_codes import PauseCause, Source
from robotd.core.arm_state import FULL_SPEED
from robotd.core.clock import MonoNs, S
from robotd.core.config import GuardConfig
from robotd.core.types import NO_FORCE, ArmState, Orders


class HoldWatch:
    """Latches the first cause; orders that want nothing release it once the cause is gone.

    The daemon answers a hold with orders that want nothing, and wants something again after a
    person's resume alone. Pure: it knows the time by the states.
    """

    def __init__(self, config: GuardConfig, *, force_sensor: bool) -> None:
        """Take the bounds.

        Args:
            config: Of the arm.
            force_sensor: Guard the tool's force; else the joints' currents.
        """
        self.cause = PauseCause.NONE
        self._config, self._force_sensor = config, force_sensor
        self._max_current_a = np.array(config.max_current_a)
        self._tare = NO_FORCE
        self._over_since_ns: MonoNs | None = None

    def restart(self, state: ArmState) -> None:
        """Begin a session: what pushes at rest now is the tare."""
        self.cause, self._over_since_ns = PauseCause.NONE, None
        self._tare = self._measured(state)

    def look(self, state: ArmState, orders: Orders | None) -> PauseCause:
        """Return why no plan is followed now; to be called once a cycle, in a session.

        Args:
            state: The newest.
            orders: The newest, in force or not; None before the first.
        """
        found = self._found(state, orders)
        if not self.cause or (orders is not None and _wants_nothing(orders)):
            self.cause = found
        return self.cause

    def excess(self, state: ArmState) -> float:
        """Return the force or the worst current as a share of its bound."""
        beyond = self._measured(state) - self._tare
        if self._force_sensor:
            return float(np.linalg.norm(beyond[:3])) / self._config.max_force_n
        return float((np.abs(beyond) / self._max_current_a).max())

    def _found(self, state: ArmState, orders: Orders | None) -> PauseCause:
        if self._pushed(state):
            return PauseCause.FORCE
        plan = None if orders is None else orders.plan
        timed = plan is not None and plan.source is not Source.HUMAN
        return PauseCause.SPEED_SCALING if timed and self._slow(state) else PauseCause.NONE

    def _pushed(self, state: ArmState) -> bool:
        if self.excess(state) <= 1.0:
            self._over_since_ns = None
            return False
        if self._over_since_ns is None:
            self._over_since_ns = state.t_ns
        return state.t_ns - self._over_since_ns >= self._config.time_s * S

    def _slow(self, state: ArmState) -> bool:
        return not state.speed_scaling >= FULL_SPEED

    def _measured(self, state: ArmState) -> NDArray[np.float64]:
        return state.force_n if self._force_sensor else state.current_a


def _wants_nothing(orders: Orders) -> bool:
    return orders.plan is None and (orders.jog is None or not orders.jog.rates.any())
