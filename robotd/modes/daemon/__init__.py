"""The daemon: supervisor, conductor, and what an activity gets from it."""
