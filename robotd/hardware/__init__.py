"""Devices: one process each, since vendors' libraries crash and hang."""
