"""The world around one conductor, with a device in a person's hand."""

import numpy as np

from robotd.core.clock import MS
from robotd.core.ring import RingWriter
from robotd.core.run_files import TELEOP_RING
from robotd.core.sample_records import TELEOP_BYTES, pack_teleop
from robotd.core.types import TeleopSample
from tests.modes.daemon_stage import Stage


class HandStage(Stage):
    """A stage with a device in a person's hand."""

    def __init__(self, cell, run_dir, make_tick, make_world):
        super().__init__(cell, run_dir, make_tick, make_world)
        ring = RingWriter.create(run_dir / TELEOP_RING, TELEOP_BYTES, 64)
        self._device = self.close.enter_context(ring)
        self.speaks, self._number = True, 0
        self.let_go()

    def grip(self, *deflection):
        self.deflection, self.buttons = np.array(deflection, float), frozenset({0})

    def let_go(self):
        self.deflection, self.buttons = np.zeros(6), frozenset()

    def cycle(self, times=1):
        for _ in range(times):
            if self.speaks:
                self._number += 1
                sample = TeleopSample(
                    t_ns=self.clock.now() + 10 * MS,
                    deflection=self.deflection.copy(),
                    buttons=self.buttons,
                    number=self._number,
                )
                self._device.write(pack_teleop(sample))
            super().cycle()
