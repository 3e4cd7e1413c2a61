"""Teleoperation: hand-held devices, what they move, and the session in which a person collects."""
