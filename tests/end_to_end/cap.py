"""A hand on an emulated SpaceMouse, for tests of real processes."""

import threading
import time

import numpy as np

from robotd.sim.hid_reports import axes_reports, button_report

PUSH, REST = (
    axes_reports(np.array([0.6, 0.3, 0, 0, 0, 0]), "split"),
    axes_reports(np.zeros(6), "split"),
)
HELD, UP = button_report(frozenset({0})), button_report(frozenset())


class Cap:
    """A hand on the device: it sends what the hand does every 8 ms, as long as it is deflected."""

    def __init__(self, plug):
        self.plug, self.pushes = plug, False
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)

    def press(self):
        self.plug.send(HELD)
        self.pushes = True

    def let_go(self):
        self.pushes = False
        time.sleep(0.02)
        self.plug.send(UP, *REST)

    def press_until_it_moves(self, tail):
        """Press, and press anew where a computer that was held up has taken it for silent."""
        for _ in range(10):
            self.press()
            end = time.monotonic() + 2.0
            while time.monotonic() < end:
                if speed_m_s(tail) > 0.05:
                    return
                time.sleep(0.01)
            self.let_go()
            time.sleep(0.3)
        raise AssertionError("it does not move")

    def _send(self):
        while not self._end.wait(0.008):
            if self.pushes:
                self.plug.send(*PUSH)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._end.set()
        self._thread.join()


def speed_m_s(tail):
    return tail.speed_m_s() if len(tail.ticks) > 6 else 0.0
