"""A policy drives the arm: `robotd run`, and its activity in the daemon."""
