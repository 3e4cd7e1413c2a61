"""Teleoperation; nothing here yet: it comes with collecting."""
