"""Noise schedule, training objective and the DDIM sampler."""
