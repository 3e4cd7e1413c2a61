"""Jogging: a person moves the arm slowly, also back from outside the envelope."""
