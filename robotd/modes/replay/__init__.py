"""An episode again: `robotd replay`, and its activity in the daemon."""
