"""The recorder: the process that turns a cell's rings into episodes."""
