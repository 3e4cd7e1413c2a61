"""A policy through the whole mock cell in one thread, without waiting."""
