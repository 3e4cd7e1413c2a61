"""Data windows, normalisers, EMA and the training loop."""
