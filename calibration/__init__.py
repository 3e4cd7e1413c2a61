"""Calibration of the cell: run by a person, writes calibration/*.json."""
