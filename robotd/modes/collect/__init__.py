"""Demonstrations: `robotd collect`, and its activity in the daemon."""
