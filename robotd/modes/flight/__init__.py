"""The flight record: the last seconds of the arm before a stop."""
