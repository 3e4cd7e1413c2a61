"""One hypothesis profile for all tests: the same examples in every run, without time limits."""

from hypothesis import settings

settings.register_profile("robotd", derandomize=True, deadline=None, database=None)
settings.load_profile("robotd")
