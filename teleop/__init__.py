"""Teleoperation: pure mapping from device samples to plans (collecting comes with the recorder)."""
