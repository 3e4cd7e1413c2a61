"""Calibration of a cell by a person; nothing here yet: it comes with the drivers."""
