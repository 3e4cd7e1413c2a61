"""One hypothesis profile for all tests: the same examples in every run, no time limits, no files."""

from hypothesis import settings

settings.register_profile("robotd", derandomize=True, deadline=None, database=None)
settings.load_profile("robotd")
